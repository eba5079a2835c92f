// SPDX-License-Identifier: Apache-2.0
/* How the configuration reaches files and the environment, so that tests and the fuzzer need
 * neither. */
#ifndef GP_CONFIG_FILES_H
#define GP_CONFIG_FILES_H

#include "core/base/buf.h"

#include <stddef.h>

struct gp__config_files {
    /* Appends a whole file of at most max bytes to out. 0, or -1 and a text for people. */
    int (*read)(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                size_t error_size);

    /* Calls found() with each path that the pattern (of glob(7)) matches, sorted. 0, or -1. */
    int (*glob)(void *arg, const char *pattern, void (*found)(void *found_arg, const char *path),
                void *found_arg);

    /* A variable of the environment, or NULL. */
    const char *(*env)(void *arg, const char *name);

    /* Optional: the configuration's own files are read, what follows are certificates, keys and
     * other secrets: files that change by themselves. */
    void (*texts_read)(void *arg);

    const char *directory; /* what relative paths are relative to, without a slash at the end */
    void *arg;
};

/* The file system and the environment of the process. `directory` is the current one, kept in
 * `place`, which must outlive *files. 0, or -1 with errno. */
int gp__config_files_posix(struct gp__config_files *files, char place[4096]);

#endif

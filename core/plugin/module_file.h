// SPDX-License-Identifier: Apache-2.0
/*
 * The file of a plugin: found in a directory, opened once, checked as opened. The name under which
 * it is then loaded leads to that open file, so nobody can put another in its place in between.
 */
#ifndef GP_PLUGIN_MODULE_FILE_H
#define GP_PLUGIN_MODULE_FILE_H

#include "core/base/arena.h"

struct gp__module_file {
    const char *path; /* for people */
    int fd;           /* stays open with the module: its number must not come back */
    char name[64];    /* to be loaded: by descriptor where the system can; else empty */
};

/* Opens NAME.so below the directory. 1; 0: it is not there; -1: it may not be loaded, and *error_r
 * in the arena says why. */
int gp__module_file_open(struct gp__arena *arena, const char *dir, struct gp_slice name,
                         struct gp__module_file *file_r, const char **error_r);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * All that a configuration is made of, in one sealed piece of memory: the bytes of each file that
 * was read, what each pattern matched, and the manifest. The loader writes it while it loads, the
 * workers load the same configuration from it, and the master reads the manifest alone.
 */
#ifndef GP_PROCESS_BUNDLE_H
#define GP_PROCESS_BUNDLE_H

#include "core/base/map.h"
#include "core/config/files.h"

#define GP__BUNDLE_MAX ((size_t)256 << 20)

/* ---- writing ---- */

/* Passes on to `below` and writes down what came. Zeroed but for `below` to begin with. */
struct gp__bundle_writer {
    const struct gp__config_files *below;
    struct gp__config_files files; /* to load with */
    struct gp__buf entries;
};

void gp__bundle_begin(struct gp__bundle_writer *writer);

/* A sealed memory file of what was read, headed by the manifest; or -1 with errno. The writer is
 * wiped and empty afterwards. */
int gp__bundle_seal(struct gp__bundle_writer *writer, struct gp_slice manifest);

/* ---- reading ---- */

struct gp__bundle {
    struct gp_slice bytes; /* mapped */
    struct gp_slice manifest;
    struct gp__config_files files; /* to load with: reads nothing else; env is the process's own */
    struct gp__map read, failed, matched;
    char *directory;
};

/* Maps a bundle; refuses memory that could still change or is none. The descriptor stays the
 * caller's. 0, or -1 and a text for people. */
int gp__bundle_open(struct gp__bundle *bundle, int fd, const char **error_r);

/* Only the manifest: for the master, which reads nothing else. */
int gp__bundle_open_manifest(struct gp__bundle *bundle, int fd, const char **error_r);

void gp__bundle_close(struct gp__bundle *bundle);

#endif

// SPDX-License-Identifier: Apache-2.0
/* What must be known of a configuration before it is loaded, without its plugins and its checks. */
#ifndef GP_CONFIG_PEEK_H
#define GP_CONFIG_PEEK_H

#include "core/base/arena.h"
#include "core/config/files.h"

struct gp__peek {
    bool processes;               /* `workers` is there and not 0 */
    struct gp_slice control_path; /* absent: no control socket */
};

/* In the arena. 0, or -1: the files cannot be read, which loading them will tell. */
int gp__peek(const char *path, const struct gp__config_files *files, struct gp__arena *arena,
             struct gp__peek *peek_r);

#endif

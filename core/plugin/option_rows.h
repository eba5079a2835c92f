// SPDX-License-Identifier: Apache-2.0
/* Whether a plugin's table of options makes sense; what a configuration says in it is
 * core/config's. */
#ifndef GP_PLUGIN_OPTION_ROWS_H
#define GP_PLUGIN_OPTION_ROWS_H

#include "core/base/arena.h"

#include <gatepost/option.h>

#define GP__OPTION_ROWS_MAX 256 /* of one table */
#define GP__OPTION_DEPTH_MAX 8  /* of objects in objects */

/*
 * Checks each row: a name, a known type, a member inside of the struct of `size` bytes, items,
 * names and rows where the type needs them. `stride` is the size of a row as the plugin knows it.
 * False: *why_r says what is wrong, in the arena.
 */
bool gp__option_rows_ok(struct gp__arena *arena, const struct gp_option *rows, size_t stride,
                        size_t size, struct gp_slice *why_r);

#endif

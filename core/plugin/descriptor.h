// SPDX-License-Identifier: Apache-2.0
/*
 * The descriptor of a plugin as the host uses it: checked before anything in it is believed, and
 * copied into a struct of the host's size, zero where the plugin knows less. What it points to
 * stays in the plugin, which is never unloaded.
 */
#ifndef GP_PLUGIN_DESCRIPTOR_H
#define GP_PLUGIN_DESCRIPTOR_H

#include "core/base/arena.h"

#include <gatepost/plugin.h>

/* Longest name of a plugin. */
#define GP__PLUGIN_NAME_MAX 64

/* Whether it can name a plugin: a-z, 0-9, "_". */
bool gp__plugin_name_ok(struct gp_slice name);

/*
 * Checks what the symbol of plugin `name` in `file` ("built in" for one without) points to. The
 * copy lives in the arena. NULL: *error_r, in the arena too, says what is wrong with which file,
 * and what to do about it.
 */
const struct gp_plugin *gp__descriptor_take(struct gp__arena *arena, const void *symbol,
                                            struct gp_slice name, const char *file,
                                            const char **error_r);

#endif

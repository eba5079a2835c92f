// SPDX-License-Identifier: Apache-2.0
/*
 * Finds and loads plugins, by name: those linked into the executable, then NAME.so in the
 * configured directories, in plugins/ and ../lib/gatepost/plugins/ beside the executable, and in the
 * installation's directory.
 * The first that is there counts, whether it can be used or not.
 *
 * A file must be a regular one, it and its directory owned by root or by us and writable for nobody
 * else. What was checked is what is loaded. A plugin stays loaded until the process ends; its
 * descriptor is valid until gp__plugins_free(). One thread.
 */
#ifndef GP_PLUGIN_LOADER_H
#define GP_PLUGIN_LOADER_H

#include "core/plugin/descriptor.h"

struct gp__plugins;

/* What the build linked in: rows of {const char *name; void *address}, as libltdl has them. */
const void *gp__preloaded_table(void);

/* Without configured directories. NULL with *error_r when libltdl does not start. */
struct gp__plugins *gp__plugins_create(const char **error_r);

/* Puts directories before the others, in this order; before the first plugin is asked for. */
void gp__plugins_add_path(struct gp__plugins *plugins, const struct gp_slice *dirs, size_t n);

/* The descriptor, loaded when first asked for. NULL with *error_r NULL: there is none of this name;
 * NULL with a text: it cannot be used, and why. The text lives as long as `plugins`. */
const struct gp_plugin *gp__plugins_find(struct gp__plugins *plugins, struct gp_slice name,
                                         const char **error_r);

/* The file it was, or would be, loaded from: "built in" for one that is linked in, NULL: none. */
const char *gp__plugins_file(struct gp__plugins *plugins, struct gp_slice name);

/* Calls found() with the name of each plugin that is there, in order of the names, without loading
 * any. */
void gp__plugins_each(struct gp__plugins *plugins, void (*found)(void *arg, struct gp_slice name),
                      void *arg);

/* Forgets the descriptors; unloads nothing. */
void gp__plugins_free(struct gp__plugins **plugins_);

#endif

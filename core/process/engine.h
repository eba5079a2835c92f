// SPDX-License-Identifier: Apache-2.0
/*
 * The spool of a configuration in this process: the log, or an engine that a plugin is, of which each
 * process has an instance. The scheduler, which has no configuration, gets what it takes to make one
 * (struct gp__engine_recipe) from the loader.
 */
#ifndef GP_PROCESS_ENGINE_H
#define GP_PROCESS_ENGINE_H

#include "core/base/pack.h"
#include "core/config/settings.h"
#include "core/plugin/loader.h"
#include "core/spool/plugin_engine.h"

/* A live instance; zeroed: none. */
struct gp__engine {
    struct gp__spool_plugin plugin;
};

/* Makes the instance, if the settings have one; runs the loop until it is made. 0, or -1 with a
 * text. */
int gp__engine_open(struct gp__engine *engine, const struct gp__spool_section *section,
                    struct gp__runtime *rt, struct gp__buf *error_r);

/* Whatever was opened on it must be closed. */
void gp__engine_close(struct gp__engine *engine);

/* Of the spool by these settings, and of its engine if there is one. The paths point into them. */
struct gp__spool_settings gp__engine_spool(struct gp__engine *engine,
                                           const struct gp__spool_section *section);

/* ---- for the scheduler ---- */

struct gp__engine_recipe {
    struct gp__plugins *plugins; /* NULL: it is the log */
    struct gp__engine_settings settings;
};

void gp__engine_write(struct gp__buf *out, const struct gp__settings *settings);

/* Loads the plugin and reads its options, into the arena. Opens nothing. 0, or -1 with a text. */
int gp__engine_read(struct gp__engine_recipe *recipe, struct gp__arena *arena,
                    struct gp_slice bytes, struct gp__buf *error_r);
void gp__engine_recipe_done(struct gp__engine_recipe *recipe);

#endif

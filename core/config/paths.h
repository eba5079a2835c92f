// SPDX-License-Identifier: Apache-2.0
/* The paths that a configuration names: those of its own sections and every option of type path of
 * every plugin it uses. */
#ifndef GP_CONFIG_PATHS_H
#define GP_CONFIG_PATHS_H

#include "core/config/settings.h"

/* Calls found() with each path that something may be written to, absolute, and perhaps more than
 * once. Not with those of certificates and secrets, which are read when it is loaded. */
void gp__settings_paths(const struct gp__settings *settings,
                        void (*found)(void *arg, struct gp_slice path), void *arg);

/* The same with those below which mail is kept: of the core, and of the
 * spool's engine and targets (GP_OPTION_STORE). */
void gp__settings_stores(const struct gp__settings *settings,
                         void (*found)(void *arg, struct gp_slice path), void *arg);

/* Of those the ones of the engine that keeps the spool. */
void gp__settings_engine_stores(const struct gp__settings *settings,
                                void (*found)(void *arg, struct gp_slice path), void *arg);

#endif

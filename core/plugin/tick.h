// SPDX-License-Identifier: Apache-2.0
/*
 * The `tick` hooks of a generation: each instance that has one is called every plugin->tick_ms, on
 * a fiber of its own, never twice at a time: the next period begins when the last call has ended.
 */
#ifndef GP_PLUGIN_TICK_H
#define GP_PLUGIN_TICK_H

#include "core/hook/instance.h"
#include "core/hook/runtime.h"

#define GP__TICK_MS 60000 /* where the plugin does not say */

struct gp__ticks;

/* Starts the timers of those that have the hook. Borrows the instances. */
struct gp__ticks *gp__ticks_start(struct gp__runtime *runtime,
                                  struct gp__instance *const *instances, size_t n);

/*
 * Stops the timers and cancels the calls that are under way. done(arg) is called once the last of
 * them has ended, from the loop's stack, perhaps before this returns: instances must live until
 * then. NULL is fine for *ticks_ (done is called at once) and for done.
 */
void gp__ticks_stop_then(struct gp__ticks **ticks_, void (*done)(void *arg), void *arg);

#endif

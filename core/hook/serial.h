// SPDX-License-Identifier: Apache-2.0
/*
 * Instances with GP_PLUGIN_SERIAL: one call at a time, hooks and roles alike; others queue, first
 * come, first served. The instance goes from hand to hand: a newcomer never overtakes the queue.
 */
#ifndef GP_HOOK_SERIAL_H
#define GP_HOOK_SERIAL_H

#include "core/hook/call.h"

static inline bool gp__is_serial(const struct gp__instance *instance)
{
    return instance->plugin->flags & GP_PLUGIN_SERIAL;
}

/* Of an instance that is serial. */
int gp__serial_take(struct gp_call *call);
void gp__serial_give(struct gp__instance *instance);

/*
 * Waits until the call's instance is free and takes it; any other instance is free always. 0, or
 * why not: the sticky error, or GP_ENOTALLOWED after a fault where nobody may wait.
 */
static inline int gp__serial_enter(struct gp_call *call)
{
    return gp__is_serial(call->instance) ? gp__serial_take(call) : 0;
}

/* After a gp__serial_enter() that gave 0: hands the instance to the next in the queue. */
static inline void gp__serial_leave(struct gp__instance *instance)
{
    if (gp__is_serial(instance))
        gp__serial_give(instance);
}

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * All timers of a runtime in one array heap, ordered by time and, at the same millisecond, by who
 * was armed first. Timers are re-armed far more often than they fire (a session's deadline moves
 * with every command), so moving one to a later time only notes it: the heap is put in order when
 * the old time comes. The heap owns its array, not the timers.
 */
#ifndef GP_RUNTIME_TIMER_H
#define GP_RUNTIME_TIMER_H

#include "core/hook/runtime.h"

struct gp__timer_slot {
    uint64_t key; /* at most the timer's at_ms */
    uint64_t sequence;
    struct gp__timer *timer;
};

/* Zeroed: empty. */
struct gp__timers {
    struct gp__timer_slot *slots;
    size_t count, cap;
    uint64_t sequence;
};

/* Arms or re-arms. */
void gp__timers_start(struct gp__timers *timers, struct gp__timer *timer, uint64_t at_ms);

/* Disarms; fine when it is not armed. */
void gp__timers_stop(struct gp__timers *timers, struct gp__timer *timer);

/* When to look again: no timer is due before; may be too early. UINT64_MAX: there is none. */
uint64_t gp__timers_look(const struct gp__timers *timers);

/* When the first timer is due, exactly; puts the heap in order. UINT64_MAX: there is none. */
uint64_t gp__timers_first(struct gp__timers *timers);

/* Disarms and returns a timer that is due, or NULL. The caller calls its function. */
struct gp__timer *gp__timers_due(struct gp__timers *timers, uint64_t now_ms);

/* Disarms all and frees the array. */
void gp__timers_free(struct gp__timers *timers);

#endif

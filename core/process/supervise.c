// SPDX-License-Identifier: Apache-2.0
#include "core/process/supervise.h"

#define TRYING GP__CHILD_TRYING
#define TRIED GP__CHILD_TRIED
#define STARTING GP__CHILD_STARTING
#define SERVING GP__CHILD_SERVING
#define ENDING GP__CHILD_ENDING
#define WAITING GP__CHILD_WAITING
#define GONE GP__CHILD_GONE

#define SERVE GP__CHILD_SERVE
#define DRAIN GP__CHILD_DRAIN
#define KILL GP__CHILD_KILL
#define ABORT GP__CHILD_ABORT
#define WAIT GP__CHILD_WAIT
#define SPAWN GP__CHILD_SPAWN
#define FAIL GP__CHILD_FAIL

/* clang-format off */
static const struct gp__child_step steps[GP__CHILD_STATES][GP__CHILD_EVENTS] = {
    /*             READY             COMMIT            RETIRE           HUNG                   EXIT             RETRY */
    [TRYING]   = {{TRIED, 0},       {TRYING, 0},      {ENDING, KILL},  {ENDING, KILL | FAIL}, {GONE, FAIL},    {TRYING, 0}},
    [TRIED]    = {{TRIED, 0},       {SERVING, SERVE}, {ENDING, KILL},  {ENDING, KILL | FAIL}, {GONE, FAIL},    {TRIED, 0}},
    [STARTING] = {{SERVING, SERVE}, {STARTING, 0},    {ENDING, KILL},  {STARTING, KILL},      {WAITING, WAIT}, {STARTING, 0}},
    [SERVING]  = {{SERVING, 0},     {SERVING, 0},     {ENDING, DRAIN}, {SERVING, ABORT},      {WAITING, WAIT}, {SERVING, 0}},
    [ENDING]   = {{ENDING, 0},      {ENDING, 0},      {ENDING, 0},     {ENDING, KILL},        {GONE, 0},       {ENDING, 0}},
    [WAITING]  = {{WAITING, 0},     {WAITING, 0},     {GONE, 0},       {WAITING, 0},          {WAITING, 0},    {STARTING, SPAWN}},
    [GONE]     = {{GONE, 0},        {GONE, 0},        {GONE, 0},       {GONE, 0},             {GONE, 0},       {GONE, 0}},
};
/* clang-format on */

struct gp__child_step gp__child_step(enum gp__child_state state, enum gp__child_event event)
{
    return steps[state][event];
}

const char *gp__child_state_name(enum gp__child_state state)
{
    static const char *const names[GP__CHILD_STATES] = {
        [TRYING] = "starting", [TRIED] = "ready",   [STARTING] = "starting",
        [SERVING] = "serving", [ENDING] = "ending", [WAITING] = "waiting",
        [GONE] = "gone",
    };

    return names[state];
}

uint64_t gp__backoff_next(struct gp__backoff *backoff, uint64_t ran_ms)
{
    uint64_t wait = 0;

    if (ran_ms >= GP__BACKOFF_CALM_MS)
        backoff->crashes = 0;
    if (backoff->crashes > 0)
        wait = 500u << (backoff->crashes < 10 ? backoff->crashes : 10);
    backoff->crashes++;
    return wait < GP__BACKOFF_MAX_MS ? wait : GP__BACKOFF_MAX_MS;
}

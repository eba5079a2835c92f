// SPDX-License-Identifier: Apache-2.0
/* What the tests of the live runtime share: a loop that is turned by hand, operations with nobody
 * but the test behind them, and time bounds instead of sleeps. */
#ifndef GP_TEST_SUPPORT_H
#define GP_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/hook/runtime.h"
#include "core/runtime/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The hook layer's, for tests that do not link it. */
__attribute__((weak)) void gp__op_finish(struct gp_op *op, int result)
{
    op->result = result;
    op->done = true;
    if (op->waiter)
        op->runtime->ops->wake(op->runtime, op->waiter);
}

/* The longest a test waits for anything before it fails. */
#define PATIENCE_MS 20000

static inline struct gp_op test_op(struct gp__runtime *rt, struct gp__arena *arena)
{
    return (struct gp_op){.runtime = rt, .arena = arena};
}

static inline void test_alarm(struct gp__timer *timer)
{
    (void)timer;
    fail_msg("nothing happened for %d ms", PATIENCE_MS);
}

/* Turns the loop while the expression holds. */
#define TURN_WHILE(rt, expression)                                                                 \
    do {                                                                                           \
        struct gp__timer patience_ = {.fn = test_alarm};                                           \
        (rt)->ops->timer_start(rt, &patience_, (rt)->ops->now_ms(rt) + PATIENCE_MS);               \
        while (expression)                                                                         \
            gp__live_turn(rt);                                                                     \
        (rt)->ops->timer_stop(rt, &patience_);                                                     \
    } while (0)

/* A directory of the test's own. */
static inline void test_dir_make(char path[64])
{
    (void)snprintf(path, 64, "/tmp/gatepost-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void test_dir_remove(const char *path)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

/* Bytes of slices, with the lengths in the message. */
#define assert_slice_equal(slice, text)                                                            \
    do {                                                                                           \
        struct gp_slice slice_ = (slice);                                                          \
        assert_int_equal(slice_.len, sizeof(text) - 1);                                            \
        assert_memory_equal(slice_.data, text, sizeof(text) - 1);                                  \
    } while (0)

#endif

// SPDX-License-Identifier: Apache-2.0
/* What the scheduler's process is told: read as it was written, refused when it is anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/delivery/plan.h"
#include "core/process/scheduling.h"

static const uint64_t retry[] = {60000};
static const struct gp__queue_settings queues[] = {
    {.name = {"default", 7}, .retry = {retry, 1}, .expire_ms = 1000, .connections = 20}};

static void make(struct gp__buf *out, const char *path)
{
    struct gp__settings settings = {.hostname = GP_S("mx.example.org"),
                                    .spool = {.path = gp_slice_of(path), .segment = 5},
                                    .log = {.to = GP_S("stderr"), .format = GP__LOG_JSON},
                                    .queues = queues,
                                    .n_queues = 1};

    gp__scheduling_write(out, &settings);
}

static void test_written_and_read(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__buf bytes = {.limit = 0};
    struct gp__scheduling read;
    struct gp__plan plan;

    (void)state;
    make(&bytes, NULL);
    assert_int_equal(bytes.len, 0); /* there is nothing to schedule */
    make(&bytes, "/var/spool/gatepost");
    assert_int_equal(gp__scheduling_read(&read, arena, gp__buf_slice(&bytes)), 0);
    assert_string_equal(read.spool.path.data, "/var/spool/gatepost");
    assert_int_equal(read.spool.segment, 5);
    assert_int_equal(read.log_format, GP__LOG_JSON);
    assert_int_equal(gp__plan_unpack(&plan, arena, read.plan), 0);
    assert_true(gp_slice_eq(plan.hostname, GP_S("mx.example.org")));
    for (size_t i = 0; i < bytes.len; i++)
        assert_int_equal(
            gp__scheduling_read(&read, arena, gp_slice_sub(gp__buf_slice(&bytes), 0, i)), -1);
    bytes.data[bytes.start + 9] = '\0'; /* within the path */
    assert_int_equal(gp__scheduling_read(&read, arena, gp__buf_slice(&bytes)), -1);
    gp__buf_free(&bytes);
    gp__arena_free(&arena);
}

static void test_memory(void **state)
{
    struct gp__buf bytes = {.limit = 0};
    int fd = gp__scheduling_memory(GP_S("what it is told")), open = memfd_create("open", 0);

    (void)state;
    assert_true(fd >= 0 && open >= 0);
    assert_int_equal(gp__scheduling_take(fd, &bytes), 0);
    assert_true(gp_slice_eq(gp__buf_slice(&bytes), GP_S("what it is told")));
    assert_int_equal(pwrite(fd, "x", 1, 0), -1); /* sealed */
    assert_int_equal(pwrite(open, "x", 1, 0), 1);
    assert_int_equal(gp__scheduling_take(open, &bytes), -1); /* could still change */
    close(fd);
    close(open);
    gp__buf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

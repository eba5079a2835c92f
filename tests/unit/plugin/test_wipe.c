// SPDX-License-Identifier: Apache-2.0
// wraps: gp__free
/* What gp_stream_write() has copied is wiped before its memory goes, whether it was written or not. */
#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

#define SECRET "AUTH\t1\tPLAIN\tresp=c2VjcmV0\n"
#define LARGE (300u << 10) /* more than one piece */

static const char *copy; /* the memory that is looked at when it goes */
static size_t copy_len, written, wiped, dirty;
static const struct gp__runtime_ops *real_ops;

void __real_gp__free(void *memory);
void __wrap_gp__free(void *memory);
void __wrap_gp__free(void *memory)
{
    if (copy && memory == copy) {
        size_t left = 0;

        for (size_t i = 0; i < copy_len; i++)
            left += copy[i] != '\0';
        wiped += left == 0;
        dirty += left != 0;
        copy = NULL;
    }
    __real_gp__free(memory);
}

static void spy(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                struct gp_slice bytes)
{
    if (copy != bytes.data)
        copy_len = 0;
    copy = bytes.data;
    copy_len = copy_len > bytes.len ? copy_len : bytes.len;
    written += bytes.len;
    real_ops->stream_write(rt, op, stream, bytes);
}

static void writes(struct kit *kit, struct gp_call *call)
{
    struct gp_stream *stream;

    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("sink.example:25"), &stream), 0);
    assert_int_equal(gp_stream_write(call, stream, GP_S(SECRET)), 0);
    assert_int_equal(written, sizeof SECRET - 1);
    assert_int_equal(wiped, 1);
}

static void writes_much(struct kit *kit, struct gp_call *call)
{
    char *bytes = gp_alloc(call, LARGE);
    struct gp_stream *stream;

    (void)kit;
    memset(bytes, 'x', LARGE);
    assert_int_equal(gp_connect(call, GP_S("sink.example:25"), &stream), 0);
    assert_int_equal(gp_stream_write(call, stream, gp_slice(bytes, LARGE)), 0);
    assert_int_equal(written, LARGE);
    assert_int_equal(wiped, 1);
}

static void writes_to_nobody(struct kit *kit, struct gp_call *call)
{
    struct gp_stream *stream;
    int result = 0;

    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("gone.example:25"), &stream), 0);
    gp_sleep(call, 1000);
    for (int i = 0; i < 10 && result == 0; i++)
        result = gp_stream_write(call, stream, GP_S(SECRET));
    assert_int_equal(result, GP_ECLOSED);
    assert_true(wiped > 0);
}

static void run(void (*body)(struct kit *kit, struct gp_call *call))
{
    static const struct gp__sim_step hang[] = {{GP__SIM_DELAY, {NULL, 0}, 1},
                                               {.type = GP__SIM_HANG}};
    static const struct gp__sim_step reset[] = {{GP__SIM_DELAY, {NULL, 0}, 1},
                                                {.type = GP__SIM_RESET}};
    struct kit kit;
    struct gp__runtime_ops ops;

    copy = NULL;
    written = wiped = dirty = 0;
    kit_begin(&kit);
    kit.deadline_ms = UINT64_MAX;
    gp__sim_peer(kit.rt, GP_S("sink.example:25"), hang, 2);
    gp__sim_peer(kit.rt, GP_S("gone.example:25"), reset, 2);
    real_ops = kit.rt->ops;
    ops = *real_ops;
    ops.stream_write = spy;
    kit.rt->ops = &ops;
    kit_run(&kit, GP_HOOK_MAIL, body);
    kit.rt->ops = real_ops;
    kit_end(&kit);
    assert_int_equal(dirty, 0);
}

static void test_write(void **state)
{
    (void)state;
    run(writes);
}

static void test_pieces(void **state)
{
    (void)state;
    run(writes_much);
}

static void test_failure(void **state)
{
    (void)state;
    run(writes_to_nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_write), cmocka_unit_test(test_pieces),
                                       cmocka_unit_test(test_failure)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

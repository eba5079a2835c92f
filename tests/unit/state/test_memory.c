// SPDX-License-Identifier: Apache-2.0
/* The plugin state_memory: what every store does, and its bounds. */
#define GP_PLUGIN_NAME state_memory

#include "plugins/state_memory/state_memory.c"

#include "tests/unit/state/conform.h"

static const struct memory options = {.max_entries = 5000, .max_bytes = 1 << 20};

static void test_conforms(void **state)
{
    (void)state;
    conform(&state_memory_LTX_gatepost_plugin, &options);
}

static void fills(struct kit *kit, struct gp_call *call)
{
    char key[20];

    (void)kit;
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(gp_state_put(call, gp_slice_of(key), GP_S("v"), i < 2 ? 5000 : 0), 0);
    }
    assert_int_equal(gp_state_put(call, GP_S("x"), GP_S("v"), 0), GP_ENOSPC);
    assert_int_equal(gp_state_add(call, GP_S("y"), 1, 0, NULL), GP_ENOSPC);
    assert_int_equal(gp_state_put_if_new(call, GP_S("z"), GP_S("v"), 0, NULL), GP_ENOSPC);
    assert_int_equal(gp_state_put(call, GP_S("1"), GP_S("w"), 5000), 0); /* what is there */
    gp_sleep(call, 5000);
    assert_int_equal(gp_state_put(call, GP_S("x"), GP_S("v"), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("y"), GP_S("v"), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("z"), GP_S("v"), 0), GP_ENOSPC);
    assert_clean(call);
}

static void fills_bytes(struct kit *kit, struct gp_call *call)
{
    static char bytes[3000];

    (void)kit;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(gp_state_put(call, GP_S("a"), gp_slice(bytes, 3000), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("b"), gp_slice(bytes, 1500), 0), GP_ENOSPC);
    assert_int_equal(gp_state_put(call, GP_S("b"), gp_slice(bytes, 500), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("b"), gp_slice(bytes, 3000), 0), GP_ENOSPC);
    assert_int_equal(gp_state_put(call, GP_S("a"), gp_slice(bytes, 10), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("b"), gp_slice(bytes, 3000), 0), 0);
    assert_clean(call);
}

static void test_bounds(void **state)
{
    const struct memory few = {.max_entries = 10, .max_bytes = 1 << 20};
    const struct memory small = {.max_entries = 1000, .max_bytes = 4096};
    struct store store;

    (void)state;
    store_open(&store, &state_memory_LTX_gatepost_plugin, &few);
    kit_run(&store.kit, GP_HOOK_MAIL, fills);
    assert_int_equal(store.handle.instance->counters[0].value, 4);
    store_close(&store);
    store_open(&store, &state_memory_LTX_gatepost_plugin, &small);
    kit_run(&store.kit, GP_HOOK_MAIL, fills_bytes);
    store_close(&store);
}

/* Each minute what nobody asks for goes. */
static void test_sweep(void **state)
{
    struct store store;
    struct memory *memory;
    struct gp_call call;

    (void)state;
    store_open(&store, &state_memory_LTX_gatepost_plugin, &options);
    memory = store.handle.instance->self;
    kit_run(&store.kit, GP_HOOK_DISCONNECT, conform_later_set);
    gp__sim_run(store.kit.rt, 1);
    assert_int_equal(memory->count, 2);
    assert_true(memory->bytes > 2 * OVERHEAD && memory->bytes < 2 * OVERHEAD + 100);
    memory->entries[0]->until_ms = gp__sim_ops.wall_ms(store.kit.rt) - 1;
    gp__call_init(&call, store.kit.rt, store.handle.instance, GP_HOOK_TICK, UINT64_MAX);
    assert_int_equal(on_tick(&call, memory), GP_NEXT);
    gp__call_end(&call);
    assert_int_equal(memory->count, 1);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conforms),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

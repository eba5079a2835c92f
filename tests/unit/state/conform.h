// SPDX-License-Identifier: Apache-2.0
/*
 * What every plugin with the role `state` must do, whatever is behind it. A test includes its
 * plugin's source and calls conform() with its descriptor.
 */
#ifndef GP_TEST_STATE_CONFORM_H
#define GP_TEST_STATE_CONFORM_H

#include "core/hook/state.h"

#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

#include <stdio.h>

static unsigned conform_held;

static void conform_hold(void *owner)
{
    ++*(unsigned *)owner;
}

static void conform_release(void *owner)
{
    --*(unsigned *)owner;
}

struct store {
    struct kit kit;
    struct gp__state handle;
    const struct gp_plugin *plugin;
    struct gp__instance_settings settings;
    char error[300];
    bool opened;
};

static void store_open_main(void *arg)
{
    struct store *store = arg;

    store->handle.instance = gp__instance_open(&store->settings, store->kit.rt, store->error,
                                               sizeof store->error);
}

static void store_open_done(void *arg)
{
    ((struct store *)arg)->opened = true;
}

/* A store that may be refused: handle.instance is NULL then, and error says why. */
static void store_try(struct store *store, const struct gp_plugin *plugin, const void *options)
{
    int state;

    memset(store, 0, sizeof *store);
    kit_begin(&store->kit);
    store->settings = (struct gp__instance_settings){
        .id = GP_S("state"), .index = 1, .plugin = plugin, .options = options};
    store->handle = (struct gp__state){
        .hold = conform_hold, .release = conform_release, .owner = &conform_held};
    state = store->kit.rt->ops->run(store->kit.rt, store_open_main, store_open_done, store, 0);
    for (int i = 0; i < 1000 && state == 0 && !store->opened; i++)
        gp__sim_advance(store->kit.rt, 1);
    store->kit.plugin.needs |= GP_NEEDS_STATE;
    store->kit.instance->state = &store->handle;
    store->kit.instance->state_name = GP_S("mine");
}

static inline void store_open(struct store *store, const struct gp_plugin *plugin,
                              const void *options)
{
    store_try(store, plugin, options);
    if (!store->handle.instance)
        print_error("%s\n" GP_FMT, store->error, GP_ARG(gp__buf_slice(&store->kit.logged)));
    assert_non_null(store->handle.instance);
}

static void store_close(struct store *store)
{
    gp__sim_run(store->kit.rt, 1000);
    assert_int_equal(conform_held, 0);
    gp__instance_close(&store->handle.instance);
    kit_end(&store->kit);
}

/* ---- what is asked ---- */

#define assert_value(call, key, value)                                                             \
    do {                                                                                           \
        struct gp_slice found_;                                                                    \
        assert_int_equal(gp_state_get(call, key, &found_), 0);                                     \
        assert_slice(found_, value);                                                               \
    } while (0)

static void conform_values(struct kit *kit, struct gp_call *call)
{
    struct gp_slice value;

    (void)kit;
    assert_int_equal(gp_state_get(call, GP_S("k"), &value), GP_ENOTFOUND);
    assert_int_equal(gp_state_delete(call, GP_S("k")), GP_ENOTFOUND);
    assert_int_equal(gp_state_put(call, GP_S("k"), GP_S("one"), 0), 0);
    assert_value(call, GP_S("k"), GP_S("one"));
    assert_int_equal(gp_state_put(call, GP_S("k"), GP_S(""), 0), 0);
    assert_value(call, GP_S("k"), GP_S(""));
    assert_int_equal(gp_state_put_if_new(call, GP_S("k"), GP_S("two"), 0, &value), GP_EEXIST);
    assert_slice(value, GP_S(""));
    assert_int_equal(gp_state_put_if_new(call, GP_S("n"), GP_S("a\0b"), 0, &value), 0);
    assert_slice(value, GP_S("a\0b"));
    assert_value(call, GP_S("n"), GP_S("a\0b"));
    assert_int_equal(gp_state_delete(call, GP_S("k")), 0);
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ENOTFOUND);
    assert_int_equal(gp_state_delete(call, GP_S("n")), 0);
    assert_clean(call);
}

static void conform_numbers(struct kit *kit, struct gp_call *call)
{
    int64_t sum = 0;

    (void)kit;
    assert_int_equal(gp_state_add(call, GP_S("c"), 5, 0, &sum), 0);
    assert_int_equal(sum, 5);
    assert_int_equal(gp_state_add(call, GP_S("c"), -7, 0, &sum), 0);
    assert_int_equal(sum, -2);
    assert_value(call, GP_S("c"), GP_S("-2"));
    assert_int_equal(gp_state_put(call, GP_S("c"), GP_S("9223372036854775806"), 0), 0);
    assert_int_equal(gp_state_add(call, GP_S("c"), 1, 0, &sum), 0);
    assert_true(sum == INT64_MAX);
    assert_int_equal(gp_state_add(call, GP_S("c"), 1, 0, NULL), GP_ELIMIT);
    assert_value(call, GP_S("c"), GP_S("9223372036854775807"));
    assert_int_equal(gp_state_put(call, GP_S("c"), GP_S("x"), 0), 0);
    assert_int_equal(gp_state_add(call, GP_S("c"), 1, 0, NULL), GP_EINVAL);
    assert_int_equal(gp_state_delete(call, GP_S("c")), 0);
    assert_clean(call);
}

static void conform_time(struct kit *kit, struct gp_call *call)
{
    int64_t sum;

    (void)kit;
    assert_int_equal(gp_state_put(call, GP_S("t"), GP_S("v"), 1000), 0);
    assert_int_equal(gp_state_add(call, GP_S("c"), 1, 2000, NULL), 0);
    assert_int_equal(gp_state_put(call, GP_S("forever"), GP_S("v"), UINT64_MAX), 0);
    gp_sleep(call, 999);
    assert_value(call, GP_S("t"), GP_S("v"));
    assert_int_equal(gp_state_put_if_new(call, GP_S("t"), GP_S("w"), 9000, NULL), GP_EEXIST);
    assert_int_equal(gp_state_add(call, GP_S("c"), 1, 9000, &sum), 0);
    assert_int_equal(sum, 2);
    gp_sleep(call, 1);
    assert_int_equal(gp_state_get(call, GP_S("t"), NULL), GP_ENOTFOUND);
    assert_int_equal(gp_state_put_if_new(call, GP_S("t"), GP_S("w"), 1, NULL), 0);
    gp_sleep(call, 1000);
    assert_int_equal(gp_state_delete(call, GP_S("t")), GP_ENOTFOUND);
    assert_int_equal(gp_state_add(call, GP_S("c"), 1, 0, &sum), 0); /* a new one */
    assert_int_equal(sum, 1);
    gp_sleep(call, 1000ull * 3600 * 10);
    assert_value(call, GP_S("forever"), GP_S("v"));
    assert_int_equal(gp_state_delete(call, GP_S("forever")), 0);
    assert_int_equal(gp_state_delete(call, GP_S("c")), 0);
    assert_clean(call);
}

struct conform_seen {
    struct gp_call *call;
    char keys[2000];
    unsigned n, stop_at;
    bool removes;
};

static bool conform_see(void *arg, struct gp_slice key, struct gp_slice value)
{
    struct conform_seen *seen = arg;

    assert_true(value.len == 1 && value.data[0] == 'v');
    if (strlen(seen->keys) + key.len < sizeof seen->keys - 1)
        snprintf(seen->keys + strlen(seen->keys), sizeof seen->keys - strlen(seen->keys),
                 GP_FMT ",", GP_ARG(key));
    if (seen->removes)
        assert_int_equal(gp_state_delete(seen->call, key), 0);
    return ++seen->n != seen->stop_at;
}

static void conform_each(struct kit *kit, struct gp_call *call)
{
    struct conform_seen seen = {.call = call};
    char key[20];

    (void)kit;
    assert_int_equal(gp_state_put(call, GP_S("b"), GP_S("v"), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("ab"), GP_S("v"), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("a"), GP_S("v"), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("a\xff"), GP_S("v"), 0), 0);
    assert_int_equal(gp_state_put(call, GP_S("ac"), GP_S("v"), 1), 0);
    gp_sleep(call, 1);
    assert_int_equal(gp_state_each(call, GP_S(""), conform_see, &seen), 0);
    assert_string_equal(seen.keys, "a,ab,a\xff,b,");
    seen = (struct conform_seen){.call = call, .stop_at = 2, .removes = true};
    assert_int_equal(gp_state_each(call, GP_S("a"), conform_see, &seen), 0);
    assert_string_equal(seen.keys, "a,ab,");
    seen = (struct conform_seen){.call = call};
    assert_int_equal(gp_state_each(call, GP_S("a"), conform_see, &seen), 0);
    assert_string_equal(seen.keys, "a\xff,");
    for (int i = 0; i < 1000; i++) { /* more than a store takes in one go */
        snprintf(key, sizeof key, "many%04d", i);
        assert_int_equal(gp_state_put(call, gp_slice_of(key), GP_S("v"), 0), 0);
    }
    seen = (struct conform_seen){.call = call, .removes = true};
    assert_int_equal(gp_state_each(call, GP_S("many"), conform_see, &seen), 0);
    assert_int_equal(seen.n, 1000);
    seen = (struct conform_seen){.call = call, .removes = true};
    assert_int_equal(gp_state_each(call, GP_S(""), conform_see, &seen), 0);
    assert_string_equal(seen.keys, "a\xff,b,");
    assert_clean(call);
}

static void conform_longest(struct kit *kit, struct gp_call *call)
{
    static char bytes[GP__STATE_VALUE_MAX];
    struct gp_slice value;

    (void)kit;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(
        gp_state_put(call, gp_slice(bytes, GP__STATE_KEY_MAX), gp_slice(bytes, sizeof bytes), 5),
        0);
    assert_int_equal(gp_state_get(call, gp_slice(bytes, GP__STATE_KEY_MAX), &value), 0);
    assert_int_equal(value.len, sizeof bytes);
    assert_int_equal(memcmp(value.data, bytes, sizeof bytes), 0);
    gp_sleep(call, 5);
    assert_int_equal(gp_state_get(call, gp_slice(bytes, GP__STATE_KEY_MAX), &value), GP_ENOTFOUND);
}

static void conform_later_set(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    for (int i = 0; i < 500; i++)
        assert_int_equal(gp_state_add_later(call, GP_S("c"), 1, 0), 0);
    assert_int_equal(gp_state_put_later(call, GP_S("p"), GP_S("v"), 0), 0);
}

static void conform_later_get(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_value(call, GP_S("c"), GP_S("500"));
    assert_value(call, GP_S("p"), GP_S("v"));
    assert_int_equal(gp_state_delete(call, GP_S("c")), 0);
    assert_int_equal(gp_state_delete(call, GP_S("p")), 0);
}

/* The client of `starts and leaves` is gone before its answer: nothing of it is used any more. */
static void conform_leave(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    for (int i = 0; i < 20; i++)
        assert_non_null(gp_state_add_start(call, GP_S("left"), 1, 0));
    for (int i = 0; i < 20; i++)
        assert_non_null(gp_state_get_start(call, GP_S("left")));
}

static void conform_left(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_value(call, GP_S("left"), GP_S("20"));
    assert_int_equal(gp_state_delete(call, GP_S("left")), 0);
}

static inline void conform(const struct gp_plugin *plugin, const void *options)
{
    struct store store;

    store_open(&store, plugin, options);
    store.kit.deadline_ms = UINT64_MAX;
    kit_run(&store.kit, GP_HOOK_MAIL, conform_values);
    kit_run(&store.kit, GP_HOOK_MAIL, conform_numbers);
    kit_run(&store.kit, GP_HOOK_MAIL, conform_time);
    kit_run(&store.kit, GP_HOOK_MAIL, conform_each);
    kit_run(&store.kit, GP_HOOK_MAIL, conform_longest);
    kit_run(&store.kit, GP_HOOK_DISCONNECT, conform_later_set);
    gp__sim_run(store.kit.rt, 1000);
    kit_run(&store.kit, GP_HOOK_MAIL, conform_later_get);
    kit_run(&store.kit, GP_HOOK_MAIL, conform_leave);
    gp__sim_run(store.kit.rt, 1000);
    kit_run(&store.kit, GP_HOOK_MAIL, conform_left);
    store_close(&store);
}

#endif

// SPDX-License-Identifier: Apache-2.0
/* State: namespaces, limits, answers of a store, several at once, changes nobody waits for, keys. */
#include "core/hook/state.h"

#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

#include <stdio.h>

/* ---- a store that writes down what it is asked ---- */

static struct {
    char asked[4096];
    uint64_t delay_ms;
    int result;
    unsigned done; /* that got past the delay */
    unsigned held; /* references of changes under way */
    const char *misuse;
} store;

static int answer(struct gp_call *call, const char *what, struct gp_slice key)
{
    size_t len = strlen(store.asked);

    snprintf(store.asked + len, sizeof store.asked - len, "%s " GP_FMT "\n", what, GP_ARG(key));
    if (store.delay_ms)
        (void)gp_sleep(call, store.delay_ms);
    store.done++;
    if (store.misuse)
        gp__call_fault(call, "%s", store.misuse);
    return store.result;
}

static int get(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    (void)self;
    *value_r = gp_format(call, "value of " GP_FMT, GP_ARG(key));
    return answer(call, "get", key);
}

static int put(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
               uint64_t ttl_ms)
{
    char what[100];

    (void)self;
    snprintf(what, sizeof what, "put %.20s %u", value.len ? value.data : "", (unsigned)ttl_ms);
    return answer(call, what, key);
}

static int put_if_new(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
                      uint64_t ttl_ms, struct gp_slice *value_r)
{
    (void)self;
    (void)ttl_ms;
    *value_r = value;
    return answer(call, "put_if_new", key);
}

static int add(struct gp_call *call, void *self, struct gp_slice key, int64_t n, uint64_t ttl_ms,
               int64_t *sum_r)
{
    (void)self;
    (void)ttl_ms;
    *sum_r = 100 + n;
    return answer(call, "add", key);
}

static int each(struct gp_call *call, void *self, struct gp_slice prefix,
                bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg)
{
    (void)self;
    for (int i = 0; i < 3; i++)
        if (!fn(arg, gp_format(call, GP_FMT "%d", GP_ARG(prefix), i), GP_S("v")))
            break;
    return answer(call, "each", prefix);
}

static int remove_key(struct gp_call *call, void *self, struct gp_slice key)
{
    (void)self;
    return answer(call, "delete", key);
}

static const struct gp_state_role role = {sizeof role, get, put, put_if_new, add, each, remove_key};
static const struct gp_plugin store_plugin = {.name = "store", .state = &role};

static void hold(void *owner)
{
    ++*(unsigned *)owner;
}

static void release(void *owner)
{
    --*(unsigned *)owner;
}

static struct gp__state handle;

static void begin(struct kit *kit)
{
    struct gp__instance_settings settings = {
        .id = GP_S("state"), .index = 1, .plugin = &store_plugin};
    char error[100];

    kit_begin(kit);
    memset(&store, 0, sizeof store);
    handle = (struct gp__state){.hold = hold, .release = release, .owner = &store.held};
    handle.instance = gp__instance_open(&settings, kit->rt, error, sizeof error);
    kit->plugin.needs |= GP_NEEDS_STATE;
    kit->instance->state = &handle;
    kit->instance->state_name = GP_S("mine");
}

static void end(struct kit *kit)
{
    gp__sim_run(kit->rt, 60000);
    assert_int_equal(store.held, 0);
    assert_int_equal(kit->instance->state_later, 0);
    gp__instance_close(&handle.instance);
    kit_end(kit);
}

#define assert_asked(text) (assert_string_equal(store.asked, text), store.asked[0] = '\0')

/* ---- inside the call ---- */

static void asks(struct kit *kit, struct gp_call *call)
{
    struct gp_slice value;
    int64_t sum;

    (void)kit;
    assert_int_equal(gp_state_get(call, GP_S("a/b"), &value), 0);
    assert_slice(value, GP_S("value of mine/a/b"));
    assert_int_equal(gp_state_get(call, GP_S("a"), NULL), 0);
    assert_int_equal(gp_state_put(call, GP_S("k"), GP_S("v"), 5000), 0);
    assert_int_equal(gp_state_put_if_new(call, GP_S("k"), GP_S("w"), 0, &value), 0);
    assert_slice(value, GP_S("w"));
    assert_int_equal(gp_state_add(call, GP_S("n"), -7, 0, &sum), 0);
    assert_int_equal(sum, 93);
    assert_int_equal(gp_state_delete(call, GP_S("k")), 0);
    assert_asked("get mine/a/b\nget mine/a\nput v 5000 mine/k\nput_if_new mine/k\nadd mine/n\n"
                 "delete mine/k\n");
    assert_clean(call);
}

static void answers(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    store.result = GP_ENOTFOUND;
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ENOTFOUND);
    assert_int_equal(gp_state_delete(call, GP_S("k")), GP_ENOTFOUND);
    assert_int_equal(gp_state_put(call, GP_S("k"), GP_S(""), 0), GP_ETEMP);
    store.result = GP_EEXIST;
    assert_int_equal(gp_state_put_if_new(call, GP_S("k"), GP_S(""), 0, NULL), GP_EEXIST);
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ETEMP);
    store.result = GP_ELIMIT;
    assert_int_equal(gp_state_add(call, GP_S("k"), 1, 0, NULL), GP_ELIMIT);
    store.result = GP_ENOSPC;
    assert_int_equal(gp_state_put(call, GP_S("k"), GP_S(""), 0), GP_ENOSPC);
    store.result = GP_EIO;
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ETEMP);
    store.result = 42;
    assert_int_equal(gp_state_each(call, GP_S(""), NULL, NULL), GP_EINVAL);
    assert_fault(call, "no function");
    assert_int_equal(gp_state_add(call, GP_S("k"), 1, 0, NULL), GP_ETEMP);
    store.result = 0;
    store.misuse = "does what it may not";
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ETEMP);
    store.misuse = NULL;
    assert_clean(call);
}

static void exceeds(struct kit *kit, struct gp_call *call)
{
    static char bytes[GP__STATE_VALUE_MAX + 1];
    struct gp_slice longest = gp_slice(bytes, GP__STATE_KEY_MAX);

    (void)kit;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(gp_state_get(call, longest, NULL), 0);
    assert_int_equal(gp_state_get(call, gp_slice(bytes, longest.len + 1), NULL), GP_ELIMIT);
    assert_int_equal(gp_state_put(call, longest, gp_slice(bytes, sizeof bytes - 1), 0), 0);
    assert_int_equal(gp_state_put(call, longest, gp_slice(bytes, sizeof bytes), 0), GP_ELIMIT);
    assert_int_equal(gp_wait(call, gp_state_get_start(call, gp_slice(bytes, longest.len + 1))),
                     GP_ELIMIT);
    assert_clean(call);
    assert_int_equal(gp_state_get(call, GP_S(""), NULL), GP_EINVAL);
    assert_fault(call, "an empty key");
    assert_int_equal(gp_state_put(call, GP_S("k"), BAD, 0), GP_EINVAL);
    assert_fault(call, "NULL with a length");
    assert_null(gp_state_get_start(call, GP_S("")));
    assert_fault(call, "an empty key");
}

static void has_no_right(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ENOTALLOWED);
    assert_fault(call, "GP_NEEDS_STATE");
}

static void has_no_state(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_state_put_later(call, GP_S("k"), GP_S(""), 0), GP_ENOTALLOWED);
    assert_fault(call, "no state");
}

static void test_inside(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit);
    kit_run(&kit, GP_HOOK_MAIL, asks);
    kit_run(&kit, GP_HOOK_MAIL, answers);
    assert_true(kit_logged(&kit, "does what it may not"));
    assert_int_equal(handle.failed, 6);
    kit_run(&kit, GP_HOOK_MAIL, exceeds);
    kit.plugin.needs &= ~(unsigned)GP_NEEDS_STATE;
    kit_run(&kit, GP_HOOK_MAIL, has_no_right);
    kit.plugin.needs |= GP_NEEDS_STATE;
    kit.instance->state = NULL;
    kit_run(&kit, GP_HOOK_MAIL, has_no_state);
    end(&kit);
}

/* ---- each ---- */

static bool collect(void *arg, struct gp_slice key, struct gp_slice value)
{
    char *keys = arg;

    assert_slice(value, GP_S("v"));
    strncat(keys, key.data, key.len);
    return strlen(keys) < 6;
}

static void walks(struct kit *kit, struct gp_call *call)
{
    char keys[100] = "";

    (void)kit;
    assert_int_equal(gp_state_each(call, GP_S("ab"), collect, keys), 0);
    assert_string_equal(keys, "ab0ab1");
    keys[0] = '\0';
    assert_int_equal(gp_state_each(call, GP_S(""), collect, keys), 0);
    assert_string_equal(keys, "012");
    assert_asked("each mine/ab\neach mine/\n");
    store.result = GP_EIO;
    assert_int_equal(gp_state_each(call, GP_S(""), collect, keys), GP_ETEMP);
    assert_clean(call);
}

static void test_each(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit);
    kit_run(&kit, GP_HOOK_MAIL, walks);
    end(&kit);
}

/* ---- several at once ---- */

static void starts(struct kit *kit, struct gp_call *call)
{
    uint64_t before = gp_now(call);
    struct gp_op *ops[] = {
        gp_state_get_start(call, GP_S("k")),
        gp_state_add_start(call, GP_S("n"), 5, 0),
        gp_state_put_if_new_start(call, GP_S("p"), GP_S("v"), 0),
    };

    (void)kit;
    for (int i = 0; i < 3; i++)
        assert_int_equal(gp_wait(call, ops[i]), 0);
    assert_int_equal(gp_now(call) - before, 100);
    assert_slice(gp_state_value(ops[0]), GP_S("value of mine/k"));
    assert_int_equal(gp_state_sum(ops[1]), 105);
    assert_slice(gp_state_value(ops[2]), GP_S("v"));
    assert_int_equal(gp_state_sum(NULL), 0);
    assert_clean(call);
}

/* A change that was begun is made; a question is dropped. */
static void starts_and_leaves(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_non_null(gp_state_get_start(call, GP_S("k")));
    assert_non_null(gp_state_add_start(call, GP_S("n"), 5, 0));
}

static void starts_late(struct kit *kit, struct gp_call *call)
{
    struct gp_op *op = gp_state_get_start(call, GP_S("k"));

    (void)kit;
    assert_int_equal(gp_wait(call, op), GP_ETIMEDOUT);
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ETIMEDOUT);
    assert_int_equal(gp_state_put_later(call, GP_S("k"), GP_S(""), 0), GP_ETIMEDOUT);
}

static void test_start(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit);
    store.delay_ms = 100;
    kit_run(&kit, GP_HOOK_MAIL, starts);
    store.asked[0] = '\0';
    kit_run(&kit, GP_HOOK_MAIL, starts_and_leaves);
    gp__sim_run(kit.rt, 1000);
    assert_asked("add mine/n\n");
    kit.deadline_ms = kit.rt->ops->now_ms(kit.rt) + 50;
    kit_run(&kit, GP_HOOK_MAIL, starts_late);
    end(&kit);
}

/* ---- without waiting ---- */

static void changes_later(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_state_put_later(call, GP_S("p"), GP_S("v"), 7), 0);
    assert_int_equal(gp_state_add_later(call, GP_S("n"), 1, 0), 0);
    assert_int_equal(gp_state_delete_later(call, GP_S("d")), 0);
    assert_clean(call);
    assert_int_equal(gp_state_get(call, GP_S("k"), NULL), GP_ENOTALLOWED);
    assert_fault(call, "at disconnect no hook may: use gp_state_..._later()");
    assert_int_equal(gp_state_each(call, GP_S(""), collect, NULL), GP_ENOTALLOWED);
    assert_fault(call, "at disconnect");
}

static void changes_too_much(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    for (int i = 0; i < GP__STATE_LATER_MAX; i++)
        assert_int_equal(gp_state_add_later(call, GP_S("n"), 1, 0), 0);
    assert_int_equal(gp_state_add_later(call, GP_S("n"), 1, 0), GP_ELIMIT);
    assert_clean(call);
}

static void test_later(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit);
    store.delay_ms = 100;
    kit_run(&kit, GP_HOOK_DISCONNECT, changes_later);
    assert_int_equal(store.held, 3);
    assert_int_equal(store.done, 0);
    gp__sim_run(kit.rt, 1000);
    assert_asked("put v 7 mine/p\nadd mine/n\ndelete mine/d\n");
    assert_int_equal(store.done, 3);
    store.result = GP_ENOTFOUND; /* of what is to be gone: no failure */
    kit_run(&kit, GP_HOOK_DISCONNECT, changes_later);
    gp__sim_run(kit.rt, 1000);
    assert_true(kit_logged(&kit, "state.failed"));
    assert_false(kit_logged(&kit, "no such thing"));
    store.delay_ms = 0;
    kit_run(&kit, GP_HOOK_MAIL, changes_too_much);
    end(&kit);
}

/* ---- keys ---- */

static struct gp_slice key2(struct gp_call *call, struct gp_slice a, struct gp_slice b)
{
    return gp_state_key(call, (struct gp_slice[]){a, b}, 2);
}

static void makes_keys(struct kit *kit, struct gp_call *call)
{
    static char bytes[1000];
    struct gp_slice a, b;

    (void)kit;
    assert_slice(key2(call, GP_S("192.0.2.0/24"), GP_S("a@b.example")),
                 GP_S("192.0.2.0/24 a@b.example"));
    assert_slice(key2(call, GP_S("a b"), GP_S("c")), GP_S("a%20b c"));
    assert_slice(key2(call, GP_S("a"), GP_S("b c")), GP_S("a b%20c"));
    assert_slice(key2(call, GP_S("a%"), GP_S("\r\n")), GP_S("a%25 %0D%0A"));
    assert_slice(key2(call, GP_S(""), GP_S("")), GP_S(" "));
    assert_slice(gp_state_key(call, NULL, 0), GP_S(""));
    memset(bytes, 'x', sizeof bytes);
    a = key2(call, gp_slice(bytes, 300), gp_slice(bytes, 99));
    assert_int_equal(a.len, 400);
    assert_int_equal(gp_slice_find(a, '#'), 400);
    a = key2(call, gp_slice(bytes, 300), gp_slice(bytes, 300));
    b = key2(call, gp_slice(bytes, 301), gp_slice(bytes, 300));
    assert_int_equal(a.len, 400);
    assert_int_equal(a.data[400 - 33], '#');
    assert_false(gp_slice_eq(a, b));
    b = key2(call, gp_slice(bytes, 300), gp_slice(bytes, 301));
    assert_false(gp_slice_eq(a, b));
    b = key2(call, gp_slice(bytes, 300), gp_slice(bytes, 300));
    assert_true(gp_slice_eq(a, b));
    assert_clean(call);
    assert_false(gp_slice_present(key2(call, BAD, GP_S(""))));
    assert_fault(call, "NULL with a length");
}

static void test_keys(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit);
    kit_run(&kit, GP_HOOK_MAIL, makes_keys);
    end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inside), cmocka_unit_test(test_each), cmocka_unit_test(test_start),
        cmocka_unit_test(test_later),  cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

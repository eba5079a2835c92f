// SPDX-License-Identifier: Apache-2.0
/* Instances, chains, ticks: life and order. */
#include "core/plugin/chain.h"
#include "core/plugin/tick.h"

#include "tests/unit/plugin/kit.h"

static struct {
    int result;
    uint64_t sleep_ms;
    int created, destroyed, ticked;
    char option;
    enum gp_verdict verdict;
    int slept;
} told;

static int create(struct gp_call *call, void *self)
{
    told.created++;
    told.option = *(char *)self;
    assert_slice(gp_instance(call), GP_S("tested"));
    assert_false(gp_slice_present(gp_session_id(call)));
    if (told.sleep_ms && gp_sleep(call, told.sleep_ms))
        return GP_ETIMEDOUT;
    return told.result;
}

static void destroy(void *self)
{
    (void)self;
    told.destroyed++;
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    (void)self;
    told.ticked++;
    told.slept = gp_sleep(call, told.sleep_ms);
    return told.verdict;
}

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    return GP_NEXT;
}

static const struct gp_hook tick_hooks[] = {{GP_HOOK_TICK, on_tick}, {.fn = NULL}};
static const struct gp_hook mail_hooks[] = {{GP_HOOK_MAIL, on_mail}, {.fn = NULL}};

struct opening {
    struct gp__runtime *rt;
    struct gp__instance_settings settings;
    struct gp__instance *instance;
    char error[100];
};

static void open_main(void *arg)
{
    struct opening *opening = arg;

    opening->instance = gp__instance_open(&opening->settings, opening->rt, opening->error,
                                          sizeof opening->error);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void open_on_fiber(struct opening *opening)
{
    assert_true(opening->rt->ops->run(opening->rt, open_main, nothing, opening, 0) >= 0);
    gp__sim_run(opening->rt, 3600000);
}

static void test_create(void **state)
{
    struct gp_plugin plugin = {
        .name = "x", .instance_size = 1, .create = create, .destroy = destroy, .hooks = mail_hooks};
    struct opening opening = {.rt = gp__sim_create(1, NULL)};
    char option = 'o';

    (void)state;
    memset(&told, 0, sizeof told);
    opening.settings = (struct gp__instance_settings){
        .id = GP_S("tested"), .plugin = &plugin, .options = &option};
    told.sleep_ms = 500;
    open_on_fiber(&opening);
    assert_non_null(opening.instance);
    assert_string_equal(opening.error, "");
    assert_int_equal(told.option, 'o');
    assert_int_equal(opening.instance->deadline_ms, 30000);
    assert_non_null(opening.instance->stats[GP_HOOK_MAIL]);
    assert_null(opening.instance->stats[GP_HOOK_CONNECT]);
    gp__instance_close(&opening.instance);
    assert_null(opening.instance);
    gp__instance_close(&opening.instance);
    assert_int_equal(told.destroyed, 1);

    told.result = GP_EINVAL; /* it refuses: not destroyed, nothing left */
    open_on_fiber(&opening);
    assert_null(opening.instance);
    assert_string_equal(opening.error, "create() failed: invalid argument");
    told.result = 0;
    told.sleep_ms = 2 * GP__CREATE_MS; /* it hangs */
    open_on_fiber(&opening);
    assert_null(opening.instance);
    assert_string_equal(opening.error, "create() failed: deadline passed");
    open_main(&opening); /* not on a fiber */
    assert_null(opening.instance);
    assert_string_equal(opening.error, "it must be made on a fiber");
    assert_int_equal(told.destroyed, 1);
    gp__sim_free(&opening.rt);
}

/* ---- chain ---- */

static struct gp__instance *simple(struct gp__runtime *rt, const struct gp_plugin *plugin,
                                   const char *id)
{
    struct gp__instance_settings settings = {.id = gp_slice_of(id), .plugin = plugin};
    char error[100];
    struct gp__instance *instance = gp__instance_open(&settings, rt, error, sizeof error);

    assert_non_null(instance);
    return instance;
}

static void test_chain(void **state)
{
    struct gp__runtime *rt = gp__sim_create(1, NULL);
    struct gp_plugin mail = {.name = "m", .hooks = mail_hooks};
    struct gp_plugin tick = {.name = "t", .hooks = tick_hooks};
    struct gp__instance *items[] = {simple(rt, &mail, "a"), simple(rt, &tick, "b"),
                                    simple(rt, &mail, "c")};
    struct gp__arena *arena = gp__arena_create();
    struct gp__chain chain;

    (void)state;
    gp__chain_build(&chain, arena, GP_S("in"), items, COUNT(items));
    assert_slice(chain.name, GP_S("in"));
    assert_int_equal(chain.count, 3);
    assert_int_equal(chain.at[GP_HOOK_MAIL].count, 2);
    assert_ptr_equal(chain.at[GP_HOOK_MAIL].items[0], items[0]);
    assert_ptr_equal(chain.at[GP_HOOK_MAIL].items[1], items[2]);
    assert_int_equal(chain.at[GP_HOOK_TICK].count, 1);
    assert_int_equal(chain.at[GP_HOOK_RCPT].count, 0);
    gp__chain_build(&chain, arena, GP_S("empty"), NULL, 0);
    assert_int_equal(chain.count, 0);
    gp__arena_free(&arena);
    for (size_t i = 0; i < COUNT(items); i++)
        gp__instance_close(&items[i]);
    gp__sim_free(&rt);
}

/* ---- tick ---- */

static void is_done(void *arg)
{
    *(bool *)arg = true;
}

static void test_tick(void **state)
{
    struct gp__runtime *rt = gp__sim_create(1, NULL);
    struct gp_plugin tick = {.name = "t", .hooks = tick_hooks, .tick_ms = 1000};
    struct gp_plugin mail = {.name = "m", .hooks = mail_hooks};
    struct gp__instance *items[] = {simple(rt, &mail, "a"), simple(rt, &tick, "b")};
    struct gp__ticks *ticks;
    bool done = false;

    (void)state;
    memset(&told, 0, sizeof told);
    ticks = gp__ticks_start(rt, items, COUNT(items));
    gp__sim_advance(rt, 999);
    assert_int_equal(told.ticked, 0);
    gp__sim_advance(rt, 3010);
    assert_int_equal(told.ticked, 4);
    told.sleep_ms = 1500; /* a period counts from the end of the last call */
    gp__sim_advance(rt, 5000);
    assert_int_equal(told.ticked, 6);
    assert_int_equal(items[1]->stats[GP_HOOK_TICK]->faults, 0);
    told.verdict = GP_REJECT;
    gp__sim_advance(rt, 2500);
    assert_int_equal(items[1]->stats[GP_HOOK_TICK]->faults, 1);
    told.verdict = GP_NEXT;
    told.sleep_ms = 60000; /* misses its deadline of 30 s */
    gp__sim_advance(rt, 40000);
    assert_int_equal(told.slept, GP_ETIMEDOUT);
    assert_int_equal(items[1]->stats[GP_HOOK_TICK]->timeouts, 1);

    told.ticked = 0; /* stopped while a call is under way: it unwinds first */
    while (told.ticked == 0)
        gp__sim_advance(rt, 100);
    gp__ticks_stop_then(&ticks, is_done, &done);
    assert_null(ticks);
    gp__sim_settle(rt);
    assert_true(done);
    assert_int_equal(told.slept, GP_ECANCELED);
    gp__sim_advance(rt, 100000);
    assert_int_equal(told.ticked, 1);
    done = false;
    gp__ticks_stop_then(&ticks, is_done, &done);
    assert_true(done);
    ticks = gp__ticks_start(rt, items, COUNT(items));
    gp__ticks_stop_then(&ticks, NULL, NULL);
    for (size_t i = 0; i < COUNT(items); i++)
        gp__instance_close(&items[i]);
    gp__sim_free(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Conditions: each fact, known and unknown, negated; all, any, none; tables that fail; tables. */
#include "core/config/value.h"
#include "core/hook/table.h"
#include "core/hook/when_eval.h"
#include "tests/unit/hook/world.h"

#define FACT(...) ((struct gp__when){.kind = GP__WHEN_FACT, __VA_ARGS__})
#define PATTERN(kind_, text_) ((struct gp__pattern){.kind = (kind_), .text = GP_S(text_)})

static int holds_at(struct world *world, enum gp_hook_point point, const struct gp__when *when,
                    struct gp_recipient *recipient)
{
    struct gp_call call;
    int holds;

    gp__call_init(&call, world->rt, NULL, point, UINT64_MAX);
    call.session = world->session;
    call.transaction = world->tx;
    call.policy = world->tx ? world->tx->policy : NULL;
    holds = gp__when_holds(&call, when, recipient);
    gp__call_end(&call);
    return holds;
}

static struct world *world_known(struct gp_recipient **recipient_r)
{
    struct world *world = world_create();
    struct gp__ip ip;

    assert_int_equal(gp__ip_parse(GP_S("192.0.2.7"), &ip), 0);
    gp__session_set_client(world->session, &ip, 2525);
    memcpy(world->session->helo_text, "out.client.example", 18);
    world->session->helo_len = 18;
    world->session->helo_seen = true;
    world->session->auth_user = GP_S("user");
    world->session->tls_version = GP_S("TLSv1.3");
    world->session->tls_client_name = GP_S("relay.example");
    world_mail(world, "News@Client.example");
    *recipient_r = world_rcpt(world, "b@sub.Here.example");
    (*recipient_r)->route_name = GP_S("local");
    (*recipient_r)->class = GP_CLASS_OURS;
    world->tx->policy->relay_granted = true;
    return world;
}

/* ---- facts ---- */

static void facts(void **unused)
{
    struct gp__pattern sender = PATTERN(GP__PATTERN_ADDRESS, "News@client.EXAMPLE");
    struct gp__pattern other_case = PATTERN(GP__PATTERN_ADDRESS, "news@client.example");
    struct gp__pattern below = PATTERN(GP__PATTERN_SUBDOMAIN, "here.example");
    struct gp__pattern exactly = PATTERN(GP__PATTERN_DOMAIN, "here.example");
    struct gp__pattern itself = PATTERN(GP__PATTERN_SUBDOMAIN, "sub.here.example");
    struct gp__pattern suffix = PATTERN(GP__PATTERN_SUBDOMAIN, "ere.example");
    struct gp__pattern local = PATTERN(GP__PATTERN_LOCAL, "B");
    struct gp__pattern mx = PATTERN(GP__PATTERN_NAME, "MX");
    struct gp__pattern route = PATTERN(GP__PATTERN_NAME, "local");
    struct gp__pattern user = PATTERN(GP__PATTERN_NAME, "USER");
    struct gp__pattern helo = PATTERN(GP__PATTERN_NAME, "OUT.client.example");
    struct gp__pattern helo_below = PATTERN(GP__PATTERN_SUBDOMAIN, "client.example");
    struct gp__pattern helo_itself = PATTERN(GP__PATTERN_SUBDOMAIN, "out.client.example");
    struct gp__pattern relay = PATTERN(GP__PATTERN_NAME, "Relay.example");
    struct gp__network net;
    struct gp_recipient *recipient;
    struct world *world = world_known(&recipient);
    const struct {
        struct gp__when when;
        int holds;
    } rows[] = {
        {FACT(.fact = GP__FACT_AUTHENTICATED, .flag = true), 1},
        {FACT(.fact = GP__FACT_AUTHENTICATED, .flag = false), 0},
        {FACT(.fact = GP__FACT_TLS, .flag = true), 1},
        {FACT(.fact = GP__FACT_TLS, .flag = false), 0},
        {FACT(.fact = GP__FACT_TLS_CLIENT, .patterns = &relay, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_TLS_CLIENT, .patterns = &mx, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_NULL_SENDER, .flag = true), 0},
        {FACT(.fact = GP__FACT_NULL_SENDER, .flag = false), 1},
        {FACT(.fact = GP__FACT_RELAY, .flag = true), 1},
        {FACT(.fact = GP__FACT_RELAY, .flag = false), 0},
        {FACT(.fact = GP__FACT_CLASS, .class = GP__CLASS_OURS), 1},
        {FACT(.fact = GP__FACT_CLASS, .class = GP__CLASS_RELAY), 0},
        {FACT(.fact = GP__FACT_CLASS, .class = GP__CLASS_NONE), 0},
        {FACT(.fact = GP__FACT_SENDER, .patterns = &sender, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_SENDER, .patterns = &sender, .n_patterns = 1, .negate = true), 0},
        {FACT(.fact = GP__FACT_SENDER, .patterns = &other_case, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_RECIPIENT, .patterns = &below, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_RECIPIENT, .patterns = &exactly, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_RECIPIENT, .patterns = &itself, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_RECIPIENT, .patterns = &suffix, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_RECIPIENT, .patterns = &local, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_RECIPIENT, .patterns = &local, .n_patterns = 1, .negate = true), 0},
        {FACT(.fact = GP__FACT_LISTENER, .patterns = &mx, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_ROUTE, .patterns = &route, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_ROUTE, .patterns = &mx, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_USER, .patterns = &user, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_USER, .patterns = &user, .n_patterns = 1, .negate = true), 0},
        {FACT(.fact = GP__FACT_USER, .patterns = &route, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_HELO, .patterns = &helo, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_HELO, .patterns = &helo_below, .n_patterns = 1), 1},
        {FACT(.fact = GP__FACT_HELO, .patterns = &helo_itself, .n_patterns = 1), 0},
        {FACT(.fact = GP__FACT_CLIENT, .networks = &net, .n_networks = 1), 1},
        {FACT(.fact = GP__FACT_CLIENT, .networks = &net, .n_networks = 1, .negate = true), 0},
        {FACT(.fact = GP__FACT_CLIENT, .negate = true), 1},
    };

    (void)unused;
    assert_int_equal(gp__network_parse(GP_S("192.0.2.0/24"), &net), 0);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (holds_at(world, GP_HOOK_MESSAGE, &rows[i].when, recipient) != rows[i].holds)
            fail_msg("row %zu", i);
    world_free(&world);
}

/* A fact that is not known is false, negated or not; none of it is true. */
static void unknown_facts(void **unused)
{
    struct gp__pattern any = PATTERN(GP__PATTERN_LOCAL, "b");
    struct gp_recipient *recipient;
    struct world *world = world_known(&recipient);
    struct world *fresh = world_create();

    (void)unused;
    for (int fact = 0; fact < GP__FACT_COUNT; fact++) {
        for (unsigned bits = 0; bits < 4; bits++) {
            struct gp__when leaf = FACT(.fact = (enum gp__fact)fact, .flag = bits & 1,
                                        .negate = bits & 2, .patterns = &any, .n_patterns = 1,
                                        .note = GP_S("n"));
            const struct gp__when *children[] = {&leaf};
            struct gp__when none = {.kind = GP__WHEN_NONE, .children = children, .count = 1};
            bool of_recipient = gp__fact_of_recipient((enum gp__fact)fact);

            /* outside of sessions nothing is known */
            assert_int_equal(holds_at(world, GP_HOOK_TICK, &leaf, recipient), 0);
            if (!gp__fact_known((enum gp__fact)fact, GP_HOOK_CONNECT)) {
                assert_int_equal(holds_at(world, GP_HOOK_CONNECT, &leaf, recipient), 0);
                assert_int_equal(holds_at(world, GP_HOOK_CONNECT, &none, recipient), 1);
            }
            /* nobody in particular */
            if (of_recipient)
                assert_int_equal(holds_at(world, GP_HOOK_MESSAGE, &leaf, NULL), 0);
            /* `command` before MAIL knows all facts, but there is no transaction */
            if (!of_recipient && gp__fact_known_at((enum gp__fact)fact) >= GP_HOOK_MAIL)
                assert_int_equal(holds_at(fresh, GP_HOOK_COMMAND, &leaf, NULL), 0);
        }
    }
    world_free(&world);
    world_free(&fresh);
}

static void null_sender(void **unused)
{
    struct gp__pattern empty = PATTERN(GP__PATTERN_NAME, "");
    struct gp__when is_null = FACT(.fact = GP__FACT_NULL_SENDER, .flag = true);
    struct gp__when matches = FACT(.fact = GP__FACT_SENDER, .patterns = &empty, .n_patterns = 1);
    struct gp__when matches_not = matches;
    struct world *world = world_create();

    (void)unused;
    matches_not.negate = true;
    world_mail(world, "");
    assert_int_equal(holds_at(world, GP_HOOK_MAIL, &is_null, NULL), 1);
    assert_int_equal(holds_at(world, GP_HOOK_MAIL, &matches, NULL), 0);
    assert_int_equal(holds_at(world, GP_HOOK_MAIL, &matches_not, NULL), 1);
    world_free(&world);
}

static void unix_client(void **unused)
{
    struct gp__network any;
    struct gp__when client = FACT(.fact = GP__FACT_CLIENT, .networks = &any, .n_networks = 1);
    struct world *world = world_create();

    (void)unused;
    assert_int_equal(gp__network_parse(GP_S("0.0.0.0/0"), &any), 0);
    assert_int_equal(holds_at(world, GP_HOOK_CONNECT, &client, NULL), 0);
    world_free(&world);
}

/* What was declared counts until the message is there: a lie in SIZE must not get it past a filter
 * that leaves large messages alone. */
static void size_over(void **unused)
{
    struct gp__when over = FACT(.fact = GP__FACT_SIZE_OVER, .size = 1000);
    struct world *world = world_create();

    (void)unused;
    world_mail(world, "a@client.example");
    assert_int_equal(holds_at(world, GP_HOOK_MAIL, &over, NULL), 0);
    world->tx->mail.size = 1000;
    assert_int_equal(holds_at(world, GP_HOOK_MAIL, &over, NULL), 0);
    world->tx->mail.size = 1001;
    assert_int_equal(holds_at(world, GP_HOOK_MAIL, &over, NULL), 1);
    world_rcpt(world, "b@here.example");
    world_message(world, "A: b\r\n\r\nsmall\r\n");
    assert_int_equal(holds_at(world, GP_HOOK_MESSAGE, &over, NULL), 0);
    world->tx->received_bytes = 1001;
    world->tx->mail.size = 5;
    assert_int_equal(holds_at(world, GP_HOOK_MESSAGE, &over, NULL), 1);
    world_free(&world);
}

static struct gp__notes *notes_in(struct gp__arena *arena)
{
    struct gp__notes *notes = GP__ARENA_NEW(arena, struct gp__notes);

    gp__notes_init(notes, arena);
    return notes;
}

static void notes(void **unused)
{
    struct gp_recipient *recipient;
    struct world *world = world_known(&recipient);
    struct gp__when bare = FACT(.fact = GP__FACT_NOTE, .note = GP_S("trusted"));
    struct gp__when named = FACT(.fact = GP__FACT_NOTE, .note = GP_S("my.list.trusted"));
    struct gp__when yes = FACT(.fact = GP__FACT_NOTE, .note = GP_S("trusted"), .is = GP_S("yes"));

    (void)unused;
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &bare, recipient), 0);
    world->session->policy->notes = notes_in(world->session->arena);
    gp__notes_set(world->session->policy->notes, GP_S("my.list"), GP_S("trusted"), GP_S("yes"), 0);
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &bare, recipient), 1);
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &named, recipient), 1);
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &yes, recipient), 1);
    assert_int_equal(holds_at(world, GP_HOOK_CONNECT, &yes, NULL), 1);
    /* the nearest scope that has it decides */
    recipient->notes = notes_in(world->tx->arena);
    gp__notes_set(recipient->notes, GP_S("other"), GP_S("trusted"), GP_S("no"), 0);
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &bare, recipient), 1);
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &yes, recipient), 0);
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &named, recipient), 1);
    assert_int_equal(holds_at(world, GP_HOOK_RCPT, &yes, NULL), 1);
    world_free(&world);
}

/* ---- combinations ---- */

static void combinations(void **unused)
{
    struct world *world = world_create();
    struct gp__when leaf[2];
    const struct gp__when *children[] = {&leaf[0], &leaf[1]};

    (void)unused;
    for (size_t count = 0; count <= 2; count++) {
        for (unsigned bits = 0; bits < 4; bits++) {
            unsigned n_true = 0;

            for (size_t i = 0; i < count; i++) {
                bool want = bits >> i & 1;

                leaf[i] = FACT(.fact = GP__FACT_TLS, .flag = !want); /* there is no TLS */
                n_true += want;
            }
            struct gp__when when = {.kind = GP__WHEN_ALL, .children = children, .count = count};

            assert_int_equal(holds_at(world, GP_HOOK_HELO, &when, NULL), n_true == count);
            when.kind = GP__WHEN_ANY;
            assert_int_equal(holds_at(world, GP_HOOK_HELO, &when, NULL), n_true > 0);
            when.kind = GP__WHEN_NONE;
            assert_int_equal(holds_at(world, GP_HOOK_HELO, &when, NULL), n_true == 0);
        }
    }
    world_free(&world);
}

static void about_recipients(void **unused)
{
    struct gp__when tls = FACT(.fact = GP__FACT_TLS), route = FACT(.fact = GP__FACT_ROUTE);
    struct gp__when note = FACT(.fact = GP__FACT_NOTE);
    const struct gp__when *without[] = {&tls, &tls}, *with[] = {&tls, &route};
    struct gp__when any = {.kind = GP__WHEN_ANY, .children = without, .count = 2};

    (void)unused;
    assert_false(gp__when_of_recipient(&tls));
    assert_true(gp__when_of_recipient(&route));
    assert_true(gp__when_of_recipient(&note));
    assert_false(gp__when_of_recipient(&any));
    any.children = with;
    assert_true(gp__when_of_recipient(&any));
}

/* ---- tables ---- */

static struct {
    int result;
    uint64_t sleep_ms;
    struct gp_slice keys[16];
    size_t n;
    const char *found; /* the one key that is there */
    bool misuse;
} answer;

static int lookup(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    struct fake *fake = self;

    fake->calls++;
    if (answer.n < COUNT(answer.keys))
        answer.keys[answer.n++] = gp__arena_dup(fake->world->session->arena, key);
    if (answer.sleep_ms)
        fake->slept = gp_sleep(call, answer.sleep_ms);
    if (answer.misuse)
        gp_rcpt_add(call, GP_S("x@y.example"), NULL); /* roles edit nothing */
    if (answer.found) {
        *value_r = gp_format(call, "value of %.*s", GP_ARG(key));
        return gp_slice_eq(key, gp_slice_of(answer.found)) ? 0 : GP_ENOTFOUND;
    }
    return answer.result;
}

static const struct gp_table_role role = {sizeof role, lookup};

static struct gp_table table_of(struct world *world)
{
    struct fake *fake = world_plugin(world, "table");

    memset(&answer, 0, sizeof answer);
    fake->plugin.table = &role;
    return (struct gp_table){.name = GP_S("t"), .instance = &fake->instance};
}

static void keys_of_an_address(void **unused)
{
    static const struct {
        const char *address, *keys[8];
    } rows[] = {
        {"a@b.c.d", {"a@b.c.d", "b.c.d", ".c.d", ".d", "a@"}},
        {"a@b", {"a@b", "b", "a@"}},
        {"\"x@y\"@b.c", {"\"x@y\"@b.c", "b.c", ".c", "\"x@y\"@"}},
        {"postmaster", {"postmaster"}},
    };
    struct world *world = world_create();
    struct gp_table table = table_of(world);
    struct gp_call call;

    (void)unused;
    answer.result = GP_ENOTFOUND;
    gp__call_init(&call, world->rt, NULL, GP_HOOK_RCPT, UINT64_MAX);
    call.session = world->session;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = 0;

        answer.n = 0;
        assert_int_equal(
            gp__table_lookup_address(&call, &table, gp_slice_of(rows[i].address), NULL),
            GP_ENOTFOUND);
        for (; rows[i].keys[n]; n++)
            assert_slice(answer.keys[n], rows[i].keys[n]);
        assert_int_equal(answer.n, n);
    }
    /* the first that is found, with its value, and no key after it */
    for (size_t i = 0; i < 5; i++) {
        struct gp_slice value = ABSENT;

        answer.n = 0;
        answer.found = rows[0].keys[i];
        assert_int_equal(gp__table_lookup_address(&call, &table, GP_S("a@b.c.d"), &value), 0);
        assert_int_equal(answer.n, i + 1);
        assert_true(gp_slice_ends(value, gp_slice_of(rows[0].keys[i])));
    }
    /* nor after a failure */
    answer.found = NULL;
    answer.result = GP_EIO;
    answer.n = 0;
    assert_int_equal(gp__table_lookup_address(&call, &table, GP_S("a@b.c.d"), NULL), GP_ETEMP);
    assert_int_equal(answer.n, 1);
    gp__call_end(&call);
    world_free(&world);
}

/* Whatever a table says that is no answer: it could not tell. */
static void table_results(void **unused)
{
    static const struct {
        int said, means;
    } rows[] = {
        {GP_OK, GP_OK},
        {GP_ENOTFOUND, GP_ENOTFOUND},
        {GP_ETEMP, GP_ETEMP},
        {GP_EIO, GP_ETEMP},
        {GP_ETIMEDOUT, GP_ETEMP},
        {GP_ECANCELED, GP_ETEMP},
        {GP_ENOTALLOWED, GP_ETEMP},
        {1, GP_ETEMP},
        {-77, GP_ETEMP},
    };
    struct world *world = world_create();
    struct gp_table table = table_of(world);
    struct gp_call call;

    (void)unused;
    gp__call_init(&call, world->rt, NULL, GP_HOOK_RCPT, UINT64_MAX);
    call.session = world->session;
    for (size_t i = 0; i < COUNT(rows); i++) {
        answer.result = rows[i].said;
        assert_int_equal(gp__table_lookup(&call, &table, GP_S("k"), NULL), rows[i].means);
    }
    assert_int_equal(table.lookups, COUNT(rows));
    assert_int_equal(table.found, 1);
    assert_int_equal(table.failed, COUNT(rows) - 2);
    /* a role that does what only hooks may has answered nothing */
    answer.result = GP_OK;
    answer.misuse = true;
    assert_int_equal(gp__table_lookup(&call, &table, GP_S("k"), NULL), GP_ETEMP);
    assert_true(world_logged(world, "table.fault"));
    assert_false(gp_slice_present(call.fault));
    gp__call_end(&call);
    world_free(&world);
}

static void table_in_place(void **unused)
{
    struct world *world = world_create();
    struct gp__arena *arena = world->session->arena;
    struct gp_map *map = gp__value_map_create(arena, 2, sizeof(struct gp_slice));
    struct gp__table_network networks[] = {{.value = GP_S("wide")}, {.value = GP_S("narrow")}};
    struct gp_table table = {
        .name = GP_S("t"), .entries = map, .networks = networks, .n_networks = COUNT(networks)};
    struct gp_slice value = ABSENT;
    struct gp_call call;

    (void)unused;
    *(struct gp_slice *)gp__value_map_add(map, GP_S("here.example")) = GP_S("yes");
    *(struct gp_slice *)gp__value_map_add(map, GP_S("x@there.example")) = GP_S("");
    gp__call_init(&call, world->rt, NULL, GP_HOOK_RCPT, UINT64_MAX);
    assert_int_equal(gp__table_lookup_address(&call, &table, GP_S("a@HERE.example"), &value), 0);
    assert_slice(value, "yes");
    assert_int_equal(gp__table_lookup_address(&call, &table, GP_S("x@there.example"), &value), 0);
    assert_slice(value, "");
    assert_int_equal(gp__table_lookup_address(&call, &table, GP_S("a@there.example"), &value),
                     GP_ENOTFOUND);
    assert_slice(value, "");
    assert_int_equal(gp__network_parse(GP_S("192.0.2.0/24"), &networks[0].network), 0);
    assert_int_equal(gp__network_parse(GP_S("192.0.2.128/25"), &networks[1].network), 0);
    assert_int_equal(gp__table_lookup(&call, &table, GP_S("192.0.2.7"), &value), 0);
    assert_slice(value, "wide");
    assert_int_equal(gp__table_lookup(&call, &table, GP_S("192.0.2.200"), &value), 0);
    assert_slice(value, "narrow");
    assert_int_equal(gp__table_lookup(&call, &table, GP_S("192.0.3.1"), &value), GP_ENOTFOUND);
    gp__call_end(&call);
    world_free(&world);
}

/* ---- tables in conditions ---- */

static struct world *world_asking(struct gp_table *table, struct gp_table **tables,
                                  struct gp__when *when, struct fake **fake_r)
{
    struct world *world = world_create();

    *table = table_of(world);
    *tables = table;
    *when = FACT(.fact = GP__FACT_RECIPIENT, .tables = tables, .n_tables = 1);
    *fake_r = world_fake(world, "f", GP_HOOK_MESSAGE, GP_QUARANTINE);
    (*fake_r)->instance.when = when;
    world_mail(world, "a@client.example");
    world_rcpt(world, "b@here.example");
    world_rcpt(world, "c@here.example");
    return world;
}

/* It could not be asked whether it is to be asked: on_error, for all. */
static void failing_table(void **unused)
{
    struct gp_table table, *tables;
    struct gp__when when;
    struct fake *fake;
    struct world *world = world_asking(&table, &tables, &when, &fake);

    (void)unused;
    answer.result = GP_EIO;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->calls, 0);
    assert_int_equal(fake->stats[GP_HOOK_MESSAGE].faults, 1);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(world->tx->policy->recipients[i]->stop->verdict, GP_DEFER);
    assert_true(world_logged(world, "condition could not be evaluated"));
    world_free(&world);
}

/* A table shares the deadline of who asks. */
static void slow_table(void **unused)
{
    struct gp_table table, *tables;
    struct gp__when when;
    struct fake *fake;
    struct world *world = world_asking(&table, &tables, &when, &fake);

    (void)unused;
    answer.result = GP_OK;
    answer.sleep_ms = 20000;
    world_run(world, GP_HOOK_MESSAGE);
    /* the second question is cut off at 30 s */
    assert_int_equal(world->rt->ops->now_ms(world->rt), 30000);
    assert_int_equal(world->fakes[0]->calls, 2);
    assert_int_equal(world->fakes[0]->slept, GP_ETIMEDOUT);
    assert_int_equal(fake->calls, 0);
    assert_int_equal(fake->stats[GP_HOOK_MESSAGE].timeouts, 1);
    world_free(&world);
}

static void client_leaves_the_table(void **unused)
{
    struct gp_table table, *tables;
    struct gp__when when;
    struct fake *fake;
    struct world *world = world_asking(&table, &tables, &when, &fake);
    struct running running = world_running(world, GP_HOOK_MESSAGE);

    (void)unused;
    answer.result = GP_OK;
    answer.sleep_ms = 20000;
    world_start(world, &running);
    gp__session_cancel_calls(world->session);
    gp__sim_settle(world->rt);
    assert_true(running.ended);
    assert_true(running.run.canceled);
    assert_int_equal(fake->calls, 0);
    assert_null(world->tx->policy->recipients[0]->stop);
    assert_int_equal(fake->stats[GP_HOOK_MESSAGE].faults, 0);
    world_free(&world);
}

/* Marks go only to those for whom the condition holds. */
static void table_narrows(void **unused)
{
    struct gp_table table, *tables;
    struct gp__when when;
    struct fake *fake;
    struct world *world = world_asking(&table, &tables, &when, &fake);

    (void)unused;
    answer.found = "c@here.example";
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->scope, 1);
    assert_false(gp_slice_present(world->tx->policy->recipients[0]->bucket));
    assert_slice(world->tx->policy->recipients[1]->bucket, "review");
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts),
        cmocka_unit_test(unknown_facts),
        cmocka_unit_test(null_sender),
        cmocka_unit_test(unix_client),
        cmocka_unit_test(size_over),
        cmocka_unit_test(notes),
        cmocka_unit_test(combinations),
        cmocka_unit_test(about_recipients),
        cmocka_unit_test(keys_of_an_address),
        cmocka_unit_test(table_results),
        cmocka_unit_test(table_in_place),
        cmocka_unit_test(failing_table),
        cmocka_unit_test(slow_table),
        cmocka_unit_test(client_leaves_the_table),
        cmocka_unit_test(table_narrows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

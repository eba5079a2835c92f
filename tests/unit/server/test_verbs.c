// SPDX-License-Identifier: Apache-2.0
/* What plugins make of EHLO keywords and of verbs that the core does not know. */
#include "world.h"

static enum gp_verdict announce(struct gp_call *call)
{
    assert_int_equal(gp_capability_remove(call, GP_S("size")), 0);
    assert_int_equal(gp_capability_remove(call, GP_S("NOSUCH")), GP_ENOTFOUND);
    assert_int_equal(gp_capability_add(call, GP_S("XFOO a=1 b")), 0);
    assert_int_equal(gp_capability_add(call, GP_S("X FOO\r\nHELP")), GP_EINVAL);
    return GP_NEXT;
}

static enum gp_verdict answer(struct gp_call *call)
{
    struct gp_slice what = gp_command_argument(call);

    if (!gp_slice_eq(gp_command_verb(call), GP_S("XFOO")))
        return GP_NEXT;
    if (gp_slice_eq(what, GP_S("lines")))
        gp_reply(call, "211 2.0.0", "one\r\ntwo " GP_FMT "\r\nthree", GP_ARG(gp_helo(call)));
    else if (gp_slice_eq(what, GP_S("no")))
        return gp_reject(call, "550 5.7.1", "never");
    else if (gp_slice_eq(what, GP_S("later")))
        return gp_defer(call, NULL, "not now");
    else if (gp_slice_eq(what, GP_S("bye")))
        return gp_disconnect(call, "421 4.7.0", "enough");
    return GP_ACCEPT;
}

static void hears(struct world *world, const char *line, const char *expected)
{
    struct gp_slice wanted = gp_slice_of(expected), got;

    say(world, line);
    gp__sim_advance(world->rt, 2000);
    got = gp__sim_client_output(world->client);
    if (!gp_slice_eq(got, wanted))
        fail_msg("%s: \"" GP_FMT "\"", line, GP_ARG(got));
    gp__sim_client_take(world->client, SIZE_MAX);
}

static void test_capabilities(void **state)
{
    struct world *world = world_create(CONFIG, ON(CAPABILITIES) | OBSERVERS);
    struct gp_slice said;

    (void)state;
    seen.fn[GP_HOOK_CAPABILITIES] = announce;
    world_connect(world);
    say(world, HELLO);
    gp__sim_settle(world->rt);
    said = gp__sim_client_output(world->client);
    assert_true(gp_slice_search(said, GP_S("250-PIPELINING\r\n")) < said.len);
    assert_true(gp_slice_search(said, GP_S("SIZE")) == said.len);
    assert_true(gp_slice_ends(said, GP_S("250 XFOO a=1 b\r\n")));
    world_free(&world);
}

static void test_commands(void **state)
{
    struct world *world = world_create(CONFIG, ON(COMMAND) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_COMMAND] = answer;
    seen.sleep_ms[GP_HOOK_COMMAND] = 1000; /* it may wait */
    world_connect(world);
    say(world, HELLO);
    assert_replies(world, 0, "220 250");
    hears(world, "xfoo lines\r\n",
          "211-2.0.0 one\r\n211-2.0.0 two client.example\r\n211 2.0.0 three\r\n");
    hears(world, "XFOO   no \r\n", "550 5.7.1 never\r\n");
    hears(world, "XFOO later\r\n", "451 4.7.1 not now\r\n");
    hears(world, "XBAR\r\n", "500 5.5.2 Command not recognized\r\n");
    /* In a transaction, which it leaves as it is. */
    say(world, MAIL);
    say(world, RCPT);
    assert_replies(world, 0, "250 250");
    hears(world, "XFOO no\r\n", "550 5.7.1 never\r\n");
    say(world, "DATA\r\n");
    say(world, MESSAGE);
    assert_replies(world, 0, "354 250");
    hears(world, "XFOO bye\r\n", "421 4.7.0 enough\r\n");
    assert_true(gp__sim_client_eof_seen(world->client));
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

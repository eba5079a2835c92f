// SPDX-License-Identifier: Apache-2.0
/*
 * What the server itself has against a message, and what it writes into it: mail loops, budgets of
 * the header section, Authentication-Results; and what plugins are told about recipients and content.
 */
#include "world.h"

#define LIMITS(what)                                                                               \
    CONFIG_HEAD CONFIG_CHAIN "listeners: {l: {address: '127.0.0.1:25', chain: c, limits: {" what   \
                             "}}}\n"

static struct gp__buf text;

/* The message that "%s" is put into so many times. */
static const char *repeat(const char *line, size_t n, const char *rest)
{
    gp__buf_clear(&text);
    for (size_t i = 0; i < n; i++)
        gp__buf_append(&text, gp_slice_of(line));
    gp__buf_append(&text, gp_slice_of(rest));
    gp__buf_append(&text, gp_slice("", 1));
    return gp__buf_slice(&text).data;
}

static int text_free(void **state)
{
    (void)state;
    gp__buf_free(&text);
    return 0;
}

static void begin(struct world *world, bool lmtp, const char *recipients)
{
    if (lmtp)
        world->entrance.smtp.protocol = GP__PROTOCOL_LMTP;
    world_connect(world);
    say(world, lmtp ? "LHLO client.example\r\n" : HELLO);
    say(world, MAIL);
    say(world, recipients);
    say(world, "DATA\r\n");
    (void)replies(world, 0);
}

/* The only file below the directory, or nothing. */
static struct gp_slice only_file(struct world *world, const char *directory)
{
    struct gp_slice bytes = GP_S("");

    if (world_files(world, directory) == 1)
        gp__sim_file_get(world->rt, gp__sim_file_name(world->rt, gp_slice_of(directory), 0),
                         &bytes);
    return bytes;
}

static size_t count(struct gp_slice s, const char *wanted)
{
    size_t n = 0, at;

    while ((at = gp_slice_search(s, gp_slice_of(wanted))) < s.len) {
        s = gp_slice_sub(s, at + 1, s.len);
        n++;
    }
    return n;
}

/* ---- refusals of the core ---- */

static void test_header_budgets(void **state)
{
    static const struct {
        const char *config, *line;
        size_t n;
        const char *reply;
    } cases[] = {
        {LIMITS("received: 10"), "Received: from a by b\r\n", 9, "250"},
        {LIMITS("received: 10"), "Received: from a by b\r\n", 10, "554"},
        {LIMITS("headers: 50"), "X: y\r\n", 49, "250"}, /* and the Subject */
        {LIMITS("headers: 50"), "X: y\r\n", 50, "554"},
        {LIMITS("header_bytes: 8KiB"), "X: 78901234\r\n", 628, "250"},
        {LIMITS("header_bytes: 8KiB"), "X: 78901234\r\n", 632, "552"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *world = world_create(cases[i].config, ON(HEADERS) | ON(MESSAGE) | OBSERVERS);
        bool taken = strcmp(cases[i].reply, "250") == 0;

        begin(world, false, RCPT);
        say(world, repeat(cases[i].line, cases[i].n, MESSAGE));
        assert_replies(world, 0, cases[i].reply);
        assert_int_equal(seen.calls[GP_HOOK_HEADERS], taken); /* nobody is asked about it */
        assert_int_equal(seen.calls[GP_HOOK_MESSAGE], taken);
        assert_int_equal(world_files(world, "/box/new"), taken);
        assert_int_equal(seen.calls[GP_HOOK_RESET], !taken);
        say(world, MAIL); /* the session goes on */
        assert_replies(world, 0, "250");
        world_free(&world);
    }
}

/* Delivered-To of a recipient: it was here before (RFC 9228). */
static void test_delivered_before(void **state)
{
    static const struct {
        const char *field;
        bool lmtp;
        const char *recipients, *replies, *to;
        size_t held;
    } cases[] = {
        {"Delivered-To: b@example.test\r\n", false, RCPT, "554", "", 0},
        {"Delivered-To: b@EXAMPLE.test\r\n", false, RCPT, "554", "", 0},
        {"Delivered-To: bb@example.test\r\n", false, RCPT, "250", "b ", 0},
        {"Delivered-To: b@example.test\r\n", true, RCPT RCPT2, "554 250", "c ", 0},
        {"Delivered-To: b@example.test\r\n", false, RCPT RCPT2, "250", "c ", 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *world = world_create(CONFIG, OBSERVERS);

        begin(world, cases[i].lmtp, cases[i].recipients);
        say(world, repeat(cases[i].field, 1, MESSAGE));
        assert_replies(world, 0, cases[i].replies);
        assert_to(cases[i].to);
        assert_int_equal(world_files(world, "/held"), cases[i].held);
        world_free(&world);
    }
}

/* ---- Authentication-Results ---- */

#define ADD(call, method, result, property, value, reason)                                         \
    gp_auth_result(call, GP_S(method), GP_S(result), property, GP_S(value), reason)
#define NONE gp_slice(NULL, 0)

static enum gp_verdict found_at_connect(struct gp_call *call)
{
    assert_int_equal(ADD(call, "iprev", "pass", GP_S("policy.iprev"), "192.0.2.1", NONE), 0);
    return GP_NEXT;
}

static enum gp_verdict found_at_message(struct gp_call *call)
{
    assert_int_equal(
        ADD(call, "spf", "fail", GP_S("smtp.mailfrom"), "a b@\"x\r\ny", GP_S("no (\"")), 0);
    assert_int_equal(ADD(call, "bad method", "fail", NONE, "", NONE), GP_EINVAL);
    assert_int_equal(ADD(call, "spf", "", NONE, "", NONE), GP_EINVAL);
    assert_int_equal(ADD(call, "spf", "fail", GP_S("smtp mailfrom"), "", NONE), GP_EINVAL);
    return GP_NEXT;
}

static enum gp_verdict found_too_much(struct gp_call *call)
{
    for (int i = 0; i < 50; i++)
        assert_int_equal(ADD(call, "x-test", "none", NONE, "", NONE), 0);
    assert_int_equal(ADD(call, "x-test", "none", NONE, "", NONE), GP_ELIMIT);
    return GP_NEXT;
}

static enum gp_verdict found_too_late(struct gp_call *call)
{
    assert_int_equal(ADD(call, "spf", "pass", NONE, "", NONE), GP_ENOTALLOWED);
    return GP_NEXT;
}

#define FORGED                                                                                     \
    "Authentication-Results: mx.example.test; spf=pass\r\n"                                        \
    "Authentication-Results: \"MX.example.TEST\"; dkim=pass\r\n"                                   \
    "Authentication-Results: other.example; spf=pass\r\n"

static void test_authentication_results(void **state)
{
    struct world *world = world_create(CONFIG, ON(CONNECT) | ON(MESSAGE) | OBSERVERS);
    struct gp_slice file;

    (void)state;
    seen.fn[GP_HOOK_CONNECT] = found_at_connect;
    seen.fn[GP_HOOK_MESSAGE] = found_at_message;
    begin(world, false, RCPT);
    say(world, repeat(FORGED, 1, MESSAGE));
    assert_replies(world, 0, "250");
    file = only_file(world, "/box/new");
    assert_true(gp_slice_starts(file, GP_S("Authentication-Results: mx.example.test;")));
    assert_int_equal(count(file, "Authentication-Results:"), 2); /* ours, and that of the other */
    assert_int_equal(count(file, "other.example; spf=pass\r\n"), 1);
    assert_int_equal(count(file, "iprev=pass policy.iprev=192.0.2.1"), 1);
    assert_int_equal(count(file, "spf=fail reason=\"no (\\\"\""), 1);
    assert_int_equal(count(file, "smtp.mailfrom="), 1);
    assert_int_equal(count(file, "\ny"), 0); /* no line of its own */
    world_free(&world);
}

/* Nobody looked: no field; too many; after the fact. */
static void test_authentication_results_bounds(void **state)
{
    enum gp_verdict (*const fns[])(struct gp_call * call) = {NULL, found_too_much, found_too_late};

    (void)state;
    for (size_t i = 0; i < COUNT(fns); i++) {
        struct world *world = world_create(CONFIG, ON(MESSAGE) | ON(SEAL) | OBSERVERS);

        seen.fn[fns[i] == found_too_late ? GP_HOOK_SEAL : GP_HOOK_MESSAGE] = fns[i];
        begin(world, false, RCPT);
        say(world, MESSAGE);
        assert_replies(world, 0, fns[i] == found_too_late ? "451" : "250");
        assert_int_equal(count(only_file(world, "/box/new"), "Authentication-Results:"),
                         fns[i] == found_too_much);
        assert_int_equal(world_logged(world, "hook.fault"), fns[i] == found_too_late);
        world_free(&world);
    }
}

/* ---- what plugins are told ---- */

static enum gp_verdict before_route(struct gp_call *call)
{
    const struct gp_recipient *recipient = gp_rcpt(call);

    assert_int_equal(gp_rcpt_class(recipient), GP_CLASS_UNKNOWN);
    assert_false(gp_rcpt_valid(recipient));
    assert_false(gp_slice_present(gp_rcpt_route(recipient)));
    assert_int_equal(gp_server_port(call), 25);
    assert_true(gp_helo_extended(call));
    return GP_NEXT;
}

static enum gp_verdict after_route(struct gp_call *call)
{
    const struct gp_recipient *recipient = gp_rcpt(call);

    assert_int_equal(gp_rcpt_class(recipient), GP_CLASS_OURS);
    assert_true(gp_rcpt_valid(recipient));
    assert_true(gp_slice_eq(gp_rcpt_route(recipient), GP_S("box")));
    assert_false(gp_slice_present(gp_rcpt_bucket(recipient)));
    return gp_quarantine(call, GP_S("spam"), "so");
}

static enum gp_verdict once_marked(struct gp_call *call)
{
    assert_int_equal(gp_rcpt_count(call), 1);
    assert_true(gp_slice_eq(gp_rcpt_bucket(gp_rcpt_at(call, 0)), GP_S("spam")));
    return GP_NEXT;
}

static void test_recipients(void **state)
{
    struct world *world = world_create(CONFIG, ON(RESOLVE) | ON(RCPT) | ON(MESSAGE) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_RESOLVE] = before_route;
    seen.fn[GP_HOOK_RCPT] = after_route;
    seen.fn[GP_HOOK_MESSAGE] = once_marked;
    begin(world, false, RCPT);
    say(world, MESSAGE);
    assert_replies(world, 0, "250");
    assert_int_equal(
        seen.ended[GP_HOOK_RESOLVE] + seen.ended[GP_HOOK_RCPT] + seen.ended[GP_HOOK_MESSAGE], 3);
    assert_int_equal(world_files(world, "/held/spam"), 2);
    world_free(&world);
}

#define TYPED                                                                                      \
    "From: \"Jo \xe2\x82\xac\" <jo@a.example>, Team: x@b.example;, nonsense\r\n"                   \
    "Content-Type: text/plain; charset=utf-8; name*0=a; name*1=b\r\n"

static enum gp_verdict from_and_type(struct gp_call *call)
{
    struct gp_message *message = gp_message(call);
    const struct gp_mailboxes *list;
    const struct gp_part *part = gp_part_first(call, message);
    size_t malformed, n;

    n = gp_mailboxes_parse(call, gp_header_value(call, gp_header_find(message, GP_S("From"), 0)),
                           &list, &malformed);
    assert_int_equal(n, 2);
    assert_int_equal(malformed, 1);
    assert_true(gp_slice_eq(gp_mailbox(list, 0, GP_MAILBOX_ADDRESS), GP_S("jo@a.example")));
    assert_true(gp_slice_eq(gp_mailbox(list, 0, GP_MAILBOX_LOCAL), GP_S("jo")));
    assert_true(gp_slice_eq(gp_mailbox(list, 0, GP_MAILBOX_DOMAIN), GP_S("a.example")));
    assert_true(gp_slice_eq(gp_mailbox(list, 0, GP_MAILBOX_NAME), GP_S("Jo \xe2\x82\xac")));
    assert_false(gp_slice_present(gp_mailbox(list, 0, GP_MAILBOX_GROUP)));
    assert_true(gp_slice_eq(gp_mailbox(list, 1, GP_MAILBOX_GROUP), GP_S("Team")));
    assert_false(gp_slice_present(gp_mailbox(list, 1, GP_MAILBOX_NAME)));
    assert_false(gp_slice_present(gp_mailbox(list, 2, GP_MAILBOX_ADDRESS)));
    assert_false(gp_slice_present(gp_mailbox(NULL, 0, GP_MAILBOX_ADDRESS)));
    assert_true(gp_slice_eq(gp_part_parameter(call, part, GP_S("CHARSET")), GP_S("utf-8")));
    assert_true(gp_slice_eq(gp_part_parameter(call, part, GP_S("name")), GP_S("ab")));
    assert_false(gp_slice_present(gp_part_parameter(call, part, GP_S("format"))));
    return GP_NEXT;
}

/* Every chunk but the last, empty one has bytes. */
static enum gp_verdict chunks(struct gp_call *call)
{
    assert_true(gp_body_last(call) == (gp_body_chunk(call).len == 0));
    seen.last_chunks += gp_body_last(call);
    return GP_NEXT;
}

static enum gp_verdict one_copy(struct gp_call *call)
{
    struct gp_slice id = gp_copy_id(gp_copy_current(call)), transaction = gp_transaction_id(call);

    assert_int_equal(id.len, transaction.len + 2); /* ID.a */
    assert_true(gp_slice_starts(id, transaction) && gp_slice_ends(id, GP_S(".a")));
    assert_false(gp_slice_present(gp_copy_id(NULL)));
    return GP_NEXT;
}

static void test_content(void **state)
{
    struct world *world = world_create(CONFIG, ON(BODY) | ON(MESSAGE) | ON(SEAL) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_BODY] = chunks;
    seen.fn[GP_HOOK_MESSAGE] = from_and_type;
    seen.fn[GP_HOOK_SEAL] = one_copy;
    begin(world, false, RCPT);
    say(world, repeat(TYPED, 1, "\r\none\r\n"));
    say(world, "two\r\n.\r\n");
    assert_replies(world, 0, "250");
    assert_int_equal(seen.ended[GP_HOOK_BODY], 3);
    assert_int_equal(seen.last_chunks, 1);
    assert_int_equal(seen.ended[GP_HOOK_MESSAGE] + seen.ended[GP_HOOK_SEAL], 2);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_budgets),
        cmocka_unit_test(test_delivered_before),
        cmocka_unit_test(test_authentication_results),
        cmocka_unit_test(test_authentication_results_bounds),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_content),
    };

    return cmocka_run_group_tests(tests, NULL, text_free);
}

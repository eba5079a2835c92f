// SPDX-License-Identifier: Apache-2.0
/*
 * What the spool gets at the end of data: queued recipients, what direct targets could not take,
 * held mail and drafts, all in one commit, last; and that nothing is left of it when that fails.
 */
#include "tests/unit/server/world.h"

#include "tests/unit/spool/memory.h"

#define QUEUED                                                                                     \
    "hostname: mx.example.test\n"                                                                  \
    "tables: {users: {list: {}}}\n"                                                                \
    "targets: {box: {box: {}}}\n"                                                                  \
    "routes:\n"                                                                                    \
    "  - {name: direct, match: {recipient: direct.test}, to: box, mode: direct}\n"                 \
    "  - {name: queued, match: {recipient: example.test}, to: box}\n"                              \
    "spool: {path: /spool}\n"                                                                      \
    "buckets: {spam: {}}\n" CONFIG_CHAIN CONFIG_LISTENER

#define RCPT_DIRECT "RCPT TO:<d@direct.test>\r\n"

static struct world *open_world(unsigned hooks)
{
    struct world *world = world_create(QUEUED, hooks);

    world->server.spool = gp__spool_writer_open(world->rt, &memory_settings, GP_S("w0"), NULL);
    world->server.doubts = gp__doubts_open(gp_slice(NULL, 0));
    world_connect(world);
    return world;
}

static void close_world(struct world *world)
{
    struct gp__spool_writer *writer = world->server.spool;
    struct gp__doubts *doubts = world->server.doubts;

    world_free(&world);
    gp__doubts_close(&doubts);
    gp__spool_writer_close(&writer);
    memory_forget();
}

/* The nth that was kept; lives in the arena. */
static struct gp__entry kept(struct gp__arena *arena, size_t n)
{
    struct gp__place place = {.segment = 1, .offset = (uint32_t)n};
    struct gp__entry entry;

    assert_int_equal(memory_read(NULL, place, arena, &entry), 0);
    return entry;
}

static void assert_text(struct gp_slice s, const char *expected)
{
    if (!gp_slice_eq(s, gp_slice_of(expected)))
        fail_msg("\"" GP_FMT "\" instead of \"%s\"", GP_ARG(s), expected);
}

static void send_to(struct world *world, const char *recipients)
{
    say(world, HELLO);
    say(world, MAIL);
    say(world, recipients);
    say(world, "DATA\r\n");
    (void)replies(world, 0);
    say(world, MESSAGE);
}

static void queued(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    (void)unused;
    memory.takes_ms = 50;
    send_to(world, RCPT RCPT2);
    assert_replies(world, 10, "");
    assert_replies(world, 50, "250");
    assert_int_equal(memory.commits, 1);
    assert_int_equal(memory.n, 1);
    assert_int_equal(seen.delivers, 0);
    entry = kept(arena, 0);
    assert_int_equal(entry.n_recipients, 2);
    assert_text(entry.recipients[0].address, "b@example.test");
    assert_text(entry.recipients[0].route, "queued");
    assert_text(entry.copies[0].sender, "a@example.com");
    assert_text(entry.client_ip, "203.0.113.7");
    assert_text(entry.base, "Subject: x\r\n\r\nbody\r\n");
    assert_int_equal(entry.copies[0].n_pieces, 2);
    assert_true(world_logged(world, "queued"));
    gp__arena_free(&arena);
    close_world(world);
}

/* The id in the 250 is that of the entry. */
static void id_in_reply(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice output;

    (void)unused;
    send_to(world, RCPT);
    gp__sim_advance(world->rt, 1);
    output = gp__sim_client_output(world->client);
    assert_true(gp_slice_search(output, kept(arena, 0).id) < output.len);
    gp__arena_free(&arena);
    close_world(world);
}

static const struct {
    int error;
    const char *code;
    bool told; /* by us: the spool tells what is the disk's */
} failures[] = {{GP_ENOSPC, "452", false}, {GP_EIO, "451", false}, {GP_EINVAL, "451", true}};

static void not_kept(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(failures); i++) {
        struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

        memory.error = failures[i].error;
        send_to(world, RCPT);
        assert_replies(world, 1, failures[i].code);
        assert_int_equal(world_logged(world, "message.not_kept"), failures[i].told);
        close_world(world);
    }
}

/* The client that left before the commit keeps its mail; one that leaves during it does not. */
static void client_leaves(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

    (void)unused;
    memory.takes_ms = 50;
    send_to(world, RCPT);
    gp__sim_advance(world->rt, 10);
    gp__sim_client_reset(world->client);
    gp__sim_advance(world->rt, 100);
    assert_int_equal(memory.n, 1);
    assert_true(world_logged(world, "queued"));
    close_world(world);
}

/* ---- direct neighbours ---- */

static int box_says(struct gp_call *call, struct gp_delivery *delivery)
{
    (void)call;
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++) {
        struct gp_slice local = gp_rcpt_local(gp_delivery_rcpt_at(delivery, i));

        gp_delivery_remote(delivery, i, GP_S("box.example [192.0.2.7]"));
        if (gp_slice_eq(local, GP_S("later")))
            gp_delivery_result(delivery, i, GP_OUTCOME_DEFERRED, "450 4.2.0", "later");
        else if (gp_slice_eq(local, GP_S("never")))
            gp_delivery_result(delivery, i, GP_OUTCOME_FAILED, "550 5.1.1", "never");
        else
            gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
    }
    return 0;
}

static const struct {
    const char *recipients, *code;
    size_t queued, held, files; /* in the spool; in the box */
} mixed[] = {
    {"RCPT TO:<d@direct.test>\r\n", "250", 0, 0, 1},
    {"RCPT TO:<later@direct.test>\r\n", "450", 0, 0, 0},
    {"RCPT TO:<never@direct.test>\r\n", "550", 0, 0, 0},
    /* one that is served: the neighbour's 4xx is ours now, its 5xx is held */
    {"RCPT TO:<d@direct.test>\r\nRCPT TO:<later@direct.test>\r\n", "250", 1, 0, 1},
    {"RCPT TO:<d@direct.test>\r\nRCPT TO:<never@direct.test>\r\n", "250", 0, 1, 1},
    {"RCPT TO:<b@example.test>\r\nRCPT TO:<later@direct.test>\r\n", "250", 2, 0, 0},
    {"RCPT TO:<b@example.test>\r\nRCPT TO:<never@direct.test>\r\n", "250", 1, 1, 0},
    {"RCPT TO:<never@direct.test>\r\nRCPT TO:<later@direct.test>\r\n", "450", 0, 0, 0},
};

static void neighbours(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(mixed); i++) {
        struct world *world = open_world(1u << GP_HOOK_ACCEPTED);
        struct gp__arena *arena = gp__arena_create();
        size_t queued_n = 0, held = 0;
        struct gp__entry entry;

        seen.deliver = box_says;
        send_to(world, mixed[i].recipients);
        assert_replies(world, 10, mixed[i].code);
        assert_true(memory.commits <= 1);
        if (memory.n) {
            entry = kept(arena, 0);
            for (size_t n = 0; n < entry.n_recipients; n++) {
                held += gp_slice_present(entry.recipients[n].bucket);
                queued_n += !gp_slice_present(entry.recipients[n].bucket);
            }
        }
        if (queued_n != mixed[i].queued || held != mixed[i].held)
            fail_msg("row %zu: %zu queued, %zu held", i, queued_n, held);
        gp__arena_free(&arena);
        close_world(world);
    }
}

/* A direct target has shown it, then the spool fails: the client is told to come again, and that
 * somebody gets it twice is counted. */
static void shown_then_failed(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

    (void)unused;
    memory.error = GP_ENOSPC;
    send_to(world, RCPT RCPT_DIRECT);
    assert_replies(world, 10, "452");
    assert_true(world_logged(world, "delivery.doubled"));
    close_world(world);
}

/* ---- held, and drafts ---- */

static enum gp_verdict on_message(struct gp_call *call)
{
    struct gp_draft *draft;

    assert_int_equal(gp_draft_create(call, &draft), 0);
    assert_int_equal(gp_draft_sender(draft, GP_S("list@example.test")), 0);
    assert_int_equal(gp_draft_rcpt(draft, GP_S("e@example.test")), 0);
    assert_int_equal(gp_draft_header(draft, GP_S("Subject"), GP_S("report")), 0);
    assert_int_equal(gp_draft_submit(draft), 0);
    return gp_quarantine(call, GP_S("spam"), "looks bad");
}

static void held_and_draft(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_MESSAGE);
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    (void)unused;
    seen.fn[GP_HOOK_MESSAGE] = on_message;
    send_to(world, RCPT);
    assert_replies(world, 10, "250");
    assert_int_equal(memory.commits, 1);
    assert_int_equal(memory.n, 2);
    entry = kept(arena, 0);
    assert_text(entry.recipients[0].bucket, "spam");
    assert_text(entry.recipients[0].reason, "marked by probe");
    assert_text(entry.recipients[0].route, "queued");
    entry = kept(arena, 1);
    assert_text(entry.recipients[0].address, "e@example.test");
    assert_text(entry.recipients[0].notify, "NEVER");
    assert_int_equal(entry.draft_depth, 1);
    assert_true(gp_slice_eq(entry.parent, kept(arena, 0).id));
    gp__arena_free(&arena);
    close_world(world);
}

/* ---- bounced ---- */

#define AUTHENTICATED GP__BOUNCE_TO_AUTHENTICATED

static void bounced(void **unused)
{
    static const struct {
        const char *user, *mail, *parameters;
        size_t kept, held;
    } rows[] = {
        {"alice", "MAIL FROM:<a@example.com>\r\n", "", 2, 0},
        {"alice", "MAIL FROM:<a@example.com>\r\n", " NOTIFY=SUCCESS", 1, 1},
        {NULL, "MAIL FROM:<a@example.com>\r\n", "", 1, 1},
        {"alice", "MAIL FROM:<>\r\n", "", 1, 1},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = open_world(1u << GP_HOOK_ACCEPTED);
        struct gp__arena *arena = gp__arena_create();
        struct gp__entry entry;
        size_t held = 0;

        seen.deliver = box_says;
        world->entrance.policy.mixed_reject = GP__MIXED_BOUNCE;
        world->entrance.bounce_to = AUTHENTICATED;
        say(world, HELLO);
        world->server.clients->session->auth_user = rows[i].user ? gp_slice_of(rows[i].user)
                                                                 : gp_slice(NULL, 0);
        say(world, rows[i].mail);
        say(world, "RCPT TO:<never@direct.test>");
        say(world, rows[i].parameters);
        say(world, "\r\nRCPT TO:<b@example.test>\r\n");
        say(world, "DATA\r\n");
        (void)replies(world, 0);
        say(world, MESSAGE);
        assert_replies(world, 10, "250");
        assert_int_equal(memory.commits, 1);
        assert_int_equal(memory.n, rows[i].kept);
        entry = kept(arena, 0);
        for (size_t n = 0; n < entry.n_recipients; n++)
            held += gp_slice_present(entry.recipients[n].bucket);
        assert_int_equal(held, rows[i].held);
        if (rows[i].kept == 2) {
            entry = kept(arena, 1);
            assert_text(entry.recipients[0].address, "a@example.com");
            assert_false(gp_slice_present(entry.recipients[0].route));
            assert_text(entry.copies[0].sender, "");
            assert_true(gp_slice_eq(entry.parent, kept(arena, 0).id));
            assert_true(gp_slice_search(entry.base, GP_S("never@direct.test")) < entry.base.len);
            assert_true(gp_slice_search(entry.base, GP_S("5.1.1")) < entry.base.len);
            assert_true(gp_slice_search(entry.base, GP_S("Remote-MTA: dns; box.example")) <
                        entry.base.len);
        }
        gp__arena_free(&arena);
        close_world(world);
    }
}

/* ---- success ---- */

/* Who asked is told that a direct target delivered; that this can't be kept is no refusal. */
static void confirmed(void **unused)
{
    static const struct {
        const char *user, *mail, *parameters, *others;
        int error;
        size_t kept;
    } rows[] = {
        {"alice", "MAIL FROM:<a@example.com>\r\n", " NOTIFY=SUCCESS", "", 0, 1},
        {"alice", "MAIL FROM:<a@example.com>\r\n", " NOTIFY=SUCCESS", RCPT, 0, 2},
        {"alice", "MAIL FROM:<a@example.com>\r\n", "", "", 0, 0},
        {"alice", "MAIL FROM:<a@example.com>\r\n", " NOTIFY=FAILURE", "", 0, 0},
        {"alice", "MAIL FROM:<>\r\n", " NOTIFY=SUCCESS", "", 0, 0},
        {NULL, "MAIL FROM:<a@example.com>\r\n", " NOTIFY=SUCCESS", "", 0, 0},
        {"alice", "MAIL FROM:<a@example.com>\r\n", " NOTIFY=SUCCESS", "", GP_ENOSPC, 0},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = open_world(1u << GP_HOOK_ACCEPTED);
        struct gp__arena *arena = gp__arena_create();

        seen.deliver = box_says;
        world->entrance.bounce_to = AUTHENTICATED;
        memory.error = rows[i].error;
        say(world, HELLO);
        world->server.clients->session->auth_user = rows[i].user ? gp_slice_of(rows[i].user)
                                                                 : gp_slice(NULL, 0);
        say(world, rows[i].mail);
        say(world, "RCPT TO:<d@direct.test>");
        say(world, rows[i].parameters);
        say(world, "\r\n");
        say(world, rows[i].others);
        say(world, "DATA\r\n");
        (void)replies(world, 0);
        say(world, MESSAGE);
        assert_replies(world, 10, "250");
        assert_int_equal(memory.n, rows[i].kept);
        assert_int_equal(world_logged(world, "bounce.failed"), rows[i].error != 0);
        if (rows[i].kept) {
            struct gp__entry entry = kept(arena, rows[i].kept - 1);

            assert_text(entry.recipients[0].address, "a@example.com");
            assert_text(entry.copies[0].sender, "");
            assert_true(gp_slice_search(entry.base, GP_S("Action: delivered")) < entry.base.len);
            assert_true(gp_slice_search(entry.base, GP_S("rfc822; d@direct.test")) <
                        entry.base.len);
        }
        gp__arena_free(&arena);
        close_world(world);
    }
}

/* ---- doubts ---- */

/* A message that was taken, but its client broke off before the 250. */
static void taken_in_doubt(struct world *world, void (*breaks)(struct gp__sim_client *client))
{
    memory.takes_ms = 50;
    send_to(world, RCPT);
    gp__sim_advance(world->rt, 10);
    breaks(world->client);
    gp__sim_advance(world->rt, 100);
    assert_int_equal(memory.n, 1);
}

static void comes_again(void **unused)
{
    void (*const breaks[])(struct gp__sim_client * client) = {gp__sim_client_reset,
                                                              gp__sim_client_eof};

    (void)unused;
    for (size_t i = 0; i < COUNT(breaks); i++) {
        struct world *world = open_world(1u << GP_HOOK_ACCEPTED | 1u << GP_HOOK_RESET);
        struct gp__arena *arena = gp__arena_create();
        struct gp_slice output;

        taken_in_doubt(world, breaks[i]);
        assert_true(world_logged(world, "message.doubt"));
        world_connect_from(world, "203.0.113.99"); /* of the same network */
        send_to(world, RCPT);
        gp__sim_advance(world->rt, 1);
        output = gp__sim_client_output(world->client);
        assert_true(gp_slice_starts(output, GP_S("250")));
        assert_true(gp_slice_search(output, kept(arena, 0).id) < output.len);
        assert_int_equal(memory.n, 1);
        assert_int_equal(seen.calls[GP_HOOK_ACCEPTED], 1);
        assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
        gp__arena_free(&arena);
        close_world(world);
    }
}

static const struct {
    const char *ip, *recipients, *message;
    uint64_t after_ms;
} others[] = {
    {"203.0.112.7", RCPT, MESSAGE, 0},
    {"203.0.113.7", RCPT RCPT2, MESSAGE, 0},
    {"203.0.113.7", RCPT, "Subject: x\r\n\r\nbodi\r\n.\r\n", 0},
    {"203.0.113.7", RCPT, MESSAGE, GP__DOUBT_MS + 1},
};

static void is_another(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

        taken_in_doubt(world, gp__sim_client_reset);
        gp__sim_advance(world->rt, others[i].after_ms);
        world_connect_from(world, others[i].ip);
        say(world, HELLO);
        say(world, MAIL);
        say(world, others[i].recipients);
        say(world, "DATA\r\n");
        (void)replies(world, 0);
        say(world, others[i].message);
        assert_replies(world, 100, "250");
        assert_int_equal(memory.n, 2);
        close_world(world);
    }
}

static void say_large(struct world *world, char middle)
{
    static char body[(size_t)200 << 10];

    memset(body, 'x', sizeof body);
    for (size_t at = 76; at + 2 <= sizeof body; at += 78)
        memcpy(body + at, "\r\n", 2);
    body[sizeof body / 2 / 78 * 78] = middle;
    say(world, HELLO);
    say(world, MAIL);
    say(world, RCPT);
    say(world, "DATA\r\n");
    (void)replies(world, 0);
    gp__sim_client_send(world->client, GP_S("Subject: x\r\n\r\n"));
    gp__sim_client_send(world->client, gp_slice(body, sizeof body));
    gp__sim_client_send(world->client, GP_S("\r\n.\r\n"));
}

/* Each byte of a message counts, wherever it is. */
static void large_is_another(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

    (void)unused;
    memory.takes_ms = 50;
    say_large(world, 'a');
    gp__sim_advance(world->rt, 10);
    gp__sim_client_reset(world->client);
    gp__sim_advance(world->rt, 100);
    world_connect(world);
    say_large(world, 'b');
    gp__sim_advance(world->rt, 100);
    assert_int_equal(memory.n, 2);
    gp__sim_client_reset(world->client);
    gp__sim_advance(world->rt, 100);
    world_connect(world);
    say_large(world, 'a');
    gp__sim_advance(world->rt, 100);
    assert_int_equal(memory.n, 2);
    close_world(world);
}

/* Whoever goes on after the 250, or takes his leave after it, has it. */
static void no_doubt(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

    (void)unused;
    send_to(world, RCPT);
    assert_replies(world, 10, "250");
    say(world, "NOOP\r\n");
    gp__sim_client_reset(world->client);
    world_connect(world);
    send_to(world, RCPT);
    assert_replies(world, 10, "250");
    gp__sim_client_eof(world->client);
    gp__sim_advance(world->rt, 10);
    world_connect(world);
    send_to(world, RCPT);
    assert_replies(world, 10, "250");
    assert_int_equal(memory.n, 3);
    assert_false(world_logged(world, "message.doubt"));
    close_world(world);
}

/* A client that does not read loses its session: the 250 was written, and did not leave. */
static void time_out(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

    (void)unused;
    for (int reads = 1; reads >= 0; reads--) {
        say(world, HELLO);
        say(world, MAIL);
        say(world, RCPT);
        say(world, "DATA\r\n");
        (void)replies(world, 0);
        if (!reads)
            gp__sim_client_window(world->client, 0);
        say(world, MESSAGE);
        gp__sim_advance(world->rt, 1000000); /* more than the time for a command */
        gp__sim_client_window(world->client, SIZE_MAX);
        gp__sim_client_eof(world->client);
        gp__sim_advance(world->rt, 100);
        assert_int_equal(world_logged(world, "message.doubt"), !reads);
        world_connect(world);
    }
    send_to(world, RCPT);
    assert_replies(world, 100, "250");
    assert_int_equal(memory.n, 2);
    close_world(world);
}

static void dedupe_off(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

    (void)unused;
    world->entrance.dedupe = false;
    taken_in_doubt(world, gp__sim_client_reset);
    world_connect(world);
    send_to(world, RCPT);
    assert_replies(world, 100, "250");
    assert_int_equal(memory.n, 2);
    close_world(world);
}

static void lmtp_again(void **unused)
{
    struct world *world = open_world(1u << GP_HOOK_ACCEPTED);

    (void)unused;
    memory.takes_ms = 50;
    world->entrance.smtp.protocol = GP__PROTOCOL_LMTP;
    for (int i = 0; i < 2; i++) {
        world_connect(world);
        say(world, "LHLO client.example\r\n");
        say(world, MAIL);
        say(world, RCPT RCPT2);
        say(world, "DATA\r\n");
        (void)replies(world, 0);
        say(world, MESSAGE);
        if (i == 1)
            break;
        gp__sim_advance(world->rt, 10);
        gp__sim_client_reset(world->client);
        gp__sim_advance(world->rt, 100);
    }
    assert_replies(world, 10, "250 250");
    assert_int_equal(memory.n, 1);
    close_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queued),         cmocka_unit_test(id_in_reply),
        cmocka_unit_test(not_kept),       cmocka_unit_test(client_leaves),
        cmocka_unit_test(neighbours),     cmocka_unit_test(shown_then_failed),
        cmocka_unit_test(held_and_draft), cmocka_unit_test(bounced),
        cmocka_unit_test(confirmed),      cmocka_unit_test(comes_again),
        cmocka_unit_test(is_another),     cmocka_unit_test(large_is_another),
        cmocka_unit_test(no_doubt),       cmocka_unit_test(time_out),
        cmocka_unit_test(dedupe_off),     cmocka_unit_test(lmtp_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The client engine against servers that turn hostile: in each state it waits in, each attack. What
 * must hold is the same for all: it ends, in time and with bounded memory, says nothing that only a
 * good answer allows, and nobody counts as delivered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/smtp/client_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CAN "250-x\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"
#define CHUNKS "250-x\r\n250 CHUNKING\r\n"
#define MEMORY_MAX ((size_t)1 << 20)

enum flags {
    TLS = 1 << 0,
    LOGIN = 1 << 1,
    BDAT = 1 << 2,
    LMTP = 1 << 3,
    HAVE_IT = 1 << 4, /* the last byte of the message has left */
    LEAVING = 1 << 5, /* QUIT was said: what it says to that is nobody's business */
};

/* How far it is when it turns: what it has said, and what to. */
static const struct stage {
    const char *name;
    unsigned flags;
    const char *said[7];
    const char *next; /* a good answer here */
} stages[] = {
    {"greeting", 0, {NULL}, "220 x\r\n"},
    {"EHLO", 0, {"220 x\r\n"}, CAN},
    {"HELO", 0, {"220 x\r\n", "500 what\r\n"}, "250 x\r\n"},
    {"STARTTLS", TLS, {"220 x\r\n", CAN}, "220 go\r\n"},
    {"EHLO inside TLS", TLS, {"220 x\r\n", CAN, "220 go\r\n"}, CAN},
    {"AUTH", TLS | LOGIN, {"220 x\r\n", CAN, "220 go\r\n", CAN}, "235 in\r\n"},
    {"MAIL", 0, {"220 x\r\n", "250 x\r\n"}, "250 ok\r\n"},
    {"MAIL, pipelined", 0, {"220 x\r\n", CAN}, "250 ok\r\n"},
    {"RCPT", 0, {"220 x\r\n", "250 x\r\n", "250 ok\r\n"}, "250 ok\r\n"},
    {"RCPT, pipelined", 0, {"220 x\r\n", CAN, "250 ok\r\n"}, "250 ok\r\n"},
    {"DATA", 0, {"220 x\r\n", "250 x\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n"}, "354 go\r\n"},
    {"DATA, pipelined", 0, {"220 x\r\n", CAN, "250 ok\r\n250 ok\r\n250 ok\r\n"}, "354 go\r\n"},
    {"the end",
     HAVE_IT,
     {"220 x\r\n", CAN, "250 ok\r\n250 ok\r\n250 ok\r\n", "354 go\r\n"},
     "250 kept\r\n"},
    {"the end, of the first by LMTP",
     HAVE_IT | LMTP,
     {"220 x\r\n", CAN, "250 ok\r\n250 ok\r\n250 ok\r\n", "354 go\r\n"},
     "450 later\r\n"},
    {"BDAT, the first chunk",
     BDAT,
     {"220 x\r\n", CHUNKS, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n"},
     "250 more\r\n"},
    {"BDAT, in the middle",
     BDAT,
     {"220 x\r\n", CHUNKS, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 more\r\n"},
     "250 more\r\n"},
    {"BDAT, the last chunk",
     BDAT | HAVE_IT,
     {"220 x\r\n", CHUNKS, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 more\r\n",
      "250 more\r\n"},
     "250 kept\r\n"},
    {"QUIT",
     LEAVING,
     {"220 x\r\n", CAN, "250 ok\r\n250 ok\r\n250 ok\r\n", "354 go\r\n", "450 later\r\n"},
     "221 bye\r\n"},
};

struct server {
    const struct stage *stage;
    struct gp__smtp_client_settings settings;
    struct gp__smtp_client *client;
    struct gp__smtp_client_recipient to[2];
    struct gp__smtp_client_mail mail;
    uint64_t now;
    size_t pieces, sent;
    size_t content; /* pieces that the client asked for */
    bool closed;
};

static bool is_delivered(const struct server *server)
{
    for (size_t i = 0; gp__smtp_client_outcome(server->client, i); i++)
        if (gp__smtp_client_outcome(server->client, i)->reply.code / 100 == 2)
            return true;
    return false;
}

/* Until it waits, or has ended. */
static void turn(struct server *server)
{
    struct gp__smtp_client *client = server->client;

    while (!server->closed) {
        enum gp__smtp_client_event event = gp__smtp_client_step(client, server->now);

        gp__buf_clear(gp__smtp_client_output(client));
        switch (event) {
        case GP__SMTP_CLIENT_INPUT:
            return;
        case GP__SMTP_CLIENT_READY:
            if (server->sent++ == 0)
                gp__smtp_client_send(client, &server->mail);
            else
                gp__smtp_client_quit(client);
            break;
        case GP__SMTP_CLIENT_CONTENT:
            server->content++;
            gp__smtp_client_content(client, GP_S("Subject: x\r\n"), ++server->pieces == 3);
            break;
        case GP__SMTP_CLIENT_SENT:
            break;
        case GP__SMTP_CLIENT_STARTTLS:
            gp__smtp_client_secured(client);
            break;
        case GP__SMTP_CLIENT_CLOSED:
            server->closed = true;
            break;
        }
    }
}

static void feed(struct server *server, struct gp_slice bytes)
{
    if (server->closed)
        return;
    gp__smtp_client_feed(server->client, bytes);
    turn(server);
    assert_true(server->client->in.cap < MEMORY_MAX);
}

static void begin(struct server *server, const struct stage *stage)
{
    *server = (struct server){
        .stage = stage,
        .settings = {.protocol = stage->flags & LMTP ? GP__PROTOCOL_LMTP : GP__PROTOCOL_SMTP,
                     .hostname = GP_S("me.example"),
                     .tls = stage->flags & TLS ? GP__CLIENT_TLS_REQUIRED : GP__CLIENT_TLS_NONE,
                     .bdat = stage->flags & BDAT},
        .to = {{.address = GP_S("r1@b.example")}, {.address = GP_S("r2@b.example")}},
        .mail = {.sender = GP_S("s@a.example"), .n_recipients = 2},
    };
    server->mail.recipients = server->to;
    if (stage->flags & LOGIN) {
        server->settings.user = GP_S("user");
        server->settings.password = GP_S("pass");
    }
    server->client = gp__smtp_client_create(&server->settings, 0);
    turn(server);
    for (size_t i = 0; i < COUNT(stage->said) && stage->said[i]; i++)
        feed(server, gp_slice_of(stage->said[i]));
    if (server->closed)
        fail_msg("%s: it has ended before: %s", stage->name, gp__smtp_client_error(server->client));
}

/* ---- attacks: each until it has ended ---- */

static void attack_eof(struct server *server)
{
    gp__smtp_client_eof(server->client);
    turn(server);
}

static void attack_half_a_reply(struct server *server)
{
    feed(server, GP_S("250-o"));
    attack_eof(server);
}

static void attack_421(struct server *server)
{
    feed(server, GP_S("421 4.3.2 going down\r\n"));
}

static void attack_nul(struct server *server)
{
    feed(server, gp_slice("25\0 ok\r\n", 8));
}

static void attack_bare_lf(struct server *server)
{
    feed(server, GP_S("250 ok\n250 ok\r\n"));
}

static void attack_bare_cr(struct server *server)
{
    feed(server, GP_S("250 ok\r250 ok\r\n"));
}

static void attack_two_codes(struct server *server)
{
    feed(server, GP_S("250-ok\r\n354 ok\r\n"));
}

static void attack_no_code(struct server *server)
{
    feed(server, GP_S("okay, go on\r\n"));
}

static void attack_silence(struct server *server)
{
    server->now = gp__smtp_client_deadline(server->client);
    turn(server);
}

static void attack_tls(struct server *server)
{
    feed(server, gp_slice("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9));
    attack_silence(server); /* it may be the begin of a line */
}

/* Replies to nothing, as if to whatever may come. */
static void attack_extra(struct server *server)
{
    char text[400];

    snprintf(text, sizeof text,
             "%s250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n250 kept\r\n",
             server->stage->next);
    feed(server, gp_slice_of(text));
}

/* One byte a second of a reply that would be good; the time for it is not each byte's. */
static void attack_drip(struct server *server)
{
    uint64_t until = gp__smtp_client_deadline(server->client);

    feed(server, GP_S("250-"));
    while (!server->closed && server->now <= until) {
        server->now += 1000;
        feed(server, GP_S("x"));
    }
    assert_true(server->now <= until);
}

#define TEN_MB ((size_t)10 << 20)

static void attack_endless_line(struct server *server)
{
    static char big[65536];

    memset(big, 'x', sizeof big);
    feed(server, GP_S("250 "));
    for (size_t n = 0; n < TEN_MB && !server->closed; n += sizeof big)
        feed(server, gp_slice(big, sizeof big));
}

static void attack_endless_reply(struct server *server)
{
    static char big[65536];

    for (size_t i = 0; i + 8 <= sizeof big; i += 8)
        memcpy(big + i, "250-ok\r\n", 8);
    for (size_t n = 0; n < TEN_MB && !server->closed; n += sizeof big)
        feed(server, gp_slice(big, sizeof big));
}

static const struct {
    const char *name;
    void (*run)(struct server *server);
} attacks[] = {
    {"closes", attack_eof},
    {"closes in a reply", attack_half_a_reply},
    {"421", attack_421},
    {"a NUL", attack_nul},
    {"bare LF", attack_bare_lf},
    {"bare CR", attack_bare_cr},
    {"two codes in a reply", attack_two_codes},
    {"no code", attack_no_code},
    {"TLS", attack_tls},
    {"replies to nothing", attack_extra},
    {"drips", attack_drip},
    {"says nothing", attack_silence},
    {"a line of 10 MB", attack_endless_line},
    {"a reply of 10 MB", attack_endless_reply},
};

/* What was sent whole may be there, unless the server says that it is not: it goes nowhere else. */
static void check_outcomes(const struct server *server, const char *attack)
{
    for (size_t i = 0; gp__smtp_client_outcome(server->client, i); i++) {
        const struct gp__smtp_outcome *outcome = gp__smtp_client_outcome(server->client, i);
        bool at_end = outcome->stage == GP__STAGE_END || outcome->reply.code == 421;

        if (!gp__reply_ok(&outcome->reply, 0) || outcome->reply.code / 100 != 4 ||
            (!at_end && server->stage->flags & (HAVE_IT | LEAVING)))
            fail_msg("%s, %s: stage %d, %u", server->stage->name, attack, (int)outcome->stage,
                     outcome->reply.code);
    }
}

static void test_every_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(stages); i++) {
        for (size_t k = 0; k < COUNT(attacks); k++) {
            struct server server;
            size_t content;

            begin(&server, &stages[i]);
            content = server.content;
            attacks[k].run(&server);
            if (!server.closed)
                fail_msg("%s, %s: it still waits", stages[i].name, attacks[k].name);
            if (attacks[k].run != attack_extra) {
                check_outcomes(&server, attacks[k].name);
                assert_int_equal(server.content, content);
            } else if (is_delivered(&server) && !(stages[i].flags & HAVE_IT)) {
                fail_msg("%s: it believes what nobody asked for", stages[i].name);
            }
            if (!(stages[i].flags & LEAVING))
                assert_non_null(gp__smtp_client_error(server.client));
            gp__smtp_client_free(&server.client);
        }
    }
}

/* Before TLS nothing counts that was said inside, and the other way round. */
static void test_another_hello_inside(void **state)
{
    static const struct {
        const char *outside, *inside;
        bool pipelines, login;
        uint64_t size;
    } rows[] = {
        {CAN, "250 x\r\n", false, false, 0},
        {"250 STARTTLS\r\n", "250-x\r\n250 STARTTLS\r\n", false, false, 0},
        {"250-x\r\n250 STARTTLS\r\n", "250-x\r\n250-PIPELINING\r\n250-SIZE 9\r\n250 AUTH PLAIN\r\n",
         true, true, 9},
        {"250-x\r\n250-SIZE 5\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "250-x\r\n250 SIZE 7\r\n",
         false, false, 7},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp__smtp_client_settings settings = {.hostname = GP_S("me.example"),
                                                    .tls = GP__CLIENT_TLS_REQUIRED};
        struct gp__smtp_client *client = gp__smtp_client_create(&settings, 0);
        const struct gp__capabilities *can = gp__smtp_client_capabilities(client);
        bool starttls = gp_slice_search(gp_slice_of(rows[i].outside), GP_S("-x")) <
                        strlen(rows[i].outside);

        gp__smtp_client_feed(client, GP_S("220 x\r\n"));
        gp__smtp_client_step(client, 0);
        gp__smtp_client_feed(client, gp_slice_of(rows[i].outside));
        gp__smtp_client_step(client, 0);
        if (!starttls) { /* the first line of a reply to EHLO names the host, and offers nothing */
            assert_non_null(gp__smtp_client_error(client));
            gp__smtp_client_free(&client);
            continue;
        }
        gp__smtp_client_feed(client, GP_S("220 go\r\n"));
        assert_int_equal(gp__smtp_client_step(client, 0), GP__SMTP_CLIENT_STARTTLS);
        gp__smtp_client_secured(client);
        gp__smtp_client_feed(client, gp_slice_of(rows[i].inside));
        assert_int_equal(gp__smtp_client_step(client, 0), GP__SMTP_CLIENT_READY);
        assert_int_equal((can->extensions & GP__EXT_PIPELINING) != 0, rows[i].pipelines);
        assert_int_equal(can->auth != 0, rows[i].login);
        assert_int_equal(can->size, rows[i].size);
        gp__smtp_client_free(&client);
    }
}

/* In one piece with the 220, in a line or without an end: it was said in the clear. */
static void test_injection(void **state)
{
    static const char *const rows[] = {
        "220 go\r\n250 x\r\n", "220 go\r\n250-x\r\n250 AUTH PLAIN\r\n", "220 go\r\n2",
        "220 go\r\n\r\n",      "220-go\r\n220 on\r\n250 x\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct server server;

        begin(&server, &stages[3]);
        feed(&server, gp_slice_of(rows[i]));
        assert_true(server.closed);
        assert_non_null(strstr(gp__smtp_client_error(server.client), "attack"));
        assert_false(server.client->encrypted);
        gp__smtp_client_free(&server.client);
    }
}

/* The server wants no more of it: the rest stays here, and who refused for good is believed. */
static void test_chunks_refused(void **state)
{
    static const struct {
        const char *answers[3];
        unsigned code;
        size_t pieces;
        bool lost;
    } rows[] = {
        {{"552 5.3.4 too big\r\n", "250 reset\r\n"}, 552, 1, false},
        {{"250 more\r\n", "452 4.3.1 full\r\n", "250 reset\r\n"}, 452, 2, false},
        {{"250 more\r\n", "503 what\r\n", "250 reset\r\n"}, 503, 2, false},
        {{"250 more\r\n", "354 go\r\n"}, 451, 2, true},
        {{"250 more\r\n", "421 4.3.2 bye\r\n"}, 421, 2, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct server server;

        begin(&server, &stages[14]);
        for (size_t k = 0; k < COUNT(rows[i].answers) && rows[i].answers[k]; k++)
            feed(&server, gp_slice_of(rows[i].answers[k]));
        for (size_t k = 0; k < 2; k++) {
            unsigned code = gp__smtp_client_outcome(server.client, k)->reply.code;

            if (code != rows[i].code)
                fail_msg("row %zu: %u", i, code);
        }
        assert_int_equal(server.pieces, rows[i].pieces);
        assert_int_equal(server.closed, rows[i].lost);
        gp__smtp_client_free(&server.client);
    }
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state),
        cmocka_unit_test(test_another_hello_inside),
        cmocka_unit_test(test_injection),
        cmocka_unit_test(test_chunks_refused),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}

// SPDX-License-Identifier: Apache-2.0
// Runs tests/transcript/*.txt over the engine: each whole, a byte at a time, and in random pieces. The format is
// documented in tests/transcript/README.md.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/units.h"
#include "core/runtime/crypto.h"
#include "core/smtp/server.h"

#define FILES_MAX 200
#define PLANNED_MAX 64
#define EVENTS_MAX 64
#define RANDOM_RUNS 20

enum mode { WHOLE, BYTES, PIECES };
static const char *const mode_names[] = {"whole", "byte by byte", "in pieces"};

struct planned {
    enum gp__smtp_ask ask;
    char text[300];
    bool used;
};

struct run {
    const char *file;
    int line;
    enum mode mode;
    unsigned seed;
    struct gp__smtp_settings settings;
    struct gp__arena *arena;
    struct gp_session *session;
    struct gp__smtp *smtp;
    uint64_t now;
    struct planned planned[PLANNED_MAX];
    size_t n_planned;
    char events[EVENTS_MAX][32];
    size_t n_events, seen_events;
    struct gp__buf packet, message;
    bool drain, asked, closed, done;
    int answered;
};

static void same_bytes(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 'x', len);
}

static const struct gp__crypto crypto = {
    .hash = gp__digest_hash, .hmac = gp__digest_hmac, .random = same_bytes};

static const char *const asks[GP__ASK_COUNT] = {
    "connect", "helo", "capabilities", "mail", "rcpt", "data",  "message",     "command",
    "vrfy",    "expn", "starttls",     "tls",  "auth", "login", "auth_failed", "xclient"};
static const char *const resets[] = {"none", "rset",   "helo",    "refused",
                                     "quit", "closed", "timeout", "starttls"};

static void fail_at(const struct run *run, const char *format, ...) GP_PRINTF(2, 3);
static void fail_at(const struct run *run, const char *format, ...)
{
    char text[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_msg("%s:%d (%s, seed %u): %s", run->file, run->line, mode_names[run->mode], run->seed,
             text);
}

static unsigned next_random(struct run *run)
{
    run->seed = run->seed * 1103515245u + 12345u;
    return run->seed >> 16;
}

/* Undoes \r \n \t \0 \\ \xHH. */
static struct gp_slice unescape(struct run *run, struct gp_slice text)
{
    char *out = gp__arena_bytes(run->arena, text.len + 1), *to = out;

    for (size_t i = 0; i < text.len; i++) {
        static const char names[] = "rnt0\\", values[] = "\r\n\t\0\\";
        const char *at;

        if (text.data[i] != '\\' || i + 1 == text.len) {
            *to++ = text.data[i];
            continue;
        }
        i++;
        at = strchr(names, text.data[i]);
        if (text.data[i] == 'x' && i + 2 < text.len) {
            *to++ = (char)(gp__hex_value(text.data[i + 1]) << 4 | gp__hex_value(text.data[i + 2]));
            i += 2;
        } else if (at && *at) {
            *to++ = values[at - names];
        } else {
            fail_at(run, "unknown escape \\%c", text.data[i]);
        }
    }
    return gp_slice(out, (size_t)(to - out));
}

/* ---- the host ---- */

static struct gp__reply reply_of(struct run *run, struct gp_slice text)
{
    struct gp__reply reply;
    struct gp_slice code = gp_slice_split(&text, ' '), enhanced = text;
    struct gp_slice word = gp_slice_split(&enhanced, ' ');
    bool has = word.len > 2 && word.data[1] == '.';
    struct gp_slice status = has ? gp__arena_printf(run->arena, GP_FMT " " GP_FMT, GP_ARG(code),
                                                    GP_ARG(word))
                                 : code;

    /* A malformed status is given as it is, to see what the engine does with it. */
    if (gp__reply_parse_status(status, &reply) < 0)
        reply = (struct gp__reply){.code = 999};
    reply.text = gp__arena_dup(run->arena, unescape(run, has ? enhanced : text));
    return reply;
}

static void answer_text(struct run *run, struct gp_slice text)
{
    struct gp__reply replies[16];
    struct gp__answer answer = {.decision = GP__PROCEED};
    struct gp_slice word = gp_slice_split(&text, ' ');

    if (gp_slice_eq(word, GP_S("refuse")))
        answer.decision = GP__REFUSE;
    else if (gp_slice_eq(word, GP_S("disconnect")))
        answer.decision = GP__DISCONNECT;
    else if (gp_slice_eq(word, GP_S("found")))
        answer.found = true, answer.value = text, text = GP_S("");
    else if (!gp_slice_eq(word, GP_S("proceed")) && !gp_slice_eq(word, GP_S("each")))
        fail_at(run, "unknown answer " GP_FMT, GP_ARG(word));
    if (gp_slice_eq(word, GP_S("each"))) {
        while (gp_slice_present(text))
            replies[answer.n_replies++] = reply_of(run, gp_slice_trim(gp_slice_split(&text, '|')));
        answer.replies = replies;
    } else if (text.len) {
        answer.reply = reply_of(run, text);
    }
    run->asked = false;
    run->answered = gp__smtp_answer(run->smtp, &answer);
}

static void edit_capabilities(struct run *run, struct gp__buf *lines, struct gp_slice text)
{
    struct gp_slice word = gp_slice_split(&text, ' ');

    if (gp_slice_eq(word, GP_S("clear")))
        gp__buf_clear(lines);
    else if (!gp_slice_eq(word, GP_S("add")))
        fail_at(run, "unknown edit " GP_FMT, GP_ARG(word));
    gp__buf_append(lines, unescape(run, text));
    gp__buf_append(lines, GP_S("\n"));
}

static void on_ask(struct run *run, const struct gp__smtp_event *event)
{
    struct gp_slice text = GP_S("proceed");

    for (size_t i = 0; i < run->n_planned; i++) {
        if (run->planned[i].used || run->planned[i].ask != event->ask)
            continue;
        run->planned[i].used = true;
        text = gp_slice_of(run->planned[i].text);
        break;
    }
    run->asked = true;
    if (gp_slice_eq(text, GP_S("hold")))
        return;
    if (event->ask == GP__ASK_CAPABILITIES && !gp_slice_starts(text, GP_S("proceed")) &&
        !gp_slice_starts(text, GP_S("refuse"))) {
        edit_capabilities(run, event->lines, text);
        text = GP_S("proceed");
    }
    if (event->ask == GP__ASK_DATA)
        gp__buf_clear(&run->message);
    answer_text(run, text);
}

static void note_event(struct run *run, const char *kind, const char *what)
{
    assert_true(run->n_events < EVENTS_MAX);
    snprintf(run->events[run->n_events++], sizeof run->events[0], "%s%s%s", kind, *what ? " " : "",
             what);
}

static void turn_crank(struct run *run)
{
    struct gp__smtp_event event;

    while ((event = gp__smtp_step(run->smtp, run->now)).type != GP__SMTP_INPUT) {
        if (event.type == GP__SMTP_ASK) {
            on_ask(run, &event);
        } else if (event.type == GP__SMTP_DATA) {
            gp__buf_append(&run->message, event.data);
            if (run->drain)
                gp__smtp_drain(run->smtp);
        } else if (event.type == GP__SMTP_RESET) {
            note_event(run, "reset", resets[event.reset]);
            gp__transaction_unref(&event.transaction);
        } else if (event.type == GP__SMTP_STARTTLS) {
            note_event(run, "starttls", "");
        } else {
            note_event(run, "close", "");
            run->closed = true;
        }
    }
    gp__smtp_settle(run->smtp);
}

/* ---- the client ---- */

static void feed(struct run *run, struct gp_slice bytes)
{
    /* A copy of its own size, so that reading past it or keeping it is seen. */
    char *copy = malloc(bytes.len + 1);

    memcpy(copy, bytes.data, bytes.len);
    gp__smtp_feed(run->smtp, gp_slice(copy, bytes.len));
    turn_crank(run);
    free(copy);
}

static void send_packet(struct run *run)
{
    struct gp_slice rest = gp__buf_slice(&run->packet);

    if (gp__smtp_output(run->smtp)->len)
        fail_at(run, "unexpected reply: " GP_FMT,
                GP_ARG(gp__buf_slice(gp__smtp_output(run->smtp))));
    while (rest.len) {
        size_t n = run->mode == WHOLE   ? rest.len
                   : run->mode == BYTES ? 1
                                        : next_random(run) % 40 + 1;

        feed(run, gp_slice_sub(rest, 0, n));
        rest = gp_slice_sub(rest, n, rest.len);
    }
    gp__buf_clear(&run->packet);
}

static void expect_reply(struct run *run, struct gp_slice want)
{
    struct gp__buf *out = gp__smtp_output(run->smtp);
    struct gp_slice all = gp__buf_slice(out);
    size_t end = gp_slice_search(all, GP_S("\r\n"));
    struct gp_slice line = gp_slice_sub(all, 0, end);
    bool match;

    if (end == all.len)
        fail_at(run, "no reply, wanted: " GP_FMT, GP_ARG(want));
    if (want.len && want.data[want.len - 1] == '*')
        match = gp_slice_starts(line, gp_slice_sub(want, 0, want.len - 1));
    else
        match = gp_slice_eq(line, want);
    if (!match)
        fail_at(run, "wanted \"" GP_FMT "\", got \"" GP_FMT "\"", GP_ARG(want), GP_ARG(line));
    gp__buf_consume(out, end + 2);
}

static void expect_event(struct run *run, struct gp_slice want)
{
    if (run->seen_events == run->n_events)
        fail_at(run, "no event, wanted: " GP_FMT, GP_ARG(want));
    if (!gp_slice_eq(gp_slice_of(run->events[run->seen_events]), want))
        fail_at(run, "wanted event " GP_FMT ", got %s", GP_ARG(want),
                run->events[run->seen_events]);
    run->seen_events++;
}

static void expect_message(struct run *run, struct gp_slice want)
{
    struct gp_slice have = gp__buf_slice(&run->message);

    if (!gp_slice_starts(have, want))
        fail_at(run, "message: wanted \"" GP_FMT "\", have \"" GP_FMT "\"", GP_ARG(want),
                GP_ARG(have));
    gp__buf_consume(&run->message, want.len);
}

/* ---- directives ---- */

static void set_extension(struct run *run, struct gp_slice value)
{
    static const struct {
        struct gp_slice name;
        unsigned bit;
    } names[] = {
        {{"PIPELINING", 10}, GP__EXT_PIPELINING},
        {{"SIZE", 4}, GP__EXT_SIZE},
        {{"8BITMIME", 8}, GP__EXT_8BITMIME},
        {{"SMTPUTF8", 8}, GP__EXT_SMTPUTF8},
        {{"CHUNKING", 8}, GP__EXT_CHUNKING},
        {{"BINARYMIME", 10}, GP__EXT_BINARYMIME},
        {{"DSN", 3}, GP__EXT_DSN},
        {{"LIMITS", 6}, GP__EXT_LIMITS},
        {{"VRFY", 4}, GP__EXT_VRFY},
        {{"EXPN", 4}, GP__EXT_EXPN},
        {{"HELP", 4}, GP__EXT_HELP},
        {{"PRDR", 4}, GP__EXT_PRDR},
        {{"REQUIRETLS", 10}, GP__EXT_REQUIRETLS},
        {{"ENHANCEDSTATUSCODES", 19}, GP__EXT_ENHANCEDSTATUSCODES},
    };
    struct gp_slice name = gp_slice_sub(value, 1, value.len);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!gp_slice_eq(names[i].name, name))
            continue;
        if (value.data[0] == '+')
            run->settings.extensions |= names[i].bit;
        else
            run->settings.extensions &= ~names[i].bit;
        return;
    }
    fail_at(run, "unknown extension " GP_FMT, GP_ARG(name));
}

static bool set_limit(struct run *run, struct gp_slice name, struct gp_slice value)
{
    int64_t number = 0;
    uint64_t big = 0;

#define READ_SIZE gp__size_parse(value, &big)
#define READ_INTEGER gp_slice_to_int(value, 0, INT64_MAX, &number)
#define READ_DURATION gp__duration_parse(value, &big)
#define TAKE_SIZE big
#define TAKE_INTEGER number
#define TAKE_DURATION big
#define X(kind, limit, def, least, most, doc)                                                      \
    if (gp_slice_eq(name, GP_S(#limit))) {                                                         \
        if (READ_##kind < 0)                                                                       \
            fail_at(run, "bad value");                                                             \
        run->settings.limits.limit = TAKE_##kind;                                                  \
        return true;                                                                               \
    }
    GP__LIMITS(X)
#undef X
    return false;
}

/* Mechanisms, after "plaintext" also offered without TLS. */
static void set_auth(struct run *run, struct gp_slice text)
{
    struct gp__auth_offer *auth = &run->settings.auth;

    auth->crypto = &crypto;
    while (gp_slice_present(text)) {
        struct gp_slice word = gp_slice_split(&text, ' ');
        enum gp__sasl_name name;

        if (gp_slice_eq(word, GP_S("plaintext")))
            auth->plaintext = true;
        else if (gp__sasl_find(word, &name))
            auth->mechanisms |= 1u << name;
        else
            fail_at(run, "unknown mechanism " GP_FMT, GP_ARG(word));
    }
}

/* With a channel binding. */
static void encrypt(struct run *run)
{
    run->session->tls_version = GP_S("TLSv1.3");
    run->session->tls_exporter = GP_S("EXPORTER");
}

static void set(struct run *run, struct gp_slice text)
{
    struct gp_slice name = gp_slice_split(&text, ' ');

    if (gp_slice_eq(name, GP_S("protocol")))
        run->settings.protocol = gp_slice_eq(text, GP_S("lmtp")) ? GP__PROTOCOL_LMTP
                                                                 : GP__PROTOCOL_SMTP;
    else if (gp_slice_eq(name, GP_S("line_endings")))
        run->settings.line_endings = gp_slice_eq(text, GP_S("normalize")) ? GP__LINES_NORMALIZE
                                     : gp_slice_eq(text, GP_S("close"))   ? GP__LINES_CLOSE
                                                                          : GP__LINES_STRICT;
    else if (gp_slice_eq(name, GP_S("pipelining")))
        run->settings.pipelining = gp_slice_eq(text, GP_S("note")) ? GP__PIPELINING_NOTE
                                                                   : GP__PIPELINING_ENFORCE;
    else if (gp_slice_eq(name, GP_S("auth")))
        set_auth(run, text);
    else if (gp_slice_eq(name, GP_S("auth_required")))
        run->settings.auth.required = true;
    else if (gp_slice_eq(name, GP_S("greeting")))
        run->settings.greeting = gp__arena_dup(run->arena, text);
    else if (gp_slice_eq(name, GP_S("starttls")))
        run->settings.starttls = gp_slice_eq(text, GP_S("required")) ? GP__STARTTLS_REQUIRED
                                                                     : GP__STARTTLS_OFFERED;
    else if (gp_slice_eq(name, GP_S("tls")))
        encrypt(run);
    else if (gp_slice_eq(name, GP_S("certificate")))
        run->session->tls_client_name = gp__arena_dup(run->arena, text);
    else if (gp_slice_eq(name, GP_S("xclient")))
        run->session->may_xclient = true;
    else if (gp_slice_eq(name, GP_S("xforward")))
        run->session->may_xforward = true;
    else if (gp_slice_eq(name, GP_S("extensions")))
        set_extension(run, text);
    else if (!set_limit(run, name, text))
        fail_at(run, "unknown setting " GP_FMT, GP_ARG(name));
}

static void plan(struct run *run, struct gp_slice text)
{
    struct gp_slice name = gp_slice_split(&text, ' ');
    struct planned *planned = &run->planned[run->n_planned];

    assert_true(run->n_planned < PLANNED_MAX);
    for (size_t i = 0; i < GP__ASK_COUNT; i++) {
        if (!gp_slice_eq(gp_slice_of(asks[i]), name))
            continue;
        planned->ask = (enum gp__smtp_ask)i;
        planned->used = false;
        snprintf(planned->text, sizeof planned->text, GP_FMT, GP_ARG(text));
        run->n_planned++;
        return;
    }
    fail_at(run, "unknown question " GP_FMT, GP_ARG(name));
}

static void append(struct run *run, struct gp_slice text, const char *end)
{
    gp__buf_append(&run->packet, unescape(run, text));
    gp__buf_append(&run->packet, gp_slice_of(end));
}

static void repeat(struct run *run, struct gp_slice text)
{
    struct gp_slice count = gp_slice_split(&text, ' ');
    int64_t n = 0;

    if (gp_slice_to_int(count, 1, 10000000, &n) < 0)
        fail_at(run, "bad count");
    text = unescape(run, text);
    while (n--)
        gp__buf_append(&run->packet, text);
}

static void check_fact(struct run *run, struct gp_slice text)
{
    struct gp_slice name = gp_slice_split(&text, ' ');
    const struct gp__smtp_counts *counts = gp__smtp_counts(run->smtp);
    int64_t want = -1, have = -2;

    if (gp_slice_eq(name, GP_S("talked_early")))
        have = run->session->talked_early;
    else if (gp_slice_eq(name, GP_S("pipelined_early")))
        have = counts->pipelined_early;
    else if (gp_slice_eq(name, GP_S("injected")))
        have = counts->injected;
    else if (gp_slice_eq(name, GP_S("extended")))
        have = run->session->extended;
    else if (gp_slice_eq(name, GP_S("messages")))
        have = (int64_t)counts->messages;
    else if (gp_slice_eq(name, GP_S("recipients")))
        have = (int64_t)counts->recipients;
    else if (gp_slice_eq(name, GP_S("errors")))
        have = (int64_t)counts->errors;
    else if (gp_slice_eq(name, GP_S("unknown")))
        have = (int64_t)counts->unknown;
    else if (gp_slice_eq(name, GP_S("answered")))
        have = run->answered;
    else if (gp_slice_eq(name, GP_S("idle")))
        have = gp__smtp_idle(run->smtp);
    else if (gp_slice_eq(name, GP_S("authenticated")))
        have = gp_slice_present(run->session->auth_user);
    else
        fail_at(run, "unknown fact " GP_FMT, GP_ARG(name));
    if (gp_slice_to_int(text, -1, INT64_MAX, &want) < 0 || want != have)
        fail_at(run, GP_FMT " is %lld", GP_ARG(name), (long long)have);
}

static void start(struct run *run)
{
    if (run->smtp)
        return;
    run->smtp = gp__smtp_create(&run->settings, run->session, run->now);
    if (run->packet.len)
        feed(run, gp__buf_slice(&run->packet)); /* before the greeting */
    gp__buf_clear(&run->packet);
    turn_crank(run);
}

static void wait_for(struct run *run, struct gp_slice text)
{
    uint64_t ms = 0;

    if (gp__duration_parse(text, &ms) < 0)
        fail_at(run, "bad duration");
    run->now += ms;
    turn_crank(run);
}

static void abort_session(struct run *run, struct gp_slice text)
{
    struct gp__reply reply;

    if (text.len)
        reply = reply_of(run, text);
    gp__smtp_abort(run->smtp, text.len ? &reply : NULL);
    turn_crank(run);
}

/* The handshake is the host's: the engine only learns that it is done. */
static void secured(struct run *run)
{
    encrypt(run);
    gp__smtp_secured(run->smtp);
    turn_crank(run);
}

static void directive(struct run *run, struct gp_slice key, struct gp_slice text)
{
    if (gp_slice_eq(key, GP_S("set")))
        set(run, text);
    else if (gp_slice_eq(key, GP_S("A:")))
        plan(run, text);
    else if (gp_slice_eq(key, GP_S("EARLY:")))
        append(run, text, "\r\n");
    else if (gp_slice_eq(key, GP_S("drain")))
        run->drain = true;
    else if (start(run), gp_slice_eq(key, GP_S("C:")))
        append(run, text, "\r\n"), send_packet(run);
    else if (gp_slice_eq(key, GP_S("P:")))
        append(run, text, "\r\n");
    else if (gp_slice_eq(key, GP_S("R:")))
        append(run, text, ""), send_packet(run);
    else if (gp_slice_eq(key, GP_S("X:")))
        repeat(run, text);
    else if (gp_slice_eq(key, GP_S("S:")))
        expect_reply(run, text);
    else if (gp_slice_eq(key, GP_S("M:")))
        expect_message(run,
                       gp__arena_printf(run->arena, GP_FMT "\r\n", GP_ARG(unescape(run, text))));
    else if (gp_slice_eq(key, GP_S("M.")))
        assert_int_equal(run->message.len, 0);
    else if (gp_slice_eq(key, GP_S("E:")))
        expect_event(run, text);
    else if (gp_slice_eq(key, GP_S("wait")))
        wait_for(run, text);
    else if (gp_slice_eq(key, GP_S("secured")))
        secured(run);
    else if (gp_slice_eq(key, GP_S("abort")))
        abort_session(run, text);
    else if (gp_slice_eq(key, GP_S("answer")))
        answer_text(run, text), turn_crank(run);
    else if (gp_slice_eq(key, GP_S("fact")))
        check_fact(run, text);
    else
        fail_at(run, "unknown directive " GP_FMT, GP_ARG(key));
}

static void check_end(struct run *run)
{
    start(run);
    if (gp__smtp_output(run->smtp)->len)
        fail_at(run, "unexpected reply: " GP_FMT,
                GP_ARG(gp__buf_slice(gp__smtp_output(run->smtp))));
    if (run->seen_events < run->n_events)
        fail_at(run, "unexpected event: %s", run->events[run->seen_events]);
    for (size_t i = 0; i < run->n_planned; i++)
        if (!run->planned[i].used)
            fail_at(run, "never asked: %s", asks[run->planned[i].ask]);
}

static void run_script(const char *file, struct gp_slice script, enum mode mode, unsigned seed)
{
    struct run run = {.file = file, .mode = mode, .seed = seed, .now = 1000};

    run.settings = (struct gp__smtp_settings){.hostname = GP_S("mx.example"),
                                              .extensions = GP__EXT_DEFAULT};
    gp__limits_default(&run.settings.limits);
    run.arena = gp__arena_create();
    run.session = gp__session_create("0123456789abcdef");
    run.session->hostname = run.settings.hostname;
    while (script.len) {
        struct gp_slice line = gp_slice_split(&script, '\n'), rest = line;
        struct gp_slice key = gp_slice_split(&rest, ' ');

        run.line++;
        if (line.len && line.data[0] != '#' && !gp_slice_eq(key, GP_S("mode")))
            directive(&run, key, rest);
    }
    check_end(&run);
    gp__smtp_free(&run.smtp);
    assert_int_equal(run.session->refs, 1);
    gp__session_unref(&run.session);
    gp__buf_free(&run.packet);
    gp__buf_free(&run.message);
    gp__arena_free(&run.arena);
}

static struct gp_slice read_file(const char *path)
{
    struct gp__buf buf = {0};
    FILE *file = fopen(path, "rb");
    size_t room, n;

    assert_non_null(file);
    do {
        char *to = gp__buf_room(&buf, 4096, &room);

        n = fread(to, 1, room, file);
        gp__buf_added(&buf, n);
    } while (n);
    fclose(file);
    return gp__buf_slice(&buf);
}

static void run_file(void **state)
{
    const char *path = *state;
    struct gp_slice script = read_file(path);
    bool whole_only = gp_slice_search(script, GP_S("\nmode whole\n")) < script.len;

    run_script(path, script, WHOLE, 0);
    if (!whole_only) {
        run_script(path, script, BYTES, 0);
        for (unsigned seed = 1; seed <= RANDOM_RUNS; seed++)
            run_script(path, script, PIECES, seed);
    }
    free((void *)(uintptr_t)script.data);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(void)
{
    static struct CMUnitTest tests[FILES_MAX];
    const char *folder = "transcript";
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t n = 0;
    int result;

    if (!dir)
        dir = opendir(folder = "tests/transcript");
    if (!dir)
        return 1;
    while ((entry = readdir(dir)) && n < FILES_MAX) {
        char path[600];

        if (!gp_slice_ends(gp_slice_of(entry->d_name), GP_S(".txt")))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        tests[n].name = gp__strdup(path);
        tests[n].test_func = run_file;
        tests[n].initial_state = (void *)(uintptr_t)tests[n].name;
        n++;
    }
    closedir(dir);
    if (n == 0)
        return 1;
    qsort(tests, n, sizeof tests[0], by_name);
    result = _cmocka_run_group_tests("transcripts", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)tests[i].name);
    gp__arena_pool_free();
    return result;
}

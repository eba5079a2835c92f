// SPDX-License-Identifier: Apache-2.0
/*
 * Input, output, questions and time. Input is a window over what is held (kept by settle) and
 * what was fed (borrowed), in this order; both are read in place. A state's step function does
 * one thing; step() turns the crank until there is an event or nothing left to do.
 */
#include "core/smtp/server_internal.h"

#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/smtp/macros.h"
#include "core/smtp/milter_internal.h"

#define RATE_GRACE_MS 60000u /* before the rate of a message counts */
#define OUT_KEEP 256u        /* what an idle session keeps of its output buffer */

static const struct gp__reply no_memory = GP__REPLY_INIT(421, 4, 3, 0,
                                                         "Out of memory, try again later");
static const struct gp__reply too_many_errors = GP__REPLY_INIT(421, 4, 7, 0,
                                                               "Too many errors in this session");
static const struct gp__reply timeout_command = GP__REPLY_INIT(
    421, 4, 4, 2, "Timeout while waiting for a command");
static const struct gp__reply timeout_data = GP__REPLY_INIT(
    421, 4, 4, 2, "Timeout while waiting for the message");
static const struct gp__reply too_slow = GP__REPLY_INIT(421, 4, 4, 2,
                                                        "The message comes too slowly");

/* ---- input ---- */

struct gp_slice gp__smtp_window(const struct gp__smtp *smtp)
{
    return smtp->held.len ? gp__buf_slice(&smtp->held) : smtp->fed;
}

void gp__smtp_consume(struct gp__smtp *smtp, size_t n)
{
    if (smtp->held.len)
        gp__buf_consume(&smtp->held, n);
    else
        smtp->fed = gp_slice_sub(smtp->fed, n, smtp->fed.len);
}

size_t gp__smtp_pending(const struct gp__smtp *smtp)
{
    return smtp->held.len + smtp->fed.len;
}

/* Whether the line in view is one of an AUTH exchange, or begins one. */
static bool is_secret(const struct gp__smtp *smtp, struct gp_slice line)
{
    if (!smtp->settings->auth.mechanisms || smtp->state > GP__STATE_AUTH)
        return false;
    return smtp->state == GP__STATE_AUTH ||
           gp_slice_caseeq(gp_slice_sub(line, 0, 5), GP_S("AUTH "));
}

/* Moves n bytes from what was fed to what is held. */
static int hold(struct gp__smtp *smtp, size_t n)
{
    if (gp__buf_append(&smtp->held, gp_slice_sub(smtp->fed, 0, n)) < 0) {
        gp__smtp_close(smtp, &no_memory, GP__RESET_CLOSED);
        return -1;
    }
    smtp->fed = gp_slice_sub(smtp->fed, n, smtp->fed.len);
    return 0;
}

void gp__smtp_feed(struct gp__smtp *smtp, struct gp_slice bytes)
{
    /* Nothing of the plaintext side reaches the engine once STARTTLS was answered. */
    if (smtp->state >= GP__STATE_STARTTLS || bytes.len == 0)
        return;
    gp__smtp_settle(smtp);
    smtp->fed = bytes;
    smtp->counts.bytes_in += bytes.len;
    GP__COUNT_BY(bytes_in, bytes.len);
    if (smtp->state == GP__STATE_GREETING)
        smtp->session->talked_early = true;
}

bool gp__smtp_fed_secret(struct gp__smtp *smtp)
{
    bool secret = smtp->fed_secret;

    smtp->fed_secret = false;
    return secret;
}

void gp__smtp_settle(struct gp__smtp *smtp)
{
    if (smtp->fed.len)
        smtp->fed_secret |= is_secret(smtp, gp__smtp_window(smtp));
    if (smtp->fed.len)
        (void)hold(smtp, smtp->fed.len);
    smtp->fed = gp_slice(NULL, 0);
}

/* The rest of a line that is held in part. False when there is no more input. */
static bool more_of_line(struct gp__smtp *smtp, bool was_held)
{
    struct gp_slice part = gp_slice_sub(smtp->fed, 0, smtp->lexer.limit);
    size_t lf = gp_slice_find(part, '\n');

    if (!was_held || part.len == 0)
        return false;
    if (smtp->held.len == 0)
        return true;
    return hold(smtp, lf < part.len ? lf + 1 : part.len) == 0;
}

/* An initial response stands in the command line, and tokens are long: what RFC 4954 allows for the
 * responses holds for it too. */
static uint64_t line_limit(const struct gp__smtp *smtp, bool secret)
{
    const struct gp__limits *limits = &smtp->settings->limits;

    return secret ? limits->auth_line + 2 : limits->command_line;
}

static bool read_line(struct gp__smtp *smtp, struct gp_slice *line_r, enum gp__line_flaw *flaw_r)
{
    bool was_held, found, secret;
    size_t used;

    do {
        was_held = smtp->held.len > 0;
        secret = is_secret(smtp, gp__smtp_window(smtp));
        smtp->lexer.limit = line_limit(smtp, secret);
        found = gp__lexer_next(&smtp->lexer, gp__smtp_window(smtp), &used, line_r, flaw_r);
        gp__smtp_consume(smtp, used);
    } while (!found && more_of_line(smtp, was_held));
    if (found && *flaw_r == GP__LINE_LONG)
        gp__count_at(secret ? GP__COUNTER(limit_auth_line) : GP__COUNTER(limit_command_line));
    return found;
}

/* ---- output ---- */

/* Only who said SMTPUTF8 gets UTF-8 in replies (RFC 6531 3.7.4.2). */
static bool may_have_utf8(const struct gp__smtp *smtp)
{
    const struct gp_transaction *transaction = smtp->proposed ? smtp->proposed
                                                              : smtp->session->transaction;

    return transaction && transaction->mail.smtputf8;
}

static void make_ascii(char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (gp__is_8bit(from[i]))
            from[i] = '?';
}

void gp__smtp_reply(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp__reply plain = *reply;
    size_t before = smtp->out.len;

    /* To an MTA nothing is said but answers to its commands. */
    if (smtp->state >= GP__STATE_CLOSING || smtp->milter)
        return;
    if (!(smtp->settings->extensions & GP__EXT_ENHANCEDSTATUSCODES))
        plain.klass = 0;
    if (gp__reply_write(&smtp->out, &plain) < 0) {
        gp__smtp_end_transaction(smtp, GP__RESET_CLOSED, NULL);
        smtp->state = GP__STATE_CLOSING;
        return;
    }
    if (!may_have_utf8(smtp))
        make_ascii(smtp->out.data + smtp->out.start + before, smtp->out.len - before);
}

void gp__smtp_count_error(struct gp__smtp *smtp)
{
    if (gp__smtp_note_error(smtp) <= (uint64_t)smtp->settings->limits.errors)
        return;
    GP__LIMIT_HIT(errors);
    gp__smtp_close(smtp, &too_many_errors, GP__RESET_CLOSED);
}

/* A 4xx asks the client to come back: it did nothing wrong. */
void gp__smtp_refuse(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    if (reply->code >= 500)
        gp__smtp_count_error(smtp);
    gp__smtp_reply(smtp, reply);
}

struct gp__buf *gp__smtp_output(struct gp__smtp *smtp)
{
    return &smtp->out;
}

void gp__smtp_trim(struct gp__smtp *smtp)
{
    if (smtp->out.len == 0 && smtp->out.cap > OUT_KEEP)
        gp__buf_free(&smtp->out);
    if (smtp->held.len == 0)
        gp__buf_free(&smtp->held);
}

/* ---- the end of a transaction, and of the session ---- */

void gp__smtp_end_transaction(struct gp__smtp *smtp, enum gp__reset_reason reason,
                              const struct gp__reply *refusal)
{
    struct gp_transaction **from = smtp->proposed ? &smtp->proposed : &smtp->session->transaction;

    if (!*from)
        return;
    smtp->ended = *from;
    *from = NULL;
    smtp->ended->detached = true;
    smtp->reset = (uint8_t)reason;
    smtp->refusal = refusal;
    smtp->rcpt = NULL;
}

void gp__smtp_close(struct gp__smtp *smtp, const struct gp__reply *reply,
                    enum gp__reset_reason reason)
{
    if (smtp->state >= GP__STATE_CLOSING)
        return;
    if (reply)
        gp__smtp_reply(smtp, reply);
    gp__smtp_end_transaction(smtp, reason, NULL);
    smtp->asking = false;
    smtp->ask_open = false;
    gp__auth_done(smtp);
    smtp->state = GP__STATE_CLOSING;
    gp__smtp_command_done(smtp);
}

void gp__smtp_abort(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    gp__smtp_close(smtp, reply, GP__RESET_CLOSED);
}

enum gp__step gp__closing_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    event->type = GP__SMTP_CLOSE;
    smtp->state = GP__STATE_CLOSED;
    smtp->fed = gp_slice(NULL, 0);
    gp__buf_free(&smtp->held);
    return GP__STEP_EVENT;
}

enum gp__step gp__closed_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    (void)smtp;
    (void)event;
    return GP__STEP_WAIT;
}

/* ---- questions ---- */

struct gp__command *gp__smtp_command(struct gp__smtp *smtp)
{
    if (!smtp->scratch) {
        smtp->scratch = gp__arena_create();
        smtp->command = GP__ARENA_NEW(smtp->scratch, struct gp__command);
    }
    return smtp->command;
}

void gp__smtp_command_done(struct gp__smtp *smtp)
{
    if (!smtp->scratch)
        return;
    gp__buf_free(&smtp->command->lines);
    smtp->command = NULL;
    gp__arena_free(&smtp->scratch);
}

void gp__smtp_ask(struct gp__smtp *smtp, enum gp__smtp_ask ask)
{
    smtp->ask = (uint8_t)ask;
    smtp->asking = true;
}

static void fill_ask(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    event->type = GP__SMTP_ASK;
    event->ask = (enum gp__smtp_ask)smtp->ask;
    event->rcpt = smtp->rcpt;
    event->sasl = smtp->sasl;
    event->transaction = smtp->proposed ? smtp->proposed : smtp->session->transaction;
    if (smtp->command) {
        event->verb = smtp->command->verb;
        event->argument = smtp->command->argument;
        event->lines = &smtp->command->lines;
    }
    smtp->asking = false;
    smtp->ask_open = true;
}

/* What each question's answer may be, and what it leads to. */
static const struct {
    char digit; /* of a positive reply; 0: any, the host's own */
    struct gp__reply usual;
    gp__answer_fn *proceed, *refused;
} asks[GP__ASK_COUNT] = {
    [GP__ASK_CONNECT] = {'2', {0}, gp__connect_proceed, gp__connect_refused},
    [GP__ASK_HELO] = {'2', {0}, gp__helo_proceed, gp__helo_refused},
    [GP__ASK_CAPABILITIES] = {'2', {0}, gp__capabilities_proceed, gp__helo_refused},
    [GP__ASK_MAIL] = {'2', GP__REPLY_INIT(250, 2, 1, 0, "Ok"), gp__mail_proceed, gp__mail_refused},
    [GP__ASK_RCPT] = {'2', GP__REPLY_INIT(250, 2, 1, 5, "Ok"), gp__rcpt_proceed, gp__rcpt_refused},
    [GP__ASK_DATA] = {'3', GP__REPLY_INIT(354, 0, 0, 0, "End data with <CR><LF>.<CR><LF>"),
                      gp__data_proceed, gp__data_refused},
    [GP__ASK_MESSAGE] = {'2', {0}, NULL, NULL},
    [GP__ASK_COMMAND] = {'2', {0}, gp__unknown_proceed, gp__smtp_refuse},
    [GP__ASK_VRFY] = {'2', GP__REPLY_INIT(252, 2, 5, 0, "Send mail to find out"), gp__smtp_reply,
                      gp__smtp_refuse},
    [GP__ASK_EXPN] = {'2', GP__REPLY_INIT(252, 2, 5, 0, "Cannot expand that"), gp__smtp_reply,
                      gp__smtp_refuse},
    [GP__ASK_STARTTLS] = {'2', GP__REPLY_INIT(220, 2, 0, 0, "Ready to start TLS"),
                          gp__starttls_proceed, gp__smtp_refuse},
    [GP__ASK_XCLIENT] = {'2', {0}, gp__xclient_proceed, gp__smtp_refuse},
    [GP__ASK_XLOGIN] = {'2', {0}, gp__xlogin_proceed, gp__xlogin_refused},
    [GP__ASK_TLS] = {'2', {0}, gp__tls_proceed, gp__tls_refused},
    [GP__ASK_AUTH] = {'2', {0}, NULL, gp__auth_refused},
    [GP__ASK_LOGIN] = {'2', GP__REPLY_INIT(235, 2, 7, 0, "Authentication successful"),
                       gp__login_proceed, gp__auth_refused},
    [GP__ASK_AUTH_FAILED] = {'2', {0}, gp__auth_failed_proceed, gp__auth_refused},
};

/* Checks a reply of the host and completes it: each line shall have an enhanced code. */
static int check_reply(struct gp__reply *reply, bool refusal, char digit)
{
    if (!gp__reply_ok(reply, refusal ? 0 : digit) || (refusal && reply->code < 400)) {
        *reply = GP__REPLY(451, 4, 3, 0, "Local error in processing");
        return -1;
    }
    if (!reply->klass && reply->code / 100 != 3) {
        reply->klass = (uint8_t)(reply->code / 100);
        reply->subject = 0;
        reply->detail = 0;
    }
    return 0;
}

/* The end of a session by the host's decision. */
static void disconnect(struct gp__smtp *smtp, const struct gp__answer *answer,
                       const struct gp__reply *reply)
{
    if (smtp->ask == GP__ASK_CONNECT || smtp->ask == GP__ASK_TLS)
        asks[smtp->ask].refused(smtp, reply);
    else if (smtp->ask == GP__ASK_MESSAGE)
        gp__message_answered(smtp, answer, reply);
    else
        gp__smtp_refuse(smtp, reply);
    gp__smtp_close(smtp, NULL, GP__RESET_CLOSED);
}

static void act(struct gp__smtp *smtp, const struct gp__answer *answer,
                const struct gp__reply *reply, bool refused)
{
    if (smtp->milter)
        gp__milter_answered(smtp, answer, reply);
    else if (answer->decision == GP__DISCONNECT)
        disconnect(smtp, answer, reply);
    else if (smtp->ask == GP__ASK_MESSAGE)
        gp__message_answered(smtp, answer, reply);
    else if (refused)
        asks[smtp->ask].refused(smtp, reply);
    else if (smtp->ask == GP__ASK_AUTH)
        gp__auth_answered(smtp, answer);
    else
        asks[smtp->ask].proceed(smtp, reply);
}

static int check_replies(const struct gp__answer *answer)
{
    int result = 0;

    for (size_t i = 0; answer->replies && i < answer->n_replies; i++)
        if (!gp__message_reply_ok(&answer->replies[i]))
            result = -1;
    return result;
}

int gp__smtp_answer(struct gp__smtp *smtp, const struct gp__answer *answer)
{
    struct gp__reply reply = answer->reply;
    bool refused = answer->decision != GP__PROCEED;
    int result = check_replies(answer);

    if (!smtp->ask_open)
        return -1;
    smtp->ask_open = false;
    smtp->rearm = true;
    if (!refused && reply.code == 0) {
        reply = asks[smtp->ask].usual;
    } else if (check_reply(&reply, refused, asks[smtp->ask].digit) < 0) {
        refused = true;
        result = -1;
    }
    act(smtp, answer, &reply, refused);
    if (!smtp->asking && smtp->state != GP__STATE_CHUNK)
        gp__smtp_command_done(smtp);
    return result;
}

/* ---- time ---- */

void gp__smtp_message_clock(struct gp__smtp *smtp)
{
    smtp->message_began = smtp->now;
    smtp->message_base = smtp->counts.bytes_in - gp__smtp_pending(smtp);
    smtp->excused = 0;
}

void gp__smtp_excuse(struct gp__smtp *smtp, uint64_t ms)
{
    smtp->excused += ms;
}

/* When so few bytes of a message were too slow on average: a client that sends one a minute would
 * hold its session for as long as a message may take. */
static uint64_t rate_deadline(const struct gp__smtp *smtp)
{
    uint64_t rate = smtp->settings->limits.data_rate;
    uint64_t bytes = smtp->counts.bytes_in - smtp->message_base;

    if (rate == 0)
        return UINT64_MAX;
    return smtp->message_began + RATE_GRACE_MS + smtp->excused +
           (bytes / rate * 1000 + bytes % rate * 1000 / rate);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t gp__smtp_deadline(const struct gp__smtp *smtp)
{
    const struct gp__limits *limits = &smtp->settings->limits;
    uint64_t idle = smtp->mark + limits->data_timeout;
    uint64_t whole = smtp->message_began + limits->message_time;

    if (smtp->ask_open || smtp->state == GP__STATE_CLOSED)
        return UINT64_MAX;
    if (smtp->rearm || smtp->asking || smtp->ended || smtp->state == GP__STATE_CLOSING)
        return 0;
    if (smtp->state == GP__STATE_DATA || smtp->state == GP__STATE_CHUNK)
        return least(least(idle, whole), rate_deadline(smtp));
    if (smtp->milter)
        return gp__milter_deadline(smtp);
    if (smtp->state == GP__STATE_STARTTLS) /* the handshake has its own budget */
        return smtp->handshaking ? UINT64_MAX : 0;
    return smtp->mark + limits->command_timeout;
}

/* Whether the client took too long; the session is closing then. */
static bool timed_out(struct gp__smtp *smtp)
{
    bool data = smtp->state == GP__STATE_DATA || smtp->state == GP__STATE_CHUNK;

    if (smtp->now < gp__smtp_deadline(smtp))
        return false;
    if (!data) {
        if (!smtp->milter)
            GP__LIMIT_HIT(command_timeout);
        gp__smtp_close(smtp, &timeout_command, GP__RESET_TIMEOUT);
    } else if (smtp->now >= rate_deadline(smtp)) {
        GP__LIMIT_HIT(data_rate);
        gp__smtp_close(smtp, &too_slow, GP__RESET_TIMEOUT);
    } else {
        GP__LIMIT_HIT(data_timeout);
        gp__smtp_close(smtp, &timeout_data, GP__RESET_TIMEOUT);
    }
    return true;
}

/* A question was answered: from now on it is the client that is waited for. The answer that lets
 * data come is the only one in these states. */
static void rearm(struct gp__smtp *smtp)
{
    smtp->rearm = false;
    smtp->mark = smtp->now;
    if (smtp->state == GP__STATE_DATA || smtp->state == GP__STATE_CHUNK)
        gp__smtp_message_clock(smtp);
}

/* ---- steps ---- */

/* The line was used: its bytes are wiped where they are ours, else the host is to do it. */
static void forget_line(struct gp__smtp *smtp, struct gp_slice line)
{
    const char *held = smtp->held.data;

    if (held && line.data >= held && line.data < held + smtp->held.cap)
        explicit_bzero(smtp->held.data + (line.data - held), line.len);
    else
        smtp->fed_secret = true;
}

enum gp__step gp__auth_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    struct gp_slice line = gp_slice(NULL, 0);
    enum gp__line_flaw flaw;

    (void)event;
    if (!read_line(smtp, &line, &flaw))
        return smtp->state == GP__STATE_AUTH ? GP__STEP_WAIT : GP__STEP_AGAIN;
    smtp->mark = smtp->now;
    gp__auth_line(smtp, line, flaw);
    forget_line(smtp, line);
    return GP__STEP_AGAIN;
}

enum gp__step gp__command_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    struct gp_slice line = gp_slice(NULL, 0);
    enum gp__line_flaw flaw;
    bool secret;

    (void)event;
    if (!read_line(smtp, &line, &flaw))
        return smtp->state == GP__STATE_COMMAND ? GP__STEP_WAIT : GP__STEP_AGAIN;
    smtp->mark = smtp->now;
    secret = !flaw && is_secret(smtp, line);
    if (flaw)
        gp__command_flawed(smtp, flaw);
    else
        gp__command_dispatch(smtp, line);
    if (secret)
        forget_line(smtp, line);
    return GP__STEP_AGAIN;
}

static enum gp__step turn(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    static enum gp__step (*const steps[])(struct gp__smtp *, struct gp__smtp_event *) = {
#define X(name, text, step) step,
        GP__SMTP_STATES(X)
#undef X
    };

    if (smtp->ended) {
        *event = (struct gp__smtp_event){.type = GP__SMTP_RESET,
                                         .reset = (enum gp__reset_reason)smtp->reset,
                                         .transaction = smtp->ended,
                                         .refusal = smtp->refusal};
        smtp->ended = NULL; /* the host's now */
        return GP__STEP_EVENT;
    }
    if (smtp->asking) {
        fill_ask(smtp, event);
        return GP__STEP_EVENT;
    }
    return steps[smtp->state](smtp, event);
}

struct gp__smtp_event gp__smtp_step(struct gp__smtp *smtp, uint64_t now_ms)
{
    struct gp__smtp_event event = {.type = GP__SMTP_INPUT};

    if (now_ms > smtp->now) /* never backwards */
        smtp->now = now_ms;
    if (smtp->rearm)
        rearm(smtp);
    while (!smtp->ask_open || smtp->ended) {
        enum gp__step step;

        gp__smtp_consume(smtp, gp__lexer_skip(&smtp->lexer, gp__smtp_window(smtp)));
        step = turn(smtp, &event);
        if (step == GP__STEP_EVENT || (step == GP__STEP_WAIT && !timed_out(smtp)))
            break;
    }
    return event;
}

/* ---- life ---- */

struct gp__smtp *gp__smtp_create(const struct gp__smtp_settings *settings,
                                 struct gp_session *session, uint64_t now_ms)
{
    struct gp__smtp *smtp = gp__alloc(sizeof *smtp);

    smtp->settings = settings;
    smtp->session = session;
    smtp->now = smtp->mark = smtp->session_began = now_ms;
    smtp->held.secret = settings->auth.mechanisms != 0;
    smtp->lexer.limit = settings->limits.command_line;
    smtp->lexer.lenient = settings->line_endings == GP__LINES_NORMALIZE;
    if (settings->protocol == GP__PROTOCOL_MILTER) {
        smtp->state = GP__STATE_MILTER; /* the MTA says who connected to it */
        smtp->milter = gp__milter_create();
        session->macros = gp__macros_create(session->arena);
        return smtp;
    }
    smtp->state = GP__STATE_GREETING;
    gp__smtp_ask(smtp, GP__ASK_CONNECT);
    return smtp;
}

void gp__smtp_free(struct gp__smtp **smtp_)
{
    struct gp__smtp *smtp = *smtp_;

    *smtp_ = NULL;
    if (!smtp)
        return;
    if (smtp->session->transaction)
        smtp->session->transaction->detached = true;
    gp__transaction_unref(&smtp->session->transaction);
    gp__transaction_unref(&smtp->proposed);
    gp__transaction_unref(&smtp->ended);
    gp__sasl_free(&smtp->sasl);
    gp__smtp_command_done(smtp);
    gp__milter_free(&smtp->milter);
    gp__buf_free(&smtp->out);
    gp__buf_free(&smtp->held);
    gp__free(smtp);
}

void gp__smtp_drain(struct gp__smtp *smtp)
{
    if (smtp->state == GP__STATE_DATA || smtp->state == GP__STATE_CHUNK || smtp->milter)
        smtp->draining = true;
}

unsigned gp__smtp_extensions(const struct gp__smtp *smtp)
{
    unsigned mask = gp__extension_mask(smtp->settings, smtp->session);

    if (gp__auth_offered(smtp->settings, smtp->session))
        mask |= GP__EXT_AUTH;
    return smtp->session->extended ? mask : 0;
}

bool gp__smtp_idle(const struct gp__smtp *smtp)
{
    return smtp->state == GP__STATE_COMMAND && !smtp->asking && !smtp->ask_open && !smtp->ended &&
           !smtp->session->transaction && gp__smtp_pending(smtp) == 0;
}

const struct gp__smtp_counts *gp__smtp_counts(const struct gp__smtp *smtp)
{
    return &smtp->counts;
}

const char *gp__smtp_state_name(const struct gp__smtp *smtp)
{
    static const char *const names[] = {
#define X(name, text, step) text,
        GP__SMTP_STATES(X)
#undef X
    };

    return names[smtp->state];
}

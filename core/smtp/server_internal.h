// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the engine share. server.c owns input, output, questions, time and the end of
 * a transaction; cmd_*.c own a verb each: its check, and what its answer leads to; receive.c owns
 * the message while it comes in. Only the engine's thread of control is here: nothing re-enters.
 */
#ifndef GP_SMTP_SERVER_INTERNAL_H
#define GP_SMTP_SERVER_INTERNAL_H

#include "core/base/counts.h"
#include "core/smtp/attributes.h"
#include "core/smtp/data.h"
#include "core/smtp/extension.h"
#include "core/smtp/lexer.h"
#include "core/smtp/server.h"
#include "core/smtp/text.h"

#define GP__SMTP_STATES(X)                                                                         \
    X(GREETING, "greeting", gp__greeting_step)                                                     \
    X(COMMAND, "command", gp__command_step)                                                        \
    X(AUTH, "auth", gp__auth_step)                                                                 \
    X(DATA, "data", gp__data_step)                                                                 \
    X(CHUNK, "chunk", gp__chunk_step)                                                              \
    X(MILTER, "milter", gp__milter_step)                                                           \
    X(STARTTLS, "starttls", gp__starttls_step)                                                     \
    X(CLOSING, "closing", gp__closing_step)                                                        \
    X(CLOSED, "closed", gp__closed_step)

enum gp__smtp_state {
#define X(name, text, step) GP__STATE_##name,
    GP__SMTP_STATES(X)
#undef X
};

/* What a step of a state led to. */
enum gp__step {
    GP__STEP_AGAIN = 0, /* something changed: look again */
    GP__STEP_EVENT,     /* the event is filled in */
    GP__STEP_WAIT,      /* more input is needed */
};

/* A name to go back to when the host refuses a second EHLO. */
struct gp__saved_helo {
    char text[GP__HELO_MAX];
    uint8_t len;
    bool seen, extended;
};

/* What a command needs while the host thinks about it; in the scratch arena. */
struct gp__command {
    struct gp_slice verb, argument;
    struct gp__buf lines; /* CAPABILITIES */
    struct gp__saved_helo helo;
    struct gp__attributes attributes; /* XCLIENT, XFORWARD */
    struct gp__reply trouble;         /* a refusal of the host that waits for the end of a chunk */
    struct gp__reply welcome;         /* the answer to CONNECT, while TLS is asked about */
};

struct gp__smtp {
    const struct gp__smtp_settings *settings;
    struct gp_session *session;
    struct gp__buf out, held;
    struct gp_slice fed; /* borrowed; comes after what is held */

    struct gp__arena *scratch;
    struct gp__command *command; /* in scratch, NULL without */

    struct gp__sasl *sasl; /* an AUTH under way, or NULL */
    uint32_t auth_failures;

    struct gp_transaction *proposed; /* MAIL, before the answer */
    const struct gp__rcpt *rcpt;     /* RCPT, before the answer */
    struct gp_transaction *ended;    /* waits for its RESET event */
    const struct gp__reply *refusal; /* why it ended, or NULL */

    struct gp__lexer lexer;
    struct gp__data data;
    const struct gp__reply *trouble; /* the message is refused at its end with this */
    uint64_t chunk_size, chunk_left;
    uint64_t drained;

    uint64_t now, mark; /* mark: since when it waits for the client */
    uint64_t message_began, session_began;
    uint64_t message_base; /* bytes_in when the message began */
    uint64_t excused;      /* ms since then that were not the client's */
    struct gp__smtp_counts counts;

    struct gp__milter *milter; /* NULL unless that is the protocol */

    uint32_t idle_commands;
    uint32_t rcpt_refused; /* of the transaction */

    uint8_t state, ask, reset;
    bool asking, ask_open; /* the question is to be put; was put */
    bool rearm;            /* mark is to be set by the next step */
    bool handshaking;      /* STARTTLS was told to the host */
    bool unwelcome;        /* refused at CONNECT: 503 until QUIT */
    bool draining;         /* the host wants no more of the message */
    bool fed_secret;       /* what was fed held credentials */
    bool chunk_last, chunk_keep;
    bool chunks_failed; /* later chunks of the same message are expected (RFC 3030 section 2) */
};

/* One error more, here and for hooks: how many there are. */
static inline uint64_t gp__smtp_note_error(struct gp__smtp *smtp)
{
    GP__COUNT(errors);
    return smtp->session->errors = ++smtp->counts.errors;
}

/* ---- server.c ---- */

/* A message begins: its time and its rate count from now on. */
void gp__smtp_message_clock(struct gp__smtp *smtp);

/* Input that can be read at once; consumed by gp__smtp_consume. */
struct gp_slice gp__smtp_window(const struct gp__smtp *smtp);
void gp__smtp_consume(struct gp__smtp *smtp, size_t n);

/* Writes a reply. Without memory for it the session is closed. */
void gp__smtp_reply(struct gp__smtp *smtp, const struct gp__reply *reply);

/* The same, counted as an error of the client if it is one: past the limit it is 421 and close. */
void gp__smtp_refuse(struct gp__smtp *smtp, const struct gp__reply *reply);
void gp__smtp_count_error(struct gp__smtp *smtp);

/* Writes a reply (or NULL), ends the transaction and closes. */
void gp__smtp_close(struct gp__smtp *smtp, const struct gp__reply *reply,
                    enum gp__reset_reason reason);

/* Puts a question; the state stays until the answer. */
void gp__smtp_ask(struct gp__smtp *smtp, enum gp__smtp_ask ask);

/* Room for the command that is asked about, zeroed; goes with gp__smtp_command_done. */
struct gp__command *gp__smtp_command(struct gp__smtp *smtp);
void gp__smtp_command_done(struct gp__smtp *smtp);

/* Takes the current transaction (or the proposed one) from the session: RESET follows. refusal
 * is static or NULL. Nothing happens without one. */
void gp__smtp_end_transaction(struct gp__smtp *smtp, enum gp__reset_reason reason,
                              const struct gp__reply *refusal);

/* Extensions that hold for this client: none after HELO. */
unsigned gp__smtp_extensions(const struct gp__smtp *smtp);

enum gp__step gp__greeting_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__command_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__auth_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__data_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__chunk_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__starttls_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__milter_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__closing_step(struct gp__smtp *smtp, struct gp__smtp_event *event);
enum gp__step gp__closed_step(struct gp__smtp *smtp, struct gp__smtp_event *event);

/* ---- command.c: one line ---- */

void gp__command_dispatch(struct gp__smtp *smtp, struct gp_slice line);
void gp__command_flawed(struct gp__smtp *smtp, enum gp__line_flaw flaw);

/* Whether no input waits after a line that ends a group; else it refuses and closes. */
bool gp__command_in_sync(struct gp__smtp *smtp);

/* ---- receive.c: the message while it comes in ---- */

void gp__receive_begin(struct gp__smtp *smtp);
/* Whether the message takes longer than one may; the session is closing then. */
bool gp__receive_late(struct gp__smtp *smtp);
/* Counts a run; whether the event is filled with it. */
bool gp__receive_run(struct gp__smtp *smtp, struct gp_slice run, struct gp__smtp_event *event);
/* n bytes of the wire were used up: looks at flaws and the drain budget. */
void gp__receive_used(struct gp__smtp *smtp, size_t n);
/* Counts bytes that are read only to be dropped; past the budget it closes. */
void gp__receive_drained(struct gp__smtp *smtp, size_t n);
/* Everything is here: asks MESSAGE, or refuses. */
void gp__receive_end(struct gp__smtp *smtp);
/* Refuses a message that began: a reply for each recipient with LMTP if it is the final one. */
void gp__receive_refuse(struct gp__smtp *smtp, const struct gp__reply *reply, bool final);

/* ---- cmd_attributes.c ---- */

/* Reads the attributes of XCLIENT or XFORWARD into the command's memory; NULL: it was refused.
 * `forbidden` is the reply to those who may not say it, NULL for who may. */
const struct gp__attributes *gp__attributes_check(struct gp__smtp *smtp, struct gp_slice argument,
                                                  unsigned set, const struct gp__reply *forbidden);

/* ---- cmd_*.c: checks, called with the argument of the verb ---- */

void gp__helo_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__ehlo_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__lhlo_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__mail_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__rcpt_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__data_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__bdat_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__rset_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__noop_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__quit_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__vrfy_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__expn_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__auth_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__help_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__starttls_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__xclient_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__xforward_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__not_implemented_check(struct gp__smtp *smtp, struct gp_slice argument);
void gp__unknown_check(struct gp__smtp *smtp, struct gp_slice verb, struct gp_slice argument);

/* ---- and what an answer leads to: the reply is checked, code 0 means the usual one ---- */

typedef void gp__answer_fn(struct gp__smtp *smtp, const struct gp__reply *reply);

gp__answer_fn gp__connect_proceed, gp__connect_refused;
gp__answer_fn gp__helo_proceed, gp__helo_refused;
gp__answer_fn gp__capabilities_proceed;
gp__answer_fn gp__mail_proceed, gp__mail_refused;
gp__answer_fn gp__rcpt_proceed, gp__rcpt_refused;
gp__answer_fn gp__data_proceed, gp__data_refused;
gp__answer_fn gp__unknown_proceed;
gp__answer_fn gp__xclient_proceed;
gp__answer_fn gp__starttls_proceed;
gp__answer_fn gp__tls_proceed, gp__tls_refused;
gp__answer_fn gp__xlogin_proceed, gp__xlogin_refused;
gp__answer_fn gp__auth_refused, gp__auth_failed_proceed;
gp__answer_fn gp__login_proceed;
/* Whether a reply may answer one recipient of a message (LMTP). */
bool gp__message_reply_ok(const struct gp__reply *reply);
void gp__message_answered(struct gp__smtp *smtp, const struct gp__answer *answer,
                          const struct gp__reply *reply);

/* ---- TLS (cmd_starttls.c) ---- */

/* Whether the session is encrypted; whether STARTTLS can be said now. */
bool gp__smtp_encrypted(const struct gp__smtp *smtp);
bool gp__smtp_offers_tls(const struct gp__smtp *smtp);
/* ---- AUTH (cmd_auth.c) ---- */

/* A line of an exchange; an answer to AUTH; the end of an exchange, however it ends. */
void gp__auth_line(struct gp__smtp *smtp, struct gp_slice line, enum gp__line_flaw flaw);
void gp__auth_answered(struct gp__smtp *smtp, const struct gp__answer *answer);
void gp__auth_done(struct gp__smtp *smtp);

/* A name as HELO may have it (cmd_helo.c). */
bool gp__helo_name_ok(struct gp_slice name);

/* ---- shared by MAIL and RCPT (cmd_mail.c) ---- */

/* What follows "FROM:" or "TO:"; NULL, or the reply that refuses it, static. */
const struct gp__reply *gp__path_argument(struct gp_slice argument, struct gp_slice keyword,
                                          struct gp_slice *path_r);
/* 553 5.1.detail and what is wrong. */
void gp__refuse_address(struct gp__smtp *smtp, enum gp__address_error error, uint16_t detail);

/* Why there can be no data yet, or NULL (cmd_data.c). */
const struct gp__reply *gp__no_recipients(const struct gp__smtp *smtp);

#endif

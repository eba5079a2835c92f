// SPDX-License-Identifier: Apache-2.0
/*
 * The server side of SMTP and LMTP as a state machine without I/O: bytes, time and answers go in,
 * replies and events come out. It can be fed a byte at a time, and stopped at any event.
 *
 *     gp__smtp_feed(smtp, bytes);                  // borrowed until gp__smtp_settle()
 *     while ((event = gp__smtp_step(smtp, now)).type != GP__SMTP_INPUT)
 *         ...handle; an ASK is answered at once with gp__smtp_answer(), or later...
 *     gp__smtp_settle(smtp);                       // keeps what was not consumed
 *     ...write gp__smtp_output(), arm a timer for gp__smtp_deadline()...
 *
 * Each verb runs check -> ask -> proceed: the engine judges syntax, order and budgets and refuses
 * by itself; the host judges everything else when asked; only the answer changes state. The engine
 * never allocates per command: a command is parsed in a scratch arena that is reset after it, a
 * transaction has its own arena.
 *
 * Follows RFC 5321 (5321bis where stricter), 1870, 2033, 2034, 2920, 3030, 3207, 3461, 4954, 6152,
 * 6531, 8689, 9422 and draft-hall-prdr.
 */
#ifndef GP_SMTP_SERVER_H
#define GP_SMTP_SERVER_H

#include "core/smtp/limits.h"
#include "core/smtp/reply.h"
#include "core/smtp/sasl.h"
#include "core/smtp/transaction.h"

enum gp__line_endings {
    GP__LINES_STRICT = 0, /* a bare CR or LF refuses the command or the message */
    GP__LINES_NORMALIZE,  /* becomes CRLF; the end of data is CRLF.CRLF all the same */
    GP__LINES_CLOSE,      /* refuses and closes at once; a NUL does so too */
};

enum gp__pipelining {
    GP__PIPELINING_ENFORCE = 0, /* input after a synchronising command: 554 5.5.0 and close */
    GP__PIPELINING_NOTE,        /* only counted, as a fact of the session */
};

/* STARTTLS (RFC 3207). Whether the session is encrypted is a fact of it: session->tls_version. */
enum gp__starttls {
    GP__STARTTLS_OFF = 0,  /* 502; also where TLS is there from the start */
    GP__STARTTLS_OFFERED,  /* announced while the session is in plaintext */
    GP__STARTTLS_REQUIRED, /* and in plaintext 530 5.7.0 to all but EHLO, NOOP, STARTTLS, QUIT */
};

enum gp__extension {
    GP__EXT_PIPELINING = 1 << 0,
    GP__EXT_SIZE = 1 << 1,
    GP__EXT_8BITMIME = 1 << 2,
    GP__EXT_SMTPUTF8 = 1 << 3,
    GP__EXT_CHUNKING = 1 << 4,
    GP__EXT_BINARYMIME = 1 << 5,
    GP__EXT_ENHANCEDSTATUSCODES = 1 << 6,
    GP__EXT_DSN = 1 << 7,
    GP__EXT_LIMITS = 1 << 8,
    GP__EXT_VRFY = 1 << 9,  /* announced; the answer is 252 unless the host knows better */
    GP__EXT_EXPN = 1 << 10, /* off by default: 502 */
    GP__EXT_HELP = 1 << 11,
    GP__EXT_PRDR = 1 << 12,       /* SMTP only */
    GP__EXT_REQUIRETLS = 1 << 13, /* inside TLS only */
    GP__EXT_DEFAULT = (1 << 14) - 1 - (1 << 9) - (1 << 10),
    GP__EXT_XCLIENT = 1 << 14, /* these two not by settings: of sessions that may */
    GP__EXT_XFORWARD = 1 << 16,
    GP__EXT_AUTH = 1 << 15, /* not to be set: it holds where a mechanism is offered */
};

struct gp__auth_offer {
    unsigned mechanisms; /* 1 << enum gp__sasl_name: what can be served; 0: no AUTH */
    bool plaintext;      /* also without TLS */
    bool required;       /* 530 to all mail without a login */
    const struct gp__crypto *crypto;
};

/* Settings of a listener; immutable, outlives its sessions. */
struct gp__smtp_settings {
    enum gp__protocol protocol;
    struct gp_slice hostname;
    struct gp_slice greeting; /* after the host name; absent: "ESMTP Gatepost" */
    unsigned extensions;      /* enum gp__extension */
    enum gp__line_endings line_endings;
    enum gp__pipelining pipelining;
    enum gp__starttls starttls;
    struct gp__auth_offer auth;
    struct gp__limits limits;
};

enum gp__smtp_event_type {
    GP__SMTP_INPUT = 0, /* nothing more to do with what is there: feed, or wait */
    GP__SMTP_ASK,       /* a question: nothing happens before gp__smtp_answer() */
    GP__SMTP_DATA,      /* bytes of the message; valid until the next step or settle */
    GP__SMTP_RESET,     /* a transaction ended without a message: the host gets its reference */
    GP__SMTP_CLOSE,     /* flush the output and close; the last event */
    GP__SMTP_STARTTLS,  /* flush the output, do the handshake, then gp__smtp_secured() */
};

/* What the host is asked. The default answer (decision 0, code 0) is the usual positive reply. */
enum gp__smtp_ask {
    GP__ASK_CONNECT = 0,  /* before the greeting */
    GP__ASK_HELO,         /* HELO, EHLO, LHLO: session->helo, extended are set already */
    GP__ASK_CAPABILITIES, /* the EHLO reply is about to be written: event.lines may be edited */
    GP__ASK_MAIL,         /* event.transaction: its `mail` is set; it becomes current if allowed */
    GP__ASK_RCPT,         /* event.rcpt, of event.transaction */
    GP__ASK_DATA,         /* DATA or first BDAT, at least one recipient was accepted */
    GP__ASK_MESSAGE,      /* all of the message was received and is acceptable to the engine */
    GP__ASK_COMMAND,      /* an unknown verb: event.verb, event.argument */
    GP__ASK_VRFY,         /* event.argument */
    GP__ASK_EXPN,
    GP__ASK_STARTTLS,    /* to refuse with 454 when TLS is not to be had now */
    GP__ASK_TLS,         /* the session is encrypted now: after CONNECT, or after a STARTTLS */
    GP__ASK_AUTH,        /* event.sasl needs to know something: answer.found, answer.value */
    GP__ASK_LOGIN,       /* the client has proved who it is: session->auth_user, may be refused */
    GP__ASK_AUTH_FAILED, /* it has not; the reply is the engine's unless one is given */
    GP__ASK_XCLIENT,     /* the session begins anew: time for gp__smtp_renew() */
    GP__ASK_XLOGIN,      /* XCLIENT said who has logged in: as LOGIN, before the greeting */
    GP__ASK_COUNT
};

/* Why a transaction ended (GP__SMTP_RESET); for logs. */
enum gp__reset_reason {
    GP__RESET_NONE = 0,
    GP__RESET_RSET,
    GP__RESET_HELO,
    GP__RESET_REFUSED, /* MAIL or DATA refused, or the message at its end by the engine */
    GP__RESET_QUIT,
    GP__RESET_CLOSED,
    GP__RESET_TIMEOUT,
    GP__RESET_STARTTLS,
};

struct gp__smtp_event {
    enum gp__smtp_event_type type;
    enum gp__smtp_ask ask;
    enum gp__reset_reason reset;
    struct gp_slice data;               /* DATA */
    struct gp_slice verb, argument;     /* COMMAND, VRFY, EXPN; verb in upper case */
    const struct gp__rcpt *rcpt;        /* RCPT: in the transaction's arena */
    struct gp_transaction *transaction; /* MAIL to MESSAGE, RESET */
    const struct gp__sasl *sasl;        /* AUTH, LOGIN, AUTH_FAILED */
    struct gp__buf *lines;              /* CAPABILITIES: one keyword line each, ended by LF */
    const struct gp__reply *refusal;    /* RESET with REFUSED: the engine's own reply, for logs;
                                           static; NULL when the host refused */
};

enum gp__decision {
    GP__PROCEED = 0,
    GP__REFUSE,     /* with a 4xx or 5xx reply */
    GP__DISCONNECT, /* the same, then close */
};

struct gp__answer {
    enum gp__decision decision;
    /* Code 0: the usual one of the verb (REFUSE always gives one). A positive one counts at MAIL,
     * RCPT, DATA, MESSAGE, COMMAND, VRFY, EXPN; at CONNECT only its text does; at HELO nothing. */
    struct gp__reply reply;
    /* MESSAGE of LMTP, or of a transaction with PRDR: a reply for each accepted recipient, in order
     * of RCPT; NULL: `reply` for all. */
    const struct gp__reply *replies;
    size_t n_replies;
    /* AUTH: as gp__sasl_answer() takes it. */
    bool found;
    struct gp_slice value;
};

struct gp__smtp;

/* The mechanisms that the session as it is now is offered: 1 << enum gp__sasl_name. */
unsigned gp__auth_offered(const struct gp__smtp_settings *settings,
                          const struct gp_session *session);

/* The engine of one session; borrows both. It starts by asking CONNECT. */
struct gp__smtp *gp__smtp_create(const struct gp__smtp_settings *settings,
                                 struct gp_session *session, uint64_t now_ms);

/* Drops the current transaction, if any, without an event: end it first with gp__smtp_abort(). */
void gp__smtp_free(struct gp__smtp **smtp_);

/* Gives it bytes from the network. They are borrowed: call gp__smtp_settle() before they go. */
void gp__smtp_feed(struct gp__smtp *smtp, struct gp_slice bytes);
void gp__smtp_settle(struct gp__smtp *smtp);

/* Bytes it holds that are not consumed; the host stops reading at limits.pipeline. */
size_t gp__smtp_pending(const struct gp__smtp *smtp);

/* Whether bytes that were fed since this was last asked held credentials: the host wipes them where
 * it keeps them, after gp__smtp_settle(). */
bool gp__smtp_fed_secret(struct gp__smtp *smtp);

/* Does the next thing. While an ASK is open it says INPUT and does nothing. Time that runs
 * backwards stands still. */
struct gp__smtp_event gp__smtp_step(struct gp__smtp *smtp, uint64_t now_ms);

/* Answers the open ASK. Replies are copied; a malformed one becomes 451 4.3.0 and a return of -1,
 * to be logged. */
int gp__smtp_answer(struct gp__smtp *smtp, const struct gp__answer *answer);

/*
 * The host is not interested in the rest of this message: no more DATA events, budget `drain`.
 * ASK_MESSAGE still comes at its end, for the refusal.
 */
void gp__smtp_drain(struct gp__smtp *smtp);

/* The client is gone, or the server stops: emits RESET for an open transaction, then CLOSE. With
 * a reply (421 …) it is written first; NULL: none. */
void gp__smtp_abort(struct gp__smtp *smtp, const struct gp__reply *reply);

/*
 * After GP__SMTP_STARTTLS: the handshake is done, the facts of the session say so, and what is fed
 * from now on came through TLS. All that was known before is forgotten (RFC 3207 4.2). A handshake
 * that fails ends the session instead: gp__smtp_abort().
 */
void gp__smtp_secured(struct gp__smtp *smtp);

/*
 * While XCLIENT is asked: `session` takes the place of the one that was, which the host keeps. With
 * the answer the engine puts what XCLIENT says into it, and asks CONNECT.
 */
void gp__smtp_renew(struct gp__smtp *smtp, struct gp_session *session);

/* Replies to write; the host consumes what it wrote. */
struct gp__buf *gp__smtp_output(struct gp__smtp *smtp);

/* Gives empty buffers back, but for a small one: to be called when the output was written and the
 * session may be idle for a while. */
void gp__smtp_trim(struct gp__smtp *smtp);

/* Absolute milliseconds at which step() must be called although nothing came; UINT64_MAX: never
 * (an ASK is open: the host's own budgets run); 0: at once (after an answer, an abort). */
uint64_t gp__smtp_deadline(const struct gp__smtp *smtp);

/* So long, since the last step, it was not the client that was waited for: what that does to the
 * rate of its message is not its fault. */
void gp__smtp_excuse(struct gp__smtp *smtp, uint64_t ms);

/* Whether it waits for a command outside of a transaction and holds no input: after
 * gp__smtp_trim() it takes some 600 bytes. */
bool gp__smtp_idle(const struct gp__smtp *smtp);

/* Counters of this session, for logs. */
struct gp__smtp_counts {
    uint64_t commands, errors, unknown, bytes_in, messages, recipients;
    bool pipelined_early; /* input after a synchronising command was seen */
    bool injected;        /* plaintext came after STARTTLS in one piece with it: an attack */
};
const struct gp__smtp_counts *gp__smtp_counts(const struct gp__smtp *smtp);

/* The name of the state, for status output: "command", "data" and so on. */
const char *gp__smtp_state_name(const struct gp__smtp *smtp);

#endif

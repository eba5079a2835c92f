// SPDX-License-Identifier: Apache-2.0
/*
 * The client side of SMTP and LMTP as a state machine without I/O: bytes and time go in, commands
 * and events come out. The server is not trusted.
 *
 *     client = gp__smtp_client_create(settings, now);
 *     loop: event = gp__smtp_client_step(client, now);
 *           write gp__smtp_client_output(), all of it, also before a STARTTLS handshake;
 *           INPUT: wait until gp__smtp_client_deadline() for bytes: gp__smtp_client_feed()
 *           READY: gp__smtp_client_send(), or gp__smtp_client_quit()
 *           CONTENT: gp__smtp_client_content(), the next piece of the message
 *           SENT: gp__smtp_client_outcome() of each recipient
 *           STARTTLS: the handshake, then gp__smtp_client_secured()
 *           CLOSED: close; gp__smtp_client_error() says why, unless it is NULL
 *
 * Follows RFC 5321, 1870, 2033, 2920, 3030, 3207, 3461, 4954, 5802, 6152, 6531, 7677, 8689, 9266.
 */
#ifndef GP_SMTP_CLIENT_H
#define GP_SMTP_CLIENT_H

#include "core/smtp/envelope.h"
#include "core/smtp/reply.h"
#include "core/smtp/sasl.h"
#include "core/smtp/session.h"

#define GP__CLIENT_EXPORTER_MAX ((size_t)64)

enum gp__smtp_client_tls {
    GP__CLIENT_TLS_NONE = 0, /* plaintext; or TLS is there from the start */
    GP__CLIENT_TLS_OFFERED,  /* where it is offered */
    GP__CLIENT_TLS_REQUIRED, /* or not at all */
};

/* Milliseconds that the server has; 0: what RFC 5321 4.5.3.2 says. */
struct gp__smtp_client_patience {
    uint64_t command, data, block, end;
};

/* Outlive the client. */
struct gp__smtp_client_settings {
    enum gp__protocol protocol;
    struct gp_slice hostname; /* for EHLO: a name or an address literal */
    struct gp__smtp_client_patience patience;
    enum gp__smtp_client_tls tls;
    bool encrypted;                  /* TLS from the start */
    struct gp_slice user;            /* absent: no AUTH */
    struct gp_slice password;        /* the engine wipes its copies */
    bool plain_auth;                 /* AUTH also without TLS */
    unsigned mechanisms;             /* 1 << enum gp__sasl_name: those that may be used; 0: all */
    const struct gp__crypto *crypto; /* NULL: no SCRAM */
    struct gp_slice nonce;           /* SCRAM: instead of a random one, for tests; absent: none */
    bool bdat;                       /* BDAT where CHUNKING is offered */
    bool lock_step;                  /* no pipelining */
};

/* What EHLO announced. */
struct gp__capabilities {
    unsigned extensions; /* enum gp__extension */
    unsigned xforward;   /* 1 << enum gp__attribute: what it takes by XFORWARD */
    unsigned xclient;    /* and by XCLIENT */
    size_t recipients;   /* LIMITS RCPTMAX (RFC 9422); 0: not said */
    size_t mails;        /* LIMITS MAILMAX, of a session; 0: not said */
    bool starttls;
    unsigned auth; /* 1 << enum gp__sasl_name */
    uint64_t size; /* 0: no limit */
};

struct gp__smtp_client_recipient {
    struct gp_slice address;
    struct gp_slice notify, orcpt; /* as they stand in the command; or absent */
};

/* Lives until SENT. Addresses are checked; those that are none never leave. */
struct gp__smtp_client_mail {
    struct gp_slice sender; /* empty: the null reverse-path */
    const struct gp__smtp_client_recipient *recipients;
    size_t n_recipients;
    uint64_t size;   /* of the content, about; 0: unknown */
    bool eight_bit;  /* the content has bytes of 8 bits */
    bool smtputf8;   /* its header fields do, or an address */
    bool requiretls; /* RFC 8689 */
    bool
        probe; /* asks for the recipients and sends nothing: outcomes are of RCPT, also good ones */
    enum gp__dsn_ret ret;
    struct gp_slice envid;                /* in xtext; or absent */
    const struct gp__attributes *forward; /* whose it is, where that is taken; or NULL */
    bool xclient;                         /* by XCLIENT, not by XFORWARD */
};

enum gp__smtp_client_stage {
    GP__STAGE_LOCAL = 0, /* never offered to the server */
    GP__STAGE_CONNECT,
    GP__STAGE_MAIL,
    GP__STAGE_RCPT,
    GP__STAGE_DATA,
    GP__STAGE_END, /* the reply to the message */
};

/* What became of a recipient. A reply of our own has no peer: local, or the connection was lost; at END
 * that means that nobody knows whether the server has the message. */
struct gp__smtp_outcome {
    enum gp__smtp_client_stage stage;
    bool own; /* the reply is ours, not the server's */
    struct gp__reply reply;
};

enum gp__smtp_client_event {
    GP__SMTP_CLIENT_INPUT = 0,
    GP__SMTP_CLIENT_READY,
    GP__SMTP_CLIENT_CONTENT,
    GP__SMTP_CLIENT_SENT,
    GP__SMTP_CLIENT_STARTTLS,
    GP__SMTP_CLIENT_CLOSED, /* the last event; a mail that was under way has its outcomes */
};

struct gp__smtp_client;

struct gp__smtp_client *gp__smtp_client_create(const struct gp__smtp_client_settings *settings,
                                               uint64_t now_ms);
void gp__smtp_client_free(struct gp__smtp_client **client_);

/* Bytes of the server, copied; the end of them, or of the connection. */
void gp__smtp_client_feed(struct gp__smtp_client *client, struct gp_slice bytes);
void gp__smtp_client_eof(struct gp__smtp_client *client);

enum gp__smtp_client_event gp__smtp_client_step(struct gp__smtp_client *client, uint64_t now_ms);

/* Commands and content to write; the host consumes what it wrote. */
struct gp__buf *gp__smtp_client_output(struct gp__smtp_client *client);

/* Absolute milliseconds until which the server may be waited for (RFC 5321 4.5.3.2). */
uint64_t gp__smtp_client_deadline(const struct gp__smtp_client *client);

/* At READY. */
void gp__smtp_client_send(struct gp__smtp_client *client, const struct gp__smtp_client_mail *mail);
void gp__smtp_client_quit(struct gp__smtp_client *client);

/* At CONTENT: a piece of the message; with `last` it may be empty. */
void gp__smtp_client_content(struct gp__smtp_client *client, struct gp_slice bytes, bool last);

/* After STARTTLS: the handshake is done. If it failed the host closes. */
void gp__smtp_client_secured(struct gp__smtp_client *client);

/* The channel's tls-exporter (RFC 9266), copied, to which a login is bound then: before the greeting
 * with TLS from the start, before gp__smtp_client_secured() with STARTTLS. Absent: it has none. */
void gp__smtp_client_bind(struct gp__smtp_client *client, struct gp_slice exporter);

/* Of the last mail, by the index of its recipient; valid until the next send. */
const struct gp__smtp_outcome *gp__smtp_client_outcome(const struct gp__smtp_client *client,
                                                       size_t index);

const struct gp__capabilities *gp__smtp_client_capabilities(const struct gp__smtp_client *client);

/* Whether AUTH succeeded. */
bool gp__smtp_client_authenticated(const struct gp__smtp_client *client);

/* The last reply that was read, whatever it was to; code 0: none yet. */
const struct gp__reply *gp__smtp_client_last(const struct gp__smtp_client *client);

/* Why it closed: a static text, or NULL when nothing went wrong. */
const char *gp__smtp_client_error(const struct gp__smtp_client *client);

#endif

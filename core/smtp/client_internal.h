// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the client engine share: client.c owns input, output, time and the end;
 * client_hello.c the way from the greeting to AUTH, client_auth.c that to READY; client_mail.c a
 * mail.
 */
#ifndef GP_SMTP_CLIENT_INTERNAL_H
#define GP_SMTP_CLIENT_INTERNAL_H

#include "core/smtp/client.h"
#include "core/smtp/client_content.h"
#include "core/smtp/client_reply.h"
#include "core/smtp/client_scram.h"
#include "core/smtp/server.h"

/* What a reply of the server means in each state; NULL: there must be none. */
#define GP__SMTP_CLIENT_STATES(X)                                                                  \
    X(GREETING, gp__client_greeted)                                                                \
    X(HELLO, gp__client_hello_answered)                                                            \
    X(HELO, gp__client_helo_answered)                                                              \
    X(STARTTLS, gp__client_starttls_answered)                                                      \
    X(HANDSHAKE, NULL)                                                                             \
    X(AUTH, gp__client_auth_answered)                                                              \
    X(READY, NULL)                                                                                 \
    X(FORWARD, gp__client_forward_answered)                                                        \
    X(XCLIENT, gp__client_xclient_answered)                                                        \
    X(ENVELOPE, gp__client_envelope_answered)                                                      \
    X(CONTENT, gp__client_content_answered)                                                        \
    X(FINAL, gp__client_final_answered)                                                            \
    X(DISCARD, gp__client_discard_answered)                                                        \
    X(RESET, gp__client_reset_answered)                                                            \
    X(QUIT, gp__client_quit_answered)                                                              \
    X(CLOSED, NULL)

enum gp__smtp_client_state {
#define X(name, answered) GP__CLIENT_##name,
    GP__SMTP_CLIENT_STATES(X)
#undef X
};

/* The mail under way. */
struct gp__outgoing {
    const struct gp__smtp_client_mail *mail;
    struct gp__arena *arena;
    struct gp__smtp_outcome *outcomes; /* by index; code 0: not decided */
    size_t n_outcomes;
    size_t *order; /* indexes of those whose address is one */
    bool *taken;   /* by place in the order */
    size_t n_order, n_taken;
    size_t sent, answered; /* commands of the envelope: MAIL, RCPT …, DATA */
    bool bdat, mail_refused, go;
    struct gp__content_out content;
    size_t chunks, chunks_answered;
    size_t finals, final_place; /* LMTP: replies to the message; where the next belongs */
};

struct gp__smtp_client {
    const struct gp__smtp_client_settings *settings;
    struct gp__arena *arena;
    struct gp__buf in, out, chunk;
    struct gp__reply_reader reader;
    struct gp__reply last;
    struct gp__capabilities capabilities;
    struct gp__outgoing outgoing;
    const char *error;
    uint64_t now, mark;             /* mark: since when the server is waited for */
    struct gp__client_scram *scram; /* during its exchange */
    struct gp_slice exporter;       /* of the channel, in exporter_bytes; absent: it has none */
    char exporter_bytes[GP__CLIENT_EXPORTER_MAX];
    uint8_t state, auth_step, auth_name;
    bool encrypted, authenticated, eof, sent_due, needs_reset;
    bool resuming; /* a mail waits for the hello after XCLIENT */
};

typedef void gp__client_answered_fn(struct gp__smtp_client *client, const struct gp__reply *reply);
gp__client_answered_fn gp__client_greeted, gp__client_hello_answered, gp__client_helo_answered,
    gp__client_starttls_answered, gp__client_auth_answered, gp__client_forward_answered,
    gp__client_xclient_answered, gp__client_envelope_answered, gp__client_content_answered,
    gp__client_final_answered, gp__client_discard_answered, gp__client_reset_answered,
    gp__client_quit_answered;

/* ---- client.c ---- */

/* Appends to the output; without memory the client is lost. */
void gp__client_write(struct gp__smtp_client *client, struct gp_slice bytes);

/* The server is waited for in another state. */
void gp__client_enter(struct gp__smtp_client *client, enum gp__smtp_client_state state);

/* The connection is of no more use; why is static. Recipients that are not decided are deferred. */
void gp__client_lose(struct gp__smtp_client *client, const char *why);

/* The same, because the server said so. */
void gp__client_refused(struct gp__smtp_client *client, const char *why);

static inline bool gp__client_is_lmtp(const struct gp__smtp_client *client)
{
    return client->settings->protocol == GP__PROTOCOL_LMTP;
}

static inline bool gp__client_has(const struct gp__smtp_client *client, unsigned extension)
{
    return client->capabilities.extensions & extension;
}

static inline bool gp__client_pipelines(const struct gp__smtp_client *client)
{
    return gp__client_has(client, GP__EXT_PIPELINING) && !client->settings->lock_step;
}

/* ---- client_hello.c ---- */

void gp__client_hello(struct gp__smtp_client *client);

/* ---- client_auth.c ---- */

/* The words after AUTH in the reply to EHLO. */
void gp__client_read_auth(struct gp__capabilities *capabilities, struct gp_slice words);

/* Logs in. */
void gp__client_log_in(struct gp__smtp_client *client);

/* ---- client_mail.c ---- */

/* It may be told of mails now; one that waits goes on. */
void gp__client_ready(struct gp__smtp_client *client);

/* Sets the outcome of all that are not decided. */
void gp__client_decide(struct gp__smtp_client *client, enum gp__smtp_client_stage stage, bool own,
                       const struct gp__reply *reply);

/* Whether a piece of the message can be taken now. */
bool gp__client_wants_content(const struct gp__smtp_client *client);

#endif

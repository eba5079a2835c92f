// SPDX-License-Identifier: Apache-2.0
/*
 * SASL (RFC 4422), the server's side, as state machines without I/O. A mechanism takes the decoded
 * responses of the client and says what it needs next: another response, something only the host
 * knows, or nothing more, because it is decided.
 *
 *     sasl = gp__sasl_create(mechanism, &context);
 *     gp__sasl_respond(sasl, response);    // while sasl->need is RESPONSE
 *     gp__sasl_answer(sasl, found, value); // while it is PASSWORD, SECRET or TOKEN
 *     gp__sasl_free(&sasl);                // wipes everything
 *
 * PLAIN (RFC 4616), LOGIN, SCRAM (RFC 5802, 7677, 9266), OAUTHBEARER (RFC 7628), XOAUTH2, EXTERNAL
 * (RFC 4422 appendix A); a file each.
 */
#ifndef GP_SMTP_SASL_H
#define GP_SMTP_SASL_H

#include "core/base/arena.h"
#include "core/base/crypto.h"

#include <gatepost/slice.h>
#include <stdbool.h>

#define GP__SASL_USER_MAX 255u
#define GP__SASL_PASSWORD_MAX 500u      /* crypt(3) takes 511 */
#define GP__SASL_VALUE_MAX 1024u        /* of what a backend answers */
#define GP__SASL_SCRAM_ITERATIONS 10000 /* of secrets that we make, and of those we make up */

struct gp_session;
struct gp__sasl;

enum gp__sasl_name {
    GP__SASL_SCRAM_SHA_256_PLUS = 0, /* in the order in which they are offered */
    GP__SASL_SCRAM_SHA_256,
    GP__SASL_SCRAM_SHA_1_PLUS,
    GP__SASL_SCRAM_SHA_1,
    GP__SASL_OAUTHBEARER,
    GP__SASL_XOAUTH2,
    GP__SASL_EXTERNAL,
    GP__SASL_PLAIN,
    GP__SASL_LOGIN,
    GP__SASL_COUNT
};

/* What it needs next. */
enum gp__sasl_need {
    GP__SASL_RESPONSE = 0, /* the client gets `challenge` and responds */
    GP__SASL_PASSWORD,     /* the host: is `secret` the password of `user`? */
    GP__SASL_SECRET,       /* the host: the stored secret of `user`, as RFC 5803 has it */
    GP__SASL_TOKEN,     /* the host: whom does the token `secret` stand for? `user` may be empty */
    GP__SASL_SUCCESS,   /* it is `user` */
    GP__SASL_WRONG,     /* it is not; 535 */
    GP__SASL_MALFORMED, /* the client does not keep to the mechanism; 501 */
};

struct gp__sasl_mechanism {
    struct gp_slice name;
    struct gp_slice stored; /* the mechanism under whose name its secrets are kept, or its own */
    enum gp__digest digest; /* SCRAM */
    bool binds;             /* SCRAM-…-PLUS */
    bool server_first;      /* begins with a challenge even if there is no response yet */
    uint16_t counter;       /* the first of its three (core/base/counts.h) */
    void (*respond)(struct gp__sasl *sasl, struct gp_slice response);
    void (*answer)(struct gp__sasl *sasl, bool found, struct gp_slice value); /* or NULL */
};

/* Of the session, borrowed. */
struct gp__sasl_context {
    const struct gp__crypto *crypto;
    const struct gp_session *session;
    bool offers_binding;   /* the -PLUS of the same mechanism was offered */
    struct gp_slice nonce; /* SCRAM: instead of a random one, for test vectors; absent: none */
};

struct gp__scram;

struct gp__sasl {
    const struct gp__sasl_mechanism *mechanism;
    struct gp__sasl_context context;
    struct gp__arena *arena; /* keeps secrets */
    enum gp__sasl_need need;
    unsigned step;             /* the mechanism's own */
    struct gp_slice challenge; /* RESPONSE: not encoded */
    struct gp_slice user;      /* of the client's; SUCCESS: who it is */
    struct gp_slice secret;
    struct gp__scram *scram; /* the state of SCRAM */
};

/* By its number; by its name in any case, or NULL. */
const struct gp__sasl_mechanism *gp__sasl_mechanism(enum gp__sasl_name name);
const struct gp__sasl_mechanism *gp__sasl_find(struct gp_slice name, enum gp__sasl_name *name_r);

/* Begins an exchange; needs a RESPONSE. */
struct gp__sasl *gp__sasl_create(const struct gp__sasl_mechanism *mechanism,
                                 const struct gp__sasl_context *context);

/* A response of the client, decoded. */
void gp__sasl_respond(struct gp__sasl *sasl, struct gp_slice response);

/* What the host knows. PASSWORD: found says whether it is right, value may be the name under which
 * the user is known. SECRET: the secret; not found, it may be another user's, to look alike. TOKEN:
 * the user. */
void gp__sasl_answer(struct gp__sasl *sasl, bool found, struct gp_slice value);

void gp__sasl_free(struct gp__sasl **sasl_);

/* ---- shared by the mechanisms (sasl.c) ---- */

static inline void gp__sasl_need(struct gp__sasl *sasl, enum gp__sasl_need need)
{
    sasl->need = need;
}

static inline void gp__sasl_challenge(struct gp__sasl *sasl, struct gp_slice challenge)
{
    sasl->challenge = challenge;
    sasl->need = GP__SASL_RESPONSE;
}

/* Name and password of a client, prepared (RFC 4013), and asks the host for a verdict; what can be
 * nobody's is WRONG. */
void gp__sasl_ask_password(struct gp__sasl *sasl, struct gp_slice user, struct gp_slice password);

/* The name of a client, prepared, into sasl->user. False: nobody can have it. */
bool gp__sasl_set_user(struct gp__sasl *sasl, struct gp_slice user);

/* A saslname (RFC 5801 section 4, RFC 5802 5.1): "=2C" and "=3D" undone. 0, or -1. */
int gp__sasl_unescape(struct gp__arena *arena, struct gp_slice text, struct gp_slice *name_r);

/* The gs2-header "n,a=NAME," at the start of a message; *rest_r is what follows it. */
struct gp__gs2 {
    char flag;               /* 'n', 'y', 'p' */
    struct gp_slice binding; /* 'p': the name of the binding */
    struct gp_slice authzid; /* unescaped; empty without */
    struct gp_slice header;  /* as it was sent */
};
int gp__sasl_gs2(struct gp__arena *arena, struct gp_slice message, struct gp__gs2 *gs2_r,
                 struct gp_slice *rest_r);

/* ---- the mechanisms ---- */

void gp__sasl_plain_respond(struct gp__sasl *sasl, struct gp_slice response);
void gp__sasl_login_respond(struct gp__sasl *sasl, struct gp_slice response);
void gp__sasl_password_answer(struct gp__sasl *sasl, bool found, struct gp_slice value);
void gp__sasl_scram_respond(struct gp__sasl *sasl, struct gp_slice response);
void gp__sasl_scram_answer(struct gp__sasl *sasl, bool found, struct gp_slice value);
void gp__sasl_oauthbearer_respond(struct gp__sasl *sasl, struct gp_slice response);
void gp__sasl_oauthbearer_answer(struct gp__sasl *sasl, bool found, struct gp_slice value);
void gp__sasl_xoauth2_respond(struct gp__sasl *sasl, struct gp_slice response);
void gp__sasl_xoauth2_answer(struct gp__sasl *sasl, bool found, struct gp_slice value);
void gp__sasl_external_respond(struct gp__sasl *sasl, struct gp_slice response);

#endif

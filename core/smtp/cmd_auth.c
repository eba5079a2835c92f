// SPDX-License-Identifier: Apache-2.0
/*
 * AUTH (RFC 4954): carries a SASL exchange. The mechanism says what it needs; the client is sent
 * challenges, the host is asked what only it knows, and asked once more when the client has proved
 * who it is, or has failed to: it may refuse a login, and delays failures.
 */
#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/smtp/server_internal.h"

static const struct gp__reply not_implemented = GP__REPLY_INIT(502, 5, 5, 1,
                                                               "Command not implemented");
static const struct gp__reply need_ehlo = GP__REPLY_INIT(503, 5, 5, 1, "Say EHLO first");
static const struct gp__reply already = GP__REPLY_INIT(503, 5, 5, 1, "Already authenticated");
static const struct gp__reply in_transaction = GP__REPLY_INIT(503, 5, 5, 1,
                                                              "A transaction is open: RSET");
static const struct gp__reply no_mechanism = GP__REPLY_INIT(501, 5, 5, 4, "Name a mechanism");
static const struct gp__reply unknown = GP__REPLY_INIT(504, 5, 5, 4,
                                                       "Authentication mechanism not offered");
static const struct gp__reply needs_tls = GP__REPLY_INIT(
    538, 5, 7, 11, "Encryption is required before authentication");
static const struct gp__reply malformed = GP__REPLY_INIT(501, 5, 5, 2, "Malformed response");
static const struct gp__reply bad_base64 = GP__REPLY_INIT(501, 5, 5, 2, "Not base64");
static const struct gp__reply cancelled = GP__REPLY_INIT(501, 5, 7, 0, "Authentication cancelled");
static const struct gp__reply too_long = GP__REPLY_INIT(500, 5, 5, 6,
                                                        "Authentication response too long");
static const struct gp__reply failed = GP__REPLY_INIT(535, 5, 7, 8,
                                                      "Authentication credentials invalid");
static const struct gp__reply too_many = GP__REPLY_INIT(
    421, 4, 7, 0, "Too many failed authentications in this session");

/* ---- what is offered ---- */

static bool is_offered(const struct gp_session *session, enum gp__sasl_name name)
{
    if (gp__sasl_mechanism(name)->binds)
        return gp_slice_present(session->tls_exporter) ||
               gp_slice_present(session->tls_server_end_point);
    return name != GP__SASL_EXTERNAL || gp_slice_present(session->tls_client_name);
}

unsigned gp__auth_offered(const struct gp__smtp_settings *settings,
                          const struct gp_session *session)
{
    unsigned offered = 0;

    if (!settings->auth.plaintext && !gp_slice_present(session->tls_version))
        return 0;
    for (int i = 0; i < GP__SASL_COUNT; i++)
        if ((settings->auth.mechanisms & 1u << i) && is_offered(session, (enum gp__sasl_name)i))
            offered |= 1u << i;
    return offered;
}

/* ---- the end of an exchange ---- */

/* A login that was not accepted in the end is none, whoever was asked about it. */
static void clear_user(struct gp_session *session)
{
    session->auth_user = session->auth_mechanism = gp_slice(NULL, 0);
}

void gp__auth_done(struct gp__smtp *smtp)
{
    if (smtp->sasl)
        clear_user(smtp->session);
    gp__sasl_free(&smtp->sasl);
    if (smtp->state == GP__STATE_AUTH)
        smtp->state = GP__STATE_COMMAND;
}

/* How an exchange ended, as the counters of a mechanism stand (core/base/counts.h). */
enum ended {
    ENDED_IN_SUCCESS = 0,
    ENDED_IN_FAILURE,
    ENDED_IN_ERROR,
};

static void count(const struct gp__smtp *smtp, enum ended ended)
{
    gp__count_at(smtp->sasl->mechanism->counter + (unsigned)ended);
}

/* Whatever the reason: so many in a session, and no more. */
static void refuse(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    count(smtp, reply->code >= 500 ? ENDED_IN_FAILURE : ENDED_IN_ERROR);
    gp__auth_done(smtp);
    if (++smtp->auth_failures <= (uint64_t)smtp->settings->limits.auth_failures) {
        gp__smtp_refuse(smtp, reply);
        return;
    }
    GP__LIMIT_HIT(auth_failures);
    gp__smtp_close(smtp, &too_many, GP__RESET_CLOSED);
}

/* ---- the exchange ---- */

static void challenge(struct gp__smtp *smtp)
{
    struct gp__reply reply = {.code = 334};

    reply.text = gp__base64_encode(smtp->sasl->arena, smtp->sasl->challenge);
    gp__smtp_reply(smtp, &reply);
    if (smtp->state == GP__STATE_COMMAND)
        smtp->state = GP__STATE_AUTH;
}

/* The facts of the session, for the hooks that judge the login: taken back if they refuse it. */
static void set_user(struct gp__smtp *smtp)
{
    struct gp_session *session = smtp->session;

    session->auth_user = gp__arena_dup(session->arena, smtp->sasl->user);
    session->auth_mechanism = smtp->sasl->mechanism->name;
}

static void go_on(struct gp__smtp *smtp)
{
    switch (smtp->sasl->need) {
    case GP__SASL_RESPONSE:
        challenge(smtp);
        return;
    case GP__SASL_PASSWORD:
    case GP__SASL_SECRET:
    case GP__SASL_TOKEN:
        gp__smtp_ask(smtp, GP__ASK_AUTH);
        return;
    case GP__SASL_SUCCESS:
        set_user(smtp);
        gp__smtp_ask(smtp, GP__ASK_LOGIN);
        return;
    case GP__SASL_WRONG:
        gp__smtp_ask(smtp, GP__ASK_AUTH_FAILED);
        return;
    case GP__SASL_MALFORMED:
        refuse(smtp, &malformed);
    }
}

/* "=" is a response of no bytes (RFC 4954 section 4); an empty line is one too. */
static void respond(struct gp__smtp *smtp, struct gp_slice text, bool initial)
{
    struct gp_slice bytes = GP_S("");

    if (gp_slice_eq(text, GP_S("*"))) {
        refuse(smtp, &cancelled);
    } else if (!(initial && gp_slice_eq(text, GP_S("="))) &&
               gp__base64_decode(smtp->sasl->arena, text, &bytes) < 0) {
        refuse(smtp, &bad_base64);
    } else {
        gp__sasl_respond(smtp->sasl, bytes);
        go_on(smtp);
    }
}

static void begin(struct gp__smtp *smtp, enum gp__sasl_name name, unsigned offered)
{
    const struct gp__sasl_mechanism *mechanism = gp__sasl_mechanism(name);
    struct gp__sasl_context context = {
        .crypto = smtp->settings->auth.crypto,
        .session = smtp->session,
    };

    for (int i = 0; i < GP__SASL_COUNT; i++)
        if ((offered & 1u << i) && gp__sasl_mechanism((enum gp__sasl_name)i)->binds &&
            gp_slice_eq(gp__sasl_mechanism((enum gp__sasl_name)i)->stored, mechanism->stored))
            context.offers_binding = true;
    smtp->sasl = gp__sasl_create(mechanism, &context);
}

static const struct gp__reply *out_of_order(const struct gp__smtp *smtp)
{
    if (!smtp->settings->auth.mechanisms)
        return &not_implemented;
    if (!smtp->session->extended)
        return &need_ehlo;
    if (gp_slice_present(smtp->session->auth_user))
        return &already;
    return smtp->session->transaction ? &in_transaction : NULL;
}

static bool is_name(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!gp__is_alnum(name.data[i]) && name.data[i] != '-' && name.data[i] != '_')
            return false;
    return name.len > 0 && name.len <= 20; /* RFC 4422 3.1 */
}

void gp__auth_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    unsigned offered = gp__auth_offered(smtp->settings, smtp->session);
    struct gp_slice initial = argument, word = gp_slice_split(&initial, ' ');
    const struct gp__reply *refusal = out_of_order(smtp);
    enum gp__sasl_name name = GP__SASL_COUNT;

    if (!refusal && !is_name(word))
        refusal = &no_mechanism;
    if (!refusal &&
        (!gp__sasl_find(word, &name) || !(smtp->settings->auth.mechanisms & 1u << name)))
        refusal = &unknown;
    if (!refusal && !(offered & 1u << name))
        refusal = gp_slice_present(smtp->session->tls_version) || smtp->settings->auth.plaintext
                      ? &unknown
                      : &needs_tls;
    if (refusal) {
        gp__smtp_refuse(smtp, refusal);
        return;
    }
    begin(smtp, name, offered);
    if (gp_slice_present(initial))
        respond(smtp, initial, true);
    else if (smtp->sasl->mechanism->server_first)
        respond(smtp, GP_S("="), true);
    else
        challenge(smtp);
}

void gp__auth_line(struct gp__smtp *smtp, struct gp_slice line, enum gp__line_flaw flaw)
{
    if (flaw == GP__LINE_LONG) {
        refuse(smtp, &too_long);
    } else if (flaw) {
        gp__auth_done(smtp);
        gp__command_flawed(smtp, flaw);
    } else if (gp__command_in_sync(smtp)) {
        respond(smtp, line, false);
    }
}

/* ---- answers ---- */

void gp__auth_answered(struct gp__smtp *smtp, const struct gp__answer *answer)
{
    gp__sasl_answer(smtp->sasl, answer->found, answer->value);
    go_on(smtp);
}

void gp__auth_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    refuse(smtp, reply);
}

void gp__auth_failed_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    (void)reply;
    refuse(smtp, &failed);
}

void gp__login_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    count(smtp, ENDED_IN_SUCCESS);
    gp__sasl_free(&smtp->sasl); /* before the end, which would take the login back */
    gp__auth_done(smtp);
    gp__smtp_reply(smtp, reply);
}

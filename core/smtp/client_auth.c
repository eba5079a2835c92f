// SPDX-License-Identifier: Apache-2.0
/* AUTH (RFC 4954) of the client: the strongest mechanism that both sides have, and no other after
 * it was refused. */
#include "core/smtp/client_internal.h"

#include "core/base/codec.h"

/* ---- what is offered ---- */

void gp__client_read_auth(struct gp__capabilities *capabilities, struct gp_slice words)
{
    while (gp_slice_present(words)) {
        enum gp__sasl_name name;

        if (gp__sasl_find(gp_slice_split(&words, ' '), &name))
            capabilities->auth |= 1u << name;
    }
}

/* ---- bytes ---- */

/* What is encoded here may be a secret. */
static void write_encoded(struct gp__smtp_client *client, struct gp_slice bytes)
{
    struct gp__arena *arena = gp__arena_create();

    gp__arena_keep_secret(arena);
    gp__client_write(client, gp__base64_encode(arena, bytes));
    gp__client_write(client, GP_S("\r\n"));
    gp__arena_free(&arena);
}

static void begin(struct gp__smtp_client *client, enum gp__sasl_name name)
{
    gp__client_enter(client, GP__CLIENT_AUTH);
    client->auth_step = 0;
    client->auth_name = (uint8_t)name;
    gp__client_write(client, GP_S("AUTH "));
    gp__client_write(client, gp__sasl_mechanism(name)->name);
}

/* ---- PLAIN and LOGIN ---- */

static void begin_plain(struct gp__smtp_client *client)
{
    struct gp_slice user = client->settings->user, password = client->settings->password;
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice nul = gp_slice("", 1);

    gp__arena_keep_secret(arena);
    begin(client, GP__SASL_PLAIN);
    gp__client_write(client, GP_S(" "));
    write_encoded(client, GP__ARENA_JOIN(arena, nul, user, nul, password));
    gp__arena_free(&arena);
}

static void begin_login(struct gp__smtp_client *client)
{
    begin(client, GP__SASL_LOGIN);
    gp__client_write(client, GP_S("\r\n"));
}

/* Whether there was something to say: the questions are for user and password. */
static bool answer_login(struct gp__smtp_client *client)
{
    if (client->auth_name != GP__SASL_LOGIN || client->auth_step >= 2)
        return false;
    write_encoded(client,
                  client->auth_step++ == 0 ? client->settings->user : client->settings->password);
    return true;
}

/* ---- SCRAM ---- */

static bool may_use(const struct gp__smtp_client *client, unsigned mechanisms)
{
    return client->settings->mechanisms == 0 || (client->settings->mechanisms & mechanisms);
}

/* RFC 5802 section 6: "y" tells a server that does offer -PLUS that somebody took the offer away. */
static struct gp_slice gs2_of(const struct gp__smtp_client *client, bool binds)
{
    static const unsigned plus = 1u << GP__SASL_SCRAM_SHA_256_PLUS |
                                 1u << GP__SASL_SCRAM_SHA_1_PLUS;

    if (binds)
        return GP_S("p=tls-exporter,,");
    return gp_slice_present(client->exporter) && may_use(client, plus) ? GP_S("y,,") : GP_S("n,,");
}

static void begin_scram(struct gp__smtp_client *client, enum gp__sasl_name name)
{
    const struct gp__sasl_mechanism *mechanism = gp__sasl_mechanism(name);
    struct gp__client_scram_settings settings = {
        .crypto = client->settings->crypto,
        .digest = mechanism->digest,
        .user = client->settings->user,
        .password = client->settings->password,
        .gs2 = gs2_of(client, mechanism->binds),
        .binding = mechanism->binds ? client->exporter : GP_S(""),
        .nonce = client->settings->nonce,
    };

    client->scram = gp__client_scram_create(&settings);
    if (!client->scram) {
        gp__client_lose(client, "user or password have characters that no login has");
        return;
    }
    begin(client, name);
    gp__client_write(client, GP_S(" "));
    write_encoded(client, gp__client_scram_first(client->scram));
}

static void answer_scram(struct gp__smtp_client *client, struct gp_slice text)
{
    struct gp__arena *arena = gp__arena_create();
    const char *why = "the server's challenge is not base64";
    struct gp_slice challenge, response;

    if (gp__base64_decode(arena, text, &challenge) < 0 ||
        gp__client_scram_answer(client->scram, challenge, &response, &why) < 0)
        gp__client_lose(client, why);
    else
        write_encoded(client, response);
    gp__arena_free(&arena);
}

/* ---- which ---- */

static bool can(const struct gp__smtp_client *client, enum gp__sasl_name name)
{
    bool binds = gp__sasl_mechanism(name)->binds;

    if (!(client->capabilities.auth & 1u << name) || !may_use(client, 1u << name))
        return false;
    return (!binds || gp_slice_present(client->exporter)) &&
           (client->settings->crypto || name == GP__SASL_PLAIN || name == GP__SASL_LOGIN);
}

void gp__client_log_in(struct gp__smtp_client *client)
{
    /* A bound channel comes first: it stops whoever has a certificate that he should not have. */
    static const enum gp__sasl_name scram[] = {GP__SASL_SCRAM_SHA_256_PLUS,
                                               GP__SASL_SCRAM_SHA_1_PLUS, GP__SASL_SCRAM_SHA_256,
                                               GP__SASL_SCRAM_SHA_1};

    if (!client->encrypted && !client->settings->plain_auth) {
        gp__client_lose(client, "without TLS the password is not sent");
        return;
    }
    for (size_t i = 0; i < sizeof scram / sizeof scram[0]; i++)
        if (can(client, scram[i])) {
            begin_scram(client, scram[i]);
            return;
        }
    if (can(client, GP__SASL_PLAIN))
        begin_plain(client);
    else if (can(client, GP__SASL_LOGIN))
        begin_login(client);
    else
        gp__client_lose(client, "the server offers no AUTH that we know");
}

/* ---- how it ended ---- */

static void wipe_output(struct gp__smtp_client *client)
{
    if (client->out.len == 0 && client->out.data)
        explicit_bzero(client->out.data, client->out.cap);
}

static void finish(struct gp__smtp_client *client, bool accepted)
{
    bool proved = !client->scram || gp__client_scram_verified(client->scram);

    wipe_output(client);
    gp__client_scram_free(&client->scram);
    client->authenticated = accepted && proved;
    if (client->authenticated)
        gp__client_ready(client);
    else if (accepted)
        gp__client_lose(client, "the server took the login without a proof that it knows the "
                                "password: it is not the one that it seems to be");
    else
        gp__client_refused(client, "the server refused the login");
}

void gp__client_auth_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    if (reply->code != 334)
        finish(client, reply->code == 235);
    else if (client->scram)
        answer_scram(client, reply->text);
    else if (!answer_login(client))
        finish(client, false);
}

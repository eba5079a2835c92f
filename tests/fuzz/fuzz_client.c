// SPDX-License-Identifier: Apache-2.0
/*
 * The client engine against any server: the first bytes choose settings, the rest is what the server
 * says, in pieces. Whatever it says, what leaves are whole lines without a bare CR or LF, each
 * recipient gets an outcome that can be shown, and it comes to an end.
 */
#include "core/runtime/crypto.h"
#include "core/smtp/client.h"
#include "core/smtp/client_scram.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do                                                                                             \
        if (!(condition))                                                                          \
            abort();                                                                               \
    while (0)

struct host {
    struct gp__smtp_client *client;
    struct gp__smtp_client_mail mail;
    uint64_t now;
    unsigned mails, pieces;
    char last;
    bool closed;
};

static void same_random(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 'N', len);
}

/* Not the real PBKDF2: a million iterations are too slow. */
static int fake_pbkdf2(enum gp__digest digest, struct gp_slice password, struct gp_slice salt,
                       unsigned iterations, uint8_t out[GP__DIGEST_MAX])
{
    CHECK(salt.len && iterations >= GP__CLIENT_SCRAM_ITERATIONS_MIN &&
          iterations <= GP__CLIENT_SCRAM_ITERATIONS_MAX);
    gp__digest_hmac(digest, password, salt, out);
    return 0;
}

static const struct gp__crypto crypto = {
    .hash = gp__digest_hash, .hmac = gp__digest_hmac, .random = same_random, .pbkdf2 = fake_pbkdf2};

static void check_output(struct host *host)
{
    struct gp__buf *out = gp__smtp_client_output(host->client);
    struct gp_slice bytes = gp__buf_slice(out);

    for (size_t i = 0; i < bytes.len; i++) {
        CHECK((bytes.data[i] == '\n') == (host->last == '\r'));
        host->last = bytes.data[i];
    }
    gp__buf_clear(out);
}

static void check_outcomes(const struct host *host)
{
    for (size_t i = 0; i < host->mail.n_recipients; i++) {
        const struct gp__smtp_outcome *outcome = gp__smtp_client_outcome(host->client, i);

        CHECK(outcome && gp__reply_ok(&outcome->reply, 0) && outcome->reply.code / 100 != 3);
        CHECK(outcome->reply.code >= 400 || (outcome->stage == GP__STAGE_END && !outcome->own));
    }
}

static void ready(struct host *host)
{
    if (host->mails++ < 3)
        gp__smtp_client_send(host->client, &host->mail);
    else
        gp__smtp_client_quit(host->client);
    host->pieces = 0;
}

static void crank(struct host *host)
{
    for (unsigned turns = 0; !host->closed; turns++) {
        enum gp__smtp_client_event event = gp__smtp_client_step(host->client, host->now);

        CHECK(turns < 1000);
        check_output(host);
        if (event == GP__SMTP_CLIENT_INPUT)
            return;
        if (event == GP__SMTP_CLIENT_READY)
            ready(host);
        else if (event == GP__SMTP_CLIENT_CONTENT)
            gp__smtp_client_content(host->client, GP_S("a\n.\r\n.b\r\rc\n\r"), host->pieces++ == 2);
        else if (event == GP__SMTP_CLIENT_STARTTLS)
            gp__smtp_client_secured(host->client);
        else if (event == GP__SMTP_CLIENT_SENT)
            check_outcomes(host);
        host->closed = event == GP__SMTP_CLIENT_CLOSED;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gp__smtp_client_recipient to[] = {
        {.address = {"r1@b.example", 12}},
        {.address = {"no address", 10}},
        {.address = {"r2@b.example", 12}, .notify = {"NEVER", 5}}};
    struct host host = {.mail = {.recipients = to, .n_recipients = 3}};
    struct gp__smtp_client_settings settings = {.hostname = GP_S("me.example")};
    struct gp_slice rest;

    if (size < 2)
        return 0;
    settings.protocol = data[0] & 1 ? GP__PROTOCOL_LMTP : GP__PROTOCOL_SMTP;
    settings.tls = (enum gp__smtp_client_tls)(data[0] / 2 % 3);
    settings.bdat = data[0] & 16;
    settings.lock_step = data[0] & 32;
    settings.plain_auth = data[0] & 64;
    settings.user = data[0] & 128 ? GP_S("user") : gp_slice(NULL, 0);
    settings.password = GP_S("pass");
    settings.crypto = &crypto;
    settings.nonce = GP_S("n");
    host.mail.eight_bit = data[1] & 1;
    host.client = gp__smtp_client_create(&settings, 0);
    if (data[1] & 128)
        gp__smtp_client_bind(host.client, GP_S("EXPORTER"));
    rest = gp_slice((const char *)data + 2, size - 2);
    crank(&host);
    while (rest.len && !host.closed) {
        size_t n = 1 + (size_t)(unsigned char)rest.data[0] % (data[1] / 2 + 1u);

        gp__smtp_client_feed(host.client, gp_slice_sub(rest, 0, n));
        rest = gp_slice_sub(rest, n, rest.len);
        host.now += 10;
        crank(&host);
    }
    gp__smtp_client_eof(host.client);
    crank(&host);
    CHECK(host.closed);
    if (gp__smtp_client_outcome(host.client, 0))
        check_outcomes(&host);
    gp__smtp_client_free(&host.client);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* From the greeting to AUTH: EHLO (or HELO, LHLO) and STARTTLS. */
#include "core/smtp/client_internal.h"

#include "core/base/ascii.h"

/* ---- EHLO ---- */

static const struct {
    struct gp_slice keyword;
    unsigned extension;
} known[] = {
    {{"PIPELINING", 10}, GP__EXT_PIPELINING},
    {{"SIZE", 4}, GP__EXT_SIZE},
    {{"8BITMIME", 8}, GP__EXT_8BITMIME},
    {{"SMTPUTF8", 8}, GP__EXT_SMTPUTF8},
    {{"CHUNKING", 8}, GP__EXT_CHUNKING},
    {{"DSN", 3}, GP__EXT_DSN},
    {{"REQUIRETLS", 10}, GP__EXT_REQUIRETLS},
    {{"BINARYMIME", 10}, GP__EXT_BINARYMIME},
    {{"PRDR", 4}, GP__EXT_PRDR},
};

/* 1 << enum gp__attribute of each that is named. */
static unsigned read_attributes(struct gp_slice rest)
{
    unsigned set = 0;

    while (gp_slice_present(rest)) {
        struct gp_slice word = gp_slice_split(&rest, ' ');

        for (unsigned i = 0; i < GP__ATTRIBUTE_COUNT; i++)
            if (gp_slice_caseeq(word, gp__attribute_name((enum gp__attribute)i)))
                set |= 1u << i;
    }
    return set;
}

/* RFC 9422: what is not understood is ignored. */
static void read_limits(struct gp__capabilities *capabilities, struct gp_slice rest)
{
    while (gp_slice_present(rest)) {
        struct gp_slice value = gp_slice_split(&rest, ' '), name = gp_slice_split(&value, '=');
        int64_t n;

        if (!gp_slice_present(value) || gp_slice_to_int(value, 1, 999999, &n) < 0)
            continue;
        if (gp_slice_caseeq(name, GP_S("RCPTMAX")))
            capabilities->recipients = (size_t)n;
        if (gp_slice_caseeq(name, GP_S("MAILMAX")))
            capabilities->mails = (size_t)n;
    }
}

static void read_line(struct gp__capabilities *capabilities, struct gp_slice line)
{
    struct gp_slice rest = line, keyword = gp_slice_split(&rest, ' ');
    int64_t size = 0;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (gp_slice_caseeq(keyword, known[i].keyword))
            capabilities->extensions |= known[i].extension;
    capabilities->starttls |= gp_slice_caseeq(keyword, GP_S("STARTTLS"));
    if (gp_slice_caseeq(keyword, GP_S("AUTH")))
        gp__client_read_auth(capabilities, rest);
    if (gp_slice_caseeq(keyword, GP_S("XFORWARD")))
        capabilities->xforward = read_attributes(rest);
    if (gp_slice_caseeq(keyword, GP_S("XCLIENT")))
        capabilities->xclient = read_attributes(rest);
    if (gp_slice_caseeq(keyword, GP_S("LIMITS")))
        read_limits(capabilities, rest);
    if (gp_slice_caseeq(keyword, GP_S("SIZE")) && gp_slice_to_int(rest, 0, INT64_MAX, &size) == 0)
        capabilities->size = (uint64_t)size;
}

/* The first line is the server's name. */
static void read_capabilities(struct gp__smtp_client *client, struct gp_slice text)
{
    size_t at = gp_slice_search(text, GP_S("\r\n"));

    memset(&client->capabilities, 0, sizeof client->capabilities);
    while (at < text.len) {
        text = gp_slice_sub(text, at + 2, text.len);
        at = gp_slice_search(text, GP_S("\r\n"));
        read_line(&client->capabilities, gp_slice_sub(text, 0, at));
    }
}

static void say_hello(struct gp__smtp_client *client, struct gp_slice verb,
                      enum gp__smtp_client_state state)
{
    gp__client_write(client, verb);
    gp__client_write(client, client->settings->hostname);
    gp__client_write(client, GP_S("\r\n"));
    gp__client_enter(client, state);
}

void gp__client_hello(struct gp__smtp_client *client)
{
    say_hello(client, gp__client_is_lmtp(client) ? GP_S("LHLO ") : GP_S("EHLO "), GP__CLIENT_HELLO);
}

void gp__client_greeted(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    struct gp__ip literal;

    if (gp__domain_parse(client->settings->hostname, 0, &literal) != GP__ADDRESS_OK)
        gp__client_lose(client, "our own name for EHLO is no host name");
    else if (reply->code != 220)
        gp__client_refused(client, "the server does not serve us");
    else
        gp__client_hello(client);
}

/* ---- STARTTLS ---- */

static void ready(struct gp__smtp_client *client)
{
    if (!gp_slice_present(client->settings->user) || client->authenticated)
        gp__client_ready(client);
    else
        gp__client_log_in(client);
}

static void after_hello(struct gp__smtp_client *client)
{
    enum gp__smtp_client_tls tls = client->settings->tls;

    if (client->encrypted || tls == GP__CLIENT_TLS_NONE) {
        ready(client);
    } else if (client->capabilities.starttls) {
        gp__client_write(client, GP_S("STARTTLS\r\n"));
        gp__client_enter(client, GP__CLIENT_STARTTLS);
    } else if (tls == GP__CLIENT_TLS_REQUIRED) {
        gp__client_lose(client, "the server does not offer STARTTLS");
    } else {
        ready(client);
    }
}

/* What came with the reply in plaintext would be taken for something said inside TLS. */
void gp__client_starttls_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    if (reply->code == 220 && client->in.len > 0)
        gp__client_lose(client, "plaintext after the reply to STARTTLS: an attack");
    else if (reply->code == 220)
        gp__client_enter(client, GP__CLIENT_HANDSHAKE);
    else if (client->settings->tls == GP__CLIENT_TLS_REQUIRED)
        gp__client_refused(client, "the server refused STARTTLS");
    else
        ready(client);
}

void gp__smtp_client_secured(struct gp__smtp_client *client)
{
    if (client->state != GP__CLIENT_HANDSHAKE)
        return;
    client->encrypted = true;
    memset(&client->capabilities, 0, sizeof client->capabilities);
    gp__client_hello(client);
}

/* ---- answers ---- */

/* A server that knows no EHLO is asked again, as RFC 5321 3.2 has it; not with TLS or AUTH wanted,
 * which it cannot have. */
void gp__client_hello_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    bool unknown = reply->code >= 500 && reply->code <= 504;

    if (reply->code == 250) {
        read_capabilities(client, reply->text);
        after_hello(client);
    } else if (unknown && !gp__client_is_lmtp(client)) {
        say_hello(client, GP_S("HELO "), GP__CLIENT_HELO);
    } else {
        gp__client_refused(client, "the server does not like our EHLO");
    }
}

void gp__client_helo_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    memset(&client->capabilities, 0, sizeof client->capabilities);
    if (reply->code == 250)
        after_hello(client);
    else
        gp__client_refused(client, "the server does not like our HELO");
}

// SPDX-License-Identifier: Apache-2.0
/*
 * HELO, EHLO (RFC 5321 4.1.1.1) and LHLO (RFC 2033 4.1). A new one ends the transaction as RSET
 * does (4.1.4); one that is refused leaves the name of the one before.
 */
#include "core/smtp/server_internal.h"

static const struct gp__reply no_name = GP__REPLY_INIT(501, 5, 5, 4,
                                                       "Give your host name or address literal");
static const struct gp__reply bad_name = GP__REPLY_INIT(501, 5, 5, 2,
                                                        "Not a host name or address literal");
static const struct gp__reply only_lmtp = GP__REPLY_INIT(500, 5, 5, 1, "This is LMTP: say LHLO");
static const struct gp__reply only_smtp = GP__REPLY_INIT(500, 5, 5, 1, "This is SMTP: say EHLO");
static const struct gp__reply no_memory = GP__REPLY_INIT(421, 4, 3, 0,
                                                         "Out of memory, try again later");

/* A name as a client may have it: what DNS allows, "_" and single labels included, and one dot at
 * the end; A-labels (RFC 6531 3.7.1). Whether it is true is not for the protocol to ask (RFC 5321
 * 4.1.4). */
bool gp__helo_name_ok(struct gp_slice name)
{
    struct gp__ip literal;

    if (name.len > GP__HELO_MAX)
        return false;
    if (name.len > 1 && name.data[name.len - 1] == '.')
        name.len--;
    return gp__domain_parse(name, 0, &literal) == GP__ADDRESS_OK;
}

static void save(struct gp__smtp *smtp)
{
    struct gp__saved_helo *saved = &gp__smtp_command(smtp)->helo;
    const struct gp_session *session = smtp->session;

    memcpy(saved->text, session->helo_text, session->helo_len);
    saved->len = session->helo_len;
    saved->seen = session->helo_seen;
    saved->extended = session->extended;
}

static void check(struct gp__smtp *smtp, struct gp_slice name, bool extended)
{
    struct gp_session *session = smtp->session;

    if (name.len == 0) {
        gp__smtp_refuse(smtp, &no_name);
        return;
    }
    if (!gp__helo_name_ok(name)) {
        gp__smtp_refuse(smtp, &bad_name);
        return;
    }
    gp__smtp_end_transaction(smtp, GP__RESET_HELO, NULL);
    smtp->chunks_failed = false;
    save(smtp);
    memcpy(session->helo_text, name.data, name.len);
    session->helo_len = (uint8_t)name.len;
    session->helo_seen = true;
    session->extended = extended;
    gp__smtp_ask(smtp, GP__ASK_HELO);
}

static bool is_lmtp(const struct gp__smtp *smtp)
{
    return smtp->settings->protocol == GP__PROTOCOL_LMTP;
}

void gp__helo_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    if (is_lmtp(smtp))
        gp__smtp_refuse(smtp, &only_lmtp);
    else
        check(smtp, argument, false);
}

void gp__ehlo_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    if (is_lmtp(smtp))
        gp__smtp_refuse(smtp, &only_lmtp);
    else
        check(smtp, argument, true);
}

void gp__lhlo_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    if (is_lmtp(smtp))
        check(smtp, argument, true);
    else
        gp__smtp_refuse(smtp, &only_smtp);
}

void gp__helo_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    const struct gp__saved_helo *saved = &smtp->command->helo;
    struct gp_session *session = smtp->session;

    memcpy(session->helo_text, saved->text, saved->len);
    session->helo_len = saved->len;
    session->helo_seen = saved->seen;
    session->extended = saved->extended;
    gp__smtp_refuse(smtp, reply);
}

void gp__helo_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp__reply hello = {.code = 250, .text = smtp->settings->hostname};

    (void)reply; /* the text is the host name, whatever else was wished for */
    if (!smtp->session->extended) {
        gp__smtp_reply(smtp, &hello);
        return;
    }
    if (gp__extension_lines(smtp->settings, smtp->session, &smtp->command->lines) < 0 ||
        (gp__smtp_offers_tls(smtp) &&
         gp__buf_append(&smtp->command->lines, GP_S("STARTTLS\n")) < 0))
        gp__smtp_close(smtp, &no_memory, GP__RESET_CLOSED);
    else
        gp__smtp_ask(smtp, GP__ASK_CAPABILITIES);
}

static char *put(char *to, struct gp_slice s)
{
    return s.len ? (char *)memcpy(to, s.data, s.len) + s.len : to;
}

void gp__capabilities_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp_slice host = smtp->settings->hostname, rest = gp__buf_slice(&smtp->command->lines);
    char *text = gp__arena_bytes(smtp->scratch, host.len + rest.len * 3), *to = text;
    struct gp__reply hello = {.code = 250};

    (void)reply;
    to = put(to, host);
    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (gp__extension_line_ok(line))
            to = put(put(to, GP_S("\r\n")), line);
    }
    hello.text = gp_slice(text, (size_t)(to - text));
    gp__smtp_reply(smtp, &hello);
}

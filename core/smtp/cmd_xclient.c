// SPDX-License-Identifier: Apache-2.0
/*
 * XCLIENT (Postfix's XCLIENT_README): a trusted client says for whom it stands. The session begins
 * anew, with that one as its client: greeting, hooks and all. Who is trusted is decided by the
 * address of the connection, which XCLIENT does not change.
 */
#include "core/smtp/server_internal.h"

static const struct gp__reply not_allowed = GP__REPLY_INIT(
    550, 5, 7, 0, "XCLIENT is not allowed from your address");
static const struct gp__reply bad_address = GP__REPLY_INIT(
    501, 5, 5, 4, "ADDR and DESTADDR are 192.0.2.1 or IPV6:2001:db8::1");
static const struct gp__reply bad_port = GP__REPLY_INIT(501, 5, 5, 4,
                                                        "PORT and DESTPORT are numbers to 65535");
static const struct gp__reply bad_proto = GP__REPLY_INIT(501, 5, 5, 4,
                                                         "PROTO is SMTP, ESMTP or LMTP");
static const struct gp__reply bad_helo = GP__REPLY_INIT(501, 5, 5, 4,
                                                        "HELO is a host name or address literal");

static int parse_address(struct gp_slice text, struct gp__ip *ip_r)
{
    struct gp_slice prefix = GP_S("IPV6:");

    if (gp_slice_caseeq(gp_slice_sub(text, 0, prefix.len), prefix))
        return gp__ip6_parse(gp_slice_sub(text, prefix.len, text.len), ip_r);
    return gp__ip4_parse(text, ip_r);
}

/* Family 0 when nothing is known. 0, or -1. */
static int read_address(const struct gp__attributes *attributes, enum gp__attribute which,
                        struct gp__ip *ip_r)
{
    *ip_r = (struct gp__ip){0};
    return gp__attribute_known(attributes, which) ? parse_address(attributes->values[which], ip_r)
                                                  : 0;
}

static int read_port(const struct gp__attributes *attributes, enum gp__attribute which,
                     uint16_t *port_r)
{
    struct gp_slice text = attributes->values[which];
    int64_t port = 0;

    if (gp__attribute_known(attributes, which) &&
        (text.len > 5 || gp_slice_to_int(text, 0, 65535, &port) < 0))
        return -1;
    *port_r = (uint16_t)port;
    return 0;
}

static bool is_proto(struct gp_slice proto)
{
    return gp_slice_caseeq(proto, GP_S("SMTP")) || gp_slice_caseeq(proto, GP_S("ESMTP")) ||
           gp_slice_caseeq(proto, GP_S("LMTP"));
}

static const struct gp__reply *judge(const struct gp__attributes *attributes)
{
    struct gp__ip ip;
    uint16_t port;

    if (read_address(attributes, GP__ATTRIBUTE_ADDR, &ip) < 0 ||
        read_address(attributes, GP__ATTRIBUTE_DESTADDR, &ip) < 0)
        return &bad_address;
    if (read_port(attributes, GP__ATTRIBUTE_PORT, &port) < 0 ||
        read_port(attributes, GP__ATTRIBUTE_DESTPORT, &port) < 0)
        return &bad_port;
    if (gp__attribute_known(attributes, GP__ATTRIBUTE_PROTO) &&
        !is_proto(attributes->values[GP__ATTRIBUTE_PROTO]))
        return &bad_proto;
    if (gp__attribute_known(attributes, GP__ATTRIBUTE_HELO) &&
        !gp__helo_name_ok(attributes->values[GP__ATTRIBUTE_HELO]))
        return &bad_helo;
    return NULL;
}

void gp__xclient_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    const struct gp__attributes *attributes = gp__attributes_check(
        smtp, argument, GP__XCLIENT_ATTRIBUTES, smtp->session->may_xclient ? NULL : &not_allowed);
    const struct gp__reply *refusal = attributes ? judge(attributes) : NULL;

    if (refusal) {
        gp__smtp_command_done(smtp);
        gp__smtp_refuse(smtp, refusal);
    } else if (attributes) {
        gp__smtp_ask(smtp, GP__ASK_XCLIENT);
    }
}

static bool said(const struct gp__attributes *attributes, enum gp__attribute which)
{
    return gp_slice_present(attributes->values[which]);
}

static void set_addresses(struct gp_session *session, const struct gp__attributes *attributes)
{
    struct gp__ip ip = session->client_ip;
    uint16_t port = session->client_port;

    if (said(attributes, GP__ATTRIBUTE_ADDR)) {
        (void)read_address(attributes, GP__ATTRIBUTE_ADDR, &ip);
        session->credentials.known = false;
        session->client_zone[0] = '\0';
    }
    if (said(attributes, GP__ATTRIBUTE_PORT) || said(attributes, GP__ATTRIBUTE_ADDR))
        (void)read_port(attributes, GP__ATTRIBUTE_PORT, &port);
    gp__session_set_client(session, &ip, port);
    ip = session->server_ip;
    port = session->server_port;
    if (said(attributes, GP__ATTRIBUTE_DESTADDR))
        (void)read_address(attributes, GP__ATTRIBUTE_DESTADDR, &ip);
    if (said(attributes, GP__ATTRIBUTE_DESTPORT))
        (void)read_port(attributes, GP__ATTRIBUTE_DESTPORT, &port);
    gp__session_set_server(session, &ip, port);
}

static void set_helo(struct gp_session *session, const struct gp__attributes *attributes)
{
    struct gp_slice helo = attributes->values[GP__ATTRIBUTE_HELO];

    session->helo_seen = gp__attribute_known(attributes, GP__ATTRIBUTE_HELO);
    session->helo_len = session->helo_seen ? (uint8_t)helo.len : 0;
    if (session->helo_seen)
        memcpy(session->helo_text, helo.data, helo.len);
    session->extended = session->helo_seen &&
                        !gp_slice_caseeq(attributes->values[GP__ATTRIBUTE_PROTO], GP_S("SMTP"));
}

static void set_login(struct gp_session *session, const struct gp__attributes *attributes)
{
    bool known = gp__attribute_known(attributes, GP__ATTRIBUTE_LOGIN);

    session->auth_user = known ? attributes->values[GP__ATTRIBUTE_LOGIN] : gp_slice(NULL, 0);
    session->auth_mechanism = known ? GP_S("XCLIENT") : gp_slice(NULL, 0);
}

/* The host may have put another session in the place of the one that asked. */
void gp__xclient_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp_session *session = smtp->session;
    struct gp__attributes *attributes = GP__ARENA_NEW(session->arena, struct gp__attributes);

    (void)reply;
    for (size_t i = 0; i < GP__ATTRIBUTE_COUNT; i++)
        attributes->values[i] = gp__arena_dup(session->arena, smtp->command->attributes.values[i]);
    session->xclient = attributes;
    set_addresses(session, attributes);
    set_helo(session, attributes);
    set_login(session, attributes);
    smtp->unwelcome = false;
    smtp->chunks_failed = false;
    smtp->state = GP__STATE_GREETING;
    gp__smtp_ask(smtp, GP__ASK_CONNECT);
}

void gp__smtp_renew(struct gp__smtp *smtp, struct gp_session *session)
{
    session->may_xclient = smtp->session->may_xclient;
    session->may_xforward = smtp->session->may_xforward;
    smtp->session = session;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The fields that a hop adds: Received (RFC 5321 4.4), Return-Path, Delivered-To; and the tests for
 * loops. What a peer chose (HELO, addresses, names out of DNS) is checked against what the grammar
 * allows at its place and dropped or escaped otherwise: it can't end a comment, a field or a line.
 */
#ifndef GP_MESSAGE_TRACE_H
#define GP_MESSAGE_TRACE_H

#include "core/base/arena.h"
#include "core/base/ip.h"
#include "core/message/message.h"

enum gp__trace_flags {
    GP__TRACE_LMTP = 1 << 0,
    GP__TRACE_EXTENDED = 1 << 1, /* EHLO: ESMTP; without it SMTP */
    GP__TRACE_TLS = 1 << 2,
    GP__TRACE_AUTH = 1 << 3,
    GP__TRACE_UTF8 = 1 << 4,        /* MAIL had SMTPUTF8 (RFC 6531 4.3) */
    GP__TRACE_HIDE_CLIENT = 1 << 5, /* no "from": of an authenticated sender, by configuration */
};

struct gp__trace {
    struct gp_slice helo;                    /* absent: said nothing */
    struct gp_slice rdns;                    /* the verified name of the client; absent: unknown */
    struct gp__ip client;                    /* family 0: a UNIX socket */
    struct gp_slice hostname;                /* ours */
    struct gp_slice id;                      /* of the message */
    struct gp_slice recipient;               /* only when there is exactly one; absent otherwise */
    struct gp_slice tls_version, tls_cipher; /* a comment; absent: none */
    unsigned flags;                          /* enum gp__trace_flags */
    int64_t unix_s;
};

/* The keyword after "with": "ESMTPSA", "UTF8SMTPS", "LMTP" (RFC 3848, RFC 6531 4.3). */
struct gp_slice gp__trace_with(unsigned flags);

/* The value of a Received field, folded, for gp__message_header_insert(). */
struct gp_slice gp__trace_received(struct gp__arena *arena, const struct gp__trace *trace);

/* "<a@b>"; "<>" for the empty address; absent: not an address. */
struct gp_slice gp__trace_return_path(struct gp__arena *arena, struct gp_slice address);

/* Adds one at the top. 0, or an error of the insert. */
int gp__trace_add_received(struct gp_message *message, struct gp_slice who,
                           const struct gp__trace *trace);

/* Adds what a submitted message lacks of Date and Message-ID, at the bottom of its header; an id of
 * ours names it (RFC 6409 8.2, 8.3). */
void gp__trace_complete(struct gp_message *message, struct gp_slice who,
                        const struct gp__trace *trace);

/* Whether a Delivered-To field names the address already: a loop. The domain without case. */
bool gp__trace_delivered_before(struct gp_message *message, struct gp_slice address);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Mailboxes and paths (RFC 5321 4.1.2, 4.1.3, RFC 6531 3.3): parsed once, here; everything later
 * works with the canonical form. Quoting that is not needed is removed, so "a"@b and a@b are equal
 * (5321bis 4.1.2); a source route is parsed and dropped (RFC 5321 appendix F.2).
 */
#ifndef GP_SMTP_ADDRESS_H
#define GP_SMTP_ADDRESS_H

#include "core/base/arena.h"
#include "core/base/ip.h"

#include <gatepost/slice.h>
#include <stdbool.h>

struct gp__address {
    struct gp_slice text;   /* local@domain, canonical; "" for the null reverse-path */
    struct gp_slice local;  /* part of text; with its quotes if it needs them */
    struct gp_slice domain; /* part of text; "" for the bare postmaster; "[192.0.2.1]" */
    struct gp_slice key;    /* the domain in A-labels: what is compared, without case */
    struct gp__ip literal;  /* family 0: the domain is a name */
    bool utf8;              /* needs SMTPUTF8 */
};

/* The null reverse-path. */
extern const struct gp__address gp__address_null;

enum gp__address_flags {
    GP__ADDRESS_NULL = 1 << 0,       /* "<>" is allowed */
    GP__ADDRESS_POSTMASTER = 1 << 1, /* "<postmaster>" without a domain is allowed */
    GP__ADDRESS_UTF8 = 1 << 2,       /* SMTPUTF8 was announced in this transaction */
};

enum gp__address_error {
    GP__ADDRESS_OK = 0,
    GP__ADDRESS_BAD_SYNTAX,  /* not a path */
    GP__ADDRESS_BAD_LOCAL,   /* the local part is malformed */
    GP__ADDRESS_BAD_DOMAIN,  /* the domain is malformed, or not in U-labels (RFC 5890 2.3.2.1) */
    GP__ADDRESS_BAD_LITERAL, /* "[...]" is no address literal */
    GP__ADDRESS_LONG_LOCAL,  /* over 64 octets (RFC 5321 4.5.3.1.1) */
    GP__ADDRESS_LONG_DOMAIN, /* over 255 octets, or a label over 63, in A-labels too */
    GP__ADDRESS_LONG_PATH,   /* over 256 octets */
    GP__ADDRESS_NEEDS_UTF8,  /* other than ASCII without SMTPUTF8 (RFC 6531 3.7.3) */
    GP__ADDRESS_ERROR_COUNT
};

/* A path in angle brackets at the start of the text; *rest_r is what follows it. */
enum gp__address_error gp__path_parse(struct gp__arena *arena, struct gp_slice text, unsigned flags,
                                      struct gp__address *address_r, struct gp_slice *rest_r);

/* A mailbox without brackets that fills the text: from configuration, plugins, tables. */
enum gp__address_error gp__mailbox_parse(struct gp__arena *arena, struct gp_slice text,
                                         unsigned flags, struct gp__address *address_r);

/* A domain or address literal that fills the text: the argument of HELO and EHLO. */
enum gp__address_error gp__domain_parse(struct gp_slice text, unsigned flags,
                                        struct gp__ip *literal_r);

/* Whether both name the same mailbox: the local part counts byte for byte (RFC 5321 2.4). */
bool gp__address_same(const struct gp__address *a, const struct gp__address *b);

/* What to tell a client: never NULL. */
const char *gp__address_strerror(enum gp__address_error error);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Texts of mail: what plugins would otherwise parse by themselves, each in its own way. Pure, may
 * be called anywhere there is a call; results live until the hook returns.
 */
#ifndef GATEPOST_TEXT_H
#define GATEPOST_TEXT_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* ASCII letters in lower case; the slice itself when it has no capitals. */
GP_API struct gp_slice gp_lower(struct gp_call *call, struct gp_slice text);

/* What an address or a domain is compared as: the domain (what follows the last "@", or all without
 * one) in lower case and A-labels (RFC 5890), so that both notations are one key; the local part as
 * it is. A domain that is none keeps what is beyond ASCII. The slice itself when nothing changes. */
GP_API struct gp_slice gp_domain_key(struct gp_call *call, struct gp_slice text);

/* A decimal number with at most three decimals, as thousandths ("2.5" is 2500), and back. 0, or
 * GP_EINVAL. */
GP_API int gp_milli_parse(struct gp_slice text, int64_t *milli_r);
GP_API struct gp_slice gp_milli_text(struct gp_call *call, int64_t milli);

/* The value of a Date field (RFC 5322 3.3, obsolete forms of 4.3 included) as seconds since 1970,
 * UTC. 0, or GP_EINVAL. */
GP_API int gp_date_parse(struct gp_slice text, int64_t *unix_s_r);

/* Whether arrays and objects of a text of JSON nest no deeper than 32: to be asked of what others send
 * before a parser that recurses is let at it, for a hook's stack is small. Pure. */
GP_API bool gp_json_is_shallow(struct gp_slice json);

/* What is known of one mailbox of a From, Sender, To … field. */
enum gp_mailbox_part {
    GP_MAILBOX_ADDRESS = 0, /* local@domain, comments removed */
    GP_MAILBOX_LOCAL,
    GP_MAILBOX_DOMAIN,
    GP_MAILBOX_NAME,  /* display name, decoded to UTF-8; absent if there is none */
    GP_MAILBOX_GROUP, /* of the group it is in (RFC 6854); absent if none */
};

/*
 * The mailboxes of a field's value (RFC 5322 3.4, read leniently: what is no mailbox is skipped):
 * how many there are, at most 10,000; *malformed_r (may be NULL) how many runs between commas were
 * none. The list belongs to the call.
 */
struct gp_mailboxes;
GP_API size_t gp_mailboxes_parse(struct gp_call *call, struct gp_slice value,
                                 const struct gp_mailboxes **mailboxes_r, size_t *malformed_r);
GP_API struct gp_slice gp_mailbox(const struct gp_mailboxes *mailboxes, size_t index,
                                  enum gp_mailbox_part part);

/*
 * Adds a result of sender authentication: "spf=pass smtp.mailfrom=example.org". All results of a
 * transaction become one Authentication-Results field (RFC 8601) that the core puts on top when
 * the message is sealed, after forged ones under our name were removed. `method` and `result` are
 * keywords; `property` ("smtp.mailfrom") and `reason` may be absent. From `connect` to `message`;
 * at most 50 a transaction: GP_ELIMIT. GP_EINVAL: not keywords.
 */
GP_API int gp_auth_result(struct gp_call *call, struct gp_slice method, struct gp_slice result,
                          struct gp_slice property, struct gp_slice value, struct gp_slice reason);

GP_END_C

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * The envelope (RFC 5321 2.3.1): reverse-path, recipients and their parameters.
 *
 * Addresses are given without angle brackets, local part first, domain in the spelling of the
 * client but checked; quoting that is not needed is removed. Compare domains with
 * gp_slice_caseeq(), local parts with gp_slice_eq().
 */
#ifndef GATEPOST_ENVELOPE_H
#define GATEPOST_ENVELOPE_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* The id that log, Received field and reply carry: the session's, a dot and a number. */
GP_API struct gp_slice gp_transaction_id(struct gp_call *call);

/* The reverse-path; empty for the null reverse-path, absent before MAIL. */
GP_API struct gp_slice gp_sender(struct gp_call *call);
GP_API struct gp_slice gp_sender_local(struct gp_call *call);
GP_API struct gp_slice gp_sender_domain(struct gp_call *call);
GP_API bool gp_sender_null(struct gp_call *call);

/* As the client gave it, before any edit. */
GP_API struct gp_slice gp_sender_original(struct gp_call *call);

/*
 * Replaces the reverse-path (empty: null) for all copies that have none of their own. Allowed from
 * `mail` to `message`. GP_EINVAL when it is not an address (an absent slice is none),
 * GP_ENOTALLOWED without the capability GP_NEEDS_EDIT_ENVELOPE.
 */
GP_API int gp_sender_set(struct gp_call *call, struct gp_slice address);

/* A parameter of MAIL by its keyword ("SIZE", any case): its value, empty if it has none, absent
 * if it was not given. */
GP_API struct gp_slice gp_mail_parameter(struct gp_call *call, struct gp_slice keyword);

/* Whether the transaction uses SMTPUTF8 (RFC 6531). */
GP_API bool gp_mail_smtputf8(struct gp_call *call);

/* Whether the sender asks that the message goes on over verified TLS only (RFC 8689). */
GP_API bool gp_mail_requiretls(struct gp_call *call);

/* ---- recipients ---- */

/* What the route says of a recipient. */
enum gp_recipient_class {
    GP_CLASS_UNKNOWN = 0, /* not routed yet */
    GP_CLASS_OURS,        /* a route without relay right owns it */
    GP_CLASS_RELAY,       /* goes elsewhere, and this client may relay */
    GP_CLASS_NONE,        /* nobody's: refused by the core */
};

/* The recipient that this call is about, at `resolve` and `rcpt`; else NULL. */
GP_API struct gp_recipient *gp_rcpt(struct gp_call *call);

/* Recipients in scope: those accepted so far for which this instance's `when:` holds. */
GP_API size_t gp_rcpt_count(struct gp_call *call);
GP_API struct gp_recipient *gp_rcpt_at(struct gp_call *call, size_t index); /* NULL past the end */

/* Where it goes now, and as the client gave it (of an expansion: the recipient it came from). */
GP_API struct gp_slice gp_rcpt_address(const struct gp_recipient *recipient);
GP_API struct gp_slice gp_rcpt_local(const struct gp_recipient *recipient);
GP_API struct gp_slice gp_rcpt_domain(const struct gp_recipient *recipient);
GP_API struct gp_slice gp_rcpt_original(const struct gp_recipient *recipient);

/* DSN parameters (RFC 3461), decoded: ORCPT as "rfc822;a@b", NOTIFY as given; absent if not. */
GP_API struct gp_slice gp_rcpt_orcpt(const struct gp_recipient *recipient);
GP_API struct gp_slice gp_rcpt_notify(const struct gp_recipient *recipient);

/* The route that owns it (absent before routing), its class, and whether it is known to exist. */
GP_API struct gp_slice gp_rcpt_route(const struct gp_recipient *recipient);
GP_API enum gp_recipient_class gp_rcpt_class(const struct gp_recipient *recipient);
GP_API bool gp_rcpt_valid(const struct gp_recipient *recipient);

/* The bucket it is marked for by a QUARANTINE so far; absent if none. */
GP_API struct gp_slice gp_rcpt_bucket(const struct gp_recipient *recipient);

/*
 * At `resolve`: changes where the recipient goes. The given address, ORCPT and NOTIFY stay with it.
 * GP_EINVAL: not an address. GP_ENOTALLOWED: other hook, or no GP_NEEDS_EDIT_ENVELOPE.
 */
GP_API int gp_rcpt_rewrite(struct gp_call *call, struct gp_recipient *recipient,
                           struct gp_slice address);

/*
 * Adds a recipient: at `resolve` as an expansion of the one asked about (which then stands only if
 * it is kept: see gp_rcpt_replace), later as one more of the message. It is routed and checked for
 * validity like any other, never refused to the client, and gets NOTIFY=NEVER. Somebody who is a
 * recipient already is not added twice: *added_r (may be NULL) is that one. Named among its own
 * expansions a recipient stays, whatever gp_rcpt_replace() says. GP_ELIMIT past 1,000 expansions or
 * depth 10, or when an expansion leads back to an address that it came from.
 */
GP_API int gp_rcpt_add(struct gp_call *call, struct gp_slice address,
                       struct gp_recipient **added_r);

/* At `resolve`: the recipient asked about is only its expansions; needs at least one. */
GP_API int gp_rcpt_replace(struct gp_call *call);

/*
 * At `resolve` and `rcpt`: a key for how this recipient's mail is judged. Where the listener says
 * `split: one_policy` recipients with different keys do not share a message: the later one gets
 * 452 4.5.3 and the client sends the message again for it (RFC 5321 4.5.3.1.10), so that each
 * message can be answered for all of its recipients. Without a key, or with an empty one, anybody
 * may share. The last call counts. GP_ENOTALLOWED: other hook.
 */
GP_API int gp_rcpt_policy(struct gp_call *call, struct gp_recipient *recipient,
                          struct gp_slice key);

/*
 * At `route`: the route that is to own the recipient, by its name in the configuration, whatever its
 * match says; the last call counts. A route that asks for the right to relay still needs it (550
 * 5.7.1), a name that there is none of is a temporary failure (451 4.3.0). GP_EINVAL: not a name.
 */
GP_API int gp_route_to(struct gp_call *call, struct gp_slice route);

/*
 * Lets this client relay for the rest of the transaction. At `connect` to `resolve`; needs
 * GP_NEEDS_GRANT_RELAY; `gatepost check` lists who may.
 */
GP_API int gp_grant_relay(struct gp_call *call);

/*
 * At `resolve`: the recipient asked about (or an expansion of it) may be relayed to, whoever the
 * client is: for where an address of ours was proved to stand for one elsewhere. Nobody else's mail
 * of this transaction may. Needs GP_NEEDS_GRANT_RELAY.
 */
GP_API int gp_rcpt_grant_relay(struct gp_call *call, struct gp_recipient *recipient);

GP_END_C

#endif

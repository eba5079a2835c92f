// SPDX-License-Identifier: Apache-2.0
/*
 * Delivery status notifications (RFC 3464, RFC 6522; internationalised: RFC 6533): what became of
 * a message, as the bytes of a message to its sender. Pure: data in, bytes out; dsn_policy.h says
 * whether there is to be one at all.
 *
 * What peers said (replies, names, addresses, the message itself) is hostile: it can't end a field,
 * a line or a part. The notification goes out with the null reverse-path and carries Auto-Submitted,
 * so that nothing answers it.
 */
#ifndef GP_DELIVERY_DSN_H
#define GP_DELIVERY_DSN_H

#include "core/base/buf.h"
#include "core/delivery/dsn_template.h"
#include "core/smtp/envelope.h"
#include "core/smtp/reply.h"

enum gp__dsn_action {
    GP__DSN_FAILED = 0,
    GP__DSN_DELAYED,
    GP__DSN_DELIVERED,
    GP__DSN_RELAYED, /* to a host that does not tell about deliveries */
    GP__DSN_EXPANDED,
    GP__DSN_ACTION_COUNT
};

struct gp__dsn_recipient {
    struct gp_slice final; /* where it went: local@domain */
    struct gp_slice orcpt; /* "rfc822;a@b" as gp__rcpt has it; absent: not said */
    enum gp__dsn_action action;
    struct gp__reply reply;  /* the last answer; code 0: none */
    struct gp_slice remote;  /* whose answer: "mx.example.org [192.0.2.1]"; absent: our own */
    int64_t last_attempt_ms; /* wall clock; 0: there was none */
    int64_t retry_until_ms;  /* of a delayed one; 0: not said */
};

struct gp__dsn {
    struct gp_slice id;       /* of the notification */
    struct gp_slice hostname; /* ours: the reporting MTA */
    struct gp_slice from;     /* address of the From field; absent: MAILER-DAEMON@hostname */
    struct gp_slice to;       /* the reverse-path of the original; never empty */
    int64_t now_ms;

    /* The original. Its content is slices, one after the other. */
    struct gp_slice original_id; /* our id of it */
    struct gp_slice envid;       /* as gp__mail has it; absent */
    struct gp_slice helo;        /* of the client it came from; absent */
    int64_t arrival_ms;
    bool smtputf8; /* it came with SMTPUTF8, so its sender can take the same */
    enum gp__dsn_ret
        ret;             /* RFC 3461 4.3; NONE as HDRS. Only failures return more than the header */
    uint64_t return_max; /* bytes: a larger original is cut down to its header */
    const struct gp_slice *content;
    size_t n_content;

    enum gp__dsn_action kind; /* which text; the recipients' actions may differ */
    const struct gp__dsn_recipient *recipients;
    size_t n_recipients;
    const struct gp__dsn_template *text; /* NULL: the built-in one */
};

/* What the notification needs on its way. */
struct gp__dsn_needs {
    bool eight_bit;
    bool smtputf8; /* an address or a field has UTF-8 */
};

/* Appends the whole message, lines ended by CRLF. 0, or -1: it is over the limit of `out`, or
 * there is no memory; what `out` holds then is not to be used. */
int gp__dsn_write(const struct gp__dsn *dsn, struct gp__buf *out, struct gp__dsn_needs *needs_r);

/* "failed", "delayed", … (RFC 3464 2.3.3) */
const char *gp__dsn_action_name(enum gp__dsn_action action);

/* The text that is used where the configuration has none: English. */
const struct gp__dsn_template *gp__dsn_template_built_in(enum gp__dsn_action kind);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * A report of TLS as a mail (RFC 8460 5.3), to be queued like any other. It says "TLS-Required: No" (RFC
 * 8689 5): what it reports about must not keep it back (RFC 8460 3), and sessions without a policy
 * are not reported themselves.
 */
#ifndef GP_DELIVERY_TLS_REPORT_MAIL_H
#define GP_DELIVERY_TLS_REPORT_MAIL_H

#include "core/delivery/tls_report.h"
#include "core/spool/entry.h"

struct gp__report_mail {
    const struct gp__report *report;
    struct gp_slice submitter; /* our name */
    struct gp_slice gzip;      /* the report */
    struct gp_slice id;        /* of the message */
    int64_t now_ms, start_ms;  /* wall clock; start_ms: of the day */
    const struct gp_slice *to; /* addresses */
    size_t n_to;
};

/* The address in "mailto:…" (RFC 6068), in the arena; absent: there is none that mail goes to, or more
 * than one. */
struct gp_slice gp__report_mailbox(struct gp__arena *arena, struct gp_slice uri);

/* The message, from the contact to the addresses. 0, or -1 without memory. */
int gp__report_mail_write(struct gp__arena *arena, const struct gp__report_mail *mail,
                          struct gp__buf *out);

/* As the spool keeps it: nobody is told of it when it can't be delivered. In the arena, over `bytes`. */
const struct gp__entry *gp__report_entry(struct gp__arena *arena,
                                         const struct gp__report_mail *mail, struct gp_slice bytes);

#endif

// SPDX-License-Identifier: Apache-2.0
/* The part for programs: a group of fields for the message, one for each recipient (RFC 3464 2). */
#include "core/delivery/dsn_writing.h"

#include "core/base/utf8.h"

#define NAME_MAX_BYTES 255
#define ENVID_MAX_BYTES 100 /* RFC 3461 4.4 */
#define DIAGNOSTIC_MAX_BYTES 2000

const char *gp__dsn_action_name(enum gp__dsn_action action)
{
    static const char *const names[GP__DSN_ACTION_COUNT] = {
        [GP__DSN_FAILED] = "failed",       [GP__DSN_DELAYED] = "delayed",
        [GP__DSN_DELIVERED] = "delivered", [GP__DSN_RELAYED] = "relayed",
        [GP__DSN_EXPANDED] = "expanded",
    };

    return names[action];
}

/* "dns; NAME" of what a host is called; absent for nothing. A socket's path is no name of DNS. */
static struct gp_slice host(struct gp__dsn_writing *w, struct gp_slice name)
{
    name = gp__dsn_clean(w->arena, name, NAME_MAX_BYTES, w->charset);
    if (name.len == 0)
        return gp_slice(NULL, 0);
    return GP__ARENA_JOIN(
        w->arena, gp_slice_find(name, '/') < name.len ? GP_S("x-local; ") : GP_S("dns; "), name);
}

/* Without the address after it: "mx.example.org [192.0.2.1]". */
static struct gp_slice remote_host(struct gp__dsn_writing *w, struct gp_slice remote)
{
    return host(w, gp_slice_sub(remote, 0, gp_slice_find(remote, ' ')));
}

static void message_fields(struct gp__dsn_writing *w, struct gp__buf *out)
{
    const struct gp__dsn *dsn = w->dsn;

    gp__dsn_field(w, out, "Original-Envelope-Id",
                  gp__dsn_clean(w->arena, dsn->envid, ENVID_MAX_BYTES, w->charset));
    gp__dsn_field(w, out, "Reporting-MTA", host(w, dsn->hostname));
    gp__dsn_field(w, out, "Received-From-MTA", host(w, dsn->helo));
    gp__dsn_field(w, out, "Arrival-Date", gp__dsn_date(w, dsn->arrival_ms));
}

static struct gp_slice original_recipient(struct gp__dsn_writing *w, struct gp_slice orcpt)
{
    struct gp_slice address = orcpt, type = gp_slice_split(&address, ';');

    return address.len ? gp__dsn_address(w->arena, type, address, w->charset) : gp_slice(NULL, 0);
}

static struct gp_slice final_recipient(struct gp__dsn_writing *w, struct gp_slice address)
{
    return gp__dsn_address(w->arena, gp__ascii_only(address) ? GP_S("rfc822") : GP_S("utf-8"),
                           address, w->charset);
}

static unsigned class_of(enum gp__dsn_action action)
{
    switch (action) {
    case GP__DSN_FAILED:
        return 5;
    case GP__DSN_DELAYED:
        return 4;
    case GP__DSN_DELIVERED:
    case GP__DSN_RELAYED:
    case GP__DSN_EXPANDED:
    case GP__DSN_ACTION_COUNT:
        break;
    }
    return 2;
}

/* Who was given up after a temporary failure was waited for too long (RFC 3463 3.5, X.4.7). */
static struct gp_slice status(struct gp__dsn_writing *w, const struct gp__dsn_recipient *recipient)
{
    const struct gp__reply *reply = &recipient->reply;
    unsigned klass = class_of(recipient->action);

    if (klass == 5 && reply->code / 100 == 4)
        return GP_S("4.4.7");
    if (reply->klass != klass)
        return gp__arena_printf(w->arena, "%u.0.0", klass);
    return gp__arena_printf(w->arena, "%u.%u.%u", klass, reply->subject, reply->detail);
}

static struct gp_slice diagnostic(struct gp__dsn_writing *w,
                                  const struct gp__dsn_recipient *recipient)
{
    struct gp_slice text;

    if (!recipient->reply.code)
        return gp_slice(NULL, 0);
    text = gp__dsn_clean(w->arena, gp__reply_format(w->arena, &recipient->reply),
                         DIAGNOSTIC_MAX_BYTES, w->charset);
    return GP__ARENA_JOIN(w->arena, recipient->remote.len ? GP_S("smtp; ") : GP_S("x-gatepost; "),
                          text);
}

static void recipient_fields(struct gp__dsn_writing *w, struct gp__buf *out,
                             const struct gp__dsn_recipient *recipient)
{
    gp__dsn_add(w, out, GP_S("\r\n"));
    gp__dsn_field(w, out, "Original-Recipient", original_recipient(w, recipient->orcpt));
    gp__dsn_field(w, out, "Final-Recipient", final_recipient(w, recipient->final));
    gp__dsn_field(w, out, "Action", gp_slice_of(gp__dsn_action_name(recipient->action)));
    gp__dsn_field(w, out, "Status", status(w, recipient));
    gp__dsn_field(w, out, "Remote-MTA", remote_host(w, recipient->remote));
    gp__dsn_field(w, out, "Diagnostic-Code", diagnostic(w, recipient));
    gp__dsn_field(w, out, "Last-Attempt-Date", gp__dsn_date(w, recipient->last_attempt_ms));
    if (recipient->action == GP__DSN_DELAYED)
        gp__dsn_field(w, out, "Will-Retry-Until", gp__dsn_date(w, recipient->retry_until_ms));
}

void gp__dsn_status(struct gp__dsn_writing *w, struct gp__buf *out)
{
    message_fields(w, out);
    for (size_t i = 0; i < w->dsn->n_recipients; i++)
        recipient_fields(w, out, &w->dsn->recipients[i]);
}

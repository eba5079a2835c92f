// SPDX-License-Identifier: Apache-2.0
/*
 * Hook points, in the order in which a session meets them, and verdicts.
 *
 * What each point may answer, edit and wait for is one table in the host (docs/hooks.md is made
 * from it). An answer that is not legal at its point is a fault: the instance's on_error decides.
 */
#ifndef GATEPOST_HOOK_H
#define GATEPOST_HOOK_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

enum gp_hook_point {
    GP_HOOK_CONNECT = 0,  /* a client connected; nothing was said yet */
    GP_HOOK_TLS,          /* a TLS handshake was completed */
    GP_HOOK_HELO,         /* HELO, EHLO or LHLO */
    GP_HOOK_AUTH,         /* a login was verified by its backend */
    GP_HOOK_MAIL,         /* MAIL FROM */
    GP_HOOK_RESOLVE,      /* RCPT TO, before routing: rewrites and expands, never refuses */
    GP_HOOK_RCPT,         /* RCPT TO of a valid recipient: policy */
    GP_HOOK_DATA,         /* DATA, or the first BDAT */
    GP_HOOK_HEADERS,      /* the header section is complete */
    GP_HOOK_BODY,         /* a chunk of the body; may not wait */
    GP_HOOK_MESSAGE,      /* the message is complete */
    GP_HOOK_SEAL,         /* after all verdicts, once per kept copy: sign, footer, journal */
    GP_HOOK_COMMAND,      /* a verb the core does not know */
    GP_HOOK_CAPABILITIES, /* the keywords of the EHLO reply */
    GP_HOOK_REJECTED,     /* another instance refused: may OVERRIDE */
    GP_HOOK_RELEASE,      /* a held message is let go */
    GP_HOOK_TICK,         /* periodic, outside of any session */
    GP_HOOK_ACCEPTED,     /* observer: the message was taken, the reply is on its way */
    GP_HOOK_RESET,        /* observer: a transaction ended without a message */
    GP_HOOK_DISCONNECT,   /* observer: the session is over */
    GP_HOOK_ROUTE,        /* delivery: which target */
    GP_HOOK_ATTEMPT,      /* delivery: before an attempt */
    GP_HOOK_DELIVERED,    /* observer */
    GP_HOOK_DEFERRED,     /* observer */
    GP_HOOK_BOUNCED,      /* observer */
    GP_HOOK_COUNT
};

/*
 * What an instance thinks of what it was asked about. Passes (NEXT, ACCEPT), marks (QUARANTINE: the
 * chain goes on) and stops (the rest). The order of force for one recipient over all stages is
 * REJECT > DEFER > DISCARD > QUARANTINE > deliver.
 */
enum gp_verdict {
    GP_NEXT = 0,   /* no objection */
    GP_ACCEPT,     /* no later filter at this hook, for the recipients in scope; undoes nothing */
    GP_QUARANTINE, /* hold for review, in a bucket: use gp_quarantine() */
    GP_DISCARD,    /* take it and drop it */
    GP_DEFER,      /* 4xx: use gp_defer() for a text */
    GP_REJECT,     /* 5xx: use gp_reject() for a text */
    GP_DISCONNECT, /* refuse and close: use gp_disconnect() for a text */
    GP_OVERRIDE,   /* only at `rejected`: the refusal does not count */
    GP_FAIL,       /* I could not judge: on_error decides. Use gp_fail() for a text */
    GP_VERDICT_COUNT
};

/*
 * Verdicts with a text. `status` is a reply code and, if wanted, an enhanced status code:
 * "550 5.7.1", "554"; NULL for the default of the hook. Code and class must fit the verdict, the
 * text is printable ASCII or UTF-8, CR and LF only as CRLF between lines, at most 2,000 bytes of
 * at most 400 a line: anything else is a fault. Use as `return gp_reject(call, ...)`.
 */
GP_API enum gp_verdict gp_reject(struct gp_call *call, const char *status, const char *format, ...)
    GP_PRINTF(3, 4);
GP_API enum gp_verdict gp_defer(struct gp_call *call, const char *status, const char *format, ...)
    GP_PRINTF(3, 4);
GP_API enum gp_verdict gp_disconnect(struct gp_call *call, const char *status, const char *format,
                                     ...) GP_PRINTF(3, 4);

/* Marks for a bucket (lower-case word; must be one of the configuration; absent: the default one
 * of the configuration, `hold.bucket`); the reason is logged. */
GP_API enum gp_verdict gp_quarantine(struct gp_call *call, struct gp_slice bucket,
                                     const char *format, ...) GP_PRINTF(3, 4);

/* Drops; the reason is logged. */
GP_API enum gp_verdict gp_discard(struct gp_call *call, const char *format, ...) GP_PRINTF(2, 3);

/* Says that no judgement was possible, and why; the instance's on_error decides. */
GP_API enum gp_verdict gp_fail(struct gp_call *call, const char *format, ...) GP_PRINTF(2, 3);

/*
 * Judges one recipient in scope apart from the others; what the hook returns then holds for those
 * not judged this way. From data to message; elsewhere GP_ENOTALLOWED. DISCONNECT and FAIL are
 * about more than one recipient: GP_EINVAL.
 *
 *     gp_judge(call, rcpt, gp_quarantine(call, GP_S("spam"), "score %d", score));
 */
GP_API int gp_judge(struct gp_call *call, struct gp_recipient *recipient, enum gp_verdict verdict);

/* Answers an unknown verb at `command`: "250 2.0.0" and a text. Return GP_ACCEPT afterwards. */
GP_API int gp_reply(struct gp_call *call, const char *status, const char *format, ...)
    GP_PRINTF(3, 4);

/* At `command`: the verb in upper case, and what followed it. */
GP_API struct gp_slice gp_command_verb(struct gp_call *call);
GP_API struct gp_slice gp_command_argument(struct gp_call *call);

/* At `capabilities`: adds a line ("XFOO bar") or removes a keyword. GP_EINVAL for bad syntax. */
GP_API int gp_capability_add(struct gp_call *call, struct gp_slice line);
GP_API int gp_capability_remove(struct gp_call *call, struct gp_slice keyword);

/* At `rejected`: whose refusal it is ("greylist"), at which hook, and its reply ("450 4.7.1 …"). */
GP_API struct gp_slice gp_rejected_by(struct gp_call *call);
GP_API enum gp_hook_point gp_rejected_at(struct gp_call *call);
GP_API struct gp_slice gp_rejected_reply(struct gp_call *call);

GP_END_C

#endif

// SPDX-License-Identifier: Apache-2.0
#include "core/hook/point.h"

#define V(name) (1u << GP_##name)
#define PASSES (V(NEXT) | V(ACCEPT) | V(FAIL))
#define REFUSALS (V(DEFER) | V(REJECT) | V(DISCONNECT))
#define ALL (PASSES | V(QUARANTINE) | V(DISCARD) | REFUSALS)
#define OBSERVES (V(NEXT) | V(FAIL))

#define MESSAGE_EDITS                                                                              \
    (GP__EDIT_HEADERS | GP__EDIT_BODY | GP__EDIT_COPY | GP__EDIT_DRAFT | GP__EDIT_ADD_RCPT |       \
     GP__EDIT_SENDER)

const struct gp__point gp__points[GP_HOOK_COUNT] = {
    [GP_HOOK_CONNECT] = {.name = "connect",
                         .context = GP__CONTEXT_SESSION,
                         .verdicts = PASSES | V(QUARANTINE) | REFUSALS,
                         .edits = GP__EDIT_RELAY,
                         .waits = true,
                         .when = "A client connected; the greeting has not been sent."},
    [GP_HOOK_TLS] = {.name = "tls",
                     .context = GP__CONTEXT_SESSION,
                     .verdicts = PASSES | V(QUARANTINE) | REFUSALS,
                     .edits = GP__EDIT_RELAY,
                     .waits = true,
                     .when =
                         "A TLS handshake was completed: after `connect` where TLS is there from "
                         "the start, else after STARTTLS."},
    [GP_HOOK_HELO] = {.name = "helo",
                      .context = GP__CONTEXT_SESSION,
                      .verdicts = PASSES | V(QUARANTINE) | REFUSALS,
                      .edits = GP__EDIT_RELAY,
                      .waits = true,
                      .when = "HELO, EHLO or LHLO with a well-formed argument."},
    [GP_HOOK_AUTH] = {.name = "auth",
                      .context = GP__CONTEXT_SESSION,
                      .verdicts = PASSES | V(QUARANTINE) | REFUSALS,
                      .edits = GP__EDIT_RELAY,
                      .waits = true,
                      .when = "A login was verified by its backend; a stop refuses it."},
    [GP_HOOK_MAIL] = {.name = "mail",
                      .context = GP__CONTEXT_TRANSACTION,
                      .verdicts = ALL,
                      .edits = GP__EDIT_SENDER | GP__EDIT_RELAY,
                      .waits = true,
                      .when = "MAIL FROM with a well-formed path and known parameters."},
    [GP_HOOK_RESOLVE] = {.name = "resolve",
                         .context = GP__CONTEXT_RECIPIENT,
                         .verdicts = PASSES,
                         .edits = GP__EDIT_REWRITE | GP__EDIT_ADD_RCPT | GP__EDIT_RELAY,
                         .waits = true,
                         .when = "RCPT TO, before routing: rewrites and expands, never refuses."},
    [GP_HOOK_RCPT] = {.name = "rcpt",
                      .context = GP__CONTEXT_RECIPIENT,
                      .verdicts = ALL,
                      .edits = GP__EDIT_COPY | GP__EDIT_DRAFT | GP__EDIT_ADD_RCPT | GP__EDIT_SENDER,
                      .waits = true,
                      .when = "RCPT TO of a recipient that is routed, valid and allowed."},
    [GP_HOOK_DATA] = {.name = "data",
                      .context = GP__CONTEXT_MESSAGE,
                      .verdicts = ALL,
                      .edits = GP__EDIT_COPY | GP__EDIT_DRAFT | GP__EDIT_ADD_RCPT | GP__EDIT_SENDER,
                      .waits = true,
                      .when = "DATA or the first BDAT, with at least one recipient."},
    [GP_HOOK_HEADERS] = {.name = "headers",
                         .context = GP__CONTEXT_MESSAGE,
                         .verdicts = ALL,
                         .edits = MESSAGE_EDITS & ~(unsigned)GP__EDIT_BODY,
                         .waits = true,
                         .when = "The header section is complete; the body is still to come."},
    [GP_HOOK_BODY] = {.name = "body",
                      .context = GP__CONTEXT_MESSAGE,
                      .verdicts = ALL,
                      .edits = 0,
                      .waits = false,
                      .when = "A chunk of the body came in. A stop is kept until the end of data."},
    [GP_HOOK_MESSAGE] = {.name = "message",
                         .context = GP__CONTEXT_MESSAGE,
                         .verdicts = ALL,
                         .edits = MESSAGE_EDITS,
                         .waits = true,
                         .when = "The message is complete; the client waits for the reply."},
    [GP_HOOK_SEAL] = {.name = "seal",
                      .context = GP__CONTEXT_COPY,
                      .verdicts = V(NEXT) | V(FAIL),
                      .edits = GP__EDIT_HEADERS | GP__EDIT_BODY | GP__EDIT_DRAFT | GP__EDIT_SENDER,
                      .waits = true,
                      .when = "After all verdicts, once for each copy that is kept, whatever was "
                              "accepted early: signatures, footers, journals."},
    [GP_HOOK_COMMAND] = {.name = "command",
                         .context = GP__CONTEXT_SESSION,
                         .verdicts = V(NEXT) | V(ACCEPT) | V(FAIL) | REFUSALS,
                         .edits = GP__EDIT_REPLY,
                         .waits = true,
                         .when = "A verb that the core does not know. ACCEPT after gp_reply()."},
    [GP_HOOK_CAPABILITIES] = {.name = "capabilities",
                              .context = GP__CONTEXT_SESSION,
                              .verdicts = V(NEXT) | V(FAIL),
                              .edits = GP__EDIT_CAPABILITY,
                              .waits = false,
                              .when = "The keywords of the EHLO reply are put together."},
    [GP_HOOK_REJECTED] = {.name = "rejected",
                          .context = GP__CONTEXT_SESSION,
                          .verdicts = V(NEXT) | V(OVERRIDE) | V(FAIL),
                          .edits = 0,
                          .waits = true,
                          .when = "Another instance refused. OVERRIDE: the refusal does not count "
                                  "and the chain goes on. Refusals of the core never come here."},
    [GP_HOOK_RELEASE] = {.name = "release",
                         .context = GP__CONTEXT_MESSAGE,
                         .verdicts = ALL & ~V(DISCONNECT),
                         .edits = GP__EDIT_HEADERS | GP__EDIT_BODY,
                         .waits = true,
                         .when = "Held mail was let go: before each attempt to deliver it."},
    [GP_HOOK_TICK] = {.name = "tick",
                      .context = GP__CONTEXT_NONE,
                      .verdicts = OBSERVES,
                      .edits = GP__EDIT_DRAFT,
                      .waits = true,
                      .when = "Periodically, outside of any session."},
    [GP_HOOK_ACCEPTED] = {.name = "accepted",
                          .context = GP__CONTEXT_MESSAGE,
                          .verdicts = OBSERVES,
                          .observer = true,
                          .when = "The message was taken and is durable; the reply is on its way."},
    [GP_HOOK_RESET] = {.name = "reset",
                       .context = GP__CONTEXT_TRANSACTION,
                       .verdicts = OBSERVES,
                       .observer = true,
                       .when = "A transaction ended without a message being taken."},
    [GP_HOOK_DISCONNECT] = {.name = "disconnect",
                            .context = GP__CONTEXT_SESSION,
                            .verdicts = OBSERVES,
                            .observer = true,
                            .when = "The session is over."},
    [GP_HOOK_ROUTE] = {.name = "route",
                       .context = GP__CONTEXT_RECIPIENT,
                       .verdicts = PASSES,
                       .edits = GP__EDIT_ROUTE,
                       .waits = true,
                       .when = "A recipient is about to be routed: after `resolve`, for each that "
                               "came of it."},
    [GP_HOOK_ATTEMPT] = {.name = "attempt",
                         .context = GP__CONTEXT_DELIVERY,
                         .verdicts = PASSES | V(DEFER) | V(REJECT),
                         .waits = true,
                         .when = "Before a delivery attempt."},
    [GP_HOOK_DELIVERED] = {.name = "delivered",
                           .context = GP__CONTEXT_DELIVERY,
                           .verdicts = OBSERVES,
                           .observer = true,
                           .when = "A target took the message for a recipient."},
    [GP_HOOK_DEFERRED] = {.name = "deferred",
                          .context = GP__CONTEXT_DELIVERY,
                          .verdicts = OBSERVES,
                          .observer = true,
                          .when = "An attempt failed for now."},
    [GP_HOOK_BOUNCED] = {.name = "bounced",
                         .context = GP__CONTEXT_DELIVERY,
                         .verdicts = OBSERVES,
                         .observer = true,
                         .when = "A recipient failed for good."},
};

static const char *const verdict_names[GP_VERDICT_COUNT] = {
    [GP_NEXT] = "next",
    [GP_ACCEPT] = "accept",
    [GP_QUARANTINE] = "quarantine",
    [GP_DISCARD] = "discard",
    [GP_DEFER] = "defer",
    [GP_REJECT] = "reject",
    [GP_DISCONNECT] = "disconnect",
    [GP_OVERRIDE] = "override",
    [GP_FAIL] = "fail",
};

int gp__point_find(struct gp_slice name)
{
    for (int i = 0; i < GP_HOOK_COUNT; i++)
        if (gp_slice_eq(name, gp_slice_of(gp__points[i].name)))
            return i;
    return -1;
}

const char *gp__verdict_name(enum gp_verdict verdict)
{
    return (unsigned)verdict < GP_VERDICT_COUNT ? verdict_names[verdict] : "invalid";
}

int gp__verdict_force(enum gp_verdict verdict)
{
    switch (verdict) {
    case GP_REJECT:
    case GP_DISCONNECT:
        return 4;
    case GP_DEFER:
        return 3;
    case GP_DISCARD:
        return 2;
    case GP_QUARANTINE:
        return 1;
    case GP_NEXT:
    case GP_ACCEPT:
    case GP_OVERRIDE:
    case GP_FAIL:
    case GP_VERDICT_COUNT:
        break;
    }
    return 0;
}

bool gp__verdict_legal(enum gp_hook_point point, enum gp_verdict verdict)
{
    return (unsigned)verdict < GP_VERDICT_COUNT && (gp__points[point].verdicts & 1u << verdict);
}

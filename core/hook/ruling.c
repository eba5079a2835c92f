// SPDX-License-Identifier: Apache-2.0
#include "core/hook/ruling.h"

static struct gp__reply default_reject(enum gp_hook_point point)
{
    switch (point) {
    case GP_HOOK_CONNECT:
    case GP_HOOK_TLS:
    case GP_HOOK_DATA:
    case GP_HOOK_HEADERS:
    case GP_HOOK_BODY:
    case GP_HOOK_MESSAGE:
        return GP__REPLY(554, 5, 7, 1, "Refused by policy");
    case GP_HOOK_AUTH:
        return GP__REPLY(535, 5, 7, 8, "Login refused by policy");
    case GP_HOOK_COMMAND:
        return GP__REPLY(502, 5, 5, 1, "Command refused");
    default:
        return GP__REPLY(550, 5, 7, 1, "Refused by policy");
    }
}

static struct gp__reply default_defer(enum gp_hook_point point)
{
    switch (point) {
    case GP_HOOK_CONNECT:
    case GP_HOOK_TLS:
        return GP__REPLY(421, 4, 7, 0, "Not now, try again later");
    case GP_HOOK_HELO:
    case GP_HOOK_RCPT:
        return GP__REPLY(450, 4, 7, 1, "Not now, try again later");
    case GP_HOOK_AUTH:
        return GP__REPLY(454, 4, 7, 0, "Temporary authentication failure");
    default:
        return GP__REPLY(451, 4, 7, 1, "Not now, try again later");
    }
}

static struct gp__reply default_reply(enum gp_verdict verdict, enum gp_hook_point point)
{
    if (verdict == GP_DISCONNECT)
        return GP__REPLY(421, 4, 7, 0, "Closing the connection");
    return verdict == GP_DEFER ? default_defer(point) : default_reject(point);
}

/* The first digit that a reply to the verdict must have; 0: either of 4 and 5. */
static int digit_of(enum gp_verdict verdict)
{
    return verdict == GP_DEFER ? '4' : verdict == GP_REJECT ? '5' : 0;
}

bool gp__ruling_well_formed(const struct gp__ruling *ruling,
                            const struct gp__policy_settings *settings)
{
    switch (ruling->verdict) {
    case GP_DEFER:
    case GP_REJECT:
    case GP_DISCONNECT:
        return ruling->reply.code == 0 || (ruling->reply.code >= 400 &&
                                           gp__reply_ok(&ruling->reply, digit_of(ruling->verdict)));
    case GP_QUARANTINE:
        return !gp_slice_present(ruling->bucket) || gp__bucket_known(settings, ruling->bucket);
    case GP_NEXT:
    case GP_ACCEPT:
    case GP_DISCARD:
    case GP_OVERRIDE:
    case GP_FAIL:
    case GP_VERDICT_COUNT:
        break;
    }
    return true;
}

static bool check_noted(struct gp_call *call, const struct gp__ruling *ruling)
{
    const struct gp__policy_settings *settings = call->session ? call->session->policy->settings
                                                               : NULL;

    if (!settings || gp__ruling_well_formed(ruling, settings))
        return true;
    if (ruling->verdict == GP_QUARANTINE)
        gp__call_fault(call, "no bucket \"" GP_FMT "\" in the configuration",
                       GP_ARG(ruling->bucket));
    else
        gp__call_fault(call, "malformed reply %u to %s", ruling->reply.code,
                       gp__verdict_name(ruling->verdict));
    return false;
}

enum gp__fault_kind gp__ruling_check(struct gp_call *call, enum gp_verdict verdict,
                                     struct gp__ruling *ruling_r)
{
    bool observer = gp__points[call->point].observer;

    if (call->sticky == GP_ECANCELED && !observer)
        return GP__FAULT_CANCELED;
    if (call->sticky == GP_ETIMEDOUT) {
        gp__call_fault(call, "deadline missed");
        return GP__FAULT_TIMEOUT;
    }
    if (gp_slice_present(call->fault))
        return GP__FAULT_ILLEGAL;
    if (!gp__verdict_legal(call->point, verdict)) {
        gp__call_fault(call, "verdict %s (%d) is not legal at %s", gp__verdict_name(verdict),
                       (int)verdict, gp__points[call->point].name);
        return GP__FAULT_ILLEGAL;
    }
    if (call->point == GP_HOOK_COMMAND && verdict == GP_ACCEPT && !call->reply.code) {
        gp__call_fault(call, "accepts a command and gives no reply");
        return GP__FAULT_ILLEGAL;
    }
    if (call->noted.verdict == verdict)
        *ruling_r = call->noted;
    else
        *ruling_r = (struct gp__ruling){.verdict = verdict};
    ruling_r->by = call->instance;
    ruling_r->at = call->point;
    if (verdict == GP_FAIL) {
        gp__call_fault(call, GP_FMT,
                       GP_ARG(ruling_r->reason.len ? ruling_r->reason : GP_S("the plugin failed")));
        return GP__FAULT_FAILED;
    }
    return check_noted(call, ruling_r) ? GP__FAULT_NONE : GP__FAULT_ILLEGAL;
}

/* The reply of a failed login is the point's own: 454 and 535 (RFC 4954 section 6). */
struct gp__ruling gp__ruling_of_fault(const struct gp__instance *instance, enum gp_hook_point point)
{
    struct gp__ruling ruling = {
        .by = instance, .at = point, .reason = GP_S("on_error"), .fault = true};

    switch (instance->on_error) {
    case GP_ON_ERROR_CONTINUE:
        ruling.verdict = GP_NEXT;
        break;
    case GP_ON_ERROR_DEFER:
        ruling.verdict = GP_DEFER;
        if (point != GP_HOOK_AUTH)
            ruling.reply = GP__REPLY(451, 4, 3, 0, "Temporary problem here, try again later");
        break;
    case GP_ON_ERROR_REJECT:
        ruling.verdict = GP_REJECT;
        if (point != GP_HOOK_AUTH)
            ruling.reply = GP__REPLY(554, 5, 3, 0, "Problem here, refused by policy");
        break;
    case GP_ON_ERROR_QUARANTINE:
        ruling.verdict = GP_QUARANTINE;
        break;
    }
    return ruling;
}

const struct gp__ruling *gp__ruling_keep(struct gp__arena *arena, const struct gp__ruling *ruling)
{
    struct gp__ruling *kept = GP__ARENA_NEW(arena, struct gp__ruling);

    *kept = *ruling;
    if (gp__verdict_is_stop(ruling->verdict) && ruling->verdict != GP_DISCARD &&
        ruling->reply.code == 0)
        kept->reply = default_reply(ruling->verdict, ruling->at);
    if (ruling->reply.text.len)
        kept->reply.text = gp__arena_dup(arena, ruling->reply.text);
    kept->bucket = gp__arena_dup(arena, ruling->bucket);
    kept->reason = gp__arena_dup(arena, ruling->reason);
    return kept;
}

struct gp__reply gp__ruling_reply_at_rcpt(const struct gp__ruling *ruling)
{
    struct gp__reply reply = ruling->reply;

    if (reply.code == 421)
        reply.code = 450;
    return reply;
}

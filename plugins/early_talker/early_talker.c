// SPDX-License-Identifier: Apache-2.0
/*
 * Lets a client wait for the greeting. Software that was written to send mail waits for as long as
 * it takes (RFC 5321 4.3.1 makes the server speak first); much of what was written to send spam
 * does not.
 *
 * The wait ends as soon as the client speaks or leaves. It costs a parked call, nothing else.
 */
#include <gatepost/plugin.h>

enum action {
    REJECT = 0,
    DEFER,
    QUARANTINE,
    NOTE,
};

struct early_talker {
    uint64_t wait_ms;
    int action;
    struct gp_slice text;
    struct gp_slice bucket;
    const struct gp_list *exempt;
};

/* Of a session. */
struct slot {
    bool passed_over; /* exempt */
    bool judged;
};

static const char *const actions[] = {"reject", "defer", "quarantine", "note", NULL};

GP_OPTIONS(struct early_talker,
           GP_OPTION_DURATION("wait", struct early_talker, wait_ms, "2s", 0, 30000,
                              "How long the greeting is held back."),
           GP_OPTION_ENUM("action", struct early_talker, action, actions, "reject",
                          "What happens to a client that speaks first."),
           GP_OPTION_STRING("text", struct early_talker, text,
                            "You spoke before the greeting (RFC 5321 4.3.1)", "Text of the reply.",
                            .flags = GP_OPTION_NOT_EMPTY | GP_OPTION_REPLY),
           GP_OPTION_BUCKET("bucket", struct early_talker, bucket, GP_OPTIONAL,
                            "Bucket for `quarantine`; without it the default one."),
           GP_OPTION_LIST("exempt", struct early_talker, exempt, GP_TYPE_NETWORK, GP_OPTIONAL,
                          "Clients that are greeted at once, whatever they do."));

static enum gp_verdict judge(struct gp_call *call, const struct early_talker *self)
{
    struct slot *slot = gp_session_slot(call);
    int error = gp_note_set_int(call, GP_NOTE_SESSION, NULL, "talked", 1, 0);

    if (error)
        return gp_fail(call, "note \"talked\": %s", gp_strerror(error));
    slot->judged = true;
    gp_count(call, "talkers", 1);
    gp_log_field(call, "talked", GP_S("early"));
    switch ((enum action)self->action) {
    case REJECT:
        return gp_reject(call, NULL, GP_FMT, GP_ARG(self->text));
    case DEFER:
        return gp_defer(call, NULL, GP_FMT, GP_ARG(self->text));
    case QUARANTINE:
        return gp_quarantine(call, self->bucket, "spoke before the greeting");
    case NOTE:
        break;
    }
    return GP_NEXT;
}

static enum gp_verdict on_connect(struct gp_call *call, void *self_)
{
    const struct early_talker *self = self_;
    struct slot *slot = gp_session_slot(call);
    uint64_t before = gp_now(call);
    int spoke;

    slot->passed_over = gp_client_in_any(call, self->exempt);
    if (slot->passed_over)
        return GP_NEXT;
    if (gp_client_talked_early(call))
        return judge(call, self);
    spoke = gp_wait_client(call, self->wait_ms);
    gp_count(call, "waited_ms", gp_now(call) - before);
    if (spoke == GP_ECANCELED)
        gp_count(call, "gave_up", 1);
    if (spoke < 0)
        return gp_fail(call, "waiting for the client: %s", gp_strerror(spoke));
    return spoke > 0 ? judge(call, self) : GP_NEXT;
}

/* Who spoke while a later instance of the chain held the greeting back is found here. */
static enum gp_verdict on_helo(struct gp_call *call, void *self)
{
    const struct slot *slot = gp_session_slot(call);

    if (slot->passed_over || slot->judged || !gp_client_talked_early(call))
        return GP_NEXT;
    return judge(call, self);
}

GP_HOOKS({GP_HOOK_CONNECT, on_connect}, {GP_HOOK_HELO, on_helo});
GP_PLUGIN(.version = "1.0", .summary = "Finds clients that speak before the greeting",
          GP_USES_OPTIONS, GP_USES_HOOKS, .session_slot = sizeof(struct slot),
          .on_error = GP_ON_ERROR_CONTINUE);

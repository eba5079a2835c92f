// SPDX-License-Identifier: Apache-2.0
/* Holds mail that names a bucket in its field X-Bucket, and does what X-Release says when it is let
 * go. Its ticks are in the log. */
#include <gatepost/plugin.h>
#include <unistd.h>

static struct gp_slice field(struct gp_call *call, struct gp_slice name)
{
    struct gp_header *header = gp_header_find(gp_message(call), name, 0);

    return header ? gp_slice_trim(gp_header_value(call, header)) : gp_slice(NULL, 0);
}

static enum gp_verdict on_message(struct gp_call *call, void *self)
{
    struct gp_slice bucket = field(call, GP_S("X-Bucket"));

    (void)self;
    return gp_slice_present(bucket) ? gp_quarantine(call, bucket, "it says so") : GP_NEXT;
}

static enum gp_verdict on_release(struct gp_call *call, void *self)
{
    struct gp_slice wish = field(call, GP_S("X-Release"));

    (void)self;
    if (gp_slice_eq(wish, GP_S("back")))
        return gp_quarantine(call, gp_slice(NULL, 0), "not yet");
    if (gp_slice_eq(wish, GP_S("drop")))
        return GP_DISCARD;
    if (gp_slice_eq(wish, GP_S("later")))
        return gp_defer(call, "451 4.7.1", "Not today");
    if (gp_slice_eq(wish, GP_S("never")))
        return gp_reject(call, "554 5.7.1", "Not at all");
    (void)gp_header_add(call, gp_message(call), GP_HEADER_BOTTOM, GP_S("X-Let-Go-From"),
                        gp_rcpt_bucket(gp_rcpt_at(call, 0)));
    (void)gp_body_splice(call, gp_message(call), 0, 0, GP_S("Seen by somebody:\r\n"));
    return GP_NEXT;
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    (void)self;
    gp_log(call, GP_LOG_INFO, "ticked in %ld", (long)getpid());
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_MESSAGE, on_message}, {GP_HOOK_RELEASE, on_release}, {GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Holds mail as its fields say", GP_USES_HOOKS,
          .needs = GP_NEEDS_EDIT_HEADERS | GP_NEEDS_EDIT_BODY, .tick_ms = 200);

// SPDX-License-Identifier: Apache-2.0
/*
 * The Maildir target and the power: whenever it goes, what is in new/ is whole, and once the client
 * was told 250 every recipient has the message, after a disk has lost all, or some by chance, of
 * what was not synced.
 */
#define GP_PLUGIN_NAME maildir

#include "core/hook/call.h"
#include "core/runtime/sim.h"
#include "plugins/maildir/maildir.c"
#include "sdk/kit/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ROOT "/var/mail/"
#define MESSAGE_END "the last line\r\n"

/* ---- a plugin that pulls the plug, and looks at what is left ---- */

static struct {
    enum gp__sim_loss loss;
    bool accepted;
    bool cut, cut_after;           /* after the 250: the server lives on when the disk forgets */
    size_t whole, torn, elsewhere; /* files, after the cut */
} seen;

static enum gp_verdict on_accepted(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    seen.accepted = true;
    return GP_NEXT;
}

static bool is_whole(struct gp_slice bytes)
{
    return gp_slice_starts(bytes, GP_S("Return-Path: <a@example.com>\r\nDelivered-To: ")) &&
           gp_slice_ends(bytes, GP_S(MESSAGE_END));
}

static void look(const struct gp__runtime *rt)
{
    size_t n = gp__sim_file_count(rt, GP_S(ROOT));

    for (size_t i = 0; i < n; i++) {
        struct gp_slice path = gp__sim_file_name(rt, GP_S(ROOT), i), bytes;
        bool is_new = gp_slice_search(path, GP_S("/new/")) < path.len;

        assert_int_equal(gp__sim_file_get(rt, path, &bytes), 0);
        seen.elsewhere += !is_new;
        seen.whole += is_new && is_whole(bytes);
        seen.torn += is_new && !is_whole(bytes);
    }
}

static enum gp_verdict on_cut(struct gp_call *call, void *self)
{
    (void)self;
    if (seen.cut)
        return GP_NEXT;
    seen.cut = true;
    seen.cut_after = seen.accepted;
    gp__sim_power_cut(call->runtime, seen.loss);
    look(call->runtime);
    return GP_NEXT;
}

static const struct gp_hook plug_hooks[] = {
    {GP_HOOK_ACCEPTED, on_accepted}, {GP_HOOK_TICK, on_cut}, {.fn = NULL}};

static const struct gp_plugin plug = {
    .magic = GP_ABI_MAGIC,
    .size = sizeof plug,
    .abi_major = GP_ABI_MAJOR,
    .abi_minor = GP_ABI_MINOR,
    .option_size = sizeof(struct gp_option),
    .name = "plug",
    .version = "1",
    .summary = "Pulls the plug",
    .hooks = plug_hooks,
    .tick_ms = 3600000,
};

static const struct gp_plugin *descriptor(void *arg, struct gp_slice name, const char **error_r)
{
    (void)arg;
    (void)error_r;
    if (gp_slice_eq(name, GP_S("plug")))
        return &plug;
    return gp_slice_eq(name, GP_S("maildir")) ? &maildir_LTX_gatepost_plugin : NULL;
}

/* ---- runs ---- */

#define HEAD                                                                                       \
    "chain:\n- plug: {}\n"                                                                         \
    "config:\n"                                                                                    \
    "  targets: {box: {maildir: {path: /var/mail}}}\n"                                             \
    "  routes: [{name: box, to: box, mode: direct}]\n"                                             \
    "scenario \"x\"\n"                                                                             \
    "given slow-files 1s\n"                                                                        \
    "when connect\nwhen helo x.example\n"                                                          \
    "when mail <a@example.com>\n"                                                                  \
    "when rcpt <b@example.test>\nwhen rcpt <c@example.test>\nwhen rcpt <b@example.org>\n"          \
    "when command DATA\n"                                                                          \
    "when push \"Subject: x\\r\\n\\r\\nthe last line\\r\\n.\\r\\n\"\n"

static void run(const char *text)
{
    struct gp__kit_options options = {.descriptor = descriptor};
    struct gp__kit_totals totals = {0};
    struct gp__buf out = {.limit = 0};

    gp__kit_run_text(&options, GP_S("t"), gp_slice_of(text), &out, &totals);
    if (totals.passed != 1)
        fprintf(stderr, GP_FMT "\n", GP_ARG(gp__buf_slice(&out)));
    assert_int_equal(totals.passed, 1);
    gp__buf_free(&out);
}

/* How many of the moments were before the 250, and after it. */
static void cut_at_all_moments(enum gp__sim_loss loss, size_t *before_r, size_t *after_r)
{
    for (unsigned half_seconds = 1; half_seconds < 60; half_seconds++) {
        char text[2048];

        snprintf(text, sizeof text, HEAD "when wait %ums\nwhen tick plug\n", half_seconds * 500);
        memset(&seen, 0, sizeof seen);
        seen.loss = loss;
        run(text);
        assert_true(seen.cut);
        assert_int_equal(seen.torn, 0);
        if (seen.cut_after) {
            assert_int_equal(seen.whole, 3);
            assert_int_equal(seen.elsewhere, 0);
        }
        *before_r += !seen.cut_after;
        *after_r += seen.cut_after;
    }
}

static void after_250_everything_is_there(void **state)
{
    size_t before = 0, after = 0;

    (void)state;
    cut_at_all_moments(GP__SIM_LOSE_ALL, &before, &after);
    assert_true(before > 20); /* the moments are those that matter */
    assert_true(after > 5);
    cut_at_all_moments(GP__SIM_LOSE_SOME, &before, &after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_250_everything_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Misbehaves in the way that its option names. */
#include <errno.h>
#include <gatepost/plugin.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum how {
    NEVER_ANSWERS,
    GARBAGE,
    ILLEGAL_EDIT,
    UNDECLARED_NEED,
    BAD_REPLY,
    FORGETS_WAITS,
    CRASHES,
    GOES_ROUND,
    EXECUTES
};

static const char *const names[] = {
    "never-answers", "garbage", "illegal-edit", "undeclared-need", "bad-reply",
    "forgets-waits", "crashes", "goes-round",   "executes",        NULL};

struct behaves {
    int how;
};

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    const struct behaves *behaves = self;
    struct gp_stream *stream;

    switch ((enum how)behaves->how) {
    case CRASHES:
        raise(SIGSEGV);
        return GP_NEXT;
    case GOES_ROUND:
        for (volatile unsigned i = 0;; i++)
            continue;
    case EXECUTES:
        execl("/bin/true", "true", (char *)NULL);
        return gp_reject(call, "550 5.7.1", "%s", strerror(errno));
    case NEVER_ANSWERS: /* and does not listen when it is told that its time is up */
        for (int i = 0; i < 3; i++)
            (void)gp_sleep(call, 24ull * 3600 * 1000);
        return GP_ACCEPT;
    case GARBAGE:
        return (enum gp_verdict)4711;
    case ILLEGAL_EDIT:
        (void)gp_rcpt_add(call, GP_S("me@example.org"), NULL);
        return GP_ACCEPT;
    case UNDECLARED_NEED:
        (void)gp_connect(call, GP_S("evil.example:25"), &stream);
        return GP_ACCEPT;
    case BAD_REPLY:
        return gp_reject(call, "250 2.0.0", "a\r\n\r\n.\n");
    case FORGETS_WAITS:
        (void)gp_sleep_start(call, 1000);
        (void)gp_dns_start(call, GP_S("example.org"), GP_DNS_A);
        return GP_NEXT;
    }
    return GP_NEXT;
}

GP_OPTIONS(struct behaves, GP_OPTION_ENUM("how", struct behaves, how, names, NULL, "What to do."));
GP_HOOKS({GP_HOOK_MAIL, on_mail});
GP_PLUGIN(.version = "1.0", .summary = "Misbehaves", GP_USES_OPTIONS, GP_USES_HOOKS,
          .deadline_ms = 2000);

// SPDX-License-Identifier: Apache-2.0
/* Signals through libuv's self-pipe: handlers do nothing, the loop calls the user. */
#include "core/runtime/signal.h"

#include "core/base/alloc.h"
#include "core/runtime/loop.h"

#include <errno.h>
#include <signal.h>

static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

#define COUNT (sizeof numbers / sizeof *numbers)

struct gp__signals {
    struct gp__live *live;
    struct gp__signal_user user;
    uv_signal_t handles[COUNT];
    unsigned open; /* handles that are not closed yet */
};

static bool wanted(const struct gp__signal_user *user, int signo)
{
    switch (signo) {
    case SIGHUP:
        return user->reload != NULL;
    case SIGUSR1:
        return user->reopen != NULL;
    case SIGUSR2:
        return user->report != NULL;
    case SIGCHLD:
        return user->child != NULL;
    default:
        return user->terminate != NULL;
    }
}

static void on_signal(uv_signal_t *handle, int signo)
{
    struct gp__signals *signals = handle->data;
    struct gp__live *live = signals->live;

    switch (signo) {
    case SIGHUP:
        signals->user.reload(signals->user.arg);
        break;
    case SIGUSR1:
        signals->user.reopen(signals->user.arg);
        break;
    case SIGUSR2:
        signals->user.report(signals->user.arg);
        break;
    case SIGCHLD:
        signals->user.child(signals->user.arg);
        break;
    default:
        signals->user.terminate(signals->user.arg, signo);
        break;
    }
    gp__live_settle(live);
}

static void on_closed(uv_handle_t *handle)
{
    struct gp__signals *signals = handle->data;

    if (--signals->open == 0)
        gp__free(signals);
}

struct gp__signals *gp__signals_start(struct gp__runtime *rt, const struct gp__signal_user *user)
{
    struct gp__signals *signals = gp__alloc(sizeof *signals);
    int result = 0;

    signals->live = gp__live(rt);
    signals->user = *user;
    signals->open = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        (void)uv_signal_init(&signals->live->loop, &signals->handles[i]);
        signals->handles[i].data = signals;
        if (result == 0 && wanted(user, numbers[i]))
            result = uv_signal_start(&signals->handles[i], on_signal, numbers[i]);
    }
    if (result < 0) {
        gp__signals_stop(&signals);
        errno = -result;
    }
    return signals;
}

void gp__signals_stop(struct gp__signals **signals_)
{
    struct gp__signals *signals = *signals_;

    *signals_ = NULL;
    for (size_t i = 0; signals && i < COUNT; i++)
        uv_close((uv_handle_t *)&signals->handles[i], on_closed);
}

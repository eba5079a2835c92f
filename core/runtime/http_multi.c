// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/http_multi.h"

#include "core/base/alloc.h"

#include <stddef.h>

#define CONNECTIONS_KEPT 64L
#define CONNECTIONS_MAX 1000L

struct gp__http_multi {
    struct gp__live *live;
    CURLM *curl;
    struct gp__timer timer;
    void (*done)(void *arg, CURLcode code);
};

/* curl closes a socket right after it said that it is not to be watched any more; a libuv handle is
 * an allocation of its own, that goes when libuv lets go. */
struct watch {
    uv_poll_t poll;
    struct gp__http_multi *multi; /* NULL: closing */
    curl_socket_t fd;
};

/* ---- what is done ---- */

static void collect(struct gp__http_multi *multi)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi->curl, &left))) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        void *arg = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg);
        curl_multi_remove_handle(multi->curl, easy);
        multi->done(arg, code);
    }
}

static void act(struct gp__http_multi *multi, curl_socket_t fd, int what)
{
    int running;

    curl_multi_socket_action(multi->curl, fd, what, &running);
    collect(multi);
}

/* ---- time ---- */

static void on_timer(struct gp__timer *timer)
{
    act((struct gp__http_multi *)(void *)((char *)timer - offsetof(struct gp__http_multi, timer)),
        CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *curl, long ms, void *arg)
{
    struct gp__http_multi *multi = arg;

    (void)curl;
    if (ms < 0)
        gp__timers_stop(&multi->live->timers, &multi->timer);
    else
        gp__timers_start(&multi->live->timers, &multi->timer,
                         uv_now(&multi->live->loop) + (uint64_t)ms);
    return 0;
}

/* ---- sockets ---- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct gp__live *live = poll->loop->data;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;

    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    if (watch->multi)
        act(watch->multi, watch->fd, what);
    gp__live_settle(live);
}

static void on_watch_closed(uv_handle_t *handle)
{
    gp__free(handle->data);
}

static void unwatch(struct gp__http_multi *multi, struct watch *watch)
{
    if (!watch)
        return;
    watch->multi = NULL;
    curl_multi_assign(multi->curl, watch->fd, NULL);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static struct watch *watch_new(struct gp__http_multi *multi, curl_socket_t fd)
{
    struct watch *watch = gp__alloc(sizeof *watch);

    if (uv_poll_init(&multi->live->loop, &watch->poll, fd) < 0) {
        gp__free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->multi = multi;
    watch->fd = fd;
    curl_multi_assign(multi->curl, fd, watch);
    return watch;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    struct gp__http_multi *multi = arg;
    struct watch *watch = of_socket;
    int wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        unwatch(multi, watch);
        return 0;
    }
    if (!watch)
        watch = watch_new(multi, fd);
    return watch && uv_poll_start(&watch->poll, wanted, on_poll) == 0 ? 0 : -1;
}

/* ---- transfers ---- */

int gp__http_add(struct gp__http_multi *multi, CURL *easy, void (*done)(void *arg, CURLcode code))
{
    multi->done = done;
    return curl_multi_add_handle(multi->curl, easy) == CURLM_OK ? 0 : -1;
}

void gp__http_remove(struct gp__http_multi *multi, CURL *easy)
{
    curl_multi_remove_handle(multi->curl, easy);
}

/* ---- life ---- */

struct gp__http_multi *gp__http_multi(struct gp__live *live)
{
    struct gp__http_multi *multi = live->http;

    if (multi)
        return multi;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    multi = gp__alloc(sizeof *multi);
    multi->live = live;
    multi->timer.fn = on_timer;
    multi->curl = curl_multi_init();
    if (!multi->curl) {
        gp__free(multi);
        return NULL;
    }
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    curl_multi_setopt(multi->curl, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX);
    live->http = multi;
    return multi;
}

void gp__http_multi_free(struct gp__http_multi **multi_)
{
    struct gp__http_multi *multi = *multi_;

    *multi_ = NULL;
    if (!multi)
        return;
    curl_multi_cleanup(multi->curl);
    gp__timers_stop(&multi->live->timers, &multi->timer);
    curl_global_cleanup();
    gp__free(multi);
}

// SPDX-License-Identifier: Apache-2.0
/* libmicrohttpd without threads: its epoll descriptor is watched, its clock is a timer of ours. A
 * connection whose page is being made is suspended. */
#include "core/console/http.h"

#include "core/base/alloc.h"
#include "core/hook/runtime.h"
#include "core/runtime/watch.h"

#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S 10
#define MEMORY_MAX ((size_t)32 << 10) /* of a connection: what a request may take */

struct gp__http {
    struct gp__runtime *runtime;
    struct gp__http_options options;
    struct MHD_Daemon *daemon;
    struct gp__watch *watch;
    struct gp__timer timer;
    bool running; /* in MHD_run() */
};

enum state {
    NEW = 0,
    WANTED,
    GIVEN,
};

struct gp__http_page {
    struct gp__http *http;
    struct MHD_Connection *connection; /* NULL: its reader has left */
    enum state state;
    bool suspended, found;
    struct gp__buf content;
};

/* ---- the loop ---- */

static void arm(struct gp__http *http)
{
    const struct gp__runtime_ops *ops = http->runtime->ops;
    MHD_UNSIGNED_LONG_LONG ms;

    if (MHD_get_timeout(http->daemon, &ms) == MHD_YES)
        ops->timer_start(http->runtime, &http->timer, ops->now_ms(http->runtime) + ms);
    else
        ops->timer_stop(http->runtime, &http->timer);
}

static void run(struct gp__http *http)
{
    if (http->running)
        return;
    http->running = true;
    (void)MHD_run(http->daemon);
    http->running = false;
    arm(http);
}

static void on_ready(void *arg, unsigned events)
{
    (void)events;
    run(arg);
}

static void on_timer(struct gp__timer *timer)
{
    run((struct gp__http *)(void *)((char *)timer - offsetof(struct gp__http, timer)));
}

/* ---- requests ---- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status,
                             struct gp_slice content, const char *type)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        content.len, (void *)(uintptr_t)content.data, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status,
                              struct gp_slice text)
{
    return reply(connection, status, text, "text/plain; charset=utf-8");
}

static enum MHD_Result make(struct gp__http_page *page)
{
    struct gp__http *http = page->http;
    struct gp__http_page *asked = page;

    page->state = WANTED;
    http->options.wanted(http->options.arg, asked);
    if (page->state == WANTED) {
        page->suspended = true;
        MHD_suspend_connection(page->connection);
        return MHD_YES;
    }
    return page->found ? reply(page->connection, MHD_HTTP_OK, gp__buf_slice(&page->content),
                               http->options.type)
                       : refuse(page->connection, MHD_HTTP_SERVICE_UNAVAILABLE, GP_S("not now\n"));
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct gp__http *http = arg;
    struct gp__http_page *page = *context;

    (void)version;
    (void)upload;
    if (!page) {
        *context = page = gp__alloc(sizeof *page);
        page->http = http;
        page->connection = connection;
        return MHD_YES; /* the header is there: more may follow */
    }
    if (*upload_size) {
        *upload_size = 0; /* a body is of no use here */
        return MHD_YES;
    }
    if (strcmp(url, http->options.path) != 0)
        return refuse(connection, MHD_HTTP_NOT_FOUND, GP_S("there is only /metrics\n"));
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, GP_S("only GET\n"));
    if (page->state == NEW)
        return make(page);
    return page->found
               ? reply(connection, MHD_HTTP_OK, gp__buf_slice(&page->content), http->options.type)
               : refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, GP_S("not now\n"));
}

static void free_page(struct gp__http_page *page)
{
    gp__buf_free(&page->content);
    gp__free(page);
}

/* A page that is still being made is freed by who makes it. */
static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct gp__http_page *page = *context;

    (void)arg;
    (void)connection;
    (void)code;
    *context = NULL;
    if (!page)
        return;
    page->connection = NULL;
    if (page->state != WANTED)
        free_page(page);
}

void gp__http_give(struct gp__http_page **page_, struct gp_slice content)
{
    struct gp__http_page *page = *page_;

    *page_ = NULL;
    page->state = GIVEN;
    if (!page->connection) {
        free_page(page);
        return;
    }
    page->found = gp_slice_present(content) && gp__buf_append(&page->content, content) == 0;
    if (!page->suspended)
        return;
    MHD_resume_connection(page->connection);
    run(page->http);
}

/* ---- life ---- */

static int epoll_of(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);

    return info ? info->epoll_fd : -1;
}

struct gp__http *gp__http_open(struct gp__runtime *rt, int fd,
                               const struct gp__http_options *options)
{
    struct gp__http *http = gp__alloc(sizeof *http);

    http->runtime = rt;
    http->options = *options;
    http->timer.fn = on_timer;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)GP__HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        NULL, MHD_OPTION_END);
    if (http->daemon)
        http->watch = gp__watch_start(rt, epoll_of(http->daemon), GP__WATCH_READ, on_ready, http);
    if (http->watch) {
        run(http);
        return http;
    }
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    else
        (void)close(fd); /* nobody was accepted from it */
    gp__free(http);
    return NULL;
}

void gp__http_close(struct gp__http **http_)
{
    struct gp__http *http = *http_;

    *http_ = NULL;
    if (!http)
        return;
    gp__watch_stop(&http->watch);
    http->runtime->ops->timer_stop(http->runtime, &http->timer);
    http->running = true; /* nothing runs it any more */
    MHD_stop_daemon(http->daemon);
    gp__free(http);
}

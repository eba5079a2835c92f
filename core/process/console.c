// SPDX-License-Identifier: Apache-2.0
/* The console: a process that speaks HTTP, with no rights and no configuration. It asks the master for
 * what it shows. */
#include "core/console/http.h"

#include "core/base/alloc.h"
#include "core/process/board.h"
#include "core/process/channel.h"
#include "core/process/messages.h"
#include "core/process/metrics.h"
#include "core/base/pack.h"
#include "core/process/reception.h"
#include "core/process/roles.h"
#include "core/process/sandbox.h"
#include "core/runtime/live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BEAT_MS 500

/* A page that was asked for. */
struct request {
    struct request *next;
    uint32_t id;
    struct gp__http_page *page;
    struct gp__buf text;
};

struct console {
    struct gp__runtime *runtime;
    struct gp__channel *channel;
    struct gp__http *http;
    struct gp__board *board;
    size_t board_room;
    struct gp__timer beat;
    struct request *requests;
    uint32_t n_requests;
};

static void on_beat(struct gp__timer *timer)
{
    struct console *console = (struct console *)(void *)((char *)timer -
                                                         offsetof(struct console, beat));
    struct gp__runtime *rt = console->runtime;

    console->board->heartbeat = rt->ops->now_ns(rt) / 1000000;
    rt->ops->timer_start(rt, &console->beat, rt->ops->now_ms(rt) + BEAT_MS);
}

/* ---- pages ---- */

static void give(struct console *console, struct request **link, struct gp_slice text)
{
    struct request *request = *link;

    (void)console;
    *link = request->next;
    gp__http_give(&request->page, text);
    gp__buf_free(&request->text);
    gp__free(request);
}

static void on_wanted(void *arg, struct gp__http_page *page)
{
    struct console *console = arg;
    struct request *request = gp__alloc(sizeof *request);
    struct gp__message ask = {.type = GP__MSG_ASK, .id = ++console->n_requests};

    request->id = ask.id;
    request->page = page;
    request->text.limit = (size_t)64 << 20;
    request->next = console->requests;
    console->requests = request;
    if (!console->channel || gp__channel_send(console->channel, &ask) < 0)
        give(console, &console->requests, gp_slice(NULL, 0));
}

static void on_answer(struct console *console, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    bool more = gp__unpack_number(&in) == 1;
    struct gp_slice part = gp__unpack_text(&in);
    struct request **link = &console->requests;

    while (*link && (*link)->id != message->id)
        link = &(*link)->next;
    if (!*link || in.bad)
        return;
    gp__buf_append(&(*link)->text, part);
    if (!more)
        give(console, link, gp__buf_slice(&(*link)->text));
}

/* ---- the master ---- */

static void on_socket(struct console *console, struct gp__message *message)
{
    struct gp__http_options options = {
        .path = GP__METRICS_PATH, .type = GP__METRICS_TYPE, .wanted = on_wanted, .arg = console};

    if (message->n_fds != 1 || console->http)
        return;
    message->n_fds = 0; /* taken */
    console->http = gp__http_open(console->runtime, message->fds[0], &options);
}

static void on_message(void *arg, struct gp__message *message)
{
    struct console *console = arg;

    if (message->type == GP__MSG_SOCKET)
        on_socket(console, message);
    else if (message->type == GP__MSG_ANSWER)
        on_answer(console, message);
    else if (message->type == GP__MSG_DRAIN || message->type == GP__MSG_NO_SOCKET)
        gp__live_stop(console->runtime);
}

static void on_master_gone(void *arg)
{
    struct console *console = arg;

    gp__live_stop(console->runtime);
}

/* ---- life ---- */

static int start(struct console *console, int channel, struct gp__message *start)
{
    static const struct gp__settings nothing; /* it writes no file */
    struct gp__channel_user user = {
        .message = on_message, .closed = on_master_gone, .arg = console};
    struct gp__unpack in = {.rest = start->body};
    bool sandbox;

    if (gp__unpack_number(&in) != GP__PROTOCOL_VERSION || start->n_fds < 1)
        return -1;
    (void)gp__unpack_number(&in); /* there is one slot */
    sandbox = gp__unpack_number(&in) != 0;
    console->board = gp__board_map(start->fds[0], &console->board_room);
    if (!console->board || gp__reception_seed() < 0 || (sandbox && gp__sandbox_files(&nothing) < 0))
        return -1;
    console->runtime = gp__live_create(NULL, NULL);
    if (!console->runtime)
        return -1;
    console->beat.fn = on_beat;
    on_beat(&console->beat);
    console->channel = gp__channel_open(console->runtime, channel, &user);
    return !console->channel || (sandbox && gp__sandbox_calls() < 0) ? -1 : 0;
}

static void close_all(struct console *console)
{
    while (console->requests)
        give(console, &console->requests, gp_slice(NULL, 0));
    gp__http_close(&console->http);
    gp__channel_close(&console->channel);
    if (console->runtime) {
        console->runtime->ops->timer_stop(console->runtime, &console->beat);
        gp__live_free(&console->runtime);
    }
    gp__board_unmap(&console->board, console->board_room);
}

int gp__console_main(int channel)
{
    struct console console = {.channel = NULL};
    struct gp__buf place = {.limit = 0};
    struct gp__message message, ready = {.type = GP__MSG_READY};
    int failed;

    /* The master was told by the same Ctrl-C, and tells. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    if (gp__message_get(channel, &place, &message) != 1 || message.type != GP__MSG_START)
        return 1;
    failed = start(&console, channel, &message);
    if (failed)
        fprintf(stderr, "gatepost: console: %s\n", strerror(errno));
    gp__message_close_fds(&message);
    gp__buf_free(&place);
    if (!failed && gp__channel_send(console.channel, &ready) == 0)
        gp__live_run(console.runtime);
    close_all(&console);
    return failed ? 1 : 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/process/control.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/hook/runtime.h"
#include "core/process/identity.h"
#include "core/runtime/listener.h"
#include "core/runtime/watch.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX 100000
#define GROUPS_MAX 256
#define GOODBYE_MS 2000u
#define STRANGERS_MAX 16 /* who hear at the same time that they may not */

enum right { NOTHING, RELEASES, EVERYTHING, RIGHTS };

struct client {
    struct client *next;
    struct gp__control *control;
    int fd;
    struct gp__watch *watch;
    struct gp__buf in, out;
    struct gp__control_call *call; /* not answered yet */
    enum right right;
    bool ending;            /* when all is written */
    struct gp__timer timer; /* it leaves then, unless it asks or reads */
};

struct gp__control_call {
    struct client *client; /* NULL: it has left */
};

struct group {
    bool named;
    gid_t id;
};

struct gp__control {
    struct gp__runtime *runtime;
    void (*request)(void *arg, struct gp__control_call *call,
                    const struct gp__control_request *request);
    void *arg;
    struct group group, release_group;
    char *path;
    int fd;
    struct gp__watch *watch;
    struct client *clients;
    unsigned n_clients[RIGHTS]; /* who may less takes no place from who may more */
    uint64_t idle_ms;
};

/* ---- who may ask ---- */

static bool is_in_group(int fd, const struct ucred *peer, struct group group)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof groups;

    if (!group.named || peer->gid == group.id)
        return group.named;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++)
        if (groups[i] == group.id)
            return true;
    return false;
}

static enum right right_of(const struct gp__control *control, int fd, struct ucred *peer)
{
    socklen_t size = sizeof *peer;

    *peer = (struct ucred){.uid = (uid_t)-1};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size) < 0)
        return NOTHING;
    if (peer->uid == 0 || peer->uid == geteuid() || is_in_group(fd, peer, control->group))
        return EVERYTHING;
    return is_in_group(fd, peer, control->release_group) ? RELEASES : NOTHING;
}

/* ---- clients ---- */

static void free_client(struct client *client)
{
    struct client **link = &client->control->clients;

    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    client->control->n_clients[client->right]--;
    if (client->call)
        client->call->client = NULL;
    gp__watch_stop(&client->watch);
    client->control->runtime->ops->timer_stop(client->control->runtime, &client->timer);
    (void)close(client->fd); /* what could be written was */
    gp__buf_free(&client->in);
    gp__buf_free(&client->out);
    gp__free(client);
}

static void on_timer(struct gp__timer *timer)
{
    free_client((struct client *)(void *)((char *)timer - offsetof(struct client, timer)));
}

static void leaves_in(struct client *client, uint64_t ms)
{
    struct gp__runtime *rt = client->control->runtime;

    client->timer.fn = on_timer;
    rt->ops->timer_start(rt, &client->timer, rt->ops->now_ms(rt) + ms);
}

/* To close with something unread would take the answer from a client that has not read it yet. */
static void say_goodbye(struct client *client)
{
    (void)shutdown(client->fd, SHUT_WR); /* it may have left */
    leaves_in(client, GOODBYE_MS);
}

/* False: it is gone. */
static bool flush(struct client *client)
{
    if (!client->call)
        leaves_in(client, client->control->idle_ms);
    while (client->out.len) {
        struct gp_slice bytes = gp__buf_slice(&client->out);
        ssize_t n = send(client->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            gp__watch_for(client->watch, GP__WATCH_WRITE);
            return true;
        }
        if (n < 0) {
            free_client(client);
            return false;
        }
        gp__buf_consume(&client->out, (size_t)n);
    }
    if (client->ending)
        say_goodbye(client);
    /* A stranger keeps its place until its time is over, so that it can't come again at once. */
    gp__watch_for(client->watch, client->call || client->right == NOTHING ? 0 : GP__WATCH_READ);
    return true;
}

static bool say(struct client *client, bool ok, struct gp_slice text)
{
    gp__buf_printf(&client->out, "{\"v\":%d,\"ok\":%s,\"%s\":", GP__CONTROL_VERSION,
                   ok ? "true" : "false", ok ? "result" : "error");
    if (ok)
        gp__buf_append(&client->out, text);
    else
        gp__json_string(&client->out, text);
    gp__buf_append(&client->out, GP_S("}\n"));
    return flush(client);
}

/* ---- requests ---- */

/* {"do":"queue","what":"release","as":ADDRESS,…}: whose mail it may release is the queue's to say. */
static bool is_release(const json_t *root)
{
    const char *what = json_string_value(json_object_get(root, "what"));

    return strcmp(json_string_value(json_object_get(root, "do")), "queue") == 0 && what &&
           strcmp(what, "release") == 0 && json_string_length(json_object_get(root, "as")) > 0;
}

/* NULL, or what is wrong with it. */
static const char *parse(const struct client *client, struct gp_slice line,
                         struct gp__control_request *request)
{
    json_t *root = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
    const char *what = json_string_value(json_object_get(root, "do"));
    const json_t *limit = json_object_get(root, "limit");
    const char *problem = NULL;

    *request = (struct gp__control_request){.limit = LIMIT_DEFAULT};
    if (!json_is_object(root))
        problem = "a request is an object of JSON on one line";
    else if (json_integer_value(json_object_get(root, "v")) != GP__CONTROL_VERSION)
        problem = "this server speaks version 1";
    else if (!what || strlen(what) >= sizeof request->what)
        problem = "\"do\" must say what to do";
    else if (limit && (!json_is_integer(limit) || json_integer_value(limit) < 0 ||
                       json_integer_value(limit) > LIMIT_MAX))
        problem = "\"limit\" is a number up to 100000";
    else if (client->right == RELEASES && !is_release(root))
        problem = "you may release held mail for somebody (`gatepost queue release --as "
                  "ADDRESS`), and nothing else";
    if (!problem) {
        snprintf(request->what, sizeof request->what, "%s", what);
        if (limit)
            request->limit = (uint64_t)json_integer_value(limit);
    }
    json_decref(root);
    return problem;
}

static void ask(struct client *client, struct gp_slice line)
{
    struct gp__control *control = client->control;
    struct gp__control_request request;
    const char *problem = parse(client, line, &request);

    if (problem) {
        client->ending = true;
        (void)say(client, false, gp_slice_of(problem));
        return;
    }
    request.line = line;
    client->call = gp__alloc(sizeof *client->call);
    client->call->client = client;
    gp__watch_for(client->watch, 0);
    control->runtime->ops->timer_stop(control->runtime, &client->timer);
    control->request(control->arg, client->call, &request);
}

/* Takes one line; the next when this is answered. */
static void take_line(struct client *client)
{
    struct gp_slice bytes = gp__buf_slice(&client->in);
    size_t end = gp_slice_find(bytes, '\n');
    char line[GP__CONTROL_REQUEST_MAX];

    if (end >= sizeof line) {
        client->ending = true;
        (void)say(client, false, GP_S("the request is too long"));
        return;
    }
    if (end == bytes.len)
        return;
    memcpy(line, bytes.data, end);
    gp__buf_consume(&client->in, end + 1);
    ask(client, gp_slice(line, end));
}

static void on_client(void *arg, unsigned events)
{
    struct client *client = arg;
    char bytes[GP__CONTROL_REQUEST_MAX];
    ssize_t n;

    if (events & GP__WATCH_WRITE) {
        (void)flush(client);
        return;
    }
    n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n > 0 && client->ending)
        return;
    if (n <= 0 || gp__buf_append(&client->in, gp_slice(bytes, (size_t)n)) < 0) {
        free_client(client);
        return;
    }
    take_line(client);
}

static struct client *add(struct gp__control *control, int fd, enum right right)
{
    struct client *client = gp__alloc(sizeof *client);

    client->control = control;
    client->fd = fd;
    client->right = right;
    client->in.limit = 2 * (size_t)GP__CONTROL_REQUEST_MAX;
    client->out.limit = GP__CONTROL_ANSWER_MAX + 4096;
    client->next = control->clients;
    control->clients = client;
    control->n_clients[right]++;
    client->watch = gp__watch_start(control->runtime, fd, GP__WATCH_READ, on_client, client);
    if (!client->watch) {
        free_client(client);
        return NULL;
    }
    leaves_in(client, control->idle_ms);
    return client;
}

static void welcome(struct gp__control *control, int fd)
{
    struct client *client;
    struct ucred peer;
    enum right right = right_of(control, fd, &peer);

    if (control->n_clients[right] >=
        (right == NOTHING ? STRANGERS_MAX : 2 * GP__CONTROL_CLIENTS_MAX)) {
        (void)close(fd); /* nobody is left to talk to it */
        return;
    }
    client = add(control, fd, right);
    if (!client || (right != NOTHING && control->n_clients[right] <= GP__CONTROL_CLIENTS_MAX))
        return;
    client->ending = true;
    if (right == NOTHING)
        gp__log(control->runtime->log, GP_LOG_WARNING, "control.refused", GP__F_I("uid", peer.uid),
                GP__F_I("pid", peer.pid));
    (void)say(client, false,
              right != NOTHING
                  ? GP_S("too many are asking already")
                  : GP_S("you may not: root, the service's user and `control: {group: …}` may"));
}

static void on_listening(void *arg, unsigned events)
{
    struct gp__control *control = arg;
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd >= 0)
        welcome(control, fd);
}

/* ---- life ---- */

static int find_group(struct gp_slice name, struct group *group_r, struct gp__buf *error_r)
{
    group_r->named = name.len > 0;
    if (!group_r->named || gp__group_find(name, &group_r->id) == 0)
        return 0;
    gp__buf_printf(error_r, "control: there is no group \"" GP_FMT "\"", GP_ARG(name));
    return -1;
}

/* A file has one group: where there are two, all may connect, and the kernel's word decides alone. */
static unsigned mode_of(const struct gp__control *control, unsigned mode)
{
    return control->release_group.named ? mode | 06 : mode;
}

static int open_socket(struct gp__control *control, unsigned mode, struct gp__buf *error_r)
{
    struct gp__buf address = {.limit = 0};
    struct gp__listen_options listen = {.backlog = 64, .unix_mode = mode_of(control, mode)};
    const char *step = "listen";

    gp__buf_printf(&address, "unix:%s", control->path);
    listen.address = gp__buf_slice(&address);
    if (gp__listen_socket(&listen, &control->fd, &step) == 0) {
        step = "give to the group";
        if (!control->group.named || lchown(control->path, (uid_t)-1, control->group.id) == 0)
            control->watch = gp__watch_start(control->runtime, control->fd, GP__WATCH_READ,
                                             on_listening, control);
    }
    gp__buf_free(&address);
    if (control->watch)
        return 0;
    gp__buf_printf(error_r, "control socket %s: %s: %s", control->path, step, strerror(errno));
    if (control->fd >= 0)
        (void)unlink(control->path); /* it is ours, of just now */
    return -1;
}

struct gp__control *gp__control_open(struct gp__runtime *rt,
                                     const struct gp__control_options *options,
                                     struct gp__buf *error_r)
{
    struct gp__control *control = gp__alloc(sizeof *control);

    control->runtime = rt;
    control->request = options->request;
    control->idle_ms = options->idle_ms;
    control->arg = options->arg;
    control->path = gp__strdup(options->path);
    control->fd = -1;
    if (find_group(options->group, &control->group, error_r) < 0 ||
        find_group(options->release_group, &control->release_group, error_r) < 0 ||
        open_socket(control, options->mode, error_r) < 0)
        gp__control_close(&control);
    return control;
}

static void answer(struct gp__control_call **call_, bool ok, struct gp_slice text)
{
    struct gp__control_call *call = *call_;
    struct client *client = call->client;

    *call_ = NULL;
    gp__free(call);
    if (!client)
        return;
    client->call = NULL;
    /* A worker wrote part of it, and could try to break the line. */
    if (text.len > GP__CONTROL_ANSWER_MAX || (ok && gp_slice_find(text, '\n') < text.len)) {
        ok = false;
        text = GP_S("the answer is too long: ask for less");
    }
    if (say(client, ok, text) && client->in.len)
        take_line(client);
}

void gp__control_answer(struct gp__control_call **call_, struct gp_slice result)
{
    answer(call_, true, result);
}

void gp__control_refuse(struct gp__control_call **call_, struct gp_slice error)
{
    answer(call_, false, error);
}

void gp__control_close(struct gp__control **control_)
{
    struct gp__control *control = *control_;

    *control_ = NULL;
    if (!control)
        return;
    while (control->clients)
        free_client(control->clients);
    gp__watch_stop(&control->watch);
    if (control->fd >= 0) {
        (void)unlink(control->path); /* a stale one is found out */
        (void)close(control->fd);
    }
    gp__free(control->path);
    gp__free(control);
}

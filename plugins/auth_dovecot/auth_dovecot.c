// SPDX-License-Identifier: Apache-2.0
/*
 * Logins that Dovecot judges, asked over its authentication protocol. A request takes a connection
 * for itself, so a slow answer (Dovecot is late on purpose after a wrong password) holds up nobody;
 * afterwards it is kept for the next one. One that was idle may have gone stale: then the request
 * is made once more on a fresh one.
 */
#include "idle.h"
#include "wire.h"

#include <gatepost/plugin.h>
#include <stdlib.h>

#define TICK_MS 60000
#define PID_MAX 0x7fffffffu

struct line {
    struct idle_link link;
    struct gp_stream *stream;
    char in[DOVECOT_LINE_MAX];
    size_t len, used; /* read; of that, looked at */
    uint32_t last_id;
};

struct auth_dovecot {
    struct gp_slice to, service;
    uint64_t connect_ms, timeout_ms;
    int64_t keep;

    struct idle idle;
};

/* ---- life of a connection ---- */

static void line_free(struct line **line_)
{
    struct line *line = *line_;

    *line_ = NULL;
    if (!line)
        return;
    gp_stream_close(&line->stream);
    explicit_bzero(line->in, sizeof line->in);
    free(line);
}

static void close_line(struct idle_link *link)
{
    struct line *line = (struct line *)link;

    line_free(&line);
}

/* ---- lines ---- */

static int failed(struct gp_call *call, const struct auth_dovecot *self, const char *what)
{
    gp_log(call, GP_LOG_ERROR, "Dovecot at " GP_FMT ": %s", GP_ARG(self->to), what);
    return GP_ETEMP;
}

/* The next one, which lives until the next is read. 0 or an error. */
static int read_line(struct gp_call *call, struct line *line, struct gp_slice *text_r)
{
    memmove(line->in, line->in + line->used, line->len - line->used);
    line->len -= line->used;
    line->used = 0;
    for (;;) {
        struct gp_slice have = gp_slice(line->in, line->len);
        size_t end = gp_slice_find(have, '\n');
        int64_t n;

        if (end < have.len) {
            *text_r = gp_slice_sub(have, 0, end);
            line->used = end + 1;
            return GP_OK;
        }
        if (line->len == sizeof line->in)
            return GP_ELIMIT;
        n = gp_stream_read(call, line->stream, line->in + line->len, sizeof line->in - line->len);
        if (n <= 0)
            return n < 0 ? (int)n : GP_ECLOSED;
        line->len += (size_t)n;
    }
}

/* Each connection must come with a process id of its own; it need not be that of a process. */
static int say_hello(struct gp_call *call, struct line *line)
{
    uint32_t pid;

    gp_random(call, &pid, sizeof pid);
    return gp_stream_write(
        call, line->stream,
        gp_format(call, "VERSION\t1\t1\nCPID\t%u\n", (unsigned)(pid % PID_MAX + 1)));
}

static int handshake(struct gp_call *call, const struct auth_dovecot *self, struct line *line)
{
    struct dovecot_hello hello = {.lines = 0};
    const char *wrong = NULL;
    struct gp_slice text;
    int done = 0, error = say_hello(call, line);

    while (!error && done == 0) {
        error = read_line(call, line, &text);
        if (!error)
            done = dovecot_hello_line(&hello, text, &wrong);
    }
    if (error) {
        failed(call, self, gp_strerror(error));
        return error;
    }
    if (done > 0 && line->used < line->len)
        wrong = "it said more than was asked for";
    else if (done > 0)
        return GP_OK;
    return failed(call, self, wrong);
}

static int line_open(struct gp_call *call, const struct auth_dovecot *self, struct line **line_r)
{
    struct gp_stream *stream;
    int error = gp_connect_within(call, self->to, self->connect_ms, &stream);

    if (error) {
        failed(call, self, "can't connect");
        return error;
    }
    *line_r = calloc(1, sizeof **line_r);
    if (!*line_r)
        return GP_ETEMP;
    gp_stream_keep(stream);
    gp_stream_timeout(stream, self->timeout_ms);
    (*line_r)->stream = stream;
    error = handshake(call, self, *line_r);
    if (error)
        line_free(line_r);
    return error;
}

/* ---- a request ---- */

/* A tab and "NAME=VALUE", or nothing if there is no value. */
static struct gp_slice word(struct gp_call *call, const char *name, struct gp_slice value)
{
    return value.len ? gp_format(call, "\t%s=" GP_FMT, name, GP_ARG(value)) : GP_S("");
}

/* The parameter `resp` must be the last. */
static struct gp_slice request(struct gp_call *call, const struct auth_dovecot *self, uint32_t id,
                               const char *plain)
{
    return gp_format(call,
                     "AUTH\t%u\tPLAIN\tservice=" GP_FMT "\tnologin%s" GP_FMT GP_FMT "\tresp=%s\n",
                     (unsigned)id, GP_ARG(self->service),
                     gp_slice_present(gp_tls_version(call)) ? "\tsecured" : "",
                     GP_ARG(word(call, "lip", gp_server_ip(call))),
                     GP_ARG(word(call, "rip", gp_client_ip(call))), plain);
}

/* What the answer means; the connection is of no use any more unless it is *clean_r. */
static int ask(struct gp_call *call, const struct auth_dovecot *self, struct line *line,
               const char *plain, bool *clean_r)
{
    uint32_t id = ++line->last_id;
    struct dovecot_answer answer;
    struct gp_slice text;
    int error = gp_stream_write(call, line->stream, request(call, self, id, plain));

    *clean_r = false;
    if (!error)
        error = read_line(call, line, &text);
    if (error)
        return error;
    answer = dovecot_answer(text, id);
    if (answer.verdict == DOVECOT_BROKEN || line->used < line->len)
        return failed(call, self, "its answer is not one to our request");
    *clean_r = true;
    if (answer.verdict == DOVECOT_TEMPORARY)
        return failed(call, self, "it could not tell (its own log says why)");
    if (answer.verdict == DOVECOT_NO)
        return GP_ENOTFOUND;
    if (answer.user_len == 0)
        return GP_OK;
    return gp_auth_login_as(call, gp_slice(answer.user, answer.user_len)) ? GP_ETEMP : GP_OK;
}

static int try_once(struct gp_call *call, struct auth_dovecot *self, const char *plain,
                    bool *stale_r)
{
    struct line *line = (struct line *)idle_take(&self->idle);
    int result = line ? GP_OK : line_open(call, self, &line);
    bool clean = false;

    *stale_r = false;
    if (result)
        return result;
    result = ask(call, self, line, plain, &clean);
    *stale_r = line->link.reused && result == GP_ECLOSED;
    if (!clean || !idle_keep(&self->idle, &line->link, self->keep))
        line_free(&line);
    if (*stale_r || clean || result != GP_ECLOSED)
        return result;
    return failed(call, self, "it closed the connection");
}

static int verify_password(struct gp_call *call, void *self_, struct gp_slice user,
                           struct gp_slice password)
{
    struct auth_dovecot *self = self_;
    char *plain = gp_alloc(call, DOVECOT_PLAIN_MAX);
    bool stale;
    int result;

    if (!plain || dovecot_plain(user, password, plain) == 0)
        return GP_ETEMP;
    result = try_once(call, self, plain, &stale);
    if (stale) {
        idle_close(&self->idle, close_line);
        result = try_once(call, self, plain, &stale);
    }
    return result;
}

/* ---- the instance ---- */

static int create(struct gp_call *call, void *self_)
{
    const struct auth_dovecot *self = self_;

    for (size_t i = 0; i < self->service.len; i++) {
        unsigned char c = (unsigned char)self->service.data[i];

        if (c > ' ' && c < 0x7f)
            continue;
        gp_log(call, GP_LOG_ERROR, "service: a word of visible ASCII characters");
        return GP_EINVAL;
    }
    return GP_OK;
}

static void destroy(void *self_)
{
    struct auth_dovecot *self = self_;

    idle_close(&self->idle, close_line);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self_)
{
    struct auth_dovecot *self = self_;

    (void)call;
    idle_expire(&self->idle, close_line);
    return GP_NEXT;
}

static const struct gp_auth_role role = {.size = sizeof role, .verify_password = verify_password};

GP_OPTIONS(struct auth_dovecot,
           GP_OPTION_ADDRESS("to", struct auth_dovecot, to, "unix:/run/dovecot/auth-client",
                             "Where Dovecot listens for those who ask."),
           GP_OPTION_STRING("service", struct auth_dovecot, service, "smtp",
                            "What the login is for: Dovecot's %s.", .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_DURATION("connect_timeout", struct auth_dovecot, connect_ms, "5s", 100, 60000,
                              "How long connecting may take."),
           GP_OPTION_DURATION("timeout", struct auth_dovecot, timeout_ms, "20s", 1000, 300000,
                              "How long an answer may take. Dovecot waits 2s and more with a no."),
           GP_OPTION_INTEGER("keep", struct auth_dovecot, keep, "4", 0, 100,
                             "How many idle connections are kept, each for a minute or two."));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Logins that Dovecot judges", .needs = GP_NEEDS_NETWORK,
          .tick_ms = TICK_MS, .create = create, .destroy = destroy, .auth = &role, GP_USES_OPTIONS,
          GP_USES_HOOKS);

// SPDX-License-Identifier: Apache-2.0
#include "core/process/load.h"

#include "core/base/alloc.h"
#include "core/hook/runtime.h"
#include "core/process/channel.h"
#include "core/process/messages.h"
#include "core/base/pack.h"
#include "core/process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD_MS 60000u

struct gp__load_job {
    struct gp__runtime *runtime;
    struct gp__channel *channel;
    struct gp__timer timer;
    pid_t pid;
    struct gp__loaded loaded;
    void (*done)(void *arg, struct gp__loaded *loaded);
    void *arg;
};

/* ---- what was loaded ---- */

void gp__loaded_free(struct gp__loaded *loaded)
{
    for (size_t i = 0; i < loaded->n_watched; i++)
        gp__free(loaded->watched[i].path);
    GP__FREE(loaded->watched);
    gp__buf_free(&loaded->text);
    if (loaded->bundle >= 0)
        (void)close(loaded->bundle); /* nothing was written to it */
    *loaded = (struct gp__loaded){.bundle = -1};
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* One that is gone will be back: it is being renewed. */
bool gp__loaded_changed(const struct gp__loaded *loaded)
{
    struct stat st;

    for (size_t i = 0; i < loaded->n_watched; i++)
        if (stat(loaded->watched[i].path, &st) == 0 && !same(&st, &loaded->watched[i].st))
            return true;
    return false;
}

static void watch(struct gp__loaded *loaded, const char *path, const struct stat *st)
{
    size_t cap = loaded->n_watched;

    if (loaded->n_watched == GP__WATCHED_MAX)
        return;
    GP__GROW(loaded->watched, cap, loaded->n_watched + 1);
    loaded->watched[loaded->n_watched++] = (struct gp__watched){.path = gp__strdup(path),
                                                                .st = *st};
}

/* ---- what the loader asks ---- */

/* Only regular files: opening a device can do things, reading a FIFO never ends. */
static int open_for(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int error = 0;

    if (fd < 0)
        return -1;
    if (fstat(fd, st) < 0)
        error = errno;
    else if (!S_ISREG(st->st_mode))
        error = ENOTSUP;
    if (!error)
        return fd;
    (void)close(fd); /* nothing was written to it */
    errno = error;
    return -1;
}

static bool take_path(struct gp__unpack *in, char path[4096])
{
    struct gp_slice text = gp__unpack_text(in);

    if (in->bad || text.len >= 4096 || gp_slice_find(text, '\0') < text.len)
        return false;
    memcpy(path, text.data, text.len);
    path[text.len] = '\0';
    return true;
}

/* Answers go into *answer, whose body is in *body. */
static void on_open(struct gp__loaded *loaded, struct gp__unpack *in, struct gp__message *answer,
                    struct gp__buf *body)
{
    bool changes = gp__unpack_number(in) != 0;
    char path[4096];
    struct stat st;
    int fd = -1;

    answer->type = GP__MSG_OPENED;
    errno = ENAMETOOLONG;
    if (take_path(in, path))
        fd = open_for(path, &st);
    gp__pack_number(body, fd < 0 ? (uint64_t)errno : 0);
    if (fd < 0)
        return;
    if (changes)
        watch(loaded, path, &st);
    answer->fds[answer->n_fds++] = fd;
}

static void on_glob(struct gp__loaded *loaded, struct gp__unpack *in, struct gp__message *answer,
                    struct gp__buf *body)
{
    char pattern[4096];
    glob_t paths = {0};
    int result = GLOB_ABORTED;

    (void)loaded;
    answer->type = GP__MSG_GLOBBED;
    if (take_path(in, pattern))
        result = glob(pattern, GLOB_ERR, NULL, &paths);
    gp__pack_number(body, result != 0 && result != GLOB_NOMATCH);
    for (size_t i = 0; result == 0 && i < paths.gl_pathc; i++)
        gp__pack_text(body, gp_slice_of(paths.gl_pathv[i]));
    if (body->len > GP__MESSAGE_BODY_MAX) {
        gp__buf_clear(body);
        gp__pack_number(body, 1); /* too many to include */
    }
    globfree(&paths);
}

/* True: it was the last thing the loader had to say. */
static bool on_loaded(struct gp__loaded *loaded, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};

    loaded->usable = gp__unpack_number(&in) == 1;
    loaded->processes = gp__unpack_number(&in) == 1;
    gp__buf_append(&loaded->text, gp__unpack_text(&in));
    if (message->n_fds == 1) {
        loaded->bundle = message->fds[0];
        message->n_fds = 0;
    }
    return true;
}

/* True: it has ended, well or not. */
static bool handle(struct gp__loaded *loaded, struct gp__message *message,
                   int (*send)(void *to, const struct gp__message *answer), void *to)
{
    struct gp__unpack in = {.rest = message->body};
    struct gp__message answer = {.type = 0};
    struct gp__buf body = {.limit = 0};
    bool failed;

    if (message->type == GP__MSG_LOADED)
        return on_loaded(loaded, message);
    if (message->type == GP__MSG_OPEN)
        on_open(loaded, &in, &answer, &body);
    else if (message->type == GP__MSG_GLOB)
        on_glob(loaded, &in, &answer, &body);
    else
        return true;
    answer.body = gp__buf_slice(&body);
    failed = send(to, &answer) < 0;
    gp__message_close_fds(&answer);
    gp__buf_free(&body);
    return failed;
}

/* ---- starting one ---- */

/* Our end of its channel, or -1 with errno. */
static int start(const char *role, const char *config, const struct gp__identity *identity,
                 pid_t *pid_r)
{
    struct gp__message load = {.type = GP__MSG_LOAD};
    struct gp__buf body = {.limit = 0};
    struct gp__spawn spawn = {.role = role, .identity = identity};
    int ends[2], error = 0;

    if (gp__channel_pair(ends) < 0)
        return -1;
    gp__pack_number(&body, GP__PROTOCOL_VERSION);
    gp__pack_text(&body, gp_slice_of(config));
    load.body = gp__buf_slice(&body);
    spawn.channel = ends[1];
    *pid_r = gp__spawn(&spawn);
    if (*pid_r < 0 || gp__message_put(ends[0], &load) < 0)
        error = errno;
    gp__buf_free(&body);
    (void)close(ends[1]); /* nothing waits in it */
    if (!error)
        return ends[0];
    (void)close(ends[0]);
    errno = error;
    return -1;
}

static void reap(pid_t pid)
{
    (void)kill(pid, SIGKILL); /* it has no more to say */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* ---- the peek, without a loop ---- */

static int send_blocking(void *to, const struct gp__message *answer)
{
    return gp__message_put(*(const int *)to, answer);
}

int gp__load_peek(const char *config)
{
    struct gp__loaded loaded = {.bundle = -1};
    struct gp__buf place = {.limit = 0};
    struct gp__message message;
    bool ended = false;
    pid_t pid;
    int fd = start("peek", config, NULL, &pid);
    int result;

    if (fd < 0) {
        fprintf(stderr, "gatepost: start a process: %s\n", strerror(errno));
        return -1;
    }
    while (!ended && gp__message_get(fd, &place, &message) == 1) {
        ended = handle(&loaded, &message, send_blocking, &fd);
        gp__message_close_fds(&message);
    }
    result = loaded.usable && loaded.processes;
    (void)close(fd); /* nothing waits in it */
    reap(pid);
    gp__loaded_free(&loaded);
    gp__buf_free(&place);
    return result;
}

/* ---- on the loop ---- */

static int send_queued(void *to, const struct gp__message *answer)
{
    return gp__channel_send(to, answer);
}

static void free_job(struct gp__load_job *job)
{
    gp__channel_close(&job->channel);
    job->runtime->ops->timer_stop(job->runtime, &job->timer);
    reap(job->pid);
    gp__loaded_free(&job->loaded);
    gp__free(job);
}

static void finish(struct gp__load_job *job, const char *problem)
{
    struct gp__loaded loaded = job->loaded;
    void (*done)(void *arg, struct gp__loaded *loaded) = job->done;
    void *arg = job->arg;

    if (problem) {
        loaded.usable = false;
        gp__buf_printf(&loaded.text, "%s\n", problem);
    }
    job->loaded = (struct gp__loaded){.bundle = -1};
    free_job(job);
    done(arg, &loaded);
}

static void on_message(void *arg, struct gp__message *message)
{
    struct gp__load_job *job = arg;

    if (handle(&job->loaded, message, send_queued, job->channel))
        finish(job, message->type == GP__MSG_LOADED ? NULL : "the loader spoke nonsense");
}

static void on_closed(void *arg)
{
    finish(arg, "the loader ended before it was done; standard error may say why");
}

static void on_timer(struct gp__timer *timer)
{
    struct gp__load_job *job =
        (struct gp__load_job *)(void *)((char *)timer - offsetof(struct gp__load_job, timer));

    finish(job, "the loader took longer than a minute");
}

struct gp__load_job *gp__load_start(struct gp__runtime *rt, const char *config,
                                    const struct gp__identity *identity,
                                    void (*done)(void *arg, struct gp__loaded *loaded), void *arg)
{
    struct gp__load_job *job = gp__alloc(sizeof *job);
    struct gp__channel_user user = {.message = on_message, .closed = on_closed, .arg = job};
    int fd = start("loader", config, identity, &job->pid);

    if (fd >= 0)
        job->channel = gp__channel_open(rt, fd, &user);
    if (!job->channel) {
        gp__free(job);
        return NULL;
    }
    job->runtime = rt;
    job->loaded.bundle = -1;
    job->done = done;
    job->arg = arg;
    job->timer.fn = on_timer;
    rt->ops->timer_start(rt, &job->timer, rt->ops->now_ms(rt) + LOAD_MS);
    return job;
}

void gp__load_stop(struct gp__load_job **job_)
{
    struct gp__load_job *job = *job_;

    *job_ = NULL;
    if (job)
        free_job(job);
}

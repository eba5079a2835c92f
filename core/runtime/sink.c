// SPDX-License-Identifier: Apache-2.0
/* Log lines on their way out: one buffer, one descriptor. */
#include "core/runtime/sink.h"

#include "core/base/alloc.h"
#include "core/runtime/live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define FLUSH_AT ((size_t)64 << 10)

struct gp__sink {
    int fd; /* -1: syslog */
    char *path;
    bool owned, buffered;
    struct gp__buf lines;
    unsigned long pending, dropped;
};

static struct gp__sink *create(int fd)
{
    struct gp__sink *sink = gp__alloc(sizeof *sink);

    sink->fd = fd;
    return sink;
}

static int open_log(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0640);
}

struct gp__sink *gp__sink_fd(int fd)
{
    return create(fd);
}

struct gp__sink *gp__sink_file(const char *path)
{
    int fd = open_log(path);
    struct gp__sink *sink;

    if (fd < 0)
        return NULL;
    sink = create(fd);
    sink->path = gp__strdup(path);
    sink->owned = true;
    return sink;
}

struct gp__sink *gp__sink_syslog(const char *ident)
{
    openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
    return create(-1);
}

/* 0, or -1: the rest could not be written. */
static int write_all(int fd, struct gp_slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes = gp_slice_sub(bytes, (size_t)n, bytes.len);
    }
    return 0;
}

void gp__sink_flush(struct gp__sink *sink)
{
    if (sink->lines.len > 0 && write_all(sink->fd, gp__buf_slice(&sink->lines)) < 0)
        sink->dropped += sink->pending;
    gp__buf_clear(&sink->lines);
    sink->pending = 0;
}

static void write_syslog(enum gp_log_level level, struct gp_slice line)
{
    static const int priorities[] = {
        [GP_LOG_ERROR] = LOG_ERR, [GP_LOG_WARNING] = LOG_WARNING, [GP_LOG_NOTICE] = LOG_NOTICE,
        [GP_LOG_INFO] = LOG_INFO, [GP_LOG_DEBUG] = LOG_DEBUG,
    };

    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    syslog(priorities[level], GP_FMT, GP_ARG(line));
}

static void write_line(void *arg, enum gp_log_level level, struct gp_slice line)
{
    struct gp__sink *sink = arg;

    if (sink->fd < 0) {
        write_syslog(level, line);
        return;
    }
    if (gp__buf_append(&sink->lines, line) < 0) {
        sink->dropped++;
        return;
    }
    sink->pending++;
    if (!sink->buffered || level <= GP_LOG_WARNING || sink->lines.len >= FLUSH_AT)
        gp__sink_flush(sink);
}

void gp__sink_attach(struct gp__sink *sink, struct gp__log *log)
{
    log->write = write_line;
    log->arg = sink;
}

static void before_wait(void *arg)
{
    gp__sink_flush(arg);
}

void gp__sink_buffer(struct gp__sink *sink, struct gp__runtime *rt)
{
    if (sink->buffered)
        return;
    sink->buffered = true;
    gp__live_before_wait(rt, before_wait, sink);
}

int gp__sink_reopen(struct gp__sink *sink)
{
    int fd;

    if (!sink->path)
        return 0;
    gp__sink_flush(sink);
    fd = open_log(sink->path);
    if (fd < 0)
        return -1;
    (void)close(sink->fd); /* each write was checked */
    sink->fd = fd;
    return 0;
}

void gp__sink_adopt(struct gp__sink *sink, int fd)
{
    gp__sink_flush(sink);
    if (sink->owned)
        (void)close(sink->fd); /* each write was checked */
    sink->fd = fd;
    sink->owned = true;
}

void gp__sink_use(struct gp__sink *sink, int fd)
{
    gp__sink_adopt(sink, fd);
    sink->owned = false;
}

unsigned long gp__sink_dropped(const struct gp__sink *sink)
{
    return sink->dropped;
}

void gp__sink_free(struct gp__sink **sink_)
{
    struct gp__sink *sink = *sink_;

    if (!sink)
        return;
    *sink_ = NULL;
    gp__sink_flush(sink);
    if (sink->owned)
        (void)close(sink->fd);
    if (sink->fd < 0)
        closelog();
    gp__buf_free(&sink->lines);
    gp__free(sink->path);
    gp__free(sink);
}

// SPDX-License-Identifier: Apache-2.0
#include "source.h"

#include <stdio.h>

#define ATTEMPTS 3 /* to read a file that somebody is writing */
#define PAUSE_MS 100
#define TURN_MS 1 /* 0 would come back before anybody else had a turn */

/* One attempt. Nothing of it is kept unless it succeeds. */
struct attempt {
    void *contents;
    uint64_t version;
    size_t n;      /* entries */
    int error;     /* of reading: an enum gp_error */
    unsigned line; /* of the first mistake; 0: of none */
    char text[LINE_ERROR_MAX];
};

/* ---- reading ---- */

static int failed(struct attempt *attempt, int error, const char *text)
{
    attempt->error = error;
    snprintf(attempt->text, sizeof attempt->text, "%s", text);
    return -1;
}

static int failed_reading(struct attempt *attempt, const struct source *source, int error)
{
    char text[LINE_ERROR_MAX];

    if (error == GP_ELIMIT)
        snprintf(text, sizeof text, "larger than max_size, %llu bytes",
                 (unsigned long long)source->size_max);
    else
        snprintf(text, sizeof text, "can't be read: %s",
                 error == GP_EINVAL ? "not a regular file" : gp_strerror(error));
    return failed(attempt, error, text);
}

/* The bytes of one version. */
static int read_file(struct gp_call *call, const struct source *source, struct attempt *attempt,
                     struct gp_slice *bytes_r)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t after = 0;
        int error = gp_file_version(call, source->path, &attempt->version);

        if (!error)
            error = gp_file_read(call, source->path, source->size_max, bytes_r);
        if (!error)
            error = gp_file_version(call, source->path, &after);
        if (error)
            return failed_reading(attempt, source, error);
        if (after == attempt->version)
            return 0;
        error = gp_sleep(call, PAUSE_MS);
        if (error)
            return failed_reading(attempt, source, error);
    }
    return failed(attempt, GP_ETEMP, "changes while it is read");
}

/* Lines that may be entries. */
static size_t count_lines(struct gp_slice bytes)
{
    size_t n = 0;

    while (gp_slice_present(bytes)) {
        struct gp_slice line = gp_slice_split(&bytes, '\n');

        n += line.len && line.data[0] != '\r' && line.data[0] != '#';
    }
    return n;
}

/* All lines, with a turn for others after each batch. */
static int add_lines(struct gp_call *call, const struct source *source, struct gp_slice bytes,
                     struct attempt *attempt)
{
    char *room = gp_alloc(call, LINE_BYTES_MAX);
    struct line_reader reader;
    int more, error;

    if (!room)
        return failed(attempt, GP_ELIMIT, "no memory for a line");
    line_reader_init(&reader, bytes, room);
    while ((more = line_next(&reader, attempt->text)) > 0) {
        if (source->kind->add(attempt->contents, &reader.line, attempt->text) < 0)
            more = -1;
        if (more < 0)
            break;
        error = ++attempt->n % source->kind->batch ? GP_OK : gp_sleep(call, TURN_MS);
        if (error)
            return failed(attempt, error, "no time to read all of it");
    }
    if (more < 0)
        attempt->line = reader.line.number;
    return more;
}

static int make(struct gp_call *call, const struct source *source, struct attempt *attempt)
{
    struct gp_slice bytes = gp_slice(NULL, 0);

    if (read_file(call, source, attempt, &bytes) < 0)
        return -1;
    attempt->contents = source->kind->create(call, count_lines(bytes), bytes.len);
    if (!attempt->contents)
        return failed(attempt, GP_ELIMIT, "no memory for its contents");
    if (add_lines(call, source, bytes, attempt) == 0)
        return 0;
    source->kind->destroy(attempt->contents);
    attempt->contents = NULL;
    return -1;
}

/* ---- taking it over ---- */

static void log_mistake(struct gp_call *call, const struct source *source,
                        const struct attempt *attempt)
{
    const char *then = source->contents ? "; the contents read before stay in use" : "";

    if (attempt->line)
        gp_log(call, GP_LOG_ERROR, GP_FMT ":%u: %s%s", GP_ARG(source->path), attempt->line,
               attempt->text, then);
    else
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s%s", GP_ARG(source->path), attempt->text, then);
}

/* Keeps what there is. The same mistake is logged once; that the process ends is none. */
static void reject(struct gp_call *call, struct source *source, const struct attempt *attempt)
{
    bool known = source->last.bad && source->last.error == attempt->error &&
                 (attempt->error || source->last.version == attempt->version);

    if (attempt->error == GP_ECANCELED)
        return;
    if (!known) {
        gp_count(call, "errors", 1);
        log_mistake(call, source, attempt);
    }
    source->last.bad = true;
    source->last.error = attempt->error;
    source->last.version = attempt->version;
}

static void take(struct gp_call *call, struct source *source, const struct attempt *attempt)
{
    void *before = source->contents;

    source->contents = attempt->contents;
    source->version = attempt->version;
    source->last.bad = false;
    if (before)
        source->kind->destroy(before);
    gp_count(call, "reads", 1);
    gp_log(call, GP_LOG_INFO, GP_FMT ": %zu entries", GP_ARG(source->path), attempt->n);
}

int source_open(struct gp_call *call, struct source *source, const struct source_kind *kind)
{
    struct attempt attempt = {.line = 0};

    source->kind = kind;
    source->next_check_ms = gp_now(call) + source->recheck_ms;
    if (make(call, source, &attempt) < 0) {
        log_mistake(call, source, &attempt);
        return attempt.error ? attempt.error : GP_EINVAL;
    }
    take(call, source, &attempt);
    return GP_OK;
}

void source_close(struct source *source)
{
    if (source->contents)
        source->kind->destroy(source->contents);
    source->contents = NULL;
}

/* Whether another attempt may find something new. */
static bool may_differ(struct gp_call *call, const struct source *source)
{
    uint64_t version;

    if (gp_file_version(call, source->path, &version))
        return true;
    if (source->last.bad && !source->last.error)
        return version != source->last.version;
    return version != source->version || source->last.bad;
}

void source_check(struct gp_call *call, struct source *source)
{
    struct attempt attempt = {.line = 0};

    if (gp_now(call) < source->next_check_ms)
        return;
    source->next_check_ms = gp_now(call) + source->recheck_ms;
    if (!may_differ(call, source))
        return;
    if (make(call, source, &attempt) < 0)
        reject(call, source, &attempt);
    else
        take(call, source, &attempt);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Connections: made and negotiated when a session first needs one, read and written in packets,
 * closed when the session is over, or kept for the next one.
 *
 * A connection is kept only where libmilter's state machine can follow: its last word was "continue"
 * after a whole message. It may have gone stale while it was idle; then a fresh one takes its place
 * before the milter has said anything.
 */
#include "milter.h"

#include <stdlib.h>

#define READ_SIZE ((size_t)16 << 10)

/* Everything a version of the protocol knows. */
static const struct {
    uint32_t actions, steps;
} known[] = {
    [2] = {0x3f, 0x7f},
    [3] = {0x3f, 0x7f | MILTER_NO_UNKNOWN},
    [4] = {0x3f, 0x7f | MILTER_NO_UNKNOWN | MILTER_NO_DATA},
    [5] = {0x3f, 0x7f | MILTER_NO_UNKNOWN | MILTER_NO_DATA},
    /* Not RCPT_REJ: recipients that were refused before are not shown. */
    [6] = {0x1ff, 0x1ff7ff},
};

/* ---- life ---- */

void milter_line_free(struct milter_line **line_)
{
    struct milter_line *line = *line_;

    *line_ = NULL;
    if (!line)
        return;
    gp_stream_close(&line->stream);
    for (int i = 0; i < MILTER_SYMBOL_LISTS; i++)
        milter_bytes_free(&line->symbols[i]);
    milter_bytes_free(&line->out);
    milter_bytes_free(&line->in);
    free(line);
}

static void put_empty(struct milter_bytes *out, char letter)
{
    milter_end(out, milter_begin(out, letter));
}

static bool may_keep(const struct milter *self, const struct milter_line *line)
{
    return self->n_idle < self->keep && line->at_end && line->version >= 6 &&
           line->in.len == line->used && !(line->steps & (MILTER_NO_CONNECT | MILTER_NR_CONNECT));
}

void milter_line_leave(struct milter *self, struct milter_line **line_)
{
    struct milter_line *line = *line_;
    bool keep = line && may_keep(self, line);

    if (!line)
        return;
    put_empty(&line->out, keep ? 'K' : 'Q');
    if (line->out.failed ||
        gp_stream_write_now(line->stream, gp_slice(line->out.data, line->out.len)) != GP_OK)
        keep = false;
    line->out.len = 0;
    if (!keep) {
        milter_line_free(line_);
        return;
    }
    *line_ = NULL;
    line->next = self->idle;
    self->idle = line;
    self->n_idle++;
}

void milter_idle_close(struct milter *self, bool all)
{
    struct milter_line **link = &self->idle;

    while (*link) {
        struct milter_line *line = *link;

        if (all || line->old) {
            *link = line->next;
            self->n_idle--;
            put_empty(&line->out, 'Q');
            if (!line->out.failed)
                (void)gp_stream_write_now(line->stream, gp_slice(line->out.data, line->out.len));
            milter_line_free(&line);
        } else {
            line->old = true;
            link = &line->next;
        }
    }
}

/* ---- packets ---- */

int milter_flush(struct gp_call *call, struct milter_line *line, size_t at_least)
{
    int error;

    if (line->out.failed)
        return GP_ELIMIT;
    if (line->out.len < at_least || line->out.len == 0)
        return 0;
    error = gp_stream_write(call, line->stream, gp_slice(line->out.data, line->out.len));
    line->out.len = 0;
    return error;
}

/* Reads on behind what is there: how many bytes came, or an error. */
static int read_more(struct gp_call *call, struct milter_line *line)
{
    char bytes[4096];
    int64_t n = gp_stream_read(call, line->stream, bytes, sizeof bytes);

    if (n == 0)
        return GP_ECLOSED;
    if (n < 0)
        return (int)n;
    milter_put(&line->in, gp_slice(bytes, (size_t)n));
    return line->in.failed ? GP_ELIMIT : (int)n;
}

/* Forgets the packet that was looked at last. */
static void consume(struct milter_line *line)
{
    if (line->used)
        memmove(line->in.data, line->in.data + line->used, line->in.len - line->used);
    line->in.len -= line->used;
    line->used = 0;
    if (line->in.len == 0 && line->in.cap > READ_SIZE)
        milter_bytes_free(&line->in);
}

int milter_receive(struct gp_call *call, struct milter_session *session, uint64_t ms,
                   char *letter_r, struct gp_slice *rest_r)
{
    struct milter_line *line = session->line;
    int found;

    consume(line);
    gp_stream_timeout(line->stream, ms);
    while ((found = milter_packet(gp_slice(line->in.data, line->in.len), &line->used, letter_r,
                                  rest_r)) == 0) {
        int n = read_more(call, line);

        if (n < 0)
            return n;
    }
    if (found < 0)
        return GP_EINVAL;
    session->heard = true;
    return 0;
}

/* ---- negotiating ---- */

static int keep_symbols(struct milter_line *line, const struct milter_options *options)
{
    for (int i = 0; i < MILTER_SYMBOL_LISTS; i++) {
        if (!gp_slice_present(options->symbols[i]))
            continue;
        milter_put_text(&line->symbols[i], options->symbols[i]);
        if (line->symbols[i].failed)
            return -1;
    }
    return 0;
}

/* NULL, or what is wrong with the milter's answer. */
static const char *agree(const struct milter *self, struct milter_line *line, char letter,
                         struct gp_slice rest)
{
    uint32_t ours = (uint32_t)self->protocol;
    struct milter_options options;

    if (letter != 'O' || milter_options_parse(rest, &options) < 0)
        return "its answer to the negotiation is none";
    if (options.version < MILTER_VERSION_MIN || options.version > ours)
        return "it wants a version of the protocol that was not offered";
    if (options.actions & ~known[ours].actions)
        return "it wants rights that were not offered";
    /* libmilter asks for steps that a client did not offer, and gets along without them. */
    line->version = options.version;
    line->actions = options.actions;
    line->steps = options.steps & known[ours].steps;
    return keep_symbols(line, &options) < 0 ? "out of memory" : NULL;
}

static int negotiate(struct gp_call *call, struct milter_session *session)
{
    const struct milter *self = session->self;
    struct milter_line *line = session->line;
    size_t begin = milter_begin(&line->out, 'O');
    struct gp_slice rest;
    const char *wrong;
    char letter;
    int error;

    milter_put_u32(&line->out, (uint32_t)self->protocol);
    milter_put_u32(&line->out, known[self->protocol].actions);
    milter_put_u32(&line->out, known[self->protocol].steps);
    milter_end(&line->out, begin);
    error = milter_flush(call, line, 0);
    if (!error)
        error = milter_receive(call, session, self->command_ms, &letter, &rest);
    if (error) {
        milter_fail(call, session, "negotiation: %s", gp_strerror(error));
        return -1;
    }
    wrong = agree(self, line, letter, rest);
    if (!wrong)
        return 0;
    milter_fail(call, session, "%s", wrong);
    return -1;
}

/* ---- opening ---- */

static struct milter_line *take_idle(struct milter *self)
{
    struct milter_line *line = self->idle;

    if (!line)
        return NULL;
    self->idle = line->next;
    self->n_idle--;
    line->next = NULL;
    line->reused = true;
    line->old = line->at_end = false;
    return line;
}

int milter_line_open(struct gp_call *call, struct milter_session *session)
{
    struct milter *self = session->self;
    struct gp_stream *stream;
    int error;

    session->heard = false;
    session->line = take_idle(self);
    if (session->line)
        return 0;
    error = gp_connect_within(call, self->to, self->connect_ms, &stream);
    if (error) {
        milter_fail(call, session, "connecting: %s", gp_strerror(error));
        return -1;
    }
    gp_count(call, "connections", 1);
    session->line = calloc(1, sizeof *session->line);
    if (!session->line) {
        milter_fail(call, session, "out of memory");
        return -1;
    }
    gp_stream_keep(stream);
    session->line->stream = stream;
    gp_stream_timeout(stream, self->command_ms);
    return negotiate(call, session);
}

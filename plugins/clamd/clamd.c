// SPDX-License-Identifier: Apache-2.0
/*
 * Asks clamd, ClamAV's daemon, about every message (command INSTREAM): what leaves our chain is what
 * is scanned, in parts of at most 64 KiB, over a connection of its own.
 */
#include <gatepost/plugin.h>

#define PART_MAX ((size_t)65536)
#define ANSWER_MAX ((size_t)2048)
#define NAME_SHOWN ((size_t)100)

enum then {
    THEN_NOTE = 0,
    THEN_QUARANTINE,
    THEN_DISCARD,
    THEN_DEFER,
    THEN_REJECT,
};

struct clamd {
    struct gp_slice to, bucket, text;
    int found, too_large;
    uint64_t size_max, connect_ms, timeout_ms;
};

static const char *const then_names[] = {"note", "quarantine", "discard", "defer", "reject", NULL};

GP_OPTIONS(
    struct clamd,
    GP_OPTION_ADDRESS("to", struct clamd, to, "unix:/run/clamav/clamd.ctl", "Where clamd listens."),
    GP_OPTION_ENUM("found", struct clamd, found, then_names, "reject",
                   "What becomes of a message in which it finds something."),
    GP_OPTION_STRING("bucket", struct clamd, bucket, GP_OPTIONAL,
                     "Where quarantine puts it; without it the default one."),
    GP_OPTION_STRING("text", struct clamd, text, "Malware found",
                     "First words of the reply; the name follows.", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_SIZE("size_max", struct clamd, size_max, "25MiB", 1024, INT64_C(1) << 32,
                   "The largest message that is scanned: not above clamd's StreamMaxLength."),
    GP_OPTION_ENUM("too_large", struct clamd, too_large, then_names, "reject",
                   "What becomes of a larger one."),
    GP_OPTION_DURATION("connect_timeout", struct clamd, connect_ms, "5s", 100, 300000,
                       "How long connecting may take."),
    GP_OPTION_DURATION("timeout", struct clamd, timeout_ms, "1m", 100, 600000,
                       "How long clamd may take to read a part, and to answer."));

/* ---- sending ---- */

/* A part with its length before it, filled until it is full. */
struct part {
    struct gp_call *call;
    struct gp_stream *stream;
    char *bytes; /* 4 of length, PART_MAX of content */
    size_t len;
};

static int send_part(struct part *part)
{
    int error;

    for (int i = 0; i < 4; i++)
        part->bytes[i] = (char)(part->len >> (24 - 8 * i) & 0xff);
    error = gp_stream_write(part->call, part->stream, gp_slice(part->bytes, 4 + part->len));
    part->len = 0;
    return error;
}

static int put(struct part *part, struct gp_slice piece)
{
    int error = 0;

    while (piece.len > 0 && !error) {
        size_t room = PART_MAX - part->len, n = piece.len < room ? piece.len : room;

        memcpy(part->bytes + 4 + part->len, piece.data, n);
        part->len += n;
        piece = gp_slice_sub(piece, n, piece.len);
        if (part->len == PART_MAX)
            error = send_part(part);
    }
    return error;
}

static int send_message(struct gp_call *call, struct gp_stream *stream)
{
    struct part part = {.call = call, .stream = stream, .bytes = gp_alloc(call, 4 + PART_MAX)};
    int error = part.bytes ? gp_stream_write(call, stream, GP_S("nINSTREAM\n")) : GP_ELIMIT;
    uint64_t cursor = 0;
    struct gp_slice piece;

    while (!error && (piece = gp_message_next(gp_message(call), &cursor), gp_slice_present(piece)))
        error = put(&part, piece);
    if (!error && part.len > 0)
        error = send_part(&part);
    return error ? error : send_part(&part); /* an empty one is the end */
}

/* ---- verdicts ---- */

static enum gp_verdict act(struct gp_call *call, const struct clamd *self, int then,
                           const char *status, struct gp_slice why)
{
    switch ((enum then)then) {
    case THEN_NOTE:
        break;
    case THEN_QUARANTINE:
        return gp_quarantine(call, self->bucket, GP_FMT, GP_ARG(why));
    case THEN_DISCARD:
        return gp_discard(call, GP_FMT, GP_ARG(why));
    case THEN_DEFER:
        return gp_defer(call, "450 4.7.1", GP_FMT, GP_ARG(why));
    case THEN_REJECT:
        return gp_reject(call, status, GP_FMT, GP_ARG(why));
    }
    return GP_NEXT;
}

static void note(struct gp_call *call, const char *key, struct gp_slice value)
{
    (void)gp_note_set(call, GP_NOTE_TRANSACTION, NULL, key, value, 0);
    (void)gp_log_field(call, key, value);
}

/* What may stand in a reply: names come from signatures of anybody. */
static struct gp_slice clean(struct gp_call *call, struct gp_slice name)
{
    struct gp_slice shown = gp_slice_sub(name, 0, NAME_SHOWN);
    char *out = gp_alloc(call, shown.len + 1);

    if (!out)
        return GP_S("?");
    for (size_t i = 0; i < shown.len; i++)
        out[i] = shown.data[i] > ' ' && shown.data[i] < 0x7f ? shown.data[i] : '?';
    return gp_slice(out, shown.len);
}

static enum gp_verdict found(struct gp_call *call, const struct clamd *self, struct gp_slice name)
{
    struct gp_slice shown = clean(call, name);

    gp_count(call, "found", 1);
    note(call, "result", GP_S("found"));
    note(call, "name", shown);
    return act(call, self, self->found, "554 5.7.1",
               gp_format(call, GP_FMT ": " GP_FMT, GP_ARG(self->text), GP_ARG(shown)));
}

static enum gp_verdict too_large(struct gp_call *call, const struct clamd *self)
{
    gp_count(call, "too_large", 1);
    note(call, "result", GP_S("too_large"));
    return act(call, self, self->too_large, "552 5.3.4",
               GP_S("Message too large to be looked at for malware"));
}

/* "stream: OK", "stream: NAME FOUND", "WHY ERROR". */
static enum gp_verdict judge(struct gp_call *call, const struct clamd *self, struct gp_slice answer)
{
    static const struct gp_slice stream = {"stream: ", 8}, end = {" FOUND", 6};

    if (gp_slice_eq(answer, GP_S("stream: OK"))) {
        note(call, "result", GP_S("clean"));
        return GP_NEXT;
    }
    if (gp_slice_starts(answer, stream) && gp_slice_ends(answer, end) &&
        answer.len > stream.len + end.len)
        return found(call, self,
                     gp_slice_sub(answer, stream.len, answer.len - stream.len - end.len));
    if (gp_slice_starts(answer, GP_S("INSTREAM size limit exceeded"))) {
        gp_log(call, GP_LOG_WARNING, "clamd's StreamMaxLength is below our size_max");
        return too_large(call, self);
    }
    return gp_fail(call, "clamd " GP_FMT " said: " GP_FMT, GP_ARG(self->to), GP_ARG(answer));
}

/* ---- the hook ---- */

static enum gp_verdict on_message(struct gp_call *call, void *self_)
{
    const struct clamd *self = self_;
    struct gp_stream *stream;
    struct gp_slice answer;
    int error, sent;

    if (gp_message_size(gp_message(call)) > self->size_max)
        return too_large(call, self);
    error = gp_connect_within(call, self->to, self->connect_ms, &stream);
    if (error)
        return gp_fail(call, "clamd " GP_FMT ": connecting: %s", GP_ARG(self->to),
                       gp_strerror(error));
    gp_count(call, "scans", 1);
    gp_stream_timeout(stream, self->timeout_ms);
    /* One that has enough says why, and closes: so its answer is read whatever became of ours. */
    sent = send_message(call, stream);
    error = gp_stream_read_line(call, stream, ANSWER_MAX, &answer);
    if (error == 1)
        return judge(call, self, answer);
    if (sent)
        error = sent;
    return gp_fail(call, "clamd " GP_FMT ": %s", GP_ARG(self->to),
                   error ? gp_strerror(error) : "it closed the connection");
}

GP_HOOKS({GP_HOOK_MESSAGE, on_message});

GP_PLUGIN(.version = "1.0", .summary = "Asks clamd for malware", GP_USES_OPTIONS, GP_USES_HOOKS,
          .needs = GP_NEEDS_NETWORK, .on_error = GP_ON_ERROR_DEFER, .deadline_ms = 180000);

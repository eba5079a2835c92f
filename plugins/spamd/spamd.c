// SPDX-License-Identifier: Apache-2.0
/*
 * Asks spamd, SpamAssassin's daemon, what a message is worth (the SPAMC protocol, 1.5). It judges
 * nothing itself: what spamd says becomes notes, for `threshold` and `when:`, and fields if wanted.
 */
#include <gatepost/plugin.h>

#define LINE_MAX_BYTES ((size_t)4096)
#define LINES_MAX 1000 /* of the answer */
#define NOTE_MAX ((size_t)4000)

enum ask {
    ASK_CHECK = 0,
    ASK_SYMBOLS,
    ASK_HEADERS,
};

struct spamd {
    struct gp_slice to, user;
    int ask;
    uint64_t size_max, connect_ms, timeout_ms;
};

/* What it answered. */
struct answer {
    struct gp_call *call;
    struct gp_stream *stream;
    bool judged, spam;
    int64_t score, required; /* thousandths */
    size_t lines;
};

static const char *const ask_names[] = {"check", "symbols", "headers", NULL};
static const struct gp_slice commands[] = {{"CHECK", 5}, {"SYMBOLS", 7}, {"HEADERS", 7}};

GP_OPTIONS(
    struct spamd,
    GP_OPTION_ADDRESS("to", struct spamd, to, "127.0.0.1:783", "Where spamd listens."),
    GP_OPTION_ENUM("ask", struct spamd, ask, ask_names, "symbols",
                   "For the score only, for the rules too, or for the fields X-Spam-... that "
                   "its configuration adds."),
    GP_OPTION_STRING("user", struct spamd, user, GP_OPTIONAL,
                     "Whose settings it uses; its own without."),
    GP_OPTION_SIZE("size_max", struct spamd, size_max, "500KiB", 1024, INT64_C(1) << 30,
                   "The largest message that it is asked about."),
    GP_OPTION_DURATION("connect_timeout", struct spamd, connect_ms, "5s", 100, 300000,
                       "How long connecting may take."),
    GP_OPTION_DURATION("timeout", struct spamd, timeout_ms, "1m", 100, 600000,
                       "How long it may take to read the message, and to answer."));

/* ---- asking ---- */

static int send_question(struct gp_call *call, const struct spamd *self, struct gp_stream *stream)
{
    struct gp_message *message = gp_message(call);
    struct gp_slice head = gp_format(
        call, GP_FMT " SPAMC/1.5\r\nContent-length: %llu\r\n%s" GP_FMT "%s\r\n",
        GP_ARG(commands[self->ask]), (unsigned long long)gp_message_size(message),
        self->user.len ? "User: " : "", GP_ARG(self->user), self->user.len ? "\r\n" : "");
    int error = head.data ? gp_stream_write(call, stream, head) : GP_ELIMIT;

    return error ? error : gp_stream_write_message(call, stream, message);
}

/* ---- the answer ---- */

/* The next line: 1, 0 the end, or an error. */
static int read_line(struct answer *answer, struct gp_slice *line_r)
{
    if (++answer->lines > LINES_MAX)
        return GP_ELIMIT;
    return gp_stream_read_line(answer->call, answer->stream, LINE_MAX_BYTES, line_r);
}

/* "True ; 7.2 / 5.0" */
static int parse_verdict(struct answer *answer, struct gp_slice value)
{
    struct gp_slice word = gp_slice_trim(gp_slice_split(&value, ';'));
    struct gp_slice score = gp_slice_trim(gp_slice_split(&value, '/'));

    answer->judged = true;
    answer->spam = gp_slice_caseeq(word, GP_S("True")) || gp_slice_caseeq(word, GP_S("Yes"));
    if (!answer->spam && !gp_slice_caseeq(word, GP_S("False")) &&
        !gp_slice_caseeq(word, GP_S("No")))
        return GP_EINVAL;
    if (gp_milli_parse(score, &answer->score) ||
        gp_milli_parse(gp_slice_trim(value), &answer->required))
        return GP_EINVAL;
    return 0;
}

static int parse_head(struct answer *answer, struct gp_slice line)
{
    struct gp_slice name = gp_slice_trim(gp_slice_split(&line, ':'));

    return gp_slice_caseeq(name, GP_S("Spam")) ? parse_verdict(answer, line) : 0;
}

/* "SPAMD/1.1 0 EX_OK", then fields, then an empty line. */
static int read_head(struct answer *answer)
{
    struct gp_slice line;
    int result = read_line(answer, &line);

    if (result != 1)
        return result ? result : GP_ECLOSED;
    (void)gp_slice_split(&line, ' ');
    if (!gp_slice_eq(gp_slice_split(&line, ' '), GP_S("0")))
        return GP_ETEMP;
    while ((result = read_line(answer, &line)) == 1 && line.len > 0) {
        int error = parse_head(answer, line);

        if (error)
            return error;
    }
    if (result < 0)
        return result;
    return answer->judged ? 0 : GP_EINVAL;
}

/* ---- what comes of it ---- */

static void note_text(struct gp_call *call, const char *key, struct gp_slice value)
{
    (void)gp_note_set(call, GP_NOTE_TRANSACTION, NULL, key, gp_slice_sub(value, 0, NOTE_MAX), 0);
    (void)gp_log_field(call, key, value);
}

static int set_notes(struct answer *answer)
{
    struct gp_call *call = answer->call;
    int error = gp_note_set_milli(call, GP_NOTE_TRANSACTION, NULL, "score", answer->score, 0);

    if (!error)
        error = gp_note_set_milli(call, GP_NOTE_TRANSACTION, NULL, "required", answer->required, 0);
    (void)gp_log_field(call, "score", gp_milli_text(call, answer->score));
    note_text(call, "result", answer->spam ? GP_S("spam") : GP_S("ham"));
    gp_count(call, answer->spam ? "spam" : "ham", 1);
    return error;
}

/* The rules that matched, with commas between them: all that is left, without line ends. */
static int take_symbols(struct answer *answer)
{
    char *all = gp_alloc(answer->call, NOTE_MAX);
    size_t len = 0, kept = 0;
    int64_t n = 1;

    if (!all)
        return GP_ELIMIT;
    while (len < NOTE_MAX && n > 0) {
        n = gp_stream_read(answer->call, answer->stream, all + len, NOTE_MAX - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        return (int)n;
    for (size_t i = 0; i < len; i++)
        if (all[i] > ' ' && all[i] < 0x7f)
            all[kept++] = all[i];
    note_text(answer->call, "symbols", gp_slice(all, kept));
    return 0;
}

static bool is_spam_field(struct gp_slice name)
{
    return gp_slice_caseeq(gp_slice_sub(name, 0, 7), GP_S("X-Spam-"));
}

/* What the client says of itself counts for nothing. */
static int remove_forged(struct gp_call *call)
{
    struct gp_message *message = gp_message(call);
    int error = 0;

    for (size_t i = gp_header_count(message); i-- > 0 && !error;) {
        struct gp_header *header = gp_header_at(message, i);

        if (is_spam_field(gp_header_name(header)))
            error = gp_header_remove(call, message, header);
    }
    return error;
}

static int add_field(struct gp_call *call, struct gp_slice field, size_t *index)
{
    struct gp_slice name = gp_slice_trim(gp_slice_split(&field, ':'));

    if (!is_spam_field(name))
        return 0;
    return gp_header_insert(call, gp_message(call), (*index)++, name, gp_slice_trim(field));
}

/* The header section as spamd would have it, of which we take its own fields. */
static int take_fields(struct answer *answer)
{
    struct gp_call *call = answer->call;
    struct gp_slice field = GP_S(""), line;
    size_t index = 0;
    int result = 1, error = remove_forged(call);

    while (!error && (result = read_line(answer, &line)) == 1 && line.len > 0) {
        if (line.data[0] == ' ' || line.data[0] == '\t') {
            field = gp_format(call, GP_FMT "\r\n" GP_FMT, GP_ARG(field), GP_ARG(line));
            continue;
        }
        error = add_field(call, field, &index);
        field = line;
    }
    if (!error && result != 1)
        error = result ? result : GP_ECLOSED;
    return error ? error : add_field(call, field, &index);
}

static int take(struct answer *answer, const struct spamd *self)
{
    int error = read_head(answer);

    if (!error && self->ask == ASK_SYMBOLS)
        error = take_symbols(answer);
    else if (!error && self->ask == ASK_HEADERS)
        error = take_fields(answer);
    return error ? error : set_notes(answer);
}

/* ---- the hook ---- */

static enum gp_verdict on_message(struct gp_call *call, void *self_)
{
    const struct spamd *self = self_;
    struct answer answer = {.call = call};
    int error;

    if (gp_message_size(gp_message(call)) > self->size_max) {
        gp_count(call, "too_large", 1);
        note_text(call, "result", GP_S("too_large"));
        return GP_NEXT;
    }
    error = gp_connect_within(call, self->to, self->connect_ms, &answer.stream);
    if (!error) {
        gp_stream_timeout(answer.stream, self->timeout_ms);
        error = send_question(call, self, answer.stream);
    }
    if (!error)
        error = take(&answer, self);
    return error ? gp_fail(call, "spamd " GP_FMT ": %s", GP_ARG(self->to), gp_strerror(error))
                 : GP_NEXT;
}

/* A name that would put lines of its own into the question. */
static int create(struct gp_call *call, void *self_)
{
    const struct spamd *self = self_;

    for (size_t i = 0; i < self->user.len; i++) {
        if (self->user.data[i] > ' ' && self->user.data[i] < 0x7f)
            continue;
        gp_log(call, GP_LOG_ERROR, "user: not the name of a user");
        return -1;
    }
    return 0;
}

GP_HOOKS({GP_HOOK_MESSAGE, on_message});

GP_PLUGIN(.version = "1.0", .summary = "Asks spamd of SpamAssassin for a score", GP_USES_OPTIONS,
          GP_USES_HOOKS, .needs = GP_NEEDS_NETWORK | GP_NEEDS_EDIT_HEADERS,
          .on_error = GP_ON_ERROR_DEFER, .deadline_ms = 180000, .create = create);

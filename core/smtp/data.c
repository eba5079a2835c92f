// SPDX-License-Identifier: Apache-2.0
/* Six states between runs, memchr inside of them. The states say what was seen and held back; what
 * is flawed is decided in bare() and count() alone. See data.h for the rules. */
#include "core/smtp/data.h"

#define CRLF GP_S("\r\n")

enum state {
    LINE_START = 0, /* after CRLF, or at the very start */
    DOT,            /* LINE_START and "." */
    DOT_CR,         /* LINE_START and ".\r" */
    TEXT,           /* in a line, or after a bare CR or LF */
    CR,             /* in a line, after a CR that was not given yet */
    BREAK,          /* a bare CR or LF was taken: CRLF is owed for it */
};

void gp__data_init(struct gp__data *data, uint64_t line_max, bool dots, bool lenient)
{
    *data = (struct gp__data){
        .line_max = line_max, .state = LINE_START, .dots = dots, .lenient = lenient};
}

static void set_flaw(struct gp__data *data, enum gp__data_flaw flaw)
{
    if (!data->flaw)
        data->flaw = (unsigned char)flaw;
}

/* The line goes on by n bytes. */
static void count(struct gp__data *data, size_t n)
{
    data->column += n;
    if (data->column > data->line_max)
        set_flaw(data, GP__DATA_LONG_LINE);
}

/* A bare CR or LF was taken. */
static void bare(struct gp__data *data, enum gp__data_flaw flaw)
{
    count(data, 2);
    data->column = 0;
    data->state = BREAK;
    if (!data->lenient) {
        set_flaw(data, flaw);
        data->state = TEXT;
    }
}

static void good_end(struct gp__data *data, size_t n)
{
    count(data, n);
    data->column = 0;
    data->state = LINE_START;
}

/*
 * Where the run that starts at `from` stops: after a CRLF that something special follows, before
 * a CR or LF that is not part of one, or at the end. Sets the state for what comes there. `skip`
 * is set to the bytes after the run that are used up too. Two memchr a line are what this costs.
 */
static const char *scan(struct gp__data *data, const char *from, const char *end, size_t *skip)
{
    const char *at = from;

    *skip = 0;
    data->state = TEXT;
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;
        const char *cr = memchr(at, '\r', (size_t)(stop - at));

        if (lf && cr == lf - 1) {
            good_end(data, (size_t)(lf + 1 - at));
            at = lf + 1;
            if (data->dots && at < end && *at == '.')
                return at;
            continue;
        }
        if (cr)
            stop = cr;
        count(data, (size_t)(stop - at));
        if (stop == end) {
            data->state = TEXT;
            return end;
        }
        *skip = 1;
        if (cr && cr + 1 == end)
            data->state = CR;
        else
            bare(data, cr ? GP__DATA_BARE_CR : GP__DATA_BARE_LF);
        return stop;
    }
    return at;
}

/* Text from the front of the input; false when there is no run or it must not be given. */
static bool take_run(struct gp__data *data, struct gp_slice *input, struct gp_slice *run_r)
{
    const char *from = input->data;
    size_t skip, n;

    n = (size_t)(scan(data, from, from + input->len, &skip) - from);
    *run_r = gp_slice(from, n);
    *input = gp_slice_sub(*input, n + skip, input->len);
    if (n && memchr(from, '\0', n))
        set_flaw(data, GP__DATA_NUL);
    return n > 0 && !data->flaw;
}

/* One byte less, and what it led to. */
static void take_byte(struct gp__data *data, struct gp_slice *input, enum state state)
{
    *input = gp_slice_sub(*input, 1, input->len);
    data->state = (unsigned char)state;
}

/* What the next byte says of a dot or CR that was held back. MORE: nothing to give yet. */
static enum gp__data_result resolve(struct gp__data *data, struct gp_slice *input,
                                    struct gp_slice *run_r)
{
    char c = input->data[0];

    if (data->state == DOT) {
        if (c == '\r')
            take_byte(data, input, DOT_CR);
        else
            data->state = TEXT; /* the dot was stuffing (RFC 5321 4.5.2) */
    } else if (c != '\n') {
        bare(data, GP__DATA_BARE_CR);
    } else if (data->state == DOT_CR) {
        take_byte(data, input, LINE_START);
        return GP__DATA_END;
    } else {
        take_byte(data, input, LINE_START);
        good_end(data, 2);
        *run_r = CRLF;
        return data->flaw ? GP__DATA_MORE : GP__DATA_RUN;
    }
    return GP__DATA_MORE;
}

enum gp__data_result gp__data_next(struct gp__data *data, struct gp_slice *input,
                                   struct gp_slice *run_r)
{
    enum gp__data_result result = GP__DATA_MORE;

    while (result == GP__DATA_MORE) {
        if (data->state == BREAK) {
            data->state = TEXT;
            *run_r = CRLF;
            result = data->flaw ? GP__DATA_MORE : GP__DATA_RUN;
        } else if (input->len == 0) {
            break;
        } else if (data->state == LINE_START && data->dots && input->data[0] == '.') {
            take_byte(data, input, DOT);
        } else if (data->state == LINE_START || data->state == TEXT) {
            result = take_run(data, input, run_r) ? GP__DATA_RUN : GP__DATA_MORE;
        } else {
            result = resolve(data, input, run_r);
        }
    }
    return result;
}

enum gp__data_result gp__data_finish(struct gp__data *data, struct gp_slice *run_r)
{
    struct gp_slice nothing = GP_S("");

    if (data->state == CR)
        bare(data, GP__DATA_BARE_CR);
    return gp__data_next(data, &nothing, run_r) == GP__DATA_RUN ? GP__DATA_RUN : GP__DATA_END;
}

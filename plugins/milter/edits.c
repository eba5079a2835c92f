// SPDX-License-Identifier: Apache-2.0
/*
 * What a milter wants to be changed. Its wishes are checked as they come and kept until its last
 * word: a milter that dies half-way, or rejects after all, has changed nothing.
 *
 * Places of fields are counted as the milter saw them, whatever it removed meanwhile: a milter that
 * removes the first and the second of three says 1 and 2.
 */
#include "milter.h"

#define EDITS_MAX 1000
#define EDITS_BYTES_MAX ((size_t)4 << 20)

/* ---- keeping ---- */

static const char *add_body(struct milter_edits *edits, const struct milter *self,
                            struct gp_slice bytes)
{
    edits->has_body = true;
    if (bytes.len > self->body_max || edits->body.len > self->body_max - bytes.len)
        return "the new body is longer than body_max";
    return milter_body(bytes, &edits->body, &edits->last) < 0
               ? "the new body has a bare CR or a NUL"
               : NULL;
}

/* Blanks for what may not be in a log line. */
static void set_reason(struct milter_edits *edits, struct gp_slice reason)
{
    size_t n = reason.len < sizeof edits->reason - 1 ? reason.len : sizeof edits->reason - 1;

    edits->quarantined = true;
    for (size_t i = 0; i < n; i++)
        edits->reason[i] = reason.data[i] < ' ' || reason.data[i] == 0x7f ? ' ' : reason.data[i];
    edits->reason[n] = '\0';
}

static const char *check_value(struct gp_slice value)
{
    struct milter_bytes fits = {.data = NULL};
    int error = milter_value(value, &fits);

    milter_bytes_free(&fits);
    return error < 0 ? "not a value of a field" : NULL;
}

const char *milter_edits_add(struct milter_edits *edits, const struct milter_session *session,
                             char letter, struct gp_slice rest)
{
    struct milter_edit edit;
    const char *wrong = NULL;
    size_t begin;

    if (!(session->line->actions & milter_edit_right(letter)))
        return "it has not asked for the right to do so";
    if (milter_edit_parse(letter, rest, &edit) < 0)
        return "malformed";
    if (letter == 'b')
        return add_body(edits, session->self, rest);
    if (++edits->count > EDITS_MAX || edits->packets.len > EDITS_BYTES_MAX)
        return "too many";
    if (letter == 'q')
        set_reason(edits, edit.first);
    else if (letter == 'h' || letter == 'i' || letter == 'm')
        wrong = check_value(edit.second);
    begin = milter_begin(&edits->packets, letter);
    milter_put(&edits->packets, rest);
    milter_end(&edits->packets, begin);
    return edits->packets.failed ? "out of memory" : wrong;
}

void milter_edits_free(struct milter_edits *edits)
{
    milter_bytes_free(&edits->packets);
    milter_bytes_free(&edits->body);
}

/* ---- the fields as the milter saw them ---- */

struct row {
    struct gp_slice name;
    bool own;  /* ours: the milter does not know of it */
    bool gone; /* removed since */
};

struct fields {
    struct gp_call *call;
    struct gp_message *message;
    struct row *rows;
    size_t count;
};

static int fields_begin(struct gp_call *call, size_t more, struct fields *fields)
{
    size_t own = milter_own_field(call);

    fields->call = call;
    fields->message = gp_message(call);
    fields->count = gp_header_count(fields->message);
    fields->rows = gp_alloc(call, (fields->count + more) * sizeof *fields->rows);
    if (!fields->rows)
        return GP_ELIMIT;
    for (size_t i = 0; i < fields->count; i++) {
        fields->rows[i].name = gp_header_name(gp_header_at(fields->message, i));
        fields->rows[i].own = i == own;
    }
    return 0;
}

/* Where the row stands, or would stand, in the message as it is now. */
static size_t place(const struct fields *fields, size_t row)
{
    size_t n = 0;

    for (size_t i = 0; i < row; i++)
        n += !fields->rows[i].gone;
    return n;
}

static int insert(struct fields *fields, size_t row, struct gp_slice name, struct gp_slice value)
{
    int error = gp_header_insert(fields->call, fields->message, place(fields, row), name, value);

    if (error)
        return error;
    memmove(fields->rows + row + 1, fields->rows + row,
            (fields->count - row) * sizeof *fields->rows);
    fields->rows[row] = (struct row){.name = name};
    fields->count++;
    return 0;
}

/* Index 0: above everything, our own fields included. */
static int insert_at(struct fields *fields, uint32_t index, struct gp_slice name,
                     struct gp_slice value)
{
    size_t row = 0;

    for (uint32_t seen = 0; index > 0 && row < fields->count; row++)
        if (!fields->rows[row].own && seen++ == index)
            break;
    return insert(fields, row, name, value);
}

static size_t find(const struct fields *fields, struct gp_slice name, uint32_t nth)
{
    size_t row = 0;

    for (; row < fields->count; row++)
        if (!fields->rows[row].own && gp_slice_caseeq(fields->rows[row].name, name) && nth-- <= 1)
            break;
    return row;
}

/* The nth of that name, from 1: a new value, or away with it; one that is not there is added. */
static int change(struct fields *fields, uint32_t nth, struct gp_slice name, struct gp_slice value)
{
    size_t row = find(fields, name, nth);
    struct gp_header *header;

    if (row == fields->count || (fields->rows[row].gone && value.len > 0)) {
        if (value.len == 0)
            return 0;
        if (row < fields->count)
            fields->rows[row].own = true; /* its number is taken by the new one */
        return insert(fields, row, name, value);
    }
    if (fields->rows[row].gone)
        return 0;
    header = gp_header_at(fields->message, place(fields, row));
    if (value.len > 0)
        return gp_header_set(fields->call, fields->message, header, value);
    fields->rows[row].gone = true;
    return gp_header_remove(fields->call, fields->message, header);
}

/* ---- the envelope ---- */

static struct gp_slice without_brackets(struct gp_slice address)
{
    if (gp_slice_starts(address, GP_S("<")) && gp_slice_ends(address, GP_S(">")))
        return gp_slice_sub(address, 1, address.len - 2);
    return address;
}

static bool is_address(struct gp_call *call, struct gp_slice a, struct gp_slice b)
{
    return gp_slice_caseeq(gp_domain_key(call, a), gp_domain_key(call, b));
}

/* The one that the milter was told of under this address; its case may have been lost on the way. */
static int delete_rcpt(struct gp_call *call, struct gp_slice address)
{
    for (size_t i = 0; i < gp_rcpt_count(call); i++) {
        struct gp_recipient *rcpt = gp_rcpt_at(call, i);
        int error;

        if (!is_address(call, gp_rcpt_address(rcpt), address) &&
            !is_address(call, gp_rcpt_original(rcpt), address))
            continue;
        error = gp_judge(call, rcpt, gp_discard(call, "the milter took it off"));
        if (error)
            return error;
    }
    return 0;
}

static void log_parameters(struct gp_call *call, const struct milter_edit *edit)
{
    if (edit->second.len)
        gp_log(call, GP_LOG_NOTICE, "parameters of " GP_FMT " are left out: " GP_FMT,
               GP_ARG(edit->first), GP_ARG(edit->second));
}

static int change_envelope(struct gp_call *call, const struct milter_edit *edit)
{
    struct gp_slice address = without_brackets(edit->first);

    switch (edit->letter) {
    case 'e':
        log_parameters(call, edit);
        return gp_sender_set(call, address);
    case '+':
    case '2':
        log_parameters(call, edit);
        return gp_rcpt_add(call, address, NULL);
    case '-':
        return delete_rcpt(call, address);
    default:
        return 0;
    }
}

/* ---- all of it ---- */

static int change_field(struct fields *fields, const struct milter_edit *edit)
{
    struct gp_call *call = fields->call;
    struct milter_bytes value = {.data = NULL};
    struct gp_slice given;
    int error = 0;

    if (edit->letter != 'h' && edit->letter != 'i' && edit->letter != 'm')
        return 0;
    (void)milter_value(edit->second, &value); /* it was checked */
    given = gp_slice(value.data ? value.data : "", value.len);
    if (edit->letter == 'h')
        error = insert(fields, fields->count, edit->first, given);
    else if (edit->letter == 'i')
        error = insert_at(fields, edit->index, edit->first, given);
    else
        error = change(fields, edit->index, edit->first, given);
    milter_bytes_free(&value);
    gp_count(call, "edits", 1);
    return error;
}

/* Walks the changes that were kept: of the envelope, or of fields. */
static int walk(struct gp_call *call, const struct milter_edits *edits, struct fields *fields,
                struct gp_slice *what_r)
{
    struct gp_slice rest = gp_slice(edits->packets.data, edits->packets.len), packet;
    struct milter_edit edit;
    size_t used;
    char letter;
    int error = 0;

    while (!error && milter_packet(rest, &used, &letter, &packet) == 1) {
        (void)milter_edit_parse(letter, packet, &edit);
        *what_r = gp_format(call, "'%c' " GP_FMT, letter, GP_ARG(edit.first));
        error = fields ? change_field(fields, &edit) : change_envelope(call, &edit);
        rest = gp_slice_sub(rest, used, rest.len);
    }
    return error;
}

int milter_edits_apply(struct gp_call *call, struct milter_edits *edits, struct gp_slice *what_r)
{
    struct fields fields;
    int error = walk(call, edits, NULL, what_r);

    if (!error && edits->count > 0)
        error = fields_begin(call, edits->count, &fields);
    if (!error && edits->count > 0)
        error = walk(call, edits, &fields, what_r);
    if (error || !edits->has_body)
        return error;
    *what_r = GP_S("the body");
    return gp_body_splice(call, gp_message(call), 0, gp_body_size(gp_message(call)),
                          gp_slice(edits->body.data ? edits->body.data : "", edits->body.len));
}

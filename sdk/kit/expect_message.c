// SPDX-License-Identifier: Apache-2.0
/* Expectations about what became of a message: where it went and what it looked like there. */
#include "sdk/kit/diff.h"
#include "sdk/kit/kit.h"

/* ---- which one ---- */

static bool is_for(const struct gp__kit_capture *capture, struct gp_slice address)
{
    if (!gp_slice_present(address))
        return true;
    for (size_t i = 0; i < capture->n_recipients; i++)
        if (gp_slice_caseeq(capture->recipients[i], address))
            return true;
    return false;
}

/* Whether it comes from the transaction that ended last: "ID" and "ID.a.r". */
static bool is_last(const struct gp__kit *kit, const struct gp__kit_capture *capture)
{
    struct gp_slice id = kit->ended.id;

    return gp_slice_starts(capture->id, id) && capture->id.len > id.len && id.len &&
           capture->id.data[id.len] == '.';
}

/* The first copy of the last message (for a recipient): delivered ones before held ones. */
static const struct gp__kit_capture *find_copy(const struct gp__kit *kit, struct gp_slice address)
{
    const struct gp__kit_capture *held = NULL;

    for (const struct gp__kit_capture *at = kit->captures; at; at = at->next) {
        if (!is_last(kit, at) || !is_for(at, address))
            continue;
        if (!gp_slice_present(at->bucket))
            return at;
        held = held ? held : at;
    }
    return held;
}

static const struct gp__kit_capture *copy_of(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__kit_capture *copy = find_copy(kit, step->recipient);

    if (!copy && gp_slice_present(step->recipient))
        gp__kit_fail(kit, step, "no message reached " GP_FMT, GP_ARG(step->recipient));
    else if (!copy)
        gp__kit_fail(kit, step, "no message reached anybody");
    return copy;
}

/* ---- where it went ---- */

static const struct gp__kit_recipient *ended_recipient(const struct gp__kit *kit,
                                                       struct gp_slice address)
{
    for (size_t i = 0; i < kit->ended.n_recipients; i++)
        if (gp_slice_caseeq(kit->ended.recipients[i].address, address))
            return &kit->ended.recipients[i];
    return NULL;
}

static void fail_fate(struct gp__kit *kit, const struct gp__kit_step *step, struct gp_slice address)
{
    const struct gp__kit_recipient *recipient = ended_recipient(kit, address);

    if (!recipient)
        gp__kit_fail(kit, step, "no transaction that ended had this recipient");
    else if (recipient->fate == GP__FATE_HELD)
        gp__kit_fail(kit, step, "it was held in \"" GP_FMT "\"", GP_ARG(recipient->bucket));
    else
        gp__kit_fail(kit, step, "its fate: %s", gp__fate_name(recipient->fate));
}

static bool has_fate(const struct gp__kit *kit, struct gp_slice address, enum gp__fate fate)
{
    const struct gp__kit_recipient *recipient = ended_recipient(kit, address);

    return recipient && recipient->fate == fate;
}

static bool went_to(const struct gp__kit *kit, struct gp_slice bucket, struct gp_slice address)
{
    for (const struct gp__kit_capture *at = kit->captures; at; at = at->next)
        if (is_last(kit, at) && gp_slice_eq(at->bucket, bucket) &&
            gp_slice_present(at->bucket) == gp_slice_present(bucket) && is_for(at, address))
            return true;
    return false;
}

void gp__kit_expect_delivered(struct gp__kit *kit, const struct gp__kit_step *step)
{
    bool delivered = went_to(kit, gp_slice(NULL, 0), step->args[0]) ||
                     has_fate(kit, step->args[0], GP__FATE_DELIVERED);

    if (delivered == step->negated)
        fail_fate(kit, step, step->args[0]);
}

void gp__kit_expect_held(struct gp__kit *kit, const struct gp__kit_step *step)
{
    if (went_to(kit, step->args[0], step->args[1]) == step->negated)
        fail_fate(kit, step, step->args[1]);
}

void gp__kit_expect_dropped(struct gp__kit *kit, const struct gp__kit_step *step)
{
    if (has_fate(kit, step->args[0], GP__FATE_DROPPED) == step->negated)
        fail_fate(kit, step, step->args[0]);
}

/* ---- what it looks like ---- */

/* Where the body begins. */
static size_t body_at(struct gp_slice bytes)
{
    size_t at = gp_slice_search(bytes, GP_S("\r\n\r\n"));

    if (gp_slice_starts(bytes, GP_S("\r\n")))
        return 2;
    return at == bytes.len ? bytes.len : at + 4;
}

/* The next field with its continuation lines; absent at the end. */
static struct gp_slice next_field(struct gp_slice *rest)
{
    struct gp_slice field = *rest;
    size_t n = 0;

    if (rest->len == 0 || gp_slice_starts(*rest, GP_S("\r\n")))
        return gp_slice(NULL, 0);
    do {
        n += gp_slice_find(gp_slice_sub(field, n, field.len), '\n') + 1;
    } while (n < field.len && (field.data[n] == ' ' || field.data[n] == '\t'));
    n = n < field.len ? n : field.len;
    *rest = gp_slice_sub(field, n, field.len);
    return gp_slice_sub(field, 0, n);
}

static bool is_named(struct gp_slice field, struct gp_slice name)
{
    return field.len > name.len && field.data[name.len] == ':' &&
           gp_slice_caseeq(gp_slice_sub(field, 0, name.len), name);
}

/* The value on one line: folds are taken out, blanks at its ends too (RFC 5322 2.2.3). */
static struct gp_slice value_of(struct gp__arena *arena, struct gp_slice field)
{
    char *bytes = gp__arena_bytes(arena, field.len);
    size_t n = 0;

    for (size_t i = gp_slice_find(field, ':') + 1; i < field.len; i++)
        if (field.data[i] != '\r' && field.data[i] != '\n')
            bytes[n++] = field.data[i];
    return gp_slice_trim(gp_slice(bytes, n));
}

static bool value_fits(const struct gp__kit_step *step, struct gp_slice value)
{
    if (step->regex)
        return gp_regex_match(step->regex, value, NULL, 0) == 1;
    return !gp_slice_present(step->args[1]) || gp_slice_eq(value, step->args[1]);
}

void gp__kit_expect_header(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__kit_capture *copy = copy_of(kit, step);
    struct gp_slice rest, field, seen = gp_slice(NULL, 0);
    bool found = false;

    if (!copy)
        return;
    rest = copy->bytes;
    while (!found && gp_slice_present(field = next_field(&rest))) {
        if (!is_named(field, step->args[0]))
            continue;
        seen = value_of(kit->arena, field);
        found = value_fits(step, seen);
    }
    if (found != step->negated)
        return;
    if (gp_slice_present(seen))
        gp__kit_fail(kit, step, GP_FMT ": " GP_FMT, GP_ARG(step->args[0]), GP_ARG(seen));
    else
        gp__kit_fail(kit, step, "there is no such field");
}

void gp__kit_expect_sender(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__kit_capture *copy = copy_of(kit, step);
    struct gp_slice sender;

    if (!copy)
        return;
    sender = gp_slice_present(copy->sender) ? copy->sender : GP_S("");
    if ((gp_regex_match(step->regex, sender, NULL, 0) == 1) == step->negated)
        gp__kit_fail(kit, step, "the reverse-path: <" GP_FMT ">", GP_ARG(sender));
}

void gp__kit_expect_body(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__kit_capture *copy = copy_of(kit, step);
    struct gp_slice body;

    if (!copy)
        return;
    body = gp_slice_sub(copy->bytes, body_at(copy->bytes), copy->bytes.len);
    if ((gp_regex_match(step->regex, body, NULL, 0) == 1) == step->negated)
        gp__kit_fail(kit, step, "the body:\n" GP_FMT,
                     GP_ARG(gp_slice_trim(gp_slice_sub(body, 0, 2000))));
}

/* ---- edits ---- */

/* Without the trace field that the server itself adds: it names the delivery. */
static struct gp_slice without_trace(struct gp__kit *kit, const struct gp__kit_capture *copy)
{
    struct gp_slice rest = copy->bytes, field, out = copy->bytes;
    struct gp_slice id = gp_slice_sub(copy->id, 0, GP__ID_LEN);

    while (gp_slice_present(field = next_field(&rest))) {
        if (!is_named(field, GP_S("Received")) || gp_slice_search(field, id) == field.len)
            continue;
        out = gp__arena_printf(kit->arena, GP_FMT GP_FMT, (int)(field.data - copy->bytes.data),
                               copy->bytes.data, GP_ARG(rest));
        break;
    }
    return out;
}

/* As people write it: blanks at the ends of lines do not count. */
static struct gp_slice tidy(struct gp__arena *arena, struct gp_slice text)
{
    struct gp__buf out = {.limit = 0};
    struct gp_slice result;

    while (text.len) {
        struct gp_slice line = gp_slice_split(&text, '\n');
        size_t n = line.len;

        while (n && (line.data[n - 1] == ' ' || line.data[n - 1] == '\r'))
            n--;
        if (n)
            gp__buf_append(&out, gp_slice_sub(line, 0, n));
        gp__buf_append(&out, n ? GP_S("\n") : GP_S(""));
    }
    result = gp__arena_dup(arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    return result;
}

void gp__kit_expect_edits(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__kit_capture *copy = copy_of(kit, step);
    struct gp_slice edits, wanted;
    bool fits;

    if (!copy)
        return;
    if (!gp_slice_present(step->block) && !step->negated) {
        gp__kit_fail(kit, step, "write: expect edits <<END, or expect no edits");
        return;
    }
    edits = tidy(kit->arena, gp__kit_diff(kit->arena, copy->original, without_trace(kit, copy)));
    wanted = tidy(kit->arena, step->block);
    fits = gp_slice_present(step->block) ? gp_slice_eq(edits, wanted) : edits.len > 0;
    if (fits != step->negated)
        return;
    if (edits.len)
        gp__kit_fail(kit, step, "the edits:\n" GP_FMT, GP_ARG(gp_slice_trim(edits)));
    else
        gp__kit_fail(kit, step, "there are no edits");
}

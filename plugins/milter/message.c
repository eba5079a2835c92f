// SPDX-License-Identifier: Apache-2.0
/*
 * The message as a milter sees it: field by field, the end of the header section, the body in parts
 * of at most 65,535 bytes, the end. It is what our chain has made of the message so far, but for
 * the Received field of our own server, which no MTA shows to its milters.
 */
#include "milter.h"

#define BODY_PART MILTER_DATA_MAX

/* Nothing more is wanted of this message, or this kind of command. */
static bool is_settled(const struct milter_session *session, enum gp_verdict verdict)
{
    return verdict != GP_NEXT || session->done || session->over || session->failed;
}

size_t milter_own_field(struct gp_call *call)
{
    struct gp_message *message = gp_message(call), *original = gp_original(call);
    size_t before = 0, now = 0, count = gp_header_count(message);

    while (gp_header_find(original, GP_S("Received"), before))
        before++;
    while (now <= before && gp_header_find(message, GP_S("Received"), now))
        now++;
    for (size_t i = 0; now > before && i < count; i++)
        if (gp_slice_caseeq(gp_header_name(gp_header_at(message, i)), GP_S("Received")))
            return i;
    return SIZE_MAX;
}

/* ---- the header section ---- */

/* Folds go out as the bare line feeds that libmilter wants. */
static void put_value(struct milter_bytes *out, struct gp_slice value, bool with_space)
{
    size_t begin, end;

    while (!with_space && value.len && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = gp_slice_sub(value, 1, value.len);
    begin = out->len;
    milter_put_text(out, value);
    if (out->failed)
        return;
    end = begin;
    for (size_t i = begin; i < out->len; i++)
        if (out->data[i] != '\r' || i + 1 == out->len || out->data[i + 1] != '\n')
            out->data[end++] = out->data[i];
    out->len = end;
}

static enum gp_verdict send_field(struct gp_call *call, struct milter_session *session,
                                  const struct gp_header *header)
{
    struct milter_line *line = session->line;
    size_t begin = milter_begin(&line->out, 'L');

    milter_put_text(&line->out, gp_header_name(header));
    put_value(&line->out, gp_header_raw(header), line->steps & MILTER_HEADER_SPACE);
    milter_end(&line->out, begin);
    if (line->out.len - begin > MILTER_DATA_MAX)
        return milter_fail(call, session, "the field " GP_FMT " is longer than a milter takes",
                           GP_ARG(gp_header_name(header)));
    return milter_answer(call, session, MILTER_HEADER, NULL);
}

static enum gp_verdict send_fields(struct gp_call *call, struct milter_session *session)
{
    struct gp_message *message = gp_message(call);
    size_t count = gp_header_count(message), own = milter_own_field(call);

    for (size_t i = 0; i < count && milter_wants(session, MILTER_HEADER); i++) {
        enum gp_verdict verdict;

        if (i == own)
            continue;
        verdict = send_field(call, session, gp_header_at(message, i));
        if (is_settled(session, verdict))
            return verdict;
    }
    return GP_NEXT;
}

static enum gp_verdict send_eoh(struct gp_call *call, struct milter_session *session)
{
    struct milter_line *line = session->line;

    milter_macros(call, session, MILTER_EOH);
    if (!milter_wants(session, MILTER_EOH))
        return GP_NEXT;
    milter_end(&line->out, milter_begin(&line->out, 'N'));
    return milter_answer(call, session, MILTER_EOH, NULL);
}

/* ---- the body ---- */

/* Parts of the same size whatever the pieces are: a part is begun, filled, and sent when full. */
struct parts {
    struct gp_call *call;
    struct milter_session *session;
    size_t begin;
    bool open;
};

static enum gp_verdict send_part(struct parts *parts)
{
    milter_end(&parts->session->line->out, parts->begin);
    parts->open = false;
    return milter_answer(parts->call, parts->session, MILTER_BODY, NULL);
}

static enum gp_verdict put_piece(struct parts *parts, struct gp_slice piece)
{
    while (piece.len > 0 && milter_wants(parts->session, MILTER_BODY)) {
        struct milter_bytes *out = &parts->session->line->out;
        enum gp_verdict verdict = GP_NEXT;
        size_t have, n;

        if (!parts->open)
            parts->begin = milter_begin(out, 'B');
        parts->open = true;
        have = out->len - parts->begin - 5;
        n = piece.len < BODY_PART - have ? piece.len : BODY_PART - have;
        milter_put(out, gp_slice_sub(piece, 0, n));
        piece = gp_slice_sub(piece, n, piece.len);
        if (have + n == BODY_PART)
            verdict = send_part(parts);
        if (is_settled(parts->session, verdict))
            return verdict;
    }
    return GP_NEXT;
}

static enum gp_verdict send_body(struct gp_call *call, struct milter_session *session)
{
    struct gp_message *message = gp_message(call);
    struct parts parts = {.call = call, .session = session};
    uint64_t skip = gp_message_size(message) - gp_body_size(message), cursor = 0;
    enum gp_verdict verdict = GP_NEXT;
    struct gp_slice piece;

    while (milter_wants(session, MILTER_BODY) &&
           (piece = gp_message_next(message, &cursor), gp_slice_present(piece))) {
        size_t before = skip < piece.len ? (size_t)skip : piece.len;

        skip -= before;
        verdict = put_piece(&parts, gp_slice_sub(piece, before, piece.len));
        if (is_settled(session, verdict))
            return verdict;
    }
    return parts.open ? send_part(&parts) : verdict;
}

/* ---- the end ---- */

static enum gp_verdict finish(struct gp_call *call, struct milter_session *session,
                              struct milter_edits *edits)
{
    struct milter_line *line = session->line;
    enum gp_verdict verdict;
    struct gp_slice what;
    int error;

    milter_macros(call, session, MILTER_END);
    milter_end(&line->out, milter_begin(&line->out, 'E'));
    verdict = milter_answer(call, session, MILTER_END, edits);
    if (session->failed)
        return verdict;
    session->in_mail = false;
    if (verdict != GP_NEXT)
        return verdict;
    error = milter_edits_apply(call, edits, &what);
    if (error)
        return gp_fail(call, "a change that the milter asked for: " GP_FMT ": %s", GP_ARG(what),
                       gp_strerror(error));
    if (edits->quarantined)
        return gp_quarantine(call, session->self->bucket, "%s", edits->reason);
    return GP_NEXT;
}

enum gp_verdict milter_message(struct gp_call *call, struct milter_session *session)
{
    struct milter_edits edits = {.count = 0};
    enum gp_verdict verdict = send_fields(call, session);

    if (!is_settled(session, verdict))
        verdict = send_eoh(call, session);
    if (!is_settled(session, verdict))
        verdict = send_body(call, session);
    if (!is_settled(session, verdict))
        verdict = finish(call, session, &edits);
    milter_edits_free(&edits);
    return verdict;
}

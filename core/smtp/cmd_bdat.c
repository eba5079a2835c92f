// SPDX-License-Identifier: Apache-2.0
/*
 * BDAT (RFC 3030 section 2). A chunk is swallowed before it is refused. A refused chunk ends the
 * transaction, so that the chunks that are in the pipeline already find none: 503 for each.
 */
#include "core/base/ascii.h"
#include "core/smtp/server_internal.h"

static const struct gp__reply bad_syntax = GP__REPLY_INIT(501, 5, 5, 4, "Syntax: BDAT SIZE [LAST]");
static const struct gp__reply lost = GP__REPLY_INIT(421, 4, 7, 0,
                                                    "Cannot tell where the chunk ends: closing");
static const struct gp__reply no_chunking = GP__REPLY_INIT(502, 5, 5, 1, "Command not implemented");
static const struct gp__reply too_big = GP__REPLY_INIT(
    552, 5, 3, 4, "Message size exceeds the limit of this server");
static const struct gp__reply too_big_to_drop = GP__REPLY_INIT(
    421, 4, 7, 0, "Chunk is too big to be read and dropped: closing");
static const struct gp__reply too_many = GP__REPLY_INIT(552, 5, 3, 4, "Too many chunks");
static const struct gp__reply failed = GP__REPLY_INIT(503, 5, 5, 1,
                                                      "The message was refused already");

/* 0, or -1. A size of 2^63 or more is no size. */
static int parse(struct gp_slice argument, uint64_t *size_r, bool *last_r)
{
    struct gp_slice rest = argument, number = gp_slice_split(&rest, ' ');
    int64_t size;

    if (number.len == 0 || !gp__is_digit(number.data[0]) ||
        gp_slice_to_int(number, 0, INT64_MAX, &size) < 0)
        return -1;
    while (rest.len && rest.data[0] == ' ')
        rest = gp_slice_sub(rest, 1, rest.len);
    *size_r = (uint64_t)size;
    *last_r = rest.len > 0;
    return rest.len == 0 || gp_slice_caseeq(rest, GP_S("LAST")) ? 0 : -1;
}

/* Why this chunk cannot be taken, or NULL. */
static const struct gp__reply *judge(const struct gp__smtp *smtp, uint64_t size)
{
    const struct gp_transaction *transaction = smtp->session->transaction;
    const struct gp__limits *limits = &smtp->settings->limits;
    const struct gp__reply *refusal = gp__no_recipients(smtp);

    if (!transaction)
        return smtp->chunks_failed ? &failed : refusal;
    if (refusal)
        return refusal;
    if (transaction->chunks >= (uint64_t)limits->chunks) {
        GP__LIMIT_HIT(chunks);
        return &too_many;
    }
    /* What the host wants no more of is bounded by the drain budget instead. */
    if (smtp->draining || (size <= limits->message_size &&
                           transaction->received_bytes <= limits->message_size - size))
        return NULL;
    GP__LIMIT_HIT(message_size);
    return &too_big;
}

static void refuse_to_read(struct gp__smtp *smtp, const struct gp__reply *reply,
                           const struct gp__reply *farewell)
{
    gp__smtp_refuse(smtp, reply);
    gp__smtp_close(smtp, farewell, GP__RESET_REFUSED);
}

static void begin_chunk(struct gp__smtp *smtp, uint64_t size, bool last)
{
    smtp->state = GP__STATE_CHUNK;
    smtp->chunk_size = size;
    smtp->chunk_left = size;
    smtp->chunk_last = last;
    smtp->chunk_keep = true;
}

/* The budget for dropped bytes is one for all chunks of a message that failed. */
static void swallow(struct gp__smtp *smtp, const struct gp__reply *refusal)
{
    if (!smtp->chunks_failed && !smtp->session->transaction)
        smtp->drained = 0;
    if (smtp->chunk_size > smtp->settings->limits.drain) {
        GP__LIMIT_HIT(drain);
        refuse_to_read(smtp, refusal, &too_big_to_drop);
        return;
    }
    smtp->chunk_keep = false;
    smtp->trouble = refusal;
    gp__smtp_message_clock(smtp);
}

void gp__bdat_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    struct gp_transaction *transaction = smtp->session->transaction;
    const struct gp__reply *refusal;
    uint64_t size = 0;
    bool last = false;

    if (!(gp__extension_mask(smtp->settings, smtp->session) & GP__EXT_CHUNKING)) {
        gp__smtp_refuse(smtp, &no_chunking);
        return;
    }
    if (parse(argument, &size, &last) < 0) {
        refuse_to_read(smtp, &bad_syntax, &lost);
        return;
    }
    refusal = judge(smtp, size);
    begin_chunk(smtp, size, last);
    if (refusal) {
        swallow(smtp, refusal);
        return;
    }
    transaction->chunks++;
    if (transaction->chunking)
        return;
    transaction->chunking = true;
    gp__smtp_ask(smtp, GP__ASK_DATA);
}

/* The reply to a chunk that is no longer wanted. Only the first of a message is an error. */
static enum gp__step refused_chunk(struct gp__smtp *smtp)
{
    const struct gp__reply *reply = smtp->trouble;

    smtp->state = GP__STATE_COMMAND;
    smtp->trouble = NULL;
    if (smtp->session->transaction)
        gp__receive_refuse(smtp, reply, smtp->chunk_last);
    else if (reply == &failed)
        gp__smtp_reply(smtp, reply);
    else
        gp__smtp_refuse(smtp, reply);
    smtp->chunks_failed = !smtp->chunk_last;
    gp__smtp_command_done(smtp);
    return GP__STEP_AGAIN;
}

static enum gp__step good_chunk(struct gp__smtp *smtp)
{
    struct gp__reply reply = GP__REPLY(250, 2, 0, 0, "");
    struct gp__text text;

    gp__smtp_command_done(smtp);
    if (smtp->chunk_last) {
        gp__receive_end(smtp);
        return GP__STEP_AGAIN;
    }
    smtp->state = GP__STATE_COMMAND;
    text.len = 0;
    gp__text_add(&text, GP_S("Ok: "));
    gp__text_add_number(&text, smtp->chunk_size);
    gp__text_add(&text, GP_S(" octets"));
    reply.text = gp__text_slice(&text);
    gp__smtp_reply(smtp, &reply);
    return GP__STEP_AGAIN;
}

static bool is_binary(const struct gp__smtp *smtp)
{
    return smtp->session->transaction->mail.body == GP__BODY_BINARYMIME;
}

/* Nothing of the chunk is left. A CR at the very end of the message is bare. */
static enum gp__step end_chunk(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    struct gp_slice run;

    if (smtp->chunk_keep && smtp->chunk_last && !is_binary(smtp)) {
        if (gp__data_finish(&smtp->data, &run) == GP__DATA_RUN && gp__receive_run(smtp, run, event))
            return GP__STEP_EVENT;
        gp__receive_used(smtp, 0);
        if (smtp->state != GP__STATE_CHUNK)
            return GP__STEP_AGAIN;
    }
    return smtp->trouble ? refused_chunk(smtp) : good_chunk(smtp);
}

static enum gp__step take(struct gp__smtp *smtp, struct gp_slice input,
                          struct gp__smtp_event *event)
{
    struct gp_slice rest = input, run = input;
    bool given = true;

    if (is_binary(smtp))
        rest = gp_slice(NULL, 0);
    else
        given = gp__data_next(&smtp->data, &rest, &run) == GP__DATA_RUN;
    gp__smtp_consume(smtp, input.len - rest.len);
    smtp->chunk_left -= input.len - rest.len;
    given = given && gp__receive_run(smtp, run, event);
    gp__receive_used(smtp, input.len - rest.len);
    if (smtp->trouble)
        smtp->chunk_keep = false;
    return given ? GP__STEP_EVENT : GP__STEP_AGAIN;
}

enum gp__step gp__chunk_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    struct gp_slice input = gp__smtp_window(smtp);

    if (gp__receive_late(smtp))
        return GP__STEP_AGAIN;
    if (smtp->chunk_left == 0)
        return end_chunk(smtp, event);
    input.len = input.len < smtp->chunk_left ? input.len : (size_t)smtp->chunk_left;
    if (input.len == 0)
        return GP__STEP_WAIT;
    if (smtp->chunk_keep)
        return take(smtp, input, event);
    gp__smtp_consume(smtp, input.len);
    smtp->chunk_left -= input.len;
    smtp->mark = smtp->now;
    gp__receive_drained(smtp, input.len);
    return GP__STEP_AGAIN;
}

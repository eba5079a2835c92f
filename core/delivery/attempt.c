// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/attempt.h"

#include "core/base/arena.h"
#include "core/base/pack.h"

#include <stdint.h>

enum answer_flags {
    DESTINATION_DOWN = 1 << 0,
    SLOW_DOWN = 1 << 1,
    RELAYED = 1 << 2,
    ANSWER_FLAGS = (1 << 3) - 1,
};

enum result_flags {
    HAS_REMOTE = 1 << 0,
    HAS_ROUTE = 1 << 1,
    HAS_BUCKET = 1 << 2,
    UNTRIED = 1 << 3,
    PASSED = 1 << 4,
    RESULT_FLAGS = (1 << 5) - 1,
};

/* ---- attempts ---- */

void gp__attempt_pack(struct gp__buf *out, const struct gp__attempt *attempt)
{
    gp__pack_number(out, attempt->number);
    gp__pack_number(out, attempt->kind);
    gp__pack_number(out, attempt->place.segment);
    gp__pack_number(out, attempt->place.offset);
    gp__pack_text(out, attempt->message);
    gp__pack_text(out, attempt->route);
    gp__pack_text(out, attempt->from);
    gp__pack_number(out, attempt->tries);
    gp__pack_number(out, (uint64_t)attempt->first_ms);
    gp__pack_number(out, attempt->deadline_ms);
    gp__pack_number(out, attempt->n);
    for (size_t i = 0; i < attempt->n; i++)
        gp__pack_number(out, attempt->recipients[i]);
}

static void unpack_recipients(struct gp__attempt *attempt, struct gp__arena *arena,
                              struct gp__unpack *in)
{
    size_t n = (size_t)gp__unpack_upto(in, GP__ATTEMPT_RECIPIENTS_MAX);
    uint32_t *list = GP__ARENA_ARRAY(arena, uint32_t, n + 1);

    for (size_t i = 0; i < n; i++) {
        list[i] = (uint32_t)gp__unpack_upto(in, UINT32_MAX);
        in->bad |= i > 0 && list[i] <= list[i - 1];
    }
    in->bad |= n == 0;
    attempt->recipients = list;
    attempt->n = n;
}

int gp__attempt_unpack(struct gp__attempt *attempt, struct gp__arena *arena, struct gp_slice bytes)
{
    struct gp__unpack in = {.rest = bytes};

    *attempt = (struct gp__attempt){.number = gp__unpack_number(&in)};
    attempt->kind = (enum gp__attempt_kind)gp__unpack_upto(&in, GP__ATTEMPT_KINDS - 1);
    attempt->place.segment = gp__unpack_number(&in);
    attempt->place.offset = (uint32_t)gp__unpack_upto(&in, UINT32_MAX);
    attempt->message = gp__unpack_text(&in);
    attempt->route = gp__unpack_text(&in);
    attempt->from = gp__unpack_text(&in);
    attempt->tries = (uint32_t)gp__unpack_upto(&in, UINT32_MAX);
    attempt->first_ms = (int64_t)gp__unpack_upto(&in, INT64_MAX);
    attempt->deadline_ms = gp__unpack_number(&in);
    unpack_recipients(attempt, arena, &in);
    return gp__unpack_ended(&in) ? 0 : -1;
}

/* ---- answers ---- */

/* UTF-8: bytes that go on with a character begin with the bits 10. No half of a line end is left. */
static struct gp_slice cut(struct gp_slice text, size_t max)
{
    size_t len = text.len < max ? text.len : max;

    while (len > 0 && len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    if (len < text.len && len > 0 && text.data[len - 1] == '\r')
        len--;
    return gp_slice_sub(text, 0, len);
}

static void pack_result(struct gp__buf *out, const struct gp__attempt_result *result)
{
    uint64_t flags = (gp_slice_present(result->remote) ? HAS_REMOTE : 0u) |
                     (gp_slice_present(result->route) ? HAS_ROUTE : 0u) |
                     (gp_slice_present(result->bucket) ? HAS_BUCKET : 0u) |
                     (result->untried ? UNTRIED : 0u) | (result->passed ? PASSED : 0u);

    gp__pack_number(out, flags);
    gp__pack_number(out, result->outcome);
    gp__pack_number(out, result->filtered);
    gp__pack_number(out, result->reply.code);
    gp__pack_number(out, result->reply.klass);
    gp__pack_number(out, result->reply.subject);
    gp__pack_number(out, result->reply.detail);
    gp__pack_text(out, cut(result->reply.text, GP__ANSWER_TEXT_MAX));
    if (flags & HAS_REMOTE)
        gp__pack_text(out, cut(result->remote, GP__ANSWER_NAME_MAX));
    if (flags & HAS_ROUTE)
        gp__pack_text(out, cut(result->route, GP__ANSWER_NAME_MAX));
    if (flags & HAS_BUCKET)
        gp__pack_text(out, cut(result->bucket, GP__ANSWER_NAME_MAX));
}

void gp__answer_pack(struct gp__buf *out, const struct gp__attempt_answer *answer)
{
    gp__pack_number(out, answer->number);
    gp__pack_number(out, answer->retry_after_ms);
    gp__pack_number(out, answer->untried_ms);
    gp__pack_number(out, (answer->destination_down ? DESTINATION_DOWN : 0u) |
                             (answer->slow_down ? SLOW_DOWN : 0u) |
                             (answer->relayed ? RELAYED : 0u));
    gp__pack_number(out, answer->n);
    for (size_t i = 0; i < answer->n; i++)
        pack_result(out, &answer->results[i]);
}

static struct gp_slice unpack_upto(struct gp__unpack *in, size_t max)
{
    struct gp_slice text = gp__unpack_text(in);

    in->bad |= text.len > max;
    return text;
}

static bool is_sound(const struct gp__reply *reply)
{
    return reply->klass != 1 && reply->klass != 3 && (reply->code == 0 || reply->code >= 200) &&
           gp__reply_text_ok(reply->text);
}

static void unpack_result(struct gp__attempt_result *result, struct gp__unpack *in)
{
    uint64_t flags = gp__unpack_upto(in, RESULT_FLAGS);

    result->outcome = (enum gp_outcome)gp__unpack_upto(in, GP_OUTCOME_FAILED);
    result->filtered = (enum gp__filtered)gp__unpack_upto(in, GP__FILTERED_COUNT - 1);
    result->untried = (flags & UNTRIED) && result->outcome == GP_OUTCOME_DEFERRED;
    result->passed = (flags & PASSED) && result->outcome == GP_OUTCOME_DELIVERED;
    result->reply.code = (uint16_t)gp__unpack_upto(in, 599);
    result->reply.klass = (uint8_t)gp__unpack_upto(in, 5);
    result->reply.subject = (uint16_t)gp__unpack_upto(in, 999);
    result->reply.detail = (uint16_t)gp__unpack_upto(in, 999);
    result->reply.text = unpack_upto(in, GP__ANSWER_TEXT_MAX);
    in->bad |= !is_sound(&result->reply);
    if (flags & HAS_REMOTE)
        result->remote = unpack_upto(in, GP__ANSWER_NAME_MAX);
    if (flags & HAS_ROUTE)
        result->route = unpack_upto(in, GP__ANSWER_NAME_MAX);
    if (flags & HAS_BUCKET)
        result->bucket = unpack_upto(in, GP__ANSWER_NAME_MAX);
    in->bad |= (result->filtered == GP__FILTERED_HELD) != (result->bucket.len > 0);
}

int gp__answer_unpack(struct gp__attempt_answer *answer, struct gp__arena *arena,
                      struct gp_slice bytes)
{
    struct gp__unpack in = {.rest = bytes};
    struct gp__attempt_result *results;
    uint64_t flags;

    *answer = (struct gp__attempt_answer){.number = gp__unpack_number(&in)};
    answer->retry_after_ms = gp__unpack_number(&in);
    answer->untried_ms = gp__unpack_number(&in);
    flags = gp__unpack_upto(&in, ANSWER_FLAGS);
    answer->destination_down = flags & DESTINATION_DOWN;
    answer->slow_down = flags & SLOW_DOWN;
    answer->relayed = flags & RELAYED;
    answer->n = (size_t)gp__unpack_upto(&in, GP__ATTEMPT_RECIPIENTS_MAX);
    results = GP__ARENA_ARRAY(arena, struct gp__attempt_result, answer->n + 1);
    for (size_t i = 0; i < answer->n; i++)
        unpack_result(&results[i], &in);
    answer->results = results;
    return gp__unpack_ended(&in) ? 0 : -1;
}

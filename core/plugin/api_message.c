// SPDX-License-Identifier: Apache-2.0
/*
 * Message, headers, body, journal of a call: <gatepost/message.h>. Checks rights, handles and that
 * what is put in is fit to leave; the rest is core/message. A shadow call's message is an overlay
 * already.
 */
#include "core/plugin/api.h"

#include "core/message/body.h"

#define ABSENT gp_slice(NULL, 0)

struct gp_message *gp_message(struct gp_call *call)
{
    return call->message;
}

struct gp_message *gp_original(struct gp_call *call)
{
    struct gp__policy *policy = call->policy;

    if (!policy || !call->message)
        return NULL;
    if (!policy->original)
        policy->original = gp__message_create(policy->transaction->arena, call->message->content);
    return policy->original;
}

/* ---- headers ---- */

struct gp_slice gp_header_value(struct gp_call *call, const struct gp_header *header)
{
    return header ? gp__header_value(gp__call_arena(call), header) : ABSENT;
}

struct gp_slice gp_header_text(struct gp_call *call, const struct gp_header *header)
{
    return header ? gp__header_text(gp__call_arena(call), header) : ABSENT;
}

static int check_header_edit(struct gp_call *call, const char *function,
                             const struct gp_message *message)
{
    int error = gp__api_may_edit(call, function, GP__EDIT_HEADERS, GP_NEEDS_EDIT_HEADERS);

    return error ? error : gp__api_own_message(call, function, message);
}

static int insert(struct gp_call *call, const char *function, struct gp_message *message,
                  size_t index, struct gp_slice name, struct gp_slice value)
{
    int error = check_header_edit(call, function, message);

    if (!error)
        error = gp__api_slice(call, function, name);
    if (!error)
        error = gp__api_slice(call, function, value);
    if (error)
        return error;
    return gp__message_header_insert(message, gp__api_who(call), index, name, value);
}

int gp_header_add(struct gp_call *call, struct gp_message *message, enum gp_header_place place,
                  struct gp_slice name, struct gp_slice value)
{
    return insert(call, "gp_header_add", message, place == GP_HEADER_TOP ? 0 : SIZE_MAX, name,
                  value);
}

int gp_header_insert(struct gp_call *call, struct gp_message *message, size_t index,
                     struct gp_slice name, struct gp_slice value)
{
    return insert(call, "gp_header_insert", message, index, name, value);
}

int gp_header_set(struct gp_call *call, struct gp_message *message, struct gp_header *header,
                  struct gp_slice value)
{
    int error = check_header_edit(call, "gp_header_set", message);

    if (!error)
        error = gp__api_slice(call, "gp_header_set", value);
    if (error)
        return error;
    return gp__message_header_set(message, gp__api_who(call), header, value);
}

int gp_header_remove(struct gp_call *call, struct gp_message *message, struct gp_header *header)
{
    int error = check_header_edit(call, "gp_header_remove", message);

    return error ? error : gp__message_header_remove(message, gp__api_who(call), header);
}

/* ---- body ---- */

struct gp_slice gp_body_chunk(struct gp_call *call)
{
    return call->chunk;
}

bool gp_body_last(struct gp_call *call)
{
    return call->last_chunk;
}

/* CR and LF only as CRLF, no NUL: nothing else may leave. */
static bool is_canonical(struct gp_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.data[i];

        if (c == '\0' || c == '\n')
            return false;
        if (c == '\r' && (++i == bytes.len || bytes.data[i] != '\n'))
            return false;
    }
    return true;
}

/* The byte of the body at an offset, as it is now; 0 past the end. */
static char byte_at(const struct gp_message *message, uint64_t offset)
{
    const struct gp__body_piece *pieces;
    struct gp__body_piece whole;
    size_t count = gp__body_pieces(message, &pieces, &whole);

    for (size_t i = 0; i < count; i++) {
        if (offset < pieces[i].len) {
            struct gp_slice bytes = gp__body_piece_bytes(message, &pieces[i]);

            return offset < bytes.len ? bytes.data[offset] : '\0';
        }
        offset -= pieces[i].len;
    }
    return '\0';
}

static bool splits_line_end(const struct gp_message *message, uint64_t offset)
{
    return offset > 0 && byte_at(message, offset) == '\n' && byte_at(message, offset - 1) == '\r';
}

/* A line end that is half replaced would leave as a bare CR or LF. */
static int check_splice(const struct gp_call *call, struct gp_message *message, uint64_t offset,
                        uint64_t len, struct gp_slice bytes)
{
    uint64_t size = gp_body_size(message);

    if (offset > size || len > size - offset)
        return GP_EINVAL;
    if (call->transaction && call->transaction->mail.body == GP__BODY_BINARYMIME)
        return 0;
    if (!is_canonical(bytes) || splits_line_end(message, offset) ||
        splits_line_end(message, offset + len))
        return GP_EINVAL;
    return 0;
}

int gp_body_splice(struct gp_call *call, struct gp_message *message, uint64_t offset, uint64_t len,
                   struct gp_slice bytes)
{
    static const char function[] = "gp_body_splice";
    int error = gp__api_may_edit(call, function, GP__EDIT_BODY, GP_NEEDS_EDIT_BODY);

    if (!error)
        error = gp__api_own_message(call, function, message);
    if (!error)
        error = gp__api_slice(call, function, bytes);
    if (!error)
        error = check_splice(call, message, offset, len, bytes);
    if (error)
        return error;
    return gp__message_body_splice(message, gp__api_who(call), offset, len, bytes);
}

/* ---- the journal ---- */

struct gp_slice gp_edit_at(struct gp_call *call, struct gp_message *message, size_t index)
{
    const struct gp__edit *edit;

    if (gp__api_message(call, "gp_edit_at", message))
        return ABSENT;
    edit = gp__message_edit(message, index);
    return edit ? gp__edit_render(gp__call_arena(call), edit) : ABSENT;
}

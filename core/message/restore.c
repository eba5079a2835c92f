// SPDX-License-Identifier: Apache-2.0
/* A message out of the runs that were kept of it: its header section is read again, its body is a
 * table over the content. */
#include "core/message/body.h"

#define STEP 8192u

static void unref_content(void *arg)
{
    struct gp__content *content = arg;

    gp__content_unref(&content);
}

static struct gp_slice bytes_of(const struct gp__content *content,
                                const struct gp__message_run *run)
{
    return gp_slice_present(run->bytes) ? run->bytes
                                        : gp__content_at(content, run->offset, run->len);
}

/* The runs up to where the header section is complete, as a content; lives with the arena. */
static struct gp__content *read_head(struct gp__arena *arena, const struct gp__content *content,
                                     const struct gp__message_run *runs, size_t count)
{
    struct gp__content_settings settings = {.memory = 0};
    struct gp__content *head = gp__content_create(&settings);

    gp__arena_cleanup(arena, unref_content, head);
    for (size_t i = 0; i < count; i++) {
        struct gp_slice bytes = bytes_of(content, &runs[i]);

        if (!gp_slice_present(bytes))
            return NULL;
        for (size_t at = 0; at < bytes.len; at += STEP) {
            if (gp__content_header_state(head) != GP__HEADERS_MORE)
                break;
            if (gp__content_append(head, gp_slice_sub(bytes, at, at + STEP)) < 0)
                return NULL;
        }
    }
    gp__content_end(head);
    return head;
}

static void take_headers(struct gp_message *message, const struct gp__content *head)
{
    size_t count = gp__content_field_count(head);
    struct gp_header *headers = GP__ARENA_ARRAY(message->arena, struct gp_header, count + 1);

    GP__ARENA_GROW(message->arena, message->headers, message->headers_cap, count + 4);
    for (size_t i = 0; i < count; i++) {
        const struct gp__field *field = gp__content_field(head, i);

        headers[i] = (struct gp_header){
            .id = i,
            .field = gp__content_head_at(head, field->start, field->len),
            .name_len = field->name_len,
            .value = field->value - field->start,
        };
        message->headers[i] = &headers[i];
    }
    message->header_count = count;
    message->next_header_id = count;
}

static void add_piece(struct gp_message *message, const struct gp__message_run *run, uint64_t skip)
{
    struct gp__body_piece piece = {.offset = run->offset + skip, .len = run->len - skip};
    struct gp__body_block *block;

    if (gp_slice_present(run->bytes)) {
        block = GP__ARENA_NEW(message->arena, struct gp__body_block);
        block->bytes = run->bytes;
        piece.block = block;
        piece.offset = skip;
    }
    GP__ARENA_GROW(message->arena, message->pieces, message->pieces_cap, message->piece_count + 1);
    message->pieces[message->piece_count++] = piece;
    message->body_size += piece.len;
}

/* What follows the first `start` bytes of the runs. */
static void take_body(struct gp_message *message, const struct gp__message_run *runs, size_t count,
                      uint64_t start)
{
    uint64_t at = 0;

    message->has_table = true;
    for (size_t i = 0; i < count; at += runs[i++].len)
        if (at + runs[i].len > start)
            add_piece(message, &runs[i], start > at ? start - at : 0);
}

static bool is_whole(const struct gp__content *content, const struct gp__message_run *runs,
                     size_t count)
{
    return count == 1 && !gp_slice_present(runs[0].bytes) && runs[0].offset == 0 &&
           runs[0].len == gp__content_size(content);
}

struct gp_message *gp__message_restore(struct gp__arena *arena, struct gp__content *content,
                                       const struct gp__message_run *runs, size_t count)
{
    struct gp__content *head;
    struct gp_message *message;

    if (is_whole(content, runs, count))
        return gp__message_create(arena, content);
    head = read_head(arena, content, runs, count);
    if (!head)
        return NULL;
    message = gp__message_create(arena, content);
    take_headers(message, head);
    take_body(message, runs, count, gp__content_body_offset(head));
    return message;
}

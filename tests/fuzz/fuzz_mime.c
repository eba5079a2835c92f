// SPDX-License-Identifier: Apache-2.0
// MIME walks: parts lie in the body, in order, inside their parents, within the budgets; their text
// is UTF-8; text that was set is read back and changes no other part.
#include "core/base/utf8.h"
#include "core/message/mime.h"

#include <stdlib.h>

#define WHO GP_S("fuzz")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gp__mime_limits limits = {.parts = 40, .depth = 6, .header_bytes = 2000};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_part(struct gp__arena *arena, const struct gp_part *part)
{
    uint64_t end = gp_part_offset(part) + gp_part_length(part);
    struct gp_slice name = gp__part_filename(arena, part);

    require(end <= gp_body_size(part->message));
    require(gp_part_depth(part) <= limits.depth);
    if (part->parent) {
        require(gp_part_depth(part) == gp_part_depth(part->parent) + 1);
        require(gp_part_is_container(part->parent));
        require(gp_part_length(part) == 0 ||
                (gp_part_offset(part) >= gp_part_offset(part->parent) &&
                 end <= gp_part_offset(part->parent) + gp_part_length(part->parent)));
    }
    require(gp_slice_find(name, '/') == name.len && gp_slice_find(name, '\r') == name.len);
    require(gp__utf8_valid(gp__part_text(arena, part)));
    gp__part_parameter(arena, part, GP_S("charset"));
    gp__part_header(arena, part, GP_S("content-type"));
}

static const struct gp_part *leaf(const struct gp__mime *mime, size_t index)
{
    for (const struct gp_part *part = mime->first; part; part = gp_part_next(part))
        if (!gp_part_is_container(part) && index-- == 0)
            return part;
    return NULL;
}

/* Sets the text of one leaf: the structure stays, the text is there. */
static void set_text(struct gp__arena *arena, struct gp_message *message, size_t index)
{
    struct gp_slice text = GP_S("new text\r\n--b\r\nA: b\r\n"), read;
    const struct gp__mime *mime = gp__mime_walk(message, &limits);
    const struct gp_part *part = leaf(mime, index);
    size_t count = mime->count;
    unsigned defects = mime->defects;

    if (!part || gp__part_set_text(message, WHO, part, text) < 0)
        return;
    mime = gp__mime_walk(message, &limits);
    require(mime->defects == defects);
    require(mime->count == count);
    part = leaf(mime, index);
    require(part != NULL);
    read = gp__part_text(arena, part);
    require(gp_slice_starts(read, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__content *content = gp__content_of(gp_slice((const char *)data, size));
    struct gp__arena *arena = gp__arena_create();
    struct gp_message *message = gp__message_create(arena, content);
    const struct gp__mime *mime = gp__mime_walk(message, &limits);
    size_t count = 0;

    for (const struct gp_part *part = mime->first; part; part = gp_part_next(part), count++)
        check_part(arena, part);
    require(count == mime->count && count >= 1 && count <= limits.parts + 1);
    set_text(arena, message, size % 5);
    gp__arena_free(&arena);
    gp__content_unref(&content);
    return 0;
}

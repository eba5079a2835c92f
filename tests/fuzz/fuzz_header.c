// SPDX-License-Identifier: Apache-2.0
// Header sections: the same whole and in pieces, emitted as received, fields that can be edited and
// read back; every reader of values on every value.
#include "core/base/utf8.h"
#include "core/message/address_list.h"
#include "core/message/authres.h"
#include "core/message/message.h"
#include "core/message/param.h"
#include "core/message/trace.h"

#include <stdlib.h>

#define WHO GP_S("fuzz")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct gp__content *read_content(struct gp_slice bytes, size_t step)
{
    struct gp__content_settings settings = {.headers = 50, .header_bytes = 4000};
    struct gp__content *content = gp__content_create(&settings);

    for (size_t at = 0; at < bytes.len; at += step)
        require(gp__content_append(content, gp_slice_sub(bytes, at, step)) == 0);
    gp__content_end(content);
    return content;
}

static void same(struct gp__content *a, struct gp__content *b)
{
    require(gp__content_header_state(a) == gp__content_header_state(b));
    require(gp__content_field_count(a) == gp__content_field_count(b));
    require(gp__content_separator_offset(a) == gp__content_separator_offset(b));
    require(gp__content_body_offset(a) == gp__content_body_offset(b));
    require(gp__content_malformed(a) == gp__content_malformed(b));
    require(gp__content_received(a) == gp__content_received(b));
}

static struct gp_slice emit(struct gp__arena *arena, struct gp_message *message)
{
    size_t size = (size_t)gp_message_size(message), len = 0;
    char *out = gp__arena_bytes(arena, size + 1);
    uint64_t cursor = 0;
    struct gp_slice piece;

    while (piece = gp_message_next(message, &cursor), gp_slice_present(piece)) {
        require(piece.len <= size - len);
        memcpy(out + len, piece.data, piece.len);
        len += piece.len;
    }
    require(len == size);
    return gp_slice(out, len);
}

static void read_values(struct gp__arena *arena, struct gp_message *message)
{
    for (size_t i = 0; i < gp_header_count(message); i++) {
        const struct gp_header *header = gp_header_at(message, i);
        struct gp_slice value = gp__header_value(arena, header), field;
        struct gp__params params, disposition;
        struct gp__address_list list;

        require(gp__utf8_valid(gp__header_text(arena, header)));
        gp__address_list_parse(arena, gp_header_raw(header), &list);
        for (size_t k = 0; k < list.count; k++)
            require(!gp_slice_present(list.items[k].display) ||
                    gp__utf8_valid(list.items[k].display));
        gp__params_parse(arena, GP__PARAMS_TYPE, value, &params);
        gp__params_parse(arena, GP__PARAMS_DISPOSITION, value, &disposition);
        require(gp__utf8_valid(gp__params_filename(arena, &disposition, &params, NULL)));
        gp__authres_id(arena, gp_header_raw(header));
        if (gp__header_render(arena, GP_S("X"), gp_header_raw(header), &field) == 0)
            require(gp_slice_ends(field, GP_S("\r\n")));
    }
}

/* What a peer says can't add a field. */
static void trace(struct gp__arena *arena, struct gp_message *message, struct gp_slice said)
{
    struct gp__trace facts = {.helo = said, .rdns = said, .recipient = said, .id = said};
    struct gp__authres *authres = gp__authres_create(arena, said);
    struct gp__content *content;
    size_t before = gp_header_count(message);

    gp__authres_result(authres, GP_S("spf"), GP_S("fail"));
    gp__authres_reason(authres, said);
    gp__authres_property(authres, GP_S("smtp.helo"), said);
    require(gp__trace_add_received(message, WHO, &facts) == 0);
    gp__message_header_insert(message, WHO, 0, GP_S("Authentication-Results"),
                              gp__authres_value(authres));
    before = gp_header_count(message) - before;
    content = gp__content_of(emit(arena, message));
    require(gp__content_field_count(content) >= before);
    gp__content_unref(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice bytes = gp_slice((const char *)data, size);
    struct gp__content *whole = read_content(bytes, size ? size : 1);
    struct gp__content *single = read_content(bytes, 1);
    struct gp__arena *arena = gp__arena_create();
    struct gp_message *message = gp__message_create(arena, whole);
    size_t count = gp_header_count(message);

    same(whole, single);
    require(gp_slice_eq(emit(arena, message), bytes));
    read_values(arena, message);
    if (count > 0) {
        gp__message_header_remove(message, WHO, gp_header_at(message, count / 2));
        emit(arena, message);
    }
    gp__message_header_insert(message, WHO, count / 2, GP_S("N"), GP_S("v"));
    gp__authres_remove_forged(message, WHO, GP_S("mx.example.org"));
    trace(arena, message, gp_slice_sub(bytes, 0, 60));
    gp__arena_free(&arena);
    gp__content_unref(&whole);
    gp__content_unref(&single);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* What a table that anybody may fill says as fields: whatever is bound has no control characters, is
 * UTF-8, and is no longer than a value may be; no secret is shown. */
#include "core/base/utf8.h"
#include "core/config/record.h"

#include <gatepost/smtp.h>
#include <stdlib.h>

static void check_text(struct gp_slice text)
{
    if (!gp_slice_present(text))
        return;
    if (text.len > GP__RECORD_TEXT_MAX || !gp__utf8_valid(text))
        abort();
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            abort();
}

static void check_list(const struct gp_list *list)
{
    if (gp_list_count(list) > GP__RECORD_ITEMS_MAX)
        abort();
    for (size_t i = 0; i < gp_list_count(list); i++)
        check_text(*(const struct gp_slice *)gp_list_at(list, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__arena *arena = gp__arena_create();
    const struct gp_records records = {.rows = gp_smtp_record_rows,
                                       .size = sizeof(struct gp_smtp_record)};
    struct gp_smtp_record record = {.tls = 0};
    const struct gp__node *shown = NULL;
    struct gp_slice why = GP_S("");

    if (gp__record_read(arena, &records, gp_slice((const char *)data, size), &record, &shown,
                        &why) < 0) {
        if (why.len == 0)
            abort();
        gp__arena_free(&arena);
        return 0;
    }
    check_list(record.hosts);
    check_list(record.names);
    check_text(record.user);
    check_text(record.password);
    for (size_t i = 0; i < shown->count; i++)
        if (gp_slice_eq(shown->pairs[i].key->text, GP_S("password")) &&
            !gp_slice_eq(gp__record_field(arena, &records, &shown->pairs[i]),
                         GP_S("password (secret)")))
            abort();
    gp__arena_free(&arena);
    return 0;
}

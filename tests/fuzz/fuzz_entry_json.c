// SPDX-License-Identifier: Apache-2.0
/* The envelope that `gatepost spool import` reads. One that is taken can be kept, and is the same when
 * it is exported and read again. */
#include "core/spool/entry.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check(const struct gp__entry *entry, struct gp__arena *arena)
{
    struct gp__buf json = {.limit = 0}, once = {.limit = 0}, twice = {.limit = 0};
    struct gp__buf error = {.limit = 0};
    struct gp__entry again;

    require(gp__entry_write(entry, &once) == 0);
    require(gp__entry_json_write(entry, &json) == 0);
    require(gp__entry_json_read(&again, arena, gp__buf_slice(&json), &error) == 0);
    require(gp__entry_write(&again, &twice) == 0);
    require(gp_slice_eq(gp__buf_slice(&once), gp__buf_slice(&twice)));
    gp__buf_free(&json);
    gp__buf_free(&once);
    gp__buf_free(&twice);
    gp__buf_free(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__buf error = {.limit = 0};
    struct gp__entry entry;

    if (gp__entry_json_read(&entry, arena, gp_slice((const char *)data, size), &error) == 0)
        check(&entry, arena);
    else
        require(error.len > 0);
    gp__buf_free(&error);
    gp__arena_free(&arena);
    return 0;
}

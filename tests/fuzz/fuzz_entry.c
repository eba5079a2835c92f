// SPDX-License-Identifier: Apache-2.0
/* The head of a record as a damaged or forged spool may have it. One that is taken fits together,
 * and is the same when it is written down and read again. */
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
    struct gp__buf once = {.limit = 0}, twice = {.limit = 0};
    struct gp__entry again = {.large = false};

    require(gp__entry_fits(entry));
    require(gp__entry_write(entry, &once) == 0);
    require(gp__entry_read(&again, arena, gp__buf_slice(&once)) == 0);
    require(gp__entry_write(&again, &twice) == 0);
    require(gp_slice_eq(gp__buf_slice(&once), gp__buf_slice(&twice)));
    gp__buf_free(&once);
    gp__buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry = {.large = false};

    if (gp__entry_read(&entry, arena, gp_slice((const char *)data, size)) == 0)
        check(&entry, arena);
    gp__arena_free(&arena);
    return 0;
}

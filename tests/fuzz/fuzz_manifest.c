// SPDX-License-Identifier: Apache-2.0
/* What the master reads of a loader that may have been subverted: a manifest, with root's rights.
 * One that is taken is sane, and is the same when it is written down and read again. */
#include "core/base/arena.h"
#include "core/process/manifest.h"
#include "core/process/roles.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check(const struct gp__manifest *manifest, struct gp__arena *arena,
                  struct gp_slice bytes)
{
    struct gp__manifest again;
    struct gp__buf out = {.limit = 0};

    require(manifest->workers <= GP__WORKERS_MAX && manifest->n_stats <= GP__STATS_MAX);
    require(manifest->pid_file.data[manifest->pid_file.len] == '\0');
    for (size_t i = 0; i < manifest->n_doors; i++) {
        require(manifest->doors[i].role < GP__ROLE_COUNT);
        require(strlen(manifest->doors[i].address.data) == manifest->doors[i].address.len);
    }
    gp__manifest_write(manifest, &out);
    require(gp_slice_eq(gp__buf_slice(&out), bytes));
    require(gp__manifest_read(&again, arena, gp__buf_slice(&out)) == 0);
    gp__buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice bytes = gp_slice((const char *)data, size);
    struct gp__manifest manifest;

    if (gp__manifest_read(&manifest, arena, bytes) == 0)
        check(&manifest, arena, bytes);
    gp__arena_free(&arena);
    return 0;
}

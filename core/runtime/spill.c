// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/spill.h"

#include "core/base/alloc.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

struct gp__spill *gp__spill_create(void)
{
    struct gp__spill *spill = gp__alloc(sizeof *spill);

    spill->refs = 1;
    spill->fd = -1;
    return spill;
}

struct gp__spill *gp__spill_ref(struct gp__spill *spill)
{
    spill->refs++;
    return spill;
}

void gp__spill_unref(struct gp__spill **spill_)
{
    struct gp__spill *spill = *spill_;

    *spill_ = NULL;
    if (!spill || --spill->refs > 0)
        return;
    if (spill->map)
        (void)munmap(spill->map, spill->size); /* ours, whole: it cannot fail */
    if (spill->fd >= 0)
        (void)close(spill->fd); /* nameless: whatever was not written is of no use */
    gp__buf_free(&spill->memory);
    gp__free(spill);
}

int gp__spill_map(struct gp__spill *spill, struct gp_slice *bytes_r)
{
    off_t size;
    void *map;

    if (spill->fd < 0) {
        *bytes_r = gp__buf_slice(&spill->memory);
        return 0;
    }
    size = lseek(spill->fd, 0, SEEK_END);
    if (size <= 0)
        return GP_EIO;
    map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, spill->fd, 0);
    if (map == MAP_FAILED)
        return errno == ENOMEM ? GP_ENOSPC : GP_EIO;
    spill->map = map;
    spill->size = (size_t)size;
    *bytes_r = gp_slice(spill->map, spill->size);
    return 0;
}

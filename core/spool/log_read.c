// SPDX-License-Identifier: Apache-2.0
/*
 * One entry by its place. Segments are read, not mapped: a disk that fails is then an error and not
 * a signal. Most records come with one read; the descriptors of the last few segments stay open.
 */
#include "core/base/alloc.h"
#include "core/base/crc32c.h"
#include "core/spool/log_engine.h"

#include <errno.h>
#include <gatepost/types.h>

#define FIRST_READ ((size_t)16 << 10)
#define FIRST_READ_HEAD ((size_t)2 << 10)

/* ---- descriptors ---- */

void gp__log_uncache(struct gp__log_spool *spool, uint64_t segment)
{
    const struct gp__disk *disk = spool->layout.disk;

    for (size_t i = 0; i < GP__LOG_CACHED; i++) {
        if (spool->cached[i].number == 0 || (segment && spool->cached[i].number != segment))
            continue;
        disk->close(disk->arg, spool->cached[i].fd);
        spool->cached[i].number = 0;
    }
}

static size_t oldest(const struct gp__log_spool *spool)
{
    size_t oldest = 0;

    for (size_t i = 0; i < GP__LOG_CACHED; i++) {
        if (spool->cached[i].number == 0)
            return i;
        if (spool->cached[i].used < spool->cached[oldest].used)
            oldest = i;
    }
    return oldest;
}

static int open_segment(const struct gp__log_spool *spool, uint64_t number, uint64_t *salt_r)
{
    const struct gp__disk *disk = spool->layout.disk;
    struct gp__scan scan = {.fd = -1};
    char path[GP__LOG_PATH_MAX];
    int fd;

    gp__log_path(path, spool->layout.segments, number);
    fd = disk->open(disk->arg, path, GP__DISK_READ);
    if (fd < 0)
        return gp__disk_error(fd);
    if (gp__scan_open(&scan, disk, fd, GP__LOG_SEGMENT) < 0) {
        disk->close(disk->arg, fd);
        fd = GP_EIO;
    }
    *salt_r = scan.head.salt;
    gp__scan_close(&scan);
    return fd;
}

/* The index of the segment among those that are cached, or an error. */
static int cache(struct gp__log_spool *spool, uint64_t number)
{
    uint64_t salt;
    size_t i;
    int fd;

    for (i = 0; i < GP__LOG_CACHED; i++) {
        if (number && spool->cached[i].number == number) {
            spool->cached[i].used = ++spool->uses;
            return (int)i;
        }
    }
    fd = number ? open_segment(spool, number, &salt) : GP_ENOTFOUND;
    if (fd < 0)
        return fd;
    i = oldest(spool);
    if (spool->cached[i].number)
        spool->layout.disk->close(spool->layout.disk->arg, spool->cached[i].fd);
    spool->cached[i].number = number;
    spool->cached[i].salt = salt;
    spool->cached[i].fd = fd;
    spool->cached[i].used = ++spool->uses;
    return (int)i;
}

/* ---- records ---- */

/* Reads on until the buffer has len bytes. 0, GP_ENOTFOUND: there are not so many; GP_EIO. */
static int read_more(const struct gp__disk *disk, int fd, uint64_t offset, uint64_t len,
                     struct gp__buf *record)
{
    size_t room, want;
    int64_t got;
    char *to;

    if (record->len >= len)
        return 0;
    want = (size_t)(len - record->len);
    to = gp__buf_room(record, want, &room);
    if (!to)
        return GP_EIO;
    got = gp__disk_read_all(disk, fd, to, want, offset + record->len);
    if (got < 0)
        return GP_EIO;
    gp__buf_added(record, (size_t)got);
    return 0;
}

static bool head_is_whole(struct gp_slice record, const struct gp__record_head *head)
{
    struct gp_slice bytes = gp_slice_sub(record, GP__RECORD_HEAD, head->head_len);

    return bytes.len == head->head_len && gp__crc32c(0, bytes) == head->head_crc;
}

static bool is_whole(struct gp_slice record, const struct gp__record_head *head)
{
    struct gp_slice body = gp_slice_sub(record, GP__RECORD_HEAD + (size_t)head->head_len,
                                        (size_t)head->body_len);

    return head_is_whole(record, head) && body.len == head->body_len &&
           (body.len == 0 || gp__crc32c(0, body) == head->body_crc);
}

/* The first `len` bytes of a record or what there is, and the descriptor they were read from. */
static int begin_record(struct gp__spool *base, struct gp__place place, size_t len,
                        struct gp__buf *record_r, struct gp__record_head *head_r, int *fd_r)
{
    struct gp__log_spool *spool = (struct gp__log_spool *)base;
    int i = cache(spool, place.segment), error;

    if (i < 0)
        return i;
    *fd_r = spool->cached[i].fd;
    error = read_more(spool->layout.disk, *fd_r, place.offset, len, record_r);
    if (error)
        return error;
    return gp__record_head_read(head_r, spool->cached[i].salt, place.offset,
                                gp__buf_slice(record_r))
               ? 0
               : GP_ENOTFOUND;
}

int gp__log_read_record(struct gp__spool *base, struct gp__place place, struct gp__buf *record_r,
                        struct gp__record_head *head_r)
{
    const struct gp__disk *disk = ((struct gp__log_spool *)base)->layout.disk;
    int fd, error = begin_record(base, place, FIRST_READ, record_r, head_r, &fd);

    if (!error)
        error = read_more(disk, fd, place.offset,
                          GP__RECORD_HEAD + (uint64_t)head_r->head_len + head_r->body_len,
                          record_r);
    if (error)
        return error;
    return is_whole(gp__buf_slice(record_r), head_r) ? 0 : GP_EIO;
}

/* ---- entries ---- */

struct mapping {
    const struct gp__disk *disk;
    const char *bytes;
    size_t len;
};

static void unmap(void *arg)
{
    const struct mapping *mapping = arg;

    mapping->disk->unmap(mapping->disk->arg, mapping->bytes, mapping->len);
}

static int map_large(const struct gp__log_spool *spool, struct gp__arena *arena,
                     struct gp__entry *entry, unsigned file)
{
    const struct gp__disk *disk = spool->layout.disk;
    struct mapping *mapping;
    char path[GP__LOG_PATH_MAX];
    const char *bytes = NULL;
    int fd;

    if (!gp__layout_message(&spool->layout, entry->id, file, path) || entry->base_size == 0)
        return GP_EIO;
    fd = disk->open(disk->arg, path, GP__DISK_READ);
    if (fd < 0)
        return GP_EIO;
    if (disk->size(disk->arg, fd) == (int64_t)entry->base_size)
        bytes = disk->map(disk->arg, fd, (size_t)entry->base_size);
    disk->close(disk->arg, fd);
    if (!bytes)
        return GP_EIO;
    mapping = GP__ARENA_NEW(arena, struct mapping);
    *mapping = (struct mapping){disk, bytes, (size_t)entry->base_size};
    gp__arena_cleanup(arena, unmap, mapping);
    entry->base = gp_slice(bytes, mapping->len);
    return gp__crc32c(0, entry->base) == entry->base_crc ? 0 : GP_EIO;
}

static void free_record(void *arg)
{
    gp__buf_free(arg);
}

int gp__log_read_head(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                      struct gp__entry *entry_r)
{
    const struct gp__disk *disk = ((struct gp__log_spool *)base)->layout.disk;
    struct gp__buf *record = GP__ARENA_NEW(arena, struct gp__buf);
    struct gp__record_head head;
    int fd, error;

    gp__arena_cleanup(arena, free_record, record);
    error = begin_record(base, place, FIRST_READ_HEAD, record, &head, &fd);
    if (!error)
        error = read_more(disk, fd, place.offset, GP__RECORD_HEAD + (uint64_t)head.head_len,
                          record);
    if (error)
        return error;
    *entry_r = (struct gp__entry){.base_crc = head.body_crc};
    return head.type == GP__RECORD_ENTRY && head_is_whole(gp__buf_slice(record), &head) &&
                   gp__entry_read(
                       entry_r, arena,
                       gp_slice_sub(gp__buf_slice(record), GP__RECORD_HEAD, head.head_len)) == 0
               ? 0
               : GP_EIO;
}

int gp__log_read(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                 struct gp__entry *entry_r)
{
    struct gp__buf *record = GP__ARENA_NEW(arena, struct gp__buf);
    struct gp__record_head head;
    struct gp_slice bytes;
    int error;

    gp__arena_cleanup(arena, free_record, record);
    error = gp__log_read_record(base, place, record, &head);
    if (error)
        return error;
    bytes = gp__buf_slice(record);
    *entry_r = (struct gp__entry){.base_crc = head.body_crc};
    if (head.type != GP__RECORD_ENTRY ||
        gp__entry_read(entry_r, arena, gp_slice_sub(bytes, GP__RECORD_HEAD, head.head_len)) < 0)
        return GP_EIO;
    if (entry_r->large)
        return map_large((struct gp__log_spool *)base, arena, entry_r, head.file);
    entry_r->base = gp_slice_sub(bytes, GP__RECORD_HEAD + (size_t)head.head_len,
                                 (size_t)head.body_len);
    return entry_r->base_size == head.body_len ? 0 : GP_EIO;
}

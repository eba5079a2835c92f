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

    gp__log_forget_big(spool, segment);
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

/* All of a record that was begun. */
static int end_record(const struct gp__log_spool *spool, struct gp__place place, int fd,
                      struct gp__buf *record, const struct gp__record_head *head)
{
    int error = read_more(spool->layout.disk, fd, place.offset,
                          GP__RECORD_HEAD + (uint64_t)head->head_len + head->body_len, record);

    if (error)
        return error;
    return is_whole(gp__buf_slice(record), head) ? 0 : GP_EIO;
}

int gp__log_read_record(struct gp__spool *base, struct gp__place place, struct gp__buf *record_r,
                        struct gp__record_head *head_r)
{
    int fd, error = begin_record(base, place, FIRST_READ, record_r, head_r, &fd);

    return error ? error : end_record((struct gp__log_spool *)base, place, fd, record_r, head_r);
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

/* The head of a record that was begun. */
static int end_head(const struct gp__log_spool *spool, struct gp__place place, int fd,
                    struct gp__buf *record, const struct gp__record_head *head)
{
    int error = read_more(spool->layout.disk, fd, place.offset,
                          GP__RECORD_HEAD + (uint64_t)head->head_len, record);

    if (error)
        return error;
    return head->type == GP__RECORD_ENTRY && head_is_whole(gp__buf_slice(record), head) ? 0
                                                                                        : GP_EIO;
}

static int parse_head(struct gp__entry *entry_r, struct gp__arena *arena,
                      const struct gp__buf *record, const struct gp__record_head *head)
{
    struct gp_slice bytes = gp_slice_sub(gp__buf_slice(record), GP__RECORD_HEAD, head->head_len);

    *entry_r = (struct gp__entry){.base_crc = head->body_crc};
    return gp__entry_read(entry_r, arena, bytes) == 0 ? 0 : GP_EIO;
}

int gp__log_load_head(struct gp__log_spool *spool, struct gp__place place, struct gp__arena *arena,
                      struct gp__entry *entry_r, size_t *size_r)
{
    struct gp__buf *record = GP__ARENA_NEW(arena, struct gp__buf);
    struct gp__record_head head;
    int fd, error;

    gp__arena_cleanup(arena, free_record, record);
    error = begin_record(&spool->base, place, FIRST_READ_HEAD, record, &head, &fd);
    if (!error)
        error = end_head(spool, place, fd, record, &head);
    if (error)
        return error;
    *size_r = head.head_len;
    return parse_head(entry_r, arena, record, &head);
}

int gp__log_read_head(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                      struct gp__entry *entry_r)
{
    struct gp__log_spool *spool = (struct gp__log_spool *)base;
    struct gp__buf *record = GP__ARENA_NEW(arena, struct gp__buf);
    struct gp__record_head head;
    int fd, error;

    gp__arena_cleanup(arena, free_record, record);
    error = begin_record(base, place, FIRST_READ_HEAD, record, &head, &fd);
    if (!error && head.head_len >= GP__LOG_BIG)
        return gp__log_read_big(spool, place, arena, entry_r);
    if (!error)
        error = end_head(spool, place, fd, record, &head);
    return error ? error : parse_head(entry_r, arena, record, &head);
}

/* The head is a big one: what belongs to this entry alone is its base. */
static int read_base(const struct gp__log_spool *spool, uint64_t offset,
                     const struct gp__record_head *head, int fd, struct gp__buf *body,
                     struct gp__entry *entry_r)
{
    int error = read_more(spool->layout.disk, fd, offset, head->body_len, body);

    if (error)
        return error;
    entry_r->base = head->body_len ? gp__buf_slice(body) : GP_S("");
    return entry_r->base.len == head->body_len && entry_r->base_size == head->body_len &&
                   (head->body_len == 0 || gp__crc32c(0, entry_r->base) == head->body_crc)
               ? 0
               : GP_EIO;
}

static int read_big(struct gp__log_spool *spool, struct gp__place place, struct gp__arena *arena,
                    const struct gp__record_head *head, int fd, struct gp__entry *entry_r)
{
    struct gp__buf *body = GP__ARENA_NEW(arena, struct gp__buf);
    int error = gp__log_read_big(spool, place, arena, entry_r);

    if (error)
        return error;
    if (entry_r->large)
        return map_large(spool, arena, entry_r, head->file);
    gp__arena_cleanup(arena, free_record, body);
    return read_base(spool, place.offset + (uint64_t)GP__RECORD_HEAD + head->head_len, head, fd,
                     body, entry_r);
}

int gp__log_read(struct gp__spool *base, struct gp__place place, struct gp__arena *arena,
                 struct gp__entry *entry_r)
{
    struct gp__log_spool *spool = (struct gp__log_spool *)base;
    struct gp__buf *record = GP__ARENA_NEW(arena, struct gp__buf);
    struct gp__record_head head;
    struct gp_slice bytes;
    int fd, error;

    gp__arena_cleanup(arena, free_record, record);
    error = begin_record(base, place, FIRST_READ, record, &head, &fd);
    if (!error && head.head_len >= GP__LOG_BIG)
        return read_big(spool, place, arena, &head, fd, entry_r);
    if (!error)
        error = end_record(spool, place, fd, record, &head);
    if (error)
        return error;
    bytes = gp__buf_slice(record);
    if (head.type != GP__RECORD_ENTRY || parse_head(entry_r, arena, record, &head) != 0)
        return GP_EIO;
    if (entry_r->large)
        return map_large(spool, arena, entry_r, head.file);
    entry_r->base = gp_slice_sub(bytes, GP__RECORD_HEAD + (size_t)head.head_len,
                                 (size_t)head.body_len);
    return entry_r->base_size == head.body_len ? 0 : GP_EIO;
}

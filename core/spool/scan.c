// SPDX-License-Identifier: Apache-2.0
#include "core/spool/scan.h"

#include "core/base/crc32c.h"

#include <gatepost/types.h>

#define WINDOW ((size_t)512 << 10)

/* ---- bytes ---- */

void gp__scan_again(struct gp__scan *scan)
{
    gp__buf_clear(&scan->window);
}

/* How much to read at once: of a file that grows no more than there is. */
static size_t window_for(const struct gp__scan *scan, uint64_t offset, uint64_t len)
{
    uint64_t want = WINDOW;

    if (!scan->ended && scan->durable > offset && scan->durable - offset < want)
        want = scan->durable - offset;
    return (size_t)(want > len ? want : len);
}

/* The len bytes at offset; absent: the file has fewer, or can't be read there. */
static struct gp_slice bytes_at(struct gp__scan *scan, uint64_t offset, uint64_t len)
{
    size_t want = window_for(scan, offset, len), room;
    int64_t got;
    char *to;

    if (offset >= scan->window_at && offset - scan->window_at <= scan->window.len &&
        scan->window.len - (offset - scan->window_at) >= len)
        return gp_slice_sub(gp__buf_slice(&scan->window), (size_t)(offset - scan->window_at),
                            (size_t)len);
    gp__buf_clear(&scan->window);
    to = gp__buf_room(&scan->window, want, &room);
    if (!to)
        return gp_slice(NULL, 0);
    got = gp__disk_read_all(scan->disk, scan->fd, to, want, offset);
    if (got < 0 && want > len) /* perhaps only what comes later can't be read */
        got = gp__disk_read_all(scan->disk, scan->fd, to, (size_t)len, offset);
    if (got < 0)
        got = 0;
    gp__buf_added(&scan->window, (size_t)got);
    scan->window_at = offset;
    return (uint64_t)got >= len ? gp_slice(to, (size_t)len) : gp_slice(NULL, 0);
}

static bool batch_at(struct gp__scan *scan, uint64_t offset, struct gp__batch_head *head_r)
{
    return gp__batch_head_read(head_r, scan->head.salt, offset,
                               bytes_at(scan, offset, GP__BATCH_HEAD)) &&
           head_r->sequence > scan->sequence;
}

bool gp__scan_body_fits(struct gp__scan *scan, const struct gp__scan_record *record)
{
    uint64_t at = record->offset + GP__RECORD_HEAD + record->head.head_len;
    uint64_t left = record->head.body_len;
    uint32_t crc = 0;

    while (left > 0) {
        uint64_t some = left < WINDOW ? left : WINDOW;
        struct gp_slice bytes = bytes_at(scan, at, some);

        if (bytes.len < some)
            return false;
        crc = gp__crc32c(crc, bytes);
        at += some;
        left -= some;
    }
    /* Without a body it is the checksum of a file of its own. */
    return record->head.body_len == 0 || crc == record->head.body_crc;
}

/* ---- records ---- */

static bool head_at(struct gp__scan *scan, uint64_t offset, struct gp__scan_record *record_r)
{
    record_r->offset = offset;
    return gp__record_head_read(&record_r->head, scan->head.salt, offset,
                                bytes_at(scan, offset, GP__RECORD_HEAD));
}

/* Its head's bytes, if they are what they were. */
static bool bytes_of(struct gp__scan *scan, struct gp__scan_record *record)
{
    record->bytes = bytes_at(scan, record->offset + GP__RECORD_HEAD, record->head.head_len);
    return record->bytes.len == record->head.head_len &&
           gp__crc32c(0, record->bytes) == record->head.head_crc;
}

/* Where the next record that can be recognised begins, at most `end`. */
static uint64_t next_record(struct gp__scan *scan, uint64_t offset, uint64_t end)
{
    struct gp__scan_record record;

    while (offset + GP__RECORD_HEAD <= end && !head_at(scan, offset, &record))
        offset += GP__RECORD_ALIGN;
    return offset + GP__RECORD_HEAD <= end ? offset : end;
}

/* Records of what was durable: each that is sound counts. */
static void tell_proven(struct gp__scan *scan, uint64_t from, uint64_t end)
{
    struct gp__scan_record record;

    while (from + GP__RECORD_HEAD <= end) {
        if (!head_at(scan, from, &record)) {
            scan->corrupt(scan->arg, from, "a record's head is damaged");
            from = next_record(scan, from + GP__RECORD_ALIGN, end);
            continue;
        }
        if (bytes_of(scan, &record))
            scan->record(scan->arg, &record);
        else
            scan->corrupt(scan->arg, from, "a record is damaged");
        from += gp__record_size(&record.head);
    }
}

/* Whether all the records that count together with the one at `from` are whole: where they end, or
 * 0. */
static uint64_t group_end(struct gp__scan *scan, uint64_t from, uint64_t end)
{
    struct gp__scan_record record;
    unsigned index = 0, count = 1;

    for (; index < count; index++) {
        if (from + GP__RECORD_HEAD > end || !head_at(scan, from, &record) ||
            record.head.index != index || (index > 0 && record.head.count != count))
            return 0;
        count = record.head.count;
        if (!bytes_of(scan, &record) || !gp__scan_body_fits(scan, &record))
            return 0;
        from += gp__record_size(&record.head);
    }
    return from <= gp__align(end, GP__RECORD_ALIGN) ? from : 0;
}

/* Records that nobody may have been promised: groups that are whole. True: all of them are. */
static bool tell_unproven(struct gp__scan *scan, uint64_t from, uint64_t end)
{
    bool all = true;
    uint64_t next;

    while ((from = next_record(scan, from, end)) < end) {
        next = group_end(scan, from, end);
        if (next > 0)
            tell_proven(scan, from, next);
        all = all && next > 0;
        from = next > 0 ? next : from + GP__RECORD_ALIGN;
    }
    return all;
}

/* Whether all of so many records are whole. */
static bool is_whole(struct gp__scan *scan, uint64_t from, uint64_t end, uint32_t records)
{
    struct gp__scan_record record;

    for (; records > 0; records--) {
        if (from + GP__RECORD_HEAD > end || !head_at(scan, from, &record) ||
            !bytes_of(scan, &record) || !gp__scan_body_fits(scan, &record))
            return false;
        from += gp__record_size(&record.head);
    }
    return true;
}

/* ---- batches ---- */

static bool is_zero(struct gp_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != 0)
            return false;
    }
    return true;
}

static uint64_t size_of(struct gp__scan *scan)
{
    int64_t size = scan->disk->size(scan->disk->arg, scan->fd);

    if (size < 0)
        return scan->durable;
    return scan->limit && (uint64_t)size > scan->limit ? scan->limit : (uint64_t)size;
}

/* The next batch that can be recognised, from `offset` on; `end`: none. */
static uint64_t next_batch(struct gp__scan *scan, uint64_t offset, uint64_t end)
{
    struct gp__batch_head head;

    while (offset < end && !batch_at(scan, offset, &head))
        offset += GP__BLOCK;
    return offset < end ? offset : end;
}

/* The file ends here, unless single groups of a batch without a head are still whole. */
static int end_here(struct gp__scan *scan, uint64_t size)
{
    uint64_t from = scan->offset;

    if (is_zero(bytes_at(scan, from, GP__BATCH_HEAD)))
        return 0;
    scan->torn = size - from;
    if (scan->whole)
        return 0;
    scan->offset = size;
    tell_unproven(scan, from + GP__BATCH_HEAD, size);
    return 1;
}

/* A batch whose head is damaged. If it was durable its records are looked for one by one. */
static int pass_over(struct gp__scan *scan)
{
    uint64_t size = size_of(scan), from = scan->offset;
    uint64_t end = scan->ended ? size : scan->durable;
    uint64_t next = next_batch(scan, from + GP__BLOCK, end);

    if (next >= end && from >= scan->durable)
        return end_here(scan, size);
    scan->corrupt(scan->arg, from, "a batch's head is damaged");
    if (next >= end)
        next = scan->durable;
    from = next_record(scan, from + GP__BATCH_HEAD, next);
    tell_proven(scan, from, next);
    scan->offset = next;
    return 1;
}

/* Whether the batch at scan->offset was durable: so it is said, or a later one was written. */
static bool is_proven(struct gp__scan *scan, uint64_t next)
{
    uint64_t end = size_of(scan);

    return next <= scan->durable || next_batch(scan, next, end) < end;
}

int gp__scan_batch(struct gp__scan *scan)
{
    uint64_t from = scan->offset, next;
    struct gp__batch_head head;

    if (from >= scan->durable && (!scan->ended || from >= size_of(scan)))
        return 0;
    if (!batch_at(scan, from, &head))
        return pass_over(scan);
    next = from + gp__align(head.len, GP__BLOCK);
    if (is_proven(scan, next)) {
        tell_proven(scan, from + GP__BATCH_HEAD, from + head.len);
    } else if (scan->whole &&
               !is_whole(scan, from + GP__BATCH_HEAD, from + head.len, head.records)) {
        scan->torn = size_of(scan) - from;
        return 0;
    } else if (!tell_unproven(scan, from + GP__BATCH_HEAD, from + head.len)) {
        scan->torn = size_of(scan) - from;
    }
    scan->sequence = head.sequence;
    scan->offset = next;
    return 1;
}

bool gp__scan_is_closed(struct gp__scan *scan)
{
    int64_t size = scan->disk->size(scan->disk->arg, scan->fd);
    char bytes[GP__BATCH_HEAD];
    struct gp__batch_head head;

    return size >= (int64_t)(2 * GP__BLOCK) &&
           gp__disk_read_all(scan->disk, scan->fd, bytes, sizeof bytes,
                             (uint64_t)size - GP__BLOCK) == (int64_t)sizeof bytes &&
           gp__batch_head_read(&head, scan->head.salt, (uint64_t)size - GP__BLOCK,
                               gp_slice(bytes, sizeof bytes)) &&
           head.records == 0;
}

/* ---- life ---- */

/* The salt as the first batch has it. Not as any later block does: that may be a message's bytes. */
static int salvage(struct gp__scan *scan, enum gp__log_kind kind)
{
    struct gp_slice bytes = bytes_at(scan, GP__BLOCK, GP__BATCH_HEAD);
    uint64_t salt = gp__batch_head_salt(bytes);
    struct gp__batch_head head;

    if (!gp__batch_head_read(&head, salt, GP__BLOCK, bytes))
        return GP_EINVAL;
    scan->head = (struct gp__log_head){.kind = kind, .salt = salt};
    return 1;
}

int gp__scan_open(struct gp__scan *scan, const struct gp__disk *disk, int fd,
                  enum gp__log_kind kind)
{
    char block[GP__BLOCK];
    int64_t len = gp__disk_read_all(disk, fd, block, sizeof block, 0);
    int error;

    scan->disk = disk;
    scan->fd = fd;
    scan->offset = GP__BLOCK;
    error = gp__log_head_read(&scan->head, kind, gp_slice(block, len > 0 ? (size_t)len : 0));
    if (error == GP_EINVAL)
        error = salvage(scan, kind);
    gp__scan_again(scan);
    return error;
}

void gp__scan_close(struct gp__scan *scan)
{
    gp__buf_free(&scan->window);
}

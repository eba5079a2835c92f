// SPDX-License-Identifier: Apache-2.0
#include "core/spool/append.h"

#include "core/base/alloc.h"
#include "core/base/crc32c.h"
#include "core/spool/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBERS_TRIED 10000
#define ZEROS ((size_t)64 << 10)
#define ZERO_PIECES 64

static const char zeros[ZEROS];

/* ---- names ---- */

void gp__log_path(char path[GP__LOG_PATH_MAX], const char *directory, uint64_t number)
{
    (void)snprintf(path, GP__LOG_PATH_MAX, "%s/%016" PRIx64 ".log", directory, number);
}

uint64_t gp__log_number(const char *name)
{
    uint64_t number = 0;

    if (strlen(name) != 20 || strcmp(name + 16, ".log") != 0)
        return 0;
    for (int i = 0; i < 16; i++) {
        const char *digit = strchr("0123456789abcdef", name[i]);

        if (!digit)
            return 0;
        number = number << 4 | (uint64_t)(digit - "0123456789abcdef");
    }
    return number;
}

/* ---- room ---- */

static int write_zeros(struct gp__append *append, uint64_t from, uint64_t to)
{
    while (from < to) {
        struct iovec pieces[ZERO_PIECES];
        uint64_t len = 0;
        int n = 0, error;

        for (; n < ZERO_PIECES && from + len < to; n++) {
            size_t some = to - from - len < ZEROS ? (size_t)(to - from - len) : ZEROS;

            pieces[n] = (struct iovec){(void *)(uintptr_t)zeros, some};
            len += some;
        }
        error = gp__disk_write_all(append->disk, append->fd, pieces, n, from);
        if (error)
            return error;
        from += len;
    }
    return 0;
}

/* Fills the room after `end`, where a batch will end. */
static int make_room(struct gp__append *append, uint64_t end)
{
    uint64_t to = end + append->step;
    int error;

    if (end <= append->filled)
        return 0;
    if (to > append->max)
        to = append->max;
    if (to <= end) {
        append->filled = end;
        return 0;
    }
    error = write_zeros(append, end, to);
    if (error == 0)
        append->filled = to;
    return error;
}

/* ---- life ---- */

int gp__append_create(struct gp__append *append, const struct gp__disk *disk, const char *directory,
                      const struct gp__log_head *head, uint64_t step, uint64_t max)
{
    int error;

    *append = (struct gp__append){
        .disk = disk,
        .head = *head,
        .end = GP__BLOCK,
        .durable = GP__BLOCK,
        .filled = GP__BLOCK,
        .step = gp__align(step, GP__BLOCK),
        .max = gp__align(max, GP__BLOCK),
    };
    append->fd = disk->open(disk->arg, directory, GP__DISK_NAMELESS);
    if (append->fd < 0)
        return append->fd;
    error = disk->lock(disk->arg, append->fd);
    if (error == 0)
        error = make_room(append, GP__BLOCK + 1);
    if (error)
        gp__append_close(append);
    return error;
}

int gp__append_resume(struct gp__append *append, const struct gp__scan *scan, int fd, uint64_t step,
                      uint64_t max)
{
    const struct gp__disk *disk = scan->disk;
    int64_t size = disk->size(disk->arg, fd);

    if (size < 0)
        return (int)size;
    *append = (struct gp__append){
        .disk = disk,
        .fd = fd,
        .head = scan->head,
        .end = scan->offset,
        .durable = scan->offset,
        .filled = (uint64_t)size > scan->offset ? (uint64_t)size : scan->offset,
        .step = gp__align(step, GP__BLOCK),
        .max = max,
        .sequence = scan->sequence,
    };
    return disk->lock(disk->arg, fd);
}

static int write_head(struct gp__append *append)
{
    char block[GP__BLOCK];
    struct iovec piece = {block, sizeof block};
    int error;

    gp__log_head_write(&append->head, block);
    error = gp__disk_write_all(append->disk, append->fd, &piece, 1, 0);
    if (error == 0)
        error = append->disk->sync(append->disk->arg, append->fd);
    if (error == 0)
        append->durable = append->end;
    return error;
}

int gp__append_name(struct gp__append *append, const char *directory, uint64_t first)
{
    const struct gp__disk *disk = append->disk;
    char path[GP__LOG_PATH_MAX];
    int error = -EEXIST;

    for (int i = 0; i < NUMBERS_TRIED && error == -EEXIST; i++) {
        append->head.number = first + (uint64_t)i;
        gp__log_path(path, directory, append->head.number);
        error = write_head(append);
        if (error == 0)
            error = disk->link(disk->arg, append->fd, path);
    }
    return error ? error : disk->sync_dir(disk->arg, directory);
}

void gp__append_close(struct gp__append *append)
{
    const struct gp__disk *disk = append->disk;

    if (append->fd >= 0) {
        (void)disk->truncate(disk->arg, append->fd, append->end); /* only to save space */
        disk->close(disk->arg, append->fd);
    }
    append->fd = -1;
    GP__FREE(append->pieces);
    append->cap = 0;
}

/* ---- batches ---- */

uint64_t gp__append_size(const struct gp__append_record *records, size_t n)
{
    uint64_t len = GP__BATCH_HEAD;

    for (size_t i = 0; i < n; i++)
        len += gp__align(GP__RECORD_HEAD + (uint64_t)records[i].head_len + records[i].body.len,
                         GP__RECORD_ALIGN);
    return gp__align(len, GP__BLOCK);
}

static void add(struct gp__append *append, size_t *n, const char *bytes, size_t len)
{
    if (len > 0)
        append->pieces[(*n)++] = (struct iovec){(void *)(uintptr_t)bytes, len};
}

/* Completes the record's head in the room before it, and adds its pieces: where it ends. */
static uint64_t put_record(struct gp__append *append, struct gp__append_record *record,
                           uint64_t offset, size_t *n)
{
    struct gp__record_head head = {
        .head_crc = gp__crc32c(0, gp_slice(record->head, record->head_len)),
        .body_crc = record->checked ? record->body_crc : gp__crc32c(0, record->body),
        .head_len = record->head_len,
        .body_len = record->body.len,
        .type = record->type,
        .index = record->index,
        .count = record->count,
        .file = record->file,
    };
    uint64_t size = gp__record_size(&head);
    char *at = record->head - GP__RECORD_HEAD;

    gp__record_head_write(&head, append->head.salt, offset, at);
    record->offset = offset;
    add(append, n, at, GP__RECORD_HEAD + (size_t)record->head_len);
    add(append, n, record->body.data, record->body.len);
    add(append, n, zeros, (size_t)(size - GP__RECORD_HEAD - record->head_len - record->body.len));
    return offset + size;
}

int gp__append_batch(struct gp__append *append, struct gp__append_record *records, size_t n)
{
    char head[GP__BATCH_HEAD];
    uint64_t at = append->end + GP__BATCH_HEAD, next;
    size_t n_pieces = 0;
    int error;

    GP__GROW(append->pieces, append->cap, 2 + 3 * n);
    add(append, &n_pieces, head, sizeof head);
    for (size_t i = 0; i < n; i++)
        at = put_record(append, &records[i], at, &n_pieces);
    gp__batch_head_write(&(struct gp__batch_head){.sequence = append->sequence + 1,
                                                  .durable = append->durable,
                                                  .len = at - append->end,
                                                  .records = (uint32_t)n},
                         append->head.salt, append->end, head);
    next = gp__align(at, GP__BLOCK);
    add(append, &n_pieces, zeros, (size_t)(next - at));
    error = make_room(append, next);
    if (error == 0)
        error = gp__disk_write_all(append->disk, append->fd, append->pieces, (int)n_pieces,
                                   append->end);
    append->broken = error != 0 && error != -ENOSPC && error != -EDQUOT;
    if (error == 0 && !append->lazy) {
        error = append->disk->sync(append->disk->arg, append->fd);
        append->broken = error != 0;
    }
    if (error)
        return error;
    append->end = next;
    if (!append->lazy)
        append->durable = next;
    append->sequence++;
    return 0;
}

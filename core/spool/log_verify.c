// SPDX-License-Identifier: Apache-2.0
/* Reads all there is, bodies and large files too, and says what is not as it was written. */
#include "core/base/alloc.h"
#include "core/base/crc32c.h"
#include "core/spool/log_engine.h"

#include <errno.h>
#include <gatepost/types.h>
#include <stdio.h>

struct verify {
    struct gp__log_spool *spool;
    struct gp__scan *scan;
    const char *path;
    struct gp__spool_sums *sums;
    void (*problem)(void *arg, const char *path, uint64_t offset, const char *what);
    void *arg;
};

static void problem(void *arg, uint64_t offset, const char *what)
{
    const struct verify *verify = arg;

    verify->sums->problems++;
    verify->problem(verify->arg, verify->path, offset, what);
}

/* ---- entries ---- */

static const char *check_large(const struct verify *verify, const struct gp__entry *entry,
                               unsigned file)
{
    const struct gp__disk *disk = verify->spool->layout.disk;
    char path[GP__LOG_PATH_MAX];
    const char *bytes, *what = NULL;
    int fd;

    if (!gp__layout_message(&verify->spool->layout, entry->id, file, path))
        return "its id can't name a file";
    fd = disk->open(disk->arg, path, GP__DISK_READ);
    if (fd < 0)
        return "the file of a large message is missing";
    if (disk->size(disk->arg, fd) != (int64_t)entry->base_size)
        what = "the file of a large message has another size";
    else if (!(bytes = disk->map(disk->arg, fd, (size_t)entry->base_size)))
        what = "the file of a large message can't be read";
    else {
        if (gp__crc32c(0, gp_slice(bytes, (size_t)entry->base_size)) != entry->base_crc)
            what = "the file of a large message is damaged";
        disk->unmap(disk->arg, bytes, (size_t)entry->base_size);
    }
    disk->close(disk->arg, fd);
    return what;
}

static const char *check_entry(struct verify *verify, const struct gp__scan_record *record,
                               struct gp__arena *arena)
{
    struct gp__entry entry = {.base_crc = record->head.body_crc};

    if (record->head.type != GP__RECORD_ENTRY || gp__entry_read(&entry, arena, record->bytes) < 0)
        return "a record is no entry";
    verify->sums->entries++;
    verify->sums->bytes += entry.base_size;
    if (entry.large)
        return check_large(verify, &entry, record->head.file);
    if (entry.base_size != record->head.body_len)
        return "a message has another size than its entry says";
    return gp__scan_body_fits(verify->scan, record) ? NULL : "a message is damaged";
}

static void on_entry(void *arg, const struct gp__scan_record *record)
{
    struct gp__arena *arena = gp__arena_create();
    const char *what = check_entry(arg, record, arena);

    if (what)
        problem(arg, record->offset, what);
    gp__arena_free(&arena);
}

static void on_journal(void *arg, const struct gp__scan_record *record)
{
    struct verify *verify = arg;

    if (record->head.type != GP__RECORD_JOURNAL)
        problem(arg, record->offset, "a record is not of a journal");
    verify->sums->journal_records++;
}

/* ---- files ---- */

static void check_segment(struct verify *verify, struct gp__log_segment *segment)
{
    struct gp__scan *scan = &segment->scan;

    if (segment->sealed)
        return; /* it could not be opened, which was said */
    gp__scan_again(scan);
    scan->record = on_entry;
    scan->corrupt = problem;
    scan->arg = verify;
    verify->scan = scan;
    verify->sums->segments++;
    if (segment->salvaged)
        problem(verify, 0, "the head of the segment is damaged");
    while (gp__scan_batch(scan))
        ;
    verify->sums->torn += scan->torn;
}

static void check_journal(struct verify *verify)
{
    const struct gp__layout *layout = &verify->spool->layout;
    const struct gp__disk *disk = layout->disk;
    struct gp__scan scan = {
        .ended = true, .whole = true, .record = on_journal, .corrupt = problem, .arg = verify};
    uint64_t number = gp__layout_last(layout, layout->journal);
    char path[GP__LOG_PATH_MAX];
    int fd;

    if (number == 0)
        return;
    gp__log_path(path, layout->journal, number);
    verify->path = path;
    verify->scan = &scan;
    fd = disk->open(disk->arg, path, GP__DISK_READ);
    if (fd == -ENOENT)
        return; /* it was compacted just now */
    if (fd < 0 || gp__scan_open(&scan, disk, fd, GP__LOG_JOURNAL) != 0)
        problem(verify, 0, "the journal can't be read, or its head is damaged");
    while (fd >= 0 && gp__scan_batch(&scan))
        ;
    verify->sums->torn += scan.torn;
    gp__scan_close(&scan);
    if (fd >= 0)
        disk->close(disk->arg, fd);
}

int gp__log_verify(struct gp__spool *base,
                   void (*told)(void *arg, const char *path, uint64_t offset, const char *what),
                   void *arg, struct gp__spool_sums *sums_r)
{
    struct gp__log_spool *spool = (struct gp__log_spool *)base;
    struct verify verify = {.spool = spool, .sums = sums_r, .problem = told, .arg = arg};
    char path[GP__LOG_PATH_MAX];
    int error = gp__log_refresh(spool);

    *sums_r = (struct gp__spool_sums){0};
    for (size_t i = 0; i < spool->n && !error; i++) {
        gp__log_path(path, spool->layout.segments, spool->segments[i]->number);
        verify.path = path;
        if (!spool->segments[i]->sealed)
            error = gp__log_look(spool, spool->segments[i]);
        else if (spool->segments[i]->unreadable)
            problem(&verify, 0, "the segment can't be read");
        if (!error)
            check_segment(&verify, spool->segments[i]);
    }
    if (!error)
        check_journal(&verify);
    return error;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/base/alloc.h"
#include "core/base/crc32c.h"
#include "core/runtime/spill.h"
#include "core/spool/entry_form.h"
#include "core/spool/log_engine.h"
#include "core/spool/log_writer.h"

#include <errno.h>
#include <gatepost/types.h>
#include <string.h>

#define COMMIT_MAX ((uint64_t)1 << 30) /* bytes of its records */
#define KEPT ((size_t)256 << 10)       /* memory of a commit that waits to be used again */

/* ---- on the loop ---- */

static int fill_one(struct gp__log_commit *commit, const struct gp__entry *given, size_t i,
                    uint64_t large_at)
{
    struct gp__entry entry = *given;
    size_t before = commit->heads.len;
    int error;

    entry.large = entry.base.len > 0 && (entry.base.len >= large_at || entry.spill);
    entry.base_size = entry.base.len;
    if (gp__buf_append(&commit->heads, gp_slice((char[GP__RECORD_HEAD]){0}, GP__RECORD_HEAD)) < 0)
        return GP_EINVAL;
    error = gp__entry_write(&entry, &commit->heads);
    if (error)
        return error;
    commit->records[i] = (struct gp__append_record){
        .head_len = (uint32_t)(commit->heads.len - before - GP__RECORD_HEAD),
        .type = GP__RECORD_ENTRY,
        .index = (uint16_t)i,
        .count = (uint16_t)commit->n,
        .body = entry.large ? gp_slice(NULL, 0) : entry.base,
    };
    if (entry.large) {
        commit->large[i].id = entry.id;
        commit->large[i].base = entry.base;
        commit->large[i].spill = entry.spill ? gp__spill_ref(entry.spill) : NULL;
    }
    return 0;
}

/* The heads do not move any more. An id is found again in its head, as the value of the first field:
 * the entry may go. */
static void point(struct gp__log_commit *commit)
{
    char *at = commit->heads.data + commit->heads.start;

    for (size_t i = 0; i < commit->n; i++) {
        struct gp__append_record *record = &commit->records[i];

        record->head = at + GP__RECORD_HEAD;
        if (gp_slice_present(commit->large[i].id))
            commit->large[i].id = gp_slice(record->head + GP__FIELD_HEAD, commit->large[i].id.len);
        at += GP__RECORD_HEAD + record->head_len;
    }
}

int gp__log_commit_fill(struct gp__log_commit *commit, const struct gp__entry *const *entries,
                        size_t n, uint64_t large_at)
{
    if (n == 0 || n > UINT16_MAX)
        return GP_EINVAL;
    GP__GROW(commit->records, commit->cap, n);
    GP__GROW(commit->large, commit->cap_large, n);
    GP__GROW(commit->places, commit->cap_places, n);
    commit->n = n;
    for (size_t i = 0; i < n; i++) {
        int error = fill_one(commit, entries[i], i, large_at);

        if (error)
            return error;
    }
    point(commit);
    commit->size = gp__append_size(commit->records, n);
    return commit->size <= COMMIT_MAX ? 0 : GP_EINVAL;
}

int gp__log_commit_copy(struct gp__log_commit *commit, struct gp__spool *spool,
                        struct gp__place from)
{
    struct gp__record_head head;
    int error = gp__log_read_record(spool, from, &commit->copy, &head);

    if (error)
        return error;
    GP__GROW(commit->records, commit->cap, 1);
    GP__GROW(commit->large, commit->cap_large, 1);
    GP__GROW(commit->places, commit->cap_places, 1);
    commit->n = 1;
    commit->records[0] = (struct gp__append_record){
        .head = commit->copy.data + commit->copy.start + GP__RECORD_HEAD,
        .head_len = head.head_len,
        .type = head.type,
        .index = 0,
        .count = 1,
        .body = gp_slice_sub(gp__buf_slice(&commit->copy), GP__RECORD_HEAD + head.head_len,
                             (size_t)head.body_len),
        .file = head.file,
        .checked = true,
        .body_crc = head.body_crc,
    };
    commit->size = gp__append_size(commit->records, 1);
    return 0;
}

void gp__log_commit_clear(struct gp__log_commit *commit)
{
    for (size_t i = 0; i < commit->n && i < commit->cap_large; i++) {
        gp__spill_unref(&commit->large[i].spill);
        commit->large[i] = (struct gp__log_large){.spill = NULL};
    }
    gp__buf_clear(&commit->heads);
    if (commit->heads.cap > KEPT)
        gp__buf_free(&commit->heads);
    gp__buf_free(&commit->copy);
    commit->n = 0;
    commit->error = 0;
}

void gp__log_commit_free(struct gp__log_commit *commit)
{
    gp__log_commit_clear(commit);
    gp__buf_free(&commit->heads);
    gp__free(commit->records);
    gp__free(commit->large);
    gp__free(commit->places);
    gp__free(commit);
}

/* ---- on the thread ---- */

/* Whether the file has these bytes. */
static bool is_same(const struct gp__disk *disk, const char *path, struct gp_slice bytes)
{
    int fd = disk->open(disk->arg, path, GP__DISK_READ);
    const char *there = NULL;
    bool same;

    if (fd < 0)
        return false;
    if (disk->size(disk->arg, fd) == (int64_t)bytes.len)
        there = disk->map(disk->arg, fd, bytes.len);
    disk->close(disk->arg, fd);
    same = there && memcmp(there, bytes.data, bytes.len) == 0;
    if (there)
        disk->unmap(disk->arg, there, bytes.len);
    return same;
}

/* A name that is taken may be that of an entry that lives (a bounce that is made again after a
 * crash), or left by a commit that failed: it is used if it has the same bytes, never replaced. */
static int sync_and_link(const struct gp__layout *layout, const struct gp__log_large *large, int fd,
                         uint16_t *file_r)
{
    const struct gp__disk *disk = layout->disk;
    char path[GP__LOG_PATH_MAX];
    int error = disk->sync(disk->arg, fd);

    for (uint16_t file = 0; error == 0 && file < GP__FILES_MAX; file++) {
        if (!gp__layout_message(layout, large->id, file, path))
            return -EINVAL;
        *file_r = file;
        error = disk->link(disk->arg, fd, path);
        if (error != -EEXIST || is_same(disk, path, large->base))
            return error == -EEXIST ? 0 : error;
        error = 0;
    }
    return error ? error : -EEXIST;
}

static int copy_base(const struct gp__layout *layout, const struct gp__log_large *large,
                     uint16_t *file_r)
{
    const struct gp__disk *disk = layout->disk;
    struct iovec piece = {(void *)(uintptr_t)large->base.data, large->base.len};
    int fd = disk->open(disk->arg, layout->messages, GP__DISK_NAMELESS), error;

    if (fd < 0)
        return fd;
    error = gp__disk_write_all(disk, fd, &piece, 1, 0);
    if (error == 0)
        error = sync_and_link(layout, large, fd, file_r);
    disk->close(disk->arg, fd);
    return error;
}

/* A file that is in another file system, or had a name before, has to be copied. */
static int store_one(const struct gp__layout *layout, const struct gp__log_large *large,
                     uint16_t *file_r)
{
    int error = -EXDEV;

    if (large->spill && large->spill->fd >= 0)
        error = sync_and_link(layout, large, large->spill->fd, file_r);
    return error == -EXDEV || error == -ENOENT ? copy_base(layout, large, file_r) : error;
}

int gp__log_store_large(const struct gp__layout *layout, struct gp__log_commit *commit,
                        size_t *linked_r)
{
    for (size_t i = 0; i < commit->n && i < commit->cap_large; i++) {
        struct gp__log_large *large = &commit->large[i];
        int error;

        if (!gp_slice_present(large->id))
            continue;
        error = store_one(layout, large, &commit->records[i].file);
        if (error)
            return error;
        commit->records[i].body_crc = gp__crc32c(0, large->base);
        commit->records[i].checked = true;
        (*linked_r)++;
    }
    return 0;
}

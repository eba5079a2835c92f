// SPDX-License-Identifier: Apache-2.0
/*
 * A disk in memory that counts its steps and can fail, shorten or be cut off from power at any of
 * them. Each file has two contents: the one that is seen and the one that was synced; each name has
 * two states. After a power cut each sector and each change of a name that was not synced is there
 * or is not, as the dice of the cut say.
 */
#ifndef GP_TEST_SPOOL_FAKE_DISK_H
#define GP_TEST_SPOOL_FAKE_DISK_H

#include "core/spool/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define FAKE_INODES 512
#define FAKE_FDS 128
#define FAKE_NAMES 1024
#define FAKE_PATH 128

enum survivors { SURVIVE_NONE = 0, SURVIVE_ALL, SURVIVE_SOME };

struct fake_inode {
    char *now, *synced;
    size_t size, synced_size, cap;
    unsigned char *dirty; /* by sector: 1 to be written, 2 dropped by a sync that failed */
    unsigned links, opens;
    int locked_by; /* fd + 1; 0: nobody */
    bool used, is_dir, is_mark;
    _Atomic uint64_t mark;
};

struct fake_name {
    char path[FAKE_PATH];
    int inode, synced; /* index + 1; 0: no such name */
    unsigned change;   /* the last one that is not synced; 0: none. */
};

struct fake_disk {
    struct gp__disk ops;
    struct fake_inode inodes[FAKE_INODES];
    struct {
        int inode; /* index + 1; 0: closed */
    } fds[FAKE_FDS];
    struct fake_name names[FAKE_NAMES];
    size_t n_names;
    unsigned changes;
    uint64_t space;

    /* Steps are counted from 1. */
    unsigned steps, fail_at, fail_n, cut_at; /* fail_n in a row; 0: one */
    int fail_with;                           /* errno; 0: the write is short */
    bool cut;                                /* nothing reaches the disk any more */
    uint64_t dice;
};

static inline uint64_t fake_roll(struct fake_disk *disk)
{
    disk->dice ^= disk->dice << 13;
    disk->dice ^= disk->dice >> 7;
    return disk->dice ^= disk->dice << 17;
}

/* ---- steps ---- */

enum fake_fate { FAKE_GO = 0, FAKE_SHORT, FAKE_LAST /* it is begun, and the power goes */ };

/* -errno, or what is to become of the step. */
static inline int fake_step(struct fake_disk *disk)
{
    if (disk->cut)
        return -EIO;
    disk->steps++;
    if (disk->steps == disk->cut_at) {
        disk->cut = true;
        return FAKE_LAST;
    }
    if (disk->steps == disk->fail_at ||
        (disk->steps > disk->fail_at && disk->steps < disk->fail_at + disk->fail_n))
        return disk->fail_with ? -disk->fail_with : FAKE_SHORT;
    return FAKE_GO;
}

/* ---- inodes and names ---- */

static inline int fake_inode_new(struct fake_disk *disk)
{
    for (int i = 0; i < FAKE_INODES; i++) {
        if (disk->inodes[i].used)
            continue;
        disk->inodes[i] = (struct fake_inode){.used = true};
        return i;
    }
    abort();
}

static inline void fake_inode_drop(struct fake_inode *inode)
{
    if (inode->links || inode->opens || !inode->used)
        return;
    free(inode->now);
    free(inode->synced);
    free(inode->dirty);
    inode->used = false;
}

static inline void fake_grow(struct fake_inode *inode, size_t size)
{
    size_t cap = inode->cap ? inode->cap : SECTOR;

    while (cap < size)
        cap *= 2;
    if (cap > inode->cap) {
        inode->now = realloc(inode->now, cap);
        inode->synced = realloc(inode->synced, cap);
        inode->dirty = realloc(inode->dirty, cap / SECTOR);
        memset(inode->now + inode->cap, 0, cap - inode->cap);
        memset(inode->synced + inode->cap, 0, cap - inode->cap);
        memset(inode->dirty + inode->cap / SECTOR, 0, (cap - inode->cap) / SECTOR);
        inode->cap = cap;
    }
    if (size > inode->size)
        inode->size = size;
}

static inline struct fake_name *fake_name(struct fake_disk *disk, const char *path)
{
    for (size_t i = 0; i < disk->n_names; i++) {
        if (strcmp(disk->names[i].path, path) == 0)
            return &disk->names[i];
    }
    if (disk->n_names == FAKE_NAMES || strlen(path) >= FAKE_PATH)
        abort();
    strcpy(disk->names[disk->n_names].path, path);
    return &disk->names[disk->n_names++];
}

/* A synced name keeps its inode as a seen one does. */
static inline void fake_set(struct fake_disk *disk, int *place, int inode)
{
    int before = *place;

    if (inode)
        disk->inodes[inode - 1].links++;
    *place = inode;
    if (before) {
        disk->inodes[before - 1].links--;
        fake_inode_drop(&disk->inodes[before - 1]);
    }
}

static inline void fake_change(struct fake_disk *disk, struct fake_name *name, int inode)
{
    fake_set(disk, &name->inode, inode);
    name->change = disk->changes;
}

/* ---- the calls ---- */

static inline int fake_open(void *arg, const char *path, enum gp__disk_open how)
{
    struct fake_disk *disk = arg;
    struct fake_name *name = fake_name(disk, path);
    int fd = 0, fate = how == GP__DISK_READ ? (disk->cut ? -EIO : FAKE_GO) : fake_step(disk);
    int inode = how == GP__DISK_NAMELESS ? 0 : name->inode;

    if (fate < 0 || fate == FAKE_LAST)
        return fate < 0 ? fate : -EIO;
    if (!inode && (how == GP__DISK_READ || (how == GP__DISK_NAMELESS && !name->inode)))
        return -ENOENT;
    if (!inode) {
        inode = fake_inode_new(disk) + 1;
        if (how == GP__DISK_CREATE) {
            disk->changes++;
            fake_change(disk, name, inode);
        }
    }
    while (disk->fds[fd].inode)
        fd++;
    disk->fds[fd].inode = inode;
    disk->inodes[inode - 1].opens++;
    return fd;
}

static inline struct fake_inode *fake_of(struct fake_disk *disk, int fd)
{
    if (fd < 0 || fd >= FAKE_FDS || !disk->fds[fd].inode)
        abort();
    return &disk->inodes[disk->fds[fd].inode - 1];
}

static inline void fake_close(void *arg, int fd)
{
    struct fake_disk *disk = arg;
    struct fake_inode *inode = fake_of(disk, fd);

    if (inode->locked_by == fd + 1)
        inode->locked_by = 0;
    disk->fds[fd].inode = 0;
    inode->opens--;
    fake_inode_drop(inode);
}

static inline void fake_dirty(struct fake_inode *inode, size_t from, size_t to)
{
    for (size_t sector = from / SECTOR; sector * SECTOR < to; sector++)
        inode->dirty[sector] = 1;
}

static inline int64_t fake_write(void *arg, int fd, const struct iovec *pieces, int n,
                                 uint64_t offset)
{
    struct fake_disk *disk = arg;
    struct fake_inode *inode = fake_of(disk, fd);
    int fate = fake_step(disk);
    size_t all = 0, at = (size_t)offset, max;

    if (fate < 0)
        return fate;
    for (int i = 0; i < n; i++)
        all += pieces[i].iov_len;
    max = fate == FAKE_SHORT ? (all + 1) / 2 : all;
    fake_grow(inode, at + max);
    for (int i = 0; i < n && at < offset + max; i++) {
        size_t some = pieces[i].iov_len;

        if (some > offset + max - at)
            some = (size_t)(offset + max - at);
        memcpy(inode->now + at, pieces[i].iov_base, some);
        at += some;
    }
    fake_dirty(inode, (size_t)offset, at);
    return fate == FAKE_LAST ? -EIO : (int64_t)max;
}

static inline int64_t fake_read(void *arg, int fd, void *bytes, size_t size, uint64_t offset)
{
    struct fake_disk *disk = arg;
    struct fake_inode *inode = fake_of(disk, fd);
    uint64_t mark = inode->mark;

    if (disk->cut)
        return -EIO;
    if (inode->is_mark && offset == 0 && size == sizeof mark) {
        memcpy(bytes, &mark, sizeof mark);
        return (int64_t)size;
    }
    if (offset >= inode->size)
        return 0;
    if (size > inode->size - offset)
        size = inode->size - (size_t)offset;
    memcpy(bytes, inode->now + offset, size);
    return (int64_t)size;
}

static inline void fake_sync_inode(struct fake_inode *inode)
{
    for (size_t sector = 0; sector < inode->cap / SECTOR; sector++) {
        if (inode->dirty[sector] != 1)
            continue;
        memcpy(inode->synced + sector * SECTOR, inode->now + sector * SECTOR, SECTOR);
        inode->dirty[sector] = 0;
    }
    inode->synced_size = inode->size;
}

/* One that fails has dropped what it could not write, and the next one succeeds: as Linux does. */
static inline int fake_sync(void *arg, int fd)
{
    struct fake_disk *disk = arg;
    struct fake_inode *inode = fake_of(disk, fd);
    int fate = fake_step(disk);

    if (fate == FAKE_GO)
        fake_sync_inode(inode);
    for (size_t i = 0; fate != FAKE_GO && fate != FAKE_LAST && i < inode->cap / SECTOR; i++)
        inode->dirty[i] = inode->dirty[i] ? 2 : 0;
    return fate == FAKE_GO ? 0 : fate < 0 ? fate : -EIO;
}

static inline int fake_truncate(void *arg, int fd, uint64_t size)
{
    struct fake_disk *disk = arg;
    struct fake_inode *inode = fake_of(disk, fd);
    int fate = fake_step(disk);
    size_t from = (size_t)size, to = inode->size;

    if (fate < 0)
        return fate;
    fake_grow(inode, from);
    if (to > from) {
        memset(inode->now + from, 0, to - from);
        fake_dirty(inode, from, to);
    }
    inode->size = from;
    return fate == FAKE_LAST ? -EIO : 0;
}

static inline int64_t fake_size(void *arg, int fd)
{
    return (int64_t)fake_of(arg, fd)->size;
}

static inline int fake_lock(void *arg, int fd)
{
    struct fake_inode *inode = fake_of(arg, fd);

    if (inode->locked_by && inode->locked_by != fd + 1)
        return -EWOULDBLOCK;
    inode->locked_by = fd + 1;
    return 0;
}

static inline int fake_locked(void *arg, int fd)
{
    const struct fake_inode *inode = fake_of(arg, fd);

    return inode->locked_by && inode->locked_by != fd + 1;
}

static inline int fake_link(void *arg, int fd, const char *path)
{
    struct fake_disk *disk = arg;
    struct fake_name *name = fake_name(disk, path);
    int fate = fake_step(disk);

    if (fate < 0)
        return fate;
    if (name->inode)
        return -EEXIST;
    disk->changes++;
    fake_change(disk, name, disk->fds[fd].inode);
    return fate == FAKE_LAST ? -EIO : 0;
}

static inline int fake_unlink(void *arg, const char *path)
{
    struct fake_disk *disk = arg;
    struct fake_name *name = fake_name(disk, path);
    int fate = fake_step(disk);

    if (fate < 0)
        return fate;
    if (!name->inode)
        return -ENOENT;
    disk->changes++;
    fake_change(disk, name, 0);
    return fate == FAKE_LAST ? -EIO : 0;
}

static inline int fake_make_dir(void *arg, const char *path)
{
    struct fake_disk *disk = arg;
    struct fake_name *name = fake_name(disk, path);
    int fate = fake_step(disk), inode;

    if (fate < 0)
        return fate;
    if (name->inode)
        return -EEXIST;
    inode = fake_inode_new(disk);
    disk->inodes[inode].is_dir = true;
    disk->changes++;
    fake_change(disk, name, inode + 1);
    return fate == FAKE_LAST ? -EIO : 0;
}

static inline bool fake_in(const char *path, const char *directory)
{
    size_t len = strlen(directory);

    return strncmp(path, directory, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

static inline int fake_sync_dir(void *arg, const char *path)
{
    struct fake_disk *disk = arg;
    int fate = fake_step(disk);

    if (fate != FAKE_GO)
        return fate < 0 ? fate : -EIO;
    for (size_t i = 0; i < disk->n_names; i++) {
        if (!fake_in(disk->names[i].path, path))
            continue;
        fake_set(disk, &disk->names[i].synced, disk->names[i].inode);
        disk->names[i].change = 0;
    }
    return 0;
}

static inline int fake_list(void *arg, const char *path,
                            void (*each)(void *each_arg, const char *name), void *each_arg)
{
    struct fake_disk *disk = arg;

    if (disk->cut)
        return -EIO;
    for (size_t i = 0; i < disk->n_names; i++) {
        if (disk->names[i].inode && fake_in(disk->names[i].path, path))
            each(each_arg, strrchr(disk->names[i].path, '/') + 1);
    }
    return 0;
}

static inline int64_t fake_age(void *arg, const char *path)
{
    return fake_name(arg, path)->inode ? 1000000 : -ENOENT;
}

static inline const char *fake_map(void *arg, int fd, size_t len)
{
    const struct fake_inode *inode = fake_of(arg, fd);
    char *copy = malloc(len);

    if (len > inode->size)
        abort();
    memcpy(copy, inode->now, len);
    return copy;
}

static inline void fake_unmap(void *arg, const char *bytes, size_t len)
{
    (void)arg;
    (void)len;
    free((void *)(uintptr_t)bytes);
}

static inline _Atomic uint64_t *fake_map_mark(void *arg, int fd, bool writes)
{
    struct fake_inode *inode = fake_of(arg, fd);

    if (writes)
        inode->is_mark = true;
    return inode->is_mark ? &inode->mark : NULL;
}

static inline void fake_unmap_mark(void *arg, _Atomic uint64_t *mark)
{
    (void)arg;
    (void)mark;
}

static inline uint64_t fake_space(void *arg, const char *path)
{
    (void)path;
    return ((struct fake_disk *)arg)->space;
}

/* ---- what happens to it ---- */

/* With an empty directory "/disk". */
static inline struct fake_disk *fake_disk_create(void)
{
    struct fake_disk *disk = calloc(1, sizeof *disk);

    disk->ops = (struct gp__disk){
        disk,          fake_open,       fake_close, fake_write,  fake_read, fake_sync,
        fake_truncate, fake_size,       fake_lock,  fake_locked, fake_link, fake_unlink,
        fake_make_dir, fake_sync_dir,   fake_list,  fake_age,    fake_map,  fake_unmap,
        fake_map_mark, fake_unmap_mark, fake_space};
    disk->space = UINT64_MAX;
    disk->dice = 88172645463325252u;
    (void)fake_make_dir(disk, "/disk");
    disk->names[0].synced = disk->names[0].inode;
    disk->inodes[0].links++;
    disk->names[0].change = disk->steps = 0;
    return disk;
}

static inline void fake_disk_free(struct fake_disk *disk)
{
    for (int i = 0; i < FAKE_INODES; i++) {
        disk->inodes[i].links = disk->inodes[i].opens = 0;
        fake_inode_drop(&disk->inodes[i]);
    }
    free(disk);
}

static inline bool fake_survives(struct fake_disk *disk, enum survivors survivors)
{
    return survivors == SURVIVE_ALL || (survivors == SURVIVE_SOME && fake_roll(disk) % 2);
}

static inline void fake_cut_inode(struct fake_disk *disk, struct fake_inode *inode,
                                  enum survivors survivors)
{
    size_t size = fake_survives(disk, survivors) ? inode->size : inode->synced_size;

    for (size_t sector = 0; sector < inode->cap / SECTOR; sector++) {
        if (!inode->dirty[sector] || fake_survives(disk, survivors))
            continue;
        memcpy(inode->now + sector * SECTOR, inode->synced + sector * SECTOR, SECTOR);
        inode->dirty[sector] = 0;
    }
    if (size < inode->size)
        memset(inode->now + size, 0, inode->cap - size);
    inode->size = size;
    if (inode->is_mark && !fake_survives(disk, survivors))
        inode->mark = 0;
    if (inode->cap)
        memset(inode->dirty, 1, inode->cap / SECTOR);
    fake_sync_inode(inode);
    inode->locked_by = 0;
}

/* What is in a directory that did not survive is not there. */
static inline void fake_drop_lost(struct fake_disk *disk)
{
    for (size_t i = 1; i < disk->n_names; i++) {
        char parent[FAKE_PATH];

        strcpy(parent, disk->names[i].path);
        *strrchr(parent, '/') = '\0';
        if (fake_name(disk, parent)->inode)
            continue;
        fake_set(disk, &disk->names[i].inode, 0);
        fake_set(disk, &disk->names[i].synced, 0);
    }
}

/* The power is back: what is there now is all there is. Nothing may have it open. */
static inline void fake_disk_reboot(struct fake_disk *disk, enum survivors survivors)
{
    for (unsigned change = 1; change <= disk->changes; change++) {
        bool kept = fake_survives(disk, survivors);

        for (size_t i = 0; i < disk->n_names; i++) {
            struct fake_name *name = &disk->names[i];

            if (name->change != change)
                continue;
            if (kept)
                fake_set(disk, &name->synced, name->inode);
            else
                fake_set(disk, &name->inode, name->synced);
            name->change = 0;
        }
    }
    fake_drop_lost(disk); /* directories have lower indices than what is in them */
    for (int i = 0; i < FAKE_INODES; i++) {
        if (disk->inodes[i].used)
            fake_cut_inode(disk, &disk->inodes[i], survivors);
    }
    disk->cut = false;
    disk->cut_at = disk->fail_at = disk->fail_n = 0;
}

#endif

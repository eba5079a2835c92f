// SPDX-License-Identifier: Apache-2.0
/* The system's files. A sync is never tried twice: after one that failed the kernel may have
 * dropped the pages and report success. */
#include "core/spool/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gatepost/types.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define MARK_SIZE 4096

/* ---- what callers share ---- */

static void skip(struct iovec **pieces, int *n, size_t written)
{
    while (*n > 0 && written >= (*pieces)->iov_len) {
        written -= (*pieces)->iov_len;
        (*pieces)++;
        (*n)--;
    }
    if (*n > 0) {
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + written;
        (*pieces)->iov_len -= written;
    }
}

int gp__disk_write_all(const struct gp__disk *disk, int fd, struct iovec *pieces, int n,
                       uint64_t offset)
{
    skip(&pieces, &n, 0);
    while (n > 0) {
        int some = n < GP__DISK_PIECES_MAX ? n : GP__DISK_PIECES_MAX;
        int64_t written = disk->write(disk->arg, fd, pieces, some, offset);

        if (written < 0)
            return (int)written;
        if (written == 0)
            return -ENOSPC;
        offset += (uint64_t)written;
        skip(&pieces, &n, (size_t)written);
    }
    return 0;
}

int64_t gp__disk_read_all(const struct gp__disk *disk, int fd, void *bytes, size_t size,
                          uint64_t offset)
{
    size_t len = 0;

    while (len < size) {
        int64_t n = disk->read(disk->arg, fd, (char *)bytes + len, size - len, offset + len);

        if (n < 0)
            return n;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (int64_t)len;
}

int gp__disk_error(int64_t error)
{
    switch (error) {
    case -ENOSPC:
    case -EDQUOT:
        return GP_ENOSPC;
    case -ENOENT:
        return GP_ENOTFOUND;
    case -EEXIST:
        return GP_EEXIST;
    default:
        return GP_EIO;
    }
}

/* ---- files ---- */

static int open_file(void *arg, const char *path, enum gp__disk_open how)
{
    static const int flags[] = {
        [GP__DISK_READ] = O_RDONLY | O_NOFOLLOW | O_NONBLOCK, /* a FIFO is no file of ours */
        [GP__DISK_NAMELESS] = O_TMPFILE | O_RDWR,
        [GP__DISK_CREATE] = O_RDWR | O_CREAT | O_NOFOLLOW,
    };
    int fd;

    (void)arg;
    do
        fd = open(path, flags[how] | O_CLOEXEC, 0600);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

static void close_file(void *arg, int fd)
{
    (void)arg;
    (void)close(fd); /* all that matters was synced */
}

static int64_t write_file(void *arg, int fd, const struct iovec *pieces, int n, uint64_t offset)
{
    ssize_t written;

    (void)arg;
    do
        written = pwritev(fd, pieces, n, (off_t)offset);
    while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : written;
}

static int64_t read_file(void *arg, int fd, void *bytes, size_t size, uint64_t offset)
{
    ssize_t n;

    (void)arg;
    do
        n = pread(fd, bytes, size, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int sync_file(void *arg, int fd)
{
    (void)arg;
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int truncate_file(void *arg, int fd, uint64_t size)
{
    (void)arg;
    return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int64_t size_of(void *arg, int fd)
{
    struct stat st;

    (void)arg;
    return fstat(fd, &st) < 0 ? -errno : st.st_size;
}

static int lock_file(void *arg, int fd)
{
    (void)arg;
    return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* A shared lock for a moment: those who ask do not disturb each other, and nobody locks a file that
 * has a name already, but its owner. */
static int is_locked(void *arg, int fd)
{
    (void)arg;
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        return flock(fd, LOCK_UN) < 0 ? -errno : 0;
    return errno == EWOULDBLOCK ? 1 : -errno;
}

/* ---- names ---- */

/* Through /proc: naming a descriptor itself needs a capability. */
static int link_file(void *arg, int fd, const char *path)
{
    char self[32];

    (void)arg;
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int unlink_file(void *arg, const char *path)
{
    (void)arg;
    return unlink(path) < 0 ? -errno : 0;
}

static int make_dir(void *arg, const char *path)
{
    (void)arg;
    return mkdir(path, 0700) < 0 ? -errno : 0;
}

static int sync_dir(void *arg, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;

    (void)arg;
    if (fd < 0)
        return -errno;
    error = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd); /* nothing was written through it */
    return error;
}

static int list_dir(void *arg, const char *path, void (*each)(void *each_arg, const char *name),
                    void *each_arg)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int error;

    (void)arg;
    if (!dir)
        return -errno;
    while (errno = 0, (entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            each(each_arg, entry->d_name);
    }
    error = -errno;
    (void)closedir(dir); /* it was only read */
    return error;
}

static int64_t age_of(void *arg, const char *path)
{
    struct stat st;

    (void)arg;
    return lstat(path, &st) < 0 ? -errno : (int64_t)(time(NULL) - st.st_ctime);
}

/* ---- memory ---- */

static const char *map_file(void *arg, int fd, size_t len)
{
    void *bytes = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

    (void)arg;
    return bytes == MAP_FAILED ? NULL : bytes;
}

static void unmap_file(void *arg, const char *bytes, size_t len)
{
    (void)arg;
    (void)munmap((void *)(uintptr_t)bytes, len); /* ours, whole: it cannot fail */
}

static _Atomic uint64_t *map_mark(void *arg, int fd, bool writes)
{
    struct stat st;
    void *mark;

    (void)arg;
    if (writes && ftruncate(fd, MARK_SIZE) < 0)
        return NULL;
    /* One that a power cut left empty would be a signal. */
    if (fstat(fd, &st) < 0 || st.st_size < MARK_SIZE)
        return NULL;
    mark = mmap(NULL, MARK_SIZE, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    return mark == MAP_FAILED ? NULL : mark;
}

static void unmap_mark(void *arg, _Atomic uint64_t *mark)
{
    (void)arg;
    (void)munmap((void *)mark, MARK_SIZE); /* ours, whole: it cannot fail */
}

static uint64_t space_of(void *arg, const char *path)
{
    struct statvfs fs;

    (void)arg;
    return statvfs(path, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

const struct gp__disk gp__disk_system = {
    .open = open_file,
    .close = close_file,
    .write = write_file,
    .read = read_file,
    .sync = sync_file,
    .truncate = truncate_file,
    .size = size_of,
    .lock = lock_file,
    .locked = is_locked,
    .link = link_file,
    .unlink = unlink_file,
    .make_dir = make_dir,
    .sync_dir = sync_dir,
    .list = list_dir,
    .age = age_of,
    .map = map_file,
    .unmap = unmap_file,
    .map_mark = map_mark,
    .unmap_mark = unmap_mark,
    .space = space_of,
};

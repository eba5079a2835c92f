// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/module_file.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct gp__arena *arena, const char *path, const char *why, const char **error_r)
{
    *error_r = gp__arena_printf(arena, "%s: %s", path, why).data;
    return -1;
}

/* Whoever can write a plugin, or put another in its place, is us. NULL: nobody else can. */
static const char *who_can_write(const struct stat *st)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return "belongs to neither root nor the user that Gatepost runs as";
    if (st->st_mode & S_IWOTH)
        return "is writable for everybody: chmod o-w";
    if (st->st_mode & S_IWGRP)
        return "is writable for its group: chmod g-w";
    return NULL;
}

/* -1 with *error_r, or the descriptor; -1 without: not there. */
static int open_dir(struct gp__arena *arena, const char *dir, const char **error_r)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *why = NULL;
    struct stat st;

    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            refuse(arena, dir, strerror(errno), error_r);
        return -1;
    }
    why = fstat(fd, &st) < 0 ? strerror(errno) : who_can_write(&st);
    if (!why)
        return fd;
    refuse(arena, dir, why, error_r);
    (void)close(fd);
    return -1;
}

/* A file that was cut off would be mapped all the same, and kill us when it is touched. What is no
 * ELF file at all the loader refuses by itself. */
static const char *why_cut_off(int fd, uintmax_t size)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;

    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof segment)
        return NULL;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        off_t at = (off_t)(header.e_phoff + i * sizeof segment);

        if (pread(fd, &segment, sizeof segment, at) != (ssize_t)sizeof segment ||
            segment.p_filesz > size || segment.p_offset > size - segment.p_filesz)
            return "is cut off: install it anew";
    }
    return NULL;
}

static const char *why_not(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "is not a regular file";
    if (who_can_write(&st))
        return who_can_write(&st);
    return why_cut_off(fd, (uintmax_t)st.st_size);
}

/* A symbolic link is followed (distributions use them): what counts is where it leads. A fifo must
 * not keep us waiting. */
static int open_in(struct gp__arena *arena, int dir, const char *base, const char *path,
                   const char **error_r)
{
    int fd = openat(dir, base, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *why;

    if (fd < 0) {
        if (errno != ENOENT)
            refuse(arena, path, strerror(errno), error_r);
        return -1;
    }
    why = why_not(fd);
    if (!why)
        return fd;
    refuse(arena, path, why, error_r);
    (void)close(fd);
    return -1;
}

static void set_name(struct gp__module_file *file)
{
    struct stat opened, named;

    snprintf(file->name, sizeof file->name, "/proc/self/fd/%d", file->fd);
    if (stat(file->name, &named) < 0 || fstat(file->fd, &opened) < 0 ||
        named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
        file->name[0] = '\0';
}

int gp__module_file_open(struct gp__arena *arena, const char *dir, struct gp_slice name,
                         struct gp__module_file *file_r, const char **error_r)
{
    const char *base = gp__arena_printf(arena, GP_FMT ".so", GP_ARG(name)).data;
    int dir_fd;

    *error_r = NULL;
    *file_r = (struct gp__module_file){
        .path = gp__arena_printf(arena, "%s/%s", dir, base).data,
        .fd = -1,
    };
    dir_fd = open_dir(arena, dir, error_r);
    if (dir_fd >= 0) {
        file_r->fd = open_in(arena, dir_fd, base, file_r->path, error_r);
        (void)close(dir_fd);
    }
    if (file_r->fd < 0)
        return *error_r ? -1 : 0;
    set_name(file_r);
    return 1;
}

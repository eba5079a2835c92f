// SPDX-License-Identifier: Apache-2.0
#include "core/spool/doubts.h"

#include "core/base/alloc.h"
#include "core/base/crc32c.h"
#include "core/spool/dead.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 1024
#define FILE_RECORDS_MAX 16384 /* of ours: 1 MiB */
#define NAME_MAX_LEN 40

/* As it lies in a file, in the machine's order of bytes: nobody else reads it. */
struct record {
    struct gp__doubt_mark mark;
    int64_t at_ms;
    char id[GP__DOUBT_ID_MAX];
    uint32_t id_len;
    uint32_t crc; /* of what is before */
};

struct file {
    char name[NAME_MAX_LEN];
    off_t read;
};

struct gp__doubts {
    int dir, own; /* -1: none */
    char own_name[NAME_MAX_LEN];
    uint32_t own_records;
    struct gp__dead *dead;   /* NULL: there is no spool */
    int64_t dead_ms;         /* when it was asked last */
    struct timespec scanned; /* the directory's time then */
    struct file *files;      /* of others */
    size_t n_files, files_cap;
    struct record *ring;
    size_t next, count;
};

/* ---- remembering ---- */

static void remember(struct gp__doubts *doubts, const struct record *record)
{
    if (!doubts->ring)
        doubts->ring = gp__alloc_array(GP__DOUBTS_MAX, sizeof *doubts->ring);
    doubts->ring[doubts->next] = *record;
    doubts->next = (doubts->next + 1) % GP__DOUBTS_MAX;
    if (doubts->count < GP__DOUBTS_MAX)
        doubts->count++;
}

static uint32_t crc_of(const struct record *record)
{
    return gp__crc32c(0, gp_slice((const char *)record, offsetof(struct record, crc)));
}

static bool is_sound(const struct record *record)
{
    return record->id_len > 0 && record->id_len <= GP__DOUBT_ID_MAX &&
           record->crc == crc_of(record);
}

/* ---- the files of others ---- */

static struct file *file_of(struct gp__doubts *doubts, const char *name)
{
    struct file *file;

    for (size_t i = 0; i < doubts->n_files; i++)
        if (strcmp(doubts->files[i].name, name) == 0)
            return &doubts->files[i];
    if (doubts->n_files == FILES_MAX)
        return NULL;
    GP__GROW(doubts->files, doubts->files_cap, doubts->n_files + 1);
    file = &doubts->files[doubts->n_files++];
    *file = (struct file){.read = 0};
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    return file;
}

static void read_records(struct gp__doubts *doubts, struct file *file, int fd, off_t size)
{
    struct record record;

    while (file->read + (off_t)sizeof record <= size &&
           pread(fd, &record, sizeof record, file->read) == (ssize_t)sizeof record) {
        if (is_sound(&record))
            remember(doubts, &record);
        file->read += (off_t)sizeof record;
    }
}

static bool is_past(const struct stat *st, int64_t now_ms)
{
    return ((int64_t)st->st_mtim.tv_sec + 1) * 1000 + GP__DOUBT_MS < now_ms;
}

/* False: it is gone. */
static bool read_file(struct gp__doubts *doubts, struct file *file, int64_t now_ms)
{
    /* Whatever it is that somebody put there: a FIFO is not waited for. */
    int fd = openat(doubts->dir, file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || is_past(&st, now_ms)) {
        (void)close(fd);                            /* nothing was written */
        (void)unlinkat(doubts->dir, file->name, 0); /* or somebody else did */
        return false;
    }
    read_records(doubts, file, fd, st.st_size);
    (void)close(fd); /* nothing was written */
    return true;
}

static void read_files(struct gp__doubts *doubts, int64_t now_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < doubts->n_files; i++) {
        struct file file = doubts->files[i];

        if (read_file(doubts, &file, now_ms))
            doubts->files[n++] = file;
    }
    doubts->n_files = n;
}

static void find_files(struct gp__doubts *doubts)
{
    int fd = dup(doubts->dir);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir) {
        if (fd >= 0)
            (void)close(fd); /* nothing was written */
        return;
    }
    rewinddir(dir); /* it shares the place with our descriptor */
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < NAME_MAX_LEN &&
            strcmp(entry->d_name, doubts->own_name) != 0)
            (void)file_of(doubts, entry->d_name);
    (void)closedir(dir);
}

/* A directory that did not change has no file that we do not know. */
static void look(struct gp__doubts *doubts, int64_t now_ms)
{
    struct stat st;

    if (doubts->dir < 0 || fstat(doubts->dir, &st) < 0)
        return;
    if (st.st_mtim.tv_sec != doubts->scanned.tv_sec ||
        st.st_mtim.tv_nsec != doubts->scanned.tv_nsec) {
        doubts->scanned = st.st_mtim;
        find_files(doubts);
    }
    if (doubts->n_files)
        read_files(doubts, now_ms);
}

/* ---- of those that died ---- */

static uint64_t number_at(const char *bytes)
{
    uint64_t number = 0;

    for (int i = 7; i >= 0; i--)
        number = number << 8 | (unsigned char)bytes[i];
    return number;
}

static void on_dead(void *arg, struct gp_slice fingerprint, struct gp_slice id, int64_t received_ms)
{
    struct record record;

    if (fingerprint.len != GP__FINGERPRINT_LEN || id.len == 0 || id.len > GP__DOUBT_ID_MAX)
        return;
    memset(&record, 0, sizeof record);
    record.mark.content = number_at(fingerprint.data);
    record.mark.envelope = number_at(fingerprint.data + 8);
    record.at_ms = received_ms;
    record.id_len = (uint32_t)id.len;
    memcpy(record.id, id.data, id.len);
    remember(arg, &record);
}

static void look_at_dead(struct gp__doubts *doubts, int64_t now_ms, bool closely)
{
    int64_t since_ms = now_ms - doubts->dead_ms;

    if (!doubts->dead || (!closely && since_ms >= 0 && since_ms < GP__DOUBTS_LOOK_MS))
        return;
    doubts->dead_ms = now_ms;
    gp__dead_look(doubts->dead, on_dead, doubts);
}

/* ---- ours ---- */

/* A name that no other process has had: the pid, and the time. */
static void open_own(struct gp__doubts *doubts, int64_t now_ms)
{
    if (doubts->dir < 0 || doubts->own >= 0)
        return;
    (void)snprintf(doubts->own_name, sizeof doubts->own_name, "%ld-%llx", (long)getpid(),
                   (unsigned long long)now_ms);
    doubts->own = openat(doubts->dir, doubts->own_name,
                         O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
}

static void write_down(struct gp__doubts *doubts, const struct record *record, int64_t now_ms)
{
    open_own(doubts, now_ms);
    if (doubts->own < 0 || doubts->own_records >= FILE_RECORDS_MAX)
        return;
    /* What could not be written whole is no record, and the next one would not be found. */
    if (write(doubts->own, record, sizeof *record) != (ssize_t)sizeof *record)
        doubts->own_records = FILE_RECORDS_MAX;
    else
        doubts->own_records++;
}

/* ---- the calls ---- */

static int open_dir(struct gp_slice spool)
{
    char path[4096];
    int len = snprintf(path, sizeof path, GP_FMT "/doubts", GP_ARG(spool));

    if (len < 0 || (size_t)len >= sizeof path || (mkdir(path, 0700) < 0 && errno != EEXIST))
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct gp__doubts *gp__doubts_open(struct gp_slice path)
{
    struct gp__doubts *doubts = gp__alloc(sizeof *doubts);

    doubts->own = -1;
    doubts->dir = gp_slice_present(path) ? open_dir(path) : -1;
    doubts->dead = gp_slice_present(path) ? gp__dead_open(path) : NULL;
    return doubts;
}

void gp__doubts_close(struct gp__doubts **doubts_)
{
    struct gp__doubts *doubts = *doubts_;

    *doubts_ = NULL;
    if (!doubts)
        return;
    if (doubts->own >= 0)
        (void)close(doubts->own); /* what it lost is a doubt forgotten */
    if (doubts->dir >= 0)
        (void)close(doubts->dir); /* nothing was written */
    gp__dead_close(&doubts->dead);
    gp__free(doubts->files);
    gp__free(doubts->ring);
    gp__free(doubts);
}

void gp__doubts_add(struct gp__doubts *doubts, const struct gp__doubt_mark *mark,
                    struct gp_slice id, int64_t now_ms)
{
    struct record record;

    if (id.len == 0 || id.len > GP__DOUBT_ID_MAX)
        return;
    memset(&record, 0, sizeof record);
    record.mark = *mark;
    record.at_ms = now_ms;
    record.id_len = (uint32_t)id.len;
    memcpy(record.id, id.data, id.len);
    record.crc = crc_of(&record);
    remember(doubts, &record);
    write_down(doubts, &record, now_ms);
}

static bool is_fresh(const struct record *record, int64_t now_ms)
{
    return record->at_ms + GP__DOUBT_MS > now_ms;
}

void gp__doubt_fingerprint(const struct gp__doubt_mark *mark, char out[GP__FINGERPRINT_LEN])
{
    for (int i = 0; i < 8; i++) {
        out[i] = (char)(mark->content >> (8 * i));
        out[8 + i] = (char)(mark->envelope >> (8 * i));
    }
}

bool gp__doubts_any(struct gp__doubts *doubts, int64_t now_ms, bool closely)
{
    look(doubts, now_ms);
    look_at_dead(doubts, now_ms, closely);
    for (size_t i = 0; i < doubts->count; i++)
        if (is_fresh(&doubts->ring[i], now_ms))
            return true;
    doubts->count = doubts->next = 0; /* all of it is past */
    return false;
}

struct gp_slice gp__doubts_find(struct gp__doubts *doubts, const struct gp__doubt_mark *mark,
                                int64_t now_ms)
{
    look(doubts, now_ms);
    for (size_t i = 0; i < doubts->count; i++) {
        const struct record *record = &doubts->ring[i];

        if (record->mark.content == mark->content && record->mark.envelope == mark->envelope &&
            is_fresh(record, now_ms))
            return gp_slice(record->id, record->id_len);
    }
    return gp_slice(NULL, 0);
}

// SPDX-License-Identifier: Apache-2.0
#include "core/process/scheduling.h"

#include "core/base/arena.h"
#include "core/base/pack.h"
#include "core/delivery/plan.h"
#include "core/process/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void gp__scheduling_write(struct gp__buf *out, const struct gp__settings *settings)
{
    struct gp__arena *arena;
    struct gp__buf plan = {.limit = 0}, engine = {.limit = 0};
    struct gp__plan of;

    if (!settings->spool.path.len)
        return;
    arena = gp__arena_create();
    gp__plan_of(&of, arena, settings);
    gp__plan_pack(&plan, &of);
    gp__pack_text(out, settings->spool.path);
    gp__pack_number(out, settings->spool.keep_free);
    gp__pack_number(out, settings->spool.segment);
    gp__pack_number(out, settings->spool.large);
    gp__engine_write(&engine, settings);
    gp__pack_text(out, gp__buf_slice(&engine));
    gp__pack_text(out, settings->log.to);
    gp__pack_number(out, (uint64_t)settings->log.format);
    gp__pack_number(out, (uint64_t)settings->log.level);
    gp__pack_text(out, gp__buf_slice(&plan));
    gp__buf_free(&engine);
    gp__buf_free(&plan);
    gp__arena_free(&arena);
}

static struct gp_slice take_path(struct gp__unpack *in, struct gp__arena *arena)
{
    struct gp_slice path = gp__unpack_text(in);

    in->bad |= path.len == 0 || path.len >= PATH_MAX_BYTES || gp_slice_find(path, '\0') < path.len;
    return in->bad ? GP_S("") : gp__arena_dup(arena, path);
}

int gp__scheduling_read(struct gp__scheduling *scheduling, struct gp__arena *arena,
                        struct gp_slice bytes)
{
    struct gp__unpack in = {.rest = bytes};

    *scheduling = (struct gp__scheduling){.spool.path = take_path(&in, arena)};
    scheduling->spool.keep_free = gp__unpack_number(&in);
    scheduling->spool.segment = gp__unpack_number(&in);
    scheduling->spool.large = gp__unpack_number(&in);
    scheduling->engine = gp__unpack_text(&in);
    scheduling->log_to = take_path(&in, arena);
    scheduling->log_format = gp__unpack_upto(&in, GP__LOG_JSON);
    scheduling->log_level = gp__unpack_upto(&in, GP_LOG_DEBUG);
    scheduling->plan = gp__unpack_text(&in);
    return gp__unpack_ended(&in) ? 0 : -1;
}

/* ---- in memory ---- */

static int fill(int fd, struct gp_slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.data, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes = gp_slice_sub(bytes, (size_t)n, bytes.len);
    }
    return fcntl(fd, F_ADD_SEALS, SEALS);
}

int gp__scheduling_memory(struct gp_slice bytes)
{
    int fd = memfd_create("gatepost-scheduling", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int error;

    if (fd < 0 || fill(fd, bytes) == 0)
        return fd;
    error = errno;
    (void)close(fd); /* it is of no use */
    errno = error;
    return -1;
}

int gp__scheduling_take(int fd, struct gp__buf *bytes_r)
{
    struct stat st;
    size_t done = 0;

    if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size <= 0 ||
        (uint64_t)st.st_size > GP__SCHEDULING_MAX)
        return -1;
    while (done < (size_t)st.st_size) {
        size_t room;
        char *place = gp__buf_room(bytes_r, (size_t)st.st_size - done, &room);
        ssize_t n = place ? pread(fd, place, (size_t)st.st_size - done, (off_t)done) : -1;

        if (n <= 0)
            return -1;
        gp__buf_added(bytes_r, (size_t)n);
        done += (size_t)n;
    }
    return 0;
}

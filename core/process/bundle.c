// SPDX-License-Identifier: Apache-2.0
#include "core/process/bundle.h"

#include "core/base/alloc.h"
#include "core/base/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x31646e7562706721ull /* also tells another byte order */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define MATCHES_MAX 100000

enum kind {
    KIND_READ = 1,
    KIND_FAILED,
    KIND_MATCHED,
};

/* ---- writing ---- */

static void entry(struct gp__buf *out, enum kind kind, const char *name, struct gp_slice bytes)
{
    gp__pack_number(out, kind);
    gp__pack_text(out, gp_slice_of(name));
    gp__pack_text(out, bytes);
}

static int write_read(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                      size_t error_size)
{
    struct gp__bundle_writer *writer = arg;
    size_t before = out->len;
    int result = writer->below->read(writer->below->arg, path, max, out, error, error_size);

    if (result == 0)
        entry(&writer->entries, KIND_READ, path,
              gp_slice_sub(gp__buf_slice(out), before, out->len - before));
    else
        entry(&writer->entries, KIND_FAILED, path, gp_slice_of(error));
    return result;
}

struct matching {
    void (*found)(void *found_arg, const char *path);
    void *found_arg;
    struct gp__buf paths;
};

static void write_match(void *arg, const char *path)
{
    struct matching *matching = arg;

    gp__pack_text(&matching->paths, gp_slice_of(path));
    matching->found(matching->found_arg, path);
}

static int write_glob(void *arg, const char *pattern,
                      void (*found)(void *found_arg, const char *path), void *found_arg)
{
    struct gp__bundle_writer *writer = arg;
    struct matching matching = {.found = found, .found_arg = found_arg};
    int result = writer->below->glob(writer->below->arg, pattern, write_match, &matching);

    if (result == 0)
        entry(&writer->entries, KIND_MATCHED, pattern, gp__buf_slice(&matching.paths));
    gp__buf_free(&matching.paths);
    return result;
}

static void write_texts_read(void *arg)
{
    struct gp__bundle_writer *writer = arg;

    if (writer->below->texts_read)
        writer->below->texts_read(writer->below->arg);
}

static const char *write_env(void *arg, const char *name)
{
    struct gp__bundle_writer *writer = arg;

    return writer->below->env(writer->below->arg, name);
}

void gp__bundle_begin(struct gp__bundle_writer *writer)
{
    writer->files = (struct gp__config_files){
        .read = write_read,
        .glob = write_glob,
        .env = write_env,
        .texts_read = write_texts_read,
        .directory = writer->below->directory,
        .arg = writer,
    };
    writer->entries = (struct gp__buf){.limit = GP__BUNDLE_MAX};
}

static int write_all(int fd, struct gp_slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.data, bytes.len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            bytes = gp_slice_sub(bytes, (size_t)n, bytes.len);
    }
    return 0;
}

int gp__bundle_seal(struct gp__bundle_writer *writer, struct gp_slice manifest)
{
    struct gp__buf head = {.limit = 0};
    int fd = memfd_create("gatepost-configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int failed;

    gp__pack_number(&head, MAGIC);
    gp__pack_text(&head, manifest);
    gp__pack_text(&head, gp_slice_of(writer->files.directory));
    gp__pack_number(&head, writer->entries.len);
    failed = fd < 0 || write_all(fd, gp__buf_slice(&head)) < 0 ||
             write_all(fd, gp__buf_slice(&writer->entries)) < 0 ||
             fcntl(fd, F_ADD_SEALS, SEALS) < 0;
    gp__buf_free(&head);
    if (writer->entries.data)
        explicit_bzero(writer->entries.data, writer->entries.cap);
    gp__buf_free(&writer->entries);
    if (failed && fd >= 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
    }
    return failed ? -1 : fd;
}

/* ---- reading ---- */

static int read_file(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                     size_t error_size)
{
    const struct gp__bundle *bundle = arg;
    const struct gp_slice *bytes = gp__map_get(&bundle->read, gp_slice_of(path));
    const struct gp_slice *text = gp__map_get(&bundle->failed, gp_slice_of(path));

    if (bytes && bytes->len <= max && gp__buf_append(out, *bytes) == 0)
        return 0;
    if (bytes)
        snprintf(error, error_size, "larger than %zu bytes", max);
    else if (text)
        snprintf(error, error_size, GP_FMT, GP_ARG(*text));
    else
        snprintf(error, error_size, "was not read when the configuration was loaded");
    return -1;
}

static int read_glob(void *arg, const char *pattern,
                     void (*found)(void *found_arg, const char *path), void *found_arg)
{
    const struct gp__bundle *bundle = arg;
    const struct gp_slice *paths = gp__map_get(&bundle->matched, gp_slice_of(pattern));
    struct gp__unpack in = {.rest = paths ? *paths : GP_S("")};

    for (size_t i = 0; in.rest.len && !in.bad && i < MATCHES_MAX; i++) {
        struct gp_slice path = gp__unpack_text(&in);
        char name[4096];

        if (in.bad || path.len >= sizeof name)
            return -1;
        memcpy(name, path.data, path.len);
        name[path.len] = '\0';
        found(found_arg, name);
    }
    return paths && !in.bad ? 0 : -1;
}

static const char *read_env(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

static int map_memory(struct gp__bundle *bundle, int fd, const char **error_r)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;
    void *at;

    *error_r = "it is not sealed";
    if (seals < 0 || (seals & SEALS) != SEALS)
        return -1;
    *error_r = "its size is wrong";
    if (fstat(fd, &st) < 0 || st.st_size <= 0 || (size_t)st.st_size > 2 * GP__BUNDLE_MAX)
        return -1;
    at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    *error_r = "it cannot be mapped";
    if (at == MAP_FAILED)
        return -1;
    bundle->bytes = gp_slice(at, (size_t)st.st_size);
    return 0;
}

static int open_head(struct gp__bundle *bundle, int fd, struct gp__unpack *in, const char **error_r)
{
    struct gp_slice directory;

    *bundle = (struct gp__bundle){.directory = NULL};
    if (map_memory(bundle, fd, error_r) < 0)
        return -1;
    in->rest = bundle->bytes;
    in->bad = gp__unpack_number(in) != MAGIC;
    bundle->manifest = gp__unpack_text(in);
    directory = gp__unpack_text(in);
    in->bad |= gp__unpack_number(in) != in->rest.len;
    *error_r = "it is not a configuration of this version";
    if (in->bad) {
        gp__bundle_close(bundle);
        return -1;
    }
    bundle->directory = gp__alloc(directory.len + 1);
    memcpy(bundle->directory, directory.data, directory.len);
    return 0;
}

int gp__bundle_open_manifest(struct gp__bundle *bundle, int fd, const char **error_r)
{
    struct gp__unpack in = {.bad = false};

    return open_head(bundle, fd, &in, error_r);
}

/* 0, or -1 at the end or after nonsense. */
static int take_entry(struct gp__bundle *bundle, struct gp__unpack *in)
{
    struct gp__map *maps[] = {[KIND_READ] = &bundle->read,
                              [KIND_FAILED] = &bundle->failed,
                              [KIND_MATCHED] = &bundle->matched};
    size_t kind = (size_t)gp__unpack_upto(in, KIND_MATCHED);
    struct gp_slice name = gp__unpack_text(in), bytes = gp__unpack_text(in), *copy;

    in->bad |= kind == 0;
    if (in->bad)
        return -1;
    if (gp__map_find(maps[kind], name))
        return 0; /* read twice: the first is what the loader's first answer was */
    copy = gp__alloc(sizeof *copy);
    *copy = bytes;
    gp__map_set(maps[kind], name, copy);
    return 0;
}

int gp__bundle_open(struct gp__bundle *bundle, int fd, const char **error_r)
{
    struct gp__unpack in = {.bad = false};

    if (open_head(bundle, fd, &in, error_r) < 0)
        return -1;
    while (in.rest.len && take_entry(bundle, &in) == 0)
        continue;
    if (!gp__unpack_ended(&in)) {
        *error_r = "it is damaged";
        gp__bundle_close(bundle);
        return -1;
    }
    bundle->files = (struct gp__config_files){
        .read = read_file,
        .glob = read_glob,
        .env = read_env,
        .directory = bundle->directory,
        .arg = bundle,
    };
    return 0;
}

static void free_map(struct gp__map *map)
{
    for (size_t i = 0; i < map->count; i++)
        gp__free(map->entries[i].value);
    gp__map_free(map);
}

void gp__bundle_close(struct gp__bundle *bundle)
{
    free_map(&bundle->read);
    free_map(&bundle->failed);
    free_map(&bundle->matched);
    GP__FREE(bundle->directory);
    if (bundle->bytes.len)
        (void)munmap((void *)(uintptr_t)bundle->bytes.data, bundle->bytes.len);
    bundle->bytes = gp_slice(NULL, 0);
}

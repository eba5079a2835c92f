// SPDX-License-Identifier: Apache-2.0
/*
 * The loader: a process with few rights that reads the configuration, loads the plugins it names and
 * checks everything. It opens nothing of it by itself: the master does, and passes descriptors. What
 * it leaves is a bundle. And before that the peek, which only asks whether there are to be processes.
 */
#include "core/config/peek.h"
#include "core/message/charset.h"
#include "core/process/bundle.h"
#include "core/process/channel.h"
#include "core/process/config_host.h"
#include "core/process/identity.h"
#include "core/process/manifest.h"
#include "core/process/messages.h"
#include "core/base/pack.h"
#include "core/process/roles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIAGNOSTICS_MAX ((size_t)48 << 10)

struct loader {
    int channel;
    bool texts_read; /* what is opened now changes by itself */
    char directory[4096];
    struct gp__config_files files; /* through the master */
    struct gp__buf place;
};

/* ---- files through the master ---- */

/* Sends a question and waits for its answer. 0, or -1: the master is gone. */
static int ask(struct loader *loader, enum gp__message_type type, const struct gp__buf *body,
               struct gp__message *answer_r)
{
    struct gp__message question = {.type = type, .body = gp__buf_slice(body)};

    if (gp__message_put(loader->channel, &question) == 0 &&
        gp__message_get(loader->channel, &loader->place, answer_r) == 1)
        return 0;
    errno = EPIPE;
    return -1;
}

static int read_all(int fd, size_t max, struct gp__buf *out)
{
    size_t total = 0, room;

    for (;;) {
        char *place = gp__buf_room(out, 4096, &room);
        ssize_t n = place ? read(fd, place, room) : -1;

        if (!place)
            errno = ENOMEM;
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        gp__buf_added(out, (size_t)n);
        total += (size_t)n;
        if (total > max) {
            errno = EFBIG;
            return -1;
        }
    }
}

static int open_file(struct loader *loader, const char *path)
{
    struct gp__message answer;
    struct gp__buf body = {.limit = 0};
    struct gp__unpack in;
    int result, error;

    gp__pack_number(&body, loader->texts_read);
    gp__pack_text(&body, gp_slice_of(path));
    result = ask(loader, GP__MSG_OPEN, &body, &answer);
    gp__buf_free(&body);
    if (result < 0)
        return -1;
    in = (struct gp__unpack){.rest = answer.body};
    error = (int)gp__unpack_upto(&in, 4096);
    if (answer.type == GP__MSG_OPENED && !error && answer.n_fds == 1)
        return answer.fds[0];
    gp__message_close_fds(&answer);
    errno = error ? error : EPROTO;
    return -1;
}

static int loader_read(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                       size_t error_size)
{
    int fd = open_file(arg, path);
    int result = fd < 0 ? -1 : read_all(fd, max, out);

    if (result < 0 && errno == EFBIG)
        snprintf(error, error_size, "larger than %zu bytes", max);
    else if (result < 0 && errno == ENOTSUP)
        snprintf(error, error_size, "not a regular file");
    else if (result < 0)
        snprintf(error, error_size, "%s", strerror(errno));
    if (fd >= 0)
        (void)close(fd); /* it was only read */
    return result;
}

static int loader_glob(void *arg, const char *pattern,
                       void (*found)(void *found_arg, const char *path), void *found_arg)
{
    struct loader *loader = arg;
    struct gp__message answer;
    struct gp__buf body = {.limit = 0}, paths = {.limit = 0};
    struct gp__unpack in;
    int result;

    gp__pack_text(&body, gp_slice_of(pattern));
    result = ask(loader, GP__MSG_GLOB, &body, &answer);
    gp__buf_free(&body);
    if (result < 0)
        return -1;
    gp__message_close_fds(&answer);
    /* found() reads files, which needs the place of the answer. */
    gp__buf_append(&paths, answer.body);
    in = (struct gp__unpack){.rest = gp__buf_slice(&paths)};
    in.bad = answer.type != GP__MSG_GLOBBED || gp__unpack_number(&in) != 0;
    while (in.rest.len && !in.bad) {
        struct gp_slice path = gp__unpack_text(&in);
        char name[4096];

        in.bad |= path.len >= sizeof name;
        if (in.bad)
            break;
        snprintf(name, sizeof name, GP_FMT, GP_ARG(path));
        found(found_arg, name);
    }
    gp__buf_free(&paths);
    return in.bad ? -1 : 0;
}

static const char *loader_env(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

static void loader_texts_read(void *arg)
{
    struct loader *loader = arg;

    loader->texts_read = true;
}

/* ---- the whole ---- */

/* The first message: which configuration. 0, or -1. */
static int begin(struct loader *loader, int channel, char path[4096])
{
    struct gp__message load;
    struct gp__unpack in;
    struct gp_slice name;

    loader->channel = channel;
    if (gp__message_get(channel, &loader->place, &load) != 1 || load.type != GP__MSG_LOAD)
        return -1;
    gp__message_close_fds(&load);
    in = (struct gp__unpack){.rest = load.body};
    if (gp__unpack_number(&in) != GP__PROTOCOL_VERSION) {
        fprintf(stderr, "gatepost: the program was replaced while it ran: restart it\n");
        return -1;
    }
    name = gp__unpack_text(&in);
    if (in.bad || name.len >= 4096 || !getcwd(loader->directory, sizeof loader->directory))
        return -1;
    snprintf(path, 4096, GP_FMT, GP_ARG(name));
    loader->files = (struct gp__config_files){
        .read = loader_read,
        .glob = loader_glob,
        .env = loader_env,
        .texts_read = loader_texts_read,
        .directory = strcmp(loader->directory, "/") == 0 ? "" : loader->directory,
        .arg = loader,
    };
    return 0;
}

static int finish(struct loader *loader, bool usable, bool processes, struct gp__diag *diag,
                  int bundle)
{
    struct gp__message loaded = {.type = GP__MSG_LOADED};
    struct gp__buf body = {.limit = 0}, text = {.limit = 0};
    int result;

    if (diag && (!usable || gp__diag_count(diag, GP__WARNING)))
        gp__diag_print(diag, GP__DIAG_TEXT, &text);
    gp__pack_number(&body, usable);
    gp__pack_number(&body, processes);
    gp__pack_text(&body, gp_slice_sub(gp__buf_slice(&text), 0, DIAGNOSTICS_MAX));
    loaded.body = gp__buf_slice(&body);
    if (bundle >= 0)
        loaded.fds[loaded.n_fds++] = bundle;
    result = gp__message_put(loader->channel, &loaded);
    gp__buf_free(&text);
    gp__buf_free(&body);
    return result < 0 ? 1 : 0;
}

static int seal(struct gp__bundle_writer *writer, const struct gp__settings *settings)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__buf bytes = {.limit = 0};
    struct gp__manifest manifest;
    int fd;

    gp__manifest_of(&manifest, arena, settings);
    gp__manifest_write(&manifest, &bytes);
    fd = gp__bundle_seal(writer, gp__buf_slice(&bytes));
    if (fd < 0)
        fprintf(stderr, "gatepost: memory for the configuration: %s\n", strerror(errno));
    gp__buf_free(&bytes);
    gp__arena_free(&arena);
    return fd;
}

int gp__loader_main(int channel)
{
    struct loader loader = {.channel = channel};
    struct gp__bundle_writer writer = {.below = &loader.files};
    struct gp__config_source source = {.may_create = true};
    struct gp__diag *diag;
    struct gp__settings *settings;
    char path[4096];
    int bundle = -1, code;

    gp__charset_preload();
    if (begin(&loader, channel, path) < 0)
        return 1;
    gp__bundle_begin(&writer);
    if (gp__config_source_with(&source, &writer.files) < 0)
        return 1;
    diag = gp__diag_create();
    settings = gp__config_load(&source, path, diag);
    if (settings)
        gp__config_places(settings, diag);
    if (gp__diag_count(diag, GP__ERROR) == 0)
        bundle = seal(&writer, settings);
    code = finish(&loader, bundle >= 0, true, diag, bundle);
    gp__settings_free(&settings);
    gp__diag_free(&diag);
    gp__config_source_done(&source);
    gp__buf_free(&writer.entries);
    gp__buf_free(&loader.place);
    return code;
}

int gp__peek_main(int channel)
{
    struct loader loader = {.channel = channel};
    struct gp__arena *arena = gp__arena_create();
    struct gp__identity identity;
    struct gp__peek peek;
    char path[4096];
    int code = 1;

    gp__identity_for_loading(&identity);
    /* Without rights, but after it was executed: it may lie where others cannot reach it. */
    if (begin(&loader, channel, path) == 0 &&
        (geteuid() != 0 || gp__identity_take(&identity) == 0)) {
        bool readable = gp__peek(path, &loader.files, arena, &peek) == 0;

        code = finish(&loader, readable, peek.processes, NULL, -1);
    }
    gp__buf_free(&loader.place);
    gp__arena_free(&arena);
    return code;
}

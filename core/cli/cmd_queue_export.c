// SPDX-License-Identifier: Apache-2.0
/* gatepost queue export: what matches, out of the spool into files. The server says what and where;
 * the content is read from the spool beside it. */
#include "core/base/arena.h"
#include "core/cli/command.h"
#include "core/cli/queue.h"
#include "core/process/engine.h"
#include "core/runtime/live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct job {
    const struct gp__queue_options *options;
    struct gp__spool *spool;
    int directory;
    uint64_t written;
    bool failed;
};

static void complain(struct job *job, const char *what, const char *why)
{
    fprintf(stderr, "gatepost queue export: %s: %s\n", what, why);
    job->failed = true;
}

/* A file that is there already is not replaced. */
static FILE *create(struct job *job, const char *id, const char *end)
{
    char name[128];
    int fd;
    FILE *file;

    snprintf(name, sizeof name, "%s%s", id, end);
    fd = openat(job->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        complain(job, name, strerror(errno));
    return file;
}

static void finish(struct job *job, FILE *file, const char *id)
{
    bool failed = ferror(file);

    if (fclose(file) != 0 || failed)
        complain(job, id, "it could not be written");
}

static void write_content(struct job *job, const struct gp__entry *entry, const char *id)
{
    const struct gp__entry_copy *copy = &entry->copies[0];
    FILE *file = create(job, id, ".eml");

    if (!file)
        return;
    for (size_t i = 0; i < copy->n_pieces; i++) {
        const struct gp__entry_piece *piece = &copy->pieces[i];
        struct gp_slice bytes = gp_slice_present(piece->bytes)
                                    ? piece->bytes
                                    : gp_slice_sub(entry->base, piece->offset, piece->len);

        (void)fwrite(bytes.data, 1, bytes.len, file); /* finish() looks */
    }
    finish(job, file, id);
    job->written++;
}

static void write_envelope(struct job *job, const json_t *message, const char *id)
{
    FILE *file = create(job, id, ".json");

    if (!file)
        return;
    (void)json_dumpf(message, file, JSON_INDENT(2)); /* finish() looks */
    (void)fputc('\n', file);
    finish(job, file, id);
}

/* The id is a file name: the spool takes no other, but it came from the server. */
static void export_one(struct job *job, const json_t *message)
{
    const char *id = gp__ask_text(message, "message");
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    unsigned long long segment = 0;
    unsigned offset = 0;
    struct gp__place place;
    int error;

    (void)sscanf(gp__ask_text(message, "place"), "%llx:%x", &segment, &offset); /* or 0 */
    place = (struct gp__place){.segment = segment, .offset = offset};
    error = gp__spool_read(job->spool, place, arena, &entry);
    if (error || !gp__entry_id_fits(gp_slice_of(id)) || entry.n_copies == 0) {
        complain(job, id, error ? gp_strerror(error) : "not a message");
    } else {
        write_content(job, &entry, id);
        write_envelope(job, message, id);
    }
    gp__arena_free(&arena);
}

static bool export_page(void *arg, const json_t *page)
{
    struct job *job = arg;
    const json_t *list = json_object_get(page, "list"), *one;
    size_t i;

    json_array_foreach(list, i, one) export_one(job, one);
    return true;
}

static int run(const struct gp__queue_options *options, const struct gp__settings *settings)
{
    struct job job = {.options = options, .directory = -1};
    struct gp__spool_settings spool;
    struct gp__runtime *rt = gp__live_create(NULL, NULL);
    struct gp__engine engine = {.plugin.instance = NULL};
    struct gp__buf error = {.limit = 0};

    if (gp__command_folder(options->into) == 0)
        job.directory = open(options->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (job.directory < 0)
        complain(&job, options->into, strerror(errno));
    if (rt && gp__engine_open(&engine, &settings->spool, rt, &error) == 0) {
        spool = gp__engine_spool(&engine, &settings->spool);
        job.spool = gp__spool_open(rt, &spool, GP__SPOOL_READ, &error);
    }
    if (!job.spool) {
        fprintf(stderr, "gatepost queue export: " GP_FMT "\n", GP_ARG(gp__buf_slice(&error)));
        job.failed = true;
    }
    if (!job.failed && gp__queue_pages(options, "show", export_page, &job) < 0)
        job.failed = true;
    printf("%llu exported\n", (unsigned long long)job.written);
    gp__spool_close(&job.spool);
    gp__engine_close(&engine);
    if (rt)
        gp__live_free(&rt);
    if (job.directory >= 0)
        (void)close(job.directory); /* nothing was written to it itself */
    gp__buf_free(&error);
    return job.failed ? GP__EXIT_FAILED : GP__EXIT_OK;
}

static int load_and_run(const struct gp__queue_options *options)
{
    struct gp__config_source source = {0};
    struct gp__settings *settings;
    int code = GP__EXIT_FAILED;

    if (!options->into || (options->filter.len == 0 && options->n_messages == 0))
        return gp__command_usage("--into DIRECTORY, and which mail: a message, a filter, or --all");
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    settings = gp__command_load(&source, options->ask.config, GP__ERROR);
    if (settings && settings->spool.path.len)
        code = run(options, settings);
    else if (settings)
        fprintf(stderr, "gatepost queue export: %s has no `spool:`\n", options->ask.config);
    gp__settings_free(&settings);
    gp__config_source_done(&source);
    return code;
}

int gp__cmd_queue_export(int argc, char **argv)
{
    struct gp__queue_options options;
    int code = GP__EXIT_OK;

    if (gp__queue_read_options(&options, argc, argv, GP__TAKES_MAIL | GP__TAKES_INTO, &code) == 0)
        code = load_and_run(&options);
    gp__queue_options_free(&options);
    return code;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The spool's files, without asking a server: what is in them, whether it is as it was written, and
 * out of them and in again. All but import only read, so they may run beside a server; import is a
 * writer like a worker, and first becomes the user to whom the spool belongs.
 */
#include "core/base/alloc.h"
#include "core/base/date.h"
#include "core/base/map.h"
#include "core/cli/command.h"
#include "core/process/engine.h"
#include "core/runtime/live.h"
#include "core/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)
#define ALL_AT_ONCE 10000 /* entries looked at in a row */

/* A command that is running. */
struct job {
    const char *name, *path, *to, *copy;
    bool json, message;
    char **ids;
    size_t n_ids;

    struct gp__runtime *rt;
    struct gp__spool *spool;
    struct gp__arena *arena; /* of the section */
    struct gp__config_source source;
    struct gp__settings *loaded; /* NULL: --path says it */
    struct gp__spool_section section;
    struct gp__engine engine;
    struct gp__spool_settings settings;
    struct gp__map seen; /* ids */
    bool failed;
    size_t count;
};

static void complain(struct job *job, const char *format, ...) GP_PRINTF(2, 3);

static void complain(struct job *job, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "gatepost %s: ", job->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    job->failed = true;
}

/* ---- which spool ---- */

/* Of the configuration all is needed where its engine is a plugin; --path is the log there. */
static int settings_from_config(struct job *job, const char *config)
{
    if (gp__config_source_init(&job->source) < 0)
        return -1;
    job->loaded = gp__command_load(&job->source, config, GP__ERROR);
    if (job->loaded && !gp_slice_present(job->loaded->spool.path))
        complain(job, "%s has no `spool:`; --path says where one is", config);
    return job->loaded && gp_slice_present(job->loaded->spool.path) ? 0 : -1;
}

static void find_section(struct job *job, struct gp__spool_section *section_r)
{
    *section_r = (struct gp__spool_section){.path = gp_slice(NULL, 0)};
    if (job->loaded)
        *section_r = job->loaded->spool;
    else
        section_r->path = gp__arena_dup(job->arena, gp_slice_of(job->path));
    section_r->keep_free = 0; /* of a server */
}

/* With the rights of its owner: what an engine makes when it is opened is the server's, too. */
static int open_engine(struct job *job, struct gp__buf *error)
{
    struct stat st;
    bool root = job->section.engine && geteuid() == 0 && stat(job->section.path.data, &st) == 0;
    int done;

    if (root && (setegid(st.st_gid) < 0 || seteuid(st.st_uid) < 0)) {
        gp__buf_printf(error, GP_FMT ": %s", GP_ARG(job->section.path), strerror(errno));
        return -1;
    }
    done = gp__engine_open(&job->engine, &job->section, job->rt, error);
    if (root && (seteuid(0) < 0 || setegid(0) < 0)) {
        gp__buf_printf(error, "back to root: %s", strerror(errno));
        return -1;
    }
    return done;
}

/* What only reads makes no engine: the folder must be there. */
static int find_spool(struct job *job, const char *config, bool reads)
{
    struct gp__buf error = {.limit = 0};
    int done;

    if (!job->path && settings_from_config(job, config) < 0)
        return -1;
    find_section(job, &job->section);
    if (job->section.engine && reads && access(job->section.path.data, F_OK) < 0) {
        complain(job, GP_FMT ": %s", GP_ARG(job->section.path), strerror(errno));
        return -1;
    }
    done = open_engine(job, &error);
    if (done < 0)
        complain(job, GP_FMT, GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
    job->settings = gp__engine_spool(&job->engine, &job->section);
    return done;
}

static int open_spool(struct job *job)
{
    struct gp__buf error = {.limit = 0};

    job->spool = gp__spool_open(job->rt, &job->settings, GP__SPOOL_READ, &error);
    if (!job->spool)
        complain(job, GP_FMT, GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
    return job->spool ? 0 : -1;
}

static bool is_named(const struct job *job, struct gp_slice id)
{
    for (size_t i = 0; i < job->n_ids; i++) {
        if (gp_slice_eq(gp_slice_of(job->ids[i]), id))
            return true;
    }
    return job->n_ids == 0;
}

/* Whether the command line names this one, for the first time: one that was moved stands in two
 * places for a while. */
static bool wanted(struct job *job, struct gp_slice id)
{
    if (!is_named(job, id) || gp__map_find(&job->seen, id))
        return false;
    gp__map_set(&job->seen, gp__arena_dup(job->arena, id), job);
    return true;
}

/* Calls each() for all entries. */
static void for_each(struct job *job,
                     void (*each)(void *arg, struct gp__place place, const struct gp__entry *entry))
{
    int more;

    do
        more = gp__spool_tail(job->spool, ALL_AT_ONCE, each, job);
    while (more > 0);
    if (more < 0)
        complain(job, GP_FMT ": %s", GP_ARG(job->settings.path), gp_strerror(more));
    if (job->n_ids > 0 && job->count == 0 && !job->failed)
        complain(job, "none of these is in the spool");
}

/* ---- verify ---- */

static void tell_problem(void *arg, const char *path, uint64_t offset, const char *what)
{
    (void)arg;
    printf("%s: at %llu: %s\n", path, (unsigned long long)offset, what);
}

static void verify(struct job *job)
{
    struct gp__spool_sums sums;
    int error = gp__spool_verify(job->spool, tell_problem, job, &sums);

    if (error) {
        complain(job, GP_FMT ": %s", GP_ARG(job->settings.path), gp_strerror(error));
        return;
    }
    printf("%llu segments, %llu entries with %llu bytes of messages, %llu records of the journal\n",
           (unsigned long long)sums.segments, (unsigned long long)sums.entries,
           (unsigned long long)sums.bytes, (unsigned long long)sums.journal_records);
    if (sums.torn)
        printf("%llu bytes were being written when something stopped; nobody was promised them\n",
               (unsigned long long)sums.torn);
    printf("%llu problems\n", (unsigned long long)sums.problems);
    job->failed = sums.problems > 0;
}

/* ---- list ---- */

static void list_json(const struct gp__entry *entry, struct gp__place place, struct gp_slice sender)
{
    struct gp__buf line = {.limit = 0};

    gp__buf_append(&line, GP_S("{\"id\":"));
    gp__json_string(&line, entry->id);
    gp__buf_printf(&line,
                   ",\"received_ms\":%lld,\"size\":%llu,\"recipients\":%zu,\"segment\":%llu,"
                   "\"offset\":%lu,\"sender\":",
                   (long long)entry->received_ms, (unsigned long long)entry->base_size,
                   entry->n_recipients, (unsigned long long)place.segment,
                   (unsigned long)place.offset);
    gp__json_string(&line, sender);
    gp__buf_append(&line, GP_S("}\n"));
    fwrite(gp__buf_slice(&line).data, 1, line.len, stdout);
    gp__buf_free(&line);
}

/* What a peer gave may hold anything: for a terminal it is written as JSON has it. */
static void list_text(const struct gp__entry *entry, struct gp_slice sender)
{
    struct gp__buf from = {.limit = 0};
    char date[48];
    struct gp_slice when = gp__date_rfc5322((time_t)(entry->received_ms / 1000), date);

    gp__json_string(&from, sender);
    printf(GP_FMT "  " GP_FMT "  %10llu  %4zu  " GP_FMT "\n", GP_ARG(entry->id), GP_ARG(when),
           (unsigned long long)entry->base_size, entry->n_recipients, GP_ARG(gp__buf_slice(&from)));
    gp__buf_free(&from);
}

static void list_one(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    struct job *job = arg;
    struct gp_slice sender = entry->n_copies ? entry->copies[0].sender : GP_S("");

    if (!wanted(job, entry->id))
        return;
    job->count++;
    if (job->json)
        list_json(entry, place, sender);
    else
        list_text(entry, sender);
}

static void list(struct job *job)
{
    for_each(job, list_one);
}

/* ---- show ---- */

static void put(struct gp_slice bytes)
{
    fwrite(bytes.data, 1, bytes.len, stdout);
}

static void show_copy(struct job *job, const struct gp__entry *entry)
{
    for (size_t i = 0; i < entry->n_copies; i++) {
        const struct gp__entry_copy *copy = &entry->copies[i];

        if (!gp_slice_eq(copy->id, gp_slice_of(job->copy)))
            continue;
        for (size_t k = 0; k < copy->n_pieces; k++) {
            const struct gp__entry_piece *piece = &copy->pieces[k];

            put(gp_slice_present(piece->bytes)
                    ? piece->bytes
                    : gp_slice_sub(entry->base, (size_t)piece->offset, (size_t)piece->len));
        }
        return;
    }
    complain(job, GP_FMT " has no copy \"%s\"", GP_ARG(entry->id), job->copy);
}

/* With its content; what is wrong with it is said. */
static int read_whole(struct job *job, struct gp__place place, const struct gp__entry *head,
                      struct gp__arena *arena, struct gp__entry *entry)
{
    int error = gp__spool_read(job->spool, place, arena, entry);

    if (error == GP_EIO)
        complain(job, GP_FMT ": its content is damaged; gatepost spool verify says where",
                 GP_ARG(head->id));
    else if (error)
        complain(job, GP_FMT ": %s", GP_ARG(head->id), gp_strerror(error));
    return error;
}

static void show_entry(struct job *job, const struct gp__entry *entry)
{
    struct gp__buf json = {.limit = 0};

    if (job->copy) {
        show_copy(job, entry);
    } else if (job->message) {
        put(entry->base);
    } else {
        (void)gp__entry_json_write(entry, &json); /* it was read from such fields */
        put(gp__buf_slice(&json));
    }
    gp__buf_free(&json);
}

static void show_one(void *arg, struct gp__place place, const struct gp__entry *head)
{
    struct job *job = arg;
    struct gp__arena *arena;
    struct gp__entry entry;

    if (job->count > 0 || !wanted(job, head->id))
        return;
    job->count++;
    arena = gp__arena_create();
    if (read_whole(job, place, head, arena, &entry) == 0)
        show_entry(job, &entry);
    else if (!job->copy && !job->message)
        show_entry(job, head); /* whose it is can be read */
    gp__arena_free(&arena);
}

static void show(struct job *job)
{
    for_each(job, show_one);
}

/* ---- export ---- */

/* Never over a file that is there. */
static int write_new(struct job *job, struct gp_slice id, const char *ending, struct gp_slice bytes)
{
    char path[PATH_MAX];
    FILE *file;
    int fd;

    if (snprintf(path, sizeof path, "%s/" GP_FMT "%s", job->to, GP_ARG(id), ending) >= PATH_MAX)
        return -1;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file && fwrite(bytes.data, 1, bytes.len, file) == bytes.len && fflush(file) == 0 &&
        fsync(fd) == 0)
        return fclose(file);
    complain(job, "%s: %s", path, strerror(errno));
    if (file)
        fclose(file);
    return -1;
}

static void export_one(void *arg, struct gp__place place, const struct gp__entry *head)
{
    struct job *job = arg;
    struct gp__arena *arena;
    struct gp__buf json = {.limit = 0};
    struct gp__entry entry;

    if (!wanted(job, head->id))
        return;
    arena = gp__arena_create();
    if (read_whole(job, place, head, arena, &entry) == 0 &&
        gp__entry_json_write(&entry, &json) == 0 &&
        write_new(job, entry.id, ".eml", entry.base) == 0 &&
        write_new(job, entry.id, ".json", gp__buf_slice(&json)) == 0)
        job->count++;
    gp__buf_free(&json);
    gp__arena_free(&arena);
}

static void export(struct job *job)
{
    if (gp__command_folder(job->to) < 0) {
        complain(job, "%s: %s", job->to, strerror(errno));
        return;
    }
    for_each(job, export_one);
    printf("%zu exported\n", job->count);
}

/* ---- import ---- */

static int read_file(struct job *job, const char *path, struct gp__buf *bytes)
{
    FILE *file = fopen(path, "rb");
    size_t room, n = 1;
    char *to;

    bytes->limit = FILE_MAX;
    while (file && n > 0 && (to = gp__buf_room(bytes, 65536, &room))) {
        n = fread(to, 1, room, file);
        gp__buf_added(bytes, n);
    }
    if (!file || n > 0 || ferror(file)) {
        complain(job, "%s: %s", path, file && !ferror(file) ? "too large" : strerror(errno));
        n = 1;
    }
    if (file)
        fclose(file);
    return n == 0 ? 0 : -1;
}

/* Files that a server can't read would be no mail in a spool. */
static int become_owner(struct job *job)
{
    struct stat st;

    if (stat(job->section.path.data, &st) < 0) {
        if (errno == ENOENT)
            return 0; /* it is made, and ours */
        complain(job, GP_FMT ": %s", GP_ARG(job->section.path), strerror(errno));
        return -1;
    }
    if (geteuid() == st.st_uid)
        return 0;
    if (geteuid() == 0 && setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 &&
        setuid(st.st_uid) == 0)
        return 0;
    complain(job, "the spool belongs to user %lu: run this as that user, or as root",
             (unsigned long)st.st_uid);
    return -1;
}

struct importing {
    struct job *job;
    struct gp__spool_writer *writer;
    struct gp__arena *arena;
    struct gp__entry *entries;
    struct gp__buf *bases;
    size_t waiting;
};

static void on_imported(void *arg, int error, const struct gp__place *places)
{
    struct importing *importing = arg;

    (void)places;
    importing->waiting--;
    if (error)
        complain(importing->job, "not written: %s", gp_strerror(error));
    else
        importing->job->count++;
}

/* NAME.json, or NAME.eml for the other. */
static int read_pair(struct importing *importing, size_t i)
{
    struct job *job = importing->job;
    struct gp_slice path = gp_slice_of(job->ids[i]);
    struct gp__buf json = {.limit = 0}, error = {.limit = 0};
    struct gp__entry *entry = &importing->entries[i];
    struct gp_slice name;
    int done = -1;

    if (!gp_slice_ends(path, GP_S(".json"))) {
        complain(job, "%s: a file that ends with .json, with the message beside it in .eml",
                 job->ids[i]);
        return -1;
    }
    name = gp__arena_printf(importing->arena, GP_FMT ".eml", (int)path.len - 5, path.data);
    if (read_file(job, job->ids[i], &json) == 0 &&
        read_file(job, name.data, &importing->bases[i]) == 0) {
        done = gp__entry_json_read(entry, importing->arena, gp__buf_slice(&json), &error);
        entry->base = gp__buf_slice(&importing->bases[i]);
        if (done)
            complain(job, "%s: " GP_FMT, job->ids[i], GP_ARG(gp__buf_slice(&error)));
        else if (entry->base.len != entry->base_size)
            complain(job, GP_FMT " has %zu bytes and not the %llu of its envelope", GP_ARG(name),
                     entry->base.len, (unsigned long long)entry->base_size);
    }
    gp__buf_free(&json);
    gp__buf_free(&error);
    return done;
}

static void commit_all(struct importing *importing)
{
    for (size_t i = 0; i < importing->job->n_ids; i++) {
        const struct gp__entry *one = &importing->entries[i];

        importing->waiting++;
        gp__spool_commit_start(importing->writer, &one, 1, on_imported, importing);
    }
    while (importing->waiting)
        gp__live_turn(importing->job->rt);
}

/* All of them are read before any is written. */
static void import(struct job *job)
{
    struct importing importing = {.job = job, .arena = gp__arena_create()};
    struct gp__buf error = {.limit = 0};

    importing.entries = gp__alloc_array(job->n_ids, sizeof *importing.entries);
    importing.bases = gp__alloc_array(job->n_ids, sizeof *importing.bases);
    for (size_t i = 0; i < job->n_ids; i++)
        (void)read_pair(&importing, i); /* what is wrong with it was said */
    if (!job->failed && become_owner(job) == 0) {
        importing.writer = gp__spool_writer_open(job->rt, &job->settings, GP_S("import"), &error);
        if (importing.writer)
            commit_all(&importing);
        else
            complain(job, GP_FMT, GP_ARG(gp__buf_slice(&error)));
    }
    printf("%zu imported\n", job->count);
    gp__spool_writer_close(&importing.writer);
    for (size_t i = 0; i < job->n_ids; i++)
        gp__buf_free(&importing.bases[i]);
    gp__free(importing.bases);
    gp__free(importing.entries);
    gp__buf_free(&error);
    gp__arena_free(&importing.arena);
}

/* ---- the commands ---- */

struct how {
    const char *name;
    void (*run)(struct job *job);
    const char *takes;  /* options, by letter */
    size_t least, most; /* arguments */
    bool reads;
};

static const struct option own[] = {
    {"path", required_argument, NULL, 'p'}, {"json", no_argument, NULL, 'j'},
    {"message", no_argument, NULL, 'm'},    {"copy", required_argument, NULL, 'C'},
    {"to", required_argument, NULL, 't'},   {NULL, 0, NULL, 0}};

/* 0, or -1: it is not one of this command's. */
static int take_option(struct job *job, const struct how *how, int option)
{
    if (!strchr(how->takes, option))
        return -1;
    switch (option) {
    case 'p':
        job->path = optarg;
        break;
    case 'j':
        job->json = true;
        break;
    case 'm':
        job->message = true;
        break;
    case 'C':
        job->copy = optarg;
        break;
    default:
        job->to = optarg;
    }
    return 0;
}

static const char *option_name(int option)
{
    size_t i = 0;

    while (own[i].val != option)
        i++;
    return own[i].name;
}

/* 0, or the exit code. */
static int check_arguments(const struct job *job, const struct how *how)
{
    if (how->run == export && !job->to)
        return gp__command_usage("%s takes --to DIR", how->name);
    if (job->n_ids < how->least)
        return gp__command_usage("%s takes an argument", how->name);
    if (job->n_ids > how->most)
        return gp__command_usage("%s takes %s, and \"%s\" is one too many", how->name,
                                 how->most ? "one argument" : "no arguments", job->ids[how->most]);
    return 0;
}

static int run(struct job *job, const struct how *how, const char *config)
{
    job->arena = gp__arena_create();
    job->rt = gp__live_create(NULL, NULL);
    if (!job->rt)
        complain(job, "no event loop: %s", strerror(errno));
    else if (find_spool(job, config, how->reads) < 0 || (how->reads && open_spool(job) < 0))
        job->failed = true;
    else
        how->run(job);
    if (fflush(stdout) != 0)
        complain(job, "standard output: %s", strerror(errno));
    gp__spool_close(&job->spool);
    gp__engine_close(&job->engine);
    gp__live_free(&job->rt);
    gp__settings_free(&job->loaded);
    gp__config_source_done(&job->source);
    gp__map_free(&job->seen);
    gp__arena_free(&job->arena);
    gp__arena_pool_free();
    return job->failed ? GP__EXIT_FAILED : GP__EXIT_OK;
}

static int command(int argc, char **argv, const struct how *how)
{
    struct job job = {.name = how->name};
    const char *config = gp__default_config();
    int option, code = 0;

    while ((option = gp__command_option(argc, argv, own, &config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        if (take_option(&job, how, option) < 0)
            return gp__command_usage("%s takes no --%s", how->name, option_name(option));
    }
    job.ids = argv + optind;
    job.n_ids = (size_t)(argc - optind);
    code = check_arguments(&job, how);
    return code ? code : run(&job, how, config);
}

int gp__cmd_spool_verify(int argc, char **argv)
{
    return command(argc, argv, &(struct how){"spool verify", verify, "p", 0, 0, true});
}

int gp__cmd_spool_list(int argc, char **argv)
{
    return command(argc, argv, &(struct how){"spool list", list, "pj", 0, SIZE_MAX, true});
}

int gp__cmd_spool_show(int argc, char **argv)
{
    return command(argc, argv, &(struct how){"spool show", show, "pmC", 1, 1, true});
}

int gp__cmd_spool_export(int argc, char **argv)
{
    return command(argc, argv, &(struct how){"spool export", export, "pt", 0, SIZE_MAX, true});
}

int gp__cmd_spool_import(int argc, char **argv)
{
    return command(argc, argv, &(struct how){"spool import", import, "p", 1, SIZE_MAX, false});
}

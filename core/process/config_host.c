// SPDX-License-Identifier: Apache-2.0
#include "core/process/config_host.h"

#include "core/delivery/dsn.h"
#include "core/process/identity.h"
#include "core/runtime/tls.h"
#include "core/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int gp__config_source_init(struct gp__config_source *source)
{
    struct gp__config_files files;

    if (gp__config_files_posix(&files, source->directory) < 0) {
        fprintf(stderr, "gatepost: the current directory: %s\n", strerror(errno));
        return -1;
    }
    return gp__config_source_with(source, &files);
}

int gp__config_source_with(struct gp__config_source *source, const struct gp__config_files *files)
{
    const char *error;

    source->files = *files;
    source->plugins = gp__plugins_create(&error);
    if (!source->plugins)
        fprintf(stderr, "gatepost: plugin loader: %s\n", error);
    return source->plugins ? 0 : -1;
}

void gp__config_source_done(struct gp__config_source *source)
{
    gp__plugins_free(&source->plugins);
}

static const struct gp_plugin *descriptor(void *arg, struct gp_slice name, const char **error_r)
{
    struct gp__config_source *source = arg;

    return gp__plugins_find(source->plugins, name, error_r);
}

/* Said only as a warning: what is in it may not be needed. */
static void look_into(struct gp__config_source *source, struct gp_slice path)
{
    char text[400];

    (void)snprintf(text, sizeof text, GP_FMT, GP_ARG(path));
    if (access(text, R_OK | X_OK) < 0)
        (void)snprintf(source->no_plugins, sizeof source->no_plugins, "%s: %s", text,
                       strerror(errno));
}

static void plugin_path(void *arg, const struct gp_list *dirs)
{
    struct gp__config_source *source = arg;
    const struct gp_slice *paths = gp_list_at(dirs, 0);

    for (size_t i = 0; i < gp_list_count(dirs); i++)
        look_into(source, paths[i]);
    /* A list of strings is an array of slices. */
    gp__plugins_add_path(source->plugins, paths, gp_list_count(dirs));
}

static void plugin_names(void *arg, void (*found)(void *found_arg, struct gp_slice name),
                         void *found_arg)
{
    struct gp__config_source *source = arg;

    gp__plugins_each(source->plugins, found, found_arg);
}

static int certificate(void *arg, struct gp_slice chain, struct gp_slice key,
                       struct gp__buf *problem_r)
{
    (void)arg;
    return gp__tls_check_certificate(chain, key, (int64_t)time(NULL) * 1000, problem_r);
}

static int authorities(void *arg, struct gp_slice pem, struct gp__buf *problem_r)
{
    (void)arg;
    return gp__tls_check_authorities(pem, problem_r);
}

static int self_sign(void *arg, const char *cert_path, const char *key_path,
                     struct gp_slice hostname, struct gp__buf *error_r)
{
    (void)arg;
    return gp__tls_self_sign(cert_path, key_path, hostname, error_r);
}

/* File systems that are memory, or somebody else's machine. */
static const char *unfit(long type)
{
    switch (type) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
        return "is memory, which forgets: a 250 would be a lie";
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
        return "is on another machine, where locks and syncs are not what they are on a disk";
    default:
        return NULL;
    }
}

/* A spool that is not there yet is made: then its next directory above counts. */
static int try_place(const char *path, struct statfs *fs_r, struct gp__buf *problem_r)
{
    char text[4096];

    (void)snprintf(text, sizeof text, "%s", path);
    while (access(text, F_OK) < 0 && errno == ENOENT) {
        char *slash = strrchr(text, '/');

        if (!slash || slash == text)
            break;
        *slash = '\0';
    }
    if (statfs(text, fs_r) < 0 || access(text, W_OK) < 0) {
        gp__buf_printf(problem_r, "%s: %s", text, strerror(errno));
        return GP_EIO;
    }
    return 0;
}

static int try_spool(const char *path, const char *kept_by, struct statfs *fs_r,
                     struct gp__buf *problem_r)
{
    struct gp__spool_settings settings = {.path = gp_slice_of(path), .kept_by = kept_by};
    int error = try_place(path, fs_r, problem_r);

    return error ? error : gp__spool_check(&settings, problem_r);
}

static int judge_place(const char *path, const struct statfs *fs, struct gp__buf *problem_r)
{
    const char *why = unfit((long)fs->f_type);

    if (why)
        gp__buf_printf(problem_r, "%s %s", path, why);
    return why ? 1 : 0;
}

static int spool(void *arg, const char *path, const char *kept_by, struct gp__buf *problem_r)
{
    struct statfs fs;
    int error = try_spool(path, kept_by, &fs, problem_r);

    (void)arg;
    if (error)
        return error == GP_EINVAL ? -1 : 1; /* it may be another user who reads and writes */
    return judge_place(path, &fs, problem_r);
}

static int store(void *arg, const char *path, struct gp__buf *problem_r)
{
    struct statfs fs;

    (void)arg;
    return try_place(path, &fs, problem_r) ? 1 : judge_place(path, &fs, problem_r);
}

static int template(void *arg, struct gp_slice text, struct gp__buf *problem_r)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__dsn_template template;
    struct gp_slice error;
    int result = gp__dsn_template_parse(arena, text, gp__dsn_template_built_in(GP__DSN_FAILED),
                                        &template, &error);

    (void)arg;
    if (result < 0)
        gp__buf_append(problem_r, error);
    gp__arena_free(&arena);
    return result;
}

/* Where a setting of a section was made; NULL: it is the default. */
static const struct gp__node *place_of(const struct gp__settings *settings, struct gp_slice section,
                                       struct gp_slice key)
{
    const struct gp__node *map = gp__node_get(settings->shown, section);
    const struct gp__node *node = map ? gp__node_get(map, key) : NULL;

    return node && node->source && !node->source->builtin ? node : NULL;
}

struct gp__settings *gp__config_load(struct gp__config_source *source, const char *path,
                                     struct gp__diag *diag)
{
    struct gp__config_host host = {
        .files = &source->files,
        .descriptor = descriptor,
        .plugin_path = plugin_path,
        .plugin_names = plugin_names,
        .certificate = certificate,
        .authorities = authorities,
        .spool = spool,
        .store = store,
        .template = template,
        .self_sign = source->may_create ? self_sign : NULL,
        .arg = source,
    };

    struct gp__settings *settings = gp__settings_load(path, &host, diag);

    if (source->no_plugins[0])
        gp__diag_add(diag, GP__WARNING,
                     settings ? place_of(settings, GP_S("plugins"), GP_S("path")) : NULL,
                     "plugins: %s", source->no_plugins);
    gp__diag_seal(diag);
    return settings;
}

static void check_directory(struct gp__diag *diag, const struct gp__node *at, struct gp_slice path)
{
    char text[4096];
    struct stat st;
    int error = 0;

    (void)snprintf(text, sizeof text, GP_FMT, GP_ARG(path));
    if (stat(text, &st) < 0)
        error = errno;
    else if (!S_ISDIR(st.st_mode))
        error = ENOTDIR;
    if (error)
        gp__diag_add(diag, GP__ERROR, at, "%s: %s", text, strerror(error));
}

void gp__config_places(const struct gp__settings *settings, struct gp__diag *diag)
{
    struct gp_slice log = settings->log.to;

    /* A spool that is not there yet is made. */
    if (!gp_slice_eq(settings->memory.spill_to, settings->spool.path))
        check_directory(diag, place_of(settings, GP_S("memory"), GP_S("spill_to")),
                        settings->memory.spill_to);
    if (log.data[0] == '/')
        check_directory(diag, place_of(settings, GP_S("log"), GP_S("to")),
                        gp_slice_sub(log, 0, gp_slice_rfind(log, '/') + 1));
    gp__diag_seal(diag);
}

static const char *kept_by(const struct gp__spool_section *section)
{
    return section->engine ? section->engine->service.plugin->name : NULL;
}

/* In a process of its own, which becomes the user for good: what is wrong goes through the pipe. */
static void try_as(const struct gp__identity *identity, const struct gp__spool_section *section,
                   int out)
{
    struct gp__buf problem = {.limit = 0};
    struct statfs fs;

    if (gp__identity_take(identity) < 0)
        gp__buf_printf(&problem, "become user %s: %s", identity->name, strerror(errno));
    else
        (void)try_spool(section->path.data, kept_by(section), &fs, &problem); /* it says it */
    (void)!write(out, gp__buf_slice(&problem).data, problem.len); /* fits into any pipe */
    _exit(0);
}

static struct gp_slice answer_of(const struct gp__identity *identity,
                                 const struct gp__spool_section *section, char answer[1024])
{
    int ends[2];
    ssize_t len = 0;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return gp_slice(NULL, 0);
    pid = fork();
    if (pid == 0)
        try_as(identity, section, ends[1]);
    (void)close(ends[1]); /* it is the child's */
    if (pid > 0) {
        len = read(ends[0], answer, 1024);
        (void)waitpid(pid, NULL, 0);
    }
    (void)close(ends[0]); /* nothing was written to it */
    return gp_slice(answer, len > 0 ? (size_t)len : 0);
}

/* One process starts as whoever we are, if nobody is named. */
static bool becomes_somebody(const struct gp__settings *settings)
{
    return geteuid() == 0 && (settings->process.workers != 0 || settings->process.user.len);
}

void gp__config_spool(const struct gp__settings *settings, struct gp__diag *diag)
{
    const struct gp__node *at = place_of(settings, GP_S("spool"), GP_S("path"));
    struct gp__identity identity;
    char text[1024];
    struct gp_slice problem;

    if (!gp_slice_present(settings->spool.path) || !becomes_somebody(settings))
        return;
    if (gp__identity_find(&identity, settings->process.user, settings->process.group, text,
                          sizeof text) < 0)
        return; /* gp__config_user() tells */
    problem = answer_of(&identity, &settings->spool, text);
    if (problem.len)
        gp__diag_add(diag, GP__ERROR, at, "the spool, as user %s: " GP_FMT, identity.name,
                     GP_ARG(problem));
}

void gp__config_user(const struct gp__settings *settings, struct gp__diag *diag)
{
    const struct gp__node *at = gp__node_get(settings->shown, GP_S("user"));
    struct gp__identity identity;
    char text[200];

    if (becomes_somebody(settings) &&
        gp__identity_find(&identity, settings->process.user, settings->process.group, text,
                          sizeof text) < 0)
        gp__diag_add(diag, GP__WARNING, at && at->source && !at->source->builtin ? at : NULL,
                     "%s: `gatepost serve` will not start here", text);
    gp__diag_seal(diag);
}

void gp__config_complain(struct gp__diag *diag)
{
    struct gp__buf out = {.limit = 0};

    gp__diag_print(diag, GP__DIAG_TEXT, &out);
    fwrite(gp__buf_slice(&out).data, 1, out.len, stderr);
    gp__buf_free(&out);
}

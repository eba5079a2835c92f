// SPDX-License-Identifier: Apache-2.0
#include "core/process/config_host.h"

#include "core/runtime/tls.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
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

static void plugin_path(void *arg, const struct gp_list *dirs)
{
    struct gp__config_source *source = arg;

    /* A list of strings is an array of slices. */
    gp__plugins_add_path(source->plugins, gp_list_at(dirs, 0), gp_list_count(dirs));
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
static int spool(void *arg, const char *path, struct gp__buf *problem_r)
{
    char text[4096];
    struct statfs fs;
    const char *why;

    (void)arg;
    (void)snprintf(text, sizeof text, "%s", path);
    while (access(text, F_OK) < 0 && errno == ENOENT) {
        char *slash = strrchr(text, '/');

        if (!slash || slash == text)
            break;
        *slash = '\0';
    }
    if (statfs(text, &fs) < 0 || access(text, W_OK) < 0) {
        gp__buf_printf(problem_r, "%s: %s", text, strerror(errno));
        return -1;
    }
    why = unfit((long)fs.f_type);
    if (why)
        gp__buf_printf(problem_r, "%s %s", path, why);
    return why ? -1 : 0;
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
        .self_sign = source->may_create ? self_sign : NULL,
        .arg = source,
    };

    return gp__settings_load(path, &host, diag);
}

/* Where a setting of a section was made; NULL: it is the default. */
static const struct gp__node *place_of(const struct gp__settings *settings, struct gp_slice section,
                                       struct gp_slice key)
{
    const struct gp__node *map = gp__node_get(settings->shown, section);
    const struct gp__node *node = map ? gp__node_get(map, key) : NULL;

    return node && node->source && !node->source->builtin ? node : NULL;
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

void gp__config_complain(struct gp__diag *diag)
{
    struct gp__buf out = {.limit = 0};

    gp__diag_print(diag, GP__DIAG_TEXT, &out);
    fwrite(gp__buf_slice(&out).data, 1, out.len, stderr);
    gp__buf_free(&out);
}

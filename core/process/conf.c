// SPDX-License-Identifier: Apache-2.0
#include "core/process/master.h"

#include "core/base/alloc.h"
#include "core/process/bundle.h"
#include "core/process/reception.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_manifest(struct gp__conf *conf, struct gp__buf *error_r)
{
    struct gp__bundle bundle;
    const char *error = "its manifest is damaged";
    int result = -1;

    if (gp__bundle_open_manifest(&bundle, conf->loaded.bundle, &error) == 0) {
        result = gp__manifest_read(&conf->manifest, conf->arena, bundle.manifest);
        gp__bundle_close(&bundle);
    }
    if (result < 0)
        gp__buf_printf(error_r, "the loaded configuration: %s", error);
    return result;
}

static int open_log_file(const struct gp__conf *conf)
{
    return open(conf->manifest.log_to.data,
                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0640);
}

/* A log in a file is opened by us, with our rights, and shared: each appends whole lines. */
static int open_log(struct gp__conf *conf, struct gp__buf *error_r)
{
    struct gp_slice to = conf->manifest.log_to;

    if (gp_slice_find(to, '/') == to.len)
        return 0;
    conf->log_file = open_log_file(conf);
    if (conf->log_file >= 0)
        return 0;
    gp__buf_printf(error_r, "log file " GP_FMT ": %s", GP_ARG(to), strerror(errno));
    return -1;
}

static int find_identity(struct gp__conf *conf, struct gp__buf *error_r)
{
    char error[256];

    if (gp__identity_find(&conf->identity, conf->manifest.user, conf->manifest.group, error,
                          sizeof error) == 0)
        return 0;
    gp__buf_append(error_r, gp_slice_of(error));
    return -1;
}

static int is_for_master(const struct gp__conf *conf, struct gp__buf *error_r)
{
    if (conf->manifest.workers > 0)
        return 0;
    gp__buf_append(error_r, GP_S("`workers: 0` takes effect with a restart"));
    return -1;
}

struct gp__conf *gp__conf_create(struct gp__master *master, struct gp__loaded *loaded,
                                 struct gp__buf *error_r)
{
    struct gp__conf *conf = gp__alloc(sizeof *conf);

    conf->refs = 1;
    conf->generation = ++master->generations;
    conf->arena = gp__arena_create();
    conf->loaded = *loaded;
    conf->log_file = -1;
    *loaded = (struct gp__loaded){.bundle = -1};
    if (read_manifest(conf, error_r) < 0 || is_for_master(conf, error_r) < 0 ||
        find_identity(conf, error_r) < 0 ||
        gp__commands_identities(&conf->manifest, conf->arena, &conf->identity, &conf->identities,
                                error_r) < 0 ||
        open_log(conf, error_r) < 0)
        gp__conf_unref(&conf);
    return conf;
}

void gp__conf_unref(struct gp__conf **conf_)
{
    struct gp__conf *conf = *conf_;

    *conf_ = NULL;
    if (!conf || --conf->refs > 0)
        return;
    if (conf->log_file >= 0)
        (void)close(conf->log_file); /* each write was checked */
    gp__loaded_free(&conf->loaded);
    gp__arena_free(&conf->arena);
    gp__free(conf);
}

int gp__conf_reopen_log(struct gp__conf *conf, struct gp__master *master)
{
    struct gp__message message = {.type = GP__MSG_LOG, .n_fds = 1};
    int fd, old = conf->log_file;

    if (old < 0)
        return 0;
    fd = open_log_file(conf);
    if (fd < 0)
        return -1;
    conf->log_file = message.fds[0] = fd;
    gp__sink_use(master->sink, fd);
    (void)close(old); /* each write was checked */
    gp__children_send(master, &message);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Reading a configuration in a real process: files, environment, plugins of this machine. */
#ifndef GP_PROCESS_CONFIG_HOST_H
#define GP_PROCESS_CONFIG_HOST_H

#include "core/config/settings.h"
#include "core/plugin/loader.h"

/* What gp__config_load() needs besides the path; zeroed, then gp__config_source_init(). */
struct gp__config_source {
    struct gp__plugins *plugins;
    struct gp__config_files files;
    char directory[4096];
    bool may_create;      /* files that the configuration asks for: when the server starts */
    char no_plugins[512]; /* a directory of `plugins:` that cannot be listed, and why; "": none */
};

/* 0, or -1 with a line on standard error. */
int gp__config_source_init(struct gp__config_source *source);

/* With files that somebody else reads; they must outlive the source. */
int gp__config_source_with(struct gp__config_source *source, const struct gp__config_files *files);

void gp__config_source_done(struct gp__config_source *source);

/* gp__settings_load() with all this. */
struct gp__settings *gp__config_load(struct gp__config_source *source, const char *path,
                                     struct gp__diag *diag);

/* Directories that the core itself writes to and that are not there are errors. */
void gp__config_places(const struct gp__settings *settings, struct gp__diag *diag);

/* The same for a spool that the user of the service can't read and write; only root can find out.
 * Forks: not where there are threads. */
void gp__config_spool(const struct gp__settings *settings, struct gp__diag *diag);

/* A warning when root would start the service, and the user whom it is to become is not there. */
void gp__config_user(const struct gp__settings *settings, struct gp__diag *diag);

/* All that was found, on standard error. */
void gp__config_complain(struct gp__diag *diag);

#endif

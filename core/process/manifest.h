// SPDX-License-Identifier: Apache-2.0
/* What the master needs of a configuration: it binds, opens and spawns by this and reads no YAML. */
#ifndef GP_PROCESS_MANIFEST_H
#define GP_PROCESS_MANIFEST_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/config/settings.h"

#define GP__WORKERS_MAX 256
#define GP__DOORS_MAX 1024    /* addresses of all listeners */
#define GP__STATS_MAX 100000u /* pairs of instance and hook */
#define GP__LOGINS_MAX 10000000u

/* A listener's address. */
struct gp__manifest_door {
    struct gp_slice listener, address;
    uint64_t backlog;
    uint64_t mode; /* of the file of a UNIX socket */
    uint64_t role; /* enum gp__role_id: who accepts */
};

/* A program that plugins may run. */
struct gp__manifest_command {
    struct gp_slice *argv;
    size_t n_argv;
    struct gp_slice user, group, directory;
    uint64_t cpu_ms, memory, files;
};

#define GP__COMMANDS_MAX 256
#define GP__ARGV_MAX 64

struct gp__manifest {
    uint64_t workers;  /* 0: one process */
    uint64_t carriers; /* where there is a spool */
    struct gp_slice user, group;
    uint64_t stop_within, reload_within, heartbeat, recheck; /* ms */
    uint64_t open_files, core_files;
    struct gp_slice pid_file;
    struct gp_slice log_to;
    uint64_t log_format, log_level;
    struct gp_slice control_path, control_group, control_release_group;
    uint64_t control_mode, control_idle; /* idle: ms */
    struct gp_slice metrics;
    uint64_t sandbox;
    uint64_t ticket_rotation; /* ms */
    uint64_t n_stats;
    uint64_t logins;            /* addresses and users that auth_guard remembers */
    struct gp_slice scheduling; /* scheduling.h; empty: there is no spool */
    struct gp__manifest_door *doors;
    size_t n_doors;
    struct gp__manifest_command *commands; /* by their number in the configuration */
    size_t n_commands;
};

/* From loaded settings; points into them. */
void gp__manifest_of(struct gp__manifest *manifest, struct gp__arena *arena,
                     const struct gp__settings *settings);

void gp__manifest_write(const struct gp__manifest *manifest, struct gp__buf *out);

/* Texts are copied into the arena, each with a NUL behind it. 0, or -1: it is not one. */
int gp__manifest_read(struct gp__manifest *manifest, struct gp__arena *arena,
                      struct gp_slice bytes);

#endif

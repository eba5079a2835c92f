// SPDX-License-Identifier: Apache-2.0
/*
 * What a process of ours can be: `gatepost process ROLE`, started by the master and by nobody else.
 * Roles of services stand in a table that the master goes through; a new one is a row.
 */
#ifndef GP_PROCESS_ROLES_H
#define GP_PROCESS_ROLES_H

#include "core/process/manifest.h"

enum gp__role_id {
    GP__ROLE_WORKER = 0,
    GP__ROLE_CONSOLE,
    GP__ROLE_SCHEDULER,
    GP__ROLE_CARRIER,
    GP__ROLE_COUNT
};

/* A service: as many processes of it as count() says, replaced when they crash, renewed with each
 * generation. */
struct gp__role {
    const char *name;
    uint64_t (*count)(const struct gp__manifest *manifest);
    bool wants_bundle;     /* it loads the configuration, secrets and all */
    bool wants_scheduling; /* it stays over generations and is told what it needs of each */
    bool carries;          /* it has a line to the scheduler */
};

extern const struct gp__role gp__roles[GP__ROLE_COUNT];

/* Runs a role in this process until it ends; its exit code. For main(). */
int gp__process_main(const char *role);

/* ---- one each ---- */

int gp__loader_main(int channel);
int gp__peek_main(int channel);
int gp__worker_main(int channel);
int gp__console_main(int channel);
int gp__scheduler_main(int channel);
int gp__carrier_main(int channel);

#endif

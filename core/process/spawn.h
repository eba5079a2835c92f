// SPDX-License-Identifier: Apache-2.0
/* Starting processes: fork and exec of the program itself, as somebody with fewer rights. Only the
 * master does it. */
#ifndef GP_PROCESS_SPAWN_H
#define GP_PROCESS_SPAWN_H

#include "core/process/identity.h"

#include <stdint.h>

struct gp__spawn {
    const char *role;                    /* of roles.h */
    const struct gp__identity *identity; /* taken on before the program is executed; NULL: kept */
    uint64_t open_files;                 /* limit; 0: as many as the system lets it have */
    bool core_files;
    int channel; /* its end; becomes GP__CHANNEL_FD. Stays open here */
};

/* Its process id, or -1 with errno. That the program cannot be executed is said on standard error
 * and ends the child with code 126. */
pid_t gp__spawn(const struct gp__spawn *spawn);

/* Where the program is, found out once; NULL when it cannot be. */
const char *gp__spawn_program(void);

/* A program of the configuration. */
struct gp__spawn_command {
    char *const *argv, *const *env;
    const char *directory;
    const struct gp__identity *identity;
    uint64_t cpu_s, memory, files; /* 0: no limit of its own */
    int input, output;
};

/* Starts it in a process group of its own, with nothing but three descriptors. The id of the process
 * and group, or -1 with errno. What fails afterwards is exit code 126. */
pid_t gp__spawn_command(const struct gp__spawn_command *spawn);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "core/process/roles.h"

#include "core/process/messages.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static uint64_t worker_count(const struct gp__manifest *manifest)
{
    return manifest->workers;
}

static uint64_t console_count(const struct gp__manifest *manifest)
{
    return manifest->metrics.len > 0;
}

static uint64_t carrier_count(const struct gp__manifest *manifest)
{
    return manifest->scheduling.len ? manifest->carriers : 0;
}

static uint64_t scheduler_count(const struct gp__manifest *manifest)
{
    return manifest->scheduling.len > 0;
}

const struct gp__role gp__roles[GP__ROLE_COUNT] = {
    [GP__ROLE_WORKER] = {.name = "worker", .count = worker_count, .wants_bundle = true},
    [GP__ROLE_CONSOLE] = {.name = "console", .count = console_count},
    [GP__ROLE_SCHEDULER] = {.name = "scheduler",
                            .count = scheduler_count,
                            .wants_scheduling = true},
    [GP__ROLE_CARRIER] = {.name = "carrier",
                          .count = carrier_count,
                          .wants_bundle = true,
                          .carries = true},
};

static const struct {
    const char *name;
    int (*run)(int channel);
} mains[] = {
    {"loader", gp__loader_main},   {"peek", gp__peek_main},           {"worker", gp__worker_main},
    {"console", gp__console_main}, {"scheduler", gp__scheduler_main}, {"carrier", gp__carrier_main},
};

int gp__process_main(const char *role)
{
    int type = 0;
    socklen_t size = sizeof type;

    if (getsockopt(GP__CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        type != SOCK_SEQPACKET) {
        fprintf(stderr,
                "gatepost: `process` is for the master alone; `gatepost serve` starts it\n");
        return 2;
    }
    (void)fcntl(GP__CHANNEL_FD, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < sizeof mains / sizeof *mains; i++)
        if (strcmp(mains[i].name, role) == 0)
            return mains[i].run(GP__CHANNEL_FD);
    fprintf(stderr, "gatepost: no process \"%s\"\n", role);
    return 2;
}

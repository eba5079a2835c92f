// SPDX-License-Identifier: Apache-2.0
/* Programs that plugins run, where there is no master to start them. */
#include "core/process/alone.h"

#include <stdio.h>

static void ran(void *owner, uint32_t id, uint64_t code)
{
    struct gp__alone *alone = owner;

    gp__live_ran(alone->reception.runtime, id, code);
}

static int start(void *arg, uint32_t id, uint64_t command, const struct gp_slice *env, size_t n_env,
                 int input, int output)
{
    struct gp__alone *alone = arg;
    const struct gp__alone_commands *commands = &alone->commands;
    struct gp__run_request request = {
        .owner = alone, .id = id, .env = env, .n_env = n_env, .input = input, .output = output};

    if (command >= commands->manifest.n_commands)
        return -1;
    request.command = &commands->manifest.commands[command];
    request.identity = &commands->identities[command];
    return gp__commands_run(commands->running, &request);
}

static void end(void *arg, uint32_t id)
{
    struct gp__alone *alone = arg;

    if (alone->commands.running)
        gp__commands_end(alone->commands.running, alone, id);
}

int gp__alone_open_commands(struct gp__alone *alone)
{
    struct gp__alone_commands *commands = &alone->commands;
    struct gp__runtime *rt = alone->reception.runtime;
    struct gp__identity usual = {.change = false};
    struct gp__buf error = {.limit = 0};
    int result;

    commands->arena = gp__arena_create();
    gp__manifest_of(&commands->manifest, commands->arena, alone->reception.generation->settings);
    result = gp__commands_identities(&commands->manifest, commands->arena, &usual,
                                     &commands->identities, &error);
    if (result < 0)
        fprintf(stderr, "gatepost: " GP_FMT "\n", GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
    commands->running = gp__commands_create(rt, &alone->reception.log, ran);
    commands->runner = (struct gp__runner){.start = start, .end = end, .arg = alone};
    gp__live_set_runner(rt, &commands->runner);
    return result;
}

void gp__alone_close_commands(struct gp__alone *alone)
{
    gp__commands_free(&alone->commands.running);
    gp__arena_free(&alone->commands.arena);
}

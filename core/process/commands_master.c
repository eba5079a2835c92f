// SPDX-License-Identifier: Apache-2.0
/* Programs that a worker asks the master to run. */
#include "core/base/pack.h"
#include "core/process/commands.h"
#include "core/process/master.h"
#include "core/runtime/runner.h"

static void answer(struct gp__child *child, uint32_t id, uint64_t code)
{
    struct gp__message message = {.type = GP__MSG_RAN, .id = id};
    struct gp__buf body = {.limit = 0};

    gp__pack_number(&body, code);
    message.body = gp__buf_slice(&body);
    if (child->channel)
        (void)gp__channel_send(child->channel, &message); /* else it is gone, and asks nothing */
    gp__buf_free(&body);
}

static void ran(void *owner, uint32_t id, uint64_t code)
{
    answer(owner, id, code);
}

static int run_for(struct gp__child *child, const struct gp__message *message)
{
    const struct gp__conf *conf = child->conf;
    struct gp__unpack in = {.rest = message->body};
    uint64_t command = gp__unpack_number(&in);
    size_t n = (size_t)gp__unpack_upto(&in, GP__RUN_ENV_MAX);
    struct gp_slice env[GP__RUN_ENV_MAX];
    struct gp__run_request request = {.owner = child, .id = message->id, .env = env, .n_env = n};

    for (size_t i = 0; i < n; i++)
        env[i] = gp__unpack_text(&in);
    if (!gp__unpack_ended(&in) || command >= conf->manifest.n_commands || message->n_fds != 2 ||
        child->state == GP__CHILD_TRIED)
        return -1;
    request.command = &conf->manifest.commands[command];
    request.identity = &conf->identities[command];
    request.input = message->fds[0];
    request.output = message->fds[1];
    return gp__commands_run(child->master->commands, &request);
}

void gp__child_asks_run(struct gp__child *child, const struct gp__message *message)
{
    if (run_for(child, message) < 0)
        answer(child, message->id, GP__RUN_FAILED);
}

void gp__master_open_commands(struct gp__master *master)
{
    master->commands = gp__commands_create(master->runtime, &master->log, ran);
}

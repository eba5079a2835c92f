// SPDX-License-Identifier: Apache-2.0
#include "core/process/run_line.h"

#include "core/base/pack.h"
#include "core/process/messages.h"

static int start(void *arg, uint32_t id, uint64_t command, const struct gp_slice *env, size_t n_env,
                 int input, int output)
{
    struct gp__run_line *line = arg;
    struct gp__message message = {
        .type = GP__MSG_RUN, .id = id, .fds = {input, output}, .n_fds = 2};
    struct gp__buf body = {.limit = GP__MESSAGE_BODY_MAX};
    int result = -1;

    gp__pack_number(&body, command);
    gp__pack_number(&body, n_env);
    for (size_t i = 0; i < n_env; i++)
        gp__pack_text(&body, env[i]);
    message.body = gp__buf_slice(&body);
    if (*line->channel && body.len < GP__MESSAGE_BODY_MAX)
        result = gp__channel_send(*line->channel, &message);
    gp__buf_free(&body);
    return result;
}

static void end(void *arg, uint32_t id)
{
    struct gp__run_line *line = arg;
    struct gp__message message = {.type = GP__MSG_END_RUN, .id = id, .body = GP_S("")};

    if (*line->channel)
        (void)gp__channel_send(*line->channel, &message); /* else the master ended it, or is gone */
}

void gp__run_line_open(struct gp__run_line *line, struct gp__runtime *rt,
                       struct gp__channel **channel)
{
    *line = (struct gp__run_line){
        .runner = {.start = start, .end = end, .arg = line}, .runtime = rt, .channel = channel};
    gp__live_set_runner(rt, &line->runner);
}

void gp__run_line_ran(struct gp__run_line *line, const struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t code = gp__unpack_number(&in);

    if (gp__unpack_ended(&in))
        gp__live_ran(line->runtime, message->id, code);
}

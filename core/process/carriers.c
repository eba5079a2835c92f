// SPDX-License-Identifier: Apache-2.0
#include "core/process/carriers.h"

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/base/pack.h"
#include "core/hook/runtime.h"
#include "core/process/messages.h"

#include <unistd.h>

static unsigned number_of(const struct gp__carrier_line *line)
{
    return (unsigned)(line - line->carriers->lines);
}

/* The line may break by it: closed() is called then, or was. */
static void on_send(void *arg, const struct gp__attempt *attempt)
{
    struct gp__carrier_line *line = arg;
    struct gp__message message = {.type = GP__MSG_ATTEMPT};
    struct gp__buf body = {.limit = 0};

    gp__attempt_pack(&body, attempt);
    message.body = gp__buf_slice(&body);
    (void)gp__channel_send(line->channel, &message);
    gp__buf_free(&body);
}

static void on_room(struct gp__carrier_line *line, struct gp_slice body)
{
    struct gp__unpack in = {.rest = body};
    uint64_t room = gp__unpack_upto(&in, GP__ATTEMPTS_MAX);

    if (in.bad)
        return;
    if (room)
        gp__scheduler_carrier(line->carriers->scheduler, number_of(line), (unsigned)room, on_send,
                              line);
    else
        gp__scheduler_carrier_ends(line->carriers->scheduler, number_of(line));
}

static void on_attempted(struct gp__carrier_line *line, struct gp_slice body)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__attempt_answer answer;

    if (gp__answer_unpack(&answer, arena, body) == 0)
        gp__scheduler_answer(line->carriers->scheduler, number_of(line), &answer);
    else
        gp__log(line->carriers->runtime->log, GP_LOG_WARNING, "queue.answer",
                GP__F_I("carrier", number_of(line)), GP__F_C("error", "damaged"));
    gp__arena_free(&arena);
}

static void on_message(void *arg, struct gp__message *message)
{
    if (message->type == GP__MSG_ROOM)
        on_room(arg, message->body);
    else if (message->type == GP__MSG_ATTEMPTED)
        on_attempted(arg, message->body);
}

static void on_closed(void *arg)
{
    struct gp__carrier_line *line = arg;

    gp__scheduler_carrier_lost(line->carriers->scheduler, number_of(line));
    gp__channel_close(&line->channel);
    line->carriers = NULL;
}

void gp__carriers_add(struct gp__carriers *carriers, int fd)
{
    struct gp__carrier_line *line = carriers->lines;
    struct gp__channel_user user = {.message = on_message, .closed = on_closed};
    size_t i = 0;

    while (i < GP__QUEUE_CARRIERS_MAX && line[i].carriers)
        i++;
    user.arg = &line[i];
    if (i < GP__QUEUE_CARRIERS_MAX)
        line[i].channel = gp__channel_open(carriers->runtime, fd, &user);
    if (i < GP__QUEUE_CARRIERS_MAX && line[i].channel)
        line[i].carriers = carriers;
    else
        (void)close(fd); /* the carrier sees that */
}

void gp__carriers_close(struct gp__carriers *carriers)
{
    for (size_t i = 0; i < GP__QUEUE_CARRIERS_MAX; i++) {
        gp__channel_close(&carriers->lines[i].channel);
        carriers->lines[i].carriers = NULL;
    }
}

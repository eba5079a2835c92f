// SPDX-License-Identifier: Apache-2.0
#include "core/process/carrier_line.h"

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/base/pack.h"
#include "core/process/channel.h"
#include "core/process/messages.h"

static void send(struct gp__carrier_line *line, enum gp__message_type type, struct gp__buf *body)
{
    struct gp__message message = {.type = type, .body = gp__buf_slice(body)};

    if (line->scheduler)
        (void)gp__channel_send(line->scheduler, &message); /* closed() tells if it is gone */
    gp__buf_free(body);
}

static void send_room(struct gp__carrier_line *line)
{
    struct gp__buf body = {.limit = 0};

    gp__pack_number(&body, line->draining ? 0 : GP__ATTEMPTS_MAX);
    send(line, GP__MSG_ROOM, &body);
}

static void on_attempt(void *arg, struct gp__message *message)
{
    struct gp__carrier_line *line = arg;
    struct gp__arena *arena;
    struct gp__attempt attempt;

    /* It was sent before the scheduler read that there is no room: another carrier gets it. */
    if (line->over)
        return;
    arena = gp__arena_create();
    if (message->type == GP__MSG_ATTEMPT && gp__attempt_unpack(&attempt, arena, message->body) == 0)
        gp__carrier_take(line->carrier, &attempt);
    else
        gp__log(line->log, GP_LOG_ERROR, "carrier.nonsense", GP__F_I("type", message->type),
                GP__F_I("bytes", message->body.len));
    gp__arena_free(&arena);
}

/* What is under way is finished; another scheduler will ask for it again. */
static void on_scheduler_gone(void *arg)
{
    gp__carrier_line_close(arg);
}

void gp__carrier_line_open(struct gp__carrier_line *line, int fd)
{
    struct gp__channel_user user = {
        .message = on_attempt, .closed = on_scheduler_gone, .arg = line};

    gp__channel_close(&line->scheduler);
    line->scheduler = gp__channel_open(line->runtime, fd, &user);
    send_room(line);
}

static void end_if_idle(struct gp__carrier_line *line)
{
    if (!line->draining || line->over || gp__carrier_busy(line->carrier))
        return;
    line->over = true;
    line->idle(line->arg);
}

void gp__carrier_line_answer(void *arg, const struct gp__attempt_answer *answer)
{
    struct gp__carrier_line *line = arg;
    struct gp__buf body = {.limit = 0};

    gp__answer_pack(&body, answer);
    send(line, GP__MSG_ATTEMPTED, &body);
    end_if_idle(line);
}

void gp__carrier_line_drain(struct gp__carrier_line *line)
{
    line->draining = true;
    send_room(line);
    end_if_idle(line);
}

void gp__carrier_line_close(struct gp__carrier_line *line)
{
    gp__channel_close(&line->scheduler);
}

// SPDX-License-Identifier: Apache-2.0
/* Questions about the queue: the master hands them to the scheduler, and back what it says. */
#include "core/process/master.h"

#include "core/base/alloc.h"
#include "core/base/pack.h"

#define ASK_MS 30000u

struct gp__queue_ask {
    struct gp__queue_ask *next;
    struct gp__master *master;
    struct gp__control_call *call;
    uint32_t id;
    struct gp__buf text;
    struct gp__timer timer;
};

/* Answers: the text is JSON, or "!" and why not. */
static void conclude(struct gp__queue_ask *ask, struct gp_slice text)
{
    struct gp__queue_ask **link = &ask->master->queue_asks;

    while (*link != ask)
        link = &(*link)->next;
    *link = ask->next;
    ask->master->runtime->ops->timer_stop(ask->master->runtime, &ask->timer);
    gp__queue_answer_control(&ask->call, text);
    gp__buf_free(&ask->text);
    gp__free(ask);
}

void gp__queue_answer_control(struct gp__control_call **call_, struct gp_slice text)
{
    if (gp_slice_starts(text, GP_S("!")))
        gp__control_refuse(call_, gp_slice_sub(text, 1, text.len));
    else
        gp__control_answer(call_, text);
}

static void on_timer(struct gp__timer *timer)
{
    conclude(
        (struct gp__queue_ask *)(void *)((char *)timer - offsetof(struct gp__queue_ask, timer)),
        GP_S("!the scheduler does not answer"));
}

void gp__master_ask_queue(struct gp__master *master, struct gp__control_call *call,
                          const struct gp__control_request *request)
{
    struct gp__child *scheduler = gp__scheduler_child(master);
    struct gp__message message = {.type = GP__MSG_ASK, .id = ++master->n_asks};
    struct gp__buf body = {.limit = 0};
    struct gp__queue_ask *ask;

    if (!scheduler || scheduler->state != GP__CHILD_SERVING || !scheduler->channel) {
        gp__control_refuse(&call, scheduler ? GP_S("the scheduler is just starting")
                                            : GP_S("there is no queue without `spool:`"));
        return;
    }
    ask = gp__alloc(sizeof *ask);
    ask->master = master;
    ask->call = call;
    ask->id = message.id;
    ask->text.limit = GP__CONTROL_ANSWER_MAX;
    ask->timer.fn = on_timer;
    ask->next = master->queue_asks;
    master->queue_asks = ask;
    master->runtime->ops->timer_start(master->runtime, &ask->timer,
                                      master->runtime->ops->now_ms(master->runtime) + ASK_MS);
    gp__pack_text(&body, request->line);
    message.body = gp__buf_slice(&body);
    (void)gp__channel_send(scheduler->channel, &message); /* else gp__queue_answers_no_more() */
    gp__buf_free(&body);
}

void gp__queue_answered(struct gp__child *child, struct gp__message *message)
{
    struct gp__queue_ask *ask = child->master->queue_asks;
    struct gp__unpack in = {.rest = message->body};
    bool more = gp__unpack_number(&in) == 1;
    struct gp_slice part = gp__unpack_text(&in);

    while (ask && ask->id != message->id)
        ask = ask->next;
    if (!ask || in.bad)
        return;
    if (gp__buf_append(&ask->text, part) < 0)
        conclude(ask, GP_S("!the answer is too long: ask for less"));
    else if (!more)
        conclude(ask, gp__buf_slice(&ask->text));
}

void gp__queue_answers_no_more(struct gp__master *master)
{
    while (master->queue_asks)
        conclude(master->queue_asks, GP_S("!the scheduler ended"));
}

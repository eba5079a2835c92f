// SPDX-License-Identifier: Apache-2.0
/* What a client does, and time. The mark was set and a session is there, unless the verb's flags
 * say that it needs none. */
#include "core/hook/apply.h"
#include "core/hook/ruling.h"
#include "core/hook/stats.h"
#include "sdk/kit/kit.h"

void gp__kit_when_connect(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp__endpoint peer = {.port = step->has_number ? (uint16_t)step->number : 4242};
    struct gp_slice ip = gp_slice_present(step->args[0]) ? step->args[0] : GP_S(GP__KIT_CLIENT);

    if (gp__ip_parse(ip, &peer.ip) < 0) {
        gp__kit_fail(kit, step, "\"" GP_FMT "\" is not an IP address", GP_ARG(ip));
        kit->stopped = true;
        return;
    }
    gp__kit_open(kit, gp_slice_present(step->args[2]) ? step->args[2] : GP_S(""), &peer,
                 step->args[1]);
}

void gp__kit_when_use(struct gp__kit *kit, const struct gp__kit_step *step)
{
    if (gp__kit_use(kit, step->args[0]) == 0)
        return;
    gp__kit_fail(kit, step, "no session of this name is open: when connect as " GP_FMT,
                 GP_ARG(step->args[0]));
    kit->stopped = true;
}

void gp__kit_when_helo(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__kit_command(kit, "EHLO " GP_FMT, GP_ARG(step->args[0]));
}

void gp__kit_when_mail(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__kit_command(kit, "MAIL FROM:" GP_FMT, GP_ARG(step->args[0]));
}

void gp__kit_when_rcpt(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__kit_command(kit, "RCPT TO:" GP_FMT, GP_ARG(step->args[0]));
}

void gp__kit_when_data(struct gp__kit *kit, const struct gp__kit_step *step)
{
    kit->sent = gp__kit_lines(kit->arena, step->block);
    gp__kit_command(kit, "DATA");
    if (kit->reply.code == 354)
        gp__kit_exchange(kit, gp__kit_stuffed(kit->arena, kit->sent));
}

void gp__kit_when_bdat(struct gp__kit *kit, const struct gp__kit_step *step)
{
    kit->sent = gp__kit_lines(kit->arena, step->block);
    gp__kit_exchange(kit, gp__arena_printf(kit->arena, "BDAT %zu LAST\r\n" GP_FMT, kit->sent.len,
                                           GP_ARG(kit->sent)));
}

void gp__kit_when_command(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__kit_command(kit, GP_FMT, GP_ARG(step->args[0]));
}

void gp__kit_when_vrfy(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__kit_command(kit, "VRFY " GP_FMT, GP_ARG(step->args[0]));
}

void gp__kit_when_rset(struct gp__kit *kit, const struct gp__kit_step *step)
{
    (void)step;
    gp__kit_command(kit, "RSET");
}

void gp__kit_when_noop(struct gp__kit *kit, const struct gp__kit_step *step)
{
    (void)step;
    gp__kit_command(kit, "NOOP");
}

void gp__kit_when_quit(struct gp__kit *kit, const struct gp__kit_step *step)
{
    (void)step;
    gp__kit_command(kit, "QUIT");
}

void gp__kit_when_send(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__kit_exchange(kit, step->args[0]);
}

void gp__kit_when_push(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__kit_push(kit, step->args[0]);
    gp__kit_listen(kit);
}

void gp__kit_when_disconnect(struct gp__kit *kit, const struct gp__kit_step *step)
{
    (void)step;
    gp__kit_leave(kit);
}

void gp__kit_when_wait(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__sim_advance(kit->rt, step->ms);
    kit->took_ms = step->ms;
    gp__kit_listen(kit);
}

/* ---- tick ---- */

struct tick {
    struct gp__kit *kit;
    struct gp_call call;
    bool done;
};

static void run_tick(void *arg)
{
    struct tick *tick = arg;
    struct gp__hook_stats *stats = tick->call.instance->stats[GP_HOOK_TICK];
    struct gp__ruling ruling = {.verdict = GP_NEXT};
    enum gp_verdict verdict = gp__run_invoke(&tick->call);
    enum gp__fault_kind fault = gp__ruling_check(&tick->call, verdict, &ruling);

    gp__stats_add(stats, fault == GP__FAULT_NONE ? ruling.verdict : GP_FAIL, 0);
    if (fault != GP__FAULT_NONE) {
        stats->faults++;
        gp__log(&tick->kit->log, GP_LOG_WARNING, "hook.fault",
                GP__F_S("instance", tick->call.instance->id), GP__F_C("hook", "tick"),
                GP__F_S("error", tick->call.fault));
    }
    gp__call_end(&tick->call);
}

static void tick_done(void *arg)
{
    ((struct tick *)arg)->done = true;
}

void gp__kit_when_tick(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp__instance *instance = gp__kit_instance(kit, step->args[0]);
    uint64_t since = kit->rt->ops->now_ms(kit->rt);
    struct tick tick = {.kit = kit};
    int state;

    if (!instance || !instance->fns[GP_HOOK_TICK]) {
        gp__kit_fail(kit, step, "no instance \"" GP_FMT "\" with a tick hook",
                     GP_ARG(step->args[0]));
        return;
    }
    gp__call_init(&tick.call, kit->rt, instance, GP_HOOK_TICK, since + instance->deadline_ms);
    state = kit->rt->ops->run(kit->rt, run_tick, tick_done, &tick, instance->plugin->stack);
    while (state == 0 && !tick.done)
        gp__sim_advance(kit->rt, 1);
    kit->took_ms = kit->rt->ops->now_ms(kit->rt) - since;
}

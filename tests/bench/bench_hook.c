// SPDX-License-Identifier: Apache-2.0
/*
 * Prints what a hook costs on top of its own work, in nanoseconds: an instance that decides at
 * once, and one that parks its fiber (a sleep of 1 ms in many sessions at once). CPU time, so that
 * neither the sleep nor what else the machine does is in it. Not a test.
 */
#include "core/base/alloc.h"
#include "core/hook/run.h"
#include "core/runtime/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INSTANCES 8
#define CHAINS 1000000
#define SESSIONS 1000
#define VISITS 200000

struct bench {
    struct gp__runtime *rt;
    struct gp_plugin plugin;
    struct gp__instance instances[INSTANCES];
    struct gp__hook_stats stats;
    struct gp__instance *at[INSTANCES];
    struct gp__chain chain;
    struct gp__policy_settings settings;
    struct gp_session *sessions[SESSIONS];
    size_t under_way;
    double ns; /* of the loop over chains */
};

struct visit {
    struct bench *bench;
    struct gp_session *session;
};

static double cpu_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        abort();
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static enum gp_verdict at_once(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    return GP_NEXT;
}

static enum gp_verdict parks(struct gp_call *call, void *self)
{
    (void)self;
    return gp_sleep(call, 1) == GP_OK ? GP_NEXT : GP_FAIL;
}

static void use(struct bench *bench, enum gp_verdict (*fn)(struct gp_call *call, void *self),
                size_t count)
{
    bench->chain.at[GP_HOOK_HELO].items = bench->at;
    bench->chain.at[GP_HOOK_HELO].count = count;
    for (size_t i = 0; i < INSTANCES; i++) {
        bench->at[i] = &bench->instances[i];
        bench->instances[i] = (struct gp__instance){
            .id = GP_S("bench"), .index = i, .plugin = &bench->plugin, .deadline_ms = 30000};
        bench->instances[i].fns[GP_HOOK_HELO] = fn;
        bench->instances[i].stats[GP_HOOK_HELO] = &bench->stats;
    }
}

static void run_chain(struct gp_session *session)
{
    struct gp__run run = {.point = GP_HOOK_HELO, .session = session};

    gp__run_chain(&run);
}

/* ---- at once ---- */

static void many_chains(void *arg)
{
    struct bench *bench = arg;
    double start = cpu_ns();

    for (size_t i = 0; i < CHAINS; i++)
        run_chain(bench->sessions[0]);
    bench->ns = (cpu_ns() - start) / CHAINS;
}

static void nothing(void *arg)
{
    (void)arg;
}

static double chain_of(struct bench *bench, size_t count)
{
    use(bench, at_once, count);
    if (bench->rt->ops->run(bench->rt, many_chains, nothing, bench, 0) != 1)
        abort();
    return bench->ns;
}

/* ---- parked ---- */

static void visit_main(void *arg)
{
    const struct visit *visit = arg;

    run_chain(visit->session);
}

static void visit_done(void *arg)
{
    struct visit *visit = arg;

    visit->bench->under_way--;
}

/* Fibers for that many sessions at a time, each asks one instance: CPU time of one. */
static double visits(struct bench *bench, size_t sessions)
{
    static struct visit all[SESSIONS];
    double start = cpu_ns();

    for (size_t done = 0; done < VISITS; done += sessions) {
        for (size_t i = 0; i < sessions; i++) {
            all[i] = (struct visit){bench, bench->sessions[i]};
            if (bench->rt->ops->run(bench->rt, visit_main, visit_done, &all[i], 0) == 0)
                bench->under_way++;
        }
        while (bench->under_way)
            gp__live_turn(bench->rt);
    }
    return (cpu_ns() - start) / VISITS;
}

/* What parking costs beyond the same that does not. */
static double parked(struct bench *bench, size_t sessions, double *plain_r)
{
    use(bench, at_once, 1);
    (void)visits(bench, sessions);
    *plain_r = visits(bench, sessions);
    use(bench, parks, 1);
    (void)visits(bench, sessions);
    return visits(bench, sessions) - *plain_r;
}

int main(void)
{
    struct bench *bench = gp__alloc(sizeof *bench);
    double none, all, few, many, plain;

    bench->rt = gp__live_create(NULL, NULL);
    if (!bench->rt)
        abort();
    bench->settings = (struct gp__policy_settings){.chain = &bench->chain,
                                                   .n_instances = INSTANCES};
    for (size_t i = 0; i < SESSIONS; i++) {
        bench->sessions[i] = gp__session_create("0123456789abcdef");
        gp__session_policy_create(bench->sessions[i], bench->rt, &bench->settings);
    }
    none = chain_of(bench, 0);
    all = chain_of(bench, INSTANCES);
    printf("hook_at_once %.1f ns\n", (all - none) / INSTANCES);
    many = parked(bench, SESSIONS, &plain);
    few = parked(bench, SESSIONS / 10, &plain);
    printf("fiber_and_hook %.1f ns\n", plain);
    printf("hook_parked %.1f ns\n", few);
    printf("hook_parked_1000 %.1f ns\n", many);
    for (size_t i = 0; i < SESSIONS; i++)
        gp__session_unref(&bench->sessions[i]);
    gp__live_free(&bench->rt);
    gp__free(bench);
    return 0;
}

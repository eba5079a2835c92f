// SPDX-License-Identifier: Apache-2.0
/*
 * A large queue: so many small messages are put into a spool, all of them are tried once and
 * deferred, then the scheduler is started anew.
 *
 *   bench_queue MESSAGES DIRECTORY
 *
 * Prints what a message costs the scheduler in each tenth (it should not grow), what its memory is,
 * how long a restart takes, and how long it takes to look at all of it.
 */
#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/delivery/plan.h"
#include "core/delivery/scheduler.h"
#include "core/runtime/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM 256u
#define DOMAINS 1000u
#define BATCH 64u

static const uint64_t waits[] = {3600000};
static const struct gp__plan_queue policy = {.name = {"default", 7},
                                             .retry = {[GP__RETRY_OTHER] = {waits, 1}},
                                             .expire_ms = 345600000,
                                             .attempt_ms = 600000,
                                             .connections = 20};
static const struct gp__plan_route route = {
    .name = {"world", 5}, .target = {"internet", 8}, .per_domain = true};
static const struct gp__plan plan = {.hostname = {"bench.example", 13},
                                     .daemon = {"d@bench.example", 15},
                                     .queues = &policy,
                                     .n_queues = 1,
                                     .routes = &route,
                                     .n_routes = 1};

static struct gp__runtime *rt;
static struct gp__scheduler *scheduler;
static uint64_t deferred, wanted, written;

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long memory_kib(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    long kib = 0;

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (file)
        (void)fclose(file); /* it was read */
    return kib;
}

static void fail(struct gp__buf *error)
{
    fprintf(stderr, "bench_queue: " GP_FMT "\n", GP_ARG(gp__buf_slice(error)));
    exit(1);
}

/* ---- filling ---- */

static void on_written(void *arg, int error, const struct gp__place *places)
{
    (void)arg;
    (void)places;
    if (error) {
        fprintf(stderr, "bench_queue: %s\n", gp_strerror(error));
        exit(1);
    }
    written++;
}

static void commit(struct gp__spool_writer *writer, uint64_t i)
{
    static const char content[] = "Subject: hello\r\n\r\nworld\r\n";
    char id[32], address[48];
    struct gp__entry_piece piece = {.len = sizeof content - 1};
    struct gp__entry_copy copy = {.id = GP_S("a"),
                                  .sender = GP_S("sender@example.com"),
                                  .pieces = &piece,
                                  .n_pieces = 1,
                                  .size = sizeof content - 1};
    struct gp__entry_recipient recipient = {.route = GP_S("world")};
    struct gp__entry entry = {.received_ms = rt->ops->wall_ms(rt),
                              .base = gp_slice(content, sizeof content - 1),
                              .base_size = sizeof content - 1,
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = &recipient,
                              .n_recipients = 1};
    const struct gp__entry *list = &entry;

    entry.id = gp_slice(id, (size_t)snprintf(id, sizeof id, "B%015llu.1", (unsigned long long)i));
    recipient.address = gp_slice(
        address, (size_t)snprintf(address, sizeof address, "user%llu@d%llu.example",
                                  (unsigned long long)i, (unsigned long long)(i % DOMAINS)));
    gp__spool_commit_start(writer, &list, 1, on_written, NULL);
}

static void fill(const struct gp__spool_settings *spool, uint64_t n)
{
    struct gp__buf error = {.limit = 0};
    struct gp__spool_writer *writer = gp__spool_writer_open(rt, spool, GP_S("w0"), &error);
    double began = seconds(CLOCK_MONOTONIC);

    if (!writer)
        fail(&error);
    for (uint64_t i = 0; i < n; i++) {
        commit(writer, i);
        while (i + 1 - written >= BATCH)
            gp__live_turn(rt);
    }
    while (written < n)
        gp__live_turn(rt);
    gp__spool_writer_close(&writer);
    printf("written: %llu messages in %.1f s\n", (unsigned long long)n,
           seconds(CLOCK_MONOTONIC) - began);
}

/* ---- trying ---- */

struct answer {
    uint64_t number;
    size_t n;
};

static struct answer answers[ROOM * 4];
static size_t n_answers;

static void on_attempt(void *arg, const struct gp__attempt *attempt)
{
    (void)arg;
    answers[n_answers++] = (struct answer){attempt->number, attempt->n};
}

static void answer_all(void)
{
    struct gp__attempt_result result = {.outcome = GP_OUTCOME_DEFERRED,
                                        .reply = GP__REPLY(450, 4, 2, 0, "Mailbox busy")};
    size_t n = n_answers;

    n_answers = 0;
    for (size_t i = 0; i < n; i++) {
        struct gp__attempt_answer said = {
            .number = answers[i].number, .results = &result, .n = answers[i].n};

        gp__scheduler_answer(scheduler, 0, &said);
        deferred++;
    }
}

static void start(const struct gp__spool_settings *spool)
{
    struct gp__buf packed = {.limit = 0}, error = {.limit = 0};
    struct gp__scheduler_options options = {.runtime = rt, .spool = spool};

    gp__plan_pack(&packed, &plan);
    options.plan = gp__buf_slice(&packed);
    scheduler = gp__scheduler_open(&options, &error);
    if (!scheduler)
        fail(&error);
    gp__buf_free(&packed);
    while (!gp__scheduler_is_ready(scheduler))
        gp__live_turn(rt);
}

static void defer_all(void)
{
    uint64_t step = wanted / 10 ? wanted / 10 : 1, mark = step;
    double began = seconds(CLOCK_PROCESS_CPUTIME_ID);

    gp__scheduler_carrier(scheduler, 0, ROOM, on_attempt, NULL);
    while (deferred < wanted) {
        double now;

        answer_all();
        gp__live_turn(rt);
        if (deferred < mark)
            continue;
        now = seconds(CLOCK_PROCESS_CPUTIME_ID);
        printf("tried: %9llu  %.2f us of CPU a message\n", (unsigned long long)deferred,
               (now - began) / (double)step * 1e6);
        began = now;
        mark += step;
    }
}

/* ---- the whole ---- */

static void report(double began, double began_cpu, long before_kib)
{
    struct gp__queue *queue = gp__scheduler_queue(scheduler);
    struct gp__queue_filter filter = {.sender = gp__queue_hash(GP_S("sender@example.com"))};
    double now = seconds(CLOCK_MONOTONIC);
    struct gp__queue_stats stats;
    struct gp__queued *message;
    uint64_t found = 0;

    gp__queue_stats(queue, &stats);
    printf(
        "restart: %.2f s, %.2f of CPU, %llu messages waiting, %llu bytes of schedule a message, %ld MiB of the "
        "process more\n",
        now - began, seconds(CLOCK_PROCESS_CPUTIME_ID) - began_cpu,
        (unsigned long long)stats.by_state[GP__GROUP_WAITING],
        (unsigned long long)(stats.bytes / (stats.messages ? stats.messages : 1)),
        (memory_kib() - before_kib) / 1024);
    now = seconds(CLOCK_MONOTONIC);
    message = gp__queue_after(queue, (struct gp__place){.segment = 0});
    for (; message; message = gp__queue_next_message(queue, message))
        found += gp__queue_matches(&filter, message->groups);
    printf("looked at by a filter: %llu in %.3f s\n", (unsigned long long)found,
           seconds(CLOCK_MONOTONIC) - now);
    if (stats.by_state[GP__GROUP_WAITING] != wanted || found != wanted) {
        fprintf(stderr, "bench_queue: %llu were to wait\n", (unsigned long long)wanted);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct gp__spool_settings spool = {.keep_free = 1};
    double began, began_cpu;
    long before;

    if (argc != 3)
        return 2;
    wanted = strtoull(argv[1], NULL, 10);
    spool.path = gp_slice_of(argv[2]);
    rt = gp__live_create(NULL, NULL);
    if (!rt)
        return 1;
    fill(&spool, wanted);
    start(&spool);
    defer_all();
    gp__scheduler_close(&scheduler);
    before = memory_kib();
    began = seconds(CLOCK_MONOTONIC);
    began_cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    start(&spool);
    report(began, began_cpu, before);
    gp__scheduler_close(&scheduler);
    gp__live_free(&rt);
    gp__arena_pool_free();
    return 0;
}

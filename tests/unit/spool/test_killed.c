// SPDX-License-Identifier: Apache-2.0
/*
 * A process that commits as fast as it can is killed (SIGKILL) whenever its parent has heard so many
 * promises, again and again on the same spool: every promise is kept, by reading and not by belief.
 */
#include "support.h"

#include "core/runtime/live.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 12
#define AT_ONCE 8
#define LARGE 30000
#define IDS 100000

static char bases[LARGE];

struct child {
    struct gp__runtime *rt;
    struct gp__spool_writer *writer;
    struct gp__spool_journal *journal;
    uint32_t next;
    int pipe;
};

struct promise {
    struct child *child;
    uint32_t number;
};

/* Sizes that are small, large in a segment, and a file of their own. */
static size_t size_of(uint32_t number)
{
    return number % 7 == 0 ? LARGE : number % 97 * 40;
}

static void give(struct child *child);

static void tell(const struct child *child, uint32_t number)
{
    if (write(child->pipe, &number, sizeof number) != (ssize_t)sizeof number)
        _exit(1);
}

static void on_committed(void *arg, int error, const struct gp__place *places)
{
    struct promise *promise = arg;

    if (error || places[0].segment == 0)
        _exit(1);
    tell(promise->child, promise->number);
    give(promise->child);
    free(promise);
}

static void ignore(void *arg, struct gp_slice bytes)
{
    (void)arg;
    (void)bytes;
}

static void give(struct child *child)
{
    struct promise *promise = malloc(sizeof *promise);
    char id[16];
    struct gp__entry entry;
    const struct gp__entry *one = &entry;

    *promise = (struct promise){child, child->next++};
    (void)snprintf(id, sizeof id, "M%u", promise->number);
    entry = small_entry(gp_slice_of(id), gp_slice(bases, size_of(promise->number)));
    gp__spool_commit_start(child->writer, &one, 1, on_committed, promise);
    gp__spool_journal_append(child->journal, gp_slice_of(id), NULL, NULL);
}

static void commit_for_ever(const struct gp__spool_settings *settings, uint32_t first, int pipe)
{
    struct child child = {.rt = gp__live_create(NULL, NULL), .next = first, .pipe = pipe};
    struct gp__buf error = {.limit = 0};

    child.writer = gp__spool_writer_open(child.rt, settings, GP_S("w0"), &error);
    child.journal = gp__spool_journal_open(child.rt, settings, ignore, NULL, &error);
    if (!child.writer || !child.journal)
        _exit(1);
    for (int i = 0; i < AT_ONCE; i++)
        give(&child);
    for (;;)
        gp__live_turn(child.rt);
}

/* ---- the parent ---- */

struct world {
    char dir[64];
    struct gp__spool_settings settings;
    bool promised[IDS], found[IDS];
    struct gp__spool *spool;
    uint32_t last;
    unsigned promises;
};

static bool hear(struct world *world, int pipe)
{
    uint32_t number;

    if (read(pipe, &number, sizeof number) != (ssize_t)sizeof number)
        return false;
    assert_true(number < IDS && !world->promised[number]);
    world->promised[number] = true;
    world->promises++;
    if (number > world->last)
        world->last = number;
    return true;
}

static void one_life(struct world *world, unsigned promises)
{
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        commit_for_ever(&world->settings, world->last + 1000, ends[1]);
    }
    assert_true(child > 0);
    assert_int_equal(close(ends[1]), 0);
    while (promises-- > 0)
        assert_true(hear(world, ends[0]));
    assert_int_equal(kill(child, SIGKILL), 0);
    while (hear(world, ends[0])) /* what it had said before it died */
        ;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(close(ends[0]), 0);
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *head)
{
    struct world *world = arg;
    struct gp__arena *arena = gp__arena_create();
    uint32_t number = (uint32_t)atoi(head->id.data + 1);
    struct gp__entry entry;

    assert_true(number < IDS && !world->found[number]);
    world->found[number] = true;
    assert_int_equal(gp__spool_read(world->spool, place, arena, &entry), 0);
    assert_true(gp_slice_eq(entry.base, gp_slice(bases, size_of(number))));
    gp__arena_free(&arena);
}

static void check(struct world *world)
{
    struct gp__runtime *rt = gp__live_create(NULL, NULL);
    struct gp__buf error = {.limit = 0};
    struct gp__spool_sums sums;

    memset(world->found, 0, sizeof world->found);
    world->spool = gp__spool_open(rt, &world->settings, GP__SPOOL_OWN, &error);
    assert_non_null(world->spool);
    assert_int_equal(gp__spool_tail(world->spool, 0, on_found, world), 0);
    for (uint32_t i = 0; i < IDS; i++) {
        if (world->promised[i] && !world->found[i])
            fail_msg("M%u was promised and is not there", i);
    }
    gp__spool_close(&world->spool);
    world->spool = gp__spool_open(rt, &world->settings, GP__SPOOL_READ, &error);
    assert_int_equal(gp__spool_verify(world->spool, NULL, NULL, &sums), 0);
    assert_int_equal(sums.problems, 0);
    gp__spool_close(&world->spool);
    gp__live_free(&rt);
}

static void test_killed(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    (void)state;
    memset(bases, 'x', sizeof bases);
    dir_make(world->dir);
    world->settings = (struct gp__spool_settings){
        .path = gp_slice_of(world->dir), .segment_size = 256 << 10, .large_at = LARGE};
    for (unsigned round = 0; round < ROUNDS; round++) {
        one_life(world, 1 + round * round * 3);
        check(world);
    }
    assert_true(world->promises > 500);
    dir_remove(world->dir);
    free(world);
    gp__arena_pool_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * A run with batches, several segments, large messages, entries that are finished, moved and whose
 * segments go, and a journal that is compacted; cut off from power, or failed, at each of its steps.
 * Afterwards whatever was promised is there, nothing is there that is not whole, and what was noted
 * as finished stays finished.
 */
#include "fake_disk.h"
#include "support.h"

#include "core/runtime/sim.h"

#include <malloc.h>

#define ROUNDS 10
#define IDS 96
#define ROOT "/disk/s"
#define LARGE 9000
#define SEGMENT ((uint64_t)32 << 10)

/* What is known of an entry, across power cuts: what was promised, not what the code believes. */
struct known {
    bool given;     /* to a writer */
    bool promised;  /* it said that it is durable */
    unsigned group; /* committed together */
    size_t size;
    bool finishing; /* its end was given to the journal */
    bool finished;  /* the journal said that this is durable */
    /* What the owner knows in this life. */
    bool there, ended, gone; /* gone: its segment was removed */
    struct gp__place place;
};

struct world {
    struct fake_disk *disk;
    struct gp__runtime *rt;
    struct gp__spool_settings settings;
    struct gp__spool_writer *writer, *own;
    struct gp__spool *spool;
    struct gp__spool_journal *journal;
    struct gp__buf error;
    struct known known[IDS];
    size_t n;
    unsigned groups, answers;
    unsigned moved, removed, compacted, swept;
};

/* ---- entries whose bytes follow from their number ---- */

#define ID_ROOM 24

static void id_of(size_t i, char id[ID_ROOM])
{
    (void)snprintf(id, ID_ROOM, "M%zu", i);
}

static size_t number_of(struct gp_slice id)
{
    char text[16] = "";

    memcpy(text, id.data, id.len < 15 ? id.len : 15);
    return (size_t)atoi(text + 1);
}

static char bases[IDS][16384];

static struct gp_slice base_of(size_t i, size_t size)
{
    for (size_t at = 0; at < size; at++)
        bases[i][at] = (char)(i * 31 + at * 7);
    return gp_slice(bases[i], size);
}

/* ---- the owner ---- */

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    struct world *world = arg;
    size_t i = number_of(entry->id);

    assert_true(i < world->n && world->known[i].given);
    if (world->known[i].there && !world->known[i].ended)
        return; /* moved: the first one counts, and its twin is as good */
    world->known[i].there = true;
    world->known[i].place = place;
}

static void on_journal(void *arg, struct gp_slice bytes)
{
    struct world *world = arg;
    size_t i = number_of(bytes);

    assert_true(i < world->n && world->known[i].finishing);
    world->known[i].ended = true;
}

static bool start(struct world *world)
{
    for (size_t i = 0; i < world->n; i++)
        world->known[i].there = world->known[i].ended = world->known[i].gone = false;
    world->spool = gp__spool_open(world->rt, &world->settings, GP__SPOOL_OWN, &world->error);
    if (!world->spool)
        return false;
    world->journal = gp__spool_journal_open(world->rt, &world->settings, on_journal, world,
                                            &world->error);
    world->writer = gp__spool_writer_open(world->rt, &world->settings, GP_S("w0"), &world->error);
    world->own = gp__spool_writer_open(world->rt, &world->settings, GP_S("s"), &world->error);
    return world->journal && world->writer && world->own;
}

static void stop(struct world *world)
{
    gp__spool_writer_close(&world->writer);
    gp__spool_writer_close(&world->own);
    gp__spool_journal_close(&world->journal);
    gp__spool_close(&world->spool);
    gp__sim_settle(world->rt);
}

/* ---- what it does ---- */

struct group {
    struct world *world;
    size_t first, n;
};

static void on_committed(void *arg, int error, const struct gp__place *places)
{
    struct group *group = arg;

    group->world->answers++;
    assert_true(error == 0 || error == GP_EIO || error == GP_ENOSPC);
    for (size_t i = 0; i < group->n && error == 0; i++) {
        group->world->known[group->first + i].promised = true;
        assert_true(places[i].segment > 0);
    }
    free(group);
}

static void give(struct world *world, const size_t *sizes, size_t n)
{
    struct gp__entry entries[4];
    const struct gp__entry *pointers[4];
    char ids[4][ID_ROOM];
    struct group *group = malloc(sizeof *group);

    *group = (struct group){world, world->n, n};
    world->groups++;
    for (size_t i = 0; i < n; i++) {
        size_t number = world->n++;

        id_of(number, ids[i]);
        world->known[number] = (struct known){
            .given = true, .size = sizes[i], .group = world->groups};
        entries[i] = small_entry(gp_slice_of(ids[i]), base_of(number, sizes[i]));
        pointers[i] = &entries[i];
    }
    gp__spool_commit_start(world->writer, pointers, n, on_committed, group);
}

static void on_ended(void *arg, int error)
{
    struct known *known = arg;

    if (error == 0)
        known->finished = true;
}

static void finish(struct world *world, size_t i)
{
    char id[ID_ROOM];

    if (!world->known[i].there || world->known[i].ended)
        return;
    id_of(i, id);
    world->known[i].ended = world->known[i].finishing = true;
    gp__spool_journal_append(world->journal, gp_slice_of(id), on_ended, &world->known[i]);
}

struct move {
    struct world *world;
    struct known *known;
};

static void on_moved(void *arg, int error, const struct gp__place *places)
{
    struct move *move = arg;

    if (error == 0) {
        move->known->place = places[0];
        move->world->moved++;
    }
}

/* What lives in a segment: 0 nothing, 1 the first entry is *left_r. */
static size_t alive_in(struct world *world, uint64_t segment, size_t *left_r)
{
    size_t count = 0;

    for (size_t i = 0; i < world->n; i++) {
        const struct known *known = &world->known[i];

        if (!known->there || known->place.segment != segment)
            continue;
        /* What has ended lives on until that is durable: the journal must know it before. */
        if (!known->ended || !known->finished) {
            *left_r = i;
            count++;
        }
    }
    return count;
}

static void each_segment(void *arg, const struct gp__spool_segment *segment)
{
    uint64_t *numbers = arg;

    for (size_t i = 0; segment->sealed && i < 16; i++) {
        if (numbers[i] == 0) {
            numbers[i] = segment->number;
            return;
        }
    }
}

/* The journal need not know what can't come again. */
static void forget(struct world *world, uint64_t segment)
{
    world->removed++;
    for (size_t i = 0; i < world->n; i++) {
        if (world->known[i].there && world->known[i].place.segment == segment)
            world->known[i].gone = true;
    }
}

/* Empty segments go; what is alone in one moves. */
static void clean(struct world *world)
{
    uint64_t numbers[16] = {0};
    struct move move = {.world = world};
    size_t left;

    gp__spool_segments(world->spool, each_segment, numbers);
    for (size_t i = 0; i < 16 && numbers[i]; i++) {
        size_t count = alive_in(world, numbers[i], &left);

        if (count == 1 && !world->known[left].ended) {
            move.known = &world->known[left];
            gp__spool_rewrite_start(world->own, world->spool, move.known->place, on_moved, &move);
            gp__sim_settle(world->rt);
            count = alive_in(world, numbers[i], &left);
        }
        if (count == 0 && gp__spool_remove(world->spool, numbers[i]) == 0)
            forget(world, numbers[i]);
    }
}

static void on_compacted(void *arg, int error)
{
    ((struct world *)arg)->compacted += error == 0;
}

/* All that has ended and may still be found; more ends meanwhile. */
static void compact(struct world *world)
{
    bool kept[IDS];
    char id[ID_ROOM];

    if (gp__spool_journal_compact_begin(world->journal) != 0)
        return;
    for (size_t i = 0; i < world->n; i++)
        kept[i] = world->known[i].ended && !world->known[i].gone;
    for (size_t i = 0; i < world->n; i++) {
        id_of(i, id);
        if (kept[i])
            gp__spool_journal_compact_put(world->journal, gp_slice_of(id));
        if (i % 8 == 0) {
            gp__sim_settle(world->rt);
            finish(world, world->n - 1 - i / 8);
        }
    }
    gp__spool_journal_compact_end(world->journal, on_compacted, world);
    gp__sim_settle(world->rt);
}

static bool alive(void *arg, struct gp_slice id)
{
    const struct world *world = arg;
    const struct known *known = &world->known[number_of(id)];

    return known->there && !known->ended;
}

static void round_of(struct world *world, size_t round)
{
    static const size_t sizes[][3] = {{100, 4000, 1}, {5000, 12000, 0}, {9000, 300, 4096}};

    give(world, sizes[round % 3], 1 + round % 3);
    give(world, sizes[(round + 1) % 3], 1);
    gp__sim_settle(world->rt);
    give(world, sizes[(round + 2) % 3], 2);
    (void)gp__spool_tail(world->spool, 0, on_found, world);
    gp__sim_settle(world->rt);
    (void)gp__spool_tail(world->spool, 0, on_found, world);
    for (size_t i = 0; i + 6 < world->n; i++) {
        if (i % 11 != 3)
            finish(world, i);
    }
    gp__sim_settle(world->rt);
    clean(world);
    if (round % 4 == 3)
        compact(world);
    if (round == 7)
        world->swept += gp__spool_sweep(world->spool, alive, world) > 0;
}

static void run(struct world *world, size_t rounds)
{
    unsigned groups = world->groups;

    if (start(world)) {
        for (size_t round = 0; round < rounds; round++)
            round_of(world, round);
    }
    stop(world);
    assert_true(world->groups == groups || world->answers == world->groups);
}

/* ---- what must hold ---- */

static void check_whole(struct world *world, size_t i)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    char id[ID_ROOM];

    id_of(i, id);
    assert_int_equal(gp__spool_read(world->spool, world->known[i].place, arena, &entry), 0);
    assert_true(gp_slice_eq(entry.id, gp_slice_of(id)));
    assert_true(gp_slice_eq(entry.base, base_of(i, world->known[i].size)));
    gp__arena_free(&arena);
}

/* Which cut or failure it was. */
static char what[64];

static void check_one(struct world *world, size_t i)
{
    const struct known *known = &world->known[i];

    if (known->promised && !known->there && !known->finishing)
        fail_msg("%s: M%zu was promised and is not there", what, i);
    if (known->there && known->finished && !known->ended)
        fail_msg("%s: M%zu was finished and comes again", what, i);
    /* The file of a large message that has ended may be gone. */
    if (known->there && !(known->finishing && known->size >= LARGE))
        check_whole(world, i);
    for (size_t j = 0; j < world->n; j++) {
        if (world->known[j].group == known->group && !known->finishing &&
            !world->known[j].finishing && world->known[j].there != known->there)
            fail_msg("%s: M%zu is there, and M%zu of the same commit is not", what, i, j);
    }
}

static void check(struct world *world)
{
    gp__buf_clear(&world->error);
    if (!start(world))
        fail_msg("%s: " GP_FMT, what, GP_ARG(gp__buf_slice(&world->error)));
    assert_int_equal(gp__spool_tail(world->spool, 0, on_found, world), 0);
    for (size_t i = 0; i < world->n; i++)
        check_one(world, i);
    stop(world);
}

static struct world *world_create(void)
{
    struct world *world = calloc(1, sizeof *world);

    world->disk = fake_disk_create();
    world->rt = gp__sim_create(1, NULL);
    world->settings = (struct gp__spool_settings){
        .path = GP_S(ROOT),
        .segment_size = SEGMENT,
        .large_at = LARGE,
        .disk = &world->disk->ops,
    };
    return world;
}

static void world_free(struct world *world)
{
    gp__buf_free(&world->error);
    gp__sim_free(&world->rt);
    fake_disk_free(world->disk);
    free(world);
    gp__arena_pool_free();
}

static unsigned count_steps(void)
{
    struct world *world = world_create();
    unsigned steps;

    run(world, ROUNDS);
    steps = world->disk->steps;
    assert_int_equal(world->answers, 3 * ROUNDS);
    for (size_t i = 0; i < world->n; i++)
        assert_true(world->known[i].promised);
    print_message("%u steps, %u entries moved, %u segments removed, %u compactions\n", steps,
                  world->moved, world->removed, world->compacted);
    assert_true(world->moved > 2 && world->removed > 3 && world->compacted > 1 && world->swept);
    check(world);
    world_free(world);
    return steps;
}

/* ---- tests ---- */

static void cut_at(unsigned step, enum survivors survivors, uint64_t dice)
{
    struct world *world = world_create();

    (void)snprintf(what, sizeof what, "cut at step %u, %d", step, (int)survivors);
    world->disk->cut_at = step;
    world->disk->dice = dice;
    run(world, ROUNDS);
    fake_disk_reboot(world->disk, survivors);
    check(world);
    /* It can be gone on with, and is the same when it is looked at again. */
    run(world, 2);
    fake_disk_reboot(world->disk, SURVIVE_NONE);
    check(world);
    world_free(world);
}

static void test_power_cut_at_every_step(void **state)
{
    unsigned steps = count_steps();

    (void)state;
    assert_in_range(steps, 300, 5000);
    for (unsigned step = 1; step <= steps; step++) {
        cut_at(step, SURVIVE_NONE, 1);
        cut_at(step, SURVIVE_ALL, 1);
        cut_at(step, SURVIVE_SOME, 7919 * step);
    }
}

static void fail_at(unsigned step, int error, unsigned in_a_row, enum survivors survivors)
{
    struct world *world = world_create();

    (void)snprintf(what, sizeof what, "%u times errno %d at step %u", in_a_row, error, step);
    world->disk->fail_at = step;
    world->disk->fail_with = error;
    world->disk->fail_n = in_a_row;
    run(world, ROUNDS);
    fake_disk_reboot(world->disk, survivors);
    check(world);
    world_free(world);
}

static void test_fault_at_every_step(void **state)
{
    unsigned steps = count_steps();

    (void)state;
    for (unsigned step = 1; step <= steps; step++) {
        fail_at(step, EIO, 1, SURVIVE_NONE);
        fail_at(step, ENOSPC, 1, SURVIVE_NONE);
        fail_at(step, 0, 1, SURVIVE_NONE);
        fail_at(step, EIO, 3, SURVIVE_NONE);
        fail_at(step, EIO, 3, SURVIVE_ALL);
    }
}

/* After a sync that failed nothing goes to that segment, and what stands there past its end does
 * not count: its client was told so, and sends it again. */
static void test_segment_is_retired(void **state)
{
    struct world *world = world_create();
    static const size_t sizes[] = {500};
    unsigned steps;

    (void)state;
    assert_true(start(world));
    give(world, sizes, 1);
    gp__sim_settle(world->rt);
    steps = world->disk->steps;
    give(world, sizes, 1);
    gp__sim_settle(world->rt);
    world->disk->fail_at = world->disk->steps + (world->disk->steps - steps);
    world->disk->fail_with = EIO;
    give(world, sizes, 1);
    gp__sim_settle(world->rt);
    give(world, sizes, 1);
    gp__sim_settle(world->rt);
    assert_true(world->known[1].promised && !world->known[2].promised && world->known[3].promised);
    assert_int_equal(gp__spool_tail(world->spool, 0, on_found, world), 0);
    assert_true(world->known[1].there && !world->known[2].there && world->known[3].there);
    assert_int_not_equal(world->known[3].place.segment, world->known[1].place.segment);
    stop(world);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_at_every_step),
        cmocka_unit_test(test_fault_at_every_step),
        cmocka_unit_test(test_segment_is_retired),
    };

    /* Files of a megabyte are made and freed thousands of times: not by the system. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

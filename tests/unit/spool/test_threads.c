// SPDX-License-Identifier: Apache-2.0
/* Writers with their threads, and an owner that reads along: whatever is promised is found, once,
 * in the order of its writer, and not before it is durable. Nothing depends on who is faster. */
#include "support.h"

#include "core/runtime/live.h"

#define WRITERS 2
#define COMMITS 300
#define AT_ONCE 20

struct world {
    char dir[64];
    struct gp__runtime *rt;
    struct gp__spool *spool;
    struct writer {
        struct world *world;
        struct gp__spool_writer *spool_writer;
        char prefix;
        unsigned given, done, found;
    } writers[WRITERS];
    struct gp__spool_journal *journal;
    unsigned noted, replayed;
};

static char base[5000];

static void give(struct writer *writer);

static void on_done(void *arg, int error, const struct gp__place *places)
{
    struct writer *writer = arg;

    assert_int_equal(error, 0);
    assert_true(places[0].segment > 0);
    writer->done++;
    give(writer);
}

static void give(struct writer *writer)
{
    char id[16];
    struct gp__entry entry;
    const struct gp__entry *one = &entry;

    if (writer->given == COMMITS)
        return;
    (void)snprintf(id, sizeof id, "%c%u", writer->prefix, writer->given++);
    entry = small_entry(gp_slice_of(id), gp_slice(base, sizeof base - writer->given));
    gp__spool_commit_start(writer->spool_writer, &one, 1, on_done, writer);
}

static void on_noted(void *arg, int error)
{
    assert_int_equal(error, 0);
    ((struct world *)arg)->noted++;
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    struct world *world = arg;
    struct writer *writer = &world->writers[entry->id.data[0] - 'a'];
    char id[16];

    assert_true(place.offset > 0);
    (void)snprintf(id, sizeof id, "%c%u", writer->prefix, writer->found++);
    assert_true(gp_slice_eq(entry->id, gp_slice_of(id)));
    gp__spool_journal_append(world->journal, entry->id, on_noted, world);
}

static void on_replayed(void *arg, struct gp_slice bytes)
{
    assert_true(bytes.len > 1);
    ((struct world *)arg)->replayed++;
}

static bool finished(const struct world *world)
{
    for (int i = 0; i < WRITERS; i++) {
        if (world->writers[i].found < COMMITS || world->writers[i].done < COMMITS)
            return false;
    }
    return world->noted == WRITERS * COMMITS;
}

static void test_threads(void **state)
{
    struct world world = {.rt = gp__live_create(NULL, NULL)};
    struct gp__spool_settings settings = {.segment_size = 1 << 20};
    struct gp__buf error = {.limit = 0};

    (void)state;
    dir_make(world.dir);
    settings.path = gp_slice_of(world.dir);
    world.spool = gp__spool_open(world.rt, &settings, GP__SPOOL_OWN, &error);
    world.journal = gp__spool_journal_open(world.rt, &settings, on_replayed, &world, &error);
    for (int i = 0; i < WRITERS; i++) {
        struct writer *writer = &world.writers[i];

        *writer = (struct writer){.world = &world, .prefix = (char)('a' + i)};
        writer->spool_writer = gp__spool_writer_open(world.rt, &settings, GP_S("w"), &error);
        assert_non_null(writer->spool_writer);
        for (int k = 0; k < AT_ONCE; k++)
            give(writer);
    }
    while (!finished(&world)) {
        gp__live_turn(world.rt);
        assert_int_equal(gp__spool_tail(world.spool, 0, on_found, &world), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        gp__spool_writer_close(&world.writers[i].spool_writer);
    gp__spool_journal_close(&world.journal);
    world.journal = gp__spool_journal_open(world.rt, &settings, on_replayed, &world, &error);
    assert_int_equal(world.replayed, WRITERS * COMMITS);
    gp__spool_journal_close(&world.journal);
    gp__spool_close(&world.spool);
    gp__live_free(&world.rt);
    dir_remove(world.dir);
    gp__arena_pool_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

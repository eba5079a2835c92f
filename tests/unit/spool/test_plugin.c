// SPDX-License-Identifier: Apache-2.0
/* An engine that a plugin is: what it promises and how it fails, in the terms of the spool. That it
 * does what the log does is in test_engine.c. */
#include "support.h"

#include "memory_role.h"

#include "core/base/log.h"

struct world {
    struct gp__runtime *rt;
    struct gp__log log;
    struct gp__spool_settings settings;
    char dir[64];
    struct gp__buf error, said, logged;
    struct gp__place places[200];
    size_t n;
    int result;
    unsigned answers;
};

static int64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void log_line(void *arg, enum gp_log_level level, struct gp_slice line)
{
    (void)level;
    gp__buf_append(&((struct world *)arg)->logged, line);
}

static void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->log = (struct gp__log){
        .level = GP_LOG_DEBUG, .now = no_time, .write = log_line, .arg = world};
    world->rt = gp__sim_create(1, &world->log);
    dir_make(world->dir);
    world->settings = (struct gp__spool_settings){.path = gp_slice_of(world->dir),
                                                  .log = &world->log,
                                                  .plugin = &kept_engine,
                                                  .kept_by = "kept"};
}

static void world_end(struct world *world)
{
    gp__sim_free(&world->rt);
    gp__buf_free(&world->error);
    gp__buf_free(&world->said);
    gp__buf_free(&world->logged);
    gp__buf_free(&world->log.line);
    dir_remove(world->dir);
    kept_forget();
    gp__arena_pool_free();
}

static bool has(const struct gp__buf *buf, const char *text)
{
    struct gp_slice all = gp__buf_slice(buf);

    return all.len && memmem(all.data, all.len, text, strlen(text)) != NULL;
}

static void on_done(void *arg, int error, const struct gp__place *places)
{
    struct world *world = arg;

    world->answers++;
    world->result = error;
    if (!error)
        memcpy(world->places, places, world->n * sizeof *places);
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    (void)place;
    gp__buf_printf(&((struct world *)arg)->said, GP_FMT " ", GP_ARG(entry->id));
}

static void on_record(void *arg, struct gp_slice bytes)
{
    gp__buf_printf(&((struct world *)arg)->said, GP_FMT " ", GP_ARG(bytes));
}

static void on_written(void *arg, int error)
{
    gp__buf_printf(&((struct world *)arg)->said, "%d ", error);
}

static void assert_said(struct world *world, const char *text)
{
    gp__buf_append(&world->said, gp_slice("", 1));
    assert_string_equal(gp__buf_slice(&world->said).data, text);
    gp__buf_clear(&world->said);
}

static struct gp__spool_writer *open_writer(struct world *world)
{
    struct gp__spool_writer *writer = gp__spool_writer_open(world->rt, &world->settings, GP_S("w0"),
                                                            &world->error);

    assert_non_null(writer);
    return writer;
}

static struct gp__spool *open_spool(struct world *world)
{
    struct gp__spool *spool = gp__spool_open(world->rt, &world->settings, GP__SPOOL_OWN,
                                             &world->error);

    assert_non_null(spool);
    return spool;
}

static void commit(struct world *world, struct gp__spool_writer *writer, const char *id)
{
    struct gp__entry entry = small_entry(gp_slice_of(id), GP_S("Subject: x\r\n\r\n"));
    const struct gp__entry *one = &entry;

    world->n = 1;
    gp__spool_commit_start(writer, &one, 1, on_done, world);
    gp__sim_advance(world->rt, shelf.takes_ms);
    gp__sim_settle(world->rt);
}

/* ---- commits ---- */

/* What the engine says, in the two words that a session has for it. */
static void test_errors(void **state)
{
    static const struct {
        int said, answer;
    } rows[] = {{0, 0},
                {GP_ENOSPC, GP_ENOSPC},
                {GP_EIO, GP_EIO},
                {GP_ETEMP, GP_EIO},
                {GP_ENOTFOUND, GP_EIO},
                {7, GP_EIO}};
    struct world world;
    struct gp__spool_writer *writer;
    struct gp__entry wrong = {.id = GP_S("../x")};
    const struct gp__entry *one = &wrong;

    (void)state;
    world_init(&world);
    writer = open_writer(&world);
    for (size_t i = 0; i < COUNT(rows); i++) {
        shelf.error = rows[i].said;
        commit(&world, writer, "m");
        assert_int_equal(world.result, rows[i].answer);
    }
    shelf.error = 0;
    assert_int_equal(shelf.appends, COUNT(rows));
    gp__spool_commit_start(writer, &one, 1, on_done, &world);
    gp__sim_settle(world.rt);
    assert_int_equal(world.result, GP_EINVAL);
    assert_int_equal(shelf.appends, COUNT(rows)); /* the engine was not asked */
    shelf.gives_nothing = true;
    commit(&world, writer, "m");
    assert_int_equal(world.result, GP_EIO);
    assert_true(has(&world.logged, "gave a record the number 0"));
    gp__spool_writer_close(&writer);
    world_end(&world);
}

/* They wait at the same time, and the end waits for them. */
static void test_waits(void **state)
{
    struct world world;
    struct gp__spool_writer *writer;

    (void)state;
    world_init(&world);
    writer = open_writer(&world);
    shelf.takes_ms = 50;
    for (int i = 0; i < 3; i++) {
        struct gp__entry entry = small_entry(GP_S("m"), GP_S("x"));
        const struct gp__entry *one = &entry;

        world.n = 1;
        gp__spool_commit_start(writer, &one, 1, on_done, &world);
    }
    assert_int_equal(world.answers, 0);
    gp__sim_advance(world.rt, 49);
    assert_int_equal(world.answers, 0);
    assert_int_equal(shelf.most, 3);
    gp__spool_writer_close(&writer);
    assert_int_equal(world.answers, 3);
    assert_int_equal(world.result, 0);
    world_end(&world);
}

/* ---- reading ---- */

static void flip(struct gp__buf *buf, size_t at)
{
    buf->data[buf->start + at] ^= 1;
}

static void on_problem(void *arg, const char *path, uint64_t offset, const char *what)
{
    gp__buf_printf(&((struct world *)arg)->said, "%s %llu %s; ", path, (unsigned long long)offset,
                   what);
}

static void test_damage(void **state)
{
    struct world world;
    struct gp__spool_writer *writer;
    struct gp__spool *spool;
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    struct gp__spool_sums sums;

    (void)state;
    world_init(&world);
    writer = open_writer(&world);
    spool = open_spool(&world);
    commit(&world, writer, "one");
    commit(&world, writer, "two");
    commit(&world, writer, "three");
    flip(&shelf.records[1].head, shelf.records[1].head.len - 1);
    flip(&shelf.records[2].body, 3);
    assert_int_equal(gp__spool_tail(spool, 0, on_found, &world), 0);
    assert_said(&world, "two three ");
    assert_true(has(&world.logged, "spool.corrupt"));
    assert_int_equal(gp__spool_read(spool, gp__plugin_place(1), arena, &entry), GP_EIO);
    assert_int_equal(gp__spool_read_head(spool, gp__plugin_place(1), arena, &entry), GP_EIO);
    assert_int_equal(gp__spool_read(spool, gp__plugin_place(2), arena, &entry), GP_EIO);
    assert_int_equal(gp__spool_read_head(spool, gp__plugin_place(2), arena, &entry), 0);
    assert_int_equal(gp__spool_read(spool, gp__plugin_place(3), arena, &entry), 0);
    assert_int_equal(gp__spool_read(spool, gp__plugin_place(4), arena, &entry), GP_ENOTFOUND);
    assert_int_equal(gp__spool_read_head(spool, gp__plugin_place(4), arena, &entry), GP_ENOTFOUND);
    assert_int_equal(gp__spool_verify(spool, on_problem, &world, &sums), 0);
    assert_said(&world, "store 1 a record is no entry; store 2 a message is damaged; ");
    assert_int_equal(sums.entries, 1);
    assert_int_equal(sums.problems, 2);
    world.result = 0;
    gp__spool_rewrite_start(writer, spool, gp__plugin_place(2), on_done, &world);
    gp__sim_settle(world.rt);
    assert_int_equal(world.result, GP_EIO); /* damage is not copied */
    gp__arena_free(&arena);
    gp__spool_close(&spool);
    gp__spool_writer_close(&writer);
    world_end(&world);
}

/* At most so many, and then the rest; an engine that waits where it must not is told off. */
static void test_tail(void **state)
{
    struct world world;
    struct gp__spool_writer *writer;
    struct gp__spool *spool;

    (void)state;
    world_init(&world);
    writer = open_writer(&world);
    spool = open_spool(&world);
    for (int i = 0; i < 3; i++)
        commit(&world, writer, (const char *const[]){"a", "b", "c"}[i]);
    assert_int_equal(gp__spool_tail(spool, 2, on_found, &world), 1);
    assert_said(&world, "a b ");
    shelf.waits_in_show = true;
    assert_int_equal(gp__spool_tail(spool, 2, on_found, &world), GP_EIO);
    assert_true(has(&world.logged, "spool.fault"));
    shelf.waits_in_show = false;
    assert_int_equal(gp__spool_tail(spool, 2, on_found, &world), 0);
    assert_said(&world, "c ");
    gp__spool_close(&spool);
    gp__spool_writer_close(&writer);
    world_end(&world);
}

/* ---- removing ---- */

static void say_segment(void *arg, const struct gp__spool_segment *segment)
{
    gp__buf_printf(&((struct world *)arg)->said, "%llu:%llu%s ",
                   (unsigned long long)segment->number, (unsigned long long)segment->entries,
                   segment->sealed ? "" : " open");
}

/* It may take its time; what comes meanwhile into the same numbers stays. */
static void test_remove(void **state)
{
    struct world world;
    struct gp__spool_writer *writer;
    struct gp__spool *spool;
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    (void)state;
    world_init(&world);
    writer = open_writer(&world);
    spool = open_spool(&world);
    for (int i = 1; i < 70; i++) /* numbers to 63 are of the first segment */
        commit(&world, writer, "m");
    assert_int_equal(gp__spool_tail(spool, 0, on_found, &world), 0);
    gp__buf_clear(&world.said);
    gp__spool_segments(spool, say_segment, &world);
    assert_said(&world, "1:63 2:0 ");
    assert_int_equal(gp__spool_remove(spool, 3), GP_EINVAL);

    shelf.takes_ms = 10;
    assert_int_equal(gp__spool_remove(spool, 2), GP_ETEMP);
    gp__spool_segments(spool, say_segment, &world);
    assert_said(&world, "1:63 ");
    shelf.takes_ms = 0;
    commit(&world, writer, "late"); /* number 70, while 64 to 69 go */
    assert_int_equal(gp__spool_tail(spool, 0, on_found, &world), 0);
    assert_said(&world, "late ");
    gp__sim_advance(world.rt, 10);
    gp__spool_segments(spool, say_segment, &world);
    assert_said(&world, "1:63 2:0 ");
    assert_int_equal(gp__spool_read(spool, gp__plugin_place(69), arena, &entry), GP_ENOTFOUND);
    assert_int_equal(gp__spool_read(spool, gp__plugin_place(70), arena, &entry), 0);

    shelf.error = GP_EIO;
    assert_int_equal(gp__spool_remove(spool, 1), GP_ETEMP);
    gp__sim_settle(world.rt);
    assert_true(has(&world.logged, "queue.segment"));
    shelf.error = 0;
    assert_int_equal(gp__spool_remove(spool, 1), GP_ETEMP); /* it is still there */
    gp__sim_settle(world.rt);
    gp__spool_segments(spool, say_segment, &world);
    assert_said(&world, "1:63 2:0 ");
    assert_int_equal(gp__spool_remove(spool, 1), 0);
    gp__spool_segments(spool, say_segment, &world);
    assert_said(&world, "2:0 ");
    shelf.takes_ms = 10;
    assert_int_equal(gp__spool_remove(spool, 2), GP_ETEMP);
    gp__spool_close(&spool); /* waits */
    assert_false(shelf.records[70].there);
    gp__arena_free(&arena);
    gp__spool_writer_close(&writer);
    world_end(&world);
}

/* ---- the journal ---- */

static struct gp__spool_journal *open_journal(struct world *world)
{
    struct gp__spool_journal *journal = gp__spool_journal_open(world->rt, &world->settings,
                                                               on_record, world, &world->error);

    assert_non_null(journal);
    return journal;
}

/* One at a time: what comes meanwhile is the next. */
static void test_order(void **state)
{
    struct world world;
    struct gp__spool_journal *journal;

    (void)state;
    world_init(&world);
    journal = open_journal(&world);
    shelf.takes_ms = 10;
    gp__spool_journal_append(journal, GP_S("a"), NULL, NULL);
    gp__spool_journal_append(journal, GP_S("b"), on_written, &world);
    gp__sim_advance(world.rt, 5);
    gp__spool_journal_append(journal, GP_S("c"), NULL, NULL);
    gp__spool_journal_append(journal, GP_S("d"), on_written, &world);
    gp__sim_advance(world.rt, 5);
    assert_said(&world, "0 ");
    assert_int_equal(shelf.journal_appends, 1);
    gp__spool_journal_close(&journal); /* waits */
    assert_said(&world, "0 ");
    assert_int_equal(shelf.journal_appends, 2);
    assert_int_equal(shelf.most, 1);
    journal = open_journal(&world);
    assert_said(&world, "a b c d ");
    gp__spool_journal_close(&journal);
    world_end(&world);
}

/* A new journal that can't be written leaves the old one as it was, with all that came meanwhile;
 * so does one that nobody ended. */
static void test_compaction_fails(void **state)
{
    struct world world;
    struct gp__spool_journal *journal;

    (void)state;
    world_init(&world);
    journal = open_journal(&world);
    gp__spool_journal_append(journal, GP_S("a"), on_written, &world);
    gp__sim_settle(world.rt);
    assert_said(&world, "0 ");
    assert_int_equal(gp__spool_journal_compact_begin(journal), 0);
    shelf.broken = (uint64_t)world.rt->ops->wall_ms(world.rt);
    gp__spool_journal_compact_put(journal, GP_S("A"));
    gp__spool_journal_append(journal, GP_S("b"), on_written, &world);
    gp__spool_journal_compact_end(journal, on_written, &world);
    assert_int_equal(gp__spool_journal_compact_begin(journal), GP_EEXIST); /* not before that */
    gp__spool_journal_append(journal, GP_S("c"), on_written, &world);
    gp__sim_settle(world.rt);
    assert_said(&world, "0 -9 0 ");
    assert_int_equal(gp__spool_journal_compact_begin(journal), 0);
    gp__spool_journal_compact_put(journal, GP_S("never"));
    gp__spool_journal_append(journal, GP_S("d"), on_written, &world);
    gp__sim_settle(world.rt);
    gp__spool_journal_close(&journal);
    gp__buf_clear(&world.said);

    journal = open_journal(&world);
    assert_said(&world, "a b c d ");
    gp__sim_advance(world.rt, 1000);
    assert_int_equal(gp__spool_journal_compact_begin(journal), 0);
    gp__spool_journal_compact_put(journal, GP_S("all"));
    gp__spool_journal_compact_end(journal, on_written, &world);
    gp__sim_settle(world.rt);
    assert_said(&world, "0 ");
    gp__spool_journal_close(&journal);
    journal = open_journal(&world);
    assert_said(&world, "all "); /* nothing of "never" */
    gp__spool_journal_close(&journal);
    world_end(&world);
}

static void test_journal_errors(void **state)
{
    static char large[((size_t)1 << 20) + 1];
    struct world world;
    struct gp__spool_journal *journal;

    (void)state;
    world_init(&world);
    journal = open_journal(&world);
    gp__spool_journal_append(journal, gp_slice(large, sizeof large), on_written, &world);
    gp__spool_journal_append(journal, GP_S("a"), on_written, &world);
    gp__sim_settle(world.rt);
    assert_said(&world, "-1 0 ");
    shelf.error = GP_ENOSPC;
    gp__spool_journal_append(journal, GP_S("b"), on_written, &world);
    gp__sim_settle(world.rt);
    shelf.error = 0;
    gp__spool_journal_append(journal, GP_S("c"), on_written, &world);
    gp__sim_settle(world.rt);
    assert_said(&world, "-10 0 ");
    gp__spool_journal_close(&journal);
    journal = open_journal(&world);
    assert_said(&world, "a c ");
    gp__spool_journal_close(&journal);
    world_end(&world);
}

/* ---- the folder ---- */

/* Mail that another engine keeps would lie there and never go out. */
static void test_another_engine(void **state)
{
    struct world world;
    struct gp__spool_settings log;

    (void)state;
    world_init(&world);
    log = world.settings;
    log.plugin = NULL;
    log.kept_by = NULL;
    assert_null(gp__spool_open(world.rt, &world.settings, GP__SPOOL_READ, &world.error));
    assert_true(has(&world.error, "no spool is there"));
    assert_int_equal(gp__spool_prepare(&world.settings, &world.error), 0);
    gp__buf_clear(&world.error);
    assert_int_equal(gp__spool_prepare(&log, &world.error), -1);
    assert_true(has(&world.error, "the spool of another engine"));
    assert_true(has(&world.error, "gatepost spool of kept"));
    world_end(&world);

    world_init(&world);
    log = world.settings;
    log.plugin = NULL;
    log.kept_by = NULL;
    assert_int_equal(gp__spool_prepare(&log, &world.error), 0);
    assert_int_equal(gp__spool_prepare(&world.settings, &world.error), -1);
    assert_true(has(&world.error, "the spool of another engine"));
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),           cmocka_unit_test(test_waits),
        cmocka_unit_test(test_damage),           cmocka_unit_test(test_tail),
        cmocka_unit_test(test_remove),           cmocka_unit_test(test_order),
        cmocka_unit_test(test_compaction_fails), cmocka_unit_test(test_journal_errors),
        cmocka_unit_test(test_another_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

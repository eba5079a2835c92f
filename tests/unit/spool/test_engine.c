// SPDX-License-Identifier: Apache-2.0
/* The calls of the spool over three engines, the log, one in memory, and one that a plugin is: whoever
 * uses them sees the same. The one in memory is also what an engine is at the least. */
#include "support.h"

#include "memory_role.h"

#include "core/runtime/sim.h"

/* ---- an engine in memory: an entry is its place ---- */

#define ROOM 32

struct kept {
    struct gp__buf head, base;
};

/* What outlives those that have it open. */
static struct {
    struct kept entries[ROOM];
    size_t n;
    struct gp__buf journal[ROOM], next[ROOM];
    size_t n_journal, n_next;
    bool owned, removed, compacting;
} memory;

struct reader {
    struct gp__spool base;
    bool owner;
    size_t seen;
};

static int mem_prepare(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    (void)settings;
    (void)error_r;
    return 0;
}

static struct gp__spool_writer *mem_writer_open(struct gp__runtime *rt,
                                                const struct gp__spool_settings *settings,
                                                struct gp_slice name, struct gp__buf *error_r)
{
    (void)rt;
    (void)settings;
    (void)name;
    (void)error_r;
    return gp__alloc(sizeof(struct gp__spool_writer));
}

struct answer {
    void (*placed)(void *arg, int error, const struct gp__place *places);
    void (*done)(void *arg, int error);
    void *arg;
    int error;
    struct gp__place places[4];
};

static void give_answer(void *arg)
{
    struct answer *answer = arg;

    if (answer->placed)
        answer->placed(answer->arg, answer->error, answer->error ? NULL : answer->places);
    if (answer->done)
        answer->done(answer->arg, answer->error);
    gp__free(answer);
}

static void mem_commit(struct gp__spool_writer *writer, const struct gp__entry *const *entries,
                       size_t n, void (*done)(void *arg, int error, const struct gp__place *places),
                       void *arg)
{
    struct answer *answer = gp__alloc(sizeof *answer);
    size_t before = memory.n;

    answer->placed = done;
    answer->arg = arg;
    for (size_t i = 0; i < n && !answer->error; i++) {
        struct kept *kept = &memory.entries[memory.n++];
        struct gp__entry entry = *entries[i];

        entry.base_size = entry.base.len;
        answer->error = gp__entry_write(&entry, &kept->head);
        gp__buf_append(&kept->base, entry.base);
        answer->places[i] = (struct gp__place){1, (uint32_t)(memory.n - 1)};
    }
    while (answer->error && memory.n > before) {
        memory.n--;
        gp__buf_free(&memory.entries[memory.n].head);
        gp__buf_free(&memory.entries[memory.n].base);
    }
    writer->runtime->ops->defer(writer->runtime, give_answer, answer);
}

static void mem_rewrite(struct gp__spool_writer *writer, struct gp__spool *spool,
                        struct gp__place from,
                        void (*done)(void *arg, int error, const struct gp__place *places),
                        void *arg)
{
    struct answer *answer = gp__alloc(sizeof *answer);

    (void)spool;
    answer->placed = done;
    answer->arg = arg;
    answer->error = from.offset < memory.n ? 0 : GP_ENOTFOUND;
    answer->places[0] = from; /* there is no better place */
    writer->runtime->ops->defer(writer->runtime, give_answer, answer);
}

static void mem_writer_close(struct gp__spool_writer *writer)
{
    gp__free(writer);
}

static struct gp__spool *mem_open(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                                  enum gp__spool_mode mode, struct gp__buf *error_r)
{
    struct reader *reader;

    (void)rt;
    (void)settings;
    if (mode == GP__SPOOL_OWN && memory.owned) {
        gp__buf_append(error_r, GP_S("in use"));
        return NULL;
    }
    reader = gp__alloc(sizeof *reader);
    reader->owner = mode == GP__SPOOL_OWN;
    memory.owned |= reader->owner;
    return &reader->base;
}

static void mem_close(struct gp__spool *spool)
{
    struct reader *reader = (struct reader *)spool;

    if (reader->owner)
        memory.owned = false;
    gp__free(reader);
}

static int mem_read(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                    struct gp__entry *entry_r)
{
    const struct kept *kept = &memory.entries[place.offset];

    (void)spool;
    if (place.segment != 1 || place.offset >= memory.n || memory.removed)
        return GP_ENOTFOUND;
    entry_r->base = gp__buf_slice(&kept->base);
    return gp__entry_read(entry_r, arena, gp__buf_slice(&kept->head));
}

static int mem_read_head(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                         struct gp__entry *entry_r)
{
    int error = mem_read(spool, place, arena, entry_r);

    entry_r->base = gp_slice(NULL, 0);
    return error;
}

static int mem_tail(struct gp__spool *spool, size_t max,
                    void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                    void *arg)
{
    struct reader *reader = (struct reader *)spool;

    for (; reader->seen < memory.n && !memory.removed; reader->seen++) {
        struct gp__arena *arena;
        struct gp__entry entry = {.large = false};

        if (max-- == 0)
            return 1;
        arena = gp__arena_create();
        if (gp__entry_read(&entry, arena, gp__buf_slice(&memory.entries[reader->seen].head)) == 0)
            found(arg, (struct gp__place){1, (uint32_t)reader->seen}, &entry);
        gp__arena_free(&arena);
    }
    return 0;
}

static void mem_segments(struct gp__spool *spool,
                         void (*each)(void *arg, const struct gp__spool_segment *segment),
                         void *arg)
{
    const struct reader *reader = (const struct reader *)spool;

    if (!memory.removed)
        each(arg, &(struct gp__spool_segment){
                      .number = 1, .bytes = reader->seen, .entries = reader->seen, .sealed = true});
}

static int mem_remove(struct gp__spool *spool, uint64_t segment)
{
    if (!((const struct reader *)spool)->owner || segment != 1 || memory.removed)
        return GP_EINVAL;
    memory.removed = true;
    return 0;
}

static int mem_remove_large(struct gp__spool *spool, struct gp_slice id)
{
    (void)spool;
    (void)id;
    return 0;
}

static int mem_sweep(struct gp__spool *spool, bool (*alive)(void *arg, struct gp_slice id),
                     void *arg)
{
    (void)spool;
    (void)alive;
    (void)arg;
    return 0;
}

static int mem_verify(struct gp__spool *spool,
                      void (*problem)(void *arg, const char *path, uint64_t offset,
                                      const char *what),
                      void *arg, struct gp__spool_sums *sums_r)
{
    (void)spool;
    (void)problem;
    (void)arg;
    *sums_r = (struct gp__spool_sums){
        .segments = 1, .entries = memory.n, .journal_records = memory.n_journal};
    return 0;
}

static int mem_wake_open(struct gp__spool *spool, struct gp__buf *error_r)
{
    (void)spool;
    gp__buf_append(error_r, GP_S("no socket in memory"));
    return -1;
}

static struct gp__spool_journal *mem_journal_open(struct gp__runtime *rt,
                                                  const struct gp__spool_settings *settings,
                                                  void (*record)(void *arg, struct gp_slice bytes),
                                                  void *arg, struct gp__buf *error_r)
{
    (void)rt;
    (void)settings;
    (void)error_r;
    for (size_t i = 0; i < memory.n_journal; i++)
        record(arg, gp__buf_slice(&memory.journal[i]));
    return gp__alloc(sizeof(struct gp__spool_journal));
}

static void answer_journal(struct gp__spool_journal *journal, void (*done)(void *arg, int error),
                           void *arg)
{
    struct answer *answer = gp__alloc(sizeof *answer);

    answer->done = done;
    answer->arg = arg;
    journal->runtime->ops->defer(journal->runtime, give_answer, answer);
}

static void mem_journal_append(struct gp__spool_journal *journal, struct gp_slice bytes,
                               void (*done)(void *arg, int error), void *arg)
{
    gp__buf_append(&memory.journal[memory.n_journal++], bytes);
    if (memory.compacting)
        gp__buf_append(&memory.next[memory.n_next++], bytes);
    answer_journal(journal, done, arg);
}

static int mem_compact_begin(struct gp__spool_journal *journal)
{
    (void)journal;
    if (memory.compacting)
        return GP_EEXIST;
    memory.compacting = true;
    return 0;
}

static void mem_compact_put(struct gp__spool_journal *journal, struct gp_slice bytes)
{
    (void)journal;
    gp__buf_append(&memory.next[memory.n_next++], bytes);
}

static void mem_compact_end(struct gp__spool_journal *journal, void (*done)(void *arg, int error),
                            void *arg)
{
    for (size_t i = 0; i < memory.n_journal; i++)
        gp__buf_free(&memory.journal[i]);
    memcpy(memory.journal, memory.next, sizeof memory.next);
    memset(memory.next, 0, sizeof memory.next);
    memory.n_journal = memory.n_next;
    memory.n_next = 0;
    memory.compacting = false;
    answer_journal(journal, done, arg);
}

static uint64_t mem_journal_size(const struct gp__spool_journal *journal)
{
    (void)journal;
    return memory.n_journal;
}

static void mem_journal_close(struct gp__spool_journal *journal)
{
    gp__free(journal);
}

static const struct gp__spool_engine in_memory = {
    .name = "memory",
    .prepare = mem_prepare,
    .writer_open = mem_writer_open,
    .commit = mem_commit,
    .rewrite = mem_rewrite,
    .writer_close = mem_writer_close,
    .open = mem_open,
    .close = mem_close,
    .read = mem_read,
    .read_head = mem_read_head,
    .tail = mem_tail,
    .segments = mem_segments,
    .verify = mem_verify,
    .remove = mem_remove,
    .remove_large = mem_remove_large,
    .sweep = mem_sweep,
    .wake_open = mem_wake_open,
    .journal_open = mem_journal_open,
    .journal_append = mem_journal_append,
    .compact_begin = mem_compact_begin,
    .compact_put = mem_compact_put,
    .compact_end = mem_compact_end,
    .journal_size = mem_journal_size,
    .journal_close = mem_journal_close,
};

static void forget(void)
{
    for (size_t i = 0; i < ROOM; i++) {
        gp__buf_free(&memory.entries[i].head);
        gp__buf_free(&memory.entries[i].base);
        gp__buf_free(&memory.journal[i]);
        gp__buf_free(&memory.next[i]);
    }
    memset(&memory, 0, sizeof memory);
}

/* ---- what both do ---- */

struct world {
    struct gp__runtime *rt;
    struct gp__spool_settings settings;
    char dir[64];
    struct gp__buf error, said;
    struct gp__place places[4];
    size_t n;
    int result;
};

static void on_done(void *arg, int error, const struct gp__place *places)
{
    struct world *world = arg;

    world->result = error;
    if (!error)
        memcpy(world->places, places, world->n * sizeof *places);
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    struct world *world = arg;

    assert_true(place.segment > 0);
    gp__buf_printf(&world->said, GP_FMT " ", GP_ARG(entry->id));
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

static void first_segment(void *arg, const struct gp__spool_segment *segment)
{
    uint64_t *number = arg;

    if (segment->sealed && *number == 0)
        *number = segment->number;
}

/* An engine may take its time. */
static int remove_segment(struct world *world, struct gp__spool *spool, uint64_t number)
{
    int error = gp__spool_remove(spool, number);

    if (error == GP_ETEMP) {
        gp__sim_settle(world->rt);
        error = gp__spool_remove(spool, number);
    }
    return error;
}

static void entries_part(struct world *world)
{
    struct gp__spool_writer *writer = gp__spool_writer_open(world->rt, &world->settings, GP_S("w0"),
                                                            &world->error);
    struct gp__spool *spool = gp__spool_open(world->rt, &world->settings, GP__SPOOL_OWN,
                                             &world->error);
    struct gp__entry full = full_entry(), wrong = {.id = GP_S("/")}, got;
    const struct gp__entry *good[] = {&full, &full}, *bad[] = {&full, &wrong};
    struct gp__arena *arena = gp__arena_create();
    uint64_t number = 0;

    assert_null(gp__spool_open(world->rt, &world->settings, GP__SPOOL_OWN, &world->error));
    gp__spool_commit_start(writer, bad, 2, on_done, world);
    gp__sim_settle(world->rt);
    assert_int_equal(world->result, GP_EINVAL);
    world->n = 2;
    gp__spool_commit_start(writer, good, 2, on_done, world);
    gp__sim_settle(world->rt);
    assert_int_equal(world->result, 0);
    assert_int_equal(gp__spool_tail(spool, 0, on_found, world), 0);
    assert_said(world, "01HZX3D8R0ABCDEF 01HZX3D8R0ABCDEF ");
    assert_int_equal(gp__spool_read(spool, world->places[1], arena, &got), 0);
    assert_same_entry(&got, &full);
    assert_int_equal(gp__spool_read_head(spool, world->places[1], arena, &got), 0);
    assert_true(gp_slice_eq(got.id, full.id) && !gp_slice_present(got.base));
    world->n = 1;
    gp__spool_rewrite_start(writer, spool, world->places[0], on_done, world);
    gp__sim_settle(world->rt);
    assert_int_equal(world->result, 0);
    gp__spool_writer_close(&writer);
    gp__sim_settle(world->rt);
    assert_int_equal(gp__spool_tail(spool, 0, on_found, world), 0);
    gp__buf_clear(&world->said);
    gp__spool_segments(spool, first_segment, &number);
    assert_int_equal(remove_segment(world, spool, number), 0);
    assert_int_equal(gp__spool_read(spool, world->places[0], arena, &got), GP_ENOTFOUND);
    gp__arena_free(&arena);
    gp__spool_close(&spool);
}

static struct gp__spool_journal *open_journal(struct world *world)
{
    struct gp__spool_journal *journal = gp__spool_journal_open(world->rt, &world->settings,
                                                               on_record, world, &world->error);

    assert_non_null(journal);
    return journal;
}

static void journal_part(struct world *world)
{
    struct gp__spool_journal *journal = open_journal(world);

    assert_said(world, "");
    gp__spool_journal_append(journal, GP_S("a"), on_written, world);
    gp__spool_journal_append(journal, GP_S("b"), NULL, NULL);
    assert_said(world, "");
    gp__sim_settle(world->rt);
    assert_said(world, "0 ");
    gp__spool_journal_close(&journal);
    gp__sim_settle(world->rt);

    journal = open_journal(world);
    assert_said(world, "a b ");
    assert_int_equal(gp__spool_journal_compact_begin(journal), 0);
    assert_int_equal(gp__spool_journal_compact_begin(journal), GP_EEXIST);
    gp__spool_journal_compact_put(journal, GP_S("ab"));
    gp__sim_settle(world->rt);
    gp__spool_journal_append(journal, GP_S("c"), NULL, NULL);
    gp__spool_journal_compact_put(journal, GP_S("d"));
    gp__spool_journal_compact_end(journal, on_written, world);
    gp__spool_journal_append(journal, GP_S("e"), on_written, world);
    gp__sim_settle(world->rt);
    assert_said(world, "0 0 ");
    assert_true(gp__spool_journal_size(journal) > 0);
    gp__spool_journal_close(&journal);
    gp__sim_settle(world->rt);

    journal = open_journal(world);
    assert_said(world, "ab c d e ");
    gp__spool_journal_close(&journal);
    gp__sim_settle(world->rt);
}

static void run(const struct gp__spool_engine *engine, struct gp__spool_plugin *plugin)
{
    struct world world = {.rt = gp__sim_create(1, NULL)};

    dir_make(world.dir);
    world.settings = (struct gp__spool_settings){.path = gp_slice_of(world.dir),
                                                 .engine = engine,
                                                 .plugin = plugin,
                                                 .kept_by = plugin ? "kept" : NULL};
    assert_int_equal(gp__spool_prepare(&world.settings, &world.error), 0);
    entries_part(&world);
    journal_part(&world);
    gp__sim_free(&world.rt);
    gp__buf_free(&world.error);
    gp__buf_free(&world.said);
    dir_remove(world.dir);
    gp__arena_pool_free();
}

static void test_log(void **state)
{
    (void)state;
    run(NULL, NULL);
}

static void test_memory(void **state)
{
    (void)state;
    run(&in_memory, NULL);
    forget();
}

static void test_plugin(void **state)
{
    (void)state;
    run(NULL, &kept_engine);
    kept_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_plugin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

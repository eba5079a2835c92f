// SPDX-License-Identifier: Apache-2.0
/* The log on the system's files: what was committed is found, read, written once more and removed.
 * Without threads (the simulated runtime), so that each run is the same. */
#include "fake_disk.h"
#include "support.h"

#include "core/base/log.h"
#include "core/hook/call.h"
#include "core/runtime/file.h"
#include "core/runtime/sim.h"
#include "core/runtime/spill.h"
#include "core/spool/dead.h"
#include "core/spool/doubts.h"
#include "core/spool/trouble.h"

#include <sys/socket.h>
#include <sys/stat.h>

#define FOUND_MAX 64

struct fixture {
    char dir[64], path[80];
    struct gp__runtime *rt;
    struct gp__log log;
    struct gp__buf lines, error;
    struct gp__spool_settings settings;
    struct gp__arena *arena;

    struct gp__place found[FOUND_MAX];
    char ids[FOUND_MAX][65];
    size_t n_found;

    int result;
    unsigned done;
    struct gp__place places[FOUND_MAX];
    size_t n_places;
};

static void keep_line(void *arg, enum gp_log_level level, struct gp_slice line)
{
    (void)level;
    gp__buf_append(arg, line);
}

static int64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    dir_make(f->dir);
    (void)snprintf(f->path, sizeof f->path, "%s/spool", f->dir);
    f->log = (struct gp__log){
        .level = GP_LOG_DEBUG, .now = no_time, .write = keep_line, .arg = &f->lines};
    f->rt = gp__sim_create(1, &f->log);
    f->arena = gp__arena_create();
    f->settings = (struct gp__spool_settings){
        .path = gp_slice_of(f->path), .log = &f->log, .segment_size = 64 << 10, .large_at = 20000};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gp__arena_free(&f->arena);
    gp__sim_free(&f->rt);
    gp__buf_free(&f->lines);
    gp__buf_free(&f->error);
    gp__buf_free(&f->log.line);
    dir_remove(f->dir);
    free(f);
    gp__arena_pool_free();
    return 0;
}

static bool logged(struct fixture *f, const char *text)
{
    bool found = gp_slice_search(gp__buf_slice(&f->lines), gp_slice_of(text)) < f->lines.len;

    gp__buf_clear(&f->lines);
    return found;
}

static struct gp__spool_writer *writer_open(struct fixture *f, const char *name)
{
    struct gp__spool_writer *writer = gp__spool_writer_open(f->rt, &f->settings, gp_slice_of(name),
                                                            &f->error);

    if (!writer)
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&f->error)));
    return writer;
}

static struct gp__spool *spool_open(struct fixture *f, enum gp__spool_mode mode)
{
    struct gp__spool *spool = gp__spool_open(f->rt, &f->settings, mode, &f->error);

    if (!spool)
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&f->error)));
    return spool;
}

static void on_done(void *arg, int error, const struct gp__place *places)
{
    struct fixture *f = arg;

    f->result = error;
    f->done++;
    if (!error)
        memcpy(f->places, places, f->n_places * sizeof *places);
}

static int commit_all(struct fixture *f, struct gp__spool_writer *writer,
                      const struct gp__entry *const *entries, size_t n)
{
    unsigned before = f->done;

    f->n_places = n;
    gp__spool_commit_start(writer, entries, n, on_done, f);
    assert_int_equal(f->done, before);
    gp__sim_settle(f->rt);
    assert_int_equal(f->done, before + 1);
    return f->result;
}

static int commit(struct fixture *f, struct gp__spool_writer *writer, const char *id,
                  struct gp_slice base)
{
    struct gp__entry entry = small_entry(gp_slice_of(id), base);
    const struct gp__entry *one = &entry;

    return commit_all(f, writer, &one, 1);
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    struct fixture *f = arg;

    assert_true(f->n_found < FOUND_MAX);
    assert_false(gp_slice_present(entry->base));
    f->found[f->n_found] = place;
    (void)snprintf(f->ids[f->n_found++], sizeof f->ids[0], GP_FMT, GP_ARG(entry->id));
}

/* The ids that are new, with spaces between. */
static const char *tail(struct fixture *f, struct gp__spool *spool)
{
    static char text[1024];

    f->n_found = 0;
    text[0] = '\0';
    assert_int_equal(gp__spool_tail(spool, 0, on_found, f), 0);
    for (size_t i = 0; i < f->n_found; i++) {
        strcat(text, i ? " " : "");
        strcat(text, f->ids[i]);
    }
    return text;
}

static void assert_read(struct fixture *f, struct gp__spool *spool, struct gp__place place,
                        const struct gp__entry *want)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry got;

    (void)f;
    assert_int_equal(gp__spool_read(spool, place, arena, &got), 0);
    assert_same_entry(&got, want);
    assert_int_equal(gp__spool_read_head(spool, place, arena, &got), 0);
    assert_false(gp_slice_present(got.base));
    assert_true(gp_slice_eq(got.id, want->id));
    assert_int_equal(got.base_size, want->base_size);
    assert_int_equal(got.n_recipients, want->n_recipients);
    gp__arena_free(&arena);
}

/* ---- the way of an entry ---- */

static void test_commit_and_read(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);
    struct gp__entry full = full_entry();
    struct gp__entry small = small_entry(GP_S("draft"), GP_S("Subject: y\r\n\r\n"));
    const struct gp__entry *entries[] = {&full, &small};

    assert_string_equal(tail(f, spool), "");
    assert_int_equal(commit_all(f, writer, entries, 2), 0);
    assert_string_equal(tail(f, spool), "01HZX3D8R0ABCDEF draft");
    assert_memory_equal(f->found, f->places, 2 * sizeof *f->found);
    assert_read(f, spool, f->found[0], &full);
    assert_read(f, spool, f->found[1], &small);
    assert_string_equal(tail(f, spool), "");
    assert_int_equal(commit(f, writer, "next", GP_S("")), 0);
    assert_string_equal(tail(f, spool), "next");
    gp__spool_writer_close(&writer);
    assert_string_equal(tail(f, spool), "");
    gp__spool_close(&spool);

    spool = spool_open(f, GP__SPOOL_READ);
    assert_string_equal(tail(f, spool), "01HZX3D8R0ABCDEF draft next");
    gp__spool_close(&spool);
    assert_false(logged(f, "spool."));
}

static void on_segment(void *arg, const struct gp__spool_segment *segment)
{
    struct gp__spool_segment *segments = arg;

    while (segments->number)
        segments++;
    *segments = *segment;
}

static void test_segments(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);
    struct gp__spool_segment segments[8] = {{0}};
    char base[15000] = "", id[8];

    for (int i = 0; i < 9; i++) {
        (void)snprintf(id, sizeof id, "m%d", i);
        assert_int_equal(commit(f, writer, id, gp_slice(base, sizeof base)), 0);
    }
    assert_string_equal(tail(f, spool), "m0 m1 m2 m3 m4 m5 m6 m7 m8");
    gp__spool_segments(spool, on_segment, segments);
    assert_true(segments[0].sealed && segments[1].sealed && !segments[2].sealed);
    assert_int_equal(segments[0].entries, 3);
    assert_int_equal(segments[3].number, 0);
    assert_int_equal(gp__spool_remove(spool, segments[2].number), GP_EINVAL);
    assert_int_equal(gp__spool_remove(spool, segments[0].number), 0);
    assert_int_equal(gp__spool_remove(spool, segments[0].number), GP_EINVAL);
    assert_int_equal(gp__spool_read(spool, f->found[0], f->arena, &(struct gp__entry){0}),
                     GP_ENOTFOUND);
    gp__spool_close(&spool);
    spool = spool_open(f, GP__SPOOL_READ);
    assert_string_equal(tail(f, spool), "m3 m4 m5 m6 m7 m8");
    assert_int_equal(gp__spool_remove(spool, segments[1].number), GP_EINVAL);
    gp__spool_close(&spool);
    gp__spool_writer_close(&writer);
}

/* A tail that is to find so many stops there, and goes on the next time. */
static void test_tail_in_parts(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);

    assert_int_equal(commit(f, writer, "a", GP_S("1")), 0);
    assert_int_equal(commit(f, writer, "b", GP_S("2")), 0);
    f->n_found = 0;
    assert_int_equal(gp__spool_tail(spool, 1, on_found, f), 1);
    assert_int_equal(f->n_found, 1);
    assert_string_equal(tail(f, spool), "b");
    gp__spool_close(&spool);
    gp__spool_writer_close(&writer);
}

static void test_rewrite(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0"), *own = writer_open(f, "s");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);
    struct gp__entry full = full_entry();
    const struct gp__entry *one = &full;
    struct gp__place from, to;

    assert_int_equal(commit_all(f, writer, &one, 1), 0);
    from = f->places[0];
    gp__spool_rewrite_start(own, spool, from, on_done, f);
    gp__sim_settle(f->rt);
    assert_int_equal(f->result, 0);
    to = f->places[0];
    assert_int_not_equal(to.segment, from.segment);
    assert_read(f, spool, to, &full);
    from.offset += 8;
    gp__spool_rewrite_start(own, spool, from, on_done, f);
    gp__sim_settle(f->rt);
    assert_int_equal(f->result, GP_ENOTFOUND);
    gp__spool_close(&spool);
    gp__spool_writer_close(&writer);
    gp__spool_writer_close(&own);
}

struct fiber {
    struct fixture *f;
    struct gp__spool_writer *writer;
    int result;
    struct gp__place place;
    bool ended;
};

static void on_fiber(void *arg)
{
    struct fiber *fiber = arg;
    struct gp__entry entry = small_entry(GP_S("x"), GP_S("y"));
    const struct gp__entry *one = &entry;
    struct gp_call call;

    gp__call_init(&call, fiber->f->rt, NULL, GP_HOOK_MESSAGE, UINT64_MAX);
    call.sticky = GP_ECANCELED; /* the client left: it is committed all the same */
    fiber->result = gp__spool_commit(&call, fiber->writer, &one, 1, &fiber->place);
    fiber->ended = true;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void test_commit_on_a_fiber(void **state)
{
    struct fixture *f = *state;
    struct fiber fiber = {.f = f, .writer = writer_open(f, "w0"), .result = 1};

    assert_int_equal(f->rt->ops->run(f->rt, on_fiber, nothing, &fiber, 0), 0);
    assert_false(fiber.ended);
    gp__sim_settle(f->rt);
    assert_true(fiber.ended);
    assert_int_equal(fiber.result, 0);
    assert_true(fiber.place.segment > 0);
    gp__spool_writer_close(&fiber.writer);
}

/* What was begun is done when the writer is closed. */
static void test_close_finishes(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__entry entry = small_entry(GP_S("x"), GP_S("y"));
    const struct gp__entry *one = &entry;

    f->n_places = 1;
    gp__spool_commit_start(writer, &one, 1, on_done, f);
    gp__spool_writer_close(&writer);
    assert_int_equal(f->done, 1);
    assert_int_equal(f->result, 0);
    gp__sim_settle(f->rt);
}

/* ---- what can't be ---- */

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer;

    f->settings.keep_free = UINT64_MAX;
    writer = writer_open(f, "w0");
    assert_int_equal(commit(f, writer, "a/b", GP_S("")), GP_EINVAL);
    assert_int_equal(commit_all(f, writer, NULL, 0), GP_EINVAL);
    assert_false(logged(f, "spool.failed"));
    assert_int_equal(commit(f, writer, "a", GP_S("")), GP_ENOSPC);
    assert_true(logged(f, "spool.failed"));
    gp__spool_writer_close(&writer);
    assert_null(gp__spool_writer_open(f->rt, &f->settings, GP_S("../w"), &f->error));
    assert_true(gp_slice_ends(gp__buf_slice(&f->error), GP_S("can't name a writer")));
}

/* A disk that is full is told once, and once that it is not any more. */
static void test_trouble(void **state)
{
    struct fixture *f = *state;
    struct fake_disk *disk = fake_disk_create();
    struct gp__spool_writer *writer;

    f->settings.path = GP_S("/disk/spool");
    f->settings.disk = &disk->ops;
    f->settings.keep_free = 1000;
    writer = writer_open(f, "w0");
    disk->space = 999;
    assert_int_equal(commit(f, writer, "a", GP_S("")), GP_ENOSPC);
    assert_true(logged(f, "spool.failed"));
    assert_int_equal(commit(f, writer, "a", GP_S("")), GP_ENOSPC);
    assert_int_equal(f->lines.len, 0);
    disk->space = 1000;
    assert_int_equal(commit(f, writer, "a", GP_S("")), 0);
    assert_int_equal(f->lines.len, 0); /* not yet: the next one may not fit again */
    gp__sim_advance(f->rt, GP__TROUBLE_MS);
    assert_int_equal(commit(f, writer, "b", GP_S("")), 0);
    assert_true(logged(f, "spool.works path=/disk/spool failures=2 ms=10000"));
    disk->space = 999;
    assert_int_equal(commit(f, writer, "c", GP_S("")), GP_ENOSPC);
    assert_true(logged(f, "spool.failed")); /* as if for the first time */
    disk->space = 1000;
    disk->fail_at = disk->steps + 1;
    disk->fail_with = EIO;
    assert_int_equal(commit(f, writer, "c", GP_S("")), GP_EIO);
    assert_true(logged(f, "spool.failed")); /* it is another one */
    gp__spool_writer_close(&writer);
    fake_disk_free(disk);
}

/* Whether it could be used, without touching it. */
static void test_check(void **state)
{
    struct fixture *f = *state;
    char journal[96], other[96];

    assert_int_equal(gp__spool_check(&f->settings, &f->error), 0);
    assert_int_equal(access(f->path, F_OK), -1); /* nothing was made */
    assert_int_equal(gp__spool_prepare(&f->settings, &f->error), 0);
    assert_int_equal(gp__spool_check(&f->settings, &f->error), 0);
    (void)snprintf(journal, sizeof journal, "%s/journal", f->path);
    (void)snprintf(other, sizeof other, "%s/journal2", f->path);
    assert_int_equal(rename(journal, other), 0);
    assert_int_equal(symlink(journal, journal), 0); /* which root can't read either */
    assert_int_equal(gp__spool_check(&f->settings, &f->error), GP_EIO);
    assert_true(gp_slice_search(gp__buf_slice(&f->error), gp_slice_of(journal)) < f->error.len);
    (void)snprintf(journal, sizeof journal, "%s/format", f->path);
    assert_int_equal(truncate(journal, 9), 0);
    gp__buf_clear(&f->error);
    assert_int_equal(gp__spool_check(&f->settings, &f->error), GP_EINVAL);
    assert_true(gp_slice_search(gp__buf_slice(&f->error), GP_S("is not a spool that")) <
                f->error.len);
}

/* ---- writers that die ---- */

static void commit_of(struct fixture *f, struct gp__spool_writer *writer, const char *id,
                      const char *session, uint64_t content, int64_t received_ms)
{
    struct gp__entry entry = small_entry(gp_slice_of(id), GP_S("x"));
    const struct gp__entry *one = &entry;
    struct gp__doubt_mark mark = {content, 1};
    char fingerprint[GP__FINGERPRINT_LEN];

    gp__doubt_fingerprint(&mark, fingerprint);
    entry.fingerprint = gp_slice(fingerprint, sizeof fingerprint);
    entry.session = gp_slice_of(session);
    entry.received_ms = received_ms;
    assert_int_equal(commit_all(f, writer, &one, 1), 0);
}

static int system_in(const char *dir, const char *what)
{
    char command[400];

    (void)snprintf(command, sizeof command, "cd %s && %s", dir, what);
    return system(command);
}

/* The spool as it was left when its writers died: a copy that nobody holds. */
static void die(const struct fixture *f, char copy[96])
{
    (void)snprintf(copy, 96, "%s/copy", f->dir);
    assert_int_equal(system_in(f->dir, "rm -rf copy && cp -r spool copy"), 0);
}

static bool is_doubt(struct gp__doubts *doubts, uint64_t content, const char *id, int64_t now_ms)
{
    struct gp__doubt_mark mark = {content, 1};

    return gp__doubts_any(doubts, now_ms, true) &&
           gp_slice_eq(gp__doubts_find(doubts, &mark, now_ms), gp_slice_of(id));
}

#define WHEN INT64_C(1700000000000)

/* What came last of each session, and just before the end. */
static void test_death(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__doubts *doubts;
    char copy[96];

    commit_of(f, writer, "long-before", "s0", 1, WHEN);
    commit_of(f, writer, "first", "s1", 2, WHEN + GP__DEAD_END_MS);
    commit_of(f, writer, "second", "s1", 3, WHEN + GP__DEAD_END_MS);
    commit_of(f, writer, "other", "s2", 4, WHEN + GP__DEAD_END_MS + 1);
    doubts = gp__doubts_open(f->settings.path); /* it lives */
    assert_false(gp__doubts_any(doubts, WHEN, true));
    gp__doubts_close(&doubts);
    die(f, copy);
    doubts = gp__doubts_open(gp_slice_of(copy));
    assert_false(is_doubt(doubts, 1, "long-before", WHEN));
    assert_false(is_doubt(doubts, 2, "first", WHEN));
    assert_true(is_doubt(doubts, 3, "second", WHEN));
    assert_true(is_doubt(doubts, 4, "other", WHEN));
    assert_false(gp__doubts_any(doubts, WHEN + GP__DOUBT_MS + GP__DEAD_END_MS + 1, true));
    gp__doubts_close(&doubts);
    gp__spool_writer_close(&writer);
}

/* While one lives it is asked again, but only so often. */
static void test_death_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct gp__doubts *doubts;
    struct gp__spool_writer *writer;
    char copy[96];

    writer = writer_open(f, "w0");
    commit_of(f, writer, "one", "s1", 1, WHEN);
    die(f, copy);
    doubts = gp__doubts_open(gp_slice_of(f->path));
    assert_false(gp__doubts_any(doubts, WHEN, true));
    /* The segment of one that died appears, as if its writer had lived until now. */
    assert_int_equal(
        system_in(f->dir, "mv copy/segments/*.log spool/segments/00000000000000ff.log"), 0);
    assert_false(gp__doubts_any(doubts, WHEN + GP__DOUBTS_LOOK_MS - 1, false));
    assert_true(gp__doubts_any(doubts, WHEN + GP__DOUBTS_LOOK_MS, false));
    gp__doubts_close(&doubts);
    gp__spool_writer_close(&writer);
}

/* Who ends in order, or goes on to another segment, leaves no doubts behind. */
static void test_no_death(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__doubts *doubts;
    char copy[96];

    commit_of(f, writer, "one", "s1", 1, WHEN);
    gp__spool_writer_close(&writer);
    die(f, copy);
    doubts = gp__doubts_open(gp_slice_of(copy));
    assert_false(gp__doubts_any(doubts, WHEN, true));
    gp__doubts_close(&doubts);
    f->settings.segment_size = 12 << 10;
    writer = writer_open(f, "w0");
    commit_of(f, writer, "two", "s1", 2, WHEN);
    commit_of(f, writer, "three", "s2", 3, WHEN);
    commit_of(f, writer, "four", "s3", 4, WHEN);
    die(f, copy);
    doubts = gp__doubts_open(gp_slice_of(copy));
    assert_false(is_doubt(doubts, 2, "two", WHEN));
    assert_true(is_doubt(doubts, 4, "four", WHEN));
    gp__doubts_close(&doubts);
    gp__spool_writer_close(&writer);
}

static void note_kept(void *arg, const struct gp__spool_segment *segment)
{
    unsigned *kept = arg;

    assert_true(segment->sealed);
    *kept += segment->kept;
}

static unsigned kept_segments(struct fixture *f, const char *path)
{
    struct gp__spool *spool;
    unsigned kept = 0;

    f->settings.path = gp_slice_of(path);
    spool = spool_open(f, GP__SPOOL_OWN);
    assert_int_equal(gp__spool_tail(spool, 0, on_found, f), 0);
    gp__spool_segments(spool, note_kept, &kept);
    gp__spool_close(&spool);
    f->settings.path = gp_slice_of(f->path);
    return kept;
}

/* The owner leaves it there for an hour, so that nobody misses it. */
static void test_death_is_kept(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    char copy[96];

    commit_of(f, writer, "one", "s1", 1, WHEN);
    die(f, copy);
    assert_int_equal(kept_segments(f, copy), 1);
    gp__spool_writer_close(&writer);
    assert_int_equal(kept_segments(f, f->path), 0);
}

static void test_one_owner(void **state)
{
    struct fixture *f = *state;
    struct gp__spool *spool = NULL, *other;

    assert_null(gp__spool_open(f->rt, &f->settings, GP__SPOOL_READ, &f->error));
    assert_true(gp_slice_ends(gp__buf_slice(&f->error), GP_S(": no spool is there")));
    gp__buf_clear(&f->error);
    spool = spool_open(f, GP__SPOOL_OWN);
    assert_null(gp__spool_open(f->rt, &f->settings, GP__SPOOL_OWN, &f->error));
    assert_true(gp_slice_search(gp__buf_slice(&f->error), GP_S("in use")) < f->error.len);
    other = spool_open(f, GP__SPOOL_READ);
    gp__spool_close(&other);
    gp__spool_close(&spool);
    spool = spool_open(f, GP__SPOOL_OWN);
    gp__spool_close(&spool);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_version(void **state)
{
    struct fixture *f = *state;
    char path[128];

    assert_int_equal(gp__spool_prepare(&f->settings, &f->error), 0);
    (void)snprintf(path, sizeof path, "%s/format", f->path);
    write_file(path, "gatepost spool 2\n");
    assert_null(gp__spool_open(f->rt, &f->settings, GP__SPOOL_READ, &f->error));
    assert_null(gp__spool_writer_open(f->rt, &f->settings, GP_S("w0"), &f->error));
    assert_true(gp_slice_search(gp__buf_slice(&f->error), GP_S("\"gatepost spool 2\" is not")) <
                f->error.len);
}

/* The worker before still ends its sessions: both have marks of their own. */
static void test_same_name(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *old = writer_open(f, "w0"), *new = writer_open(f, "w0");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);
    char path[128];

    assert_int_equal(commit(f, old, "a", GP_S("1")), 0);
    assert_int_equal(commit(f, new, "b", GP_S("2")), 0);
    assert_int_equal(commit(f, old, "c", GP_S("3")), 0);
    assert_string_equal(tail(f, spool), "a c b");
    (void)snprintf(path, sizeof path, "%s/marks/w0.2", f->path);
    assert_int_equal(access(path, F_OK), 0);
    gp__spool_writer_close(&old);
    gp__spool_writer_close(&new);
    gp__spool_close(&spool);
}

static void test_wake(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);
    int fd = gp__spool_wake_open(spool, &f->error);
    char byte;

    assert_true(fd >= 0);
    assert_int_equal(commit(f, writer, "a", GP_S("1")), 0);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(commit(f, writer, "b", GP_S("1")), 0);
    gp__spool_wake_drain(fd);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(commit(f, writer, "c", GP_S("1")), 0);
    gp__spool_writer_close(&writer);
    gp__spool_close(&spool);
}

/* ---- large messages ---- */

static void message_path(struct fixture *f, const char *id, char path[128])
{
    (void)snprintf(path, 128, "%s/messages/%s", f->path, id);
}

static struct gp__spill *spill_of(struct fixture *f, struct gp_slice bytes, struct gp_slice *base_r)
{
    struct gp__file_job job = {.kind = GP__FILE_SPILL,
                               .path = gp_slice_of(f->path),
                               .pieces = &bytes,
                               .n_pieces = 1,
                               .spill = gp__spill_create()};
    struct gp__file_result result;

    gp__file_execute(&job, &result);
    assert_int_equal(result.error, 0);
    assert_int_equal(gp__spill_map(job.spill, base_r), 0);
    return job.spill;
}

static void test_large(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);
    static char bytes[30000];
    struct gp__entry copied = small_entry(GP_S("copied"), gp_slice(bytes, sizeof bytes));
    struct gp__entry spilled = small_entry(GP_S("spilled"), gp_slice(NULL, 0));
    const struct gp__entry *entries[] = {&copied, &spilled};
    struct gp__place first;
    struct stat named, nameless;
    char path[128];

    memset(bytes, 'x', sizeof bytes);
    spilled.spill = spill_of(f, GP_S("short"), &spilled.base);
    assert_int_equal(fstat(spilled.spill->fd, &nameless), 0);
    assert_int_equal(commit_all(f, writer, entries, 2), 0);
    message_path(f, "spilled", path);
    assert_int_equal(stat(path, &named), 0);
    assert_int_equal(named.st_ino, nameless.st_ino); /* not a second copy */
    assert_string_equal(tail(f, spool), "copied spilled");
    copied.large = spilled.large = true;
    copied.base_size = sizeof bytes;
    spilled.base_size = 5;
    assert_read(f, spool, f->found[0], &copied);
    assert_read(f, spool, f->found[1], &spilled);
    /* One without bytes has no file. */
    gp__spill_unref(&spilled.spill);
    spilled = small_entry(GP_S("empty"), GP_S(""));
    spilled.spill = gp__spill_create();
    entries[1] = &spilled;
    assert_int_equal(commit_all(f, writer, &entries[1], 1), 0);
    assert_read(f, spool, f->places[0], &spilled);
    /* A second one of that id: the same bytes share the file, others get one of their own. */
    first = f->found[0];
    assert_int_equal(commit_all(f, writer, entries, 1), 0);
    assert_read(f, spool, f->places[0], &copied);
    message_path(f, "copied~1", path);
    assert_int_equal(access(path, F_OK), -1);
    bytes[7]++;
    assert_int_equal(commit_all(f, writer, entries, 1), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_read(f, spool, f->places[0], &copied);
    gp__spool_rewrite_start(writer, spool, f->places[0], on_done, f);
    gp__sim_settle(f->rt);
    assert_read(f, spool, f->places[0], &copied);
    bytes[7]--;
    assert_read(f, spool, first, &copied);
    assert_int_equal(gp__spool_remove_large(spool, GP_S("copied")), 0);
    assert_int_equal(access(path, F_OK), -1);
    gp__spill_unref(&spilled.spill);
    gp__spool_writer_close(&writer);
    gp__spool_close(&spool);
}

static bool is_alive(void *arg, struct gp_slice id)
{
    (void)arg;
    return gp_slice_eq(id, GP_S("alive"));
}

/* Files change after they were written, vanish, are left over. */
static void test_large_trouble(void **state)
{
    struct fixture *f = *state;
    struct gp__spool_writer *writer = writer_open(f, "w0");
    struct gp__spool *spool = spool_open(f, GP__SPOOL_OWN);
    static char bytes[20000];
    struct gp__entry entry;
    char path[128];

    assert_int_equal(commit(f, writer, "big", gp_slice(bytes, sizeof bytes)), 0);
    assert_int_equal(gp__spool_read(spool, f->places[0], f->arena, &entry), 0);
    message_path(f, "big", path);
    bytes[100] = 1;
    write_file(path, bytes);
    assert_int_equal(gp__spool_read(spool, f->places[0], f->arena, &entry), GP_EIO);
    assert_int_equal(truncate(path, sizeof bytes), 0);
    assert_int_equal(gp__spool_read(spool, f->places[0], f->arena, &entry), 0);
    write_file(path, "y");
    assert_int_equal(truncate(path, sizeof bytes), 0);
    assert_int_equal(gp__spool_read(spool, f->places[0], f->arena, &entry), GP_EIO);
    assert_int_equal(gp__spool_read_head(spool, f->places[0], f->arena, &entry), 0);
    assert_true(entry.large && !gp_slice_present(entry.base));
    assert_int_equal(gp__spool_remove_large(spool, GP_S("big")), 0);
    assert_int_equal(gp__spool_remove_large(spool, GP_S("big")), 0);
    assert_int_equal(gp__spool_remove_large(spool, GP_S("../format")), GP_EINVAL);
    assert_int_equal(gp__spool_read(spool, f->places[0], f->arena, &entry), GP_EIO);
    write_file(path, "too young");
    assert_int_equal(gp__spool_sweep(spool, is_alive, NULL), 0);
    gp__spool_writer_close(&writer);
    gp__spool_close(&spool);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_commit_and_read),
        TEST(test_segments),
        TEST(test_tail_in_parts),
        TEST(test_rewrite),
        TEST(test_commit_on_a_fiber),
        TEST(test_close_finishes),
        TEST(test_refused),
        TEST(test_trouble),
        TEST(test_check),
        TEST(test_death),
        TEST(test_death_is_noticed),
        TEST(test_no_death),
        TEST(test_death_is_kept),
        TEST(test_one_owner),
        TEST(test_version),
        TEST(test_same_name),
        TEST(test_wake),
        TEST(test_large),
        TEST(test_large_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

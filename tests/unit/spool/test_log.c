// SPDX-License-Identifier: Apache-2.0
/* The log on the system's files: what was committed is found, read, written once more and removed.
 * Without threads (the simulated runtime), so that each run is the same. */
#include "support.h"

#include "core/base/log.h"
#include "core/hook/call.h"
#include "core/runtime/file.h"
#include "core/runtime/sim.h"
#include "core/runtime/spill.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commit_and_read, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

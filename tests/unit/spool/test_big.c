// SPDX-License-Identifier: Apache-2.0
/* Entries with very many recipients, whose heads are read once for all who ask: what is read is
 * counted in bytes. */
#include "support.h"

#include "core/runtime/sim.h"
#include "core/spool/disk.h"

#define MANY 100000u
#define ASKED (MANY / 64)
#define SOME 2000u /* a big head, too */

static struct gp__disk disk;
static uint64_t bytes_read;

static int64_t counting_read(void *arg, int fd, void *bytes, size_t size, uint64_t offset)
{
    int64_t n = gp__disk_system.read(arg, fd, bytes, size, offset);

    bytes_read += n > 0 ? (uint64_t)n : 0;
    return n;
}

struct fixture {
    char dir[64], path[80];
    struct gp__runtime *rt;
    struct gp__buf error;
    struct gp__spool_settings settings;
    struct gp__spool_writer *writer;
    struct gp__spool *spool;
    struct gp__place place; /* of what was found last */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    disk = gp__disk_system;
    disk.read = counting_read;
    dir_make(f->dir);
    (void)snprintf(f->path, sizeof f->path, "%s/spool", f->dir);
    f->rt = gp__sim_create(1, NULL);
    f->settings = (struct gp__spool_settings){
        .path = gp_slice_of(f->path), .segment_size = 64 << 20, .large_at = 20000, .disk = &disk};
    f->writer = gp__spool_writer_open(f->rt, &f->settings, GP_S("w0"), &f->error);
    f->spool = gp__spool_open(f->rt, &f->settings, GP__SPOOL_OWN, &f->error);
    assert_true(f->writer && f->spool);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gp__spool_writer_close(&f->writer);
    gp__spool_close(&f->spool);
    gp__sim_free(&f->rt);
    gp__buf_free(&f->error);
    dir_remove(f->dir);
    free(f);
    gp__arena_pool_free();
    return 0;
}

static void on_done(void *arg, int error, const struct gp__place *places)
{
    (void)arg;
    (void)places;
    assert_int_equal(error, 0);
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    (void)entry;
    ((struct fixture *)arg)->place = place;
}

static struct gp__place put(struct fixture *f, unsigned n, struct gp_slice base)
{
    static unsigned ids;
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry_recipient *list = GP__ARENA_ARRAY(arena, struct gp__entry_recipient, n);
    struct gp__entry_piece piece = {{NULL, 0}, 0, base.len};
    struct gp__entry_copy copy = {.id = GP_S("a"),
                                  .sender = GP_S("a@example.org"),
                                  .pieces = &piece,
                                  .n_pieces = 1,
                                  .size = base.len};
    struct gp__entry entry = {.id = gp__arena_printf(arena, "big%u", ids++),
                              .base = base,
                              .base_size = base.len,
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = list,
                              .n_recipients = n};
    const struct gp__entry *one = &entry;

    for (unsigned i = 0; i < n; i++)
        list[i] = (struct gp__entry_recipient){
            .address = gp__arena_printf(arena, "user%u@example.net", i)};
    gp__spool_commit_start(f->writer, &one, 1, on_done, f);
    gp__sim_settle(f->rt);
    gp__arena_free(&arena);
    assert_int_equal(gp__spool_tail(f->spool, 0, on_found, f), 0);
    return f->place;
}

static void assert_last_is(const struct gp__entry *entry, unsigned n)
{
    char text[40];

    assert_int_equal(entry->n_recipients, n);
    (void)snprintf(text, sizeof text, "user%u@example.net", n - 1);
    assert_true(gp_slice_eq(entry->recipients[n - 1].address, gp_slice_of(text)));
}

/* As often as there are groups: the head comes from the disk once, and what begins each reading. */
static void test_heads(void **state)
{
    struct fixture *f = *state;
    struct gp__place place = put(f, MANY, GP_S(BASE));
    uint64_t once;

    bytes_read = 0;
    for (unsigned i = 0; i < ASKED; i++) {
        struct gp__arena *arena = gp__arena_create();
        struct gp__entry entry;

        assert_int_equal(gp__spool_read_head(f->spool, place, arena, &entry), 0);
        assert_last_is(&entry, MANY);
        assert_false(gp_slice_present(entry.base));
        gp__arena_free(&arena);
        if (i == 0)
            once = bytes_read;
    }
    assert_in_range(bytes_read - once, 1, (uint64_t)ASKED * 4096);
}

/* The same with content, which is each one's own; in a file of its own when it is large. */
static void test_content(void **state)
{
    static char large[40000];
    struct fixture *f = *state;
    struct gp_slice bases[] = {GP_S(BASE), GP_S(""), {large, sizeof large}};

    memset(large, 'x', sizeof large);
    for (size_t b = 0; b < COUNT(bases); b++) {
        struct gp__place place = put(f, SOME, bases[b]);
        struct gp__entry entries[2];
        struct gp__arena *arenas[2];

        for (size_t i = 0; i < 2; i++) {
            arenas[i] = gp__arena_create();
            assert_int_equal(gp__spool_read(f->spool, place, arenas[i], &entries[i]), 0);
            assert_last_is(&entries[i], SOME);
            assert_true(gp_slice_present(entries[i].base));
            assert_true(gp_slice_eq(entries[i].base, bases[b]));
        }
        assert_ptr_equal(entries[0].recipients, entries[1].recipients);
        assert_int_equal(entries[0].large, b == 2);
        gp__arena_free(&arenas[0]);
        assert_last_is(&entries[1], SOME);
        gp__arena_free(&arenas[1]);
    }
}

/* One that makes room for others stays for whoever has it; it is read again when asked for. */
static void test_many(void **state)
{
    struct fixture *f = *state;
    struct gp__place places[9];
    struct gp__arena *arenas[9];
    struct gp__entry entries[9];
    uint64_t before;

    for (unsigned i = 0; i < COUNT(places); i++)
        places[i] = put(f, SOME + i, GP_S(BASE));
    for (unsigned i = 0; i < COUNT(places); i++) {
        arenas[i] = gp__arena_create();
        assert_int_equal(gp__spool_read_head(f->spool, places[i], arenas[i], &entries[i]), 0);
    }
    before = bytes_read;
    assert_int_equal(gp__spool_read_head(f->spool, places[8], arenas[0], &entries[8]), 0);
    assert_in_range(bytes_read - before, 1, 4096);
    before = bytes_read;
    assert_int_equal(gp__spool_read_head(f->spool, places[1], arenas[0], &entries[1]), 0);
    assert_true(bytes_read - before > 32768);
    for (unsigned i = 0; i < COUNT(places); i++)
        assert_last_is(&entries[i], SOME + i);
    gp__spool_close(&f->spool);
    assert_last_is(&entries[3], SOME + 3);
    for (unsigned i = 0; i < COUNT(places); i++)
        gp__arena_free(&arenas[i]);
    f->spool = gp__spool_open(f->rt, &f->settings, GP__SPOOL_OWN, &f->error);
}

/* A place where no entry begins is none, whatever was read from elsewhere. */
static void test_nowhere(void **state)
{
    struct fixture *f = *state;
    struct gp__place place = put(f, SOME, GP_S(BASE));
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    assert_int_equal(gp__spool_read_head(f->spool, place, arena, &entry), 0);
    place.offset += 8;
    assert_int_equal(gp__spool_read_head(f->spool, place, arena, &entry), GP_ENOTFOUND);
    place.segment += 77;
    assert_int_equal(gp__spool_read(f->spool, place, arena, &entry), GP_ENOTFOUND);
    gp__arena_free(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_heads),
        TEST(test_content),
        TEST(test_many),
        TEST(test_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

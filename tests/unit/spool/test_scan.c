// SPDX-License-Identifier: Apache-2.0
/*
 * A segment whose writer is no more, cut at every length and damaged at every place: what is read
 * is always a part of what was written, what was durable is missed by nothing but its own damage,
 * and that is told.
 */
#include "support.h"

#include "core/base/crc32c.h"
#include "core/spool/append.h"
#include "core/spool/scan.h"

#include <unistd.h>

#define BATCHES 4
#define RECORDS_MAX 3

/* Records a batch; each is one of its own or all count together. */
static const struct {
    size_t n;
    bool group;
} plan[BATCHES] = {{1, false}, {3, true}, {2, false}, {3, true}};

struct fixture {
    char dir[64], path[GP__LOG_PATH_MAX];
    int fd;
    char *bytes;
    size_t size;
    uint64_t starts[BATCHES + 1]; /* of batches; the last: the end */
    uint64_t offsets[16];         /* of records */
    size_t n;

    uint64_t durable, limit;
    bool ended, whole;
    size_t found, corrupt;
    bool seen[16];
    uint64_t torn;
};

static char text_of(size_t i, char room[GP__RECORD_HEAD + 600], size_t *len_r)
{
    *len_r = 40 + i * 50;
    memset(room + GP__RECORD_HEAD, (int)('a' + i), *len_r);
    return room[GP__RECORD_HEAD];
}

static void write_batches(struct fixture *f, struct gp__append *append)
{
    static char rooms[RECORDS_MAX][GP__RECORD_HEAD + 600];
    static char body[1000];

    for (size_t b = 0; b < BATCHES; b++) {
        struct gp__append_record records[RECORDS_MAX];

        f->starts[b] = append->end;
        for (size_t i = 0; i < plan[b].n; i++) {
            size_t len;

            text_of(f->n + i, rooms[i], &len);
            records[i] = (struct gp__append_record){
                .head = rooms[i] + GP__RECORD_HEAD,
                .head_len = (uint32_t)len,
                .type = GP__RECORD_ENTRY,
                .index = (uint16_t)(plan[b].group ? i : 0),
                .count = (uint16_t)(plan[b].group ? plan[b].n : 1),
                .body = gp_slice(body, 100 * (f->n + i)),
            };
        }
        assert_int_equal(gp__append_batch(append, records, plan[b].n), 0);
        for (size_t i = 0; i < plan[b].n; i++)
            f->offsets[f->n++] = records[i].offset;
    }
    f->starts[BATCHES] = append->end;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct gp__log_head head = {
        .kind = GP__LOG_SEGMENT, .salt = 0x1234567890abcdef, .writer = "w0"};
    struct gp__append append;

    dir_make(f->dir);
    assert_int_equal(
        gp__append_create(&append, &gp__disk_system, f->dir, &head, GP__BLOCK, 1 << 20), 0);
    assert_int_equal(gp__append_name(&append, f->dir, 7), 0);
    write_batches(f, &append);
    gp__append_close(&append);
    gp__log_path(f->path, f->dir, 7);
    f->fd = gp__disk_system.open(NULL, f->path, GP__DISK_CREATE);
    assert_true(f->fd >= 0);
    f->size = (size_t)f->starts[BATCHES];
    f->bytes = malloc(f->size);
    assert_int_equal(pread(f->fd, f->bytes, f->size, 0), f->size);
    f->ended = true;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(close(f->fd), 0);
    dir_remove(f->dir);
    free(f->bytes);
    free(f);
    return 0;
}

/* ---- reading it ---- */

static void on_record(void *arg, const struct gp__scan_record *record)
{
    struct fixture *f = arg;
    char room[GP__RECORD_HEAD + 600];
    size_t i = 0, len;

    while (i < f->n && f->offsets[i] != record->offset)
        i++;
    assert_true(i < f->n && !f->seen[i]);
    text_of(i, room, &len);
    assert_true(gp_slice_eq(record->bytes, gp_slice(room + GP__RECORD_HEAD, len)));
    f->seen[i] = true;
    f->found++;
}

static void on_corrupt(void *arg, uint64_t offset, const char *what)
{
    struct fixture *f = arg;

    assert_true(offset < f->size && what);
    f->corrupt++;
}

/* The result of opening. */
static int scan_all(struct fixture *f)
{
    struct gp__scan scan = {.durable = f->durable,
                            .ended = f->ended,
                            .limit = f->limit,
                            .whole = f->whole,
                            .record = on_record,
                            .corrupt = on_corrupt,
                            .arg = f};
    int result = gp__scan_open(&scan, &gp__disk_system, f->fd, GP__LOG_SEGMENT);

    memset(f->seen, 0, sizeof f->seen);
    f->found = f->corrupt = 0;
    for (int turns = 0; result >= 0 && gp__scan_batch(&scan); turns++)
        assert_true(turns < 1000);
    f->torn = scan.torn;
    gp__scan_close(&scan);
    return result;
}

static void restore(struct fixture *f)
{
    assert_int_equal(ftruncate(f->fd, 0), 0);
    assert_int_equal(pwrite(f->fd, f->bytes, f->size, 0), f->size);
}

static void flip(struct fixture *f, size_t at)
{
    char byte = (char)(f->bytes[at] ^ 0x10);

    assert_int_equal(pwrite(f->fd, &byte, 1, (off_t)at), 1);
}

static void unflip(struct fixture *f, size_t at)
{
    assert_int_equal(pwrite(f->fd, f->bytes + at, 1, (off_t)at), 1);
}

/* Records of a group are seen together. */
static void check_groups(const struct fixture *f)
{
    for (size_t b = 0, first = 0; b < BATCHES; first += plan[b++].n) {
        for (size_t i = 1; plan[b].group && i < plan[b].n; i++)
            assert_int_equal(f->seen[first + i], f->seen[first]);
    }
}

/* ---- tests ---- */

static void test_as_it_is(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(scan_all(f), 0);
    assert_int_equal(f->found, f->n);
    assert_int_equal(f->corrupt, 0);
    assert_int_equal(f->torn, 0);
    f->ended = false;
    assert_int_equal(scan_all(f), 0);
    assert_int_equal(f->found, 0);
    f->durable = f->starts[2];
    assert_int_equal(scan_all(f), 0);
    assert_int_equal(f->found, 4);
    f->ended = true;
    f->limit = f->starts[3];
    assert_int_equal(scan_all(f), 0);
    assert_int_equal(f->found, 6);
}

/* Cut at every length: a torn tail, of which nobody is told an alarm. */
static void test_cut(void **state)
{
    struct fixture *f = *state;

    for (size_t len = f->size; len-- > GP__BLOCK;) {
        assert_int_equal(ftruncate(f->fd, (off_t)len), 0);
        assert_int_equal(scan_all(f), 0);
        assert_int_equal(f->corrupt, 0);
        check_groups(f);
        for (size_t b = 0, first = 0; b < BATCHES; first += plan[b++].n) {
            for (size_t i = 0; f->starts[b + 1] <= len && i < plan[b].n; i++)
                assert_true(f->seen[first + i]);
        }
    }
    assert_int_equal(f->found, 0);
    restore(f);
}

/* Cut below what was durable: that is told. */
static void test_cut_below_durable(void **state)
{
    struct fixture *f = *state;

    f->durable = f->starts[3];
    for (size_t len = f->size; len > GP__BLOCK; len -= 97) {
        assert_int_equal(ftruncate(f->fd, (off_t)len), 0);
        assert_int_equal(scan_all(f), 0);
        /* What fills the last block may go. */
        if (len <= f->offsets[5])
            assert_true(f->corrupt > 0);
        if (len >= f->durable)
            assert_int_equal(f->corrupt, 0);
    }
    restore(f);
}

/* Which batch a byte is in. */
static size_t batch_of(const struct fixture *f, size_t at)
{
    size_t b = 0;

    while (f->starts[b + 1] <= at)
        b++;
    return b;
}

/*
 * One byte anywhere: in a batch that a later one proves, it costs at most the one record that it is
 * in, and an alarm (bodies are checked when they are read). In the last one, no alarm: the group.
 */
static void test_damage(void **state)
{
    struct fixture *f = *state;

    for (size_t at = GP__BLOCK; at < f->size; at++) {
        size_t b = batch_of(f, at);

        flip(f, at);
        assert_int_equal(scan_all(f), 0);
        if (b == BATCHES - 1) {
            assert_int_equal(f->corrupt, 0);
            assert_true(f->found == f->n || f->found == f->n - plan[b].n);
            check_groups(f);
        } else {
            assert_in_range(f->found, f->n - 1, f->n);
            assert_true(f->found == f->n || f->corrupt > 0);
        }
        unflip(f, at);
    }
}

/* Who goes on in a file takes its last batch whole or not at all. */
static void test_damage_whole(void **state)
{
    struct fixture *f = *state;

    f->whole = true;
    for (size_t at = (size_t)f->starts[BATCHES - 1]; at < f->size; at += 3) {
        flip(f, at);
        assert_int_equal(scan_all(f), 0);
        assert_true(f->found == f->n || (f->found == f->n - plan[BATCHES - 1].n && f->torn > 0));
        unflip(f, at);
    }
}

/* The head of the file: its batches say the salt, too. */
static void test_damaged_head(void **state)
{
    struct fixture *f = *state;

    for (size_t at = 0; at < 128; at++) {
        flip(f, at);
        assert_int_equal(scan_all(f), 1);
        assert_int_equal(f->found, f->n);
        unflip(f, at);
    }
    /* Not in the place of the first batch: a message might hold what looks like one. */
    flip(f, 0);
    flip(f, GP__BLOCK);
    assert_int_equal(scan_all(f), GP_EINVAL);
    restore(f);
}

static void test_later_version(void **state)
{
    struct fixture *f = *state;
    char block[128];
    uint32_t crc;

    memcpy(block, f->bytes, sizeof block);
    block[12]++;
    crc = gp__crc32c(gp__crc32c(0, gp_slice((char[16]){0}, 16)), gp_slice(block + 12, 116));
    memcpy(block + 8, &crc, sizeof crc);
    assert_int_equal(pwrite(f->fd, block, sizeof block, 0), sizeof block);
    assert_int_equal(scan_all(f), GP_ENOTALLOWED);
    restore(f);
}

/* Another file's batch, and an own one in a wrong place, are nothing. */
static void test_strangers(void **state)
{
    struct fixture *f = *state;
    struct gp__batch_head head = {.sequence = 99, .durable = 1 << 20, .len = 4096};
    char block[GP__BATCH_HEAD];

    gp__batch_head_write(&head, 1, f->starts[BATCHES], block);
    assert_int_equal(pwrite(f->fd, block, sizeof block, (off_t)f->size), sizeof block);
    assert_int_equal(scan_all(f), 0);
    assert_int_equal(f->found, f->n);
    assert_int_equal(f->corrupt, 0);
    gp__batch_head_write(&head, 0x1234567890abcdef, f->starts[1], block);
    assert_int_equal(pwrite(f->fd, block, sizeof block, (off_t)f->size), sizeof block);
    assert_int_equal(scan_all(f), 0);
    assert_int_equal(f->found, f->n);
    assert_int_equal(f->corrupt, 0);
    restore(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_as_it_is),  TEST(test_cut),           TEST(test_cut_below_durable),
        TEST(test_damage),    TEST(test_damage_whole),  TEST(test_damaged_head),
        TEST(test_strangers), TEST(test_later_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

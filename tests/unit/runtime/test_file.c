// SPDX-License-Identifier: Apache-2.0
/* Files: every step of every operation fails once, and what is left behind is looked at. */
#include "test_support.h"

#include "core/runtime/file.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- faults ---- */

struct plan {
    enum gp__file_step step;
    int nth; /* 0: the next */
    int error;
    size_t write_max; /* 0: none */
    int seen[GP__STEP_COUNT];
};

static int fault(void *arg, enum gp__file_step step, const char *path, size_t *len)
{
    struct plan *plan = arg;

    assert_non_null(path);
    plan->seen[step]++;
    if (step == GP__STEP_WRITE && plan->write_max && *len > plan->write_max)
        *len = plan->write_max;
    if (plan->error && step == plan->step && plan->nth-- == 0)
        return plan->error;
    return 0;
}

struct fixture {
    char dir[64], path[96], other[96];
    struct plan plan;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    test_dir_make(f->dir);
    (void)snprintf(f->path, sizeof f->path, "%s/file", f->dir);
    (void)snprintf(f->other, sizeof f->other, "%s/other", f->dir);
    gp__file_set_fault(fault, &f->plan);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gp__file_set_fault(NULL, NULL);
    test_dir_remove(f->dir);
    free(f);
    gp__arena_pool_free();
    return 0;
}

/* ---- one job ---- */

static struct gp__file_result execute(enum gp__file_kind kind, const char *path, const char *to)
{
    const struct gp__file_job job = {
        .kind = kind, .path = gp_slice_of(path), .to = gp_slice_of(to), .max = 100, .mode = 0700};
    struct gp__file_result result;

    gp__file_execute(&job, &result);
    return result;
}

static struct gp__file_result put(const char *path, const struct gp_slice *pieces, size_t n)
{
    const struct gp__file_job job = {
        .kind = GP__FILE_PUT, .path = gp_slice_of(path), .pieces = pieces, .n_pieces = n};
    struct gp__file_result result;

    gp__file_execute(&job, &result);
    return result;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void check_content(const char *path, const char *text)
{
    struct gp__file_result result = execute(GP__FILE_READ, path, NULL);

    assert_int_equal(result.error, 0);
    assert_int_equal(result.len, strlen(text));
    assert_memory_equal(result.bytes, text, result.len);
    free(result.bytes);
}

static const struct gp_slice pieces[] = {{"", 0},     {"one ", 4},  {"", 0},
                                         {"two ", 4}, {"three", 5}, {"", 0}};
#define N_PIECES (sizeof pieces / sizeof *pieces)

static void test_put(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(put(f->path, pieces, N_PIECES).error, 0);
    check_content(f->path, "one two three");
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(f->plan.seen[GP__STEP_SYNC], 1);
    assert_int_equal(put(f->path, pieces, 1).error, GP_EEXIST);
    check_content(f->path, "one two three");
    assert_int_equal(put(f->other, NULL, 0).error, 0);
    check_content(f->other, "");
}

static void test_put_never_follows_links(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(symlink(f->other, f->path), 0);
    assert_int_equal(put(f->path, pieces, N_PIECES).error, GP_EEXIST);
    assert_false(exists(f->other));
}

static void test_put_short_writes(void **state)
{
    struct fixture *f = *state;

    for (size_t max = 1; max < 15; max++) {
        f->plan.write_max = max;
        assert_int_equal(put(f->path, pieces, N_PIECES).error, 0);
        check_content(f->path, "one two three");
        unlink(f->path);
    }
}

/* More pieces than one writev takes. */
static void test_put_many_pieces(void **state)
{
    enum { COUNT = 5000 };
    struct fixture *f = *state;
    struct gp_slice *many = calloc(COUNT, sizeof *many);
    struct stat st;

    for (int i = 0; i < COUNT; i++)
        many[i] = gp_slice("0123456789", (size_t)i % 11);
    assert_int_equal(put(f->path, many, COUNT).error, 0);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 24985);
    free(many);
}

static void test_put_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct plan plan;
        int error;
    } rows[] = {
        {{.step = GP__STEP_OPEN, .error = EACCES}, GP_EIO},
        {{.step = GP__STEP_OPEN, .error = ENOSPC}, GP_ENOSPC},
        {{.step = GP__STEP_WRITE, .error = ENOSPC}, GP_ENOSPC},
        {{.step = GP__STEP_WRITE, .nth = 2, .error = EDQUOT, .write_max = 3}, GP_ENOSPC},
        {{.step = GP__STEP_WRITE, .nth = 1, .error = EIO, .write_max = 3}, GP_EIO},
        {{.step = GP__STEP_SYNC, .error = EIO}, GP_EIO},
        {{.step = GP__STEP_SYNC, .error = ENOSPC}, GP_ENOSPC},
        {{.step = GP__STEP_CLOSE, .error = EIO}, GP_EIO},
        {{.step = GP__STEP_CLOSE, .error = EDQUOT}, GP_ENOSPC},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        f->plan = rows[i].plan;
        struct gp__file_result result = put(f->path, pieces, N_PIECES);

        assert_int_equal(result.error, rows[i].error);
        assert_int_equal(result.system_error, rows[i].plan.error);
        assert_int_equal(result.step, rows[i].plan.step);
        assert_false(exists(f->path));
        assert_true(f->plan.seen[GP__STEP_SYNC] <= 1);
    }
}

static void test_rename_and_remove(void **state)
{
    struct fixture *f = *state;

    put(f->path, pieces, N_PIECES);
    assert_int_equal(execute(GP__FILE_RENAME, f->path, f->other).error, 0);
    assert_false(exists(f->path));
    check_content(f->other, "one two three");
    assert_int_equal(execute(GP__FILE_RENAME, f->path, f->other).error, GP_ENOTFOUND);
    assert_int_equal(execute(GP__FILE_REMOVE, f->other, NULL).error, 0);
    assert_int_equal(execute(GP__FILE_REMOVE, f->other, NULL).error, 0);
    f->plan = (struct plan){.step = GP__STEP_RENAME, .error = EXDEV};
    assert_int_equal(execute(GP__FILE_RENAME, f->path, f->other).error, GP_EIO);
    f->plan = (struct plan){.step = GP__STEP_UNLINK, .error = EROFS};
    assert_int_equal(execute(GP__FILE_REMOVE, f->path, NULL).error, GP_EIO);
}

static void test_read(void **state)
{
    struct fixture *f = *state;
    char text[102];

    memset(text, 'x', sizeof text);
    const struct gp_slice fits = {text, 100}, large = {text, 101};

    assert_int_equal(execute(GP__FILE_READ, f->path, NULL).error, GP_ENOTFOUND);
    assert_int_equal(execute(GP__FILE_READ, f->dir, NULL).error, GP_EINVAL);
    put(f->path, &fits, 1);
    text[100] = '\0';
    check_content(f->path, text);
    put(f->other, &large, 1);
    assert_int_equal(execute(GP__FILE_READ, f->other, NULL).error, GP_ELIMIT);
    unlink(f->path);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(execute(GP__FILE_READ, f->path, NULL).error, GP_EINVAL);
    f->plan = (struct plan){.step = GP__STEP_READ, .error = EIO};
    unlink(f->path);
    put(f->path, &fits, 1);
    assert_int_equal(execute(GP__FILE_READ, f->path, NULL).error, GP_EIO);
}

static void test_version(void **state)
{
    struct fixture *f = *state;
    uint64_t before;

    assert_int_equal(execute(GP__FILE_VERSION, f->path, NULL).error, GP_ENOTFOUND);
    put(f->path, pieces, N_PIECES);
    before = execute(GP__FILE_VERSION, f->path, NULL).version;
    assert_true(before == execute(GP__FILE_VERSION, f->path, NULL).version);
    put(f->other, pieces, N_PIECES);
    execute(GP__FILE_RENAME, f->other, f->path);
    assert_true(before != execute(GP__FILE_VERSION, f->path, NULL).version);
}

static void test_make_directories(void **state)
{
    struct fixture *f = *state;
    char deep[128], middle[128];
    struct stat st;

    (void)snprintf(deep, sizeof deep, "%s/a/b/c//", f->dir);
    (void)snprintf(middle, sizeof middle, "%s/a/b", f->dir);
    assert_int_equal(execute(GP__DIR_MAKE, deep, NULL).error, 0);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(f->plan.seen[GP__STEP_MKDIR], 3);
    assert_int_equal(f->plan.seen[GP__STEP_SYNC], 3);
    assert_int_equal(execute(GP__DIR_MAKE, deep, NULL).error, 0);
    assert_int_equal(f->plan.seen[GP__STEP_MKDIR], 3);
    assert_int_equal(execute(GP__DIR_SYNC, middle, NULL).error, 0);
    assert_int_equal(execute(GP__DIR_SYNC, f->path, NULL).error, GP_ENOTFOUND);
    put(f->path, pieces, 1);
    assert_int_equal(execute(GP__DIR_MAKE, f->path, NULL).error, GP_EEXIST);
    assert_int_equal(execute(GP__DIR_MAKE, "", NULL).error, GP_EINVAL);
}

/* What could not be made durable must not be found, and believed, by the next attempt. */
static void test_directory_that_did_not_sync(void **state)
{
    struct fixture *f = *state;
    char deep[128];

    (void)snprintf(deep, sizeof deep, "%s/a/b", f->dir);
    f->plan = (struct plan){.step = GP__STEP_SYNC, .nth = 1, .error = EIO};
    assert_int_equal(execute(GP__DIR_MAKE, deep, NULL).error, GP_EIO);
    assert_false(exists(deep));
    f->plan = (struct plan){.step = GP__STEP_MKDIR, .error = ENOSPC};
    assert_int_equal(execute(GP__DIR_MAKE, deep, NULL).error, GP_ENOSPC);
    f->plan = (struct plan){0};
    assert_int_equal(execute(GP__DIR_MAKE, deep, NULL).error, 0);
    assert_int_equal(f->plan.seen[GP__STEP_SYNC], 1);
}

/* ---- through the runtime ---- */

struct hold {
    atomic_bool reached, go;
};

static int hold_fault(void *arg, enum gp__file_step step, const char *path, size_t *len)
{
    struct hold *hold = arg;

    (void)path;
    (void)len;
    if (step != GP__STEP_SYNC)
        return 0;
    atomic_store(&hold->reached, true);
    while (!atomic_load(&hold->go))
        usleep(100);
    return 0;
}

static void count_release(void *arg)
{
    ++*(int *)arg;
}

static void test_runtime_put_and_read(void **state)
{
    struct fixture *f = *state;
    struct gp__runtime *rt = gp__live_create(NULL, NULL);
    struct gp__arena *arena = gp__arena_create();
    struct gp_op op = test_op(rt, arena);
    int released = 0;
    struct gp__file_job job = {.kind = GP__FILE_PUT,
                               .path = gp_slice_of(f->path),
                               .pieces = pieces,
                               .n_pieces = N_PIECES,
                               .release = count_release,
                               .release_arg = &released};

    rt->ops->file(rt, &op, &job);
    assert_false(op.done);
    TURN_WHILE(rt, !op.done);
    assert_int_equal(op.result, 0);
    TURN_WHILE(rt, !released);
    op = test_op(rt, arena);
    job = (struct gp__file_job){.kind = GP__FILE_READ, .path = gp_slice_of(f->path), .max = 100};
    rt->ops->file(rt, &op, &job);
    TURN_WHILE(rt, !op.done);
    assert_slice_equal(op.bytes, "one two three");
    op = test_op(rt, arena);
    job.kind = GP__FILE_VERSION;
    rt->ops->file(rt, &op, &job);
    TURN_WHILE(rt, !op.done);
    assert_true(op.number != 0);
    op = test_op(rt, arena);
    job.path = gp_slice("a\0b", 3);
    rt->ops->file(rt, &op, &job);
    assert_int_equal(op.result, GP_EINVAL);
    assert_int_equal(released, 1);
    gp__arena_free(&arena);
    gp__live_free(&rt);
}

/* Cancelled in the middle: done at once; the bytes are released, and the file is gone, only when
 * the thread has let go. */
static void test_runtime_put_cancelled(void **state)
{
    struct fixture *f = *state;
    struct gp__runtime *rt = gp__live_create(NULL, NULL);
    struct hold hold = {false, false};
    struct gp_op op = test_op(rt, NULL);
    int released = 0;
    const struct gp__file_job job = {.kind = GP__FILE_PUT,
                                     .path = gp_slice_of(f->path),
                                     .pieces = pieces,
                                     .n_pieces = N_PIECES,
                                     .release = count_release,
                                     .release_arg = &released};

    gp__file_set_fault(hold_fault, &hold);
    rt->ops->file(rt, &op, &job);
    while (!atomic_load(&hold.reached))
        usleep(100);
    rt->ops->cancel(rt, &op);
    assert_int_equal(op.result, GP_ECANCELED);
    assert_int_equal(released, 0);
    atomic_store(&hold.go, true);
    TURN_WHILE(rt, !released);
    assert_false(exists(f->path));
    assert_int_equal(released, 1);
    gp__live_free(&rt);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put),
        TEST(test_put_never_follows_links),
        TEST(test_put_short_writes),
        TEST(test_put_many_pieces),
        TEST(test_put_leaves_nothing),
        TEST(test_rename_and_remove),
        TEST(test_read),
        TEST(test_version),
        TEST(test_make_directories),
        TEST(test_directory_that_did_not_sync),
        TEST(test_runtime_put_and_read),
        TEST(test_runtime_put_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

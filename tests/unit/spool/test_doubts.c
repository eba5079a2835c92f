// SPDX-License-Identifier: Apache-2.0
/* Doubts are found by the process that had them, by others, and by those that come later; and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/spool/doubts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOW 1700000000000

static char folder[64];
static const struct gp__doubt_mark mark = {1, 2}, other = {1, 3};

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gatepost-doubts-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int each(void (*fn)(const char *path))
{
    char path[400];
    DIR *dir;
    int n = 0;

    snprintf(path, sizeof path, "%s/doubts", folder);
    dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        snprintf(path, sizeof path, "%s/doubts/%s", folder, entry->d_name);
        if (fn)
            fn(path);
    }
    if (dir)
        closedir(dir);
    return n;
}

static void remove_file(const char *path)
{
    unlink(path);
}

static int teardown(void **state)
{
    char path[100];

    (void)state;
    each(remove_file);
    snprintf(path, sizeof path, "%s/doubts", folder);
    rmdir(path);
    return rmdir(folder);
}

static void assert_found(struct gp__doubts *doubts, const struct gp__doubt_mark *wanted,
                         int64_t now_ms, const char *id)
{
    struct gp_slice found = gp__doubts_find(doubts, wanted, now_ms);

    if (!gp_slice_eq(found, gp_slice_of(id)) || gp_slice_present(found) != (id != NULL))
        fail_msg("found \"" GP_FMT "\"", GP_ARG(found));
}

static void in_memory(void **state)
{
    struct gp__doubts *doubts = gp__doubts_open(gp_slice(NULL, 0));

    (void)state;
    assert_false(gp__doubts_any(doubts, NOW, true));
    gp__doubts_add(doubts, &mark, GP_S("id.1"), NOW);
    assert_true(gp__doubts_any(doubts, NOW, true));
    assert_found(doubts, &mark, NOW + 1, "id.1");
    assert_found(doubts, &other, NOW + 1, NULL);
    assert_found(doubts, &mark, NOW + GP__DOUBT_MS, NULL);
    assert_false(gp__doubts_any(doubts, NOW + GP__DOUBT_MS, true));
    assert_int_equal(each(NULL), 0);
    gp__doubts_close(&doubts);
    assert_null(doubts);
}

static void of_others(void **state)
{
    struct gp__doubts *one = gp__doubts_open(gp_slice_of(folder)), *two, *later;
    int64_t now = (int64_t)time(NULL) * 1000;

    (void)state;
    two = gp__doubts_open(gp_slice_of(folder));
    assert_found(two, &mark, now, NULL);
    gp__doubts_add(one, &mark, GP_S("id.1"), now);
    assert_found(two, &mark, now, "id.1");
    gp__doubts_add(one, &other, GP_S("id.2"), now + 1); /* to a file that is known */
    assert_found(two, &other, now + 1, "id.2");
    gp__doubts_close(&one);
    later = gp__doubts_open(gp_slice_of(folder));
    assert_found(later, &mark, now + 5, "id.1");
    gp__doubts_close(&later);
    gp__doubts_close(&two);
}

static void make_old(const char *path)
{
    struct timespec times[2] = {{.tv_sec = NOW / 1000 - 7200}, {.tv_sec = NOW / 1000 - 7200}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void files_go(void **state)
{
    struct gp__doubts *doubts = gp__doubts_open(gp_slice_of(folder));

    (void)state;
    gp__doubts_add(doubts, &mark, GP_S("id.1"), NOW);
    gp__doubts_close(&doubts);
    assert_int_equal(each(make_old), 1);
    doubts = gp__doubts_open(gp_slice_of(folder));
    assert_found(doubts, &mark, NOW, NULL);
    assert_int_equal(each(NULL), 0);
    gp__doubts_close(&doubts);
}

static void damage(const char *path)
{
    int fd = open(path, O_WRONLY);

    assert_int_equal(pwrite(fd, "x", 1, 20), 1);
    close(fd);
    assert_int_equal(truncate(path, 100), 0); /* of two records a part of the second */
}

static void damaged(void **state)
{
    struct gp__doubts *doubts = gp__doubts_open(gp_slice_of(folder));
    int64_t now = (int64_t)time(NULL) * 1000;

    (void)state;
    gp__doubts_add(doubts, &mark, GP_S("id.1"), now);
    gp__doubts_add(doubts, &other, GP_S("id.2"), now);
    gp__doubts_close(&doubts);
    assert_int_equal(each(damage), 1);
    doubts = gp__doubts_open(gp_slice_of(folder));
    assert_found(doubts, &mark, now, NULL);
    assert_found(doubts, &other, now, NULL);
    gp__doubts_close(&doubts);
}

/* What is no file of ours is not waited for, and hides nothing. */
static void foreign(void **state)
{
    struct gp__doubts *one = gp__doubts_open(gp_slice_of(folder)), *two;
    int64_t now = (int64_t)time(NULL) * 1000;
    char path[100];

    (void)state;
    gp__doubts_add(one, &mark, GP_S("id.1"), now);
    snprintf(path, sizeof path, "%s/doubts/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    two = gp__doubts_open(gp_slice_of(folder));
    assert_found(two, &mark, now, "id.1");
    gp__doubts_close(&two);
    gp__doubts_close(&one);
}

/* The oldest are forgotten, in memory and then in the file. */
static void too_many(void **state)
{
    struct gp__doubts *doubts = gp__doubts_open(gp_slice_of(folder));
    struct gp__doubt_mark many = {0, 0};

    (void)state;
    for (int i = 0; i <= GP__DOUBTS_MAX; i++, many.content++)
        gp__doubts_add(doubts, &many, GP_S("id"), NOW);
    many.content = 0;
    assert_found(doubts, &many, NOW, NULL);
    many.content = 1;
    assert_found(doubts, &many, NOW, "id");
    gp__doubts_add(doubts, &mark, GP_S("an id that is longer than an id can ever be"), NOW);
    assert_found(doubts, &mark, NOW, NULL);
    gp__doubts_close(&doubts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),
        cmocka_unit_test_setup_teardown(of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(files_go, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

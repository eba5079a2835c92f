// SPDX-License-Identifier: Apache-2.0
/* The file system as the loader sees it: only regular files, bounded, globs sorted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/config/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/gatepost-files-XXXXXX";
static char place[4096];
static struct gp__config_files files;

static const char *in_folder(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    FILE *file;

    (void)state;
    if (!mkdtemp(folder) || mkfifo(in_folder("pipe"), 0600) < 0)
        return -1;
    for (const char *name = "ba"; *name; name++) {
        char text[] = {*name, '.', 'y', '\0'};

        file = fopen(in_folder(text), "w");
        if (!file || fputs("hello", file) < 0 || fclose(file) != 0)
            return -1;
    }
    return gp__config_files_posix(&files, place);
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"pipe", "a.y", "b.y"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in_folder(names[i]));
    return rmdir(folder);
}

static void test_read(void **state)
{
    static const struct {
        const char *name;
        size_t max;
        const char *error; /* NULL: it can be read */
    } cases[] = {
        {"a.y", 5, NULL},
        {"a.y", 4, "larger than 4 bytes"},
        {"none", 5, "No such file or directory"},
        {"pipe", 5, "not a regular file"},
        {".", 5, "not a regular file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gp__buf out = {0};
        char error[100] = "";
        int result = files.read(files.arg, in_folder(cases[i].name), cases[i].max, &out, error,
                                sizeof error);

        assert_int_equal(result, cases[i].error ? -1 : 0);
        assert_string_equal(error, cases[i].error ? cases[i].error : "");
        if (!cases[i].error)
            assert_true(gp_slice_eq(gp__buf_slice(&out), GP_S("hello")));
        gp__buf_free(&out);
    }
}

static void found(void *arg, const char *path)
{
    strncat(arg, strrchr(path, '/'), 50);
}

static void test_glob(void **state)
{
    char names[200] = "";

    (void)state;
    assert_int_equal(files.glob(files.arg, in_folder("*.y"), found, names), 0);
    assert_string_equal(names, "/a.y/b.y");
    assert_int_equal(files.glob(files.arg, in_folder("*.none"), found, names), 0);
    assert_string_equal(names, "/a.y/b.y");
}

static void test_surroundings(void **state)
{
    (void)state;
    assert_int_equal(files.directory[0], '/');
    assert_non_null(files.env(files.arg, "PATH"));
    assert_null(files.env(files.arg, "GATEPOST_NO_SUCH_VARIABLE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_surroundings),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

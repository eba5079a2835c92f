// SPDX-License-Identifier: Apache-2.0
// Parameters of Content-Type and Content-Disposition, and the one file name.
#include "support.h"

#include "core/message/charset.h"
#include "core/message/param.h"

static struct gp__arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    return 0;
}

static void test_main_value(void **state)
{
    static const struct {
        enum gp__params_kind kind;
        const char *text, *value; /* NULL: absent */
        size_t count;
        bool malformed;
    } cases[] = {
        {GP__PARAMS_TYPE, "text/plain", "text/plain", 0, false},
        {GP__PARAMS_TYPE, "Text/PLAIN; a=b; c=d", "text/plain", 2, false},
        {GP__PARAMS_TYPE, "(c) text (c) / plain (c)", "text/plain", 0, false},
        {GP__PARAMS_TYPE, "text/plain;", "text/plain", 0, false},
        {GP__PARAMS_TYPE, "text/plain;;; a=b;", "text/plain", 1, false},
        {GP__PARAMS_TYPE, "text/plain a=b; c=d", "text/plain", 1, true},
        {GP__PARAMS_TYPE, "text; a=b", NULL, 1, false},
        {GP__PARAMS_TYPE, "/plain; a=b", NULL, 1, true},
        {GP__PARAMS_TYPE, "", NULL, 0, false},
        {GP__PARAMS_TYPE, "; a=b", NULL, 1, false},
        {GP__PARAMS_TYPE, "text/plain; a", "text/plain", 0, true},
        {GP__PARAMS_TYPE, "text/plain; =b; c=d", "text/plain", 1, true},
        {GP__PARAMS_TYPE, "text/plain; a=\"b", "text/plain", 1, true},
        {GP__PARAMS_TYPE, "text/plain; a=b c; d=e", "text/plain", 2, true},
        {GP__PARAMS_DISPOSITION, "Attachment; filename=x", "attachment", 1, false},
        {GP__PARAMS_DISPOSITION, "; filename=x", NULL, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__params params;

        gp__params_parse(arena, cases[i].kind, gp_slice_of(cases[i].text), &params);
        assert_slice(params.value, gp_slice_of(cases[i].value));
        assert_int_equal(params.count, cases[i].count);
        assert_int_equal(params.malformed, cases[i].malformed);
    }
}

static void test_many(void **state)
{
    struct gp_slice text = GP_S("a/b");
    struct gp__params params;

    (void)state;
    for (int i = 0; i < GP__PARAMS_MAX; i++)
        text = gp__arena_printf(arena, GP_FMT ";p%d=x", GP_ARG(text), i);
    gp__params_parse(arena, GP__PARAMS_TYPE, text, &params);
    assert_int_equal(params.count, GP__PARAMS_MAX);
    assert_false(params.malformed);
    text = gp__arena_printf(arena, GP_FMT ";more=x", GP_ARG(text));
    gp__params_parse(arena, GP__PARAMS_TYPE, text, &params);
    assert_int_equal(params.count, GP__PARAMS_MAX);
    assert_true(params.malformed);
}

static void test_get(void **state)
{
    static const struct {
        const char *params, *value; /* of "name" */
        bool ambiguous;
    } cases[] = {
        {"name=x", "x", false},
        {"NAME=x", "x", false},
        {"name = x", "x", false},
        {"name=\"a;b \\\"c\\\"\"", "a;b \"c\"", false},
        {"name=us-ascii (comment)", "us-ascii", false},
        {"name=my file.pdf; a=b", "my file.pdf", false},
        {"name=\"x\" y; a=b", "x", false},
        {"name=", "", false},
        {"other=x", NULL, false},
        {"name=x; name=x", "x", false},
        {"name=x; name=y", "x", true},
        {"name=caf\xc3\xa9", "caf\xc3\xa9", false},
        {"name=caf\xe9", "caf\xef\xbf\xbd", false},
        {"name==?utf-8?Q?caf=C3=A9?=", "caf\xc3\xa9", false},
        {"name=\"=?utf-8?Q?caf=C3=A9?=\"", "caf\xc3\xa9", false},
        /* RFC 2231 */
        {"name*=utf-8''caf%C3%A9", "caf\xc3\xa9", false},
        {"name*=iso-8859-1'fr'caf%e9", "caf\xc3\xa9", false},
        {"name*=''plain", "plain", false},
        {"name*=caf%C3%A9", "caf\xc3\xa9", false},
        {"name*=utf-8''100%", "100%", false},
        {"name*=utf-8'caf", "utf-8'caf", false},
        {"name*0=a; name*1=b; name*2=c", "abc", false},
        {"name*2=c; name*0=a; name*1=b", "abc", false},
        {"name*0*=utf-8''caf; name*1*=%C3; name*2*=%A9; name*3=\"%41\"", "caf\xc3\xa9%41", false},
        {"name*0=\"a%41\"; name*1*=%42", "a%41B", false},
        {"name*0=a; name*2=c", "a", true},
        {"name*0=a; name*1=b; name*1=c", "ab", true},
        {"name*0=a; name*0=b", "a", true},
        {"name*1=b", NULL, true},
        {"name=x; name*=utf-8''x", "x", false},
        {"name=x; name*=utf-8''y", "y", true},
        {"name*=utf-8''y; name=x", "y", true},
        {"name=x; name*0=y; name*1=z", "yz", true},
        {"name*x=b", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice text = gp__arena_printf(arena, "a/b; %s", cases[i].params);
        struct gp__params params;
        bool ambiguous = false;

        gp__params_parse(arena, GP__PARAMS_TYPE, text, &params);
        assert_slice(gp__params_get(arena, &params, GP_S("name"), &ambiguous, NULL),
                     gp_slice_of(cases[i].value));
        assert_int_equal(ambiguous, cases[i].ambiguous);
    }
}

static void test_filename(void **state)
{
    static const struct {
        const char *disposition, *type, *name;
        bool ambiguous;
    } cases[] = {
        {"attachment; filename=x.pdf", "a/b", "x.pdf", false},
        {"attachment", "a/b; name=x.pdf", "x.pdf", false},
        {"attachment; filename=x.pdf", "a/b; name=x.pdf", "x.pdf", false},
        {"attachment; filename=x.txt", "a/b; name=x.exe", "x.txt", true},
        {"attachment; filename=x", "a/b; name=x.exe", "x.exe", true},
        {"attachment; filename=x.txt; filename=x.exe", "a/b", "x.txt", true},
        {"attachment; filename*0=\"x.tx\"; filename*1=t; filename*1=e", "a/b", "x.txt", true},
        {"attachment; filename*0*=utf-8''evil%2E; filename*1=exe", "a/b", "evil.exe", false},
        {"attachment; filename=\"C:\\\\dir\\\\x.exe\"", "a/b", "x.exe", false},
        {"attachment; filename=\"../../x.exe\"", "a/b", "x.exe", false},
        {"attachment; filename=\"x.exe. . \"", "a/b", "x.exe", false},
        {"attachment; filename=\"x.e\x01xe\"", "a/b", "x.exe", false},
        {"attachment; filename*=utf-8''x.exe%00.txt", "a/b", "x.exe.txt", false},
        {"attachment; filename=\"dir/\"", "a/b", NULL, false},
        {"attachment", "a/b", NULL, false},
        {"attachment; filename==?utf-8?B?eC5leGU=?=", "a/b", "x.exe", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__params disposition, type;
        bool ambiguous = false;

        gp__params_parse(arena, GP__PARAMS_DISPOSITION, gp_slice_of(cases[i].disposition),
                         &disposition);
        gp__params_parse(arena, GP__PARAMS_TYPE, gp_slice_of(cases[i].type), &type);
        assert_slice(gp__params_filename(arena, &disposition, &type, &ambiguous),
                     gp_slice_of(cases[i].name));
        assert_int_equal(ambiguous, cases[i].ambiguous);
    }
}

static int teardown_group(void **state)
{
    (void)state;
    gp__charset_cache_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_main_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filename, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}

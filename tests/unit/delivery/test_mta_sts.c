// SPDX-License-Identifier: Apache-2.0
/* MTA-STS (RFC 8461): records, policies, and which hosts they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/delivery/mta_sts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEAD "version: STSv1\r\nmode: enforce\r\nmax_age: 604800\r\n"

static void records(void **state)
{
    static const struct {
        const char *text, *id; /* NULL: none */
    } rows[] = {
        {"v=STSv1; id=20160831085700Z;", "20160831085700Z"},
        {"v=STSv1;id=1", "1"},
        {"v=STSv1 ; id = 1 ; later=x;", "1"},
        {"v=STSv1; later=x; id=1; id=2;", "1"},
        {"v=STSv1; id=12345678901234567890123456789012;", "12345678901234567890123456789012"},
        {"v=STSv1; id=123456789012345678901234567890123;", NULL},
        {"v=STSv1;", NULL},
        {"v=STSv1; id=;", NULL},
        {"v=STSv1; id=a b;", NULL},
        {"v=STSv1; id=a-b;", NULL},
        {"v=STSv12; id=1;", NULL},
        {"V=STSv1; id=1;", NULL},
        {"id=1; v=STSv1;", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp_slice id = gp__sts_id(gp_slice_of(rows[i].text));

        if (rows[i].id ? !gp_slice_eq(id, gp_slice_of(rows[i].id)) : gp_slice_present(id))
            fail_msg("%s: \"" GP_FMT "\"", rows[i].text, GP_ARG(id));
    }
}

static void policies(void **state)
{
    static const struct {
        const char *text, *why; /* NULL: it is one */
        enum gp__sts_mode mode;
        uint32_t age;
        size_t mx;
    } rows[] = {
        {HEAD "mx: a.example\r\nmx: *.b.example\r\n", NULL, GP__STS_ENFORCE, 604800, 2},
        {HEAD "mx: a.example", NULL, GP__STS_ENFORCE, 604800, 1},
        {"version:STSv1\nmode:testing\nmx:a.example\nmax_age:0\n", NULL, GP__STS_TESTING, 0, 1},
        {"version: STSv1\nmode: none\nmax_age: 1\n", NULL, GP__STS_NONE, 1, 0},
        {"version: STSv1\nlater: x: y\n\nmode: none\nmode: what\nmax_age: 1\n", NULL, GP__STS_NONE,
         1, 0},
        {HEAD "mx: a.example\nmax_age: 5", NULL, GP__STS_ENFORCE, 604800, 1},
        {"version: STSv1\nmode: none\nmax_age: 9999999999\n", NULL, GP__STS_NONE, GP__STS_AGE_MAX,
         0},
        {HEAD, "no mail host", 0, 0, 0},
        {HEAD "mx: \n", "no host name", 0, 0, 0},
        {HEAD "mx: a b\n", "no host name", 0, 0, 0},
        {HEAD "mx: *.*.example/\n", "no host name", 0, 0, 0},
        {"version: STSv2\nmode: none\nmax_age: 1\n", "version", 0, 0, 0},
        {"version: STSv1\nmode: forced\nmax_age: 1\n", "mode", 0, 0, 0},
        {"version: STSv1\nmode: none\nmax_age: -1\n", "max_age", 0, 0, 0},
        {"version: STSv1\nmode: none\nmax_age: 99999999999\n", "max_age", 0, 0, 0},
        {"version: STSv1\nmode: none\n", "missing", 0, 0, 0},
        {"mode: none\nmax_age: 1\n", "missing", 0, 0, 0},
        {"<html>", "no colon", 0, 0, 0},
        {"", "missing", 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp__arena *arena = gp__arena_create();
        struct gp__sts_policy policy;
        const char *why = gp__sts_policy_read(arena, gp_slice_of(rows[i].text), &policy);

        if (rows[i].why ? !why || !strstr(why, rows[i].why) : why != NULL)
            fail_msg("row %zu: %s", i, why ? why : "-");
        if (!why) {
            assert_int_equal(policy.mode, rows[i].mode);
            assert_int_equal(policy.max_age, rows[i].age);
            assert_int_equal(policy.n_mx, rows[i].mx);
        }
        gp__arena_free(&arena);
    }
}

static void too_much(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__sts_policy policy;
    size_t size = GP__STS_BYTES_MAX + 1, n = 0;
    char *text = calloc(1, size + 100);

    (void)state;
    memset(text, '\n', size);
    assert_string_equal(gp__sts_policy_read(arena, gp_slice(text, size), &policy),
                        "it is too long");
    for (unsigned i = 0; i <= GP__STS_MX_MAX; i++)
        n += (size_t)snprintf(text + n, size - n, "mx: a%u.example\n", i);
    assert_non_null(strstr(gp__sts_policy_read(arena, gp_slice(text, n), &policy), "too many"));
    free(text);
    gp__arena_free(&arena);
}

static void hosts(void **state)
{
    struct gp_slice mx[] = {GP_S("Mail.example.org"), GP_S("*.example.net")};
    struct gp__sts_policy policy = {.mx = mx, .n_mx = COUNT(mx)};
    static const struct {
        const char *host;
        bool fits;
    } rows[] = {
        {"mail.example.org", true},
        {"MAIL.EXAMPLE.ORG", true},
        {"x.mail.example.org", false},
        {"a.example.net", true},
        {"A.Example.Net", true},
        {"a.b.example.net", false},
        {"example.net", false},
        {".example.net", false},
        {"aexample.net", false},
        {"a.example.net.evil", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (gp__sts_matches(&policy, gp_slice_of(rows[i].host)) != rows[i].fits)
            fail_msg("%s", rows[i].host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(policies),
        cmocka_unit_test(too_much),
        cmocka_unit_test(hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

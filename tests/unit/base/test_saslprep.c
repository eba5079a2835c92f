// SPDX-License-Identifier: Apache-2.0
// SASLprep: the examples of RFC 4013 section 3, and each rule of RFC 3454 that it takes.
#include "check.h"

#include "core/base/arena.h"
#include "core/base/saslprep.h"

static void test_prepared(void **state)
{
    static const struct {
        struct gp_slice text, want; /* want absent: prohibited */
    } cases[] = {
        {GP_S("I\xc2\xadX"), GP_S("IX")}, /* RFC 4013 section 3 */
        {GP_S("user"), GP_S("user")},
        {GP_S("USER"), GP_S("USER")},
        {GP_S("\xc2\xaa"), GP_S("a")},
        {GP_S("\xe2\x85\xa8"), GP_S("IX")},
        {GP_S("\x07"), {NULL, 0}},
        {GP_S("\xd8\xa7\x31"), {NULL, 0}},
        {GP_S(""), GP_S("")},
        {GP_S("a b"), GP_S("a b")},
        {GP_S("a\xc2\xa0"
              "b"),
         GP_S("a b")},                                        /* no-break space */
        {GP_S("\xe3\x80\x80"), GP_S(" ")},                    /* ideographic space */
        {GP_S("e\xcc\x81"), GP_S("\xc3\xa9")},                /* composed */
        {GP_S("\xef\xac\x81"), GP_S("fi")},                   /* a ligature */
        {GP_S("\xe2\x80\x8d"), GP_S("")},                     /* nothing is left */
        {GP_S("\xd7\x90\xd7\x91"), GP_S("\xd7\x90\xd7\x91")}, /* Hebrew */
        {GP_S("\xd7\x90"
              "1\xd7\x91"),
         GP_S("\xd7\x90"
              "1\xd7\x91")},
        {GP_S("\xd7\x90"
              "a\xd7\x91"),
         {NULL, 0}},                    /* both directions */
        {GP_S("1\xd7\x90"), {NULL, 0}}, /* begins with neither */
        {GP_S("\xf0\x9f\x98\x80"), GP_S("\xf0\x9f\x98\x80")},
        {GP_S("a\0b"), {NULL, 0}},
        {GP_S("a\x7f"), {NULL, 0}},
        {GP_S("\xc2\x80"), {NULL, 0}},     /* a control character of Latin 1 */
        {GP_S("\xee\x80\x80"), {NULL, 0}}, /* private use */
        {GP_S("\xef\xbf\xbf"), {NULL, 0}}, /* no character */
        {GP_S("\xef\xbf\xbd"), {NULL, 0}}, /* the replacement character */
        {GP_S("\xe2\x80\xae"
              "a"),
         {NULL, 0}},                           /* an override of the direction */
        {GP_S("\xf3\xa0\x80\x81"), {NULL, 0}}, /* a tag */
        {GP_S("\xff"), {NULL, 0}},
        {GP_S("\xc3"), {NULL, 0}},
        {GP_S("\xed\xa0\x80"), {NULL, 0}}, /* half of a surrogate pair */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__arena *arena = gp__arena_create();
        struct gp_slice text = tight(cases[i].text), got;
        int result = gp__saslprep(arena, text, &got);

        if ((result == 0) != gp_slice_present(cases[i].want))
            fail_msg("case %zu: %d", i, result);
        if (result == 0)
            assert_slice(got, cases[i].want);
        tight_free(text);
        gp__arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_prepared)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);

    gp__arena_pool_free();
    return result;
}

// SPDX-License-Identifier: Apache-2.0
/* Texts: how deep JSON nests, which is asked before a parser that recurses is let at it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <gatepost/text.h>

#define OPEN_8 "[[[[[[[["
#define OBJECT_4 "{\"a\":{\"a\":{\"a\":{\"a\":"

static const struct {
    const char *json;
    bool shallow;
} texts[] = {
    {"", true},
    {"{}", true},
    {OPEN_8 OPEN_8 OPEN_8 OPEN_8, true},
    {OPEN_8 OPEN_8 OPEN_8 OPEN_8 "[", false},
    {OPEN_8 OPEN_8 OPEN_8 OPEN_8 "{", false},
    {OPEN_8 OPEN_8 OPEN_8 OPEN_8 "]]]]]]]][[[[[[[[", true},
    {OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 "1", true},
    {OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 OBJECT_4 "[", false},
    /* brackets of texts are none, and quotes in them do not end them */
    {"\"" OPEN_8 OPEN_8 OPEN_8 OPEN_8 OPEN_8 "\"", true},
    {"\"\\\"" OPEN_8 OPEN_8 OPEN_8 OPEN_8 OPEN_8 "\"", true},
    {"\"\\\\\"" OPEN_8 OPEN_8 OPEN_8 OPEN_8 OPEN_8 "\"", false},
    {"\"\\", true},
    /* what closes nothing makes no room */
    {"]]]]]]]]" OPEN_8 OPEN_8 OPEN_8 OPEN_8 "[", false},
};

static void test_depth(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (gp_json_is_shallow(gp_slice_of(texts[i].json)) != texts[i].shallow)
            fail_msg("%s", texts[i].json);
    assert_true(gp_json_is_shallow(gp_slice(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_depth)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Ids: their text, that they sort by time and never repeat, also when the count or the clock wraps. */
#include "check.h"

#include "core/base/id.h"

static void text(void **state)
{
    static const struct {
        struct gp__id_source source;
        uint64_t unix_ms;
        const char *want;
    } cases[] = {
        {{0, 0}, 0, "0000000000000001"},
        {{0, 30}, 31, "00000000z000000z"},
        {{0, 31}, 32, "0000000100000010"},
        {{0, (1ull << 35) - 2}, 0, "000000000zzzzzzz"},
        {{0, (1ull << 35) - 1}, 0, "0000000010000000"}, /* wraps: the time moves on */
        {{0, UINT64_MAX}, 5, "0000000060000000"},       /* of a seed only 35 bits count */
        {{0, 0xfffffff800000000}, 5, "0000000050000001"},
        {{0, 0}, (1ull << 45) - 1, "zzzzzzzzz0000001"},
        {{9, 0}, 3, "0000000090000001"}, /* a clock set back */
        {{0, 0x2a5c0f1e3}, 1795442717042, "1m84bkcbjajw1wf4"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__id_source source = cases[i].source;
        char out[GP__ID_LEN + 1];

        gp__id_next(&source, cases[i].unix_ms, out);
        assert_string_equal(out, cases[i].want);
    }
}

/* A clock that jumps both ways and a count that wraps on the way: still strictly ascending. */
static void ascends(void **state)
{
    static const int steps[] = {0, 0, 1, 0, -5, 3, 0, 100, -1000, 0, 1};
    struct gp__id_source source = {.count = (1ull << 35) - 5000};
    char last[GP__ID_LEN + 1] = "", id[GP__ID_LEN + 1];
    uint64_t now = 1795442717042;

    (void)state;
    for (size_t i = 0; i < 20000; i++) {
        now = now + (uint64_t)(int64_t)steps[i % COUNT(steps)];
        gp__id_next(&source, now, id);
        assert_int_equal(strlen(id), GP__ID_LEN);
        if (strcmp(id, last) <= 0)
            fail_msg("%s after %s", id, last);
        memcpy(last, id, sizeof id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(ascends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

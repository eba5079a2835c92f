// SPDX-License-Identifier: Apache-2.0
/* Marks of the journal: each kind is read as it was written, and cut off anywhere it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/delivery/mark.h"

#define ENTRY .place = {.segment = 300, .offset = 0xffffffff}, .check = 0x80000001
#define SOME .first = 70000, .some = UINT64_MAX

static const struct gp__mark marks[] = {
    {.kind = GP__MARK_DONE, ENTRY, SOME},
    {.kind = GP__MARK_DEFERRED,
     ENTRY,
     SOME,
     .at_ms = 1700000000000,
     .tries = 3,
     .reply = {451, 4, 7, 1, {"later", 5}},
     .remote = {"mx [192.0.2.1]", 14}},
    {.kind = GP__MARK_DEFERRED, ENTRY, SOME, .at_ms = 1},
    {.kind = GP__MARK_HELD, ENTRY, SOME, .name = {"spam", 4}},
    {.kind = GP__MARK_RELEASED, ENTRY, SOME},
    {.kind = GP__MARK_ROUTED, ENTRY, SOME, .name = {"world", 5}},
    {.kind = GP__MARK_WARNED, ENTRY, SOME},
    {.kind = GP__MARK_MOVED, ENTRY, .to = {.segment = UINT64_MAX, .offset = 1}},
    {.kind = GP__MARK_ONLY, ENTRY},
    {.kind = GP__MARK_STATE, ENTRY, SOME, .at_ms = 5, .bucket = {"spam", 4}, .warned = true},
    {.kind = GP__MARK_STATE,
     ENTRY,
     SOME,
     .bucket = {"spam", 4},
     .let_go = true,
     .held_h = UINT16_MAX},
    {.kind = GP__MARK_LET_GO, ENTRY, SOME, .at_ms = 1700000000000, .name = {"spam", 4}},
    {.kind = GP__MARK_ALL_DONE, ENTRY},
    {.kind = GP__MARK_PAUSED, .name = {"sender=a@example.org", 20}},
    {.kind = GP__MARK_RESUMED, .name = {"", 0}},
};

static void assert_slice(struct gp_slice a, struct gp_slice b)
{
    assert_int_equal(gp_slice_present(a), gp_slice_present(b));
    assert_true(gp_slice_eq(a, b));
}

static void assert_same(const struct gp__mark *a, const struct gp__mark *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->place.segment, b->place.segment);
    assert_int_equal(a->place.offset, b->place.offset);
    assert_int_equal(a->check, b->check);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->some, b->some);
    assert_int_equal(a->to.segment, b->to.segment);
    assert_int_equal(a->to.offset, b->to.offset);
    assert_int_equal(a->at_ms, b->at_ms);
    assert_int_equal(a->tries, b->tries);
    assert_int_equal(a->reply.code, b->reply.code);
    assert_int_equal(a->reply.detail, b->reply.detail);
    assert_slice(a->reply.text, b->reply.text);
    assert_slice(a->remote, b->remote);
    assert_slice(a->name, b->name);
    assert_slice(a->bucket, b->bucket);
    assert_int_equal(a->warned, b->warned);
    assert_int_equal(a->let_go, b->let_go);
    assert_int_equal(a->held_h, b->held_h);
}

static void test_marks(void **state)
{
    unsigned kinds = 0;

    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        struct gp__buf out = {.limit = 0};
        struct gp__mark read;

        gp__mark_pack(&out, &marks[i]);
        assert_int_equal(gp__mark_unpack(&read, gp__buf_slice(&out)), 0);
        assert_same(&marks[i], &read);
        for (size_t n = 0; n < out.len; n++)
            assert_int_equal(gp__mark_unpack(&read, gp_slice_sub(gp__buf_slice(&out), 0, n)), -1);
        gp__buf_append(&out, GP_S("\0"));
        assert_int_equal(gp__mark_unpack(&read, gp__buf_slice(&out)), -1);
        gp__buf_free(&out);
        kinds |= 1u << marks[i].kind;
    }
    assert_int_equal(kinds, (1u << GP__MARK_KINDS) - 2); /* none was forgotten */
}

static void test_nonsense(void **state)
{
    static const struct gp_slice cases[] = {
        {"", 0},
        {"\0", 1},                                                    /* no kind */
        {"\x7f", 1},                                                  /* of a later version */
        {"\x01\x01\x01\x01\x01\x00", 6},                              /* no recipients */
        {"\x08\x01\x01\x01\x01\xff\xff\xff\xff\x7f", 10},             /* an offset out of range */
        {"\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01\x01", 13}, /* more than 64 bits */
        {"\x0b\xff\x7f", 3},                                          /* a text that is not there */
    };
    struct gp__mark mark;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(gp__mark_unpack(&mark, cases[i]), -1);
    assert_int_not_equal(gp__mark_id(GP_S("a")), gp__mark_id(GP_S("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

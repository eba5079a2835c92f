// SPDX-License-Identifier: Apache-2.0
// Messages: edits of fields, the blank line, pieces, the body as one run, budgets, the journal.
// Copies and splices against a model: test_copies.c.
#include "support.h"

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

#define WHO GP_S("tester")
#define PLAIN "From: a@b\r\nSubject: x\r\n y\r\n\r\nline one\r\nline two\r\n"

static void test_reading(void **state)
{
    struct gp_message *message = message_of(arena, GP_S(PLAIN));
    struct gp_header *header = gp_header_find(message, GP_S("sUBJECT"), 0);

    (void)state;
    assert_int_equal(gp_header_count(message), 2);
    assert_slice(gp_header_name(header), GP_S("Subject"));
    assert_slice(gp_header_raw(header), GP_S(" x\r\n y"));
    assert_slice(gp__header_value(arena, header), GP_S("x y"));
    assert_null(gp_header_find(message, GP_S("Subject"), 1));
    assert_null(gp_header_at(message, 2));
    assert_slice(gp_body(message), GP_S("line one\r\nline two\r\n"));
    assert_int_equal(gp_body_size(message), 20);
    assert_int_equal(gp_message_size(message), sizeof PLAIN - 1);
    assert_false(gp__message_edited(message));
}

/* Nothing was edited: one piece, the very bytes that came in. */
static void test_untouched(void **state)
{
    static const struct gp_slice cases[] = {
        GP_S(PLAIN),
        GP_S("A: b"),
        GP_S("A: b\r\n"),
        GP_S("\r\n"),
        GP_S("\r\nbody"),
        GP_S("no header at all\r\n\r\nx"),
        GP_S("A: b\r\nbad line\r\nC: d\r\n\r\nx"),
        GP_S("A: b\n\nlone\nLF and \0 and \r"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_message *message = message_of(arena, cases[i]);
        struct gp_slice *pieces;

        assert_int_equal(gp__message_pieces(message, arena, &pieces), 1);
        assert_ptr_equal(pieces[0].data, gp__content_at(message->content, 0, cases[i].len).data);
        assert_slice(pieces[0], cases[i]);
        assert_int_equal(gp_message_size(message), cases[i].len);
    }
    assert_int_equal(gp_message_size(message_of(arena, GP_S(""))), 0);
}

/* A trace field on top: two pieces, the second the whole of what came in. */
static void test_trace_pieces(void **state)
{
    struct gp_message *message = message_of(arena, GP_S(PLAIN));
    struct gp_slice *pieces;

    (void)state;
    gp__message_header_insert(message, WHO, 0, GP_S("Received"), GP_S("by us"));
    assert_int_equal(gp__message_pieces(message, arena, &pieces), 2);
    assert_slice(pieces[0], GP_S("Received: by us\r\n"));
    assert_slice(pieces[1], GP_S(PLAIN));
}

/* What each script of edits makes of a message. i: insert "N: v" at index; s: set; r: remove;
 * b: splice "offset,len" by "new". */
static const struct {
    struct gp_slice bytes;
    const char *script;
    struct gp_slice result;
} golden[] = {
    {GP_S("A: b\r\nC: d\r\n\r\nx"), "i0", GP_S("N: v\r\nA: b\r\nC: d\r\n\r\nx")},
    {GP_S("A: b\r\nC: d\r\n\r\nx"), "i1", GP_S("A: b\r\nN: v\r\nC: d\r\n\r\nx")},
    {GP_S("A: b\r\nC: d\r\n\r\nx"), "i9", GP_S("A: b\r\nC: d\r\nN: v\r\n\r\nx")},
    {GP_S("A: b\r\nC: d\r\n\r\nx"), "s0", GP_S("A: set\r\nC: d\r\n\r\nx")},
    {GP_S("A : b\r\nC: d\r\n\r\nx"), "s0", GP_S("A: set\r\nC: d\r\n\r\nx")},
    {GP_S("A: b\r\n c\r\nC: d\r\n\r\nx"), "r0", GP_S("C: d\r\n\r\nx")},
    {GP_S("A: b\r\nC: d\r\n\r\nx"), "r0r0", GP_S("\r\nx")},
    {GP_S("A: b\r\nC: d\r\n\r\nx"), "r1i1s1", GP_S("A: b\r\nN: set\r\n\r\nx")},
    /* lone line feeds stay what they are */
    {GP_S("A: b\nC: d\n\nx\n"), "i1", GP_S("A: b\nN: v\r\nC: d\n\nx\n")},
    /* no blank line was received: the same when the body begins as it did, else one is put in */
    {GP_S("A: b\r\nbad\r\nC: d\r\n"), "i9", GP_S("A: b\r\nN: v\r\nbad\r\nC: d\r\n")},
    {GP_S("A: b\r\nbad\r\n"), "r0", GP_S("bad\r\n")},
    {GP_S("A: b\r\nbad\r\n"), "b0,3", GP_S("A: b\r\n\r\nnew\r\n")},
    {GP_S("A: b\r\nbad\r\n"), "b3,0", GP_S("A: b\r\nbadnew\r\n")},
    {GP_S("bad\r\n"), "i0", GP_S("N: v\r\n\r\nbad\r\n")},
    {GP_S("bad\r\n"), "i0r0", GP_S("bad\r\n")},
    {GP_S("\r\nx"), "i0", GP_S("N: v\r\n\r\nx")},
    {GP_S(""), "i0", GP_S("N: v\r\n")},
    {GP_S("A: b\r\n"), "b0,0", GP_S("A: b\r\n\r\nnew")},
    {GP_S("A: b"), "i9", GP_S("A: b\r\nN: v\r\n")},
    {GP_S("A: b"), "i0", GP_S("N: v\r\nA: b")},
    {GP_S("A: b"), "b0,0", GP_S("A: b\r\n\r\nnew")},
    /* the body */
    {GP_S("\r\nabcdef"), "b0,0", GP_S("\r\nnewabcdef")},
    {GP_S("\r\nabcdef"), "b6,0", GP_S("\r\nabcdefnew")},
    {GP_S("\r\nabcdef"), "b2,2", GP_S("\r\nabnewef")},
    {GP_S("\r\nabcdef"), "b0,6", GP_S("\r\nnew")},
    {GP_S("\r\nabcdef"), "b1,1b2,1b3,1", GP_S("\r\nannnewwwcdef")},
    {GP_S("\r\nabcdef"), "b7,0", {NULL, 0}},
    {GP_S("\r\nabcdef"), "b5,2", {NULL, 0}},
};

static int run(struct gp_message *message, const char **script)
{
    char *end;
    char op = *(*script)++;
    unsigned long at = strtoul(*script, &end, 10), len = 0;

    if (op == 'b')
        len = strtoul(end + 1, &end, 10);
    *script = end;
    if (op == 'i')
        return gp__message_header_insert(message, WHO, at, GP_S("N"), GP_S("v"));
    if (op == 's')
        return gp__message_header_set(message, WHO, gp_header_at(message, at), GP_S("set"));
    if (op == 'r')
        return gp__message_header_remove(message, WHO, gp_header_at(message, at));
    return gp__message_body_splice(message, WHO, at, len, GP_S("new"));
}

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        struct gp_message *message = message_of(arena, golden[i].bytes);
        const char *script = golden[i].script;
        int result = 0;

        while (*script && result == 0)
            result = run(message, &script);
        if (!gp_slice_present(golden[i].result)) {
            assert_int_equal(result, GP_EINVAL);
            assert_slice(emitted(arena, message), golden[i].bytes);
            continue;
        }
        assert_int_equal(result, 0);
        assert_slice(emitted(arena, message), golden[i].result);
        /* The body as one run is the end of it. */
        assert_true(gp_slice_ends(golden[i].result, gp_body(message)));
        assert_int_equal(gp_body(message).len, gp_body_size(message));
    }
}

static void test_refused(void **state)
{
    struct gp_message *message = message_of(arena, GP_S(PLAIN));
    struct gp_message *other = message_of(arena, GP_S(PLAIN));
    struct gp_header *header = gp_header_at(message, 0);

    (void)state;
    assert_int_equal(gp__message_header_insert(message, WHO, 0, GP_S("A B"), GP_S("c")), GP_EINVAL);
    assert_int_equal(gp__message_header_set(message, WHO, header, GP_S("a\r\nB: c")), GP_EINVAL);
    assert_int_equal(gp__message_header_set(other, WHO, header, GP_S("a")), GP_ENOTFOUND);
    assert_int_equal(gp__message_header_remove(other, WHO, header), GP_ENOTFOUND);
    assert_int_equal(gp__message_header_remove(other, WHO, NULL), GP_ENOTFOUND);
    assert_int_equal(gp__message_header_set(message, WHO, header, GP_S("a")), 0);
    assert_int_equal(gp__message_header_set(message, WHO, header, GP_S("a")), GP_ENOTFOUND);
    assert_int_equal(gp__message_body_splice(message, WHO, UINT64_MAX, 1, GP_S("")), GP_EINVAL);
    assert_int_equal(gp__message_body_splice(message, WHO, 1, UINT64_MAX, GP_S("")), GP_EINVAL);
    assert_int_equal(gp_edit_count(message), 1);
    assert_slice(emitted(arena, other), GP_S(PLAIN));
}

static void test_budget_of_edits(void **state)
{
    struct gp_message *message = message_of(arena, GP_S(PLAIN));
    struct gp_message *clone = gp__message_clone(message, GP_S("a"));

    (void)state;
    for (uint64_t i = 0; i < GP__EDITS_MAX; i++)
        assert_int_equal(gp__message_body_splice(i % 2 ? clone : message, WHO, i % 2, 1, GP_S("l")),
                         0);
    assert_int_equal(gp__message_body_splice(message, WHO, 0, 1, GP_S("l")), GP_ELIMIT);
    assert_int_equal(gp__message_header_insert(clone, WHO, 0, GP_S("A"), GP_S("")), GP_ELIMIT);
    assert_int_equal(gp__message_header_set(message, WHO, gp_header_at(message, 0), GP_S("")),
                     GP_ELIMIT);
    assert_int_equal(gp__message_header_remove(message, WHO, gp_header_at(message, 0)), GP_ELIMIT);
}

/* While the body still comes in: fields can be edited, the body can't. */
static void test_incomplete(void **state)
{
    struct gp__content *content = gp__content_create(&(struct gp__content_settings){0});
    struct gp_message *message;

    (void)state;
    gp__content_append(content, GP_S("A: b\r\n\r\nbo"));
    message = gp__message_create(arena, content);
    assert_int_equal(gp__message_header_insert(message, WHO, 0, GP_S("N"), GP_S("v")), 0);
    assert_int_equal(gp__message_body_splice(message, WHO, 0, 0, GP_S("x")), GP_ENOTALLOWED);
    assert_slice(gp_body(message), absent());
    gp__content_append(content, GP_S("dy"));
    gp__content_end(content);
    assert_slice(gp_body(message), GP_S("body"));
    assert_int_equal(gp__message_body_splice(message, WHO, 4, 0, GP_S("!")), 0);
    assert_slice(emitted(arena, message), GP_S("N: v\r\nA: b\r\n\r\nbody!"));
    gp__content_unref(&content);
    assert_slice(emitted(arena, message), GP_S("N: v\r\nA: b\r\n\r\nbody!"));
}

/* A message whose bytes went to a file: one piece again once it is mapped. */
static void test_mapped(void **state)
{
    struct gp__content *content = gp__content_create(&(struct gp__content_settings){0});
    char file[] = PLAIN;
    struct gp_message *message;
    struct gp_slice taken, *pieces;

    (void)state;
    gp__content_append(content, GP_S(PLAIN));
    message = gp__message_create(arena, content);
    taken = gp__content_take_for_spill(content);
    gp__content_block_free(&taken);
    gp__content_end(content);
    assert_slice(gp_body(message), absent());
    assert_slice(gp_header_raw(gp_header_at(message, 0)), GP_S(" a@b"));
    gp__content_map(content, file, sizeof file - 1, NULL, NULL);
    gp__content_unref(&content);
    assert_int_equal(gp__message_pieces(message, arena, &pieces), 1);
    assert_slice(pieces[0], GP_S(PLAIN));
    assert_ptr_equal(pieces[0].data, file);
    gp__message_body_splice(message, WHO, 4, 1, GP_S("-"));
    assert_slice(gp_body(message), GP_S("line-one\r\nline two\r\n"));
}

static void *big(void *arg, size_t size)
{
    size_t *asked = arg;

    *asked = size;
    return *asked > 40000000 ? NULL : gp__arena_bytes(arena, size);
}

/* Edited bodies over 16 MiB use the host's memory, or there is none. */
static void test_big_body(void **state)
{
    size_t size = GP__BODY_BUILD_MAX + 10, asked = 0;
    char *bytes = malloc(size);
    struct gp_message *message;

    (void)state;
    memset(bytes, 'x', size);
    memcpy(bytes, "\r\n", 2);
    message = message_of(arena, gp_slice(bytes, size));
    assert_int_equal(gp_body(message).len, size - 2);
    gp__message_body_splice(message, WHO, 100, 0, GP_S("y"));
    assert_slice(gp_body(message), absent());
    gp__message_set_big_alloc(message, big, &asked);
    assert_int_equal(gp_body(message).len, size - 1);
    assert_int_equal(asked, size - 1);
    assert_int_equal(gp_body(message).data[100], 'y');
    /* Cut down to less, it needs none of it. */
    gp__message_body_splice(message, WHO, 10, size - 20, GP_S(""));
    asked = 0;
    assert_int_equal(gp_body(message).len, 19);
    assert_int_equal(asked, 0);
    free(bytes);
}

/* The total of what is built is bounded. */
static void test_build_budget(void **state)
{
    size_t size = (size_t)8 << 20;
    char *bytes = calloc(1, size);
    struct gp_message *message;
    int built = 0;

    (void)state;
    bytes[0] = '\n';
    message = message_of(arena, gp_slice(bytes, size));
    for (; built < 100; built++) {
        gp__message_body_splice(message, WHO, 5, 1, GP_S("y"));
        if (!gp_slice_present(gp_body(message)))
            break;
    }
    assert_int_equal(built, GP__BODY_BUILD_TOTAL / size);
    assert_int_equal(gp__message_body_splice(message, WHO, 0, 0, gp_slice(bytes, size)), 0);
    for (built = 0; built < 100; built++)
        if (gp__message_body_splice(message, WHO, 0, 0, gp_slice(bytes, size)) != 0)
            break;
    assert_true(built > 10 && built < 16);
    free(bytes);
}

static void test_journal(void **state)
{
    struct gp_message *message = message_of(arena, GP_S(PLAIN)), *a, *b, *c;
    static const struct {
        size_t index;
        const char *text;
    } in_c[] = {
        {0, "dkim: header add DKIM-Signature at 0"},
        {1, "footer: body splice 5+3 by 2 bytes (copy a)"},
        {2, "tag: header set Subject at 2"},
        {3, "own: header remove From at 1 (copy c)"},
    };

    (void)state;
    gp__message_header_insert(message, GP_S("dkim"), 0, GP_S("DKIM-Signature"), GP_S("v=1"));
    a = gp__message_clone(message, GP_S("a"));
    b = gp__message_clone(message, GP_S("b"));
    gp__message_body_splice(a, GP_S("footer"), 5, 3, GP_S("xy"));
    c = gp__message_split(a, GP_S("c"));
    gp__message_header_remove(a, GP_S("late"), gp_header_at(a, 1));
    gp__message_header_set(message, GP_S("tag"), gp_header_at(message, 2), GP_S("[x] y"));
    gp__message_header_remove(c, GP_S("own"), gp_header_at(c, 1));

    assert_int_equal(gp_edit_count(message), 2);
    assert_int_equal(gp_edit_count(a), 4);
    assert_int_equal(gp_edit_count(b), 2);
    assert_int_equal(gp_edit_count(c), COUNT(in_c));
    for (size_t i = 0; i < COUNT(in_c); i++)
        assert_slice(gp__edit_render(arena, gp__message_edit(c, in_c[i].index)),
                     gp_slice_of(in_c[i].text));
    assert_null(gp__message_edit(c, COUNT(in_c)));
    assert_slice(emitted(arena, c), GP_S("DKIM-Signature: v=1\r\nSubject: [x] y\r\n\r\n"
                                         "line xy\r\nline two\r\n"));
    assert_slice(emitted(arena, b), GP_S("DKIM-Signature: v=1\r\nFrom: a@b\r\nSubject: [x] y\r\n"
                                         "\r\nline one\r\nline two\r\n"));
}

static int teardown_group(void **state)
{
    (void)state;
    gp__content_pool_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_untouched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trace_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_golden, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budget_of_edits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_incomplete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mapped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_big_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_build_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journal, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}

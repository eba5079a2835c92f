// SPDX-License-Identifier: Apache-2.0
/* What a scenario file may look like, and what is said of one that is wrong. */
#include "core/base/arena.h"
#include "sdk/kit/diff.h"
#include "sdk/kit/kit.h"
#include "sdk/kit/lex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- lines ---- */

static void test_strip(void **state)
{
    static const struct {
        const char *line, *stripped;
    } rows[] = {
        {"", ""},
        {"  a b  ", "a b"},
        {"# all", ""},
        {"a # rest", "a"},
        {"a#b", "a#b"},
        {"a \"b # c\" # d", "a \"b # c\""},
        {"a /b # c/ # d", "a /b # c/"},
        {"a /b \\/ # c/ # d", "a /b \\/ # c/"},
        {"a /etc/x # d", "a /etc/x"},
        {"a \"b # c", "a \"b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp_slice got = gp__kit_strip(gp_slice_of(rows[i].line));

        if (!gp_slice_eq(got, gp_slice_of(rows[i].stripped)))
            fail_msg("\"%s\": \"" GP_FMT "\"", rows[i].line, GP_ARG(got));
    }
}

static void test_escapes(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice bytes, cursor = GP_S("\"a\\r\\n\\x41\\0\\\\\\\"b\" rest");

    (void)state;
    assert_int_equal(gp__kit_quoted(arena, &cursor, &bytes), 1);
    assert_true(gp_slice_eq(bytes, GP_S("a\r\nA\0\\\"b")));
    assert_true(gp_slice_eq(cursor, GP_S("rest")));
    cursor = GP_S("\"open");
    assert_int_equal(gp__kit_quoted(arena, &cursor, &bytes), -1);
    cursor = GP_S("\"\\q\"");
    assert_int_equal(gp__kit_quoted(arena, &cursor, &bytes), -1);
    cursor = GP_S("\"\\x4\"");
    assert_int_equal(gp__kit_quoted(arena, &cursor, &bytes), -1);
    cursor = GP_S("  ");
    assert_int_equal(gp__kit_quoted(arena, &cursor, &bytes), 0);
    gp__arena_free(&arena);
}

/* ---- messages on the wire ---- */

static void test_wire(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice lines = gp__kit_lines(arena, GP_S("a\n.b\r\n..\nc"));

    (void)state;
    assert_true(gp_slice_eq(lines, GP_S("a\r\n.b\r\n..\r\nc\r\n")));
    assert_true(gp_slice_eq(gp__kit_stuffed(arena, lines), GP_S("a\r\n..b\r\n...\r\nc\r\n.\r\n")));
    assert_true(gp_slice_eq(gp__kit_stuffed(arena, GP_S("")), GP_S(".\r\n")));
    gp__arena_free(&arena);
}

static void test_diff(void **state)
{
    static const struct {
        const char *a, *b, *diff;
    } rows[] = {
        {"", "", ""},
        {"a\n", "a\n", ""},
        {"a\r\n", "a\n", ""},
        {"", "a\n", "+ a\n"},
        {"a\n", "", "- a\n"},
        {"a\nb\nc\n", "a\nx\nc\n", "- b\n+ x\n"},
        {"a\nb\nc\nd\n", "b\nc\ne\nd\n", "- a\n+ e\n"},
        {"a\n\nb\n", "a\nb\n", "-\n"},
    };
    struct gp__arena *arena = gp__arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp_slice got = gp__kit_diff(arena, gp_slice_of(rows[i].a), gp_slice_of(rows[i].b));

        if (!gp_slice_eq(got, gp_slice_of(rows[i].diff)))
            fail_msg("row %zu: " GP_FMT, i, GP_ARG(got));
    }
    gp__arena_free(&arena);
}

/* ---- whole files ---- */

static void test_file(void **state)
{
    struct gp__buf errors = {0};
    struct gp__kit_file *file = gp__kit_parse(GP_S("dir/a.scenario"),
                                              GP_S("# about\r\n"
                                                   "chain:\n"
                                                   "- gate: {}\n"
                                                   "\n"
                                                   "  # comment\n"
                                                   "given file list <<X\n"
                                                   "one # not a comment\n"
                                                   "\n"
                                                   "X\n"
                                                   "scenario \"first\"\n"
                                                   "listener:\n"
                                                   "  refuse_at: now\n"
                                                   "when connect 2001:db8::1 early \"x\"\n"
                                                   "expect no header X-A\n"
                                                   "scenario \"second\"\n"
                                                   "expect header A: b c for d@e\n"),
                                              &errors);
    const struct gp__kit_step *step;

    (void)state;
    if (!file)
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&errors)));
    assert_int_equal(file->n_scenarios, 2);
    assert_int_equal(file->shared.blocks[GP__KIT_CHAIN].first, 2);
    assert_int_equal(file->shared.blocks[GP__KIT_CHAIN].end, 6);
    step = &file->shared.steps[0];
    assert_true(gp_slice_eq(step->args[0], GP_S("dir/list")));
    assert_true(gp_slice_eq(step->block, GP_S("one # not a comment\n\n")));
    assert_int_equal(file->scenarios[0].line, 10);
    assert_int_equal(file->scenarios[0].part.blocks[GP__KIT_LISTENER].first, 11);
    step = &file->scenarios[0].part.steps[0];
    assert_int_equal(step->line, 13);
    assert_true(gp_slice_eq(step->args[0], GP_S("2001:db8::1")));
    assert_true(gp_slice_eq(step->args[1], GP_S("x")));
    assert_true(file->scenarios[0].part.steps[1].negated);
    step = &file->scenarios[1].part.steps[0];
    assert_true(gp_slice_eq(step->args[1], GP_S("b c")));
    assert_true(gp_slice_eq(step->recipient, GP_S("d@e")));
    gp__kit_file_free(&file);
    gp__buf_free(&errors);
}

/* In a file whose line 1 is a scenario. */
static void test_errors(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"gvien x", "t:2: unknown word at the start of a line \"gvien\"; did you mean \"given\"?"},
        {"xyz", "t:2: unknown word at the start of a line \"xyz\"\n"},
        {"given", "\"given\" what?"},
        {"given dsn x A 1.2.3.4", "unknown given \"dsn\"; did you mean \"dns\"?"},
        {"when helo", "write: when helo NAME"},
        {"when conect", "unknown when \"conect\"; did you mean \"connect\"?"},
        {"when connect eraly x", "did you mean \"early\"?"},
        {"when connect port x", "write: when connect"},
        {"when no helo x", "unknown when \"no\""},
        {"when send \"a", "quotes that does not end"},
        {"when send \"\\q\"", "a \\ that is not one of"},
        {"when wait soon", "\"soon\" is not a time"},
        {"when data missing.eml", "missing.eml: cannot be read"},
        {"when data <<END", "<<END: no line \"END\" ends it"},
        {"when rset x", "write: when rset"},
        {"expect rejcet", "did you mean \"reject\"?"},
        {"expect not accept", "\"accept\" cannot be negated"},
        {"expect reject 999", "\"999\" is not a reply code"},
        {"expect reject /a", "ends with a slash"},
        {"expect reject /(/", "/(/: "},
        {"expect reject 550 /a/ b", "write: expect reject"},
        {"expect verdict gate rejct", "unknown verdict \"rejct\"; did you mean \"reject\"?"},
        {"expect verdict gate reject at rctp", "unknown hook \"rctp\"; did you mean \"rcpt\"?"},
        {"expect header", "write: expect header"},
        {"expect body /x/ for", "write: expect body"},
        {"expect took", "write: expect took TIME"},
        {"expect count gate hits many", "write: expect count"},
        {"given dns x B 1", "is none of A AAAA"},
        {"given dns x any 1.2.3.4", "write: given dns"},
        {"given dns x MX host", "MX 10 host"},
        {"given dns x A delay", "write: given dns"},
        {"given fault disk put 1 io", "unknown kind of fault \"disk\""},
        {"given fault file puts 1 io", "did you mean \"put\"?"},
        {"given fault file put 0 io", "write: given fault"},
        {"given fault file put 1 nospac", "did you mean \"nospace\"?"},
        {"given peer a:1 <<END\nsend\nEND", "t:3: send what?"},
        {"given peer a:1 <<END\n\nsned x\nEND", "t:4: unknown word in a script \"sned\""},
        {"given peer a:1 <<END\ndelay x\nEND", "t:3: delay what?"},
        {"given peer a:1 <<END\nsend \\q\nEND", "t:3: a \\ that is not one of"},
        {"scenario x y", "a scenario has a name in quotes"},
        {"scenario", "a scenario has a name in quotes"},
        {"scenario \"s\"", "a second scenario of this name; the first is on line 1"},
        {"config: {a: b}", "its keys stand on the lines below, indented"},
        {"chain: gate", "its items stand on the lines below, or in []"},
        {"chain:\n  - a: {}\nchain:\n  - b: {}",
         "t:4: given a second time; the first is on line 2"},
        {"expect log /\xff/", "not UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__buf text = {0}, errors = {0};
        struct gp__kit_file *file;
        struct gp_slice said;

        gp__buf_printf(&text, "scenario \"s\"\n%s\n", rows[i].line);
        file = gp__kit_parse(GP_S("t"), gp__buf_slice(&text), &errors);
        said = gp__buf_slice(&errors);
        if (file || gp_slice_search(said, gp_slice_of(rows[i].says)) == said.len)
            fail_msg("%s\nshould say: %s\nsays: " GP_FMT, rows[i].line, rows[i].says, GP_ARG(said));
        gp__buf_free(&text);
        gp__buf_free(&errors);
    }
}

/* Cut off anywhere, or with any byte in the middle, a file is read or refused, and nothing else. */
static void test_cut(void **state)
{
    static const char text[] = "chain: [{gate: {}}]\n"
                               "given dns x MX 10 \"y\"  # z\n"
                               "given peer a:1 <<E\nsend \\x41\ndelay 1s\nE\n"
                               "given fault file put 1 io\n"
                               "scenario \"s\"\n"
                               "listener:\n  refuse_at: now\n"
                               "when connect ::1 port 1 early \"\\r\" as b\n"
                               "expect not reply 550 5.7.1 /a\\/b/\n"
                               "expect header A: b for c@d\n"
                               "expect verdict a reject at rcpt\n"
                               "expect took under 1s\n"
                               "when data <<E\n.\nE\n";
    static const char bytes[] = {'\0', '\n', '"', '/', '\\', ' ', '<', '\xff'};

    (void)state;
    for (size_t cut = 0; cut < sizeof text; cut++) {
        for (size_t i = 0; i <= sizeof bytes; i++) {
            char copy[sizeof text];
            struct gp__buf errors = {0};
            size_t len = i < sizeof bytes ? sizeof text - 1 : cut;
            struct gp__kit_file *file;

            memcpy(copy, text, sizeof text);
            if (i < sizeof bytes && cut < len)
                copy[cut] = bytes[i];
            file = gp__kit_parse(GP_S("t"), gp_slice(copy, len), &errors);
            assert_true((file != NULL) == (errors.len == 0));
            gp__kit_file_free(&file);
            gp__buf_free(&errors);
        }
    }
}

static void test_empty(void **state)
{
    static const char *const texts[] = {"", "# nothing\n", "given file /x <<E\nE\n",
                                        "when connect\nscenario \"x\"\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct gp__buf errors = {0};

        assert_null(gp__kit_parse(GP_S("t"), gp_slice_of(texts[i]), &errors));
        assert_true(errors.len > 0);
        gp__buf_free(&errors);
    }
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strip), cmocka_unit_test(test_escapes), cmocka_unit_test(test_wire),
        cmocka_unit_test(test_diff),  cmocka_unit_test(test_file),    cmocka_unit_test(test_errors),
        cmocka_unit_test(test_empty), cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}

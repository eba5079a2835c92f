// SPDX-License-Identifier: Apache-2.0
// The MIME walk: structure as a drawn tree, defects, budgets, linear time; what parts say; replacing
// their text.
#include "support.h"

#include "core/message/charset.h"
#include "core/message/mime.h"

#include <time.h>

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

static const struct gp__mime_limits usual = {.parts = 100, .depth = 10, .header_bytes = 10000};

/* "multipart/mixed(text/plain[hello] text/html[x])" */
static struct gp_slice draw(const struct gp_part *part)
{
    struct gp_slice text = gp_part_type(part), inside = GP_S("");
    const struct gp_part *next = gp_part_next(part);

    if (!gp_part_is_container(part))
        return gp__arena_printf(arena, GP_FMT "[" GP_FMT "]", GP_ARG(text),
                                GP_ARG(gp_part_raw(part)));
    for (; next && gp_part_depth(next) > gp_part_depth(part); next = gp_part_next(next))
        if (next->parent == part)
            inside = gp__arena_printf(arena, GP_FMT "%s" GP_FMT, GP_ARG(inside),
                                      inside.len ? " " : "", GP_ARG(draw(next)));
    return gp__arena_printf(arena, GP_FMT "(" GP_FMT ")", GP_ARG(text), GP_ARG(inside));
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define ALT "Content-Type: multipart/alternative; boundary=c\r\n\r\n"
#define PART "--b\r\n\r\n"
#define HTML "Content-Type: text/html\r\n\r\n"

static const struct {
    const char *message, *tree;
    unsigned defects;
} structures[] = {
    /* no structure */
    {"", "text/plain[]", 0},
    {"A: b\r\n\r\nhello\r\n", "text/plain[hello\r\n]", 0},
    {"Content-Type: text/html\r\n\r\nhello\r\n", "text/html[hello\r\n]", 0},
    {"Content-Type: TEXT / Html (c) ; a=b\r\n\r\nx", "text/html[x]", 0},
    {"Content-Type: text\r\n\r\nx", "text/plain[x]", GP_MIME_BAD_TYPE},
    {"Content-Type: \r\n\r\nx", "text/plain[x]", GP_MIME_BAD_TYPE},
    {"Content-Type: text/\r\n\r\nx", "text/plain[x]", GP_MIME_BAD_TYPE},
    {"Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\nx", "text/html[x]",
     GP_MIME_DUPLICATE_FIELD},
    {"Content-Transfer-Encoding: x-uuencode\r\n\r\nx", "text/plain[x]", GP_MIME_BAD_ENCODING},
    {"no header\r\n\r\nx", "text/plain[no header\r\n\r\nx]", 0},
    /* multipart */
    {MIXED PART "one\r\n--b\r\n" HTML "two\r\n--b--\r\n",
     "multipart/mixed(text/plain[one] text/html[two])", 0},
    {MIXED "preamble\r\n" PART "one\r\n--b--\r\nepilogue\r\n--b\r\n\r\nnot a part\r\n",
     "multipart/mixed(text/plain[one])", 0},
    {MIXED PART "one", "multipart/mixed(text/plain[one])", GP_MIME_NO_END},
    {MIXED PART "one\r\n--b", "multipart/mixed(text/plain[one] text/plain[])", GP_MIME_NO_END},
    {MIXED PART "one\r\n--b--", "multipart/mixed(text/plain[one])", 0},
    {MIXED "nothing", "multipart/mixed()", GP_MIME_NO_END},
    {MIXED "", "multipart/mixed()", GP_MIME_NO_END},
    {MIXED "--b--\r\n", "multipart/mixed()", 0},
    {MIXED PART "\r\n--b--\r\n", "multipart/mixed(text/plain[])", 0},
    {MIXED PART "--b--\r\n", "multipart/mixed(text/plain[])", 0},
    {MIXED "--b\r\n--b\r\n--b--\r\n", "multipart/mixed(text/plain[] text/plain[])", 0},
    {MIXED "--b\r\n" HTML "--b\r\nContent-Type: text/x\r\n--b--\r\n",
     "multipart/mixed(text/html[] text/x[])", 0},
    {MIXED PART "a\r\n\r\n--b--\r\n", "multipart/mixed(text/plain[a\r\n])", 0},
    {MIXED PART "a\n--b\n\nb\n--b--\n", "multipart/mixed(text/plain[a] text/plain[b])", 0},
    {MIXED "--b \t\r\n\r\na\r\n--b-- \r\n", "multipart/mixed(text/plain[a])", 0},
    {MIXED PART " --b\r\n--bx\r\n--\r\n---b\r\n-- b\r\nx--b\r\n--b--x\r\n--b--\r\n",
     "multipart/mixed(text/plain[ --b\r\n--bx\r\n--\r\n---b\r\n-- b\r\nx--b\r\n--b--x])", 0},
    /* a line that is no field ends the section of a part */
    {MIXED "--b\r\nContent-Type: text/html\r\nno field\r\nx\r\n--b--\r\n",
     "multipart/mixed(text/html[no field\r\nx])", 0},
    {MIXED "--b\r\n folded\r\n\r\nx\r\n--b--\r\n", "multipart/mixed(text/plain[ folded\r\n\r\nx])",
     0},
    /* nesting */
    {MIXED "--b\r\n" ALT "--c\r\n\r\none\r\n--c--\r\nepi\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
     "multipart/mixed(multipart/alternative(text/plain[one]) text/plain[two])", 0},
    {MIXED "--b\r\n" ALT "--c\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
     "multipart/mixed(multipart/alternative(text/plain[one]) text/plain[two])", GP_MIME_NO_END},
    {MIXED "--b\r\n" ALT "preamble\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
     "multipart/mixed(multipart/alternative() text/plain[two])", GP_MIME_NO_END},
    {MIXED "--b\r\n" ALT "--c\r\n\r\none\r\n--b--\r\n--c\r\n\r\nno\r\n",
     "multipart/mixed(multipart/alternative(text/plain[one]))", GP_MIME_NO_END},
    /* boundaries that begin like each other */
    {MIXED "--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
           "--bb\r\n\r\none\r\n--bb\r\n\r\ntwo\r\n--bb--\r\n--b--\r\n",
     "multipart/mixed(multipart/mixed(text/plain[one] text/plain[two]))", 0},
    {"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n" MIXED
     "--b\r\n\r\none\r\n--b--\r\n--bb\r\n\r\ntwo\r\n--bb--\r\n",
     "multipart/mixed(multipart/mixed(text/plain[one]) text/plain[two])", 0},
    {MIXED "--b\r\nContent-Type: multipart/mixed; boundary=\"b--\"\r\n\r\n"
           "--b--\r\n\r\none\r\n--b----\r\n--b--\r\n",
     "multipart/mixed(multipart/mixed(text/plain[one]))", 0},
    {MIXED "--b\r\n" MIXED "--b\r\n\r\none\r\n--b--\r\n\r\n--b--\r\n",
     "multipart/mixed(multipart/mixed(text/plain[one]))", 0},
    /* boundaries that are odd */
    {"Content-Type: multipart/mixed\r\n\r\n--b\r\n", "application/octet-stream[--b\r\n]",
     GP_MIME_NO_BOUNDARY},
    {"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx",
     "application/octet-stream[--\r\n\r\nx]", GP_MIME_NO_BOUNDARY},
    {"Content-Type: multipart/mixed; boundary=\"b \"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
     "multipart/mixed(text/plain[x])", 0},
    {"Content-Type: multipart/mixed; boundary=\"a b:c\"\r\n\r\n--a b:c\r\n\r\nx\r\n--a b:c--\r\n",
     "multipart/mixed(text/plain[x])", 0},
    {"Content-Type: multipart/mixed; boundary*0=\"a\";\r\n boundary*1=b\r\n\r\n"
     "--ab\r\n\r\nx\r\n--ab--\r\n",
     "multipart/mixed(text/plain[x])", 0},
    {"Content-Type: multipart/mixed; boundary=\"\xe9\"\r\n\r\n--\xe9\r\n\r\nx\r\n--\xe9--\r\n",
     "multipart/mixed(text/plain[x])", 0},
    {"Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
     "multipart/mixed(text/plain[x])", GP_MIME_DUPLICATE_FIELD},
    {"Content-Type: multipart/mixed; boundary=\"b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
     "multipart/mixed(text/plain[x])", 0},
    /* messages in messages */
    {"Content-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\nx\r\n",
     "message/rfc822(text/html[x\r\n])", 0},
    {"Content-Type: message/rfc822\r\n\r\n" MIXED PART "x\r\n--b--\r\n",
     "message/rfc822(multipart/mixed(text/plain[x]))", 0},
    {MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n",
     "multipart/mixed(message/rfc822(text/plain[x]) text/plain[y])", 0},
    {MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n--b--\r\n",
     "multipart/mixed(message/rfc822(text/plain[]))", 0},
    {MIXED "--b\r\nContent-Type: message/rfc822\r\n--b--\r\n",
     "multipart/mixed(message/rfc822(text/plain[]))", 0},
    {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogYg==\r\n",
     "message/rfc822[QTogYg==\r\n]", GP_MIME_BAD_ENCODING},
    {"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n\r\nx\r\n--b--\r\n",
     "multipart/digest(message/rfc822(text/plain[x]))", 0},
    {"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n" PART
     "x\r\n--b--\r\n",
     "multipart/mixed(text/plain[x])", GP_MIME_BAD_ENCODING},
    {"Content-Type: message/partial\r\n\r\nx", "message/partial[x]", 0},
};

static void test_structure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structures); i++) {
        struct gp_message *message = message_of(arena, gp_slice_of(structures[i].message));
        struct gp__mime *mime = gp__mime_walk(message, &usual);

        assert_slice(draw(mime->first), gp_slice_of(structures[i].tree));
        if (mime->defects != structures[i].defects)
            print_error("%s\n", structures[i].message);
        assert_int_equal(mime->defects, structures[i].defects);
        assert_ptr_equal(gp__mime_walk(message, &usual), mime);
    }
}

/* Offsets are those of gp_body_splice(). */
static void test_offsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structures); i++) {
        struct gp_message *message = message_of(arena, gp_slice_of(structures[i].message));
        const struct gp_part *part = gp__mime_walk(message, &usual)->first;

        for (; part; part = gp_part_next(part))
            assert_slice(gp_slice_sub(gp_body(message), gp_part_offset(part), gp_part_length(part)),
                         gp_part_raw(part));
    }
}

static void test_budgets(void **state)
{
    static const struct {
        struct gp__mime_limits limits;
        const char *tree;
        unsigned defects;
    } cases[] = {
        {{9, 9, 999}, "multipart/mixed(multipart/alternative(text/plain[1]) text/plain[2])", 0},
        {{4, 2, 55}, "multipart/mixed(multipart/alternative(text/plain[1]) text/plain[2])", 0},
        {{4, 2, 53},
         "multipart/mixed(multipart/alternative(text/plain[1]) application/octet-stream[\r\n2])",
         GP_MIME_HEADER_TOO_LONG},
        {{3, 9, 999},
         "multipart/mixed(multipart/alternative(text/plain[1]) "
         "application/octet-stream[\r\n2\r\n--b--\r\n])",
         GP_MIME_TOO_MANY_PARTS},
        {{1, 9, 999},
         "multipart/mixed(application/octet-stream[" ALT "--c\r\n\r\n1\r\n--c--\r\n--b\r\n\r\n2"
         "\r\n--b--\r\n])",
         GP_MIME_TOO_MANY_PARTS},
        {{9, 1, 999},
         "multipart/mixed(application/octet-stream[--c\r\n\r\n1\r\n--c--] text/plain[2])",
         GP_MIME_TOO_DEEP},
        {{9, 0, 999},
         "application/octet-stream[--b\r\n" ALT "--c\r\n\r\n1\r\n--c--\r\n--b\r\n\r\n2\r\n--b--\r\n"
         "]",
         GP_MIME_TOO_DEEP},
        {{9, 9, 20},
         "multipart/mixed(application/octet-stream[" ALT "--c\r\n\r\n1\r\n--c--] text/plain[2])",
         GP_MIME_HEADER_TOO_LONG},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_message *message = message_of(
            arena, GP_S(MIXED "--b\r\n" ALT "--c\r\n\r\n1\r\n--c--\r\n--b\r\n\r\n2\r\n--b--\r\n"));
        struct gp__mime *mime = gp__mime_walk(message, &cases[i].limits);

        assert_slice(draw(mime->first), gp_slice_of(cases[i].tree));
        assert_int_equal(mime->defects, cases[i].defects);
    }
}

/* What would take minutes if time grew with the square of the input. */
static void test_linear(void **state)
{
    static const struct {
        const char *start, *again;
        size_t times, parts;
    } cases[] = {
        {MIXED, "--b\r\n", 200000, 1001},
        {MIXED PART, "--bx\r\n", 200000, 2},
        {MIXED PART, "-------------\r\n", 200000, 2},
        {"", MIXED "--b\r\n", 50000, 1001},
        {"Content-Type: message/rfc822\r\n\r\n", "Content-Type: message/rfc822\r\n\r\n", 50000, 51},
        {MIXED, "--b\r\nContent-Disposition: ((((((((((((((((((\r\n", 50000, 1001},
        {MIXED "--b\r\nContent-Type: text/plain", "; name*0=\"aaaaaaaaaaaaa\"", 9000, 2},
        {MIXED "--b\r\nContent-Type: text/plain; name=\"", "=?utf-8?Q?", 20000, 2},
    };
    const struct gp__mime_limits limits = {.parts = 1000, .depth = 50, .header_bytes = 262144};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t start = strlen(cases[i].start), again = strlen(cases[i].again);
        size_t len = start + again * cases[i].times;
        char *bytes = malloc(len);
        struct gp_message *message;
        clock_t began;

        memcpy(bytes, cases[i].start, start);
        for (size_t k = 0; k < cases[i].times; k++)
            memcpy(bytes + start + k * again, cases[i].again, again);
        message = message_of(arena, gp_slice(bytes, len));
        began = clock();
        assert_int_equal(gp__mime_walk(message, &limits)->count, cases[i].parts);
        assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
        free(bytes);
    }
}

static void test_part_facts(void **state)
{
    struct gp_message *message = message_of(
        arena, GP_S(MIXED "--b\r\n"
                          "Content-Type: Text/Plain; charset=iso-8859-1; name=\"x.txt\"\r\n"
                          "Content-Disposition: ATTACHMENT; filename=\"../y.txt\"\r\n"
                          "Content-Transfer-Encoding: quoted-printable (c)\r\n"
                          "X-Folded: a\r\n b\r\n\r\n"
                          "caf=E9=\r\n!\r\n--b\r\n"
                          "Content-Transfer-Encoding: BASE64\r\n\r\nY2Fm\r\nw6k=\r\n--b--\r\n"));
    struct gp__mime *mime = gp__mime_walk(message, &usual);
    const struct gp_part *first = gp_part_next(mime->first), *second = gp_part_next(first);

    (void)state;
    assert_int_equal(mime->defects, GP_MIME_AMBIGUOUS_NAME);
    assert_slice(gp_part_type(first), GP_S("text/plain"));
    assert_slice(gp_part_disposition(first), GP_S("attachment"));
    assert_slice(gp__part_parameter(arena, first, GP_S("CHARSET")), GP_S("iso-8859-1"));
    assert_slice(gp__part_filename(arena, first), GP_S("y.txt"));
    assert_slice(gp__part_header(arena, first, GP_S("x-folded")), GP_S("a b"));
    assert_slice(gp__part_header(arena, first, GP_S("x-none")), absent());
    assert_slice(gp__part_header(arena, mime->first, GP_S("content-type")),
                 GP_S("multipart/mixed; boundary=b"));
    assert_slice(gp__part_decoded(arena, first), GP_S("caf\xe9!"));
    assert_slice(gp__part_text(arena, first), GP_S("caf\xc3\xa9!"));
    assert_slice(gp__part_text(arena, second), GP_S("caf\xc3\xa9"));
    assert_slice(gp_part_disposition(second), absent());
    assert_slice(gp__part_filename(arena, second), absent());
    assert_int_equal(gp_part_depth(second), 1);
    assert_null(gp_part_next(second));
}

#define WHO GP_S("tester")
#define LEAF(fields, content) MIXED "--b\r\n" fields "\r\n" content "\r\n--b--\r\n"
#define CTE "Content-Transfer-Encoding: "
#define LATIN "Content-Type: text/plain; charset=iso-8859-1\r\n"
#define UTF8 "Content-Type: text/plain; charset=utf-8\r\n"

static const struct {
    const char *message, *text, *result; /* NULL: GP_EINVAL; of the first leaf */
} texts[] = {
    {"\r\nold\r\n", "new\r\n", "\r\nnew\r\n"},
    {"\r\nold\r\n", "new", "\r\nnew\r\n"},
    {LEAF("", "old"), "new\r\n", LEAF("", "new\r\n")},
    {LEAF("", "old"), "", LEAF("", "")},
    {LEAF("", "old"), "caf\xc3\xa9", NULL},
    {LEAF(LATIN CTE "8bit\r\n", "old"), "caf\xc3\xa9", LEAF(LATIN CTE "8bit\r\n", "caf\xe9")},
    {LEAF(LATIN, "old"), "caf\xc3\xa9", NULL},
    {LEAF(LATIN CTE "8bit\r\n", "old"), "\xe2\x82\xac", NULL},
    {LEAF(UTF8 CTE "quoted-printable\r\n", "old"), "caf\xc3\xa9 =\r\nx",
     LEAF(UTF8 CTE "quoted-printable\r\n", "caf=C3=A9 =3D\r\nx")},
    {LEAF(UTF8 CTE "base64\r\n", "old"), "caf\xc3\xa9", LEAF(UTF8 CTE "base64\r\n", "Y2Fmw6k=")},
    {LEAF(CTE "base64\r\n", "old"), "0123456789012345678901234567890123456789012345678901234567890",
     LEAF(CTE "base64\r\n",
          "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\r\n"
          "Nzg5MA==")},
    {LEAF(CTE "x-odd\r\n", "old"), "new", NULL},
    {LEAF("", "old"), "bare\nLF", NULL},
    {LEAF("", "old"), "bare\rCR", NULL},
    {LEAF("", "old"), "\xff", NULL},
    {LEAF("", "old"), "a\r\n--b\r\nsmuggled", NULL},
    {LEAF("", "old"), "--bxx", NULL},
    {LEAF("", "old"), "a --b", LEAF("", "a --b")},
    {LEAF(CTE "base64\r\n", "old"), "--b", LEAF(CTE "base64\r\n", "LS1i")},
    /* what is missing around an empty content is put there */
    {MIXED "--b\r\n\r\n--b--\r\n", "new", MIXED "--b\r\n\r\nnew\r\n--b--\r\n"},
    {MIXED "--b\r\n--b--\r\n", "new", MIXED "--b\r\n\r\nnew\r\n--b--\r\n"},
    {MIXED "--b\r\nA: b\r\n--b--\r\n", "new", MIXED "--b\r\nA: b\r\n\r\nnew\r\n--b--\r\n"},
    {MIXED "--b\r\nA: b", "new", MIXED "--b\r\nA: b\r\n\r\nnew"},
    {MIXED "--b\r\nA: b\r\nno field\r\n--b--\r\n", "C: d",
     MIXED "--b\r\nA: b\r\n\r\nC: d\r\n--b--\r\n"},
    /* the message itself becomes UTF-8 */
    {"A: b\r\n\r\nold\r\n", "caf\xc3\xa9\r\n",
     "A: b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" CTE
     "quoted-printable\r\n\r\ncaf=C3=A9\r\n"},
    {"Content-Type: text/html; charset=US-ASCII\r\n" CTE "base64\r\nMime-Version: 1.0\r\n\r\nb2xk"
     "\r\n",
     "caf\xc3\xa9",
     "Content-Type: text/html; charset=utf-8\r\n" CTE "base64\r\nMime-Version: 1.0\r\n\r\n"
     "Y2Fmw6k=\r\n"},
    {"Content-Type: application/x\r\n\r\nold\r\n", "caf\xc3\xa9", NULL},
};

static void test_set_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct gp_message *message = message_of(arena, gp_slice_of(texts[i].message));
        const struct gp_part *part = gp__mime_walk(message, &usual)->first;
        struct gp_slice text = gp_slice_of(texts[i].text), read;
        int result;

        if (gp_part_is_container(part)) {
            assert_int_equal(gp__part_set_text(message, WHO, part, text), GP_EINVAL);
            part = gp_part_next(part);
        }
        result = gp__part_set_text(message, WHO, part, text);
        assert_slice(emitted(arena, message),
                     gp_slice_of(texts[i].result ? texts[i].result : texts[i].message));
        assert_int_equal(result, texts[i].result ? 0 : GP_EINVAL);
        if (result < 0)
            continue;
        /* The old part is stale; a new walk reads the text back. */
        assert_int_equal(gp__part_set_text(message, WHO, part, text), GP_EINVAL);
        part = gp__mime_walk(message, &usual)->first;
        if (gp_part_is_container(part))
            part = gp_part_next(part);
        read = gp__part_text(arena, part);
        assert_slice(gp_slice_sub(read, 0, text.len), text);
        gp__mime_collect(message);
        assert_slice(gp__part_text(arena, part), read);
    }
}

static void test_set_long_lines(void **state)
{
    struct gp_message *message = message_of(arena, GP_S(LEAF("", "old")));
    char line[999];

    (void)state;
    memset(line, 'x', sizeof line);
    assert_int_equal(gp__part_set_text(message, WHO, gp__mime_walk(message, &usual)->first->next,
                                       gp_slice(line, 999)),
                     GP_EINVAL);
    assert_int_equal(gp__part_set_text(message, WHO, gp__mime_walk(message, &usual)->first->next,
                                       gp_slice(line, 998)),
                     0);
}

static void test_incomplete(void **state)
{
    struct gp__content *content = gp__content_create(&(struct gp__content_settings){0});
    struct gp_message *message;

    (void)state;
    gp__content_append(content, GP_S("\r\nx"));
    message = gp__message_create(arena, content);
    assert_null(gp__mime_walk(message, &usual));
    gp__content_unref(&content);
}

static int teardown_group(void **state)
{
    (void)state;
    gp__charset_cache_free();
    gp__content_pool_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_structure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_part_facts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_incomplete, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}

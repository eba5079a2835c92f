// SPDX-License-Identifier: Apache-2.0
/* Log records in both formats, levels, and that no byte of a peer gets out of its string. */
#include "check.h"

#include "core/base/log.h"
#include "core/base/utf8.h"

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
#define DATE "2026-11-23T14:05:17.042Z"

static struct {
    char text[8192];
    size_t len, lines;
    enum gp_log_level level;
} sink;

static int64_t now(void *arg)
{
    assert_ptr_equal(arg, &sink);
    return 1795442717042;
}

static void sink_write(void *arg, enum gp_log_level level, struct gp_slice line)
{
    assert_ptr_equal(arg, &sink);
    assert_in_range(line.len, 1, sizeof sink.text);
    memcpy(sink.text, line.data, line.len);
    sink.len = line.len;
    sink.level = level;
    sink.lines++;
}

static struct gp__log make(enum gp__log_format format)
{
    memset(&sink, 0, sizeof sink);
    return (struct gp__log){
        .level = GP_LOG_INFO, .format = format, .now = now, .write = sink_write, .arg = &sink};
}

#define assert_line(want) assert_slice(gp_slice(sink.text, sink.len), GP_S(want "\n"))

static void human(void **state)
{
    struct gp__log log = make(GP__LOG_HUMAN);

    (void)state;
    gp__log(&log, GP_LOG_INFO, "session.open", GP__F_S("peer", GP_S("192.0.2.1")),
            GP__F_I("port", 25), GP__F_B("tls", true));
    assert_line(DATE " info    session.open peer=192.0.2.1 port=25 tls=true");
    gp__log(&log, GP_LOG_ERROR, "x", GP__F_S("gone", gp_slice(NULL, 0)), GP__F_S("empty", GP_S("")),
            GP__F_C("none", NULL), GP__F_S("a", GP_S("b c")), GP__F_C("eq", "a=b"),
            GP__F_C("quote", "say \"hi\""), GP__F_I("min", INT64_MIN));
    assert_line(DATE " error   x empty=\"\" a=\"b c\" eq=\"a=b\" quote=\"say \\\"hi\\\"\""
                     " min=-9223372036854775808");
    gp__log(&log, GP_LOG_WARNING, "forged", GP__F_C("helo", "a\r\n" DATE " error   x"));
    assert_line(DATE " warning forged helo=\"a\\r\\n" DATE " error   x\"");
    gp__buf_free(&log.line);
}

static void json(void **state)
{
    struct gp__log log = make(GP__LOG_JSON);

    (void)state;
    gp__log(&log, GP_LOG_NOTICE, "a.b", GP__F_S("peer", GP_S("x")), GP__F_I("n", -1),
            GP__F_B("no", false), GP__F_RAW("list", GP_S("[1,2]")),
            GP__F_RAW("gone", gp_slice(NULL, 0)), GP__F_C("esc", "\"\\"));
    assert_line("{\"time\":\"" DATE "\",\"level\":\"notice\",\"event\":\"a.b\",\"peer\":\"x\","
                "\"n\":-1,\"no\":false,\"list\":[1,2],\"esc\":\"\\\"\\\\\"}");
    gp__log_fields(&log, GP_LOG_INFO, "bare", NULL, 0);
    assert_line("{\"time\":\"" DATE "\",\"level\":\"info\",\"event\":\"bare\"}");
    log.now = NULL;
    gp__log_fields(&log, GP_LOG_INFO, "bare", NULL, 0);
    assert_line("{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"event\":\"bare\"}");
    gp__buf_free(&log.line);
}

static int evaluated(void)
{
    sink.lines += 100;
    return 1;
}

static void levels(void **state)
{
    (void)state;
    for (int limit = GP_LOG_ERROR; limit <= GP_LOG_DEBUG; limit++) {
        for (int level = GP_LOG_ERROR; level <= GP_LOG_DEBUG; level++) {
            struct gp__log log = make(GP__LOG_JSON);

            log.level = (enum gp_log_level)limit;
            gp__log_fields(&log, (enum gp_log_level)level, "e", NULL, 0);
            assert_int_equal(sink.lines, level <= limit);
            if (sink.lines)
                assert_int_equal(sink.level, level);
            gp__log(&log, (enum gp_log_level)level, "e", GP__F_I("n", evaluated()));
            assert_int_equal(sink.lines, level <= limit ? 102 : 0); /* else not even evaluated */
            gp__buf_free(&log.line);
        }
    }
    gp__log((struct gp__log *)NULL, GP_LOG_ERROR, "e", GP__F_I("n", 1));
    gp__log_fields(NULL, GP_LOG_ERROR, "e", NULL, 0);
}

static void json_strings(void **state)
{
    static const struct {
        struct gp_slice s, want;
    } cases[] = {
        {{NULL, 0}, S("\"\"")},
        {S(""), S("\"\"")},
        {S("plain /text"), S("\"plain /text\"")},
        {S("\"\\"), S("\"\\\"\\\\\"")},
        {S("\r\n\t"), S("\"\\r\\n\\t\"")},
        {S("\0\x01\x1b[0m\x7f"), S("\"\\u0000\\u0001\\u001b[0m\\u007f\"")},
        {S("gr\xc3\xbc\xc3\x9f"), S("\"gr\xc3\xbc\xc3\x9f\"")},
        {S("\xf0\x9f\x93\xa7"), S("\"\xf0\x9f\x93\xa7\"")},
        {S("\xc2\x9b\xc2\xa0"), S("\"\\u009b\xc2\xa0\"")}, /* C1: an escape sequence for some */
        {S("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9"), S("\"\xe2\x80\xa7\\u2028\\u2029\"")},
        {S("\xe2\x80\xae"
           "gpj.exe"),
         S("\"\\u202egpj.exe\"")},
        {S("\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"), S("\"\\u2066\\u2069\xe2\x81\xaa\"")},
        {S("\xd8\x9c\xef\xbb\xbf"), S("\"\\u061c\\ufeff\"")},
        {S("\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f"), S("\"\xe2\x80\x8d\\u200e\\u200f\"")},
        {S("\xff"), S("\"\\ufffd\"")},
        {S("a\xc3"), S("\"a\\ufffd\"")},
        {S("\xc3\""), S("\"\\ufffd\\\"\"")}, /* the quote is not eaten by a cut sequence */
        {S("\xe2\x82\""), S("\"\\ufffd\\ufffd\\\"\"")},
        {S("\xc0\xa2"), S("\"\\ufffd\\ufffd\"")},
        {S("\xed\xa0\x80"), S("\"\\ufffd\\ufffd\\ufffd\"")},
        {S("\xf4\x90\x80\x80z"), S("\"\\ufffd\\ufffd\\ufffd\\ufffdz\"")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice s = tight(cases[i].s);
        struct gp__buf out = {0};

        gp__json_string(&out, s);
        tight_free(s);
        assert_slice(gp__buf_slice(&out), cases[i].want);
        gp__buf_free(&out);
    }
}

/* All strings of three bytes out of the dangerous ones: what comes out is one line of UTF-8, one
 * string, and ends where it seems to end. */
static void json_stays_in_its_string(void **state)
{
    static const char bytes[] = "\0\n\r\"\\u\x1b\x7f\x80\x9b\xa8\xc2\xe2\xed\xf4\xff";
    const size_t n = sizeof bytes - 1;

    (void)state;
    for (size_t i = 0; i < n * n * n; i++) {
        char text[3] = {bytes[i % n], bytes[i / n % n], bytes[i / n / n]};
        struct gp__buf out = {0};
        struct gp_slice s;

        gp__json_string(&out, gp_slice(text, 3));
        s = gp__buf_slice(&out);
        assert_true(gp__utf8_valid(s));
        for (size_t at = 1; at + 1 < s.len; at++) {
            assert_true((unsigned char)s.data[at] >= ' ' && s.data[at] != '"');
            at += s.data[at] == '\\';
        }
        assert_int_equal(s.data[s.len - 1], '"');
        gp__buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(human),
        cmocka_unit_test(json),
        cmocka_unit_test(levels),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(json_stays_in_its_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

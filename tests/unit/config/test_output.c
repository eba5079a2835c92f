// SPDX-License-Identifier: Apache-2.0
/* Reports as JSON, the schema, Markdown, suggestions, and what keeps lines short. */
#include "tests/unit/config/report.h"

#include "core/config/markdown.h"
#include "core/config/schema.h"
#include "core/config/suggest.h"

#include <jansson.h>

static void test_suggest(void **state)
{
    static const struct {
        const char *word, *best;
    } cases[] = {
        {"relaay", "relay"},    {"rleay", "relay"},    {"RELAY", "relay"}, {"rel", "relay"},
        {"re", NULL},           {"chian", "chain"},    {"x", NULL},        {"", NULL},
        {"address", "address"}, {"adress", "address"}, {"zzzzz", NULL},    {"idd", "id"},
    };
    static const char *const words[] = {"relay", "chain", "address", "id", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gp__suggest suggest = {.word = gp_slice_of(cases[i].word)};

        for (size_t j = 0; words[j]; j++)
            gp__suggest_try(&suggest, gp_slice_of(words[j]));
        if (!gp_slice_eq(suggest.best, gp_slice_of(cases[i].best)))
            fail_msg("%s: " GP_FMT, cases[i].word, GP_ARG(suggest.best));
    }
}

static void test_json_report(void **state)
{
    struct fake_file files[] = {{FAKE_MAIN, REPORT_BASE "lgo: {}\n", 0}, {NULL, NULL, 0}};
    struct gp__buf report = {0};

    (void)state;
    assert_null(fake_load(files, &report, GP__DIAG_JSON));
    gp__buf_append(&report, gp_slice("", 1));
    assert_string_equal(
        gp__buf_slice(&report).data,
        "[{\"file\":\"F\",\"line\":5,\"column\":1,\"severity\":\"error\",\"message\":\"unknown key "
        "\\\"lgo\\\" in the configuration; did you mean \\\"log\\\"?\",\"source\":\"lgo: {}\"}]\n");
    gp__buf_free(&report);
}

/* The caret of a problem far to the right stands under a part of the line. */
static void test_long_line(void **state)
{
    char text[2000];
    struct fake_file files[] = {{FAKE_MAIN, text, 0}, {NULL, NULL, 0}};
    struct gp__buf report = {0};
    struct gp_slice rest;
    size_t caret, line;

    (void)state;
    snprintf(text, sizeof text, "%slog: {to: \"%01000d/\", levle: x, to2: %0200d}\n", REPORT_BASE,
             0, 0);
    assert_null(fake_load(files, &report, GP__DIAG_TEXT));
    rest = gp__buf_slice(&report);
    gp_slice_split(&rest, '\n');
    line = gp_slice_search(gp_slice_split(&rest, '\n'), GP_S("levle"));
    caret = gp_slice_find(gp_slice_split(&rest, '\n'), '^');
    assert_int_equal(line, caret);
    assert_true(caret < 100);
    gp__buf_free(&report);
}

static json_t *member(json_t *object, const char *path)
{
    char copy[200];
    char *save = NULL;

    snprintf(copy, sizeof copy, "%s", path);
    for (char *key = strtok_r(copy, "/", &save); key; key = strtok_r(NULL, "/", &save)) {
        object = json_object_get(object, key);
        if (!object)
            fail_msg("no %s in %s", key, path);
    }
    return object;
}

static void test_schema(void **state)
{
    const struct gp_plugin *plugins[FAKE_PLUGINS];
    struct gp__buf out = {0};
    json_t *schema;

    (void)state;
    for (size_t i = 0; i < FAKE_PLUGINS; i++)
        plugins[i] = &fake_plugins[i];
    assert_int_equal(gp__schema(plugins, FAKE_PLUGINS, &out), 0);
    schema = json_loadb(gp__buf_slice(&out).data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(schema);
    assert_string_equal(json_string_value(member(schema, "$schema")),
                        "https://json-schema.org/draft/2020-12/schema");
    assert_true(json_is_false(member(schema, "additionalProperties")));
    assert_string_equal(
        json_string_value(member(schema, "properties/answer_within/properties/message/default")),
        "4m");
    assert_int_equal(
        json_integer_value(member(schema, "properties/limits/properties/recipients/minimum")), 100);
    assert_string_equal(
        json_string_value(member(schema, "properties/work/properties/threads/description")),
        "Threads for blocking and heavy work of plugins.");
    assert_non_null(member(schema, "properties/listeners/additionalProperties/properties/like"));
    assert_non_null(member(schema, "$defs/plugin_allkinds/properties/inner/properties/weight"));
    assert_true(json_is_true(member(schema, "$defs/plugin_allkinds/properties/flag/default")));
    assert_non_null(member(schema, "$defs/target/properties/maildir"));
    assert_null(json_object_get(member(schema, "$defs/target/properties"), "early"));
    assert_int_equal(json_array_size(member(schema, "$defs/plugin_allkinds/properties/word/enum")),
                     5);
    assert_int_equal(json_array_size(member(schema, "$defs/when/properties/null_sender/enum")), 6);
    assert_int_equal(json_array_size(member(schema, "$defs/match/properties/relay/enum")), 6);
    json_decref(schema);
    gp__buf_free(&out);
}

static void test_markdown(void **state)
{
    static const struct gp_option rows[] = {
        GP_OPTION_STRING("name", struct fake_inner, name, NULL, "A | bar."),
        GP_OPTION_INTEGER("weight", struct fake_inner, weight, "5", 0, 10, "A weight."),
        GP_OPTION_INTEGER("secret", struct fake_inner, weight, "5", 0, 0, "Hidden.",
                          .flags = GP_OPTION_HIDDEN),
        GP_OPTIONS_END,
    };
    struct gp__buf out = {0};

    (void)state;
    assert_int_equal(gp__markdown_options(rows, 0, &out), 0);
    gp__buf_append(&out, gp_slice("", 1));
    assert_string_equal(gp__buf_slice(&out).data, "| Option | Value | Default | Meaning |\n"
                                                  "|---|---|---|---|\n"
                                                  "| `name` | text | **required** | A \\| bar. |\n"
                                                  "| `weight` | integer, 0 to 10 | `5` | A "
                                                  "weight. |\n");
    gp__buf_clear(&out);
    assert_int_equal(gp__markdown_options(NULL, 0, &out), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(gp__markdown_settings(&out), 0);
    assert_true(gp_slice_search(gp__buf_slice(&out),
                                GP_S("| `hold.path` | path | **required** |")) < out.len);
    gp__buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suggest),   cmocka_unit_test(test_json_report),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_schema),
        cmocka_unit_test(test_markdown),
    };

    return cmocka_run_group_tests(tests, NULL, free_pool);
}

// SPDX-License-Identifier: Apache-2.0
/* Reports of TLS (RFC 8460): the JSON, where it goes, and the keys that are counted under. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/delivery/tls_policy.h"
#include "core/delivery/tls_report.h"
#include "core/hook/state.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static json_t *write_one(const struct gp__report *report)
{
    struct gp__buf out = {.limit = 0};
    json_error_t error;
    json_t *json;

    assert_int_equal(gp__report_write(&out, report), 0);
    json = json_loadb(gp__buf_slice(&out).data, out.len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: " GP_FMT, error.text, GP_ARG(gp__buf_slice(&out)));
    gp__buf_free(&out);
    return json;
}

static const char *text_at(json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static json_int_t number_at(json_t *json, const char *object, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(json, object), key));
}

static void whole(void **state)
{
    static const struct gp__report_line lines[] = {
        {{"tlsa", 4}, {"success", 7}, {"mx1.example.org", 15}, 5},
        {{"tlsa", 4}, {"success", 7}, {"mx2.example.org", 15}, 7},
        {{"tlsa", 4}, {"certificate-not-trusted", 23}, {"mx2.example.org", 15}, 2},
        {{"tlsa", 4}, {"dnssec-invalid", 14}, {"", 0}, 1},
        {{"no-policy-found", 15}, {"starttls-not-supported", 22}, {"mx3.example.org", 15}, 9},
    };
    struct gp__report report = {.organization = GP_S("A \"company\""),
                                .contact = GP_S("tls@example.net"),
                                .domain = GP_S("example.org"),
                                .day = GP_S("2026-11-27"),
                                .lines = lines,
                                .n_lines = COUNT(lines)};
    json_t *json = write_one(&report), *policies = json_object_get(json, "policies"), *tlsa, *one;

    (void)state;
    assert_string_equal(text_at(json, "organization-name"), "A \"company\"");
    assert_string_equal(text_at(json, "contact-info"), "tls@example.net");
    assert_string_equal(text_at(json, "report-id"), "2026-11-27_example.org");
    assert_string_equal(text_at(json_object_get(json, "date-range"), "start-datetime"),
                        "2026-11-27T00:00:00Z");
    assert_string_equal(text_at(json_object_get(json, "date-range"), "end-datetime"),
                        "2026-11-27T23:59:59Z");
    assert_int_equal(json_array_size(policies), 2);
    one = json_array_get(policies, 0);
    assert_string_equal(text_at(json_object_get(one, "policy"), "policy-type"), "no-policy-found");
    assert_int_equal(number_at(one, "summary", "total-successful-session-count"), 0);
    assert_int_equal(number_at(one, "summary", "total-failure-session-count"), 9);
    tlsa = json_array_get(policies, 1);
    assert_string_equal(text_at(json_object_get(tlsa, "policy"), "policy-type"), "tlsa");
    assert_string_equal(text_at(json_object_get(tlsa, "policy"), "policy-domain"), "example.org");
    assert_int_equal(number_at(tlsa, "summary", "total-successful-session-count"), 12);
    assert_int_equal(number_at(tlsa, "summary", "total-failure-session-count"), 3);
    one = json_array_get(json_object_get(tlsa, "failure-details"), 0);
    assert_string_equal(text_at(one, "result-type"), "certificate-not-trusted");
    assert_string_equal(text_at(one, "receiving-mx-hostname"), "mx2.example.org");
    assert_int_equal(json_integer_value(json_object_get(one, "failed-session-count")), 2);
    one = json_array_get(json_object_get(tlsa, "failure-details"), 1);
    assert_null(json_object_get(one, "receiving-mx-hostname"));
    json_decref(json);
}

static void empty(void **state)
{
    struct gp__report report = {.organization = GP_S(""),
                                .contact = GP_S(""),
                                .domain = GP_S("a.example"),
                                .day = GP_S("2026-01-01")};
    json_t *json = write_one(&report);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(json, "policies")), 0);
    json_decref(json);
}

static void where_to(void **state)
{
    static const struct {
        const char *record;
        size_t n;
        const char *first;
    } rows[] = {
        {"v=TLSRPTv1; rua=mailto:a@example.org", 1, "mailto:a@example.org"},
        {"v=TLSRPTv1;rua=https://example.org/r,mailto:a@b;", 2, "https://example.org/r"},
        {"v=TLSRPTv1; later=x; rua= mailto:a@b , https://c/ ", 2, "mailto:a@b"},
        {"v=TLSRPTv1; rua=http://example.org/", 0, NULL},
        {"v=TLSRPTv1; rua=", 0, NULL},
        {"v=TLSRPTv1;", 0, NULL},
        {"v=TLSRPTv2; rua=mailto:a@b", 0, NULL},
        {"v=spf1 -all", 0, NULL},
        {"", 0, NULL},
        {"v=TLSRPTv1; rua=mailto:1,mailto:2,mailto:3,mailto:4,mailto:5,mailto:6,mailto:7,mailto:8,"
         "mailto:9",
         GP__REPORT_RUA_MAX, "mailto:1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp_slice rua[GP__REPORT_RUA_MAX];
        size_t n = gp__report_rua(gp_slice_of(rows[i].record), rua);

        if (n != rows[i].n || (n && !gp_slice_eq(rua[0], gp_slice_of(rows[i].first))))
            fail_msg("%s: %zu", rows[i].record, n);
    }
}

static void keys(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__report_line line;
    struct gp_slice domain, key;
    char big[500];

    (void)state;
    memset(big, 'x', sizeof big);
    key = gp__report_key(arena, GP_S("2026-11-27"), GP_S("example.org"), GP__REPORT_STS, "success",
                         GP_S("mx.example.org"));
    assert_int_equal(gp__report_key_read(key, &domain, &line), 0);
    assert_true(gp_slice_eq(domain, GP_S("example.org")));
    assert_true(gp_slice_eq(line.policy, GP_S("sts")));
    assert_true(gp_slice_eq(line.result, GP_S("success")));
    assert_true(gp_slice_eq(line.mx, GP_S("mx.example.org")));
    assert_false(gp_slice_present(gp__report_key(arena, GP_S("d"), gp_slice(big, sizeof big),
                                                 GP__REPORT_STS, "success", GP_S(""))));
    assert_int_equal(gp__report_key_read(GP_S("2026-11-27 a b"), &domain, &line), -1);
    assert_int_equal(gp__report_key_read(GP_S(""), &domain, &line), -1);
    assert_int_equal(gp__report_key_read(GP_S("d  sts success mx"), &domain, &line), -1);
    gp__arena_free(&arena);
}

/* RFC 8460 4.3: each result type, and that a session has one. */
static void results(void **state)
{
    static const struct {
        struct gp__report_facts facts;
        const char *result;
    } rows[] = {
        {{.opened = true, .secure = true}, "success"},
        {{.opened = true}, "starttls-not-supported"},
        {{.refused = true}, "starttls-not-supported"},
        {{.opened = false}, NULL},
        {{.opened = false, .secure = true}, NULL}, /* refused after it was secure */
        {{.tls_lost = true, .failure = GP__TLS_EXPIRED}, "certificate-expired"},
        {{.tls_lost = true, .failure = GP__TLS_MISNAMED}, "certificate-host-mismatch"},
        {{.tls_lost = true, .failure = GP__TLS_UNTRUSTED}, "certificate-not-trusted"},
        {{.tls_lost = true, .failure = GP__TLS_BROKEN}, "validation-failure"},
        /* testing: delivered, and told */
        {{.opened = true, .secure = true, .observed = GP__TLS_EXPIRED}, "certificate-expired"},
        {{.opened = true, .secure = true, .observed = GP__TLS_MISNAMED},
         "certificate-host-mismatch"},
        {{.opened = true, .secure = true, .observed = GP__TLS_UNTRUSTED},
         "certificate-not-trusted"},
        {{.opened = true, .secure = true, .trouble = GP__TROUBLE_STS_HOST}, "validation-failure"},
        {{.opened = true, .secure = true, .trouble = GP__TROUBLE_STS_FETCH},
         "sts-policy-fetch-error"},
        {{.opened = true, .secure = true, .trouble = GP__TROUBLE_STS_UNTRUSTED},
         "sts-webpki-invalid"},
        {{.opened = true, .secure = true, .trouble = GP__TROUBLE_STS_INVALID},
         "sts-policy-invalid"},
        {{.opened = true, .secure = true, .trouble = GP__TROUBLE_TLSA}, "tlsa-invalid"},
        {{.opened = true, .secure = true, .trouble = GP__TROUBLE_DNSSEC}, "dnssec-invalid"},
        {{.opened = true, .secure = true, .trouble = GP__TROUBLE_DANE_REQUIRED}, "dane-required"},
        /* what went wrong in the session comes first */
        {{.opened = true,
          .secure = true,
          .observed = GP__TLS_EXPIRED,
          .trouble = GP__TROUBLE_STS_HOST},
         "certificate-expired"},
        {{.opened = true, .trouble = GP__TROUBLE_STS_FETCH}, "starttls-not-supported"},
        {{.tls_lost = true, .failure = GP__TLS_UNTRUSTED, .trouble = GP__TROUBLE_TLSA},
         "certificate-not-trusted"},
        {{.opened = false, .trouble = GP__TROUBLE_STS_FETCH}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *result = gp__report_result(&rows[i].facts);

        if (result ? !rows[i].result || strcmp(result, rows[i].result) != 0
                   : rows[i].result != NULL)
            fail_msg("row %zu: %s", i, result ? result : "(none)");
    }
    assert_null(gp__report_trouble(GP__TROUBLE_NONE));
}

/* A carrier has a queue behind it and puts nothing into it: it asks nobody, and claims nothing. */
static void not_by_carriers(void **state)
{
    struct gp__outbound_settings settings = {.contact = GP_S("tls@example.net")};
    struct gp__state nothing = {.instance = NULL}; /* asking it would crash */
    struct gp__outbound outbound = {.settings = &settings, .state = &nothing, .spooled = true};
    struct gp__instance instance = {.outbound = &outbound};
    struct gp_call call = {.instance = &instance};

    (void)state;
    assert_int_equal(gp__report_send(&call), 0);
    assert_null(call.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results), cmocka_unit_test(not_by_carriers), cmocka_unit_test(whole),
        cmocka_unit_test(empty),   cmocka_unit_test(where_to),        cmocka_unit_test(keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* The text that Prometheus reads: what is written for what is counted, and names that would break
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/process/metrics.h"

static struct gp__buf write_all(const struct gp__totals *totals)
{
    static const struct gp__report_process processes[] = {
        {.role = "master", .state = "serving", .pid = 7, .generation = 3},
        {.role = "worker", .state = "waiting", .slot = 1, .generation = 3},
    };
    struct gp__metrics metrics = {
        .totals = totals, .processes = processes, .n_processes = 2, .generation = 3, .seconds = 60};
    struct gp__buf out = {.limit = 0};

    gp__metrics_write(&metrics, &out);
    gp__buf_append(&out, gp_slice("", 1));
    return out;
}

#define assert_has(out, text) assert_non_null(strstr(gp__buf_slice(&(out)).data, text))

static void test_text(void **state)
{
    struct gp__totals totals = {.counts = {.sessions = 5, .sessions_ended = 3, .messages = 2}};
    struct gp__board_stats row = {.chain = "edge", .instance = "a\"b\\c\nd", .hook = "rcpt"};
    struct gp__buf out;

    (void)state;
    row.stats.calls = 3;
    row.stats.verdicts[GP_NEXT] = 2;
    row.stats.verdicts[GP_REJECT] = 1;
    row.stats.faults = 2;
    row.stats.timeouts = 1;
    row.stats.total_ns = 1500000000;
    row.stats.latency[0] = 1;
    row.stats.latency[20] = 1;
    row.stats.latency[39] = 1;
    gp__totals_add_row(&totals, &row);
    out = write_all(&totals);
    assert_has(out, "# TYPE gatepost_sessions_total counter\ngatepost_sessions_total 5\n");
    assert_has(out, "gatepost_sessions_open 2\n");
    assert_has(out, "gatepost_messages_total{result=\"accepted\"} 2\n"
                    "gatepost_messages_total{result=\"deferred\"} 0\n");
    assert_has(out, "gatepost_process_up{role=\"master\",slot=\"0\",generation=\"3\","
                    "state=\"serving\"} 1\n");
    assert_has(out, "state=\"waiting\"} 0\n");
#define WHERE "{chain=\"edge\",instance=\"a\\\"b\\\\c\\nd\",hook=\"rcpt\""
    assert_has(out, "gatepost_hook_verdicts_total" WHERE ",verdict=\"next\"} 2\n");
    assert_has(out, "gatepost_hook_verdicts_total" WHERE ",verdict=\"reject\"} 1\n");
    assert_has(out, "gatepost_hook_faults_total" WHERE ",kind=\"timeout\"} 1\n");
    assert_has(out, "gatepost_hook_faults_total" WHERE ",kind=\"other\"} 1\n");
    assert_has(out, "gatepost_hook_seconds_bucket" WHERE ",le=\"1.024e-06\"} 1\n");
    assert_has(out, "gatepost_hook_seconds_bucket" WHERE ",le=\"68.7194767\"} 2\n");
    assert_has(out, "gatepost_hook_seconds_bucket" WHERE ",le=\"+Inf\"} 3\n");
    assert_has(out, "gatepost_hook_seconds_sum" WHERE "} 1.500000000\n");
    assert_has(out, "gatepost_hook_seconds_count" WHERE "} 3\n");
    gp__buf_free(&out);
    gp__totals_free(&totals);
}

/* Each family is declared once, before its samples, and those stand together. */
static void test_families(void **state)
{
    struct gp__totals totals = {.counts = {.sessions = 0}};
    struct gp__buf out = write_all(&totals);
    const char *at = gp__buf_slice(&out).data;
    char name[128];

    (void)state;
    while ((at = strstr(at, "# TYPE "))) {
        char again[160];

        assert_int_equal(sscanf(at, "# TYPE %127s", name), 1);
        at += strlen("# TYPE ");
        snprintf(again, sizeof again, "# TYPE %s ", name);
        assert_null(strstr(at, again));
    }
    gp__buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Cases of what is said about a configuration: the whole report, carets included. */
#ifndef GP_TEST_CONFIG_REPORT_H
#define GP_TEST_CONFIG_REPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/config/fake.h"

/* A configuration that loads without a word; cases begin with its fifth line. */
#define REPORT_BASE                                                                                \
    "hostname: mx.example\n"                                                                       \
    "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"                                               \
    "targets: {box: {maildir: {path: /m}}}\n"                                                      \
    "routes: [{name: r, to: box, mode: direct}]\n"

struct report_case {
    const char *name;
    bool after_base;
    const char *text, *report;
};

/* libfyaml 0.7.12 loses memory when it refuses a file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static inline void check_report(const struct report_case *c, bool loads)
{
    char text[4096];
    struct fake_file files[] = {{FAKE_MAIN, text, 0},
                                {"/etc/gatepost/good.pem", "CERT", 0},
                                {"/etc/gatepost/old.pem", "CERT old", 0},
                                {"/etc/gatepost/bad.pem", "CERT bad", 0},
                                {"/etc/gatepost/good.key", "KEY", 0},
                                {"/etc/gatepost/empty.key", "\n", 0},
                                {NULL, NULL, 0}};
    struct gp__buf report = {0};
    struct gp__settings *settings;

    snprintf(text, sizeof text, "%s%s", c->after_base ? REPORT_BASE : "", c->text);
    settings = fake_load(files, &report, GP__DIAG_TEXT);
    if (!gp_slice_eq(gp__buf_slice(&report), gp_slice_of(c->report)) || loads != (settings != NULL))
        fail_msg("%s:\n" GP_FMT "--- expected:\n%s", c->name, GP_ARG(gp__buf_slice(&report)),
                 c->report);
    gp__settings_free(&settings);
    gp__buf_free(&report);
}

static inline int free_pool(void **state)
{
    (void)state;
    gp__arena_pool_free();
    return 0;
}

#endif

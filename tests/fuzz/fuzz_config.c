// SPDX-License-Identifier: Apache-2.0
/* Bytes as a configuration file, through the whole loader, with plugins that only describe
 * themselves; what loads is shown, and what is shown must load again. */
#include "tests/unit/config/fake.h"

#include "core/base/alloc.h"
#include "core/config/show.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a buffer when it gives up inside of a long scalar; a configuration that
 * fails to parse is not loaded often enough to matter. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static struct gp__settings *load(const char *text, size_t len, struct gp__buf *report)
{
    struct fake_file files[] = {{FAKE_MAIN, text, len},
                                {"/etc/gatepost/more.yaml", "limits: {errors: 7}\n", 0},
                                {"/etc/gatepost/secret", "hunter2\n", 0},
                                {NULL, NULL, 0}};

    return fake_load(files, report, GP__DIAG_TEXT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__buf report = {0}, shown = {0};
    struct gp__settings *settings;

    if (size == 0)
        return 0;
    settings = load((const char *)data, size, &report);
    if (!settings && report.len == 0)
        abort(); /* refused without a word */
    if (settings && gp__show(settings, &shown) == 0) {
        struct gp_slice text = gp__buf_slice(&shown);
        struct gp__buf again_report = {0};
        struct gp__settings *again = load(text.data, text.len, &again_report);

        if (!again) {
            fwrite(text.data, 1, text.len, stderr);
            fwrite(again_report.data, 1, again_report.len, stderr);
            abort();
        }
        gp__settings_free(&again);
        gp__buf_free(&again_report);
    }
    gp__settings_free(&settings);
    gp__buf_free(&report);
    gp__buf_free(&shown);
    return 0;
}

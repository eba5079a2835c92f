// SPDX-License-Identifier: Apache-2.0
/* Plugins that are linked into the executable: a table of this test's own takes the build's place. */
#define GP_PLUGIN_NAME inside

#include "core/plugin/loader.h"

#include "tests/unit/base/check.h"

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_MAIL, on_mail});
GP_PLUGIN(.version = "1.0", .summary = "Is linked in", GP_USES_HOOKS);

static const struct gp_plugin broken_LTX_gatepost_plugin = {.magic = 1};

/* As cmake/preloaded.c.in writes it. */
const void *gp__preloaded_table(void)
{
    static const struct {
        const char *name;
        void *address;
    } rows[] = {
        {"@PROGRAM@", NULL},
        {"inside.a", NULL},
        {"inside_LTX_gatepost_plugin", (void *)(uintptr_t)&inside_LTX_gatepost_plugin},
        {"broken.a", NULL},
        {"broken_LTX_gatepost_plugin", (void *)(uintptr_t)&broken_LTX_gatepost_plugin},
        {"hollow.a", NULL},
        {NULL, NULL},
    };

    return rows;
}

static void add_name(void *arg, struct gp_slice name)
{
    char *all = arg;

    snprintf(all + strlen(all), 100 - strlen(all), GP_FMT " ", GP_ARG(name));
}

static void test_preloaded(void **state)
{
    const char *error = "";
    struct gp__plugins *plugins = gp__plugins_create(&error);
    const struct gp_plugin *plugin;
    char all[100] = "";

    (void)state;
    assert_non_null(plugins);
    plugin = gp__plugins_find(plugins, GP_S("inside"), &error);
    assert_non_null(plugin);
    assert_null(error);
    assert_ptr_equal(plugin->hooks, inside_LTX_gatepost_plugin.hooks);
    assert_string_equal(gp__plugins_file(plugins, GP_S("inside")), "built in");
    assert_null(gp__plugins_find(plugins, GP_S("broken"), &error));
    assert_non_null(strstr(error, "built in: plugin broken has no descriptor"));
    assert_null(gp__plugins_find(plugins, GP_S("hollow"), &error));
    assert_non_null(strstr(error, "built in: plugin hollow: "));
    assert_null(gp__plugins_find(plugins, GP_S("outside"), &error));
    assert_null(error);
    gp__plugins_each(plugins, add_name, all);
    assert_non_null(strstr(all, "broken hollow inside"));
    gp__plugins_free(&plugins);
    gp__plugins_free(&plugins);

    /* libltdl was started once; a second list works on it. */
    plugins = gp__plugins_create(&error);
    assert_non_null(gp__plugins_find(plugins, GP_S("inside"), &error));
    gp__plugins_free(&plugins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_preloaded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// links: libgatepost.so
/*
 * Loads the plugins of tests/modules, copied into a directory of known permissions: who may be
 * loaded, what is said of the others, and that one that misbehaves at a hook decides nothing.
 */
#include "core/plugin/chain.h"
#include "core/plugin/loader.h"

#include "tests/unit/plugin/kit.h"

#include <fcntl.h>
#include <sys/stat.h>

static char dir[] = "/tmp/gatepost-loader-XXXXXX";
static struct gp__plugins *plugins;

static void path_of(char out[512], const char *name)
{
    snprintf(out, 512, "%s/%s.so", dir, name);
}

static void copy_plugin(const char *name, mode_t mode)
{
    const char *build = getenv("GATEPOST_BUILD");
    char from[512], to[512], buffer[65536];
    size_t n;
    FILE *in, *out;

    snprintf(from, sizeof from, "%s/tests/modules/%s.so", build ? build : ".", name);
    path_of(to, name);
    in = fopen(from, "rb");
    out = fopen(to, "wb");
    if (!in || !out)
        fail_msg("%s -> %s", from, to);
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0)
        assert_int_equal(fwrite(buffer, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(to, mode), 0);
}

static const char *const names[] = {
    "t_good",      "t_behaves",      "t_create_fails", "t_no_symbol", "t_wrong_magic",
    "t_old_major", "t_new_major",    "t_new_minor",    "t_short",     "t_other_name",
    "t_two_hooks", "t_unknown_need", "t_bad_option",   "t_undefined",
};

static int set_up(void **state)
{
    struct gp_slice path;
    const char *error;

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < COUNT(names); i++)
        copy_plugin(names[i], 0644);
    plugins = gp__plugins_create(&error);
    if (!plugins)
        fail_msg("%s", error);
    path = gp_slice_of(dir);
    gp__plugins_add_path(plugins, &path, 1);
    return 0;
}

static int tear_down(void **state)
{
    char path[512];

    (void)state;
    gp__plugins_free(&plugins);
    for (size_t i = 0; i < COUNT(names); i++) {
        path_of(path, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static const struct gp_plugin *load(const char *name)
{
    const char *error = "";
    const struct gp_plugin *plugin = gp__plugins_find(plugins, gp_slice_of(name), &error);

    if (!plugin)
        fail_msg("%s: %s", name, error ? error : "not found");
    assert_null(error);
    return plugin;
}

static void check_refused(const char *name, const char *part)
{
    const char *error = NULL;

    assert_null(gp__plugins_find(plugins, gp_slice_of(name), &error));
    if (!error || !strstr(error, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, error ? error : "", part);
    assert_ptr_equal(strstr(error, dir), error); /* the file comes first */
}

static void test_good(void **state)
{
    const struct gp_plugin *plugin = load("t_good");

    (void)state;
    assert_string_equal(plugin->name, "t_good");
    assert_ptr_equal(load("t_good"), plugin);
    assert_non_null(strstr(gp__plugins_file(plugins, GP_S("t_good")), "/t_good.so"));
    assert_int_equal(plugin->hooks[0].point, GP_HOOK_MAIL);
}

static void test_refused(void **state)
{
    (void)state;
    check_refused("t_wrong_magic", "has no descriptor of Gatepost (it begins with 12345678");
    check_refused("t_old_major", "ABI 0.0, this Gatepost has 1.0: build it again");
    check_refused("t_new_major", "ABI 2.0, this Gatepost has 1.0: install a newer Gatepost");
    check_refused("t_new_minor", "ABI 1.7, this Gatepost has only 1.0: install a newer Gatepost");
    check_refused("t_short", "a descriptor of 48 bytes");
    check_refused("t_other_name", "calls itself \"somebody_else\"");
    check_refused("t_two_hooks", "two hooks at connect");
    check_refused("t_unknown_need", "unknown bits in .needs: 40000000");
    check_refused("t_bad_option", "\"number\" lies outside of the struct of 16 bytes");
    check_refused("t_no_symbol", "no symbol t_no_symbol_LTX_gatepost_plugin");
    check_refused("t_undefined", "undefined symbol: gp_from_the_future");
}

static void test_names(void **state)
{
    static const char *const none[] = {"t_nothing", "",     "../t_good", "t_good.so",
                                       "T_GOOD",    "/etc", "t-good"};
    const char *error;

    (void)state;
    for (size_t i = 0; i < COUNT(none); i++) {
        error = "x";
        assert_null(gp__plugins_find(plugins, gp_slice_of(none[i]), &error));
        assert_null(error);
        assert_null(gp__plugins_file(plugins, gp_slice_of(none[i])));
    }
}

static void count_name(void *arg, struct gp_slice name)
{
    size_t *n = arg;

    for (size_t i = 0; i < COUNT(names); i++)
        *n += gp_slice_eq(name, gp_slice_of(names[i]));
}

static void test_each(void **state)
{
    size_t n = 0;

    (void)state;
    gp__plugins_each(plugins, count_name, &n);
    assert_int_equal(n, COUNT(names));
}

/* ---- permissions ---- */

static void check_file_refused(mode_t file_mode, mode_t dir_mode, const char *part)
{
    struct gp_slice path = gp_slice_of(dir);
    const char *error = NULL;
    struct gp__plugins *fresh = gp__plugins_create(&error);
    char file[512];

    path_of(file, "t_good");
    gp__plugins_add_path(fresh, &path, 1);
    assert_int_equal(chmod(file, file_mode), 0);
    assert_int_equal(chmod(dir, dir_mode), 0);
    assert_null(gp__plugins_find(fresh, GP_S("t_good"), &error));
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(chmod(dir, 0700), 0);
    if (!error || !strstr(error, part))
        fail_msg("\"%s\" does not say \"%s\"", error ? error : "", part);
    gp__plugins_free(&fresh);
}

static void test_permissions(void **state)
{
    (void)state;
    check_file_refused(0646, 0700, "/t_good.so: is writable for everybody");
    check_file_refused(0664, 0700, "/t_good.so: is writable for its group");
    check_file_refused(0644, 0777, ": is writable for everybody");
    check_file_refused(0644, 0770, ": is writable for its group");
}

static void test_not_a_file(void **state)
{
    const char *error = NULL;
    char path[512];

    (void)state;
    path_of(path, "t_directory");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_null(gp__plugins_find(plugins, GP_S("t_directory"), &error));
    assert_non_null(strstr(error, "is not a regular file"));
    assert_int_equal(rmdir(path), 0);
    path_of(path, "t_fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(gp__plugins_find(plugins, GP_S("t_fifo"), &error));
    assert_non_null(strstr(error, "is not a regular file"));
    assert_int_equal(unlink(path), 0);
    path_of(path, "t_loop");
    assert_int_equal(symlink(path, path), 0);
    assert_null(gp__plugins_find(plugins, GP_S("t_loop"), &error));
    assert_non_null(strstr(error, "/t_loop.so: "));
    assert_int_equal(unlink(path), 0);
}

/* ---- at a hook ---- */

struct hooked {
    struct kit kit;
    struct gp__arena *arena;
    struct gp__chain chain;
    struct gp__instance *instance;
    struct gp__run run;
    struct gp__instance_settings settings;
    char error[512];
    uint64_t took_ms;
};

static void open_main(void *arg)
{
    struct hooked *hooked = arg;

    hooked->instance = gp__instance_open(&hooked->settings, hooked->kit.rt, hooked->error,
                                         sizeof hooked->error);
}

static void hooked_begin(struct hooked *hooked, const char *plugin, const void *options)
{
    memset(hooked, 0, sizeof *hooked);
    kit_begin(&hooked->kit);
    hooked->settings = (struct gp__instance_settings){
        .id = GP_S("tested"), .index = 1, .plugin = load(plugin), .options = options};
    assert_true(hooked->kit.rt->ops->run(hooked->kit.rt, open_main, kit_done, &hooked->kit, 0) >=
                0);
    gp__sim_run(hooked->kit.rt, 120000);
    if (!hooked->instance)
        return;
    hooked->arena = gp__arena_create();
    gp__chain_build(&hooked->chain, hooked->arena, GP_S("tested"), &hooked->instance, 1);
    hooked->kit.settings.chain = &hooked->chain;
    hooked->kit.settings.refuse_at = GP__REFUSE_AT_NOW;
}

static void hooked_end(struct hooked *hooked)
{
    if (hooked->arena)
        gp__arena_free(&hooked->arena);
    gp__instance_close(&hooked->instance);
    kit_end(&hooked->kit);
}

static void run_mail(void *arg)
{
    struct hooked *hooked = arg;
    struct gp__runtime *rt = hooked->kit.rt;
    uint64_t before = rt->ops->now_ms(rt);

    hooked->run = (struct gp__run){
        .point = GP_HOOK_MAIL,
        .session = hooked->kit.session,
        .transaction = hooked->kit.transaction,
        .policy = hooked->kit.policy,
    };
    gp__run_chain(&hooked->run);
    hooked->took_ms = rt->ops->now_ms(rt) - before;
}

static void hooked_run(struct hooked *hooked)
{
    struct gp__runtime *rt = hooked->kit.rt;

    hooked->kit.session->policy->reply_by_ms = rt->ops->now_ms(rt) + 60000;
    assert_true(rt->ops->run(rt, run_mail, kit_done, &hooked->kit, 0) >= 0);
    gp__sim_run(rt, 10ull * 24 * 3600 * 1000);
}

static void test_waits(void **state)
{
    uint64_t wait_ms = 1500;
    struct hooked hooked;

    (void)state;
    hooked_begin(&hooked, "t_good", &wait_ms);
    hooked_run(&hooked);
    assert_non_null(hooked.run.stop);
    assert_int_equal(hooked.run.stop->verdict, GP_REJECT);
    assert_slice(hooked.run.stop->reply.text, GP_S("Waited 1500 ms"));
    assert_int_equal(hooked.took_ms, 1500);
    hooked_end(&hooked);
}

static void test_misbehaves(void **state)
{
    static const struct {
        int how;
        const char *says;
        uint64_t took_ms;
    } cases[] = {
        {0, "deadline missed", 2000},
        {1, "verdict invalid (4711) is not legal at mail", 0},
        {2, "gp_rcpt_add() is not allowed at mail", 0},
        {3, "gp_connect() needs GP_NEEDS_NETWORK", 0},
        {4, "the text of reject is not fit", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hooked hooked;

        hooked_begin(&hooked, "t_behaves", &cases[i].how);
        hooked_run(&hooked);
        if (!hooked.run.stop || hooked.run.stop->verdict != GP_DEFER ||
            hooked.run.stop->reply.code != 451 || hooked.took_ms != cases[i].took_ms ||
            !kit_logged(&hooked.kit, cases[i].says))
            fail_msg("case %zu: " GP_FMT, i, GP_ARG(gp__buf_slice(&hooked.kit.logged)));
        assert_int_equal(hooked.instance->stats[GP_HOOK_MAIL]->faults, 1);
        hooked_end(&hooked);
    }
}

static void test_forgets_waits(void **state)
{
    struct hooked hooked;
    int how = 5;

    (void)state;
    hooked_begin(&hooked, "t_behaves", &how);
    hooked_run(&hooked);
    assert_null(hooked.run.stop);
    assert_int_equal(hooked.took_ms, 0);
    hooked_end(&hooked);
}

static void test_create_fails(void **state)
{
    struct hooked hooked;

    (void)state;
    hooked_begin(&hooked, "t_create_fails", NULL);
    assert_null(hooked.instance);
    assert_string_equal(hooked.error, "the moon is in the wrong phase");
    assert_true(kit_logged(&hooked.kit, "the moon is in the wrong phase"));
    hooked_end(&hooked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_each),
        cmocka_unit_test(test_permissions),   cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_waits),         cmocka_unit_test(test_misbehaves),
        cmocka_unit_test(test_forgets_waits), cmocka_unit_test(test_create_fails),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

// SPDX-License-Identifier: Apache-2.0
// links: libgatepost.so
/*
 * The plugin state_lmdb, loaded as it is installed: what every store does; several processes at
 * once, killed ones among them; a full, a damaged and a reopened one.
 */
#include "core/base/alloc.h"
#include "core/plugin/loader.h"

#include "tests/unit/state/conform.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/gatepost-lmdb-XXXXXX";
static char path[64];
static struct gp__plugins *plugins;
static const struct gp_plugin *plugin;

/* ---- the plugin and its options ---- */

static bool copy_plugin(void)
{
    const char *build = getenv("GATEPOST_BUILD");
    char command[1024];

    snprintf(command, sizeof command,
             "cp '%s/plugins/state_lmdb.so' '%s/' 2>/dev/null && chmod 644 '%s/state_lmdb.so'",
             build ? build : ".", dir, dir);
    return system(command) == 0;
}

static const struct gp_option *row(const char *name)
{
    const struct gp_option *option = plugin->options;

    while (strcmp(option->name, name) != 0)
        option++;
    return option;
}

/* An instance's struct, filled as the configuration would. */
static void *options(uint64_t size)
{
    char *self = gp__alloc(plugin->instance_size);

    *(struct gp_slice *)(void *)(self + row("path")->offset) = gp_slice_of(path);
    *(uint64_t *)(void *)(self + row("size")->offset) = size;
    *(uint64_t *)(void *)(self + row("sync")->offset) = 100;
    return self;
}

static void open_store(struct store *store, uint64_t size)
{
    void *self = options(size);

    store_open(store, plugin, self);
    gp__free(self);
}

static int set_up(void **state)
{
    struct gp_slice where = gp_slice_of(dir);
    const char *error = NULL;

    (void)state;
    snprintf(path, sizeof path, "%s/state", dir);
    plugins = gp__plugins_create(&error);
    gp__plugins_add_path(plugins, &where, 1);
    plugin = gp__plugins_find(plugins, GP_S("state_lmdb"), &error);
    if (!plugin)
        fail_msg("%s", error);
    return 0;
}

static int clean(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    return system(command);
}

static int tear_down(void **state)
{
    gp__plugins_free(&plugins);
    (void)clean(state);
    return 0;
}

/* ---- one process ---- */

static void test_conforms(void **state)
{
    void *self = options(64 << 20);

    (void)state;
    conform(plugin, self);
    gp__free(self);
}

static void remembers(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_state_put(call, GP_S("k"), GP_S("v"), 3600000), 0);
    assert_int_equal(gp_state_add(call, GP_S("n"), 7, 0, NULL), 0);
}

static void recalls(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_value(call, GP_S("k"), GP_S("v"));
    assert_value(call, GP_S("n"), GP_S("7"));
}

/* Two instances of one process share an environment; it outlives both. */
static void test_shared_and_reopened(void **state)
{
    struct store one, two;

    (void)state;
    open_store(&one, 1 << 20);
    open_store(&two, 1 << 20);
    kit_run(&one.kit, GP_HOOK_MAIL, remembers);
    kit_run(&two.kit, GP_HOOK_MAIL, recalls);
    store_close(&one);
    kit_run(&two.kit, GP_HOOK_MAIL, recalls);
    store_close(&two);
    open_store(&one, 1 << 20);
    kit_run(&one.kit, GP_HOOK_MAIL, recalls);
    store_close(&one);
}

static void fills_up(struct kit *kit, struct gp_call *call)
{
    static char bytes[4000];
    char key[20];
    int n = 0, error = 0;

    (void)kit;
    memset(bytes, 'x', sizeof bytes);
    for (; n < 10000 && !error; n++) {
        snprintf(key, sizeof key, "%05d", n);
        error = gp_state_put(call, gp_slice_of(key), gp_slice(bytes, sizeof bytes), 60000);
    }
    assert_int_equal(error, GP_ENOSPC);
    assert_in_range(n, 100, 1000);
    assert_int_equal(gp_state_add(call, GP_S("n"), 1, 0, NULL), GP_ENOSPC);
    /* What is there goes on. */
    assert_int_equal(gp_state_put(call, GP_S("00000"), gp_slice(bytes, sizeof bytes), 60000), 0);
    assert_int_equal(gp_state_delete(call, GP_S("00001")), 0);
    assert_int_equal(gp_state_get(call, GP_S("00002"), NULL), 0);
    gp_sleep(call, 60000);
    /* Each change takes some of those that are over with it. */
    for (int i = 0; i < 100; i++)
        (void)gp_state_delete(call, GP_S("none"));
    assert_int_equal(gp_state_put(call, GP_S("new"), GP_S("v"), 0), 0);
    assert_clean(call);
}

static void test_full(void **state)
{
    struct store store;
    struct stat st;
    char file[100];

    (void)state;
    open_store(&store, 1 << 20);
    store.kit.deadline_ms = UINT64_MAX;
    kit_run(&store.kit, GP_HOOK_MAIL, fills_up);
    store_close(&store);
    snprintf(file, sizeof file, "%s/data.mdb", path);
    assert_int_equal(stat(file, &st), 0);
    assert_true(st.st_size < 3 << 20);
}

/* ---- several processes ---- */

#define ADDS 300

static void adds(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    for (int i = 0; i < ADDS; i++)
        assert_int_equal(gp_state_add(call, GP_S("sum"), 1, 0, NULL), 0);
}

static void adds_and_dies(struct kit *kit, struct gp_call *call)
{
    adds(kit, call);
    assert_int_equal(gp_state_put(call, GP_S("last words"), GP_S("v"), 0), 0);
    for (int i = 0; i < 64; i++) /* in the middle of a transaction, with luck */
        (void)gp_state_put_if_new_start(call, gp_format(call, "%d", i), GP_S("v"), 0);
    kill(getpid(), SIGKILL);
}

static pid_t spawn(void (*body)(struct kit *kit, struct gp_call *call))
{
    pid_t pid = fork();
    struct store store;

    if (pid != 0)
        return pid;
    open_store(&store, 64 << 20);
    store.kit.deadline_ms = UINT64_MAX;
    kit_run(&store.kit, GP_HOOK_MAIL, body);
    store_close(&store);
    _exit(0);
}

static void sums(struct kit *kit, struct gp_call *call)
{
    int64_t sum;

    (void)kit;
    assert_int_equal(gp_state_add(call, GP_S("sum"), 0, 0, &sum), 0);
    assert_int_equal(sum, 4 * ADDS);
    assert_value(call, GP_S("last words"), GP_S("v"));
}

static void test_processes(void **state)
{
    pid_t pids[] = {spawn(adds), spawn(adds_and_dies), spawn(adds), spawn(adds_and_dies)};
    struct store store;

    (void)state;
    for (int i = 0; i < 4; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        if (i % 2)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        else
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    open_store(&store, 16 << 20);
    kit_run(&store.kit, GP_HOOK_MAIL, sums);
    store_close(&store);
}

/* ---- growing ---- */

#define LARGE 6000 /* entries of 4,000 bytes: three times the mapping to begin with */

static void grows(struct kit *kit, struct gp_call *call)
{
    static char bytes[4000];
    char key[20];

    (void)kit;
    memset(bytes, 'x', sizeof bytes);
    for (int n = 0; n < LARGE; n++) {
        snprintf(key, sizeof key, "%d", n);
        assert_int_equal(gp_state_put(call, gp_slice_of(key), gp_slice(bytes, sizeof bytes), 0), 0);
    }
}

static void sees_them(struct kit *kit, struct gp_call *call)
{
    struct gp_slice value;

    (void)kit;
    for (int n = 0; n < LARGE; n += 10) { /* a call has memory for so much */
        assert_int_equal(gp_state_get(call, gp_format(call, "%d", n), &value), 0);
        assert_int_equal(value.len, 4000);
    }
    assert_int_equal(gp_state_add(call, GP_S("n"), 1, 0, NULL), 0);
}

/* Another process, which had it open before, sees what one beyond its mapping wrote. */
static void test_grows(void **state)
{
    struct store store;
    int status;
    pid_t pid;

    (void)state;
    pid = spawn(remembers);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    pid = spawn(grows);
    open_store(&store, 64 << 20);
    store.kit.deadline_ms = UINT64_MAX;
    kit_run(&store.kit, GP_HOOK_MAIL, recalls);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    kit_run(&store.kit, GP_HOOK_MAIL, sees_them);
    kit_run(&store.kit, GP_HOOK_MAIL, grows);
    store_close(&store);
}

/* ---- what cannot be opened ---- */

static void refuses(const char *part)
{
    void *self = options(1 << 20);
    struct store store;

    store_try(&store, plugin, self);
    gp__free(self);
    assert_null(store.handle.instance);
    if (!kit_logged(&store.kit, part))
        fail_msg("\"%s\" is not in: " GP_FMT, part, GP_ARG(gp__buf_slice(&store.kit.logged)));
    kit_end(&store.kit);
}

static void test_damaged(void **state)
{
    struct store store;
    char file[100];
    FILE *out;

    (void)state;
    open_store(&store, 1 << 20);
    kit_run(&store.kit, GP_HOOK_MAIL, remembers);
    store_close(&store);
    snprintf(file, sizeof file, "%s/data.mdb", path);
    assert_int_equal(truncate(file, 12288), 0);
    refuses("damaged");
    out = fopen(file, "w");
    assert_non_null(out);
    for (int i = 0; i < 5000; i++)
        fputs("not LMDB", out);
    assert_int_equal(fclose(out), 0);
    refuses("damaged");
    refuses("remove data.mdb and lock.mdb there");
    assert_int_equal(clean(NULL), 0);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
    refuses("cannot be opened: Not a directory");
    assert_int_equal(clean(NULL), 0);
    snprintf(path, sizeof path, "%s/no/where", dir);
    refuses("cannot be made: No such file or directory");
    snprintf(path, sizeof path, "%s/state", dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_conforms, clean),
        cmocka_unit_test_teardown(test_shared_and_reopened, clean),
        cmocka_unit_test_teardown(test_full, clean),
        cmocka_unit_test_teardown(test_grows, clean),
        cmocka_unit_test_teardown(test_processes, clean),
        cmocka_unit_test_teardown(test_damaged, clean),
    };
    char command[100];
    int failed;

    if (!mkdtemp(dir))
        return 1;
    failed = copy_plugin() ? cmocka_run_group_tests(tests, set_up, tear_down) : 77; /* static */
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) == 0 ? failed : 1;
}

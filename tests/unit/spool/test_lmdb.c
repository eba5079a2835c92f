// SPDX-License-Identifier: Apache-2.0
// links: libgatepost.so
/*
 * The plugin spool_lmdb, loaded as it is installed, behind the calls of the spool: several processes at
 * once, killed ones among them; one that is full, one that grows, a damaged and a reopened one.
 */
#include "support.h"

#include "core/base/log.h"
#include "core/base/map.h"
#include "core/process/engine.h"
#include "core/runtime/live.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[64], copy[96], store[96];
static struct gp__plugins *plugins;
static struct gp__engine_settings engine_settings;

/* ---- the plugin and its options ---- */

static const struct gp_option *row(const char *name)
{
    const struct gp_option *option = engine_settings.service.plugin->options;

    while (strcmp(option->name, name) != 0)
        option++;
    return option;
}

static int load(void **state)
{
    const char *build = getenv("GATEPOST_BUILD"), *error = NULL;
    struct gp_slice where;
    char command[1024];

    (void)state;
    dir_make(dir);
    snprintf(copy, sizeof copy, "%s/plugins", dir);
    snprintf(command, sizeof command,
             "mkdir '%s' && cp '%s/plugins/spool_lmdb.so' '%s/' && chmod 644 '%s/spool_lmdb.so'",
             copy, build ? build : ".", copy, copy);
    if (system(command) != 0)
        return -1;
    where = gp_slice_of(copy);
    plugins = gp__plugins_create(&error);
    gp__plugins_add_path(plugins, &where, 1);
    engine_settings.service.name = GP_S("store");
    engine_settings.service.plugin = gp__plugins_find(plugins, GP_S("spool_lmdb"), &error);
    if (!engine_settings.service.plugin)
        fail_msg("%s", error);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    gp__free((void *)(uintptr_t)engine_settings.service.options);
    gp__plugins_free(&plugins);
    dir_remove(dir);
    gp__arena_pool_free();
    return 0;
}

/* A store of its own for each test. */
static void use(const char *name, uint64_t size)
{
    char *self = gp__alloc(engine_settings.service.plugin->instance_size);

    snprintf(store, sizeof store, "%s/%s", dir, name);
    *(struct gp_slice *)(void *)(self + row("path")->offset) = gp_slice_of(store);
    *(uint64_t *)(void *)(self + row("size")->offset) = size;
    gp__free((void *)(uintptr_t)engine_settings.service.options);
    engine_settings.service.options = self;
}

/* ---- a process that has it open ---- */

struct world {
    struct gp__runtime *rt;
    struct gp__log log;
    struct gp__engine engine;
    struct gp__spool_settings settings;
    struct gp__spool_writer *writer;
    struct gp__spool *spool;
    struct gp__buf error;
    char folder[128];
    struct gp__map found;
    struct gp__place last;
    struct gp__buf said;
    int result;
    bool answered;
};

static int64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void log_line(void *arg, enum gp_log_level level, struct gp_slice line)
{
    (void)arg;
    (void)level;
    (void)line;
}

static int try_world(struct world *world)
{
    struct gp__spool_section section = {.engine = &engine_settings};
    int done;

    memset(world, 0, sizeof *world);
    world->log = (struct gp__log){.level = GP_LOG_DEBUG, .now = no_time, .write = log_line};
    world->rt = gp__live_create(NULL, &world->log);
    snprintf(world->folder, sizeof world->folder, "%s-spool", store);
    section.path = gp_slice_of(world->folder);
    done = gp__engine_open(&world->engine, &section, world->rt, &world->error);
    world->settings = gp__engine_spool(&world->engine, &section);
    world->settings.log = &world->log;
    return done;
}

static void open_world(struct world *world, enum gp__spool_mode mode)
{
    if (try_world(world) < 0)
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&world->error)));
    world->writer = gp__spool_writer_open(world->rt, &world->settings, GP_S("w"), &world->error);
    world->spool = gp__spool_open(world->rt, &world->settings, mode, &world->error);
    assert_non_null(world->writer);
    assert_non_null(world->spool);
}

static void close_world(struct world *world)
{
    gp__spool_writer_close(&world->writer);
    gp__spool_close(&world->spool);
    gp__engine_close(&world->engine);
    gp__live_free(&world->rt);
    gp__buf_free(&world->error);
    gp__buf_free(&world->said);
    gp__buf_free(&world->log.line);
    for (size_t i = 0; i < world->found.count; i++)
        gp__free(world->found.entries[i].value);
    gp__map_free(&world->found);
}

static void on_done(void *arg, int error, const struct gp__place *places)
{
    struct world *world = arg;

    world->result = error;
    world->answered = true;
    if (!error)
        world->last = places[0];
}

static int commit(struct world *world, const char *id, struct gp_slice base)
{
    struct gp__entry entry = small_entry(gp_slice_of(id), base);
    const struct gp__entry *one = &entry;

    world->answered = false;
    gp__spool_commit_start(world->writer, &one, 1, on_done, world);
    while (!world->answered)
        gp__live_turn(world->rt);
    return world->result;
}

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    struct world *world = arg;
    char *id = gp__alloc(entry->id.len + 1);

    (void)place;
    memcpy(id, entry->id.data, entry->id.len);
    assert_false(gp__map_find(&world->found, gp_slice_of(id)));
    gp__map_set(&world->found, gp_slice_of(id), id);
}

/* ---- several processes ---- */

#define WRITERS 3
#define ACKS 60

/* Says on the pipe what it was promised, until it is killed. */
static void write_on(int fd, int number)
{
    struct world world;
    char id[32];

    open_world(&world, GP__SPOOL_READ);
    for (int i = 0;; i++) {
        memset(id, 0, sizeof id);
        snprintf(id, sizeof id, "m-%d-%d", number, i);
        if (commit(&world, id, GP_S("Subject: x\r\n\r\nbody\r\n")) != 0 ||
            write(fd, id, sizeof id) != (ssize_t)sizeof id)
            _exit(1);
    }
}

static void test_killed(void **state)
{
    char promised[ACKS + 100][32];
    struct world world;
    pid_t pids[WRITERS];
    int ends[2], status;
    size_t n = 0;

    (void)state;
    use("killed", 64 << 20);
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            close(ends[0]);
            write_on(ends[1], i);
        }
    }
    close(ends[1]);
    while (n < ACKS)
        assert_int_equal(read(ends[0], promised[n++], 32), 32);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFSIGNALED(status));
    }
    while (n < COUNT(promised) && read(ends[0], promised[n], 32) == 32)
        n++;
    close(ends[0]);
    open_world(&world, GP__SPOOL_OWN);
    assert_int_equal(gp__spool_tail(world.spool, 0, on_found, &world), 0);
    for (size_t i = 0; i < n; i++)
        if (!gp__map_find(&world.found, gp_slice_of(promised[i])))
            fail_msg("%s was promised and is lost", promised[i]);
    assert_int_equal(commit(&world, "after", GP_S("x")), 0); /* nobody holds it up */
    assert_int_equal(gp__spool_tail(world.spool, 0, on_found, &world), 0);
    assert_true(gp__map_find(&world.found, GP_S("after")));
    close_world(&world);
}

/* ---- room ---- */

static void remove_all(struct world *world)
{
    for (uint64_t segment = 1; segment <= world->last.segment; segment++)
        while (gp__spool_remove(world->spool, segment) == GP_ETEMP)
            gp__live_turn(world->rt);
}

static void on_written(void *arg, int error)
{
    struct world *world = arg;

    world->result = error;
    world->answered = true;
}

static void on_record(void *arg, struct gp_slice bytes)
{
    gp__buf_printf(&((struct world *)arg)->said, GP_FMT " ", GP_ARG(bytes));
}

static struct gp__spool_journal *open_journal(struct world *world)
{
    struct gp__spool_journal *journal = gp__spool_journal_open(world->rt, &world->settings,
                                                               on_record, world, &world->error);

    assert_non_null(journal);
    return journal;
}

static int append(struct world *world, struct gp__spool_journal *journal, struct gp_slice bytes)
{
    world->answered = false;
    gp__spool_journal_append(journal, bytes, on_written, world);
    while (!world->answered)
        gp__live_turn(world->rt);
    return world->result;
}

/* What is full takes nothing new, but what is there can be worked off. */
static void test_full(void **state)
{
    static char bytes[100000];
    struct world world;
    struct gp__spool_journal *journal;
    char id[32];
    int n = 0;

    (void)state;
    use("full", 2 << 20);
    open_world(&world, GP__SPOOL_OWN);
    memset(bytes, 'x', sizeof bytes);
    do
        snprintf(id, sizeof id, "m%d", n++);
    while (commit(&world, id, gp_slice(bytes, sizeof bytes)) == 0 && n < 100);
    assert_int_equal(world.result, GP_ENOSPC);
    assert_in_range(n, 10, 30);
    journal = open_journal(&world);
    assert_int_equal(append(&world, journal, GP_S("done")), 0);
    gp__spool_journal_close(&journal);
    assert_int_equal(gp__spool_tail(world.spool, 0, on_found, &world), 0);
    assert_int_equal(world.found.count, (size_t)n - 1);
    remove_all(&world);
    for (int i = 0; i < 10; i++)
        assert_int_equal(commit(&world, "again", gp_slice(bytes, sizeof bytes)), 0);
    close_world(&world);
}

/* Beyond the first mapping, which the others find out when they look. */
static void test_grows(void **state)
{
    const size_t size = (size_t)40 << 20;
    struct world world;
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    char *bytes = gp__alloc(size);
    int status;
    pid_t pid;

    (void)state;
    use("grows", (uint64_t)1 << 30);
    pid = fork(); /* before there is a thread */
    if (pid == 0) {
        memset(bytes, 'y', size);
        open_world(&world, GP__SPOOL_READ);
        _exit(commit(&world, "one", gp_slice(bytes, size)) ||
              commit(&world, "two", gp_slice(bytes, size)));
    }
    open_world(&world, GP__SPOOL_OWN);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(gp__spool_tail(world.spool, 0, on_found, &world), 0);
    assert_int_equal(world.found.count, 2);
    assert_int_equal(gp__spool_read(world.spool, gp__plugin_place(2), arena, &entry), 0);
    assert_int_equal(entry.base.len, size);
    assert_int_equal(commit(&world, "three", GP_S("small")), 0);
    gp__arena_free(&arena);
    gp__free(bytes);
    close_world(&world);
}

/* ---- again ---- */

static void test_reopened(void **state)
{
    struct world world;
    struct gp__spool_journal *journal;
    struct gp__place place;

    (void)state;
    use("reopened", 64 << 20);
    open_world(&world, GP__SPOOL_OWN);
    journal = open_journal(&world);
    assert_int_equal(append(&world, journal, GP_S("a")), 0);
    assert_int_equal(append(&world, journal, GP_S("b")), 0);
    assert_int_equal(gp__spool_journal_compact_begin(journal), 0);
    gp__spool_journal_compact_put(journal, GP_S("ab"));
    assert_int_equal(append(&world, journal, GP_S("c")), 0);
    world.answered = false;
    gp__spool_journal_compact_end(journal, on_written, &world);
    while (!world.answered)
        gp__live_turn(world.rt);
    assert_int_equal(world.result, 0);
    gp__spool_journal_append(journal, GP_S("d"), NULL, NULL);
    gp__spool_journal_close(&journal); /* that, too, is there afterwards */
    assert_int_equal(commit(&world, "one", GP_S("x")), 0);
    place = world.last;
    assert_int_equal(gp__spool_tail(world.spool, 0, on_found, &world), 0);
    remove_all(&world);
    close_world(&world);

    open_world(&world, GP__SPOOL_OWN);
    journal = open_journal(&world);
    gp__buf_append(&world.said, gp_slice("", 1));
    assert_string_equal(gp__buf_slice(&world.said).data, "ab c d ");
    gp__spool_journal_close(&journal);
    assert_int_equal(gp__spool_tail(world.spool, 0, on_found, &world), 0);
    assert_int_equal(world.found.count, 0);
    assert_int_equal(commit(&world, "two", GP_S("x")), 0);
    assert_true(world.last.offset == place.offset + 1); /* no number comes twice */
    close_world(&world);
}

/* There is mail in it: it is left as it is. */
static void test_damaged(void **state)
{
    struct world world;
    char file[200];
    struct stat st;

    (void)state;
    use("damaged", 64 << 20);
    open_world(&world, GP__SPOOL_OWN);
    assert_int_equal(commit(&world, "one", GP_S("x")), 0);
    close_world(&world);
    snprintf(file, sizeof file, "%s/data.mdb", store);
    assert_int_equal(truncate(file, 3 * 4096), 0);
    assert_int_equal(try_world(&world), -1);
    gp__buf_append(&world.error, gp_slice("", 1));
    assert_non_null(strstr(gp__buf_slice(&world.error).data, "damaged"));
    close_world(&world);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, 3 * 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),  cmocka_unit_test(test_grows),
        cmocka_unit_test(test_full),    cmocka_unit_test(test_reopened),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, load, unload);
}

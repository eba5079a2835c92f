// SPDX-License-Identifier: Apache-2.0
/* Log sinks, and the line a crash leaves. */
#include "test_support.h"

#include "core/hook/running.h"
#include "core/runtime/crash.h"
#include "core/runtime/fiber.h"
#include "core/runtime/sink.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <syslog.h>

/* ---- the C library's syslog, as it is seen from here; fortified builds call another name ---- */

static struct {
    char ident[32], text[200];
    int facility, priority, lines;
    bool open;
} told;

static void tell(int priority, const char *format, va_list args)
{
    told.priority = priority;
    told.lines++;
    (void)vsnprintf(told.text, sizeof told.text, format, args);
}

void openlog(const char *ident, int option, int facility)
{
    (void)option;
    (void)snprintf(told.ident, sizeof told.ident, "%s", ident);
    told.facility = facility;
    told.open = true;
}

void closelog(void)
{
    told.open = false;
}

void(syslog)(int priority, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(priority, format, args);
    va_end(args);
}

void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list args;

    (void)flag;
    va_start(args, format);
    tell(priority, format, args);
    va_end(args);
}

/* ---- the tests ---- */

static int64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static size_t count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t n = 0;

    assert_non_null(file);
    for (int c; (c = fgetc(file)) != EOF;)
        n += c == '\n';
    fclose(file);
    return n;
}

static void test_syslog(void **state)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    struct gp__log log = {.level = GP_LOG_DEBUG, .now = no_time};
    struct gp__sink *sink = gp__sink_syslog("gatepost");

    (void)state;
    gp__sink_attach(sink, &log);
    assert_true(told.open);
    assert_string_equal(told.ident, "gatepost");
    assert_int_equal(told.facility, LOG_MAIL);
    for (int level = GP_LOG_ERROR; level <= GP_LOG_DEBUG; level++) {
        gp__log(&log, (enum gp_log_level)level, "odd", GP__F_C("text", "100%s of\nit"));
        assert_int_equal(told.priority, priorities[level]);
        assert_non_null(strstr(told.text, "odd text=\"100%s of\\nit\""));
        assert_null(strchr(told.text, '\n')); /* a line ends by itself there */
    }
    assert_int_equal(told.lines, 5);
    assert_int_equal(gp__sink_reopen(sink), 0); /* SIGUSR1: nothing to open anew */
    gp__sink_free(&sink);
    assert_false(told.open);
    gp__buf_free(&log.line);
}

static void test_file(void **state)
{
    struct gp__log log = {.level = GP_LOG_INFO, .now = no_time};
    struct gp__runtime *rt = gp__live_create(NULL, NULL);
    char dir[64], path[96], old[96];
    struct gp__sink *sink;

    (void)state;
    test_dir_make(dir);
    (void)snprintf(path, sizeof path, "%s/log", dir);
    (void)snprintf(old, sizeof old, "%s/log.1", dir);
    sink = gp__sink_file(path);
    assert_non_null(sink);
    gp__sink_attach(sink, &log);
    gp__log(&log, GP_LOG_INFO, "one", GP__F_I("n", 1));
    assert_int_equal(count_lines(path), 1); /* no loop yet: at once */
    gp__sink_buffer(sink, rt);
    gp__log(&log, GP_LOG_INFO, "two", GP__F_I("n", 2));
    gp__log(&log, GP_LOG_INFO, "three", GP__F_I("n", 3));
    assert_int_equal(count_lines(path), 1);
    gp__live_wakeup(rt);
    gp__live_turn(rt);
    assert_int_equal(count_lines(path), 3);
    gp__log(&log, GP_LOG_INFO, "four", GP__F_I("n", 4));
    gp__log(&log, GP_LOG_ERROR, "five", GP__F_I("n", 5));
    assert_int_equal(count_lines(path), 5); /* errors take the others along */
    gp__log(&log, GP_LOG_INFO, "six", GP__F_I("n", 6));
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(gp__sink_reopen(sink), 0);
    gp__log(&log, GP_LOG_INFO, "seven", GP__F_I("n", 7));
    gp__live_free(&rt);
    gp__sink_free(&sink);
    assert_int_equal(count_lines(old), 6);
    assert_int_equal(count_lines(path), 1);
    gp__buf_free(&log.line);
    test_dir_remove(dir);
    assert_null(gp__sink_file("/nonexistent/log"));
}

static void test_dropped(void **state)
{
    struct gp__log log = {.level = GP_LOG_INFO, .now = no_time};
    int full = open("/dev/full", O_WRONLY);
    struct gp__sink *sink = gp__sink_fd(full);

    (void)state;
    gp__sink_attach(sink, &log);
    gp__log(&log, GP_LOG_INFO, "lost", GP__F_I("n", 1));
    gp__log(&log, GP_LOG_INFO, "lost", GP__F_I("n", 2));
    assert_int_equal(gp__sink_dropped(sink), 2);
    assert_int_equal(gp__sink_reopen(sink), 0);
    gp__sink_free(&sink);
    gp__buf_free(&log.line);
    close(full);
}

/* ---- crash ---- */

static void null_pointer(void)
{
    raise(SIGSEGV);
}

static void abort_now(void)
{
    gp__running = (struct gp__running){.instance = "spf", .hook = "mail", .session = "0B1"};
    abort();
}

/* Uses up the stack it runs on. */
static int descend(volatile char *above)
{
    volatile char here[512];

    here[0] = *above;
    return here[0] ? 1 : descend(here) + here[0];
}

static void overrun(void *arg)
{
    volatile char byte = 0;

    gp__running = (struct gp__running){.instance = arg, .hook = "rcpt"};
    if (descend(&byte) > 0)
        abort();
}

static void overrun_fiber(void)
{
    struct gp__fiber_pool *pool = gp__fiber_pool_create(NULL);
    struct gp__fiber *fiber;

    if (pool && gp__crash_install(pool) == 0)
        (void)gp__fiber_start(pool, overrun, "deep", 0, &fiber);
}

/* Runs it in a child: its signal, and what it said. */
static int crash(void (*fn)(void), char *out, size_t size)
{
    struct rlimit no_core = {0, 0};
    int fds[2], status;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)dup2(fds[1], 2);
        if (gp__crash_install(NULL) == 0)
            fn();
        _exit(0);
    }
    close(fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    n = read(fds[0], out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_crash(void **state)
{
    char out[4096];

    (void)state;
    assert_int_equal(crash(null_pointer, out, sizeof out), SIGSEGV);
    assert_non_null(strstr(out, "gatepost: signal 11 outside of any hook\n"));
    assert_int_equal(crash(abort_now, out, sizeof out), SIGABRT);
    assert_non_null(strstr(out, "gatepost: signal 6 in instance spf hook mail session 0B1\n"));
    assert_int_equal(crash(overrun_fiber, out, sizeof out), SIGSEGV);
    assert_non_null(strstr(
        out, "gatepost: signal 11 (a fiber overran its stack) in instance deep hook rcpt\n"));
    assert_int_equal(gp__crash_install(NULL), 0);
    gp__crash_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

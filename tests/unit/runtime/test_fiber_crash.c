// SPDX-License-Identifier: Apache-2.0
// Fibers that end badly, each in a forked child: stack overflow into the guard, misuse, no memory,
// and what the sanitizers must still see. No cmocka assertion runs on a fiber: a failing one would
// longjmp off its stack.
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/runtime/fiber.h"
#include "core/runtime/fiber_sanitizer.h"

#define NOINLINE __attribute__((noinline))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIB ((size_t)1024)

static struct gp__fiber_pool *pool;

static int setup(void **state)
{
    (void)state;
    pool = gp__fiber_pool_create(NULL);
    return pool == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__fiber_pool_free(&pool);
    return pool == NULL ? 0 : -1;
}

static struct gp__fiber *start_parked(void (*fn)(void *arg), void *arg, size_t stack_bytes)
{
    struct gp__fiber *fiber = NULL;

    assert_int_equal(gp__fiber_start(pool, fn, arg, stack_bytes, &fiber), 0);
    assert_non_null(fiber);
    return fiber;
}

static void park_once(void *arg)
{
    (void)arg;
    gp__fiber_park();
}

#define TEXT_BYTES 8192

// Runs body in a forked child, its standard error in text, and returns its wait status.
static int run_child(void (*body)(void), char text[TEXT_BYTES])
{
    int ends[2];
    int status;
    size_t have = 0;
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    assert_int_equal(close(ends[1]), 0);
    while ((got = read(ends[0], text + have, TEXT_BYTES - 1 - have)) > 0)
        have += (size_t)got;
    text[have] = '\0';
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

enum {
    EXIT_OVERFLOW = 42,
    EXIT_OTHER = 43,
};

static void on_segv(int number, siginfo_t *info, void *context)
{
    struct gp__fiber *owner;
    bool ours = gp__fiber_owns_address(pool, info->si_addr, &owner);

    (void)number;
    (void)context;
    bool right = ours && owner == gp__fiber_current() && gp__fiber_local(owner) == &pool;
    _exit(right ? EXIT_OVERFLOW : EXIT_OTHER);
}

static void catch_segv(void)
{
    static char memory[64 * 1024];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
    struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    if (sigaltstack(&stack, NULL) != 0 || sigaction(SIGSEGV, &action, NULL) != 0)
        abort();
}

// Frames that cannot be turned into a loop.
static NOINLINE int recurse(int depth)
{
    volatile char frame[1024];

    frame[0] = (char)depth;
    return (depth < INT_MAX ? recurse(depth + 1) : 0) + frame[0];
}

static void overflow_fiber(void *arg)
{
    volatile int result;

    (void)arg;
    gp__fiber_local_set(gp__fiber_current(), &pool);
    gp__fiber_park();
    result = recurse(0);
    (void)result;
}

static void overflow(size_t stack_bytes)
{
    struct gp__fiber *fiber = start_parked(overflow_fiber, NULL, stack_bytes);

    (void)start_parked(park_once, NULL, 0);
    catch_segv();
    (void)gp__fiber_resume(fiber);
}

static void overflow_default(void)
{
    overflow(0);
}

static void overflow_large(void)
{
    overflow(512 * KIB);
}

static void crash_elsewhere_fiber(void *arg)
{
    volatile int *volatile nowhere = arg;

    *nowhere = 1;
}

static void crash_elsewhere(void)
{
    struct gp__fiber *fiber;

    catch_segv();
    (void)gp__fiber_start(pool, crash_elsewhere_fiber, (void *)64, 0, &fiber);
}

static void test_overflow_hits_the_guard(void **state)
{
    static const struct {
        void (*body)(void);
        int code;
    } cases[] = {{overflow_default, EXIT_OVERFLOW},
                 {overflow_large, EXIT_OVERFLOW},
                 {crash_elsewhere, EXIT_OTHER}};
    static char text[TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
#if defined(GP__FIBER_VALGRIND)
        if (RUNNING_ON_VALGRIND && cases[i].body == crash_elsewhere)
            continue; // valgrind reports the write and replaces the exit code
#endif
        int status = run_child(cases[i].body, text);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), cases[i].code);
    }
}

static void exhaust_address_space(void)
{
    const struct rlimit none = {.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
    struct gp__fiber *fiber = NULL;
    struct gp__fiber *kept = start_parked(park_once, NULL, 0);

    if (setrlimit(RLIMIT_AS, &none) != 0)
        _exit(1);
    errno = 0;
    if (gp__fiber_start(pool, park_once, NULL, 0, &fiber) != -1 || errno != ENOMEM || fiber != NULL)
        _exit(2);
    if (gp__fiber_resume(kept) != 1)
        _exit(3);
    if (gp__fiber_start(pool, park_once, NULL, 0, &fiber) != 0 || fiber != kept)
        _exit(4);
}

static void test_no_memory_for_a_stack(void **state)
{
    static char text[TEXT_BYTES];

    (void)state;
#if defined(GP__FIBER_ASAN) || defined(GP__FIBER_TSAN)
    skip(); // the sanitizers map memory themselves
#elif defined(GP__FIBER_VALGRIND)
    if (RUNNING_ON_VALGRIND)
        skip(); // so does valgrind
#endif
    assert_int_equal(run_child(exhaust_address_space, text), 0);
}

static void nest_start(void *arg)
{
    struct gp__fiber *fiber;

    (void)gp__fiber_start(pool, park_once, arg, 0, &fiber);
}

static void nest_resume(void *arg)
{
    (void)gp__fiber_resume(arg);
}

static void misuse_nested_start(void)
{
    (void)start_parked(nest_start, NULL, 0);
}

static void misuse_nested_resume(void)
{
    (void)start_parked(nest_resume, start_parked(park_once, NULL, 0), 0);
}

static void misuse_resume_ended(void)
{
    struct gp__fiber *fiber = start_parked(park_once, NULL, 0);

    (void)gp__fiber_resume(fiber);
    (void)gp__fiber_resume(fiber);
}

static void misuse_pool_free(void)
{
    (void)start_parked(park_once, NULL, 0);
    gp__fiber_pool_free(&pool);
}

static void misuse_resume_other(void)
{
    static max_align_t memory[64];

    (void)gp__fiber_resume((struct gp__fiber *)(void *)memory);
}

static void test_misuse_aborts(void **state)
{
    static const struct {
        void (*body)(void);
        const char *says;
    } cases[] = {
        {gp__fiber_park, "only a fiber can park"},
        {misuse_nested_start, "cannot start a fiber"},
        {misuse_nested_resume, "cannot resume a fiber"},
        {misuse_resume_ended, "not parked"},
        {misuse_resume_other, "not a fiber"},
        {misuse_pool_free, "living fibers"},
    };
    static char text[TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = run_child(cases[i].body, text);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        assert_non_null(strstr(text, cases[i].says));
    }
}

#if defined(GP__FIBER_ASAN)
static NOINLINE void write_past(volatile char *bytes, size_t index)
{
    bytes[index] = 1;
}

static void overflow_buffer_fiber(void *arg)
{
    volatile char buffer[16];

    (void)arg;
    gp__fiber_park();
    write_past(buffer, sizeof(buffer));
}

static void overflow_buffer(void)
{
    struct gp__fiber *fiber = start_parked(overflow_buffer_fiber, NULL, 0);

    (void)gp__fiber_resume(fiber);
}
#endif

static void test_asan_sees_a_fiber(void **state)
{
    (void)state;
#if defined(GP__FIBER_ASAN)
    static char text[TEXT_BYTES];
    int status = run_child(overflow_buffer, text);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    assert_non_null(strstr(text, "stack-buffer-overflow"));
    assert_non_null(strstr(text, "overflow_buffer_fiber"));
#else
    skip();
#endif
}

#if defined(GP__FIBER_ASAN)
static void hold_memory_fiber(void *arg)
{
    char *volatile memory = malloc(100);

    (void)arg;
    gp__fiber_park();
    free(memory);
}

static void scrub_stack(void)
{
    volatile char scrub[4096];

    for (size_t i = 0; i < sizeof(scrub); i++)
        scrub[i] = 0;
}

// Exits with what the leak checker says while only a parked stack points to the memory.
static void check_leaks(void)
{
    struct gp__fiber *fiber = start_parked(hold_memory_fiber, NULL, 0);

    scrub_stack();
    if (__lsan_do_recoverable_leak_check() != 0)
        _exit(1);
    _exit(gp__fiber_resume(fiber) == 1 ? 0 : 2);
}
#endif

static void test_lsan_sees_parked_stacks(void **state)
{
    (void)state;
#if defined(GP__FIBER_ASAN)
    static char text[TEXT_BYTES];
    assert_int_equal(run_child(check_leaks, text), 0);
#else
    skip();
#endif
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_overflow_hits_the_guard), TEST(test_no_memory_for_a_stack),
        TEST(test_misuse_aborts),           TEST(test_asan_sees_a_fiber),
        TEST(test_lsan_sees_parked_stacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

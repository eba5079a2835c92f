// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of core/base share: slices that end where their memory ends, so that the
 * sanitizers see a byte read too many; comparison that prints; and whether a call aborts.
 */
#ifndef GP_TEST_BASE_CHECK_H
#define GP_TEST_BASE_CHECK_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <gatepost/slice.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* A copy on the heap with nothing behind it; free with tight_free. */
static inline struct gp_slice tight(struct gp_slice s)
{
    char *copy = malloc(s.len ? s.len : 1);

    assert_non_null(copy);
    if (s.len)
        memcpy(copy, s.data, s.len);
    return gp_slice(s.len ? copy : copy + 1, s.len);
}

static inline void tight_free(struct gp_slice s)
{
    free((void *)(uintptr_t)(s.len ? s.data : s.data - 1));
}

static inline void check_slice(struct gp_slice got, struct gp_slice want, const char *what,
                               const char *file, int line)
{
    if (gp_slice_present(got) && gp_slice_eq(got, want))
        return;
    print_error("%s: \"" GP_FMT "\" instead of \"" GP_FMT "\"\n", what, GP_ARG(got), GP_ARG(want));
    _fail(file, line);
}

#define assert_slice(got, want) check_slice((got), (want), #got, __FILE__, __LINE__)

/* Whether a call ends the process by abort(); it runs in a child. */
static inline int aborts(void (*call)(void))
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        call();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif

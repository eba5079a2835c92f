// SPDX-License-Identifier: Apache-2.0
/* Signal handlers for faults: only what is safe in one, write(2) and plain memory. */
#include "core/runtime/crash.h"

#include "core/base/alloc.h"
#include "core/hook/running.h"
#include "core/runtime/fiber.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)32 << 10)

static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static struct gp__fiber_pool *pool;
static void *stack;
static struct gp__last_words *last_words;

struct line {
    char text[512];
    size_t len;
};

static void add(struct line *line, const char *text)
{
    while (*text && line->len < sizeof line->text - 1)
        line->text[line->len++] = *text++;
}

static void add_number(struct line *line, int number)
{
    char digits[12];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0 && at > 0);
    add(line, digits + at);
}

static void add_running(struct line *line, const struct gp__running *doing)
{
    if (!doing->instance) {
        add(line, " outside of any hook");
        return;
    }
    add(line, " in instance ");
    add(line, doing->instance);
    add(line, " hook ");
    add(line, doing->hook);
    if (doing->session) {
        add(line, " session ");
        add(line, doing->session);
    }
}

static void keep(char *place, size_t size, const char *text)
{
    size_t len = 0;

    while (text && text[len] && len < size - 1) {
        place[len] = text[len];
        len++;
    }
    place[len] = '\0';
}

static void keep_words(int signo, const struct gp__running *doing)
{
    struct gp__last_words *words = last_words;

    if (!words)
        return;
    keep(words->instance, sizeof words->instance, doing->instance);
    keep(words->hook, sizeof words->hook, doing->instance ? doing->hook : NULL);
    keep(words->session, sizeof words->session, doing->instance ? doing->session : NULL);
    words->signo = signo;
}

/* Returns into the fault, which now takes its default action; a signal that was sent (abort) is
 * sent again. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    const struct gp__running *doing = &gp__running;
    struct gp__fiber *fiber;
    struct line line = {.len = 0};

    (void)context;
    keep_words(signo, doing);
    add(&line, "gatepost: signal ");
    add_number(&line, signo);
    if (pool && signo != SIGABRT && gp__fiber_owns_address(pool, info->si_addr, &fiber))
        add(&line, " (a fiber overran its stack)");
    add_running(&line, doing);
    line.text[line.len++] = '\n';
    if (write(STDERR_FILENO, line.text, line.len) < 0)
        line.len = 0;
    (void)signal(signo, SIG_DFL);
    (void)raise(signo);
}

int gp__crash_install(struct gp__fiber_pool *fibers)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t alternate = {.ss_size = STACK_BYTES};

    pool = fibers;
    stack = gp__alloc(STACK_BYTES);
    alternate.ss_sp = stack;
    sigemptyset(&action.sa_mask);
    if (sigaltstack(&alternate, NULL) < 0) {
        GP__FREE(stack);
        return -1;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (sigaction(numbers[i], &action, NULL) < 0)
            return -1;
    }
    return 0;
}

void gp__crash_words(struct gp__last_words *words)
{
    last_words = words;
}

void gp__crash_remove(void)
{
    stack_t off = {.ss_flags = SS_DISABLE};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)signal(numbers[i], SIG_DFL);
    (void)sigaltstack(&off, NULL);
    GP__FREE(stack);
    pool = NULL;
    last_words = NULL;
}

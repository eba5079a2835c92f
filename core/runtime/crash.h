// SPDX-License-Identifier: Apache-2.0
/*
 * Last words: on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT one line on standard error says which
 * instance was at work (core/hook/running.h), then the signal takes its default action (a core file, the supervisor's
 * restart). Runs on a stack of its own, since a fiber that overran its stack has none left.
 */
#ifndef GP_RUNTIME_CRASH_H
#define GP_RUNTIME_CRASH_H

struct gp__fiber_pool;

/* The same for a supervisor that shares the memory; texts are cut, and end with a NUL. */
struct gp__last_words {
    int signo; /* 0: nothing was said */
    char instance[64], hook[24], session[32];
};

/* Installs the handlers for the process and the alternate stack for this thread. `fibers` (may be
 * NULL) tells an overrun fiber stack from a bad pointer. 0, or -1 with errno. */
int gp__crash_install(struct gp__fiber_pool *fibers);

/* Also leaves them in `words` from now on; NULL: no more. */
void gp__crash_words(struct gp__last_words *words);

/* Default actions again, frees the stack. */
void gp__crash_remove(void);

#endif

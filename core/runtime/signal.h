// SPDX-License-Identifier: Apache-2.0
/* Signals as events of the loop. */
#ifndef GP_RUNTIME_SIGNAL_H
#define GP_RUNTIME_SIGNAL_H

struct gp__runtime;
struct gp__signals;

/* What to do; NULL: the signal keeps its default action. Called from the loop's stack. */
struct gp__signal_user {
    void (*terminate)(void *arg, int signo); /* SIGTERM, SIGINT */
    void (*reload)(void *arg);               /* SIGHUP */
    void (*reopen)(void *arg);               /* SIGUSR1 */
    void (*report)(void *arg);               /* SIGUSR2 */
    void (*child)(void *arg);                /* SIGCHLD: one child or more ended */
    void *arg;
};

/* Live runtime only. NULL with errno when the system refuses. */
struct gp__signals *gp__signals_start(struct gp__runtime *rt, const struct gp__signal_user *user);

/* Gives the signals their former action back; before the runtime is freed. NULL is fine. */
void gp__signals_stop(struct gp__signals **signals_);

#endif

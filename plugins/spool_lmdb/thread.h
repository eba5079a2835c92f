// SPDX-License-Identifier: Apache-2.0
/* The thread that makes changes: all that wait, in one transaction with one sync. */
#ifndef SPOOL_LMDB_THREAD_H
#define SPOOL_LMDB_THREAD_H

#include "store.h"

struct thread {
    struct store *store;
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    struct change *first, **end;
    bool stop;
};

/* 0, or an error of the system. */
int thread_start(struct thread *thread, struct store *store);

/* It makes what it was asked for, and ends. */
void thread_stop(struct thread *thread);

/* Hands a change over; its waker is fired when it is decided. Until then it and what it points to
 * must live. */
void thread_ask(struct thread *thread, struct change *change);

#endif

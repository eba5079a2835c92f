// SPDX-License-Identifier: Apache-2.0
#include "thread.h"

#include <errno.h>
#include <time.h>

#define BATCH_MAX 1000 /* changes of a transaction */
#define READERS_S 60   /* between looks for readers whose process died */

/* All that wait, as a list that ends; NULL: there are none and will be none, or it is time for a
 * look. */
static struct change *take_batch(struct thread *thread, bool *stop_r)
{
    struct timespec until;
    struct change *first, **end = &first;
    int waited = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += READERS_S;
    pthread_mutex_lock(&thread->lock);
    while (!thread->first && !thread->stop && waited == 0)
        waited = pthread_cond_timedwait(&thread->asked, &thread->lock, &until);
    first = thread->first;
    for (unsigned n = 0; *end && n < BATCH_MAX; n++)
        end = &(*end)->next;
    thread->first = *end;
    *end = NULL;
    if (!thread->first)
        thread->end = &thread->first;
    *stop_r = thread->stop && !thread->first;
    pthread_mutex_unlock(&thread->lock);
    return first;
}

/* From here on they are their fibers'. */
static void answer(struct change *change)
{
    while (change) {
        struct change *next = change->next;

        gp_waker_fire(change->waker);
        change = next;
    }
}

static time_t now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void *run(void *arg)
{
    struct thread *thread = arg;
    time_t looked = now_s();
    bool stop = false;

    while (!stop) {
        struct change *changes = take_batch(thread, &stop);

        if (changes) {
            store_change(thread->store, changes);
            answer(changes);
        }
        if (now_s() - looked >= READERS_S) {
            store_forget_dead(thread->store);
            looked = now_s();
        }
    }
    return NULL;
}

void thread_ask(struct thread *thread, struct change *change)
{
    change->next = NULL;
    pthread_mutex_lock(&thread->lock);
    *thread->end = change;
    thread->end = &change->next;
    pthread_cond_signal(&thread->asked);
    pthread_mutex_unlock(&thread->lock);
}

int thread_start(struct thread *thread, struct store *store)
{
    pthread_condattr_t attributes;
    int code;

    thread->store = store;
    thread->end = &thread->first;
    pthread_mutex_init(&thread->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&thread->asked, &attributes);
    pthread_condattr_destroy(&attributes);
    code = pthread_create(&thread->id, NULL, run, thread);
    if (code == 0)
        return 0;
    pthread_cond_destroy(&thread->asked);
    pthread_mutex_destroy(&thread->lock);
    return code;
}

void thread_stop(struct thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->stop = true;
    pthread_cond_signal(&thread->asked);
    pthread_mutex_unlock(&thread->lock);
    (void)pthread_join(thread->id, NULL);
    pthread_cond_destroy(&thread->asked);
    pthread_mutex_destroy(&thread->lock);
}

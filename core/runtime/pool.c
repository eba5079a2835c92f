// SPDX-License-Identifier: Apache-2.0
/*
 * Threads around one lock and one condition. Signals are blocked in them: those are the main
 * thread's business. Threads end only with the pool.
 */
#include "core/runtime/pool.h"

#include "core/base/alloc.h"

#include <pthread.h>
#include <signal.h>

struct list {
    struct gp__pool_item *first, *last;
    size_t count;
};

struct gp__pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list waiting, ended;
    pthread_t *threads;
    unsigned n_threads, max_threads, idle;
    size_t max_queue;
    bool stopping;
    void (*notify)(void *arg);
    void *arg;
};

static void append(struct list *list, struct gp__pool_item *item)
{
    item->next = NULL;
    item->prev = list->last;
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
    list->count++;
}

static void take(struct list *list, struct gp__pool_item *item)
{
    if (item->prev)
        item->prev->next = item->next;
    else
        list->first = item->next;
    if (item->next)
        item->next->prev = item->prev;
    else
        list->last = item->prev;
    list->count--;
}

/* Runs one job; called and returns with the lock held. */
static void run_one(struct gp__pool *pool)
{
    struct gp__pool_item *item = pool->waiting.first;
    bool first;

    take(&pool->waiting, item);
    item->state = GP__POOL_RUNNING;
    pthread_mutex_unlock(&pool->lock);
    item->run(item);
    pthread_mutex_lock(&pool->lock);
    item->state = GP__POOL_ENDED;
    first = pool->ended.count == 0;
    append(&pool->ended, item);
    if (first && !pool->stopping)
        pool->notify(pool->arg);
}

static void *thread_main(void *arg)
{
    struct gp__pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        if (pool->waiting.count > 0) {
            run_one(pool);
            continue;
        }
        pool->idle++;
        pthread_cond_wait(&pool->more, &pool->lock);
        pool->idle--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct gp__pool *gp__pool_create(unsigned max_threads, size_t max_queue, void (*notify)(void *arg),
                                 void *arg)
{
    struct gp__pool *pool = gp__alloc(sizeof *pool);

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pool->threads = gp__alloc_array(max_threads, sizeof *pool->threads);
    pool->max_threads = max_threads;
    pool->max_queue = max_queue;
    pool->notify = notify;
    pool->arg = arg;
    return pool;
}

static int start_thread(struct gp__pool *pool)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&pool->threads[pool->n_threads], NULL, thread_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return -1;
    pool->n_threads++;
    return 0;
}

int gp__pool_submit(struct gp__pool *pool, struct gp__pool_item *item)
{
    int result = 0;

    pthread_mutex_lock(&pool->lock);
    if (pool->waiting.count >= pool->max_queue)
        result = -1;
    else if (pool->idle <= pool->waiting.count && pool->n_threads < pool->max_threads)
        result = start_thread(pool) < 0 && pool->n_threads == 0 ? -1 : 0;
    if (result == 0) {
        item->state = GP__POOL_WAITING;
        append(&pool->waiting, item);
        pthread_cond_signal(&pool->more);
    }
    pthread_mutex_unlock(&pool->lock);
    return result;
}

bool gp__pool_withdraw(struct gp__pool *pool, struct gp__pool_item *item)
{
    bool waiting;

    pthread_mutex_lock(&pool->lock);
    waiting = item->state == GP__POOL_WAITING;
    if (waiting) {
        take(&pool->waiting, item);
        item->state = GP__POOL_IDLE;
    }
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}

static void finish_all(struct gp__pool_item *item, bool ran)
{
    while (item) {
        struct gp__pool_item *next = item->next;

        item->state = GP__POOL_IDLE;
        item->done(item, ran);
        item = next;
    }
}

void gp__pool_collect(struct gp__pool *pool)
{
    struct gp__pool_item *first;

    pthread_mutex_lock(&pool->lock);
    first = pool->ended.first;
    pool->ended = (struct list){0};
    pthread_mutex_unlock(&pool->lock);
    finish_all(first, true);
}

void gp__pool_free(struct gp__pool **pool_)
{
    struct gp__pool *pool = *pool_;

    if (!pool)
        return;
    *pool_ = NULL;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    finish_all(pool->ended.first, true);
    finish_all(pool->waiting.first, false);
    pthread_cond_destroy(&pool->more);
    pthread_mutex_destroy(&pool->lock);
    gp__free(pool->threads);
    gp__free(pool);
}

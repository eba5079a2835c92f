// SPDX-License-Identifier: Apache-2.0
#include "directory.h"

#include <pthread.h>
#include <stdlib.h>

#define KEEP_MAX 100

struct pool {
    struct pool *next;
    uint64_t id;
    size_t keep, count;
    struct {
        void *connection;
        bool old;
    } idle[KEEP_MAX];
};

/* The pools of all instances of the process. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct pool *pools;
static uint64_t last_id;

/* Locked. */
static struct pool **find(uint64_t id)
{
    struct pool **link = &pools;

    while (*link && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

uint64_t ldap_pool_create(size_t keep)
{
    struct pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return 0;
    pool->keep = keep < KEEP_MAX ? keep : KEEP_MAX;
    pthread_mutex_lock(&mutex);
    pool->id = ++last_id;
    pool->next = pools;
    pools = pool;
    pthread_mutex_unlock(&mutex);
    return pool->id;
}

void ldap_pool_end(uint64_t id)
{
    struct pool **link, *pool;

    pthread_mutex_lock(&mutex);
    link = find(id);
    pool = *link;
    if (pool)
        *link = pool->next;
    pthread_mutex_unlock(&mutex);
    for (size_t i = 0; pool && i < pool->count; i++)
        ldap_connection_close(pool->idle[i].connection);
    free(pool);
}

void *ldap_pool_take(uint64_t id)
{
    void *connection = NULL;
    struct pool *pool;

    pthread_mutex_lock(&mutex);
    pool = *find(id);
    if (pool && pool->count)
        connection = pool->idle[--pool->count].connection;
    pthread_mutex_unlock(&mutex);
    return connection;
}

bool ldap_pool_put(uint64_t id, void *connection)
{
    struct pool *pool;
    bool kept;

    pthread_mutex_lock(&mutex);
    pool = *find(id);
    kept = pool && pool->count < pool->keep;
    if (kept) {
        pool->idle[pool->count].connection = connection;
        pool->idle[pool->count++].old = false;
    }
    pthread_mutex_unlock(&mutex);
    return kept;
}

void ldap_pool_age(uint64_t id)
{
    void *closing[KEEP_MAX];
    size_t n_closing = 0, n = 0;
    struct pool *pool;

    pthread_mutex_lock(&mutex);
    pool = *find(id);
    for (size_t i = 0; pool && i < pool->count; i++) {
        if (pool->idle[i].old) {
            closing[n_closing++] = pool->idle[i].connection;
            continue;
        }
        pool->idle[n].connection = pool->idle[i].connection;
        pool->idle[n++].old = true;
    }
    if (pool)
        pool->count = n;
    pthread_mutex_unlock(&mutex);
    for (size_t i = 0; i < n_closing; i++)
        ldap_connection_close(closing[i]);
}

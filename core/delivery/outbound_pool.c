// SPDX-License-Identifier: Apache-2.0
/*
 * What a target keeps between deliveries: sessions that are idle, how many there are to a host, and
 * which hosts are down. Whoever wants one more session than there may be waits in turn.
 */
#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/delivery/outbound.h"

#define IDLE_MAX 100u /* sessions of a pool */
#define PEERS_MAX 4096u
#define DOWN_MS 10000u
#define DOWN_MAX_MS 600000u

/* ---- hosts that are down ---- */

static void peer_free(struct gp__outbound_peer *peer)
{
    gp__free((char *)(uintptr_t)peer->key.data);
    gp__free(peer);
}

void gp__outbound_peers_free(struct gp__map *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        peer_free(peers->entries[i].value);
    gp__map_free(peers);
}

/* Forgets those of whom there is nothing to know. */
static void forget_peers(struct gp_smtp *pool)
{
    uint64_t now = pool->runtime->ops->now_ms(pool->runtime);
    struct gp__map kept = {.count = 0};

    for (size_t i = 0; i < pool->peers.count; i++) {
        struct gp__outbound_peer *peer = pool->peers.entries[i].value;

        if (peer->sessions || peer->down_until_ms > now)
            gp__map_set(&kept, peer->key, peer);
        else
            peer_free(peer);
    }
    gp__map_free(&pool->peers);
    pool->peers = kept;
}

struct gp__outbound_peer *gp__outbound_peer(struct gp_smtp *pool, struct gp_slice key)
{
    struct gp__outbound_peer *peer = gp__map_get(&pool->peers, key);

    if (peer)
        return peer;
    if (pool->peers.count >= PEERS_MAX)
        forget_peers(pool);
    peer = gp__alloc(sizeof *peer);
    peer->key = gp_slice(gp__strdup(key.data), key.len);
    gp__map_set(&pool->peers, peer->key, peer);
    return peer;
}

static struct gp_slice who(const struct gp__outbound_job *job)
{
    const struct gp__instance *instance = job->call->instance;

    return instance ? instance->id : gp_slice(NULL, 0);
}

/* Hosts of a list only: MX hosts are everybody's, and too many. */
static void log_out(const struct gp__outbound_job *job, const struct gp__outbound_host *host)
{
    if (job->hop->n_hosts)
        gp__log(job->pool->runtime->log, GP_LOG_WARNING, "host.out", GP__F_S("instance", who(job)),
                GP__F_S("host", host->key), GP__F_S("text", job->failure.reply.text));
}

static void log_back(const struct gp__outbound_job *job, const struct gp__outbound_host *host)
{
    if (job->hop->n_hosts)
        gp__log(job->pool->runtime->log, GP_LOG_NOTICE, "host.back", GP__F_S("instance", who(job)),
                GP__F_S("host", host->key));
}

void gp__outbound_failed(const struct gp__outbound_job *job, const struct gp__outbound_host *host)
{
    struct gp_smtp *pool = job->pool;
    struct gp__outbound_peer *peer = gp__outbound_peer(pool, host->key);
    uint64_t wait = (uint64_t)DOWN_MS << (peer->failures < 6 ? peer->failures : 6);
    /* Where hosts are checked it is a check that brings one back. */
    uint64_t check = pool->settings.check_ms ? 2 * pool->settings.check_ms : 0;

    if (peer->failures++ == 0) {
        GP__COUNT(hosts_out);
        log_out(job, host);
    }
    wait = wait < DOWN_MAX_MS ? wait : DOWN_MAX_MS;
    peer->known_until_ms = 0;
    peer->down_until_ms = pool->runtime->ops->now_ms(pool->runtime) + (wait > check ? wait : check);
}

void gp__outbound_worked(const struct gp__outbound_job *job, const struct gp__outbound_host *host)
{
    struct gp_smtp *pool = job->pool;
    struct gp__outbound_peer *peer = gp__outbound_peer(pool, host->key);

    if (peer->failures)
        log_back(job, host);
    peer->failures = 0;
    peer->down_until_ms = 0;
    peer->known_until_ms = pool->runtime->ops->now_ms(pool->runtime) + pool->settings.check_ms;
}

/* ---- turns ---- */

static void join(struct gp_smtp *pool, struct gp__outbound_waiter *waiter)
{
    struct gp__outbound_waiter **link = &pool->waiters;

    while (*link)
        link = &(*link)->next;
    *link = waiter;
}

static void leave(struct gp_smtp *pool, const struct gp__outbound_waiter *waiter)
{
    struct gp__outbound_waiter **link = &pool->waiters;

    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
}

/* The place that is free now: the next one's who waits for it. */
static void give_turn(struct gp_smtp *pool, struct gp__outbound_peer *peer)
{
    for (struct gp__outbound_waiter *waiter = pool->waiters; waiter; waiter = waiter->next) {
        if (waiter->peer != peer || waiter->woken)
            continue;
        waiter->woken = true;
        gp__call_unpark(waiter->call);
        return;
    }
    peer->sessions--;
}

/* 0 once there may be one more, which is counted; or a sticky error. */
static int take_turn(struct gp__outbound_job *job, struct gp__outbound_peer *peer)
{
    struct gp__outbound_waiter waiter = {.call = job->call, .peer = peer};
    int error = 0;

    if (peer->sessions < job->pool->settings.connections) {
        peer->sessions++;
        return 0;
    }
    join(job->pool, &waiter);
    while (!waiter.woken && !error)
        error = gp__call_park(job->call);
    leave(job->pool, &waiter);
    if (error && waiter.woken) /* handed over in the same moment */
        give_turn(job->pool, peer);
    return error;
}

/* ---- idle sessions ---- */

static void end_idle(struct gp__outbound_session **link)
{
    struct gp__outbound_session *session = *link;

    *link = session->next;
    gp__outbound_close(&session);
}

bool gp__outbound_end_idle_of(struct gp_smtp *pool, const struct gp__origin *source)
{
    struct gp__outbound_session **link = &pool->idle, **last = NULL;

    for (; *link; link = &(*link)->next)
        if ((*link)->source == source)
            last = link; /* the one that was used longest ago */
    if (last)
        end_idle(last);
    return last != NULL;
}

/* Closes those whose time is over, and sees to it that it is called when the next one's is. */
static void on_idle(struct gp__timer *timer)
{
    struct gp_smtp *pool = (struct gp_smtp *)(void *)((char *)timer -
                                                      offsetof(struct gp_smtp, timer));
    uint64_t now = pool->runtime->ops->now_ms(pool->runtime), next = UINT64_MAX;
    struct gp__outbound_session **link = &pool->idle;

    while (*link) {
        uint64_t at = (*link)->idle_since_ms + pool->settings.idle_ms;

        if (at <= now) {
            end_idle(link);
            continue;
        }
        next = at < next ? at : next;
        link = &(*link)->next;
    }
    if (next != UINT64_MAX)
        pool->runtime->ops->timer_start(pool->runtime, timer, next);
}

/* One more than may be kept: the one that was used longest ago goes. */
static void make_room(struct gp_smtp *pool)
{
    struct gp__outbound_session **link = &pool->idle;
    size_t n = 0;

    while (*link && ++n < IDLE_MAX)
        link = &(*link)->next;
    if (*link)
        end_idle(link);
}

static bool is_of_use(const struct gp__outbound_session *session)
{
    const struct gp__capabilities *can = gp__smtp_client_capabilities(session->client);

    return !session->lost && session->mails < session->pool->settings.messages &&
           (!can->mails || (uint64_t)session->mails < can->mails);
}

void gp__outbound_release(struct gp__outbound_session **session_)
{
    struct gp__outbound_session *session = *session_;
    struct gp_smtp *pool = session->pool;
    struct gp__runtime *rt = pool->runtime;
    struct gp__outbound_peer *peer = gp__outbound_peer(pool, session->host_key);

    *session_ = NULL;
    gp__outbound_pay_back(session);
    if (session->client && is_of_use(session) && pool->settings.idle_ms) {
        make_room(pool);
        session->idle_since_ms = rt->ops->now_ms(rt);
        session->next = pool->idle;
        pool->idle = session;
        pool->timer.fn = on_idle;
        if (!pool->timer.slot)
            rt->ops->timer_start(rt, &pool->timer, session->idle_since_ms + pool->settings.idle_ms);
        give_turn(pool, peer);
        return;
    }
    give_turn(pool, peer);
    gp__outbound_close(&session);
}

/* The last one that was used: the others' time may run out. One whose source may send nothing now is
 * passed over. */
static struct gp__outbound_session *take_idle(struct gp_smtp *pool, struct gp_slice key)
{
    for (struct gp__outbound_session **link = &pool->idle; *link; link = &(*link)->next) {
        struct gp__outbound_session *session = *link;

        if (!gp_slice_eq(session->key, key) || gp__outbound_pay(session) != 0)
            continue;
        *link = session->next;
        session->next = NULL;
        session->reused = true;
        return session;
    }
    return NULL;
}

/* Those for whom it is of no use count, too: they make room. */
static void leave_room(struct gp_smtp *pool, const struct gp__outbound_peer *peer)
{
    struct gp__outbound_session **link = &pool->idle;
    int64_t n = peer->sessions;

    while (*link) {
        if (!gp_slice_eq((*link)->host_key, peer->key))
            link = &(*link)->next;
        else if (++n > pool->settings.connections)
            end_idle(link);
        else
            link = &(*link)->next;
    }
}

/* ---- getting one ---- */

/* Sessions are shared by those who want the same of the same host. */
static struct gp_slice key_of(const struct gp__outbound_job *job,
                              const struct gp__outbound_host *host,
                              const struct gp__tls_policy *policy)
{
    struct gp__arena *arena = job->arena;
    struct gp_slice key = gp__arena_printf(arena, GP_FMT " " GP_FMT " %d", GP_ARG(host->key),
                                           GP_ARG(job->hop->key), policy->level);

    for (size_t i = 0; i < policy->n_names; i++)
        key = GP__ARENA_JOIN(arena, key, GP_S(" "), policy->names[i]);
    for (size_t i = 0; i < policy->n_tlsa; i++)
        key = GP__ARENA_JOIN(arena, key, GP_S(" "), policy->tlsa[i]);
    return key;
}

static void copy_policy(struct gp__arena *arena, struct gp__tls_policy *to,
                        const struct gp__tls_policy *from)
{
    struct gp_slice *names = GP__ARENA_ARRAY(arena, struct gp_slice, from->n_names);
    struct gp_slice *tlsa = GP__ARENA_ARRAY(arena, struct gp_slice, from->n_tlsa);

    *to = *from;
    to->base = gp__arena_dup(arena, from->base);
    for (size_t i = 0; i < from->n_names; i++)
        names[i] = gp__arena_dup(arena, from->names[i]);
    for (size_t i = 0; i < from->n_tlsa; i++)
        tlsa[i] = gp__arena_dup(arena, from->tlsa[i]);
    to->names = names;
    to->tlsa = tlsa;
}

static struct gp__outbound_session *session_create(struct gp_smtp *pool, struct gp_slice key,
                                                   const struct gp__outbound_host *host,
                                                   const struct gp__tls_policy *policy)
{
    struct gp__outbound_session *session = gp__alloc(sizeof *session);

    session->pool = pool;
    session->arena = gp__arena_create();
    session->key = gp__arena_dup(session->arena, key);
    session->host_key = gp__arena_dup(session->arena, host->key);
    copy_policy(session->arena, &session->policy, policy);
    return session;
}

int gp__outbound_acquire(struct gp__outbound_job *job, const struct gp__outbound_host *host,
                         const struct gp__tls_policy *policy, bool fresh,
                         struct gp__outbound_session **session_r)
{
    struct gp_smtp *pool = job->pool;
    struct gp_slice key = key_of(job, host, policy);
    struct gp__outbound_peer *peer = gp__outbound_peer(pool, host->key);
    struct gp__outbound_host reachable = *host;
    struct gp__outbound_from from;
    struct gp__outbound_session *session;
    int result = take_turn(job, peer);

    *session_r = NULL;
    if (result)
        return result;
    session = fresh ? NULL : take_idle(pool, key);
    if (session) {
        *session_r = session;
        return 0;
    }
    if (gp__outbound_choose_source(pool, &reachable, &from) != 0) {
        gp__outbound_limited(job, from.wait_ms);
        give_turn(pool, peer);
        return 1;
    }
    leave_room(pool, peer);
    session = session_create(pool, key, host, policy);
    result = gp__outbound_open(job, session, &reachable, &from);
    *session_r = session;
    return result;
}

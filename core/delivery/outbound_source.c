// SPDX-License-Identifier: Apache-2.0
/* From which address of ours a session is made, where they have limits: one that is at its limit is
 * passed over. What a session may send first is counted when it is chosen, so nothing comes between. */
#include "core/delivery/outbound.h"

static bool is_limited(const struct gp_smtp *pool)
{
    return pool->limits.rate.count > 0 || pool->limits.sessions > 0;
}

static void note_wait(struct gp__outbound_from *from, uint64_t wait_ms)
{
    if (from->wait_ms == 0 || wait_ms < from->wait_ms)
        from->wait_ms = wait_ms;
}

/* A session of it that nobody uses gives its place to one that is wanted. */
static bool enter(struct gp_smtp *pool, struct gp__origin *source)
{
    return gp__origin_enter(pool->runtime, source, &pool->limits) ||
           (gp__outbound_end_idle_of(pool, source) &&
            gp__origin_enter(pool->runtime, source, &pool->limits));
}

static bool reserve(struct gp_smtp *pool, struct gp__origin *source, struct gp__outbound_from *from)
{
    uint64_t wait_ms;

    if (!enter(pool, source))
        return false;
    wait_ms = gp__origin_take(pool->runtime, source, &pool->limits);
    if (wait_ms == 0)
        return true;
    gp__origin_leave(pool->runtime, source);
    note_wait(from, wait_ms);
    return false;
}

/* NULL: the system's choice, if there is none of that family; else all are at their limits. */
static struct gp__origin *choose(struct gp_smtp *pool, uint8_t family,
                                 struct gp__outbound_from *from, bool *blocked_r)
{
    *blocked_r = false;
    for (size_t i = 0; i < pool->n_sources; i++) {
        struct gp__origin *source = pool->sources[(pool->next_source + i) % pool->n_sources];

        if (source->ip.family != family)
            continue;
        if (!is_limited(pool) || reserve(pool, source, from)) {
            *blocked_r = false;
            return source;
        }
        *blocked_r = true;
    }
    return NULL;
}

static bool has_family(const struct gp__outbound_host *host, uint8_t family)
{
    for (size_t i = 0; i < host->n_ips; i++)
        if (host->ips[i].family == family)
            return true;
    return false;
}

static void drop_family(struct gp__outbound_host *host, uint8_t family)
{
    size_t kept = 0;

    for (size_t i = 0; i < host->n_ips; i++)
        if (host->ips[i].family != family)
            host->ips[kept++] = host->ips[i];
    host->n_ips = kept;
}

int gp__outbound_choose_source(struct gp_smtp *pool, struct gp__outbound_host *host,
                               struct gp__outbound_from *from_r)
{
    *from_r = (struct gp__outbound_from){.limited = is_limited(pool)};
    if (host->is_unix)
        return 0;
    for (int i = 0; i < 2; i++) {
        uint8_t family = i ? 6 : 4;
        bool blocked;

        if (!has_family(host, family))
            continue;
        from_r->by_family[i] = choose(pool, family, from_r, &blocked);
        if (blocked)
            drop_family(host, family);
    }
    pool->next_source++;
    return host->n_ips ? 0 : 1;
}

static void give_back(struct gp_smtp *pool, struct gp__origin *source)
{
    gp__origin_give_back(source, &pool->limits);
    gp__origin_leave(pool->runtime, source);
}

void gp__outbound_keep_source(struct gp__outbound_session *session, struct gp__outbound_from *from,
                              uint8_t family)
{
    for (int i = 0; from->limited && i < 2; i++) {
        struct gp__origin *source = from->by_family[i];

        if (!source)
            continue;
        if (source->ip.family != family) {
            give_back(session->pool, source);
            continue;
        }
        session->source = source;
        session->paid = true;
    }
}

/* ---- messages ---- */

uint64_t gp__outbound_pay(struct gp__outbound_session *session)
{
    uint64_t wait_ms = 0;

    if (session->source && !session->paid)
        wait_ms = gp__origin_take(session->pool->runtime, session->source, &session->pool->limits);
    session->paid = session->source && wait_ms == 0;
    return wait_ms;
}

void gp__outbound_pay_back(struct gp__outbound_session *session)
{
    if (session->paid)
        gp__origin_give_back(session->source, &session->pool->limits);
    session->paid = false;
}

void gp__outbound_limited(struct gp__outbound_job *job, uint64_t wait_ms)
{
    job->failure = (struct gp__outbound_failure){
        .reply = GP__REPLY(451, 4, 4, 5, "All addresses to send from are at their limits"),
        .limited = true,
        .wait_ms = wait_ms,
    };
}

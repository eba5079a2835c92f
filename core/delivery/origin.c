// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/origin.h"

#include "core/base/alloc.h"
#include "core/base/census.h"
#include "core/base/hash.h"

#include <string.h>

#define AHEAD_US 1000000u /* a second's worth may go at once */

/* The same in all processes. Clients are counted by other keys: theirs are of texts. */
static uint64_t key_of(const struct gp__ip *ip)
{
    char text[sizeof "source " + sizeof ip->bytes] = "source ";

    text[7] = (char)ip->family;
    memcpy(text + 8, ip->bytes, sizeof ip->bytes);
    return gp__hash(gp_slice(text, 8 + sizeof ip->bytes)) | 1;
}

static bool is_of(const struct gp__origin *source, const struct gp__ip *ip)
{
    return source->ip.family == ip->family &&
           memcmp(source->ip.bytes, ip->bytes, sizeof ip->bytes) == 0;
}

struct gp__origin *gp__origin_ref(struct gp__runtime *rt, const struct gp__ip *ip)
{
    struct gp__origin *source = rt->sources;

    while (source && !is_of(source, ip))
        source = source->next;
    if (!source) {
        source = gp__alloc(sizeof *source);
        source->ip = *ip;
        source->key = key_of(ip);
        source->at_us = rt->census ? gp__census_clock(rt->census, source->key) : NULL;
        if (!source->at_us)
            source->at_us = &source->own_at_us;
        source->next = rt->sources;
        rt->sources = source;
    }
    source->refs++;
    return source;
}

void gp__origin_unref(struct gp__runtime *rt, struct gp__origin **source_)
{
    struct gp__origin *source = *source_, **link = &rt->sources;

    *source_ = NULL;
    if (!source || --source->refs > 0)
        return;
    while (*link != source)
        link = &(*link)->next;
    *link = source->next;
    gp__free(source);
}

/* ---- messages ---- */

static uint64_t step_of(const struct gp__origin_limits *limits)
{
    return limits->rate.period_ms * 1000 / (uint64_t)limits->rate.count;
}

uint64_t gp__origin_take(struct gp__runtime *rt, struct gp__origin *source,
                         const struct gp__origin_limits *limits)
{
    uint64_t now = rt->ops->now_ms(rt) * 1000, at = atomic_load(source->at_us), from;

    if (limits->rate.count == 0)
        return 0;
    do {
        from = at > now ? at : now;
        if (from > now + AHEAD_US)
            return (from - now - AHEAD_US + 999) / 1000;
    } while (!atomic_compare_exchange_weak(source->at_us, &at, from + step_of(limits)));
    return 0;
}

void gp__origin_give_back(struct gp__origin *source, const struct gp__origin_limits *limits)
{
    if (limits->rate.count)
        atomic_fetch_sub(source->at_us, step_of(limits));
}

/* ---- sessions ---- */

static void announce(struct gp__runtime *rt, const struct gp__origin *source)
{
    if (rt->census)
        gp__census_set_sessions(rt->census, source->key, source->sessions);
}

static uint64_t elsewhere(struct gp__runtime *rt, const struct gp__origin *source)
{
    return rt->census ? gp__census_sessions_elsewhere(rt->census, source->key) : 0;
}

bool gp__origin_enter(struct gp__runtime *rt, struct gp__origin *source,
                      const struct gp__origin_limits *limits)
{
    source->sessions++;
    announce(rt, source);
    if (limits->sessions == 0 || source->sessions + elsewhere(rt, source) <= limits->sessions)
        return true;
    gp__origin_leave(rt, source);
    return false;
}

void gp__origin_leave(struct gp__runtime *rt, struct gp__origin *source)
{
    source->sessions--;
    announce(rt, source);
}

// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/lookup.h"

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/runtime/dns_record.h"
#include "core/runtime/resolver.h"

enum { AAAA, A, FAMILIES };

#define FAMILY_MAX (GP__LOOKUP_MAX / FAMILIES)

struct gp__lookup {
    struct gp__dns_query *queries[FAMILIES]; /* NULL: done */
    struct gp__ip found[FAMILIES][FAMILY_MAX];
    size_t n_found[FAMILIES];
    bool no_answer; /* of DNS: the failure is temporary */
    void (*fn)(void *arg, int error, const struct gp__addresses *addresses);
    void *arg;
};

static void keep(struct gp__lookup *lookup, int family, const struct gp_dns_answer *answer)
{
    for (size_t i = 0; i < answer->count && lookup->n_found[family] < FAMILY_MAX; i++) {
        struct gp__ip *ip = &lookup->found[family][lookup->n_found[family]];

        if (gp__ip_parse(answer->records[i].text, ip) == 0)
            lookup->n_found[family]++;
    }
}

static void finish(struct gp__lookup *lookup)
{
    struct gp__addresses addresses = {.count = 0};
    int error = lookup->no_answer ? GP_ETEMP : GP_ENOTFOUND;

    for (int family = 0; family < FAMILIES; family++)
        for (size_t i = 0; i < lookup->n_found[family]; i++)
            addresses.items[addresses.count++] = lookup->found[family][i];
    lookup->fn(lookup->arg, addresses.count ? 0 : error, &addresses);
    gp__free(lookup);
}

static void answered(struct gp__lookup *lookup, int family, const struct gp__dns_reply *reply)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_dns_answer *answer = NULL;
    int result = reply->error;

    lookup->queries[family] = NULL;
    if (result == 0)
        result = gp__dns_parse(arena, reply->packet, family == A ? GP_DNS_A : GP_DNS_AAAA, false,
                               &answer);
    if (result == 0)
        keep(lookup, family, answer);
    else if (result == GP_ETEMP)
        lookup->no_answer = true;
    gp__arena_free(&arena);
    if (!lookup->queries[!family])
        finish(lookup);
}

static void answered_aaaa(void *arg, const struct gp__dns_reply *reply)
{
    answered(arg, AAAA, reply);
}

static void answered_a(void *arg, const struct gp__dns_reply *reply)
{
    answered(arg, A, reply);
}

struct gp__lookup *gp__lookup_start(struct gp__live *live, struct gp_slice name,
                                    void (*fn)(void *arg, int error,
                                               const struct gp__addresses *addresses),
                                    void *arg, int *error_r)
{
    struct gp__lookup *lookup;

    *error_r = GP_EINVAL;
    if (!gp__dns_name_valid(name))
        return NULL;
    lookup = gp__alloc(sizeof *lookup);
    lookup->fn = fn;
    lookup->arg = arg;
    lookup->queries[AAAA] = gp__dns_ask(live->dns, name, GP_DNS_AAAA, answered_aaaa, lookup);
    lookup->queries[A] = gp__dns_ask(live->dns, name, GP_DNS_A, answered_a, lookup);
    *error_r = GP_ETEMP;
    if (!lookup->queries[AAAA] || !lookup->queries[A])
        gp__lookup_forget(&lookup);
    return lookup;
}

void gp__lookup_forget(struct gp__lookup **lookup_)
{
    struct gp__lookup *lookup = *lookup_;

    *lookup_ = NULL;
    if (!lookup)
        return;
    for (int family = 0; family < FAMILIES; family++)
        if (lookup->queries[family])
            gp__dns_forget(lookup->queries[family]);
    gp__free(lookup);
}

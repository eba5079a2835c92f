// SPDX-License-Identifier: Apache-2.0
#include "core/server/admission.h"

#include "core/base/counts.h"
#include "core/base/hash.h"
#include "core/server/server.h"

#define IPV6_BITS 64

static const struct {
    const char *name;
    uint16_t counter;
    struct gp__reply reply;
} kinds[GP__ADMIT_COUNT] = {
#define KIND(name) #name, GP__COUNTER(away_##name)
    [GP__ADMIT_SESSIONS] = {KIND(sessions),
                            GP__REPLY_INIT(421, 4, 3, 2,
                                           "Too many sessions here, try again later")},
    [GP__ADMIT_CLIENT_SESSIONS] = {KIND(sessions_per_client),
                                   GP__REPLY_INIT(421, 4, 7, 0,
                                                  "Too many sessions from your address")},
    [GP__ADMIT_RATE] = {KIND(connection_rate),
                        GP__REPLY_INIT(421, 4, 3, 2, "Too many new sessions, try again later")},
    [GP__ADMIT_CLIENT_RATE] = {KIND(connection_rate_per_client),
                               GP__REPLY_INIT(421, 4, 7, 0, "You connect too often")},
    [GP__ADMIT_OVERLOAD] = {KIND(overload), GP__REPLY_INIT(421, 4, 3, 1, "")},
#undef KIND
};

const char *gp__admit_name(enum gp__admit admit)
{
    return kinds[admit].name;
}

/* Listeners are told apart by a hash of their names: keys are short, names are not. */
static uint8_t key_of(const struct gp__entrance *entrance, const struct gp__ip *ip,
                      char out[GP__TALLY_KEY_MAX])
{
    uint64_t listener = gp__hash(entrance->name);
    struct gp__network network;

    memcpy(out, &listener, sizeof listener);
    if (!ip)
        return sizeof listener;
    network = gp__network_of(ip, ip->family == 4 ? 32 : IPV6_BITS);
    out[sizeof listener] = (char)ip->family;
    memcpy(out + sizeof listener + 1, network.ip.bytes, sizeof network.ip.bytes);
    return sizeof listener + 1 + sizeof network.ip.bytes;
}

static struct gp_slice all_of(const struct gp__admission *a)
{
    return gp_slice(a->all, a->all_len);
}

static struct gp_slice client_of(const struct gp__admission *a)
{
    return gp_slice(a->client, a->client_len);
}

/* Also those of other workers. */
static uint64_t sessions_of(const struct gp__server *server, struct gp_slice key)
{
    return gp__tally_get(&server->sessions, key) +
           gp__census_sessions_elsewhere(&server->census, gp__hash(key) | 1);
}

static void count_on(struct gp__server *server, struct gp_slice key)
{
    gp__census_set_sessions(&server->census, gp__hash(key) | 1,
                            gp__tally_add(&server->sessions, key));
}

static void count_off(struct gp__server *server, struct gp_slice key)
{
    gp__tally_remove(&server->sessions, key);
    gp__census_set_sessions(&server->census, gp__hash(key) | 1,
                            gp__tally_get(&server->sessions, key));
}

/* It is counted already: of two workers that take the last one at the same time, none is let in
 * rather than both. Rates come last: who is turned away for another reason does not count. */
static enum gp__admit judge(struct gp__server *server, const struct gp__entrance *entrance,
                            const struct gp__admission *a)
{
    struct gp__runtime *rt = server->runtime;
    uint64_t now = rt->ops->now_ms(rt);

    if (gp__overload_look(&server->overload, rt, &entrance->overload))
        return GP__ADMIT_OVERLOAD;
    if (sessions_of(server, all_of(a)) > entrance->sessions)
        return GP__ADMIT_SESSIONS;
    if (a->client_len && sessions_of(server, client_of(a)) > entrance->sessions_per_client)
        return GP__ADMIT_CLIENT_SESSIONS;
    if (a->client_len &&
        !gp__pace_take(&server->pace, gp__hash(client_of(a)), now, &entrance->rate_per_client))
        return GP__ADMIT_CLIENT_RATE;
    if (!gp__pace_take(&server->pace, gp__hash(all_of(a)), now, &entrance->rate))
        return GP__ADMIT_RATE;
    return GP__ADMIT_OK;
}

enum gp__admit gp__admit(struct gp__server *server, const struct gp__entrance *entrance,
                         const struct gp__conn *conn, struct gp__admission *admission_r,
                         struct gp__reply *reply_r)
{
    struct gp__admission a = {.all_len = 0};
    const struct gp__ip *ip = &conn->peer.ip;
    enum gp__admit admit;

    a.all_len = key_of(entrance, NULL, a.all);
    /* An MTA has all its clients behind one address. */
    if (ip->family && entrance->smtp.protocol != GP__PROTOCOL_MILTER)
        a.client_len = key_of(entrance, ip, a.client);
    count_on(server, all_of(&a));
    if (a.client_len)
        count_on(server, client_of(&a));
    admit = judge(server, entrance, &a);
    *reply_r = kinds[admit].reply;
    if (admit == GP__ADMIT_OVERLOAD)
        reply_r->text = server->overload.reply->text;
    if (admit != GP__ADMIT_OK) {
        gp__admission_end(server, &a);
        gp__count_at(kinds[admit].counter);
        return admit;
    }
    *admission_r = a;
    return GP__ADMIT_OK;
}

void gp__admission_end(struct gp__server *server, const struct gp__admission *admission)
{
    count_off(server, all_of(admission));
    if (admission->client_len)
        count_off(server, client_of(admission));
}

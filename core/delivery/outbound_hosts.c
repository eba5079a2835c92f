// SPDX-License-Identifier: Apache-2.0
/*
 * To which hosts: those of the target's list, or by MX (RFC 5321 5.1): in order of preference, those
 * of the same one shuffled; without MX records the domain itself; nobody where the only one is ""
 * (RFC 7505). Where we are among them, nobody behind us: it would come back.
 */
#include "core/delivery/outbound.h"

#include "core/base/ascii.h"
#include "core/base/domain.h"

#include <stdlib.h>

#define HOST_MAX 400u

/* ---- as people write them ---- */

/* The colon before the port; the length: there is none. */
static size_t port_at(struct gp_slice text)
{
    size_t colon = gp_slice_rfind(text, ':');
    bool inside = gp_slice_find(text, ']') < text.len && colon < gp_slice_find(text, ']');

    return colon < text.len && !inside ? colon : text.len;
}

int gp__outbound_host_read(struct gp__arena *arena, struct gp_slice text,
                           struct gp__outbound_host *host_r)
{
    size_t colon;
    struct gp_slice name;
    int64_t port;

    *host_r = (struct gp__outbound_host){.key = gp__arena_dup(arena, text)};
    if (text.len == 0 || text.len > HOST_MAX)
        return -1;
    if (gp_slice_starts(text, GP_S("unix:"))) {
        host_r->is_unix = true;
        host_r->name = host_r->key;
        return text.len > 5 ? 0 : -1;
    }
    colon = port_at(host_r->key);
    if (gp_slice_to_int(gp_slice_sub(host_r->key, colon + 1, text.len), 1, 65535, &port) < 0)
        return -1;
    host_r->port = (uint16_t)port;
    name = gp_slice_sub(host_r->key, 0, colon);
    if (name.len > 2 && name.data[0] == '[' && gp_slice_ends(name, GP_S("]")))
        name = gp_slice_sub(name, 1, name.len - 2);
    host_r->name = name;
    host_r->literal = gp__ip_parse(name, &host_r->ip) == 0;
    return name.len ? 0 : -1;
}

static struct gp__outbound_host host_of(struct gp__arena *arena, struct gp_slice name,
                                        uint16_t port, unsigned preference)
{
    struct gp__outbound_host host = {.name = name, .port = port};

    host.preference = (uint16_t)preference;
    host.key = gp__arena_printf(arena, GP_FMT ":%u", GP_ARG(name), port);
    for (size_t i = 0; i < name.len; i++)
        ((char *)(uintptr_t)host.key.data)[i] = gp__to_lower(name.data[i]);
    host.name = gp_slice_sub(host.key, 0, name.len);
    return host;
}

/* ---- given ones ---- */

static bool is_down(const struct gp_smtp *pool, const struct gp__outbound_host *host)
{
    const struct gp__outbound_peer *peer = gp__map_get(&pool->peers, host->key);

    return peer && peer->down_until_ms > pool->runtime->ops->now_ms(pool->runtime);
}

/* In turn, those that were down a moment ago last. */
static void give_list(struct gp__outbound_job *job, struct gp__outbound_hosts *hosts)
{
    struct gp_smtp *pool = job->pool;
    size_t n = job->hop->n_hosts, first = pool->next_host++ % n;

    hosts->items = GP__ARENA_ARRAY(job->arena, struct gp__outbound_host, n);
    for (int down = 0; down < 2; down++) {
        for (size_t i = 0; i < n; i++) {
            const struct gp__outbound_host *host = &job->hop->hosts[(first + i) % n];

            if (is_down(pool, host) == (down == 1))
                hosts->items[hosts->count++] = *host;
        }
    }
}

/* ---- MX ---- */

static struct gp_slice our_name(const struct gp__outbound_job *job)
{
    return job->delivery->hostname;
}

static bool is_own_name(const struct gp__outbound_job *job, struct gp_slice name)
{
    const struct gp_list *own = job->pool->settings.own;

    if (gp_slice_caseeq(name, our_name(job)))
        return true;
    for (size_t i = 0; i < gp_list_count(own); i++)
        if (gp_slice_caseeq(name, *(const struct gp_slice *)gp_list_at(own, i)))
            return true;
    return false;
}

static bool is_own_ip(const struct gp__outbound_job *job, const struct gp__ip *ip)
{
    char text[48];

    return gp_list_count(job->pool->settings.own) > 0 && is_own_name(job, gp__ip_format(ip, text));
}

static int by_preference(const void *a, const void *b)
{
    const struct gp__outbound_host *one = a, *two = b;

    return (int)one->preference - (int)two->preference;
}

static void shuffle(struct gp__outbound_job *job, struct gp__outbound_host *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        uint32_t chance;
        struct gp__outbound_host swap;

        gp_random(job->call, &chance, sizeof chance);
        swap = items[i - 1];
        items[i - 1] = items[chance % i];
        items[chance % i] = swap;
    }
}

/* By preference, those of the same one shuffled; qsort() is not stable, so they stay so. */
static void put_in_order(struct gp__outbound_job *job, struct gp__outbound_hosts *hosts)
{
    shuffle(job, hosts->items, hosts->count);
    qsort(hosts->items, hosts->count, sizeof *hosts->items, by_preference);
}

/* Forgets whoever is not preferred to us (RFC 5321 5.1). Whether anybody is left. */
static bool drop_from(struct gp__outbound_hosts *hosts, unsigned preference)
{
    while (hosts->count && hosts->items[hosts->count - 1].preference >= preference)
        hosts->count--;
    return hosts->count > 0;
}

static bool drop_ourselves(const struct gp__outbound_job *job, struct gp__outbound_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        if (is_own_name(job, hosts->items[i].name))
            return drop_from(hosts, hosts->items[i].preference);
    return true;
}

static struct gp__reply no_answer(struct gp__arena *arena, struct gp_slice name)
{
    return (struct gp__reply){
        .code = 451,
        .klass = 4,
        .subject = 4,
        .detail = 3,
        .text = gp__arena_printf(arena, "DNS gives no answer about " GP_FMT, GP_ARG(name))};
}

static struct gp__reply no_such(struct gp__arena *arena, unsigned subject, unsigned detail,
                                const char *what, struct gp_slice name)
{
    return (struct gp__reply){.code = 550,
                              .klass = 5,
                              .subject = (uint16_t)subject,
                              .detail = (uint16_t)detail,
                              .text = gp__arena_printf(arena, "%s: " GP_FMT, what, GP_ARG(name))};
}

static void add(struct gp__outbound_job *job, struct gp__outbound_hosts *hosts,
                struct gp_slice name, unsigned preference)
{
    if (hosts->count < GP__DNS_RECORDS_MAX && name.len > 0 && !gp_slice_eq(name, GP_S(".")))
        hosts->items[hosts->count++] = host_of(job->arena, name, (uint16_t)job->pool->settings.port,
                                               preference);
}

/* 0, or 1 with a reply. */
static int take_records(struct gp__outbound_job *job, const struct gp_dns_answer *answer,
                        struct gp__outbound_hosts *hosts, struct gp__reply *reply_r)
{
    size_t n = gp_dns_count(answer);

    hosts->items = GP__ARENA_ARRAY(job->arena, struct gp__outbound_host, n);
    for (size_t i = 0; i < n; i++)
        add(job, hosts, gp_dns_text(answer, i), gp_dns_preference(answer, i));
    if (hosts->count == 0) {
        *reply_r = GP__REPLY(556, 5, 1, 10, "The domain takes no mail (null MX)");
        return 1;
    }
    put_in_order(job, hosts);
    if (!drop_ourselves(job, hosts)) {
        *reply_r = GP__REPLY(554, 5, 4, 6, "The best mail host of the domain is this one: a loop");
        return 1;
    }
    if (hosts->count > GP__OUTBOUND_HOSTS_MAX)
        hosts->count = GP__OUTBOUND_HOSTS_MAX;
    return 0;
}

/* No MX: the domain itself (RFC 5321 5.1, the implicit MX). */
static int give_domain(struct gp__outbound_job *job, struct gp__outbound_hosts *hosts,
                       struct gp__reply *reply_r)
{
    hosts->items = GP__ARENA_NEW(job->arena, struct gp__outbound_host);
    add(job, hosts, hosts->domain, 0);
    if (drop_ourselves(job, hosts))
        return 0;
    *reply_r = GP__REPLY(554, 5, 4, 6, "The domain is this host: a loop");
    return 1;
}

static int look_up_mx(struct gp__outbound_job *job, struct gp__outbound_hosts *hosts,
                      struct gp__reply *reply_r)
{
    const struct gp_dns_answer *answer = NULL;
    int error = gp_dns(job->call, hosts->domain, GP_DNS_MX, &answer);

    if (job->call->root->sticky)
        return job->call->root->sticky;
    hosts->secure = answer && gp_dns_secure(answer);
    if (error == GP_OK)
        return take_records(job, answer, hosts, reply_r);
    if (error == GP_ENOTFOUND && !(answer && gp_dns_nxdomain(answer)))
        return give_domain(job, hosts, reply_r);
    if (error == GP_ENOTFOUND)
        *reply_r = no_such(job->arena, 1, 2, "There is no such domain", hosts->domain);
    else if (error == GP_EINVAL)
        *reply_r = no_such(job->arena, 1, 2, "This is no domain name", hosts->domain);
    else
        *reply_r = no_answer(job->arena, hosts->domain);
    return 1;
}

/* "[192.0.2.1]". */
static int give_literal(struct gp__outbound_job *job, struct gp__outbound_hosts *hosts,
                        struct gp__reply *reply_r)
{
    struct gp_slice text = gp_slice_sub(hosts->domain, 1, hosts->domain.len - 2);
    struct gp__outbound_host *host = GP__ARENA_NEW(job->arena, struct gp__outbound_host);

    if (gp_slice_starts(text, GP_S("IPv6:")) || gp_slice_starts(text, GP_S("ipv6:")))
        text = gp_slice_sub(text, 5, text.len);
    *host = host_of(job->arena, text, (uint16_t)job->pool->settings.port, 0);
    host->literal = gp__ip_parse(text, &host->ip) == 0;
    hosts->items = host;
    hosts->count = 1;
    if (host->literal && !is_own_ip(job, &host->ip))
        return 0;
    *reply_r = host->literal ? GP__REPLY(554, 5, 4, 6, "The address is this host's: a loop")
                             : GP__REPLY(550, 5, 1, 2, "No address that could be reached");
    return 1;
}

int gp__outbound_hosts(struct gp__outbound_job *job, struct gp_slice domain,
                       struct gp__outbound_hosts *hosts_r, struct gp__reply *reply_r)
{
    char *ascii = gp__arena_bytes(job->arena, GP__DOMAIN_MAX + 1);

    *hosts_r = (struct gp__outbound_hosts){.by_domain = job->hop->n_hosts == 0};
    if (!hosts_r->by_domain) {
        hosts_r->secure = true; /* the configuration says so */
        give_list(job, hosts_r);
        return 0;
    }
    hosts_r->domain = domain;
    if (domain.len == 0) {
        *reply_r = GP__REPLY(550, 5, 1, 3, "An address without a domain goes nowhere");
        return 1;
    }
    if (domain.data[0] == '[')
        return give_literal(job, hosts_r, reply_r);
    if (gp__domain_ascii(domain, ascii, &hosts_r->domain) != GP__DOMAIN_OK) {
        *reply_r = no_such(job->arena, 1, 2, "This is no domain name", domain);
        return 1;
    }
    return look_up_mx(job, hosts_r, reply_r);
}

/* ---- addresses ---- */

static void take_address(struct gp__outbound_host *host, const struct gp_dns_answer *answer,
                         size_t n)
{
    struct gp__ip *ip = &host->ips[host->n_ips];

    if (answer && n < gp_dns_count(answer) && host->n_ips < GP__OUTBOUND_ADDRESSES_MAX &&
        gp__ip_parse(gp_dns_text(answer, n), ip) == 0)
        host->n_ips++;
}

/* Secure if each answer is, also that there is none of that kind. */
static void take_answers(struct gp__outbound_host *host, const struct gp_dns_answer *const two[2])
{
    host->secure = true;
    for (int i = 0; i < 2; i++) {
        host->secure = host->secure && two[i] && gp_dns_secure(two[i]);
        if (two[i] && gp_slice_present(two[i]->canonical))
            host->canonical = two[i]->canonical;
    }
    for (size_t n = 0; n < GP__OUTBOUND_ADDRESSES_MAX; n++) {
        take_address(host, two[0], n);
        take_address(host, two[1], n);
    }
}

static bool drop_own_addresses(const struct gp__outbound_job *job, struct gp__outbound_host *host)
{
    for (size_t i = 0; i < host->n_ips; i++)
        if (is_own_ip(job, &host->ips[i]))
            return false;
    return true;
}

static int ask_addresses(struct gp__outbound_job *job, struct gp__outbound_host *host,
                         struct gp__reply *reply_r)
{
    struct gp_op *ops[2] = {gp_dns_start(job->call, host->name, GP_DNS_AAAA),
                            gp_dns_start(job->call, host->name, GP_DNS_A)};
    const struct gp_dns_answer *answers[2];
    int errors[2];

    for (int i = 0; i < 2; i++) {
        errors[i] = gp_wait(job->call, ops[i]);
        answers[i] = ops[i] ? gp_dns_answer(ops[i]) : NULL;
    }
    if (job->call->root->sticky)
        return job->call->root->sticky;
    take_answers(host, answers);
    if (host->n_ips)
        return 0;
    *reply_r = errors[0] == GP_ETEMP || errors[1] == GP_ETEMP
                   ? no_answer(job->arena, host->name)
                   : no_such(job->arena, 4, 4, "The host has no address", host->name);
    return 1;
}

int gp__outbound_addresses(struct gp__outbound_job *job, struct gp__outbound_host *host,
                           struct gp__reply *reply_r)
{
    int result = 0;

    if (host->is_unix)
        return 0;
    if (host->literal) {
        host->ips[0] = host->ip;
        host->n_ips = 1;
    } else {
        result = ask_addresses(job, host, reply_r);
    }
    if (result == 0 && job->hop->n_hosts == 0 && !drop_own_addresses(job, host)) {
        *reply_r = GP__REPLY(554, 5, 4, 6, "The mail host of the domain is this one: a loop");
        return 1;
    }
    return result;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Questions to libunbound. It has no deadline of its own that suits a mail server, so each question
 * has a timer; one that was given up stays with libunbound until it calls back, and then only fills
 * its cache. Settings that libunbound refuses are logged: a resolver with one option less is better
 * than none, except for a trust anchor that was asked for.
 */
#include "core/runtime/resolver.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/runtime/dns_event.h"
#include "core/runtime/dns_record.h"
#include "core/runtime/job.h"

#include <stddef.h>
#include <stdio.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
/* Questions under way, given up ones included: then names of an attacker's choice that never answer
 * cost others a GP_ETEMP, not memory without end. */
#define QUERIES_MAX 8192

struct gp__dns_query {
    struct gp__dns *dns;
    struct gp__dns_query *next, *prev;
    void (*fn)(void *arg, const struct gp__dns_reply *reply); /* NULL: forgotten */
    void *arg;
    struct gp__timer timer;
    enum gp_dns_type type;
    bool asked; /* libunbound will call back */
    char name[GP__DNS_NAME_MAX + 2];
};

struct gp__dns {
    struct gp__live *live;
    struct gp__arena *arena; /* of the options */
    struct gp__dns_options options;
    struct ub_event_base *base;
    struct ub_ctx *ctx;
    struct gp__dns_query *queries;
    size_t n_queries;
    bool broken; /* no context could be made */
};

/* ---- settings ---- */

static void complain(struct gp__dns *dns, const char *what, int error)
{
    gp__log(dns->live->base.log, GP_LOG_ERROR, "dns.setting", GP__F_C("setting", what),
            GP__F_C("error", ub_strerror(error)));
}

static void set(struct gp__dns *dns, const char *option, const char *value)
{
    int error = ub_ctx_set_option(dns->ctx, option, value);

    if (error)
        complain(dns, option, error);
}

static void set_sizes(struct gp__dns *dns)
{
    set(dns, "outgoing-range:", "512");
    set(dns, "num-queries-per-thread:", "1024");
    set(dns, "outgoing-num-tcp:", "64");
    set(dns, "msg-cache-size:", "8m");
    set(dns, "rrset-cache-size:", "16m");
    set(dns, "edns-buffer-size:", "1232"); /* no fragments: DNS flag day 2020 */
    set(dns, "use-syslog:", "no");
}

/* libunbound answers private reverse zones and "test." by itself, as RFC 6303 and 6761 want of a
 * resolver that asks the root; servers that somebody chose may know better. (The zone type
 * "nodefault" has no effect when it is set as an option.) */
static void unblock_local_zones(struct gp__dns *dns)
{
    set(dns, "unblock-lan-zones:", "yes");
    set(dns, "insecure-lan-zones:", "yes");
    set(dns, "local-zone:", "test. transparent");
    set(dns, "local-zone:", "home.arpa. transparent");
}

static void set_servers(struct gp__dns *dns)
{
    set(dns, "do-not-query-localhost:", "no");
    for (size_t i = 0; i < dns->options.n_servers; i++) {
        int error = ub_ctx_set_fwd(dns->ctx, dns->options.servers[i].data);

        if (error)
            complain(dns, dns->options.servers[i].data, error);
    }
}

static const char *root_key(const struct gp__dns *dns)
{
    static const char *const places[] = {"/var/lib/unbound/root.key", "/usr/share/dns/root.key",
                                         "/etc/unbound/root.key",
                                         "/usr/share/dnssec-root/trusted-key.key"};

    if (gp_slice_present(dns->options.root_key))
        return dns->options.root_key.data;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (access(places[i], R_OK) == 0)
            return places[i];
    }
    return NULL;
}

/* 0, or -1: DNSSEC was asked for and there is no key. */
static int set_dnssec(struct gp__dns *dns)
{
    const char *key = root_key(dns);
    int error;

    if (dns->options.dnssec == GP__DNSSEC_OFF ||
        (dns->options.dnssec == GP__DNSSEC_AUTO &&
         (dns->options.source != GP__DNS_RECURSIVE || !key)))
        return 0;
    error = key ? ub_ctx_add_ta_file(dns->ctx, key) : UB_READFILE;
    if (error)
        complain(dns, "root key", error);
    return error ? -1 : 0;
}

static int configure(struct gp__dns *dns)
{
    const char *hosts = dns->options.hosts_file.data;
    int error = 0;

    (void)ub_ctx_debugout(dns->ctx, NULL);
    set_sizes(dns);
    if (dns->options.source != GP__DNS_RECURSIVE)
        unblock_local_zones(dns);
    if (dns->options.source == GP__DNS_SERVERS)
        set_servers(dns);
    if (dns->options.source == GP__DNS_SYSTEM) {
        set(dns, "do-not-query-localhost:", "no");
        error = ub_ctx_resolvconf(dns->ctx, NULL);
        if (error)
            complain(dns, "resolv.conf", error);
    }
    if (hosts || dns->options.source != GP__DNS_SERVERS) {
        error = ub_ctx_hosts(dns->ctx, hosts);
        if (error)
            complain(dns, "hosts", error);
    }
    return set_dnssec(dns);
}

static struct ub_ctx *context(struct gp__dns *dns)
{
    if (dns->ctx || dns->broken)
        return dns->broken ? NULL : dns->ctx;
    dns->base = gp__dns_base_create(dns->live);
    dns->ctx = ub_ctx_create_ub_event(dns->base);
    if (!dns->ctx || configure(dns) < 0) {
        gp__log(dns->live->base.log, GP_LOG_ERROR, "dns.unusable");
        dns->broken = true;
    }
    return dns->broken ? NULL : dns->ctx;
}

/* ---- questions ---- */

static void query_free(struct gp__dns_query *query)
{
    if (query->prev)
        query->prev->next = query->next;
    else
        query->dns->queries = query->next;
    if (query->next)
        query->next->prev = query->prev;
    query->dns->n_queries--;
    gp__timers_stop(&query->dns->live->timers, &query->timer);
    gp__free(query);
}

/* Calls back, if anybody still listens. */
static void tell(struct gp__dns_query *query, const struct gp__dns_reply *reply)
{
    void (*fn)(void *, const struct gp__dns_reply *) = query->fn;

    query->fn = NULL;
    if (fn)
        fn(query->arg, reply);
}

static void fail(struct gp__dns_query *query)
{
    tell(query, &(struct gp__dns_reply){.error = GP_ETEMP});
}

/* libunbound's answer. `sec`: 0 insecure, 1 bogus, 2 secure. */
static void on_answer(void *arg, int rcode, void *packet, int len, int sec, char *why, int limited)
{
    struct gp__dns_query *query = arg;
    struct gp__dns_reply reply = {.error = GP_ETEMP, .secure = sec == 2};

    (void)why;
    (void)limited;
    if (sec != 1 && (rcode == 0 || rcode == 3) && packet && len > 0) {
        reply.error = 0;
        reply.packet = gp_slice(packet, (size_t)len);
    }
    tell(query, &reply);
    query_free(query);
}

static void on_timeout(struct gp__timer *timer)
{
    struct gp__dns_query *query = (struct gp__dns_query *)((char *)timer -
                                                           offsetof(struct gp__dns_query, timer));

    fail(query);
}

/* On the loop's stack. */
static void ask(void *arg)
{
    struct gp__dns_query *query = arg;
    struct ub_ctx *ctx = query->fn ? context(query->dns) : NULL;

    query->asked = true;
    if (ctx && ub_resolve_event(ctx, query->name, (int)query->type, 1, query, on_answer, NULL) == 0)
        return;
    fail(query);
    query_free(query);
}

struct gp__dns_query *gp__dns_ask(struct gp__dns *dns, struct gp_slice name, enum gp_dns_type type,
                                  void (*fn)(void *arg, const struct gp__dns_reply *reply),
                                  void *arg)
{
    struct gp__dns_query *query;

    if (dns->n_queries >= QUERIES_MAX)
        return NULL;
    query = gp__alloc(sizeof *query);
    memcpy(query->name, name.data, name.len);
    query->dns = dns;
    query->fn = fn;
    query->arg = arg;
    query->type = type;
    query->timer.fn = on_timeout;
    query->next = dns->queries;
    if (query->next)
        query->next->prev = query;
    dns->queries = query;
    dns->n_queries++;
    gp__timers_start(&dns->live->timers, &query->timer,
                     uv_now(&dns->live->loop) + dns->options.timeout_ms);
    gp__tasks_defer(dns->live->base.tasks, ask, query);
    return query;
}

void gp__dns_forget(struct gp__dns_query *query)
{
    query->fn = NULL;
}

/* ---- life ---- */

static void copy_options(struct gp__dns *dns, const struct gp__dns_options *options)
{
    struct gp_slice *servers = GP__ARENA_ARRAY(dns->arena, struct gp_slice, options->n_servers + 1);

    dns->options = *options;
    for (size_t i = 0; i < options->n_servers; i++)
        servers[i] = gp__arena_dup(dns->arena, options->servers[i]);
    dns->options.servers = servers;
    dns->options.root_key = gp__arena_dup(dns->arena, options->root_key);
    dns->options.hosts_file = gp__arena_dup(dns->arena, options->hosts_file);
    if (dns->options.timeout_ms == 0)
        dns->options.timeout_ms = TIMEOUT_MS;
}

struct gp__dns *gp__dns_create(struct gp__live *live, const struct gp__dns_options *options)
{
    struct gp__dns *dns = gp__alloc(sizeof *dns);

    dns->live = live;
    dns->arena = gp__arena_create();
    copy_options(dns, options);
    return dns;
}

void gp__dns_free(struct gp__dns **dns_)
{
    struct gp__dns *dns = *dns_;

    if (!dns)
        return;
    *dns_ = NULL;
    if (dns->ctx)
        ub_ctx_delete(dns->ctx);
    gp__dns_base_free(&dns->base);
    while (dns->queries)
        query_free(dns->queries);
    gp__arena_free(&dns->arena);
    gp__free(dns);
}

/* ---- the operation ---- */

struct question {
    struct gp__job job;
    struct gp__dns_query *query;
    enum gp_dns_type type;
};

static void question_cancel(struct gp__job *job)
{
    struct question *question = (struct question *)job;

    gp__dns_forget(question->query);
    gp__free(question);
}

static void question_answered(void *arg, const struct gp__dns_reply *reply)
{
    struct question *question = arg;
    struct gp_op *op = question->job.op;
    int result = reply->error;

    if (result == 0)
        result = gp__dns_parse(op->arena, reply->packet, question->type, reply->secure, &op->dns);
    gp__job_finish(&question->job, result);
    gp__free(question);
}

void gp__live_dns(struct gp__runtime *rt, struct gp_op *op, struct gp_slice name,
                  enum gp_dns_type type)
{
    struct question *question = gp__alloc(sizeof *question);
    bool valid = gp__dns_name_valid(name);

    gp__job_start(&question->job, op, question_cancel);
    question->type = type;
    if (valid)
        question->query = gp__dns_ask(gp__live(rt)->dns, name, type, question_answered, question);
    if (question->query)
        return;
    gp__job_finish(&question->job, valid ? GP_ETEMP : GP_EINVAL);
    gp__free(question);
}

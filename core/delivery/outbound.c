// SPDX-License-Identifier: Apache-2.0
/*
 * <gatepost/smtp.h>. Recipients are taken by destination; its hosts are tried in order until each
 * recipient has an outcome that no other host could better. What only says something about one host
 * (no connection, a 4xx greeting, an extension it lacks) leads to the next; what a host says of a
 * recipient or of the message stands. A message whose last byte was sent goes nowhere else until
 * its server has answered: it may have it.
 */
#include "core/delivery/outbound.h"

#include "core/base/alloc.h"
#include "core/base/utf8.h"
#include "core/delivery/greylist.h"

#include <stdio.h>

/* ---- outcomes ---- */

static enum gp_outcome outcome_of(const struct gp__reply *reply)
{
    return reply->code / 100 == 2   ? GP_OUTCOME_DELIVERED
           : reply->code / 100 == 5 ? GP_OUTCOME_FAILED
                                    : GP_OUTCOME_DEFERRED;
}

/* Policy answers for now are about how much we send, but for greylisting: that is about each sender
 * and recipient, and all of them are best made known at once. */
static bool asks_for_less(const struct gp__reply *reply)
{
    return reply->code == 421 ||
           (reply->code / 100 == 4 && reply->subject == 7 && !gp__says_greylist(reply->text));
}

/* It is not asked whether the reply is well-formed: the engine's are. */
static void settle(struct gp__outbound_job *job, size_t index, const struct gp__reply *reply,
                   struct gp_slice remote)
{
    struct gp_delivery *delivery = job->delivery;
    struct gp__arena *arena = delivery->policy->transaction->arena;

    delivery->outcomes[index] = outcome_of(reply);
    delivery->replies[index] = *reply;
    if (!reply->klass)
        delivery->replies[index].klass = (uint8_t)(reply->code / 100);
    delivery->replies[index].text = gp__arena_dup(arena, reply->text);
    gp_delivery_remote(delivery, index, remote);
    delivery->peers[index].untried = false;
    if (asks_for_less(reply))
        gp_delivery_advise(delivery, GP_ADVICE_SLOWDOWN, 0);
}

static void settle_pending(struct gp__outbound_job *job)
{
    for (size_t i = 0; i < job->n_pending; i++) {
        settle(job, job->pending[i], &job->failure.reply, job->failure.remote);
        job->delivery->peers[job->pending[i]].untried = job->failure.limited;
    }
    if (job->failure.wait_ms > job->delivery->untried_ms)
        job->delivery->untried_ms = job->failure.wait_ms;
    gp_delivery_advise(job->delivery, job->failure.advice, 0);
    job->n_pending = 0;
}

static void fail(struct gp__outbound_job *job, const struct gp__reply *reply)
{
    job->failure = (struct gp__outbound_failure){.reply = *reply};
}

/* ---- one transaction ---- */

enum then {
    THEN_SETTLED = 0,
    THEN_AGAIN, /* the same host, in another transaction */
    THEN_NEXT,  /* another host */
};

/* "Too many recipients": they go with the next transaction, if this one had some (RFC 5321
 * 4.5.3.1.10, where 552 means the same). */
static bool is_too_many(const struct gp__smtp_outcome *outcome)
{
    const struct gp__reply *reply = &outcome->reply;

    return outcome->stage == GP__STAGE_RCPT &&
           ((reply->code == 452 &&
             (!reply->klass || (reply->subject == 5 && reply->detail == 3))) ||
            (reply->code == 552 && !reply->klass));
}

static enum then judge(const struct gp__smtp_outcome *outcome, bool some_taken)
{
    if (is_too_many(outcome) && some_taken)
        return THEN_AGAIN;
    if (outcome->own && outcome->stage != GP__STAGE_END)
        return THEN_NEXT;
    if (outcome->stage == GP__STAGE_CONNECT) /* 421 in between */
        return THEN_NEXT;
    return THEN_SETTLED;
}

/* Who tells a sender that wants to hear of success: a host that was asked to, or else we. */
static void note_success(struct gp__outbound_job *job, const struct gp__outbound_session *session,
                         size_t index)
{
    const struct gp_recipient *recipient = job->delivery->recipients[index];
    const struct gp__capabilities *can = gp__smtp_client_capabilities(session->client);

    if (job->probe || recipient->added || !(recipient->given->notify & GP__NOTIFY_SUCCESS))
        return;
    if (can->extensions & GP__EXT_DSN)
        job->delivery->peers[index].passed = true;
    else if (!job->pool->settings.lmtp)
        gp_delivery_relayed(job->delivery, index);
}

static bool any_taken(const struct gp__outbound_session *session, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (gp__smtp_client_outcome(session->client, i)->stage == GP__STAGE_END)
            return true;
    return false;
}

static void remember(struct gp__outbound_job *job, const struct gp__outbound_session *session,
                     const struct gp__smtp_outcome *outcome)
{
    job->failure = (struct gp__outbound_failure){
        .reply = outcome->reply,
        .remote = gp__arena_dup(job->arena, session->remote),
        .advice = outcome->reply.code == 421 ? GP_ADVICE_SLOWDOWN : 0,
    };
    job->failure.reply.text = gp__arena_dup(job->arena, outcome->reply.text);
}

/* Takes the outcomes of the first n pending ones; those that have none yet move up. Returns how many
 * of them are for this host again. */
static size_t take_outcomes(struct gp__outbound_job *job,
                            const struct gp__outbound_session *session, size_t n)
{
    bool some_taken = any_taken(session, n);
    size_t kept = 0, again = 0;

    for (size_t i = 0; i < n; i++) {
        const struct gp__smtp_outcome *outcome = gp__smtp_client_outcome(session->client, i);
        size_t index = job->pending[i];
        enum then then = judge(outcome, some_taken);

        if (then == THEN_SETTLED) {
            settle(job, index, &outcome->reply, session->remote);
            if (job->delivery->outcomes[index] == GP_OUTCOME_DELIVERED)
                note_success(job, session, index);
            continue;
        }
        remember(job, session, outcome);
        again += then == THEN_AGAIN;
        job->pending[kept++] = index;
    }
    memmove(job->pending + kept, job->pending + n, (job->n_pending - n) * sizeof *job->pending);
    job->n_pending -= n - kept;
    return again;
}

static size_t batch_of(const struct gp__outbound_job *job,
                       const struct gp__outbound_session *session)
{
    size_t most = gp__smtp_client_capabilities(session->client)->recipients;
    size_t n = (size_t)job->pool->settings.recipients;

    if (most && most < n)
        n = most;
    return n < job->n_pending ? n : job->n_pending;
}

/* A connection that was kept may have ended while nobody looked: nothing was sent over it then. */
static bool was_stale(const struct gp__outbound_session *session)
{
    const struct gp__smtp_outcome *first = gp__smtp_client_outcome(session->client, 0);

    return session->reused && session->lost && first && first->stage == GP__STAGE_CONNECT;
}

enum sent {
    SENT_ALL = 0, /* that this host can be sent */
    SENT_NOTHING, /* the connection was stale */
};

/* Transaction after transaction, while there is somebody for this host. A sticky error is the
 * call's. */
static enum sent send_all(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    while (job->n_pending > 0) {
        size_t n = batch_of(job, session), before = job->n_pending, again;
        uint64_t wait_ms = gp__outbound_pay(session);

        if (wait_ms) {
            gp__outbound_limited(job, wait_ms);
            return SENT_ALL;
        }
        session->paid = false;
        if (gp__outbound_send(job, session, gp__outbound_mail(job, job->pending, n)) != 0)
            return SENT_ALL;
        if (was_stale(session)) {
            session->paid = session->source != NULL; /* for the next, or given back */
            return SENT_NOTHING;
        }
        session->reused = false;
        again = take_outcomes(job, session, n);
        if (session->lost || (job->n_pending == before && n == before) ||
            (before - job->n_pending < n && again == 0))
            break; /* nobody moved, or the rest is for another host */
        if (job->n_pending > 0 && !gp__outbound_ready(job, session))
            break;
    }
    return SENT_ALL;
}

/* ---- reports ---- */

static struct gp__report_facts facts_of(const struct gp__outbound_job *job,
                                        const struct gp__tls_policy *policy,
                                        const struct gp__outbound_session *session, int opened)
{
    const struct gp__stream_tls *tls = session->stream ? session->stream->tls : NULL;

    return (struct gp__report_facts){
        .trouble = policy->trouble,
        .opened = opened == 0,
        .secure = tls != NULL,
        .refused = opened != 0 && !session->tls_failed && job->failure.tls,
        .tls_lost = session->tls_failed,
        .failure = session->tls_failure,
        .observed = opened == 0 && tls ? tls->observed : GP__TLS_FINE,
    };
}

static void report(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                   const struct gp__outbound_host *host, const struct gp__tls_policy *policy,
                   const struct gp__outbound_session *session, int opened)
{
    struct gp__report_facts facts;
    const char *result;

    if (!session || session->reused || !hosts->by_domain || host->literal)
        return;
    facts = facts_of(job, policy, session, opened);
    result = gp__report_result(&facts);
    if (result)
        gp__report_count(job->call, hosts->domain, policy->reported, result, host->name);
}

/* ---- one host ---- */

/* One session. Whether it is worth another try with this host, as `fresh` and `policy` say then. */
static bool try_session(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                        const struct gp__outbound_host *host, struct gp__tls_policy *policy,
                        bool *fresh)
{
    struct gp__outbound_session *session;
    int result = gp__outbound_acquire(job, host, policy, *fresh, &session);
    bool again = false;

    report(job, hosts, host, policy, session, result);
    if (result == 0 && session->reused && !gp__outbound_ready(job, session)) {
        *fresh = again = true;
    } else if (result == 0) {
        gp__outbound_worked(job, host);
        *fresh = again = send_all(job, session) == SENT_NOTHING;
    } else if (result == 1 && session) {
        gp__outbound_failed(job, host);
        /* Plaintext is what it would have been without TLS (RFC 7435). */
        again = session->tls_failed && policy->level == GP__TLS_LEVEL_OPPORTUNISTIC;
        if (again) {
            policy->level = GP__TLS_LEVEL_NONE;
            policy->reported = GP__REPORT_NOTHING; /* that failure was one */
        }
    }
    if (session)
        gp__outbound_release(&session);
    return again && !job->call->root->sticky;
}

static void try_host(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                     struct gp__outbound_host *host)
{
    struct gp__reply reply = {.code = 0};
    struct gp__tls_policy policy;
    bool fresh = false;

    if (gp__outbound_addresses(job, host, &reply) != 0) {
        fail(job, &reply);
        return;
    }
    if (gp__outbound_tls(job, hosts, host, &policy) != 0)
        return;
    /* once more when it was stale, once more without TLS */
    for (int i = 0; i < 3 && job->n_pending > 0; i++)
        if (!try_session(job, hosts, host, &policy, &fresh))
            break;
}

/* ---- one destination ---- */

static void deliver_to(struct gp__outbound_job *job, struct gp_slice domain)
{
    struct gp__outbound_hosts hosts;
    struct gp__reply reply = {.code = 0};
    int result = gp__outbound_hosts(job, domain, &hosts, &reply);

    if (result < 0)
        return;
    if (result == 1)
        fail(job, &reply);
    for (size_t i = 0; result == 0 && i < hosts.count && i < GP__OUTBOUND_TRIED_MAX; i++) {
        if (job->n_pending == 0 || job->failure.limited || job->call->root->sticky)
            break;
        try_host(job, &hosts, &hosts.items[i]);
    }
    if (!job->call->root->sticky)
        settle_pending(job);
}

/* Moves the recipients who share the first one's hop from `left` to the pending ones, without hosts
 * those of its domain. How many are left. */
static size_t take_destination(struct gp__outbound_job *job, size_t *left, size_t n)
{
    struct gp_recipient *const *recipients = job->delivery->recipients;
    struct gp_slice domain = recipients[left[0]]->address.domain;
    size_t kept = 0;

    job->n_pending = 0;
    job->hop = job->hops[left[0]];
    for (size_t i = 0; i < n; i++) {
        if (gp_slice_eq(job->hops[left[i]]->key, job->hop->key) &&
            (job->hop->n_hosts || gp_slice_caseeq(recipients[left[i]]->address.domain, domain)))
            job->pending[job->n_pending++] = left[i];
        else
            left[kept++] = left[i];
    }
    return kept;
}

/* Whoever has none has an outcome. How many have one, in `left`. */
static size_t find_hops(struct gp__outbound_job *job, size_t *left)
{
    static const struct gp__reply nowhere = GP__REPLY_INIT(550, 5, 1, 2,
                                                           "There is no host for this recipient");
    static const struct gp__reply unknown = GP__REPLY_INIT(
        451, 4, 3, 0, "Can't tell where this recipient's mail goes now");
    const struct gp_delivery *delivery = job->delivery;
    size_t n = 0;

    for (size_t i = 0; i < delivery->count; i++) {
        int error = gp__outbound_hop(job, delivery->recipients[i], &job->hops[i]);

        if (job->call->root->sticky)
            return 0;
        if (error)
            settle(job, i, error == GP_ENOTFOUND ? &nowhere : &unknown, gp_slice(NULL, 0));
        else
            left[n++] = i;
    }
    return n;
}

/* Destination after destination. */
static int deliver_all(struct gp__outbound_job *job)
{
    struct gp_delivery *delivery = job->delivery;
    size_t *left = GP__ARENA_ARRAY(job->arena, size_t, delivery->count);
    size_t n = find_hops(job, left);

    while (n > 0 && !job->call->root->sticky) {
        struct gp_slice domain = delivery->recipients[left[0]]->address.domain;

        n = take_destination(job, left, n);
        fail(job, &GP__REPLY(451, 4, 4, 1, "No host could be reached"));
        deliver_to(job, domain);
    }
    return job->call->root->sticky;
}

static void job_init(struct gp__outbound_job *job, struct gp_call *call, struct gp_smtp *smtp,
                     struct gp_delivery *delivery)
{
    *job = (struct gp__outbound_job){.call = call, .pool = smtp, .delivery = delivery};
    job->arena = gp__call_arena(call);
    job->pending = GP__ARENA_ARRAY(job->arena, size_t, delivery->count);
    job->hops = GP__ARENA_ARRAY(job->arena, const struct gp__outbound_hop *, delivery->count);
}

int gp_smtp_deliver(struct gp_call *call, struct gp_smtp *smtp, struct gp_delivery *delivery)
{
    static const struct gp__reply binary = GP__REPLY_INIT(
        554, 5, 6, 3, "The message is binary, and can't be converted");
    struct gp__outbound_job job;

    job_init(&job, call, smtp, delivery);
    if (!smtp->hostname.len)
        smtp->hostname = gp__arena_dup(smtp->arena, delivery->hostname);
    gp__outbound_message(&job);
    if (!job.message.binary)
        return deliver_all(&job);
    for (size_t i = 0; i < delivery->count; i++)
        settle(&job, i, &binary, gp_slice(NULL, 0));
    return call->root->sticky;
}

int gp_smtp_verify(struct gp_call *call, struct gp_smtp *smtp, struct gp_delivery *delivery)
{
    struct gp__outbound_job job;

    job_init(&job, call, smtp, delivery);
    job.probe = true;
    for (size_t i = 0; i < delivery->count; i++)
        job.message.smtputf8 |= !gp__ascii_only(delivery->recipients[i]->address.text);
    return deliver_all(&job);
}

int gp_smtp_report(struct gp_call *call)
{
    return gp__report_send(call);
}

/* ---- life ---- */

static int complain(struct gp_call *call, const char *what, struct gp_slice text)
{
    gp_log(call, GP_LOG_ERROR, "\"" GP_FMT "\" is no %s", GP_ARG(gp_slice_sub(text, 0, 200)), what);
    return -1;
}

static int read_hosts(struct gp_call *call, struct gp_smtp *smtp)
{
    const struct gp_list *list = smtp->settings.hosts;
    size_t n = gp_list_count(list);
    struct gp__outbound_host *hosts = GP__ARENA_ARRAY(smtp->arena, struct gp__outbound_host, n);
    int result = 0;

    smtp->own.hosts = hosts;
    smtp->own.n_hosts = n;
    for (size_t i = 0; i < n; i++) {
        struct gp_slice text = *(const struct gp_slice *)gp_list_at(list, i);

        if (gp__outbound_host_read(smtp->arena, text, &hosts[i]) < 0)
            result = complain(call, "address of a host (\"host:port\" or \"unix:/path\")", text);
    }
    if (list && n == 0)
        gp_log(call, GP_LOG_ERROR, "there is no host in the list");
    return list && n == 0 ? -1 : result;
}

static int read_sources(struct gp_call *call, struct gp_smtp *smtp)
{
    const struct gp_list *list = smtp->settings.sources;
    size_t n = gp_list_count(list);
    int result = 0;

    smtp->sources = GP__ARENA_ARRAY(smtp->arena, struct gp__origin *, n);
    for (size_t i = 0; i < n; i++) {
        struct gp_slice text = *(const struct gp_slice *)gp_list_at(list, i);
        struct gp__ip ip;

        if (gp__ip_parse(text, &ip) < 0)
            result = complain(call, "IP address to connect from", text);
        else
            smtp->sources[smtp->n_sources++] = gp__origin_ref(smtp->runtime, &ip);
    }
    smtp->limits.rate = smtp->settings.source_rate;
    smtp->limits.sessions = (uint64_t)smtp->settings.source_connections;
    if (n > 0 || (smtp->limits.rate.count == 0 && smtp->limits.sessions == 0))
        return result;
    gp_log(call, GP_LOG_ERROR,
           "source_rate and source_connections are limits of each of `sources`: "
           "there are none");
    return -1;
}

static int check_helo(struct gp_call *call, const struct gp_smtp *smtp)
{
    struct gp__ip literal;

    if (!gp_slice_present(smtp->settings.helo) ||
        gp__domain_parse(smtp->settings.helo, 0, &literal) == GP__ADDRESS_OK)
        return 0;
    return complain(call, "host name to greet with", smtp->settings.helo);
}

static void set_defaults(struct gp_smtp_settings *settings)
{
    settings->port = settings->port ? settings->port : 25;
    settings->connections = settings->connections ? settings->connections : 20;
    settings->messages = settings->messages ? settings->messages : 100;
    settings->recipients = settings->recipients ? settings->recipients : 100;
    settings->connect_ms = settings->connect_ms ? settings->connect_ms : 30000;
    settings->check_timeout_ms = settings->check_timeout_ms ? settings->check_timeout_ms : 10000;
}

struct gp_smtp *gp_smtp_create(struct gp_call *call, const struct gp_smtp_settings *settings)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_smtp *smtp = GP__ARENA_NEW(arena, struct gp_smtp);
    size_t size = settings->size && settings->size < sizeof *settings ? settings->size
                                                                      : sizeof *settings;

    gp__arena_keep_secret(arena);
    memcpy(&smtp->settings, settings, size);
    smtp->arena = arena;
    smtp->runtime = call->runtime;
    set_defaults(&smtp->settings);
    smtp->own = (struct gp__outbound_hop){
        .tls = smtp->settings.tls,
        .implicit_tls = smtp->settings.implicit_tls,
        .names = smtp->settings.names,
        .user = smtp->settings.user,
        .password = smtp->settings.password,
        .key = GP_S(""),
    };
    if (read_hosts(call, smtp) < 0 || read_sources(call, smtp) < 0 || check_helo(call, smtp) < 0)
        gp_smtp_destroy(&smtp);
    return smtp;
}

void gp_smtp_destroy(struct gp_smtp **smtp_)
{
    struct gp_smtp *smtp = *smtp_;
    struct gp__arena *arena;

    *smtp_ = NULL;
    if (!smtp)
        return;
    smtp->runtime->ops->timer_stop(smtp->runtime, &smtp->timer);
    while (smtp->idle) {
        struct gp__outbound_session *session = smtp->idle;

        smtp->idle = session->next;
        gp__outbound_close(&session);
    }
    for (size_t i = 0; i < smtp->n_sources; i++)
        gp__origin_unref(smtp->runtime, &smtp->sources[i]);
    gp__outbound_peers_free(&smtp->peers);
    arena = smtp->arena;
    gp__arena_free(&arena);
}

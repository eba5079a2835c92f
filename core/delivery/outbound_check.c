// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the hosts of a list are there, asked before mail is: connect, greeting, EHLO, TLS and login
 * as for mail, QUIT. What deliveries find out counts as well, so a host that takes mail is not asked.
 * The state is the process's, as connections are.
 */
#include "core/delivery/outbound.h"

/* 0: it is there; 1: the failure says why not; or a sticky error. */
static int reach(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                 struct gp__outbound_host *host)
{
    struct gp__outbound_session *session = NULL;
    struct gp__tls_policy policy;
    struct gp__reply reply = {.code = 0};
    int result = gp__outbound_addresses(job, host, &reply);

    if (result == 1)
        job->failure = (struct gp__outbound_failure){.reply = reply};
    if (result == 0)
        result = gp__outbound_tls(job, hosts, host, &policy);
    if (result == 0)
        result = gp__outbound_acquire(job, host, &policy, true, &session);
    /* Plaintext is what it would be without TLS: mail tries that, too. */
    if (result == 1 && session && session->tls_failed &&
        policy.level == GP__TLS_LEVEL_OPPORTUNISTIC)
        result = 0;
    if (session) {
        session->mails = job->pool->settings.messages; /* it is not kept: QUIT */
        gp__outbound_release(&session);
    }
    return result;
}

static void check_host(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                       size_t i)
{
    struct gp_smtp *pool = job->pool;
    struct gp__outbound_host host = pool->own.hosts[i];
    const struct gp__outbound_peer *peer = gp__outbound_peer(pool, host.key);
    int result;

    /* It is in use, or was reached a moment ago. */
    if (peer->sessions > 0 || peer->known_until_ms > pool->runtime->ops->now_ms(pool->runtime))
        return;
    job->failure = (struct gp__outbound_failure){.limited = false};
    result = reach(job, hosts, &host);
    if (result == 0)
        gp__outbound_worked(job, &host);
    else if (result == 1 && !job->failure.limited)
        gp__outbound_failed(job, &host);
}

int gp_smtp_check(struct gp_call *call, struct gp_smtp *smtp)
{
    uint64_t now = smtp->runtime->ops->now_ms(smtp->runtime);
    struct gp_delivery nothing = {.hostname = smtp->hostname};
    struct gp__outbound_hosts hosts = {.secure = true};
    struct gp__outbound_job job = {.call = call,
                                   .pool = smtp,
                                   .delivery = &nothing,
                                   .arena = gp__call_arena(call),
                                   .hop = &smtp->own,
                                   .within_ms = smtp->settings.check_timeout_ms};

    if (!smtp->settings.check_ms || !smtp->hostname.len || now < smtp->next_check_ms)
        return 0;
    smtp->next_check_ms = now + smtp->settings.check_ms;
    for (size_t i = 0; i < smtp->own.n_hosts && !call->root->sticky; i++)
        check_host(&job, &hosts, i);
    return call->root->sticky;
}

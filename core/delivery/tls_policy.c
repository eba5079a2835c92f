// SPDX-License-Identifier: Apache-2.0
/*
 * In this order: what the target says; what `tls: outbound:` says of the destination; DANE (RFC 7672),
 * which holds whenever DNSSEC vouches for the way to the host and it has TLSA records; MTA-STS (RFC
 * 8461); TLS if it can be had. REQUIRETLS (RFC 8689) accepts nothing less than a verified host.
 */
#include "core/delivery/tls_policy.h"

#include "core/delivery/outbound.h"

/* ---- rules of the configuration ---- */

static bool is_below(struct gp_slice domain, struct gp_slice suffix)
{
    return domain.len > suffix.len && suffix.data[0] == '.' &&
           gp_slice_caseeq(gp_slice_sub(domain, domain.len - suffix.len, suffix.len), suffix);
}

/* The one of the domain itself, else of what it is below, the longest first. */
static const struct gp__outbound_rule *find_rule(const struct gp__outbound_settings *settings,
                                                 struct gp_slice domain, int64_t now)
{
    const struct gp__outbound_rule *found = NULL;

    for (size_t i = 0; i < settings->n_rules; i++) {
        const struct gp__outbound_rule *rule = &settings->rules[i];

        if (rule->until_ms && rule->until_ms <= now)
            continue;
        if (gp_slice_caseeq(rule->domain, domain))
            return rule;
        if (is_below(domain, rule->domain) && (!found || rule->domain.len > found->domain.len))
            found = rule;
    }
    return found;
}

static const struct gp__outbound_settings *settings_of(const struct gp__outbound_job *job)
{
    static const struct gp__outbound_settings defaults = {
        .methods = 1u << GP__METHOD_DANE | 1u << GP__METHOD_MTA_STS |
                   1u << GP__METHOD_OPPORTUNISTIC};
    const struct gp__instance *instance = job->call->instance;

    return instance && instance->outbound ? instance->outbound->settings : &defaults;
}

/* ---- failures ---- */

static int no_use(struct gp__outbound_job *job, uint16_t code, uint16_t detail, const char *text,
                  struct gp_slice host)
{
    job->failure = (struct gp__outbound_failure){
        .reply = {.code = code,
                  .klass = (uint8_t)(code / 100),
                  .subject = 7,
                  .detail = detail,
                  .text = gp__arena_printf(job->arena, GP_FMT ": %s", GP_ARG(host), text)},
        .tls = true,
    };
    return 1;
}

/* There will be no session that could tell it. */
static void report(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                   const struct gp__outbound_host *host, enum gp__report_policy policy,
                   enum gp__report_trouble trouble)
{
    if (hosts->by_domain && !host->literal)
        gp__report_count(job->call, hosts->domain, policy, gp__report_trouble(trouble), host->name);
}

/* ---- DANE ---- */

/* Usages 2 and 3 of RFC 6698, as RFC 7672 3.1 has it; what else there is counts as not usable. */
static bool is_usable(struct gp_slice record)
{
    const unsigned char *bytes = (const unsigned char *)record.data;

    if (record.len <= 3 || (bytes[0] != 2 && bytes[0] != 3) || bytes[1] > 1)
        return false;
    return bytes[2] == 0 || (bytes[2] == 1 && record.len == 3 + 32) ||
           (bytes[2] == 2 && record.len == 3 + 64);
}

/* Names that the certificate may be of where an authority vouches for it: the host's and the
 * destination's (RFC 7672 3.2.2). */
static void set_dane_names(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                           const struct gp__outbound_host *host, struct gp__tls_policy *policy)
{
    struct gp_slice *names = GP__ARENA_ARRAY(job->arena, struct gp_slice, 2);

    policy->names = names;
    names[policy->n_names++] = host->name;
    if (hosts->by_domain)
        names[policy->n_names++] = hosts->domain;
}

static void take_tlsa(struct gp__outbound_job *job, const struct gp_dns_answer *answer,
                      struct gp__tls_policy *policy)
{
    struct gp_slice *records = GP__ARENA_ARRAY(job->arena, struct gp_slice, gp_dns_count(answer));

    policy->tlsa = records;
    for (size_t i = 0; i < gp_dns_count(answer); i++)
        if (is_usable(gp_dns_text(answer, i)))
            records[policy->n_tlsa++] = gp_dns_text(answer, i);
    /* There are some, but for a newer client: encrypted, with anybody (RFC 7672 2.2). */
    policy->level = policy->n_tlsa ? GP__TLS_LEVEL_DANE : GP__TLS_LEVEL_ENCRYPTED;
    policy->trouble = policy->n_tlsa ? GP__TROUBLE_NONE : GP__TROUBLE_TLSA;
}

/* 0: there are none, or DNSSEC does not vouch for that; 1: there are; or an error. */
static int ask_tlsa(struct gp__outbound_job *job, const struct gp__outbound_host *host,
                    struct gp_slice base, struct gp__tls_policy *policy)
{
    struct gp_slice name = gp__arena_printf(job->arena, "_%u._tcp." GP_FMT, host->port,
                                            GP_ARG(base));
    const struct gp_dns_answer *answer = NULL;
    int error = gp_dns(job->call, name, GP_DNS_TLSA, &answer);

    if (error == GP_ENOTFOUND || error == GP_EINVAL)
        return 0;
    if (error)
        return error;
    if (!gp_dns_secure(answer))
        return 0;
    policy->base = base;
    take_tlsa(job, answer, policy);
    return 1;
}

/* An alias that DNSSEC vouches for, though not for what it leads to. */
static int is_secure_alias(struct gp__outbound_job *job, const struct gp__outbound_host *host)
{
    const struct gp_dns_answer *answer = NULL;

    if (host->secure || !gp_slice_present(host->canonical))
        return host->secure;
    return gp_dns(job->call, host->name, GP_DNS_CNAME, &answer) == GP_OK && gp_dns_secure(answer);
}

/* Where the records are: where a vouched-for alias ends, else at the host itself (RFC 7672 2.2.2).
 * 1: DANE holds; 0: it does not; or an error. */
static int look_for_dane(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                         const struct gp__outbound_host *host, struct gp__tls_policy *policy)
{
    int found = 0;

    if (!hosts->secure || host->literal || host->is_unix || !is_secure_alias(job, host))
        return 0;
    if (host->secure && gp_slice_present(host->canonical))
        found = ask_tlsa(job, host, host->canonical, policy);
    if (found == 0)
        found = ask_tlsa(job, host, host->name, policy);
    if (found == 1)
        set_dane_names(job, hosts, host, policy);
    return found;
}

/* As look_for_dane(), 1 also where it is a failure, which is noted. *done_r: DANE decided. */
static int try_dane(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                    const struct gp__outbound_host *host, struct gp__tls_policy *policy,
                    bool *done_r)
{
    int found = look_for_dane(job, hosts, host, policy);

    *done_r = found != 0;
    if (job->call->root->sticky)
        return job->call->root->sticky;
    if (found)
        policy->reported = GP__REPORT_TLSA;
    if (found < 0) { /* bogus, or nobody answers: it may be an attack (RFC 7672 2.1.2) */
        report(job, hosts, host, GP__REPORT_TLSA, GP__TROUBLE_DNSSEC);
        return no_use(job, 451, 5, "DNS gives no answer about its TLSA records", host->name);
    }
    return 0;
}

/* ---- MTA-STS ---- */

static enum gp__report_trouble trouble_of(enum gp__sts_failure failure, bool fits)
{
    switch (failure) {
    case GP__STS_FINE:
        break;
    case GP__STS_FETCH:
        return GP__TROUBLE_STS_FETCH;
    case GP__STS_UNTRUSTED:
        return GP__TROUBLE_STS_UNTRUSTED;
    case GP__STS_INVALID:
        return GP__TROUBLE_STS_INVALID;
    }
    return fits ? GP__TROUBLE_NONE : GP__TROUBLE_STS_HOST;
}

/* `testing` changes nothing but the report (RFC 8461 5): certificates are looked at for it. */
static int try_sts(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                   const struct gp__outbound_host *host, struct gp__tls_policy *policy,
                   bool *done_r)
{
    struct gp__outbound *outbound = job->call->instance ? job->call->instance->outbound : NULL;
    const struct gp__sts_policy *sts;
    enum gp__sts_failure failure;
    bool fits;

    *done_r = false;
    if (!outbound || !hosts->by_domain || host->literal)
        return 0;
    sts = gp__sts_find(job->call, &outbound->sts, hosts->domain, job->pool->settings.ca_file,
                       &failure);
    if (job->call->root->sticky)
        return job->call->root->sticky;
    fits = !sts || gp__sts_matches(sts, host->name);
    if (sts || failure)
        policy->reported = GP__REPORT_STS;
    policy->trouble = trouble_of(failure, fits);
    policy->observe = sts && sts->mode == GP__STS_TESTING;
    if (!sts || policy->observe)
        return 0;
    *done_r = true;
    policy->level = GP__TLS_LEVEL_VERIFIED;
    if (fits)
        return 0;
    report(job, hosts, host, GP__REPORT_STS, GP__TROUBLE_STS_HOST);
    return no_use(job, 451, 5, "it is not a mail host of the domain's MTA-STS policy", host->name);
}

/* ---- all together ---- */

static int by_methods(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                      const struct gp__outbound_host *host, unsigned methods,
                      struct gp__tls_policy *policy)
{
    bool done = false;
    int result = 0;

    policy->reported = GP__REPORT_NO_POLICY;
    if (methods & 1u << GP__METHOD_DANE)
        result = try_dane(job, hosts, host, policy, &done);
    if (result == 0 && !done && methods & 1u << GP__METHOD_MTA_STS)
        result = try_sts(job, hosts, host, policy, &done);
    if (done)
        return result;
    policy->level = methods & 1u << GP__METHOD_OPPORTUNISTIC ? GP__TLS_LEVEL_OPPORTUNISTIC
                                                             : GP__TLS_LEVEL_NONE;
    if (policy->level == GP__TLS_LEVEL_NONE) /* that TLS was not tried says nothing about them */
        policy->reported = GP__REPORT_NOTHING;
    return result;
}

static int require_dane(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                        const struct gp__outbound_host *host, struct gp__tls_policy *policy)
{
    bool done;
    int result = try_dane(job, hosts, host, policy, &done);

    if (result || policy->level == GP__TLS_LEVEL_DANE)
        return result;
    report(job, hosts, host, GP__REPORT_TLSA,
           policy->trouble ? policy->trouble : GP__TROUBLE_DANE_REQUIRED);
    return no_use(job, 451, 5,
                  "DANE is required, and it has no TLSA records that DNSSEC vouches for",
                  host->name);
}

static int by_rule(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                   const struct gp__outbound_host *host, const struct gp__outbound_rule *rule,
                   struct gp__tls_policy *policy)
{
    switch (rule->require) {
    case GP__REQUIRE_POLICY:
        break;
    case GP__REQUIRE_NONE:
        policy->level = GP__TLS_LEVEL_NONE;
        return 0;
    case GP__REQUIRE_ENCRYPTED:
        policy->level = GP__TLS_LEVEL_ENCRYPTED;
        return 0;
    case GP__REQUIRE_VERIFIED:
        policy->level = GP__TLS_LEVEL_VERIFIED;
        policy->names = rule->names;
        policy->n_names = rule->n_names;
        return 0;
    case GP__REQUIRE_DANE:
        return require_dane(job, hosts, host, policy);
    }
    return by_methods(job, hosts, host, rule->methods ? rule->methods : settings_of(job)->methods,
                      policy);
}

static void set_names(struct gp__outbound_job *job, struct gp__tls_policy *policy)
{
    const struct gp_list *list = job->hop->names;
    size_t n = gp_list_count(list);
    struct gp_slice *names = GP__ARENA_ARRAY(job->arena, struct gp_slice, n);

    for (size_t i = 0; i < n; i++)
        names[i] = *(const struct gp_slice *)gp_list_at(list, i);
    policy->names = names;
    policy->n_names = n;
}

static int by_policy(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                     const struct gp__outbound_host *host, struct gp__tls_policy *policy)
{
    const struct gp__outbound_settings *settings = settings_of(job);
    const struct gp__outbound_rule *rule = find_rule(
        settings, hosts->by_domain ? hosts->domain : host->name, gp_wall_clock(job->call));

    if (rule)
        return by_rule(job, hosts, host, rule, policy);
    if (job->message.tls_optional) { /* RFC 8689 5: rather delivered than protected */
        policy->level = GP__TLS_LEVEL_OPPORTUNISTIC;
        return 0;
    }
    return by_methods(job, hosts, host, settings->methods, policy);
}

static int by_setting(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                      const struct gp__outbound_host *host, struct gp__tls_policy *policy)
{
    switch ((enum gp_smtp_tls)job->hop->tls) {
    case GP_SMTP_TLS_POLICY:
        return by_policy(job, hosts, host, policy);
    case GP_SMTP_TLS_NONE:
        policy->level = GP__TLS_LEVEL_NONE;
        return 0;
    case GP_SMTP_TLS_OPPORTUNISTIC:
        policy->level = GP__TLS_LEVEL_OPPORTUNISTIC;
        return 0;
    case GP_SMTP_TLS_REQUIRED:
        policy->level = GP__TLS_LEVEL_ENCRYPTED;
        return 0;
    case GP_SMTP_TLS_VERIFIED:
        policy->level = GP__TLS_LEVEL_VERIFIED;
        set_names(job, policy);
        return 0;
    case GP_SMTP_TLS_DANE:
        return require_dane(job, hosts, host, policy);
    }
    return by_policy(job, hosts, host, policy);
}

int gp__outbound_tls(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                     const struct gp__outbound_host *host, struct gp__tls_policy *policy_r)
{
    int result;

    *policy_r = (struct gp__tls_policy){.level = GP__TLS_LEVEL_NONE};
    result = by_setting(job, hosts, host, policy_r);
    if (result || !job->message.requiretls || policy_r->level >= GP__TLS_LEVEL_VERIFIED)
        return result;
    /* The name to verify must be sure (RFC 8689 4.2.1): DNSSEC says which hosts they are, or we do. */
    if (!hosts->secure)
        return no_use(job, 550, 30, "REQUIRETLS: nobody vouches that it is a host of the domain",
                      host->name);
    policy_r->level = GP__TLS_LEVEL_VERIFIED;
    return 0;
}

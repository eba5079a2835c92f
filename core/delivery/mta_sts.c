// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/mta_sts.h"

#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/log.h"
#include "core/hook/http.h"
#include "core/hook/state.h"

#include <gatepost/http.h>
#include <gatepost/wait.h>

#define FETCH_MS 60000u
#define AGAIN_MS 300000u /* after a failure */
#define DOMAINS_MAX 10000u

/* ---- the TXT record ---- */

static bool id_ok(struct gp_slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!gp__is_alnum(id.data[i]))
            return false;
    return id.len > 0 && id.len <= GP__STS_ID_MAX;
}

/* "v=STSv1; id=20160831085700Z;" (RFC 8461 3.1): fields that are not known are for later. */
struct gp_slice gp__sts_id(struct gp_slice record)
{
    struct gp_slice rest = record, id = gp_slice(NULL, 0);

    if (!gp_slice_eq(gp_slice_trim(gp_slice_split(&rest, ';')), GP_S("v=STSv1")))
        return id;
    while (gp_slice_present(rest)) {
        struct gp_slice value = gp_slice_trim(gp_slice_split(&rest, ';'));
        struct gp_slice name = gp_slice_split(&value, '=');

        if (gp_slice_eq(gp_slice_trim(name), GP_S("id")) && !gp_slice_present(id) &&
            gp_slice_present(value))
            id = gp_slice_trim(value);
    }
    return id_ok(id) ? id : gp_slice(NULL, 0);
}

/* ---- the policy ---- */

static bool mx_ok(struct gp_slice mx)
{
    struct gp_slice host = mx;

    if (gp_slice_starts(host, GP_S("*.")))
        host = gp_slice_sub(host, 2, host.len);
    for (size_t i = 0; i < host.len; i++)
        if (!gp__is_alnum(host.data[i]) && host.data[i] != '-' && host.data[i] != '.' &&
            host.data[i] != '_')
            return false;
    return host.len > 0 && host.len <= 253;
}

static const char *take_mode(struct gp__sts_policy *policy, struct gp_slice value)
{
    if (gp_slice_eq(value, GP_S("enforce")))
        policy->mode = GP__STS_ENFORCE;
    else if (gp_slice_eq(value, GP_S("testing")))
        policy->mode = GP__STS_TESTING;
    else if (!gp_slice_eq(value, GP_S("none")))
        return "its mode is unknown";
    return NULL;
}

struct reading {
    bool version, mode, age;
};

/* One field; those that are not known are for later. Only mx may be there twice; of others the first
 * counts. */
static const char *take_field(struct gp__arena *arena, struct gp__sts_policy *policy,
                              struct reading *seen, struct gp_slice key, struct gp_slice value)
{
    int64_t age;

    if (gp_slice_eq(key, GP_S("version")) && !seen->version) {
        seen->version = true;
        return gp_slice_eq(value, GP_S("STSv1")) ? NULL : "its version is unknown";
    }
    if (gp_slice_eq(key, GP_S("mode")) && !seen->mode) {
        seen->mode = true;
        return take_mode(policy, value);
    }
    if (gp_slice_eq(key, GP_S("max_age")) && !seen->age) {
        seen->age = true;
        if (value.len > 10 || gp_slice_to_int(value, 0, INT64_C(9999999999), &age) < 0)
            return "its max_age is no number";
        policy->max_age = age < GP__STS_AGE_MAX ? (uint32_t)age : GP__STS_AGE_MAX;
    }
    if (gp_slice_eq(key, GP_S("mx"))) {
        if (!mx_ok(value) || policy->n_mx == GP__STS_MX_MAX)
            return "a mail host of it is no host name, or there are too many";
        policy->mx[policy->n_mx++] = gp__arena_dup(arena, value);
    }
    return NULL;
}

const char *gp__sts_policy_read(struct gp__arena *arena, struct gp_slice text,
                                struct gp__sts_policy *policy_r)
{
    struct reading seen = {.version = false};
    const char *why = NULL;

    *policy_r = (struct gp__sts_policy){.mode = GP__STS_NONE};
    policy_r->mx = GP__ARENA_ARRAY(arena, struct gp_slice, GP__STS_MX_MAX);
    if (text.len > GP__STS_BYTES_MAX)
        return "it is too long";
    while (gp_slice_present(text) && text.len > 0 && !why) {
        struct gp_slice value = gp_slice_trim(gp_slice_split(&text, '\n'));
        struct gp_slice key = gp_slice_split(&value, ':');

        if (key.len == 0 && !gp_slice_present(value))
            continue;
        if (!gp_slice_present(value))
            return "a line of it has no colon";
        why = take_field(arena, policy_r, &seen, gp_slice_trim(key), gp_slice_trim(value));
    }
    if (why)
        return why;
    if (!seen.version || !seen.mode || !seen.age)
        return "version, mode or max_age is missing";
    return policy_r->mode != GP__STS_NONE && policy_r->n_mx == 0 ? "it names no mail host" : NULL;
}

static bool matches(struct gp_slice pattern, struct gp_slice host)
{
    size_t dot = gp_slice_find(host, '.');

    if (!gp_slice_starts(pattern, GP_S("*.")))
        return gp_slice_caseeq(pattern, host);
    return dot > 0 && dot < host.len &&
           gp_slice_caseeq(gp_slice_sub(pattern, 1, pattern.len),
                           gp_slice_sub(host, dot, host.len));
}

bool gp__sts_matches(const struct gp__sts_policy *policy, struct gp_slice host)
{
    for (size_t i = 0; i < policy->n_mx; i++)
        if (matches(policy->mx[i], host))
            return true;
    return false;
}

/* ---- what is kept ---- */

struct entry {
    struct gp__arena *arena;
    struct gp_slice domain, id;
    struct gp__sts_policy policy;
    int64_t until_ms;      /* wall clock: it holds until then; 0: there is none */
    int64_t not_before_ms; /* after a failure: when it is fetched again */
    enum gp__sts_failure failure;
};

static void entry_free(struct entry *entry)
{
    struct gp__arena *arena = entry->arena; /* it lives there */

    gp__arena_free(&arena);
}

void gp__sts_cache_free(struct gp__sts_cache *cache)
{
    for (size_t i = 0; i < cache->domains.count; i++)
        entry_free(cache->domains.entries[i].value);
    gp__map_free(&cache->domains);
}

static struct entry *entry_create(struct gp_slice domain)
{
    struct gp__arena *arena = gp__arena_create();
    struct entry *entry = GP__ARENA_NEW(arena, struct entry);

    entry->arena = arena;
    entry->domain = gp__arena_dup(arena, domain);
    return entry;
}

/* Too many: those whose time is over go. */
static void make_room(struct gp__sts_cache *cache, int64_t now)
{
    struct gp__map kept = {.nocase = true};

    for (size_t i = 0; i < cache->domains.count; i++) {
        struct entry *entry = cache->domains.entries[i].value;

        if (entry->until_ms > now && kept.count < DOMAINS_MAX / 2)
            gp__map_set(&kept, entry->domain, entry);
        else
            entry_free(entry);
    }
    gp__map_free(&cache->domains);
    cache->domains = kept;
}

/* Takes the place of what there was. */
static void keep(struct gp__sts_cache *cache, struct entry *entry, int64_t now)
{
    struct gp__map_entry *place;

    cache->domains.nocase = true;
    if (cache->domains.count >= DOMAINS_MAX)
        make_room(cache, now);
    place = gp__map_find(&cache->domains, entry->domain);
    if (!place) {
        gp__map_set(&cache->domains, entry->domain, entry);
        return;
    }
    entry_free(place->value);
    place->key = entry->domain;
    place->value = entry;
}

/* ---- what outlives the process ---- */

static struct gp_slice state_key(struct gp_call *call, struct gp_slice domain)
{
    return GP__ARENA_JOIN(gp__call_arena(call), GP_S("mta-sts/"), domain);
}

/* "UNTIL ID" and the policy's text. What is too long for the state is fetched again. */
static void save(struct gp_call *call, const struct gp__sts_cache *cache, const struct entry *entry,
                 struct gp_slice text)
{
    struct gp__arena *arena = gp__call_arena(call);
    struct gp__state_request request = {.what = GP__STATE_PUT,
                                        .ttl_ms = (uint64_t)entry->policy.max_age * 1000};

    if (!cache->state || entry->policy.max_age == 0)
        return;
    request.key = state_key(call, entry->domain);
    request.value = gp__arena_printf(arena, "%lld " GP_FMT "\n" GP_FMT, (long long)entry->until_ms,
                                     GP_ARG(entry->id), GP_ARG(text));
    if (request.value.len <= GP__STATE_VALUE_MAX)
        (void)gp__state_run(call, cache->state, &request);
}

/* NULL: there is none, or it is nothing of ours. */
static struct entry *restore(struct gp_call *call, struct gp__sts_cache *cache,
                             struct gp_slice domain)
{
    struct gp__state_request request = {.what = GP__STATE_GET};
    struct gp_slice head, rest;
    struct entry *entry;

    if (!cache->state)
        return NULL;
    request.key = state_key(call, domain);
    if (gp__state_run(call, cache->state, &request) != GP_OK)
        return NULL;
    rest = request.found;
    head = gp_slice_split(&rest, '\n');
    entry = entry_create(domain);
    if (gp_slice_to_int(gp_slice_split(&head, ' '), 0, INT64_MAX, &entry->until_ms) < 0 ||
        !id_ok(head) || gp__sts_policy_read(entry->arena, rest, &entry->policy) != NULL) {
        entry_free(entry);
        return NULL;
    }
    entry->id = gp__arena_dup(entry->arena, head);
    keep(cache, entry, gp_wall_clock(call));
    return entry;
}

/* ---- asking ---- */

/* The id that DNS tells now; absent: none, or it does not tell. */
static struct gp_slice ask_id(struct gp_call *call, struct gp_slice domain)
{
    struct gp_slice name = GP__ARENA_JOIN(gp__call_arena(call), GP_S("_mta-sts."), domain);
    struct gp_slice id = gp_slice(NULL, 0);
    const struct gp_dns_answer *answer = NULL;
    size_t n = 0;

    if (gp_dns(call, name, GP_DNS_TXT, &answer) != GP_OK)
        return id;
    for (size_t i = 0; i < gp_dns_count(answer); i++) {
        struct gp_slice text = gp_dns_text(answer, i);

        if (!gp_slice_starts(text, GP_S("v=STSv1")))
            continue;
        n++;
        id = gp__sts_id(text);
    }
    return n == 1 ? id : gp_slice(NULL, 0);
}

static bool is_plain_text(const struct gp_http *http)
{
    struct gp_slice type = gp_http_response_header(http, GP_S("Content-Type"));

    return gp_slice_caseeq(gp_slice_trim(gp_slice_split(&type, ';')), GP_S("text/plain"));
}

/* The policy's text; absent after a failure, which is told. */
static struct gp_slice fetch(struct gp_call *call, struct gp_slice domain, struct gp_slice ca_file,
                             enum gp__sts_failure *failure_r, const char **why_r)
{
    struct gp_slice url = gp__arena_printf(
        gp__call_arena(call), "https://mta-sts." GP_FMT "/.well-known/mta-sts.txt", GP_ARG(domain));
    struct gp_http *http = gp_http_create(call, "GET", url);
    struct gp_op *ops[2];
    int first;

    if (gp_slice_present(ca_file))
        (void)gp_http_trust(http, ca_file);
    (void)gp_http_limit(http, GP__STS_BYTES_MAX);
    ops[0] = gp_http_start(http);
    ops[1] = gp_sleep_start(call, FETCH_MS);
    first = gp_wait_any(call, ops, 2);
    gp_op_cancel(ops[1]);
    *failure_r = first == 0 && http->untrusted ? GP__STS_UNTRUSTED : GP__STS_FETCH;
    if (first != 0) {
        gp_op_cancel(ops[0]);
        *why_r = "the web server does not answer";
    } else if (gp_http_error(http)[0]) {
        *why_r = gp_http_error(http);
    } else if (gp_http_status(http) != 200) {
        *why_r = "the web server answers with another status than 200";
    } else if (!is_plain_text(http)) {
        *why_r = "it is not text/plain";
    } else {
        return gp_http_response(http);
    }
    return gp_slice(NULL, 0);
}

static void complain(struct gp_call *call, struct gp_slice domain, const char *why)
{
    gp__log(call->runtime->log, GP_LOG_NOTICE, "delivery.mta_sts", GP__F_S("domain", domain),
            GP__F_C("error", why));
}

/* What there was stays in force; it is asked for again after a while. */
static struct entry *failed(struct gp__sts_cache *cache, struct entry *old, struct gp_slice domain,
                            enum gp__sts_failure failure, int64_t now)
{
    if (!old) {
        old = entry_create(domain);
        keep(cache, old, now);
    }
    old->not_before_ms = now + AGAIN_MS;
    old->failure = failure;
    return old;
}

static struct entry *renew(struct gp_call *call, struct gp__sts_cache *cache,
                           struct gp_slice domain, struct gp_slice id, struct gp_slice ca_file)
{
    const char *why = NULL;
    enum gp__sts_failure failure;
    struct gp_slice text = fetch(call, domain, ca_file, &failure, &why);
    int64_t now = gp_wall_clock(call);
    struct entry *old = gp__map_get(&cache->domains, domain), *entry; /* after the wait */

    if (call->root->sticky)
        return old;
    if (!gp_slice_present(text)) {
        complain(call, domain, why);
        return failed(cache, old, domain, failure, now);
    }
    entry = entry_create(domain);
    why = gp__sts_policy_read(entry->arena, text, &entry->policy);
    if (why) {
        entry_free(entry);
        complain(call, domain, why);
        return failed(cache, old, domain, GP__STS_INVALID, now);
    }
    entry->id = gp__arena_dup(entry->arena, id);
    entry->until_ms = now + (int64_t)entry->policy.max_age * 1000;
    save(call, cache, entry, text);
    keep(cache, entry, now);
    return entry;
}

const struct gp__sts_policy *gp__sts_find(struct gp_call *call, struct gp__sts_cache *cache,
                                          struct gp_slice domain, struct gp_slice ca_file,
                                          enum gp__sts_failure *failure_r)
{
    struct gp_slice id = ask_id(call, domain);
    int64_t now = gp_wall_clock(call);
    struct entry *entry = gp__map_get(&cache->domains, domain);
    bool current;

    if (!entry)
        entry = restore(call, cache, domain);

    *failure_r = GP__STS_FINE;
    if (call->root->sticky)
        return NULL;
    current = entry &&
              ((entry->until_ms > now && gp_slice_eq(entry->id, id)) || entry->not_before_ms > now);
    if (gp_slice_present(id) && !current)
        entry = renew(call, cache, domain, id, ca_file);
    if (!entry)
        return NULL;
    *failure_r = gp_slice_present(id) ? entry->failure : GP__STS_FINE;
    return entry->until_ms > now && entry->policy.mode != GP__STS_NONE ? &entry->policy : NULL;
}

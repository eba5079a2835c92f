// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/tls_report.h"

#include "core/base/alloc.h"
#include "core/base/date.h"
#include "core/base/gzip.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/delivery/tls_policy.h"
#include "core/delivery/tls_report_mail.h"
#include "core/hook/state.h"

#include <gatepost/http.h>
#include <gatepost/wait.h>

#define NAMESPACE "tls-reports/"
#define SENT "tls-reports-sent/"
#define KEY_MAX 400u
#define DAY_MS INT64_C(86400000)
#define KEPT_MS (3 * (uint64_t)DAY_MS)
#define POST_MS 60000u
#define DOMAINS_MAX 1000u /* at a time */

static const char *const policy_names[] = {"", "no-policy-found", "tlsa", "sts"};

/* ---- results ---- */

const char *gp__report_trouble(enum gp__report_trouble trouble)
{
    switch (trouble) {
    case GP__TROUBLE_NONE:
        break;
    case GP__TROUBLE_DNSSEC:
        return "dnssec-invalid";
    case GP__TROUBLE_TLSA:
        return "tlsa-invalid";
    case GP__TROUBLE_DANE_REQUIRED:
        return "dane-required";
    case GP__TROUBLE_STS_FETCH:
        return "sts-policy-fetch-error";
    case GP__TROUBLE_STS_UNTRUSTED:
        return "sts-webpki-invalid";
    case GP__TROUBLE_STS_INVALID:
        return "sts-policy-invalid";
    case GP__TROUBLE_STS_HOST:
        return "validation-failure";
    }
    return NULL;
}

static const char *certificate_result(enum gp__tls_failure failure)
{
    switch (failure) {
    case GP__TLS_EXPIRED:
        return "certificate-expired";
    case GP__TLS_MISNAMED:
        return "certificate-host-mismatch";
    case GP__TLS_UNTRUSTED:
        return "certificate-not-trusted";
    case GP__TLS_FINE:
    case GP__TLS_BROKEN:
        break;
    }
    return "validation-failure";
}

const char *gp__report_result(const struct gp__report_facts *facts)
{
    if (facts->tls_lost)
        return certificate_result(facts->failure);
    if (facts->refused || (facts->opened && !facts->secure))
        return "starttls-not-supported";
    if (!facts->opened)
        return NULL;
    if (facts->observed)
        return certificate_result(facts->observed);
    return facts->trouble ? gp__report_trouble(facts->trouble) : "success";
}

/* ---- the report ---- */

static void member(struct gp__buf *out, const char *before, struct gp_slice value)
{
    gp__buf_append(out, gp_slice_of(before));
    gp__json_string(out, value);
}

static int64_t sum_of(const struct gp__report *report, struct gp_slice policy, bool success)
{
    int64_t sum = 0;

    for (size_t i = 0; i < report->n_lines; i++)
        if (gp_slice_eq(report->lines[i].policy, policy) &&
            gp_slice_eq(report->lines[i].result, GP_S("success")) == success)
            sum += report->lines[i].count;
    return sum;
}

static void write_failures(struct gp__buf *out, const struct gp__report *report,
                           struct gp_slice policy)
{
    const char *comma = "";

    gp__buf_append(out, GP_S(",\"failure-details\":["));
    for (size_t i = 0; i < report->n_lines; i++) {
        const struct gp__report_line *line = &report->lines[i];

        if (!gp_slice_eq(line->policy, policy) || gp_slice_eq(line->result, GP_S("success")))
            continue;
        gp__buf_append(out, gp_slice_of(comma));
        member(out, "{\"result-type\":", line->result);
        if (line->mx.len)
            member(out, ",\"receiving-mx-hostname\":", line->mx);
        gp__buf_printf(out, ",\"failed-session-count\":%lld}", (long long)line->count);
        comma = ",";
    }
    gp__buf_append(out, GP_S("]"));
}

static void write_policy(struct gp__buf *out, const struct gp__report *report,
                         struct gp_slice policy)
{
    member(out, "{\"policy\":{\"policy-type\":", policy);
    member(out, ",\"policy-domain\":", report->domain);
    gp__buf_printf(out,
                   "},\"summary\":{\"total-successful-session-count\":%lld,"
                   "\"total-failure-session-count\":%lld}",
                   (long long)sum_of(report, policy, true),
                   (long long)sum_of(report, policy, false));
    write_failures(out, report, policy);
    gp__buf_append(out, GP_S("}"));
}

static bool has_policy(const struct gp__report *report, struct gp_slice policy)
{
    for (size_t i = 0; i < report->n_lines; i++)
        if (gp_slice_eq(report->lines[i].policy, policy))
            return true;
    return false;
}

int gp__report_write(struct gp__buf *out, const struct gp__report *report)
{
    const char *comma = "";

    member(out, "{\"organization-name\":", report->organization);
    gp__buf_printf(out,
                   ",\"date-range\":{\"start-datetime\":\"" GP_FMT "T00:00:00Z\","
                   "\"end-datetime\":\"" GP_FMT "T23:59:59Z\"}",
                   GP_ARG(report->day), GP_ARG(report->day));
    member(out, ",\"contact-info\":", report->contact);
    gp__buf_printf(out, ",\"report-id\":\"" GP_FMT "_", GP_ARG(report->day));
    gp__buf_append(out, report->domain);
    gp__buf_append(out, GP_S("\",\"policies\":["));
    for (size_t i = 1; i < sizeof policy_names / sizeof policy_names[0]; i++) {
        if (!has_policy(report, gp_slice_of(policy_names[i])))
            continue;
        gp__buf_append(out, gp_slice_of(comma));
        write_policy(out, report, gp_slice_of(policy_names[i]));
        comma = ",";
    }
    return gp__buf_append(out, GP_S("]}\n"));
}

/* ---- where to ---- */

size_t gp__report_rua(struct gp_slice record, struct gp_slice rua_r[GP__REPORT_RUA_MAX])
{
    struct gp_slice rest = record;
    size_t n = 0;

    if (!gp_slice_eq(gp_slice_trim(gp_slice_split(&rest, ';')), GP_S("v=TLSRPTv1")))
        return 0;
    while (gp_slice_present(rest)) {
        struct gp_slice value = gp_slice_trim(gp_slice_split(&rest, ';'));

        if (!gp_slice_eq(gp_slice_trim(gp_slice_split(&value, '=')), GP_S("rua")))
            continue;
        while (gp_slice_present(value) && n < GP__REPORT_RUA_MAX) {
            struct gp_slice one = gp_slice_trim(gp_slice_split(&value, ','));

            if (gp_slice_starts(one, GP_S("https://")) || gp_slice_starts(one, GP_S("mailto:")))
                rua_r[n++] = one;
        }
    }
    return n;
}

/* ---- keys ---- */

struct gp_slice gp__report_key(struct gp__arena *arena, struct gp_slice day, struct gp_slice domain,
                               enum gp__report_policy policy, const char *result,
                               struct gp_slice mx)
{
    struct gp_slice key = gp__arena_printf(arena, GP_FMT " " GP_FMT " %s %s " GP_FMT, GP_ARG(day),
                                           GP_ARG(domain), policy_names[policy], result,
                                           GP_ARG(mx));

    return key.len <= KEY_MAX ? key : gp_slice(NULL, 0);
}

int gp__report_key_read(struct gp_slice key, struct gp_slice *domain_r,
                        struct gp__report_line *line_r)
{
    struct gp_slice rest = key;

    (void)gp_slice_split(&rest, ' '); /* the day */
    *domain_r = gp_slice_split(&rest, ' ');
    line_r->policy = gp_slice_split(&rest, ' ');
    line_r->result = gp_slice_split(&rest, ' ');
    line_r->mx = rest;
    return gp_slice_present(rest) && domain_r->len && line_r->policy.len && line_r->result.len ? 0
                                                                                               : -1;
}

/* ---- counting ---- */

static const struct gp__outbound *outbound_of(const struct gp_call *call)
{
    const struct gp__outbound *outbound = call->instance ? call->instance->outbound : NULL;

    return outbound && outbound->state && gp_slice_present(outbound->settings->contact) ? outbound
                                                                                        : NULL;
}

static struct gp_slice day_of(struct gp__arena *arena, int64_t wall_ms)
{
    char text[48];

    return gp__arena_dup(arena, gp_slice_sub(gp__date_rfc3339(wall_ms, text), 0, 10));
}

void gp__report_count(struct gp_call *call, struct gp_slice domain, enum gp__report_policy policy,
                      const char *result, struct gp_slice mx)
{
    const struct gp__outbound *outbound = outbound_of(call);
    struct gp__arena *arena = gp__call_arena(call);
    struct gp__state_request request = {.what = GP__STATE_ADD, .n = 1, .ttl_ms = KEPT_MS};
    struct gp_slice key;

    if (!outbound || policy == GP__REPORT_NOTHING || call->root->sticky)
        return;
    key = gp__report_key(arena, day_of(arena, gp_wall_clock(call)), domain, policy, result, mx);
    if (!gp_slice_present(key))
        return;
    request.key = GP__ARENA_JOIN(arena, GP_S(NAMESPACE), key);
    (void)gp__state_run(call, outbound->state, &request);
}

/* ---- sending ---- */

struct gathering {
    struct gp__arena *arena;
    struct gp_slice domain; /* absent: names of domains are gathered */
    struct gp_slice *domains;
    struct gp__report_line *lines;
    size_t n;
};

static bool gather_domain(void *arg, struct gp_slice key, struct gp_slice value)
{
    struct gathering *all = arg;
    struct gp__report_line line;
    struct gp_slice domain;

    (void)value;
    if (gp__report_key_read(key, &domain, &line) < 0 ||
        (all->n && gp_slice_eq(all->domains[all->n - 1], domain)))
        return true; /* keys come in order */
    all->domains[all->n++] = gp__arena_dup(all->arena, domain);
    return all->n < DOMAINS_MAX;
}

static bool gather_line(void *arg, struct gp_slice key, struct gp_slice value)
{
    struct gathering *all = arg;
    struct gp__report_line *line = &all->lines[all->n];
    struct gp_slice domain;

    if (gp__report_key_read(gp__arena_dup(all->arena, key), &domain, line) == 0 &&
        gp_slice_to_int(value, 1, INT64_MAX, &line->count) == 0)
        all->n++;
    return all->n < GP__REPORT_LINES_MAX;
}

static int claim(struct gp_call *call, struct gp__state *state, enum gp__state_what what,
                 struct gp_slice day, struct gp_slice domain)
{
    struct gp__state_request request = {.what = what, .value = GP_S("1"), .ttl_ms = KEPT_MS};

    request.key = gp__arena_printf(gp__call_arena(call), SENT GP_FMT " " GP_FMT, GP_ARG(day),
                                   GP_ARG(domain));
    return gp__state_run(call, state, &request);
}

/* ---- to where they are wanted ---- */

/* One report on its way. */
struct sending {
    struct gp_call *call;
    const struct gp__outbound *outbound;
    const struct gp__report *report;
    struct gp__buf gzip;
    int64_t start_ms; /* of its day */
    unsigned took;    /* how many addresses */
};

static int post(struct sending *sending, struct gp_slice url)
{
    struct gp_call *call = sending->call;
    struct gp_http *http = gp_http_create(call, "POST", url);
    struct gp_op *ops[2];
    int first;

    (void)gp_http_header(http, GP_S("Content-Type"), GP_S("application/tlsrpt+gzip"));
    (void)gp_http_body(http, gp__buf_slice(&sending->gzip));
    ops[0] = gp_http_start(http);
    ops[1] = gp_sleep_start(call, POST_MS);
    first = gp_wait_any(call, ops, 2);
    gp_op_cancel(ops[0]);
    gp_op_cancel(ops[1]);
    return first == 0 && gp_http_status(http) / 100 == 2 ? 0 : GP_ETEMP;
}

static struct gp_slice make_id(struct sending *sending, int64_t now_ms)
{
    struct gp__arena *arena = gp__call_arena(sending->call);
    struct gp__id_source source = {.last_ms = 0};
    char id[GP__ID_LEN + 1];

    gp_random(sending->call, &source.count, sizeof source.count);
    source.count &= (UINT64_C(1) << 35) - 1;
    source.last_ms = (uint64_t)now_ms;
    gp__id_next(&source, (uint64_t)now_ms, id);
    return gp__arena_dup(arena, gp_slice(id, GP__ID_LEN));
}

/* One message for all addresses, into the queue. */
static int mail_to(struct sending *sending, const struct gp_slice *to, size_t n)
{
    struct gp__arena *arena = gp__call_arena(sending->call);
    struct gp__report_mail mail = {
        .report = sending->report,
        .submitter = sending->outbound->hostname,
        .gzip = gp__buf_slice(&sending->gzip),
        .now_ms = gp_wall_clock(sending->call),
        .start_ms = sending->start_ms,
        .to = to,
        .n_to = n,
    };
    struct gp__buf bytes = {.limit = (size_t)4 << 20};
    int error = GP_ENOSPC;

    mail.id = make_id(sending, mail.now_ms);
    if (gp__report_mail_write(arena, &mail, &bytes) == 0)
        error = sending->outbound->submit(sending->call, sending->outbound->submit_arg,
                                          gp__report_entry(arena, &mail, gp__buf_slice(&bytes)));
    gp__buf_free(&bytes);
    return error;
}

/* To each that is named: 0 when one took it, or there is none that we could use. */
static int send_to(struct sending *sending, const struct gp_slice *rua, size_t n)
{
    struct gp_slice boxes[GP__REPORT_RUA_MAX];
    size_t n_boxes = 0;
    int result = 0;

    for (size_t i = 0; i < n && !sending->call->root->sticky; i++) {
        struct gp_slice box = gp__report_mailbox(gp__call_arena(sending->call), rua[i]);

        if (gp_slice_present(box) && sending->outbound->submit)
            boxes[n_boxes++] = box;
        if (!gp_slice_starts(rua[i], GP_S("https://")))
            continue;
        if (post(sending, rua[i]) == 0)
            sending->took++;
        else
            result = GP_ETEMP;
    }
    if (n_boxes && !sending->call->root->sticky) {
        int error = mail_to(sending, boxes, n_boxes);

        sending->took += error ? 0 : (unsigned)n_boxes;
        result = error ? error : result;
    }
    return sending->took ? 0 : result;
}

static int send_to_owner(struct sending *sending)
{
    struct gp_call *call = sending->call;
    struct gp_slice name = GP__ARENA_JOIN(gp__call_arena(call), GP_S("_smtp._tls."),
                                          sending->report->domain);
    const struct gp_dns_answer *answer = NULL;
    struct gp_slice rua[GP__REPORT_RUA_MAX];
    int result = gp_dns(call, name, GP_DNS_TXT, &answer);
    size_t n = 0;

    if (result != GP_OK)
        return result == GP_ETEMP ? result : 0;
    for (size_t i = 0; i < gp_dns_count(answer) && n == 0; i++)
        n = gp__report_rua(gp_dns_text(answer, i), rua);
    return send_to(sending, rua, n);
}

/* Nothing of it was begun when there is no memory for it. */
static int send_report(struct sending *sending)
{
    struct gp__buf json = {.limit = (size_t)1 << 20};
    int error = GP_ENOSPC;

    sending->gzip.limit = (size_t)2 << 20;
    if (gp__report_write(&json, sending->report) == 0 &&
        gp__gzip(&sending->gzip, gp__buf_slice(&json)) == 0)
        error = send_to_owner(sending);
    gp__buf_free(&json);
    gp__buf_free(&sending->gzip);
    return error;
}

static void report_on(struct gp_call *call, const struct gp__outbound *outbound, int64_t start_ms,
                      struct gp_slice day, struct gp_slice domain)
{
    struct gp__arena *arena = gp__call_arena(call);
    struct gathering all = {
        .arena = arena,
        .lines = GP__ARENA_ARRAY(arena, struct gp__report_line, GP__REPORT_LINES_MAX)};
    struct gp_slice prefix = gp__arena_printf(arena, NAMESPACE GP_FMT " " GP_FMT " ", GP_ARG(day),
                                              GP_ARG(domain));
    struct gp__report report = {.organization = outbound->settings->organization,
                                .contact = outbound->settings->contact,
                                .domain = domain,
                                .day = day,
                                .lines = all.lines};
    struct sending sending = {
        .call = call, .outbound = outbound, .report = &report, .start_ms = start_ms};
    int error;

    if (claim(call, outbound->state, GP__STATE_PUT_IF_NEW, day, domain) != 0)
        return; /* somebody else sends it, or has */
    error = gp__state_each(call, outbound->state, prefix, gather_line, &all);
    report.n_lines = all.n;
    if (!error)
        error = send_report(&sending);
    if (error)
        gp__log(call->runtime->log, GP_LOG_NOTICE, "delivery.tls_report", GP__F_S("domain", domain),
                GP__F_C("error", gp_strerror(error)));
    else if (sending.took)
        gp__log(call->runtime->log, GP_LOG_INFO, "delivery.tls_reported", GP__F_S("domain", domain),
                GP__F_S("day", day), GP__F_I("addresses", sending.took));
    if (error)
        (void)claim(call, outbound->state, GP__STATE_REMOVE, day, domain); /* another time */
}

int gp__report_send(struct gp_call *call)
{
    const struct gp__outbound *outbound = outbound_of(call);
    struct gathering all = {.arena = NULL};
    struct gp__arena *arena;
    struct gp_slice day;
    int64_t start_ms;

    if (!outbound || (outbound->spooled && !outbound->submit))
        return 0; /* those who can send by mail, too, do it */
    all.arena = arena = gp__call_arena(call);
    start_ms = (gp_wall_clock(call) / DAY_MS - 1) * DAY_MS;
    day = day_of(arena, start_ms);
    all.domains = GP__ARENA_ARRAY(arena, struct gp_slice, DOMAINS_MAX);
    (void)gp__state_each(call, outbound->state,
                         gp__arena_printf(arena, NAMESPACE GP_FMT " ", GP_ARG(day)), gather_domain,
                         &all);
    for (size_t i = 0; i < all.n && !call->root->sticky; i++)
        report_on(call, outbound, start_ms, day, all.domains[i]);
    return call->root->sticky;
}

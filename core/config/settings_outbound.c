// SPDX-License-Identifier: Apache-2.0
/*
 * `tls: outbound:` of the configuration: what destinations publish that is heeded (`default`), and
 * for single destinations what is required whatever they publish.
 */
#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/config/load.h"
#include "core/smtp/address.h"

#include <stdio.h>
#include <time.h>

static const char *const method_names[] = {"dane", "mta_sts", "opportunistic", NULL};
static const char *const require_names[] = {"policy",   "none", "encrypted",
                                            "verified", "dane", NULL};

const struct gp_option gp__destination_rows[] = {
    GP_OPTION_LIST("methods", struct gp__raw_destination, methods, GP_TYPE_ENUM, "[]",
                   "What it may publish that is heeded; a list in place of the mapping is this.",
                   .names = method_names, .flags = GP__OPTION_ALONE),
    GP_OPTION_ENUM(
        "require", struct gp__raw_destination, require, require_names, "policy",
        "Whatever it publishes: no TLS, TLS with anybody, a certificate that a CA vouches "
        "for, or DANE."),
    GP_OPTION_LIST("names", struct gp__raw_destination, names, GP_TYPE_STRING, "[]",
                   "Host names that its certificates may be of, besides its mail hosts'."),
    GP_OPTION_STRING("until", struct gp__raw_destination, until, GP_OPTIONAL,
                     "The last day on which this holds, as 2027-06-01."),
    GP_OPTIONS_END,
};

const struct gp_option gp__reports_rows[] = {
    GP_OPTION_STRING("contact", struct gp__raw_reports, contact, NULL,
                     "Whom to ask about reports: an address. Those by mail come from it.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("organization", struct gp__raw_reports, organization, GP_OPTIONAL,
                     "Who makes them; by default the host's name."),
    GP_OPTIONS_END,
};

static unsigned methods_of(const struct gp__raw_destination *raw)
{
    unsigned methods = 0;

    for (size_t i = 0; i < gp_list_count(raw->methods); i++)
        methods |= 1u << *(const int *)gp_list_at(raw->methods, i);
    return methods;
}

/* ---- until ---- */

static bool is_date(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (i == 4 || i == 7 ? text.data[i] != '-' : !gp__is_digit(text.data[i]))
            return false;
    return text.len == 10;
}

/* The end of the day, UTC. 0, or -1. */
static int read_until(struct gp_slice text, int64_t *ms_r)
{
    struct tm day = {.tm_isdst = 0}, again;
    time_t at;

    if (!is_date(text) ||
        sscanf(text.data, "%4d-%2d-%2d", &day.tm_year, &day.tm_mon, &day.tm_mday) != 3)
        return -1;
    day.tm_year -= 1900;
    day.tm_mon -= 1;
    again = day;
    at = timegm(&again);
    if (again.tm_mday != day.tm_mday || again.tm_mon != day.tm_mon)
        return -1; /* the 31st of a month that has none */
    *ms_r = ((int64_t)at + 86400) * 1000;
    return 0;
}

/* ---- a destination ---- */

static void set_names(struct gp__load *load, struct gp__outbound_rule *rule,
                      const struct gp_list *names, const struct gp__node *at)
{
    size_t n = gp_list_count(names);
    struct gp_slice *list = GP__ARENA_ARRAY(load->arena, struct gp_slice, n);

    rule->names = list;
    for (size_t i = 0; i < n; i++) {
        list[rule->n_names++] = *(const struct gp_slice *)gp_list_at(names, i);
        if (!gp__host_name_valid(list[i]))
            gp__diag_add(load->diag, GP__ERROR, at, "\"" GP_FMT "\" is not a host name",
                         GP_ARG(gp_slice_sub(list[i], 0, 200)));
    }
    if (n && rule->require != GP__REQUIRE_VERIFIED)
        gp__diag_add(load->diag, GP__ERROR, at,
                     "`names` only means something with \"require: verified\"");
}

static struct gp_slice lower(struct gp__load *load, struct gp_slice name)
{
    char *text = gp__arena_bytes(load->arena, name.len + 1);

    for (size_t i = 0; i < name.len; i++)
        text[i] = gp__to_lower(name.data[i]);
    text[name.len] = '\0';
    return gp_slice(text, name.len);
}

static void set_until(struct gp__load *load, struct gp__outbound_rule *rule,
                      const struct gp__raw_destination *raw, const struct gp__node *at)
{
    if (!gp_slice_present(raw->until)) {
        if (rule->require == GP__REQUIRE_NONE)
            gp__diag_add(load->diag, GP__WARNING, at,
                         "mail to \"" GP_FMT "\" goes in the clear, for ever: say `until`",
                         GP_ARG(rule->domain));
        return;
    }
    if (read_until(raw->until, &rule->until_ms) < 0)
        gp__diag_add(load->diag, GP__ERROR, at, "`until` is a day such as 2027-06-01");
    else if (rule->until_ms <= (int64_t)time(NULL) * 1000)
        gp__diag_add(load->diag, GP__WARNING, at,
                     "what is said of \"" GP_FMT "\" held until " GP_FMT " and no longer does",
                     GP_ARG(rule->domain), GP_ARG(raw->until));
}

enum { DNSSEC_AUTO = 0, DNSSEC_ON }; /* as dns: dnssec: is written */

/* Whether answers can be vouched for: where they can't, nothing has DANE. */
static bool validates(const struct gp__dns_settings *dns)
{
    return dns->dnssec == DNSSEC_ON ||
           (dns->dnssec == DNSSEC_AUTO && dns->resolvers == GP__RESOLVERS_RECURSIVE);
}

static void load_rule(struct gp__load *load, struct gp__outbound_rule *rule,
                      const struct gp__raw_destination *raw, const struct gp__pair *pair)
{
    struct gp_slice domain = pair->key->text, host = domain;

    if (gp_slice_starts(host, GP_S(".")))
        host = gp_slice_sub(host, 1, host.len);
    if (!gp__host_name_valid(host))
        gp__diag_add(load->diag, GP__ERROR, pair->key, "\"" GP_FMT "\" is not a domain",
                     GP_ARG(gp_slice_sub(domain, 0, 200)));
    *rule = (struct gp__outbound_rule){.domain = lower(load, domain),
                                       .require = (enum gp__outbound_require)raw->require,
                                       .methods = methods_of(raw)};
    if (rule->methods && rule->require != GP__REQUIRE_POLICY)
        gp__diag_add(load->diag, GP__ERROR, pair->value,
                     "either `methods` or `require`: what is required does not depend on them");
    if (rule->require == GP__REQUIRE_DANE && !validates(&load->settings->dns))
        gp__diag_add(load->diag, GP__WARNING, pair->value,
                     "nothing vouches for DNS here, so no mail goes to \"" GP_FMT
                     "\": DANE needs \"dns: {dnssec: on}\"",
                     GP_ARG(gp_slice_sub(rule->domain, 0, 200)));
    set_names(load, rule, raw->names, pair->value);
    set_until(load, rule, raw, pair->value);
}

static void load_default(struct gp__load *load, struct gp__outbound_settings *outbound,
                         const struct gp__raw_destination *raw, const struct gp__pair *pair)
{
    outbound->methods = methods_of(raw);
    if (raw->require != GP__REQUIRE_POLICY || gp_list_count(raw->names) ||
        gp_slice_present(raw->until))
        gp__diag_add(load->diag, GP__ERROR, pair->value,
                     "`default` is a list of methods: dane, mta_sts, opportunistic");
    if (!(outbound->methods & 1u << GP__METHOD_OPPORTUNISTIC))
        gp__diag_add(load->diag, GP__WARNING, pair->value,
                     "without \"opportunistic\" mail to destinations that publish nothing goes in "
                     "the clear");
}

static void load_reports(struct gp__load *load, struct gp__outbound_settings *outbound,
                         const struct gp__raw_reports *raw, const struct gp__node *node)
{
    const struct gp__node *at = gp__node_get(node, GP_S("reports"));
    struct gp__address contact;

    if (!at || at->kind == GP__NODE_NULL)
        return;
    outbound->contact = raw->contact;
    outbound->organization = gp_slice_present(raw->organization) ? raw->organization
                                                                 : load->settings->hostname;
    if (gp__mailbox_parse(load->arena, raw->contact, 0, &contact) != GP__ADDRESS_OK)
        gp__diag_add(load->diag, GP__ERROR, at,
                     "`contact` is an address, which reports by mail come from, not \"" GP_FMT "\"",
                     GP_ARG(gp_slice_sub(raw->contact, 0, 200)));
    if (!gp__node_get(load->root, GP_S("spool")))
        gp__diag_add(load->diag, GP__NOTICE, at,
                     "without a `spool:` reports go by HTTPS alone: nothing keeps those by mail");
    if (!gp__node_get(load->root, GP_S("state")))
        gp__diag_add(load->diag, GP__ERROR, at,
                     "reports need a `state:`, where all processes count together");
}

const struct gp__outbound_settings *gp__load_outbound(struct gp__load *load,
                                                      const struct gp__raw_tls *raw_tls,
                                                      const struct gp__node *node)
{
    struct gp__outbound_settings *outbound = GP__ARENA_NEW(load->arena,
                                                           struct gp__outbound_settings);
    const struct gp__node *section = gp__node_get(node, GP_S("outbound"));
    const struct gp_map *map = raw_tls->outbound;
    size_t n = gp_map_count(map);
    struct gp__outbound_rule *rules = GP__ARENA_ARRAY(load->arena, struct gp__outbound_rule, n);

    outbound->methods = (1u << 3) - 1;
    outbound->rules = rules;
    for (size_t i = 0; i < n; i++) {
        struct gp_slice name = gp_map_key(map, i);
        const struct gp__pair *pair = gp__node_pair(section, name);
        const struct gp__raw_destination *raw = gp_map_at(map, i);

        if (!pair)
            continue;
        if (gp_slice_eq(name, GP_S("default")))
            load_default(load, outbound, raw, pair);
        else
            load_rule(load, &rules[outbound->n_rules++], raw, pair);
    }
    load_reports(load, outbound, &raw_tls->reports, node);
    return outbound;
}

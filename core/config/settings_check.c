// SPDX-License-Identifier: Apache-2.0
/* What only the whole configuration can tell: what is never used or never reached, what is there
 * twice, and what would make the server an open relay. */
#include "core/config/load.h"

/* ---- names that nobody uses ---- */

static void check_used(struct gp__load *load)
{
    const struct gp__settings *settings = load->settings;

    for (size_t i = 0; i < settings->n_chains; i++)
        if (!settings->chains[i]->used)
            gp__diag_add(load->diag, GP__WARNING, settings->chains[i]->node,
                         "no listener uses the chain \"" GP_FMT "\"",
                         GP_ARG(settings->chains[i]->name));
    for (size_t i = 0; i < settings->n_targets; i++)
        if (!settings->targets[i]->used)
            gp__diag_add(load->diag, GP__WARNING, settings->targets[i]->service.node,
                         "nothing uses the target \"" GP_FMT "\"",
                         GP_ARG(settings->targets[i]->service.name));
    for (size_t i = 0; i < settings->n_auths; i++)
        if (!settings->auths[i]->used)
            gp__diag_add(load->diag, GP__WARNING, settings->auths[i]->service.node,
                         "no listener asks \"" GP_FMT "\" who a client is",
                         GP_ARG(settings->auths[i]->service.name));
}

static void check_queues(struct gp__load *load)
{
    const struct gp__settings *settings = load->settings;

    for (size_t i = 0; i < settings->n_queues; i++) {
        const struct gp__queue_settings *queue = &settings->queues[i];

        if (!queue->used && !gp_slice_eq(queue->name, GP_S("default")))
            gp__diag_add(load->diag, GP__WARNING, queue->node,
                         "no route uses the queue policy \"" GP_FMT "\"", GP_ARG(queue->name));
    }
}

/* ---- notes that nobody sets ---- */

/* Whether an instance is there whose notes begin like this one. A name without a dot is anybody's. */
static bool has_setter(const struct gp__load *load, struct gp_slice note)
{
    size_t dot = gp_slice_find(note, '.');

    if (dot == note.len)
        return true;
    for (; dot < note.len; dot++)
        if (note.data[dot] == '.' && gp__map_find(&load->ids, gp_slice_sub(note, 0, dot)))
            return true;
    return false;
}

static void check_note(struct gp__load *load, const struct gp__node *at, struct gp_slice note)
{
    struct gp_slice setter = gp_slice_sub(note, 0, gp_slice_rfind(note, '.'));
    struct gp__suggest suggest = {.word = setter};

    if (has_setter(load, note))
        return;
    for (size_t i = 0; i < load->ids.count; i++)
        gp__suggest_try(&suggest, load->ids.entries[i].key);
    gp__diag_unknown(load->diag, at, &suggest,
                     "no instance \"" GP_FMT "\" is there to set the note \"" GP_FMT "\"",
                     GP_ARG(setter), GP_ARG(note));
}

void gp__load_note_ref(void *arg, const struct gp__node *node, struct gp_slice name)
{
    struct gp__load *load = arg;

    (void)name; /* is the text of the node */
    GP__ARENA_GROW(load->arena, load->notes, load->notes_cap, load->n_notes + 1);
    load->notes[load->n_notes++] = node;
}

/* Conditions are as deep as their nodes: GP__NODE_DEPTH_MAX. */
static void check_notes(struct gp__load *load, const struct gp__when *when)
{
    if (when && when->kind == GP__WHEN_FACT && when->fact == GP__FACT_NOTE)
        check_note(load, ((const struct gp__when_at *)(const void *)when)->at, when->note);
    for (size_t i = 0; when && i < when->count; i++)
        check_notes(load, when->children[i]);
}

/* ---- listeners ---- */

static bool is_loopback(const struct gp__endpoint_text *endpoint)
{
    static const uint8_t ip6_loopback[16] = {[15] = 1};

    if (gp_slice_present(endpoint->path))
        return true;
    if (endpoint->ip.family == 4)
        return endpoint->ip.bytes[0] == 127;
    if (endpoint->ip.family == 6)
        return memcmp(endpoint->ip.bytes, ip6_loopback, sizeof ip6_loopback) == 0;
    return gp_slice_caseeq(endpoint->host, GP_S("localhost"));
}

static bool all_loopback(const struct gp__settings *settings)
{
    for (size_t i = 0; i < settings->n_listeners; i++)
        for (size_t j = 0; j < settings->listeners[i]->n_addresses; j++)
            if (!is_loopback(&settings->listeners[i]->addresses[j]))
                return false;
    return true;
}

/* AUTH that no client will ever be offered. */
static void check_offer(struct gp__load *load, const struct gp__listener_settings *listener)
{
    bool external = listener->auth_mechanisms & 1u << GP__SASL_EXTERNAL;
    bool encrypted = listener->tls != GP__TLS_OFF;

    if ((listener->n_auths || external) && !encrypted && !listener->smtp.auth.plaintext)
        gp__diag_add(load->diag, GP__WARNING, listener->node,
                     "nobody can log in at \"" GP_FMT "\": AUTH is offered in TLS only, and it has "
                     "no `tls:`",
                     GP_ARG(listener->name));
    else if (external &&
             (!encrypted || listener->tls_settings->client_certificates == GP__TLS_CLIENT_OFF))
        gp__diag_add(load->diag, GP__WARNING, listener->node,
                     "EXTERNAL is never offered at \"" GP_FMT "\": clients are not asked for a "
                     "certificate (`client_certificates:`)",
                     GP_ARG(listener->name));
}

/* Passwords that anybody on the way can read. */
static void check_plaintext(struct gp__load *load, const struct gp__listener_settings *listener)
{
    for (size_t i = 0; listener->smtp.auth.plaintext && i < listener->n_addresses; i++) {
        if (is_loopback(&listener->addresses[i]))
            continue;
        gp__diag_add(load->diag, GP__WARNING, listener->node,
                     "\"auth_plaintext\": passwords for \"" GP_FMT
                     "\" cross the network unencrypted",
                     GP_ARG(listener->name));
        return;
    }
}

static void check_addresses(struct gp__load *load)
{
    struct gp__map seen = {0};

    for (size_t i = 0; i < load->settings->n_listeners; i++) {
        const struct gp__listener_settings *listener = load->settings->listeners[i];

        for (size_t j = 0; j < listener->n_addresses; j++) {
            const struct gp__endpoint_text *at = &listener->addresses[j];
            bool any_port = at->port == 0 && !gp_slice_present(at->path);
            const struct gp__listener_settings *first =
                any_port ? NULL : gp__map_set(&seen, at->text, (void *)(uintptr_t)listener);

            if (first)
                gp__diag_add(load->diag, GP__ERROR, listener->node,
                             "\"" GP_FMT "\" listens on " GP_FMT ", and so does \"" GP_FMT "\"",
                             GP_ARG(listener->name), GP_ARG(at->text), GP_ARG(first->name));
        }
    }
    gp__map_free(&seen);
}

/* RFC 2033 section 5: who finds LMTP on port 25 takes it for SMTP. */
static void check_lmtp_port(struct gp__load *load)
{
    for (size_t i = 0; i < load->settings->n_listeners; i++) {
        const struct gp__listener_settings *listener = load->settings->listeners[i];

        for (size_t j = 0; j < listener->n_addresses; j++)
            if (listener->smtp.protocol == GP__PROTOCOL_LMTP && listener->addresses[j].port == 25)
                gp__diag_add(load->diag, GP__ERROR, listener->node,
                             "\"" GP_FMT "\" speaks LMTP, which must not be on port 25",
                             GP_ARG(listener->name));
    }
}

/* RFC 3207 section 4: whoever is named by an MX must take mail without TLS too. */
static void check_tls(struct gp__load *load)
{
    for (size_t i = 0; i < load->settings->n_listeners; i++) {
        const struct gp__listener_settings *listener = load->settings->listeners[i];

        for (size_t j = 0; j < listener->n_addresses; j++)
            if (listener->tls == GP__TLS_REQUIRED && listener->addresses[j].port == 25 &&
                !is_loopback(&listener->addresses[j]))
                gp__diag_add(load->diag, GP__WARNING, listener->node,
                             "\"" GP_FMT "\" refuses mail without TLS on port 25, where others "
                             "may have none to offer",
                             GP_ARG(listener->name));
    }
}

/* ---- targets that are ourselves ---- */

static bool is_any(const struct gp__ip *ip)
{
    static const uint8_t zero[16];

    return ip->family && memcmp(ip->bytes, zero, sizeof zero) == 0;
}

/* Whether what is sent to an address arrives at the listener's, as far as texts can tell. */
static bool arrives(const struct gp__endpoint_text *to, const struct gp__endpoint_text *at)
{
    if (gp_slice_present(to->path) || gp_slice_present(at->path))
        return gp_slice_present(to->path) && gp_slice_eq(to->path, at->path);
    if (to->port != at->port)
        return false;
    return gp_slice_caseeq(to->host, at->host) || (is_any(&at->ip) && is_loopback(to));
}

static void check_own_address(struct gp__load *load, const struct gp__target_settings *target,
                              struct gp_slice text)
{
    struct gp__endpoint_text to;

    if (text.len == 0 || gp__endpoint_parse(text, &to))
        return;
    for (size_t i = 0; i < load->settings->n_listeners; i++) {
        const struct gp__listener_settings *listener = load->settings->listeners[i];

        for (size_t j = 0; j < listener->n_addresses; j++)
            if (arrives(&to, &listener->addresses[j]))
                gp__diag_add(load->diag, GP__WARNING, target->service.node,
                             "the target \"" GP_FMT "\" sends to " GP_FMT
                             ", our own listener \"" GP_FMT "\"",
                             GP_ARG(target->service.name), GP_ARG(text), GP_ARG(listener->name));
    }
}

/* Looks at the options of a target that are addresses. */
static void check_loop(struct gp__load *load, const struct gp__target_settings *target)
{
    const struct gp_plugin *plugin = target->service.plugin;
    const char *options = target->service.options;
    struct gp_option row;

    for (size_t i = 0; options && gp__option_row(plugin->options, plugin->option_size, i, &row);
         i++) {
        const void *place = options + row.offset;

        if (row.type == GP_TYPE_ADDRESS)
            check_own_address(load, target, *(const struct gp_slice *)place);
        if (row.type != GP_TYPE_LIST || row.item != GP_TYPE_ADDRESS)
            continue;
        for (size_t j = 0; j < gp_list_count(*(const struct gp_list *const *)place); j++)
            check_own_address(
                load, target,
                *(const struct gp_slice *)gp_list_at(*(const struct gp_list *const *)place, j));
    }
}

/* ---- routes ---- */

static bool is_everyone(const struct gp__when *match)
{
    return match && match->kind == GP__WHEN_ALL && match->count == 0;
}

/* A match that is nothing but a list of recipients, without tables. */
static bool only_recipients(const struct gp__when *match)
{
    return match && match->kind == GP__WHEN_FACT && match->fact == GP__FACT_RECIPIENT &&
           !match->negate && match->n_tables == 0;
}

static bool has_pattern(const struct gp__when *match, const struct gp__pattern *wanted)
{
    for (size_t i = 0; i < match->n_patterns; i++)
        if (match->patterns[i].kind == wanted->kind &&
            gp_slice_caseeq(match->patterns[i].text, wanted->text))
            return true;
    return false;
}

static bool covers(const struct gp__when *before, const struct gp__when *match)
{
    if (is_everyone(before))
        return true;
    if (!only_recipients(before) || !only_recipients(match))
        return false;
    for (size_t i = 0; i < match->n_patterns; i++)
        if (!has_pattern(before, &match->patterns[i]))
            return false;
    return true;
}

/* Compares with at most this many routes before: the check is a help and need not be complete. */
#define ROUTES_BACK 200

static void check_reached(struct gp__load *load, const struct gp__route_settings *route)
{
    size_t first = route->index > ROUTES_BACK ? route->index - ROUTES_BACK : 0;

    for (size_t i = first; i < route->index; i++) {
        const struct gp__route_settings *before = load->settings->routes[i];

        if (!covers(before->match, route->match))
            continue;
        gp__diag_add(load->diag, GP__WARNING, route->node,
                     "the route \"" GP_FMT "\" is never reached: \"" GP_FMT
                     "\" before it takes all of its recipients",
                     GP_ARG(route->name), GP_ARG(before->name));
        return;
    }
}

/* Whether a match asks for nothing but what any client can say: its sender, or that the recipient
 * is none of some. */
static bool anybody_matches(const struct gp__when *match)
{
    size_t open = 0;

    for (size_t i = 0; i < match->count; i++)
        open += anybody_matches(match->children[i]);
    switch (match->kind) {
    case GP__WHEN_ALL:
        return open == match->count;
    case GP__WHEN_ANY:
        return open > 0;
    case GP__WHEN_NONE:
        return false;
    case GP__WHEN_FACT:
        break;
    }
    switch (match->fact) {
    case GP__FACT_SENDER:
    case GP__FACT_NULL_SENDER:
        return true;
    case GP__FACT_RECIPIENT:
        return match->negate;
    default:
        return false;
    }
}

/* A route for everyone that does not ask for the right to relay: fine for a mailbox that catches
 * all, an open relay when the target sends on. */
static void check_open(struct gp__load *load, const struct gp__route_settings *route)
{
    if (!route->match || !anybody_matches(route->match) || route->valid || route->ask ||
        all_loopback(load->settings))
        return;
    gp__diag_add(load->diag, GP__WARNING, route->node,
                 "the route \"" GP_FMT "\" takes any recipient from anyone%s: an open relay if its "
                 "target sends mail on; match `relay: true` or recipients",
                 GP_ARG(route->name), is_everyone(route->match) ? "" : " who says what it matches");
}

/* Whether a match asks who the client is, or for recipients that are named: then strangers can't
 * have everything sent to everybody. */
static bool asks_somebody(const struct gp__when *match)
{
    size_t asking = 0;

    for (size_t i = 0; i < match->count; i++)
        asking += asks_somebody(match->children[i]);
    switch (match->kind) {
    case GP__WHEN_ALL:
        return asking > 0;
    case GP__WHEN_ANY:
        return asking > 0 && asking == match->count;
    case GP__WHEN_NONE:
        return false;
    case GP__WHEN_FACT:
        break;
    }
    switch (match->fact) {
    case GP__FACT_RELAY:
    case GP__FACT_AUTHENTICATED:
        return match->flag;
    case GP__FACT_RECIPIENT:
    case GP__FACT_CLIENT:
    case GP__FACT_USER:
    case GP__FACT_TLS_CLIENT:
        return !match->negate;
    default:
        return false;
    }
}

static bool sends_on(const struct gp__target_settings *target)
{
    const struct gp_target_role *role = target ? target->service.plugin->target : NULL;

    return role && role->size >= offsetof(struct gp_target_role, per_domain) + sizeof(bool) &&
           role->per_domain;
}

/* An open relay is never an accident: `relay: [anyone]` of a listener says that it is meant. */
static void check_strangers(struct gp__load *load, const struct gp__route_settings *route)
{
    if ((!sends_on(route->to) && !sends_on(route->fallback)) || asks_somebody(route->match) ||
        all_loopback(load->settings))
        return;
    gp__diag_add(load->diag, GP__ERROR, route->node,
                 "the route \"" GP_FMT "\" relays for strangers: its target sends mail to "
                 "whatever domain, and its match asks neither for the right to relay nor for "
                 "recipients; match `relay: true`",
                 GP_ARG(route->name));
}

/* An MTA that asks us has routes of its own. */
static bool needs_routes(const struct gp__settings *settings)
{
    for (size_t i = 0; i < settings->n_listeners; i++)
        if (settings->listeners[i]->smtp.protocol != GP__PROTOCOL_MILTER)
            return true;
    return settings->n_listeners == 0;
}

/* What the scheduler would refuse. */
static void check_count(struct gp__load *load, const char *section, size_t n, size_t most)
{
    if (gp_slice_present(load->settings->spool.path) && n > most)
        gp__diag_add(load->diag, GP__ERROR, gp__node_get(load->root, gp_slice_of(section)),
                     "`%s:` has %zu entries, and %zu is the most there can be", section, n, most);
}

void gp__load_check(struct gp__load *load)
{
    const struct gp__settings *settings = load->settings;

    check_count(load, "queue", settings->n_queues, GP__QUEUES_MAX);
    check_count(load, "buckets", settings->n_buckets, GP__BUCKETS_MAX);
    check_count(load, "routes", settings->n_routes, GP__ROUTES_MAX);
    check_used(load);
    gp__load_engine_check(load);
    check_queues(load);
    for (size_t i = 0; i < settings->n_instances; i++)
        check_notes(load, settings->instances[i]->when);
    for (size_t i = 0; i < load->n_notes; i++)
        check_note(load, load->notes[i], load->notes[i]->text);
    check_addresses(load);
    check_lmtp_port(load);
    check_tls(load);
    for (size_t i = 0; i < settings->n_listeners; i++) {
        check_plaintext(load, settings->listeners[i]);
        check_offer(load, settings->listeners[i]);
    }
    for (size_t i = 0; i < settings->n_targets; i++)
        check_loop(load, settings->targets[i]);
    for (size_t i = 0; i < settings->n_routes; i++) {
        check_reached(load, settings->routes[i]);
        check_open(load, settings->routes[i]);
        check_strangers(load, settings->routes[i]);
    }
    if (settings->n_listeners == 0)
        gp__diag_add(load->diag, GP__ERROR, load->root, "there are no listeners");
    if (settings->n_routes == 0 && needs_routes(settings))
        gp__diag_add(load->diag, GP__WARNING, load->root,
                     "there are no routes: every recipient is refused");
}

// SPDX-License-Identifier: Apache-2.0
/* `routes:` who gets a message. In order: the first that matches a recipient owns it. */
#include "core/config/load.h"

/* What the rows of a route fill. */
struct raw {
    struct gp_slice name, to, fallback, queue;
    struct gp_table *valid;
    int mode;
};

enum route_mode {
    MODE_QUEUED = 0,
    MODE_DIRECT,
};

static const char *const mode_names[] = {"queued", "direct", NULL};

const struct gp_option gp__route_rows[] = {
    GP_OPTION_STRING("name", struct raw, name, NULL, "Name of the route in logs and conditions.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_TABLE("valid", struct raw, valid, GP_OPTIONAL,
                    "Table of the recipients that exist; without it all do."),
    GP_OPTION_TARGET("to", struct raw, to, NULL, "The target that takes the message."),
    GP_OPTION_TARGET("fallback", struct raw, fallback, GP_OPTIONAL,
                     "The target that takes at once what `to` cannot take now."),
    GP_OPTION_ENUM("mode", struct raw, mode, mode_names, "queued",
                   "queued: kept, answered, then delivered. direct: the target's own answer is the "
                   "reply to the client."),
    GP_OPTION_STRING("queue", struct raw, queue, GP_OPTIONAL,
                     "The policy of `queue:` by which delivery is tried; default by default.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTIONS_END,
};

const char *const gp__route_own[] = {"match", NULL};

/* Whether the condition asks for the right to relay. */
static bool asks_relay(const struct gp__when *when)
{
    if (!when)
        return false;
    for (size_t i = 0; i < when->count; i++)
        if (when->kind == GP__WHEN_ALL && asks_relay(when->children[i]))
            return true;
    return when->kind == GP__WHEN_FACT && when->fact == GP__FACT_RELAY && when->flag;
}

/* What a direct target defers while others get it goes to the queue too: it has a policy as well. */
static void set_queue(struct gp__load *load, struct gp__route_settings *route,
                      const struct gp__node *node, const struct raw *raw)
{
    const struct gp__node *mode = gp__node_get(node, GP_S("mode"));
    const struct gp__node *queue = gp__node_get(node, GP_S("queue"));
    bool spool = gp_slice_present(load->settings->spool.path);

    route->direct = raw->mode == MODE_DIRECT;
    route->queue = gp__load_queue_ref(load, queue ? queue : route->node,
                                      gp_slice_present(raw->queue) ? raw->queue : GP_S("default"));
    if (spool)
        return;
    if (!route->direct)
        gp__diag_add(load->diag, GP__ERROR, mode && mode->line ? mode : route->node,
                     "queued routes need `spool: {path: DIR}` to keep mail in; without it write "
                     "mode: direct");
    else if (gp_slice_present(raw->queue))
        gp__diag_add(load->diag, GP__ERROR, queue,
                     "\"queue\" needs `spool: {path: DIR}`: without it nothing is queued");
}

/* ---- `valid: {ask: TARGET}` ---- */

struct ask_cache {
    uint64_t yes, no;
    int unsure;
};

struct ask {
    struct gp_slice target;
    struct ask_cache cache;
};

static const char *const unsure_names[] = {"defer", "accept", NULL};

static const struct gp_option cache_rows[] = {
    GP_OPTION_DURATION("yes", struct ask_cache, yes, "1d", 0, INT64_C(30) * 86400000,
                       "How long it is remembered that a recipient is there."),
    GP_OPTION_DURATION("no", struct ask_cache, no, "1h", 0, INT64_C(30) * 86400000,
                       "And that there is none."),
    GP_OPTION_ENUM("unsure", struct ask_cache, unsure, unsure_names, "defer",
                   "What becomes of recipients when it can't be told."),
    GP_OPTIONS_END,
};

static const struct gp_option ask_rows[] = {
    GP_OPTION_TARGET("ask", struct ask, target, NULL, "The target that knows the recipients."),
    GP_OPTION_OBJECT("cache", struct ask, cache, cache_rows, "{}", "How long answers are kept."),
    GP_OPTIONS_END,
};

static const struct gp__node *ask_of(const struct gp__node *node)
{
    const struct gp__node *valid = gp__node_get(node, GP_S("valid"));

    return valid && valid->kind == GP__NODE_MAPPING && gp__node_pair(valid, GP_S("ask")) ? valid
                                                                                         : NULL;
}

/* The mapping without a key that is read apart. */
static const struct gp__node *without_valid(struct gp__load *load, const struct gp__node *node)
{
    struct gp__node *rest = gp__node_mapping(load->arena, node->count, node);

    for (size_t i = 0; i < node->count; i++)
        if (!gp_slice_eq(node->pairs[i].key->text, GP_S("valid")))
            gp__node_put(rest, node->pairs[i].key, node->pairs[i].value);
    return rest;
}

static bool can_be_asked(const struct gp__target_settings *target)
{
    const struct gp_target_role *role = target->service.plugin ? target->service.plugin->target
                                                               : NULL;

    return role && role->size >= sizeof *role && role->verify;
}

static void load_ask(struct gp__load *load, struct gp__route_settings *route,
                     const struct gp__node *node, struct gp_slice what)
{
    struct gp__schema_rows rows = {.rows = ask_rows, .size = sizeof(struct ask)};
    struct ask ask = {.cache = {.unsure = 0}};

    what = gp__arena_printf(load->arena, "\"valid\" of " GP_FMT, GP_ARG(what));
    if (gp__bind(&load->binder, node, node, what, &rows, &ask, NULL) < 0 || !ask.target.len)
        return;
    route->ask = gp__map_get(&load->targets, ask.target);
    route->ask_yes = ask.cache.yes;
    route->ask_no = ask.cache.no;
    route->ask_unsure_accepts = ask.cache.unsure == 1;
    if (route->ask && !can_be_asked(route->ask))
        gp__diag_add(load->diag, GP__ERROR, gp__node_get(node, GP_S("ask")),
                     "\"" GP_FMT "\" can't be asked for recipients: smtp and lmtp targets can",
                     GP_ARG(ask.target));
}

static struct gp_slice route_what(struct gp__load *load, const struct gp__node *node)
{
    const struct gp__node *name = gp__node_get(node, GP_S("name"));

    return name && name->kind == GP__NODE_SCALAR
               ? gp__arena_printf(load->arena, "route \"" GP_FMT "\"", GP_ARG(name->text))
               : GP_S("a route");
}

static const struct gp__when *load_match(struct gp__load *load, const struct gp__node *node)
{
    const struct gp__node *match = gp__node_get(node, GP_S("match"));
    struct gp__when_at *everyone = GP__ARENA_NEW(load->arena, struct gp__when_at);
    const struct gp__when *when = gp__load_when(load, match, GP__WHEN_OF_ROUTE);

    everyone->when.kind = GP__WHEN_ALL;
    everyone->at = node;
    return when ? when : &everyone->when;
}

static const struct gp__node *show(struct gp__load *load, const struct gp__node *node,
                                   const struct gp__node *bound)
{
    const struct gp__pair *match = gp__node_pair(node, GP_S("match"));
    struct gp__node *shown = gp__node_mapping(load->arena, bound->count + 1, node);

    for (size_t i = 0; i < bound->count; i++) {
        gp__node_put(shown, bound->pairs[i].key, bound->pairs[i].value);
        if (i == 0 && match)
            gp__node_put(shown, match->key, match->value);
    }
    return shown;
}

/* What a target with two steps prepared is not shown before all is: there is no "not now" then. */
static void set_fallback(struct gp__load *load, struct gp__route_settings *route,
                         const struct gp__node *node, const struct raw *raw)
{
    const struct gp__node *at = gp__node_get(node, GP_S("fallback"));

    if (!gp_slice_present(raw->fallback) || !route->to)
        return;
    route->fallback = gp__map_get(&load->targets, raw->fallback);
    if (route->fallback == route->to)
        gp__diag_add(load->diag, GP__ERROR, at, "\"fallback\" is the target \"" GP_FMT "\" again",
                     GP_ARG(raw->to));
    else if (route->to->service.plugin && route->to->service.plugin->target->publish)
        gp__diag_add(load->diag, GP__ERROR, at,
                     "\"" GP_FMT "\" stores mail here, it needs no fallback: it is for targets "
                     "that hand mail to somebody else",
                     GP_ARG(raw->to));
}

static const struct gp__node *load_route(struct gp__load *load, struct gp__route_settings *route,
                                         const struct gp__node *node)
{
    struct gp__schema_rows rows = {gp__route_rows, 0, sizeof(struct raw), gp__route_own, NULL};
    const struct gp__node *name = gp__node_get(node, GP_S("name")), *bound;
    const struct gp__node *ask = node->kind == GP__NODE_MAPPING ? ask_of(node) : NULL;
    struct raw raw = {.mode = MODE_DIRECT};

    route->node = name ? name : node;

    if (ask)
        load_ask(load, route, ask, route_what(load, node));
    gp__bind(&load->binder, ask ? without_valid(load, node) : node, node, route_what(load, node),
             &rows, &raw, &bound);
    if (node->kind != GP__NODE_MAPPING)
        return node;
    set_queue(load, route, node, &raw);
    route->name = raw.name;
    if (gp_slice_present(raw.name) && gp__load_name(load, name, "route") &&
        gp__map_set(&load->routes, raw.name, route) != node)
        gp__diag_add(load->diag, GP__ERROR, name, "a second route \"" GP_FMT "\"",
                     GP_ARG(raw.name));
    route->match = load_match(load, node);
    route->relay = asks_relay(route->match);
    route->valid = raw.valid;
    if (gp_slice_present(raw.to))
        route->to = gp__map_get(&load->targets, raw.to);
    set_fallback(load, route, node, &raw);
    return show(load, node, bound);
}

void gp__load_routes(struct gp__load *load)
{
    const struct gp__node *section = gp__node_get(load->root, GP_S("routes"));
    const struct gp__route_settings **list;
    struct gp__node *shown;

    if (!section || section->kind == GP__NODE_NULL)
        return;
    if (section->kind != GP__NODE_SEQUENCE) {
        gp__diag_add(load->diag, GP__ERROR, section, "\"routes\" must be a list, not %s",
                     gp__node_kind_text(section));
        return;
    }
    list = GP__ARENA_ARRAY(load->arena, const struct gp__route_settings *, section->count);
    shown = gp__node_sequence(load->arena, section->count, section);
    for (size_t i = 0; i < section->count; i++) {
        struct gp__route_settings *route = GP__ARENA_NEW(load->arena, struct gp__route_settings);

        route->index = i;
        list[i] = route;
        gp__node_add(shown, load_route(load, route, section->items[i]));
    }
    load->settings->routes = list;
    load->settings->n_routes = section->count;
    gp__load_show(load, "routes", shown);
}

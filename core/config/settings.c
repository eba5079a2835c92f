// SPDX-License-Identifier: Apache-2.0
#include "core/config/settings.h"

#include "core/base/ascii.h"
#include "core/base/domain.h"
#include "core/base/utf8.h"
#include "core/config/limits_rows.h"
#include "core/config/load.h"

#define NAME_LEN_MAX 64

/* ---- the sections that are one flat mapping ---- */

struct hold {
    struct gp_slice path, bucket;
};

struct dns {
    const struct gp_list *resolvers;
    int dnssec;
    uint64_t timeout;
    struct gp_slice root_key;
};

struct plugins {
    const struct gp_list *path;
};

struct auth_results {
    struct gp_slice authserv_id;
};

/* What the rows of the top fill. */
struct top {
    struct gp_slice hostname;
    struct plugins plugins;
    struct gp__limits limits;
    struct gp__answer_within answer_within;
    struct hold hold;
    struct auth_results auth_results;
    struct dns dns;
    struct gp__log_settings log;
    struct gp__work_settings work;
    struct gp__memory_settings memory;
    struct gp__raw_tls tls;
    struct gp__auth_guard_settings auth_guard;
    struct gp__process_raw process;
    struct gp__shed_settings overload;
    struct gp__queue_raw queue;
};

static const struct gp_option plugins_rows[] = {
    GP_OPTION_LIST("path", struct plugins, path, GP_TYPE_PATH, "[]",
                   "Directories to look for plugins in, before the built-in one."),
    GP_OPTIONS_END,
};

/* Sums of what hooks may take before a reply; RFC 5321 4.5.3.2 lets clients give up after 5 min,
 * 5 min, 2 min and 10 min, and many applications do so after 30 to 60 s. */
static const struct gp_option answer_rows[] = {
    GP_OPTION_DURATION("greeting", struct gp__answer_within, greeting, "30s", 100, 300000,
                       "All hooks before the greeting."),
    GP_OPTION_DURATION("command", struct gp__answer_within, command, "60s", 100, 300000,
                       "All hooks before the reply to a command."),
    GP_OPTION_DURATION("data", struct gp__answer_within, data, "60s", 100, 120000,
                       "All hooks before the reply to DATA."),
    GP_OPTION_DURATION("message", struct gp__answer_within, message, "4m", 100, 600000,
                       "All hooks and targets before the reply to the message."),
    GP_OPTIONS_END,
};

static const struct gp_option hold_rows[] = {
    GP_OPTION_PATH("path", struct hold, path, NULL, "Directory that keeps quarantined mail."),
    GP_OPTION_STRING("bucket", struct hold, bucket, "held",
                     "Bucket for what the core itself holds; need not stand in `buckets:`."),
    GP_OPTIONS_END,
};

static const struct gp_option auth_results_rows[] = {
    GP_OPTION_STRING("authserv_id", struct auth_results, authserv_id, GP_OPTIONAL,
                     "Our name in Authentication-Results (RFC 8601); the hostname by default."),
    GP_OPTIONS_END,
};

static const char *const dnssec_names[] = {"auto", "on", "off", NULL};

static const struct gp_option dns_rows[] = {
    GP_OPTION_LIST("resolvers", struct dns, resolvers, GP_TYPE_STRING, "system",
                   "Whom to ask: system (resolv.conf), recursive, or IP addresses.",
                   .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_ENUM("dnssec", struct dns, dnssec, dnssec_names, "auto",
                   "Whether answers are validated; auto: if the resolver lets us."),
    GP_OPTION_DURATION("timeout", struct dns, timeout, "10s", 100, 60000,
                       "How long one question may take."),
    GP_OPTION_PATH(
        "root_key", struct dns, root_key, GP_OPTIONAL,
        "Trust anchors of DNSSEC, as unbound-anchor writes them; by default the system's."),
    GP_OPTIONS_END,
};

static const char *const format_names[] = {"human", "json", NULL};
static const char *const level_names[] = {"error", "warning", "notice", "info", "debug", NULL};

static const struct gp_option log_rows[] = {
    GP_OPTION_STRING("to", struct gp__log_settings, to, "stderr", "stderr, syslog, or a file.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_ENUM("format", struct gp__log_settings, format, format_names, "human",
                   "Lines for people, or JSON."),
    GP_OPTION_ENUM("level", struct gp__log_settings, level, level_names, "info",
                   "The least that is logged."),
    GP_OPTIONS_END,
};

static const struct gp_option memory_rows[] = {
    GP_OPTION_SIZE("message", struct gp__memory_settings, message, "1MiB", 65536, 1ll << 32,
                   "How much of a message a session keeps in memory; the rest goes to a file."),
    GP_OPTION_PATH("spill_to", struct gp__memory_settings, spill_to, GP_OPTIONAL,
                   "The directory of such files, by default the spool, or /var/tmp without one. "
                   "They have no name and leave nothing behind."),
    GP_OPTIONS_END,
};

static const struct gp_option guard_rows[] = {
    GP_OPTION_DURATION("delay", struct gp__auth_guard_settings, delay, "1s", 0, 60000,
                       "How long the reply to a failed login waits; doubled with each failure."),
    GP_OPTION_DURATION("max_delay", struct gp__auth_guard_settings, max_delay, "16s", 0, 60000,
                       "The longest such delay."),
    GP_OPTION_INTEGER("client_failures", struct gp__auth_guard_settings, client_failures, "20", 1,
                      1000000, "Failures from one address (IPv6: one /64) until it is locked out."),
    GP_OPTION_INTEGER("user_failures", struct gp__auth_guard_settings, user_failures, "100", 1,
                      1000000, "Failures for one user name, wherever from, until it is locked."),
    GP_OPTION_DURATION("lock", struct gp__auth_guard_settings, lock, "15m", 1000, 86400000,
                       "How long after the last failure a lock lasts, and failures are counted."),
    GP_OPTION_SECRET("decoy_key", struct gp__auth_guard_settings, decoy_key, GP_OPTIONAL,
                     "What made-up salts depend on; without it on a key drawn at the start."),
    GP_OPTION_INTEGER("remembered", struct gp__auth_guard_settings, remembered, "100000", 100,
                      10000000,
                      "Addresses and names remembered at once; the oldest are forgotten."),
    GP_OPTIONS_END,
};

static const struct gp_option overload_rows[] = {
    GP_OPTION_SIZE(
        "memory", struct gp__shed_settings, memory, "0", 0, 1ll << 40,
        "Memory of all workers together from which on they take nothing new: 421, and 452 "
        "4.3.1 at MAIL. 0: never."),
    GP_OPTION_SIZE(
        "keep_free", struct gp__shed_settings, keep_free, "512MiB", 0, 1ll << 50,
        "What stays free in `memory.spill_to`, `spool.path`, `hold.path` and the directories of targets: with less "
        "nothing new is taken. 0: does not matter. By default at least twice `spool.keep_free`."),
    GP_OPTIONS_END,
};

static const struct gp_option work_rows[] = {
    GP_OPTION_INTEGER("threads", struct gp__work_settings, threads, "4", 1, 64,
                      "Threads for blocking and heavy work of plugins."),
    GP_OPTIONS_END,
};

const struct gp_option gp__top_rows[] = {
    GP_OPTION_STRING("hostname", struct top, hostname, NULL,
                     "Our name in greetings, trace fields and EHLO.", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_OBJECT("plugins", struct top, plugins, plugins_rows, "{}", "Where plugins are."),
    GP_OPTION_OBJECT("limits", struct top, limits, gp__limits_rows, "{}",
                     "The budgets of sessions and messages."),
    GP_OPTION_OBJECT("answer_within", struct top, answer_within, answer_rows, "{}",
                     "How long a client waits for a reply at most."),
    GP_OPTION_OBJECT("spool", struct top, queue.spool, gp__spool_rows, GP_OPTIONAL,
                     "Where mail is kept until it is delivered, and what is held in buckets."),
    GP_OPTION_OBJECT("bounces", struct top, queue.bounces, gp__bounce_rows, GP_OPTIONAL,
                     "Whom is told that mail could not be delivered."),
    GP_OPTION_OBJECT("hold", struct top, hold, hold_rows, GP_OPTIONAL,
                     "Where held mail is kept without a spool: as files."),
    GP_OPTION_OBJECT("auth_results", struct top, auth_results, auth_results_rows, "{}",
                     "What plugins find out about the sender, as a header field."),
    GP_OPTION_OBJECT("dns", struct top, dns, dns_rows, "{}", "Name resolution."),
    GP_OPTION_OBJECT("log", struct top, log, log_rows, "{}", "Logging."),
    GP_OPTION_OBJECT("work", struct top, work, work_rows, "{}", "The pool of threads."),
    GP_OPTION_OBJECT("memory", struct top, memory, memory_rows, "{}", "Memory of messages."),
    GP_OPTION_OBJECT("tls", struct top, tls, gp__tls_top_rows, "{}",
                     "Certificates and how TLS is spoken; listeners say where (`tls:`)."),
    GP_OPTION_OBJECT("auth_guard", struct top, auth_guard, guard_rows, "{}",
                     "What failed logins lead to."),
    GP_OPTION_STRING("workers", struct top, process.workers, "0",
                     "Worker processes, or auto: one a processor. 0: all in one process."),
    GP_OPTION_STRING("carriers", struct top, process.carriers, GP_OPTIONAL,
                     "Processes that deliver queued mail; by default as many as workers."),
    GP_OPTION_STRING(
        "user", struct top, process.user, GP_OPTIONAL,
        "Whom the processes run as when root starts them; \"gatepost\" if there is one.",
        .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("group", struct top, process.group, GP_OPTIONAL,
                     "Their group; that of the user by default.", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_BOOL("sandbox", struct top, process.sandbox, "on",
                   "Whether workers give up system calls and directories they have no use for."),
    GP_OPTION_OBJECT("process", struct top, process.times, gp__process_rows, "{}",
                     "Stopping, reloading and limits of the processes."),
    GP_OPTION_OBJECT("control", struct top, process.control, gp__control_rows, GP_OPTIONAL,
                     "The socket that gatepost status, sessions, hooks, reload and stop talk to."),
    GP_OPTION_OBJECT("metrics", struct top, process.metrics, gp__metrics_rows, GP_OPTIONAL,
                     "Numbers for Prometheus, by HTTP at /metrics."),
    GP_OPTION_OBJECT("overload", struct top, overload, overload_rows, "{}",
                     "From when on nothing new is taken."),
    GP_OPTIONS_END,
};

const char *const gp__top_own[] = {"include", "tables",    "auth",   "targets", "engines", "state",
                                   "chains",  "listeners", "routes", "buckets", "queue",   NULL};

static const char *const later_sections[] = {"console", NULL};

/* ---- helpers of all sections ---- */

bool gp__load_name(struct gp__load *load, const struct gp__node *key, const char *what)
{
    struct gp_slice text = key->text;
    bool fits = text.len > 0 && text.len <= NAME_LEN_MAX;

    for (size_t i = 0; i < text.len && fits; i++)
        fits = gp__is_alnum(text.data[i]) || text.data[i] == '_' || text.data[i] == '-' ||
               (text.data[i] == '.' && i > 0);
    if (!fits)
        gp__diag_add(load->diag, GP__ERROR, key,
                     "\"" GP_FMT "\" cannot name %s %s: use letters, digits, \"_\", \"-\" and "
                     "\".\", at most 64",
                     GP_ARG(gp_slice_sub(text, 0, 100)), what[0] == 'i' ? "an" : "a", what);
    return fits;
}

const struct gp__node *gp__load_section(struct gp__load *load, const char *name)
{
    const struct gp__node *section = gp__node_get(load->root, gp_slice_of(name));

    if (!section || section->kind == GP__NODE_NULL)
        return NULL;
    if (section->kind == GP__NODE_MAPPING)
        return section;
    gp__diag_add(load->diag, GP__ERROR, section, "\"%s\" must be a mapping of names, not %s", name,
                 gp__node_kind_text(section));
    return NULL;
}

void gp__load_show(struct gp__load *load, const char *name, const struct gp__node *shown)
{
    const struct gp__pair *pair = gp__node_pair(load->root, gp_slice_of(name));

    gp__node_put(load->shown,
                 pair ? pair->key : gp__node_scalar(load->arena, gp_slice_of(name), NULL), shown);
}

void gp__load_unknown(struct gp__load *load, const struct gp__node *at, struct gp_slice name,
                      const char *what, const struct gp__map *known)
{
    struct gp__suggest suggest = {.word = name};

    if (at->kind != GP__NODE_SCALAR) {
        gp__diag_add(load->diag, GP__ERROR, at, "the name of a %s was expected, not %s", what,
                     gp__node_kind_text(at));
        return;
    }
    /* Beyond what is shown no suggestion is worth its time. */
    for (size_t i = 0; i < known->count && gp__diag_count(load->diag, GP__ERROR) < GP__DIAG_MAX;
         i++)
        gp__suggest_try(&suggest, known->entries[i].key);
    gp__diag_unknown(load->diag, at, &suggest, "there is no %s \"" GP_FMT "\"", what,
                     GP_ARG(gp_slice_sub(name, 0, 200)));
}

/* ---- the top ---- */

const struct gp__node *gp__load_place(struct gp__load *load, const char *section, const char *key)
{
    const struct gp__node *node = gp__node_get(load->root, gp_slice_of(section));
    const struct gp__node *value = gp__node_get(node, gp_slice_of(key));

    return value ? value : node ? node : load->root;
}

/* An IP address with or without a port; 53 is meant. */
static int parse_resolver(struct gp_slice text, struct gp__endpoint_text *endpoint)
{
    *endpoint = (struct gp__endpoint_text){.text = text, .host = text, .port = 53};
    if (gp__ip_parse(text, &endpoint->ip) == 0)
        return 0;
    return gp__endpoint_parse(text, endpoint) || endpoint->ip.family == 0 || endpoint->port == 0
               ? -1
               : 0;
}

static void set_resolvers(struct gp__load *load, const struct gp_list *words)
{
    struct gp__dns_settings *dns = &load->settings->dns;
    size_t count = gp_list_count(words);
    const struct gp_slice *first = gp_list_at(words, 0);
    struct gp__endpoint_text *list = GP__ARENA_ARRAY(load->arena, struct gp__endpoint_text, count);
    const struct gp__node *at = gp__load_place(load, "dns", "resolvers");

    dns->resolvers = GP__RESOLVERS_LIST;
    if (count == 1 && gp_slice_eq(*first, GP_S("system")))
        dns->resolvers = GP__RESOLVERS_SYSTEM;
    else if (count == 1 && gp_slice_eq(*first, GP_S("recursive")))
        dns->resolvers = GP__RESOLVERS_RECURSIVE;
    if (dns->resolvers != GP__RESOLVERS_LIST)
        return;
    dns->list = list;
    for (size_t i = 0; i < count; i++) {
        const struct gp_slice *text = gp_list_at(words, i);

        if (parse_resolver(*text, &list[dns->n_list++]) < 0)
            gp__diag_add(
                load->diag, GP__ERROR,
                at->kind == GP__NODE_SEQUENCE && i < at->count ? at->items[i] : at,
                "\"resolvers\" is system, recursive or a list of IP addresses, not \"" GP_FMT "\"",
                GP_ARG(gp_slice_sub(*text, 0, 200)));
    }
}

static void set_log(struct gp__load *load, const struct gp__log_settings *log)
{
    const struct gp__node *at = gp__load_place(load, "log", "to");
    struct gp__suggest suggest = {.word = log->to};

    load->settings->log = *log;
    if (log->to.len == 0 || gp_slice_eq(log->to, GP_S("stderr")) ||
        gp_slice_eq(log->to, GP_S("syslog")))
        return;
    if (gp_slice_find(log->to, '/') < log->to.len) {
        load->settings->log.to = gp__bind_path(&load->binder, at, log->to);
        return;
    }
    gp__suggest_try(&suggest, GP_S("stderr"));
    gp__suggest_try(&suggest, GP_S("syslog"));
    gp__diag_unknown(load->diag, at, &suggest,
                     "\"to\" of the log is stderr, syslog or a path with \"/\", not \"" GP_FMT "\"",
                     GP_ARG(gp_slice_sub(log->to, 0, 200)));
}

static void set_hold(struct gp__load *load, const struct hold *hold)
{
    const struct gp__node *at = gp__load_place(load, "hold", "bucket");

    load->settings->hold_path = hold->path;
    load->settings->hold_bucket = hold->bucket;
    if (hold->bucket.len && at->kind == GP__NODE_SCALAR)
        gp__load_name(load, at, "bucket");
}

static void load_top(struct gp__load *load)
{
    struct gp__schema_rows rows = {gp__top_rows, 0, sizeof(struct top), gp__top_own,
                                   later_sections};
    struct gp__settings *settings = load->settings;
    const struct gp__node *shown;
    struct top top = {0};

    gp__bind(&load->binder, load->root, load->root, GP_S("the configuration"), &rows, &top, &shown);
    for (size_t i = 0; i < shown->count; i++)
        gp__node_put(load->shown, shown->pairs[i].key, shown->pairs[i].value);
    settings->hostname = top.hostname;
    if (top.hostname.len)
        settings->hostname = gp__load_host_name(load, gp__node_get(load->root, GP_S("hostname")),
                                                top.hostname);
    settings->plugin_path = top.plugins.path;
    settings->limits = top.limits;
    settings->answer_within = top.answer_within;
    settings->work = top.work;
    settings->memory = top.memory;
    settings->tls = gp__load_tls(load, &top.tls, gp__node_get(load->root, GP_S("tls")),
                                 settings->hostname);
    settings->auth_guard = top.auth_guard;
    settings->overload = top.overload;
    settings->authserv_id = gp_slice_present(top.auth_results.authserv_id)
                                ? top.auth_results.authserv_id
                                : settings->hostname;
    settings->dns.dnssec = top.dns.dnssec;
    settings->dns.timeout = top.dns.timeout;
    settings->dns.root_key = top.dns.root_key;
    set_resolvers(load, top.dns.resolvers);
    settings->outbound = gp__load_outbound(load, &top.tls, gp__node_get(load->root, GP_S("tls")));
    set_log(load, &top.log);
    set_hold(load, &top.hold);
    gp__load_process(load, &top.process);
    gp__load_queue(load, &top.queue);
    if (!gp_slice_present(settings->memory.spill_to))
        settings->memory.spill_to = gp_slice_present(settings->spool.path) ? settings->spool.path
                                                                           : GP_S("/var/tmp");
}

struct gp_slice gp__load_host_name(struct gp__load *load, const struct gp__node *at,
                                   struct gp_slice name)
{
    struct gp_slice ascii = gp__ascii_only(name) ? name : gp__domain_key(load->arena, name);

    if (!gp__host_name_valid(ascii))
        gp__diag_add(load->diag, GP__ERROR, at, "\"" GP_FMT "\" is not a host name",
                     GP_ARG(gp_slice_sub(name, 0, 200)));
    return ascii;
}

/* ---- the whole ---- */

/* Conditions may name listeners and routes, which are loaded after the chains. */
static void collect_names(struct gp__load *load)
{
    const struct gp__node *listeners = gp__node_get(load->root, GP_S("listeners"));
    const struct gp__node *routes = gp__node_get(load->root, GP_S("routes"));

    if (listeners && listeners->kind == GP__NODE_MAPPING)
        for (size_t i = 0; i < listeners->count; i++)
            gp__map_set(&load->listeners, listeners->pairs[i].key->text,
                        (void *)(uintptr_t)listeners->pairs[i].value);
    if (!routes || routes->kind != GP__NODE_SEQUENCE)
        return;
    for (size_t i = 0; i < routes->count; i++) {
        const struct gp__node *name = gp__node_get(routes->items[i], GP_S("name"));

        /* Of two with one name the first stays, so that the second is found to be one. */
        if (name && name->kind == GP__NODE_SCALAR && !gp__map_find(&load->routes, name->text))
            gp__map_set(&load->routes, name->text, (void *)(uintptr_t)routes->items[i]);
    }
}

static void load_sections(struct gp__load *load)
{
    load_top(load);
    if (load->host->plugin_path)
        load->host->plugin_path(load->host->arg, load->settings->plugin_path);
    collect_names(load);
    gp__load_services(load);
    gp__load_engines(load);
    gp__load_state(load);
    gp__load_auth(load);
    gp__load_chains(load);
    gp__load_state_check(load);
    gp__load_listeners(load);
    gp__load_routes(load);
    if (gp__diag_count(load->diag, GP__ERROR) == 0)
        gp__load_check(load);
}

static void free_maps(struct gp__load *load)
{
    gp__map_free(&load->tables);
    gp__map_free(&load->targets);
    gp__map_free(&load->auths);
    gp__map_free(&load->engines);
    gp__map_free(&load->chains);
    gp__map_free(&load->listeners);
    gp__map_free(&load->routes);
    gp__map_free(&load->queues);
    gp__map_free(&load->ids);
}

static void add_command(void *arg, struct gp_command *command)
{
    struct gp__settings *settings = ((struct gp__load *)arg)->settings;
    struct gp_command **end = &settings->commands;

    while (*end)
        end = &(*end)->next;
    command->number = settings->n_commands++;
    *end = command;
}

struct gp__settings *gp__settings_load(const char *path, const struct gp__config_host *host,
                                       struct gp__diag *diag)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__settings *settings = GP__ARENA_NEW(arena, struct gp__settings);
    struct gp__load load = {
        .arena = arena,
        .host = host,
        .diag = diag,
        .settings = settings,
        .binder = {.arena = arena,
                   .diag = diag,
                   .files = host->files,
                   .table = gp__load_table_ref,
                   .target = gp__load_target_ref,
                   .bucket = gp__load_bucket_ref,
                   .note = gp__load_note_ref,
                   .actions = gp__load_table_actions,
                   .records = gp__load_table_records,
                   .command = add_command,
                   .arg = &load},
    };
    size_t errors = gp__diag_count(diag, GP__ERROR);

    settings->arena = arena;
    load.root = gp__load_files(&load, path);
    if (load.root && host->files->texts_read)
        host->files->texts_read(host->files->arg);
    if (load.root) {
        load.shown = gp__node_mapping(arena, 32, load.root);
        settings->shown = load.shown;
        load_sections(&load);
    }
    free_maps(&load);
    gp__diag_seal(diag);
    if (!load.root || gp__diag_count(diag, GP__ERROR) > errors)
        gp__settings_free(&settings);
    return settings;
}

void gp__settings_free(struct gp__settings **settings_)
{
    struct gp__settings *settings = *settings_;
    struct gp__arena *arena = settings ? settings->arena : NULL;

    *settings_ = NULL;
    gp__arena_free(&arena);
}

const struct gp__listener_settings *gp__settings_listener(const struct gp__settings *settings,
                                                          struct gp_slice name)
{
    for (size_t i = 0; i < settings->n_listeners; i++)
        if (gp_slice_eq(settings->listeners[i]->name, name))
            return settings->listeners[i];
    return NULL;
}

const struct gp__target_settings *gp__settings_target(const struct gp__settings *settings,
                                                      struct gp_slice name)
{
    for (size_t i = 0; i < settings->n_targets; i++)
        if (gp_slice_eq(settings->targets[i]->service.name, name))
            return settings->targets[i];
    return NULL;
}

const struct gp__queue_settings *gp__settings_queue(const struct gp__settings *settings,
                                                    struct gp_slice name)
{
    for (size_t i = 0; i < settings->n_queues; i++)
        if (gp_slice_eq(settings->queues[i].name, name))
            return &settings->queues[i];
    return NULL;
}

bool gp__settings_can_hold(const struct gp__settings *settings)
{
    return gp_slice_present(settings->spool.path) || gp_slice_present(settings->hold_path);
}

bool gp__settings_bucket(const struct gp__settings *settings, struct gp_slice name)
{
    for (size_t i = 0; i < settings->n_buckets; i++)
        if (gp_slice_eq(settings->buckets[i], name))
            return true;
    return false;
}

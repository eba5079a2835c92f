// SPDX-License-Identifier: Apache-2.0
/* `spool:`, `queue:`, `buckets:` and `bounces:` where mail is kept, how long and how hard its
 * delivery is tried, what becomes of what is held, and who is told when it fails. */
#include "core/base/ascii.h"
#include "core/config/load.h"

#define DAY_MS 86400000ll
#define DEFAULT_POLICY "default"

/* ---- rows ---- */

const struct gp_option gp__spool_rows[] = {
    GP_OPTION_PATH("path", struct gp__spool_raw, path, NULL,
                   "Directory of the spool, on a disk that keeps what it was told to."),
    GP_OPTION_STRING("engine", struct gp__spool_raw, engine, GP_OPTIONAL,
                     "Who keeps the mail, by its name in `engines:`; without: the log, in `path`.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_SIZE("keep_free", struct gp__spool_raw, keep_free, "256MiB", 0, 1ll << 50,
                   "What stays free on that disk: with less, mail is refused for now (452)."),
    GP_OPTION_SIZE("segment", struct gp__spool_raw, segment, "64MiB", 1 << 20, 1ll << 31,
                   "How large a file of the spool's log grows."),
    GP_OPTION_SIZE("large", struct gp__spool_raw, large, "1MiB", 4096, 1 << 28,
                   "From which size on a message gets a file of its own."),
    GP_OPTIONS_END,
};

/* Waits for what has a reason of its own. */
struct retry_for {
    const struct gp_list *unreachable, *greylisted, *full, *busy;
};

struct per_destination {
    int64_t connections;
    struct gp_rate rate;
};

/* What the rows of a policy fill. */
struct policy {
    const struct gp_list *retry;
    struct retry_for retry_for;
    uint64_t expire, warn;
    struct per_destination per_destination;
    struct gp_slice fair_by;
};

#define WAITS .min = 10, .max = 30 * DAY_MS

static const struct gp_option retry_for_rows[] = {
    GP_OPTION_LIST("unreachable", struct retry_for, unreachable, GP_TYPE_DURATION, "[]",
                   "When the destination could not be reached; by default as `retry`.", WAITS),
    GP_OPTION_LIST("greylisted", struct retry_for, greylisted, GP_TYPE_DURATION, "[]",
                   "After what looks like greylisting, and then as `retry`; by default 1m, 5m, "
                   "10m, 20m, 30m if `retry` does not begin before 5m.",
                   WAITS),
    GP_OPTION_LIST("full", struct retry_for, full, GP_TYPE_DURATION, "[]",
                   "After 452, 4.2.2 or 4.3.1: no room; by default as `retry`.", WAITS),
    GP_OPTION_LIST("busy", struct retry_for, busy, GP_TYPE_DURATION, "[]",
                   "After 421, 4.7.28 or HTTP 429: less, please; by default as `retry`.", WAITS),
    GP_OPTIONS_END,
};

static const struct gp_option per_destination_rows[] = {
    GP_OPTION_INTEGER("connections", struct per_destination, connections, "20", 1, 10000,
                      "Deliveries at once; fewer while it is slow or says that it is busy."),
    GP_OPTION_RATE("rate", struct per_destination, rate, GP_OPTIONAL,
                   "Deliveries in a time, such as 600/m."),
    GP_OPTIONS_END,
};

const struct gp_option gp__queue_rows[] = {
    GP_OPTION_LIST("retry", struct policy, retry, GP_TYPE_DURATION, "[5m, 15m, 30m, 1h, 2h, 4h]",
                   "Waits between attempts; the last one is repeated.", WAITS,
                   .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_OBJECT("retry_for", struct policy, retry_for, retry_for_rows, "{}",
                     "Other waits after what has one of these reasons."),
    GP_OPTION_DURATION("expire", struct policy, expire, "4d", 10, 365 * DAY_MS,
                       "After which time in the queue mail comes back to its sender."),
    GP_OPTION_DURATION("warn", struct policy, warn, "4h", 0, 365 * DAY_MS,
                       "After which time a sender who logged in is told of the delay. 0: never."),
    GP_OPTION_OBJECT("per_destination", struct policy, per_destination, per_destination_rows, "{}",
                     "What one destination gets at most."),
    GP_OPTION_STRING("fair_by", struct policy, fair_by, GP_OPTIONAL,
                     "A kept note, such as a tenant: those with different values take turns.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTIONS_END,
};

const char *const gp__queue_own[] = {"like", NULL};

/* What the rows of a bucket fill. */
struct bucket {
    uint64_t expire;
    int then, release;
};

static const char *const then_names[] = {"delete", "bounce", "deliver", NULL};
static const char *const release_names[] = {"admin", "recipient", "sender", NULL};

const struct gp_option gp__bucket_rows[] = {
    GP_OPTION_DURATION("expire", struct bucket, expire, "30d", 0, 3650 * DAY_MS,
                       "How long mail is held. 0: until somebody decides."),
    GP_OPTION_ENUM("then", struct bucket, then, then_names, "delete",
                   "What becomes of it after that."),
    GP_OPTION_ENUM("release", struct bucket, release, release_names, "admin",
                   "Who may let it go, besides operators: each recipient its own copy, or its "
                   "sender; by `gatepost queue release --as ADDRESS`."),
    GP_OPTIONS_END,
};

static const char *const bounce_names[] = {"authenticated", "spf_pass", "dkim_pass", NULL};

static const struct gp_option template_rows[] = {
    GP_OPTION_PATH("failed", struct gp__bounce_texts, failed, GP_OPTIONAL,
                   "File with the text that tells of failures; built-in without."),
    GP_OPTION_PATH("delayed", struct gp__bounce_texts, delayed, GP_OPTIONAL, "Of delays."),
    GP_OPTION_PATH("delivered", struct gp__bounce_texts, delivered, GP_OPTIONAL,
                   "Of success, for those who asked to be told."),
    GP_OPTIONS_END,
};

const struct gp_option gp__bounce_rows[] = {
    GP_OPTION_LIST("to", struct gp__bounce_raw, to, GP_TYPE_ENUM,
                   "[authenticated, spf_pass, dkim_pass]",
                   "To whom mail may come back: senders who logged in, or whose address SPF or "
                   "aligned DKIM confirmed.",
                   .names = bounce_names),
    GP_OPTION_ENUM("mixed_reject", struct gp__bounce_raw, mixed_reject, gp__mixed_names, "hold",
                   "The `mixed_reject` of listeners that do not say."),
    GP_OPTION_STRING("bucket", struct gp__bounce_raw, bucket, "held",
                     "Bucket for what the core itself holds, and for mail that must not come "
                     "back; need not stand in `buckets:`.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_OBJECT("templates", struct gp__bounce_raw, templates, template_rows, "{}",
                     "Texts of notifications."),
    GP_OPTIONS_END,
};

/* ---- spool ---- */

bool gp__load_has(const struct gp__load *load, const char *section)
{
    const struct gp__node *node = gp__node_get(load->root, gp_slice_of(section));

    return node && node->kind != GP__NODE_NULL;
}

/* First no new message is begun, then none is kept any more, and the journal may use what is left:
 * `overload.keep_free` is above `spool.keep_free` unless it says otherwise. */
static void check_order(struct gp__load *load)
{
    const struct gp__node *overload = gp__node_get(load->root, GP_S("overload"));
    uint64_t first = load->settings->overload.keep_free, then = load->settings->spool.keep_free;

    if (!gp__node_get(overload, GP_S("keep_free")) && first < 2 * then)
        load->settings->overload.keep_free = 2 * then;
    else if (first && first <= then)
        gp__diag_add(load->diag, GP__WARNING, gp__load_place(load, "spool", "keep_free"),
                     "with `overload.keep_free` not above `spool.keep_free` messages are taken in "
                     "whole before they are refused for want of space");
}

static void set_spool(struct gp__load *load, const struct gp__spool_raw *raw)
{
    struct gp__spool_section *spool = &load->settings->spool;

    if (!gp_slice_present(raw->path))
        return;
    spool->path = raw->path;
    spool->keep_free = raw->keep_free;
    spool->segment = raw->segment;
    spool->large = raw->large;
    spool->engine_name = raw->engine;
    check_order(load);
    if (gp__load_has(load, "hold"))
        gp__diag_add(load->diag, GP__ERROR, gp__node_get(load->root, GP_S("hold")),
                     "held mail is kept in the spool: leave `hold:` out, and name the bucket for "
                     "what the core holds in `bounces: {bucket: NAME}`");
}

/* ---- queue ---- */

static const struct gp__node *resolve(struct gp__load *load, const struct gp__node *section,
                                      const struct gp__node *node)
{
    const struct gp__like how = {.what = "queue policy",
                                 .known = &load->queues,
                                 .inner = {GP_S("per_destination"), GP_S("retry_for")},
                                 .built_in = GP_S(DEFAULT_POLICY)};

    return gp__load_like(load, section, node, &how);
}

static struct gp__waits waits_of(struct gp__load *load, const struct gp_list *list,
                                 const struct gp__node *at)
{
    size_t n = gp_list_count(list);
    uint64_t *waits = GP__ARENA_ARRAY(load->arena, uint64_t, n + 1);

    for (size_t i = 0; i < n; i++)
        waits[i] = *(const uint64_t *)gp_list_at(list, i);
    if (n > GP__WAITS_MAX)
        gp__diag_add(load->diag, GP__ERROR, at, "a queue policy has at most %u waits in a list",
                     GP__WAITS_MAX);
    return (struct gp__waits){waits, n};
}

static void set_waits(struct gp__load *load, struct gp__queue_settings *queue,
                      const struct policy *policy, const struct gp__node *at)
{
    queue->retry = waits_of(load, policy->retry, at);
    queue->unreachable = waits_of(load, policy->retry_for.unreachable, at);
    queue->greylisted = waits_of(load, policy->retry_for.greylisted, at);
    queue->full = waits_of(load, policy->retry_for.full, at);
    queue->busy = waits_of(load, policy->retry_for.busy, at);
}

static const struct gp__node *load_policy(struct gp__load *load, struct gp__queue_settings *queue,
                                          const struct gp__node *node, const struct gp__node *at)
{
    struct gp__schema_rows rows = {gp__queue_rows, 0, sizeof(struct policy), gp__queue_own, NULL};
    struct policy policy = {.expire = 0};
    const struct gp__node *shown;

    gp__bind(&load->binder, node, at,
             gp__arena_printf(load->arena, "queue policy \"" GP_FMT "\"", GP_ARG(queue->name)),
             &rows, &policy, &shown);
    set_waits(load, queue, &policy, at);
    queue->expire_ms = policy.expire;
    queue->warn_ms = policy.warn;
    queue->connections = policy.per_destination.connections;
    queue->rate = policy.per_destination.rate;
    queue->fair_by = policy.fair_by;
    queue->node = at;
    if (policy.warn && policy.warn >= policy.expire && gp__node_get(node, GP_S("warn")))
        gp__diag_add(load->diag, GP__WARNING, gp__node_get(node, GP_S("warn")),
                     "nobody is warned of a delay: mail comes back before");
    return shown;
}

static struct gp__queue_settings *add_policy(struct gp__load *load, struct gp_slice name)
{
    struct gp__settings *settings = load->settings;
    struct gp__queue_settings *queue = &load->queue_list[settings->n_queues++];

    queue->name = name;
    gp__map_set(&load->queues, name, queue);
    return queue;
}

/* There is always a `default`. */
static void load_queues(struct gp__load *load)
{
    const struct gp__node *section = gp__load_section(load, "queue"), *node;
    size_t count = section ? section->count : 0;
    struct gp__node *shown = gp__node_mapping(load->arena, count + 1, section);

    load->queue_list = GP__ARENA_ARRAY(load->arena, struct gp__queue_settings, count + 1);
    load->settings->queues = load->queue_list;
    for (size_t i = 0; i < count; i++)
        if (gp__load_name(load, section->pairs[i].key, "queue policy"))
            (void)add_policy(load, section->pairs[i].key->text);
    if (!gp__map_find(&load->queues, GP_S(DEFAULT_POLICY)))
        load_policy(load, add_policy(load, GP_S(DEFAULT_POLICY)), NULL, load->root);
    for (size_t i = 0; i < count; i++) {
        struct gp__queue_settings *queue = gp__map_get(&load->queues, section->pairs[i].key->text);

        node = queue ? resolve(load, section, section->pairs[i].value) : NULL;
        if (node)
            gp__node_put(shown, section->pairs[i].key,
                         load_policy(load, queue, node, section->pairs[i].key));
    }
    if (section)
        gp__load_show(load, "queue", shown);
    if (section && !gp_slice_present(load->settings->spool.path))
        gp__diag_add(load->diag, GP__ERROR, section,
                     "queue policies need `spool: {path: DIR}`, where queued mail is kept");
}

const struct gp__queue_settings *gp__load_queue_ref(struct gp__load *load,
                                                    const struct gp__node *at, struct gp_slice name)
{
    struct gp__queue_settings *queue = gp__map_get(&load->queues, name);

    if (queue)
        queue->used = true;
    else
        gp__load_unknown(load, at, name, "queue policy", &load->queues);
    return queue;
}

/* ---- buckets ---- */

static bool is_lower_word(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != gp__to_lower(text.data[i]))
            return false;
    return true;
}

static const struct gp__node *load_bucket(struct gp__load *load, struct gp__bucket_settings *bucket,
                                          const struct gp__node *node, const struct gp__node *at)
{
    struct gp__schema_rows rows = {gp__bucket_rows, 0, sizeof(struct bucket), NULL, NULL};
    const struct gp__node *shown;
    struct bucket raw = {.expire = 0};

    gp__bind(&load->binder, node, at,
             gp__arena_printf(load->arena, "bucket \"" GP_FMT "\"", GP_ARG(bucket->name)), &rows,
             &raw, &shown);
    bucket->expire_ms = raw.expire;
    bucket->then = (enum gp__held_then)raw.then;
    bucket->release = (enum gp__bucket_release)raw.release;
    if (node && node->kind == GP__NODE_MAPPING && node->count &&
        !gp_slice_present(load->settings->spool.path))
        gp__diag_add(load->diag, GP__ERROR, node->pairs[0].key,
                     "\"" GP_FMT "\" in bucket \"" GP_FMT "\" needs `spool: {path: DIR}`: files "
                     "below `hold:` stay until somebody removes them",
                     GP_ARG(node->pairs[0].key->text), GP_ARG(bucket->name));
    return gp_slice_present(load->settings->spool.path) ? shown
                                                        : gp__node_mapping(load->arena, 0, at);
}

int gp__load_bucket_ref(void *arg, const struct gp__node *node, struct gp_slice name)
{
    struct gp__load *load = arg;
    struct gp__suggest suggest = {.word = name};

    if (gp__settings_bucket(load->settings, name))
        return 0;
    for (size_t i = 0; i < load->settings->n_buckets; i++)
        gp__suggest_try(&suggest, load->settings->buckets[i]);
    gp__diag_unknown(load->diag, node, &suggest, "there is no bucket \"" GP_FMT "\" in `buckets:`",
                     GP_ARG(name));
    return -1;
}

/* The bucket of the core is there also when nobody wrote it down. */
static void load_buckets(struct gp__load *load)
{
    const struct gp__node *section = gp__load_section(load, "buckets");
    struct gp__settings *settings = load->settings;
    size_t count = section ? section->count : 0;
    struct gp_slice *names = GP__ARENA_ARRAY(load->arena, struct gp_slice, count + 1);
    struct gp__bucket_settings *list = GP__ARENA_ARRAY(load->arena, struct gp__bucket_settings,
                                                       count + 1);
    struct gp__node *shown = gp__node_mapping(load->arena, count, section);

    settings->buckets = names;
    settings->bucket_list = list;
    for (size_t i = 0; i < count; i++) {
        const struct gp__pair *pair = &section->pairs[i];

        if (gp__load_name(load, pair->key, "bucket") && !is_lower_word(pair->key->text))
            gp__diag_add(load->diag, GP__ERROR, pair->key, "a bucket is a word in lower case");
        list[i].name = names[i] = pair->key->text;
        settings->n_buckets++;
        gp__node_put(shown, pair->key, load_bucket(load, &list[i], pair->value, pair->key));
    }
    if (count && !gp__settings_can_hold(settings))
        gp__diag_add(load->diag, GP__ERROR, section,
                     "buckets need `spool: {path: DIR}` (or `hold: {path: DIR}`), where their mail "
                     "is kept");
    if (gp__settings_can_hold(settings) && !gp__settings_bucket(settings, settings->hold_bucket)) {
        list[count].name = names[count] = settings->hold_bucket;
        load_bucket(load, &list[count], NULL, load->root);
        settings->n_buckets++;
    }
    if (section)
        gp__load_show(load, "buckets", shown);
}

/* ---- bounces ---- */

static struct gp_slice template_of(struct gp__load *load, const char *name, struct gp_slice path)
{
    const struct gp__node *section = gp__node_get(load->root, GP_S("bounces"));
    const struct gp__node *templates = gp__node_get(section, GP_S("templates"));
    const struct gp__node *at = gp__node_get(templates, gp_slice_of(name));
    struct gp_slice text = gp_slice(NULL, 0);
    struct gp__buf problem = {.limit = 0};
    char error[256];

    if (!gp_slice_present(path))
        return text;
    if (gp__bind_secret_file(&load->binder, path.data, &text, error, sizeof error) < 0)
        gp__diag_add(load->diag, GP__ERROR, at, "\"%s\" of the templates: %s", name, error);
    else if (load->host->template && load->host->template(load->host->arg, text, &problem) < 0)
        gp__diag_add(load->diag, GP__ERROR, at, "\"%s\" of the templates: " GP_FMT ", " GP_FMT,
                     name, GP_ARG(path), GP_ARG(gp__buf_slice(&problem)));
    gp__buf_free(&problem);
    return text;
}

static void set_bounces(struct gp__load *load, const struct gp__bounce_raw *raw)
{
    struct gp__bounce_settings *bounces = &load->settings->bounces;
    const struct gp__node *section = gp__node_get(load->root, GP_S("bounces"));
    const struct gp__node *bucket = gp__node_get(section, GP_S("bucket"));

    if (!gp__load_has(load, "bounces")) {
        bounces->to = GP__BOUNCE_TO_AUTHENTICATED | GP__BOUNCE_TO_SPF_PASS |
                      GP__BOUNCE_TO_DKIM_PASS;
        return;
    }
    for (size_t i = 0; i < gp_list_count(raw->to); i++)
        bounces->to |= 1u << *(const int *)gp_list_at(raw->to, i);
    bounces->mixed_reject_given = gp__node_get(section, GP_S("mixed_reject")) != NULL;
    bounces->mixed_reject = (enum gp__mixed_reject)raw->mixed_reject;
    bounces->failed = template_of(load, "failed", raw->templates.failed);
    bounces->delayed = template_of(load, "delayed", raw->templates.delayed);
    bounces->delivered = template_of(load, "delivered", raw->templates.delivered);
    if (bucket && bucket->kind == GP__NODE_SCALAR)
        gp__load_name(load, bucket, "bucket");
    if (!gp_slice_present(load->settings->spool.path))
        gp__diag_add(load->diag, GP__ERROR, section,
                     "bounces need `spool: {path: DIR}`, from where they are sent");
}

/* ---- the whole ---- */

void gp__load_queue(struct gp__load *load, const struct gp__queue_raw *raw)
{
    set_spool(load, &raw->spool);
    set_bounces(load, &raw->bounces);
    if (gp_slice_present(load->settings->spool.path))
        load->settings->hold_bucket = gp_slice_present(raw->bounces.bucket) ? raw->bounces.bucket
                                                                            : GP_S("held");
    load_buckets(load);
    load_queues(load);
}

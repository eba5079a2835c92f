// SPDX-License-Identifier: Apache-2.0
#include "core/hook/ruling.h"
#include "core/spool/entry.h"
#include "sdk/kit/kit.h"

#include <jansson.h>
#include <string.h>

#define SEED UINT64_C(0x6761746570)

/* ---- the log ---- */

static void log_line(void *arg, enum gp_log_level level, struct gp_slice line)
{
    struct gp__kit *kit = arg;

    (void)level;
    gp__buf_append(&kit->log_text, line);
}

static int64_t log_time(void *arg)
{
    struct gp__kit *kit = arg;

    return kit->rt ? kit->rt->ops->wall_ms(kit->rt) : GP__SIM_WALL_START;
}

struct gp_slice gp__kit_log(const struct gp__kit *kit, bool all)
{
    struct gp_slice text = gp__buf_slice(&kit->log_text);

    return all ? text : gp_slice_sub(text, kit->log_mark, text.len);
}

/* A value that is no word is written as a JSON string. */
static struct gp_slice field_text(struct gp__arena *arena, struct gp_slice value)
{
    json_t *text;
    struct gp_slice copy;

    if (value.len == 0 || value.data[0] != '"')
        return gp_slice_sub(value, 0, gp_slice_find(value, ' '));
    text = json_loadb(value.data, value.len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);
    copy = gp__arena_dup(arena, gp_slice(json_string_value(text), json_string_length(text)));
    json_decref(text);
    return copy;
}

struct gp_slice gp__kit_log_field(struct gp__kit *kit, struct gp_slice line, const char *key)
{
    char wanted[64];
    int len = snprintf(wanted, sizeof wanted, " %s=", key);
    size_t at = gp_slice_search(line, gp_slice(wanted, (size_t)len));

    if (at == line.len)
        return gp_slice(NULL, 0);
    return field_text(kit->arena, gp_slice_sub(line, at + (size_t)len, line.len));
}

/* ---- life ---- */

void gp__kit_create(struct gp__kit *kit)
{
    kit->arena = gp__arena_create();
    kit->log = (struct gp__log){
        .level = GP_LOG_DEBUG, .now = log_time, .write = log_line, .arg = kit};
    kit->captures_end = &kit->captures;
    kit->rt = gp__sim_create(SEED, &kit->log);
    gp__notes_init(&kit->session_notes, kit->arena);
    gp__notes_init(&kit->ended.notes, kit->arena);
}

/* Time passes only when all that can happen now has happened. */
static void turn(struct gp__runtime *rt)
{
    struct gp__kit *kit = rt->log->arg;

    gp__sim_advance(rt, kit->turns++ ? 1 : 0);
}

/* Mail of the server's own: to whom it would go, and its header. */
static int submit(struct gp_call *call, void *arg, const struct gp__entry *entry)
{
    struct gp__kit *kit = arg;
    struct gp__arena *arena = gp__call_arena(call);
    struct gp_slice rest = entry->base;

    for (size_t i = 0; i < entry->n_recipients; i++)
        gp__sim_called_as(kit->rt, gp__arena_printf(arena, "submit <" GP_FMT "> <" GP_FMT ">",
                                                    GP_ARG(entry->copies[0].sender),
                                                    GP_ARG(entry->recipients[i].address)));
    while (rest.len > 0 && !gp_slice_starts(rest, GP_S("\r\n")))
        gp__sim_called_as(kit->rt, GP__ARENA_JOIN(arena, GP_S("submit field "),
                                                  gp_slice_trim(gp_slice_split(&rest, '\n'))));
    return 0;
}

static void open_generation(struct gp__kit *kit, struct gp__settings *settings)
{
    struct gp__diag *diag = gp__diag_create();

    kit->generation = gp__generation_create(&settings, kit->rt, turn, diag);
    if (kit->generation) {
        kit->generation->outbound.submit = submit;
        kit->generation->outbound.submit_arg = kit;
    }
    gp__kit_config_print(&kit->config, diag, kit->file);
    gp__diag_free(&diag);
}

void gp__kit_begin(struct gp__kit *kit)
{
    struct gp__settings *settings;

    if (kit->begun)
        return;
    kit->begun = true;
    settings = gp__kit_config_load(&kit->config, kit->options, kit->file, kit->scenario, kit->rt);
    if (settings)
        open_generation(kit, settings);
    if (!kit->generation) {
        kit->stopped = true;
        return;
    }
    kit->marks = GP__ARENA_ARRAY(kit->arena, struct gp__kit_mark, kit->generation->n_instances);
    kit->entrance = gp__generation_entrance(kit->generation, GP__KIT_LISTENER_NAME);
    gp__server_init(&kit->server, kit->rt);
    gp__generation_start(kit->generation);
}

static void end_generation(struct gp__kit *kit)
{
    if (!kit->generation)
        return;
    gp__server_stop(&kit->server, true);
    gp__generation_stop(kit->generation);
    gp__sim_run(kit->rt, 3600000); /* calls beside the chain, at most to their deadlines */
    gp__server_done(&kit->server);
    gp__generation_unref(&kit->generation);
    gp__sim_run(kit->rt, 3600000);
}

void gp__kit_destroy(struct gp__kit *kit)
{
    end_generation(kit);
    gp__sim_free(&kit->rt);
    gp__kit_state_free(&kit->state);
    gp__kit_config_free(&kit->config);
    gp__buf_free(&kit->log.line);
    gp__buf_free(&kit->log_text);
    gp__buf_free(&kit->transcript);
    gp__buf_free(&kit->codes);
    gp__buf_free(&kit->report);
    gp__arena_free(&kit->arena);
}

/* ---- instances ---- */

struct gp__instance *gp__kit_instance(const struct gp__kit *kit, struct gp_slice id)
{
    for (size_t i = 0; kit->generation && i < kit->generation->n_instances; i++)
        if (gp_slice_eq(kit->generation->instances[i]->id, id) &&
            kit->generation->instances[i]->plugin != &gp__kit_plugin)
            return kit->generation->instances[i];
    return NULL;
}

static void mark_instance(struct gp__kit_mark *mark, const struct gp__instance *instance)
{
    for (unsigned point = 0; point < GP_HOOK_COUNT; point++) {
        const struct gp__hook_stats *stats = instance->stats[point];

        if (!stats)
            continue;
        memcpy(mark->at[point].verdicts, stats->verdicts, sizeof stats->verdicts);
        mark->at[point].faults = stats->faults;
        mark->at[point].canceled = stats->canceled;
    }
}

void gp__kit_mark(struct gp__kit *kit, const struct gp__kit_step *step)
{
    kit->when = step;
    kit->reply = (struct gp__kit_reply){.code = 0};
    gp__buf_clear(&kit->codes);
    kit->refused = false;
    kit->took_ms = 0;
    kit->log_mark = kit->log_text.len;
    gp__sim_calls_clear(kit->rt);
    for (size_t i = 0; i < kit->generation->n_instances; i++)
        mark_instance(&kit->marks[i], kit->generation->instances[i]);
}

static const struct gp__kit_mark *mark_of(const struct gp__kit *kit,
                                          const struct gp__instance *instance)
{
    size_t i = 0;

    while (kit->generation->instances[i] != instance)
        i++;
    return &kit->marks[i];
}

uint64_t gp__kit_faults(const struct gp__kit *kit, const struct gp__instance *instance)
{
    const struct gp__kit_mark *mark = mark_of(kit, instance);
    uint64_t n = 0;

    for (unsigned point = 0; point < GP_HOOK_COUNT; point++)
        if (instance->stats[point])
            n += instance->stats[point]->faults - mark->at[point].faults;
    return n;
}

/* The statistics take a call that was canceled for one that had no objection. */
static uint64_t verdicts_at(const struct gp__kit_mark *mark, const struct gp__hook_stats *stats,
                            enum gp_verdict verdict, unsigned point)
{
    uint64_t n = stats->verdicts[verdict] - mark->at[point].verdicts[verdict];

    if (verdict == GP_FAIL)
        return stats->faults - mark->at[point].faults;
    return verdict == GP_NEXT ? n - (stats->canceled - mark->at[point].canceled) : n;
}

uint64_t gp__kit_verdicts(const struct gp__kit *kit, const struct gp__instance *instance,
                          enum gp_verdict verdict, unsigned point)
{
    const struct gp__kit_mark *mark = mark_of(kit, instance);
    uint64_t n = 0;

    for (unsigned i = 0; i < GP_HOOK_COUNT; i++)
        if (instance->stats[i] && (point == GP_HOOK_COUNT || point == i))
            n += verdicts_at(mark, instance->stats[i], verdict, i);
    return n;
}

/* ---- held mail ---- */

static bool is_known(const struct gp__kit *kit, struct gp_slice id)
{
    for (const struct gp__kit_capture *at = kit->captures; at; at = at->next)
        if (gp_slice_present(at->bucket) && gp_slice_eq(at->id, id))
            return true;
    return false;
}

static struct gp_slice member(struct gp__kit *kit, const json_t *object, const char *key)
{
    const json_t *text = json_object_get(object, key);

    return gp__arena_dup(kit->arena, gp_slice(json_string_value(text), json_string_length(text)));
}

static void take_recipients(struct gp__kit *kit, struct gp__kit_capture *capture,
                            const json_t *facts)
{
    const json_t *list = json_object_get(facts, "recipients"), *one;
    size_t i;

    capture->recipients = GP__ARENA_ARRAY(kit->arena, struct gp_slice, json_array_size(list));
    json_array_foreach(list, i, one)
        capture->recipients[capture->n_recipients++] = member(kit, one, "to");
}

/* A pair ID.json, ID.eml is complete when the first is there. */
static void take_held(struct gp__kit *kit, struct gp_slice path)
{
    struct gp__kit_capture *capture;
    struct gp_slice bytes;
    json_t *facts;

    if (gp__sim_file_get(kit->rt, path, &bytes) != 0)
        return;
    facts = json_loadb(bytes.data, bytes.len, 0, NULL);
    if (facts && !is_known(kit, member(kit, facts, "id"))) {
        capture = GP__ARENA_NEW(kit->arena, struct gp__kit_capture);
        capture->id = member(kit, facts, "id");
        capture->bucket = member(kit, facts, "bucket");
        capture->original = kit->sent;
        take_recipients(kit, capture, facts);
        path = gp__arena_printf(kit->arena, GP_FMT ".eml",
                                GP_ARG(gp_slice_sub(path, 0, path.len - 5)));
        if (gp__sim_file_get(kit->rt, path, &bytes) == 0)
            capture->bytes = gp__arena_dup(kit->arena, bytes);
        *kit->captures_end = capture;
        kit->captures_end = &capture->next;
    }
    json_decref(facts);
}

void gp__kit_find_held(struct gp__kit *kit)
{
    struct gp_slice root = kit->generation->settings->hold_path;
    size_t n = gp_slice_present(root) ? gp__sim_file_count(kit->rt, root) : 0;

    for (size_t i = 0; i < n; i++) {
        struct gp_slice path = gp__sim_file_name(kit->rt, root, i);
        size_t slash = gp_slice_rfind(path, '/');

        if (gp_slice_ends(path, GP_S(".json")) && path.data[slash + 1] != '.')
            take_held(kit, gp__arena_dup(kit->arena, path));
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "core/process/queue_control.h"

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/process/control.h"
#include "core/process/report.h"
#include "core/spool/entry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 100
#define LIST_MAX 1000
#define LOOK_MAX 20000u     /* messages that one question looks at */
#define RECIPIENTS_SHOWN 20 /* of a message in a list */
#define RECIPIENTS_MAX 1000 /* of one that is shown alone */
#define DESTINATIONS_MAX 10000u

struct question {
    struct gp__scheduler *scheduler;
    struct gp__queue *queue;
    const json_t *root;
    const char *what;
    struct gp__queue_filter filter;
    struct gp_slice filter_text;
    struct gp__place after;
    size_t limit, recipients;
    struct gp__buf *out;
    bool whole;   /* all that is known of each message */
    bool ordered; /* something was changed */
};

const char *gp__group_state_name(enum gp__group_state state)
{
    static const char *const names[GP__GROUP_STATES] = {
        [GP__GROUP_LOOSE] = "busy",  [GP__GROUP_WAITING] = "waiting",
        [GP__GROUP_READY] = "ready", [GP__GROUP_TAKEN] = "trying",
        [GP__GROUP_HELD] = "held",   [GP__GROUP_PAUSED] = "paused",
    };

    return names[state];
}

/* ---- figures ---- */

uint64_t gp__queue_count(struct gp__scheduler *scheduler)
{
    struct gp__queue_stats stats;

    gp__queue_stats(gp__scheduler_queue(scheduler), &stats);
    return stats.messages;
}

void gp__queue_figures(struct gp__scheduler *scheduler, struct gp__queue_figures *figures)
{
    struct gp__queue_stats stats;

    gp__queue_stats(gp__scheduler_queue(scheduler), &stats);
    figures->ready = gp__scheduler_is_ready(scheduler);
    figures->messages = stats.messages;
    figures->groups = stats.groups;
    for (int i = 0; i < GP__GROUP_STATES; i++)
        figures->by_state[i] = stats.by_state[i];
    figures->destinations = stats.destinations;
    figures->down = stats.down;
    figures->segments = stats.segments;
    figures->bytes = stats.bytes;
    figures->oldest_ms = stats.oldest_ms;
    figures->now_ms = gp__scheduler_now(scheduler);
}

/* ---- list and show ---- */

static void write_status(struct gp__buf *out, const struct gp__reply *reply)
{
    char status[32];

    if (reply->code == 0)
        return;
    snprintf(status, sizeof status, reply->klass ? "%u %u.%u.%u" : "%u", reply->code, reply->klass,
             reply->subject, reply->detail);
    gp__report_text(out, "status", gp_slice_of(status));
    if (reply->text.len)
        gp__report_text(out, "text", reply->text);
}

static void write_recipient(const struct question *q, const struct gp__group *group,
                            const struct gp__entry_recipient *recipient)
{
    struct gp_slice remote;
    struct gp__reply reply = gp__queue_reply(q->queue, group, &remote);

    gp__report_begin(q->out);
    gp__report_text(q->out, "address", recipient->address);
    gp__report_text(q->out, "state",
                    gp_slice_of(gp__group_state_name((enum gp__group_state)group->state)));
    gp__report_text(q->out, "route", gp__queue_name_text(q->queue, group->route));
    gp__report_text(q->out, "target", gp__queue_name_text(q->queue, gp__queue_target(group)));
    gp__report_text(q->out, "bucket", gp__queue_name_text(q->queue, group->bucket));
    gp__report_text(q->out, "released_from", gp__queue_name_text(q->queue, group->from));
    if (group->bucket)
        gp__report_text(q->out, "reason", recipient->reason);
    gp__report_number(q->out, "tries", group->tries);
    if (group->due_ms && (group->state == GP__GROUP_WAITING || group->state == GP__GROUP_HELD))
        gp__report_number(q->out, group->state == GP__GROUP_HELD ? "until" : "next", group->due_ms);
    gp__report_text(q->out, "remote", remote);
    write_status(q->out, &reply);
    gp__report_end(q->out);
}

static size_t write_recipients(const struct question *q, const struct gp__queued *message,
                               const struct gp__entry *entry)
{
    size_t n = 0;

    gp__report_raw(q->out, "recipients", GP_S("["));
    for (const struct gp__group *group = message->groups; group; group = group->sibling) {
        if (!gp__queue_matches(&q->filter, group))
            continue;
        for (uint32_t i = 0; i < GP__GROUP_RECIPIENTS; i++)
            if (group->left >> i & 1 && n++ < q->recipients)
                write_recipient(q, group, &entry->recipients[group->first + i]);
    }
    gp__buf_append(q->out, GP_S("]"));
    return n;
}

/* What filters said when it came. Who of its recipients was dropped then is in the log alone: see
 * docs/queue.md. */
static void write_verdicts(const struct question *q, const struct gp__entry *entry)
{
    json_t *verdicts = json_loadb(entry->verdicts.data, entry->verdicts.len, 0, NULL);
    char *text = json_object_size(verdicts) ? json_dumps(verdicts, JSON_COMPACT) : NULL;

    if (text)
        gp__report_raw(q->out, "verdicts", gp_slice_of(text));
    free(text);
    json_decref(verdicts);
}

static void write_message(const struct question *q, const struct gp__queued *message)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__place place = gp__queued_place(message);
    struct gp__entry entry;
    char text[48];
    int error = gp__scheduler_read(q->scheduler, message, arena, &entry);

    snprintf(text, sizeof text, "%llx:%x", (unsigned long long)place.segment, place.offset);
    gp__report_begin(q->out);
    gp__report_text(q->out, "place", gp_slice_of(text));
    gp__report_number(q->out, "arrived", message->arrived_ms);
    if (error) {
        gp__report_text(q->out, "error", gp_slice_of(gp_strerror(error)));
    } else {
        gp__report_text(q->out, "message", entry.id);
        gp__report_text(q->out, "parent", entry.parent);
        gp__report_text(q->out, "sender", entry.n_copies ? entry.copies[0].sender : GP_S(""));
        gp__report_number(q->out, "size", entry.base_size);
        gp__report_text(q->out, "listener", entry.listener);
        gp__report_text(q->out, "client", entry.client_ip);
        gp__report_text(q->out, "user", entry.user);
        if (q->whole)
            write_verdicts(q, &entry);
        gp__report_number(q->out, "left", write_recipients(q, message, &entry));
    }
    gp__report_end(q->out);
    gp__arena_free(&arena);
}

static bool any_matches(const struct question *q, const struct gp__queued *message)
{
    const struct gp__group *group = message->groups;

    while (group && !gp__queue_matches(&q->filter, group))
        group = group->sibling;
    return group != NULL;
}

static void write_after(const struct question *q, struct gp__place after, bool more)
{
    char text[48];

    gp__report_raw(q->out, "more", more ? GP_S("true") : GP_S("false"));
    snprintf(text, sizeof text, "%llx:%x", (unsigned long long)after.segment, after.offset);
    gp__report_text(q->out, "after", gp_slice_of(text));
}

static void list(struct question *q)
{
    struct gp__queued *message = q->filter.id ? gp__queue_find(q->queue, q->filter.id)
                                              : gp__queue_after(q->queue, q->after);
    size_t shown = 0, looked = 0;

    gp__report_begin(q->out);
    gp__report_raw(q->out, "list", GP_S("["));
    while (message && shown < q->limit && looked < LOOK_MAX &&
           q->out->len < GP__CONTROL_ANSWER_MAX / 2) {
        if (any_matches(q, message)) {
            write_message(q, message);
            shown++;
        }
        looked++;
        q->after = gp__queued_place(message);
        message = q->filter.id ? gp__queue_find_next(message)
                               : gp__queue_next_message(q->queue, message);
    }
    gp__buf_append(q->out, GP_S("]"));
    if (message)
        gp__queue_stop(q->queue, q->after, message);
    write_after(q, q->after, message != NULL);
    gp__report_end(q->out);
}

static void show(struct question *q)
{
    q->recipients = RECIPIENTS_MAX;
    q->whole = true;
    list(q);
}

/* ---- figures ---- */

struct destinations {
    struct question *q;
    size_t n;
};

static void write_destination(void *arg, const struct gp__queue_destination_stats *stats)
{
    struct destinations *d = arg;

    if (d->n++ >= DESTINATIONS_MAX)
        return;
    gp__report_begin(d->q->out);
    gp__report_text(d->q->out, "target", stats->target);
    if (stats->domain.len)
        gp__report_text(d->q->out, "domain", stats->domain);
    gp__report_number(d->q->out, "waiting", stats->waiting);
    gp__report_number(d->q->out, "ready", stats->ready);
    gp__report_number(d->q->out, "trying", stats->taken);
    gp__report_number(d->q->out, "at_once", stats->window);
    gp__report_number(d->q->out, "failures", stats->failures);
    if (stats->ready_at_ms)
        gp__report_number(d->q->out, "not_before", stats->ready_at_ms);
    gp__report_end(d->q->out);
}

static void write_limited(void *arg, const struct gp__queue_target_stats *stats)
{
    struct question *q = arg;

    gp__report_begin(q->out);
    gp__report_text(q->out, "target", stats->target);
    gp__report_number(q->out, "trying", stats->taken);
    if (stats->window)
        gp__report_number(q->out, "at_once", stats->window);
    gp__report_number(q->out, "put_off", stats->put_off);
    if (stats->ready_at_ms)
        gp__report_number(q->out, "not_before", stats->ready_at_ms);
    gp__report_end(q->out);
}

static void write_pauses(struct question *q)
{
    gp__report_raw(q->out, "pauses", GP_S("["));
    for (size_t i = 0; i < gp__queue_n_pauses(q->queue); i++) {
        if (i > 0)
            gp__buf_append(q->out, GP_S(","));
        gp__json_string(q->out, gp__queue_pause_text(q->queue, i));
    }
    gp__buf_append(q->out, GP_S("]"));
}

static void stats(struct question *q)
{
    struct destinations d = {.q = q};
    struct gp__queue_stats s;

    gp__queue_stats(q->queue, &s);
    gp__report_begin(q->out);
    gp__report_raw(q->out, "complete",
                   gp__scheduler_is_ready(q->scheduler) ? GP_S("true") : GP_S("false"));
    gp__report_number(q->out, "messages", s.messages);
    gp__report_number(q->out, "groups", s.groups);
    gp__report_raw(q->out, "states", GP_S("{"));
    for (int i = 0; i < GP__GROUP_STATES; i++)
        gp__report_number(q->out, gp__group_state_name((enum gp__group_state)i), s.by_state[i]);
    gp__buf_append(q->out, GP_S("}"));
    if (s.oldest_ms)
        gp__report_number(q->out, "oldest", s.oldest_ms);
    gp__report_number(q->out, "now", gp__scheduler_now(q->scheduler));
    gp__report_number(q->out, "segments", s.segments);
    gp__report_number(q->out, "bytes", s.bytes);
    gp__report_number(q->out, "group_bytes", s.group_bytes);
    gp__report_number(q->out, "n_destinations", s.destinations);
    write_pauses(q);
    gp__report_raw(q->out, "destinations", GP_S("["));
    gp__queue_each_destination(q->queue, write_destination, &d);
    gp__buf_append(q->out, GP_S("]"));
    gp__report_raw(q->out, "limited", GP_S("["));
    gp__queue_each_limited(q->queue, gp__scheduler_now(q->scheduler), write_limited, q);
    gp__buf_append(q->out, GP_S("]"));
    gp__report_end(q->out);
}

/* How many messages name each route, known or not: for a check of another configuration. */
static void routes(struct question *q)
{
    struct gp__queued *message = gp__queue_after(q->queue, (struct gp__place){.segment = 0});
    uint64_t *counts = gp__alloc_array(GP__QUEUE_NAMES_MAX + 1, sizeof *counts);
    uint64_t *seen = gp__alloc_array(GP__QUEUE_NAMES_MAX + 1, sizeof *seen), n = 0;

    for (; message; message = gp__queue_next_message(q->queue, message)) {
        n++;
        for (const struct gp__group *group = message->groups; group; group = group->sibling) {
            counts[group->route] += seen[group->route] != n;
            seen[group->route] = n;
        }
    }
    gp__report_begin(q->out);
    gp__report_raw(q->out, "routes", GP_S("["));
    for (uint32_t name = 1; name <= GP__QUEUE_NAMES_MAX; name++) {
        if (!counts[name])
            continue;
        gp__report_begin(q->out);
        gp__report_text(q->out, "route", gp__queue_name_text(q->queue, (gp__name)name));
        gp__report_number(q->out, "messages", counts[name]);
        gp__report_end(q->out);
    }
    gp__buf_append(q->out, GP_S("]"));
    gp__report_end(q->out);
    gp__free(counts);
    gp__free(seen);
}

/* ---- orders ---- */

/* Whom it is done for: nobody in particular, or whose address "as" is. 0, or -1 and the answer says
 * why. */
static int take_owner(struct question *q, struct gp__queue_order *order, struct gp__arena *arena,
                      struct gp__address *owner)
{
    const json_t *as = json_object_get(q->root, "as");
    struct gp_slice text = gp_slice(json_string_value(as), json_string_length(as));

    if (!as)
        return 0;
    if (order->command != GP__QUEUE_RELEASE) {
        gp__buf_append(q->out, GP_S("!only held mail is released for somebody (\"as\")"));
        return -1;
    }
    if (gp__scheduler_owner_parse(arena, text, owner) < 0) {
        gp__buf_printf(q->out, "!\"" GP_FMT "\" is no address", GP_ARG(text));
        return -1;
    }
    order->owner = owner;
    return 0;
}

static void give_order(struct question *q, const struct gp__queue_order *what)
{
    struct gp__queue_done done;

    gp__scheduler_order(q->scheduler, what, &done);
    q->ordered = true;
    gp__report_begin(q->out);
    gp__report_number(q->out, "messages", done.messages);
    gp__report_number(q->out, "recipients", done.recipients);
    gp__report_number(q->out, "busy", done.busy);
    gp__report_number(q->out, "refused", done.refused);
    write_after(q, done.after, done.more);
    gp__report_end(q->out);
}

static void order(struct question *q, enum gp__queue_command command)
{
    const char *route = json_string_value(json_object_get(q->root, "route"));
    struct gp__arena *arena;
    struct gp__address owner;
    struct gp__queue_order what = {.command = command,
                                   .filter = q->filter,
                                   .route = gp__queue_name_find(q->queue, gp_slice_of(route)),
                                   .after = q->after,
                                   .most = LIST_MAX};

    if (route && !gp__queue_knows_route(q->queue, what.route)) {
        gp__buf_printf(q->out, "!there is no route \"%s\"", route);
        return;
    }
    if (q->filter_text.len == 0) {
        gp__buf_append(q->out, GP_S("!say which mail: an empty filter would mean all of it "
                                    "(--all does)"));
        return;
    }
    arena = gp__arena_create();
    if (take_owner(q, &what, arena, &owner) == 0)
        give_order(q, &what);
    gp__arena_free(&arena);
}

static void hold(struct question *q)
{
    order(q, GP__QUEUE_HOLD);
}

static void release(struct question *q)
{
    order(q, GP__QUEUE_RELEASE);
}

static void retry(struct question *q)
{
    order(q, GP__QUEUE_RETRY);
}

static void delete (struct question *q)
{
    order(q, GP__QUEUE_DELETE);
}

static void bounce(struct question *q)
{
    order(q, GP__QUEUE_BOUNCE);
}

static void reroute(struct question *q)
{
    order(q, GP__QUEUE_REROUTE);
}

static void conclude(struct question *q, int result, struct gp__buf *error)
{
    q->ordered = result == 0;
    if (result < 0)
        gp__buf_printf(q->out, "!" GP_FMT, GP_ARG(gp__buf_slice(error)));
    else
        gp__buf_append(q->out, GP_S("{}"));
    gp__buf_free(error);
}

static void pause(struct question *q)
{
    struct gp__buf error = {.limit = 0};

    conclude(q, gp__scheduler_pause(q->scheduler, q->filter_text, &error), &error);
}

static void resume(struct question *q)
{
    struct gp__buf error = {.limit = 0};

    conclude(q, gp__scheduler_resume(q->scheduler, q->filter_text, &error), &error);
}

/* ---- requests ---- */

static const struct {
    const char *name;
    void (*run)(struct question *q);
} commands[] = {
    {"list", list},     {"show", show},       {"stats", stats}, {"hold", hold},
    {"routes", routes}, {"release", release}, {"retry", retry}, {"delete", delete},
    {"bounce", bounce}, {"reroute", reroute}, {"pause", pause}, {"resume", resume},
};

static int read_place(const char *text, struct gp__place *place_r)
{
    unsigned long long segment;
    unsigned offset;

    if (!text)
        return 0;
    if (sscanf(text, "%llx:%x", &segment, &offset) != 2)
        return -1;
    *place_r = (struct gp__place){.segment = segment, .offset = offset};
    return 0;
}

static int read_question(struct question *q)
{
    const char *filter = json_string_value(json_object_get(q->root, "filter"));
    const json_t *limit = json_object_get(q->root, "limit");
    struct gp__buf error = {.limit = 0};
    int result;

    q->what = json_string_value(json_object_get(q->root, "what"));
    q->filter_text = filter ? gp_slice_trim(gp_slice_of(filter)) : GP_S("");
    q->limit = limit ? (size_t)json_integer_value(limit) : LIST_DEFAULT;
    if (q->limit > LIST_MAX)
        q->limit = LIST_MAX;
    q->recipients = RECIPIENTS_SHOWN;
    if (read_place(json_string_value(json_object_get(q->root, "after")), &q->after) < 0) {
        gp__buf_append(q->out, GP_S("!\"after\" is what an answer said"));
        return -1;
    }
    result = gp__queue_filter_parse(q->queue, q->filter_text, &q->filter, &error);
    if (result < 0)
        gp__buf_printf(q->out, "!" GP_FMT, GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
    return result;
}

static void answer(struct question *q)
{
    if (read_question(q) < 0)
        return;
    for (size_t i = 0; q->what && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, q->what) == 0) {
            commands[i].run(q);
            return;
        }
    }
    gp__buf_append(q->out, GP_S("!the queue does not know that command"));
}

/* An answer that waits until its order is durable. */
struct answering {
    struct gp__buf text;
    void (*say)(void *arg, struct gp_slice text);
    void *arg;
};

static void on_settled(void *arg, int error)
{
    struct answering *answering = arg;

    if (error) {
        gp__buf_clear(&answering->text);
        gp__buf_printf(&answering->text, "!it is done, but a restart may undo it: the journal: %s",
                       gp_strerror(error));
    }
    answering->say(answering->arg, gp__buf_slice(&answering->text));
    gp__buf_free(&answering->text);
    gp__free(answering);
}

void gp__queue_control(struct gp__scheduler *scheduler, struct gp_slice request,
                       void (*say)(void *arg, struct gp_slice text), void *arg)
{
    json_t *root = json_loadb(request.data, request.len, JSON_REJECT_DUPLICATES, NULL);
    struct answering *answering = gp__alloc(sizeof *answering);
    struct question q = {.scheduler = scheduler,
                         .queue = gp__scheduler_queue(scheduler),
                         .root = root,
                         .out = &answering->text};

    *answering = (struct answering){
        .text = {.limit = GP__CONTROL_ANSWER_MAX}, .say = say, .arg = arg};
    answer(&q);
    json_decref(root);
    if (q.ordered)
        gp__scheduler_settle(scheduler, on_settled, answering);
    else
        on_settled(answering, 0);
}

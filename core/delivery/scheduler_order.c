// SPDX-License-Identifier: Apache-2.0
/* What operators want done to mail that matches a filter. */
#include "core/delivery/scheduler_internal.h"

#include <string.h>

/* ---- filters ---- */

static int take_state(struct gp__queue_filter *filter, struct gp_slice value)
{
    static const struct {
        struct gp_slice name;
        enum gp__group_state state;
    } states[] = {
        {{"waiting", 7}, GP__GROUP_WAITING}, {{"ready", 5}, GP__GROUP_READY},
        {{"trying", 6}, GP__GROUP_TAKEN},    {{"held", 4}, GP__GROUP_HELD},
        {{"paused", 6}, GP__GROUP_PAUSED},
    };

    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (gp_slice_eq(states[i].name, value)) {
            filter->states |= 1u << states[i].state;
            return 0;
        }
    }
    return -1;
}

/* As groups have it. */
static uint64_t domain_hash(struct gp_slice domain)
{
    char ascii[GP__DOMAIN_MAX + 1];
    struct gp_slice folded;

    return gp__queue_hash(gp__domain_ascii(domain, ascii, &folded) == GP__DOMAIN_OK ? folded
                                                                                    : domain);
}

/* A question must not make the queue remember names, of which it has room for some: whoever may ask
 * could fill it. 0 would match everything. */
static int take_name(struct gp__queue *queue, gp__name *name, struct gp_slice value)
{
    gp__name known = gp__queue_name_find(queue, value);

    *name = known ? known : (gp__name)GP__QUEUE_NAME_UNKNOWN;
    return value.len ? 0 : -1;
}

/* "TARGET" or "TARGET/DOMAIN". */
static int take_destination(struct gp__queue *queue, struct gp__queue_filter *filter,
                            struct gp_slice value)
{
    struct gp_slice target = gp_slice_split(&value, '/');

    if (value.len)
        filter->destination = domain_hash(value);
    return take_name(queue, &filter->target, target);
}

/* With or without the brackets of a path; "<>" is the null one. */
static struct gp_slice without_brackets(struct gp_slice path)
{
    if (path.len >= 2 && path.data[0] == '<' && path.data[path.len - 1] == '>')
        return gp_slice_sub(path, 1, path.len - 2);
    return path;
}

static int take(struct gp__queue *queue, struct gp__queue_filter *filter, struct gp_slice key,
                struct gp_slice value)
{
    int64_t number;

    if (gp_slice_eq(key, GP_S("state")))
        return take_state(filter, value);
    if (gp_slice_eq(key, GP_S("before"))) {
        if (gp_slice_to_int(value, 0, INT64_MAX, &number) < 0)
            return -1;
        filter->before_ms = (uint64_t)number;
        return 0;
    }
    if (gp_slice_eq(key, GP_S("sender"))) {
        filter->sender = gp__queue_hash(without_brackets(value));
        return 0;
    }
    if (value.len == 0)
        return -1;
    if (gp_slice_eq(key, GP_S("message")))
        filter->id = gp__mark_id(value);
    else if (gp_slice_eq(key, GP_S("domain")))
        filter->domain = domain_hash(value);
    else if (gp_slice_eq(key, GP_S("route")))
        return take_name(queue, &filter->route, value);
    else if (gp_slice_eq(key, GP_S("bucket")))
        return take_name(queue, &filter->bucket, value);
    else if (gp_slice_eq(key, GP_S("destination")))
        return take_destination(queue, filter, value);
    else
        return -1;
    return 0;
}

/* The value of a word "key=value", from the first one that has the key. */
static struct gp_slice word_of(struct gp_slice text, struct gp_slice key)
{
    while (text.len) {
        struct gp_slice value = gp_slice_split(&text, ' '), whole = value;

        if (gp_slice_eq(gp_slice_split(&value, '='), key))
            return whole;
    }
    return gp_slice(NULL, 0);
}

/* All words must hold, and nothing has two senders: the later one must not stand for both. Only
 * states are alternatives. */
static bool is_repeated(struct gp_slice text, struct gp_slice word, struct gp_slice key)
{
    return !gp_slice_eq(key, GP_S("state")) && word_of(text, key).data != word.data;
}

int gp__queue_filter_parse(struct gp__queue *queue, struct gp_slice text,
                           struct gp__queue_filter *filter, struct gp__buf *error_r)
{
    struct gp_slice rest = gp_slice_trim(text), all = rest;

    *filter = (struct gp__queue_filter){.id = 0};
    while (rest.len) {
        struct gp_slice value = gp_slice_split(&rest, ' '), whole = value,
                        key = gp_slice_split(&value, '=');

        if (whole.len && take(queue, filter, key, value) < 0) {
            gp__buf_printf(error_r, "\"" GP_FMT "\" is no filter", GP_ARG(whole));
            return -1;
        }
        if (whole.len && is_repeated(all, whole, key)) {
            gp__buf_printf(error_r, "\"" GP_FMT "\": there is another " GP_FMT, GP_ARG(whole),
                           GP_ARG(key));
            return -1;
        }
    }
    return 0;
}

/* ---- orders ---- */

struct ordering {
    struct gp__scheduler *s;
    const struct gp__queue_order *order;
    struct gp__queue_done *done;
    struct gp__queued *message;
    struct gp__arena *arena;
    struct gp__entry entry; /* once it was read */
    bool read;
    int error;
};

static bool read_entry(struct ordering *o)
{
    if (!o->read)
        o->error = gp__scheduler_read(o->s, o->message, o->arena, &o->entry);
    o->read = true;
    return o->error == 0;
}

/* The recipients of a group with several domains that are of the one that is meant. */
static uint64_t of_domain(struct ordering *o, const struct gp__group *group)
{
    uint64_t bits = 0;

    if (!o->order->filter.domain || group->domain)
        return group->left;
    if (!read_entry(o))
        return 0;
    GP__EACH_RECIPIENT(group, i)
    {
        char ascii[GP__DOMAIN_MAX + 1];
        struct gp_slice domain = gp__address_domain(o->entry.recipients[group->first + i].address,
                                                    ascii);

        if (domain.len && gp__queue_hash(domain) == o->order->filter.domain)
            bits |= (uint64_t)1 << i;
    }
    return bits;
}

/* Of a held group: what the owner may let go, if it is not an operator who asks. */
static uint64_t of_owner(struct ordering *o, const struct gp__group *group, uint64_t bits)
{
    uint64_t refused, owned;

    if (!o->order->owner)
        return bits;
    if (!read_entry(o))
        return 0;
    owned = gp__scheduler_owned(o->s, group, &o->entry, o->arena, o->order->owner, &refused);
    o->done->refused += (uint64_t)__builtin_popcountll(refused & bits);
    return owned & bits;
}

static bool matches(const struct gp__queue_filter *filter, const struct gp__group *group)
{
    struct gp__queue_filter any = *filter;

    if (group->domain == 0)
        any.domain = 0; /* of_domain() looks closer */
    return gp__queue_matches(&any, group);
}

static void at_once(struct gp__scheduler *s, struct gp__group *group)
{
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_RELEASED, group);
    uint64_t now = gp__scheduler_now(s);

    if (group->bucket)
        gp__scheduler_let_go(s, group);
    else
        gp__scheduler_note(s, &mark, NULL, NULL);
    group->message->flags |= GP__QUEUED_CHANGED;
    gp__queue_wake(s->queue, group, now);
    gp__queue_wait(s->queue, group, now, now);
}

static void reroute(struct ordering *o, struct gp__group *group)
{
    struct gp__scheduler *s = o->s;
    struct gp__mark mark = gp__scheduler_mark(GP__MARK_ROUTED, group);

    mark.name = gp__queue_name_text(s->queue, o->order->route);
    if (group->bucket)
        gp__scheduler_let_go(s, group);
    gp__scheduler_note(s, &mark, NULL, NULL);
    group->due_ms = 0;
    gp__queue_refile(s->queue, group, o->order->route, &o->entry);
}

/* Somebody did it who is no operator: that is to be found again. */
static void log_owner(const struct ordering *o, const struct gp__group *group)
{
    gp__log(o->s->log, GP_LOG_NOTICE, "queue.released", GP__F_S("message", o->entry.id),
            GP__F_S("by", o->order->owner->text),
            GP__F_S("bucket", gp__queue_name_text(o->s->queue, group->bucket)),
            GP__F_I("recipients", __builtin_popcountll(group->left)));
}

/* The group is LOOSE. */
static void execute(struct ordering *o, struct gp__group *group)
{
    struct gp__scheduler *s = o->s;

    switch (o->order->command) {
    case GP__QUEUE_HOLD:
        gp__scheduler_hold(s, group, GP_S(GP__BUCKET_HOLD));
        break;
    case GP__QUEUE_RELEASE:
        if (o->order->owner)
            log_owner(o, group);
        at_once(s, group);
        break;
    case GP__QUEUE_RETRY:
        at_once(s, group);
        break;
    case GP__QUEUE_DELETE:
        if (read_entry(o))
            gp__scheduler_log(s, &o->entry, group, "deleted", NULL, 0);
        gp__scheduler_finish(s, group);
        break;
    case GP__QUEUE_BOUNCE:
        gp__scheduler_log(s, &o->entry, group, "returned", NULL, 0);
        gp__scheduler_bounce(s, group, &o->entry, NULL);
        break;
    case GP__QUEUE_REROUTE:
        reroute(o, group);
        break;
    case GP__QUEUE_COMMANDS:
        break;
    }
}

/* What it makes sense for: held mail is released, other mail is tried. */
static bool applies(enum gp__queue_command command, const struct gp__group *group)
{
    switch (command) {
    case GP__QUEUE_HOLD:
        return group->state != GP__GROUP_HELD;
    case GP__QUEUE_RELEASE:
        return group->state == GP__GROUP_HELD;
    case GP__QUEUE_RETRY:
        return group->state == GP__GROUP_WAITING || group->state == GP__GROUP_READY;
    case GP__QUEUE_DELETE:
    case GP__QUEUE_BOUNCE:
    case GP__QUEUE_REROUTE:
    case GP__QUEUE_COMMANDS:
        break;
    }
    return true;
}

static bool needs_entry(enum gp__queue_command command)
{
    return command == GP__QUEUE_BOUNCE || command == GP__QUEUE_REROUTE;
}

/* False: the message may be gone. */
static bool order_group(struct ordering *o, struct gp__group *group)
{
    struct gp__group *part;
    bool last;

    if (!matches(&o->order->filter, group) || !applies(o->order->command, group))
        return true;
    if (group->state == GP__GROUP_TAKEN || group->state == GP__GROUP_LOOSE) {
        o->done->busy++;
        return true;
    }
    if (needs_entry(o->order->command) && !read_entry(o))
        return true;
    part = gp__queue_split(o->s->queue, group, of_owner(o, group, of_domain(o, group)));
    if (!part)
        return true;
    o->done->recipients += (uint64_t)__builtin_popcountll(part->left);
    last = !part->sibling && !part->before;
    execute(o, part);
    return !last;
}

static void order_message(struct ordering *o)
{
    struct gp__group *group = o->message->groups, *next;
    uint64_t before = o->done->recipients;
    bool stays = true;

    for (; group && stays; group = next) {
        next = group->sibling;
        stays = order_group(o, group);
    }
    o->done->messages += o->done->recipients > before;
    if (o->order->command == GP__QUEUE_REROUTE && o->done->recipients > before)
        gp__queue_settle_all(o->s->queue, o->message, gp__scheduler_now(o->s));
}

static void order_one(struct gp__scheduler *s, const struct gp__queue_order *order,
                      struct gp__queued *message, struct gp__queue_done *done)
{
    struct ordering o = {
        .s = s, .order = order, .done = done, .message = message, .arena = gp__arena_create()};

    order_message(&o);
    gp__arena_free(&o.arena);
}

/* All that have that id, which is nearly always one. */
static void order_by_id(struct gp__scheduler *s, const struct gp__queue_order *order,
                        struct gp__queue_done *done)
{
    struct gp__queued *message = gp__queue_find(s->queue, order->filter.id), *next;

    for (; message; message = next) {
        next = gp__queue_find_next(message);
        order_one(s, order, message, done);
    }
}

void gp__scheduler_order(struct gp__scheduler *s, const struct gp__queue_order *order,
                         struct gp__queue_done *done)
{
    struct gp__queued *message, *next;
    size_t n = 0;

    *done = (struct gp__queue_done){.after = order->after};
    gp__scheduler_kick(s);
    if (order->filter.id) {
        order_by_id(s, order, done);
        return;
    }
    message = gp__queue_after(s->queue, order->after);
    for (; message && n < order->most; message = next, n++) {
        next = gp__queue_next_message(s->queue, message);
        done->after = gp__queued_place(message);
        order_one(s, order, message, done);
    }
    done->more = message != NULL;
    if (done->more)
        gp__queue_stop(s->queue, done->after, message);
}

/* ---- pauses ---- */

static void note_pause(struct gp__scheduler *s, enum gp__mark_kind kind, struct gp_slice text)
{
    struct gp__mark mark = {.kind = kind, .name = text};

    gp__scheduler_note(s, &mark, NULL, NULL);
    if (kind == GP__MARK_PAUSED)
        gp__log(s->log, GP_LOG_NOTICE, "queue.paused", GP__F_S("what", text));
    else
        gp__log(s->log, GP_LOG_NOTICE, "queue.resumed", GP__F_S("what", text));
    gp__scheduler_kick(s);
}

/* The words of a filter in one order, by which a pause is found again. */
static struct gp_slice in_order(struct gp_slice text, struct gp__buf *out)
{
    static const char *const keys[] = {"message",     "sender", "domain",
                                       "destination", "route",  "bucket"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct gp_slice word = word_of(text, gp_slice_of(keys[i]));

        if (word.len)
            gp__buf_printf(out, "%s" GP_FMT, out->len ? " " : "", GP_ARG(word));
    }
    return gp__buf_slice(out);
}

int gp__queue_filter_lasting(struct gp__queue *queue, struct gp_slice text,
                             struct gp__queue_filter *filter, struct gp__buf *error_r)
{
    static const char *const keys[] = {"route", "bucket", "destination"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct gp_slice value = word_of(text, gp_slice_of(keys[i]));

        (void)gp_slice_split(&value, '=');
        if (value.len)
            (void)gp__queue_name(queue, gp_slice_split(&value, '/'));
    }
    return gp__queue_filter_parse(queue, text, filter, error_r);
}

/* Not by what changes by itself. */
static bool may_pause(struct gp__scheduler *s, struct gp_slice text,
                      struct gp__queue_filter *filter, struct gp__buf *error_r)
{
    if (gp__queue_filter_lasting(s->queue, text, filter, error_r) < 0)
        return false;
    if (filter->before_ms || filter->states || text.len == 0) {
        gp__buf_append(error_r, GP_S("a pause says which mail, by message, sender, domain, "
                                     "destination or route"));
        return false;
    }
    return true;
}

static int pause(struct gp__scheduler *s, struct gp_slice text,
                 const struct gp__queue_filter *filter, struct gp__buf *error_r)
{
    if (gp__queue_pause(s->queue, filter, text, gp__scheduler_now(s)) < 0) {
        gp__buf_append(error_r, GP_S("there are too many pauses"));
        return -1;
    }
    note_pause(s, GP__MARK_PAUSED, text);
    return 0;
}

static int resume(struct gp__scheduler *s, struct gp_slice text, struct gp__buf *error_r)
{
    if (gp__queue_resume(s->queue, text, gp__scheduler_now(s)) < 0) {
        gp__buf_append(error_r, GP_S("there is no such pause"));
        return -1;
    }
    note_pause(s, GP__MARK_RESUMED, text);
    return 0;
}

int gp__scheduler_pause(struct gp__scheduler *s, struct gp_slice text, struct gp__buf *error_r)
{
    struct gp__queue_filter filter;
    struct gp__buf words = {.limit = 0};
    int result = -1;

    if (may_pause(s, text, &filter, error_r))
        result = pause(s, in_order(text, &words), &filter, error_r);

    gp__buf_free(&words);
    return result;
}

int gp__scheduler_resume(struct gp__scheduler *s, struct gp_slice text, struct gp__buf *error_r)
{
    struct gp__buf words = {.limit = 0};
    int result = resume(s, in_order(text, &words), error_r);

    gp__buf_free(&words);
    return result;
}

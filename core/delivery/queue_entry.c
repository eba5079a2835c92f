// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/queue_entry.h"

#include "core/base/alloc.h"
#include "core/base/arena.h"

#include <stdio.h>
#include <string.h>

struct gp_slice gp__address_domain(struct gp_slice address, char ascii[GP__DOMAIN_MAX + 1])
{
    size_t at = gp_slice_rfind(address, '@');
    struct gp_slice domain = gp_slice_sub(address, at + 1, address.len), folded;

    if (at == address.len)
        return gp_slice(NULL, 0);
    return gp__domain_ascii(domain, ascii, &folded) == GP__DOMAIN_OK ? folded : domain;
}

/* ---- tenants ---- */

static const struct gp__entry_note *find_note(const struct gp__entry_note *notes, size_t n,
                                              const struct gp__plan_queue *policy)
{
    for (size_t i = 0; i < n; i++)
        if (gp_slice_eq(notes[i].key, policy->fair_key) &&
            (!policy->fair_instance.len || gp_slice_eq(notes[i].instance, policy->fair_instance)))
            return &notes[i];
    return NULL;
}

/* The value of the note that shares are by; `place` is for a number. */
static struct gp_slice tenant_of(const struct gp__queue *queue, const struct gp__entry *entry,
                                 const struct gp__entry_recipient *recipient, gp__name route,
                                 char place[24])
{
    const struct gp__group group = {.route = route};
    const struct gp__plan_queue *policy = gp__queue_policy(queue, &group);
    const struct gp__entry_note *note;

    if (!policy->fair_key.len)
        return gp_slice(NULL, 0);
    note = find_note(recipient->notes, recipient->n_notes, policy);
    if (!note)
        note = find_note(entry->notes, entry->n_notes, policy);
    if (!note || gp_slice_present(note->text))
        return note ? note->text : gp_slice(NULL, 0);
    return gp_slice(place, (size_t)snprintf(place, 24, "%lld", (long long)note->number));
}

/* ---- recipients into groups ---- */

/* A group that may take more recipients. */
struct open_group {
    struct gp__link link; /* by all that they must share */
    struct gp__group *group;
};

struct partition {
    struct gp__queue *queue;
    struct gp__queued *message;
    const struct gp__entry *entry;
    struct gp__links open;
    struct gp__arena *arena;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15u;
}

static bool takes(const struct open_group *open, const struct gp__queue_group *spec,
                  uint64_t domain, bool per_domain)
{
    const struct gp__group *group = open->group;

    return spec->first - group->first < GP__GROUP_RECIPIENTS && group->copy == spec->copy &&
           group->route == spec->route && group->bucket == spec->bucket &&
           (!per_domain || group->domain == domain);
}

/* Finds the open group for a recipient, or opens one. The last opened comes first. */
static struct gp__group *group_for(struct partition *part, const struct gp__queue_group *spec)
{
    bool per_domain = gp__queue_per_domain(part->queue, spec->route);
    uint64_t domain = spec->domain.len ? gp__queue_hash(spec->domain) : 0;
    uint64_t hash = mix(mix(mix(spec->copy, spec->route), spec->bucket), per_domain ? domain : 0);
    struct gp__link *link = gp__links_first(&part->open, hash);
    struct open_group *open;

    for (; link; link = gp__links_next(link)) {
        open = (struct open_group *)(void *)link;
        if (takes(open, spec, domain, per_domain)) {
            if (open->group->domain != domain)
                open->group->domain = 0; /* several */
            return open->group;
        }
        /* It is full, or of another with the same hash: it would only be in the way. */
        if (spec->first - open->group->first >= GP__GROUP_RECIPIENTS) {
            gp__links_remove(&part->open, link);
            break;
        }
    }
    open = GP__ARENA_NEW(part->arena, struct open_group);
    open->link.hash = hash;
    open->group = gp__queue_add_group(part->queue, part->message, spec);
    gp__links_add(&part->open, &open->link);
    return open->group;
}

static void add_recipient(struct partition *part, uint32_t index, gp__name route, gp__name bucket)
{
    const struct gp__entry_recipient *recipient = &part->entry->recipients[index];
    char place[24], ascii[GP__DOMAIN_MAX + 1];
    struct gp__queue_group spec = {
        .first = index,
        .copy = recipient->copy,
        .route = route,
        .bucket = bucket,
        .domain = gp__address_domain(recipient->address, ascii),
        .tenant = tenant_of(part->queue, part->entry, recipient, route, place),
    };
    struct gp__group *group = group_for(part, &spec);

    group->left |= (uint64_t)1 << (index - group->first);
}

static void begin(struct partition *part, struct gp__queue *queue, struct gp__queued *message,
                  const struct gp__entry *entry)
{
    *part = (struct partition){.queue = queue, .message = message, .entry = entry};
    part->arena = gp__arena_create();
}

static void end(struct partition *part)
{
    gp__links_free(&part->open);
    gp__arena_free(&part->arena);
}

struct gp__queued *gp__queue_enter_bare(struct gp__queue *queue, struct gp__place place,
                                        const struct gp__entry *entry)
{
    struct gp__queue_message spec = {
        .place = place,
        .id = gp__mark_id(entry->id),
        .sender = gp__queue_hash(entry->n_copies ? entry->copies[0].sender : GP_S("")),
        .arrived_ms = (uint64_t)entry->received_ms,
        .large = entry->large,
    };

    return gp__queue_add(queue, &spec);
}

struct gp__queued *gp__queue_enter(struct gp__queue *queue, struct gp__place place,
                                   const struct gp__entry *entry)
{
    struct gp__queued *message = gp__queue_enter_bare(queue, place, entry);
    struct partition part;

    begin(&part, queue, message, entry);
    for (uint32_t i = 0; i < entry->n_recipients; i++)
        add_recipient(&part, i, gp__queue_name(queue, entry->recipients[i].route),
                      gp__queue_name(queue, entry->recipients[i].bucket));
    end(&part);
    return message;
}

void gp__queue_refile(struct gp__queue *queue, struct gp__group *group, gp__name route,
                      const struct gp__entry *entry)
{
    struct gp__queued *message = group->message;
    struct gp__group kept = *group;
    struct gp__group *before = message->groups;
    struct partition part;

    begin(&part, queue, message, entry);
    for (uint32_t i = 0; i < GP__GROUP_RECIPIENTS; i++)
        if (kept.left >> i & 1 && kept.first + i < entry->n_recipients)
            add_recipient(&part, kept.first + i, route, kept.bucket);
    end(&part);
    for (struct gp__group *made = message->groups; made != before; made = made->sibling)
        gp__queue_inherit(queue, made, group);
    (void)gp__queue_remove(queue, group); /* the others stay */
}

/* ---- marks ---- */

static void defer(struct gp__queue *queue, struct gp__group *group, const struct gp__mark *mark)
{
    struct gp__queue_answer answer = {.reply = mark->reply, .remote = mark->remote};

    (void)gp__queue_tried(queue, group, &answer, 0); /* when is in the mark */
    group->tries = mark->tries < UINT16_MAX ? (uint16_t)mark->tries : UINT16_MAX;
    group->due_ms = mark->at_ms;
    group->bucket = 0;
}

static void set(struct gp__queue *queue, struct gp__group *group, const struct gp__mark *mark,
                const struct gp__entry *entry)
{
    group->message->flags |= GP__QUEUED_CHANGED;
    switch (mark->kind) {
    case GP__MARK_DEFERRED:
        defer(queue, group, mark);
        break;
    case GP__MARK_HELD:
        group->bucket = gp__queue_name(queue, mark->name);
        group->from = 0;
        group->due_ms = mark->at_ms;
        break;
    case GP__MARK_LET_GO:
        gp__queue_let_go(group, gp__queue_name(queue, mark->name), mark->at_ms);
        group->due_ms = 0;
        break;
    case GP__MARK_RELEASED:
        group->bucket = 0;
        group->due_ms = 0;
        break;
    case GP__MARK_ROUTED:
        group->due_ms = 0;
        gp__queue_refile(queue, group, gp__queue_name(queue, mark->name), entry);
        break;
    case GP__MARK_WARNED:
        group->flags |= GP__GROUP_WARNED;
        break;
    case GP__MARK_DONE:
    case GP__MARK_MOVED:
    case GP__MARK_ONLY:
    case GP__MARK_STATE:
    case GP__MARK_ALL_DONE:
    case GP__MARK_PAUSED:
    case GP__MARK_RESUMED:
    case GP__MARK_KINDS:
        break; /* not of a group that stays */
    }
}

/* The bits of a mark, as bits of a group whose first recipient is another one. */
static uint64_t bits_of(const struct gp__group *group, const struct gp__mark *mark)
{
    if (mark->first >= group->first)
        return mark->first - group->first < 64 ? mark->some << (mark->first - group->first) : 0;
    return group->first - mark->first < 64 ? mark->some >> (group->first - mark->first) : 0;
}

static bool remove_all(struct gp__queue *queue, struct gp__queued *message)
{
    while (message->groups)
        if (gp__queue_remove(queue, message->groups))
            return false;
    return true;
}

/* The domain that all of them have, or absent. */
static struct gp_slice common_domain(const struct gp__entry *entry, uint32_t first, uint64_t some,
                                     char ascii[GP__DOMAIN_MAX + 1])
{
    struct gp_slice domain = gp_slice(NULL, 0);
    char folded[GP__DOMAIN_MAX + 1];

    for (uint32_t i = 0; i < GP__GROUP_RECIPIENTS; i++) {
        struct gp_slice other;

        if (!(some >> i & 1))
            continue;
        other = gp__address_domain(entry->recipients[first + i].address,
                                   domain.len ? folded : ascii);
        if (domain.len && !gp_slice_caseeq(domain, other))
            return gp_slice(NULL, 0);
        domain = domain.len ? domain : other;
    }
    return domain;
}

/* A group as it was when it was written down. */
static void restore(struct gp__queue *queue, struct gp__queued *message,
                    const struct gp__mark *mark, const struct gp__entry *entry)
{
    const struct gp__entry_recipient *recipient;
    gp__name route = gp__queue_name(queue, mark->name);
    char place[24], ascii[GP__DOMAIN_MAX + 1];
    struct gp__queue_group spec = {.first = mark->first, .left = mark->some, .route = route};
    struct gp__group *group;

    if (mark->first + 63ull - (unsigned)__builtin_clzll(mark->some) >= entry->n_recipients)
        return; /* of another entry: the check of the id tells nearly always */
    recipient = &entry->recipients[mark->first + (unsigned)__builtin_ctzll(mark->some)];
    spec.copy = recipient->copy;
    spec.bucket = gp__queue_name(queue, mark->bucket);
    spec.domain = common_domain(entry, mark->first, mark->some, ascii);
    spec.tenant = tenant_of(queue, entry, recipient, route, place);
    group = gp__queue_add_group(queue, message, &spec);
    if (mark->tries || mark->reply.code)
        defer(queue, group, mark);
    group->bucket = mark->let_go ? 0 : spec.bucket;
    group->from = mark->let_go ? spec.bucket : 0;
    group->held_h = mark->held_h;
    group->due_ms = mark->at_ms;
    group->flags = mark->warned ? GP__GROUP_WARNED : 0;
    message->flags |= GP__QUEUED_CHANGED;
    /* It was written down when domains were not told apart. */
    if (!spec.domain.len && gp__queue_per_domain(queue, route))
        gp__queue_refile(queue, group, route, entry);
}

static bool apply_to_groups(struct gp__queue *queue, struct gp__queued *message,
                            const struct gp__mark *mark, const struct gp__entry *entry)
{
    struct gp__group *group = message->groups, *next;

    for (; group; group = next) {
        struct gp__group *part;

        next = group->sibling;
        if (group->state == GP__GROUP_TAKEN)
            continue;
        part = gp__queue_split(queue, group, bits_of(group, mark));
        if (!part)
            continue;
        if (mark->kind != GP__MARK_DONE)
            set(queue, part, mark, entry);
        else if (gp__queue_remove(queue, part))
            return false;
    }
    return true;
}

bool gp__queue_apply(struct gp__queue *queue, struct gp__queued *message,
                     const struct gp__mark *mark, const struct gp__entry *entry)
{
    switch (mark->kind) {
    case GP__MARK_DONE:
    case GP__MARK_DEFERRED:
    case GP__MARK_HELD:
    case GP__MARK_RELEASED:
    case GP__MARK_ROUTED:
    case GP__MARK_WARNED:
    case GP__MARK_LET_GO:
        return apply_to_groups(queue, message, mark, entry);
    case GP__MARK_STATE:
        restore(queue, message, mark, entry);
        return true;
    case GP__MARK_ALL_DONE:
        return remove_all(queue, message);
    case GP__MARK_ONLY: /* the groups come with STATE; what is left without any is dropped */
    case GP__MARK_MOVED:
    case GP__MARK_PAUSED:
    case GP__MARK_RESUMED:
    case GP__MARK_KINDS:
        break;
    }
    return true;
}

/* ---- where it goes ---- */

void gp__queue_settle(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms)
{
    if (group->bucket)
        gp__queue_hold(queue, group, group->bucket, group->due_ms);
    else
        gp__queue_wait(queue, group, group->due_ms, now_ms);
}

void gp__queue_settle_all(struct gp__queue *queue, struct gp__queued *message, uint64_t now_ms)
{
    for (struct gp__group *group = message->groups; group; group = group->sibling)
        if (group->state == GP__GROUP_LOOSE && !(group->flags & GP__GROUP_ENDING))
            gp__queue_settle(queue, group, now_ms);
}

void gp__queue_describe(const struct gp__queue *queue, const struct gp__group *group,
                        struct gp__mark *mark)
{
    *mark = (struct gp__mark){
        .kind = GP__MARK_STATE,
        .place = gp__queued_place(group->message),
        .check = gp__mark_check(group->message->link.hash),
        .first = group->first,
        .some = group->left,
        .at_ms = group->state == GP__GROUP_READY || group->state == GP__GROUP_TAKEN ? 0
                                                                                    : group->due_ms,
        .tries = group->tries,
        .name = gp__queue_name_text(queue, group->route),
        .bucket = gp__queue_name_text(queue, group->from ? group->from : group->bucket),
        .warned = group->flags & GP__GROUP_WARNED,
        .let_go = group->from != 0,
        .held_h = group->held_h,
    };
    mark->reply = gp__queue_reply(queue, group, &mark->remote);
}

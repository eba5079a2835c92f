// SPDX-License-Identifier: Apache-2.0
/*
 * Held mail that is let go: the last message is kept as a spool would keep it, and a real carrier
 * makes one attempt to deliver it. The spool is what the kit remembers.
 */
#include "core/base/alloc.h"
#include "core/delivery/spooled.h"
#include "core/spool/engine.h"
#include "sdk/kit/kit.h"

/* ---- keeping ---- */

void gp__kit_keep(struct gp__kit *kit, struct gp__policy *policy)
{
    enum gp__disposal *disposals = GP__ARENA_ARRAY(kit->arena, enum gp__disposal,
                                                   policy->n_recipients);
    struct gp__keeping keeping = {.now_ms = kit->rt->ops->wall_ms(kit->rt),
                                  .parent = gp_slice(NULL, 0)};
    struct gp__buf head = {.limit = 0};
    const struct gp__entry *entry;

    kit->kept = (struct gp__kit_kept){.head = gp_slice(NULL, 0)};
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (policy->recipients[i]->fate == GP__FATE_HELD)
            disposals[i] = GP__DISPOSE_HOLD;
    entry = gp__keep(policy, disposals, &keeping);
    if (entry && gp__entry_write(entry, &head) == 0) {
        kit->kept.head = gp__arena_dup(kit->arena, gp__buf_slice(&head));
        kit->kept.base = gp__arena_dup(kit->arena, entry->base);
    }
    gp__buf_free(&head);
}

/* ---- the spool ---- */

struct kit_spool {
    struct gp__spool spool;
    struct gp__kit *kit;
};

static struct gp__spool *open_spool(struct gp__runtime *rt,
                                    const struct gp__spool_settings *settings,
                                    enum gp__spool_mode mode, struct gp__buf *error_r)
{
    struct kit_spool *spool = gp__alloc(sizeof *spool);

    (void)settings;
    (void)mode;
    (void)error_r;
    spool->kit = rt->log->arg;
    return &spool->spool;
}

static void close_spool(struct gp__spool *spool)
{
    gp__free(spool);
}

static int read_entry(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                      struct gp__entry *entry)
{
    const struct gp__kit_kept *kept = &((struct kit_spool *)(void *)spool)->kit->kept;

    (void)place;
    if (gp__entry_read(entry, arena, kept->head) < 0)
        return GP_EIO;
    entry->base = kept->base;
    return 0;
}

static const struct gp__spool_engine engine = {
    .name = "kit", .open = open_spool, .close = close_spool, .read = read_entry};

/* ---- what becomes of it ---- */

struct releasing {
    struct gp__kit *kit;
    struct gp__kit_recipient *recipient;
    bool done;
};

/* Out of the bucket that it was in; what was there of it, for that recipient alone. */
static struct gp__kit_capture *take_out(struct releasing *releasing)
{
    struct gp__kit *kit = releasing->kit;
    struct gp__kit_capture *taken = GP__ARENA_NEW(kit->arena, struct gp__kit_capture);
    struct gp_slice address = releasing->recipient->address;

    for (struct gp__kit_capture *at = kit->captures; at; at = at->next) {
        for (size_t i = 0; i < at->n_recipients && gp_slice_present(at->bucket); i++) {
            if (!gp_slice_starts(at->id, kit->ended.id) || !gp_slice_eq(at->recipients[i], address))
                continue;
            *taken = *at;
            at->recipients[i] = at->recipients[--at->n_recipients];
        }
    }
    taken->recipients = &releasing->recipient->address;
    taken->n_recipients = 1;
    taken->next = NULL;
    return taken;
}

static void hold(struct gp__kit *kit, struct gp__kit_capture *capture, struct gp_slice bucket)
{
    capture->bucket = bucket;
    *kit->captures_end = capture;
    kit->captures_end = &capture->next;
}

static enum gp__fate fate_of(const struct gp__attempt_result *result)
{
    if (result->filtered == GP__FILTERED_HELD)
        return GP__FATE_HELD;
    if (result->filtered == GP__FILTERED_DROPPED)
        return GP__FATE_DROPPED;
    if (result->outcome == GP_OUTCOME_DELIVERED)
        return GP__FATE_DELIVERED;
    return result->outcome == GP_OUTCOME_FAILED ? GP__FATE_BOUNCED : GP__FATE_DEFERRED;
}

/* The reply to `when release`: the one that a sender would be told of. */
static void reply(struct gp__kit *kit, const struct gp__reply *said)
{
    kit->reply.code = said->code ? said->code : 250;
    kit->reply.text = gp__arena_printf(kit->arena, "%u.%u.%u " GP_FMT, said->code ? said->klass : 2,
                                       said->subject, said->detail, GP_ARG(said->text));
}

static void on_answer(void *arg, const struct gp__attempt_answer *answer)
{
    struct releasing *releasing = arg;
    struct gp__kit *kit = releasing->kit;
    struct gp__kit_recipient *recipient = releasing->recipient;
    enum gp__fate fate = fate_of(&answer->results[0]);

    /* What is only put off stays where it was, and can be tried again. */
    if (fate != GP__FATE_DEFERRED) {
        struct gp__kit_capture *capture = take_out(releasing);

        recipient->bucket = gp__arena_dup(kit->arena, answer->results[0].bucket);
        if (fate == GP__FATE_HELD)
            hold(kit, capture, recipient->bucket);
    }
    recipient->fate = fate;
    reply(kit, &answer->results[0].reply);
    releasing->done = true;
}

/* ---- when ---- */

static struct gp__kit_recipient *find_recipient(struct gp__kit *kit, struct gp_slice address)
{
    for (size_t i = 0; i < kit->ended.n_recipients; i++) {
        struct gp__kit_recipient *recipient = &kit->ended.recipients[i];

        if (gp_slice_caseeq(recipient->address, address) &&
            (recipient->fate == GP__FATE_HELD || recipient->fate == GP__FATE_DEFERRED))
            return recipient;
    }
    return NULL;
}

/* 0, or -1: it is not in there. */
static int find_index(const struct gp__entry *entry, struct gp_slice address, uint32_t *index_r)
{
    for (uint32_t i = 0; i < entry->n_recipients; i++) {
        if (gp_slice_eq(entry->recipients[i].address, address)) {
            *index_r = i;
            return 0;
        }
    }
    return -1;
}

/* One attempt, as a scheduler asks for it after `gatepost queue release`. */
static void attempt(struct releasing *releasing, const struct gp__entry *entry, uint32_t index)
{
    struct gp__kit *kit = releasing->kit;
    struct gp__spool_settings spool = {.engine = &engine};
    struct gp__carrier_options options = {.runtime = kit->rt,
                                          .spool = &spool,
                                          .carriage = &kit->generation->carriage,
                                          .answer = on_answer,
                                          .arg = releasing};
    struct gp__carrier *carrier = gp__carrier_open(&options, &kit->report);
    struct gp_slice bucket = releasing->recipient->bucket;
    struct gp__attempt wanted = {.message = entry->id,
                                 .route = entry->recipients[index].route,
                                 .from = bucket.len ? bucket : entry->recipients[index].bucket,
                                 .recipients = &index,
                                 .n = 1,
                                 .first_ms = entry->received_ms,
                                 .deadline_ms = 600000};

    gp__carrier_take(carrier, &wanted);
    while (!releasing->done)
        gp__sim_advance(kit->rt, 1);
    gp__carrier_close(&carrier);
}

void gp__kit_when_release(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct releasing releasing = {.kit = kit, .recipient = find_recipient(kit, step->args[0])};
    uint64_t since = kit->rt->ops->now_ms(kit->rt);
    struct gp__entry entry;
    uint32_t index;

    if (!releasing.recipient || gp__entry_read(&entry, kit->arena, kit->kept.head) < 0 ||
        find_index(&entry, releasing.recipient->address, &index) < 0) {
        gp__kit_fail(kit, step, "nothing of the last message is held for " GP_FMT,
                     GP_ARG(step->args[0]));
        return;
    }
    attempt(&releasing, &entry, index);
    kit->took_ms = kit->rt->ops->now_ms(kit->rt) - since;
}

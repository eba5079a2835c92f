// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/dsn_policy.h"

#include "core/base/hash.h"

/* What NOTIFY must have in it for this news. Without NOTIFY failures are told, and delays where we
 * like to (RFC 3461 4.1). */
static bool asked_for(const struct gp__dsn_question *question)
{
    unsigned notify = question->notify ? question->notify : GP__NOTIFY_FAILURE | GP__NOTIFY_DELAY;

    switch (question->action) {
    case GP__DSN_FAILED:
        return notify & GP__NOTIFY_FAILURE;
    case GP__DSN_DELAYED:
        return notify & GP__NOTIFY_DELAY;
    case GP__DSN_DELIVERED:
    case GP__DSN_RELAYED:
    case GP__DSN_EXPANDED:
        return notify & GP__NOTIFY_SUCCESS;
    case GP__DSN_ACTION_COUNT:
        break;
    }
    return false;
}

enum gp__dsn_answer gp__dsn_wanted(const struct gp__dsn_question *question)
{
    if (question->sender.len == 0 || !asked_for(question))
        return GP__DSN_SILENT;
    if (question->authenticated)
        return GP__DSN_SEND;
    switch (question->action) {
    case GP__DSN_FAILED:
        return question->vouched ? GP__DSN_SEND : GP__DSN_KEEP;
    case GP__DSN_DELAYED: /* no news that a stranger needs */
        break;
    case GP__DSN_DELIVERED:
    case GP__DSN_RELAYED:
    case GP__DSN_EXPANDED:
        return question->vouched ? GP__DSN_SEND : GP__DSN_SILENT;
    case GP__DSN_ACTION_COUNT:
        break;
    }
    return GP__DSN_SILENT;
}

/* ---- how many ---- */

#define PROBES 8

/* Its slot; else of those probed the one that is full again, or will be first. */
static struct gp__dsn_rate_slot *slot_of(struct gp__dsn_rate *rate, uint64_t key)
{
    struct gp__dsn_rate_slot *best = NULL;

    for (unsigned i = 0; i < PROBES; i++) {
        struct gp__dsn_rate_slot *slot = &rate->slots[(key + i) % GP__DSN_RATE_SLOTS];

        if (slot->key == key)
            return slot;
        if (!best || slot->full_ms < best->full_ms)
            best = slot;
    }
    *best = (struct gp__dsn_rate_slot){.key = key};
    return best;
}

bool gp__dsn_rate_take(struct gp__dsn_rate *rate, struct gp_slice address, uint64_t now_ms)
{
    uint64_t key = gp__hash_nocase(address) | 1, one;
    struct gp__dsn_rate_slot *slot;

    if (rate->count == 0)
        return true;
    slot = slot_of(rate, key);
    one = rate->period_ms / rate->count;
    if (slot->full_ms < now_ms)
        slot->full_ms = now_ms;
    if (slot->full_ms + one > now_ms + rate->period_ms)
        return false;
    slot->full_ms += one;
    return true;
}

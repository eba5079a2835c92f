// SPDX-License-Identifier: Apache-2.0
/* Inside the scheduler: what its files share. */
#ifndef GP_DELIVERY_SCHEDULER_INTERNAL_H
#define GP_DELIVERY_SCHEDULER_INTERNAL_H

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/delivery/dsn_policy.h"
#include "core/delivery/queue_entry.h"
#include "core/delivery/scheduler.h"
#include "core/hook/runtime.h"

#define GP__BUCKET_HOLD "hold"     /* an operator put it there */
#define GP__BUCKET_ORPHAN "orphan" /* no route owns it any more */

/* One under way. Its number is slot | round << 32, so that a late answer finds nothing. */
struct gp__attempt_slot {
    struct gp__group *group; /* NULL: free */
    enum gp__attempt_kind kind;
    uint32_t round, next_free;
    unsigned carrier;
    uint64_t began_ms;
};

struct gp__carrier_link {
    void (*send)(void *arg, const struct gp__attempt *attempt); /* NULL: there is none */
    void *arg;
    bool ending;
};

/* What the journal said about an entry that was not found yet. */
struct gp__trail;

struct gp__scheduler {
    struct gp__runtime *runtime;
    struct gp__log *log;
    struct gp__arena *plan_arena;
    struct gp__plan plan;
    struct gp__queue *queue;
    struct gp__spool *spool;
    struct gp__spool_writer *writer;
    struct gp__spool_journal *journal;
    struct gp__buf collected;    /* marks for the journal, each with its length before it */
    uint64_t n_flushed, n_noted; /* how often it was handed over; and how often that is durable */
    struct gp__settling *settling, **settling_end;
    struct gp__timer timer, collect_timer;
    uint64_t wall_ms, steady_ms; /* both when it began */
    bool kicked, closing;

    /* Recovery. */
    struct gp__links trails;
    bool recovered;
    uint64_t n_found, n_again;

    /* Carriers. */
    struct gp__carrier_link carriers[GP__QUEUE_CARRIERS_MAX];
    struct gp__attempt_slot *slots;
    size_t n_slots, slots_cap;
    uint32_t free_slot; /* + 1; 0: none */
    size_t n_under_way;
    struct gp__group **telling; /* given up, waiting for a place to tell observers */
    size_t n_telling, telling_cap;
    size_t n_tells; /* of n_under_way */

    /* Notifications. */
    struct gp__dsn_rate rate;
    struct gp__dsn_template texts[GP__DSN_ACTION_COUNT];
    size_t n_writing;         /* under way, or collected */
    struct gp__links notices; /* collected, by message: scheduler_notice.c */
    struct gp__timer notice_timer;

    /* Housekeeping. */
    struct gp__timer keep_timer;
    uint64_t compact_at; /* bytes of the journal */
    bool compacting, compacted, compact_wanted;
    bool journal_behind, compact_failed; /* and that was logged */
    uint64_t keep_rounds;
    struct gp__place compact_after;
    size_t n_moving, n_moves_unsure; /* written anew; and not yet durably noted */
    uint64_t no_moves_until_ms;      /* there was no space for one */

    void (*drained)(void *arg);
    void *drained_arg;
};

/* ---- scheduler.c ---- */

/* There is something to do: soon. */
void gp__scheduler_kick(struct gp__scheduler *s);

/* Appends to the journal: at once if somebody waits for it, else with others, soon; done may be
 * NULL. */
void gp__scheduler_note(struct gp__scheduler *s, const struct gp__mark *mark,
                        void (*done)(void *arg, int error), void *arg);

/* Hands over what was collected. */
void gp__scheduler_flush(struct gp__scheduler *s);

/* A record could not be written. */
void gp__scheduler_journal_failed(struct gp__scheduler *s, int error);

/* A mark of that kind about a group. */
struct gp__mark gp__scheduler_mark(enum gp__mark_kind kind, const struct gp__group *group);

/* ---- scheduler_found.c ---- */

void gp__scheduler_replay(void *arg, struct gp_slice bytes);

/* Reads on, at most so many entries. 1: there is more. */
int gp__scheduler_tail(struct gp__scheduler *s, size_t max);
void gp__scheduler_trails_free(struct gp__scheduler *s);

/* ---- scheduler_attempt.c ---- */

/* Hands out what can be tried now. */
void gp__scheduler_send(struct gp__scheduler *s);

/* A group is given up: observers are told, then gp__scheduler_give_up_told(). */
void gp__scheduler_tell(struct gp__scheduler *s, struct gp__group *group);

/* Those that should have been answered long ago. */
void gp__scheduler_look_at_attempts(struct gp__scheduler *s);

/* ---- scheduler_outcome.c ---- */

/* A group's recipients, one after the other: `i` is the bit. */
#define GP__EACH_RECIPIENT(group, i)                                                               \
    for (uint32_t i = 0; i < GP__GROUP_RECIPIENTS; i++)                                            \
        if ((group)->left >> i & 1)

/* What came of an attempt. The group is LOOSE. */
void gp__scheduler_outcome(struct gp__scheduler *s, struct gp__group *group,
                           enum gp__attempt_kind kind, const struct gp__attempt_answer *answer,
                           uint64_t took_ms);

/* The carrier died. */
void gp__scheduler_outcome_lost(struct gp__scheduler *s, struct gp__group *group);

/* LOOSE groups: its time is over; that of its bucket is; observers know. */
void gp__scheduler_expired(struct gp__scheduler *s, struct gp__group *group);
void gp__scheduler_unheld(struct gp__scheduler *s, struct gp__group *group);
void gp__scheduler_told(struct gp__scheduler *s, struct gp__group *group);

/* Finished: noted, and gone. */
void gp__scheduler_finish(struct gp__scheduler *s, struct gp__group *group);

/* In a bucket, by its plan's time. */
void gp__scheduler_hold(struct gp__scheduler *s, struct gp__group *group, struct gp_slice bucket);

/* Out of its bucket, and filters are asked before it is delivered: noted. The caller lets it wait. */
void gp__scheduler_let_go(struct gp__scheduler *s, struct gp__group *group);

/* What the plan says of a bucket; NULL: nothing. */
const struct gp__plan_bucket *gp__scheduler_bucket(const struct gp__scheduler *s,
                                                   struct gp_slice name);

/* When something that is held since then leaves its bucket; 0: never. */
uint64_t gp__scheduler_bucket_end(const struct gp__scheduler *s, struct gp_slice bucket,
                                  uint64_t since_ms);

/* One line of the log. `result` may be NULL: what the group heard last. */
void gp__scheduler_log(struct gp__scheduler *s, const struct gp__entry *entry,
                       const struct gp__group *group, const char *outcome,
                       const struct gp__attempt_result *const *results, uint64_t took_ms);

/* ---- scheduler_owner.c ---- */

/* The recipients of a held group whose mail the owner may let go; and those whose is the owner's,
 * but its bucket does not allow it. */
uint64_t gp__scheduler_owned(const struct gp__scheduler *s, const struct gp__group *group,
                             const struct gp__entry *entry, struct gp__arena *arena,
                             const struct gp__address *owner, uint64_t *refused_r);

/* ---- scheduler_bounce.c ---- */

/*
 * Tells the sender that these recipients were given up, if that is wanted, then finishes them; mail
 * that may not be bounced goes to its bucket. The group is LOOSE and stays so until then. `replies`
 * by bit of the group, or NULL: what it heard last.
 */
void gp__scheduler_bounce(struct gp__scheduler *s, struct gp__group *group,
                          const struct gp__entry *entry,
                          const struct gp__attempt_result *const *results);

/* Tells the sender of delivery, if it asked to be; the group is finished in any case. */
void gp__scheduler_confirm(struct gp__scheduler *s, struct gp__group *group,
                           const struct gp__entry *entry,
                           const struct gp__attempt_result *const *results, bool relayed);

/* Tells the sender of the delay. */
void gp__scheduler_warn(struct gp__scheduler *s, struct gp__group *group);

/* ---- scheduler_notice.c ---- */

/* Writes a notification about these recipients of the group, with others of the message of which the
 * same is known now. `loose` is what it finishes, or NULL. */
void gp__scheduler_notify(struct gp__scheduler *s, enum gp__dsn_action action,
                          const struct gp__group *group, uint64_t bits, struct gp__group *loose,
                          const struct gp__entry *entry,
                          const struct gp__attempt_result *const *results);

/* Whether a failure of this one would be told with that of others. */
bool gp__scheduler_is_telling(struct gp__scheduler *s, const struct gp__group *group,
                              const struct gp__entry *entry);

/* What was collected goes now. */
void gp__scheduler_notify_all(struct gp__scheduler *s);
void gp__scheduler_notices_free(struct gp__scheduler *s);

/* ---- scheduler_keep.c ---- */

void gp__scheduler_keep_start(struct gp__scheduler *s);
void gp__scheduler_keep_stop(struct gp__scheduler *s);

/* Goes on with a compaction. true: there is more. */
bool gp__scheduler_compact(struct gp__scheduler *s);

/* Appends the mark by which a message is finished; its content goes then, if it is a file of its own. */
void gp__scheduler_note_finish(struct gp__scheduler *s, const struct gp__queued *message,
                               const struct gp__mark *mark);

#endif

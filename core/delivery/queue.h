// SPDX-License-Identifier: Apache-2.0
/*
 * The schedule: which mail is to be tried when, in memory, without any I/O. Time is an argument, in
 * milliseconds of a clock that never runs back.
 *
 *   message   an entry of the spool with recipients left
 *   group     up to 64 of its recipients who share a copy, a route and a destination: what one
 *             attempt is made for
 *   destination  a target, or a target and a domain where the target says so: what can be slow,
 *             down, or limited, and never delays another
 *   carrier   a process that takes so many attempts at a time
 *
 * Groups that are due wait in lanes of their destination, one a tenant (`fair_by`), served in turn.
 * A free place of a carrier goes to the destination that has fewest attempts under way, and none gets
 * more of them than are left free: so there is always room for one that was idle.
 *
 * Every step is O(log n) or better but those that are said to walk. Groups and messages are the
 * queue's; a pointer to one is good until it is removed.
 */
#ifndef GP_DELIVERY_QUEUE_H
#define GP_DELIVERY_QUEUE_H

#include "core/base/heap.h"
#include "core/base/links.h"
#include "core/delivery/attempt.h"
#include "core/delivery/plan.h"

#define GP__GROUP_RECIPIENTS GP__ATTEMPT_RECIPIENTS_MAX
#define GP__QUEUE_CARRIERS_MAX 256u
#define GP__QUEUE_PAUSES_MAX 100u
#define GP__QUEUE_NAMES_MAX 65534u    /* of routes, targets and buckets */
#define GP__QUEUE_NAME_UNKNOWN 65535u /* in a filter: one that no mail has */

/* What is not known is 0 and absent. */
typedef uint16_t gp__name;

enum gp__group_state {
    GP__GROUP_LOOSE = 0, /* in the hands of the caller */
    GP__GROUP_WAITING,   /* for its time */
    GP__GROUP_READY,     /* for a place of a carrier */
    GP__GROUP_TAKEN,     /* an attempt is under way */
    GP__GROUP_HELD,      /* in a bucket */
    GP__GROUP_PAUSED,    /* due, but an operator wants it to wait */
    GP__GROUP_STATES
};

enum gp__group_flags {
    GP__GROUP_WARNED = 1 << 0, /* its sender was told of the delay */
    GP__GROUP_ENDING = 1 << 7, /* LOOSE, and given up: it is not filed with others of the message */
};

struct gp__queue;
struct gp__queue_lane;
struct gp__queue_destination;

struct gp__group {
    struct gp__queued *message;
    struct gp__group *sibling, *before; /* the next of the message, and the one before */
    struct gp__queue_destination *destination;
    union {
        struct {
            struct gp__queue_lane *lane;
            struct gp__group *next, *prev;
        } ready;
        struct {
            uint32_t carrier;
            uint32_t attempt; /* the caller's */
        } taken;
    } in;
    uint64_t left;   /* bit i: the recipient of index first + i */
    uint64_t due_ms; /* WAITING: when; READY: since when; HELD: until when, 0: for ever */
    uint64_t domain; /* hash of the recipients' domain, if it is one; else 0 */
    uint32_t first, copy;
    uint32_t heap; /* its place there */
    uint32_t fair; /* hash of its tenant */
    uint32_t text; /* of the last answer: gp__queue_text() */
    uint16_t code, subject, detail;
    uint8_t klass, state, flags; /* state: enum gp__group_state */
    gp__name route, bucket;
    gp__name from; /* let go out of that bucket: filters are asked at each attempt; 0: not */
    uint16_t tries;
    uint16_t held_h; /* hours that it was held until then, which do not count as its age */
};

enum gp__queued_flags {
    GP__QUEUED_LARGE = 1 << 0,   /* its content is a file of its own */
    GP__QUEUED_MOVING = 1 << 1,  /* is being written anew */
    GP__QUEUED_CHANGED = 1 << 2, /* it is not what its entry says: a compaction writes it down */
    GP__QUEUED_FIXED = 1 << 3,   /* it could not be written anew: it stays where it is */
};

struct gp__queued {
    struct gp__link link; /* by hash of its id */
    struct gp__group *groups;
    struct gp__queue_segment *segment;
    struct gp__queued *next, *prev; /* of the segment, by offset */
    uint64_t arrived_ms;
    uint64_t sender; /* hash of the reverse-path in lower case */
    uint32_t offset;
    uint32_t flags; /* enum gp__queued_flags */
};

/* An entry that is finished, by its offset and the check of its id. */
struct gp__queue_finished {
    uint32_t offset, check;
};

/* A segment of the spool that was seen: what lives in it, and where what lived in it was. */
struct gp__queue_segment {
    uint64_t number;
    struct gp__queued *first, *last;
    uint64_t n_live;
    struct gp__queue_finished *done; /* in the order they were */
    size_t n_done, done_cap;
};

/* ---- the whole ---- */

/* `seed` of the jitter. */
struct gp__queue *gp__queue_create(uint64_t seed);
void gp__queue_free(struct gp__queue **queue_);

/* What is valid from now on. The plan must live until the next one. Destinations whose routes have
 * another target now are found when their groups are taken. */
void gp__queue_plan(struct gp__queue *queue, const struct gp__plan *plan);

/* A number for a name, always the same; 0 for absent, or when there are too many. */
gp__name gp__queue_name(struct gp__queue *queue, struct gp_slice name);

/* The same without remembering it: 0 when it has none. */
gp__name gp__queue_name_find(const struct gp__queue *queue, struct gp_slice name);
struct gp_slice gp__queue_name_text(const struct gp__queue *queue, gp__name name);

/* Whether the plan has that route. */
bool gp__queue_knows_route(const struct gp__queue *queue, gp__name route);

/* Whether its recipients are a destination a domain. */
bool gp__queue_per_domain(const struct gp__queue *queue, gp__name route);

/* The policy of a group's route; the first one if that is gone. */
const struct gp__plan_queue *gp__queue_policy(const struct gp__queue *queue,
                                              const struct gp__group *group);

/* ---- messages and groups ---- */

struct gp__queue_message {
    struct gp__place place;
    uint64_t id, sender; /* hashes: gp__queue_hash() */
    uint64_t arrived_ms;
    bool large;
};

struct gp__queue_group {
    uint32_t first, copy;
    uint64_t left;
    gp__name route, bucket;
    struct gp_slice domain; /* of all its recipients; absent: they have several */
    struct gp_slice tenant; /* text of the note that shares are by; absent: none */
};

/* Of ids, addresses and domains, whatever the case of their letters. Never 0. */
uint64_t gp__queue_hash(struct gp_slice text);

struct gp__queued *gp__queue_add(struct gp__queue *queue, const struct gp__queue_message *message);

/* By hash of the id; the next of the same. */
struct gp__queued *gp__queue_find(const struct gp__queue *queue, uint64_t id);
struct gp__queued *gp__queue_find_next(const struct gp__queued *message);

struct gp__place gp__queued_place(const struct gp__queued *message);

/* It lies somewhere else now; the old place counts as done. */
void gp__queue_move(struct gp__queue *queue, struct gp__queued *message, struct gp__place place);

/* Adds a group, LOOSE. */
struct gp__group *gp__queue_add_group(struct gp__queue *queue, struct gp__queued *message,
                                      const struct gp__queue_group *group);

/* Takes some of its recipients out into a new group, which is LOOSE; the group itself if that is
 * all of them, NULL if it is none. Not of a TAKEN one. */
struct gp__group *gp__queue_split(struct gp__queue *queue, struct gp__group *group, uint64_t some);

/* What the one knows of its tries, its time and its sender, the other does. */
void gp__queue_inherit(struct gp__queue *queue, struct gp__group *to, const struct gp__group *from);

/* LOOSE from now on, whatever it was but TAKEN. */
void gp__queue_loosen(struct gp__queue *queue, struct gp__group *group);

/* Its recipients are finished. The message goes with its last group: true. */
bool gp__queue_remove(struct gp__queue *queue, struct gp__group *group);

/* A message without groups: finished from the start. */
void gp__queue_drop(struct gp__queue *queue, struct gp__queued *message);

/* An entry that was finished when it was found. */
void gp__queue_note_done(struct gp__queue *queue, struct gp__place place, uint32_t check);

/* Segments, by number. */
size_t gp__queue_n_segments(const struct gp__queue *queue);
struct gp__queue_segment *gp__queue_segment_at(const struct gp__queue *queue, size_t i);

/* Forgets one that has nothing alive in it. */
void gp__queue_forget_segment(struct gp__queue *queue, uint64_t number);

/* ---- what becomes of a group: of a LOOSE one ---- */

/* Tried at `due_ms`, or as soon as there is a place. */
void gp__queue_wait(struct gp__queue *queue, struct gp__group *group, uint64_t due_ms,
                    uint64_t now_ms);

struct gp__queue_answer {
    struct gp__reply reply;
    struct gp_slice remote;
    enum gp__retry_class why;
    uint64_t retry_after_ms; /* the destination said so; 0: it did not */
};

/* It was tried in vain: notes why, and gives the time of the next try by its policy. 0: its time is
 * over. The caller lets it wait until then. */
uint64_t gp__queue_tried(struct gp__queue *queue, struct gp__group *group,
                         const struct gp__queue_answer *answer, uint64_t now_ms);

/* The target of its destination; 0: it is to be routed. */
gp__name gp__queue_target(const struct gp__group *group);

/* In a bucket, until a time (0: for ever). */
void gp__queue_hold(struct gp__queue *queue, struct gp__group *group, gp__name bucket,
                    uint64_t until_ms);

/* Out of its bucket: filters are asked before it is delivered, and its time begins now, to the hour.
 * The caller lets it wait. */
void gp__queue_let_go(struct gp__group *group, gp__name from, uint64_t at_ms);

/* When its time is over. */
uint64_t gp__queue_expires_at(const struct gp__queue *queue, const struct gp__group *group);

/* Has another route, and another destination. */
void gp__queue_reroute(struct gp__queue *queue, struct gp__group *group, gp__name route,
                       struct gp_slice domain);

/* Whether the plan means another destination than it is filed under. */
bool gp__queue_is_stale(const struct gp__queue *queue, const struct gp__group *group);

/* "451 4.7.1 text" parts of its last answer; code 0: there was none. Text and remote are shared
 * among groups, and are good until the group is tried again. */
struct gp__reply gp__queue_reply(const struct gp__queue *queue, const struct gp__group *group,
                                 struct gp_slice *remote_r);

/* ---- carriers and attempts ---- */

/* A carrier takes so many at a time; 0: it is no more, or is to get nothing new. */
void gp__queue_carrier(struct gp__queue *queue, unsigned carrier, unsigned room);

/* The next group to be tried, TAKEN, and by whom; NULL: there is none now. */
struct gp__group *gp__queue_take(struct gp__queue *queue, uint64_t now_ms);

/* How the destination seemed. */
enum gp__feedback {
    GP__FEEDBACK_NONE = 0, /* nothing was learned about it */
    GP__FEEDBACK_GOOD,     /* it took something */
    GP__FEEDBACK_SLOW,     /* it wants less at a time */
    GP__FEEDBACK_DOWN,     /* it could not be reached */
};

/* The attempt is over: the group is LOOSE. pause_ms: for how long the destination wants nothing, 0:
 * it did not say. */
void gp__queue_give_back(struct gp__queue *queue, struct gp__group *group,
                         enum gp__feedback feedback, uint64_t pause_ms, uint64_t now_ms);

/* The target of the group's destination can take no more for now, for none of its destinations: a
 * limit of ours. wait_ms: for so long nothing at all; 0: until something of it has ended. The
 * group was given back before. Whether that is new. */
bool gp__queue_limit(const struct gp__group *group, uint64_t wait_ms, uint64_t now_ms);

/* A LOOSE group that was not tried after all: it is the next of its lane. */
void gp__queue_put_off(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms);

/* ---- time ---- */

enum gp__queue_event {
    GP__QUEUE_NOTHING = 0,
    GP__QUEUE_WARN,    /* it is late, and its sender is to be told once; it goes on */
    GP__QUEUE_EXPIRED, /* its time is over; LOOSE */
    GP__QUEUE_UNHELD,  /* its time in the bucket is over; LOOSE */
};

/* What time brings, one at a time until there is NOTHING. */
enum gp__queue_event gp__queue_event(struct gp__queue *queue, uint64_t now_ms,
                                     struct gp__group **group_r);

/* When to look again, if nothing else happens. UINT64_MAX: never. */
uint64_t gp__queue_next(const struct gp__queue *queue);

/* ---- operators: filters, going through all, pauses ---- */

/* All that is set must hold. */
struct gp__queue_filter {
    uint64_t id, sender, domain; /* hashes; 0: any */
    gp__name target, route, bucket;
    uint64_t destination; /* hash of the domain of the destination; with target */
    uint64_t before_ms;   /* came before; 0: any */
    unsigned states;      /* 1 << enum gp__group_state; 0: any */
};

bool gp__queue_matches(const struct gp__queue_filter *filter, const struct gp__group *group);

/* The message that lies next after a place, in order of places; NULL: there is none. From {0, 0} on
 * through all, however the queue changes between. Walks one segment's messages, unless it is one of
 * the last few places that gp__queue_stop() was called for. */
struct gp__queued *gp__queue_after(const struct gp__queue *queue, struct gp__place place);

/* Somebody stops there for now, and will ask what is next after it: now it is `next`, or NULL. */
void gp__queue_stop(struct gp__queue *queue, struct gp__place after, struct gp__queued *next);

/* The next one, in the same order. */
struct gp__queued *gp__queue_next_message(const struct gp__queue *queue,
                                          const struct gp__queued *message);

/* What matches becomes PAUSED when it is due, until it is resumed. Walks all. 0, or -1: too many, or
 * there is no such pause. */
int gp__queue_pause(struct gp__queue *queue, const struct gp__queue_filter *filter,
                    struct gp_slice text, uint64_t now_ms);
int gp__queue_resume(struct gp__queue *queue, struct gp_slice text, uint64_t now_ms);
size_t gp__queue_n_pauses(const struct gp__queue *queue);
struct gp_slice gp__queue_pause_text(const struct gp__queue *queue, size_t i);

/* The destination of a group is to be tried again at once. */
void gp__queue_wake(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms);

/* ---- figures ---- */

struct gp__queue_stats {
    uint64_t messages, groups, by_state[GP__GROUP_STATES];
    uint64_t destinations, down, lanes, segments, texts;
    uint64_t oldest_ms;   /* when the oldest message came; 0: there is none */
    uint64_t bytes;       /* of memory, all of it */
    uint64_t group_bytes; /* a message of one group, its share of heap and tables included */
};

void gp__queue_stats(const struct gp__queue *queue, struct gp__queue_stats *stats_r);

struct gp__queue_destination_stats {
    struct gp_slice target, domain;
    uint64_t waiting, ready, taken, window, failures;
    uint64_t ready_at_ms; /* 0: now */
};

struct gp__queue_target_stats {
    struct gp_slice target;
    uint64_t taken;
    uint64_t window;      /* attempts at a time; 0: no limit is known just now */
    uint64_t put_off;     /* attempts, since the start */
    uint64_t ready_at_ms; /* 0: now */
};

/* Each target that has met its limit since the start. */
void gp__queue_each_limited(const struct gp__queue *queue, uint64_t now_ms,
                            void (*each)(void *arg, const struct gp__queue_target_stats *stats),
                            void *arg);

/* Each destination that has groups. Walks them. */
void gp__queue_each_destination(const struct gp__queue *queue,
                                void (*each)(void *arg,
                                             const struct gp__queue_destination_stats *stats),
                                void *arg);

#endif

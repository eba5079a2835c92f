// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler: the only one who knows what is left of the mail in the spool. It reads along behind
 * the writers, keeps the schedule (queue.h), hands attempts to carriers, writes down what became of
 * them, tells senders, and removes what nobody needs any more. One a spool.
 *
 * It owns the spool and its journal; carriers are functions to it, whether they are processes or in
 * this one. Everything happens on the loop's stack. Nothing is lost whatever dies when: what was not
 * written down yet is tried again, and a notification that is made a second time has the same id.
 */
#ifndef GP_DELIVERY_SCHEDULER_H
#define GP_DELIVERY_SCHEDULER_H

#include "core/delivery/attempt.h"
#include "core/delivery/queue.h"
#include "core/smtp/address.h"
#include "core/spool/spool.h"

struct gp__scheduler;

struct gp__scheduler_options {
    struct gp__runtime *runtime;
    struct gp__log *log;
    const struct gp__spool_settings *spool;
    struct gp_slice plan; /* packed: plan.h */
};

/* Opens spool, journal and a writer of its own, and reads the journal; the spool is read in turns
 * afterwards, and nothing is tried before all of it is. NULL with a text. Blocks. */
struct gp__scheduler *gp__scheduler_open(const struct gp__scheduler_options *options,
                                         struct gp__buf *error_r);

/* Looks for new mail: when a writer says so. */
void gp__scheduler_look(struct gp__scheduler *scheduler);

/* The descriptor that writers send a byte to after each commit, to be watched and closed by the
 * caller, who then looks; or -1 with a text. */
int gp__scheduler_wake_open(struct gp__scheduler *scheduler, struct gp__buf *error_r);

/* Another configuration. 0, or -1: the plan is damaged, the old one stays. */
int gp__scheduler_plan(struct gp__scheduler *scheduler, struct gp_slice plan);

/* ---- carriers ---- */

/* A carrier is there, under a number that is free, for so many attempts at a time. send(arg, attempt)
 * is called from the loop's stack; the attempt lives until it returns. */
void gp__scheduler_carrier(struct gp__scheduler *scheduler, unsigned number, unsigned room,
                           void (*send)(void *arg, const struct gp__attempt *attempt), void *arg);

/* It gets nothing new, and answers what it has. */
void gp__scheduler_carrier_ends(struct gp__scheduler *scheduler, unsigned number);

/* It is gone: what it had not answered is tried again soon. */
void gp__scheduler_carrier_lost(struct gp__scheduler *scheduler, unsigned number);

/* Not from within send(). An answer to nothing, or that does not fit, is dropped and logged. */
void gp__scheduler_answer(struct gp__scheduler *scheduler, unsigned carrier,
                          const struct gp__attempt_answer *answer);

/* ---- figures, and the end ---- */

struct gp__queue *gp__scheduler_queue(struct gp__scheduler *scheduler);

/* Whether the whole spool was read. */
bool gp__scheduler_is_ready(const struct gp__scheduler *scheduler);

/* The time of the schedule: milliseconds since 1970 when it began, and steady from then on. */
uint64_t gp__scheduler_now(const struct gp__scheduler *scheduler);

/* Begins nothing new; done(arg) once nothing is under way. */
void gp__scheduler_drain(struct gp__scheduler *scheduler, void (*done)(void *arg), void *arg);

/* Writes what is to be written. Attempts that are under way are tried again by the next one. */
void gp__scheduler_close(struct gp__scheduler **scheduler_);

/* ---- operators ---- */

enum gp__queue_command {
    GP__QUEUE_HOLD = 0, /* in the bucket "hold" */
    GP__QUEUE_RELEASE,
    GP__QUEUE_RETRY,
    GP__QUEUE_DELETE,
    GP__QUEUE_BOUNCE,
    GP__QUEUE_REROUTE, /* by the route of that name; absent: found again */
    GP__QUEUE_COMMANDS
};

struct gp__queue_order {
    enum gp__queue_command command;
    struct gp__queue_filter filter;
    gp__name route;                  /* REROUTE; 0: it is found again */
    const struct gp__address *owner; /* RELEASE: only what that one may; NULL: an operator asks */
    struct gp__place after;          /* goes on from there */
    size_t most;                     /* messages to look at */
};

struct gp__queue_done {
    uint64_t messages, recipients; /* that it was done to */
    uint64_t busy;                 /* groups of which an attempt is under way: left alone */
    uint64_t
        refused; /* recipients: the owner's, in buckets that the owner may let nothing go from */
    struct gp__place after;
    bool more; /* call again */
};

/* An address that somebody acts as. 0, or -1: it is none. */
int gp__scheduler_owner_parse(struct gp__arena *arena, struct gp_slice text,
                              struct gp__address *owner_r);

void gp__scheduler_order(struct gp__scheduler *scheduler, const struct gp__queue_order *order,
                         struct gp__queue_done *done_r);

/* done(arg, error) once all that was ordered so far is durable: at once if it is. With an error the
 * orders hold until a restart. */
void gp__scheduler_settle(struct gp__scheduler *scheduler, void (*done)(void *arg, int error),
                          void *arg);

/* Pauses outlive restarts. The text of a filter says what is paused, and names it. 0, or -1 with a
 * text. */
int gp__scheduler_pause(struct gp__scheduler *scheduler, struct gp_slice text,
                        struct gp__buf *error_r);
int gp__scheduler_resume(struct gp__scheduler *scheduler, struct gp_slice text,
                         struct gp__buf *error_r);

/* Reads "sender=a@b domain=example.org …": what a filter is written as. 0, or -1 with a text. */
int gp__queue_filter_parse(struct gp__queue *queue, struct gp_slice text,
                           struct gp__queue_filter *filter_r, struct gp__buf *error_r);

/* The same for mail that comes later, too: names in it that are not known yet are remembered. */
int gp__queue_filter_lasting(struct gp__queue *queue, struct gp_slice text,
                             struct gp__queue_filter *filter, struct gp__buf *error_r);

/* The entry of a message, without its base. 0, or an error. */
int gp__scheduler_read(struct gp__scheduler *scheduler, const struct gp__queued *message,
                       struct gp__arena *arena, struct gp__entry *entry_r);

#endif

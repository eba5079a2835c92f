// SPDX-License-Identifier: Apache-2.0
/*
 * What a process counts, for status and metrics. One thread writes, so counting is adding one to
 * memory of its own: GP__COUNT(messages). A new counter is a row here and that call. The process
 * layer puts the block where others can read it.
 */
#ifndef GP_BASE_COUNTS_H
#define GP_BASE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

/* Member, name of the metric, its labels, what it counts. Rows of one metric follow each other and
 * say the same about it. */
#define GP__COUNTS(X)                                                                              \
    X(sessions, "sessions", "", "Connections taken on")                                            \
    X(sessions_ended, "sessions_ended", "", "Connections that are over")                           \
    X(turned_away, "sessions_turned_away", "", "Connections refused for a limit on sessions")      \
    X(commands, "commands", "", "Commands of all clients")                                         \
    X(errors, "command_errors", "", "Commands that were refused as wrong or out of order")         \
    X(bytes_in, "received_bytes", "", "Octets that clients sent in sessions that are over")        \
    X(messages, "messages", "result=\"accepted\"", "Ends of data by their answer")                 \
    X(messages_deferred, "messages", "result=\"deferred\"", "Ends of data by their answer")        \
    X(messages_rejected, "messages", "result=\"rejected\"", "Ends of data by their answer")        \
    X(message_bytes, "message_bytes", "", "Octets of accepted messages")                           \
    X(rcpt_refused, "recipients_refused", "", "RCPT commands that were refused")                   \
    X(fate_delivered, "recipients", "fate=\"delivered\"", "Recipients by what became of them")     \
    X(fate_dropped, "recipients", "fate=\"dropped\"", "Recipients by what became of them")         \
    X(fate_queued, "recipients", "fate=\"queued\"", "Recipients by what became of them")           \
    X(fate_held, "recipients", "fate=\"held\"", "Recipients by what became of them")               \
    X(fate_bounced, "recipients", "fate=\"bounced\"", "Recipients by what became of them")         \
    X(fate_rejected, "recipients", "fate=\"rejected\"", "Recipients by what became of them")       \
    X(fate_deferred, "recipients", "fate=\"deferred\"", "Recipients by what became of them")       \
    X(doubled, "deliveries_doubled", "", "Recipients that get a message twice")

struct gp__counts {
#define GP__COUNT_MEMBER(member, name, labels, help) uint64_t member;
    GP__COUNTS(GP__COUNT_MEMBER)
#undef GP__COUNT_MEMBER
};

/* Never NULL. */
extern struct gp__counts *gp__counts;

/* Counts there from now on, and moves what was counted; NULL: into memory of its own again. */
void gp__counts_into(struct gp__counts *counts);

#define GP__COUNT(member) ((void)gp__counts->member++)
#define GP__COUNT_BY(member, n) ((void)(gp__counts->member += (uint64_t)(n)))

struct gp__count_row {
    const char *name, *labels, *help;
    size_t offset;
};

#define GP__COUNT_ROWS (sizeof(struct gp__counts) / sizeof(uint64_t))
extern const struct gp__count_row gp__count_rows[GP__COUNT_ROWS];

/* The value of a row. */
uint64_t gp__count_get(const struct gp__counts *counts, const struct gp__count_row *row);

/* Adds all of them. */
void gp__counts_add(struct gp__counts *sum, const struct gp__counts *counts);

#endif

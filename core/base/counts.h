// SPDX-License-Identifier: Apache-2.0
/*
 * What a process counts, for status and metrics. One thread writes, so counting is adding one to
 * memory of its own: GP__COUNT(messages). A new counter is a row here and that call; what is counted
 * by kind (limits, verbs, …) has one table of kinds, so that none is without a counter. The process
 * layer puts the block where others can read it.
 */
#ifndef GP_BASE_COUNTS_H
#define GP_BASE_COUNTS_H

#include "core/base/limits.h"

#include <stddef.h>
#include <stdint.h>

/* ---- what is counted by kind ---- */

/* Verbs, as verb.c has them; OTHER is whatever is none of them. */
#define GP__COUNTED_VERBS(X)                                                                       \
    X(RCPT)                                                                                        \
    X(MAIL)                                                                                        \
    X(DATA)                                                                                        \
    X(EHLO)                                                                                        \
    X(QUIT)                                                                                        \
    X(RSET)                                                                                        \
    X(BDAT)                                                                                        \
    X(LHLO)                                                                                        \
    X(HELO)                                                                                        \
    X(NOOP)                                                                                        \
    X(VRFY)                                                                                        \
    X(EXPN)                                                                                        \
    X(HELP)                                                                                        \
    X(STARTTLS)                                                                                    \
    X(AUTH)                                                                                        \
    X(XFORWARD)                                                                                    \
    X(XCLIENT)                                                                                     \
    X(TURN)                                                                                        \
    X(SEND)                                                                                        \
    X(SOML)                                                                                        \
    X(SAML)                                                                                        \
    X(OTHER)

/* Mechanisms of AUTH, as sasl.c has them, and how an exchange ended: with a login, a 5xx, a 4xx. */
#define GP__COUNTED_AUTH(X)                                                                        \
    X(SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS")                                                    \
    X(SCRAM_SHA_256, "SCRAM-SHA-256")                                                              \
    X(SCRAM_SHA_1_PLUS, "SCRAM-SHA-1-PLUS")                                                        \
    X(SCRAM_SHA_1, "SCRAM-SHA-1")                                                                  \
    X(OAUTHBEARER, "OAUTHBEARER")                                                                  \
    X(XOAUTH2, "XOAUTH2")                                                                          \
    X(EXTERNAL, "EXTERNAL")                                                                        \
    X(PLAIN, "PLAIN")                                                                              \
    X(LOGIN, "LOGIN")

/* Versions of TLS. `none`: it failed before one was agreed upon. */
#define GP__COUNTED_TLS(X)                                                                         \
    X(tls_1_3, "1.3")                                                                              \
    X(tls_1_2, "1.2")                                                                              \
    X(tls_old, "old")                                                                              \
    X(tls_none, "none")

/* Why a client was not let in; the first but one are enum gp__admit. */
#define GP__COUNTED_AWAY(X)                                                                        \
    X(sessions)                                                                                    \
    X(sessions_per_client)                                                                         \
    X(connection_rate)                                                                             \
    X(connection_rate_per_client)                                                                  \
    X(overload)                                                                                    \
    X(descriptors)

/* ---- all of it ---- */

#define GP__COUNT_LIMIT(kind, name, def, least, most, doc)                                         \
    GP__ROW(limit_##name, "limit_hits", "limit=\"" #name "\"", "How often a limit was reached")
#define GP__COUNT_VERB(verb)                                                                       \
    GP__ROW(verb_##verb, "commands", "verb=\"" #verb "\"", "Commands of all clients")
#define GP__COUNT_AUTH_(mechanism, name, result)                                                   \
    GP__ROW(auth_##mechanism##_##result, "auth", "mechanism=\"" name "\",result=\"" #result "\"",  \
            "AUTH commands by how they ended")
#define GP__COUNT_AUTH(mechanism, name)                                                            \
    GP__COUNT_AUTH_(mechanism, name, success)                                                      \
    GP__COUNT_AUTH_(mechanism, name, failure)                                                      \
    GP__COUNT_AUTH_(mechanism, name, error)
#define GP__COUNT_TLS_(member, version, result)                                                    \
    GP__ROW(member##_##result, "tls_handshakes", "version=\"" version "\",result=\"" #result "\"", \
            "TLS handshakes with clients")
#define GP__COUNT_TLS(member, version)                                                             \
    GP__COUNT_TLS_(member, version, success)                                                       \
    GP__COUNT_TLS_(member, version, failure)
#define GP__COUNT_AWAY(why)                                                                        \
    GP__ROW(away_##why, "sessions_turned_away", "limit=\"" #why "\"",                              \
            "Connections refused for a limit on sessions")

/* Member, name of the metric, its labels, what it counts: whoever uses it says what GP__ROW is. Rows
 * of one metric follow each other and say the same about it. */
#define GP__COUNTS                                                                                 \
    GP__ROW(sessions, "sessions", "", "Connections taken on")                                      \
    GP__ROW(sessions_ended, "sessions_ended", "", "Connections that are over")                     \
    GP__COUNTED_AWAY(GP__COUNT_AWAY)                                                               \
    GP__COUNTED_VERBS(GP__COUNT_VERB)                                                              \
    GP__ROW(errors, "command_errors", "", "Commands that were refused as wrong or out of order")   \
    GP__ROW(bytes_in, "received_bytes", "", "Octets that clients sent")                            \
    GP__LIMITS(GP__COUNT_LIMIT)                                                                    \
    GP__COUNTED_TLS(GP__COUNT_TLS)                                                                 \
    GP__ROW(tls_resumed, "tls_resumptions", "", "TLS handshakes that resumed a session")           \
    GP__COUNTED_AUTH(GP__COUNT_AUTH)                                                               \
    GP__ROW(messages, "messages", "result=\"accepted\"", "Ends of data by their answer")           \
    GP__ROW(messages_deferred, "messages", "result=\"deferred\"", "Ends of data by their answer")  \
    GP__ROW(messages_rejected, "messages", "result=\"rejected\"", "Ends of data by their answer")  \
    GP__ROW(message_bytes, "message_bytes", "", "Octets of accepted messages")                     \
    GP__ROW(rcpt_refused, "recipients_refused", "", "RCPT commands that were refused")             \
    GP__ROW(fate_delivered, "recipients", "fate=\"delivered\"",                                    \
            "Recipients by what became of them")                                                   \
    GP__ROW(fate_dropped, "recipients", "fate=\"dropped\"", "Recipients by what became of them")   \
    GP__ROW(fate_queued, "recipients", "fate=\"queued\"", "Recipients by what became of them")     \
    GP__ROW(fate_held, "recipients", "fate=\"held\"", "Recipients by what became of them")         \
    GP__ROW(fate_bounced, "recipients", "fate=\"bounced\"", "Recipients by what became of them")   \
    GP__ROW(fate_rejected, "recipients", "fate=\"rejected\"", "Recipients by what became of them") \
    GP__ROW(fate_deferred, "recipients", "fate=\"deferred\"", "Recipients by what became of them") \
    GP__ROW(spool_entries, "spool_entries", "", "Entries that became durable in the spool")        \
    GP__ROW(spool_syncs, "spool_syncs", "", "Syncs that made them durable")                        \
    GP__ROW(queue_delivered, "queue_recipients", "outcome=\"delivered\"",                          \
            "Recipients of queued mail by what an attempt came to")                                \
    GP__ROW(queue_deferred, "queue_recipients", "outcome=\"deferred\"",                            \
            "Recipients of queued mail by what an attempt came to")                                \
    GP__ROW(queue_failed, "queue_recipients", "outcome=\"failed\"",                                \
            "Recipients of queued mail by what an attempt came to")                                \
    GP__ROW(queue_expired, "queue_recipients", "outcome=\"expired\"",                              \
            "Recipients of queued mail by what an attempt came to")                                \
    GP__ROW(hosts_out, "hosts_out", "", "How often a host of a target was found out of reach")     \
    GP__ROW(queue_put_off, "queue_put_off", "",                                                    \
            "Attempts that waited because all source addresses were at their limits")              \
    GP__ROW(bounces, "notifications", "", "Delivery status notifications that were made")          \
    GP__ROW(doubled, "deliveries_doubled", "", "Recipients that get a message twice")              \
    GP__ROW(doubts, "message_doubts", "", "Messages of which the client may not have got the 250") \
    GP__ROW(messages_again, "messages_again", "", "Messages that came again after such a doubt")   \
    GP__ROW(spool_failed, "spool_failed", "",                                                      \
            "Messages that the spool could not keep: 451 or 452")                                  \
    GP__ROW(ahead_asked, "call_ahead", "answer=\"asked\"",                                         \
            "Recipients that a next hop is to know, by where the answer came from")                \
    GP__ROW(ahead_kept, "call_ahead", "answer=\"kept\"",                                           \
            "Recipients that a next hop is to know, by where the answer came from")

struct gp__counts {
#define GP__ROW(member, name, labels, help) uint64_t member;
    GP__COUNTS
#undef GP__ROW
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

/* A counter as a number, for tables of what is counted; see gp__count_rows. */
#define GP__COUNTER(member) ((uint16_t)(offsetof(struct gp__counts, member) / sizeof(uint64_t)))

static inline void gp__count_at(unsigned counter)
{
    ((uint64_t *)(void *)gp__counts)[counter]++;
}

/* A limit of core/base/limits.h was reached. */
#define GP__LIMIT_HIT(name) GP__COUNT(limit_##name)

#define GP__COUNT_ROWS (sizeof(struct gp__counts) / sizeof(uint64_t))
extern const struct gp__count_row gp__count_rows[GP__COUNT_ROWS];

/* The value of a row. */
uint64_t gp__count_get(const struct gp__counts *counts, const struct gp__count_row *row);

/* Adds all of them. */
void gp__counts_add(struct gp__counts *sum, const struct gp__counts *counts);

#endif

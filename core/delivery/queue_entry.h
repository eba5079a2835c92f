// SPDX-License-Identifier: Apache-2.0
/* Entries of the spool as messages and groups of the schedule, and what the journal says of them. */
#ifndef GP_DELIVERY_QUEUE_ENTRY_H
#define GP_DELIVERY_QUEUE_ENTRY_H

#include "core/base/domain.h"
#include "core/delivery/mark.h"
#include "core/delivery/queue.h"
#include "core/spool/entry.h"

/* The part behind the last "@" in A-labels, if it is a domain in U-labels in `ascii`; absent: there is
 * none. So both notations are one destination, and one filter. */
struct gp_slice gp__address_domain(struct gp_slice address, char ascii[GP__DOMAIN_MAX + 1]);

/*
 * Adds an entry with all of its recipients in LOOSE groups: those of one copy, route and bucket, and
 * of one domain where the route's target wants that. Time in proportion to the recipients, however
 * many.
 */
struct gp__queued *gp__queue_enter(struct gp__queue *queue, struct gp__place place,
                                   const struct gp__entry *entry);

/* The same without groups: they come with marks (STATE). */
struct gp__queued *gp__queue_enter_bare(struct gp__queue *queue, struct gp__place place,
                                        const struct gp__entry *entry);

/*
 * Makes a mark true: of the live and of the journal alike. Groups that it says nothing new about
 * stay where they are; those it touches are LOOSE afterwards, with due_ms and bucket set, to be
 * filed by gp__queue_settle(). TAKEN ones are left alone. false: the message is finished and gone.
 */
bool gp__queue_apply(struct gp__queue *queue, struct gp__queued *message,
                     const struct gp__mark *mark, const struct gp__entry *entry);

/* A LOOSE group goes where its bucket and its time say. */
void gp__queue_settle(struct gp__queue *queue, struct gp__group *group, uint64_t now_ms);

/* All LOOSE groups of a message, but those that are given up. */
void gp__queue_settle_all(struct gp__queue *queue, struct gp__queued *message, uint64_t now_ms);

/* A LOOSE group whose route means something else now is filed anew; it may become several, of which
 * the one that is returned is the same. */
void gp__queue_refile(struct gp__queue *queue, struct gp__group *group, gp__name route,
                      const struct gp__entry *entry);

/* What a compaction writes of a group; texts are the queue's. */
void gp__queue_describe(const struct gp__queue *queue, const struct gp__group *group,
                        struct gp__mark *mark_r);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Mailboxes of From, Sender, To and the like (RFC 5322 3.4, groups of RFC 6854, obsolete forms),
 * read leniently: what is no mailbox is skipped and counted, because who forges a sender does so
 * with what one program reads and another does not.
 */
#ifndef GP_MESSAGE_ADDRESS_LIST_H
#define GP_MESSAGE_ADDRESS_LIST_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

#define GP__MAILBOXES_MAX 10000

struct gp__mailbox_entry {
    struct gp_slice display; /* decoded (RFC 2047), UTF-8; absent if none */
    struct gp_slice address; /* local@domain without comments and needless white space */
    struct gp_slice local;   /* parts of address */
    struct gp_slice domain;  /* without a domain: empty */
    struct gp_slice group;   /* display name of the group it is in; absent if none */
};

struct gp__address_list {
    struct gp__mailbox_entry *items;
    size_t count;
    size_t groups;
    size_t malformed; /* runs between commas that are no mailbox */
    bool too_many;
};

/* Reads a value, raw or unfolded. Results are in the arena or part of the text. */
void gp__address_list_parse(struct gp__arena *arena, struct gp_slice text,
                            struct gp__address_list *list_r);

#endif

// SPDX-License-Identifier: Apache-2.0
/* From one address to those that it stands for. */
#ifndef REWRITE_EXPAND_H
#define REWRITE_EXPAND_H

#include <gatepost/plugin.h>

#define REWRITE_ADDRESSES_MAX 1000 /* as many as the host takes for one transaction */
#define REWRITE_DEPTH_MAX 10

struct rewrite {
    struct gp_table *aliases;
    struct gp_table *people;
    struct gp_table *domains;
    struct gp_slice plus;
    bool keep_detail;
    bool fold_case;
};

/* An address that was met: looked up in its turn, and final if mail goes there. */
struct rewrite_entry {
    struct gp_slice address, key; /* the key is what it is compared as */
    size_t depth;
    bool ours; /* its local part may be read: split, folded */
    bool final;
};

struct rewrite_expansion {
    struct gp_call *call;
    const struct rewrite *self;
    struct rewrite_entry *entries; /* the first is what was asked about */
    size_t n;
    struct gp_slice detail; /* what stood after the separator of the first; absent if none */
};

/*
 * Follows aliases from the address until nothing is left to follow. 0, or -1 after gp_fail(): a
 * table failed, or the aliases are too deep, too many or nothing but a loop.
 */
int rewrite_expand(struct rewrite_expansion *expansion, struct gp_slice address);

/* The address as tables have it: domain in lower case, local part too if `fold`. */
struct gp_slice rewrite_canonical(struct gp_call *call, struct gp_slice address, bool fold);

/* Whether both are the same mailbox, in whatever notation their domains are. */
bool rewrite_same(struct gp_call *call, struct gp_slice a, struct gp_slice b);

/* Takes the next address off a list with commas, which do not count in quotes. Empty ones are
 * skipped; false at the end. */
bool rewrite_next(struct gp_slice *list, struct gp_slice *address_r);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses of the Sender Rewriting Scheme, as texts:
 *
 *     SRS0=HASH=TT=host=user@our      of user@host
 *     SRS1=HASH=first==HASH=TT=…@our  of SRS0=HASH=TT=…@first: the answer goes to `first`, which
 *                                     knows its own hash
 *
 * The hash proves that we made it, TT says on which day. Pure but for the memory of the call.
 */
#ifndef SRS_ADDRESS_H
#define SRS_ADDRESS_H

#include <gatepost/plugin.h>

#define SRS_LOCAL_MAX 64 /* RFC 5321 4.5.3.1.1 */

struct srs {
    struct gp_slice domain;
    const struct gp_list *secrets; /* of struct gp_slice; the first signs */
    struct gp_table *ours;
    int64_t days;
};

enum srs_result {
    SRS_OK = 0,
    SRS_NOT,     /* no address of ours, nothing to be done */
    SRS_UNFIT,   /* can't be rewritten: quoted, a literal, or too long then */
    SRS_FORGED,  /* the hash is not ours */
    SRS_EXPIRED, /* it was, too long ago */
};

/* Whether a local part says of itself that it is one; in any case, with "=", "+" or "-". */
bool srs_is_tagged(struct gp_slice local);

/* The address to take the place of a sender. `day`: days since 1970. */
enum srs_result srs_forward(struct gp_call *call, const struct srs *srs, struct gp_slice local,
                            struct gp_slice domain, int64_t day, struct gp_slice *address_r);

/* The sender again, of the local part of an address at our domain. */
enum srs_result srs_reverse(struct gp_call *call, const struct srs *srs, struct gp_slice local,
                            int64_t day, struct gp_slice *address_r);

#endif

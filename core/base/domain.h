// SPDX-License-Identifier: Apache-2.0
/*
 * Domains in two notations (RFC 5890 2.3.2): U-labels as people write them, A-labels ("xn--...") as
 * DNS has them. Both name the same domain, so comparing folds to A-labels; what is delivered and
 * logged stays as it was written. A domain in ASCII costs no more than a look at its bytes.
 *
 * What counts as a U-label is RFC 5891's, after capitals became small letters and the text NFC (RFC
 * 5895 2.1, 2.3): no look-alikes of other widths, no emoji, nothing that disappears.
 */
#ifndef GP_BASE_DOMAIN_H
#define GP_BASE_DOMAIN_H

#include "core/base/arena.h"

#include <gatepost/slice.h>
#include <stdbool.h>

#define GP__DOMAIN_MAX 255u /* octets, in A-labels (RFC 5321 4.5.3.1.2) */

enum gp__domain_error {
    GP__DOMAIN_OK = 0,
    GP__DOMAIN_BAD,  /* a label that is no U-label */
    GP__DOMAIN_LONG, /* over 255 octets, or a label over 63, in A-labels */
};

/* The domain in A-labels, in `ascii` unless it is ASCII already and *ascii_r is the slice itself;
 * compare the result without case. Only what is beyond ASCII is checked. */
enum gp__domain_error gp__domain_ascii(struct gp_slice domain, char ascii[GP__DOMAIN_MAX + 1],
                                       struct gp_slice *ascii_r);

/* What an address or a domain is compared as: its domain (what follows the last "@", or all) in
 * A-labels and lower case; the slice itself when that is how it stands there. A domain that is none
 * keeps its bytes beyond ASCII, so it equals no other. */
struct gp_slice gp__domain_key(struct gp__arena *arena, struct gp_slice text);

/*
 * The spellings under which a list that compares bytes may have an address or a domain: its key, and
 * where the domain has a label beyond ASCII the one in U-labels and the text as it is. Returns how
 * many, 1 for what is ASCII without "xn--". A text without "@" and "." is no domain: itself alone.
 */
#define GP__DOMAIN_FORMS 3
size_t gp__domain_forms(struct gp__arena *arena, struct gp_slice text,
                        struct gp_slice forms_r[GP__DOMAIN_FORMS]);

/* Whether a careless reader may take the two for the same domain: with the mapping of UTS 46 as well,
 * which knows look-alikes of other widths, and with or without a dot at the end. For finding
 * forgeries, not for trust. */
bool gp__domain_alike(struct gp__arena *arena, struct gp_slice a, struct gp_slice b);

#endif

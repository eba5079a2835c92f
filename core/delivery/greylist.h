// SPDX-License-Identifier: Apache-2.0
/* Recognising greylisting by what servers say; there is no code of its own for it (RFC 6647 4.2). */
#ifndef GP_DELIVERY_GREYLIST_H
#define GP_DELIVERY_GREYLIST_H

#include <gatepost/slice.h>
#include <stdbool.h>

/* "Greylisted", "greylisting in action", "graylist": in the text of a 4xx. */
bool gp__says_greylist(struct gp_slice text);

#endif

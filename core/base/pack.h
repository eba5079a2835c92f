// SPDX-License-Identifier: Apache-2.0
/*
 * How processes of one program write down what they tell each other: numbers of eight bytes and
 * texts with their length before them, in the machine's own byte order. Reading trusts nobody: what
 * does not fit reads as zero or empty, and the reader is bad from then on.
 */
#ifndef GP_BASE_PACK_H
#define GP_BASE_PACK_H

#include "core/base/buf.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

void gp__pack_number(struct gp__buf *out, uint64_t number);
void gp__pack_text(struct gp__buf *out, struct gp_slice text);

struct gp__unpack {
    struct gp_slice rest;
    bool bad;
};

uint64_t gp__unpack_number(struct gp__unpack *in);

/* At most `max`; a larger number is bad. */
uint64_t gp__unpack_upto(struct gp__unpack *in, uint64_t max);

/* Points into what is read. */
struct gp_slice gp__unpack_text(struct gp__unpack *in);

/* Whether all was read and nothing was bad. */
bool gp__unpack_ended(const struct gp__unpack *in);

#endif

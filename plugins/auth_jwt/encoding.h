// SPDX-License-Identifier: Apache-2.0
/* Texts of JOSE before anything is known about them. Pure. */
#ifndef AUTH_JWT_ENCODING_H
#define AUTH_JWT_ENCODING_H

#include <gatepost/slice.h>

/* base64url without padding (RFC 7515 section 2), strictly: how many bytes, -1: it is none, or more
 * than max. */
int64_t jwt_decode(struct gp_slice text, unsigned char *out, size_t max);

/* The three parts of a compact serialization; whether there are just three, none of them empty. */
struct jwt_parts {
    struct gp_slice header, payload, signature;
    struct gp_slice input; /* what is signed: the first two with their dot */
};
bool jwt_split(struct gp_slice token, struct jwt_parts *parts_r);

#endif

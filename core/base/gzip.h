// SPDX-License-Identifier: Apache-2.0
/* Compressed as gzip does it (RFC 1952): the same bytes for the same text, whenever. */
#ifndef GP_BASE_GZIP_H
#define GP_BASE_GZIP_H

#include "core/base/buf.h"

#define GP__GZIP_MAX ((size_t)64 << 20) /* of a text */

/* Appends it. 0, or -1: no memory, no room, or more than GP__GZIP_MAX. */
int gp__gzip(struct gp__buf *out, struct gp_slice text);

#endif

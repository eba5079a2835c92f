// SPDX-License-Identifier: Apache-2.0
/* Dates of mail headers (RFC 5322 3.3) and of logs (RFC 3339). Pure: no clock, no time zone data. */
#ifndef GP_BASE_DATE_H
#define GP_BASE_DATE_H

#include <gatepost/slice.h>
#include <stdint.h>

/* "Mon, 23 Nov 2026 14:05:17 +0000" for seconds since 1970, UTC. */
struct gp_slice gp__date_rfc5322(int64_t unix_s, char out[48]);

/* "2026-11-23T14:05:17.042Z" for milliseconds since 1970. */
struct gp_slice gp__date_rfc3339(int64_t unix_ms, char out[48]);

/* Parses an RFC 5322 date-time, obsolete forms included (comments, two-digit years, zone names).
 * 0, or -1. */
int gp__date_parse(struct gp_slice text, int64_t *unix_s_r);

#endif

// SPDX-License-Identifier: Apache-2.0
/* Durations and sizes as people write them in a configuration, and back. */
#ifndef GP_BASE_UNITS_H
#define GP_BASE_UNITS_H

#include <gatepost/slice.h>
#include <stdint.h>

/* "250ms", "30s", "5m", "1h30m", "4d", "2w"; larger units first, in any case; "0" needs no unit.
 * Milliseconds, at most INT64_MAX. 0, or -1. */
int gp__duration_parse(struct gp_slice text, uint64_t *ms_r);

/* "512", "64KiB", "25MiB", "2GiB" (1024) and "64KB", "25MB" (1000), "10k" = 10 KiB. Bytes, at
 * most INT64_MAX. 0, or -1. */
int gp__size_parse(struct gp_slice text, uint64_t *bytes_r);

/* A decimal number with at most three decimals, in thousandths: "-12.5" is -12500. 0, or -1. */
int gp__milli_parse(struct gp_slice text, int64_t *milli_r);

/* "500/h", "30/10m": so many in so long, both at least 1. 0, or -1. */
int gp__rate_parse(struct gp_slice text, int64_t *count_r, uint64_t *period_ms_r);

/* "0660": rights of a file in octal, as chmod(1) has them; at most 0777. 0, or -1. */
int gp__mode_parse(struct gp_slice text, unsigned *mode_r);

/* The shortest exact form, into out; returns its slice. */
struct gp_slice gp__duration_format(uint64_t ms, char out[32]);
struct gp_slice gp__size_format(uint64_t bytes, char out[32]);

#endif

// SPDX-License-Identifier: Apache-2.0
/* Values with $1, ${1} for what a group of the expression matched, $0 for all of it, $$ for "$". */
#ifndef FILE_TABLE_SUBSTITUTE_H
#define FILE_TABLE_SUBSTITUTE_H

#include <gatepost/plugin.h>

#define SUBSTITUTE_GROUPS_MAX 99

/* Why the value can't be used with so many groups; NULL if it can. */
const char *substitute_check(struct gp_slice value, unsigned n_groups);

/* Writes the value, as checked, with the groups; those that are absent are empty. Returns its
 * length; writes nothing if `out` is NULL. */
size_t substitute(struct gp_slice value, const struct gp_slice *groups, char *out);

#endif

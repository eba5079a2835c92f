// SPDX-License-Identifier: Apache-2.0
/* Syntax of header values that the checks need (RFC 5322 3.3, 3.4). */
#ifndef HEADER_RULES_SYNTAX_H
#define HEADER_RULES_SYNTAX_H

#include <gatepost/slice.h>

/* A date-time with comments, two-digit years and zone names: seconds since 1970. 0, or -1. */
int header_rules_date(struct gp_slice value, int64_t *unix_s_r);

/* Whether the value is a list of mailboxes, each with exactly one address. */
bool header_rules_is_mailboxes(struct gp_slice value);

/* Length of the quoted-string, comment or literal at the start of s; 0: it does not end. */
size_t header_rules_enclosed(struct gp_slice s);

#endif

// SPDX-License-Identifier: Apache-2.0
/* Names of users put into DNs and filters, so that they stay values. Pure. */
#ifndef AUTH_LDAP_TEMPLATE_H
#define AUTH_LDAP_TEMPLATE_H

#include <gatepost/slice.h>

/*
 * Fills in "%u" (the name), "%n" (what is before its last "@"), "%d" (what is behind it, or empty)
 * and "%%". In what is filled in every byte but letters, digits and a few that mean nothing is
 * written "\xx": that is right in filters (RFC 4515 section 3) and in DNs (RFC 4514 section 2.4).
 * 0, or -1: does not fit in max bytes with its NUL.
 */
int ldap_template_fill(struct gp_slice template, struct gp_slice user, char *out, size_t max);

/* Whether it has nothing else behind a "%", and the name in it. */
bool ldap_template_good(struct gp_slice template);

#endif

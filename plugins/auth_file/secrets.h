// SPDX-License-Identifier: Apache-2.0
/*
 * The secrets of one user as text: password hashes and SCRAM secrets (RFC 5803) parted by white
 * space. Part of auth_file and auth_sql.
 */
#ifndef AUTH_FILE_SECRETS_H
#define AUTH_FILE_SECRETS_H

#include <gatepost/plugin.h>

/* The hash for passwords: one of crypt(3) or argon2 before a SCRAM secret. Absent: there is none. */
struct gp_slice secrets_password(struct gp_slice secrets);

/* The SCRAM secret for a mechanism; absent: none. */
struct gp_slice secrets_scram(struct gp_slice secrets, struct gp_slice mechanism);

/* Whether there is one at least, and all are of a kind that gp_password_verify() knows. */
bool secrets_known(struct gp_slice secrets);

#endif

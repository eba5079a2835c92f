// SPDX-License-Identifier: Apache-2.0
/*
 * The users of a file: one a line, `NAME:SECRET` and more secrets after white space (secrets.h).
 * Never changes once it is made; wiped when it goes.
 */
#ifndef AUTH_FILE_USERS_H
#define AUTH_FILE_USERS_H

#include <gatepost/plugin.h>

#define USERS_ERROR_MAX 256

struct user {
    struct gp_slice name;
    struct gp_slice secrets; /* separated by white space, at least one */
};

struct users {
    char *bytes; /* of the file; names and secrets lie in it */
    size_t len;
    struct user *list; /* by name */
    size_t count;
};

/* NULL and a text in error when there is a mistake, or no memory. */
struct users *users_parse(struct gp_slice bytes, char error[USERS_ERROR_MAX]);
void users_free(struct users **users_);

/* By name, byte for byte; NULL: there is none. */
const struct user *users_find(const struct users *users, struct gp_slice name);

/* Whether everybody has one. */
bool users_all_have(const struct users *users, struct gp_slice mechanism);

#endif

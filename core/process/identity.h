// SPDX-License-Identifier: Apache-2.0
/* Whom a process runs as. */
#ifndef GP_PROCESS_IDENTITY_H
#define GP_PROCESS_IDENTITY_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <sys/types.h>

#define GP__GROUPS_MAX 64

struct gp__identity {
    bool change; /* false: as it is: we are not root */
    uid_t uid;
    gid_t gid;
    gid_t groups[GP__GROUPS_MAX];
    int n_groups;
    char name[64];
};

/*
 * A user and group of the configuration; absent: "gatepost" if the system has such a user. Without
 * root's rights nothing changes. 0, or -1 and why, with what to do. Asks the system's databases.
 */
int gp__identity_find(struct gp__identity *identity, struct gp_slice user, struct gp_slice group,
                      char *error, size_t error_size);

/* For reading a configuration whose user is not known yet: "gatepost", or "nobody". */
void gp__identity_for_loading(struct gp__identity *identity);

/* Takes it on for good, with all its groups, and gives up gaining rights by executing files. Safe
 * between fork() and exec(). 0, or -1 with errno. */
int gp__identity_take(const struct gp__identity *identity);

/* A group by name; 0, or -1: there is none. */
int gp__group_find(struct gp_slice name, gid_t *gid_r);

#endif

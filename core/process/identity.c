// SPDX-License-Identifier: Apache-2.0
#include "core/process/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534

static void copy_name(char *out, size_t size, struct gp_slice name)
{
    snprintf(out, size, GP_FMT, GP_ARG(name));
}

int gp__group_find(struct gp_slice name, gid_t *gid_r)
{
    char text[64];
    const struct group *entry;

    copy_name(text, sizeof text, name);
    entry = getgrnam(text);
    if (!entry)
        return -1;
    *gid_r = entry->gr_gid;
    return 0;
}

static int take_entry(struct gp__identity *identity, const struct passwd *entry)
{
    identity->uid = entry->pw_uid;
    identity->gid = entry->pw_gid;
    identity->n_groups = GP__GROUPS_MAX;
    /* More groups than fit: those that do. */
    if (getgrouplist(entry->pw_name, entry->pw_gid, identity->groups, &identity->n_groups) < 0)
        identity->n_groups = GP__GROUPS_MAX;
    return 0;
}

static int find_user(struct gp__identity *identity, struct gp_slice user, char *error,
                     size_t error_size)
{
    const struct passwd *entry;

    copy_name(identity->name, sizeof identity->name,
              gp_slice_present(user) && user.len ? user : GP_S("gatepost"));
    entry = getpwnam(identity->name);
    if (!entry && user.len)
        snprintf(error, error_size, "there is no user \"%s\"", identity->name);
    else if (!entry)
        snprintf(error, error_size,
                 "there is no user \"gatepost\" for the workers to run as: make one, or name "
                 "another with `user:`");
    else if (entry->pw_uid == 0)
        snprintf(error, error_size, "the workers must not run as root: name another `user:`");
    else
        return take_entry(identity, entry);
    return -1;
}

int gp__identity_find(struct gp__identity *identity, struct gp_slice user, struct gp_slice group,
                      char *error, size_t error_size)
{
    *identity = (struct gp__identity){.uid = geteuid(), .gid = getegid()};
    if (identity->uid != 0)
        return 0;
    if (find_user(identity, user, error, error_size) < 0)
        return -1;
    if (group.len && gp__group_find(group, &identity->gid) < 0) {
        snprintf(error, error_size, "there is no group \"" GP_FMT "\"", GP_ARG(group));
        return -1;
    }
    identity->change = true;
    return 0;
}

void gp__identity_for_loading(struct gp__identity *identity)
{
    char error[128];

    if (gp__identity_find(identity, gp_slice(NULL, 0), gp_slice(NULL, 0), error, sizeof error) == 0)
        return;
    *identity = (struct gp__identity){.change = true, .uid = NOBODY, .gid = NOBODY};
    copy_name(identity->name, sizeof identity->name, GP_S("nobody"));
}

int gp__identity_take(const struct gp__identity *identity)
{
    if (identity->change && (setgroups((size_t)identity->n_groups, identity->groups) < 0 ||
                             setgid(identity->gid) < 0 || setuid(identity->uid) < 0))
        return -1;
    /* It must be impossible to get it back. */
    if (identity->change && setuid(0) == 0) {
        errno = EPERM;
        return -1;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

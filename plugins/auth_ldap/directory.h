// SPDX-License-Identifier: Apache-2.0
/*
 * What is asked of the directory, in a thread of the work pool. The job is a block of its own: it
 * points to nothing, so that a thread that is late can't harm an instance that is gone.
 */
#ifndef AUTH_LDAP_DIRECTORY_H
#define AUTH_LDAP_DIRECTORY_H

#include <gatepost/plugin.h>

#define TEXT_MAX ((size_t)1024)
#define NAME_MAX_BYTES ((size_t)2048) /* of a DN or a filter with the user in it */
#define PASSWORD_MAX ((size_t)500)

struct ldap_job {
    uint64_t pool; /* where connections are kept */
    char url[TEXT_MAX], ca[TEXT_MAX];
    bool starttls;
    unsigned timeout_ms;

    char dn[NAME_MAX_BYTES]; /* of the user; empty: it is searched for */
    char base[TEXT_MAX], filter[NAME_MAX_BYTES];
    char search_dn[TEXT_MAX], search_password[TEXT_MAX];

    char password[PASSWORD_MAX];
    size_t password_len;

    int result; /* GP_OK, GP_ENOTFOUND, GP_ETEMP */
    char error[256];
};

/* For gp_work(): whether the user can bind with the password. */
void ldap_job_run(void *job);

/* ---- pool.c: connections that are kept, for any thread ---- */

/* Makes a pool, and gives the number it is known by; ends it and closes what is in it. A number
 * that is not known any more is fine everywhere. */
uint64_t ldap_pool_create(size_t keep);
void ldap_pool_end(uint64_t pool);

/* Takes one out (NULL: there is none); puts one in (false: it is for the caller to close); closes
 * those that have been in it since before the last call. */
void *ldap_pool_take(uint64_t pool);
bool ldap_pool_put(uint64_t pool, void *connection);
void ldap_pool_age(uint64_t pool);

/* Closes a connection: directory.c. */
void ldap_connection_close(void *connection);

#endif

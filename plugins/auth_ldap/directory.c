// SPDX-License-Identifier: Apache-2.0
/*
 * libldap, blocking, in a thread. A connection is bound as somebody else by each question, so it is
 * bound anew before each search; a failed bind leaves it anonymous (RFC 4513 section 4). One that
 * was kept may have gone stale: then a fresh one takes its place.
 */
#include "directory.h"

#include <ldap.h>
#include <stdio.h>
#include <sys/time.h>

/* ---- connecting ---- */

void ldap_connection_close(void *connection)
{
    (void)ldap_unbind_ext(connection, NULL, NULL);
}

static int failed(struct ldap_job *job, LDAP *ld, const char *what, int rc)
{
    char *more = NULL;

    if (ld)
        (void)ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
    snprintf(job->error, sizeof job->error, "%s: %s%s%s", what, ldap_err2string(rc),
             more && more[0] ? ": " : "", more ? more : "");
    ldap_memfree(more);
    return rc;
}

static struct timeval patience(const struct ldap_job *job)
{
    return (struct timeval){.tv_sec = job->timeout_ms / 1000,
                            .tv_usec = (suseconds_t)(job->timeout_ms % 1000) * 1000};
}

/* Nothing of ldap.conf or the environment decides about TLS. */
static int set_options(const struct ldap_job *job, LDAP *ld)
{
    static const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, client = 0,
                     lowest = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
    struct timeval timeout = patience(job);
    bool good = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_TIMEOUT, &timeout) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &lowest) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, job->ca) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS;

    return good ? LDAP_SUCCESS : LDAP_OTHER;
}

static int open_connection(struct ldap_job *job, LDAP **ld_r)
{
    int rc = ldap_initialize(ld_r, job->url);

    if (rc != LDAP_SUCCESS) {
        *ld_r = NULL;
        return failed(job, NULL, "url", rc);
    }
    rc = set_options(job, *ld_r);
    if (rc != LDAP_SUCCESS)
        return failed(job, NULL, "options of TLS (ca)", rc);
    if (!job->starttls)
        return LDAP_SUCCESS;
    rc = ldap_start_tls_s(*ld_r, NULL, NULL);
    return rc == LDAP_SUCCESS ? rc : failed(job, *ld_r, "StartTLS", rc);
}

/* ---- asking ---- */

static int bind_as(LDAP *ld, const char *dn, char *password, size_t len)
{
    struct berval secret = {.bv_len = len, .bv_val = password};

    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

static int take_dn(struct ldap_job *job, LDAP *ld, LDAPMessage *entry)
{
    char *dn = ldap_get_dn(ld, entry);
    size_t len = dn ? strlen(dn) : 0;
    bool good = len > 0 && len < sizeof job->dn;

    if (good)
        memcpy(job->dn, dn, len + 1);
    ldap_memfree(dn);
    return good ? LDAP_SUCCESS : failed(job, NULL, "the DN of the user", LDAP_INVALID_DN_SYNTAX);
}

/* Fills in the DN of the user; leaves it empty if there is none. */
static int search(struct ldap_job *job, LDAP *ld)
{
    char *nothing[] = {LDAP_NO_ATTRS, NULL};
    struct timeval timeout = patience(job);
    LDAPMessage *found = NULL;
    int rc = bind_as(ld, job->search_dn, job->search_password, strlen(job->search_password));

    if (rc != LDAP_SUCCESS)
        return failed(job, ld, "binding for the search", rc);
    rc = ldap_search_ext_s(ld, job->base, LDAP_SCOPE_SUBTREE, job->filter, nothing, 0, NULL, NULL,
                           &timeout, 2, &found);
    if (rc != LDAP_SUCCESS && rc != LDAP_SIZELIMIT_EXCEEDED)
        rc = failed(job, ld, "search", rc);
    else if (rc == LDAP_SIZELIMIT_EXCEEDED || ldap_count_entries(ld, found) > 1)
        rc = failed(job, NULL, "search: more than one entry", LDAP_SIZELIMIT_EXCEEDED);
    else if (ldap_count_entries(ld, found) == 1)
        rc = take_dn(job, ld, ldap_first_entry(ld, found));
    ldap_msgfree(found);
    return rc;
}

/* Who is not there costs a bind too. */
static int bind_nobody(struct ldap_job *job, LDAP *ld)
{
    int rc;

    snprintf(job->dn, sizeof job->dn, "cn=nobody,%s", job->base);
    rc = bind_as(ld, job->dn, job->password, job->password_len);
    job->result = GP_ENOTFOUND;
    return LDAP_API_ERROR(rc) ? failed(job, ld, "bind", rc) : LDAP_SUCCESS;
}

/* An answer, which is in job->result, or an error. */
static int ask(struct ldap_job *job, LDAP *ld)
{
    int rc = job->dn[0] ? LDAP_SUCCESS : search(job, ld);

    if (rc != LDAP_SUCCESS)
        return rc;
    if (!job->dn[0])
        return bind_nobody(job, ld);
    rc = bind_as(ld, job->dn, job->password, job->password_len);
    switch (rc) {
    case LDAP_SUCCESS:
        job->result = GP_OK;
        return LDAP_SUCCESS;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX:
    case LDAP_INAPPROPRIATE_AUTH:
        job->result = GP_ENOTFOUND;
        return LDAP_SUCCESS;
    default:
        return failed(job, ld, "bind", rc);
    }
}

/* *stale_r: only because the connection had been kept for too long. */
static int try_once(struct ldap_job *job, bool *stale_r)
{
    bool searched = !job->dn[0];
    LDAP *ld = ldap_pool_take(job->pool);
    bool reused = ld != NULL;
    int rc = reused ? LDAP_SUCCESS : open_connection(job, &ld);

    if (rc == LDAP_SUCCESS)
        rc = ask(job, ld);
    *stale_r = reused && (rc == LDAP_SERVER_DOWN || rc == LDAP_UNAVAILABLE);
    if (ld && (rc != LDAP_SUCCESS || !ldap_pool_put(job->pool, ld)))
        ldap_connection_close(ld);
    if (searched)
        job->dn[0] = '\0';
    return rc;
}

void ldap_job_run(void *job_)
{
    struct ldap_job *job = job_;
    bool stale = true;
    int rc = LDAP_OTHER;

    /* As many as may have been kept, and then a fresh one. */
    for (int i = 0; stale && i <= 100; i++)
        rc = try_once(job, &stale);
    if (rc != LDAP_SUCCESS)
        job->result = GP_ETEMP;
}

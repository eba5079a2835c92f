// SPDX-License-Identifier: Apache-2.0
/*
 * Logins that a directory judges: it is asked to bind as the user (RFC 4513 section 5.1.3), whose DN
 * is made by a template or searched for. libldap blocks, so it runs in the work pool.
 *
 * A bind with a name and no password succeeds without looking at anything ("unauthenticated",
 * section 5.1.2): an empty password is never passed on.
 */
#include "directory.h"
#include "template.h"

#define TICK_MS 60000

struct auth_ldap {
    struct gp_slice url, ca, dn, base, filter, search_dn, search_password;
    bool starttls;
    uint64_t timeout_ms;
    int64_t keep;

    uint64_t pool;
};

/* ---- the question ---- */

static int copy(char *out, size_t max, struct gp_slice text)
{
    if (text.len >= max || gp_slice_find(text, '\0') < text.len)
        return -1;
    if (text.len)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return 0;
}

static int fill(const struct auth_ldap *self, struct ldap_job *job, struct gp_slice user,
                struct gp_slice password)
{
    if (password.len == 0 || password.len > sizeof job->password)
        return GP_ENOTFOUND;
    memcpy(job->password, password.data, password.len);
    job->password_len = password.len;
    job->pool = self->pool;
    job->starttls = self->starttls;
    job->timeout_ms = (unsigned)self->timeout_ms;
    if (copy(job->url, sizeof job->url, self->url) < 0 ||
        copy(job->ca, sizeof job->ca, self->ca) < 0 ||
        copy(job->base, sizeof job->base, self->base) < 0 ||
        copy(job->search_dn, sizeof job->search_dn, self->search_dn) < 0 ||
        copy(job->search_password, sizeof job->search_password, self->search_password) < 0 ||
        ldap_template_fill(self->dn, user, job->dn, sizeof job->dn) < 0 ||
        ldap_template_fill(self->filter, user, job->filter, sizeof job->filter) < 0)
        return GP_ELIMIT;
    return GP_OK;
}

static int verify_password(struct gp_call *call, void *self_, struct gp_slice user,
                           struct gp_slice password)
{
    const struct auth_ldap *self = self_;
    struct ldap_job *job = gp_alloc(call, sizeof *job);
    int result = job ? fill(self, job, user, password) : GP_ELIMIT;

    if (result)
        return result;
    result = gp_work(call, ldap_job_run, job, sizeof *job);
    if (result)
        return result;
    if (job->result != GP_OK && job->result != GP_ENOTFOUND)
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s", GP_ARG(self->url), job->error);
    return job->result;
}

/* ---- the instance ---- */

static int mistake(struct gp_call *call, const char *text)
{
    gp_log(call, GP_LOG_ERROR, "%s", text);
    return GP_EINVAL;
}

static int check(struct gp_call *call, const struct auth_ldap *self)
{
    bool ldaps = gp_slice_starts(self->url, GP_S("ldaps://")),
         local = gp_slice_starts(self->url, GP_S("ldapi://"));

    if (!ldaps && !local && !gp_slice_starts(self->url, GP_S("ldap://")))
        return mistake(call, "url: it begins with ldap://, ldaps:// or ldapi://");
    if (ldaps && self->starttls)
        return mistake(call, "starttls: ldaps:// is in TLS from the start");
    if ((self->dn.len == 0) == (self->base.len == 0))
        return mistake(call, "give one of dn and base");
    if (self->dn.len && !ldap_template_good(self->dn))
        return mistake(call, "dn: the name is %u or %n, its domain %d, a percent sign %%");
    if (!ldap_template_good(self->filter))
        return mistake(call, "filter: the name is %u or %n, its domain %d, a percent sign %%");
    if ((self->search_dn.len == 0) != (self->search_password.len == 0))
        return mistake(call, "search_dn and search_password belong together");
    if (self->url.len >= TEXT_MAX || self->ca.len >= TEXT_MAX || self->base.len >= TEXT_MAX ||
        self->search_dn.len >= TEXT_MAX || self->search_password.len >= TEXT_MAX)
        return mistake(call, "an option has more than 1,023 bytes");
    return GP_OK;
}

/* Passwords in the clear are for the same machine. */
static void warn(struct gp_call *call, const struct auth_ldap *self)
{
    if (!gp_slice_starts(self->url, GP_S("ldap://")) || self->starttls ||
        gp_slice_starts(self->url, GP_S("ldap://127.")) ||
        gp_slice_starts(self->url, GP_S("ldap://localhost")) ||
        gp_slice_starts(self->url, GP_S("ldap://[::1]")))
        return;
    gp_log(call, GP_LOG_WARNING,
           GP_FMT ": passwords cross the network in the clear: starttls: true, or ldaps://",
           GP_ARG(self->url));
}

static int create(struct gp_call *call, void *self_)
{
    struct auth_ldap *self = self_;
    int error = check(call, self);

    if (error)
        return error;
    warn(call, self);
    self->pool = ldap_pool_create((size_t)self->keep);
    return self->pool ? GP_OK : GP_ELIMIT;
}

static void destroy(void *self_)
{
    const struct auth_ldap *self = self_;

    ldap_pool_end(self->pool);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self_)
{
    const struct auth_ldap *self = self_;

    (void)call;
    ldap_pool_age(self->pool);
    return GP_NEXT;
}

static const struct gp_auth_role role = {.size = sizeof role, .verify_password = verify_password};

GP_OPTIONS(struct auth_ldap,
           GP_OPTION_STRING("url", struct auth_ldap, url, NULL,
                            "The directory: ldap://, ldaps:// or ldapi://; several parted by "
                            "blanks are tried in turn.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_BOOL("starttls", struct auth_ldap, starttls, "false",
                          "Whether the connection must go over to TLS first."),
           GP_OPTION_PATH("ca", struct auth_ldap, ca, "/etc/ssl/certs/ca-certificates.crt",
                          "Certificates (PEM) that the directory's one must lead to."),
           GP_OPTION_STRING("dn", struct auth_ldap, dn, "",
                            "The user's DN, e.g. uid=%u,ou=people,dc=example,dc=org."),
           GP_OPTION_STRING("base", struct auth_ldap, base, "",
                            "Where the user is searched for, without dn."),
           GP_OPTION_STRING("filter", struct auth_ldap, filter, "(uid=%u)",
                            "By what the user is searched for."),
           GP_OPTION_STRING("search_dn", struct auth_ldap, search_dn, "",
                            "Who searches; nobody in particular without it."),
           GP_OPTION_SECRET("search_password", struct auth_ldap, search_password, GP_OPTIONAL,
                            "The password of search_dn."),
           GP_OPTION_DURATION("timeout", struct auth_ldap, timeout_ms, "5s", 100, 60000,
                              "How long connecting, and each answer, may take."),
           GP_OPTION_INTEGER("keep", struct auth_ldap, keep, "4", 0, 100,
                             "How many idle connections are kept, each for a minute or two."));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Logins that a directory (LDAP) judges",
          .needs = GP_NEEDS_NETWORK, .deadline_ms = 20000, .tick_ms = TICK_MS, .create = create,
          .destroy = destroy, .auth = &role, GP_USES_OPTIONS, GP_USES_HOOKS);

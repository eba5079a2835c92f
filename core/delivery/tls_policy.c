// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/tls_policy.h"

#include "core/delivery/outbound.h"

static enum gp__tls_level level_of(const struct gp_smtp_settings *settings)
{
    switch ((enum gp_smtp_tls)settings->tls) {
    case GP_SMTP_TLS_POLICY:
    case GP_SMTP_TLS_OPPORTUNISTIC:
        break;
    case GP_SMTP_TLS_NONE:
        return GP__TLS_LEVEL_NONE;
    case GP_SMTP_TLS_REQUIRED:
        return GP__TLS_LEVEL_ENCRYPTED;
    case GP_SMTP_TLS_VERIFIED:
        return GP__TLS_LEVEL_VERIFIED;
    case GP_SMTP_TLS_DANE:
        return GP__TLS_LEVEL_DANE;
    }
    return GP__TLS_LEVEL_OPPORTUNISTIC;
}

int gp__outbound_tls(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                     const struct gp__outbound_host *host, struct gp__tls_policy *policy_r)
{
    (void)hosts;
    (void)host;
    *policy_r = (struct gp__tls_policy){.level = level_of(&job->pool->settings)};
    return 0;
}

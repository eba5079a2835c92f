// SPDX-License-Identifier: Apache-2.0
/*
 * Asking the backends of a listener who somebody is: instances with the role `auth`, in order. Runs
 * on a fiber, and parks it while a backend waits.
 *
 * A password is tried at each until one says yes. For a stored secret all are asked, whoever has
 * it, so that the time tells nothing.
 */
#ifndef GP_HOOK_AUTH_H
#define GP_HOOK_AUTH_H

#include "core/hook/instance.h"
#include "core/smtp/sasl.h"
#include "core/smtp/session.h"

struct gp__auth_backends {
    struct gp__instance *const *items;
    size_t count;
};

struct gp__auth_outcome {
    struct gp_slice value;         /* as gp__sasl_answer() takes it; in the arena that was given */
    const struct gp__instance *by; /* who said yes, or failed; or NULL */
};

/* The mechanisms that a backend can serve: 1 << enum gp__sasl_name. */
unsigned gp__auth_mechanisms(const struct gp__instance *backend);

/* Asks for what the exchange needs. 0 yes, GP_ENOTFOUND no, or another error: could not tell. */
int gp__auth_ask(const struct gp__auth_backends *backends, struct gp_session *session,
                 const struct gp__sasl *sasl, struct gp__arena *arena,
                 struct gp__auth_outcome *outcome_r);

#endif

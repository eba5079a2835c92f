// SPDX-License-Identifier: Apache-2.0
/*
 * A listener of a generation as its sessions need it: the settings of the engine and of the hooks,
 * the routes, who may relay. Immutable; lives as long as its generation.
 */
#ifndef GP_SERVER_ENTRANCE_H
#define GP_SERVER_ENTRANCE_H

#include "core/base/peer.h"
#include "core/config/settings.h"
#include "core/delivery/route.h"
#include "core/hook/auth.h"
#include "core/hook/policy.h"
#include "core/runtime/tls.h"
#include "core/server/overload.h"
#include "core/smtp/server.h"

struct gp__generation;

struct gp__entrance {
    struct gp_slice name;
    struct gp__generation *generation;
    struct gp__smtp_settings smtp;
    struct gp__policy_settings policy;
    const struct gp__routes *routes;
    const struct gp__network *relay; /* clients that may relay */
    size_t n_relay;
    bool relay_authenticated, relay_local;
    struct gp__peers proxy;    /* must send the PROXY protocol's header */
    struct gp__peers xclient;  /* may say XCLIENT */
    struct gp__peers xforward; /* may say XFORWARD */
    struct gp__auth_backends auth;
    const struct gp__auth_guard_settings *auth_guard;
    bool submission; /* completes messages */
    struct gp_slice hold_path, spill_path, authserv_id;
    uint64_t sessions, sessions_per_client; /* at once */
    enum gp__tls_mode tls;
    struct gp__tls_context *tls_context;  /* NULL: TLS is off */
    struct gp_rate rate, rate_per_client; /* of new ones; count 0: any */
    struct gp__overload_settings overload;
    bool dedupe;        /* what comes again after a broken connection is kept once */
    unsigned bounce_to; /* enum gp__bounce_to: who may be told of failures */
    size_t spill_at;    /* bytes of a message in memory before the rest goes to a file */
    size_t stack;       /* of fibers; 0: the usual one */
};

#endif

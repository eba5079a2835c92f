// SPDX-License-Identifier: Apache-2.0
/* A SCRAM client (RFC 5802), for tests of the server and of its backends: the same RFC as core/smtp,
 * written once more from the other side. */
#ifndef GP_KIT_SCRAM_H
#define GP_KIT_SCRAM_H

#include "core/base/arena.h"
#include "core/base/crypto.h"

struct gp__kit_scram {
    struct gp__arena *arena;
    enum gp__digest digest;
    struct gp_slice gs2, binding; /* "n,,"; the bytes of a channel binding */
    struct gp_slice bare;         /* client-first-message-bare: "n=user,r=nonce" */
    struct gp_slice password;
    struct gp_slice signature; /* what the server must send in the end; base64 */
};

/* The value of an attribute of a message; absent without it. */
struct gp_slice gp__kit_scram_attribute(struct gp_slice message, char name);

/* The client-final-message for a server-first-message. */
struct gp_slice gp__kit_scram_final(struct gp__kit_scram *client, struct gp_slice server_first);

#endif

// SPDX-License-Identifier: Apache-2.0
/* The verbs the engine knows: one const row each. */
#ifndef GP_SMTP_VERB_H
#define GP_SMTP_VERB_H

#include <gatepost/slice.h>
#include <stdint.h>

struct gp__smtp;

enum gp__verb_flags {
    GP__VERB_SYNC = 1 << 0,        /* ends a group of pipelined commands (RFC 2920 3.1) */
    GP__VERB_IDLE = 1 << 1,        /* does no work for a message: `idle_commands` */
    GP__VERB_NO_ARGUMENT = 1 << 2, /* an argument is 501 */
    GP__VERB_NEEDS_HELO = 1 << 3,  /* 503 before HELO */
    GP__VERB_ALWAYS = 1 << 4,      /* also for a client that was refused: QUIT */
    GP__VERB_CONTENT = 1 << 5,     /* what follows is content, not commands: DATA */
    GP__VERB_PLAIN = 1 << 6,       /* also in plaintext where TLS is required (RFC 3207 4) */
    GP__VERB_CHUNK = 1 << 7,       /* what follows belongs to the command: BDAT */
    GP__VERB_NO_LOGIN = 1 << 8,    /* also where authentication is required (RFC 4954 section 6) */
};

struct gp__verb {
    struct gp_slice name;
    unsigned flags;
    void (*check)(struct gp__smtp *smtp, struct gp_slice argument);
    uint16_t counter; /* core/base/counts.h */
};

/* A row by its name in any case, or NULL. */
const struct gp__verb *gp__verb_find(struct gp_slice name);

#endif

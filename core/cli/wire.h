// SPDX-License-Identifier: Apache-2.0
/*
 * A conversation of a subcommand with a server, as straight-line code on a fiber of a runtime of its
 * own. Errors are values of enum gp_error.
 */
#ifndef GP_CLI_WIRE_H
#define GP_CLI_WIRE_H

#include "core/hook/call.h"
#include "core/runtime/tls_dial.h"

#define GP__WIRE_CONNECT_MS 30000u

struct gp__wire {
    struct gp_call call;
    struct gp_stream *stream;
    struct gp__buf in; /* read and not consumed */
    bool eof;
    struct gp__tls_dial *tls; /* NULL: plaintext */
    struct gp__buf below;     /* encrypted, on its way in or out */
};

/* Runs fn(rt, arg) on a fiber until it ends. 0, or -1, said on standard error. */
int gp__wire_run(void (*fn)(struct gp__runtime *rt, void *arg), void *arg);

/* An address as people write it: without a port `port` is taken. Into an arena. */
struct gp_slice gp__wire_address(struct gp__arena *arena, const char *text, unsigned port);

/* Connects. 0 or an error; in any case gp__wire_close() ends it. */
int gp__wire_open(struct gp__wire *wire, struct gp__runtime *rt, struct gp_slice address);
void gp__wire_close(struct gp__wire *wire);

/* Encrypts what follows. 0, or -1 with *why_r, valid as long as the wire. */
int gp__wire_secure(struct gp__wire *wire, const struct gp__tls_dial_settings *settings,
                    const char **why_r);

/* Writes all, within ms. */
int gp__wire_write(struct gp__wire *wire, struct gp_slice bytes, uint64_t ms);

/* Appends what comes to `in`: 1; 0 at the end; GP_ETEMP when nothing came within ms; or another
 * error. */
int gp__wire_read(struct gp__wire *wire, uint64_t ms);

/* Prints bytes of a peer as lines with a mark before each; control characters are shown as \xHH. */
void gp__wire_show(const char *mark, struct gp_slice bytes);

#endif

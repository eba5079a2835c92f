// SPDX-License-Identifier: Apache-2.0
/*
 * A subcommand's session with a server, by the client engine: connection, TLS, EHLO and login as the
 * command line asks for them. What is said then is the caller's: through the engine, or on the wire.
 */
#ifndef GP_CLI_DIAL_H
#define GP_CLI_DIAL_H

#include "core/cli/wire.h"
#include "core/smtp/client.h"

#include <getopt.h>

struct gp__dial {
    const char *server; /* HOST:PORT, HOST, unix:PATH */
    const char *ca_file;
    const char *indent; /* before what is shown */
    bool insecure, verbose;
    struct gp__smtp_client_settings settings; /* crypto is set here */

    /* The session. */
    struct gp__wire wire;
    struct gp__smtp_client *client; /* NULL: it did not come to that */
    bool in_content;                /* what is written is of the message */
    bool final;                     /* it won't go better another time: of TLS, and of addresses */
    char why[300];                  /* what went wrong; empty: nothing */
};

/* 0, or -1: `why` and `final` tell; in any case gp__dial_close() ends it. */
int gp__dial_open(struct gp__dial *dial, struct gp__runtime *rt);
void gp__dial_close(struct gp__dial *dial);

/* Goes on until there is something to do: READY, CONTENT, SENT or CLOSED. At CLOSED `why` tells. */
enum gp__smtp_client_event gp__dial_step(struct gp__dial *dial);

/* ---- the command line ---- */

#define GP__DIAL_OPTIONS                                                                           \
    {"tls", required_argument, NULL, 'T'}, {"ca", required_argument, NULL, 'C'},                   \
        {"insecure", no_argument, NULL, 'i'}, {"user", required_argument, NULL, 'u'},              \
        {"auth", required_argument, NULL, 'A'}, {"password-file", required_argument, NULL, 'P'},   \
    {                                                                                              \
        "verbose", no_argument, NULL, 'v'                                                          \
    }

/* Who logs in; wiped by the command at its end. */
struct gp__login {
    const char *user, *password_file;
    char password[512];
};

/* One of these options. 0, or an exit code with an error said. */
int gp__dial_option(struct gp__dial *dial, struct gp__login *login, int option);

/* When there are no more. The same. */
int gp__dial_options_done(struct gp__dial *dial, struct gp__login *login);

/* Reads the password, if there is one to be read. 0, or -1 with an error said. */
int gp__dial_read_password(struct gp__dial *dial, struct gp__login *login, const char *command);

#endif

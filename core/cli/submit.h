// SPDX-License-Identifier: Apache-2.0
/* Handing one message to one server, by the client engine: what `send` and `sendmail` share. */
#ifndef GP_CLI_SUBMIT_H
#define GP_CLI_SUBMIT_H

#include "core/cli/wire.h"
#include "core/smtp/client.h"

#include <stdio.h>

enum gp__submit_result {
    GP__SUBMIT_SENT = 0, /* each recipient has an outcome, good or bad */
    GP__SUBMIT_REFUSED,  /* it did not come to that, and won't */
    GP__SUBMIT_LATER,    /* it did not come to that now */
};

struct gp__submit {
    const char *command; /* "gatepost send", in front of errors */
    const char *server;  /* HOST:PORT, HOST, unix:PATH */
    const char *ca_file;
    bool insecure, verbose;
    struct gp__smtp_client_settings settings;
    struct gp__smtp_client_mail mail;
    struct gp_slice content;

    /* Called for each recipient once it's known. */
    void (*outcome)(void *arg, size_t index, const struct gp__smtp_outcome *outcome);
    void *arg;

    enum gp__submit_result result;

    /* The conversation. */
    struct gp__arena *arena;
    struct gp__wire wire;
    struct gp__smtp_client *client;
    size_t given; /* of the content */
    bool in_content, sent;
};

/* Connects and talks until it's over. Errors are said on standard error. 0, or -1: not even that. */
int gp__submit(struct gp__submit *submit);

/* Our host's name if it can be said in EHLO, else an address literal. */
void gp__submit_default_helo(char helo[256]);

/* What of a message matters to the envelope: its size, and what extensions it needs. 0, or -1 with an
 * error said. */
int gp__submit_look_at(struct gp__submit *submit);

/* Appends all of a file. 0, or -1 with errno; it has room for 1 GiB. */
int gp__submit_read(struct gp__buf *content, FILE *file);

#endif

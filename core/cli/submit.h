// SPDX-License-Identifier: Apache-2.0
/* Handing one message to one server, by the client engine: what `send` and `sendmail` share. */
#ifndef GP_CLI_SUBMIT_H
#define GP_CLI_SUBMIT_H

#include "core/cli/dial.h"

#include <stdio.h>

enum gp__submit_result {
    GP__SUBMIT_SENT = 0, /* each recipient has an outcome, good or bad */
    GP__SUBMIT_REFUSED,  /* it did not come to that, and won't */
    GP__SUBMIT_LATER,    /* it did not come to that now */
};

struct gp__submit {
    const char *command; /* "gatepost send", in front of errors */
    struct gp__dial dial;
    struct gp__smtp_client_mail mail;
    struct gp_slice content;

    /* Called for each recipient once it's known. */
    void (*outcome)(void *arg, size_t index, const struct gp__smtp_outcome *outcome);
    void *arg;

    enum gp__submit_result result;

    /* The conversation. */
    struct gp__arena *arena;
    size_t given;        /* of the content */
    const size_t *index; /* of those that are left, for the callback; NULL: all are */
    bool under_way;      /* outcomes are of them */
    bool sent;
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

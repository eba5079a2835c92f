// SPDX-License-Identifier: Apache-2.0
/*
 * A message of a program on this host: what it says (sendmail_message.c), to whom it goes
 * (sendmail_header.c), where it's submitted (sendmail_settings.c), and SMTP on standard input
 * (sendmail_bridge.c). Functions return codes of sysexits.h, and have said what is wrong.
 */
#ifndef GP_CLI_SENDMAIL_H
#define GP_CLI_SENDMAIL_H

#include "core/cli/submit.h"

#define GP__SENDMAIL_RECIPIENTS_MAX 10000

struct gp__sendmail {
    struct gp__arena *arena;
    char mode; /* of -b */
    const char *server, *domain;
    const char *sender, *full_name, *envid;
    bool from_header, dots, eight_bit, verbose;
    enum gp__dsn_ret ret;
    struct gp_slice notify; /* as in RCPT; absent: not said */

    struct gp__buf content; /* as it was read, then as it is sent */
    struct gp_slice from;   /* the reverse-path */
    struct gp__smtp_client_recipient *to;
    size_t n_to, to_cap;
    char helo[256];
    int code; /* the worst outcome so far */
};

/* Whether it is a value of -N. */
bool gp__sendmail_notify(struct gp__sendmail *mail, const char *value);

/* Server and domain: of the option, the environment, the file, or by default. */
int gp__sendmail_settings(struct gp__sendmail *mail);

/* Reads the message, completes it, and submits it to the recipients of argv and of its header. */
int gp__sendmail_message(struct gp__sendmail *mail, int argc, char **argv);

/* SMTP between standard input and output and the server. */
int gp__sendmail_bridge(struct gp__sendmail *mail);

/* A recipient; one without a domain gets ours. 0, or EX_DATAERR, EX_USAGE. */
int gp__sendmail_add(struct gp__sendmail *mail, struct gp_slice address);

/* The address with a domain. */
struct gp_slice gp__sendmail_qualify(struct gp__sendmail *mail, struct gp_slice address);

/* Makes the message that is sent of the one that was read: fields that it lacks are added, with -t
 * recipients are taken from it, and Bcc goes. */
int gp__sendmail_header(struct gp__sendmail *mail);

#endif

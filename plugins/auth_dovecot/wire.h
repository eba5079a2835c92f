// SPDX-License-Identifier: Apache-2.0
/*
 * Dovecot's authentication protocol, client's side, version 1, as text: lines of words parted by
 * tabs. No I/O. What the server says is taken apart strictly.
 */
#ifndef AUTH_DOVECOT_WIRE_H
#define AUTH_DOVECOT_WIRE_H

#include <gatepost/slice.h>

#define DOVECOT_LINE_MAX ((size_t)8192) /* AUTH_CLIENT_MAX_LINE_LENGTH */
#define DOVECOT_USER_MAX ((size_t)255)

/* What the server has said before DONE. */
struct dovecot_hello {
    unsigned lines;
    bool version, plain;
};

/* One line of it. 1: that was the last, 0: go on, -1: not what we can talk to. */
int dovecot_hello_line(struct dovecot_hello *hello, struct gp_slice line, const char **wrong_r);

enum dovecot_verdict {
    DOVECOT_BROKEN = 0, /* no answer to this request */
    DOVECOT_YES,
    DOVECOT_NO,
    DOVECOT_TEMPORARY, /* it could not tell */
};

struct dovecot_answer {
    enum dovecot_verdict verdict;
    char user[DOVECOT_USER_MAX]; /* what it calls the user */
    size_t user_len;             /* 0: it did not say */
};

/* The answer to the request with that number. */
struct dovecot_answer dovecot_answer(struct gp_slice line, uint32_t id);

/* The message of PLAIN (RFC 4616) in base64, with a NUL behind it; how long. */
#define DOVECOT_PLAIN_MAX ((size_t)1100)
size_t dovecot_plain(struct gp_slice user, struct gp_slice password, char out[DOVECOT_PLAIN_MAX]);

#endif

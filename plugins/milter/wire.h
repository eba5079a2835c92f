// SPDX-License-Identifier: Apache-2.0
/*
 * The milter protocol, versions 2 to 6, as bytes: packets are built into a buffer, what a milter
 * says is taken apart. No I/O and no calls of the host but for slices. Everything a milter says is
 * hostile: each function says whether it is well-formed, and bounds it.
 *
 * A packet is its length (4 bytes, most significant first), a letter, and the rest.
 */
#ifndef MILTER_WIRE_H
#define MILTER_WIRE_H

#include <gatepost/slice.h>

#define MILTER_VERSION_MIN 2u
#define MILTER_VERSION_MAX 6u
#define MILTER_PACKET_MAX ((size_t)1 << 20) /* that we take */
#define MILTER_DATA_MAX ((size_t)65535)     /* that every milter takes, after the letter */
#define MILTER_TEXT_MAX 2000                /* of a reply, as the host allows */
#define MILTER_LINE_MAX 400

/* What a milter may change (SMFIF_*). */
enum milter_action {
    MILTER_MAY_ADD_HEADERS = 0x1,
    MILTER_MAY_CHANGE_BODY = 0x2,
    MILTER_MAY_ADD_RCPT = 0x4,
    MILTER_MAY_DELETE_RCPT = 0x8,
    MILTER_MAY_CHANGE_HEADERS = 0x10,
    MILTER_MAY_QUARANTINE = 0x20,
    MILTER_MAY_CHANGE_FROM = 0x40,
    MILTER_MAY_ADD_RCPT_PAR = 0x80,
    MILTER_SETS_SYMBOLS = 0x100,
};

/* What it does not want to be sent, or does not answer (SMFIP_*). */
enum milter_step {
    MILTER_NO_CONNECT = 0x1,
    MILTER_NO_HELO = 0x2,
    MILTER_NO_MAIL = 0x4,
    MILTER_NO_RCPT = 0x8,
    MILTER_NO_BODY = 0x10,
    MILTER_NO_HEADERS = 0x20,
    MILTER_NO_EOH = 0x40,
    MILTER_NR_HEADER = 0x80,
    MILTER_NO_UNKNOWN = 0x100,
    MILTER_NO_DATA = 0x200,
    MILTER_SKIP = 0x400,
    MILTER_NR_CONNECT = 0x1000,
    MILTER_NR_HELO = 0x2000,
    MILTER_NR_MAIL = 0x4000,
    MILTER_NR_RCPT = 0x8000,
    MILTER_NR_DATA = 0x10000,
    MILTER_NR_UNKNOWN = 0x20000,
    MILTER_NR_EOH = 0x40000,
    MILTER_NR_BODY = 0x80000,
    MILTER_HEADER_SPACE = 0x100000, /* values with the blanks that follow the colon */
};

/* For which commands a milter may name its macros (SMFIM_*). */
#define MILTER_SYMBOL_LISTS 7

/* ---- building ---- */

/* Grows as it needs to; `failed` once it could not. Zeroed to begin with. */
struct milter_bytes {
    char *data;
    size_t len, cap;
    bool failed;
};

void milter_bytes_free(struct milter_bytes *bytes);
void milter_put(struct milter_bytes *out, struct gp_slice bytes);
void milter_put_u32(struct milter_bytes *out, uint32_t value);

/* A text and its NUL; one that has NULs of its own gets "?" for them. */
void milter_put_text(struct milter_bytes *out, struct gp_slice text);

/* Begins a packet; the answer is for milter_end(). */
size_t milter_begin(struct milter_bytes *out, char letter);
void milter_end(struct milter_bytes *out, size_t begin);

/* ---- taking apart ---- */

/* One packet off the front of the input: 1 (used_r bytes of it), 0 more must come, -1 it is empty
 * or too long. */
int milter_packet(struct gp_slice input, size_t *used_r, char *letter_r, struct gp_slice *rest_r);

/* The answer to the negotiation. */
struct milter_options {
    uint32_t version, actions, steps;
    struct gp_slice symbols[MILTER_SYMBOL_LISTS]; /* absent: not set */
};

int milter_options_parse(struct gp_slice rest, struct milter_options *options_r);

/* The reply that a milter wants the client to get: "550 5.7.1" and the text, lines parted by
 * CRLF. */
struct milter_reply {
    unsigned code;
    char status[16];
    char text[MILTER_TEXT_MAX];
    size_t len;
};

int milter_reply_parse(struct gp_slice rest, struct milter_reply *reply_r);

/* One change of the message, or a reason for holding it. Slices point into what was given. */
struct milter_edit {
    char letter;
    uint32_t index;         /* i, m */
    struct gp_slice first;  /* name of a field; address; reason; body */
    struct gp_slice second; /* value of a field; parameters of an address, absent if not given */
};

/* Whether the letter is one of a change at all. */
bool milter_edit_is(char letter);

/* The rights it needs (enum milter_action): any of them will do. */
uint32_t milter_edit_right(char letter);

int milter_edit_parse(char letter, struct gp_slice rest, struct milter_edit *edit_r);

/*
 * The value of a field as the host takes it: line ends as CRLF, none at the end. -1: not a value of
 * a field: a line that is no continuation, a bare CR, a line that is too long.
 */
int milter_value(struct gp_slice value, struct milter_bytes *out);

/* Appends a part of a body, line ends as CRLF. -1: a NUL, or a bare CR. `last_r` is the last byte
 * so far, 0 to begin with. */
int milter_body(struct gp_slice bytes, struct milter_bytes *out, char *last_r);

#endif

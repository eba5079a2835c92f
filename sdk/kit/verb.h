// SPDX-License-Identifier: Apache-2.0
/*
 * The words of the scenario language, as a table: how their arguments look and what they do.
 *
 * A shape is a letter for each argument: w word, q word or "quoted text", p path (made absolute
 * against the file's directory), t the rest of the line, n number, d duration, r /expression/,
 * c reply code, e enhanced code, f `for ADDRESS`, b <<block; "?" after it: may be missing. Others,
 * each for few verbs: A address of `connect` and what follows it, D DNS, F fault, H header field,
 * M message (a block or a file), P script of a peer, T time ("2s", "under 2s"), V verdict.
 */
#ifndef GP_KIT_VERB_H
#define GP_KIT_VERB_H

#include <gatepost/slice.h>

struct gp__kit;
struct gp__kit_step;

enum gp__kit_kind {
    GP__KIT_GIVEN = 0,
    GP__KIT_WHEN,
    GP__KIT_EXPECT,
    GP__KIT_KIND_COUNT,
};

enum gp__kit_flags {
    GP__KIT_ABOUT_REPLY = 1 << 0, /* an expectation that mentions the reply */
    GP__KIT_NEGATABLE = 1 << 1,   /* may stand after `no` or `not` */
    GP__KIT_NO_SESSION = 1 << 2,  /* a `when` that needs no session */
};

struct gp__kit_verb {
    enum gp__kit_kind kind;
    const char *name;
    const char *shape;
    const char *usage; /* its arguments, for messages */
    unsigned flags;
    void (*run)(struct gp__kit *kit, const struct gp__kit_step *step);
};

extern const struct gp__kit_verb gp__kit_verbs[]; /* ends with a NULL name */

/* "given", "when", "expect" */
const char *gp__kit_kind_name(enum gp__kit_kind kind);

/* Words that stand for numbers in a step's `choice`; each list ends with NULL. */
extern const char *const gp__kit_dns_words[];   /* enum gp__kit_dns */
extern const char *const gp__kit_fault_words[]; /* nospace, io */
extern const char *const gp__kit_file_words[];  /* enum gp__file_kind */
extern const char *const gp__kit_state_words[]; /* enum gp__kit_state_op */

enum gp__kit_dns {
    GP__KIT_DNS_NXDOMAIN = 0, /* as enum gp__sim_dns_outcome … */
    GP__KIT_DNS_NODATA,
    GP__KIT_DNS_SERVFAIL,
    GP__KIT_DNS_BOGUS,
    GP__KIT_DNS_TIMEOUT, /* … up to here */
    GP__KIT_DNS_DELAY,
    GP__KIT_DNS_TTL,
    GP__KIT_DNS_SECURE,
    GP__KIT_DNS_RECORD, /* none of the words */
};

#endif

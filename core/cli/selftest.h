// SPDX-License-Identifier: Apache-2.0
/*
 * What the cases of `gatepost selftest` are made of: a session for each, bytes that are sent as they
 * are, replies that are read as a careful client would, and a verdict.
 */
#ifndef GP_CLI_SELFTEST_H
#define GP_CLI_SELFTEST_H

#include "core/cli/dial.h"
#include "core/smtp/client_reply.h"

enum gp__selftest_kind {
    GP__SELFTEST_SAFE = 0,
    GP__SELFTEST_NOTE,    /* worth knowing; harmless by itself */
    GP__SELFTEST_UNSAFE,  /* can be used against somebody */
    GP__SELFTEST_SKIPPED, /* not offered, or the recipient was refused */
    GP__SELFTEST_FAILED,  /* no verdict: no connection, no answer */
    GP__SELFTEST_KINDS,
};

struct gp__selftest_verdict {
    enum gp__selftest_kind kind;
    const char *why; /* static, or of the test */
    unsigned code;   /* of the reply it stands on; or 0 */
};

/* What is the same for all cases. */
struct gp__selftest {
    struct gp__runtime *rt;
    struct gp__dial dial; /* how a session begins */
    const char *from, *to;
    uint64_t wait_ms; /* so long silence means that nothing comes */
    char why[320];    /* of the last session that did not begin */
};

/* One session. */
struct gp__selftest_talk {
    const struct gp__selftest *test;
    struct gp__dial dial;
    struct gp__reply_reader reader;
    struct gp__reply reply; /* the last one */
    bool starttls, chunking;
};

/* What hear() found. */
enum gp__heard {
    GP__HEARD_REPLY = 0,
    GP__HEARD_NOTHING, /* in time */
    GP__HEARD_END,     /* it closed, or does not speak SMTP any more */
};

struct gp__selftest_case {
    const char *name;
    struct gp__selftest_verdict (*run)(struct gp__selftest_talk *talk, const char *bytes,
                                       size_t len);
    const char *bytes; /* for cases that differ in these only */
    size_t len;
    bool plaintext; /* about what is said before TLS */
};

extern const struct gp__selftest_case gp__selftest_cases[];
extern const size_t gp__selftest_n_cases;

/* ---- for the cases (selftest.c) ---- */

void gp__selftest_say(struct gp__selftest_talk *talk, struct gp_slice bytes);

/* The next reply, waited for so long (0: as long as a server may think, 30 s). */
enum gp__heard gp__selftest_hear(struct gp__selftest_talk *talk, uint64_t ms);

/* Says and hears: the code of the reply, 0 when there was none. */
unsigned gp__selftest_ask(struct gp__selftest_talk *talk, const char *line);

/* Whether a session can be begun at all. 0, or -1 and test->why. */
int gp__selftest_try(struct gp__selftest *test);

/* Runs a case in a session of its own. */
struct gp__selftest_verdict gp__selftest_run(struct gp__selftest *test,
                                             const struct gp__selftest_case *one);

#endif

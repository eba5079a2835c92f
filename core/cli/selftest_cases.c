// SPDX-License-Identifier: Apache-2.0
/*
 * The cases. Each says what it saw and what that means; none of them says more than it saw: whether
 * a bare LF that was kept does harm depends on who reads the message next.
 */
#include "core/cli/selftest.h"

#include "core/base/alloc.h"

#include <stdio.h>
#include <string.h>

#define ERRORS 60u
#define RECIPIENTS 1100u
#define VERDICT(kind_, why_) ((struct gp__selftest_verdict){GP__SELFTEST_##kind_, why_, 0})

typedef struct gp__selftest_verdict verdict;

static verdict with_code(enum gp__selftest_kind kind, const char *why, unsigned code)
{
    return (verdict){kind, why, code};
}

#define SEEN(kind, why, talk) with_code(GP__SELFTEST_##kind, why, (talk)->reply.code)

static bool is_good(const struct gp__selftest_talk *talk)
{
    return talk->reply.code / 100 == 2;
}

/* A reply that says no, and the end of the session, are both a refusal. */
static verdict refusal(const struct gp__selftest_talk *talk, enum gp__heard heard)
{
    return heard == GP__HEARD_END ? VERDICT(SAFE, "closes") : SEEN(SAFE, "refused", talk);
}

/* ---- a message ---- */

/* MAIL, RCPT and DATA; by default from nobody: what goes wrong bounces to nobody. NULL, or why not. */
static const char *begin_mail(struct gp__selftest_talk *talk)
{
    char line[600];

    (void)snprintf(line, sizeof line, "MAIL FROM:<%s>\r\n", talk->test->from);
    if (gp__selftest_ask(talk, line) / 100 != 2)
        return "the sender was refused: name another with --from";
    (void)snprintf(line, sizeof line, "RCPT TO:<%s>\r\n", talk->test->to);
    if (gp__selftest_ask(talk, line) / 100 != 2)
        return "the recipient was refused: name another with --to";
    return NULL;
}

static const char *begin_data(struct gp__selftest_talk *talk)
{
    const char *why = begin_mail(talk);

    if (why)
        return why;
    return gp__selftest_ask(talk, "DATA\r\n") == 354 ? NULL : "DATA was refused";
}

static void say_head(struct gp__selftest_talk *talk, const char *what)
{
    char head[700];

    (void)snprintf(head, sizeof head,
                   "From: gatepost selftest <postmaster@selftest.invalid>\r\n"
                   "Subject: gatepost selftest, to be deleted\r\n"
                   "X-Gatepost-Selftest: %s\r\n\r\nA test message.\r\n",
                   what);
    gp__selftest_say(talk, gp_slice_of(head));
}

/* The message ends as it should. */
static verdict end_mail(struct gp__selftest_talk *talk, const char *kept)
{
    enum gp__heard heard;

    gp__selftest_say(talk, GP_S("\r\n.\r\n"));
    heard = gp__selftest_hear(talk, 0);
    if (heard == GP__HEARD_NOTHING)
        return VERDICT(FAILED, "no answer to the message");
    return heard == GP__HEARD_REPLY && is_good(talk) ? SEEN(NOTE, kept, talk)
                                                     : refusal(talk, heard);
}

/* Something that is no end of the data, and then the real one. */
static verdict false_end(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    const char *why = begin_data(talk);
    enum gp__heard heard;

    if (why)
        return SEEN(SKIPPED, why, talk);
    say_head(talk, "end of data");
    gp__selftest_say(talk, gp_slice(bytes, len));
    heard = gp__selftest_hear(talk, talk->test->wait_ms);
    if (heard == GP__HEARD_NOTHING)
        return end_mail(talk, "kept as content: what it sends on must have CRLF only");
    if (heard == GP__HEARD_REPLY && is_good(talk))
        return SEEN(UNSAFE, "ends the message: others see a second one behind it", talk);
    return refusal(talk, heard);
}

/* A stuffed dot is content, and nothing else. */
static verdict stuffed_dot(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    verdict result = false_end(talk, bytes, len);

    if (result.kind == GP__SELFTEST_NOTE)
        return SEEN(SAFE, "is content", talk);
    if (result.kind == GP__SELFTEST_SAFE)
        return SEEN(NOTE, "refuses what is right", talk);
    return result;
}

static verdict bad_content(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    const char *why = begin_data(talk);

    if (why)
        return SEEN(SKIPPED, why, talk);
    say_head(talk, "content");
    gp__selftest_say(talk, gp_slice(bytes, len));
    return end_mail(talk, "accepted");
}

static verdict long_line(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    size_t size = 100000;
    char *line = gp__alloc(size);
    verdict result;

    (void)bytes;
    (void)len;
    memset(line, 'x', size);
    result = bad_content(talk, line, size);
    gp__free(line);
    return result;
}

/* ---- commands ---- */

/* Whether a flaw in a command line is noticed. */
static verdict bad_command(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    enum gp__heard heard;

    gp__selftest_say(talk, gp_slice(bytes, len));
    heard = gp__selftest_hear(talk, talk->test->wait_ms);
    if (heard == GP__HEARD_NOTHING) { /* not the end of a line, to it: so make it one */
        gp__selftest_say(talk, GP_S("\r\n"));
        heard = gp__selftest_hear(talk, 0);
    }
    if (heard == GP__HEARD_NOTHING)
        return VERDICT(FAILED, "no answer");
    return heard == GP__HEARD_REPLY && is_good(talk) ? SEEN(NOTE, "accepted", talk)
                                                     : refusal(talk, heard);
}

/* Two commands by its reading are two replies. */
static verdict one_or_two(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    verdict first = bad_command(talk, bytes, len);

    if (first.kind == GP__SELFTEST_FAILED ||
        gp__selftest_hear(talk, talk->test->wait_ms) != GP__HEARD_REPLY || !is_good(talk))
        return first;
    return SEEN(UNSAFE, "ends a command: others see one where it sees two", talk);
}

static verdict long_command(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    size_t size = 1u << 20;
    char *line = gp__alloc(size);
    verdict result;

    (void)bytes;
    (void)len;
    memset(line, 'x', size);
    memcpy(line, "NOOP ", 5);
    result = bad_command(talk, line, size);
    gp__free(line);
    return result;
}

static verdict many_errors(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    for (unsigned i = 0; i < ERRORS; i++) {
        unsigned code = gp__selftest_ask(talk, "XSELFTEST\r\n");

        if (code == 0 || code == 421)
            return VERDICT(SAFE, "closes");
    }
    return SEEN(NOTE, "answers 60 bad commands in a row", talk);
}

static verdict many_recipients(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    const char *why = begin_mail(talk);
    char line[600];

    (void)bytes;
    (void)len;
    if (why)
        return SEEN(SKIPPED, why, talk);
    (void)snprintf(line, sizeof line, "RCPT TO:<%s>\r\n", talk->test->to);
    for (unsigned i = 0; i < RECIPIENTS; i++)
        if (gp__selftest_ask(talk, line) / 100 != 2)
            return SEEN(SAFE, "at last refused", talk);
    return SEEN(NOTE, "takes 1,100 recipients in one transaction", talk);
}

/* ---- order ---- */

static verdict starttls_injection(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    enum gp__heard heard;

    if (!talk->starttls)
        return VERDICT(SKIPPED, "STARTTLS is not offered");
    gp__selftest_say(talk, gp_slice(bytes, len));
    heard = gp__selftest_hear(talk, 0);
    if (heard != GP__HEARD_REPLY || talk->reply.code != 220)
        return refusal(talk, heard);
    heard = gp__selftest_hear(talk, talk->test->wait_ms);
    if (heard == GP__HEARD_REPLY && is_good(talk))
        return SEEN(UNSAFE, "runs the command after STARTTLS in plaintext", talk);
    return VERDICT(NOTE,
                   "goes on with the handshake: it must forget what was sent behind STARTTLS");
}

static verdict early_content(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    const char *why = begin_mail(talk);
    enum gp__heard heard;

    if (why)
        return SEEN(SKIPPED, why, talk);
    gp__selftest_say(talk, gp_slice(bytes, len));
    heard = gp__selftest_hear(talk, 0);
    if (heard != GP__HEARD_REPLY || talk->reply.code != 354)
        return refusal(talk, heard);
    heard = gp__selftest_hear(talk, 0);
    return heard == GP__HEARD_REPLY && is_good(talk)
               ? SEEN(NOTE, "takes a message that did not wait for 354", talk)
               : refusal(talk, heard);
}

/* DATA is refused, and what follows was meant as content. */
static verdict refused_content(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    enum gp__heard heard;

    gp__selftest_say(talk, gp_slice(bytes, len));
    heard = gp__selftest_hear(talk, 0);
    if (heard == GP__HEARD_REPLY && talk->reply.code == 354)
        return SEEN(NOTE, "354 without a recipient", talk);
    heard = gp__selftest_hear(talk, talk->test->wait_ms);
    if (heard == GP__HEARD_REPLY && is_good(talk))
        return SEEN(NOTE, "reads the content of a refused DATA as commands", talk);
    return VERDICT(SAFE, "does not read it as commands");
}

/* ---- BDAT ---- */

static verdict chunk_as_command(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    unsigned good = 0;

    if (!talk->chunking)
        return VERDICT(SKIPPED, "CHUNKING is not offered");
    gp__selftest_say(talk, gp_slice(bytes, len));
    if (gp__selftest_hear(talk, 0) != GP__HEARD_REPLY)
        return VERDICT(SAFE, "closes");
    if (is_good(talk))
        return SEEN(UNSAFE, "takes a chunk without a transaction", talk);
    while (gp__selftest_hear(talk, talk->test->wait_ms) == GP__HEARD_REPLY)
        good += is_good(talk);
    return good > 1 ? SEEN(UNSAFE, "reads a refused chunk as commands", talk)
                    : VERDICT(SAFE, "drops the chunk");
}

static verdict bad_chunk_size(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    enum gp__heard heard;

    if (!talk->chunking)
        return VERDICT(SKIPPED, "CHUNKING is not offered");
    gp__selftest_say(talk, gp_slice(bytes, len));
    heard = gp__selftest_hear(talk, talk->test->wait_ms);
    if (heard == GP__HEARD_NOTHING)
        return VERDICT(NOTE, "waits for the chunk");
    return heard == GP__HEARD_REPLY && is_good(talk) ? SEEN(UNSAFE, "accepted", talk)
                                                     : refusal(talk, heard);
}

static verdict data_after_bdat(struct gp__selftest_talk *talk, const char *bytes, size_t len)
{
    const char *why;

    (void)bytes;
    (void)len;
    if (!talk->chunking)
        return VERDICT(SKIPPED, "CHUNKING is not offered");
    why = begin_mail(talk);
    if (why)
        return SEEN(SKIPPED, why, talk);
    if (gp__selftest_ask(talk, "BDAT 4\r\nx:y\n") / 100 != 2)
        return SEEN(SAFE, "refused", talk);
    return gp__selftest_ask(talk, "DATA\r\n") == 354
               ? SEEN(UNSAFE, "mixes BDAT and DATA in one message", talk)
               : SEEN(SAFE, "refused", talk);
}

/* ---- all of them ---- */

#define BYTES(literal) literal, sizeof(literal) - 1, false
#define BEFORE_TLS(literal) literal, sizeof(literal) - 1, true
#define NONE NULL, 0, false

const struct gp__selftest_case gp__selftest_cases[] = {
    {"end of data: LF . LF", false_end, BYTES("\n.\n")},
    {"end of data: LF . CRLF", false_end, BYTES("\n.\r\n")},
    {"end of data: CRLF . LF", false_end, BYTES("\r\n.\n")},
    {"end of data: CR . CR", false_end, BYTES("\r.\r")},
    {"end of data: CR . CRLF", false_end, BYTES("\r.\r\n")},
    {"end of data: CRLF . CR", false_end, BYTES("\r\n.\r")},
    {"end of data: LF . CR", false_end, BYTES("\n.\r")},
    {"end of data: CR . LF", false_end, BYTES("\r.\n")},
    {"end of data: CRLF NUL . CRLF", false_end, BYTES("\r\n\0.\r\n")},
    {"end of data: CRLF . NUL CRLF", false_end, BYTES("\r\n.\0\r\n")},
    {"end of data: CRLF . CR CRLF", false_end, BYTES("\r\n.\r\r\n")},
    {"end of data: CRLF .. CRLF", stuffed_dot, BYTES("\r\n..\r\n")},
    {"content: NUL", bad_content, BYTES("a\0b\r\n")},
    {"content: bare CR", bad_content, BYTES("a\rb\r\n")},
    {"content: a line of 100,000 bytes", long_line, NONE},
    {"command: ends with LF", bad_command, BYTES("NOOP\n")},
    {"command: bare CR within", one_or_two, BYTES("NOOP\rNOOP\r\n")},
    {"command: bare LF within", one_or_two, BYTES("NOOP x\nNOOP\r\n")},
    {"command: NUL", bad_command, BYTES("NOOP a\0b\r\n")},
    {"command: 1 MiB", long_command, NONE},
    {"command: of HTTP", bad_command, BYTES("POST / HTTP/1.1\r\n")},
    {"command: 60 that are none", many_errors, NONE},
    {"address: control character", bad_command,
     BYTES("MAIL FROM:<\"a\001b\"@selftest.invalid>\r\n")},
    {"address: 8 bits without SMTPUTF8", bad_command,
     BYTES("MAIL FROM:<\303\274@selftest.invalid>\r\n")},
    {"address: two", bad_command, BYTES("MAIL FROM:<a@selftest.invalid><b@selftest.invalid>\r\n")},
    {"address: LF within", one_or_two, BYTES("MAIL FROM:<a\nNOOP\r\n")},
    {"parameter: SIZE of 10^30", bad_command,
     BYTES("MAIL FROM:<> SIZE=1000000000000000000000000000000\r\n")},
    {"recipients: 1,100", many_recipients, NONE},
    {"order: STARTTLS with a command behind it", starttls_injection,
     BEFORE_TLS("STARTTLS\r\nNOOP\r\n")},
    {"order: a message behind DATA", early_content,
     BYTES("DATA\r\nSubject: gatepost selftest, to be deleted\r\n\r\nearly\r\n.\r\n")},
    {"order: content of a refused DATA", refused_content, BYTES("DATA\r\nNOOP\r\n.\r\n")},
    {"BDAT: chunk without a transaction", chunk_as_command, BYTES("BDAT 6\r\nNOOP\r\nRSET\r\n")},
    {"BDAT: size that is none", bad_chunk_size, BYTES("BDAT x LAST\r\n")},
    {"BDAT: negative size", bad_chunk_size, BYTES("BDAT -1 LAST\r\n")},
    {"BDAT: size of 2^64", bad_chunk_size, BYTES("BDAT 18446744073709551616 LAST\r\n")},
    {"BDAT: then DATA", data_after_bdat, NONE},
};
const size_t gp__selftest_n_cases = sizeof gp__selftest_cases / sizeof gp__selftest_cases[0];

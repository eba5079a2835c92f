// SPDX-License-Identifier: Apache-2.0
/* A command, its answer, and what the answer means for the session, the transaction and the
 * client. */
#include "milter.h"

#include <stdarg.h>
#include <stdio.h>

#define PROGRESS_MAX 100000

/* Of each command: when it is not sent, when it is not answered, in words. */
static const struct {
    const char *name;
    uint32_t no, nr;
    uint32_t since; /* version of the protocol */
} stages[MILTER_STAGES] = {
    [MILTER_CONNECT] = {"connect", MILTER_NO_CONNECT, MILTER_NR_CONNECT, 2},
    [MILTER_HELO] = {"helo", MILTER_NO_HELO, MILTER_NR_HELO, 2},
    [MILTER_MAIL] = {"mail", MILTER_NO_MAIL, MILTER_NR_MAIL, 2},
    [MILTER_RCPT] = {"rcpt", MILTER_NO_RCPT, MILTER_NR_RCPT, 2},
    [MILTER_DATA] = {"data", MILTER_NO_DATA, MILTER_NR_DATA, 4},
    [MILTER_HEADER] = {"header", MILTER_NO_HEADERS, MILTER_NR_HEADER, 2},
    [MILTER_EOH] = {"end of headers", MILTER_NO_EOH, MILTER_NR_EOH, 2},
    [MILTER_BODY] = {"body", MILTER_NO_BODY, MILTER_NR_BODY, 2},
    [MILTER_END] = {"end of message", 0, 0, 2},
    [MILTER_UNKNOWN] = {"unknown command", MILTER_NO_UNKNOWN, MILTER_NR_UNKNOWN, 3},
};

enum gp_verdict milter_fail(struct gp_call *call, struct milter_session *session,
                            const char *format, ...)
{
    char reason[200];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    milter_line_free(&session->line);
    session->said_helo = session->in_mail = false;
    session->failed = true;
    gp_count(call, "failures", 1);
    return gp_fail(call, "milter " GP_FMT ": %s", GP_ARG(session->self->to), reason);
}

bool milter_wants(const struct milter_session *session, enum milter_stage stage)
{
    const struct milter_line *line = session->line;

    return !(line->steps & stages[stage].no) && line->version >= stages[stage].since &&
           !(session->skip & 1u << stage);
}

static uint64_t patience(const struct milter *self, enum milter_stage stage)
{
    switch (stage) {
    case MILTER_HEADER:
    case MILTER_EOH:
    case MILTER_BODY:
        return self->content_ms;
    case MILTER_END:
        return self->end_ms;
    case MILTER_CONNECT:
    case MILTER_HELO:
    case MILTER_MAIL:
    case MILTER_RCPT:
    case MILTER_DATA:
    case MILTER_UNKNOWN:
    case MILTER_STAGES:
        break;
    }
    return self->command_ms;
}

/* ---- last words ---- */

static bool is_about_client(enum milter_stage stage)
{
    return stage == MILTER_CONNECT || stage == MILTER_HELO;
}

/* It has judged: of the client, for the session; of a recipient, that one; else for the
 * transaction. */
static void settle(struct milter_session *session, enum milter_stage stage)
{
    if (is_about_client(stage))
        session->over = true;
    else if (stage != MILTER_RCPT && stage != MILTER_UNKNOWN)
        session->done = true;
}

static enum gp_verdict reply(struct gp_call *call, struct milter_session *session,
                             enum milter_stage stage, struct gp_slice rest)
{
    struct milter_reply parsed;

    if (milter_reply_parse(rest, &parsed) < 0)
        return milter_fail(call, session, "at %s: it gave a malformed reply", stages[stage].name);
    settle(session, stage);
    if (parsed.code == 421)
        return gp_disconnect(call, parsed.status, "%.*s", (int)parsed.len, parsed.text);
    if (parsed.code < 500)
        return gp_defer(call, parsed.status, "%.*s", (int)parsed.len, parsed.text);
    return gp_reject(call, parsed.status, "%.*s", (int)parsed.len, parsed.text);
}

static enum gp_verdict discard(struct gp_call *call, struct milter_session *session,
                               enum milter_stage stage)
{
    if (is_about_client(stage) || stage == MILTER_UNKNOWN)
        return milter_fail(call, session, "at %s: there is nothing to discard", stages[stage].name);
    session->discard = session->done = true;
    return gp_discard(call, "the milter said so");
}

static enum gp_verdict accepted(struct milter_session *session, enum milter_stage stage)
{
    if (is_about_client(stage))
        session->over = true;
    else if (stage != MILTER_UNKNOWN)
        session->done = true;
    return GP_NEXT;
}

static enum gp_verdict skip(struct gp_call *call, struct milter_session *session,
                            enum milter_stage stage)
{
    if (!(session->line->steps & MILTER_SKIP) ||
        (stage != MILTER_RCPT && stage != MILTER_HEADER && stage != MILTER_BODY))
        return milter_fail(call, session, "at %s: it may not skip", stages[stage].name);
    session->skip |= 1u << stage;
    return GP_NEXT;
}

/* The answers that end the wait. */
static enum gp_verdict judge(struct gp_call *call, struct milter_session *session,
                             enum milter_stage stage, char letter, struct gp_slice rest)
{
    if (letter != 'y' && rest.len > 0)
        return milter_fail(call, session, "at %s: its answer '%c' has something after it",
                           stages[stage].name, letter);
    switch (letter) {
    case 'c':
        return GP_NEXT;
    case 'a':
        return accepted(session, stage);
    case 's':
        return skip(call, session, stage);
    case 'd':
        return discard(call, session, stage);
    case 'r':
        settle(session, stage);
        return gp_reject(call, "550 5.7.1", "Command rejected");
    case 't':
        settle(session, stage);
        return gp_defer(call, "451 4.7.1", "Service unavailable, try again later");
    case 'y':
        return reply(call, session, stage, rest);
    case '4':
        session->over = true;
        return gp_disconnect(call, "421 4.7.0", "Closing the connection");
    case 'f':
        return milter_fail(call, session, "at %s: it gave up", stages[stage].name);
    default:
        return milter_fail(call, session, "at %s: unknown answer 0x%02x", stages[stage].name,
                           (unsigned char)letter);
    }
}

/* ---- waiting ---- */

static enum gp_verdict wait(struct gp_call *call, struct milter_session *session,
                            enum milter_stage stage, struct milter_edits *edits)
{
    struct milter_line *line = session->line;

    for (int turns = 0; turns < PROGRESS_MAX; turns++) {
        struct gp_slice rest;
        const char *wrong;
        char letter;
        int error = milter_receive(call, session, patience(session->self, stage), &letter, &rest);

        if (error)
            return milter_fail(call, session, "at %s: %s", stages[stage].name,
                               error == GP_ETEMP ? "no answer in time" : gp_strerror(error));
        if (letter == 'p' && rest.len == 0)
            continue;
        if (!edits || !milter_edit_is(letter)) {
            line->at_end = stage == MILTER_END && letter == 'c';
            return judge(call, session, stage, letter, rest);
        }
        wrong = milter_edits_add(edits, session, letter, rest);
        if (wrong)
            return milter_fail(call, session, "change '%c': %s", letter, wrong);
    }
    return milter_fail(call, session, "at %s: it never comes to an end", stages[stage].name);
}

enum gp_verdict milter_answer(struct gp_call *call, struct milter_session *session,
                              enum milter_stage stage, struct milter_edits *edits)
{
    struct milter_line *line = session->line;
    bool answers = !(line->steps & stages[stage].nr);
    int error;

    line->at_end = false;
    gp_stream_timeout(line->stream, patience(session->self, stage));
    error = milter_flush(call, line, answers ? 0 : MILTER_DATA_MAX);
    if (error)
        return milter_fail(call, session, "at %s: %s", stages[stage].name, gp_strerror(error));
    return answers ? wait(call, session, stage, edits) : GP_NEXT;
}

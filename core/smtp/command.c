// SPDX-License-Identifier: Apache-2.0
/*
 * A command line that is complete: counted, split, looked up, held against the rules that do not
 * depend on the verb, and handed to its check.
 */
#include "core/smtp/server_internal.h"
#include "core/smtp/verb.h"

static const struct gp__reply flaws[] = {
    [GP__LINE_BARE_CR] = GP__REPLY_INIT(500, 5, 5, 2,
                                        "Bare CR in command line: lines end with CRLF"),
    [GP__LINE_BARE_LF] = GP__REPLY_INIT(500, 5, 5, 2,
                                        "Bare LF in command line: lines end with CRLF"),
    [GP__LINE_CONTROL] = GP__REPLY_INIT(500, 5, 5, 2, "Control character in command line"),
    [GP__LINE_LONG] = GP__REPLY_INIT(500, 5, 5, 6, "Command line too long"),
};
static const struct gp__reply hostile_line = GP__REPLY_INIT(
    554, 5, 5, 2, "Bare CR or LF or control character in command line: closing");
static const struct gp__reply too_many_commands = GP__REPLY_INIT(
    421, 4, 7, 0, "Too many commands in this session");
static const struct gp__reply too_many_idle = GP__REPLY_INIT(421, 4, 7, 0,
                                                             "Too many commands without mail");
static const struct gp__reply too_long = GP__REPLY_INIT(421, 4, 4, 2, "Session takes too long");
static const struct gp__reply unwelcome = GP__REPLY_INIT(
    503, 5, 5, 1, "No service for you: only QUIT is accepted");
static const struct gp__reply not_smtp = GP__REPLY_INIT(554, 5, 5, 1,
                                                        "This is a mail server: closing");
static const struct gp__reply out_of_sync = GP__REPLY_INIT(
    554, 5, 5, 0, "Synchronization error: input after a command that must be the last");
static const struct gp__reply no_argument = GP__REPLY_INIT(501, 5, 5, 4,
                                                           "Command takes no argument");
static const struct gp__reply need_helo = GP__REPLY_INIT(503, 5, 5, 1, "Say EHLO first");
static const struct gp__reply need_tls = GP__REPLY_INIT(530, 5, 7, 0,
                                                        "Must issue a STARTTLS command first");
static const struct gp__reply need_login = GP__REPLY_INIT(530, 5, 7, 0, "Authentication required");
static const struct gp__reply need_lhlo = GP__REPLY_INIT(503, 5, 5, 1, "Say LHLO first");

/* A browser, or a header field, that was talked into speaking to us, or a proxy that is not
 * believed: whoever sent it does not read replies, so nothing that follows may be taken for a command. */
static bool is_foreign(struct gp_slice verb)
{
    static const struct gp_slice foreign[] = {
        {"GET", 3},   {"POST", 4},    {"PUT", 3},     {"HEAD", 4},  {"DELETE", 6},
        {"PATCH", 5}, {"CONNECT", 7}, {"OPTIONS", 7}, {"TRACE", 5}, {"PROXY", 5},
    };

    if (verb.len > 1 && verb.data[verb.len - 1] == ':')
        return true;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (gp_slice_eq(verb, foreign[i]))
            return true;
    return false;
}

/* Whether the budgets of the session allow one more command. */
static bool within_budgets(struct gp__smtp *smtp)
{
    const struct gp__limits *limits = &smtp->settings->limits;

    if (++smtp->counts.commands > (uint64_t)limits->commands) {
        GP__LIMIT_HIT(commands);
        gp__smtp_close(smtp, &too_many_commands, GP__RESET_CLOSED);
    } else if (smtp->now - smtp->session_began >= limits->session_time) {
        GP__LIMIT_HIT(session_time);
        gp__smtp_close(smtp, &too_long, GP__RESET_TIMEOUT);
    }
    return smtp->state == GP__STATE_COMMAND;
}

/*
 * Input after a command that must end a group, or any input of a client that knows nothing of
 * pipelining (RFC 2920 3.1). What is sent after QUIT does no harm; a chunk comes with its BDAT (RFC
 * 3030 section 2).
 */
static bool in_sync(struct gp__smtp *smtp, unsigned flags)
{
    bool pipelining = gp__smtp_extensions(smtp) & GP__EXT_PIPELINING;

    if (gp__smtp_pending(smtp) == 0 || (flags & (GP__VERB_ALWAYS | GP__VERB_CHUNK)) ||
        (pipelining && !(flags & GP__VERB_SYNC)))
        return true;
    smtp->counts.pipelined_early = true;
    if (smtp->settings->pipelining == GP__PIPELINING_NOTE)
        return true;
    gp__smtp_note_error(smtp);
    gp__smtp_close(smtp, &out_of_sync, GP__RESET_CLOSED);
    return false;
}

bool gp__command_in_sync(struct gp__smtp *smtp)
{
    return in_sync(smtp, GP__VERB_SYNC);
}

static bool not_idle(struct gp__smtp *smtp, unsigned flags)
{
    if (!(flags & GP__VERB_IDLE)) {
        smtp->idle_commands = 0;
        return true;
    }
    if (++smtp->idle_commands <= (uint64_t)smtp->settings->limits.idle_commands)
        return true;
    GP__LIMIT_HIT(idle_commands);
    gp__smtp_close(smtp, &too_many_idle, GP__RESET_CLOSED);
    return false;
}

static void run(struct gp__smtp *smtp, const struct gp__verb *verb, struct gp_slice argument)
{
    bool lmtp = smtp->settings->protocol == GP__PROTOCOL_LMTP;
    size_t pending = gp__smtp_pending(smtp);

    if ((verb->flags & GP__VERB_NO_ARGUMENT) && argument.len)
        gp__smtp_refuse(smtp, &no_argument);
    else if ((verb->flags & GP__VERB_NEEDS_HELO) && !smtp->session->helo_seen)
        gp__smtp_refuse(smtp, lmtp ? &need_lhlo : &need_helo);
    else
        verb->check(smtp, argument);
    /* Content whose command was refused must not be read as commands. */
    if ((verb->flags & GP__VERB_CONTENT) && pending && !smtp->asking)
        gp__smtp_close(smtp, &out_of_sync, GP__RESET_CLOSED);
}

/* Why a command can't come yet: without TLS, without a login; or NULL. */
static const struct gp__reply *too_early(const struct gp__smtp *smtp, const struct gp__verb *verb)
{
    unsigned flags = verb ? verb->flags : 0;

    if (smtp->settings->starttls == GP__STARTTLS_REQUIRED && !gp__smtp_encrypted(smtp) &&
        !(flags & GP__VERB_PLAIN))
        return &need_tls;
    if (smtp->settings->auth.required && !gp_slice_present(smtp->session->auth_user) && verb &&
        !(flags & GP__VERB_NO_LOGIN))
        return &need_login;
    return NULL;
}

/* What follows is content if it is there already, or if BDAT says so: it must not be read as
 * commands. */
static void refuse_early(struct gp__smtp *smtp, const struct gp__verb *verb,
                         const struct gp__reply *reply)
{
    bool content = verb && (verb->flags & GP__VERB_CONTENT) && gp__smtp_pending(smtp);

    gp__smtp_refuse(smtp, reply);
    if (content || (verb && (verb->flags & GP__VERB_CHUNK)))
        gp__smtp_close(smtp, NULL, GP__RESET_CLOSED);
}

static struct gp_slice without_blanks(struct gp_slice s)
{
    while (s.len && s.data[0] == ' ')
        s = gp_slice_sub(s, 1, s.len);
    return s;
}

void gp__command_dispatch(struct gp__smtp *smtp, struct gp_slice line)
{
    const struct gp__verb *verb;
    struct gp_slice argument, name;

    /* RFC 5321 4.1.1: white space before the end of the line is tolerated. */
    while (line.len && (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t'))
        line.len--;
    argument = line;
    name = gp_slice_split(&argument, ' ');
    argument = without_blanks(argument);
    verb = gp__verb_find(name);
    gp__count_at(verb ? verb->counter : GP__COUNTER(verb_OTHER));
    if (!within_budgets(smtp))
        return;
    if (!verb && is_foreign(name)) {
        gp__smtp_note_error(smtp);
        gp__smtp_close(smtp, &not_smtp, GP__RESET_CLOSED);
    } else if (smtp->unwelcome && !(verb && (verb->flags & GP__VERB_ALWAYS))) {
        gp__smtp_refuse(smtp, &unwelcome);
    } else if (in_sync(smtp, verb ? verb->flags : 0)) {
        const struct gp__reply *refusal = too_early(smtp, verb);

        if (refusal)
            refuse_early(smtp, verb, refusal);
        else if (!verb)
            gp__unknown_check(smtp, name, argument);
        else if (not_idle(smtp, verb->flags))
            run(smtp, verb, argument);
    }
}

void gp__command_flawed(struct gp__smtp *smtp, enum gp__line_flaw flaw)
{
    bool hostile = flaw != GP__LINE_LONG;

    GP__COUNT(verb_OTHER);
    if (!within_budgets(smtp))
        return;
    if (hostile && smtp->settings->line_endings == GP__LINES_CLOSE) {
        gp__smtp_note_error(smtp);
        gp__smtp_close(smtp, &hostile_line, GP__RESET_CLOSED);
    } else {
        gp__smtp_refuse(smtp, &flaws[flaw]);
    }
}

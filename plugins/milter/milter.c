// SPDX-License-Identifier: Apache-2.0
/*
 * A client of the milter protocol: lets filters that were written for sendmail and Postfix judge
 * and change mail here.
 *
 * The connection to the milter lives in the session's slot. It is made when the session first needs
 * it, and told then what it has missed (connect, helo); so an instance with a `when:` works, and a
 * milter that died is asked again with the next transaction. Between a failure and that moment every
 * hook fails, and on_error decides.
 *
 * `body` may not wait: the message is sent in one go at `message`.
 */
#include "milter.h"

static const struct gp_option also_rows[] = {
    GP_OPTION_LIST("connect", struct milter_also, connect, GP_TYPE_STRING, GP_OPTIONAL,
                   "Names that go with the connect command, e.g. if_name."),
    GP_OPTION_LIST("helo", struct milter_also, helo, GP_TYPE_STRING, GP_OPTIONAL,
                   "Names that go with HELO."),
    GP_OPTION_LIST("mail", struct milter_also, mail, GP_TYPE_STRING, GP_OPTIONAL,
                   "Names that go with MAIL."),
    GP_OPTION_LIST("rcpt", struct milter_also, rcpt, GP_TYPE_STRING, GP_OPTIONAL,
                   "Names that go with RCPT."),
    GP_OPTION_LIST("data", struct milter_also, data, GP_TYPE_STRING, GP_OPTIONAL,
                   "Names that go with DATA."),
    GP_OPTION_LIST("end_of_headers", struct milter_also, eoh, GP_TYPE_STRING, GP_OPTIONAL,
                   "Names that go with the end of the header section."),
    GP_OPTION_LIST("end_of_message", struct milter_also, end, GP_TYPE_STRING, GP_OPTIONAL,
                   "Names that go with the end of the message."),
    GP_OPTIONS_END,
};

GP_OPTIONS(
    struct milter, GP_OPTION_ADDRESS("to", struct milter, to, NULL, "Where the milter listens."),
    GP_OPTION_DURATION("connect_timeout", struct milter, connect_ms, "10s", 100, 300000,
                       "How long connecting may take."),
    GP_OPTION_DURATION("command_timeout", struct milter, command_ms, "20s", 100, 300000,
                       "How long it may think about the negotiation, a command, a name in DNS."),
    GP_OPTION_DURATION("content_timeout", struct milter, content_ms, "30s", 100, 300000,
                       "How long about a field or a part of the body."),
    GP_OPTION_DURATION("end_timeout", struct milter, end_ms, "3m", 100, 600000,
                       "How long about the end of the message; each sign of life begins it anew."),
    GP_OPTION_STRING("bucket", struct milter, bucket, GP_OPTIONAL,
                     "Where a message goes that the milter wants to be held."),
    GP_OPTION_BOOL("lookup", struct milter, lookup, "true",
                   "Whether the client's name is looked up in DNS."),
    GP_OPTION_MAP(
        "macros", struct milter, macros, GP_TYPE_STRING, GP_OPTIONAL,
        "Macros with a value of your own, without braces, e.g. daemon_name: ORIGINATING."),
    GP_OPTION_OBJECT("also", struct milter, also, also_rows, GP_OPTIONAL,
                     "Macros that are sent beside the usual ones, by command."),
    GP_OPTION_INTEGER("protocol", struct milter, protocol, "6", MILTER_VERSION_MIN,
                      MILTER_VERSION_MAX, "Version of the protocol that is offered."),
    GP_OPTION_INTEGER("keep", struct milter, keep, "0", 0, 1000,
                      "Connections that are kept for the next session, where it may be."),
    GP_OPTION_SIZE("body_max", struct milter, body_max, "64MiB", 0, INT64_C(1) << 32,
                   "How large a new body may be."));

/* ---- what the milter has missed ---- */

static void put_connect(struct gp_call *call, struct milter_session *session)
{
    struct milter_bytes *out = &session->line->out;
    struct gp_slice ip = gp_client_ip(call);
    bool v6 = gp_slice_find(ip, ':') < ip.len;
    unsigned port = gp_client_port(call);
    size_t begin = milter_begin(out, 'C');

    if (session->name[0])
        milter_put_text(out, gp_slice_of(session->name));
    else
        milter_put_text(out, gp_format(call, "[" GP_FMT "]", GP_ARG(ip)));
    if (gp_slice_present(ip)) {
        const char where[3] = {v6 ? '6' : '4', (char)(port >> 8), (char)port};

        milter_put(out, gp_slice(where, sizeof where));
        milter_put_text(out, ip);
    } else {
        milter_put(out, GP_S("U"));
    }
    milter_end(out, begin);
}

static enum gp_verdict say_connect(struct gp_call *call, struct milter_session *session)
{
    milter_macros(call, session, MILTER_CONNECT);
    if (!milter_wants(session, MILTER_CONNECT))
        return GP_NEXT;
    put_connect(call, session);
    return milter_answer(call, session, MILTER_CONNECT, NULL);
}

static enum gp_verdict say_helo(struct gp_call *call, struct milter_session *session)
{
    size_t begin;

    session->said_helo = true;
    milter_macros(call, session, MILTER_HELO);
    if (!milter_wants(session, MILTER_HELO))
        return GP_NEXT;
    begin = milter_begin(&session->line->out, 'H');
    milter_put_text(&session->line->out, gp_helo(call));
    milter_end(&session->line->out, begin);
    return milter_answer(call, session, MILTER_HELO, NULL);
}

/* A kept connection that broke before it said anything had gone stale: once more, afresh. */
static enum gp_verdict begin(struct gp_call *call, struct milter_session *session)
{
    enum gp_verdict verdict;
    bool stale;

    if (milter_line_open(call, session) < 0)
        return GP_FAIL;
    stale = session->line->reused;
    verdict = say_connect(call, session);
    if (!stale || !session->failed || session->heard)
        return verdict;
    session->failed = false;
    gp_count(call, "stale", 1);
    return begin(call, session);
}

static bool is_open(const struct milter_session *session)
{
    return !session->failed && !session->over && !session->done;
}

/* Connects if need be, and tells it who is there. NEXT: it knows, or wants to know nothing. */
static enum gp_verdict introduce(struct gp_call *call, struct milter_session *session)
{
    enum gp_verdict verdict = GP_NEXT;

    if (!session->line) {
        milter_client_name(call, session);
        verdict = begin(call, session);
    }
    if (verdict != GP_NEXT || !is_open(session) || session->said_helo)
        return verdict;
    return gp_slice_present(gp_helo(call)) ? say_helo(call, session) : GP_NEXT;
}

/* ---- commands ---- */

static void put_parameter(struct milter_bytes *out, const char *keyword, struct gp_slice value)
{
    if (!gp_slice_present(value))
        return;
    milter_put(out, gp_slice_of(keyword));
    if (value.len)
        milter_put(out, GP_S("="));
    milter_put_text(out, value);
}

static void put_path(struct milter_bytes *out, struct gp_slice address)
{
    milter_put(out, GP_S("<"));
    milter_put(out, address);
    milter_put_text(out, GP_S(">"));
}

/* Forgets the transaction before, on both sides. */
static void begin_transaction(struct milter_session *session)
{
    if (session->in_mail && session->line)
        milter_end(&session->line->out, milter_begin(&session->line->out, 'A'));
    session->in_mail = session->done = session->failed = session->discard = false;
    session->skip = 0;
}

static enum gp_verdict say_mail(struct gp_call *call, struct milter_session *session)
{
    static const char *const keywords[] = {"SIZE",  "BODY", "SMTPUTF8",   "RET",
                                           "ENVID", "AUTH", "REQUIRETLS", "MT-PRIORITY"};
    struct milter_bytes *out = &session->line->out;
    size_t begin;

    session->in_mail = true;
    milter_macros(call, session, MILTER_MAIL);
    if (!milter_wants(session, MILTER_MAIL))
        return GP_NEXT;
    begin = milter_begin(out, 'M');
    put_path(out, gp_sender(call));
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        put_parameter(out, keywords[i], gp_mail_parameter(call, gp_slice_of(keywords[i])));
    milter_end(out, begin);
    return milter_answer(call, session, MILTER_MAIL, NULL);
}

static enum gp_verdict at_connect(struct gp_call *call, struct milter_session *session)
{
    return introduce(call, session);
}

/* What went wrong before was decided about then; MAIL tries again. */
static enum gp_verdict at_helo(struct gp_call *call, struct milter_session *session)
{
    if (session->failed || session->over)
        return GP_NEXT;
    session->said_helo = false;
    return introduce(call, session);
}

static enum gp_verdict at_mail(struct gp_call *call, struct milter_session *session)
{
    enum gp_verdict verdict;

    begin_transaction(session);
    if (session->over)
        return GP_NEXT;
    verdict = introduce(call, session);
    return verdict == GP_NEXT && is_open(session) ? say_mail(call, session) : verdict;
}

/* Within a transaction: whether there is anything to say. If not, *verdict_r is the answer. */
static bool is_needed(struct gp_call *call, struct milter_session *session,
                      enum gp_verdict *verdict_r)
{
    *verdict_r = GP_NEXT;
    if (session->over)
        return false;
    if (session->discard)
        *verdict_r = gp_discard(call, "the milter said so before");
    else if (session->failed)
        *verdict_r = gp_fail(call, "the milter failed before, in this transaction");
    else if (!session->done && !session->in_mail)
        *verdict_r = at_mail(call, session); /* the instance was not asked at `mail` */
    return *verdict_r == GP_NEXT && is_open(session);
}

static enum gp_verdict at_rcpt(struct gp_call *call, struct milter_session *session)
{
    struct gp_recipient *rcpt = gp_rcpt(call);
    struct milter_bytes *out;
    enum gp_verdict verdict;
    size_t begin;

    if (!is_needed(call, session, &verdict))
        return verdict;
    milter_macros(call, session, MILTER_RCPT);
    if (!milter_wants(session, MILTER_RCPT))
        return GP_NEXT;
    out = &session->line->out;
    begin = milter_begin(out, 'R');
    put_path(out, gp_rcpt_original(rcpt));
    put_parameter(out, "NOTIFY", gp_rcpt_notify(rcpt));
    put_parameter(out, "ORCPT", gp_rcpt_orcpt(rcpt));
    milter_end(out, begin);
    return milter_answer(call, session, MILTER_RCPT, NULL);
}

static enum gp_verdict at_data(struct gp_call *call, struct milter_session *session)
{
    enum gp_verdict verdict;

    if (!is_needed(call, session, &verdict))
        return verdict;
    milter_macros(call, session, MILTER_DATA);
    if (!milter_wants(session, MILTER_DATA))
        return GP_NEXT;
    milter_end(&session->line->out, milter_begin(&session->line->out, 'T'));
    return milter_answer(call, session, MILTER_DATA, NULL);
}

static enum gp_verdict at_message(struct gp_call *call, struct milter_session *session)
{
    enum gp_verdict verdict;

    return is_needed(call, session, &verdict) ? milter_message(call, session) : verdict;
}

/* A milter that is not there is not needed to say that a verb is unknown. */
static enum gp_verdict at_command(struct gp_call *call, struct milter_session *session)
{
    struct gp_slice argument = gp_command_argument(call);
    struct milter_bytes *out;
    size_t begin;

    if (!session->line || !is_open(session) || !milter_wants(session, MILTER_UNKNOWN))
        return GP_NEXT;
    milter_macros(call, session, MILTER_UNKNOWN);
    out = &session->line->out;
    begin = milter_begin(out, 'U');
    milter_put_text(out, gp_format(call, GP_FMT "%s" GP_FMT, GP_ARG(gp_command_verb(call)),
                                   argument.len ? " " : "", GP_ARG(argument)));
    milter_end(out, begin);
    return milter_answer(call, session, MILTER_UNKNOWN, NULL);
}

/* ---- hooks ---- */

/* One at a time: the shadow of a hook may still be at it when the next one comes. */
static enum gp_verdict talk(struct gp_call *call, void *self,
                            enum gp_verdict (*at)(struct gp_call *call,
                                                  struct milter_session *session))
{
    struct milter_session *session = gp_session_slot(call);
    enum gp_verdict verdict;

    if (session->busy)
        return gp_fail(call, "the milter is still busy with this session");
    session->self = self;
    session->busy = true;
    verdict = at(call, session);
    session->busy = false;
    return verdict;
}

static enum gp_verdict on_connect(struct gp_call *call, void *self)
{
    return talk(call, self, at_connect);
}

static enum gp_verdict on_helo(struct gp_call *call, void *self)
{
    return talk(call, self, at_helo);
}

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    return talk(call, self, at_mail);
}

static enum gp_verdict on_rcpt(struct gp_call *call, void *self)
{
    return talk(call, self, at_rcpt);
}

static enum gp_verdict on_data(struct gp_call *call, void *self)
{
    return talk(call, self, at_data);
}

static enum gp_verdict on_message(struct gp_call *call, void *self)
{
    return talk(call, self, at_message);
}

static enum gp_verdict on_command(struct gp_call *call, void *self)
{
    return talk(call, self, at_command);
}

/* The milter may free what it holds, at once: nobody knows when the next transaction comes. */
static enum gp_verdict on_reset(struct gp_call *call, void *self)
{
    struct milter_session *session = gp_session_slot(call);
    struct milter_line *line = session->line;

    (void)self;
    if (session->busy || !session->in_mail)
        return GP_NEXT;
    begin_transaction(session);
    if (!line)
        return GP_NEXT;
    if (line->out.failed ||
        gp_stream_write_now(line->stream, gp_slice(line->out.data, line->out.len)) != GP_OK) {
        milter_line_free(&session->line);
        session->said_helo = false;
    } else {
        line->out.len = 0;
    }
    return GP_NEXT;
}

static void session_end(void *slot)
{
    struct milter_session *session = slot;

    if (!session->line)
        return;
    begin_transaction(session); /* a `when:` may have kept on_reset() from it */
    milter_line_leave(session->self, &session->line);
}

/* ---- the instance ---- */

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    (void)call;
    milter_idle_close(self, false);
    return GP_NEXT;
}

static void destroy(void *self)
{
    milter_idle_close(self, true);
}

GP_HOOKS({GP_HOOK_CONNECT, on_connect}, {GP_HOOK_HELO, on_helo}, {GP_HOOK_MAIL, on_mail},
         {GP_HOOK_RCPT, on_rcpt}, {GP_HOOK_DATA, on_data}, {GP_HOOK_MESSAGE, on_message},
         {GP_HOOK_COMMAND, on_command}, {GP_HOOK_RESET, on_reset}, {GP_HOOK_TICK, on_tick});

GP_PLUGIN(.version = "1.0", .summary = "Asks a milter, over TCP or a UNIX socket", GP_USES_OPTIONS,
          GP_USES_HOOKS,
          .needs = GP_NEEDS_NETWORK | GP_NEEDS_EDIT_ENVELOPE | GP_NEEDS_EDIT_HEADERS |
                   GP_NEEDS_EDIT_BODY,
          .on_error = GP_ON_ERROR_DEFER, .deadline_ms = 240000, .tick_ms = 30000,
          .session_slot = sizeof(struct milter_session), .session_slot_end = session_end,
          .destroy = destroy);

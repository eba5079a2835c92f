// SPDX-License-Identifier: Apache-2.0
/*
 * The commands of an MTA that asks us as its milter. Sans I/O as the rest of the engine: packets in,
 * questions and content out. The order of commands is judged leniently, as libmilter does: what
 * comes too early ends what was open.
 *
 * Answers to fields and parts of the body are left out if the MTA allows it: our own verdict on a
 * message comes at its end anyway.
 */
#include "core/smtp/milter_internal.h"

#include "core/base/alloc.h"
#include "core/smtp/macros.h"
#include "core/smtp/parameter.h"

#define VERSION_MAX 6u
#define VERSION_MIN 2u
#define IDLE_MS 7210000u /* what libmilter grants */
#define STEPS_WANTED                                                                               \
    (GP__MILTER_NR_HEADER | GP__MILTER_NR_EOH | GP__MILTER_NR_BODY | GP__MILTER_HEADER_SPACE)
#define ACTIONS_WANTED 0x7fu

static const struct gp__reply bad_sender = GP__REPLY_INIT(553, 5, 1, 7, "Malformed sender address");
static const struct gp__reply bad_rcpt = GP__REPLY_INIT(553, 5, 1, 3,
                                                        "Malformed recipient address");
static const struct gp__reply too_many = GP__REPLY_INIT(452, 4, 5, 3, "Too many recipients");
static const struct gp__reply no_transaction = GP__REPLY_INIT(451, 4, 3, 0,
                                                              "Out of order: no transaction here");

struct gp__milter *gp__milter_create(void)
{
    return gp__alloc(sizeof(struct gp__milter));
}

void gp__milter_free(struct gp__milter **milter_)
{
    struct gp__milter *milter = *milter_;

    *milter_ = NULL;
    if (!milter)
        return;
    gp__buf_free(&milter->field);
    gp__free(milter);
}

unsigned gp__milter_actions(const struct gp__smtp *smtp)
{
    return smtp->milter->actions;
}

void gp__milter_discard(struct gp__smtp *smtp)
{
    smtp->milter->discard = true;
}

uint64_t gp__milter_deadline(const struct gp__smtp *smtp)
{
    return smtp->mark + IDLE_MS;
}

/* ---- verdicts ---- */

static void say(struct gp__smtp *smtp, char letter)
{
    gp__milter_put(smtp, letter, NULL, 0);
}

static void refuse(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    gp__milter_put_reply(smtp, reply);
}

/* Not a milter's client, or one that lost its way. */
static void give_up(struct gp__smtp *smtp)
{
    gp__smtp_close(smtp, NULL, GP__RESET_CLOSED);
}

/* ---- negotiation, connection ---- */

static void negotiate(struct gp__smtp *smtp, struct gp_slice rest)
{
    struct gp__milter *milter = smtp->milter;
    uint32_t version, actions, steps;

    if (milter->version || gp__milter_number(&rest, &version) < 0 ||
        gp__milter_number(&rest, &actions) < 0 || gp__milter_number(&rest, &steps) < 0 ||
        version < VERSION_MIN) {
        give_up(smtp);
        return;
    }
    milter->version = version < VERSION_MAX ? version : VERSION_MAX;
    milter->actions = actions & ACTIONS_WANTED;
    milter->steps = steps & STEPS_WANTED;
    gp__milter_put_options(smtp);
}

/* The address family, port and address; none is fine. */
static void set_client(struct gp__smtp *smtp, struct gp_slice rest)
{
    struct gp__ip ip = {.family = 0};
    struct gp_slice text;
    uint16_t port = 0;

    if (rest.len > 3 && (rest.data[0] == '4' || rest.data[0] == '6')) {
        port = (uint16_t)((unsigned char)rest.data[1] << 8 | (unsigned char)rest.data[2]);
        rest = gp_slice_sub(rest, 3, rest.len);
        if (gp__milter_text(&rest, &text) == 0) {
            if (gp_slice_caseeq(gp_slice_sub(text, 0, 5), GP_S("IPv6:")))
                text = gp_slice_sub(text, 5, text.len);
            if (gp__ip_parse(text, &ip) < 0)
                ip.family = 0;
        }
    }
    gp__session_set_client(smtp->session, &ip, ip.family ? port : 0);
}

static void on_connect(struct gp__smtp *smtp, struct gp_slice rest)
{
    struct gp_session *session = smtp->session;
    struct gp_slice name;

    if (smtp->milter->connected || gp__milter_text(&rest, &name) < 0) {
        give_up(smtp);
        return;
    }
    smtp->milter->connected = true;
    gp__macros_client_name(session->macros, name);
    set_client(smtp, rest);
    gp__smtp_ask(smtp, GP__ASK_CONNECT);
}

/* Kept for the session: only what is new takes memory. */
static void keep(struct gp_session *session, struct gp_slice *fact, const char *name)
{
    struct gp_slice value = gp__macros_get(session->macros, gp_slice_of(name));

    if (value.len == 0)
        *fact = gp_slice(NULL, 0);
    else if (!gp_slice_eq(*fact, value))
        *fact = gp__arena_dup(session->arena, value);
}

static void on_macros(struct gp__smtp *smtp, struct gp_slice rest)
{
    struct gp_session *session = smtp->session;

    if (rest.len == 0)
        return;
    gp__macros_set(session->macros, rest.data[0], gp_slice_sub(rest, 1, rest.len));
    if (rest.data[0] == 'H' || rest.data[0] == 'M') {
        keep(session, &session->tls_version, "tls_version");
        keep(session, &session->tls_cipher, "cipher");
    }
    if (rest.data[0] == 'M') {
        keep(session, &session->auth_user, "auth_authen");
        keep(session, &session->auth_mechanism, "auth_type");
    }
}

static void on_helo(struct gp__smtp *smtp, struct gp_slice rest)
{
    struct gp_session *session = smtp->session;
    struct gp_slice name = gp_slice(NULL, 0);

    (void)gp__milter_text(&rest, &name);
    name = gp_slice_sub(name, 0, GP__HELO_MAX);
    if (name.len)
        memcpy(session->helo_text, name.data, name.len);
    session->helo_len = (uint8_t)name.len;
    session->helo_seen = true;
    session->extended = !gp_slice_eq(gp__macros_get(session->macros, GP_S("r")), GP_S("SMTP"));
    gp__smtp_ask(smtp, GP__ASK_HELO);
}

/* ---- envelope ---- */

/* An address as the MTA has it, with or without brackets; without a domain it is the MTA's own. */
static int parse_path(struct gp__smtp *smtp, struct gp__arena *arena, struct gp_slice text,
                      struct gp__address *address_r)
{
    enum gp__address_error error;

    if (gp_slice_starts(text, GP_S("<")) && gp_slice_ends(text, GP_S(">")))
        text = gp_slice_sub(text, 1, text.len - 2);
    if (text.len && gp_slice_find(text, '@') == text.len)
        text = gp__arena_printf(arena, GP_FMT "@" GP_FMT, GP_ARG(text),
                                GP_ARG(smtp->session->hostname));
    if (!text.data)
        text = GP_S("");
    error = gp__mailbox_parse(arena, text, GP__ADDRESS_NULL | GP__ADDRESS_UTF8, address_r);
    return error == GP__ADDRESS_OK ? 0 : -1;
}

static bool is_known(struct gp_slice parameter, const char *const *keywords)
{
    struct gp_slice keyword = gp_slice_sub(parameter, 0, gp_slice_find(parameter, '='));

    for (; *keywords; keywords++)
        if (gp_slice_caseeq(keyword, gp_slice_of(*keywords)))
            return true;
    return false;
}

/* The parameters that we know, as SMTP has them. The MTA has judged them: others are left out. */
static struct gp_slice parameters(struct gp__arena *arena, struct gp_slice rest,
                                  const char *const *keywords)
{
    struct gp_slice all = GP_S(""), one;

    while (gp__milter_text(&rest, &one) == 0)
        if (one.len < 600 && all.len < 2000 && is_known(one, keywords))
            all = gp__arena_printf(arena, GP_FMT " " GP_FMT, GP_ARG(all), GP_ARG(one));
    return all;
}

static void on_mail(struct gp__smtp *smtp, struct gp_slice rest)
{
    static const char *const keywords[] = {"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", NULL};
    struct gp_transaction *transaction = gp__transaction_create(smtp->session);
    struct gp__mail *mail = &transaction->mail, plain;
    struct gp_slice path;

    if (gp__milter_text(&rest, &path) < 0 ||
        parse_path(smtp, transaction->arena, path, &mail->from) < 0) {
        gp__transaction_unref(&transaction);
        refuse(smtp, &bad_sender);
        return;
    }
    plain = *mail;
    if (gp__mail_parameters(transaction->arena, parameters(transaction->arena, rest, keywords),
                            smtp->settings, ~0u, mail))
        *mail = plain;
    mail->smtputf8 |= mail->from.utf8;
    smtp->proposed = transaction;
    gp__smtp_ask(smtp, GP__ASK_MAIL);
}

static void on_rcpt(struct gp__smtp *smtp, struct gp_slice rest)
{
    static const char *const keywords[] = {"NOTIFY", "ORCPT", NULL};
    struct gp_transaction *transaction = smtp->session->transaction;
    struct gp__rcpt *rcpt, plain;
    struct gp_slice path;

    if (!transaction) {
        refuse(smtp, &no_transaction);
        return;
    }
    if (transaction->accepted + smtp->rcpt_refused >= (uint64_t)smtp->settings->limits.recipients) {
        GP__LIMIT_HIT(recipients);
        refuse(smtp, &too_many);
        return;
    }
    rcpt = GP__ARENA_NEW(transaction->arena, struct gp__rcpt);
    if (gp__milter_text(&rest, &path) < 0 || path.len == 0 ||
        parse_path(smtp, transaction->arena, path, &rcpt->to) < 0 || rcpt->to.text.len == 0) {
        smtp->rcpt_refused++;
        refuse(smtp, &bad_rcpt);
        return;
    }
    plain = *rcpt;
    if (gp__rcpt_parameters(transaction->arena, parameters(transaction->arena, rest, keywords),
                            smtp->settings, ~0u, rcpt))
        *rcpt = plain;
    transaction->mail.smtputf8 |= rcpt->to.utf8;
    smtp->rcpt = rcpt;
    gp__smtp_ask(smtp, GP__ASK_RCPT);
}

/* ---- content ---- */

static void on_data(struct gp__smtp *smtp)
{
    if (smtp->milter->data_open)
        give_up(smtp);
    else if (smtp->session->transaction)
        gp__smtp_ask(smtp, GP__ASK_DATA);
    else
        refuse(smtp, &no_transaction);
}

/* The MTA waits for a word, unless we agreed that there is none. */
static void go_on(struct gp__smtp *smtp, unsigned no_reply)
{
    if (!(smtp->milter->steps & no_reply))
        say(smtp, 'c');
}

static enum gp__step content(struct gp__smtp *smtp, struct gp_slice bytes, unsigned no_reply,
                             struct gp__smtp_event *event)
{
    go_on(smtp, no_reply);
    if (smtp->state != GP__STATE_MILTER || bytes.len == 0)
        return GP__STEP_AGAIN;
    return gp__receive_run(smtp, bytes, event) ? GP__STEP_EVENT : GP__STEP_AGAIN;
}

static enum gp__step on_field(struct gp__smtp *smtp, struct gp_slice rest,
                              struct gp__smtp_event *event)
{
    struct gp__milter *milter = smtp->milter;
    bool with_space = milter->steps & GP__MILTER_HEADER_SPACE;

    if (gp__milter_field(&milter->field, rest, with_space) < 0) {
        give_up(smtp);
        return GP__STEP_AGAIN;
    }
    return content(smtp, gp__buf_slice(&milter->field), GP__MILTER_NR_HEADER, event);
}

static void on_end(struct gp__smtp *smtp)
{
    const struct gp__reply *trouble = smtp->trouble;

    smtp->milter->data_open = false;
    smtp->trouble = NULL;
    if (!trouble) {
        gp__smtp_ask(smtp, GP__ASK_MESSAGE);
        return;
    }
    refuse(smtp, trouble);
    gp__smtp_end_transaction(smtp, GP__RESET_REFUSED, trouble);
}

/* Content before DATA was asked about (older versions have no such command): asked now. */
static bool asks_first(struct gp__smtp *smtp)
{
    struct gp__milter *milter = smtp->milter;

    if (milter->data_open)
        return false;
    if (smtp->session->transaction) {
        milter->command = '\0';
        gp__smtp_ask(smtp, GP__ASK_DATA);
    } else {
        give_up(smtp);
    }
    return true;
}

/* ---- commands ---- */

static void on_unknown(struct gp__smtp *smtp, struct gp_slice rest)
{
    struct gp__command *command = gp__smtp_command(smtp);
    struct gp_slice line = gp_slice(NULL, 0), verb;

    (void)gp__milter_text(&rest, &line);
    line = gp__arena_dup(smtp->scratch, line);
    verb = gp_slice_split(&line, ' ');
    command->verb = verb;
    command->argument = gp_slice_present(line) ? line : GP_S("");
    gp__smtp_ask(smtp, GP__ASK_COMMAND);
}

/* Commands that begin anew end what is open: a RESET comes first. */
static bool ends_transaction(struct gp__smtp *smtp, char letter)
{
    if (!strchr("AHMQK", letter) || !smtp->session->transaction)
        return false;
    smtp->milter->data_open = false;
    smtp->trouble = NULL;
    gp__smtp_end_transaction(smtp,
                             letter == 'H'                    ? GP__RESET_HELO
                             : letter == 'Q' || letter == 'K' ? GP__RESET_QUIT
                                                              : GP__RESET_RSET,
                             NULL);
    return true;
}

static void dispatch(struct gp__smtp *smtp, char letter, struct gp_slice rest)
{
    smtp->milter->command = letter;
    switch (letter) {
    case 'D':
        on_macros(smtp, rest);
        return;
    case 'C':
        on_connect(smtp, rest);
        return;
    case 'H':
        on_helo(smtp, rest);
        return;
    case 'M':
        on_mail(smtp, rest);
        return;
    case 'R':
        on_rcpt(smtp, rest);
        return;
    case 'T':
        on_data(smtp);
        return;
    case 'U':
        on_unknown(smtp, rest);
        return;
    case 'A':
        return;
    default: /* Q, K: whoever reuses connections makes a new one. Anything else is nonsense. */
        give_up(smtp);
    }
}

static enum gp__step take(struct gp__smtp *smtp, char letter, struct gp_slice rest,
                          struct gp__smtp_event *event)
{
    switch (letter) {
    case 'L':
        return on_field(smtp, rest, event);
    case 'N':
        return content(smtp, GP_S("\r\n"), GP__MILTER_NR_EOH, event);
    case 'B':
        return content(smtp, rest, GP__MILTER_NR_BODY, event);
    default:
        /* The last part may come with it. */
        smtp->milter->command = letter;
        if (rest.len && gp__receive_run(smtp, rest, event)) {
            smtp->milter->ending = true;
            return GP__STEP_EVENT;
        }
        on_end(smtp);
        return GP__STEP_AGAIN;
    }
}

/* ---- steps ---- */

static bool is_content(char letter)
{
    return letter == 'L' || letter == 'N' || letter == 'B' || letter == 'E';
}

static enum gp__step step(struct gp__smtp *smtp, char letter, struct gp_slice rest,
                          struct gp__smtp_event *event)
{
    bool begun = smtp->milter->version && (smtp->milter->connected || strchr("CDQK", letter));

    if (letter != 'O' && !begun) {
        give_up(smtp);
        return GP__STEP_AGAIN;
    }
    if ((is_content(letter) && asks_first(smtp)) || ends_transaction(smtp, letter))
        return GP__STEP_AGAIN; /* and then the same packet again */
    gp__smtp_consume(smtp, rest.len + 5);
    smtp->counts.commands++;
    if (is_content(letter))
        return take(smtp, letter, rest, event);
    if (letter == 'O')
        negotiate(smtp, rest);
    else
        dispatch(smtp, letter, rest);
    return GP__STEP_AGAIN;
}

enum gp__step gp__milter_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    struct gp_slice rest;
    char letter;
    int found = gp__milter_packet(gp__smtp_window(smtp), &letter, &rest);

    if (smtp->milter->ending) {
        smtp->milter->ending = false;
        on_end(smtp);
        return GP__STEP_AGAIN;
    }
    if (found == 0 && smtp->held.len && smtp->fed.len) {
        gp__smtp_settle(smtp); /* the packet goes on in what was fed */
        return GP__STEP_AGAIN;
    }
    if (found == 0)
        return GP__STEP_WAIT;
    smtp->mark = smtp->now;
    if (found > 0)
        return step(smtp, letter, rest, event);
    give_up(smtp);
    return GP__STEP_AGAIN;
}

/* ---- answers ---- */

static void end_message(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp_session *session = smtp->session;

    if (!session->transaction) /* the output failed meanwhile */
        return;
    session->transaction->detached = true;
    gp__transaction_unref(&session->transaction);
    if (reply->code < 400)
        smtp->counts.messages++;
}

static void proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp__milter *milter = smtp->milter;

    switch ((enum gp__smtp_ask)smtp->ask) {
    case GP__ASK_MAIL:
        smtp->session->transaction = smtp->proposed;
        smtp->proposed = NULL;
        smtp->rcpt_refused = 0;
        break;
    case GP__ASK_RCPT:
        smtp->rcpt = NULL;
        smtp->session->transaction->accepted++;
        smtp->counts.recipients++;
        break;
    case GP__ASK_DATA:
        milter->data_open = true;
        milter->discard = false;
        gp__receive_begin(smtp);
        break;
    case GP__ASK_MESSAGE:
        say(smtp, milter->discard ? 'd' : 'c');
        end_message(smtp, reply);
        return;
    case GP__ASK_CONNECT:
    case GP__ASK_HELO:
    case GP__ASK_CAPABILITIES:
    case GP__ASK_COMMAND:
    case GP__ASK_VRFY:
    case GP__ASK_EXPN:
    case GP__ASK_STARTTLS:
    case GP__ASK_TLS:
    case GP__ASK_AUTH:
    case GP__ASK_LOGIN:
    case GP__ASK_AUTH_FAILED:
    case GP__ASK_XCLIENT:
    case GP__ASK_XLOGIN:
    case GP__ASK_COUNT:
        break;
    }
    if (milter->command)
        say(smtp, 'c');
}

static void refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    enum gp__smtp_ask ask = (enum gp__smtp_ask)smtp->ask;

    if (ask == GP__ASK_DATA && !smtp->milter->command) {
        char letter;
        struct gp_slice rest;

        /* The command that made us ask is answered instead. */
        if (gp__milter_packet(gp__smtp_window(smtp), &letter, &rest) == 1)
            gp__smtp_consume(smtp, rest.len + 5);
    }
    refuse(smtp, reply);
    if (ask == GP__ASK_RCPT) {
        smtp->rcpt = NULL;
        smtp->rcpt_refused++;
    } else if (ask == GP__ASK_MESSAGE) {
        end_message(smtp, reply);
    } else if (ask == GP__ASK_MAIL || ask == GP__ASK_DATA) {
        gp__smtp_end_transaction(smtp, GP__RESET_REFUSED, NULL);
    }
}

void gp__milter_answered(struct gp__smtp *smtp, const struct gp__answer *answer,
                         const struct gp__reply *reply)
{
    if (answer->decision == GP__PROCEED && reply->code < 400)
        proceed(smtp, reply);
    else
        refused(smtp, reply);
}

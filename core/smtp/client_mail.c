// SPDX-License-Identifier: Apache-2.0
/*
 * A mail: MAIL, RCPT and DATA in one group where the server knows pipelining, one after the other
 * elsewhere; the message by DATA or BDAT; one reply, or with LMTP one for each recipient.
 */
#include "core/smtp/client_internal.h"

#include "core/base/ascii.h"
#include "core/base/codec.h"

/* ---- outcomes ---- */

static void set_outcome(struct gp__outgoing *outgoing, size_t index,
                        enum gp__smtp_client_stage stage, bool own, const struct gp__reply *reply)
{
    struct gp__smtp_outcome *outcome = &outgoing->outcomes[index];

    outcome->stage = stage;
    outcome->own = own;
    outcome->reply = *reply;
    outcome->reply.text = gp__arena_dup(outgoing->arena, reply->text);
}

void gp__client_decide(struct gp__smtp_client *client, enum gp__smtp_client_stage stage, bool own,
                       const struct gp__reply *reply)
{
    struct gp__outgoing *outgoing = &client->outgoing;

    for (size_t i = 0; i < outgoing->n_outcomes; i++)
        if (outgoing->outcomes[i].reply.code == 0)
            set_outcome(outgoing, i, stage, own, reply);
}

const struct gp__smtp_outcome *gp__smtp_client_outcome(const struct gp__smtp_client *client,
                                                       size_t index)
{
    return index < client->outgoing.n_outcomes ? &client->outgoing.outcomes[index] : NULL;
}

/* All are decided. A transaction that may still be open is ended before the next. */
static void finish(struct gp__smtp_client *client, bool open)
{
    client->sent_due = true;
    if (open) {
        gp__client_write(client, GP_S("RSET\r\n"));
        gp__client_enter(client, GP__CLIENT_RESET);
    } else {
        gp__client_enter(client, GP__CLIENT_READY);
    }
}

void gp__client_reset_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    if (reply->code / 100 == 2)
        gp__client_enter(client, GP__CLIENT_READY);
    else
        gp__client_lose(client, "the server refused RSET");
}

/* ---- commands ---- */

static bool offers(const struct gp__smtp_client *client, unsigned extension, bool wanted)
{
    return wanted && gp__client_has(client, extension);
}

static void write_parameter(struct gp__smtp_client *client, struct gp_slice keyword,
                            struct gp_slice value)
{
    if (!gp_slice_present(value))
        return;
    gp__client_write(client, keyword);
    gp__client_write(client, value);
}

static void write_size(struct gp__smtp_client *client, uint64_t size)
{
    char text[32], *end = gp__put_decimal(text, size, 0);

    write_parameter(client, GP_S(" SIZE="), gp_slice(text, (size_t)(end - text)));
}

static void write_mail(struct gp__smtp_client *client)
{
    const struct gp__smtp_client_mail *mail = client->outgoing.mail;

    gp__client_write(client, GP_S("MAIL FROM:<"));
    gp__client_write(client, mail->sender);
    gp__client_write(client, GP_S(">"));
    if (offers(client, GP__EXT_SIZE, mail->size > 0))
        write_size(client, mail->size);
    if (offers(client, GP__EXT_8BITMIME, mail->eight_bit))
        gp__client_write(client, GP_S(" BODY=8BITMIME"));
    if (offers(client, GP__EXT_SMTPUTF8, mail->smtputf8))
        gp__client_write(client, GP_S(" SMTPUTF8"));
    if (offers(client, GP__EXT_REQUIRETLS, mail->requiretls))
        gp__client_write(client, GP_S(" REQUIRETLS"));
    if (offers(client, GP__EXT_DSN, mail->ret != GP__RET_NONE))
        gp__client_write(client, mail->ret == GP__RET_FULL ? GP_S(" RET=FULL") : GP_S(" RET=HDRS"));
    if (gp__client_has(client, GP__EXT_DSN))
        write_parameter(client, GP_S(" ENVID="), mail->envid);
    gp__client_write(client, GP_S("\r\n"));
}

static void write_rcpt(struct gp__smtp_client *client,
                       const struct gp__smtp_client_recipient *recipient)
{
    gp__client_write(client, GP_S("RCPT TO:<"));
    gp__client_write(client, recipient->address);
    gp__client_write(client, GP_S(">"));
    if (gp__client_has(client, GP__EXT_DSN)) {
        write_parameter(client, GP_S(" NOTIFY="), recipient->notify);
        write_parameter(client, GP_S(" ORCPT="), recipient->orcpt);
    }
    gp__client_write(client, GP_S("\r\n"));
}

static size_t n_commands(const struct gp__outgoing *outgoing)
{
    return 1 + outgoing->n_order + (outgoing->bdat || outgoing->mail->probe ? 0 : 1);
}

/* One by one it is known before DATA that there is nobody to send to. */
static bool is_hopeless(const struct gp__outgoing *outgoing)
{
    return outgoing->mail_refused ||
           (outgoing->answered == 1 + outgoing->n_order && outgoing->n_taken == 0);
}

static void write_command(struct gp__smtp_client *client)
{
    struct gp__outgoing *outgoing = &client->outgoing;
    size_t n = outgoing->sent++;

    if (n == 0)
        write_mail(client);
    else if (n <= outgoing->n_order)
        write_rcpt(client, &outgoing->mail->recipients[outgoing->order[n - 1]]);
    else
        gp__client_write(client, GP_S("DATA\r\n"));
}

/* What can be said now. */
static void go_on(struct gp__smtp_client *client)
{
    struct gp__outgoing *outgoing = &client->outgoing;

    if (gp__client_pipelines(client)) {
        while (outgoing->sent < n_commands(outgoing) && client->state == GP__CLIENT_ENVELOPE)
            write_command(client);
    } else if (outgoing->sent == outgoing->answered && outgoing->sent < n_commands(outgoing) &&
               !is_hopeless(outgoing)) {
        write_command(client);
    }
}

/* ---- before anything is said ---- */

static bool is_parameter(struct gp_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] <= ' ' || value.data[i] > '~' || value.data[i] == '=')
            return false;
    return true;
}

/* Why nothing of the mail can be sent to this server; code 0: it can. */
static struct gp__reply judge(const struct gp__smtp_client *client,
                              const struct gp__smtp_client_mail *mail)
{
    uint64_t limit = client->capabilities.size;
    struct gp__arena *arena = client->outgoing.arena;
    struct gp__address address;

    if (mail->sender.len && gp__mailbox_parse(arena, mail->sender, GP__ADDRESS_UTF8, &address))
        return GP__REPLY(553, 5, 1, 7, "The sender is no address");
    if (!is_parameter(mail->envid))
        return GP__REPLY(501, 5, 5, 4, "The envelope id is not xtext");
    if (limit && mail->size > limit)
        return GP__REPLY(552, 5, 3, 4, "The message is larger than the server takes");
    if (mail->smtputf8 && !gp__client_has(client, GP__EXT_SMTPUTF8))
        return GP__REPLY(553, 5, 6, 7, "The server does not know SMTPUTF8");
    if (mail->eight_bit && !gp__client_has(client, GP__EXT_8BITMIME))
        return GP__REPLY(554, 5, 6, 3, "The server does not know 8BITMIME");
    if (mail->requiretls && !gp__client_has(client, GP__EXT_REQUIRETLS))
        return GP__REPLY(550, 5, 7, 30, "The server does not know REQUIRETLS");
    return (struct gp__reply){.code = 0};
}

static bool recipient_ok(struct gp__arena *arena, const struct gp__smtp_client_mail *mail,
                         const struct gp__smtp_client_recipient *recipient)
{
    struct gp__address address;
    unsigned flags = GP__ADDRESS_POSTMASTER | (mail->smtputf8 ? GP__ADDRESS_UTF8 : 0u);

    return gp__mailbox_parse(arena, recipient->address, flags, &address) == GP__ADDRESS_OK &&
           is_parameter(recipient->notify) && is_parameter(recipient->orcpt);
}

static void plan(struct gp__smtp_client *client, const struct gp__smtp_client_mail *mail)
{
    static const struct gp__reply no_address = GP__REPLY_INIT(553, 5, 1, 3,
                                                              "The recipient is no address");
    struct gp__outgoing *outgoing = &client->outgoing;

    if (outgoing->arena)
        gp__arena_free(&outgoing->arena);
    *outgoing = (struct gp__outgoing){.mail = mail, .arena = gp__arena_create()};
    outgoing->n_outcomes = mail->n_recipients;
    outgoing->outcomes = GP__ARENA_ARRAY(outgoing->arena, struct gp__smtp_outcome,
                                         mail->n_recipients);
    outgoing->order = GP__ARENA_ARRAY(outgoing->arena, size_t, mail->n_recipients);
    outgoing->taken = GP__ARENA_ARRAY(outgoing->arena, bool, mail->n_recipients);
    for (size_t i = 0; i < mail->n_recipients; i++) {
        if (recipient_ok(outgoing->arena, mail, &mail->recipients[i]))
            outgoing->order[outgoing->n_order++] = i;
        else
            set_outcome(outgoing, i, GP__STAGE_LOCAL, true, &no_address);
    }
    outgoing->bdat = client->settings->bdat && gp__client_has(client, GP__EXT_CHUNKING);
    outgoing->content.dots = !outgoing->bdat;
}

/* ---- whose it is ---- */

static void begin_envelope(struct gp__smtp_client *client)
{
    gp__client_enter(client, GP__CLIENT_ENVELOPE);
    go_on(client);
}

void gp__client_ready(struct gp__smtp_client *client)
{
    if (!client->resuming) {
        gp__client_enter(client, GP__CLIENT_READY);
        return;
    }
    client->resuming = false;
    begin_envelope(client);
}

/* What the server takes of it, in xtext. Whether there was anything to say. */
static bool tell_whose(struct gp__smtp_client *client, const struct gp__smtp_client_mail *mail)
{
    unsigned takes = mail->xclient ? client->capabilities.xclient : client->capabilities.xforward;
    bool any = false;

    for (unsigned i = 0; mail->forward && i < GP__ATTRIBUTE_COUNT; i++) {
        struct gp_slice value = mail->forward->values[i];

        if (!(takes & 1u << i) || !gp_slice_present(value))
            continue;
        gp__client_write(client, any             ? GP_S(" ")
                                 : mail->xclient ? GP_S("XCLIENT ")
                                                 : GP_S("XFORWARD "));
        gp__client_write(client, gp__attribute_name((enum gp__attribute)i));
        gp__client_write(client, GP_S("="));
        gp__client_write(client, gp__xtext_encode(client->outgoing.arena, value));
        any = true;
    }
    if (!any)
        return false;
    gp__client_write(client, GP_S("\r\n"));
    gp__client_enter(client, mail->xclient ? GP__CLIENT_XCLIENT : GP__CLIENT_FORWARD);
    return true;
}

/* XFORWARD is for the other side's logs: a refusal changes nothing. */
void gp__client_forward_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    (void)reply;
    begin_envelope(client);
}

/* XCLIENT decides what the other side does: it greets anew, and forgets who logged in. */
void gp__client_xclient_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    if (reply->code != 220) {
        gp__client_refused(client, "the server refused XCLIENT");
        return;
    }
    client->resuming = true;
    client->authenticated = false;
    gp__client_hello(client);
}

void gp__smtp_client_send(struct gp__smtp_client *client, const struct gp__smtp_client_mail *mail)
{
    struct gp__reply refusal;

    if (client->state != GP__CLIENT_READY)
        return;
    plan(client, mail);
    refusal = judge(client, mail);
    if (refusal.code)
        gp__client_decide(client, GP__STAGE_LOCAL, true, &refusal);
    if (refusal.code || client->outgoing.n_order == 0) {
        finish(client, false);
        return;
    }
    if (!tell_whose(client, mail))
        begin_envelope(client);
}

/* ---- the envelope is answered ---- */

static void rcpt_answered(struct gp__smtp_client *client, size_t place,
                          const struct gp__reply *reply)
{
    struct gp__outgoing *outgoing = &client->outgoing;

    if (outgoing->mail_refused) /* a 503 that says nothing new */
        return;
    outgoing->taken[place] = reply->code / 100 == 2;
    outgoing->n_taken += outgoing->taken[place];
    if (!outgoing->taken[place] || outgoing->mail->probe)
        set_outcome(outgoing, outgoing->order[place], GP__STAGE_RCPT, false, reply);
}

/* The group is answered: what is next? */
static void envelope_done(struct gp__smtp_client *client)
{
    struct gp__outgoing *outgoing = &client->outgoing;

    if (outgoing->mail->probe) {
        finish(client, !outgoing->mail_refused);
    } else if (outgoing->n_taken > 0 && (outgoing->go || outgoing->bdat)) {
        gp__client_enter(client, GP__CLIENT_CONTENT);
    } else if (outgoing->go) { /* to nobody, but the server waits for it (RFC 2920 3.1) */
        gp__client_write(client, GP_S(".\r\n"));
        gp__client_enter(client, GP__CLIENT_DISCARD);
    } else {
        finish(client, !outgoing->mail_refused);
    }
}

void gp__client_envelope_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    struct gp__outgoing *outgoing = &client->outgoing;
    size_t n = outgoing->answered++;

    if (n >= outgoing->sent ||
        (reply->code < 400 && reply->code / 100 != (n > outgoing->n_order ? 3 : 2))) {
        gp__client_lose(client, "the server's reply makes no sense here");
        return;
    }
    if (n == 0 && reply->code >= 400) {
        outgoing->mail_refused = true;
        gp__client_decide(client, GP__STAGE_MAIL, false, reply);
    } else if (n > 0 && n <= outgoing->n_order) {
        rcpt_answered(client, n - 1, reply);
    } else if (n > outgoing->n_order) {
        outgoing->go = reply->code < 400;
        if (!outgoing->go)
            gp__client_decide(client, GP__STAGE_DATA, false, reply);
    }
    go_on(client);
    if (outgoing->answered == outgoing->sent)
        envelope_done(client);
}

void gp__client_discard_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    (void)reply; /* of a message to nobody */
    finish(client, false);
}

/* ---- the message ---- */

bool gp__client_wants_content(const struct gp__smtp_client *client)
{
    const struct gp__outgoing *outgoing = &client->outgoing;

    return !outgoing->bdat || gp__client_pipelines(client) ||
           outgoing->chunks == outgoing->chunks_answered;
}

static void write_chunk(struct gp__smtp_client *client, bool last)
{
    char head[40], *to = head;

    memcpy(to, "BDAT ", 5);
    to = gp__put_decimal(to + 5, client->chunk.len, 0);
    gp__client_write(client, gp_slice(head, (size_t)(to - head)));
    gp__client_write(client, last ? GP_S(" LAST\r\n") : GP_S("\r\n"));
    gp__client_write(client, gp__buf_slice(&client->chunk));
    gp__buf_clear(&client->chunk);
    client->outgoing.chunks++;
}

void gp__smtp_client_content(struct gp__smtp_client *client, struct gp_slice bytes, bool last)
{
    struct gp__outgoing *outgoing = &client->outgoing;
    struct gp__buf *to = outgoing->bdat ? &client->chunk : &client->out;

    if (client->state != GP__CLIENT_CONTENT)
        return;
    if (gp__content_out(&outgoing->content, bytes, to) < 0 ||
        (last && gp__content_out_end(&outgoing->content, to) < 0)) {
        gp__client_lose(client, "out of memory");
        return;
    }
    client->mark = client->now;
    if (outgoing->bdat && (last || client->chunk.len))
        write_chunk(client, last);
    else if (last)
        gp__client_write(client, GP_S(".\r\n"));
    if (last)
        gp__client_enter(client, GP__CLIENT_FINAL);
}

/* A chunk that is refused ends the mail. Chunks that are under way would be answered, too, and
 * servers do not agree how often: so the connection is given up, unless there are none. */
static void chunk_refused(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    gp__client_decide(client, GP__STAGE_END, false, reply);
    if (client->outgoing.chunks > client->outgoing.chunks_answered)
        gp__client_lose(client, "the server refused a part of the message");
    else
        finish(client, true);
}

static void chunk_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    client->outgoing.chunks_answered++;
    if (reply->code / 100 == 3) /* it would be the outcome, and told as such */
        gp__client_lose(client, "the server's reply makes no sense here");
    else if (reply->code / 100 != 2)
        chunk_refused(client, reply);
}

/* While the message is being sent: an answer to a chunk, or a server that has seen enough. */
void gp__client_content_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    struct gp__outgoing *outgoing = &client->outgoing;

    if (outgoing->bdat && outgoing->chunks_answered < outgoing->chunks) {
        chunk_answered(client, reply);
        return;
    }
    if (reply->code >= 400)
        gp__client_decide(client, GP__STAGE_END, false, reply);
    gp__client_lose(client, "the server answered before the end of the message");
}

/* LMTP: the reply of the next recipient that was taken; whether it was the last. */
static bool take_final(struct gp__outgoing *outgoing, const struct gp__reply *reply)
{
    while (!outgoing->taken[outgoing->final_place])
        outgoing->final_place++;
    set_outcome(outgoing, outgoing->order[outgoing->final_place++], GP__STAGE_END, false, reply);
    return ++outgoing->finals == outgoing->n_taken;
}

void gp__client_final_answered(struct gp__smtp_client *client, const struct gp__reply *reply)
{
    struct gp__outgoing *outgoing = &client->outgoing;

    if (outgoing->bdat && outgoing->chunks_answered + 1 < outgoing->chunks) {
        chunk_answered(client, reply);
        return;
    }
    if (reply->code / 100 == 3) {
        gp__client_lose(client, "the server's reply makes no sense here");
    } else if (!gp__client_is_lmtp(client)) {
        gp__client_decide(client, GP__STAGE_END, false, reply);
        finish(client, false);
    } else if (take_final(outgoing, reply)) {
        finish(client, false);
    }
}

// SPDX-License-Identifier: Apache-2.0
// The engine under random input, random splits and random answers. The first eight bytes choose settings and seed
// the rest; what follows is what the client sends. Asserts that output is nothing but reply lines, that each
// transaction ends exactly once, that what the host gets is canonical, that nothing said before TLS lives on in it,
// and that nothing comes after the end.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/ascii.h"
#include "core/runtime/crypto.h"
#include "core/smtp/server.h"

#define SEED_BYTES 8
#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #what);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct host {
    struct gp__smtp_settings settings;
    struct gp_session *session;
    struct gp__smtp *smtp;
    struct gp_transaction *open; /* a reference, while it is under way */
    uint64_t seed, now, fed;
    enum gp__smtp_ask ask;
    size_t message_bytes;
    char last; /* of the message */
    bool asked, closed, drained, handshaking;
};

static void same_bytes(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 'N', len);
}

static const struct gp__crypto crypto = {
    .hash = gp__digest_hash, .hmac = gp__digest_hmac, .random = same_bytes};

static const char secret[] =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

static unsigned dice(struct host *host, unsigned sides)
{
    host->seed = host->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(host->seed >> 33) % sides;
}

/* ---- what the client sees ---- */

static void check_line(struct gp_slice line)
{
    CHECK(line.len >= 3 && line.len <= 510);
    CHECK(line.data[0] >= '2' && line.data[0] <= '5' && gp__is_digit(line.data[1]) &&
          gp__is_digit(line.data[2]));
    CHECK(line.len == 3 || line.data[3] == ' ' || line.data[3] == '-');
    for (size_t i = 0; i < line.len; i++)
        CHECK(!gp__is_control(line.data[i]));
    if (line.len > 6 && gp__is_digit(line.data[4]) && line.data[5] == '.' &&
        gp__is_digit(line.data[6]))
        CHECK(line.data[4] == line.data[0]);
}

static void check_output(struct host *host)
{
    struct gp_slice rest = gp__buf_slice(gp__smtp_output(host->smtp)), code = gp_slice(NULL, 0);

    while (rest.len) {
        size_t end = gp_slice_search(rest, GP_S("\r\n"));
        struct gp_slice line = gp_slice_sub(rest, 0, end);

        CHECK(end < rest.len);
        check_line(line);
        CHECK(!gp_slice_present(code) || gp_slice_starts(line, code));
        code = line.len > 3 && line.data[3] == '-' ? gp_slice_sub(line, 0, 3) : gp_slice(NULL, 0);
        rest = gp_slice_sub(rest, end + 2, rest.len);
    }
    CHECK(!gp_slice_present(code));
    gp__buf_consume(gp__smtp_output(host->smtp), gp__smtp_output(host->smtp)->len);
}

/* ---- the host ---- */

static struct gp__reply some_reply(struct host *host)
{
    static const struct gp__reply replies[] = {
        GP__REPLY_INIT(250, 2, 0, 0, "fine"),       GP__REPLY_INIT(250, 0, 0, 0, "one\r\ntwo"),
        GP__REPLY_INIT(450, 4, 7, 1, "later"),      GP__REPLY_INIT(550, 5, 7, 1, "never"),
        GP__REPLY_INIT(421, 4, 7, 0, "bye"),        GP__REPLY_INIT(550, 2, 0, 0, "wrong class"),
        GP__REPLY_INIT(550, 5, 0, 0, "bare \n LF"), GP__REPLY_INIT(354, 0, 0, 0, "go"),
        GP__REPLY_INIT(550, 5, 1, 1, "\xc3\xbc"),   GP__REPLY_INIT(199, 1, 1, 1, ""),
    };

    return replies[dice(host, sizeof replies / sizeof replies[0])];
}

static void answer(struct host *host)
{
    struct gp__reply replies[3];
    struct gp__answer what = {.decision = GP__PROCEED};

    if (dice(host, 5) == 0)
        what.decision = dice(host, 8) == 0 ? GP__DISCONNECT : GP__REFUSE;
    if (what.decision != GP__PROCEED || dice(host, 6) == 0)
        what.reply = some_reply(host);
    if (host->ask == GP__ASK_MESSAGE && dice(host, 2)) {
        for (what.n_replies = 0; what.n_replies < dice(host, 4) && what.n_replies < 3;)
            replies[what.n_replies++] = some_reply(host);
        what.replies = replies;
    }
    if (host->ask == GP__ASK_AUTH) {
        what.found = dice(host, 2);
        what.value = dice(host, 2) ? GP_S("user") : gp_slice_of(secret);
    }
    host->asked = false;
    if (host->ask == GP__ASK_MESSAGE)
        gp__transaction_unref(&host->open);
    gp__smtp_answer(host->smtp, &what);
    CHECK(gp__smtp_answer(host->smtp, &what) < 0);
}

static void check_path(struct gp_slice address)
{
    CHECK(address.len <= 254);
    for (size_t i = 0; i < address.len; i++)
        CHECK(!gp__is_control(address.data[i]));
}

static void renew(struct host *host)
{
    struct gp_session *session = gp__session_create("0123456789abcdef");

    session->tls_version = host->session->tls_version;
    gp__smtp_renew(host->smtp, session);
    CHECK(host->session->refs == 1 && session->may_xclient);
    gp__session_unref(&host->session);
    host->session = session;
}

static void on_ask(struct host *host, const struct gp__smtp_event *event)
{
    host->ask = event->ask;
    host->asked = true;
    switch (event->ask) {
    case GP__ASK_MAIL:
        CHECK(!host->open && event->transaction);
        host->open = gp__transaction_ref(event->transaction);
        check_path(event->transaction->mail.from.text);
        break;
    case GP__ASK_RCPT:
        CHECK(host->open && event->rcpt && event->transaction == host->open);
        CHECK(event->rcpt->to.text.len > 0);
        check_path(event->rcpt->to.text);
        break;
    case GP__ASK_DATA:
        CHECK(host->open && host->open->accepted > 0);
        host->message_bytes = 0;
        host->last = '\n';
        host->drained = false;
        break;
    case GP__ASK_MESSAGE:
        CHECK(host->open && host->open->accepted > 0);
        if (!host->drained && host->open->mail.body != GP__BODY_BINARYMIME)
            CHECK(host->last != '\r');
        break;
    case GP__ASK_CAPABILITIES:
        if (dice(host, 4) == 0)
            gp__buf_append(event->lines, GP_S("X-A b\n\nbad\x01line\n"));
        break;
    case GP__ASK_COMMAND:
    case GP__ASK_VRFY:
    case GP__ASK_EXPN:
        CHECK(event->verb.len > 0);
        break;
    case GP__ASK_AUTH:
    case GP__ASK_LOGIN:
    case GP__ASK_AUTH_FAILED:
        CHECK(!host->open && event->sasl);
        break;
    case GP__ASK_CONNECT:
    case GP__ASK_HELO:
        CHECK(!host->open);
        break;
    case GP__ASK_STARTTLS:
        CHECK(!gp_slice_present(host->session->tls_version));
        break;
    case GP__ASK_TLS:
        CHECK(!host->open && gp_slice_present(host->session->tls_version));
        CHECK(!gp_slice_present(gp__session_helo(host->session)) || host->session->xclient);
        break;
    case GP__ASK_XLOGIN:
    case GP__ASK_XCLIENT:
        CHECK(!host->open && host->session->may_xclient);
        if (dice(host, 2))
            renew(host);
        break;
    case GP__ASK_COUNT:
        abort();
    }
}

static void on_data(struct host *host, struct gp_slice data)
{
    CHECK(host->open && !host->drained && data.len > 0);
    host->message_bytes += data.len;
    CHECK(host->message_bytes <= host->settings.limits.message_size);
    for (size_t i = 0; host->open->mail.body != GP__BODY_BINARYMIME && i < data.len; i++) {
        char before = i ? data.data[i - 1] : host->last;

        CHECK(data.data[i] != '\0');
        CHECK((before == '\r') == (data.data[i] == '\n'));
    }
    host->last = data.data[data.len - 1];
    if (dice(host, 20) == 0) {
        gp__smtp_drain(host->smtp);
        host->drained = true;
    }
}

static void on_reset(struct host *host, struct gp__smtp_event *event)
{
    CHECK(event->transaction == host->open && event->reset != GP__RESET_NONE);
    CHECK(host->session->transaction == NULL && event->transaction->detached);
    gp__transaction_unref(&event->transaction);
    gp__transaction_unref(&host->open);
}

static void on_starttls(struct host *host)
{
    CHECK(!host->handshaking && !host->open && !host->session->helo_seen);
    CHECK(gp__smtp_pending(host->smtp) == 0);
    host->handshaking = true;
}

static void crank(struct host *host)
{
    struct gp__smtp_event event;

    while ((event = gp__smtp_step(host->smtp, host->now)).type != GP__SMTP_INPUT) {
        CHECK(!host->closed);
        if (event.type == GP__SMTP_ASK) {
            on_ask(host, &event);
            if (dice(host, 10))
                answer(host);
        } else if (event.type == GP__SMTP_DATA) {
            on_data(host, event.data);
        } else if (event.type == GP__SMTP_RESET) {
            on_reset(host, &event);
            if (gp__smtp_deadline(host->smtp) != 0)
                host->asked = false;
        } else if (event.type == GP__SMTP_STARTTLS) {
            on_starttls(host);
        } else {
            host->closed = true;
            host->asked = false;
        }
    }
    CHECK(!host->asked || gp__smtp_deadline(host->smtp) == UINT64_MAX);
    gp__smtp_settle(host->smtp);
    CHECK(gp__smtp_pending(host->smtp) <= host->fed);
    check_output(host);
    if (dice(host, 4) == 0)
        gp__smtp_trim(host->smtp);
}

/* ---- the run ---- */

static void choose_settings(struct host *host, const uint8_t *data)
{
    struct gp__limits *limits = &host->settings.limits;

    memcpy(&host->seed, data, SEED_BYTES);
    gp__limits_default(limits);
    host->settings.hostname = GP_S("mx.example");
    host->settings.extensions = GP__EXT_DEFAULT | (data[0] & 1 ? GP__EXT_VRFY | GP__EXT_EXPN : 0);
    host->settings.protocol = data[0] & 2 ? GP__PROTOCOL_LMTP : GP__PROTOCOL_SMTP;
    host->settings.line_endings = (enum gp__line_endings)((data[0] >> 2) % 3);
    host->settings.pipelining = data[0] & 16 ? GP__PIPELINING_ENFORCE : GP__PIPELINING_NOTE;
    host->settings.starttls = (enum gp__starttls)(data[1] % 3);
    if (data[0] & 32) {
        limits->message_size = 64;
        limits->drain = 128;
        limits->text_line = 20;
        limits->command_line = 64;
        limits->recipients = 2;
        limits->chunks = 3;
    }
    if (data[1] & 64) {
        host->settings.auth = (struct gp__auth_offer){.mechanisms = (1u << GP__SASL_COUNT) - 1,
                                                      .plaintext = data[2] & 1,
                                                      .required = data[2] & 2,
                                                      .crypto = &crypto};
        limits->auth_line = 1024;
        limits->auth_failures = data[2] & 4 ? 1000 : 2;
    }
    limits->errors = data[0] & 64 ? 1000 : 20;
    limits->unknown_commands = 1000;
}

static void send_some(struct host *host, struct gp_slice *rest)
{
    size_t n = dice(host, 3) ? dice(host, 60) + 1 : dice(host, 3) ? 1 : rest->len;
    struct gp_slice part = gp_slice_sub(*rest, 0, n);
    char *copy = malloc(part.len ? part.len : 1); /* of its own size, and gone afterwards */

    CHECK(copy);
    memcpy(copy, part.data, part.len);
    *rest = gp_slice_sub(*rest, part.len, rest->len);
    if (!host->closed && !host->handshaking) /* then it is dropped */
        host->fed += part.len;
    gp__smtp_feed(host->smtp, gp_slice(copy, part.len));
    crank(host);
    free(copy);
    if (host->asked && dice(host, 3)) {
        answer(host);
        crank(host);
    }
    if (host->handshaking && dice(host, 2)) {
        host->handshaking = false;
        host->session->tls_version = GP_S("TLSv1.3");
        gp__smtp_secured(host->smtp);
        crank(host);
    }
    if (dice(host, 500) == 0)
        host->now += 400000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host = {.now = 1};
    struct gp_slice rest;

    if (size < SEED_BYTES)
        return 0;
    choose_settings(&host, data);
    rest = gp_slice((const char *)data + SEED_BYTES, size - SEED_BYTES);
    host.session = gp__session_create("0123456789abcdef");
    host.session->may_xclient = data[1] & 64;
    host.session->may_xforward = data[1] & 128;
    if (data[1] % 16 == 15)
        host.session->tls_version = GP_S("TLSv1.3");
    host.smtp = gp__smtp_create(&host.settings, host.session, 0);
    if (dice(&host, 10))
        crank(&host);
    while (rest.len)
        send_some(&host, &rest);
    CHECK(host.closed || gp__smtp_counts(host.smtp)->bytes_in == host.fed);
    if (dice(&host, 2)) {
        gp__smtp_abort(host.smtp, NULL);
        crank(&host);
        CHECK(host.closed && !host.open);
        crank(&host);
    }
    gp__transaction_unref(&host.open);
    gp__smtp_free(&host.smtp);
    CHECK(host.session->refs == 1 && !host.session->transaction);
    gp__session_unref(&host.session);
    return 0;
}

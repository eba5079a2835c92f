// SPDX-License-Identifier: Apache-2.0
// The engine as a milter, under random packets, random splits and random answers: what it writes is packets, each
// transaction ends exactly once, fields that reach the message are fields, and nothing comes after the end.
#include <stdlib.h>
#include <string.h>

#include "core/smtp/macros.h"
#include "core/smtp/milter.h"
#include "core/smtp/milter_internal.h"

struct host {
    struct gp__smtp_settings settings;
    struct gp_session *session;
    struct gp__smtp *smtp;
    struct gp_transaction *open; /* a reference, while it is under way */
    uint64_t seed;
    bool closed;
};

static void check(bool good)
{
    if (!good)
        abort();
}

static unsigned dice(struct host *host, unsigned sides)
{
    host->seed = host->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(host->seed >> 33) % sides;
}

static void check_output(struct host *host)
{
    struct gp__buf *out = gp__smtp_output(host->smtp);
    struct gp_slice input = gp__buf_slice(out), rest;
    char letter;

    while (input.len > 0) {
        check(gp__milter_packet(input, &letter, &rest) == 1);
        check(strchr("Ocydtihmbe+-q", letter) != NULL);
        input = gp_slice_sub(input, rest.len + 5, input.len);
    }
    gp__buf_clear(out);
}

static void change(struct host *host)
{
    gp__milter_header_insert(host->smtp, dice(host, 5), GP_S("A"), GP_S(" b\r\n c"));
    gp__milter_header_change(host->smtp, 1, GP_S("B"), GP_S(""));
    gp__milter_body(host->smtp, GP_S("body\r\n"));
    gp__milter_rcpt_delete(host->smtp, GP_S("a@b.example"));
    gp__milter_quarantine(host->smtp, GP_S("why"));
    if (dice(host, 2))
        gp__milter_discard(host->smtp);
}

static void drop(struct host *host)
{
    if (host->open)
        gp__transaction_unref(&host->open);
}

static void answer(struct host *host, const struct gp__smtp_event *event)
{
    struct gp__answer said = {
        .decision = (enum gp__decision)(dice(host, 8) < 6 ? 0 : dice(host, 3))};

    if (event->ask == GP__ASK_MAIL) {
        drop(host);
        host->open = gp__transaction_ref(event->transaction);
    }
    if (said.decision)
        said.reply = dice(host, 2) ? GP__REPLY(550, 5, 7, 1, "one\r\n100% two")
                                   : GP__REPLY(421, 0, 0, 0, "bye");
    if (event->ask == GP__ASK_MESSAGE && dice(host, 2))
        change(host);
    check(gp__smtp_answer(host->smtp, &said) == 0);
}

static void turn(struct host *host)
{
    struct gp__smtp_event event;

    while ((event = gp__smtp_step(host->smtp, 1000)).type != GP__SMTP_INPUT) {
        check(!host->closed);
        switch (event.type) {
        case GP__SMTP_ASK:
            answer(host, &event);
            break;
        case GP__SMTP_RESET:
            check(event.transaction == host->open);
            gp__transaction_unref(&event.transaction);
            drop(host);
            break;
        case GP__SMTP_DATA:
            check(event.data.len > 0 && host->session->transaction);
            if (dice(host, 50) == 0)
                gp__smtp_drain(host->smtp);
            break;
        case GP__SMTP_CLOSE:
            host->closed = true;
            break;
        default:
            break;
        }
    }
    gp__smtp_settle(host->smtp);
    check_output(host);
}

static void check_field(struct gp_slice rest)
{
    struct gp__buf out = {.limit = 0};

    if (gp__milter_field(&out, rest, rest.len % 2) == 0) {
        struct gp_slice field = gp__buf_slice(&out);

        check(gp_slice_ends(field, GP_S("\r\n")));
        for (size_t i = 0; i < field.len; i++) {
            if (field.data[i] == '\n')
                check(i > 0 && field.data[i - 1] == '\r');
            if (field.data[i] == '\r')
                check(
                    field.data[i + 1] == '\n' &&
                    (i + 2 == field.len || field.data[i + 2] == ' ' || field.data[i + 2] == '\t'));
        }
    }
    gp__buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host = {.seed = size};
    struct gp_slice rest = gp_slice((const char *)data, size);

    check_field(rest);
    host.settings = (struct gp__smtp_settings){.protocol = GP__PROTOCOL_MILTER,
                                               .hostname = GP_S("mx.example"),
                                               .extensions = GP__EXT_DEFAULT};
    gp__limits_default(&host.settings.limits);
    host.session = gp__session_create("0123456789abcdef");
    host.session->hostname = host.settings.hostname;
    host.smtp = gp__smtp_create(&host.settings, host.session, 1000);
    for (size_t i = 0; i < 8 && i < size; i++)
        host.seed = host.seed << 8 | data[i];
    while (rest.len > 0) {
        size_t n = dice(&host, 4) ? rest.len : 1 + dice(&host, 40);

        gp__smtp_feed(host.smtp, gp_slice_sub(rest, 0, n));
        turn(&host);
        rest = gp_slice_sub(rest, n, rest.len);
    }
    (void)gp__macros_get(host.session->macros, GP_S("i"));
    gp__smtp_abort(host.smtp, NULL);
    turn(&host);
    check(host.closed);
    drop(&host);
    gp__smtp_free(&host.smtp);
    check(host.session->refs == 1);
    gp__session_unref(&host.session);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/tls_report_mail.h"

#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/base/date.h"
#include "core/smtp/address.h"

#define LINE 76u
#define DAY_S 86400
#define BOUNDARY "=_gatepost_tlsrpt"

/* ---- to whom ---- */

/* %XX (RFC 3986 2.1); absent: there is a % without digits. */
static struct gp_slice decoded(struct gp__arena *arena, struct gp_slice text)
{
    char *out = gp__arena_bytes(arena, text.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        int high, low;

        out[n++] = text.data[i];
        if (text.data[i] != '%')
            continue;
        high = i + 2 < text.len ? gp__hex_value(text.data[i + 1]) : -1;
        low = i + 2 < text.len ? gp__hex_value(text.data[i + 2]) : -1;
        if (high < 0 || low < 0)
            return gp_slice(NULL, 0);
        out[n - 1] = (char)(high << 4 | low);
        i += 2;
    }
    return gp_slice(out, n);
}

struct gp_slice gp__report_mailbox(struct gp__arena *arena, struct gp_slice uri)
{
    struct gp_slice text = gp_slice_sub(uri, strlen("mailto:"), uri.len);
    struct gp__address address;

    if (!gp_slice_starts(uri, GP_S("mailto:")))
        return gp_slice(NULL, 0);
    text = decoded(arena, gp_slice_sub(text, 0, gp_slice_find(text, '?')));
    if (!gp_slice_present(text) || gp__mailbox_parse(arena, text, 0, &address) != GP__ADDRESS_OK)
        return gp_slice(NULL, 0);
    return address.text;
}

/* ---- the message ---- */

static void write_header(struct gp__buf *out, const struct gp__report_mail *mail)
{
    const struct gp__report *report = mail->report;
    char date[48];

    gp__buf_printf(out, "Date: " GP_FMT "\r\n",
                   GP_ARG(gp__date_rfc5322(mail->now_ms / 1000, date)));
    gp__buf_printf(out, "From: <" GP_FMT ">\r\nTo: ", GP_ARG(report->contact));
    for (size_t i = 0; i < mail->n_to; i++)
        gp__buf_printf(out, "%s<" GP_FMT ">", i ? ",\r\n\t" : "", GP_ARG(mail->to[i]));
    gp__buf_printf(out,
                   "\r\nSubject: Report Domain: " GP_FMT "\r\n Submitter: " GP_FMT
                   "\r\n Report-ID: <" GP_FMT "." GP_FMT "@" GP_FMT ">\r\n",
                   GP_ARG(report->domain), GP_ARG(mail->submitter), GP_ARG(report->day),
                   GP_ARG(report->domain), GP_ARG(mail->submitter));
    gp__buf_printf(out,
                   "Message-ID: <" GP_FMT "@" GP_FMT ">\r\nTLS-Report-Domain: " GP_FMT
                   "\r\nTLS-Report-Submitter: " GP_FMT "\r\n",
                   GP_ARG(mail->id), GP_ARG(mail->submitter), GP_ARG(report->domain),
                   GP_ARG(mail->submitter));
    gp__buf_append(out, GP_S("TLS-Required: No\r\nAuto-Submitted: auto-generated\r\n"
                             "MIME-Version: 1.0\r\n"
                             "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
                             "\tboundary=\"" BOUNDARY "\"\r\n\r\n"));
}

static void write_text(struct gp__buf *out, const struct gp__report *report)
{
    gp__buf_printf(out,
                   "--" BOUNDARY "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
                   "This is a report (RFC 8460) of how sessions with the mail hosts of\r\n" GP_FMT
                   "\r\nwere protected by TLS on " GP_FMT " (UTC). It was asked for by the TXT\r\n"
                   "record of _smtp._tls there. Questions: " GP_FMT "\r\n\r\n",
                   GP_ARG(report->domain), GP_ARG(report->day), GP_ARG(report->contact));
}

/* RFC 8460 5.1 prescribes the file's name. */
static void write_report(struct gp__arena *arena, const struct gp__report_mail *mail,
                         struct gp__buf *out)
{
    struct gp_slice coded = gp__base64_encode(arena, mail->gzip);
    long long start = (long long)(mail->start_ms / 1000);

    gp__buf_printf(out,
                   "--" BOUNDARY "\r\nContent-Type: application/tlsrpt+gzip\r\n"
                   "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
                   "\tfilename=\"" GP_FMT "!" GP_FMT "!%lld!%lld.json.gz\"\r\n\r\n",
                   GP_ARG(mail->submitter), GP_ARG(mail->report->domain), start, start + DAY_S - 1);
    for (size_t i = 0; i < coded.len; i += LINE) {
        gp__buf_append(out, gp_slice_sub(coded, i, LINE));
        gp__buf_append(out, GP_S("\r\n"));
    }
}

int gp__report_mail_write(struct gp__arena *arena, const struct gp__report_mail *mail,
                          struct gp__buf *out)
{
    write_header(out, mail);
    write_text(out, mail->report);
    write_report(arena, mail, out);
    return gp__buf_append(out, GP_S("\r\n--" BOUNDARY "--\r\n"));
}

/* ---- the entry ---- */

static struct gp__entry_copy *make_copy(struct gp__arena *arena, const struct gp__report_mail *mail,
                                        size_t size)
{
    struct gp__entry_copy *copy = GP__ARENA_NEW(arena, struct gp__entry_copy);
    struct gp__entry_piece *piece = GP__ARENA_NEW(arena, struct gp__entry_piece);

    piece->len = size;
    *copy = (struct gp__entry_copy){.id = gp__arena_printf(arena, GP_FMT ".a", GP_ARG(mail->id)),
                                    .sender = mail->report->contact,
                                    .pieces = piece,
                                    .n_pieces = 1,
                                    .size = size};
    return copy;
}

const struct gp__entry *gp__report_entry(struct gp__arena *arena,
                                         const struct gp__report_mail *mail, struct gp_slice bytes)
{
    struct gp__entry *entry = GP__ARENA_NEW(arena, struct gp__entry);
    struct gp__entry_recipient *recipients = GP__ARENA_ARRAY(arena, struct gp__entry_recipient,
                                                             mail->n_to);

    for (size_t i = 0; i < mail->n_to; i++)
        recipients[i] = (struct gp__entry_recipient){
            .address = mail->to[i], .given = mail->to[i], .notify = GP_S("NEVER"), .relay = true};
    *entry = (struct gp__entry){.id = mail->id,
                                .received_ms = mail->now_ms,
                                .sender_given = mail->report->contact,
                                .bounce = GP__BOUNCE_NEVER,
                                .base = bytes,
                                .base_size = bytes.len,
                                .copies = make_copy(arena, mail, bytes.len),
                                .n_copies = 1,
                                .recipients = recipients,
                                .n_recipients = mail->n_to};
    return entry;
}

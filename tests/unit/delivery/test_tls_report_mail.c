// SPDX-License-Identifier: Apache-2.0
/* A report of TLS as a mail (RFC 8460 5.3): its fields, its parts, and what the spool keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/codec.h"
#include "core/delivery/tls_report_mail.h"

static const struct gp__report report = {.organization = GP_S("Example"),
                                         .contact = GP_S("tls@example.net"),
                                         .domain = GP_S("far.example"),
                                         .day = GP_S("2026-11-27")};
static const struct gp_slice to[] = {GP_S("a@far.example"), GP_S("b@far.example")};
static const struct gp__report_mail mail = {
    .report = &report,
    .submitter = GP_S("mx.example.net"),
    .gzip = GP_S("these are more bytes than stand in one line of base64, which is of 76 letters"),
    .id = GP_S("1kdvdna006shr19x"),
    .now_ms = INT64_C(1795910400000),
    .start_ms = INT64_C(1795737600000),
    .to = to,
    .n_to = 2,
};

static const char expected[] =
    "Date: Sun, 29 Nov 2026 00:00:00 +0000\r\n"
    "From: <tls@example.net>\r\n"
    "To: <a@far.example>,\r\n\t<b@far.example>\r\n"
    "Subject: Report Domain: far.example\r\n"
    " Submitter: mx.example.net\r\n"
    " Report-ID: <2026-11-27.far.example@mx.example.net>\r\n"
    "Message-ID: <1kdvdna006shr19x@mx.example.net>\r\n"
    "TLS-Report-Domain: far.example\r\n"
    "TLS-Report-Submitter: mx.example.net\r\n"
    "TLS-Required: No\r\n"
    "Auto-Submitted: auto-generated\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
    "\tboundary=\"=_gatepost_tlsrpt\"\r\n"
    "\r\n"
    "--=_gatepost_tlsrpt\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "This is a report (RFC 8460) of how sessions with the mail hosts of\r\n"
    "far.example\r\n"
    "were protected by TLS on 2026-11-27 (UTC). It was asked for by the TXT\r\n"
    "record of _smtp._tls there. Questions: tls@example.net\r\n"
    "\r\n"
    "--=_gatepost_tlsrpt\r\n"
    "Content-Type: application/tlsrpt+gzip\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "Content-Disposition: attachment;\r\n"
    "\tfilename=\"mx.example.net!far.example!1795737600!1795823999.json.gz\"\r\n"
    "\r\n"
    "dGhlc2UgYXJlIG1vcmUgYnl0ZXMgdGhhbiBzdGFuZCBpbiBvbmUgbGluZSBvZiBiYXNlNjQsIHdo\r\n"
    "aWNoIGlzIG9mIDc2IGxldHRlcnM=\r\n"
    "\r\n"
    "--=_gatepost_tlsrpt--\r\n";

static void message(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__buf out = {.limit = 0};

    (void)state;
    assert_int_equal(gp__report_mail_write(arena, &mail, &out), 0);
    if (!gp_slice_eq(gp__buf_slice(&out), gp_slice_of(expected)))
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&out)));
    gp__buf_free(&out);
    out.limit = 100;
    assert_int_equal(gp__report_mail_write(arena, &mail, &out), -1);
    gp__buf_free(&out);
    gp__arena_free(&arena);
}

/* It can be written and read; its sender is told of nothing, and it may be relayed. */
static void entry(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    const struct gp__entry *kept = gp__report_entry(arena, &mail, gp_slice_of(expected));
    struct gp__buf head = {.limit = 0};
    struct gp__entry back;

    (void)state;
    assert_true(gp__entry_fits(kept));
    assert_int_equal(gp__entry_write(kept, &head), 0);
    assert_int_equal(gp__entry_read(&back, arena, gp__buf_slice(&head)), 0);
    assert_int_equal(back.base_size, sizeof expected - 1);
    assert_int_equal(back.bounce, GP__BOUNCE_NEVER);
    assert_true(gp_slice_eq(back.copies[0].sender, GP_S("tls@example.net")));
    assert_int_equal(back.n_recipients, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(gp_slice_eq(back.recipients[i].address, to[i]));
        assert_true(back.recipients[i].relay);
        assert_false(gp_slice_present(back.recipients[i].route));
        assert_true(gp_slice_eq(back.recipients[i].notify, GP_S("NEVER")));
    }
    gp__buf_free(&head);
    gp__arena_free(&arena);
}

static void mailboxes(void **state)
{
    static const struct {
        const char *uri, *address;
    } rows[] = {
        {"mailto:a@far.example", "a@far.example"},
        {"mailto:a%40far.example", "a@far.example"},
        {"mailto:a%2Bb@far.example?subject=x", "a+b@far.example"},
        {"mailto:\"a b\"@far.example", "\"a b\"@far.example"},
        {"mailto:%22a%21b%22@far.example", "a!b@far.example"},
        {"mailto:", NULL},
        {"mailto:?to=a@far.example", NULL},
        {"mailto:a", NULL},
        {"mailto:a@far.example%", NULL},
        {"mailto:a@far.example%4", NULL},
        {"mailto:a%zz@far.example", NULL},
        {"mailto:a@far.example%0d%0aBcc:%20b@c.example", NULL},
        {"mailto:a%00@far.example", NULL},
        {"mailto:a@b.example,c@d.example", NULL},
        {"mailto:<a@far.example>", NULL},
        {"https://far.example/", NULL},
    };
    struct gp__arena *arena = gp__arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp_slice address = gp__report_mailbox(arena, gp_slice_of(rows[i].uri));

        if (gp_slice_present(address) != (rows[i].address != NULL) ||
            (rows[i].address && !gp_slice_eq(address, gp_slice_of(rows[i].address))))
            fail_msg("%s: " GP_FMT, rows[i].uri, GP_ARG(address));
    }
    gp__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message),
        cmocka_unit_test(entry),
        cmocka_unit_test(mailboxes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* The kit tests plugins; this tests the kit: what holds passes, and every kind of expectation fails
 * when what it says is not so. */
#include "core/base/arena.h"
#include "core/message/content.h"
#include "sdk/kit/run.h"

#include "gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct gp__kit_totals run(const char *text, struct gp__buf *out, bool verbose)
{
    struct gp__kit_options options = {.descriptor = gate_descriptor, .verbose = verbose};
    struct gp__kit_totals totals = {0};

    gp__kit_run_text(&options, GP_S("t.scenario"), gp_slice_of(text), out, &totals);
    return totals;
}

static void dump(struct gp__buf *out)
{
    fprintf(stderr, GP_FMT "\n", GP_ARG(gp__buf_slice(out)));
}

static bool has(struct gp__buf *out, const char *part)
{
    struct gp_slice all = gp__buf_slice(out);

    return gp_slice_search(all, gp_slice_of(part)) < all.len;
}

/* ---- what holds ---- */

#define HEAD                                                                                       \
    "chain:\n"                                                                                     \
    "  - gate: {zone: bl.example.org}\n"                                                           \
    "given dns 2.0.0.127.bl.example.org A 127.0.0.2\n"

#define MAIL                                                                                       \
    "when connect\n"                                                                               \
    "when helo mx.example.com\n"                                                                   \
    "when mail <a@example.com>\n"                                                                  \
    "when rcpt <b@example.test>\n"                                                                 \
    "when rcpt <c@example.test>\n"

#define DATA                                                                                       \
    "when data <<END\n"                                                                            \
    "Subject: x\n"                                                                                 \
    "\n"                                                                                           \
    "body\n"                                                                                       \
    ".dot\n"                                                                                       \
    "END\n"

static const char *const holding[] = {
    /* The usual message. */
    HEAD "scenario \"clean\"\n" MAIL DATA "expect accept 250 2.0.0 /^2.0.0 Ok: /\n"
         "expect delivered b@example.test\n"
         "expect delivered C@example.test\n"
         "expect not held spam b@example.test\n"
         "expect not dropped b@example.test\n"
         "expect header X-Gate: yes\n"
         "expect header Subject: x for c@example.test\n"
         "expect header subject: /^x$/ for c@example.test\n"
         "expect header Received: /by mx.example.test .* 2026/\n"
         "expect header X-Gate\n"
         "expect no header X-Other\n"
         "expect no header X-Gate: no\n"
         "expect body /^body\\r\\n\\.dot\\r\\n-- /\n"
         "expect no body /nothing/\n"
         "expect edits <<END\n+ X-Gate: yes\n+ --\n+ checked\nEND\n"
         "expect verdict gate next\n"
         "expect verdict gate next at message\n"
         "expect no verdict gate reject\n"
         "expect no fault gate\n"
         "expect note gate.sender example.com\n"
         "expect note gate.weight 2.5 for b@example.test\n"
         "expect no note gate.score\n"
         "expect count gate hits 0\n"
         "expect no call dns\n"
         "expect log /session.open .*client=203.0.113.7/\n"
         "expect no log /hook.fault/\n"
         "expect took 0s\n"
         "expect not closed\n"
         "when quit\n"
         "expect accept 221\n"
         "expect closed\n",

    HEAD "listener:\n  refuse_at: now\n"
         "scenario \"listed\"\n"
         "when connect 127.0.0.2 port 99\n"
         "expect reject 554 5.7.1 /listed/  # a comment\n"
         "expect verdict gate reject at connect\n"
         "expect note gate.score 8\n"
         "expect count gate hits 1\n"
         "expect call dns A 2.0.0.127.bl.example.org\n"
         "expect call dns\n"
         "when quit\n"
         "expect closed\n"
         "expect note gate.score\n",

    /* TLS is there or not, and conditions and trace fields know it. */
    "chain:\n  - gate: {answer: reject}\n    when: {tls: true, tls_client: [bob@example.org, anna@example.org]}\n"
    "scenario \"plaintext\"\n" MAIL DATA "expect accept\nexpect header Received: /with ESMTP id/\n"
    "scenario \"encrypted\"\n"
    "given tls TLSv1.2 A-CIPHER mx.example.test\ngiven client-certificate anna@example.org\n" MAIL
        DATA "expect reject\n"
    "when quit\n"
    "expect log /session.close .*tls=TLSv1.2 cipher=A-CIPHER server_name=mx.example.test "
    "client_name=anna@example.org/\n"
    "given client-certificate none\n" MAIL DATA "expect accept\n"
    "given tls off\n" MAIL DATA "expect accept\n",

    /* A refusal at connect waits for RCPT by default. */
    HEAD "scenario \"later\"\n"
         "when connect 127.0.0.2\n"
         "when helo x\nwhen mail <a@b.example>\nwhen rcpt <b@example.test>\nexpect reject 554\n"
         "when rcpt <postmaster@example.test>\nexpect accept\n",

    /* DNS that does not answer; time. */
    "chain:\n  - gate: {zone: bl.example.org}\n    on_error: continue\n"
    "scenario \"slow\"\n"
    "given dns 7.113.0.203.bl.example.org A timeout\n"
    "when connect\n"
    "expect accept 220\nexpect fault gate /dns: /\nexpect took 10s\nexpect took under 11s\n"
    "expect verdict gate fail\n"
    "scenario \"delay\"\n"
    "given dns 7.113.0.203.bl.example.org any delay 3s\n"
    "when connect\n"
    "expect took 3s\n",

    /* Wait, early talkers, commands, ticks. */
    "chain: [{gate: {wait: 2s}}]\n"
    "scenario \"early\"\n"
    "when connect early \"EHLO x\\r\\n\"\n"
    "expect took 2s\n"
    "expect reply 250\n"
    "when command XPING now\n"
    "expect accept 250 2.0.0 /pong/\n"
    "when send \"RSET\\r\\nNOOP\\r\\n\"\n"
    "expect accept 250\n"
    "when rset\nwhen noop\n"
    "when tick gate\n"
    "expect count gate ticks 1\n"
    "when wait 2h\n"
    "expect count gate ticks 3\n"
    "expect defer 421\n"
    "expect closed\n"
    "expect took 2h\n",

    /* A client that leaves while a hook waits. */
    "chain:\n- gate: {wait: 20s}\n"
    "scenario \"leaves\"\n"
    "when connect\nexpect took 20s\nwhen helo x\nwhen mail <a@b.example>\n"
    "when push \"RCPT TO:<b@example.test>\\r\\n\"\nexpect call sleep 20000\n"
    "when wait 5s\n"
    "when disconnect\nexpect took 0s\nexpect call cancel\nexpect no verdict gate next\n"
    "expect log /session.close/\n",

    /* Two sessions whose calls are under way at once. */
    "chain:\n- gate: {wait: 5s}\n"
    "scenario \"two\"\n"
    "when connect as a\nwhen helo x\nwhen mail <a@b.example>\n"
    "when connect 192.0.2.9 as b\nwhen helo y\nwhen mail <c@d.example>\n"
    "when use a\nwhen push \"RCPT TO:<b@example.test>\\r\\n\"\n"
    "when use b\nwhen rcpt <b@example.test>\nexpect accept 250\nexpect took 5s\n"
    "expect verdict gate next at rcpt\n"
    "expect note gate.sender d.example\n"
    "when use a\nexpect accept 250\nexpect note gate.sender b.example\n"
    "when disconnect\nwhen use b\nwhen quit\n",

    "scenario \"pipelined\"\nwhen connect\nwhen helo x\n"
    "when send \"MAIL FROM:<a@b.example>\\r\\nRCPT TO:<b@example.test>\\r\\nDATA\\r\\n\"\n"
    "expect replies 250 250 354\nexpect not replies 250\n",

    /* Fates. */
    "chain:\n  - gate: {answer: quarantine}\n"
    "config:\n  buckets: {spam: {}}\n"
    "scenario \"held\"\n" MAIL DATA
    "expect accept\nexpect held spam b@example.test\nexpect held spam c@example.test\n"
    "expect not delivered b@example.test\nexpect not held other b@example.test\n"
    "expect verdict gate quarantine\n"
    "expect header X-Gate: yes for b@example.test\n"
    "expect edits <<END\n+ X-Gate: yes\n+ --\n+ checked\nEND\n"
    "expect files /kit/held/spam/ 2\n"
    "expect no file /kit/held/nothing\n",

    "chain:\n  - gate: {answer: quarantine}\n"
    "config:\n  buckets: {spam: {}}\n"
    "scenario \"let go\"\n" MAIL DATA "when release b@example.test\n"
    "expect accept 250\nexpect delivered b@example.test\nexpect not held spam b@example.test\n"
    "expect held spam c@example.test\nexpect verdict gate next at release\n"
    "expect header X-Gate: yes for b@example.test\n"
    "expect header X-Was-In: spam for b@example.test\n"
    "expect no header X-Was-In for c@example.test\n",

    "chain:\n  - gate: {answer: quarantine, release: quarantine}\n"
    "config:\n  buckets: {spam: {}}\n"
    "scenario \"held again\"\n" MAIL DATA "when release b@example.test\n"
    "expect held spam b@example.test\nexpect not delivered b@example.test\n"
    "when release b@example.test\nexpect held spam b@example.test\n",

    "chain:\n  - gate: {answer: quarantine, release: defer}\n"
    "config:\n  buckets: {spam: {}}\n"
    "scenario \"put off\"\n" MAIL DATA "when release b@example.test\n"
    "expect defer 451 4.7.1 /tomorrow/\nexpect not delivered b@example.test\n"
    "when release b@example.test\nexpect verdict gate defer at release\n",

    "chain:\n  - gate: {answer: quarantine, release: reject}\n"
    "config:\n  buckets: {spam: {}}\n"
    "scenario \"returned\"\n" MAIL DATA "when release b@example.test\n"
    "expect reject 550 5.7.1\nexpect not held spam b@example.test\n",

    "chain:\n  - gate: {answer: quarantine, release: discard}\n"
    "config:\n  buckets: {spam: {}}\n"
    "scenario \"dropped later\"\n" MAIL DATA "when release b@example.test\n"
    "expect dropped b@example.test\nexpect not held spam b@example.test\n",

    "chain:\n  - gate: {answer: quarantine, release: fail}\n    on_error: quarantine\n"
    "config:\n  buckets: {spam: {}}\n"
    "scenario \"failed when let go\"\n" MAIL DATA "when release b@example.test\n"
    "expect fault gate\nexpect held spam b@example.test\n",

    "scenario \"dropped\"\nchain:\n  - gate: {answer: discard}\n" MAIL DATA
    "expect accept\nexpect dropped b@example.test\nexpect not delivered b@example.test\n",

    "scenario \"deferred\"\nchain:\n  - gate: {answer: fail}\n" MAIL DATA
    "expect defer 451 4.3.0\nexpect fault gate /told to fail/\nexpect not delivered b@example.test\n"
    "expect not delivered nobody@example.test\n",

    "scenario \"judged\"\nchain:\n  - gate: {judge: c@example.test}\nlistener:\n  mixed_reject: discard\n" MAIL
        DATA "expect accept\nexpect delivered b@example.test\nexpect not delivered c@example.test\n"
    "expect verdict gate reject at message\nexpect verdict gate next\n",

    /* Files, tables, peers, includes of the configuration. */
    "config:\n    # a table\n    tables:\n        blocked: [bad@example.com]\n"
    "chain:\n  - gate: {table: blocked, file: /etc/gate}\n"
    "given file /etc/gate <<END\nhello\nEND\n"
    "scenario \"file and table\"\n"
    "when connect\nexpect log /read: hello/\nwhen helo x\n"
    "when mail <bad@example.com>\n"
    "when rcpt <b@example.test>\nexpect reject 550 5.7.1 /Not welcome/\n"
    "expect file /etc/gate /hello/\nexpect no file /etc/gate /bye/\nexpect file /etc/gate\n",

    "chain:\n  - gate: {peer: \"127.0.0.1:783\"}\n"
    "given peer 127.0.0.1:783 <<END\nexpect-line PING\nsend PONG 1\\r\\n\nclose\nEND\n"
    "scenario \"peer\"\n" MAIL DATA
    "expect note gate.peer \"PONG 1\"\nexpect call connect 127.0.0.1:783\n",

    /* Configurations that do not load. */
    "scenario \"option\"\nchain:\n  - gate: {zones: x}\n"
    "expect config error /t.scenario:3:12: error: unknown .*zones.*did you mean \"zone\"/\n"
    "scenario \"plugin\"\nchain: [{gat: {}}]\n"
    "expect config error /:6:10: error: .*\"gat\"/\n"
    "scenario \"create\"\nchain:\n  - gate: {file: /nowhere}\n"
    "expect config error /gate: .*/\n"
    "scenario \"fine\"\nexpect no config error\nexpect no config warning\n",

    "config:\n  targets:\n    spare: {kit: {}}\n"
    "scenario \"warned\"\nexpect config warning /:3:12: warning: .*spare/\n",

    /* Storage that fails. */
    "scenario \"disk\"\nchain:\n  - gate: {answer: quarantine}\nconfig:\n  buckets: {spam: {}}\n"
    "given fault file put 1 nospace\n" MAIL DATA "expect defer\n",

    "scenario \"chunks\"\n" MAIL "when bdat <<END\nSubject: y\n\nz\nEND\nexpect accept\n"
    "expect header Subject: y\nexpect no edits\n",
};

static void test_holding(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof holding / sizeof holding[0]; i++) {
        struct gp__buf out = {0};
        struct gp__kit_totals totals = run(holding[i], &out, true);

        if (totals.failed || totals.broken || !totals.passed)
            dump(&out);
        assert_int_equal(totals.broken, 0);
        assert_int_equal(totals.failed, 0);
        assert_true(totals.passed > 0);
        gp__buf_free(&out);
    }
}

/* ---- what does not hold ---- */

struct planted {
    const char *text; /* after a message that was delivered */
    const char *says;
};

static const struct planted planted[] = {
    {"expect reject\n", "came: 250 2.0.0 Ok"},
    {"expect defer\n", "came: 250"},
    {"expect accept 251\n", "came: 250"},
    {"expect accept 250 2.1.0\n", "came: 250"},
    {"expect accept /no such text/\n", "came: 250"},
    {"expect no reply 250\n", "came: 250"},
    {"expect replies 354\n", "came: 354 250"},
    {"expect not replies 354 250\n", "came: 354 250"},
    {"when use other\n", "no session of this name is open"},
    {"expect closed\n", "the connection is open"},
    {"when wait 2s\nwhen noop\nexpect took 2s\n", "it took 0"},
    {"expect took 1s\n", "it took 0"},
    {"expect took under 0s\n", "it took 0"},
    {"expect not delivered b@example.test\n", "its fate: delivered"},
    {"when release b@example.test\n", "nothing of the last message is held for b@example.test"},
    {"when release x@example.test\n", "nothing of the last message is held for x@example.test"},
    {"expect delivered d@example.test\n", "no transaction that ended had this recipient"},
    {"expect held spam b@example.test\n", "its fate: delivered"},
    {"expect dropped b@example.test\n", "its fate: delivered"},
    {"expect header X-Gate: no\n", "came: X-Gate: yes"},
    {"expect header X-Gate: /^no/\n", "came: X-Gate: yes"},
    {"expect header X-Other: yes\n", "there is no such field"},
    {"expect no header X-Gate\n", "came: X-Gate: yes"},
    {"expect header X-Gate: yes for d@example.test\n", "no message reached d@example.test"},
    {"expect body /nothing of it/\n", "        body"},
    {"expect no body /body/\n", "        body"},
    {"expect edits <<END\n+ X-Gate: no\nEND\n", "        + X-Gate: yes\n"},
    {"expect no edits\n", "        + X-Gate: yes\n"},
    {"expect verdict gate reject\n", "came: next at message"},
    {"expect verdict gate next at rcpt\n", "came: next at message"},
    {"expect no verdict gate next\n", "came: next at message"},
    {"expect verdict other next\n", "there is no instance \"other\""},
    {"expect fault gate\n", "it did not fail"},
    {"expect fault other\n", "there is no instance \"other\""},
    {"expect note gate.sender example.org\n", "it is \"example.com\""},
    {"expect note gate.other x\n", "there is no such note"},
    {"expect no note gate.sender\n", "it is \"example.com\""},
    {"expect note gate.weight 3 for b@example.test\n", "it is \"2.5\""},
    {"expect note gate.weight 2.5 for d@example.test\n", "there is no such note"},
    {"expect log /no such line/\n", "no line of the log has it"},
    {"expect no log /session.open/\n", "session.open"},
    {"expect call dns\n", "nothing was asked for"},
    {"when wait 1s\nexpect no call dns\nexpect call sleep\n", "nothing was asked for"},
    {"expect count gate hits 1\n", "came: 0"},
    {"expect file /nowhere\n", "there is no such file"},
    {"expect files / 1\n", "came: 0"},
    {"given file /x <<END\nhello\nEND\nexpect no file /x\n", "hello"},
    {"expect config error\n", "it loads without an error"},
    {"expect config warning\n", "there is no warning"},
    {"when command XNO\n", "a refusal that no expectation mentions"},
    {"when quit\nexpect not closed\n", "the server closed the connection"},
    {"when tick other\n", "no instance \"other\" with a tick hook"},
    {"when mail <a@example.com>\nwhen rcpt <b@example.test>\nwhen rset\n"
     "expect delivered b@example.test\n",
     "its fate: none"},
    {"when mail <a@example.com>\nwhen rset\nexpect header X-Gate\n", "no message reached anybody"},
    {"when disconnect\nwhen noop\n", "`when connect` comes first"},
    {"when quit\nwhen noop\n", "the server has closed the connection"},
    {"when connect 1.2.3\n", "\"1.2.3\" is not an IP address"},
};

/* Other scenarios as a whole. */
static const struct planted planted_whole[] = {
    {"scenario \"x\"\nexpect accept\n", "a `when` comes first"},
    {"scenario \"x\"\nwhen helo x\n", "no session is open"},
    {"scenario \"x\"\nchain:\n  - gate: {zone: \"\"}\nwhen connect\n", "t.scenario:3:18: error: "},
    {"scenario \"x\"\nchain:\n  - gate: {zone: x}\nexpect config error /nothing/\n",
     "it loads without an error"},
    {"scenario \"x\"\nchain:\n  - gate: {zoen: x}\nexpect config error /nothing/\n", "zoen"},
    {"scenario \"x\"\nchain:\n  - gate: {answer: fail}\n    on_error: continue\n" MAIL DATA,
     "\"gate\" failed: told to fail\n        a fault that no expectation mentions"},
    {"scenario \"x\"\nchain:\n  - gate: {answer: fail}\n    on_error: continue\n" MAIL DATA
     "expect fault gate /another/\n",
     "it failed for another reason: told to fail"},
    {"scenario \"x\"\nchain:\n  - gate: {answer: fail}\n    on_error: continue\n" MAIL DATA
     "expect no fault gate\n",
     "it failed: told to fail"},
    {"scenario \"x\"\nchain:\n  - gate: {peer: \"127.0.0.1:783\"}\n"
     "given peer 127.0.0.1:783 <<END\nexpect-line PONG\nsend PONG 1\\r\\n\nclose\nEND\n" MAIL DATA
     "expect reply 451\nexpect fault gate\n",
     "what the scripts of peers expected"},
    {"chain:\n  - gate: {answer: reject}\nscenario \"x\"\n" MAIL DATA,
     "a refusal that no expectation mentions"},
    {"config:\n  buckets: {spam: {}}\nchain:\n  - gate: {answer: quarantine}\nscenario \"x\"\n" MAIL
         DATA "expect delivered b@example.test\n",
     "it was held in \"spam\""},
    {"config:\n  buckets: {spam: {}}\nchain:\n  - gate: {answer: quarantine}\nscenario \"x\"\n" MAIL
         DATA "expect held dlp b@example.test\n",
     "it was held in \"spam\""},
};

static void check_fails(const char *text, const char *says)
{
    struct gp__buf out = {0};
    struct gp__kit_totals totals = run(text, &out, false);

    if (totals.failed != 1 || totals.passed || totals.broken || !has(&out, says)) {
        fprintf(stderr, "should fail and say \"%s\":\n%s\n", says, text);
        dump(&out);
        fail();
    }
    gp__buf_free(&out);
}

static void test_planted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        struct gp__buf text = {0};

        gp__buf_printf(&text, "%s%s%s%s", HEAD "scenario \"x\"\n", MAIL, DATA, planted[i].text);
        gp__buf_append(&text, gp_slice("", 1));
        check_fails(gp__buf_slice(&text).data, planted[i].says);
        gp__buf_free(&text);
    }
    for (size_t i = 0; i < sizeof planted_whole / sizeof planted_whole[0]; i++)
        check_fails(planted_whole[i].text, planted_whole[i].says);
}

/* ---- what is said ---- */

static void test_report(void **state)
{
    struct gp__buf out = {0};
    struct gp__kit_totals totals = run("scenario \"good\"\nwhen connect\n\n"
                                       "scenario \"bad\"\nwhen connect\nexpect reject 554 /no/\n",
                                       &out, true);

    (void)state;
    assert_int_equal(totals.passed, 1);
    assert_int_equal(totals.failed, 1);
    assert_true(has(&out, "ok    good\n"));
    assert_true(has(&out, "FAIL  bad\n"));
    assert_true(has(&out, "t.scenario:6: expect reject 554 /no/\n"));
    assert_true(has(&out, "came: 220 mx.example.test"));
    assert_true(has(&out, "    S: 220 mx.example.test"));
    assert_true(has(&out, "session.open"));
    gp__buf_free(&out);
}

/* What is wrong with a configuration is said once. */
static void test_said_once(void **state)
{
    struct gp__buf out = {0};
    struct gp__kit_totals totals = run("scenario \"x\"\nchain:\n  - gate: {zoen: x}\n" MAIL, &out,
                                       false);
    struct gp_slice said = gp__buf_slice(&out);
    size_t first = gp_slice_search(said, GP_S("does not load"));

    (void)state;
    assert_int_equal(totals.failed, 1);
    assert_true(first < said.len);
    said = gp_slice_sub(said, first + 1, said.len);
    assert_int_equal(gp_slice_search(said, GP_S("does not load")), said.len);
    gp__buf_free(&out);
}

static void test_filter(void **state)
{
    struct gp__kit_options options = {.descriptor = gate_descriptor, .filter = GP_S("two")};
    struct gp__kit_totals totals = {0};
    struct gp__buf out = {0};

    (void)state;
    gp__kit_run_text(
        &options, GP_S("t"),
        GP_S("scenario \"one\"\nwhen connect\nscenario \"number two\"\nwhen connect\n"), &out,
        &totals);
    assert_int_equal(totals.passed, 1);
    assert_false(has(&out, "one"));
    options.filter = GP_S("three");
    gp__buf_clear(&out);
    gp__kit_run_text(&options, GP_S("t"), GP_S("scenario \"one\"\nwhen connect\n"), &out, &totals);
    assert_int_equal(out.len, 0);
    gp__buf_free(&out);
}

/* Each scenario starts afresh, and the same one always sees the same. */
static void test_afresh(void **state)
{
    struct gp__buf first = {0}, second = {0};
    const char *text = HEAD "scenario \"a\"\n" MAIL DATA "expect reject\n"
                            "scenario \"b\"\n" MAIL DATA "expect reject\n";
    struct gp__kit_totals totals = run(text, &first, true);

    (void)state;
    assert_int_equal(totals.failed, 2);
    totals = run(text, &second, true);
    assert_int_equal(totals.failed, 2);
    assert_true(gp_slice_eq(gp__buf_slice(&first), gp__buf_slice(&second)));
    gp__buf_free(&first);
    gp__buf_free(&second);
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_pool_free();
    gp__content_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holding), cmocka_unit_test(test_planted),
        cmocka_unit_test(test_report),  cmocka_unit_test(test_filter),
        cmocka_unit_test(test_afresh),  cmocka_unit_test(test_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}

// SPDX-License-Identifier: Apache-2.0
/* Headers, body, MIME, journal, copies, drafts of a call: rights, handles, hostile values. */
#include "core/message/mime.h"

#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

static struct gp_slice rendered(struct gp_call *call, struct gp_message *message)
{
    struct gp_slice text = GP_S(""), piece;
    uint64_t cursor = 0;

    while (piece = gp_message_next(message, &cursor), gp_slice_present(piece))
        text = gp__arena_printf(gp__call_arena(call), GP_FMT GP_FMT, GP_ARG(text), GP_ARG(piece));
    return text;
}

/* ---- headers ---- */

static void headers(struct kit *kit, struct gp_call *call)
{
    struct gp_message *message = gp_message(call);
    struct gp_header *subject = gp_header_find(message, GP_S("subject"), 1);

    (void)kit;
    assert_slice(gp_header_value(call, subject), GP_S("two"));
    assert_slice(gp_header_text(call, subject), GP_S("two"));
    assert_false(gp_slice_present(gp_header_value(call, NULL)));
    assert_int_equal(gp_header_set(call, message, subject, GP_S("changed")), 0);
    assert_int_equal(gp_header_set(call, message, subject, GP_S("stale")), GP_ENOTFOUND);
    assert_int_equal(gp_header_add(call, message, GP_HEADER_TOP, GP_S("X-Top"), GP_S("1")), 0);
    assert_int_equal(gp_header_add(call, message, GP_HEADER_BOTTOM, GP_S("X-End"), GP_S("2")), 0);
    assert_int_equal(gp_header_insert(call, message, 1, GP_S("X-Second"), GP_S("3")), 0);
    assert_int_equal(gp_header_remove(call, message, gp_header_find(message, GP_S("From"), 0)), 0);
    assert_slice(rendered(call, message),
                 GP_S("X-Top: 1\r\nX-Second: 3\r\nSubject: one\r\nSubject: changed\r\nX-End: 2\r\n"
                      "\r\nfirst line\r\nsecond line\r\n"));
    assert_slice(rendered(call, gp_original(call)), GP_S(KIT_MESSAGE));
    assert_int_equal(gp_edit_count(message), 5);
    assert_int_equal(gp_slice_starts(gp_edit_at(call, message, 0), GP_S("sample: ")), 1);
    assert_false(gp_slice_present(gp_edit_at(call, message, 5)));
    assert_int_equal(gp_header_add(call, message, 0, GP_S("X"), GP_S("a\r\nInjected: b")),
                     GP_EINVAL);
    assert_int_equal(gp_header_add(call, message, 0, GP_S("X: y\r\nZ"), GP_S("a")), GP_EINVAL);
    assert_int_equal(gp_header_add(call, message, 0, GP_S(""), GP_S("a")), GP_EINVAL);
    assert_clean(call);
    assert_int_equal(gp_header_add(call, message, 0, BAD, GP_S("a")), GP_EINVAL);
    assert_fault(call, "gp_header_add(): NULL with a length");
    assert_int_equal(gp_header_add(call, NULL, 0, GP_S("X"), GP_S("a")), GP_EINVAL);
    assert_fault(call, "no message");
    assert_int_equal(gp_header_add(call, gp_original(call), 0, GP_S("X"), GP_S("a")), GP_EINVAL);
    assert_fault(call, "the original is never changed");
    assert_int_equal(gp_edit_count(message), 5);
}

static void foreign_message(struct kit *kit, struct gp_call *call)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_message *other = gp__message_create(arena, kit->content);

    assert_int_equal(gp_header_add(call, other, 0, GP_S("X"), GP_S("a")), GP_EINVAL);
    assert_fault(call, "not a message that this call may edit");
    assert_null(gp_part_first(call, other));
    assert_fault(call, "a message of another transaction");
    assert_null(gp_part_first(call, NULL));
    assert_fault(call, "no message");
    gp__arena_free(&arena);
}

static void headers_undeclared(struct kit *kit, struct gp_call *call)
{
    kit->plugin.needs = GP_NEEDS_EDIT_BODY;
    assert_int_equal(gp_header_add(call, gp_message(call), 0, GP_S("X"), GP_S("a")),
                     GP_ENOTALLOWED);
    assert_fault(call, "gp_header_add() needs GP_NEEDS_EDIT_HEADERS");
    kit->plugin.needs = GP_NEEDS_EDIT_HEADERS;
    assert_int_equal(gp_body_splice(call, gp_message(call), 0, 0, GP_S("a")), GP_ENOTALLOWED);
    assert_fault(call, "gp_body_splice() needs GP_NEEDS_EDIT_BODY");
    kit->plugin.needs = KIT_NEEDS;
}

static void body_at_headers(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_body_splice(call, gp_message(call), 0, 0, GP_S("a")), GP_ENOTALLOWED);
    assert_fault(call, "gp_body_splice() is not allowed at headers, only at message, seal");
}

static void test_headers(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_HEADERS, body_at_headers);
    kit_run(&kit, GP_HOOK_MESSAGE, headers_undeclared);
    kit_run(&kit, GP_HOOK_MESSAGE, foreign_message);
    kit_run(&kit, GP_HOOK_MESSAGE, headers);
    kit_end(&kit);
}

/* ---- body ---- */

static void body(struct kit *kit, struct gp_call *call)
{
    struct gp_message *message = gp_message(call);
    static const struct {
        uint64_t offset, len;
        const char *bytes;
        int result;
    } cases[] = {
        {26, 0, "x", GP_EINVAL},   {0, 26, "x", GP_EINVAL},   {UINT64_MAX, 1, "x", GP_EINVAL},
        {0, 0, "a\nb", GP_EINVAL}, {0, 0, "a\rb", GP_EINVAL}, {0, 0, "a\r", GP_EINVAL},
        {11, 0, "x", GP_EINVAL}, /* between CR and LF */
        {0, 11, "x", GP_EINVAL},   {11, 5, "x", GP_EINVAL},   {0, 5, "1st\r\nand", 0},
    };

    (void)kit;
    assert_int_equal(gp_body_size(message), 25);
    for (size_t i = 0; i < COUNT(cases); i++)
        if (gp_body_splice(call, message, cases[i].offset, cases[i].len,
                           gp_slice_of(cases[i].bytes)) != cases[i].result)
            fail_msg("case %zu", i);
    assert_int_equal(gp_body_splice(call, message, 0, 0, gp_slice("a\0b", 3)), GP_EINVAL);
    assert_slice(gp_body(message), GP_S("1st\r\nand line\r\nsecond line\r\n"));
    assert_int_equal(gp_body_splice(call, message, 4, 0, GP_S("x")), GP_EINVAL);
    assert_int_equal(gp_body_splice(call, message, gp_body_size(message), 0, GP_S("end\r\n")), 0);
    assert_clean(call);
    assert_int_equal(gp_body_splice(call, message, 0, 0, BAD), GP_EINVAL);
    assert_fault(call, "NULL with a length");
}

static void parts(struct kit *kit, struct gp_call *call)
{
    struct gp_message *message = gp_message(call);
    struct gp_part *part = gp_part_first(call, message), foreign = {.message = NULL};

    (void)kit;
    assert_non_null(part);
    assert_null(gp_part_next(part));
    assert_slice(gp_part_type(part), GP_S("text/plain"));
    assert_false(gp_slice_present(gp_part_filename(call, part)));
    assert_false(gp_slice_present(gp_part_filename(call, NULL)));
    assert_slice(gp_part_header(call, part, GP_S("Subject")), GP_S("one"));
    assert_int_equal(gp_part_set_text(call, message, &foreign, GP_S("x")), GP_EINVAL);
    assert_fault(call, "not a part of this message");
    assert_int_equal(gp_part_set_text(call, message, part, GP_S("new\r\n")), 0);
    assert_slice(gp_body(message), GP_S("new\r\n"));
    assert_int_equal(gp_mime_defects(call, message) & ~(unsigned)GP_MIME_DUPLICATE_FIELD, 0);
}

static void test_body(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_MESSAGE, body);
    kit_run(&kit, GP_HOOK_MESSAGE, parts);
    kit_end(&kit);
}

/* ---- copies ---- */

static void copies(struct kit *kit, struct gp_call *call)
{
    struct gp_copy *a, *again, *b;
    struct gp_recipient stranger = {.policy = kit->policy};

    assert_int_equal(gp_copy(call, kit->first, GP_S("a"), &a), 0);
    assert_int_equal(gp_copy(call, kit->first, GP_S("x"), &b), 0);
    kit->first->copy = NULL;
    assert_int_equal(gp_copy(call, kit->first, GP_S("a"), &again), 0);
    assert_ptr_equal(a, again);
    assert_slice(gp_copy_key(call, a), GP_S("a"));
    assert_int_equal(gp_copy_rcpt_count(a), 1);
    assert_ptr_equal(gp_copy_rcpt_at(a, 0), kit->first);
    assert_null(gp_copy_rcpt_at(a, 1));
    assert_int_equal(gp_header_add(call, gp_copy_message(a), GP_HEADER_TOP, GP_S("X"), GP_S("a")),
                     0);
    assert_null(gp_header_find(gp_message(call), GP_S("X"), 0));
    assert_null(gp_copy_current(call));
    assert_int_equal(gp_copy(call, kit->second, GP_S(""), &b), GP_EINVAL);
    assert_null(b);
    assert_clean(call);
    assert_int_equal(gp_copy(call, &stranger, GP_S("a"), NULL), GP_EINVAL);
    assert_fault(call, "not about");
    assert_int_equal(gp_copy(call, NULL, GP_S("a"), NULL), GP_EINVAL);
    assert_fault(call, "no recipient");
    for (int i = 0; i < 200 && kit->policy->n_copies < GP__COPIES_MAX; i++) {
        char key[16];

        snprintf(key, sizeof key, "k%d", i);
        kit->second->copy = NULL;
        assert_int_equal(gp_copy(call, kit->second, gp_slice_of(key), NULL), 0);
    }
    assert_int_equal(gp_copy(call, kit->second, GP_S("one more"), NULL), GP_ELIMIT);
}

static void edits_at_seal(struct kit *kit, struct gp_call *call)
{
    assert_ptr_equal(gp_copy_current(call), kit->policy->copies[0]);
    assert_int_equal(gp_header_add(call, gp_message(call), 0, GP_S("Y"), GP_S("1")), 0);
    assert_int_equal(
        gp_header_add(call, gp_copy_message(kit->policy->copies[1]), 0, GP_S("Y"), GP_S("1")),
        GP_EINVAL);
    assert_fault(call, "not a message that this call may edit");
    assert_int_equal(gp_copy(call, kit->first, GP_S("late"), NULL), GP_ENOTALLOWED);
    assert_fault(call, "gp_copy() is not allowed at seal");
}

static void copies_in_shadow(struct kit *kit, struct gp_call *call)
{
    size_t before = kit->policy->n_copies;
    struct gp_copy *copy, *again;

    assert_int_equal(gp_copy(call, kit->first, GP_S("a"), &copy), 0);
    assert_int_equal(gp_copy(call, kit->second, GP_S("a"), &again), 0);
    assert_ptr_equal(copy, again);
    assert_int_equal(gp_copy_rcpt_count(copy), 2);
    assert_int_equal(gp_copy_sender_set(call, copy, GP_S("x@example.org")), 0);
    assert_int_equal(gp_header_add(call, gp_copy_message(copy), 0, GP_S("X"), GP_S("a")), 0);
    assert_int_equal(gp_header_add(call, gp_message(call), 0, GP_S("X"), GP_S("b")), 0);
    assert_int_equal(gp_header_add(call, kit->policy->message, 0, GP_S("X"), GP_S("b")), GP_EINVAL);
    assert_fault(call, "not a message that this call may edit");
    assert_int_equal(gp_copy_sender_set(call, kit->policy->copies[0], GP_S("x@example.org")),
                     GP_EINVAL);
    assert_fault(call, "not a copy of this call");
    assert_int_equal(kit->policy->n_copies, before);
    assert_null(kit->first->copy);
    assert_null(gp_header_find(kit->policy->message, GP_S("X"), 0));
}

static void shadow_at_seal(struct kit *kit, struct gp_call *call)
{
    struct gp_copy *copy = gp_copy_current(call);

    assert_ptr_not_equal(copy, kit->policy->copies[0]);
    assert_ptr_equal(gp_copy_message(copy), gp_message(call));
    assert_int_equal(gp_copy_sender_set(call, copy, GP_S("x@example.org")), 0);
    assert_false(kit->policy->copies[0]->own_sender);
}

static void test_copies(void **state)
{
    struct gp__shadow shadow;
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    shadow = (struct gp__shadow){.instance = kit.instance};
    gp__notes_init(&shadow.notes, kit.transaction->arena);
    shadow.message = gp__message_split(kit.policy->message, GP_S("sample"));
    kit.shadow = &shadow;
    kit_run(&kit, GP_HOOK_MESSAGE, copies_in_shadow);
    kit_run(&kit, GP_HOOK_SEAL, shadow_at_seal);
    kit.shadow = NULL;
    kit_run(&kit, GP_HOOK_MESSAGE, copies);
    kit_run(&kit, GP_HOOK_SEAL, edits_at_seal);
    kit_end(&kit);
}

/* ---- drafts ---- */

static void drafts(struct kit *kit, struct gp_call *call)
{
    struct gp_draft *draft, *unsent;
    struct gp_slice head;

    assert_int_equal(gp_draft_create(call, &draft), 0);
    assert_int_equal(gp_draft_submit(draft), GP_EINVAL); /* to nobody */
    assert_int_equal(gp_draft_rcpt(draft, GP_S("report@example.org")), 0);
    assert_int_equal(gp_draft_rcpt(draft, GP_S("report@EXAMPLE.org")), 0);
    assert_int_equal(gp_draft_rcpt(draft, GP_S("nobody")), GP_EINVAL);
    assert_int_equal(gp_draft_sender(draft, GP_S("")), 0);
    assert_int_equal(gp_draft_header(draft, GP_S("Subject"), GP_S("a report")), 0);
    assert_int_equal(gp_draft_header(draft, GP_S("X"), GP_S("a\nb")), GP_EINVAL);
    assert_int_equal(gp_draft_header(draft, GP_S("Auto-Submitted"), GP_S("no")), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, GP_S("line\r")), 0);
    assert_int_equal(gp_draft_submit(draft), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, GP_S("x")), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, GP_S("\n")), 0);
    assert_int_equal(gp_draft_write(draft, GP_S("bare\n")), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, gp_slice("\0", 1)), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, BAD), GP_EINVAL);
    assert_int_equal(gp_draft_attach(draft, gp_message(call), false), 0);
    assert_int_equal(gp_draft_submit(draft), 0);
    assert_int_equal(gp_draft_submit(draft), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, GP_S("late\r\n")), GP_EINVAL);
    assert_ptr_equal(kit->policy->drafts, draft);
    assert_int_equal(draft->n_recipients, 1);
    head = gp__buf_slice(&draft->headers);
    assert_slice(head, GP_S("Auto-Submitted: auto-generated\r\n"
                            "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
                            "Message-ID: <0123456789ABCDEF.1.draft1@mx.example.net>\r\n"
                            "From: postmaster@mx.example.net\r\nSubject: a report\r\n"));
    assert_slice(gp__buf_slice(&draft->body),
                 GP_S("line\r\nFrom: <a@example.org>\r\nSubject: one\r\nSubject: two\r\n\r\n"));
    assert_int_equal(gp_draft_create(call, &unsent), 0);
    assert_int_equal(gp_draft_write(unsent, GP_S("never sent\r\n")), 0);
    assert_clean(call);
}

static void draft_limits(struct kit *kit, struct gp_call *call)
{
    struct gp_draft *draft;
    char line[1100];

    memset(line, 'x', sizeof line);
    assert_int_equal(gp_draft_create(call, &draft), 0);
    assert_int_equal(gp_draft_write(draft, gp_slice(line, 999)), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, gp_slice(line, 998)), 0);
    assert_int_equal(gp_draft_write(draft, GP_S("x")), GP_EINVAL);
    assert_int_equal(gp_draft_write(draft, GP_S("\r\n")), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gp_draft_write(draft, gp_slice(line, 998)), 0);
        assert_int_equal(gp_draft_write(draft, GP_S("\r\n")), 0);
    }
    assert_int_equal(gp_draft_write(draft, gp_slice(line, 998)), GP_ELIMIT); /* 4096 bytes */
    for (int i = 1; i < GP__CALL_DRAFTS_MAX; i++)
        assert_int_equal(gp_draft_create(call, &draft), 0);
    assert_int_equal(gp_draft_create(call, &draft), GP_ELIMIT);
    assert_null(draft);
    call->drafts = 0;
    kit->policy->draft_depth = 3;
    assert_int_equal(gp_draft_create(call, &draft), GP_ELIMIT);
    kit->policy->draft_depth = 0;
    assert_clean(call);
    assert_int_equal(gp_draft_create(call, NULL), GP_EINVAL);
    assert_fault(call, "nowhere");
    assert_int_equal(gp_draft_submit(NULL), GP_EINVAL);
}

static void draft_at_tick(struct kit *kit, struct gp_call *call)
{
    struct gp_draft *draft;

    (void)kit;
    assert_int_equal(gp_draft_create(call, &draft), GP_ENOTALLOWED);
    assert_fault(call, "gp_draft_create() at tick: there is no message to go with");
}

static void draft_in_shadow(struct kit *kit, struct gp_call *call)
{
    struct gp_draft *draft;

    assert_int_equal(gp_draft_create(call, &draft), 0);
    assert_int_equal(gp_draft_rcpt(draft, GP_S("report@example.org")), 0);
    assert_int_equal(gp_draft_submit(draft), 0);
    assert_null(kit->policy->drafts);
}

static void test_drafts(void **state)
{
    struct gp__shadow shadow;
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    shadow = (struct gp__shadow){.instance = kit.instance};
    gp__notes_init(&shadow.notes, kit.transaction->arena);
    shadow.message = gp__message_split(kit.policy->message, GP_S("sample"));
    kit.shadow = &shadow;
    kit_run(&kit, GP_HOOK_MESSAGE, draft_in_shadow);
    kit.shadow = NULL;
    kit_run(&kit, GP_HOOK_TICK, draft_at_tick);
    kit_run(&kit, GP_HOOK_MESSAGE, draft_limits);
    kit_run(&kit, GP_HOOK_MESSAGE, drafts);
    kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_drafts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

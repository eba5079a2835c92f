// SPDX-License-Identifier: Apache-2.0
/* Session facts, slots, memory, envelope: getters, edits and who may make them. */
#include "core/smtp/macros.h"

#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

static void getters(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_slice(gp_session_id(call), GP_S("0123456789ABCDEF"));
    assert_slice(gp_listener(call), GP_S("mx"));
    assert_slice(gp_hostname(call), GP_S("mx.example.net"));
    assert_slice(gp_client_ip(call), GP_S("192.0.2.7"));
    assert_int_equal(gp_client_port(call), 4711);
    assert_false(gp_slice_present(gp_server_ip(call)));
    assert_slice(gp_client_network(call, 24, 64), GP_S("192.0.2.0/24"));
    assert_int_equal(gp_session_errors(call), 0);
    assert_slice(gp_client_reversed(call, GP_S("zen.example.org")),
                 GP_S("7.2.0.192.zen.example.org"));
    assert_false(gp_slice_present(gp_helo(call)));
    assert_false(gp_slice_present(gp_tls_version(call)));
    assert_false(gp_slice_present(gp_auth_user(call)));
    assert_false(gp_client_in(call, NULL));
    assert_slice(gp_instance(call), GP_S("sample"));
    assert_clean(call);
    assert_false(gp_slice_present(gp_client_reversed(call, BAD)));
    assert_fault(call, "NULL with a length");
}

static void slots(struct kit *kit, struct gp_call *call)
{
    char *session = gp_session_slot(call), *transaction = gp_transaction_slot(call);

    (void)kit;
    assert_non_null(session);
    assert_non_null(transaction);
    assert_int_equal(session[0], 0);
    session[0] = 1;
    assert_ptr_equal(gp_session_slot(call), session);
    assert_ptr_equal(gp_transaction_slot(call), transaction);
}

static void memory(struct kit *kit, struct gp_call *call)
{
    char *bytes = gp_alloc(call, 100);

    (void)kit;
    assert_non_null(bytes);
    assert_int_equal(bytes[99], 0);
    assert_non_null(gp_alloc(call, 0));
    assert_slice(gp_format(call, "%d-%s", 7, "x"), GP_S("7-x"));
    assert_null(gp_alloc(call, GP__CALL_MEMORY_MAX));
    assert_null(gp_alloc(call, SIZE_MAX));
    assert_non_null(gp_alloc(call, GP__CALL_MEMORY_MAX / 2));
    assert_null(gp_alloc(call, GP__CALL_MEMORY_MAX / 2));
    assert_false(gp_slice_present(gp_format(call, "%*d", 9 << 20, 1)));
}

static void no_session(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_hook_point(call), GP_HOOK_TICK);
    assert_false(gp_slice_present(gp_session_id(call)));
    assert_false(gp_slice_present(gp_client_ip(call)));
    assert_false(gp_slice_present(gp_sender(call)));
    assert_false(gp_slice_present(gp_transaction_id(call)));
    assert_null(gp_session_slot(call));
    assert_null(gp_transaction_slot(call));
    assert_null(gp_rcpt(call));
    assert_int_equal(gp_rcpt_count(call), 0);
    assert_clean(call);
}

static void macros(struct kit *kit, struct gp_call *call)
{
    static const char pairs[] = "i\0ID\0{client_name}\0host.example";
    struct gp_slice early;

    assert_false(gp_slice_present(gp_macro(call, GP_S("i"))));
    kit->session->macros = gp__macros_create(kit->session->arena);
    gp__macros_set(kit->session->macros, 'C', gp_slice(pairs, sizeof pairs));
    early = gp_macro(call, GP_S("i"));
    assert_slice(early, GP_S("ID"));
    assert_slice(gp_macro(call, GP_S("client_name")), GP_S("host.example"));
    assert_false(gp_slice_present(gp_macro(call, GP_S("j"))));
    gp__macros_set(kit->session->macros, 'C', GP_S(""));
    assert_slice(early, GP_S("ID")); /* the call has its own */
    assert_clean(call);
    assert_false(gp_slice_present(gp_macro(call, BAD)));
    assert_fault(call, "NULL with a length");
    kit->session->macros = NULL;
}

static void test_session(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_CONNECT, getters);
    kit_run(&kit, GP_HOOK_MAIL, macros);
    kit_run(&kit, GP_HOOK_MAIL, slots);
    kit_run(&kit, GP_HOOK_MAIL, memory);
    kit_run(&kit, GP_HOOK_TICK, no_session);
    kit_end(&kit);
}

/* ---- the sender ---- */

static void sender(struct kit *kit, struct gp_call *call)
{
    assert_slice(gp_sender(call), GP_S("From.Me@Example.ORG"));
    assert_slice(gp_sender_local(call), GP_S("From.Me"));
    assert_slice(gp_sender_domain(call), GP_S("Example.ORG"));
    assert_false(gp_sender_null(call));
    assert_int_equal(gp_sender_set(call, GP_S("\"new\"@example.com")), 0);
    assert_slice(gp_sender(call), GP_S("new@example.com"));
    assert_slice(gp_sender_original(call), GP_S("From.Me@Example.ORG"));
    assert_int_equal(gp_sender_set(call, GP_S("")), 0);
    assert_true(gp_sender_null(call));
    assert_slice(gp_sender(call), GP_S(""));
    /* A value that is no address may have come from a peer: an error, no fault. */
    assert_int_equal(gp_sender_set(call, GP_S("no address")), GP_EINVAL);
    assert_int_equal(gp_sender_set(call, GP_S("a@b\r\nRCPT TO:<x@y>")), GP_EINVAL);
    assert_int_equal(gp_sender_set(call, gp_slice(NULL, 0)), GP_EINVAL);
    assert_int_equal(gp_sender_set(call, GP_S("\xc3\xa9@example.org")), GP_EINVAL);
    assert_clean(call);
    assert_int_equal(gp_sender_set(call, BAD), GP_EINVAL);
    assert_fault(call, "gp_sender_set(): NULL with a length");
    kit->transaction->mail.smtputf8 = true;
    assert_int_equal(gp_sender_set(call, GP_S("\xc3\xa9@example.org")), 0);
}

static void sender_at_rejected(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_sender_set(call, GP_S("a@b.example")), GP_ENOTALLOWED);
    assert_fault(call, "not allowed at body, only at mail, rcpt, data, headers, message, seal");
}

static void sender_at_seal(struct kit *kit, struct gp_call *call)
{
    struct gp_copy *copy = gp_copy_current(call);
    struct gp_copy other = {.policy = kit->policy};

    assert_int_equal(gp_sender_set(call, GP_S("a@b.example")), GP_ENOTALLOWED);
    assert_fault(call, "gp_copy_sender_set()");
    assert_int_equal(gp_copy_sender_set(call, copy, GP_S("srs@mx.example.net")), 0);
    assert_slice(gp_sender(call), GP_S("srs@mx.example.net"));
    assert_int_equal(gp_copy_sender_set(call, &other, GP_S("a@b.example")), GP_EINVAL);
    assert_fault(call, "not a copy of this call");
    assert_int_equal(gp_copy_sender_set(call, NULL, GP_S("a@b.example")), GP_EINVAL);
    assert_fault(call, "not a copy of this call");
}

static void sender_without_need(struct kit *kit, struct gp_call *call)
{
    kit->plugin.needs = 0;
    assert_int_equal(gp_sender_set(call, GP_S("a@b.example")), GP_ENOTALLOWED);
    assert_fault(call, "needs GP_NEEDS_EDIT_ENVELOPE, which the descriptor of plugin sample");
    kit->plugin.needs = KIT_NEEDS;
}

static void sender_after_deadline(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_sleep(call, 50), GP_ETIMEDOUT);
    assert_int_equal(gp_sender_set(call, GP_S("a@b.example")), GP_ETIMEDOUT);
    assert_int_equal(gp_rcpt_add(call, GP_S("a@b.example"), NULL), GP_ETIMEDOUT);
    assert_clean(call);
}

static void sender_of_shadow(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_sender_set(call, GP_S("x y")), GP_EINVAL);
    assert_int_equal(gp_sender_set(call, GP_S("a@b.example")), 0);
    assert_slice(gp_sender(call), GP_S("From.Me@Example.ORG"));
}

static void test_sender(void **state)
{
    struct gp__shadow shadow;
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    shadow = (struct gp__shadow){.instance = kit.instance};
    gp__notes_init(&shadow.notes, kit.transaction->arena);
    kit.shadow = &shadow;
    kit_run(&kit, GP_HOOK_MAIL, sender_of_shadow);
    kit.shadow = NULL;
    kit_run(&kit, GP_HOOK_BODY, sender_at_rejected);
    kit_run(&kit, GP_HOOK_MAIL, sender_without_need);
    kit.deadline_ms = 20;
    kit_run(&kit, GP_HOOK_MAIL, sender_after_deadline);
    kit.deadline_ms = UINT64_MAX;
    kit_run(&kit, GP_HOOK_MAIL, sender);
    kit_run(&kit, GP_HOOK_SEAL, sender_at_seal);
    kit_end(&kit);
}

/* ---- recipients ---- */

static void recipients(struct kit *kit, struct gp_call *call)
{
    struct gp_recipient stranger = {.policy = NULL};

    assert_ptr_equal(gp_rcpt(call), kit->first);
    assert_slice(gp_rcpt_address(kit->first), GP_S("one@example.net"));
    assert_slice(gp_rcpt_local(kit->first), GP_S("one"));
    assert_slice(gp_rcpt_notify(kit->first), GP_S("FAILURE"));
    assert_slice(gp_rcpt_orcpt(kit->first), GP_S("rfc822;o@example.net"));
    assert_null(gp_rcpt_at(call, 2));
    assert_false(gp_slice_present(gp_rcpt_address(NULL)));
    assert_int_equal(gp_rcpt_rewrite(call, kit->first, GP_S("moved@example.com")), 0);
    assert_slice(gp_rcpt_address(kit->first), GP_S("moved@example.com"));
    assert_slice(gp_rcpt_original(kit->first), GP_S("one@example.net"));
    assert_int_equal(gp_rcpt_rewrite(call, kit->first, GP_S("")), GP_EINVAL);
    assert_int_equal(gp_rcpt_rewrite(call, kit->first, GP_S("a@b>")), GP_EINVAL);
    assert_clean(call);
    assert_int_equal(gp_rcpt_rewrite(call, kit->second, GP_S("a@b.example")), GP_EINVAL);
    assert_fault(call, "not about");
    assert_int_equal(gp_rcpt_rewrite(call, &stranger, GP_S("a@b.example")), GP_EINVAL);
    assert_fault(call, "another transaction");
    assert_int_equal(gp_rcpt_rewrite(call, NULL, GP_S("a@b.example")), GP_EINVAL);
    assert_fault(call, "no recipient");
}

static void expansion(struct kit *kit, struct gp_call *call)
{
    struct gp_recipient *a, *again;

    assert_int_equal(gp_rcpt_replace(call), GP_EINVAL);
    assert_int_equal(gp_rcpt_add(call, GP_S("list-a@example.com"), &a), 0);
    assert_true(a->added && !a->accepted);
    assert_ptr_equal(a->parent, kit->first);
    assert_int_equal(a->depth, 1);
    assert_slice(gp_rcpt_notify(a), GP_S("NEVER"));
    assert_false(gp_slice_present(gp_rcpt_orcpt(a)));
    /* The domain's case does not make another recipient, the local part's does. */
    assert_int_equal(gp_rcpt_add(call, GP_S("list-a@EXAMPLE.com"), &again), 0);
    assert_ptr_equal(again, a);
    assert_int_equal(gp_rcpt_add(call, GP_S("List-A@example.com"), &again), 0);
    assert_ptr_not_equal(again, a);
    assert_int_equal(gp_rcpt_add(call, GP_S("nobody"), &again), GP_EINVAL);
    assert_null(again);
    assert_int_equal(gp_rcpt_replace(call), 0);
    assert_true(kit->first->replaced);
    assert_clean(call);
}

/* An alias that names itself among others must still be delivered to. */
static void expansion_to_itself(struct kit *kit, struct gp_call *call)
{
    struct gp_recipient *same;

    call->recipient = kit->second;
    assert_int_equal(gp_rcpt_add(call, GP_S("two@example.net"), &same), 0);
    assert_ptr_equal(same, kit->second);
    assert_int_equal(gp_rcpt_add(call, GP_S("other@example.net"), NULL), 0);
    assert_int_equal(gp_rcpt_replace(call), 0);
    assert_false(kit->second->replaced);
}

static void expansion_loop(struct kit *kit, struct gp_call *call)
{
    struct gp_recipient *child, *back;

    call->recipient = kit->second;
    assert_int_equal(gp_rcpt_add(call, GP_S("child@example.net"), &child), 0);
    call->recipient = child;
    assert_int_equal(gp_rcpt_add(call, GP_S("two@example.net"), &back), GP_ELIMIT);
    assert_null(back);
}

static void expansion_limits(struct kit *kit, struct gp_call *call)
{
    int added = (int)kit->policy->expansions, result;

    kit->first->depth = 10;
    assert_int_equal(gp_rcpt_add(call, GP_S("deep@example.net"), NULL), GP_ELIMIT);
    kit->first->depth = 9;
    do {
        char address[40];

        snprintf(address, sizeof address, "u%d@example.net", added);
        result = gp_rcpt_add(call, gp_slice_of(address), NULL);
        added++;
    } while (result == 0 && added < 2000);
    assert_int_equal(result, GP_ELIMIT);
    assert_int_equal(added, 1001);
    assert_clean(call);
}

static void add_at_message(struct kit *kit, struct gp_call *call)
{
    struct gp_recipient *archive;

    (void)kit;
    assert_int_equal(gp_rcpt_add(call, GP_S("archive@example.net"), &archive), 0);
    assert_null(archive->parent);
    assert_true(archive->added);
    assert_slice(gp_rcpt_original(archive), GP_S("archive@example.net"));
    assert_int_equal(gp_rcpt_replace(call), GP_ENOTALLOWED);
    assert_fault(call, "not allowed at message, only at resolve");
    assert_int_equal(gp_rcpt_rewrite(call, archive, GP_S("a@b.example")), GP_ENOTALLOWED);
    assert_fault(call, "only at resolve");
    assert_int_equal(gp_rcpt_policy(call, archive, GP_S("strict")), GP_ENOTALLOWED);
    assert_fault(call, "only at resolve and rcpt");
}

static void add_in_shadow(struct kit *kit, struct gp_call *call)
{
    size_t before = kit->policy->n_recipients;
    struct gp_recipient *added = NULL;

    assert_int_equal(gp_rcpt_add(call, GP_S("list@example.com"), &added), 0);
    assert_slice(gp_rcpt_address(added), GP_S("list@example.com"));
    assert_int_equal(gp_rcpt_replace(call), 0);
    assert_int_equal(gp_rcpt_rewrite(call, kit->first, GP_S("x@example.com")), 0);
    assert_int_equal(gp_grant_relay(call), 0);
    assert_int_equal(gp_rcpt_policy(call, kit->first, GP_S("strict")), 0);
    assert_false(gp_slice_present(kit->first->policy_key));
    assert_int_equal(kit->policy->n_recipients, before);
    assert_false(kit->first->replaced);
    assert_slice(gp_rcpt_address(kit->first), GP_S("one@example.net"));
    assert_false(kit->policy->relay_granted);
}

static void test_recipients(void **state)
{
    struct gp__shadow shadow;
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    shadow = (struct gp__shadow){.instance = kit.instance};
    gp__notes_init(&shadow.notes, kit.transaction->arena);
    kit.shadow = &shadow;
    kit_run(&kit, GP_HOOK_RESOLVE, add_in_shadow);
    kit.shadow = NULL;
    kit_run(&kit, GP_HOOK_RESOLVE, recipients);
    kit_run(&kit, GP_HOOK_RESOLVE, expansion);
    kit_run(&kit, GP_HOOK_RESOLVE, expansion_to_itself);
    kit_run(&kit, GP_HOOK_RESOLVE, expansion_loop);
    kit_run(&kit, GP_HOOK_MESSAGE, add_at_message);
    kit_run(&kit, GP_HOOK_RESOLVE, expansion_limits);
    kit_end(&kit);
}

static void grant(struct kit *kit, struct gp_call *call)
{
    assert_int_equal(gp_grant_relay(call), 0);
    assert_true(kit->session->policy->relay_granted);
    kit->plugin.needs = 0;
    assert_int_equal(gp_grant_relay(call), GP_ENOTALLOWED);
    assert_fault(call, "GP_NEEDS_GRANT_RELAY");
    kit->plugin.needs = KIT_NEEDS;
}

static void wish(struct kit *kit, struct gp_call *call)
{
    char name[65];

    memset(name, 'r', sizeof name);
    assert_int_equal(gp_route_to(call, GP_S("")), GP_EINVAL);
    assert_int_equal(gp_route_to(call, gp_slice(name, sizeof name)), GP_EINVAL);
    assert_false(gp_slice_present(kit->first->route_wish));
    assert_int_equal(gp_route_to(call, GP_S("partner")), 0);
    assert_slice(kit->first->route_wish, GP_S("partner"));
    assert_clean(call);
}

static void wish_late(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_route_to(call, GP_S("partner")), GP_ENOTALLOWED);
    assert_fault(call, "only at route");
}

/* As of one run of bytes, however many pieces the message is in. */
static void sign_message(struct kit *kit, struct gp_call *call)
{
    unsigned char whole[GP_DIGEST_BYTES], pieces[GP_DIGEST_BYTES];
    struct gp_slice message = GP_S("");
    struct gp_slice piece;
    uint64_t cursor = 0;

    (void)kit;
    assert_int_equal(gp_header_add(call, gp_message(call), GP_HEADER_TOP, GP_S("X"), GP_S("added")),
                     0);
    while (piece = gp_message_next(gp_message(call), &cursor), gp_slice_present(piece))
        message = gp_format(call, GP_FMT GP_FMT, GP_ARG(message), GP_ARG(piece));
    gp_hmac_sha256(call, GP_S("key"), gp_format(call, "<" GP_FMT ">", GP_ARG(message)), whole);
    gp_hmac_sha256_message(call, GP_S("key"), GP_S("<"), gp_message(call), GP_S(">"), pieces);
    assert_memory_equal(whole, pieces, sizeof whole);
    assert_clean(call);
    gp_hmac_sha256_message(call, GP_S("key"), GP_S("<"), NULL, GP_S(">"), pieces);
    assert_fault(call, "no message");
}

/* One recipient may be relayed to, the others not: and only the one asked about. */
static void grant_one(struct kit *kit, struct gp_call *call)
{
    assert_int_equal(gp_rcpt_grant_relay(call, kit->second), GP_EINVAL);
    assert_fault(call, "a recipient that this call is not about");
    assert_false(kit->second->relay_granted);
    assert_int_equal(gp_rcpt_grant_relay(call, kit->first), 0);
    assert_true(kit->first->relay_granted);
    assert_false(kit->policy->relay_granted);
    kit->first->relay_granted = false;
    kit->plugin.needs = 0;
    assert_int_equal(gp_rcpt_grant_relay(call, kit->first), GP_ENOTALLOWED);
    assert_false(kit->first->relay_granted);
    kit->plugin.needs = KIT_NEEDS;
}

/* RFC 4231 4.3. */
static void signatures(struct kit *kit, struct gp_call *call)
{
    unsigned char digest[GP_DIGEST_BYTES];
    struct gp_slice bytes = gp_slice((const char *)digest, sizeof digest);

    (void)kit;
    gp_hmac_sha256(call, GP_S("Jefe"), GP_S("what do ya want for nothing?"), digest);
    assert_slice(gp_hex(call, bytes),
                 GP_S("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    gp_hmac_sha256(call, gp_slice(NULL, 0), gp_slice(NULL, 0), digest);
    assert_slice(gp_hex(call, bytes),
                 GP_S("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
    assert_true(gp_secret_equal(GP_S("ab"), GP_S("ab")));
    assert_false(gp_secret_equal(GP_S("ab"), GP_S("aB")));
    assert_false(gp_secret_equal(GP_S("ab"), GP_S("abc")));
    assert_clean(call);
    assert_false(gp_slice_present(gp_hex(call, BAD)));
    assert_fault(call, "NULL with a length");
}

static void grant_late(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_grant_relay(call), GP_ENOTALLOWED);
    assert_fault(call, "only at connect, tls, helo, auth, mail, resolve");
}

static void test_relay(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_CONNECT, grant);
    kit_run(&kit, GP_HOOK_RCPT, grant_late);
    kit_run(&kit, GP_HOOK_RESOLVE, grant_one);
    kit_run(&kit, GP_HOOK_ROUTE, wish);
    kit_run(&kit, GP_HOOK_RCPT, wish_late);
    kit_run(&kit, GP_HOOK_CONNECT, signatures);
    kit_message(&kit, GP_S("Subject: a\r\n\r\nbody\r\n"));
    kit_run(&kit, GP_HOOK_MESSAGE, sign_message);
    kit_end(&kit);
}

static void parameter(struct kit *kit, struct gp_call *call)
{
    struct gp__parameter parameters[] = {{GP_S("SIZE"), GP_S("100")},
                                         {GP_S("SMTPUTF8"), gp_slice(NULL, 0)}};

    kit->transaction->mail.parameters = parameters;
    kit->transaction->mail.n_parameters = 2;
    assert_slice(gp_mail_parameter(call, GP_S("size")), GP_S("100"));
    assert_slice(gp_mail_parameter(call, GP_S("smtputf8")), GP_S(""));
    assert_false(gp_slice_present(gp_mail_parameter(call, GP_S("BODY"))));
    kit->transaction->mail.n_parameters = 0;
}

static void test_parameters(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_MAIL, parameter);
    kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),    cmocka_unit_test(test_sender),
        cmocka_unit_test(test_recipients), cmocka_unit_test(test_relay),
        cmocka_unit_test(test_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

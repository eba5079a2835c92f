// SPDX-License-Identifier: Apache-2.0
/* What is kept of a transaction comes back: through the form on the disk, for each copy, with every
 * fact that a target or a delivery hook may ask for. */
#include "core/delivery/spooled.h"
#include "tests/unit/hook/world.h"

#define MESSAGE "Subject: x\r\nTo: y\r\n\r\nbody \xc3\xa9\r\n"

static struct gp__keeping keeping = {
    .now_ms = 1234567890123,
    .bounce_to = GP__BOUNCE_TO_AUTHENTICATED | GP__BOUNCE_TO_SPF_PASS | GP__BOUNCE_TO_DKIM_PASS,
};
static const enum gp__disposal all_queued[8] = {
    GP__DISPOSE_QUEUE, GP__DISPOSE_QUEUE, GP__DISPOSE_QUEUE, GP__DISPOSE_QUEUE,
    GP__DISPOSE_QUEUE, GP__DISPOSE_QUEUE, GP__DISPOSE_QUEUE, GP__DISPOSE_QUEUE};

static struct world *world_with(const char *sender, const char *message)
{
    struct world *world = world_create();
    struct gp__ip ip;

    assert_int_equal(gp__ip_parse(GP_S("192.0.2.7"), &ip), 0);
    gp__session_set_client(world->session, &ip, 1234);
    world->session->helo_seen = world->session->extended = true;
    world->session->helo_len = 2;
    memcpy(world->session->helo_text, "me", 2);
    world->session->tls_version = GP_S("TLSv1.3");
    world->session->tls_cipher = GP_S("TLS_AES_256_GCM_SHA384");
    world_mail(world, sender);
    if (message)
        world_message(world, message);
    return world;
}

/* As the spool writes and reads it. */
static void reread(const struct gp__entry *entry, struct gp_session *session,
                   struct gp__entry *back)
{
    struct gp__buf head = {.limit = 0};

    assert_int_equal(gp__entry_write(entry, &head), 0);
    assert_int_equal(
        gp__entry_read(back, session->arena, gp__arena_dup(session->arena, gp__buf_slice(&head))),
        0);
    back->base = gp__arena_dup(session->arena, entry->base);
    gp__buf_free(&head);
}

static struct gp__restored restored_of(struct world *world, const struct gp__entry *entry,
                                       const uint32_t *recipients, size_t n)
{
    struct gp__restoring restoring = {
        .runtime = world->rt, .hostname = GP_S("mx.example"), .settings = &world->settings};
    struct gp_session *session = gp__restore_begin();
    struct gp__restored restored;
    struct gp__entry back;

    reread(entry, session, &back);
    assert_int_equal(gp__restore(&restored, session, &back, &restoring, recipients, n), 0);
    return restored;
}

static void check_message(struct gp_message *actual, struct gp_message *expected)
{
    uint64_t a = 0, b = 0;
    struct gp__buf one = {.limit = 0}, other = {.limit = 0};
    struct gp_slice piece;

    while (piece = gp_message_next(actual, &a), gp_slice_present(piece))
        gp__buf_append(&one, piece);
    while (piece = gp_message_next(expected, &b), gp_slice_present(piece))
        gp__buf_append(&other, piece);
    assert_true(gp_slice_eq(gp__buf_slice(&one), gp__buf_slice(&other)));
    gp__buf_free(&one);
    gp__buf_free(&other);
}

static void facts(void **unused)
{
    static const uint32_t wanted[] = {1, 0};
    struct world *world = world_with("a@client.example", MESSAGE);
    struct gp__policy *policy = world->tx->policy;
    struct gp_recipient *first = world_rcpt(world, "b@x.example");
    struct gp_recipient *second = world_rcpt(world, "c@x.example");
    struct gp__rcpt *given = (struct gp__rcpt *)(uintptr_t)second->given;
    struct gp__attributes front = {{[GP__ATTRIBUTE_NAME] = GP_S("client.example")}};
    struct gp__restored restored;

    (void)unused;
    world->session->xclient = &front;
    world->session->auth_user = GP_S("alice");
    world->tx->mail.envid = GP_S("env+1");
    world->tx->mail.ret = GP__RET_HDRS;
    world->tx->mail.requiretls = true;
    policy->relay_granted = true;
    first->route_name = GP_S("world");
    given->notify = GP__NOTIFY_SUCCESS | GP__NOTIFY_DELAY;
    given->orcpt = GP_S("rfc822;c@y.example");
    second->relay_granted = true;
    restored = restored_of(world, gp__keep(policy, all_queued, &keeping), wanted, 2);

    assert_slice(gp__transaction_id(restored.transaction), "0123456789abcdef.1");
    assert_slice(gp__session_id(restored.session), "0123456789abcdef");
    assert_slice(restored.session->listener, "mx");
    assert_slice(restored.session->hostname, "mx.example");
    assert_string_equal(restored.session->client_ip_text, "192.0.2.7");
    assert_int_equal(restored.session->client_port, 1234);
    assert_slice(gp__session_client_name(restored.session), "client.example");
    assert_slice(gp__session_helo(restored.session), "me");
    assert_slice(restored.session->tls_version, "TLSv1.3");
    assert_slice(restored.session->tls_cipher, "TLS_AES_256_GCM_SHA384");
    assert_slice(restored.session->auth_user, "alice");
    assert_true(restored.session->extended);
    assert_slice(restored.transaction->mail.from.text, "a@client.example");
    assert_slice(restored.transaction->mail.envid, "env+1");
    assert_int_equal(restored.transaction->mail.ret, GP__RET_HDRS);
    assert_true(restored.transaction->mail.requiretls);
    assert_true(restored.policy->relay_granted);
    assert_slice(restored.copy->id, "0123456789abcdef.1.a");
    assert_slice(restored.copy->sender.text, "a@client.example");
    assert_slice(restored.recipients[0]->address.text, "c@x.example");
    assert_slice(restored.recipients[0]->address.domain, "x.example");
    assert_slice(restored.recipients[0]->given->orcpt, "rfc822;c@y.example");
    assert_int_equal(restored.recipients[0]->given->notify, GP__NOTIFY_SUCCESS | GP__NOTIFY_DELAY);
    assert_true(restored.recipients[0]->relay_granted);
    assert_false(restored.recipients[1]->relay_granted);
    assert_slice(restored.recipients[1]->route_name, "world");
    assert_int_equal(restored.recipients[1]->given->notify, 0);
    check_message(restored.copy->message, policy->message);
    gp__restore_end(&restored);
    world_free(&world);
}

/* What a content filter told by XFORWARD; what can't be an attribute is left out. */
static void forwarded(void **unused)
{
    static const uint32_t one[] = {0};
    struct world *world = world_with("a@client.example", MESSAGE);
    struct gp__arena *arena = gp__arena_create();
    struct gp__forwarded *said = GP__ARENA_NEW(arena, struct gp__forwarded);
    struct gp__entry_forwarded wrong[] = {{GP_S("NAME"), GP_S("a\r\nQUIT")},
                                          {GP_S("COLOUR"), GP_S("red")},
                                          {GP_S("helo"), GP_S("first")},
                                          {GP_S("ADDR"), GP_S("")}};
    struct gp__entry entry;
    struct gp__restored restored;
    struct gp_slice *values;

    (void)unused;
    said->arena = arena;
    said->attributes.values[GP__ATTRIBUTE_NAME] = GP_S("[UNAVAILABLE]");
    said->attributes.values[GP__ATTRIBUTE_ADDR] = GP_S("IPV6:2001:db8::1");
    said->attributes.values[GP__ATTRIBUTE_SOURCE] = GP_S("REMOTE");
    world->tx->forwarded = said;
    world_rcpt(world, "b@x.example");
    entry = *gp__keep(world->tx->policy, all_queued, &keeping);
    assert_int_equal(entry.n_forwarded, 3);
    restored = restored_of(world, &entry, one, 1);
    values = restored.transaction->forwarded->attributes.values;
    assert_slice(values[GP__ATTRIBUTE_NAME], "[UNAVAILABLE]");
    assert_slice(values[GP__ATTRIBUTE_ADDR], "IPV6:2001:db8::1");
    assert_slice(values[GP__ATTRIBUTE_SOURCE], "REMOTE");
    assert_false(gp_slice_present(values[GP__ATTRIBUTE_HELO]));
    assert_null(restored.session->xclient);
    gp__restore_end(&restored);

    entry.forwarded = wrong;
    entry.n_forwarded = COUNT(wrong);
    restored = restored_of(world, &entry, one, 1);
    values = restored.transaction->forwarded->attributes.values;
    assert_slice(values[GP__ATTRIBUTE_HELO], "first");
    assert_false(gp_slice_present(values[GP__ATTRIBUTE_NAME]));
    assert_false(gp_slice_present(values[GP__ATTRIBUTE_ADDR]));
    gp__restore_end(&restored);
    world_free(&world);
}

/* Each recipient's copy, with the edits of all and its own. */
static void copies(void **unused)
{
    static const uint32_t one[] = {0}, two[] = {1}, both[] = {0, 1};
    struct world *world = world_with("a@client.example", MESSAGE);
    struct gp__policy *policy = world->tx->policy;
    struct gp_recipient *plain = world_rcpt(world, "b@x.example");
    struct gp_recipient *other = world_rcpt(world, "c@x.example");
    const struct gp__entry *entry;
    struct gp__restored restored;
    struct gp_session *session;
    struct gp__restoring restoring = {.runtime = world->rt, .settings = &world->settings};

    (void)unused;
    assert_non_null(gp__copy_for(other, NULL, GP_S("k")));
    gp__message_header_insert(policy->message, GP_S("t"), 0, GP_S("Received"), GP_S("here"));
    gp__message_body_splice(other->copy->message, GP_S("t"), 0, 4, GP_S("other"));
    other->copy->own_sender = true;
    other->copy->sender = (struct gp__address){.text = GP_S("srs@x.example")};
    entry = gp__keep(policy, all_queued, &keeping);
    assert_int_equal(entry->n_copies, 2);
    assert_true(entry->copies[0].eight_bit);
    assert_false(entry->copies[0].utf8_headers);
    assert_int_equal(entry->copies[0].n_pieces, 2);
    assert_int_equal(entry->base_size, strlen(MESSAGE));
    assert_int_equal(entry->copies[1].size, gp_message_size(other->copy->message));

    restored = restored_of(world, entry, one, 1);
    check_message(restored.copy->message, policy->message);
    assert_slice(gp__content_at(restored.policy->content, 0, strlen(MESSAGE)), MESSAGE);
    gp__restore_end(&restored);
    restored = restored_of(world, entry, two, 1);
    check_message(restored.copy->message, other->copy->message);
    assert_slice(restored.copy->sender.text, "srs@x.example");
    gp__restore_end(&restored);

    session = gp__restore_begin();
    assert_int_equal(gp__restore(&restored, session, entry, &restoring, both, 2), GP_EINVAL);
    gp__restore_end(&restored);
    assert_ptr_equal(plain->policy, policy);
    world_free(&world);
}

static void notes(void **unused)
{
    static const uint32_t one[] = {0};
    struct world *world = world_with("a@client.example", MESSAGE);
    struct gp__policy *policy = world->tx->policy;
    struct gp_recipient *recipient = world_rcpt(world, "b@x.example");
    struct gp__notes session, transaction, own;
    struct gp__restored restored;
    int64_t number;

    (void)unused;
    gp__notes_init(&session, world->session->arena);
    gp__notes_init(&transaction, world->tx->arena);
    gp__notes_init(&own, world->tx->arena);
    policy->session->notes = &session;
    policy->notes = &transaction;
    recipient->notes = &own;
    gp__notes_set(&session, GP_S("geo"), GP_S("country"), GP_S("at"), GP_NOTE_KEEP);
    gp__notes_set(&session, GP_S("geo"), GP_S("city"), GP_S("graz"), 0);
    gp__notes_set_milli(&transaction, GP_S("spam"), GP_S("score"), 2500, GP_NOTE_KEEP);
    gp__notes_set_int(&own, GP_S("who"), GP_S("tenant"), 42, GP_NOTE_KEEP);
    restored = restored_of(world, gp__keep(policy, all_queued, &keeping), one, 1);

    assert_slice(gp__note_text(world->tx->arena, gp__notes_find(restored.policy->notes, GP_S(""),
                                                                GP_S("geo.country"))),
                 "at");
    assert_null(gp__notes_find(restored.policy->notes, GP_S(""), GP_S("geo.city")));
    assert_slice(gp__note_text(world->tx->arena, gp__notes_find(restored.policy->notes, GP_S(""),
                                                                GP_S("spam.score"))),
                 "2.5");
    assert_int_equal(
        gp__note_int(gp__notes_find(restored.recipients[0]->notes, GP_S("who"), GP_S("tenant")),
                     &number),
        0);
    assert_int_equal(number, 42);
    assert_false(restored.policy->relay_granted);
    gp__restore_end(&restored);
    world_free(&world);
}

/* Addresses and header fields in UTF-8, and odd ones. */
static void utf8(void **unused)
{
    static const uint32_t one[] = {0};
    struct world *world = world_with("", "Subject: \xc3\xa9\r\n\r\nx\r\n");
    struct gp__rcpt *rcpt = GP__ARENA_NEW(world->tx->arena, struct gp__rcpt);
    const struct gp__entry *entry;
    struct gp__restored restored;

    (void)unused;
    assert_int_equal(gp__mailbox_parse(world->tx->arena, GP_S("\"a b\"@\xc3\xa9.example"),
                                       GP__ADDRESS_UTF8, &rcpt->to),
                     GP__ADDRESS_OK);
    gp__recipient_create(world->tx->policy, rcpt, &rcpt->to)->accepted = true;
    world->tx->mail.smtputf8 = true;
    entry = gp__keep(world->tx->policy, all_queued, &keeping);
    assert_true(entry->copies[0].utf8_headers);
    assert_int_equal(entry->bounce, GP__BOUNCE_NEVER);
    restored = restored_of(world, entry, one, 1);
    assert_slice(restored.recipients[0]->address.text, "\"a b\"@\xc3\xa9.example");
    assert_true(restored.recipients[0]->address.utf8);
    assert_true(restored.transaction->mail.smtputf8);
    assert_slice(restored.copy->sender.text, "");
    gp__restore_end(&restored);
    world_free(&world);
}

/* What is held, dropped, delivered, and why. */
static void fates(void **unused)
{
    static const enum gp__disposal disposals[] = {GP__DISPOSE_HOLD, GP__DISPOSE_DROP,
                                                  GP__DISPOSE_TARGET, GP__DISPOSE_HOLD,
                                                  GP__DISPOSE_QUEUE};
    static const enum gp__disposal nothing[] = {GP__DISPOSE_DROP, GP__DISPOSE_TARGET,
                                                GP__DISPOSE_REJECT, GP__DISPOSE_DEFER,
                                                GP__DISPOSE_NONE};
    static const struct gp__ruling refused = {
        .verdict = GP_REJECT,
        .reply = {.code = 550, .klass = 5, .subject = 7, .detail = 1, .text = {"no", 2}}};
    struct world *world = world_with("a@client.example", MESSAGE);
    struct gp__policy *policy = world->tx->policy;
    struct fake *fake = world_plugin(world, "score");
    struct gp_recipient *marked = world_rcpt(world, "b@x.example");
    const struct gp__entry *entry;

    (void)unused;
    marked->bucket = GP_S("spam");
    marked->marked_by = &fake->instance;
    for (int i = 0; i < 4; i++)
        world_rcpt(world, "c@x.example");
    policy->recipients[3]->stop = &refused;
    entry = gp__keep(policy, disposals, &keeping);
    assert_int_equal(entry->n_recipients, 3);
    assert_slice(entry->recipients[0].bucket, "spam");
    assert_slice(entry->recipients[0].reason, "marked by score");
    assert_slice(entry->recipients[1].bucket, "review");
    assert_slice(entry->recipients[1].reason, "refused by gatepost: 550 5.7.1 no");
    assert_false(gp_slice_present(entry->recipients[2].bucket));
    assert_null(gp__keep(policy, nothing, &keeping));
    world_free(&world);
}

/* Those of one copy and one domain stand side by side. */
static void order(void **unused)
{
    static const char *const given[] = {"1@b.example", "2@a.example", "3@B.example", "4@a.example",
                                        "5@a.example"};
    struct world *world = world_with("a@client.example", MESSAGE);
    struct gp__policy *policy = world->tx->policy;
    const struct gp__entry *entry;
    char places[6] = "";

    (void)unused;
    for (size_t i = 0; i < COUNT(given); i++)
        world_rcpt(world, given[i]);
    assert_non_null(gp__copy_for(policy->recipients[1], NULL, GP_S("k")));
    entry = gp__keep(policy, all_queued, &keeping);
    for (size_t i = 0; i < entry->n_recipients; i++)
        places[i] = entry->recipients[i].address.data[0];
    assert_true(strcmp(places, "45132") == 0 || strcmp(places, "54132") == 0 ||
                strcmp(places, "45312") == 0 || strcmp(places, "54312") == 0);
    world_free(&world);
}

/* ---- the right to bounce ---- */

static const struct {
    const char *sender, *user, *method, *result, *property, *value;
    unsigned to;
    enum gp__bounce right;
} rights[] = {
    {"a@x.example", NULL, NULL, NULL, NULL, NULL, 7, GP__BOUNCE_NEVER},
    {"a@x.example", "me", NULL, NULL, NULL, NULL, 7, GP__BOUNCE_ALLOWED},
    {"a@x.example", "me", NULL, NULL, NULL, NULL, 6, GP__BOUNCE_NEVER},
    {"", "me", NULL, NULL, NULL, NULL, 7, GP__BOUNCE_NEVER},
    {"a@x.example", NULL, "spf", "pass", "smtp.mailfrom", "a@X.example", 7, GP__BOUNCE_ALLOWED},
    {"a@x.example", NULL, "spf", "pass", "smtp.mailfrom", "x.example", 2, GP__BOUNCE_ALLOWED},
    {"a@x.example", NULL, "spf", "pass", "smtp.mailfrom", "x.example", 5, GP__BOUNCE_NEVER},
    {"a@x.example", NULL, "spf", "fail", "smtp.mailfrom", "x.example", 7, GP__BOUNCE_NEVER},
    {"a@x.example", NULL, "spf", "pass", "smtp.helo", "x.example", 7, GP__BOUNCE_NEVER},
    {"a@x.example", NULL, "spf", "pass", "smtp.mailfrom", "y.example", 7, GP__BOUNCE_NEVER},
    {"a@b.x.example", NULL, "dkim", "pass", "header.d", "x.example", 7, GP__BOUNCE_ALLOWED},
    {"a@x.example", NULL, "dkim", "pass", "header.i", "@x.example", 4, GP__BOUNCE_ALLOWED},
    {"a@x.example", NULL, "dkim", "pass", "header.d", "b.x.example", 7, GP__BOUNCE_NEVER},
    {"a@x.example", NULL, "dkim", "pass", "header.d", "example", 7, GP__BOUNCE_NEVER},
    {"a@evilx.example", NULL, "dkim", "pass", "header.d", "x.example", 7, GP__BOUNCE_NEVER},
    {"a@x.example", NULL, "dmarc", "pass", "header.from", "x.example", 7, GP__BOUNCE_NEVER},
};

static void bounce_right(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rights); i++) {
        struct world *world = world_with(rights[i].sender, NULL);
        struct gp__auth_result result = {.method = gp_slice_of(rights[i].method),
                                         .result = gp_slice_of(rights[i].result),
                                         .property = gp_slice_of(rights[i].property),
                                         .value = gp_slice_of(rights[i].value)};

        world->session->auth_user = rights[i].user ? gp_slice_of(rights[i].user) : ABSENT;
        if (rights[i].method)
            world->tx->policy->auth_results = &result;
        if (gp__bounce_right(world->tx->policy, rights[i].to) != rights[i].right)
            fail_msg("row %zu", i);
        world_free(&world);
    }
}

/* A draft in a client's name has the client's right, one in ours can be bounced. */
static void drafts(void **unused)
{
    struct gp__keeping of_draft = keeping;
    struct world *world = world_with("a@client.example", MESSAGE);

    (void)unused;
    world_rcpt(world, "b@x.example");
    of_draft.parent = GP_S("parent.1");
    of_draft.sender = GP_S("a@client.example");
    assert_int_equal(gp__keep(world->tx->policy, all_queued, &of_draft)->bounce, GP__BOUNCE_NEVER);
    of_draft.bounce = GP__BOUNCE_ALLOWED;
    assert_int_equal(gp__keep(world->tx->policy, all_queued, &of_draft)->bounce,
                     GP__BOUNCE_ALLOWED);
    of_draft.bounce = GP__BOUNCE_NEVER;
    of_draft.sender = GP_S("c@client.example");
    assert_int_equal(gp__keep(world->tx->policy, all_queued, &of_draft)->bounce,
                     GP__BOUNCE_ALLOWED);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts),  cmocka_unit_test(copies), cmocka_unit_test(notes),
        cmocka_unit_test(utf8),   cmocka_unit_test(fates),  cmocka_unit_test(bounce_right),
        cmocka_unit_test(drafts), cmocka_unit_test(order),  cmocka_unit_test(forwarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

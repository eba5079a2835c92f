// SPDX-License-Identifier: Apache-2.0
/* Attempts: what a scheduler asks, what targets and hooks say, what it is answered. */
#include "tests/unit/server/world.h"
#include "tests/unit/spool/memory.h"

#include "core/delivery/carrier.h"

#define QUEUED                                                                                     \
    "hostname: mx.example.test\n"                                                                  \
    "tables: {users: {list: {}}}\n"                                                                \
    "targets: {box: {box: {}}}\n"                                                                  \
    "routes:\n"                                                                                    \
    "  - {name: new, match: {recipient: c@example.test}, to: box}\n"                               \
    "  - {name: box, match: {recipient: example.test}, valid: users, to: box}\n"                   \
    "  - {name: world, match: {relay: true}, to: box}\n"                                           \
    "spool: {path: /spool}\n"                                                                      \
    "buckets: {spam: {}, dlp: {}}\n" CONFIG_LISTENER

#define HOOKS                                                                                      \
    (1u << GP_HOOK_RELEASE | 1u << GP_HOOK_ATTEMPT | 1u << GP_HOOK_DELIVERED |                     \
     1u << GP_HOOK_DEFERRED | 1u << GP_HOOK_BOUNCED)

/* What came back last. */
static struct heard {
    size_t n;
    uint64_t number;
    enum gp_outcome outcomes[8];
    unsigned codes[8];
    enum gp__filtered filtered[8];
    char remote[64], route[64], bucket[64], text[64];
    bool down, slow, relayed;
    uint64_t retry_after_ms;
} heard;

static void copy_text(char to[64], struct gp_slice text)
{
    snprintf(to, 64, GP_FMT, GP_ARG(text));
}

static void on_answer(void *arg, const struct gp__attempt_answer *answer)
{
    (void)arg;
    heard.n++;
    heard.number = answer->number;
    for (size_t i = 0; i < answer->n && i < 8; i++) {
        heard.outcomes[i] = answer->results[i].outcome;
        heard.codes[i] = answer->results[i].reply.code;
        heard.filtered[i] = answer->results[i].filtered;
    }
    copy_text(heard.remote, answer->results[0].remote);
    copy_text(heard.route, answer->results[0].route);
    copy_text(heard.bucket, answer->results[0].bucket);
    copy_text(heard.text, answer->results[0].reply.text);
    heard.down = answer->destination_down;
    heard.slow = answer->slow_down;
    heard.relayed = answer->relayed;
    heard.retry_after_ms = answer->retry_after_ms;
}

struct setup {
    struct world *world;
    struct gp__carrier *carrier;
    struct gp__attempt attempt;
};

static const uint32_t all[] = {0, 1, 2};

/* Who has the right to relay. */
enum relay {
    NOBODY = 0,
    SENDER,
    FIRST, /* mail to the first recipient */
};

/* An entry with three recipients, as if it had come by the listener. */
static void keep(struct setup *s, const char *first, enum relay relay)
{
    const struct gp__entry_piece piece = {.offset = 0, .len = 20};
    const struct gp__entry_copy copy = {.id = GP_S("0123456789abcdef.1.a"),
                                        .sender = GP_S("a@example.com"),
                                        .pieces = &piece,
                                        .n_pieces = 1,
                                        .size = 20};
    const struct gp__entry_recipient recipients[] = {
        {.address = gp_slice_of(first), .route = GP_S("box"), .relay = relay == FIRST},
        {.address = GP_S("later@example.test"), .route = GP_S("box")},
        {.address = GP_S("never@example.test"), .route = GP_S("box")},
    };
    const struct gp__entry_note note = {
        .instance = GP_S("gatepost"), .key = GP_S("relay"), .type = GP__NOTE_INT, .number = 1};
    const struct gp__entry entry = {.id = GP_S("0123456789abcdef.1"),
                                    .listener = GP_S("l"),
                                    .session = GP_S("0123456789abcdef"),
                                    .client_ip = GP_S("192.0.2.1"),
                                    .sender_given = GP_S("a@example.com"),
                                    .base = GP_S("Subject: x\r\n\r\nbody\r\n"),
                                    .base_size = 20,
                                    .copies = &copy,
                                    .n_copies = 1,
                                    .notes = &note,
                                    .n_notes = relay == SENDER,
                                    .recipients = recipients,
                                    .n_recipients = COUNT(recipients)};
    struct gp__place place;

    assert_int_equal(memory_keep(&entry, &place), 0);
    s->attempt = (struct gp__attempt){.number = 7,
                                      .place = place,
                                      .message = GP_S("0123456789abcdef.1"),
                                      .route = GP_S("box"),
                                      .recipients = all,
                                      .n = 1,
                                      .deadline_ms = 600000};
}

static void setup_with(struct setup *s, const char *first, const char *config)
{
    struct gp__carrier_options options = {.spool = &memory_settings, .answer = on_answer};

    memset(&heard, 0, sizeof heard);
    s->world = world_create(config, HOOKS);
    options.runtime = s->world->rt;
    options.carriage = &s->world->generation->carriage;
    s->carrier = gp__carrier_open(&options, NULL);
    assert_non_null(s->carrier);
    keep(s, first, NOBODY);
}

static void setup(struct setup *s, const char *first)
{
    setup_with(s, first, QUEUED CONFIG_CHAIN);
}

static void teardown(struct setup *s)
{
    assert_int_equal(gp__carrier_busy(s->carrier), 0);
    gp__carrier_close(&s->carrier);
    world_free(&s->world);
    memory_forget();
}

static void try_it(struct setup *s, uint64_t ms)
{
    gp__carrier_take(s->carrier, &s->attempt);
    assert_int_equal(heard.n, 0); /* never from within */
    gp__sim_settle(s->world->rt);
    if (ms)
        gp__sim_advance(s->world->rt, ms);
}

/* ---- outcomes ---- */

static int box_says(struct gp_call *call, struct gp_delivery *delivery)
{
    (void)call;
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++) {
        struct gp_slice local = gp_rcpt_local(gp_delivery_rcpt_at(delivery, i));

        if (gp_slice_eq(local, GP_S("later")))
            gp_delivery_result(delivery, i, GP_OUTCOME_DEFERRED, "450 4.2.0", "later");
        else if (gp_slice_eq(local, GP_S("never")))
            gp_delivery_result(delivery, i, GP_OUTCOME_FAILED, "550 5.1.1", "never");
        else
            gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
        gp_delivery_remote(delivery, i, GP_S("mx.example [192.0.2.2]"));
        gp_delivery_relayed(delivery, i);
    }
    gp_delivery_advise(delivery, GP_ADVICE_SLOWDOWN, 5000);
    return 0;
}

static void delivered(void **unused)
{
    struct gp_slice bytes;
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    try_it(&s, 1);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.number, 7);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(gp__sim_file_get(s.world->rt, GP_S("/box/new/0123456789abcdef.1.a.1"), &bytes),
                     0);
    assert_true(gp_slice_eq(bytes, GP_S("Subject: x\r\n\r\nbody\r\n")));
    assert_int_equal(seen.calls[GP_HOOK_ATTEMPT], 1);
    assert_int_equal(seen.calls[GP_HOOK_DELIVERED], 1);
    assert_int_equal(seen.calls[GP_HOOK_DEFERRED], 0);
    teardown(&s);
}

static void each_its_own(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    seen.deliver = box_says;
    s.attempt.n = 3;
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(heard.outcomes[1], GP_OUTCOME_DEFERRED);
    assert_int_equal(heard.codes[1], 450);
    assert_int_equal(heard.outcomes[2], GP_OUTCOME_FAILED);
    assert_int_equal(heard.codes[2], 550);
    assert_string_equal(heard.remote, "mx.example [192.0.2.2]");
    assert_true(heard.slow);
    assert_false(heard.down);
    assert_true(heard.relayed);
    assert_int_equal(heard.retry_after_ms, 5000);
    assert_int_equal(seen.calls[GP_HOOK_DELIVERED], 1);
    assert_int_equal(seen.calls[GP_HOOK_DEFERRED], 1);
    assert_int_equal(seen.calls[GP_HOOK_BOUNCED], 1);
    teardown(&s);
}

/* The name of a delivery is that of its recipients: the same at the next attempt. */
static void named_by_recipient(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    s.attempt.recipients = &all[2];
    try_it(&s, 1);
    assert_int_equal(world_files(s.world, "/box/new/0123456789abcdef.1.a.3"), 1);
    teardown(&s);
}

static void publish_fails(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    gp__sim_file_fault(s.world->rt, GP__FILE_RENAME, 1, GP_EIO);
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(heard.codes[0], 451);
    assert_int_equal(seen.revokes, 1);
    teardown(&s);
}

/* ---- hooks ---- */

static void hook_objects(void **unused)
{
    static const struct {
        enum gp_verdict verdict;
        enum gp_outcome outcome;
    } rows[] = {{GP_DEFER, GP_OUTCOME_DEFERRED},
                {GP_REJECT, GP_OUTCOME_FAILED},
                {GP_NEXT, GP_OUTCOME_DELIVERED},
                {GP_ACCEPT, GP_OUTCOME_DELIVERED}};

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct setup s;

        setup(&s, "b@example.test");
        seen.verdict[GP_HOOK_ATTEMPT] = rows[i].verdict;
        try_it(&s, 1);
        assert_int_equal(heard.outcomes[0], rows[i].outcome);
        assert_int_equal(seen.delivers, rows[i].outcome == GP_OUTCOME_DELIVERED);
        teardown(&s);
    }
}

static enum gp_verdict look(struct gp_call *call)
{
    assert_int_equal(gp_rcpt_count(call), 1);
    assert_true(gp_slice_eq(gp_rcpt_address(gp_rcpt_at(call, 0)), GP_S("b@example.test")));
    assert_true(gp_slice_eq(gp_client_ip(call), GP_S("192.0.2.1")));
    assert_true(gp_slice_eq(gp_listener(call), GP_S("l")));
    assert_true(gp_slice_eq(gp_hostname(call), GP_S("mx.example.test")));
    return GP_NEXT;
}

static void hook_sees(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    seen.fn[GP_HOOK_ATTEMPT] = look;
    seen.fn[GP_HOOK_DELIVERED] = look;
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(seen.ended[GP_HOOK_DELIVERED], 1);
    teardown(&s);
}

/* ---- mail that was let go ---- */

static enum gp_verdict back_to_dlp(struct gp_call *call)
{
    return gp_quarantine(call, GP_S("dlp"), "still bad");
}

static void let_go(void **unused)
{
    static const struct {
        enum gp_verdict verdict;
        enum gp_verdict (*fn)(struct gp_call *call);
        enum gp_outcome outcome;
        unsigned code;
        enum gp__filtered filtered;
        const char *bucket, *text;
    } rows[] = {
        {GP_NEXT, NULL, GP_OUTCOME_DELIVERED, 0, GP__FILTERED_NOT, "", ""},
        {GP_ACCEPT, NULL, GP_OUTCOME_DELIVERED, 0, GP__FILTERED_NOT, "", ""},
        {GP_QUARANTINE, NULL, GP_OUTCOME_NONE, 0, GP__FILTERED_HELD, "spam", "held by probe"},
        {GP_NEXT, back_to_dlp, GP_OUTCOME_NONE, 0, GP__FILTERED_HELD, "dlp", "held by probe"},
        {GP_DISCARD, NULL, GP_OUTCOME_NONE, 0, GP__FILTERED_DROPPED, "", "discarded by probe"},
        {GP_DEFER, NULL, GP_OUTCOME_DEFERRED, 451, GP__FILTERED_NOT, "",
         "Not now, try again later"},
        {GP_REJECT, NULL, GP_OUTCOME_FAILED, 550, GP__FILTERED_NOT, "", "Refused by policy"},
        {GP_DISCONNECT, NULL, GP_OUTCOME_DEFERRED, 451, GP__FILTERED_NOT, "",
         "Temporary problem here, try again later"}, /* not legal */
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool goes = rows[i].outcome == GP_OUTCOME_DELIVERED;
        struct setup s;

        setup(&s, "b@example.test");
        s.attempt.from = GP_S("spam");
        seen.verdict[GP_HOOK_RELEASE] = rows[i].verdict;
        seen.fn[GP_HOOK_RELEASE] = rows[i].fn;
        try_it(&s, 1);
        assert_int_equal(heard.n, 1);
        assert_int_equal(heard.outcomes[0], rows[i].outcome);
        assert_int_equal(heard.codes[0], rows[i].code);
        assert_int_equal(heard.filtered[0], rows[i].filtered);
        assert_string_equal(heard.bucket, rows[i].bucket);
        assert_string_equal(heard.text, rows[i].text);
        assert_int_equal(seen.calls[GP_HOOK_RELEASE], 1);
        assert_int_equal(seen.calls[GP_HOOK_ATTEMPT], goes);
        assert_int_equal(seen.delivers, goes);
        assert_int_equal(seen.calls[GP_HOOK_BOUNCED], rows[i].outcome == GP_OUTCOME_FAILED);
        teardown(&s);
    }
}

/* Nobody is asked about mail that was not held. */
static void never_held(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    seen.verdict[GP_HOOK_RELEASE] = GP_REJECT;
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(seen.calls[GP_HOOK_RELEASE], 0);
    teardown(&s);
}

static enum gp_verdict each_apart(struct gp_call *call)
{
    assert_int_equal(gp_rcpt_count(call), 3);
    assert_true(gp_slice_eq(gp_rcpt_bucket(gp_rcpt_at(call, 0)), GP_S("spam")));
    gp_judge(call, gp_rcpt_at(call, 0), gp_quarantine(call, GP_S("dlp"), "no"));
    gp_judge(call, gp_rcpt_at(call, 1), GP_DISCARD);
    return GP_NEXT;
}

/* One goes on, and keeps its own name of the delivery; one is held, one dropped. */
static void let_go_apart(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    s.attempt.n = 3;
    s.attempt.from = GP_S("spam");
    seen.fn[GP_HOOK_RELEASE] = each_apart;
    try_it(&s, 1);
    assert_int_equal(heard.filtered[0], GP__FILTERED_HELD);
    assert_string_equal(heard.bucket, "dlp");
    assert_int_equal(heard.filtered[1], GP__FILTERED_DROPPED);
    assert_int_equal(heard.filtered[2], GP__FILTERED_NOT);
    assert_int_equal(heard.outcomes[2], GP_OUTCOME_DELIVERED);
    assert_int_equal(seen.delivers, 1);
    assert_int_equal(world_files(s.world, "/box/new/0123456789abcdef.1.a.3"), 1);
    teardown(&s);
}

static enum gp_verdict change(struct gp_call *call)
{
    struct gp_message *message = gp_message(call);

    gp_header_add(call, message, GP_HEADER_BOTTOM, GP_S("X-Released"), GP_S("yes"));
    gp_body_splice(call, message, 0, 0, GP_S("> "));
    return GP_NEXT;
}

static void changed_when_let_go(void **unused)
{
    struct gp_slice bytes;
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    s.attempt.from = GP_S("spam");
    seen.fn[GP_HOOK_RELEASE] = change;
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(gp__sim_file_get(s.world->rt, GP_S("/box/new/0123456789abcdef.1.a.1"), &bytes),
                     0);
    assert_true(gp_slice_eq(bytes, GP_S("Subject: x\r\nX-Released: yes\r\n\r\n> body\r\n")));
    teardown(&s);
}

/* What it would have said is counted, and not done. */
static void filter_in_shadow(void **unused)
{
    static const struct {
        enum gp_verdict verdict;
        uint64_t agreed;
    } rows[] = {{GP_NEXT, 1}, {GP_REJECT, 0}, {GP_QUARANTINE, 0}};

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct gp__chain *chain;
        struct setup s;

        setup_with(&s, "b@example.test", QUEUED "chains: {c: [{probe: {}, mode: shadow}]}\n");
        chain = gp__generation_entrance(s.world->generation, GP_S("l"))->policy.chain;
        s.attempt.from = GP_S("spam");
        seen.verdict[GP_HOOK_RELEASE] = rows[i].verdict;
        try_it(&s, 1);
        assert_int_equal(heard.outcomes[0], GP_OUTCOME_DELIVERED);
        assert_int_equal(seen.calls[GP_HOOK_RELEASE], 1);
        assert_int_equal(chain->items[0]->shadow_agreed, rows[i].agreed);
        assert_int_equal(chain->items[0]->shadow_differed, 1 - rows[i].agreed);
        teardown(&s);
    }
}

/* A filter that misses its deadline, or cannot judge: on_error decides. */
static void filter_fails(void **unused)
{
    static const struct {
        const char *on_error;
        enum gp_outcome outcome;
        unsigned code;
        enum gp__filtered filtered;
        const char *bucket;
    } rows[] = {
        {"defer", GP_OUTCOME_DEFERRED, 451, GP__FILTERED_NOT, ""},
        {"continue", GP_OUTCOME_DELIVERED, 0, GP__FILTERED_NOT, ""},
        {"reject", GP_OUTCOME_FAILED, 554, GP__FILTERED_NOT, ""},
        {"quarantine", GP_OUTCOME_NONE, 0, GP__FILTERED_HELD, "spam"},
    };

    (void)unused;
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        size_t row = i / 2;
        struct setup s;
        char config[1024];

        snprintf(config, sizeof config,
                 QUEUED "chains: {c: [{probe: {}, deadline: 2s, on_error: %s}]}\n",
                 rows[row].on_error);
        setup_with(&s, "b@example.test", config);
        s.attempt.from = GP_S("spam");
        seen.verdict[GP_HOOK_RELEASE] = i % 2 ? GP_FAIL : GP_NEXT;
        seen.sleep_ms[GP_HOOK_RELEASE] = i % 2 ? 0 : 5000;
        try_it(&s, 3000);
        assert_int_equal(heard.outcomes[0], rows[row].outcome);
        assert_int_equal(heard.codes[0], rows[row].code);
        assert_int_equal(heard.filtered[0], rows[row].filtered);
        assert_string_equal(heard.bucket, rows[row].bucket);
        teardown(&s);
    }
}

static void filter_canceled(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    s.attempt.from = GP_S("spam");
    seen.sleep_ms[GP_HOOK_RELEASE] = 1000;
    try_it(&s, 10);
    gp__carrier_cancel(s.carrier);
    gp__sim_settle(s.world->rt);
    gp__sim_advance(s.world->rt, 1);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(seen.delivers, 0);
    teardown(&s);
}

static void given_up(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    s.attempt.kind = GP__ATTEMPT_TELL;
    try_it(&s, 1);
    assert_int_equal(heard.n, 1);
    assert_int_equal(seen.calls[GP_HOOK_BOUNCED], 1);
    assert_int_equal(seen.delivers, 0);
    teardown(&s);
}

/* ---- routes ---- */

static void routed_again(void **unused)
{
    static const struct {
        const char *address;
        enum relay relay;
        enum gp_outcome outcome;
        const char *route;
    } rows[] = {
        {"b@example.test", NOBODY, GP_OUTCOME_DELIVERED, "box"},
        {"c@example.test", NOBODY, GP_OUTCOME_DELIVERED, "new"},
        {"no@example.test", NOBODY, GP_OUTCOME_DELIVERED, "box"}, /* it was there once */
        {"temp@example.test", NOBODY, GP_OUTCOME_DEFERRED, ""},
        {"x@else.test", NOBODY, GP_OUTCOME_DELIVERED, ""},
        {"x@else.test", SENDER, GP_OUTCOME_DELIVERED, "world"},
        {"x@else.test", FIRST, GP_OUTCOME_DELIVERED, "world"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct setup s;

        setup(&s, rows[i].address);
        keep(&s, rows[i].address, rows[i].relay);
        s.attempt.kind = GP__ATTEMPT_ROUTE;
        try_it(&s, 1);
        assert_int_equal(heard.outcomes[0], rows[i].outcome);
        assert_string_equal(heard.route, rows[i].route);
        assert_int_equal(seen.delivers, 0);
        teardown(&s);
    }
}

static void route_gone(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    s.attempt.route = GP_S("old");
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(seen.calls[GP_HOOK_ATTEMPT], 0);
    teardown(&s);
}

/* ---- what goes wrong ---- */

static void unreadable(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    s.attempt.place.offset = 40;
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    s.attempt.place.offset = 0;
    s.attempt.message = GP_S("another");
    heard.n = 0;
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    s.attempt.message = GP_S("0123456789abcdef.1");
    s.attempt.recipients = (const uint32_t[]){9};
    heard.n = 0;
    try_it(&s, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(seen.delivers, 0);
    teardown(&s);
}

/* It answers by the deadline, even when the target does not. */
static void too_slow(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    seen.deliver_ms = 3600000;
    s.attempt.deadline_ms = 60000;
    try_it(&s, 39999);
    assert_int_equal(heard.n, 0);
    gp__sim_advance(s.world->rt, 20001);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    teardown(&s);
}

static void canceled(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    seen.deliver_ms = 30000;
    try_it(&s, 10);
    assert_int_equal(gp__carrier_busy(s.carrier), 1);
    gp__carrier_cancel(s.carrier);
    gp__sim_settle(s.world->rt);
    gp__sim_advance(s.world->rt, 1);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(world_files(s.world, "/box/new/"), 0);
    teardown(&s);
}

static void too_many(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "b@example.test");
    seen.sleep_ms[GP_HOOK_ATTEMPT] = 1000;
    for (size_t i = 0; i < GP__ATTEMPTS_MAX; i++)
        gp__carrier_take(s.carrier, &s.attempt);
    gp__sim_advance(s.world->rt, 10);
    assert_int_equal(heard.n, 0);
    gp__carrier_take(s.carrier, &s.attempt);
    gp__sim_advance(s.world->rt, 10);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(heard.codes[0], 451);
    gp__sim_advance(s.world->rt, 2000);
    assert_int_equal(heard.n, GP__ATTEMPTS_MAX + 1);
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(let_go),           cmocka_unit_test(never_held),
        cmocka_unit_test(let_go_apart),     cmocka_unit_test(changed_when_let_go),
        cmocka_unit_test(filter_fails),     cmocka_unit_test(filter_canceled),
        cmocka_unit_test(filter_in_shadow), cmocka_unit_test(delivered),
        cmocka_unit_test(each_its_own),     cmocka_unit_test(named_by_recipient),
        cmocka_unit_test(publish_fails),    cmocka_unit_test(hook_objects),
        cmocka_unit_test(hook_sees),        cmocka_unit_test(given_up),
        cmocka_unit_test(routed_again),     cmocka_unit_test(route_gone),
        cmocka_unit_test(unreadable),       cmocka_unit_test(too_slow),
        cmocka_unit_test(canceled),         cmocka_unit_test(too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The kit's own plugin: the target of the default route, which keeps what it gets, an observer at
 * the end of the chain, which keeps what was known of a transaction when it ended, and the state
 * (state.c). As part of
 * the kit it looks behind the plugin API. The kit of a call is the one whose log the runtime has.
 */
#include "sdk/kit/kit.h"

static struct gp__kit *kit_of(const struct gp_call *call)
{
    return call->runtime->log->arg;
}

/* ---- the target ---- */

static struct gp_slice bytes_of(struct gp__arena *arena, struct gp_message *message)
{
    struct gp__buf buf = {.limit = 0};
    struct gp_slice piece, bytes;
    uint64_t cursor = 0;

    while (gp_slice_present(piece = gp_message_next(message, &cursor)))
        gp__buf_append(&buf, piece);
    bytes = gp__arena_dup(arena, gp__buf_slice(&buf));
    gp__buf_free(&buf);
    return bytes;
}

static struct gp_slice original_of(struct gp__arena *arena, const struct gp__content *content)
{
    return gp__arena_dup(arena, gp__content_at(content, 0, gp__content_size(content)));
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct gp__kit *kit = kit_of(call);
    struct gp__kit_capture *capture = GP__ARENA_NEW(kit->arena, struct gp__kit_capture);
    size_t n = gp_delivery_rcpt_count(delivery);

    (void)self;
    capture->id = gp__arena_dup(kit->arena, gp_delivery_id(delivery));
    capture->sender = gp__arena_dup(kit->arena, gp_delivery_sender(delivery));
    capture->bytes = bytes_of(kit->arena, gp_delivery_message(delivery));
    if (call->policy && call->policy->content)
        capture->original = original_of(kit->arena, call->policy->content);
    capture->recipients = GP__ARENA_ARRAY(kit->arena, struct gp_slice, n);
    capture->n_recipients = n;
    for (size_t i = 0; i < n; i++) {
        struct gp_slice address = gp_rcpt_address(gp_delivery_rcpt_at(delivery, i));

        capture->recipients[i] = gp__arena_dup(kit->arena, address);
        gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
    }
    gp_delivery_data_set(delivery, capture);
    return 0;
}

static int publish(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct gp__kit *kit = kit_of(call);
    struct gp__kit_capture *capture = gp_delivery_data(delivery);

    (void)self;
    *kit->captures_end = capture;
    kit->captures_end = &capture->next;
    return 0;
}

static void revoke(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    (void)call;
    (void)self;
    (void)delivery;
}

/* ---- the observer ---- */

static void copy_notes(struct gp__kit *kit, struct gp__notes *to, const struct gp__notes *from)
{
    gp__notes_init(to, kit->arena);
    if (from)
        gp__notes_copy(to, from, 0);
}

static enum gp_verdict on_end(struct gp_call *call, void *self)
{
    struct gp__kit *kit = kit_of(call);
    struct gp__policy *policy = call->policy;
    struct gp__kit_ended *ended = &kit->ended;

    (void)self;
    if (!policy)
        return GP_NEXT;
    ended->id = gp__arena_dup(kit->arena, gp__transaction_id(policy->transaction));
    ended->n_recipients = policy->n_recipients;
    ended->recipients = GP__ARENA_ARRAY(kit->arena, struct gp__kit_recipient, policy->n_recipients);
    copy_notes(kit, &ended->notes, policy->notes);
    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp_recipient *from = policy->recipients[i];
        struct gp__kit_recipient *to = &ended->recipients[i];

        to->address = gp__arena_dup(kit->arena, from->address.text);
        to->fate = from->fate;
        to->bucket = gp__arena_dup(kit->arena, from->bucket);
        copy_notes(kit, &to->notes, from->notes);
    }
    kit->kept = (struct gp__kit_kept){.head = gp_slice(NULL, 0)};
    if (call->point == GP_HOOK_ACCEPTED)
        gp__kit_keep(kit, policy);
    return GP_NEXT;
}

static enum gp_verdict on_disconnect(struct gp_call *call, void *self)
{
    struct gp__kit *kit = kit_of(call);

    (void)self;
    if (call->session && call->session->policy)
        copy_notes(kit, &kit->session_notes, call->session->policy->notes);
    return GP_NEXT;
}

/* ---- the backend ---- */

/* Everybody may log in, unless the password or token is "wrong". */
static bool is_wrong(struct gp_slice secret)
{
    return gp_slice_eq(secret, GP_S("wrong"));
}

static int verify_password(struct gp_call *call, void *self, struct gp_slice user,
                           struct gp_slice password)
{
    (void)call;
    (void)self;
    (void)user;
    return is_wrong(password) ? GP_ENOTFOUND : GP_OK;
}

static int verify_token(struct gp_call *call, void *self, struct gp_slice user,
                        struct gp_slice token, struct gp_slice *user_r)
{
    (void)call;
    (void)self;
    *user_r = user;
    return is_wrong(token) ? GP_ENOTFOUND : GP_OK;
}

static const struct gp_auth_role auth_role = {
    .size = sizeof auth_role, .verify_password = verify_password, .verify_token = verify_token};

static const struct gp_target_role role = {
    .size = sizeof role, .deliver = deliver, .publish = publish, .revoke = revoke};

static const struct gp_hook hooks[] = {
    {GP_HOOK_ACCEPTED, on_end},
    {GP_HOOK_RESET, on_end},
    {GP_HOOK_DISCONNECT, on_disconnect},
    {.fn = NULL},
};

const struct gp_plugin gp__kit_plugin = {
    .magic = GP_ABI_MAGIC,
    .size = sizeof(struct gp_plugin),
    .abi_major = GP_ABI_MAJOR,
    .abi_minor = GP_ABI_MINOR,
    .option_size = sizeof(struct gp_option),
    .name = "kit",
    .version = GP_VERSION,
    .summary = "What the test kit sees and keeps",
    .hooks = hooks,
    .target = &role,
    .state = &gp__kit_state_role,
    .auth = &auth_role,
};

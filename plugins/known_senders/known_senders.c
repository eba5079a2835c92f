// SPDX-License-Identifier: Apache-2.0
/*
 * Remembers who has to do with whom: whom our users wrote to, and who has written to them and was
 * let in. Other instances read it as notes of the recipient; it judges nobody.
 *
 * An answer may come from any network, so "our user wrote to" is about addresses alone. That
 * somebody wrote before is bound to the network it came from: anybody can write an address.
 */
#include <gatepost/plugin.h>
#include <inttypes.h>

#define LEARN_MAX 100 /* recipients of a message */

struct network {
    int64_t v4, v6;
};

struct known {
    uint64_t keep_ms;
    const struct gp_list *ours;
    struct network network;
};

static const struct gp_option network_rows[] = {
    GP_OPTION_INTEGER("v4", struct network, v4, "24", 0, 32, "Bits of IPv4 addresses."),
    GP_OPTION_INTEGER("v6", struct network, v6, "64", 0, 128, "Bits of IPv6 addresses."),
    GP_OPTIONS_END,
};

GP_OPTIONS(struct known,
           GP_OPTION_DURATION("keep", struct known, keep_ms, "180d", 3600000, 63072000000,
                              "How long it is remembered, since the last message."),
           GP_OPTION_LIST("ours", struct known, ours, GP_TYPE_NETWORK, GP_OPTIONAL,
                          "Clients whose mail is our users', beside those who log in."),
           GP_OPTION_OBJECT("network", struct known, network, network_rows, "{}",
                            "How much of the address of one who wrote before counts."));

static bool is_ours(struct gp_call *call, const struct known *self)
{
    return gp_slice_present(gp_auth_user(call)) || gp_client_in_any(call, self->ours);
}

static struct gp_slice folded(struct gp_call *call, struct gp_slice address)
{
    return gp_lower(call, gp_domain_key(call, address));
}

/* Our user's address, the other's. */
static struct gp_slice wrote_to_key(struct gp_call *call, struct gp_slice user,
                                    struct gp_slice other)
{
    struct gp_slice parts[] = {GP_S("to"), folded(call, user), folded(call, other)};

    return gp_state_key(call, parts, 3);
}

static struct gp_slice wrote_key(struct gp_call *call, const struct known *self,
                                 struct gp_slice user)
{
    struct gp_slice parts[] = {
        GP_S("by"),
        folded(call, user),
        folded(call, gp_sender(call)),
        gp_client_network(call, (unsigned)self->network.v4, (unsigned)self->network.v6),
    };

    return gp_state_key(call, parts, 4);
}

/* ---- what is known ---- */

/* 0 or an error; *n_r: 0 where nothing is. */
static int number_of(struct gp_call *call, struct gp_op *op, int64_t *n_r)
{
    int error = gp_wait(call, op);

    *n_r = 0;
    if (error)
        return error == GP_ENOTFOUND ? 0 : error;
    return gp_slice_to_int(gp_state_value(op), 0, INT64_MAX, n_r) < 0 ? GP_EINVAL : 0;
}

static void note(struct gp_call *call, const char *key, int64_t n)
{
    if (n == 0)
        return;
    (void)gp_note_set_int(call, GP_NOTE_RECIPIENT, NULL, key, n, 0);
    gp_count(call, key, 1);
}

static enum gp_verdict on_rcpt(struct gp_call *call, void *self)
{
    struct gp_slice user = gp_rcpt_address(gp_rcpt(call));
    struct gp_op *to, *by;
    int64_t wrote_to, wrote;
    int error;

    if (is_ours(call, self) || gp_sender_null(call))
        return GP_NEXT;
    to = gp_state_get_start(call, wrote_to_key(call, user, gp_sender(call)));
    by = gp_state_get_start(call, wrote_key(call, self, user));
    error = number_of(call, to, &wrote_to);
    if (!error)
        error = number_of(call, by, &wrote);
    if (error)
        return gp_fail(call, "state: %s", gp_strerror(error));
    note(call, "wrote_to", wrote_to);
    note(call, "wrote", wrote);
    if (wrote_to == 0 && wrote == 0)
        gp_count(call, "unknown", 1);
    return GP_NEXT;
}

/* ---- what is learnt ---- */

/* A counter lives from its first event: it is set anew, so that it lives from the last. */
static void learn(struct gp_call *call, const struct known *self, struct gp_slice key, int64_t n)
{
    if (gp_state_put_later(call, key, gp_format(call, "%" PRId64, n), self->keep_ms) < 0)
        gp_count(call, "not_learnt", 1);
}

static int64_t noted(struct gp_call *call, struct gp_recipient *recipient, const char *key)
{
    int64_t n = 0;

    return gp_note_get_int(call, recipient, gp_slice_of(key), &n) < 0 ? 0 : n;
}

static enum gp_verdict on_accepted(struct gp_call *call, void *self_)
{
    const struct known *self = self_;
    bool ours = is_ours(call, self);
    size_t n = gp_rcpt_count(call);

    if (gp_sender_null(call))
        return GP_NEXT;
    for (size_t i = 0; i < n && i < LEARN_MAX; i++) {
        struct gp_recipient *recipient = gp_rcpt_at(call, i);
        struct gp_slice address = gp_rcpt_address(recipient);

        if (ours)
            learn(call, self, wrote_to_key(call, gp_sender(call), address), 1);
        else if (!gp_slice_present(gp_rcpt_bucket(recipient)))
            learn(call, self, wrote_key(call, self, address), noted(call, recipient, "wrote") + 1);
    }
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_RCPT, on_rcpt}, {GP_HOOK_ACCEPTED, on_accepted});
GP_PLUGIN(.version = "1.0", .summary = "Remembers who writes to whom", GP_USES_OPTIONS,
          GP_USES_HOOKS, .needs = GP_NEEDS_STATE, .on_error = GP_ON_ERROR_CONTINUE,
          .deadline_ms = 10000);

// SPDX-License-Identifier: Apache-2.0
/*
 * Greylisting (RFC 6647): a client network, sender and recipient that were never seen together are
 * asked to come back. What a queue sends comes again; much of what was written to send spam does
 * not.
 *
 * Of each triplet the state holds when it was first seen, until `window` is over, or "ok" once it
 * came back in time, until nothing came for `pass`. A network with so many such triplets is no
 * longer asked.
 */
#include <gatepost/plugin.h>
#include <inttypes.h>

struct network {
    int64_t v4, v6;
};

struct greylist {
    uint64_t wait_ms, window_ms, pass_ms;
    struct network network;
    int64_t auto_pass;
    struct gp_slice text;
};

static const struct gp_option network_rows[] = {
    GP_OPTION_INTEGER("v4", struct network, v4, "24", 0, 32, "Bits of IPv4 addresses."),
    GP_OPTION_INTEGER("v6", struct network, v6, "64", 0, 128, "Bits of IPv6 addresses."),
    GP_OPTIONS_END,
};

GP_OPTIONS(
    struct greylist,
    GP_OPTION_DURATION("wait", struct greylist, wait_ms, "5m", 1000, 86400000,
                       "How long a new client has to wait before it is let in."),
    GP_OPTION_DURATION("window", struct greylist, window_ms, "2d", 60000, 2592000000,
                       "How long it may take to come back."),
    GP_OPTION_DURATION("pass", struct greylist, pass_ms, "36d", 3600000, 31536000000,
                       "How long one that came back is known, since it was last seen."),
    GP_OPTION_OBJECT("network", struct greylist, network, network_rows, "{}",
                     "How much of the address counts: farms of servers retry from neighbours."),
    GP_OPTION_INTEGER("auto_pass", struct greylist, auto_pass, "5", 0, 1000,
                      "After so many that came back from a network it is not asked any more; 0: "
                      "never."),
    GP_OPTION_STRING("text", struct greylist, text, "Greylisted", "First words of the reply.",
                     .flags = GP_OPTION_NOT_EMPTY));

/* ---- keys ---- */

struct keys {
    struct gp_slice triplet, network;
};

/* Lists give each message a sender of its own (VERP): digits are "#", what follows "+" is gone. */
static struct gp_slice plain_sender(struct gp_call *call)
{
    struct gp_slice local = gp_sender_local(call);
    struct gp_slice domain = gp_domain_key(call, gp_sender_domain(call));
    char *text = gp_alloc(call, local.len + 1 + domain.len + 1);
    size_t len = 0;

    if (!text || gp_sender_null(call))
        return GP_S("");
    for (size_t i = 0; i < local.len && local.data[i] != '+'; i++) {
        bool digit = local.data[i] >= '0' && local.data[i] <= '9';

        if (digit && len > 0 && text[len - 1] == '#')
            continue;
        text[len++] = digit ? '#' : local.data[i];
    }
    text[len++] = '@';
    if (domain.len)
        memcpy(text + len, domain.data, domain.len);
    return gp_lower(call, gp_slice(text, len + domain.len));
}

static struct keys keys_of(struct gp_call *call, const struct greylist *self)
{
    struct gp_slice network = gp_client_network(call, (unsigned)self->network.v4,
                                                (unsigned)self->network.v6);
    struct gp_slice parts[] = {
        GP_S("t"),
        network,
        plain_sender(call),
        gp_lower(call, gp_domain_key(call, gp_rcpt_address(gp_rcpt(call)))),
    };

    return (struct keys){
        .triplet = gp_state_key(call, parts, 4),
        .network = gp_state_key(call, (struct gp_slice[]){GP_S("n"), network}, 2),
    };
}

/* ---- verdicts ---- */

static enum gp_verdict pass(struct gp_call *call, const char *state)
{
    (void)gp_note_set(call, GP_NOTE_RECIPIENT, NULL, "state", gp_slice_of(state), 0);
    gp_count(call, state, 1);
    return GP_NEXT;
}

static enum gp_verdict ask_back(struct gp_call *call, const struct greylist *self,
                                const char *state, uint64_t left_ms)
{
    uint64_t seconds = (left_ms + 999) / 1000;

    pass(call, state);
    return gp_defer(call, "450 4.7.1", GP_FMT ": come back in %" PRIu64 " second%s",
                    GP_ARG(self->text), seconds, seconds == 1 ? "" : "s");
}

static enum gp_verdict failed(struct gp_call *call, int error)
{
    return gp_fail(call, "state: %s", gp_strerror(error));
}

/* It came back: from now on it is known. */
static enum gp_verdict let_in(struct gp_call *call, const struct greylist *self,
                              const struct keys *keys)
{
    int error = gp_state_put(call, keys->triplet, GP_S("ok"), self->pass_ms);

    if (error)
        return failed(call, error);
    if (self->auto_pass)
        (void)gp_state_add_later(call, keys->network, 1, self->pass_ms);
    return pass(call, "passed");
}

/* It was seen before: what the state says of it. */
static enum gp_verdict judge(struct gp_call *call, const struct greylist *self,
                             const struct keys *keys, struct gp_slice value)
{
    int64_t now = gp_wall_clock(call), first, waited;

    if (gp_slice_eq(value, GP_S("ok"))) {
        (void)gp_state_put_later(call, keys->triplet, value, self->pass_ms);
        return pass(call, "known");
    }
    if (gp_slice_to_int(value, 0, INT64_MAX, &first) < 0)
        return gp_fail(call, "state: \"" GP_FMT "\" is not what this plugin wrote", GP_ARG(value));
    waited = now > first ? now - first : 0; /* a clock may have been set back */
    if ((uint64_t)waited >= self->wait_ms)
        return let_in(call, self, keys);
    return ask_back(call, self, "early", self->wait_ms - (uint64_t)waited);
}

/* Whether so many came back from the network that it is not asked: 1, 0 or an error. */
static int network_passes(struct gp_call *call, const struct greylist *self,
                          const struct keys *keys)
{
    struct gp_slice value;
    int64_t n = 0;
    int error;

    if (!self->auto_pass)
        return 0;
    error = gp_state_get(call, keys->network, &value);
    if (error)
        return error == GP_ENOTFOUND ? 0 : error;
    if (gp_slice_to_int(value, 0, INT64_MAX, &n) < 0 || n < self->auto_pass)
        return 0;
    /* It is known as long as it comes. */
    (void)gp_state_put_later(call, keys->network, value, self->pass_ms);
    return 1;
}

static enum gp_verdict on_rcpt(struct gp_call *call, void *self_)
{
    const struct greylist *self = self_;
    struct keys keys;
    struct gp_slice value;
    int result;

    if (!gp_slice_present(gp_client_ip(call)) || gp_slice_present(gp_auth_user(call)))
        return GP_NEXT;
    keys = keys_of(call, self);
    result = network_passes(call, self, &keys);
    if (result < 0)
        return failed(call, result);
    if (result > 0)
        return pass(call, "network");
    result = gp_state_put_if_new(call, keys.triplet,
                                 gp_format(call, "%" PRId64, gp_wall_clock(call)), self->window_ms,
                                 &value);
    if (result == GP_OK)
        return ask_back(call, self, "new", self->wait_ms);
    return result == GP_EEXIST ? judge(call, self, &keys, value) : failed(call, result);
}

static int create(struct gp_call *call, void *self_)
{
    const struct greylist *self = self_;

    if (self->window_ms > self->wait_ms)
        return 0;
    gp_log(call, GP_LOG_ERROR, "\"window\" must be longer than \"wait\"");
    return GP_EINVAL;
}

GP_HOOKS({GP_HOOK_RCPT, on_rcpt});
GP_PLUGIN(.version = "1.0", .summary = "Asks clients it never saw to come back", GP_USES_OPTIONS,
          GP_USES_HOOKS, .create = create, .needs = GP_NEEDS_STATE,
          .on_error = GP_ON_ERROR_CONTINUE, .deadline_ms = 10000);

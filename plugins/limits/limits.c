// SPDX-License-Identifier: Apache-2.0
/*
 * Limits on how much somebody may do in a time: connections, messages, recipients, errors; counted
 * by address, network, user or sender.
 *
 * A sliding window of two counters: of this period and of the one before, which counts in
 * proportion to how much of it still lies within the window. So there is no burst at the turn of a
 * period, and each count costs one addition and one look-up, made together.
 */
#include <gatepost/plugin.h>
#include <inttypes.h>

enum what {
    CONNECTIONS = 0,
    MESSAGES,
    RECIPIENTS,
    ERRORS,
    WHATS,
};

enum by {
    BY_ADDRESS = 0,
    BY_NETWORK,
    BY_USER,
    BY_SENDER,
};

struct network {
    int64_t v4, v6;
};

struct limits {
    struct gp_rate rates[WHATS];
    int by;
    struct network network;
    const struct gp_list *exempt;
    struct gp_slice text;
};

#define TAKEN_MAX 2 /* messages, recipients */

/* What a transaction has taken and gives back when it ends without a message. */
struct slot {
    struct {
        char key[512];
        size_t len;
        int64_t n;
        uint64_t ttl_ms;
    } taken[TAKEN_MAX];
};

static const struct {
    const char *key, *name, *counter;
} whats[] = {
    [CONNECTIONS] = {"c", "connections", "over_connections"},
    [MESSAGES] = {"m", "messages", "over_messages"},
    [RECIPIENTS] = {"r", "recipients", "over_recipients"},
    [ERRORS] = {"e", "errors", "over_errors"},
};

static const char *const by_names[] = {"address", "network", "user", "sender", NULL};

static const struct gp_option network_rows[] = {
    GP_OPTION_INTEGER("v4", struct network, v4, "24", 0, 32, "Bits of IPv4 addresses."),
    GP_OPTION_INTEGER("v6", struct network, v6, "64", 0, 128, "Bits of IPv6 addresses."),
    GP_OPTIONS_END,
};

#define COUNT_MAX 1000000000

GP_OPTIONS(struct limits,
           GP_OPTION_RATE("connections", struct limits, rates[CONNECTIONS], GP_OPTIONAL,
                          "How often it may connect: 60/m.", .min = 1, .max = COUNT_MAX),
           GP_OPTION_RATE("messages", struct limits, rates[MESSAGES], GP_OPTIONAL,
                          "How many messages it may send: 500/h.", .min = 1, .max = COUNT_MAX),
           GP_OPTION_RATE("recipients", struct limits, rates[RECIPIENTS], GP_OPTIONAL,
                          "How many recipients its messages may have: 2000/d.", .min = 1,
                          .max = COUNT_MAX),
           GP_OPTION_RATE("errors", struct limits, rates[ERRORS], GP_OPTIONAL,
                          "How many of its commands may be refused with a 5xx: 100/h.", .min = 1,
                          .max = COUNT_MAX),
           GP_OPTION_ENUM("by", struct limits, by, by_names, "address", "Who is counted."),
           GP_OPTION_OBJECT("network", struct limits, network, network_rows, "{}",
                            "How much of the address counts, with `by: network`."),
           GP_OPTION_LIST("exempt", struct limits, exempt, GP_TYPE_NETWORK, GP_OPTIONAL,
                          "Clients that are not counted."),
           GP_OPTION_STRING("text", struct limits, text, "Too many", "First words of the reply.",
                            .flags = GP_OPTION_NOT_EMPTY));

/* ---- who ---- */

/* Absent: nobody who is counted. */
static struct gp_slice who(struct gp_call *call, const struct limits *self)
{
    if (gp_client_in_any(call, self->exempt))
        return gp_slice(NULL, 0);
    switch ((enum by)self->by) {
    case BY_ADDRESS:
        return gp_client_ip(call);
    case BY_NETWORK:
        return gp_client_network(call, (unsigned)self->network.v4, (unsigned)self->network.v6);
    case BY_USER:
        return gp_auth_user(call);
    case BY_SENDER:
        return gp_sender_null(call) ? gp_slice(NULL, 0)
                                    : gp_lower(call, gp_domain_key(call, gp_sender(call)));
    }
    return gp_slice(NULL, 0);
}

/* ---- windows ---- */

struct window {
    struct gp_slice now, before; /* keys */
    uint64_t elapsed_ms;         /* of the period */
    uint64_t ttl_ms;             /* of its counter: it is looked at in the next one too */
};

static struct gp_slice key_of(struct gp_call *call, enum what what, struct gp_slice name,
                              uint64_t period)
{
    struct gp_slice parts[] = {gp_slice_of(whats[what].key), name,
                               gp_format(call, "%" PRIu64, period)};

    return gp_state_key(call, parts, 3);
}

static struct window window_of(struct gp_call *call, const struct limits *self, enum what what,
                               struct gp_slice name)
{
    uint64_t now = (uint64_t)gp_wall_clock(call), period_ms = self->rates[what].period_ms;

    return (struct window){
        .now = key_of(call, what, name, now / period_ms),
        .before = key_of(call, what, name, now / period_ms - 1),
        .elapsed_ms = now % period_ms,
        .ttl_ms = 2 * period_ms,
    };
}

/* How much lies within the period that ends now. */
static int64_t in_window(const struct limits *self, enum what what, const struct window *window,
                         int64_t now, int64_t before)
{
    uint64_t period_ms = self->rates[what].period_ms;

    if (before <= 0)
        return now;
    return now +
           (int64_t)((double)before * (double)(period_ms - window->elapsed_ms) / (double)period_ms);
}

/* The number of a look-up that is done; 0 where nothing is. */
static int number_of(struct gp_call *call, struct gp_op *op, int64_t *n_r)
{
    int error = gp_wait(call, op);

    *n_r = 0;
    if (error == GP_ENOTFOUND)
        return 0;
    if (!error && gp_slice_to_int(gp_state_value(op), INT64_MIN, INT64_MAX, n_r) < 0)
        return GP_EINVAL;
    return error;
}

/* Counts n more (0: only looks): 1 when that is over the limit, and then it was not counted; 0, or
 * an error. */
static int take(struct gp_call *call, const struct limits *self, enum what what,
                const struct window *window, int64_t n)
{
    struct gp_op *old = gp_state_get_start(call, window->before);
    struct gp_op *new = n ? gp_state_add_start(call, window->now, n, window->ttl_ms)
                          : gp_state_get_start(call, window->now);
    int64_t before = 0, now = 0;
    int error = number_of(call, old, &before);

    if (!error && n) {
        error = gp_wait(call, new);
        now = gp_state_sum(new);
    } else if (!error) {
        error = number_of(call, new, &now);
    }
    if (error)
        return error;
    if (in_window(self, what, window, now, before) + !n <= self->rates[what].count)
        return 0;
    if (n)
        (void)gp_state_add_later(call, window->now, -n, window->ttl_ms);
    return 1;
}

/* ---- verdicts ---- */

static const char *period_text(const struct gp_rate *rate)
{
    switch (rate->period_ms) {
    case 1000:
        return "a second";
    case 60000:
        return "a minute";
    case 3600000:
        return "an hour";
    case 86400000:
        return "a day";
    default:
        return "in that time";
    }
}

static enum gp_verdict refuse(struct gp_call *call, const struct limits *self, enum what what,
                              struct gp_slice name)
{
    const struct gp_rate *rate = &self->rates[what];
    bool early = gp_hook_point(call) == GP_HOOK_CONNECT;

    gp_count(call, whats[what].counter, 1);
    gp_log(call, GP_LOG_NOTICE, "%s of " GP_FMT " are over %" PRId64 " %s", whats[what].name,
           GP_ARG(name), rate->count, period_text(rate));
    if (early)
        return gp_disconnect(call, "421 4.7.0", GP_FMT " %s: %" PRId64 " %s at most",
                             GP_ARG(self->text), whats[what].name, rate->count, period_text(rate));
    return gp_defer(call, "450 4.7.1", GP_FMT " %s: %" PRId64 " %s at most", GP_ARG(self->text),
                    whats[what].name, rate->count, period_text(rate));
}

static enum gp_verdict failed(struct gp_call *call, int error)
{
    return gp_fail(call, "state: %s", gp_strerror(error));
}

/* Remembers what is given back when no message comes of it. */
static void remember(struct gp_call *call, enum what what, const struct window *window)
{
    struct slot *slot = gp_transaction_slot(call);
    size_t i = what == MESSAGES ? 0 : 1;

    if (!slot || window->now.len > sizeof slot->taken[i].key)
        return;
    /* Of another period than the last: what was taken there stays taken. */
    if (!gp_slice_eq(gp_slice(slot->taken[i].key, slot->taken[i].len), window->now))
        slot->taken[i].n = 0;
    memcpy(slot->taken[i].key, window->now.data, window->now.len);
    slot->taken[i].len = window->now.len;
    slot->taken[i].ttl_ms = window->ttl_ms;
    slot->taken[i].n++;
}

static enum gp_verdict count(struct gp_call *call, const struct limits *self, enum what what,
                             int64_t n)
{
    struct gp_slice name = who(call, self);
    struct window window;
    int over;

    if (!self->rates[what].count || !gp_slice_present(name))
        return GP_NEXT;
    window = window_of(call, self, what, name);
    over = take(call, self, what, &window, n);
    if (over < 0)
        return failed(call, over);
    if (over)
        return refuse(call, self, what, name);
    if (what == MESSAGES || what == RECIPIENTS)
        remember(call, what, &window);
    return GP_NEXT;
}

/* ---- hooks ---- */

static enum gp_verdict on_connect(struct gp_call *call, void *self)
{
    enum gp_verdict verdict = count(call, self, ERRORS, 0);

    return verdict == GP_NEXT ? count(call, self, CONNECTIONS, 1) : verdict;
}

/* Of users and senders it is known only now how many errors they have made. */
static enum gp_verdict on_mail(struct gp_call *call, void *self_)
{
    const struct limits *self = self_;
    enum gp_verdict verdict = self->by >= BY_USER ? count(call, self, ERRORS, 0) : GP_NEXT;

    return verdict == GP_NEXT ? count(call, self, MESSAGES, 1) : verdict;
}

static enum gp_verdict on_rcpt(struct gp_call *call, void *self)
{
    return count(call, self, RECIPIENTS, 1);
}

static enum gp_verdict on_reset(struct gp_call *call, void *self)
{
    struct slot *slot = gp_transaction_slot(call);

    (void)self;
    for (size_t i = 0; slot && i < TAKEN_MAX; i++)
        if (slot->taken[i].n)
            (void)gp_state_add_later(call, gp_slice(slot->taken[i].key, slot->taken[i].len),
                                     -slot->taken[i].n, slot->taken[i].ttl_ms);
    return GP_NEXT;
}

static enum gp_verdict on_disconnect(struct gp_call *call, void *self_)
{
    const struct limits *self = self_;
    struct gp_slice name = who(call, self);
    int64_t n = (int64_t)gp_session_errors(call);
    struct window window;

    if (!self->rates[ERRORS].count || !gp_slice_present(name) || n == 0)
        return GP_NEXT;
    window = window_of(call, self, ERRORS, name);
    (void)gp_state_add_later(call, window.now, n, window.ttl_ms);
    return GP_NEXT;
}

static int create(struct gp_call *call, void *self_)
{
    const struct limits *self = self_;
    bool known_late = self->by == BY_USER || self->by == BY_SENDER;

    if (known_late && self->rates[CONNECTIONS].count) {
        gp_log(call, GP_LOG_ERROR,
               "connections cannot be counted by %s: who it is is not known yet",
               by_names[self->by]);
        return GP_EINVAL;
    }
    if (self->by == BY_SENDER && self->rates[ERRORS].count) {
        gp_log(call, GP_LOG_ERROR, "errors cannot be counted by sender: they are a session's");
        return GP_EINVAL;
    }
    return 0;
}

GP_HOOKS({GP_HOOK_CONNECT, on_connect}, {GP_HOOK_MAIL, on_mail}, {GP_HOOK_RCPT, on_rcpt},
         {GP_HOOK_RESET, on_reset}, {GP_HOOK_DISCONNECT, on_disconnect});
GP_PLUGIN(.version = "1.0", .summary = "Limits how much somebody may do in a time", GP_USES_OPTIONS,
          GP_USES_HOOKS, .create = create, .needs = GP_NEEDS_STATE,
          .transaction_slot = sizeof(struct slot), .deadline_ms = 10000);

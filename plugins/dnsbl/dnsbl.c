// SPDX-License-Identifier: Apache-2.0
/*
 * Asks DNS lists about the client, its HELO name or the sender's domain (RFC 5782), all at once,
 * and adds up what their answers are worth.
 *
 * No single zone can hold up mail: one that does not answer in time, or answers nonsense, is worth
 * nothing, is logged and counted. What was found lies in the note "score".
 */
#include "dnsbl.h"

#include <stdlib.h>

#define ZONES_MAX 60 /* a call may have 64 questions under way */
#define SCORE_MAX INT64_C(100000000)
#define NAME_SHOWN 80 /* of a name in a reply: all of it fits a line of 400 bytes */
#define TXT_SHOWN 120
#define PRIVATE                                                                                    \
    "[127.0.0.1/32, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, \"::1/128\", "      \
    "\"fc00::/7\", \"fe80::/10\"]"

enum of {
    OF_CLIENT = 0,
    OF_HELO,
    OF_SENDER,
};

/* One round of questions. */
struct round {
    struct gp_call *call;
    const struct dnsbl *self;
    struct gp_slice subject; /* who it is about, for people */
    size_t n;
    struct gp_op **ops; /* a zone each, NULL when settled; after them the clock */
    uint64_t end;       /* of our patience, as gp_now() counts */
    int64_t score;
    int64_t worst_score;
    size_t worst; /* the zone that added most; n: none listed */
    struct gp_slice listed;
};

static const char *const of_names[] = {"client", "helo", "sender", NULL};

static const struct gp_option code_rows[] = {
    GP_OPTION_STRING("zone", struct dnsbl_code, zone, NULL, "One of the zones."),
    GP_OPTION_LIST("answer", struct dnsbl_code, answers, GP_TYPE_NETWORK, NULL,
                   "Answers that count, e.g. 127.0.0.2 or 127.0.0.10/31.",
                   .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_MILLI("score", struct dnsbl_code, score, NULL, -SCORE_MAX, SCORE_MAX,
                    "What they add to the score."),
    GP_OPTIONS_END,
};

GP_OPTIONS(struct dnsbl,
           GP_OPTION_MAP("zones", struct dnsbl, zones, GP_TYPE_MILLI, NULL,
                         "Zones and what a listing adds to the score; negative for those that "
                         "vouch.",
                         .min = -SCORE_MAX, .max = SCORE_MAX, .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_LIST("codes", struct dnsbl, codes, GP_TYPE_OBJECT, GP_OPTIONAL,
                          "Scores of single answers; of a zone named here no others count.",
                          .rows = code_rows, .row_size = sizeof(struct dnsbl_code)),
           GP_OPTION_ENUM("of", struct dnsbl, of, of_names, "client",
                          "Who is looked up: the address, or the domain of HELO or MAIL."),
           GP_OPTION_MILLI("reject_at", struct dnsbl, reject_at, "0", 0, SCORE_MAX,
                           "Score from which on to reject; 0: never."),
           GP_OPTION_MILLI("defer_at", struct dnsbl, defer_at, "0", 0, SCORE_MAX,
                           "Score from which on to defer; 0: never."),
           GP_OPTION_DURATION("timeout", struct dnsbl, timeout_ms, "5s", 100, 60000,
                              "How long all zones together may take."),
           GP_OPTION_LIST("exempt", struct dnsbl, exempt, GP_TYPE_NETWORK, PRIVATE,
                          "Clients that are not looked up."),
           GP_OPTION_STRING("text", struct dnsbl, text, "Refused because of a DNS list",
                            "First words of the reply, at most 80 bytes.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_BOOL("txt", struct dnsbl, txt, "false",
                          "Whether the reply quotes the zone's TXT record."),
           GP_OPTION_BOOL("check", struct dnsbl, check, "true",
                          "Whether zones that list what must not be listed are left out."));

/* ---- asking ---- */

static struct gp_slice zone_name(const struct round *round, size_t zone)
{
    return gp_map_key(round->self->zones, zone);
}

static struct gp_slice question(const struct round *round, size_t zone)
{
    if (round->self->of == OF_CLIENT)
        return gp_client_reversed(round->call, zone_name(round, zone));
    return gp_format(round->call, GP_FMT "." GP_FMT, GP_ARG(round->subject),
                     GP_ARG(zone_name(round, zone)));
}

/* 0, or -1: the host refuses to start a question. */
static int ask(struct round *round)
{
    const struct dnsbl *self = round->self;

    round->ops = gp_alloc(round->call, (round->n + 1) * sizeof(struct gp_op *));
    if (!round->ops)
        return -1;
    for (size_t i = 0; i < round->n; i++) {
        if (self->dead[i])
            continue;
        round->ops[i] = gp_dns_start(round->call, question(round, i), GP_DNS_A);
        if (!round->ops[i])
            return -1;
        gp_count(round->call, "lookups", 1);
    }
    round->end = gp_now(round->call) + self->timeout_ms;
    round->ops[round->n] = gp_sleep_start(round->call, self->timeout_ms);
    return round->ops[round->n] ? 0 : -1;
}

/* ---- answers ---- */

static bool is_pending(const struct round *round)
{
    for (size_t i = 0; i < round->n; i++)
        if (round->ops[i])
            return true;
    return false;
}

/* Whether no answer that is still out could save the subject. */
static bool is_decided(const struct round *round)
{
    int64_t least = round->score;

    for (size_t i = 0; i < round->n; i++)
        if (round->ops[i])
            least += dnsbl_least(round->self, i);
    return round->self->reject_at > 0 && least >= round->self->reject_at;
}

static void add(struct round *round, size_t zone, const struct gp_dns_answer *answer)
{
    bool listed;
    int64_t score = dnsbl_rate(round->call, round->self, zone, answer, &listed);

    if (!listed)
        return;
    gp_count(round->call, "hits", 1);
    round->score += score;
    if (round->worst == round->n || score > round->worst_score) {
        round->worst = zone;
        round->worst_score = score;
    }
    round->listed = gp_format(round->call, GP_FMT "%s" GP_FMT, GP_ARG(round->listed),
                              round->listed.len ? " " : "", GP_ARG(zone_name(round, zone)));
}

static void settle(struct round *round, size_t zone)
{
    struct gp_op *op = round->ops[zone];
    int result = gp_wait(round->call, op);

    round->ops[zone] = NULL;
    /* GP_EINVAL: a name that cannot be in DNS cannot be on a list. */
    if (result == GP_OK) {
        add(round, zone, gp_dns_answer(op));
    } else if (result != GP_ENOTFOUND && result != GP_EINVAL) {
        gp_count(round->call, "failures", 1);
        gp_log(round->call, GP_LOG_NOTICE, "zone " GP_FMT ": %s", GP_ARG(zone_name(round, zone)),
               gp_strerror(result));
    }
}

static void give_up(struct round *round)
{
    for (size_t i = 0; i < round->n; i++) {
        if (!round->ops[i])
            continue;
        gp_op_cancel(round->ops[i]);
        round->ops[i] = NULL;
        gp_count(round->call, "timeouts", 1);
        gp_log(round->call, GP_LOG_NOTICE, "zone " GP_FMT " did not answer in time",
               GP_ARG(zone_name(round, i)));
    }
}

/* 0, or an error of the wait. */
static int collect(struct round *round)
{
    while (is_pending(round) && !is_decided(round)) {
        int done = gp_wait_any(round->call, round->ops, round->n + 1);

        if (done < 0)
            return done;
        if ((size_t)done == round->n)
            give_up(round);
        else
            settle(round, (size_t)done);
    }
    for (size_t i = 0; i <= round->n; i++)
        gp_op_cancel(round->ops[i]);
    return 0;
}

/* ---- the verdict ---- */

/* What the zone says of the listing, if it does so in what is left of our time. */
static struct gp_slice reason(struct round *round)
{
    uint64_t now = gp_now(round->call);
    struct gp_op *ops[2] = {NULL, NULL};
    int done;

    if (!round->self->txt || round->worst == round->n || now >= round->end)
        return GP_S("");
    ops[0] = gp_dns_start(round->call, question(round, round->worst), GP_DNS_TXT);
    ops[1] = gp_sleep_start(round->call, round->end - now);
    done = gp_wait_any(round->call, ops, 2);
    gp_op_cancel(ops[1]);
    if (done != 0 || gp_wait(round->call, ops[0]) != GP_OK)
        return GP_S("");
    return dnsbl_clean(round->call, gp_dns_text(gp_dns_answer(ops[0]), 0), TXT_SHOWN);
}

static struct gp_slice reply_text(struct round *round)
{
    struct gp_call *call = round->call;
    struct gp_slice why = reason(round), zone = zone_name(round, round->worst);

    return gp_format(call, GP_FMT ": " GP_FMT " is listed by " GP_FMT "%s" GP_FMT,
                     GP_ARG(dnsbl_clean(call, round->self->text, NAME_SHOWN)),
                     GP_ARG(dnsbl_clean(call, round->subject, NAME_SHOWN)),
                     GP_ARG(dnsbl_clean(call, zone, NAME_SHOWN)), why.len ? ": " : "", GP_ARG(why));
}

static enum gp_verdict judge(struct round *round)
{
    const struct dnsbl *self = round->self;
    enum gp_note_scope scope = self->of == OF_SENDER ? GP_NOTE_TRANSACTION : GP_NOTE_SESSION;
    int error = gp_note_set_milli(round->call, scope, NULL, "score", round->score, 0);

    if (error)
        return gp_fail(round->call, "note \"score\": %s", gp_strerror(error));
    if (round->listed.len)
        gp_log_field(round->call, "zones", round->listed);
    if (self->reject_at > 0 && round->score >= self->reject_at) {
        gp_count(round->call, "rejected", 1);
        return gp_reject(round->call, NULL, GP_FMT, GP_ARG(reply_text(round)));
    }
    if (self->defer_at > 0 && round->score >= self->defer_at) {
        gp_count(round->call, "deferred", 1);
        return gp_defer(round->call, NULL, GP_FMT, GP_ARG(reply_text(round)));
    }
    return GP_NEXT;
}

static enum gp_verdict look_up(struct gp_call *call, const struct dnsbl *self,
                               struct gp_slice subject)
{
    struct round round = {
        .call = call,
        .self = self,
        .subject = subject,
        .n = gp_map_count(self->zones),
        .worst = gp_map_count(self->zones),
    };
    int error;

    if (gp_client_in_any(call, self->exempt))
        return GP_NEXT;
    /* Nothing is asked of a socket, the null sender or an address literal, and that is a score. */
    if (subject.len == 0 || subject.data[0] == '[')
        return judge(&round);
    if (ask(&round) < 0)
        return gp_fail(call, "could not ask");
    error = collect(&round);
    return error ? gp_fail(call, "waiting for answers: %s", gp_strerror(error)) : judge(&round);
}

static enum gp_verdict on_connect(struct gp_call *call, void *self_)
{
    const struct dnsbl *self = self_;

    return self->of == OF_CLIENT ? look_up(call, self, gp_client_ip(call)) : GP_NEXT;
}

static enum gp_verdict on_helo(struct gp_call *call, void *self_)
{
    const struct dnsbl *self = self_;

    return self->of == OF_HELO ? look_up(call, self, gp_helo(call)) : GP_NEXT;
}

static enum gp_verdict on_mail(struct gp_call *call, void *self_)
{
    const struct dnsbl *self = self_;

    if (self->of != OF_SENDER)
        return GP_NEXT;
    return look_up(call, self, gp_domain_key(call, gp_sender_domain(call)));
}

/* ---- dead zones ---- */

static bool is_wildcard(const struct gp_dns_answer *answer)
{
    for (size_t i = 0; i < gp_dns_count(answer); i++)
        if (!gp_slice_starts(gp_dns_text(answer, i), GP_S("127.255.255.")))
            return true;
    return false;
}

static void mark(struct gp_call *call, const struct dnsbl *self, size_t zone, bool dead)
{
    if (dead != self->dead[zone])
        gp_log(call, dead ? GP_LOG_ERROR : GP_LOG_NOTICE, "zone " GP_FMT " %s",
               GP_ARG(gp_map_key(self->zones, zone)),
               dead ? "lists what no list may hold: left out" : "is sound again");
    self->dead[zone] = dead;
}

/* RFC 5782 5: no list holds 127.0.0.1, or the domain "invalid". One that does lists everybody. */
static enum gp_verdict on_tick(struct gp_call *call, void *self_)
{
    const struct dnsbl *self = self_;
    const char *probe = self->of == OF_CLIENT ? "1.0.0.127" : "invalid";

    for (size_t i = 0; self->check && i < gp_map_count(self->zones); i++) {
        const struct gp_dns_answer *answer;
        struct gp_slice name = gp_format(call, "%s." GP_FMT, probe,
                                         GP_ARG(gp_map_key(self->zones, i)));
        int result = gp_dns(call, name, GP_DNS_A, &answer);

        if (result == GP_ETIMEDOUT || result == GP_ECANCELED)
            return gp_fail(call, "checking zones: %s", gp_strerror(result));
        if (result == GP_OK || result == GP_ENOTFOUND)
            mark(call, self, i, result == GP_OK && is_wildcard(answer));
    }
    return GP_NEXT;
}

/* ---- the instance ---- */

static int create(struct gp_call *call, void *self_)
{
    struct dnsbl *self = self_;
    size_t n = gp_map_count(self->zones);

    if (n > ZONES_MAX) {
        gp_log(call, GP_LOG_ERROR, "zones: %zu are more than %d", n, ZONES_MAX);
        return -1;
    }
    for (size_t i = 0; i < gp_list_count(self->codes); i++) {
        const struct dnsbl_code *code = gp_list_at(self->codes, i);

        if (!gp_map_find(self->zones, code->zone)) {
            gp_log(call, GP_LOG_ERROR, "codes: " GP_FMT " is none of the zones",
                   GP_ARG(code->zone));
            return -1;
        }
    }
    self->dead = calloc(n, sizeof *self->dead);
    return self->dead ? 0 : -1;
}

static void destroy(void *self_)
{
    struct dnsbl *self = self_;

    free(self->dead);
}

GP_HOOKS({GP_HOOK_CONNECT, on_connect}, {GP_HOOK_HELO, on_helo}, {GP_HOOK_MAIL, on_mail},
         {GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Scores clients, HELO names or senders by DNS lists",
          GP_USES_OPTIONS, GP_USES_HOOKS, .on_error = GP_ON_ERROR_CONTINUE, .deadline_ms = 20000,
          .tick_ms = 600000, .create = create, .destroy = destroy);

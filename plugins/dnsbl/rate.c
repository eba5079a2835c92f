// SPDX-License-Identifier: Apache-2.0
/*
 * What answers are worth. Answers of a list lie in 127.0.0.0/8 (RFC 5782 2.1); a domain that was
 * let go and now has a wildcard answers with addresses of the real Internet, for everybody.
 */
#include "dnsbl.h"

/* Not a listing but "you may not ask", "you ask too much" (an agreement among list operators). */
static bool is_error_code(struct gp_slice address)
{
    return gp_slice_starts(address, GP_S("127.255.255."));
}

bool dnsbl_is_listing(struct gp_slice address)
{
    return gp_slice_starts(address, GP_S("127.")) && !is_error_code(address);
}

static bool is_code_of(const struct dnsbl *self, const struct dnsbl_code *code, size_t zone)
{
    return gp_slice_caseeq(code->zone, gp_map_key(self->zones, zone));
}

static bool code_has(const struct dnsbl_code *code, struct gp_slice address)
{
    for (size_t i = 0; i < gp_list_count(code->answers); i++) {
        const struct gp_network *const *network = gp_list_at(code->answers, i);

        if (gp_network_has(*network, address))
            return true;
    }
    return false;
}

static bool code_matches(const struct dnsbl_code *code, const struct gp_dns_answer *answer)
{
    for (size_t i = 0; i < gp_dns_count(answer); i++) {
        struct gp_slice address = gp_dns_text(answer, i);

        if (dnsbl_is_listing(address) && code_has(code, address))
            return true;
    }
    return false;
}

/* Says what is wrong with an answer; whether a record of it lists. */
static bool inspect(struct gp_call *call, struct gp_slice zone, const struct gp_dns_answer *answer)
{
    bool listing = false;

    for (size_t i = 0; i < gp_dns_count(answer); i++) {
        struct gp_slice address = gp_dns_text(answer, i);

        if (dnsbl_is_listing(address)) {
            listing = true;
        } else if (is_error_code(address)) {
            gp_count(call, "refused", 1);
            gp_log(call, GP_LOG_WARNING, "zone " GP_FMT " refuses to answer us: " GP_FMT,
                   GP_ARG(zone), GP_ARG(address));
        } else {
            gp_count(call, "broken", 1);
            gp_log(call, GP_LOG_WARNING,
                   "zone " GP_FMT " answers " GP_FMT ", outside 127.0.0.0/8: ignored", GP_ARG(zone),
                   GP_ARG(address));
        }
    }
    return listing;
}

static int64_t score_of(const struct dnsbl *self, size_t zone)
{
    return *(const int64_t *)gp_map_at(self->zones, zone);
}

int64_t dnsbl_rate(struct gp_call *call, const struct dnsbl *self, size_t zone,
                   const struct gp_dns_answer *answer, bool *listed_r)
{
    bool listing = inspect(call, gp_map_key(self->zones, zone), answer), has_codes = false;
    int64_t sum = 0;

    *listed_r = false;
    for (size_t i = 0; listing && i < gp_list_count(self->codes); i++) {
        const struct dnsbl_code *code = gp_list_at(self->codes, i);

        if (!is_code_of(self, code, zone))
            continue;
        has_codes = true;
        if (code_matches(code, answer)) {
            sum += code->score;
            *listed_r = true;
        }
    }
    if (!listing || has_codes)
        return sum;
    *listed_r = true;
    return score_of(self, zone);
}

int64_t dnsbl_least(const struct dnsbl *self, size_t zone)
{
    int64_t sum = 0;
    bool has_codes = false;

    for (size_t i = 0; i < gp_list_count(self->codes); i++) {
        const struct dnsbl_code *code = gp_list_at(self->codes, i);

        if (!is_code_of(self, code, zone))
            continue;
        has_codes = true;
        sum += code->score < 0 ? code->score : 0;
    }
    if (has_codes)
        return sum;
    return score_of(self, zone) < 0 ? score_of(self, zone) : 0;
}

struct gp_slice dnsbl_clean(struct gp_call *call, struct gp_slice text, size_t max)
{
    char *copy;

    text = gp_slice_sub(text, 0, max);
    copy = gp_alloc(call, text.len);
    if (!copy)
        return GP_S("");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        copy[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    return gp_slice(copy, text.len);
}

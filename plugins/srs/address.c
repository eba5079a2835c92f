// SPDX-License-Identifier: Apache-2.0
#include "address.h"

#define HASH_CHARS 6 /* of base32: 30 bits; who guesses one can send to one address through us */
#define DAY_CHARS 2
#define DAYS 1024 /* that DAY_CHARS can tell apart */
#define TAG_LEN 5 /* "SRS0=" */

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";

static int base32_value(char c)
{
    const char *at;

    if (c >= 'A' && c <= 'Z')
        c = (char)(c + ('a' - 'A'));
    at = c ? strchr(base32, c) : NULL;
    return at ? (int)(at - base32) : -1;
}

bool srs_is_tagged(struct gp_slice local)
{
    return local.len > TAG_LEN && gp_slice_caseeq(gp_slice_sub(local, 0, 3), GP_S("SRS")) &&
           (local.data[3] == '0' || local.data[3] == '1') &&
           (local.data[4] == '=' || local.data[4] == '+' || local.data[4] == '-');
}

/* ---- the hash ---- */

/* Hosts on the way may change the case of letters, so it counts for nothing. The kind is signed too:
 * what proves one kind proves nothing of the other. */
static struct gp_slice hash(struct gp_call *call, struct gp_slice secret, char kind,
                            struct gp_slice text)
{
    unsigned char digest[GP_DIGEST_BYTES];
    char *out = gp_alloc(call, HASH_CHARS);

    text = gp_format(call, "%c" GP_FMT, kind, GP_ARG(text));
    gp_hmac_sha256(call, secret, gp_lower(call, text), digest);
    for (size_t i = 0; out && i < HASH_CHARS; i++)
        out[i] = base32[digest[i] & 31];
    return gp_slice(out, out ? HASH_CHARS : 0);
}

static bool is_signed(struct gp_call *call, const struct srs *srs, char kind, struct gp_slice given,
                      struct gp_slice text)
{
    for (size_t i = 0; i < gp_list_count(srs->secrets); i++) {
        const struct gp_slice *secret = gp_list_at(srs->secrets, i);

        if (gp_secret_equal(gp_lower(call, given), hash(call, *secret, kind, text)))
            return true;
    }
    return false;
}

/* ---- making ---- */

/* `text` is what is signed, and what follows the hash. */
static enum srs_result make(struct gp_call *call, const struct srs *srs, char kind,
                            struct gp_slice text, struct gp_slice *address_r)
{
    const struct gp_slice *secret = gp_list_at(srs->secrets, 0);
    struct gp_slice proof = hash(call, *secret, kind, text);

    if (TAG_LEN + HASH_CHARS + 1 + text.len > SRS_LOCAL_MAX || !gp_slice_present(proof))
        return SRS_UNFIT;
    *address_r = gp_format(call, "SRS%c=" GP_FMT "=" GP_FMT "@" GP_FMT, kind, GP_ARG(proof),
                           GP_ARG(text), GP_ARG(srs->domain));
    return gp_slice_present(*address_r) ? SRS_OK : SRS_UNFIT;
}

/* What cannot stand within a local part without quotes. */
static bool is_plain(struct gp_slice local, struct gp_slice domain)
{
    return local.len > 0 && local.data[0] != '"' && domain.len > 0 && domain.data[0] != '[';
}

enum srs_result srs_forward(struct gp_call *call, const struct srs *srs, struct gp_slice local,
                            struct gp_slice domain, int64_t day, struct gp_slice *address_r)
{
    struct gp_slice text;

    if (!is_plain(local, domain))
        return SRS_UNFIT;
    if (!srs_is_tagged(local)) {
        text = gp_format(call, "%c%c=" GP_FMT "=" GP_FMT, base32[day / 32 % 32], base32[day % 32],
                         GP_ARG(domain), GP_ARG(local));
        return make(call, srs, '0', text, address_r);
    }
    /* The first host that rewrote it is who can answer; those between us and it drop out. */
    if (local.data[3] == '0') {
        text = gp_format(call, GP_FMT "=" GP_FMT, GP_ARG(domain),
                         GP_ARG(gp_slice_sub(local, 4, local.len)));
    } else {
        text = gp_slice_sub(local, TAG_LEN, local.len);
        (void)gp_slice_split(&text, '=');
        if (text.len == 0)
            return SRS_UNFIT;
    }
    return make(call, srs, '1', text, address_r);
}

/* ---- reading ---- */

/* Days between then and now, if the clock of the one who made it was ours. */
static bool is_fresh(const struct srs *srs, struct gp_slice stamp, int64_t day)
{
    int high = stamp.len == DAY_CHARS ? base32_value(stamp.data[0]) : -1;
    int low = high >= 0 ? base32_value(stamp.data[1]) : -1;

    return low >= 0 && (day - (high * 32 + low) + DAYS) % DAYS <= srs->days;
}

static enum srs_result reverse_first(struct gp_call *call, const struct srs *srs,
                                     struct gp_slice text, int64_t day, struct gp_slice *address_r)
{
    struct gp_slice user = text, stamp = gp_slice_split(&user, '=');
    struct gp_slice host = gp_slice_split(&user, '=');

    if (!is_fresh(srs, stamp, day % DAYS))
        return SRS_EXPIRED;
    if (user.len == 0 || host.len == 0)
        return SRS_FORGED;
    *address_r = gp_format(call, GP_FMT "@" GP_FMT, GP_ARG(user), GP_ARG(host));
    return SRS_OK;
}

static enum srs_result reverse_further(struct gp_call *call, struct gp_slice text,
                                       struct gp_slice *address_r)
{
    struct gp_slice rest = text, host = gp_slice_split(&rest, '=');

    if (rest.len == 0 || host.len == 0)
        return SRS_FORGED;
    *address_r = gp_format(call, "SRS0" GP_FMT "@" GP_FMT, GP_ARG(rest), GP_ARG(host));
    return SRS_OK;
}

enum srs_result srs_reverse(struct gp_call *call, const struct srs *srs, struct gp_slice local,
                            int64_t day, struct gp_slice *address_r)
{
    struct gp_slice text, given;

    if (!srs_is_tagged(local))
        return SRS_NOT;
    text = gp_slice_sub(local, TAG_LEN, local.len);
    given = gp_slice_split(&text, '=');
    if (!gp_slice_present(text) || !is_signed(call, srs, local.data[3], given, text))
        return SRS_FORGED;
    return local.data[3] == '0' ? reverse_first(call, srs, text, day, address_r)
                                : reverse_further(call, text, address_r);
}

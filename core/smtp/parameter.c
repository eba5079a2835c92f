// SPDX-License-Identifier: Apache-2.0
/* One row a keyword: which command it belongs to, which extension brings it, what reads it. */
#include "core/base/counts.h"
#include "core/smtp/parameter.h"

#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/base/utf8.h"
#include "core/smtp/server.h"

#define ENVID_MAX 100u /* RFC 3461 4.4 */
#define ORCPT_MAX 500u /* RFC 3461 4.2 */
#define AUTH_MAX 500u  /* RFC 4954 section 3 */

struct reading {
    struct gp__arena *arena;
    const struct gp__smtp_settings *settings;
    unsigned extensions;
    struct gp__mail *mail; /* one of the two */
    struct gp__rcpt *rcpt;
};

struct row {
    struct gp_slice keyword;
    unsigned extension;
    bool of_rcpt;
    const struct gp__reply *(*read)(struct reading *r, struct gp_slice value);
};

static const struct gp__reply bad_syntax = GP__REPLY_INIT(501, 5, 5, 4, "Bad syntax of parameters");
static const struct gp__reply unknown = GP__REPLY_INIT(
    555, 5, 5, 4, "Parameter not recognized or not implemented");
static const struct gp__reply duplicate = GP__REPLY_INIT(501, 5, 5, 4, "Parameter given twice");
static const struct gp__reply too_many = GP__REPLY_INIT(501, 5, 5, 4, "Too many parameters");
static const struct gp__reply bad_size = GP__REPLY_INIT(501, 5, 5, 4, "SIZE needs a number");
static const struct gp__reply too_big = GP__REPLY_INIT(
    552, 5, 3, 4, "Message size exceeds the limit of this server");
static const struct gp__reply bad_body = GP__REPLY_INIT(501, 5, 5, 4, "Unknown value of BODY");
static const struct gp__reply bad_smtputf8 = GP__REPLY_INIT(501, 5, 5, 4,
                                                            "SMTPUTF8 takes no value");
static const struct gp__reply bad_prdr = GP__REPLY_INIT(501, 5, 5, 4, "PRDR takes no value");
static const struct gp__reply bad_requiretls = GP__REPLY_INIT(501, 5, 5, 4,
                                                              "REQUIRETLS takes no value");
static const struct gp__reply bad_ret = GP__REPLY_INIT(501, 5, 5, 4, "RET is FULL or HDRS");
static const struct gp__reply bad_envid = GP__REPLY_INIT(
    501, 5, 5, 4, "ENVID is xtext of at most 100 characters");
static const struct gp__reply bad_auth = GP__REPLY_INIT(501, 5, 5, 4,
                                                        "AUTH is an address in xtext, or <>");
static const struct gp__reply bad_notify = GP__REPLY_INIT(
    501, 5, 5, 4, "NOTIFY is NEVER, or a list of SUCCESS, FAILURE, DELAY");
static const struct gp__reply bad_orcpt = GP__REPLY_INIT(
    501, 5, 5, 4, "ORCPT is TYPE;ADDRESS in xtext, at most 500 characters");

/* ---- MAIL ---- */

static const struct gp__reply *read_size(struct reading *r, struct gp_slice value)
{
    uint64_t size = 0;

    if (value.len == 0 || value.len > 20) /* RFC 1870 section 4 */
        return &bad_size;
    for (size_t i = 0; i < value.len; i++) {
        if (!gp__is_digit(value.data[i]))
            return &bad_size;
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, (uint64_t)(value.data[i] - '0'), &size))
            size = UINT64_MAX;
    }
    r->mail->size = size;
    if (size <= r->settings->limits.message_size)
        return NULL;
    GP__LIMIT_HIT(message_size);
    return &too_big;
}

static const struct gp__reply *read_body(struct reading *r, struct gp_slice value)
{
    if (gp_slice_caseeq(value, GP_S("7BIT")))
        r->mail->body = GP__BODY_7BIT;
    else if (gp_slice_caseeq(value, GP_S("8BITMIME")))
        r->mail->body = GP__BODY_8BITMIME;
    else if (gp_slice_caseeq(value, GP_S("BINARYMIME")) && (r->extensions & GP__EXT_BINARYMIME))
        r->mail->body = GP__BODY_BINARYMIME;
    else
        return &bad_body;
    return NULL;
}

static const struct gp__reply *read_smtputf8(struct reading *r, struct gp_slice value)
{
    r->mail->smtputf8 = true;
    return gp_slice_present(value) ? &bad_smtputf8 : NULL;
}

static const struct gp__reply *read_prdr(struct reading *r, struct gp_slice value)
{
    r->mail->prdr = true;
    return gp_slice_present(value) ? &bad_prdr : NULL;
}

static const struct gp__reply *read_requiretls(struct reading *r, struct gp_slice value)
{
    r->mail->requiretls = true;
    return gp_slice_present(value) ? &bad_requiretls : NULL;
}

static const struct gp__reply *read_ret(struct reading *r, struct gp_slice value)
{
    if (gp_slice_caseeq(value, GP_S("FULL")))
        r->mail->ret = GP__RET_FULL;
    else if (gp_slice_caseeq(value, GP_S("HDRS")))
        r->mail->ret = GP__RET_HDRS;
    else
        return &bad_ret;
    return NULL;
}

/* What was encoded may end up in a report: it must not bring lines of its own. */
static bool printable_ascii(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (gp__is_control(s.data[i]) || gp__is_8bit(s.data[i]))
            return false;
    return true;
}

static const struct gp__reply *read_envid(struct reading *r, struct gp_slice value)
{
    if (value.len == 0 || value.len > ENVID_MAX ||
        gp__xtext_decode(r->arena, value, &r->mail->envid) < 0 || !printable_ascii(r->mail->envid))
        return &bad_envid;
    return NULL;
}

/* A mailbox or "<>" (RFC 4954 section 5). What it says is for those who trust this client. */
static const struct gp__reply *read_auth(struct reading *r, struct gp_slice value)
{
    struct gp__address address;

    if (value.len == 0 || value.len > AUTH_MAX ||
        gp__xtext_decode(r->arena, value, &r->mail->auth) < 0)
        return &bad_auth;
    if (gp_slice_eq(r->mail->auth, GP_S("<>"))) {
        r->mail->auth = GP_S("");
        return NULL;
    }
    return gp__mailbox_parse(r->arena, r->mail->auth, GP__ADDRESS_UTF8, &address) ? &bad_auth
                                                                                  : NULL;
}

/* ---- RCPT ---- */

static unsigned notify_flag(struct gp_slice word)
{
    if (gp_slice_caseeq(word, GP_S("NEVER")))
        return GP__NOTIFY_NEVER;
    if (gp_slice_caseeq(word, GP_S("SUCCESS")))
        return GP__NOTIFY_SUCCESS;
    if (gp_slice_caseeq(word, GP_S("FAILURE")))
        return GP__NOTIFY_FAILURE;
    return gp_slice_caseeq(word, GP_S("DELAY")) ? GP__NOTIFY_DELAY : 0;
}

int gp__notify_parse(struct gp_slice value, unsigned *notify_r)
{
    struct gp_slice rest = value;
    unsigned notify = 0;

    if (value.len == 0)
        return -1;
    while (gp_slice_present(rest)) {
        unsigned flag = notify_flag(gp_slice_split(&rest, ','));

        if (flag == 0)
            return -1;
        notify |= flag;
    }
    if ((notify & GP__NOTIFY_NEVER) && notify != GP__NOTIFY_NEVER) /* RFC 3461 4.1 */
        return -1;
    *notify_r = notify;
    return 0;
}

static const struct gp__reply *read_notify(struct reading *r, struct gp_slice value)
{
    if (gp__notify_parse(value, &r->rcpt->notify) < 0)
        return &bad_notify;
    r->rcpt->notify_text = value;
    return NULL;
}

/* "\x{20AC}" at the start of s (RFC 6533 section 3): its length and code point, or 0. */
static size_t embedded_unicode(struct gp_slice s, uint32_t *code_r)
{
    size_t i = 3;

    *code_r = 0;
    if (!gp_slice_starts(s, GP_S("\\x{")))
        return 0;
    for (; i < s.len && i < 9 && gp__hex_value(s.data[i]) >= 0; i++)
        *code_r = *code_r << 4 | (uint32_t)gp__hex_value(s.data[i]);
    if (i < 5 || i == s.len || s.data[i] != '}')
        return 0;
    return i + 1;
}

/* The address of the type "utf-8": UTF-8 as it is, or embedded; xtext is not used in it. */
static int decode_utf8_address(struct gp__arena *arena, struct gp_slice text,
                               struct gp_slice *bytes_r)
{
    char *out = gp__arena_bytes(arena, text.len + 1), *to = out;

    for (size_t i = 0; i < text.len;) {
        uint32_t code;
        size_t n = embedded_unicode(gp_slice_sub(text, i, text.len), &code);

        if (n == 0 && (text.data[i] == '\\' || text.data[i] == '+' || text.data[i] == '='))
            return -1;
        if (n == 0) {
            *to++ = text.data[i++];
            continue;
        }
        if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code > 0x10ffff ||
            (code >= 0xd800 && code < 0xe000))
            return -1;
        to += gp__utf8_encode(code, to);
        i += n;
    }
    *bytes_r = gp_slice(out, (size_t)(to - out));
    return gp__utf8_valid(*bytes_r) ? 0 : -1;
}

static bool is_atom(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!gp__is_atext(s.data[i]))
            return false;
    return s.len > 0;
}

static bool has_control(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (gp__is_control(s.data[i]))
            return true;
    return false;
}

static const struct gp__reply *read_orcpt(struct reading *r, struct gp_slice value)
{
    struct gp_slice rest = value, type = gp_slice_split(&rest, ';'), address;
    bool utf8 = gp_slice_caseeq(type, GP_S("utf-8"));
    char *joined;

    if (value.len > ORCPT_MAX || !is_atom(type) || rest.len == 0)
        return &bad_orcpt;
    if (!(r->extensions & GP__EXT_SMTPUTF8) && !gp__ascii_only(value)) /* RFC 6533 section 3 */
        return &bad_orcpt;
    if (utf8 ? decode_utf8_address(r->arena, rest, &address) < 0
             : gp__xtext_decode(r->arena, rest, &address) < 0 || !gp__ascii_only(address))
        return &bad_orcpt;
    if (has_control(address))
        return &bad_orcpt;
    joined = gp__arena_bytes(r->arena, type.len + 1 + address.len);
    memcpy(joined, type.data, type.len);
    joined[type.len] = ';';
    memcpy(joined + type.len + 1, address.data, address.len);
    r->rcpt->orcpt = gp_slice(joined, type.len + 1 + address.len);
    return NULL;
}

/* ---- both ---- */

static const struct row rows[] = {
    {{"SIZE", 4}, GP__EXT_SIZE, false, read_size},
    {{"BODY", 4}, GP__EXT_8BITMIME | GP__EXT_BINARYMIME, false, read_body},
    {{"SMTPUTF8", 8}, GP__EXT_SMTPUTF8, false, read_smtputf8},
    {{"PRDR", 4}, GP__EXT_PRDR, false, read_prdr},
    {{"REQUIRETLS", 10}, GP__EXT_REQUIRETLS, false, read_requiretls},
    {{"RET", 3}, GP__EXT_DSN, false, read_ret},
    {{"ENVID", 5}, GP__EXT_DSN, false, read_envid},
    {{"AUTH", 4}, GP__EXT_AUTH, false, read_auth},
    {{"NOTIFY", 6}, GP__EXT_DSN, true, read_notify},
    {{"ORCPT", 5}, GP__EXT_DSN, true, read_orcpt},
};

static const struct row *row_of(const struct reading *r, struct gp_slice keyword)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (gp_slice_caseeq(rows[i].keyword, keyword) && rows[i].of_rcpt == (r->rcpt != NULL) &&
            (rows[i].extension & r->extensions))
            return &rows[i];
    return NULL;
}

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static bool keyword_ok(struct gp_slice keyword)
{
    for (size_t i = 0; i < keyword.len; i++)
        if (!gp__is_alnum(keyword.data[i]) && (i == 0 || keyword.data[i] != '-'))
            return false;
    return keyword.len > 0;
}

/* esmtp-value: printable, no "=", no space, not empty; UTF-8 with SMTPUTF8 (RFC 6531 3.3). */
static bool value_ok(struct gp_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] == '=' || gp__is_control(value.data[i]))
            return false;
    return !gp_slice_present(value) || (value.len > 0 && gp__utf8_valid(value));
}

static const struct gp__reply *read_one(struct reading *r, struct gp_slice word,
                                        struct gp__parameter *known, size_t *n)
{
    struct gp_slice value = word, keyword = gp_slice_split(&value, '=');
    const struct row *row;

    if (!keyword_ok(keyword) || !value_ok(value))
        return &bad_syntax;
    row = row_of(r, keyword);
    if (!row)
        return &unknown;
    if (gp__parameter_find(known, *n, keyword))
        return &duplicate;
    known[(*n)++] = (struct gp__parameter){.keyword = keyword, .value = value};
    return row->read(r, value);
}

/* RFC 5321 has one space before each parameter; more do no harm. */
static const struct gp__reply *read_all(struct reading *r, struct gp_slice text,
                                        struct gp__parameter **parameters_r, size_t *n_r)
{
    size_t most = (size_t)r->settings->limits.parameters, room = 0, n = 0;
    struct gp__parameter *known = NULL;
    struct gp_slice rest;

    if (text.len == 0)
        return NULL;
    if (text.data[0] != ' ')
        return &bad_syntax;
    rest = gp__arena_dup(r->arena, text);
    while (gp_slice_present(rest)) {
        struct gp_slice word = gp_slice_split(&rest, ' ');
        const struct gp__reply *refusal;

        if (word.len == 0)
            continue;
        if (n == most) {
            GP__LIMIT_HIT(parameters);
            return &too_many;
        }
        GP__ARENA_GROW(r->arena, known, room, n + 1);
        refusal = read_one(r, word, known, &n);
        if (refusal)
            return refusal;
    }
    *parameters_r = known;
    *n_r = n;
    return NULL;
}

const struct gp__reply *gp__mail_parameters(struct gp__arena *arena, struct gp_slice text,
                                            const struct gp__smtp_settings *settings,
                                            unsigned extensions, struct gp__mail *mail)
{
    struct reading r = {
        .arena = arena, .settings = settings, .extensions = extensions, .mail = mail};

    return read_all(&r, text, &mail->parameters, &mail->n_parameters);
}

const struct gp__reply *gp__rcpt_parameters(struct gp__arena *arena, struct gp_slice text,
                                            const struct gp__smtp_settings *settings,
                                            unsigned extensions, struct gp__rcpt *rcpt)
{
    struct reading r = {
        .arena = arena, .settings = settings, .extensions = extensions, .rcpt = rcpt};

    return read_all(&r, text, &rcpt->parameters, &rcpt->n_parameters);
}

const struct gp__parameter *gp__parameter_find(const struct gp__parameter *parameters, size_t n,
                                               struct gp_slice keyword)
{
    for (size_t i = 0; i < n; i++)
        if (gp_slice_caseeq(parameters[i].keyword, keyword))
            return &parameters[i];
    return NULL;
}

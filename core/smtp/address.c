// SPDX-License-Identifier: Apache-2.0
/*
 * A parser by descent over a cursor; each parse_ function consumes what it reads or says what is
 * wrong. The canonical text is built in one run of the arena, never longer than what was read
 * (but for the text form of an IPv6 literal). Errors leave the address unusable.
 */
#include "core/smtp/address.h"

#include "core/base/ascii.h"
#include "core/base/domain.h"
#include "core/base/utf8.h"

#define LOCAL_MAX 64u  /* RFC 5321 4.5.3.1.1 */
#define LABEL_MAX 63u  /* RFC 1035 2.3.4 */
#define PATH_MAX_ 256u /* RFC 5321 4.5.3.1.3, brackets and source route included */
#define IP_TEXT_MAX 48u

#define EMPTY                                                                                      \
    {                                                                                              \
        .data = "", .len = 0                                                                       \
    }

const struct gp__address gp__address_null = {
    .text = EMPTY, .local = EMPTY, .domain = EMPTY, .key = EMPTY};

struct cursor {
    struct gp_slice text;
    size_t at;
    unsigned flags;
    bool utf8;
};

static bool at_end(const struct cursor *c)
{
    return c->at == c->text.len;
}

static char peek(const struct cursor *c)
{
    return at_end(c) ? '\0' : c->text.data[c->at];
}

static bool take(struct cursor *c, char want)
{
    if (at_end(c) || c->text.data[c->at] != want)
        return false;
    c->at++;
    return true;
}

/* Length of the character beyond ASCII at the cursor, 0 if there is none that is allowed in an
 * address (RFC 6531 3.3); C1 control characters are not. */
static size_t utf8_len(const struct cursor *c)
{
    uint32_t code = 0;
    size_t n;

    if (at_end(c) || !gp__is_8bit(c->text.data[c->at]))
        return 0;
    n = gp__utf8_decode(gp_slice_sub(c->text, c->at, 4), &code);
    return code < 0xa0 ? 0 : n;
}

static size_t take_utf8(struct cursor *c)
{
    size_t n = utf8_len(c);

    c->at += n;
    c->utf8 = c->utf8 || n > 0;
    return n;
}

/* ---- domains ---- */

static bool is_label_char(char c)
{
    /* "_" is no letter of a host name, but many names in use have it. */
    return gp__is_alnum(c) || c == '-' || c == '_';
}

static enum gp__address_error parse_label(struct cursor *c)
{
    size_t start = c->at, characters = 0;

    for (;; characters++) {
        if (!at_end(c) && is_label_char(peek(c)))
            c->at++;
        else if (take_utf8(c) == 0)
            break;
    }
    if (c->at == start || c->text.data[start] == '-' || c->text.data[c->at - 1] == '-')
        return GP__ADDRESS_BAD_DOMAIN;
    return characters > LABEL_MAX ? GP__ADDRESS_LONG_DOMAIN : GP__ADDRESS_OK;
}

/* In the syntax of RFC 6531 3.3 a label beyond ASCII is a U-label. */
static enum gp__address_error check_labels(struct gp_slice domain, char buf[GP__DOMAIN_MAX + 1],
                                           struct gp_slice *key_r)
{
    if (domain.len > GP__DOMAIN_MAX)
        return GP__ADDRESS_LONG_DOMAIN;
    switch (gp__domain_ascii(domain, buf, key_r)) {
    case GP__DOMAIN_OK:
        return GP__ADDRESS_OK;
    case GP__DOMAIN_BAD:
        return GP__ADDRESS_BAD_DOMAIN;
    case GP__DOMAIN_LONG:
        break;
    }
    return GP__ADDRESS_LONG_DOMAIN;
}

/* *key_r is the domain as it compares: itself, or in buf. */
static enum gp__address_error parse_name(struct cursor *c, struct gp_slice *domain_r,
                                         char buf[GP__DOMAIN_MAX + 1], struct gp_slice *key_r)
{
    size_t start = c->at;
    enum gp__address_error error;

    do {
        error = parse_label(c);
        if (error)
            return error;
    } while (take(c, '.'));
    *domain_r = gp_slice_sub(c->text, start, c->at - start);
    return check_labels(*domain_r, buf, key_r);
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). No other tag is registered. */
static enum gp__address_error parse_literal(struct cursor *c, struct gp__ip *ip_r)
{
    struct gp_slice inside = gp_slice_sub(c->text, c->at + 1, c->text.len);
    size_t len = gp_slice_find(inside, ']');
    int result;

    if (len == inside.len)
        return GP__ADDRESS_BAD_LITERAL;
    inside.len = len;
    if (gp_slice_caseeq(gp_slice_sub(inside, 0, 5), GP_S("IPv6:")))
        result = gp__ip6_parse(gp_slice_sub(inside, 5, inside.len), ip_r);
    else
        result = gp__ip4_parse(inside, ip_r);
    if (result < 0)
        return GP__ADDRESS_BAD_LITERAL;
    c->at += len + 2;
    return GP__ADDRESS_OK;
}

/* ---- local parts ---- */

static enum gp__address_error parse_dot_string(struct cursor *c, char **to)
{
    size_t start = c->at;

    do {
        size_t atom = c->at;

        while ((!at_end(c) && gp__is_atext(peek(c))) || utf8_len(c) > 0)
            if (take_utf8(c) == 0)
                c->at++;
        if (c->at == atom)
            return GP__ADDRESS_BAD_LOCAL;
    } while (take(c, '.'));
    *to = (char *)memcpy(*to, c->text.data + start, c->at - start) + (c->at - start);
    return GP__ADDRESS_OK;
}

/* Whether the bytes are a dot-string, so that quotes around them mean nothing. */
static bool is_dot_string(struct gp_slice s)
{
    bool atom = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '.' ? !atom : !gp__is_atext(s.data[i]) && !gp__is_8bit(s.data[i]))
            return false;
        atom = s.data[i] != '.';
    }
    return atom;
}

/* Appends a character with the one quoting that is needed. */
static char *put_quoted(char *to, char c)
{
    if (c == '"' || c == '\\')
        *to++ = '\\';
    *to++ = c;
    return to;
}

static bool is_qtext(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* One character inside quotes, undone into *to. */
static bool take_qcontent(struct cursor *c, char **to)
{
    size_t n = take_utf8(c);
    bool pair = n == 0 && take(c, '\\');

    if (n > 0) {
        *to = (char *)memcpy(*to, c->text.data + c->at - n, n) + n;
        return true;
    }
    if (at_end(c) || (pair ? peek(c) < ' ' || peek(c) > '~' : !is_qtext(peek(c))))
        return false;
    *(*to)++ = c->text.data[c->at++];
    return true;
}

/* Undoes the quoting at the end of the output, then puts back what is needed of it. */
static enum gp__address_error parse_quoted(struct cursor *c, char *scratch, char **to)
{
    char *end = scratch;
    struct gp_slice plain;

    c->at++;
    while (!take(c, '"'))
        if (!take_qcontent(c, &end))
            return GP__ADDRESS_BAD_LOCAL;
    plain = gp_slice(scratch, (size_t)(end - scratch));
    if (is_dot_string(plain)) {
        *to = (char *)memcpy(*to, plain.data, plain.len) + plain.len;
        return GP__ADDRESS_OK;
    }
    *(*to)++ = '"';
    for (size_t i = 0; i < plain.len; i++)
        *to = put_quoted(*to, plain.data[i]);
    *(*to)++ = '"';
    return GP__ADDRESS_OK;
}

/* ---- mailboxes and paths ---- */

static enum gp__address_error parse_local(struct cursor *c, char *scratch, char **to)
{
    const char *start = *to;
    enum gp__address_error error = peek(c) == '"' ? parse_quoted(c, scratch, to)
                                                  : parse_dot_string(c, to);

    if (!error && (size_t)(*to - start) > LOCAL_MAX)
        error = GP__ADDRESS_LONG_LOCAL;
    return error;
}

static char *put_literal(char *to, const struct gp__ip *ip)
{
    char text[IP_TEXT_MAX];
    struct gp_slice s = gp__ip_format(ip, text);

    *to++ = '[';
    if (ip->family == 6)
        to = (char *)memcpy(to, "IPv6:", 5) + 5;
    to = (char *)memcpy(to, s.data, s.len) + s.len;
    *to++ = ']';
    return to;
}

/* The domain at *to, which becomes its end. */
static enum gp__address_error parse_domain(struct gp__arena *arena, struct cursor *c,
                                           struct gp__address *address, char **to)
{
    struct gp_slice name = gp_slice(NULL, 0), key;
    char buf[GP__DOMAIN_MAX + 1], *start = *to;
    enum gp__address_error error;

    if (peek(c) == '[') {
        error = parse_literal(c, &address->literal);
        if (!error)
            *to = put_literal(*to, &address->literal);
    } else {
        error = parse_name(c, &name, buf, &key);
        if (!error)
            *to = (char *)memcpy(*to, name.data, name.len) + name.len;
    }
    address->domain = gp_slice(start, (size_t)(*to - start));
    address->key = !error && name.len && key.data != name.data ? gp__arena_dup(arena, key)
                                                               : address->domain;
    return error;
}

/* Whether the domain may be missing: "<postmaster>" (RFC 5321 4.1.1.3). */
static bool is_postmaster(const struct cursor *c, struct gp_slice local)
{
    return (c->flags & GP__ADDRESS_POSTMASTER) && gp_slice_caseeq(local, GP_S("postmaster"));
}

static enum gp__address_error parse_mailbox(struct gp__arena *arena, struct cursor *c,
                                            struct gp__address *address)
{
    size_t size = c->text.len + IP_TEXT_MAX + 16;
    char *text = gp__arena_bytes(arena, size * 2), *to = text;
    enum gp__address_error error = parse_local(c, text + size, &to);

    if (error)
        return error;
    address->local = gp_slice(text, (size_t)(to - text));
    address->domain = address->key = gp_slice(to, 0);
    if (take(c, '@')) {
        *to++ = '@';
        error = parse_domain(arena, c, address, &to);
    } else if (!is_postmaster(c, address->local)) {
        error = GP__ADDRESS_BAD_SYNTAX;
    }
    address->text = gp_slice(text, (size_t)(to - text));
    address->utf8 = c->utf8;
    return error;
}

/* "@one.example,@two.example:" is read and forgotten (RFC 5321 4.1.1.3, appendix C). */
static enum gp__address_error skip_route(struct cursor *c)
{
    char buf[GP__DOMAIN_MAX + 1];
    struct gp_slice name, key;
    struct gp__ip ip;

    do {
        enum gp__address_error error;

        if (!take(c, '@'))
            return GP__ADDRESS_BAD_SYNTAX;
        error = peek(c) == '[' ? parse_literal(c, &ip) : parse_name(c, &name, buf, &key);
        if (error)
            return error;
    } while (take(c, ','));
    return take(c, ':') ? GP__ADDRESS_OK : GP__ADDRESS_BAD_SYNTAX;
}

/* The first error by weight: what cannot be encoded, then what is too long. */
static enum gp__address_error check_whole(const struct cursor *c, size_t path_len)
{
    if (c->utf8 && !(c->flags & GP__ADDRESS_UTF8))
        return GP__ADDRESS_NEEDS_UTF8;
    return path_len > PATH_MAX_ ? GP__ADDRESS_LONG_PATH : GP__ADDRESS_OK;
}

static enum gp__address_error parse_path(struct gp__arena *arena, struct cursor *c,
                                         struct gp__address *address)
{
    enum gp__address_error error = GP__ADDRESS_OK;

    if (!take(c, '<'))
        return GP__ADDRESS_BAD_SYNTAX;
    if (take(c, '>')) {
        *address = gp__address_null;
        return c->flags & GP__ADDRESS_NULL ? GP__ADDRESS_OK : GP__ADDRESS_BAD_SYNTAX;
    }
    if (peek(c) == '@')
        error = skip_route(c);
    if (!error)
        error = parse_mailbox(arena, c, address);
    if (error)
        return error;
    return take(c, '>') ? check_whole(c, c->at) : GP__ADDRESS_BAD_SYNTAX;
}

enum gp__address_error gp__path_parse(struct gp__arena *arena, struct gp_slice text, unsigned flags,
                                      struct gp__address *address_r, struct gp_slice *rest_r)
{
    struct cursor c = {.text = text, .flags = flags};
    enum gp__address_error error;

    *address_r = (struct gp__address){0};
    error = parse_path(arena, &c, address_r);
    *rest_r = gp_slice_sub(text, c.at, text.len);
    return error;
}

enum gp__address_error gp__mailbox_parse(struct gp__arena *arena, struct gp_slice text,
                                         unsigned flags, struct gp__address *address_r)
{
    struct cursor c = {.text = text, .flags = flags};
    enum gp__address_error error;

    *address_r = gp__address_null;
    if (text.len == 0)
        return flags & GP__ADDRESS_NULL ? GP__ADDRESS_OK : GP__ADDRESS_BAD_SYNTAX;
    error = parse_mailbox(arena, &c, address_r);
    if (error)
        return error;
    return at_end(&c) ? check_whole(&c, c.at + 2) : GP__ADDRESS_BAD_SYNTAX;
}

enum gp__address_error gp__domain_parse(struct gp_slice text, unsigned flags,
                                        struct gp__ip *literal_r)
{
    struct cursor c = {.text = text, .flags = flags};
    char buf[GP__DOMAIN_MAX + 1];
    struct gp_slice name, key;
    enum gp__address_error error;

    *literal_r = (struct gp__ip){0};
    error = peek(&c) == '[' ? parse_literal(&c, literal_r) : parse_name(&c, &name, buf, &key);
    if (error)
        return error;
    return at_end(&c) ? check_whole(&c, 0) : GP__ADDRESS_BAD_DOMAIN;
}

bool gp__address_same(const struct gp__address *a, const struct gp__address *b)
{
    return gp_slice_eq(a->local, b->local) && gp_slice_caseeq(a->key, b->key);
}

const char *gp__address_strerror(enum gp__address_error error)
{
    static const char *const texts[GP__ADDRESS_ERROR_COUNT] = {
        [GP__ADDRESS_OK] = "Valid address",
        [GP__ADDRESS_BAD_SYNTAX] = "Not an address: expected <local-part@domain>",
        [GP__ADDRESS_BAD_LOCAL] = "Bad local part in address",
        [GP__ADDRESS_BAD_DOMAIN] = "Bad domain in address",
        [GP__ADDRESS_BAD_LITERAL] = "Bad address literal",
        [GP__ADDRESS_LONG_LOCAL] = "Local part is over 64 octets",
        [GP__ADDRESS_LONG_DOMAIN] = "Domain is over 255 octets or a label over 63",
        [GP__ADDRESS_LONG_PATH] = "Path is over 256 octets",
        [GP__ADDRESS_NEEDS_UTF8] = "Address needs SMTPUTF8",
    };

    return (unsigned)error < GP__ADDRESS_ERROR_COUNT ? texts[error] : "Bad address";
}

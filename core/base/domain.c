// SPDX-License-Identifier: Apache-2.0
/* Over libidn2, with the mapping before it from libunistring: the mapping that libidn2 has is that of
 * UTS 46, which turns characters that RFC 5892 disallows into others, dots and "@" among them. */
#include "core/base/domain.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>

/* Of UTF-8 that can still become 255 octets in A-labels: each character becomes one at least. */
#define WRITTEN_MAX ((size_t)4 * GP__DOMAIN_MAX)

static enum gp__domain_error error_of(int result)
{
    switch (result) {
    case IDN2_OK:
        return GP__DOMAIN_OK;
    case IDN2_TOO_BIG_DOMAIN:
    case IDN2_TOO_BIG_LABEL:
    case IDN2_PUNYCODE_BIG_OUTPUT:
        return GP__DOMAIN_LONG;
    default:
        return GP__DOMAIN_BAD;
    }
}

/* Small letters in NFC, with a NUL; NULL: not UTF-8, or no memory. */
static uint8_t *map(struct gp_slice domain)
{
    size_t len;
    uint8_t *mapped = u8_tolower((const uint8_t *)domain.data, domain.len, NULL, UNINORM_NFC, NULL,
                                 &len);
    uint8_t *text = mapped ? realloc(mapped, len + 1) : NULL;

    if (text)
        text[len] = 0;
    else
        free(mapped);
    return text;
}

static enum gp__domain_error to_ascii(struct gp_slice domain, char ascii[GP__DOMAIN_MAX + 1])
{
    uint8_t *mapped = map(domain), *found = NULL;
    enum gp__domain_error error;

    if (!mapped)
        return GP__DOMAIN_BAD;
    error = error_of(idn2_lookup_u8(mapped, &found, IDN2_NO_TR46));
    if (!error && strlen((const char *)found) > GP__DOMAIN_MAX)
        error = GP__DOMAIN_LONG;
    if (!error)
        memcpy(ascii, found, strlen((const char *)found) + 1);
    idn2_free(found);
    free(mapped);
    return error;
}

enum gp__domain_error gp__domain_ascii(struct gp_slice domain, char ascii[GP__DOMAIN_MAX + 1],
                                       struct gp_slice *ascii_r)
{
    enum gp__domain_error error;

    *ascii_r = domain;
    if (gp__ascii_only(domain))
        return GP__DOMAIN_OK;
    if (domain.len > WRITTEN_MAX)
        return GP__DOMAIN_LONG;
    if (gp_slice_find(domain, '\0') < domain.len)
        return GP__DOMAIN_BAD;
    error = to_ascii(domain, ascii);
    if (!error)
        *ascii_r = gp_slice_of(ascii);
    return error;
}

/* ---- keys ---- */

/* Where the domain begins: after the last "@", and after the dot of ".example.org". */
static size_t domain_at(struct gp_slice text)
{
    size_t at = gp_slice_rfind(text, '@');

    at = at < text.len ? at + 1 : 0;
    return at < text.len && text.data[at] == '.' ? at + 1 : at;
}

static bool is_folded(struct gp_slice domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if (gp__is_8bit(domain.data[i]) || domain.data[i] != gp__to_lower(domain.data[i]))
            return false;
    return true;
}

static struct gp_slice with_domain(struct gp__arena *arena, struct gp_slice text, size_t at,
                                   struct gp_slice domain)
{
    char *copy = gp__arena_bytes(arena, at + domain.len + 1);

    memcpy(copy, text.data, at);
    for (size_t i = 0; i < domain.len; i++)
        copy[at + i] = gp__to_lower(domain.data[i]);
    copy[at + domain.len] = '\0';
    return gp_slice(copy, at + domain.len);
}

struct gp_slice gp__domain_key(struct gp__arena *arena, struct gp_slice text)
{
    size_t at = domain_at(text);
    struct gp_slice domain = gp_slice_sub(text, at, text.len), ascii;
    char buf[GP__DOMAIN_MAX + 1];

    if (is_folded(domain))
        return text;
    if (gp__domain_ascii(domain, buf, &ascii) != GP__DOMAIN_OK)
        ascii = domain;
    return with_domain(arena, text, at, ascii);
}

/* ---- spellings ---- */

static bool has_a_label(struct gp_slice domain)
{
    for (size_t i = 0; i + 4 <= domain.len; i++)
        if ((i == 0 || domain.data[i - 1] == '.') &&
            gp_slice_caseeq(gp_slice_sub(domain, i, 4), GP_S("xn--")))
            return true;
    return false;
}

/* The text in U-labels; absent where they are not those of its A-labels (RFC 5890 2.3.2.1). */
static struct gp_slice in_unicode(struct gp__arena *arena, struct gp_slice key, size_t at)
{
    struct gp_slice domain = gp_slice_sub(key, at, key.len), back, text = gp_slice(NULL, 0);
    char buf[GP__DOMAIN_MAX + 1], *unicode = NULL;

    if (domain.len > GP__DOMAIN_MAX || gp_slice_find(domain, '\0') < domain.len)
        return text;
    memcpy(buf, domain.data, domain.len);
    buf[domain.len] = '\0';
    if (idn2_to_unicode_8z8z(buf, &unicode, IDN2_NO_TR46) == IDN2_OK &&
        gp__domain_ascii(gp_slice_of(unicode), buf, &back) == GP__DOMAIN_OK &&
        gp_slice_eq(back, domain))
        text = with_domain(arena, key, at, gp_slice_of(unicode));
    idn2_free(unicode);
    return text;
}

size_t gp__domain_forms(struct gp__arena *arena, struct gp_slice text,
                        struct gp_slice forms_r[GP__DOMAIN_FORMS])
{
    size_t at = domain_at(text), n = 1;
    struct gp_slice domain = gp_slice_sub(text, at, text.len);
    bool written = !gp__ascii_only(domain);

    forms_r[0] = text;
    if ((at == 0 && gp_slice_find(domain, '.') == domain.len) || (!written && !has_a_label(domain)))
        return 1;
    forms_r[0] = gp__domain_key(arena, text);
    forms_r[n] = in_unicode(arena, forms_r[0], at);
    n += gp_slice_present(forms_r[n]);
    if (written && !gp_slice_eq(text, forms_r[n - 1]))
        forms_r[n++] = text;
    return n;
}

/* ---- forgeries ---- */

/* In A-labels, without a dot at the end; as it is where IDNA has no answer. */
static struct gp_slice mapped(struct gp__arena *arena, struct gp_slice domain)
{
    uint8_t *ascii = NULL;

    if (gp_slice_ends(domain, GP_S(".")))
        domain.len--;
    if (domain.len > WRITTEN_MAX || gp__ascii_only(domain) ||
        gp_slice_find(domain, '\0') < domain.len)
        return domain;
    domain = gp__arena_dup(arena, domain); /* with a NUL */
    if (idn2_lookup_u8((const uint8_t *)domain.data, &ascii,
                       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
        domain = gp__arena_dup(arena, gp_slice_of((const char *)ascii));
    idn2_free(ascii);
    return domain;
}

bool gp__domain_alike(struct gp__arena *arena, struct gp_slice a, struct gp_slice b)
{
    return gp_slice_caseeq(mapped(arena, a), mapped(arena, b));
}

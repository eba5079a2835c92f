// SPDX-License-Identifier: Apache-2.0
/* One row a keyword, in the order of the EHLO reply. See extension.h. */
#include "core/smtp/extension.h"

#include "core/base/ascii.h"
#include "core/smtp/text.h"

#define LINE_MAX_BYTES 400u
#define LIMITS_VALUE_MAX 999999 /* six digits (RFC 9422 section 4) */

static const struct {
    unsigned extension;
    struct gp_slice keyword;
} keywords[] = {
    {GP__EXT_PIPELINING, {"PIPELINING", 10}},
    {GP__EXT_SIZE, {"SIZE", 4}},
    {GP__EXT_VRFY, {"VRFY", 4}},
    {GP__EXT_EXPN, {"EXPN", 4}},
    {GP__EXT_ENHANCEDSTATUSCODES, {"ENHANCEDSTATUSCODES", 19}},
    {GP__EXT_8BITMIME, {"8BITMIME", 8}},
    {GP__EXT_SMTPUTF8, {"SMTPUTF8", 8}},
    {GP__EXT_CHUNKING, {"CHUNKING", 8}},
    {GP__EXT_BINARYMIME, {"BINARYMIME", 10}},
    {GP__EXT_DSN, {"DSN", 3}},
    {GP__EXT_LIMITS, {"LIMITS", 6}},
    {GP__EXT_PRDR, {"PRDR", 4}},
    {GP__EXT_REQUIRETLS, {"REQUIRETLS", 10}},
    {GP__EXT_HELP, {"HELP", 4}},
    {GP__EXT_XCLIENT, {"XCLIENT", 7}},
    {GP__EXT_XFORWARD, {"XFORWARD", 8}},
};

unsigned gp__extension_mask(const struct gp__smtp_settings *settings,
                            const struct gp_session *session)
{
    unsigned mask = settings->extensions;

    if (!(mask & GP__EXT_CHUNKING))
        mask &= ~(unsigned)GP__EXT_BINARYMIME;
    if (!(mask & GP__EXT_8BITMIME))
        mask &= ~(unsigned)GP__EXT_SMTPUTF8;
    if (settings->protocol == GP__PROTOCOL_LMTP) /* which always has a reply for each */
        mask &= ~(unsigned)GP__EXT_PRDR;
    if (!gp_slice_present(session->tls_version)) /* RFC 8689 section 2 */
        mask &= ~(unsigned)GP__EXT_REQUIRETLS;
    mask &= ~(unsigned)(GP__EXT_XCLIENT | GP__EXT_XFORWARD);
    mask |= session->may_xclient ? (unsigned)GP__EXT_XCLIENT : 0;
    mask |= session->may_xforward ? (unsigned)GP__EXT_XFORWARD : 0;
    return mask;
}

static void add_limit(struct gp__text *text, struct gp_slice name, int64_t value)
{
    if (value > LIMITS_VALUE_MAX)
        return;
    gp__text_add(text, name);
    gp__text_add_number(text, (uint64_t)value);
}

static void add_attributes(struct gp__text *text, unsigned set)
{
    for (int i = 0; i < GP__ATTRIBUTE_COUNT; i++) {
        if (!(set & 1u << i))
            continue;
        gp__text_add(text, GP_S(" "));
        gp__text_add(text, gp__attribute_name((enum gp__attribute)i));
    }
}

static void add_parameters(struct gp__text *text, unsigned extension,
                           const struct gp__limits *limits)
{
    if (extension == GP__EXT_SIZE) {
        gp__text_add(text, GP_S(" "));
        gp__text_add_number(text, limits->message_size);
    } else if (extension == GP__EXT_LIMITS) {
        add_limit(text, GP_S(" RCPTMAX="), limits->recipients);
        add_limit(text, GP_S(" MAILMAX="), limits->transactions);
    } else if (extension == GP__EXT_XCLIENT) {
        add_attributes(text, GP__XCLIENT_ATTRIBUTES);
    } else if (extension == GP__EXT_XFORWARD) {
        add_attributes(text, GP__XFORWARD_ATTRIBUTES);
    }
}

/* LIMITS without a limit says nothing, and is not to be sent (RFC 9422 section 4). */
static bool nothing_to_say(unsigned extension, const struct gp__limits *limits)
{
    return extension == GP__EXT_LIMITS && limits->recipients > LIMITS_VALUE_MAX &&
           limits->transactions > LIMITS_VALUE_MAX;
}

static int add_auth(unsigned mechanisms, struct gp__buf *lines)
{
    struct gp__text text;

    if (!mechanisms)
        return 0;
    text.len = 0;
    gp__text_add(&text, GP_S("AUTH"));
    for (int i = 0; i < GP__SASL_COUNT; i++) {
        if (!(mechanisms & 1u << i))
            continue;
        gp__text_add(&text, GP_S(" "));
        gp__text_add(&text, gp__sasl_mechanism((enum gp__sasl_name)i)->name);
    }
    gp__text_add(&text, GP_S("\n"));
    return gp__buf_append(lines, gp__text_slice(&text));
}

int gp__extension_lines(const struct gp__smtp_settings *settings, const struct gp_session *session,
                        struct gp__buf *lines)
{
    unsigned mask = gp__extension_mask(settings, session);

    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        unsigned extension = keywords[i].extension;
        struct gp__text text;

        if (!(mask & extension) || nothing_to_say(extension, &settings->limits))
            continue;
        text.len = 0;
        gp__text_add(&text, keywords[i].keyword);
        add_parameters(&text, extension, &settings->limits);
        gp__text_add(&text, GP_S("\n"));
        if (gp__buf_append(lines, gp__text_slice(&text)) < 0)
            return -1;
    }
    return add_auth(gp__auth_offered(settings, session), lines);
}

bool gp__extension_line_ok(struct gp_slice line)
{
    bool keyword = true;

    if (line.len == 0 || line.len > LINE_MAX_BYTES || !gp__is_alnum(line.data[0]) ||
        line.data[line.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.data[i];

        if (c == ' ') {
            keyword = false;
            if (line.data[i - 1] == ' ')
                return false;
        } else if (keyword ? !gp__is_alnum(c) && c != '-' : c < '!' || c > '~') {
            return false;
        }
    }
    return true;
}

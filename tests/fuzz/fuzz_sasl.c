// SPDX-License-Identifier: Apache-2.0
// SASL mechanisms. The first byte chooses the mechanism, the second what the host answers; then come responses, each
// ended by 0xFE. Nobody is let in without a yes of the host or a verified certificate, and whoever is has a sound name.
#include <stdlib.h>
#include <string.h>

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/runtime/crypto.h"
#include "core/smtp/sasl.h"
#include "core/smtp/session.h"

#define RESPONSES_MAX 8
#define END '\xfe' /* in no UTF-8, and so in no response that means anything */

static void same_bytes(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 'N', len);
}

static const struct gp__crypto crypto = {
    .hash = gp__digest_hash, .hmac = gp__digest_hmac, .random = same_bytes};

/* The password is "pencil" (RFC 7677 section 3, RFC 5802 section 5). */
static const char *const secrets[] = {
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
};

static void check_name(struct gp_slice name)
{
    if (name.len == 0 || name.len > GP__SASL_USER_MAX || !gp__utf8_valid(name))
        abort();
    for (size_t i = 0; i < name.len; i++)
        if (gp__is_control(name.data[i]))
            abort();
}

static void check(const struct gp__sasl *sasl, bool said_yes)
{
    switch (sasl->need) {
    case GP__SASL_RESPONSE:
        if (sasl->challenge.len > 600)
            abort();
        return;
    case GP__SASL_PASSWORD:
        if (sasl->secret.len == 0 || sasl->secret.len > GP__SASL_PASSWORD_MAX)
            abort();
        check_name(sasl->user);
        return;
    case GP__SASL_SECRET:
        check_name(sasl->user);
        return;
    case GP__SASL_TOKEN:
        if (sasl->secret.len == 0)
            abort();
        return;
    case GP__SASL_SUCCESS:
        if (!said_yes)
            abort();
        check_name(sasl->user);
        return;
    case GP__SASL_WRONG:
    case GP__SASL_MALFORMED:
        return;
    }
    abort();
}

static bool answer(struct gp__sasl *sasl, unsigned choice)
{
    bool found = choice & 1;
    struct gp_slice value = choice & 2 ? GP_S("user") : gp_slice(NULL, 0);

    if (sasl->need == GP__SASL_SECRET)
        value = gp_slice_of(secrets[sasl->mechanism->digest == GP__SHA1]);
    gp__sasl_answer(sasl, found, value);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_session session = {.tls_exporter = GP_S("EXPORTER"),
                                 .tls_server_end_point = GP_S("END")};
    struct gp__sasl_context context = {.crypto = &crypto, .session = &session};
    struct gp__sasl *sasl;
    struct gp_slice rest;
    bool said_yes;

    if (size < 2)
        return 0;
    if (data[1] & 4)
        session.tls_client_name = GP_S("client.example");
    context.offers_binding = data[1] & 8;
    sasl = gp__sasl_create(gp__sasl_mechanism((enum gp__sasl_name)(data[0] % GP__SASL_COUNT)),
                           &context);
    said_yes = data[0] % GP__SASL_COUNT == GP__SASL_EXTERNAL && (data[1] & 4);
    rest = gp_slice((const char *)data + 2, size - 2);
    for (int i = 0; i < RESPONSES_MAX && gp_slice_present(rest); i++) {
        gp__sasl_respond(sasl, gp_slice_split(&rest, END));
        check(sasl, said_yes);
        if (sasl->need == GP__SASL_PASSWORD || sasl->need == GP__SASL_SECRET ||
            sasl->need == GP__SASL_TOKEN)
            said_yes |= answer(sasl, data[1]);
        check(sasl, said_yes);
    }
    gp__sasl_free(&sasl);
    return 0;
}

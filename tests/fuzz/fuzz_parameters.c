// SPDX-License-Identifier: Apache-2.0
// The parameters of MAIL and RCPT: what is accepted is decoded, bounded and free of control characters.
#include <stdlib.h>
#include <string.h>

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/smtp/extension.h"
#include "core/smtp/parameter.h"

static void check_text(struct gp_slice s, size_t most)
{
    if (s.len > most || !gp__utf8_valid(s))
        abort();
    for (size_t i = 0; i < s.len; i++)
        if (gp__is_control(s.data[i]))
            abort();
}

static void check_all(const struct gp__parameter *parameters, size_t n, size_t most)
{
    if (n > most)
        abort();
    for (size_t i = 0; i < n; i++)
        if (gp__parameter_find(parameters, n, parameters[i].keyword) != &parameters[i])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__smtp_settings settings = {.extensions = GP__EXT_DEFAULT};
    static const struct gp_session session = {.tls_version = {"TLSv1.3", 7}};
    struct gp__arena *arena;
    struct gp__mail mail = {0};
    struct gp__rcpt rcpt = {0};
    struct gp_slice text;
    unsigned extensions;

    if (size < 2)
        return 0;
    gp__limits_default(&settings.limits);
    settings.limits.parameters = 5;
    extensions = (unsigned)(data[0] | data[1] << 8) & gp__extension_mask(&settings, &session);
    text = gp_slice((const char *)data + 2, size - 2);
    arena = gp__arena_create();
    if (!gp__mail_parameters(arena, text, &settings, extensions, &mail)) {
        check_all(mail.parameters, mail.n_parameters, 5);
        check_text(mail.envid, 100);
        if (mail.size > settings.limits.message_size)
            abort();
    }
    if (!gp__rcpt_parameters(arena, text, &settings, extensions, &rcpt)) {
        check_all(rcpt.parameters, rcpt.n_parameters, 5);
        check_text(rcpt.orcpt, 500);
        if ((rcpt.notify & GP__NOTIFY_NEVER) && rcpt.notify != GP__NOTIFY_NEVER)
            abort();
    }
    gp__arena_free(&arena);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* EXTERNAL (RFC 4422 appendix A): the client is who its certificate says, which TLS has verified. */
#include "core/smtp/sasl.h"
#include "core/smtp/session.h"

void gp__sasl_external_respond(struct gp__sasl *sasl, struct gp_slice response)
{
    struct gp_slice name = sasl->context.session->tls_client_name;

    if (gp_slice_find(response, '\0') < response.len) {
        gp__sasl_need(sasl, GP__SASL_MALFORMED);
    } else if (!gp__sasl_set_user(sasl, name) ||
               (response.len && !gp_slice_eq(response, sasl->user))) {
        gp__sasl_need(sasl, GP__SASL_WRONG);
    } else {
        gp__sasl_need(sasl, GP__SASL_SUCCESS);
    }
}

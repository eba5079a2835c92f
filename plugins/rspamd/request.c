// SPDX-License-Identifier: Apache-2.0
/* What rspamd is told beside the message: the fields of its protocol. */
#include "rspamd.h"

/* A fact that is not known is left out. */
static void add(struct gp_http *http, const char *name, struct gp_slice value)
{
    if (value.len)
        gp_http_header(http, gp_slice_of(name), value);
}

static struct gp_slice path_of(struct gp_call *call, struct gp_slice base)
{
    static const char check[] = "/checkv2";
    char *url;

    if (gp_slice_ends(base, GP_S("/")))
        base.len--;
    url = gp_alloc(call, base.len + sizeof check);
    if (!url)
        return GP_S("");
    memcpy(url, base.data, base.len);
    memcpy(url + base.len, check, sizeof check - 1);
    return gp_slice(url, base.len + sizeof check - 1);
}

static void add_session(struct gp_call *call, struct gp_http *http)
{
    add(http, "IP", gp_client_ip(call));
    add(http, "Helo", gp_helo(call));
    add(http, "User", gp_auth_user(call));
    add(http, "TLS-Version", gp_tls_version(call));
    add(http, "TLS-Cipher", gp_tls_cipher(call));
    add(http, "MTA-Name", gp_hostname(call));
    add(http, "MTA-Tag", gp_listener(call));
    add(http, "Queue-Id", gp_transaction_id(call));
}

struct gp_http *rspamd_request(struct gp_call *call, const struct rspamd *self,
                               struct gp_recipient *const *recipients, size_t n,
                               struct gp_slice settings)
{
    struct gp_http *http = gp_http_create(call, "POST", path_of(call, self->url));

    add_session(call, http);
    gp_http_header(http, GP_S("From"), gp_sender_null(call) ? GP_S("<>") : gp_sender(call));
    for (size_t i = 0; i < n; i++)
        gp_http_header(http, GP_S("Rcpt"), gp_rcpt_address(recipients[i]));
    add(http, "Settings-ID", settings);
    add(http, "Password", self->password);
    gp_http_header(http, GP_S("Content-Type"), GP_S("message/rfc822"));
    gp_http_body_message(http, gp_message(call));
    return http;
}

// SPDX-License-Identifier: Apache-2.0
/* Where a recipient's mail goes: one URL for all, or what a table says of each. */
#include "http_target.h"

bool http_url_ok(struct gp_slice url)
{
    return (gp_slice_starts(url, GP_S("http://")) && url.len > 7) ||
           (gp_slice_starts(url, GP_S("https://")) && url.len > 8);
}

bool http_endpoint_eq(const struct http_endpoint *a, const struct http_endpoint *b)
{
    return gp_slice_eq(a->url, b->url) && gp_slice_eq(a->secret, b->secret) &&
           gp_slice_present(a->secret) == gp_slice_present(b->secret);
}

const struct gp_option http_endpoint_rows[] = {
    GP_OPTION_STRING("url", struct http_endpoint, url, GP_OPTIONAL, "Where to POST to."),
    GP_OPTION_SECRET("secret", struct http_endpoint, secret, GP_OPTIONAL,
                     "Key to sign requests with.", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTIONS_END,
};

int http_endpoint_of(struct gp_call *call, const struct http *http,
                     const struct gp_recipient *recipient, struct http_endpoint *endpoint_r)
{
    struct gp_slice address = gp_rcpt_address(recipient);
    int error = http->per_recipient ? GP_OK : GP_ENOTFOUND;

    *endpoint_r = (struct http_endpoint){.url = http->url, .secret = http->secret};
    if (!error)
        error = gp_record_find(call, http->per_recipient, address, endpoint_r);
    if (error && !(error == GP_ENOTFOUND && http->url.len))
        return error;
    if (http_url_ok(endpoint_r->url))
        return GP_OK;
    gp_log(call, GP_LOG_ERROR, "per_recipient: what is said of " GP_FMT " is no URL",
           GP_ARG(address));
    return GP_EINVAL;
}

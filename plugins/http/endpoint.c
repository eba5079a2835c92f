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

static struct gp_slice member(struct gp_call *call, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value) ? gp_format(call, "%s", json_string_value(value))
                                 : gp_slice(NULL, 0);
}

/* {"url": …, "secret": …} */
static int read_object(struct gp_call *call, struct gp_slice text, struct http_endpoint *endpoint)
{
    json_t *object = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);

    endpoint->url = member(call, object, "url");
    if (json_object_get(object, "secret"))
        endpoint->secret = member(call, object, "secret");
    json_decref(object);
    return gp_slice_present(endpoint->url) ? 0 : -1;
}

int http_endpoint_of(struct gp_call *call, const struct http *http,
                     const struct gp_recipient *recipient, struct http_endpoint *endpoint_r)
{
    struct gp_slice value = http->url;
    int error;

    *endpoint_r = (struct http_endpoint){.url = http->url, .secret = http->secret};
    if (!http->endpoints)
        return 0;
    error = gp_table_lookup_address(call, http->endpoints, gp_rcpt_address(recipient), &value);
    if (error == GP_ENOTFOUND && http->url.len)
        return 0;
    if (error)
        return error;
    value = gp_slice_trim(value);
    endpoint_r->url = value;
    if (gp_slice_starts(value, GP_S("{")) && read_object(call, value, endpoint_r) < 0)
        endpoint_r->url = GP_S("");
    if (http_url_ok(endpoint_r->url))
        return 0;
    gp_log(call, GP_LOG_ERROR, "endpoints: what is said of " GP_FMT " is no URL",
           GP_ARG(gp_rcpt_address(recipient)));
    return GP_EINVAL;
}

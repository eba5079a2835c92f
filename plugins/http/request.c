// SPDX-License-Identifier: Apache-2.0
/* The request in its three forms, and its signature. */
#include "http_target.h"

#include <inttypes.h>
#include <stdlib.h>

/* What is signed before the body: of the raw form also the envelope, which is in header fields. */
static struct gp_slice signed_text(struct gp_call *call, const struct http *http,
                                   const struct http_batch *batch, int64_t now)
{
    struct gp_slice addresses;

    if (http->format != HTTP_RAW)
        return gp_format(call, "%" PRId64 "." GP_FMT ".", now, GP_ARG(batch->key));
    addresses = http_addresses(call, batch);
    return gp_format(call, "%" PRId64 "." GP_FMT "." GP_FMT ".", now, GP_ARG(batch->key),
                     GP_ARG(addresses));
}

/* Signs before, the message (if it is in the body as it is), and after. */
static void sign(struct gp_call *call, const struct http *http, const struct http_batch *batch,
                 struct gp_http *request, struct gp_slice before, struct gp_slice after)
{
    int64_t now = gp_wall_clock(call) / 1000;
    unsigned char digest[GP_DIGEST_BYTES];
    struct gp_slice text;

    if (!gp_slice_present(batch->endpoint.secret))
        return;
    text = signed_text(call, http, batch, now);
    text = gp_format(call, GP_FMT GP_FMT, GP_ARG(text), GP_ARG(before));
    if (http->format == HTTP_JSON)
        gp_hmac_sha256(call, batch->endpoint.secret, text, digest);
    else
        gp_hmac_sha256_message(call, batch->endpoint.secret, text,
                               gp_delivery_message(batch->delivery), after, digest);
    text = gp_hex(call, gp_slice((const char *)digest, sizeof digest));
    gp_http_header(request, GP_S("X-Gatepost-Signature"),
                   gp_format(call, "t=%" PRId64 ",v1=" GP_FMT, now, GP_ARG(text)));
}

static struct gp_slice in_angles(struct gp_call *call, struct gp_slice address)
{
    return gp_format(call, "<" GP_FMT ">", GP_ARG(address));
}

/* ---- the forms ---- */

static bool fill_raw(struct gp_call *call, const struct http *http, const struct http_batch *batch,
                     struct gp_http *request)
{
    gp_http_header(request, GP_S("Content-Type"), GP_S("message/rfc822"));
    gp_http_header(request, GP_S("X-Gatepost-Sender"),
                   in_angles(call, gp_delivery_sender(batch->delivery)));
    for (size_t i = 0; i < batch->n; i++)
        gp_http_header(request, GP_S("X-Gatepost-Recipient"),
                       in_angles(call, gp_rcpt_address(gp_delivery_rcpt_at(batch->delivery,
                                                                           batch->recipients[i]))));
    gp_http_body_message(request, gp_delivery_message(batch->delivery));
    sign(call, http, batch, request, GP_S(""), GP_S(""));
    return true;
}

static bool fill_json(struct gp_call *call, const struct http *http, const struct http_batch *batch,
                      struct gp_http *request)
{
    struct gp_slice text = http_envelope(call, batch, gp_delivery_message(batch->delivery));

    if (!gp_slice_present(text) || gp_http_body(request, text) != 0)
        return false;
    gp_http_header(request, GP_S("Content-Type"), GP_S("application/json"));
    sign(call, http, batch, request, text, GP_S(""));
    return true;
}

/* A boundary that the sender of the message can't know. */
static bool fill_multipart(struct gp_call *call, const struct http *http,
                           const struct http_batch *batch, struct gp_http *request)
{
    struct gp_slice envelope = http_envelope(call, batch, NULL), before, after, boundary;
    unsigned char bytes[16];

    gp_random(call, bytes, sizeof bytes);
    boundary = gp_hex(call, gp_slice((const char *)bytes, sizeof bytes));
    before = gp_format(call,
                       "--" GP_FMT "\r\nContent-Disposition: form-data; name=\"envelope\"\r\n"
                       "Content-Type: application/json\r\n\r\n" GP_FMT "\r\n--" GP_FMT
                       "\r\nContent-Disposition: form-data; name=\"message\"; "
                       "filename=\"message.eml\"\r\nContent-Type: message/rfc822\r\n\r\n",
                       GP_ARG(boundary), GP_ARG(envelope), GP_ARG(boundary));
    after = gp_format(call, "\r\n--" GP_FMT "--\r\n", GP_ARG(boundary));
    if (!gp_slice_present(envelope) || !gp_slice_present(before) || !gp_slice_present(after))
        return false;
    gp_http_header(request, GP_S("Content-Type"),
                   gp_format(call, "multipart/form-data; boundary=" GP_FMT, GP_ARG(boundary)));
    gp_http_body_around(request, before, gp_delivery_message(batch->delivery), after);
    sign(call, http, batch, request, before, after);
    return true;
}

static bool fill(struct gp_call *call, const struct http *http, const struct http_batch *batch,
                 struct gp_http *request)
{
    switch ((enum http_format)http->format) {
    case HTTP_RAW:
        return fill_raw(call, http, batch, request);
    case HTTP_JSON:
        return fill_json(call, http, batch, request);
    case HTTP_MULTIPART:
        return fill_multipart(call, http, batch, request);
    }
    abort();
}

struct gp_http *http_request(struct gp_call *call, const struct http *http,
                             const struct http_batch *batch)
{
    struct gp_http *request = gp_http_create(call, "POST", batch->endpoint.url);

    if (http->unix_path.len)
        gp_http_unix(request, http->unix_path);
    if (http->trust.len)
        gp_http_trust(request, http->trust);
    for (size_t i = 0; i < gp_map_count(http->headers); i++)
        gp_http_header(request, gp_map_key(http->headers, i),
                       *(const struct gp_slice *)gp_map_at(http->headers, i));
    gp_http_header(request, GP_S("Idempotency-Key"), batch->key);
    return fill(call, http, batch, request) ? request : NULL;
}

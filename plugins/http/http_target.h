// SPDX-License-Identifier: Apache-2.0
/*
 * The target in its parts: to whom (endpoint.c), what is said of the mail (envelope.c), the request
 * (request.c), what its answer means (answer.c).
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <gatepost/plugin.h>
#include <jansson.h>

enum http_format {
    HTTP_RAW = 0,
    HTTP_JSON,
    HTTP_MULTIPART,
};

struct http {
    struct gp_slice url;
    const struct gp_records *per_recipient;
    int format;
    const struct gp_map *headers;
    struct gp_slice secret, unix_path, trust;
    const struct gp_map *statuses;
    int64_t recipients;
    bool answers;
    uint64_t timeout_ms;
};

/* What recipients have in common who are told of in one request: the fields of a record. */
struct http_endpoint {
    struct gp_slice url, secret; /* secret: absent: not signed */
};
extern const struct gp_option http_endpoint_rows[];

/* A request's share of a delivery. */
struct http_batch {
    struct gp_delivery *delivery;
    struct http_endpoint endpoint;
    size_t *recipients; /* indices in the delivery */
    size_t n;
    struct gp_slice key; /* the same whenever the same is sent to the same recipients */
};

/* Where the recipient's mail goes. 0; GP_ENOTFOUND: nowhere; or an error, which is temporary. */
int http_endpoint_of(struct gp_call *call, const struct http *http,
                     const struct gp_recipient *recipient, struct http_endpoint *endpoint_r);
bool http_endpoint_eq(const struct http_endpoint *a, const struct http_endpoint *b);

/* Whether it is a URL that a request can be made to. */
bool http_url_ok(struct gp_slice url);

/* "<sender>,<recipient>,<recipient>…" as it is signed. Absent: no memory. */
struct gp_slice http_addresses(struct gp_call *call, const struct http_batch *batch);

/* Envelope and facts as JSON; with `message` its bytes as well, in base64. Absent: no memory. */
struct gp_slice http_envelope(struct gp_call *call, const struct http_batch *batch,
                              struct gp_message *message);

/* The request, filled in. NULL: the message is too large for the format. */
struct gp_http *http_request(struct gp_call *call, const struct http *http,
                             const struct http_batch *batch);

/* Whether the statuses of the configuration are statuses and outcomes; logs why not. */
bool http_statuses_ok(struct gp_call *call, const struct http *http);

/* Sets the outcomes of the batch: after an answer, and when there is none. */
void http_answered(struct gp_call *call, const struct http *http, const struct http_batch *batch,
                   const struct gp_http *request);
void http_failed(const struct http_batch *batch, enum gp_outcome outcome, const char *status,
                 const char *text);

#endif

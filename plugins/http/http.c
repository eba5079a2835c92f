// SPDX-License-Identifier: Apache-2.0
/*
 * A target that hands messages to a program by HTTP: one POST for the recipients who share an
 * endpoint. The answer's status says what became of them; see README.md.
 */
#include "http_target.h"

static const char *const format_names[] = {"raw", "json", "multipart", NULL};

GP_OPTIONS(struct http,
           GP_OPTION_STRING("url", struct http, url, GP_OPTIONAL,
                            "Where to POST to; with `per_recipient`, for those who are not in it."),
           GP_OPTION_RECORDS("per_recipient", struct http, per_recipient, http_endpoint_rows,
                             struct http_endpoint, GP_OPTIONAL,
                             "Addresses and domains to what holds for their mail instead."),
           GP_OPTION_ENUM(
               "format", struct http, format, format_names, "raw",
               "raw: the message; json: one object with the message in base64; multipart: a form "
               "with the parts envelope and message."),
           GP_OPTION_MAP("headers", struct http, headers, GP_TYPE_STRING, GP_OPTIONAL,
                         "Header fields of the request."),
           GP_OPTION_SECRET("secret", struct http, secret, GP_OPTIONAL,
                            "Key to sign requests with."),
           GP_OPTION_PATH("socket", struct http, unix_path, GP_OPTIONAL,
                          "UNIX socket to connect to, whatever the URL's host is."),
           GP_OPTION_PATH("ca_file", struct http, trust, GP_OPTIONAL,
                          "CA certificates in PEM, instead of the system's."),
           GP_OPTION_MAP(
               "statuses", struct http, statuses, GP_TYPE_STRING, GP_OPTIONAL,
               "HTTP statuses (404, 4xx) to delivered, deferred or failed, where not the usual."),
           GP_OPTION_INTEGER("recipients", struct http, recipients, "100", 1, 500,
                             "Recipients of one request; more go in several."),
           GP_OPTION_BOOL("answers", struct http, answers, "false",
                          "Whether an answer in JSON may say what became of each recipient."),
           GP_OPTION_DURATION("timeout", struct http, timeout_ms, "60s", 100, 600000,
                              "How long the answer to a request may take."));

/* The same message to the same recipients has the same key in every attempt, whatever else is
 * attempted with it: the copy's id, and what they are. */
static struct gp_slice key_of(struct gp_call *call, const struct http_batch *batch)
{
    struct gp_slice id = gp_delivery_id(batch->delivery);
    struct gp_slice copy = gp_slice_sub(id, 0, gp_slice_rfind(id, '.'));
    unsigned char digest[GP_DIGEST_BYTES];

    gp_hmac_sha256(call, copy, http_addresses(call, batch), digest);
    return gp_format(call, GP_FMT "-" GP_FMT, GP_ARG(copy),
                     GP_ARG(gp_hex(call, gp_slice((const char *)digest, 8))));
}

/* ---- a request ---- */

/* 0, or what went wrong before there was an answer. */
static int send_within(struct gp_call *call, struct gp_http *request, uint64_t ms)
{
    struct gp_op *ops[] = {gp_http_start(request), gp_sleep_start(call, ms)};
    int first = gp_wait_any(call, ops, 2);

    if (first < 0)
        return first;
    if (first == 1) {
        gp_op_cancel(ops[0]);
        return GP_ETIMEDOUT;
    }
    gp_op_cancel(ops[1]);
    return gp_wait(call, ops[0]);
}

static void no_answer(struct gp_call *call, const struct http_batch *batch,
                      const struct gp_http *request, int error)
{
    const char *why = gp_http_error(request);

    gp_count(call, "no_answer", 1);
    gp_log(call, GP_LOG_WARNING, GP_FMT ": %s", GP_ARG(batch->endpoint.url),
           why[0] ? why : gp_strerror(error));
    gp_delivery_advise(batch->delivery, error == GP_ETEMP ? GP_ADVICE_DOWN : 0, 0);
    http_failed(batch, GP_OUTCOME_DEFERRED, "451 4.4.1",
                error == GP_ETIMEDOUT ? "The target takes too long to answer"
                                      : "No answer from the target");
}

static int deliver_batch(struct gp_call *call, const struct http *http, struct http_batch *batch)
{
    struct gp_http *request;
    int error;

    batch->key = key_of(call, batch);
    request = http_request(call, http, batch);
    if (!request) {
        http_failed(batch, GP_OUTCOME_FAILED, "552 5.3.4", "Message too large for the target");
        return 0;
    }
    gp_count(call, "requests", 1);
    error = send_within(call, request, http->timeout_ms);
    if (error == GP_ECANCELED)
        return error;
    if (error)
        no_answer(call, batch, request, error);
    else
        http_answered(call, http, batch, request);
    return 0;
}

/* ---- a delivery ---- */

struct each {
    struct http_endpoint endpoint;
    bool done;
};

/* Asks where each goes; who goes nowhere, or is not known to, is done. */
static void find_endpoints(struct gp_call *call, const struct http *http,
                           struct gp_delivery *delivery, struct each *each, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int error = http_endpoint_of(call, http, gp_delivery_rcpt_at(delivery, i),
                                     &each[i].endpoint);

        each[i].done = error != 0;
        if (error == GP_ENOTFOUND)
            gp_delivery_result(delivery, i, GP_OUTCOME_FAILED, "550 5.1.2",
                               "There is no endpoint for this recipient");
        else if (error)
            gp_delivery_result(delivery, i, GP_OUTCOME_DEFERRED, "451 4.3.0",
                               "Can't tell where this recipient's mail goes now");
    }
}

/* The next who share an endpoint, from the first that is not done on. */
static bool next_batch(const struct http *http, struct each *each, size_t n,
                       struct http_batch *batch)
{
    batch->n = 0;
    for (size_t i = 0; i < n && batch->n < (size_t)http->recipients; i++) {
        if (each[i].done)
            continue;
        if (batch->n == 0)
            batch->endpoint = each[i].endpoint;
        if (!http_endpoint_eq(&each[i].endpoint, &batch->endpoint))
            continue;
        each[i].done = true;
        batch->recipients[batch->n++] = i;
    }
    return batch->n > 0;
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    size_t n = gp_delivery_rcpt_count(delivery);
    struct each *each = gp_alloc(call, n * sizeof *each);
    struct http_batch batch = {.delivery = delivery};
    int error = 0;

    batch.recipients = gp_alloc(call, n * sizeof *batch.recipients);
    if (!each || !batch.recipients)
        return GP_ELIMIT;
    find_endpoints(call, self, delivery, each, n);
    while (!error && next_batch(self, each, n, &batch))
        error = deliver_batch(call, self, &batch);
    return error;
}

/* ---- life ---- */

static int create(struct gp_call *call, void *self)
{
    const struct http *http = self;

    if (!http->url.len && !http->per_recipient) {
        gp_log(call, GP_LOG_ERROR, "give url, per_recipient, or both");
        return -1;
    }
    if (http->url.len && !http_url_ok(http->url)) {
        gp_log(call, GP_LOG_ERROR, "url: \"" GP_FMT "\" is not an http or https URL",
               GP_ARG(http->url));
        return -1;
    }
    return http_statuses_ok(call, http) ? 0 : -1;
}

static const struct gp_target_role target = {.size = sizeof target, .deliver = deliver};

GP_PLUGIN(.version = "1.0", .summary = "Hands messages to a program by HTTP", GP_USES_OPTIONS,
          .needs = GP_NEEDS_NETWORK, .target = &target, .create = create, .deadline_ms = 900000);

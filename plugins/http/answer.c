// SPDX-License-Identifier: Apache-2.0
/*
 * What an answer means. It comes from another program and is taken for hostile: a status decides,
 * and what it says of single recipients is believed only where the configuration wants it.
 */
#include "http_target.h"

#include <stdio.h>

#define RETRY_MAX_S INT64_C(86400)
#define REMOTE_MAX 255

/* ---- statuses ---- */

static const struct outcome {
    const char *name;
    enum gp_outcome outcome;
    const char *status;
} outcomes[] = {
    {"delivered", GP_OUTCOME_DELIVERED, "250 2.0.0"},
    {"deferred", GP_OUTCOME_DEFERRED, "451 4.3.0"},
    {"failed", GP_OUTCOME_FAILED, "554 5.0.0"},
};

static const struct outcome *outcome_named(struct gp_slice name)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (gp_slice_eq(name, gp_slice_of(outcomes[i].name)))
            return &outcomes[i];
    return NULL;
}

/* "404", "4xx" */
static bool is_status(struct gp_slice key)
{
    int64_t number;

    if (key.len == 3 && gp_slice_eq(gp_slice_sub(key, 1, 2), GP_S("xx")))
        return key.data[0] >= '2' && key.data[0] <= '5';
    return key.len == 3 && gp_slice_to_int(key, 200, 599, &number) == 0;
}

bool http_statuses_ok(struct gp_call *call, const struct http *http)
{
    for (size_t i = 0; i < gp_map_count(http->statuses); i++) {
        struct gp_slice key = gp_map_key(http->statuses, i);
        const struct gp_slice *name = gp_map_at(http->statuses, i);

        if (is_status(key) && outcome_named(*name))
            continue;
        gp_log(call, GP_LOG_ERROR,
               "statuses: write a status (404, 4xx) and delivered, deferred or failed, not " GP_FMT
               ": " GP_FMT,
               GP_ARG(key), GP_ARG(*name));
        return false;
    }
    return true;
}

/* What is there for now only (RFC 9110 15.5.9, RFC 8470, RFC 6585), and what is not understood,
 * redirects for one, is tried again. */
static enum gp_outcome usual(unsigned status)
{
    if (status >= 200 && status < 300)
        return GP_OUTCOME_DELIVERED;
    if (status >= 400 && status < 500 && status != 408 && status != 425 && status != 429)
        return GP_OUTCOME_FAILED;
    return GP_OUTCOME_DEFERRED;
}

static const struct outcome *outcome_of(const struct http *http, unsigned status)
{
    const struct gp_slice *name;
    char text[16], klass[16];

    (void)snprintf(text, sizeof text, "%u", status);
    (void)snprintf(klass, sizeof klass, "%uxx", status / 100);
    name = gp_map_find(http->statuses, gp_slice_of(text));
    if (!name)
        name = gp_map_find(http->statuses, gp_slice_of(klass));
    if (name)
        return outcome_named(*name);
    for (size_t i = 0;; i++)
        if (outcomes[i].outcome == usual(status))
            return &outcomes[i];
}

/* ---- the destination ---- */

/* Retry-After (RFC 9110 10.2.3), at most a day; 0: not said. */
static uint64_t retry_after(struct gp_call *call, const struct gp_http *request)
{
    struct gp_slice value = gp_http_response_header(request, GP_S("Retry-After"));
    int64_t seconds;

    if (gp_slice_to_int(value, 0, INT64_MAX, &seconds) < 0) {
        if (!gp_slice_present(value) || gp_date_parse(value, &seconds) != 0)
            return 0;
        seconds -= gp_wall_clock(call) / 1000;
    }
    if (seconds <= 0)
        return 0;
    return (uint64_t)(seconds < RETRY_MAX_S ? seconds : RETRY_MAX_S) * 1000;
}

static void advise(struct gp_call *call, const struct http_batch *batch,
                   const struct gp_http *request)
{
    unsigned status = gp_http_status(request);
    unsigned advice = status == 429 ? GP_ADVICE_SLOWDOWN : status == 503 ? GP_ADVICE_DOWN : 0;

    gp_delivery_advise(batch->delivery, advice, retry_after(call, request));
}

/* The host of a URL. */
static struct gp_slice host_of(struct gp_slice url)
{
    struct gp_slice rest = gp_slice_sub(url, gp_slice_search(url, GP_S("://")) + 3, url.len);
    size_t end = gp_slice_find(rest, '/'), query = gp_slice_find(rest, '?');

    return gp_slice_sub(rest, 0, end < query ? end : query);
}

static void set(const struct http_batch *batch, size_t i, enum gp_outcome outcome,
                const char *status, const char *text)
{
    size_t index = batch->recipients[i];

    gp_delivery_result(batch->delivery, index, outcome, status, text);
    gp_delivery_remote(batch->delivery, index,
                       gp_slice_sub(host_of(batch->endpoint.url), 0, REMOTE_MAX));
}

void http_failed(const struct http_batch *batch, enum gp_outcome outcome, const char *status,
                 const char *text)
{
    for (size_t i = 0; i < batch->n; i++)
        set(batch, i, outcome, status, text);
}

/* ---- what is said of each recipient ---- */

static const char *text_of(const json_t *entry, const char *name)
{
    return json_string_value(json_object_get(entry, name));
}

static const json_t *entry_of(const json_t *list, struct gp_slice address)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *to = text_of(entry, "to");

        if (to && gp_slice_caseeq(gp_slice_of(to), address))
            return entry;
    }
    return NULL;
}

/* A status that does not fit the outcome is the outcome's usual one: gp_delivery_result() drops it
 * otherwise, and the text with it. */
static void set_by_entry(const struct http_batch *batch, size_t i, const json_t *entry,
                         const struct outcome *otherwise)
{
    const char *name = text_of(entry, "outcome"), *status = text_of(entry, "status");
    const struct outcome *outcome = name ? outcome_named(gp_slice_of(name)) : otherwise;

    if (!outcome) {
        set(batch, i, GP_OUTCOME_DEFERRED, "451 4.3.0", "The target's answer can't be read");
        return;
    }
    if (!status || status[0] != outcome->status[0])
        status = outcome->status;
    set(batch, i, outcome->outcome, status, text_of(entry, "text"));
}

/* Whether the answer is about recipients at all; one that should be and can't be read defers. */
static bool answer_each(const struct http_batch *batch, const struct gp_http *request,
                        const struct outcome *otherwise, const char *text)
{
    struct gp_slice body = gp_http_response(request);
    struct gp_slice type = gp_http_response_header(request, GP_S("Content-Type"));
    json_t *answer, *list;

    type = gp_slice_trim(gp_slice_sub(type, 0, gp_slice_find(type, ';')));
    if (!gp_slice_caseeq(type, GP_S("application/json")))
        return false;
    answer = gp_json_is_shallow(body) ? json_loadb(body.data, body.len, 0, NULL) : NULL;
    list = json_object_get(answer, "recipients");
    if (!answer && otherwise->outcome != GP_OUTCOME_FAILED) {
        http_failed(batch, GP_OUTCOME_DEFERRED, "451 4.3.0", "The target's answer can't be read");
        return true;
    }
    for (size_t i = 0; list && i < batch->n; i++) {
        const struct gp_recipient *recipient = gp_delivery_rcpt_at(batch->delivery,
                                                                   batch->recipients[i]);
        const json_t *entry = entry_of(list, gp_rcpt_address(recipient));

        if (entry)
            set_by_entry(batch, i, entry, otherwise);
        else
            set(batch, i, otherwise->outcome, otherwise->status, text);
    }
    json_decref(answer);
    return list != NULL;
}

void http_answered(struct gp_call *call, const struct http *http, const struct http_batch *batch,
                   const struct gp_http *request)
{
    const struct outcome *outcome = outcome_of(http, gp_http_status(request));
    struct gp_slice text = gp_format(call, "The target answered HTTP %u", gp_http_status(request));

    advise(call, batch, request);
    gp_count(call, outcome->name, 1);
    if (http->answers && answer_each(batch, request, outcome, text.data))
        return;
    http_failed(batch, outcome->outcome, outcome->status, text.data);
}

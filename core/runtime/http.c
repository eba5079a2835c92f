// SPDX-License-Identifier: Apache-2.0
/*
 * One HTTP request: its host is looked up by our resolver, then libcurl does the rest. It begins and
 * ends on the loop's stack; a request that was cancelled meanwhile is taken out there, too, and
 * touches no memory of the call any more.
 */
#include "core/runtime/http_multi.h"

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/ascii.h"
#include "core/hook/http.h"
#include "core/runtime/job.h"
#include "core/runtime/lookup.h"

#include <stdio.h>

#define CONNECT_MS 10000L
#define FIELDS_MAX 200
#define FIELDS_BYTES_MAX ((size_t)64 << 10)

struct transfer {
    struct gp__job job;
    struct gp__live *live;
    struct gp_http *http; /* NULL: cancelled */
    struct gp__lookup *lookup;
    CURL *easy; /* in the multi, or NULL */
    struct curl_slist *fields, *resolve;
    size_t piece, offset; /* of the body, sent so far */
    struct gp__buf head, body;
    bool too_large;
    char error[CURL_ERROR_SIZE];
};

/* ---- the end ---- */

/* A field may be a password. What curl itself has copied is its own. */
static void wipe_fields(struct curl_slist *fields)
{
    for (; fields; fields = fields->next)
        explicit_bzero(fields->data, strlen(fields->data));
}

static void transfer_free(struct transfer *transfer)
{
    gp__lookup_forget(&transfer->lookup);
    if (transfer->easy)
        curl_easy_cleanup(transfer->easy);
    wipe_fields(transfer->fields);
    curl_slist_free_all(transfer->fields);
    curl_slist_free_all(transfer->resolve);
    gp__buf_free(&transfer->head);
    gp__buf_free(&transfer->body);
    gp__free(transfer);
}

static void finish(struct transfer *transfer, int result, const char *why)
{
    if (transfer->http && result)
        transfer->http->failure = gp__arena_dup(transfer->job.op->arena, gp_slice_of(why));
    gp__job_finish(&transfer->job, result);
    transfer_free(transfer);
}

static void drop(void *arg)
{
    struct transfer *transfer = arg;

    if (transfer->easy)
        gp__http_remove(transfer->live->http, transfer->easy);
    transfer_free(transfer);
}

/* From a fiber's stack, where curl must not be entered. */
static void transfer_cancel(struct gp__job *job)
{
    struct transfer *transfer = (struct transfer *)job;

    transfer->http = NULL;
    gp__lookup_forget(&transfer->lookup);
    gp__tasks_defer(transfer->live->base.tasks, drop, transfer);
}

/* ---- the answer ---- */

static void add_field(struct gp__arena *arena, struct gp__http_field ***end, struct gp_slice line)
{
    size_t colon = gp_slice_find(line, ':');
    struct gp__http_field *field;

    if (colon == line.len)
        return;
    field = GP__ARENA_NEW(arena, struct gp__http_field);
    field->name = gp__arena_dup(arena, gp_slice_sub(line, 0, colon));
    field->value = gp__arena_dup(arena, gp_slice_trim(gp_slice_sub(line, colon + 1, line.len)));
    **end = field;
    *end = &field->next;
}

static void take_answer(struct transfer *transfer)
{
    struct gp__arena *arena = transfer->job.op->arena;
    struct gp_http *http = transfer->http;
    struct gp__http_field **end = &http->answer_fields;
    struct gp_slice rest = gp__buf_slice(&transfer->head);
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    http->status = (unsigned)status;
    for (int i = 0; rest.len && i < FIELDS_MAX; i++)
        add_field(arena, &end, gp_slice_split(&rest, '\n'));
    http->answer = gp__arena_dup(arena, gp__buf_slice(&transfer->body));
}

static int result_of(const struct transfer *transfer, CURLcode code)
{
    if (code == CURLE_OK)
        return 0;
    if (transfer->too_large)
        return GP_ELIMIT;
    return code == CURLE_URL_MALFORMAT ? GP_EINVAL : GP_ETEMP;
}

static void on_done(void *arg, CURLcode code)
{
    struct transfer *transfer = arg;
    int result = result_of(transfer, code);
    const char *why = transfer->error[0] ? transfer->error : curl_easy_strerror(code);

    if (!transfer->http) {
        curl_easy_cleanup(transfer->easy);
        transfer->easy = NULL; /* drop() is on its way */
        return;
    }
    transfer->http->untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
    if (result == 0)
        take_answer(transfer);
    finish(transfer, result, result == GP_ELIMIT ? "the answer is too large" : why);
}

/* ---- callbacks of curl ---- */

static size_t keep(struct transfer *transfer, struct gp__buf *to, const char *bytes, size_t n)
{
    if (transfer->http && gp__buf_append(to, gp_slice(bytes, n)) == 0)
        return n;
    transfer->too_large = true;
    return 0; /* curl gives up */
}

static size_t on_body(char *bytes, size_t one, size_t n, void *arg)
{
    struct transfer *transfer = arg;

    (void)one;
    return keep(transfer, &transfer->body, bytes, n);
}

/* A status line begins anew: what came before was 1xx. */
static size_t on_field(char *bytes, size_t one, size_t n, void *arg)
{
    struct transfer *transfer = arg;

    (void)one;
    if (gp_slice_starts(gp_slice(bytes, n), GP_S("HTTP/"))) {
        gp__buf_clear(&transfer->head);
        return n;
    }
    return keep(transfer, &transfer->head, bytes, n);
}

static size_t on_send(char *to, size_t one, size_t n, void *arg)
{
    struct transfer *transfer = arg;
    const struct gp_http *http = transfer->http;
    size_t sent = 0;

    (void)one;
    if (!http)
        return CURL_READFUNC_ABORT;
    while (sent < n && transfer->piece < http->n_body) {
        struct gp_slice rest = gp_slice_sub(http->body[transfer->piece], transfer->offset,
                                            n - sent);

        if (rest.len == 0) {
            transfer->piece++;
            transfer->offset = 0;
            continue;
        }
        memcpy(to + sent, rest.data, rest.len);
        sent += rest.len;
        transfer->offset += rest.len;
    }
    return sent;
}

/* A connection that was kept turns out to be closed: curl sends the request once more. */
static int on_rewind(void *arg, curl_off_t offset, int origin)
{
    struct transfer *transfer = arg;

    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    transfer->piece = 0;
    transfer->offset = 0;
    return CURL_SEEKFUNC_OK;
}

/* ---- the request ---- */

static int add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (!longer)
        return -1;
    *list = longer;
    return 0;
}

/* "Name;" is how curl is told of a field with an empty value. */
static int set_fields(struct transfer *transfer)
{
    struct gp__buf line = {.limit = 0, .secret = true};
    int result = add_line(&transfer->fields, "Expect:");

    for (const struct gp__http_field *f = transfer->http->fields; f && !result; f = f->next) {
        gp__buf_clear(&line);
        result = gp__buf_printf(&line, f->value.len ? GP_FMT ": " GP_FMT : GP_FMT ";" GP_FMT,
                                GP_ARG(f->name), GP_ARG(f->value));
        if (!result)
            result = gp__buf_append(&line, gp_slice("", 1));
        if (!result)
            result = add_line(&transfer->fields, gp__buf_slice(&line).data);
    }
    gp__buf_free(&line);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->fields);
    return result;
}

/* RFC 9110 8.6: these say that there is nothing, too. */
static bool says_length(const struct gp_http *http)
{
    return http->has_body || strcmp(http->method.data, "POST") == 0 ||
           strcmp(http->method.data, "PUT") == 0;
}

static void set_body(struct transfer *transfer)
{
    const struct gp_http *http = transfer->http;
    CURL *easy = transfer->easy;

    if (says_length(http)) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)http->body_bytes);
    } else if (strcmp(http->method.data, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, http->method.data);
}

/* Nothing of the environment, of a .netrc, or of an answer leads a request to where it was not
 * sent. HTTP/1.1 only: one request, one connection, no state that others share. */
static void set_rules(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Gatepost/" GP_VERSION);
}

static void set_callbacks(struct transfer *transfer)
{
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_field);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
}

static void launch(struct transfer *transfer)
{
    const struct gp_http *http = transfer->http;
    struct gp__http_multi *multi = gp__http_multi(transfer->live);
    CURL *easy = multi ? curl_easy_init() : NULL;

    if (!easy) {
        finish(transfer, GP_ETEMP, "libcurl can't be used");
        return;
    }
    transfer->easy = easy;
    set_rules(easy);
    set_callbacks(transfer);
    set_body(transfer);
    curl_easy_setopt(easy, CURLOPT_URL, http->url.data);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, transfer->resolve);
    if (gp_slice_present(http->unix_path))
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, http->unix_path.data);
    if (gp_slice_present(http->trust))
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->trust.data);
    if (set_fields(transfer) < 0 || gp__http_add(multi, easy, on_done) < 0)
        finish(transfer, GP_ETEMP, "libcurl did not take the request");
}

/* ---- its host ---- */

struct place {
    char *host, *port;
};

/* 0, or -1. The texts are curl's: place_free(). */
static int place_of(struct gp_slice url, struct place *place_r)
{
    CURLU *parsed = curl_url();
    bool ok = parsed && curl_url_set(parsed, CURLUPART_URL, url.data, 0) == CURLUE_OK &&
              curl_url_get(parsed, CURLUPART_HOST, &place_r->host, 0) == CURLUE_OK &&
              curl_url_get(parsed, CURLUPART_PORT, &place_r->port, CURLU_DEFAULT_PORT) == CURLUE_OK;

    curl_url_cleanup(parsed);
    return ok ? 0 : -1;
}

static void place_free(struct place *place)
{
    curl_free(place->host);
    curl_free(place->port);
}

/* "+host:port:address,[address]": the plus lets the entry grow old in curl's own cache. */
static int resolve_entry(struct transfer *transfer, const struct gp__addresses *addresses)
{
    struct place place = {NULL, NULL};
    struct gp__buf entry = {.limit = 0};
    char text[48];
    int result = place_of(transfer->http->url, &place);

    if (!result)
        result = gp__buf_printf(&entry, "+%s:%s:", place.host, place.port);
    for (size_t i = 0; i < addresses->count && !result; i++) {
        bool v6 = addresses->items[i].family == 6;

        result = gp__buf_printf(&entry, "%s%s" GP_FMT "%s", i ? "," : "", v6 ? "[" : "",
                                GP_ARG(gp__ip_format(&addresses->items[i], text)), v6 ? "]" : "");
    }
    if (!result)
        result = gp__buf_append(&entry, gp_slice("", 1));
    if (!result)
        result = add_line(&transfer->resolve, gp__buf_slice(&entry).data);
    gp__buf_free(&entry);
    place_free(&place);
    return result;
}

static void looked_up(void *arg, int error, const struct gp__addresses *addresses)
{
    struct transfer *transfer = arg;

    transfer->lookup = NULL;
    if (error)
        finish(transfer, GP_ETEMP, "the host name could not be resolved");
    else if (resolve_entry(transfer, addresses) < 0)
        finish(transfer, GP_ETEMP, "out of memory");
    else
        launch(transfer);
}

static bool needs_lookup(const struct gp_http *http, struct gp_slice host)
{
    struct gp__ip ip;

    if (gp_slice_starts(host, GP_S("[")))
        host = gp_slice_sub(host, 1, host.len - 2);
    return !gp_slice_present(http->unix_path) && gp__ip_parse(host, &ip) < 0;
}

static void begin(void *arg)
{
    struct transfer *transfer = arg;
    struct place place = {NULL, NULL};
    int error;

    if (!transfer->http)
        return; /* drop() is on its way */
    if (place_of(transfer->http->url, &place) < 0) {
        finish(transfer, GP_EINVAL, "not a URL");
    } else if (needs_lookup(transfer->http, gp_slice_of(place.host))) {
        transfer->lookup = gp__lookup_start(transfer->live, gp_slice_of(place.host), looked_up,
                                            transfer, &error);
        if (!transfer->lookup)
            finish(transfer, error, "the host name could not be resolved");
    } else {
        launch(transfer);
    }
    place_free(&place);
}

void gp__live_http(struct gp__runtime *rt, struct gp_op *op, struct gp_http *http)
{
    struct transfer *transfer = gp__alloc(sizeof *transfer);

    transfer->live = gp__live(rt);
    transfer->http = http;
    transfer->head.limit = FIELDS_BYTES_MAX;
    transfer->body.limit = http->limit;
    gp__job_start(&transfer->job, op, transfer_cancel);
    gp__tasks_defer(transfer->live->base.tasks, begin, transfer);
}

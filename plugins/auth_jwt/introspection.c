// SPDX-License-Identifier: Apache-2.0
#include "introspection.h"

#include <openssl/evp.h>

#define ANSWER_MAX ((size_t)64 << 10)
#define CREDENTIALS_MAX ((size_t)1024) /* three times that in base64 fits into a header field */

/* ---- the request ---- */

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~' || c == '*';
}

/* application/x-www-form-urlencoded; `to` has room for three times the text. */
static size_t encode(struct gp_slice text, char *to)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (is_unreserved(c)) {
            to[n++] = (char)c;
            continue;
        }
        to[n++] = '%';
        to[n++] = digits[c >> 4];
        to[n++] = digits[c & 15];
    }
    return n;
}

/* RFC 6749 section 2.3.1: both are encoded as in a form before they make Basic credentials. */
static int add_credentials(struct gp_call *call, const struct introspection *options,
                           struct gp_http *http)
{
    static const char basic[] = "Basic ";
    size_t max = 3 * (options->client_id.len + options->client_secret.len) + 1, len, n;
    char *pair = gp_alloc(call, max), *value = gp_alloc(call, sizeof basic + 4 * (max / 3 + 1));

    if (!pair || !value)
        return GP_ETEMP;
    len = encode(options->client_id, pair);
    pair[len++] = ':';
    len += encode(options->client_secret, pair + len);
    memcpy(value, basic, sizeof basic);
    n = (size_t)EVP_EncodeBlock((unsigned char *)value + sizeof basic - 1,
                                (const unsigned char *)pair, (int)len);
    return gp_http_header(http, GP_S("Authorization"), gp_slice(value, sizeof basic - 1 + n));
}

static int add_body(struct gp_call *call, struct gp_slice token, struct gp_http *http)
{
    static const char begin[] = "token_type_hint=access_token&token=";
    char *body = gp_alloc(call, sizeof begin + 3 * token.len);

    if (!body)
        return GP_ETEMP;
    memcpy(body, begin, sizeof begin);
    return gp_http_body(http,
                        gp_slice(body, sizeof begin - 1 + encode(token, body + sizeof begin - 1)));
}

static struct gp_http *request(struct gp_call *call, const struct introspection *options)
{
    struct gp_http *http = gp_http_create(call, "POST", options->url);

    gp_http_header(http, GP_S("Accept"), GP_S("application/json"));
    gp_http_header(http, GP_S("Content-Type"), GP_S("application/x-www-form-urlencoded"));
    gp_http_limit(http, ANSWER_MAX);
    if (options->ca.len)
        gp_http_trust(http, options->ca);
    return http;
}

/* ---- the answer ---- */

int introspection_read(struct gp_slice json, const struct token_rules *rules,
                       struct introspection_answer *answer_r)
{
    json_t *claims = claims_parse(json);
    const json_t *active = json_object_get(claims, "active");
    int result = json_is_boolean(active) ? 0 : -1;

    answer_r->wrong = "it is not active";
    answer_r->lasts_s = 0;
    if (json_is_true(active)) {
        answer_r->wrong = claims_check(claims, rules, answer_r->user);
        answer_r->lasts_s = claims_lasts_s(claims, rules->now_s);
    }
    json_decref(claims);
    return result;
}

static int failed(struct gp_call *call, const struct introspection *options, const char *why)
{
    gp_log(call, GP_LOG_ERROR, "introspection at " GP_FMT ": %s", GP_ARG(options->url), why);
    return GP_ETEMP;
}

static int take_answer(struct gp_call *call, const struct introspection *options,
                       const struct token_rules *rules, const struct gp_http *http,
                       struct introspection_answer *answer_r)
{
    unsigned status = gp_http_status(http);

    if (status == 401 || status == 403)
        return failed(call, options, "client_id and client_secret are not accepted");
    if (status != 200)
        return failed(call, options, gp_format(call, "it answered HTTP %u", status).data);
    if (introspection_read(gp_http_response(http), rules, answer_r) < 0)
        return failed(call, options, "its answer is no answer of RFC 7662");
    return GP_OK;
}

int introspection_ask(struct gp_call *call, const struct introspection *options,
                      const struct token_rules *rules, struct gp_slice token,
                      struct introspection_answer *answer_r)
{
    struct gp_http *http = request(call, options);
    int error = options->client_id.len ? add_credentials(call, options, http) : GP_OK;

    if (!error)
        error = add_body(call, token, http);
    if (!error)
        error = gp_http_send(http);
    if (!error)
        return take_answer(call, options, rules, http, answer_r);
    if (error != GP_ECANCELED)
        failed(call, options, gp_http_error(http)[0] ? gp_http_error(http) : gp_strerror(error));
    return error;
}

/* ---- its options ---- */

/* RFC 7662 section 4: tokens are secrets, TLS is a must. */
static bool is_private(struct gp_slice url)
{
    static const char *const loopback[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};

    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        struct gp_slice begin = gp_slice_of(loopback[i]);
        struct gp_slice rest = gp_slice_sub(url, begin.len, url.len);

        if (gp_slice_starts(url, begin) &&
            (rest.len == 0 || rest.data[0] == ':' || rest.data[0] == '/'))
            return true;
    }
    return gp_slice_starts(url, GP_S("https://"));
}

static const char *wrong_with(struct gp_call *call, const struct introspection *options)
{
    if (!is_private(options->url))
        return "url: tokens are secrets: an https URL, or an http URL of loopback, is needed";
    if (options->client_secret.len && !options->client_id.len)
        return "client_secret: of no use without client_id";
    if (options->client_id.len + options->client_secret.len > CREDENTIALS_MAX)
        return "client_id, client_secret: too long";
    return gp_http_error(request(call, options))[0] ? "url: not a URL that can be asked" : NULL;
}

int introspection_check(struct gp_call *call, const struct introspection *options)
{
    const char *wrong = wrong_with(call, options);

    if (!wrong)
        return GP_OK;
    gp_log(call, GP_LOG_ERROR, "introspection: %s", wrong);
    return GP_EINVAL;
}

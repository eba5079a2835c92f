// SPDX-License-Identifier: Apache-2.0
/* HTTP requests: <gatepost/http.h>. Checked here, once, for every runtime. */
#include "core/base/ascii.h"
#include "core/hook/http.h"
#include "core/message/message.h"
#include "core/plugin/api.h"

#include <gatepost/http.h>

#define URL_MAX 4096
#define FIELDS_MAX 1000
#define FIELD_MAX 8192
#define LIMIT_DEFAULT ((size_t)1 << 20)
#define LIMIT_MAX ((size_t)8 << 20)
#define PIECES_MAX 100000

static int refuse(struct gp_http *http, int error, const char *why)
{
    if (!http->error) {
        http->error = error;
        http->failure = gp_slice_of(why);
    }
    return error;
}

/* ---- making one ---- */

/* Neither user names, which would end up in logs, nor fragments, which never leave. */
static bool url_ok(struct gp_slice url)
{
    struct gp_slice rest = url;

    if (gp_slice_starts(rest, GP_S("http://")))
        rest = gp_slice_sub(rest, 7, rest.len);
    else if (gp_slice_starts(rest, GP_S("https://")))
        rest = gp_slice_sub(rest, 8, rest.len);
    else
        return false;
    if (url.len > URL_MAX || rest.len == 0 || rest.data[0] == '/')
        return false;
    for (size_t i = 0; i < rest.len; i++)
        if (rest.data[i] <= ' ' || rest.data[i] > '~' || rest.data[i] == '#')
            return false;
    rest = gp_slice_sub(rest, 0, gp_slice_find(rest, '/'));
    return gp_slice_find(rest, '@') == rest.len;
}

static bool method_ok(struct gp_slice method)
{
    for (size_t i = 0; i < method.len; i++)
        if (method.data[i] < 'A' || method.data[i] > 'Z')
            return false;
    return method.len > 0 && method.len <= 20;
}

struct gp_http *gp_http_create(struct gp_call *call, const char *method, struct gp_slice url)
{
    struct gp__arena *arena = gp__call_arena(call);
    struct gp_http *http = GP__ARENA_NEW(arena, struct gp_http);
    int error = gp__api_may_use(call, "gp_http_create", GP_NEEDS_NETWORK);

    http->call = call;
    http->fields_end = &http->fields;
    http->limit = LIMIT_DEFAULT;
    if (!error && !method)
        error = gp__api_misuse(call, "gp_http_create", "no method");
    if (!error)
        error = gp__api_slice(call, "gp_http_create", url);
    if (error) {
        refuse(http, error, "a request that the plugin may not make");
        return http;
    }
    if (!method_ok(gp_slice_of(method)))
        refuse(http, GP_EINVAL, "not a method");
    if (!url_ok(url))
        refuse(http, GP_EINVAL, "not an http or https URL");
    http->method = gp__arena_dup(arena, gp_slice_of(method));
    http->url = gp__arena_dup(arena, gp_slice_sub(url, 0, URL_MAX));
    return http;
}

/* Whether the request can still be changed, and has room for n more bytes. */
static int may_fill(struct gp_http *http, const char *function, struct gp_slice bytes)
{
    int error = gp__api_slice(http->call, function, bytes);

    if (!error && http->sent)
        error = gp__api_misuse(http->call, function, "it was sent already");
    if (!error && !gp__api_memory(http->call, bytes.len))
        error = GP_ELIMIT;
    return error ? refuse(http, error, "more than a request may hold") : http->error;
}

/* RFC 9110 5.6.2 */
static bool is_token(struct gp_slice text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++)
        if (!gp__is_alnum(text.data[i]) && !memchr(marks, text.data[i], sizeof marks - 1))
            return false;
    return text.len > 0;
}

/* What frames the request is the runtime's. */
static bool is_ours(struct gp_slice name)
{
    static const char *const names[] = {"Host", "Content-Length", "Transfer-Encoding", "Connection",
                                        "Expect"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (gp_slice_caseeq(name, gp_slice_of(names[i])))
            return true;
    return false;
}

static bool value_ok(struct gp_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

int gp_http_header(struct gp_http *http, struct gp_slice name, struct gp_slice value)
{
    struct gp__arena *arena = gp__call_arena(http->call);
    struct gp__http_field *field;
    int error = may_fill(http, "gp_http_header", name);

    if (!error)
        error = may_fill(http, "gp_http_header", value);
    if (error)
        return error;
    if (!is_token(name) || is_ours(name) || !value_ok(value))
        return refuse(http, GP_EINVAL, "not a header field that a request may have");
    if (http->n_fields == FIELDS_MAX || name.len + value.len > FIELD_MAX)
        return refuse(http, GP_ELIMIT, "more header fields than a request may have");
    field = GP__ARENA_NEW(arena, struct gp__http_field);
    field->name = gp__arena_dup(arena, name);
    field->value = gp__arena_dup(arena, value.len ? value : GP_S(""));
    *http->fields_end = field;
    http->fields_end = &field->next;
    http->n_fields++;
    return 0;
}

/* ---- its body ---- */

static int begin_body(struct gp_http *http, const char *function, struct gp_slice bytes)
{
    int error = may_fill(http, function, bytes);

    if (!error && http->has_body)
        error = refuse(http, GP_EINVAL, "two bodies");
    http->has_body = true;
    return error;
}

int gp_http_body(struct gp_http *http, struct gp_slice bytes)
{
    struct gp__arena *arena = gp__call_arena(http->call);
    int error = begin_body(http, "gp_http_body", bytes);
    struct gp_slice *piece;

    if (error)
        return error;
    piece = GP__ARENA_NEW(arena, struct gp_slice);
    *piece = gp__arena_dup(arena, bytes.len ? bytes : GP_S(""));
    http->body = piece;
    http->n_body = 1;
    http->body_bytes = bytes.len;
    return 0;
}

/* The pieces live as long as the message does, whatever is edited while the request is under way:
 * what leaves is the message as it is now. */
int gp_http_body_message(struct gp_http *http, struct gp_message *message)
{
    return gp_http_body_around(http, GP_S(""), message, GP_S(""));
}

static void add_piece(struct gp_http *http, struct gp_slice **pieces, size_t *cap,
                      struct gp_slice piece)
{
    GP__ARENA_GROW(gp__call_arena(http->call), *pieces, *cap, http->n_body + 1);
    (*pieces)[http->n_body++] = piece;
    http->body_bytes += piece.len;
}

int gp_http_body_around(struct gp_http *http, struct gp_slice before, struct gp_message *message,
                        struct gp_slice after)
{
    static const char function[] = "gp_http_body_around";
    struct gp__arena *arena = gp__call_arena(http->call);
    struct gp_slice *pieces = NULL, piece;
    int error = begin_body(http, function, before);
    uint64_t cursor = 0;
    size_t cap = 0;

    if (!error)
        error = may_fill(http, function, after);
    if (!error)
        error = gp__api_message(http->call, function, message);
    if (error)
        return refuse(http, error, "not a message of this call");
    if (before.len)
        add_piece(http, &pieces, &cap, gp__arena_dup(arena, before));
    while (piece = gp_message_next(message, &cursor), gp_slice_present(piece)) {
        if (http->n_body == PIECES_MAX)
            return refuse(http, GP_ELIMIT, "a message in too many pieces");
        add_piece(http, &pieces, &cap, piece);
    }
    if (after.len)
        add_piece(http, &pieces, &cap, gp__arena_dup(arena, after));
    http->body = pieces;
    return 0;
}

/* ---- where to, and how much ---- */

static int set_path(struct gp_http *http, const char *function, struct gp_slice path,
                    struct gp_slice *to)
{
    int error = may_fill(http, function, path);

    if (error)
        return error;
    if (path.len == 0 || gp_slice_find(path, '\0') < path.len)
        return refuse(http, GP_EINVAL, "not a path");
    *to = gp__arena_dup(gp__call_arena(http->call), path);
    return 0;
}

int gp_http_unix(struct gp_http *http, struct gp_slice path)
{
    return set_path(http, "gp_http_unix", path, &http->unix_path);
}

int gp_http_trust(struct gp_http *http, struct gp_slice path)
{
    return set_path(http, "gp_http_trust", path, &http->trust);
}

int gp_http_limit(struct gp_http *http, size_t bytes)
{
    int error = may_fill(http, "gp_http_limit", GP_S(""));

    if (!error && (bytes == 0 || bytes > LIMIT_MAX))
        error = refuse(http, GP_EINVAL, "a limit that is none");
    if (!error)
        http->limit = bytes;
    return error;
}

/* ---- sending it ---- */

static struct gp_op *failed(struct gp_op *op, int error)
{
    if (op)
        gp__op_finish(op, error);
    return op;
}

struct gp_op *gp_http_start(struct gp_http *http)
{
    struct gp_call *call = http->call;
    struct gp_op *op = gp__op_create(call);

    if (http->sent)
        refuse(http, gp__api_misuse(call, "gp_http_start", "it was sent already"), "sent twice");
    if (!op || http->error)
        return failed(op, http->error);
    http->sent = true;
    if (!gp__api_memory(call, http->limit))
        return failed(op, refuse(http, GP_ELIMIT, "no memory left for its answer"));
    call->runtime->ops->http(call->runtime, op, http);
    return op;
}

int gp_http_send(struct gp_http *http)
{
    return gp__api_wait(http->call, gp_http_start(http));
}

/* ---- its answer ---- */

unsigned gp_http_status(const struct gp_http *http)
{
    return http->status;
}

struct gp_slice gp_http_response_header(const struct gp_http *http, struct gp_slice name)
{
    for (const struct gp__http_field *field = http->answer_fields; field; field = field->next)
        if (gp_slice_caseeq(field->name, name))
            return field->value;
    return gp_slice(NULL, 0);
}

struct gp_slice gp_http_response(const struct gp_http *http)
{
    return http->answer;
}

const char *gp_http_error(const struct gp_http *http)
{
    return gp_slice_present(http->failure) ? http->failure.data : "";
}

// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP requests, as straight-line code: made, filled in, sent; the hook is parked until the answer
 * is there. HTTP/1.1 over TCP or a UNIX socket, connections are kept and used again. Certificates
 * are always checked, redirects are never followed, proxies of the environment are not used.
 *
 *     struct gp_http *http = gp_http_create(call, "POST", my->url);
 *     int error;
 *
 *     gp_http_header(http, GP_S("Content-Type"), GP_S("application/json"));
 *     gp_http_body(http, json);
 *     error = gp_http_send(http);
 *     if (error)
 *         return gp_fail(call, "%s", gp_http_error(http));
 *     if (gp_http_status(http) == 200)
 *         ... gp_http_response(http) ...
 *
 * A request and its answer live until the hook returns. Needs GP_NEEDS_NETWORK; legal where the
 * hook may wait. What is not acceptable in a request is kept and returned by gp_http_send(), so
 * only that needs a check. Answers come from outside: treat them as hostile.
 */
#ifndef GATEPOST_HTTP_H
#define GATEPOST_HTTP_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/*
 * A request to an http:// or https:// URL: at most 4,096 visible ASCII characters, user names and
 * fragments are not accepted. The method is upper-case letters. Never NULL.
 */
GP_API struct gp_http *gp_http_create(struct gp_call *call, const char *method,
                                      struct gp_slice url);

/* Adds a header field. A name that is none, or CR, LF or NUL in the value: GP_EINVAL. Host,
 * Content-Length, Transfer-Encoding and Connection are not for the caller: GP_EINVAL. At most 1,000
 * fields of 8,192 bytes: GP_ELIMIT. */
GP_API int gp_http_header(struct gp_http *http, struct gp_slice name, struct gp_slice value);

/* The body: bytes, which are copied; or a whole message as it would leave now. One of them, once:
 * GP_EINVAL. */
GP_API int gp_http_body(struct gp_http *http, struct gp_slice bytes);
GP_API int gp_http_body_message(struct gp_http *http, struct gp_message *message);

/* The same with bytes, which are copied, before and after the message: a part of a form. */
GP_API int gp_http_body_around(struct gp_http *http, struct gp_slice before,
                               struct gp_message *message, struct gp_slice after);

/* Connects to a UNIX socket; the URL says the rest. */
GP_API int gp_http_unix(struct gp_http *http, struct gp_slice path);

/* Trusts the certificates in a PEM file instead of the system's. */
GP_API int gp_http_trust(struct gp_http *http, struct gp_slice path);

/* The largest body of an answer, 1 MiB unless this is called; at most 8 MiB. */
GP_API int gp_http_limit(struct gp_http *http, size_t bytes);

/*
 * Sends it, once, and waits for the whole answer. 0: there is one, whatever its status. GP_ETEMP:
 * no connection, no trust, a broken answer; GP_ELIMIT: the answer is too large; GP_EINVAL: the
 * request is not acceptable; or a sticky error.
 */
GP_API int gp_http_send(struct gp_http *http);
GP_API struct gp_op *gp_http_start(struct gp_http *http);

/* Of the answer: its status (0: there is none), the value of the first field of that name (absent:
 * there is none), its body. */
GP_API unsigned gp_http_status(const struct gp_http *http);
GP_API struct gp_slice gp_http_response_header(const struct gp_http *http, struct gp_slice name);
GP_API struct gp_slice gp_http_response(const struct gp_http *http);

/* What went wrong, for logs: never NULL; "" when nothing did. */
GP_API const char *gp_http_error(const struct gp_http *http);

GP_END_C

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * libcurl's multi interface on our loop: one a runtime, made with the first request. It watches
 * curl's sockets and keeps its timer; what is done is handed to those who added it. Entered from the
 * loop's stack only: TLS would overflow a fiber's.
 */
#ifndef GP_RUNTIME_HTTP_MULTI_H
#define GP_RUNTIME_HTTP_MULTI_H

#include "core/runtime/loop.h"

#include <curl/curl.h>

struct gp__http_multi;

/* The runtime's, made if need be; NULL: libcurl can't be used. */
struct gp__http_multi *gp__http_multi(struct gp__live *live);

/* Starts a transfer whose CURLOPT_PRIVATE is `arg` of done(). 0, or -1. done() is called once, from
 * the loop's stack, never from here; the handle is out of the multi by then. */
int gp__http_add(struct gp__http_multi *multi, CURL *easy, void (*done)(void *arg, CURLcode code));

/* Takes one out that is not done. */
void gp__http_remove(struct gp__http_multi *multi, CURL *easy);

/* Closes all connections. No transfer may be left. */
void gp__http_multi_free(struct gp__http_multi **multi_);

#endif

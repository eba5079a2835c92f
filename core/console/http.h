// SPDX-License-Identifier: Apache-2.0
/*
 * A small HTTP server on the loop, for operators: GET of one page, made on request, by libmicrohttpd.
 * Few connections at a time, none for long.
 */
#ifndef GP_CONSOLE_HTTP_H
#define GP_CONSOLE_HTTP_H

#include "core/base/buf.h"

#include <gatepost/slice.h>

struct gp__http;
struct gp__http_page;
struct gp__runtime;

#define GP__HTTP_CONNECTIONS_MAX 32

struct gp__http_options {
    const char *path; /* "/metrics" */
    const char *type; /* of its content */
    /* Somebody wants the page: gp__http_give(), now or later, once. */
    void (*wanted)(void *arg, struct gp__http_page *page);
    void *arg;
};

/* Serves on a listening socket, which it owns from now on. NULL: no memory. Live runtime only. */
struct gp__http *gp__http_open(struct gp__runtime *rt, int fd,
                               const struct gp__http_options *options);

/* The page, or an absent slice: it cannot be made now, 503. Fine when its reader has left. */
void gp__http_give(struct gp__http_page **page_, struct gp_slice content);

/* Pages that are wanted must have been given. NULL is fine. */
void gp__http_close(struct gp__http **http_);

#endif

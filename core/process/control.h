// SPDX-License-Identifier: Apache-2.0
/*
 * The control socket: operators' commands ask, a line of JSON each, and get a line of JSON back.
 *
 *     {"v":1,"do":"sessions","limit":100}
 *     {"v":1,"ok":true,"result":{...}}    or    {"v":1,"ok":false,"error":"..."}
 *
 * Who may ask is decided by the kernel's word about the peer: root, the user that this process runs
 * as, and members of one group may everything. Members of another one, such as the page on which
 * people look after their held mail, may only release it in the name of an address. Requests,
 * answers and clients are bounded, clients by what they may: operators find a place whoever else
 * has taken all of theirs.
 */
#ifndef GP_PROCESS_CONTROL_H
#define GP_PROCESS_CONTROL_H

#include "core/base/buf.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gp__control;
struct gp__control_call;
struct gp__runtime;

#define GP__CONTROL_VERSION 1
#define GP__CONTROL_REQUEST_MAX 4096
#define GP__CONTROL_ANSWER_MAX ((size_t)64 << 20)
#define GP__CONTROL_CLIENTS_MAX 32

struct gp__control_request {
    char what[32];
    uint64_t limit;       /* most items; a default when it is not said */
    struct gp_slice line; /* all of it, during the call */
};

struct gp__control_options {
    const char *path;
    unsigned mode;
    struct gp_slice group; /* may ask for everything, besides root and our own user; or empty */
    struct gp_slice release_group; /* may only release held mail for somebody; or empty */
    uint64_t idle_ms;              /* how long a client may ask nothing, or not read its answer */
    /* Answers now or later, once. */
    void (*request)(void *arg, struct gp__control_call *call,
                    const struct gp__control_request *request);
    void *arg;
};

/* Makes the socket and listens. NULL and why. */
struct gp__control *gp__control_open(struct gp__runtime *rt,
                                     const struct gp__control_options *options,
                                     struct gp__buf *error_r);

/* Answers with JSON, or with a text that says what is wrong; frees the call. Fine when its client
 * has left. */
void gp__control_answer(struct gp__control_call **call_, struct gp_slice result);
void gp__control_refuse(struct gp__control_call **call_, struct gp_slice error);

/* Sends what is on its way if that is possible at once, closes all, removes the socket's file. Calls
 * that are open must still be answered. NULL is fine. */
void gp__control_close(struct gp__control **control_);

#endif

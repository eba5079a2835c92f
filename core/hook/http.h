// SPDX-License-Identifier: Apache-2.0
/* An HTTP request and its answer as plain data: filled by the plugin API, done by a runtime. All of
 * it lies in the memory of the call, and does not change while it is under way. */
#ifndef GP_HOOK_HTTP_H
#define GP_HOOK_HTTP_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__http_field {
    struct gp__http_field *next;
    struct gp_slice name, value; /* NUL-terminated */
};

struct gp_http {
    struct gp_call *call;
    int error; /* of filling it in: what sending it says */
    bool sent;

    struct gp_slice method, url; /* these and paths: NUL-terminated */
    struct gp_slice unix_path, trust;
    struct gp__http_field *fields, **fields_end;
    size_t n_fields;
    const struct gp_slice *body; /* in pieces */
    size_t n_body;
    uint64_t body_bytes;
    bool has_body;
    size_t limit; /* of the answer's body */

    /* The answer. */
    unsigned status;
    struct gp__http_field *answer_fields;
    struct gp_slice answer;
    struct gp_slice failure; /* NUL-terminated; absent: none */
    bool untrusted;          /* it failed by the server's certificate */
};

#endif

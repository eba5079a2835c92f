// SPDX-License-Identifier: Apache-2.0
/*
 * A question to the environment's thread. Both sides hold it: the hook may give up before the
 * thread is done, and the last one frees it. The hook's side reads the answer once the waker has
 * been fired; before, it is the thread's alone.
 */
#ifndef STATE_LMDB_REQUEST_H
#define STATE_LMDB_REQUEST_H

#include <gatepost/plugin.h>
#include <stdatomic.h>

enum what {
    GET = 0,
    PUT,
    PUT_IF_NEW,
    ADD,
    REMOVE,
    PAGE, /* entries with the prefix `value`, from `key` on */
};

struct request {
    atomic_int refs;
    enum what what;
    struct gp_slice key, value;
    int64_t now_ms, until_ms; /* wall clock; until: INT64_MAX: for ever */
    int64_t n;                /* ADD */

    int result; /* 0 or an enum gp_error */
    char *answer;
    size_t answer_len;
    int64_t sum;

    struct gp_waker *waker;
    struct request *next;
    char bytes[]; /* key, value */
};

/* Holds copies of key and value; two references. NULL: no memory. */
struct request *request_create(enum what what, struct gp_slice key, struct gp_slice value);
void request_release(struct request **request_);

/* Adds bytes to the answer. 0, or GP_ETEMP: no memory. */
int request_answer(struct request *request, const void *bytes, size_t len);

/* An entry of a PAGE as it stands in the answer. */
int request_answer_entry(struct request *request, struct gp_slice key, struct gp_slice value);

/* Takes one entry off *rest. False: none is left. */
bool request_next_entry(struct gp_slice *rest, struct gp_slice *key_r, struct gp_slice *value_r);

#endif

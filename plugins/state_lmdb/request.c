// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <stdlib.h>

struct request *request_create(enum what what, struct gp_slice key, struct gp_slice value)
{
    struct request *request = calloc(1, sizeof *request + key.len + value.len);

    if (!request)
        return NULL;
    atomic_init(&request->refs, 2);
    request->what = what;
    if (key.len)
        memcpy(request->bytes, key.data, key.len);
    if (value.len)
        memcpy(request->bytes + key.len, value.data, value.len);
    request->key = gp_slice(request->bytes, key.len);
    request->value = gp_slice(request->bytes + key.len, value.len);
    return request;
}

void request_release(struct request **request_)
{
    struct request *request = *request_;

    *request_ = NULL;
    if (!request || atomic_fetch_sub(&request->refs, 1) > 1)
        return;
    free(request->answer);
    free(request);
}

int request_answer(struct request *request, const void *bytes, size_t len)
{
    char *answer = realloc(request->answer, request->answer_len + len + 1);

    if (!answer)
        return GP_ETEMP;
    request->answer = answer;
    if (len)
        memcpy(answer + request->answer_len, bytes, len);
    request->answer_len += len;
    return 0;
}

int request_answer_entry(struct request *request, struct gp_slice key, struct gp_slice value)
{
    uint32_t lengths[2] = {(uint32_t)key.len, (uint32_t)value.len};
    int error = request_answer(request, lengths, sizeof lengths);

    if (!error)
        error = request_answer(request, key.data, key.len);
    return error ? error : request_answer(request, value.data, value.len);
}

bool request_next_entry(struct gp_slice *rest, struct gp_slice *key_r, struct gp_slice *value_r)
{
    uint32_t lengths[2];

    if (rest->len < sizeof lengths)
        return false;
    memcpy(lengths, rest->data, sizeof lengths);
    *key_r = gp_slice(rest->data + sizeof lengths, lengths[0]);
    *value_r = gp_slice(key_r->data + lengths[0], lengths[1]);
    *rest = gp_slice_sub(*rest, sizeof lengths + lengths[0] + lengths[1], rest->len);
    return true;
}

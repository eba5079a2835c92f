// SPDX-License-Identifier: Apache-2.0
/* Who is called, where, and memory of the call. */
#include "core/plugin/api.h"

#include <stdio.h>

struct gp_slice gp_instance(struct gp_call *call)
{
    return gp__api_who(call);
}

enum gp_hook_point gp_hook_point(struct gp_call *call)
{
    return call->point;
}

void *gp_alloc(struct gp_call *call, size_t size)
{
    if (!gp__api_memory(call, size))
        return NULL;
    return gp__arena_alloc(gp__call_arena(call), size ? size : 1);
}

struct gp_slice gp_format(struct gp_call *call, const char *format, ...)
{
    va_list args, again;
    char *text;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !gp__api_memory(call, (size_t)len + 1)) {
        va_end(again);
        return gp_slice(NULL, 0);
    }
    text = gp__arena_bytes(gp__call_arena(call), (size_t)len + 1);
    len = vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return gp_slice(text, (size_t)len);
}

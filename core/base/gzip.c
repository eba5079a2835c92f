// SPDX-License-Identifier: Apache-2.0
#include "core/base/gzip.h"

#include <zlib.h>

#define WINDOW_BITS (15 + 16) /* 16: with the head and foot of gzip */
#define MEMORY_LEVEL 8

int gp__gzip(struct gp__buf *out, struct gp_slice text)
{
    z_stream stream = {.avail_in = 0};
    size_t room;
    char *to;
    int result;

    if (text.len > GP__GZIP_MAX ||
        deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return -1;
    to = gp__buf_room(out, deflateBound(&stream, (uLong)text.len), &room);
    stream.next_in = (Bytef *)(uintptr_t)text.data;
    stream.avail_in = (uInt)text.len;
    stream.next_out = (Bytef *)to;
    stream.avail_out = to && room < UINT32_MAX ? (uInt)room : 0;
    result = to ? deflate(&stream, Z_FINISH) : Z_MEM_ERROR;
    if (result == Z_STREAM_END)
        gp__buf_added(out, stream.total_out);
    (void)deflateEnd(&stream);
    return result == Z_STREAM_END ? 0 : -1;
}

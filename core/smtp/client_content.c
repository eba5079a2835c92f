// SPDX-License-Identifier: Apache-2.0
#include "core/smtp/client_content.h"

/* Up to the next CR or LF. */
static size_t run_of(struct gp_slice bytes)
{
    size_t n = 0;

    while (n < bytes.len && bytes.data[n] != '\r' && bytes.data[n] != '\n')
        n++;
    return n;
}

static int put_run(struct gp__content_out *content, struct gp_slice run, struct gp__buf *out)
{
    if (!content->inside && content->dots && run.data[0] == '.' &&
        gp__buf_append(out, GP_S(".")) < 0)
        return -1;
    content->inside = true;
    content->cr = false;
    return gp__buf_append(out, run);
}

static int put_end(struct gp__content_out *content, char c, struct gp__buf *out)
{
    bool second = c == '\n' && content->cr; /* of a CRLF that was written with its CR */

    content->cr = c == '\r';
    if (second)
        return 0;
    content->inside = false;
    return gp__buf_append(out, GP_S("\r\n"));
}

int gp__content_out(struct gp__content_out *content, struct gp_slice bytes, struct gp__buf *out)
{
    while (bytes.len) {
        size_t n = run_of(bytes);
        int result = n ? put_run(content, gp_slice_sub(bytes, 0, n), out)
                       : put_end(content, bytes.data[0], out);

        if (result < 0)
            return -1;
        bytes = gp_slice_sub(bytes, n ? n : 1, bytes.len);
    }
    return 0;
}

int gp__content_out_end(struct gp__content_out *content, struct gp__buf *out)
{
    content->cr = false;
    if (!content->inside)
        return 0;
    content->inside = false;
    return gp__buf_append(out, GP_S("\r\n"));
}

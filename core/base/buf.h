// SPDX-License-Identifier: Apache-2.0
/*
 * A growable run of bytes with a limit: the place for input whose amount a peer decides. Appending
 * past the limit, or without memory, fails and leaves the buffer as it was; the caller fails its
 * one session. Consuming moves a start offset; the space is reused before the buffer grows.
 */
#ifndef GP_BASE_BUF_H
#define GP_BASE_BUF_H

#include <gatepost/slice.h>
#include <stdarg.h>
#include <stdbool.h>

struct gp__buf {
    char *data;
    size_t start; /* consumed bytes before the content */
    size_t len;   /* content */
    size_t cap;
    size_t limit; /* of the content; 0: none */
    bool secret;  /* memory is wiped before it is given back; set before the first use */
};

static inline struct gp_slice gp__buf_slice(const struct gp__buf *buf)
{
    return gp_slice(buf->data ? buf->data + buf->start : "", buf->len);
}

/* Room for at least n more bytes at the end, to be filled and then counted with gp__buf_added.
 * NULL when over the limit or out of memory. *room_r: how much there is. Counting more than that is
 * a bug and aborts. */
char *gp__buf_room(struct gp__buf *buf, size_t n, size_t *room_r);
void gp__buf_added(struct gp__buf *buf, size_t n);

/* 0, or -1 with nothing appended. What is appended must not lie in the buffer itself. */
int gp__buf_append(struct gp__buf *buf, struct gp_slice s);
int gp__buf_printf(struct gp__buf *buf, const char *format, ...) GP_PRINTF(2, 3);
int gp__buf_vprintf(struct gp__buf *buf, const char *format, va_list args) GP_PRINTF(2, 0);

/* Forgets the first n bytes; more than there are is a bug and aborts. */
void gp__buf_consume(struct gp__buf *buf, size_t n);

/* Forgets the content, keeps the memory. */
void gp__buf_clear(struct gp__buf *buf);

/* Gives the memory back; the buffer can be used again. The limit stays. */
void gp__buf_free(struct gp__buf *buf);

#endif

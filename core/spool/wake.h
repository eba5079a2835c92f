// SPDX-License-Identifier: Apache-2.0
/* The socket by which writers tell the scheduler that there is something new: SPOOL/wake. */
#ifndef GP_SPOOL_WAKE_H
#define GP_SPOOL_WAKE_H

#include "core/base/buf.h"

#include <sys/un.h>

struct gp__wake {
    int fd; /* -1: nobody is woken */
    struct sockaddr_un to;
};

/* A path that is too long for a socket wakes nobody. */
void gp__wake_open(struct gp__wake *wake, const char *path);
void gp__wake_close(struct gp__wake *wake);

/* Also where nobody is, or has enough bytes to wake up from. From any thread. */
void gp__wake_send(const struct gp__wake *wake);

/* The other end: a descriptor, or -1 with a text. */
int gp__wake_bind(const char *path, struct gp__buf *error_r);

#endif

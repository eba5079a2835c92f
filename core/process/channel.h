// SPDX-License-Identifier: Apache-2.0
/*
 * The line between the master and one of its processes: whole messages with descriptors, over a
 * socket pair. Both ends are one program, but neither believes the other: messages are bounded, and
 * one that does not fit closes the line.
 */
#ifndef GP_PROCESS_CHANNEL_H
#define GP_PROCESS_CHANNEL_H

#include "core/base/buf.h"

#include <gatepost/slice.h>
#include <stddef.h>
#include <stdint.h>

struct gp__channel;
struct gp__runtime;

#define GP__MESSAGE_BODY_MAX ((size_t)60 << 10)
#define GP__MESSAGE_FDS_MAX 4

/* Messages that wait for a process that does not read; beyond it the line is broken. */
#define GP__CHANNEL_QUEUE_MAX 4096

struct gp__message {
    uint32_t type; /* enum gp__message_type */
    uint32_t id;   /* of a question, repeated by its answers; else 0 */
    struct gp_slice body;
    int fds[GP__MESSAGE_FDS_MAX]; /* received: the receiver's, to be closed or kept */
    size_t n_fds;
};

struct gp__channel_user {
    /* The body is valid during the call. May close the channel. */
    void (*message)(void *arg, struct gp__message *message);

    /* The other end is gone, or spoke nonsense: nothing more comes. Once. */
    void (*closed)(void *arg);
    void *arg;
};

/* Two connected ends, close-on-exec, blocking. 0, or -1 with errno. */
int gp__channel_pair(int ends_r[2]);

/* An end on the loop; owns the descriptor from now on. NULL with errno. */
struct gp__channel *gp__channel_open(struct gp__runtime *rt, int fd,
                                     const struct gp__channel_user *user);

/* Sends now or when the other end reads; descriptors are duplicated if they must wait. 0, or -1:
 * the line is broken, and closed() was or will be called. */
int gp__channel_send(struct gp__channel *channel, const struct gp__message *message);

/* Sends an answer of any length as GP__MSG_ANSWER, in as many messages as it takes. */
int gp__answer_in_parts(struct gp__channel *channel, uint32_t id, struct gp_slice text);

/* The other end is gone: handles what it said last. */
void gp__channel_read_rest(struct gp__channel *channel);

/* NULL is fine. What waits is dropped. */
void gp__channel_close(struct gp__channel **channel_);

/* ---- without a loop, on a blocking descriptor ---- */

/* 0, or -1 with errno. */
int gp__message_put(int fd, const struct gp__message *message);

/* Body in *place. 1: a message, 0: the other end is gone, -1 with errno. */
int gp__message_get(int fd, struct gp__buf *place, struct gp__message *message_r);

void gp__message_close_fds(struct gp__message *message);

#endif

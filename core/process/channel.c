// SPDX-License-Identifier: Apache-2.0
/* One message is one packet of a SOCK_SEQPACKET pair: its header, its body, its descriptors. */
#include "core/process/channel.h"

#include "core/base/alloc.h"
#include "core/hook/runtime.h"
#include "core/process/messages.h"
#include "core/base/pack.h"
#include "core/runtime/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READS_A_TURN 64

struct header {
    uint32_t type, id;
};

struct waiting {
    struct waiting *next;
    struct gp__message message;
    char body[];
};

struct gp__channel {
    struct gp__runtime *runtime;
    struct gp__channel_user user;
    struct gp__watch *watch;
    int fd;
    struct waiting *first, **last;
    size_t n_waiting;
    struct gp__buf place;
    bool broken, told;
    bool heard;    /* all that will come; or nonsense */
    unsigned busy; /* callbacks under way */
    bool closing;
};

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * GP__MESSAGE_FDS_MAX)];
};

int gp__channel_pair(int ends_r[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_r);
}

/* ---- one packet ---- */

int gp__message_put(int fd, const struct gp__message *message)
{
    struct header header = {message->type, message->id};
    struct iovec parts[] = {{&header, sizeof header},
                            {(void *)(uintptr_t)message->body.data, message->body.len}};
    union control control = {.bytes = {0}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
    size_t fds_bytes = message->n_fds * sizeof(int);
    ssize_t n;

    if (message->body.len > GP__MESSAGE_BODY_MAX || message->n_fds > GP__MESSAGE_FDS_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    if (message->n_fds) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(fds_bytes);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(fds_bytes);
        memcpy(CMSG_DATA(&control.header), message->fds, fds_bytes);
    }
    do
        n = sendmsg(fd, &packet, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

static void take_fds(struct msghdr *packet, struct gp__message *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(packet); part; part = CMSG_NXTHDR(packet, part)) {
        size_t n;

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (n > GP__MESSAGE_FDS_MAX)
            n = GP__MESSAGE_FDS_MAX; /* the kernel gave no more: the space was for so many */
        memcpy(message->fds, CMSG_DATA(part), n * sizeof(int));
        message->n_fds = n;
    }
}

void gp__message_close_fds(struct gp__message *message)
{
    while (message->n_fds)
        (void)close(message->fds[--message->n_fds]);
}

int gp__message_get(int fd, struct gp__buf *place, struct gp__message *message_r)
{
    struct header header;
    size_t room;
    struct iovec parts[2] = {{&header, sizeof header}};
    union control control;
    struct msghdr packet = {.msg_iov = parts,
                            .msg_iovlen = 2,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    int reset = 0;
    ssize_t n;

    *message_r = (struct gp__message){.type = 0};
    gp__buf_clear(place);
    parts[1].iov_base = gp__buf_room(place, GP__MESSAGE_BODY_MAX, &room);
    parts[1].iov_len = GP__MESSAGE_BODY_MAX;
    if (!parts[1].iov_base) {
        errno = ENOMEM;
        return -1;
    }
    /* An end that closes with something unread is reported once, before what it said last. */
    do
        n = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset++)));
    if (n <= 0)
        return (int)n;
    take_fds(&packet, message_r);
    if ((size_t)n < sizeof header || (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        gp__message_close_fds(message_r);
        errno = EPROTO;
        return -1;
    }
    gp__buf_added(place, (size_t)n - sizeof header);
    message_r->type = header.type;
    message_r->id = header.id;
    message_r->body = gp__buf_slice(place);
    return 1;
}

/* ---- on the loop ---- */

static void drop_first(struct gp__channel *channel)
{
    struct waiting *waiting = channel->first;

    channel->first = waiting->next;
    if (!channel->first)
        channel->last = &channel->first;
    channel->n_waiting--;
    gp__message_close_fds(&waiting->message);
    gp__free(waiting);
}

static void free_channel(struct gp__channel *channel)
{
    while (channel->first)
        drop_first(channel);
    gp__watch_stop(&channel->watch);
    if (close(channel->fd) < 0)
        channel->broken = true;
    gp__buf_free(&channel->place);
    gp__free(channel);
}

/* A line that broke while something was sent: what the other end had said before still counts. */
static void hear_rest(struct gp__channel *channel)
{
    struct gp__message message;

    for (int i = 0; i < GP__CHANNEL_QUEUE_MAX && !channel->closing; i++) {
        if (gp__message_get(channel->fd, &channel->place, &message) <= 0)
            return;
        channel->user.message(channel->user.arg, &message);
        gp__message_close_fds(&message);
    }
}

static void tell_closed(void *arg)
{
    struct gp__channel *channel = arg;

    if (!channel->heard)
        hear_rest(channel);
    if (!channel->closing)
        channel->user.closed(channel->user.arg);
    if (--channel->busy == 0 && channel->closing)
        free_channel(channel);
}

/* The user hears of it later: it may be in the middle of sending. */
static void break_line(struct gp__channel *channel)
{
    channel->broken = true;
    gp__watch_for(channel->watch, 0);
    if (channel->told)
        return;
    channel->told = true;
    channel->busy++; /* until tell_closed() ran */
    channel->runtime->ops->defer(channel->runtime, tell_closed, channel);
}

static void flush(struct gp__channel *channel)
{
    while (channel->first && !channel->broken) {
        if (gp__message_put(channel->fd, &channel->first->message) < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                break_line(channel);
            return;
        }
        drop_first(channel);
    }
    if (!channel->broken)
        gp__watch_for(channel->watch, GP__WATCH_READ);
}

static void receive(struct gp__channel *channel)
{
    struct gp__message message;

    for (int i = 0; i < READS_A_TURN && !channel->broken && !channel->closing; i++) {
        int got = gp__message_get(channel->fd, &channel->place, &message);

        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            channel->heard = true;
            break_line(channel);
            return;
        }
        channel->user.message(channel->user.arg, &message);
        gp__message_close_fds(&message);
    }
}

static void on_ready(void *arg, unsigned events)
{
    struct gp__channel *channel = arg;

    channel->busy++;
    if (events & GP__WATCH_WRITE)
        flush(channel);
    if (events & GP__WATCH_READ)
        receive(channel);
    if (--channel->busy == 0 && channel->closing)
        free_channel(channel);
}

struct gp__channel *gp__channel_open(struct gp__runtime *rt, int fd,
                                     const struct gp__channel_user *user)
{
    struct gp__channel *channel = gp__alloc(sizeof *channel);
    int flags = fcntl(fd, F_GETFL);

    channel->runtime = rt;
    channel->user = *user;
    channel->fd = fd;
    channel->last = &channel->first;
    if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
        channel->watch = gp__watch_start(rt, fd, GP__WATCH_READ, on_ready, channel);
    if (!channel->watch)
        GP__FREE(channel);
    return channel;
}

static int keep(struct gp__channel *channel, const struct gp__message *message)
{
    struct waiting *waiting;

    if (channel->n_waiting >= GP__CHANNEL_QUEUE_MAX || message->body.len > GP__MESSAGE_BODY_MAX)
        return -1;
    waiting = gp__alloc(sizeof *waiting + message->body.len);
    waiting->message = *message;
    waiting->message.n_fds = 0;
    if (message->body.len)
        memcpy(waiting->body, message->body.data, message->body.len);
    waiting->message.body = gp_slice(waiting->body, message->body.len);
    *channel->last = waiting;
    channel->last = &waiting->next;
    channel->n_waiting++;
    for (size_t i = 0; i < message->n_fds; i++) {
        int copy = fcntl(message->fds[i], F_DUPFD_CLOEXEC, 0);

        if (copy < 0)
            return -1;
        waiting->message.fds[waiting->message.n_fds++] = copy;
    }
    gp__watch_for(channel->watch, GP__WATCH_READ | GP__WATCH_WRITE);
    return 0;
}

int gp__channel_send(struct gp__channel *channel, const struct gp__message *message)
{
    int result = 0;

    if (channel->broken)
        return -1;
    if (channel->first || gp__message_put(channel->fd, message) < 0) {
        if (channel->first || errno == EAGAIN || errno == EWOULDBLOCK)
            result = keep(channel, message);
        else
            result = -1;
    }
    if (result < 0)
        break_line(channel);
    return result;
}

#define PART_MAX (GP__MESSAGE_BODY_MAX - 64)

int gp__answer_in_parts(struct gp__channel *channel, uint32_t id, struct gp_slice text)
{
    struct gp__message answer = {.type = GP__MSG_ANSWER, .id = id};
    struct gp__buf body = {.limit = 0};
    int result;

    do {
        struct gp_slice part = gp_slice_sub(text, 0, PART_MAX);

        text = gp_slice_sub(text, part.len, text.len);
        gp__buf_clear(&body);
        gp__pack_number(&body, text.len > 0);
        gp__pack_text(&body, part);
        answer.body = gp__buf_slice(&body);
        result = gp__channel_send(channel, &answer);
    } while (result == 0 && text.len);
    gp__buf_free(&body);
    return result;
}

void gp__channel_read_rest(struct gp__channel *channel)
{
    channel->busy++;
    for (int turns = 0; turns < GP__CHANNEL_QUEUE_MAX / READS_A_TURN && !channel->broken; turns++)
        receive(channel);
    if (--channel->busy == 0 && channel->closing)
        free_channel(channel);
}

void gp__channel_close(struct gp__channel **channel_)
{
    struct gp__channel *channel = *channel_;

    if (!channel)
        return;
    *channel_ = NULL;
    channel->closing = true;
    gp__watch_for(channel->watch, 0);
    if (channel->busy == 0)
        free_channel(channel);
}

// SPDX-License-Identifier: Apache-2.0
/* Outgoing streams against sockets of the test: connecting, reading ahead, writing, breaking. */
#include "test_support.h"

#include "core/runtime/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct fixture {
    struct gp__runtime *rt;
    int listening, peer;
    char address[96], dir[64];
};

static void listen_at(struct fixture *f, const char *address)
{
    const struct gp__listen_options options = {.address = gp_slice_of(address)};
    struct gp__endpoint endpoint;
    const char *step;

    if (gp__listen_socket(&options, &f->listening, &step) < 0)
        fail_msg("%s: %s", step, strerror(errno));
    (void)gp__listen_endpoint(f->listening, &endpoint);
    if (endpoint.ip.family)
        (void)snprintf(f->address, sizeof f->address, "127.0.0.1:%d", endpoint.port);
    else
        (void)snprintf(f->address, sizeof f->address, "%s", address);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct gp__live_options options = {.dns = {.source = GP__DNS_SERVERS}};

    f->rt = gp__live_create(&options, NULL);
    f->peer = -1;
    listen_at(f, "127.0.0.1:0");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gp__live_free(&f->rt);
    close(f->listening);
    if (f->peer >= 0)
        close(f->peer);
    free(f);
    gp__arena_pool_free();
    return 0;
}

static struct gp_stream *connect_to(struct fixture *f)
{
    struct gp_op op = test_op(f->rt, NULL);

    f->rt->ops->connect(f->rt, &op, gp_slice_of(f->address));
    TURN_WHILE(f->rt, !op.done);
    assert_int_equal(op.result, 0);
    assert_ptr_equal(op.stream->runtime, f->rt);
    f->peer = accept4(f->listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(f->peer >= 0);
    return op.stream;
}

static int read_some(struct fixture *f, struct gp_stream *stream, char *bytes, size_t size)
{
    struct gp_op op = test_op(f->rt, NULL);

    f->rt->ops->stream_read(f->rt, &op, stream, bytes, size);
    TURN_WHILE(f->rt, !op.done);
    return op.result;
}

static int write_all(struct fixture *f, struct gp_stream *stream, struct gp_slice bytes)
{
    struct gp_op op = test_op(f->rt, NULL);

    f->rt->ops->stream_write(f->rt, &op, stream, bytes);
    TURN_WHILE(f->rt, !op.done);
    return op.result;
}

static void test_talk(void **state)
{
    struct fixture *f = *state;
    struct gp_stream *stream = connect_to(f);
    char bytes[16];

    assert_int_equal(write_all(f, stream, GP_S("PING\r\n")), 0);
    assert_int_equal(recv(f->peer, bytes, 6, MSG_WAITALL), 6);
    assert_memory_equal(bytes, "PING\r\n", 6);
    assert_int_equal(send(f->peer, "PONG\r\n", 6, 0), 6);
    assert_int_equal(read_some(f, stream, bytes, 4), 4);
    assert_memory_equal(bytes, "PONG", 4);
    assert_int_equal(read_some(f, stream, bytes, sizeof bytes), 2);
    assert_int_equal(write_all(f, stream, gp_slice(NULL, 0)), 0);
    shutdown(f->peer, SHUT_WR);
    assert_int_equal(read_some(f, stream, bytes, sizeof bytes), 0);
    assert_int_equal(read_some(f, stream, bytes, sizeof bytes), 0);
    assert_int_equal(read_some(f, stream, bytes, 0), GP_EINVAL);
    f->rt->ops->stream_close(f->rt, stream);
}

static void test_unix_path(void **state)
{
    struct fixture *f = *state;
    struct gp_stream *stream;
    char address[96];

    close(f->listening);
    test_dir_make(f->dir);
    (void)snprintf(address, sizeof address, "unix:%s/socket", f->dir);
    listen_at(f, address);
    stream = connect_to(f);
    assert_int_equal(write_all(f, stream, GP_S("x")), 0);
    f->rt->ops->stream_close(f->rt, stream);
    test_dir_remove(f->dir);
}

static int connect_result(struct fixture *f, const char *address)
{
    struct gp_op op = test_op(f->rt, NULL);

    f->rt->ops->connect(f->rt, &op, gp_slice_of(address));
    TURN_WHILE(f->rt, !op.done);
    assert_null(op.stream);
    return op.result;
}

static void test_refused(void **state)
{
    struct fixture *f = *state;

    close(f->listening);
    f->listening = -1;
    assert_int_equal(connect_result(f, f->address), GP_ETEMP);
    assert_int_equal(connect_result(f, "unix:/nonexistent/socket"), GP_ETEMP);
    assert_int_equal(connect_result(f, "nonsense"), GP_EINVAL);
    assert_int_equal(connect_result(f, "*:25"), GP_EINVAL);
    assert_int_equal(connect_result(f, "bad name:25"), GP_EINVAL);
    assert_int_equal(connect_result(f, "name.invalid:25"), GP_ENOTFOUND);
}

/* Asked through DNS: libunbound knows this name by itself. */
static void test_name(void **state)
{
    struct fixture *f = *state;
    char port[16];
    struct gp_stream *stream;

    (void)snprintf(port, sizeof port, "%s", strchr(f->address, ':'));
    (void)snprintf(f->address, sizeof f->address, "localhost%s", port);
    stream = connect_to(f);
    f->rt->ops->stream_close(f->rt, stream);
}

static void test_reset(void **state)
{
    struct fixture *f = *state;
    struct gp_stream *stream = connect_to(f);
    struct linger off = {.l_onoff = 1};
    char byte;

    assert_int_equal(setsockopt(f->peer, SOL_SOCKET, SO_LINGER, &off, sizeof off), 0);
    close(f->peer);
    f->peer = -1;
    assert_int_equal(read_some(f, stream, &byte, 1), GP_ECLOSED);
    assert_int_equal(write_all(f, stream, GP_S("x")), GP_ECLOSED);
    f->rt->ops->stream_close(f->rt, stream);
}

static void test_read_cancelled(void **state)
{
    struct fixture *f = *state;
    struct gp_stream *stream = connect_to(f);
    struct gp_op op = test_op(f->rt, NULL), second = test_op(f->rt, NULL);
    char byte = '-', other;

    f->rt->ops->stream_read(f->rt, &op, stream, &byte, 1);
    f->rt->ops->stream_read(f->rt, &second, stream, &other, 1);
    assert_int_equal(second.result, GP_EINVAL);
    f->rt->ops->cancel(f->rt, &op);
    assert_int_equal(send(f->peer, "z", 1, 0), 1);
    assert_int_equal(read_some(f, stream, &other, 1), 1); /* nothing was lost */
    assert_int_equal(other, 'z');
    assert_int_equal(byte, '-');
    op = test_op(f->rt, NULL);
    f->rt->ops->stream_read(f->rt, &op, stream, &byte, 1);
    f->rt->ops->stream_close(f->rt, stream);
    assert_int_equal(op.result, GP_ECANCELED);
}

/* A peer that does not read: the write waits; cancelled, it leaves a broken stream. */
static void test_write_waits(void **state)
{
    enum { SIZE = 8 << 20 };
    struct fixture *f = *state;
    struct gp_stream *stream = connect_to(f);
    struct gp_op op = test_op(f->rt, NULL), more = test_op(f->rt, NULL);
    char *bytes = calloc(1, SIZE), part[65536];
    size_t got = 0;

    f->rt->ops->stream_write(f->rt, &op, stream, gp_slice(bytes, SIZE));
    assert_false(op.done);
    memset(bytes, 'x', SIZE); /* it was copied */
    while (got < SIZE) {
        ssize_t n = recv(f->peer, part, sizeof part, MSG_DONTWAIT);

        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(part[i], 0);
        got += n > 0 ? (size_t)n : 0;
        gp__live_wakeup(f->rt);
        gp__live_turn(f->rt);
    }
    TURN_WHILE(f->rt, !op.done);
    assert_int_equal(op.result, 0);
    op = test_op(f->rt, NULL);
    f->rt->ops->stream_write(f->rt, &op, stream, gp_slice(bytes, SIZE));
    f->rt->ops->stream_write(f->rt, &more, stream, gp_slice(bytes, SIZE));
    f->rt->ops->cancel(f->rt, &op);
    assert_int_equal(op.result, GP_ECANCELED);
    assert_int_equal(write_all(f, stream, GP_S("x")), GP_ECLOSED);
    f->rt->ops->stream_close(f->rt, stream);
    TURN_WHILE(f->rt, !more.done);
    assert_int_equal(more.result, GP_ECLOSED);
    free(bytes);
}

/* Without waiting: all of a little, a part of too much, and nothing after that. */
static void test_write_now(void **state)
{
    enum { SIZE = 64 << 20 };
    struct fixture *f = *state;
    struct gp_stream *stream = connect_to(f);
    const struct gp__runtime_ops *ops = f->rt->ops;
    char *bytes = calloc(1, SIZE), got[2];

    assert_int_equal(ops->stream_write_now(f->rt, stream, gp_slice(NULL, 0)), 0);
    assert_int_equal(ops->stream_write_now(f->rt, stream, GP_S("hi")), 2);
    assert_int_equal(recv(f->peer, got, 2, MSG_WAITALL), 2);
    assert_memory_equal(got, "hi", 2);
    assert_true(ops->stream_write_now(f->rt, stream, gp_slice(bytes, SIZE)) < SIZE);
    assert_int_equal(ops->stream_write_now(f->rt, stream, GP_S("x")), GP_ECLOSED);
    assert_int_equal(write_all(f, stream, GP_S("x")), GP_ECLOSED);
    ops->stream_close(f->rt, stream);
    free(bytes);
}

/* A peer that floods: reading stops at the bound, and goes on when the hook has read. */
static void test_read_ahead_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct gp_stream *stream = connect_to(f);
    static char chunk[65536], sink[65536];
    size_t sent = 0, got = 0;
    int idle = 0;

    while (idle < 50) {
        ssize_t n = send(f->peer, chunk, sizeof chunk, MSG_DONTWAIT);

        idle = n > 0 ? 0 : idle + 1;
        sent += n > 0 ? (size_t)n : 0;
        assert_true(sent < (size_t)64 << 20);
        gp__live_wakeup(f->rt);
        gp__live_turn(f->rt);
    }
    shutdown(f->peer, SHUT_WR);
    for (int n; (n = read_some(f, stream, sink, sizeof sink)) > 0;)
        got += (size_t)n;
    assert_int_equal(got, sent);
    f->rt->ops->stream_close(f->rt, stream);
}

static void test_connect_cancelled(void **state)
{
    struct fixture *f = *state;
    struct gp_op op = test_op(f->rt, NULL), name = test_op(f->rt, NULL);

    f->rt->ops->connect(f->rt, &op, gp_slice_of(f->address));
    f->rt->ops->cancel(f->rt, &op);
    assert_int_equal(op.result, GP_ECANCELED);
    f->rt->ops->connect(f->rt, &name, GP_S("localhost:25"));
    f->rt->ops->cancel(f->rt, &name);
    assert_int_equal(name.result, GP_ECANCELED);
    assert_null(op.stream);
}

static int dial_result(struct fixture *f, const char *from, const char *const *to, size_t n,
                       uint64_t *number_r)
{
    struct gp_op op = test_op(f->rt, NULL);
    struct gp__ip ips[4];
    struct gp__dialling dialling = {.ips = ips, .n_ips = n, .stagger_ms = 10, .attempt_ms = 5000};

    dialling.port = (uint16_t)atoi(strchr(f->address, ':') + 1);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(gp__ip_parse(gp_slice_of(to[i]), &ips[i]), 0);
    if (from)
        assert_int_equal(gp__ip_parse(gp_slice_of(from), &dialling.from4), 0);
    f->rt->ops->dial(f->rt, &op, &dialling);
    TURN_WHILE(f->rt, !op.done);
    *number_r = op.number;
    if (op.stream)
        f->rt->ops->stream_close(f->rt, op.stream);
    return op.result;
}

/* The first that answers; who is silent (a listener whose queue is full would be) delays it by the
 * stagger only, who refuses not at all. */
static void test_race(void **state)
{
    static const char *const refuses_first[] = {"::1", "127.0.0.9", "127.0.0.1"};
    struct fixture *f = *state;
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    uint64_t number;

    assert_int_equal(dial_result(f, NULL, refuses_first, 3, &number), 0);
    assert_int_equal(number, 2);
    f->peer = accept4(f->listening, NULL, NULL, SOCK_CLOEXEC);
    close(f->peer);
    assert_int_equal(dial_result(f, "127.0.0.77", refuses_first, 3, &number), 0);
    f->peer = accept4(f->listening, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
    assert_int_equal(ntohl(peer.sin_addr.s_addr), 0x7f00004d);
    assert_int_equal(dial_result(f, NULL, refuses_first, 2, &number), GP_ETEMP);
    assert_int_equal(dial_result(f, "192.0.2.1", refuses_first + 1, 2, &number), GP_ETEMP);
    assert_int_equal(dial_result(f, NULL, NULL, 0, &number), GP_ETEMP);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_talk),
        TEST(test_unix_path),
        TEST(test_refused),
        TEST(test_name),
        TEST(test_reset),
        TEST(test_read_cancelled),
        TEST(test_write_waits),
        TEST(test_write_now),
        TEST(test_read_ahead_is_bounded),
        TEST(test_connect_cancelled),
        TEST(test_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

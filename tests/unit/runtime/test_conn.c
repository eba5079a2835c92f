// SPDX-License-Identifier: Apache-2.0
/* Listeners and connections over real sockets: loopback and UNIX, clients as plain descriptors. */
#include "test_support.h"

#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/runtime/address.h"
#include "core/runtime/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* The server's side of one connection, as it came in. */
struct session {
    struct gp__conn *conn;
    struct gp__buf got;
    int reads, eofs, errors, drains, closed;
    bool echo;
};

struct fixture {
    struct gp__runtime *rt;
    struct gp__log log;
    struct gp__listener *listener;
    struct session sessions[4];
    int accepted, warnings;
    int fd; /* of the listener */
    bool ignore;
};

/* ---- the server ---- */

static void on_read(struct gp__conn *conn, struct gp_slice bytes)
{
    struct session *session = conn->user;

    session->reads++;
    assert_int_equal(gp__buf_append(&session->got, bytes), 0);
    if (session->echo)
        assert_int_equal(gp__conn_write(conn, bytes), 1);
}

static void on_eof(struct gp__conn *conn)
{
    ((struct session *)conn->user)->eofs++;
}

static void on_error(struct gp__conn *conn, int error)
{
    assert_int_equal(error, GP_ECLOSED);
    ((struct session *)conn->user)->errors++;
}

static void on_drain(struct gp__conn *conn)
{
    ((struct session *)conn->user)->drains++;
}

static void on_closed(struct gp__conn *conn)
{
    struct session *session = conn->user;

    session->closed++;
    session->conn = NULL;
}

static const struct gp__conn_events events = {
    .read = on_read, .eof = on_eof, .error = on_error, .drain = on_drain, .closed = on_closed};

static void on_accept(void *arg, struct gp__conn *conn)
{
    struct fixture *f = arg;
    struct session *session = &f->sessions[f->accepted++];

    assert_in_range(f->accepted, 1, 4);
    if (f->ignore)
        return;
    session->conn = conn;
    conn->user = session;
    conn->events = &events;
    gp__conn_resume(conn);
}

static void on_log(void *arg, enum gp_log_level level, struct gp_slice line)
{
    struct fixture *f = arg;

    (void)line;
    f->warnings += level <= GP_LOG_WARNING;
}

static int64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void serve(struct fixture *f, struct gp__listen_options options)
{
    const struct gp__listener_user user = {.accept = on_accept, .arg = f};
    const char *step;

    if (gp__listen_socket(&options, &f->fd, &step) < 0)
        fail_msg("%s: %s", step, strerror(errno));
    f->listener = gp__listener_start(f->rt, f->fd, &user);
    assert_non_null(f->listener);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->log = (struct gp__log){.level = GP_LOG_INFO, .now = no_time, .write = on_log, .arg = f};
    f->rt = gp__live_create(NULL, &f->log);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gp__listener_stop(&f->listener);
    for (int i = 0; i < 4; i++) {
        if (f->sessions[i].conn)
            gp__conn_close(f->sessions[i].conn);
        gp__buf_free(&f->sessions[i].got);
    }
    gp__live_free(&f->rt);
    gp__buf_free(&f->log.line);
    free(f);
    gp__arena_pool_free();
    return 0;
}

/* ---- a client ---- */

static int dial(int listening)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    int fd;

    assert_int_equal(getsockname(listening, (struct sockaddr *)&addr, &len), 0);
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), 0);
    return fd;
}

static int open_session(struct fixture *f)
{
    int before = f->accepted;
    int fd = dial(f->fd);

    TURN_WHILE(f->rt, f->accepted == before);
    return fd;
}

static int serve_local(struct fixture *f)
{
    serve(f, (struct gp__listen_options){.address = GP_S("127.0.0.1:0")});
    return open_session(f);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void hear(int fd, const char *text)
{
    char bytes[256];
    ssize_t n = recv(fd, bytes, strlen(text), MSG_WAITALL);

    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void reset(int fd)
{
    struct linger off = {.l_onoff = 1};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof off), 0);
    close(fd);
}

/* ---- tests ---- */

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f);
    struct session *session = &f->sessions[0];
    char text[48];

    session->echo = true;
    say(fd, "EHLO there\r\n");
    TURN_WHILE(f->rt, session->got.len < 12);
    hear(fd, "EHLO there\r\n");
    assert_slice_equal(gp__ip_format(&session->conn->peer.ip, text), "127.0.0.1");
    assert_slice_equal(gp__ip_format(&session->conn->local.ip, text), "127.0.0.1");
    assert_true(session->conn->peer.port > 0 && session->conn->local.port > 0);
    assert_int_equal(gp__conn_unsent(session->conn), 0);
    close(fd);
    TURN_WHILE(f->rt, !session->eofs);
    assert_int_equal(session->errors, 0);
}

static void test_ipv6_any(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct gp__endpoint endpoint;
    char text[48];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    serve(f, (struct gp__listen_options){.address = GP_S("*:0"), .reuse_port = true});
    assert_int_equal(gp__listen_endpoint(f->fd, &endpoint), 0);
    v4.sin_port = htons(endpoint.port);
    assert_int_equal(connect(fd, (struct sockaddr *)&v4, sizeof v4), 0);
    TURN_WHILE(f->rt, f->accepted < 1);
    assert_slice_equal(gp__ip_format(&f->sessions[0].conn->peer.ip, text), "127.0.0.1");
    assert_int_equal(f->sessions[0].conn->local.ip.family, 4);
    close(fd);
}

static void test_pause(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f), other;
    struct session *session = &f->sessions[0];

    gp__conn_pause(session->conn);
    say(fd, "early");
    other = open_session(f); /* a turn in which it could have been read */
    say(other, "x");
    TURN_WHILE(f->rt, f->sessions[1].got.len < 1);
    assert_int_equal(session->reads, 0);
    gp__conn_resume(session->conn);
    TURN_WHILE(f->rt, session->got.len < 5);
    close(fd);
    close(other);
}

static void test_slow_reader(void **state)
{
    enum { CHUNK = 60000 };
    struct fixture *f = *state;
    int fd = serve_local(f), writes = 0, result;
    struct session *session = &f->sessions[0];
    static char chunk[CHUNK];
    size_t total = 0;

    while ((result = gp__conn_write(session->conn, gp_slice(chunk, CHUNK))) == 1)
        assert_true(++writes < 1000);
    assert_int_equal(result, 0);
    assert_int_equal(gp__conn_write(session->conn, GP_S("tail")), 0);
    total = (size_t)(writes + 1) * CHUNK + 4;
    while (!session->drains) {
        char bytes[CHUNK];
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

        total -= n > 0 ? (size_t)n : 0;
        gp__live_wakeup(f->rt);
        gp__live_turn(f->rt);
    }
    assert_int_equal(gp__conn_unsent(session->conn), 0);
    while (total > 0) {
        char bytes[CHUNK];
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);

        assert_true(n > 0 && (size_t)n <= total);
        total -= (size_t)n;
    }
    assert_int_equal(session->drains, 1);
    close(fd);
}

static void test_unsent_is_bounded(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f), writes = 0, result;
    static char chunk[50000];

    while ((result = gp__conn_write(f->sessions[0].conn, gp_slice(chunk, sizeof chunk))) >= 0)
        assert_true(++writes < 10000);
    assert_true(gp__conn_unsent(f->sessions[0].conn) <= GP__CONN_UNSENT_MAX);
    assert_int_equal(gp__conn_write(f->sessions[0].conn, GP_S("x")), -1);
    close(fd);
}

/* The last reply arrives although the client had more to say, which a plain close would answer
 * with a reset. */
static void test_finish_lets_the_reply_arrive(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f);
    struct session *session = &f->sessions[0];
    char bytes[8];

    gp__conn_pause(session->conn);
    say(fd, "lots of pipelined commands nobody wants");
    assert_int_equal(gp__conn_write(session->conn, GP_S("421 bye\r\n")), 1);
    gp__conn_finish(session->conn);
    assert_int_equal(gp__conn_write(session->conn, GP_S("x")), -1);
    hear(fd, "421 bye\r\n");
    assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 0);
    assert_int_equal(session->closed, 0);
    close(fd);
    TURN_WHILE(f->rt, !session->closed);
    assert_int_equal(session->closed, 1);
    assert_int_equal(session->reads + session->eofs + session->errors, 0);
}

static void test_finish_after_eof(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f);
    struct session *session = &f->sessions[0];

    shutdown(fd, SHUT_WR);
    TURN_WHILE(f->rt, !session->eofs);
    assert_true(gp__conn_gone(session->conn));
    assert_int_equal(gp__conn_write(session->conn, GP_S("221 bye\r\n")), 1);
    gp__conn_finish(session->conn);
    TURN_WHILE(f->rt, !session->closed);
    hear(fd, "221 bye\r\n");
    close(fd);
}

static void test_finish_is_bounded(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f);
    struct session *session = &f->sessions[0];
    static char flood[64 << 10];

    gp__conn_finish(session->conn);
    while (!session->closed) {
        ssize_t n = send(fd, flood, sizeof flood, MSG_DONTWAIT | MSG_NOSIGNAL);

        assert_true(n > 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
        gp__live_wakeup(f->rt);
        gp__live_turn(f->rt);
    }
    close(fd);
}

static void test_reset(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f);
    struct session *session = &f->sessions[0];

    assert_false(gp__conn_gone(session->conn));
    reset(fd);
    TURN_WHILE(f->rt, !session->errors);
    assert_int_equal(gp__conn_write(session->conn, GP_S("x")), -1);
    assert_true(gp__conn_gone(session->conn));
    gp__conn_finish(session->conn);
    TURN_WHILE(f->rt, !session->closed);
    assert_int_equal(session->errors, 1);
    assert_int_equal(session->eofs, 0);
}

static void test_gone_while_paused(void **state)
{
    struct fixture *f = *state;
    int fd = serve_local(f);
    struct session *session = &f->sessions[0];

    gp__conn_pause(session->conn);
    say(fd, "unread");
    assert_false(gp__conn_gone(session->conn));
    close(fd);
    assert_true(gp__conn_gone(session->conn));
    assert_int_equal(session->reads + session->eofs, 0);
}

static void test_ignored_connection_is_closed(void **state)
{
    struct fixture *f = *state;
    char byte;
    int fd;

    f->ignore = true;
    fd = serve_local(f);
    gp__live_wakeup(f->rt);
    gp__live_turn(f->rt);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload");
}

/* Out of descriptors: one client is told, the others wait until there are some again. */
static void test_shortage(void **state)
{
    struct fixture *f = *state;
    int fds[3], highest;
    struct rlimit before, few;

    if (under_valgrind())
        skip(); /* it keeps descriptors, and a limit, of its own */
    serve(f, (struct gp__listen_options){.address = GP_S("127.0.0.1:0")});
    for (int i = 0; i < 3; i++)
        fds[i] = dial(f->fd);
    highest = dup(fds[0]);
    close(highest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)highest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    TURN_WHILE(f->rt, f->warnings == 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    hear(fds[0], "421 4.3.2");
    assert_int_equal(f->accepted, 0);
    TURN_WHILE(f->rt, f->accepted < 2);
    assert_int_equal(f->warnings, 1);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void test_unix_socket(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char dir[64], address[96];
    const char *step;
    int fd, other;

    test_dir_make(dir);
    (void)snprintf(address, sizeof address, "unix:%s/lmtp", dir);
    serve(f, (struct gp__listen_options){.address = gp_slice_of(address), .unix_mode = 0660});
    assert_int_equal(stat(address + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    fd = open_session(f);
    f->sessions[0].echo = true;
    assert_int_equal(f->sessions[0].conn->peer.ip.family, 0);
    assert_true(f->sessions[0].conn->credentials.known);
    assert_int_equal(f->sessions[0].conn->credentials.uid, getuid());
    assert_int_equal(f->sessions[0].conn->credentials.gid, getgid());
    assert_int_equal(f->sessions[0].conn->credentials.pid, getpid());
    say(fd, "LHLO\r\n");
    TURN_WHILE(f->rt, f->sessions[0].got.len < 6);
    hear(fd, "LHLO\r\n");

    /* Somebody listens: the file stays. Nobody does: it is replaced. */
    const struct gp__listen_options again = {.address = gp_slice_of(address)};
    assert_int_equal(gp__listen_socket(&again, &other, &step), -1);
    assert_int_equal(errno, EADDRINUSE);
    gp__listener_stop(&f->listener);
    assert_int_equal(gp__listen_socket(&again, &other, &step), 0);
    assert_int_equal(stat(address + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(other);
    close(fd);

    /* A file that is no socket is nobody's to remove. */
    unlink(address + 5);
    close(open(address + 5, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(gp__listen_socket(&again, &other, &step), -1);
    assert_string_equal(step, "bind");
    test_dir_remove(dir);
}

/* Addresses of one link only, with the name or the number of its interface. */
static void test_zones(void **state)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 1};
    struct gp__endpoint endpoint;
    struct sockaddr_storage addr;
    struct gp__address address;
    char zone[GP__ZONE_MAX];

    (void)state;
    assert_int_equal(gp__address_parse(GP_S("[fe80::1%lo]:25"), &address), 0);
    assert_slice_equal(address.zone, "lo");
    assert_int_equal(address.endpoint.ip.family, 6);
    assert_int_equal(gp__address_find_zone(&address), 0);
    assert_slice_equal(gp__zone_name(address.endpoint.scope, zone), "lo");
    assert_int_not_equal(gp__endpoint_to_sockaddr(&address.endpoint, &addr), 0);
    assert_int_equal(((struct sockaddr_in6 *)&addr)->sin6_scope_id, address.endpoint.scope);
    gp__endpoint_from_sockaddr((struct sockaddr *)&in6, &endpoint);
    assert_int_equal(endpoint.scope, 1);
    assert_slice_equal(gp__zone_name(0, zone), "");
    assert_slice_equal(gp__zone_name(4000000000u, zone), "4000000000");
    assert_int_equal(gp__address_parse(GP_S("[fe80::1%nosuch0]:25"), &address), 0);
    assert_int_equal(gp__address_find_zone(&address), -1);
    assert_int_equal(gp__address_parse(GP_S("[fe80::1%]:25"), &address), -1);
    assert_int_equal(gp__address_parse(GP_S("[fe80::1%0123456789abcdef]:25"), &address), -1);
    assert_int_equal(gp__address_parse(GP_S("[%lo]:25"), &address), -1);
}

static void test_zone_is_served(void **state)
{
    struct fixture *f = *state;

    serve(f, (struct gp__listen_options){.address = GP_S("[::1%lo]:0")});
    close(open_session(f));
}

static void test_bad_addresses(void **state)
{
    static const char *const bad[] = {"",
                                      "25",
                                      "127.0.0.1",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "::1:25",
                                      "[::1]",
                                      "[::1:25",
                                      "mail.example.org:25",
                                      ":25",
                                      "unix:",
                                      "[127.0.0.1]:25",
                                      "127.0.0.1:-1"};
    struct gp__listen_options options = {.backlog = 1};
    const char *step;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.address = gp_slice_of(bad[i]);
        assert_int_equal(gp__listen_socket(&options, &fd, &step), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(fd, -1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_ipv6_any),
        TEST(test_pause),
        TEST(test_slow_reader),
        TEST(test_unsent_is_bounded),
        TEST(test_finish_lets_the_reply_arrive),
        TEST(test_finish_after_eof),
        TEST(test_finish_is_bounded),
        TEST(test_reset),
        TEST(test_gone_while_paused),
        TEST(test_ignored_connection_is_closed),
        TEST(test_shortage),
        TEST(test_unix_socket),
        TEST(test_zones),
        TEST(test_zone_is_served),
        TEST(test_bad_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

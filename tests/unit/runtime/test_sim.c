// SPDX-License-Identifier: Apache-2.0
/* The simulated world: its clock, chance, DNS, peers and clients. */
#include "test_support.h"

#include "core/runtime/sim.h"

static int setup(void **state)
{
    *state = gp__sim_create(1, NULL);
    return 0;
}

static int teardown(void **state)
{
    struct gp__runtime *rt = *state;

    gp__sim_free(&rt);
    gp__arena_pool_free();
    return 0;
}

/* ---- time ---- */

struct chime {
    struct gp__timer timer;
    struct gp__runtime *rt;
    uint64_t rang_at;
};

static void ring(struct gp__timer *timer)
{
    struct chime *chime = (struct chime *)timer;

    chime->rang_at = chime->rt->ops->now_ms(chime->rt);
}

static void test_clock(void **state)
{
    struct gp__runtime *rt = *state;
    struct chime a = {.timer = {.fn = ring}, .rt = rt}, b = a;

    assert_int_equal(rt->ops->now_ms(rt), 0);
    assert_int_equal(rt->ops->wall_ms(rt), INT64_C(1767225600000));
    rt->ops->timer_start(rt, &a.timer, 1000);
    rt->ops->timer_start(rt, &b.timer, 2000);
    gp__sim_advance(rt, 1500);
    assert_int_equal(a.rang_at, 1000);
    assert_int_equal(b.rang_at, 0);
    assert_int_equal(rt->ops->now_ms(rt), 1500);
    assert_int_equal(rt->ops->now_ns(rt), 1500000000);
    assert_false(gp__sim_run(rt, 100));
    assert_int_equal(rt->ops->now_ms(rt), 1600);
    assert_true(gp__sim_run(rt, 86400000));
    assert_int_equal(b.rang_at, 2000);
    assert_int_equal(rt->ops->now_ms(rt), 2000);
    assert_int_equal(rt->ops->wall_ms(rt), INT64_C(1767225602000));
}

static void test_chance_is_seeded(void **state)
{
    struct gp__runtime *a = gp__sim_create(7, NULL), *b = gp__sim_create(7, NULL);
    struct gp__runtime *c = gp__sim_create(8, NULL);
    char x[32], y[32], z[32];

    (void)state;
    a->ops->random(a, x, sizeof x);
    b->ops->random(b, y, sizeof y);
    c->ops->random(c, z, sizeof z);
    assert_memory_equal(x, y, sizeof x);
    assert_memory_not_equal(x, z, sizeof x);
    gp__sim_free(&a);
    gp__sim_free(&b);
    gp__sim_free(&c);
}

struct sleeper {
    struct gp_op op;
    uint64_t woke_at;
};

static void sleeper_main(void *arg)
{
    struct sleeper *sleeper = arg;
    struct gp__runtime *rt = sleeper->op.runtime;

    rt->ops->sleep(rt, &sleeper->op, 60000);
    sleeper->op.waiter = rt->ops->fiber(rt);
    while (!sleeper->op.done)
        rt->ops->park(rt);
    sleeper->woke_at = rt->ops->now_ms(rt);
}

static void ignore(void *arg)
{
    (void)arg;
}

static void test_fiber_sleeps(void **state)
{
    struct gp__runtime *rt = *state;
    struct sleeper sleeper = {.op = test_op(rt, NULL)};

    assert_int_equal(rt->ops->run(rt, sleeper_main, ignore, &sleeper, 0), 0);
    gp__sim_advance(rt, 59999);
    assert_int_equal(sleeper.woke_at, 0);
    gp__sim_advance(rt, 1);
    assert_int_equal(sleeper.woke_at, 60000);
    assert_true(gp__sim_called(rt, GP_S("sleep 60000")));
    assert_false(gp__sim_called(rt, GP_S("sleep 6000")));
}

static void add_one(void *block)
{
    ++*(int *)block;
}

static void test_work_and_descriptors(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_op work = test_op(rt, NULL), gone = test_op(rt, NULL), fd = test_op(rt, NULL);
    int block = 1, other = 1;

    rt->ops->work(rt, &work, add_one, &block, sizeof block);
    rt->ops->work(rt, &gone, add_one, &other, sizeof other);
    rt->ops->wait_fd(rt, &fd, 99, GP_FD_READ);
    rt->ops->cancel(rt, &gone);
    assert_int_equal(block, 1);
    gp__sim_settle(rt);
    assert_int_equal(block, 2);
    assert_int_equal(other, 1);
    assert_int_equal(gone.result, GP_ECANCELED);
    assert_true(work.done && fd.done && fd.result == 0);
    assert_slice_equal(gp__sim_calls(rt), "work 4\nwork 4\nwait_fd 1\ncancel\n");
    gp__sim_calls_clear(rt);
    assert_int_equal(gp__sim_calls(rt).len, 0);
}

/* ---- DNS ---- */

static struct gp_op ask(struct gp__runtime *rt, struct gp__arena *arena, const char *name,
                        enum gp_dns_type type)
{
    struct gp_op op = test_op(rt, arena);

    rt->ops->dns(rt, &op, gp_slice_of(name), type);
    assert_false(op.done);
    assert_true(gp__sim_run(rt, 20000));
    assert_true(op.done);
    return op;
}

static void test_dns(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp__arena *arena = gp__arena_create();
    struct gp_op op;

    gp__sim_dns_add(rt, GP_S("example.org"), GP_DNS_MX, GP_S("mx1.example.org"), 10);
    gp__sim_dns_add(rt, GP_S("example.org"), GP_DNS_MX, GP_S("mx2.example.org"), 20);
    gp__sim_dns_add(rt, GP_S("www.example.org."), GP_DNS_CNAME, GP_S("example.org"), 0);
    gp__sim_dns_add(rt, GP_S("loop.example.org"), GP_DNS_CNAME, GP_S("loop.example.org"), 0);
    gp__sim_dns_secure(rt, GP_S("example.org"));
    gp__sim_dns_ttl(rt, GP_S("example.org"), 60);
    op = ask(rt, arena, "Example.ORG.", GP_DNS_MX);
    assert_int_equal(op.result, 0);
    assert_int_equal(op.dns->count, 2);
    assert_slice_equal(op.dns->records[1].text, "mx2.example.org");
    assert_int_equal(op.dns->records[1].preference, 20);
    assert_true(op.dns->secure);
    assert_int_equal(op.dns->ttl, 60);
    op = ask(rt, arena, "www.example.org", GP_DNS_MX);
    assert_int_equal(op.dns->count, 2);
    assert_false(op.dns->secure); /* the alias is not */
    op = ask(rt, arena, "www.example.org", GP_DNS_CNAME);
    assert_slice_equal(op.dns->records[0].text, "example.org");
    assert_int_equal(ask(rt, arena, "loop.example.org", GP_DNS_A).result, GP_ETEMP);
    op = ask(rt, arena, "example.org", GP_DNS_A);
    assert_int_equal(op.result, GP_ENOTFOUND);
    assert_false(op.dns->nxdomain);
    op = ask(rt, arena, "example.net", GP_DNS_A);
    assert_int_equal(op.result, GP_ENOTFOUND);
    assert_true(op.dns->nxdomain);
    assert_int_equal(ask(rt, arena, "not a name", GP_DNS_A).result, GP_EINVAL);
    assert_true(gp__sim_called(rt, GP_S("dns MX Example.ORG")));
    gp__arena_free(&arena);
}

static void test_dns_trouble(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp__arena *arena = gp__arena_create();
    struct gp_op slow = test_op(rt, arena);
    uint64_t before;

    gp__sim_dns_add(rt, GP_S("a.example"), GP_DNS_A, GP_S("192.0.2.1"), 0);
    gp__sim_dns_outcome(rt, GP_S("a.example"), GP_DNS_AAAA, GP__SIM_DNS_SERVFAIL);
    gp__sim_dns_outcome(rt, GP_S("b.example"), 0, GP__SIM_DNS_BOGUS);
    gp__sim_dns_outcome(rt, GP_S("c.example"), 0, GP__SIM_DNS_TIMEOUT);
    gp__sim_dns_delay(rt, GP_S("a.example"), 700);
    assert_int_equal(ask(rt, arena, "a.example", GP_DNS_AAAA).result, GP_ETEMP);
    before = rt->ops->now_ms(rt);
    assert_int_equal(ask(rt, arena, "a.example", GP_DNS_A).result, 0);
    assert_int_equal(rt->ops->now_ms(rt), before + 700);
    assert_int_equal(ask(rt, arena, "b.example", GP_DNS_A).result, GP_ETEMP);
    before = rt->ops->now_ms(rt);
    assert_int_equal(ask(rt, arena, "c.example", GP_DNS_A).result, GP_ETEMP);
    assert_int_equal(rt->ops->now_ms(rt), before + 10000);
    gp__sim_dns_outcome(rt, GP_S("c.example"), 0, GP__SIM_DNS_NODATA); /* replaces */
    assert_int_equal(ask(rt, arena, "c.example", GP_DNS_A).result, GP_ENOTFOUND);
    rt->ops->dns(rt, &slow, GP_S("a.example"), GP_DNS_A);
    rt->ops->cancel(rt, &slow);
    assert_true(gp__sim_run(rt, 20000));
    assert_int_equal(slow.result, GP_ECANCELED);
    gp__arena_free(&arena);
}

/* ---- peers ---- */

static struct gp_op dial(struct gp__runtime *rt, const char *address)
{
    struct gp_op op = test_op(rt, NULL);

    rt->ops->connect(rt, &op, gp_slice_of(address));
    gp__sim_settle(rt);
    return op;
}

static int read_some(struct gp__runtime *rt, struct gp_stream *stream, char *bytes, size_t size)
{
    struct gp_op op = test_op(rt, NULL);

    rt->ops->stream_read(rt, &op, stream, bytes, size);
    assert_true(gp__sim_run(rt, 20000));
    assert_true(op.done);
    return op.result;
}

static int write_all(struct gp__runtime *rt, struct gp_stream *stream, struct gp_slice bytes)
{
    struct gp_op op = test_op(rt, NULL);

    rt->ops->stream_write(rt, &op, stream, bytes);
    assert_true(op.done);
    return op.result;
}

static const struct gp__sim_step greet[] = {
    {GP__SIM_SEND, {"220 hi\r\n", 8}, 0},  {GP__SIM_EXPECT_LINE, {"EHLO ", 5}, 0},
    {GP__SIM_DELAY, {NULL, 0}, 1500},      {GP__SIM_SEND, {"250 ok\r\n", 8}, 0},
    {GP__SIM_SKIP, {"\r\n.\r\n", 5}, 0},   {GP__SIM_EXPECT, {"QUIT\r\n", 6}, 0},
    {GP__SIM_SEND, {"221 bye\r\n", 9}, 0},
};
#define N_GREET (sizeof greet / sizeof *greet)

static void test_peer(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_stream *stream;
    char bytes[64];

    gp__sim_peer(rt, GP_S("mx.example:25"), greet, N_GREET);
    stream = dial(rt, "mx.example:25").stream;
    assert_int_equal(read_some(rt, stream, bytes, 3), 3);
    assert_int_equal(read_some(rt, stream, bytes, sizeof bytes), 5);
    assert_int_equal(write_all(rt, stream, GP_S("EHLO us\r")), 0);
    assert_int_equal(write_all(rt, stream, GP_S("\n")), 0);
    assert_int_equal(read_some(rt, stream, bytes, sizeof bytes), 8);
    assert_int_equal(rt->ops->now_ms(rt), 1500);
    assert_int_equal(write_all(rt, stream, GP_S("any text\r\n.\r\nQUIT\r\n")), 0);
    assert_int_equal(read_some(rt, stream, bytes, sizeof bytes), 9);
    assert_int_equal(read_some(rt, stream, bytes, sizeof bytes), 0);
    rt->ops->stream_close(rt, stream);
    assert_int_equal(gp__sim_failures(rt).len, 0);
    assert_true(gp__sim_called(rt, GP_S("connect mx.example:25")));
    assert_true(gp__sim_called(rt, GP_S("write mx.example:25 8")));
}

static void test_peer_is_disappointed(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_stream *stream;
    char bytes[64];

    gp__sim_peer(rt, GP_S("mx.example:25"), greet, N_GREET);
    stream = dial(rt, "mx.example:25").stream;
    write_all(rt, stream, GP_S("HELO us\r\n"));
    assert_int_equal(read_some(rt, stream, bytes, sizeof bytes), 8);
    assert_int_equal(read_some(rt, stream, bytes, sizeof bytes), 0);
    rt->ops->stream_close(rt, stream);
    assert_slice_equal(gp__sim_failures(rt),
                       "mx.example:25 step 2: expected \"EHLO \", got \"HELO us\r\n\"\n");
}

static void test_peer_is_left_waiting(void **state)
{
    struct gp__runtime *rt = *state;
    struct gp_stream *stream;

    gp__sim_peer(rt, GP_S("mx.example:25"), greet, N_GREET);
    stream = dial(rt, "mx.example:25").stream;
    rt->ops->stream_close(rt, stream);
    assert_slice_equal(gp__sim_failures(rt), "mx.example:25 step 2: \"EHLO \" never came\n");
}

static void test_peer_misbehaves(void **state)
{
    static const struct gp__sim_step refuse[] = {{GP__SIM_REFUSE, {NULL, 0}, 0}};
    static const struct gp__sim_step breaks[] = {
        {GP__SIM_SEND, {"x", 1}, 0}, {GP__SIM_DELAY, {NULL, 0}, 5}, {GP__SIM_RESET, {NULL, 0}, 0}};
    static const struct gp__sim_step quiet[] = {{GP__SIM_SEND, {"x", 1}, 0},
                                                {GP__SIM_HANG, {NULL, 0}, 0}};
    static const struct gp__sim_step hang[] = {{GP__SIM_HANG, {NULL, 0}, 0}};
    struct gp__runtime *rt = *state;
    struct gp_op op, read = test_op(rt, NULL);
    char bytes[8];

    gp__sim_peer(rt, GP_S("h:1"), refuse, 1);
    gp__sim_peer(rt, GP_S("h:1"), breaks, 3);
    gp__sim_peer(rt, GP_S("h:1"), hang, 1);
    assert_int_equal(dial(rt, "h:2").result, GP_ETEMP);
    assert_int_equal(dial(rt, "h:1").result, GP_ETEMP);
    op = dial(rt, "h:1");
    assert_int_equal(read_some(rt, op.stream, bytes, 8), 1);
    assert_int_equal(read_some(rt, op.stream, bytes, 8), GP_ECLOSED);
    assert_int_equal(write_all(rt, op.stream, GP_S("y")), GP_ECLOSED);
    rt->ops->stream_close(rt, op.stream);
    for (int i = 0; i < 2; i++) {
        struct gp_op hung = test_op(rt, NULL);

        rt->ops->connect(rt, &hung, GP_S("h:1"));
        assert_true(gp__sim_run(rt, 1000000));
        assert_false(hung.done);
        rt->ops->cancel(rt, &hung);
        assert_int_equal(hung.result, GP_ECANCELED);
    }
    gp__sim_peer(rt, GP_S("h:3"), quiet, 2);
    op = dial(rt, "h:3");
    assert_int_equal(read_some(rt, op.stream, bytes, 8), 1);
    rt->ops->stream_read(rt, &read, op.stream, bytes, 8);
    rt->ops->cancel(rt, &read);
    assert_int_equal(read.result, GP_ECANCELED);
    rt->ops->stream_close(rt, op.stream);
}

/* ---- clients ---- */

struct session {
    struct gp__conn *conn;
    char got[256];
    size_t len;
    int reads, eofs, errors, drains, closed;
};

static void on_read(struct gp__conn *conn, struct gp_slice bytes)
{
    struct session *session = conn->user;

    memcpy(session->got + session->len, bytes.data, bytes.len);
    session->len += bytes.len;
    session->reads++;
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
    ((struct session *)conn->user)->closed++;
}

static const struct gp__conn_events events = {
    .read = on_read, .eof = on_eof, .error = on_error, .drain = on_drain, .closed = on_closed};

static struct gp__sim_client *accept_client(struct gp__runtime *rt, struct session *session)
{
    const struct gp__endpoint peer = {.ip = {.family = 4, .bytes = {192, 0, 2, 1}}, .port = 4025};
    const struct gp__endpoint local = {.ip = {.family = 4, .bytes = {192, 0, 2, 2}}, .port = 25};
    struct gp__sim_client *client = gp__sim_connect(rt, &peer, &local);

    session->conn = gp__sim_client_conn(client);
    session->conn->events = &events;
    session->conn->user = session;
    return client;
}

static void test_client_talks(void **state)
{
    struct gp__runtime *rt = *state;
    struct session session = {0};
    struct gp__sim_client *client = accept_client(rt, &session);

    assert_int_equal(session.conn->peer.port, 4025);
    gp__sim_client_send(client, GP_S("early"));
    assert_int_equal(session.reads, 0);
    gp__conn_resume(session.conn);
    assert_int_equal(session.reads, 0); /* never from within a call */
    gp__sim_settle(rt);
    assert_int_equal(session.reads, 1);
    gp__sim_client_send_pieces(client, GP_S("hello"), 2);
    assert_int_equal(session.reads, 4);
    assert_slice_equal(gp_slice(session.got, session.len), "earlyhello");
    assert_int_equal(gp__conn_write(session.conn, GP_S("250 ok\r\n")), 1);
    assert_slice_equal(gp__sim_client_output(client), "250 ok\r\n");
    gp__sim_client_take(client, 8);
    assert_int_equal(gp__sim_client_output(client).len, 0);
    gp__sim_client_eof(client);
    assert_int_equal(session.eofs, 1);
    assert_true(gp__conn_gone(session.conn));
    gp__conn_finish(session.conn);
    gp__sim_settle(rt);
    assert_int_equal(session.closed, 1);
    assert_true(gp__sim_client_closed(client));
    assert_null(gp__sim_client_conn(client));
    gp__sim_client_send(client, GP_S("late")); /* into the void */
}

static void test_client_reads_slowly(void **state)
{
    struct gp__runtime *rt = *state;
    struct session session = {0};
    struct gp__sim_client *client = accept_client(rt, &session);

    gp__sim_client_window(client, 4);
    assert_int_equal(gp__conn_write(session.conn, GP_S("0123456789")), 0);
    assert_int_equal(gp__conn_unsent(session.conn), 6);
    assert_slice_equal(gp__sim_client_output(client), "0123");
    gp__sim_client_window(client, 4);
    assert_int_equal(session.drains, 0);
    gp__sim_client_window(client, 4);
    assert_int_equal(session.drains, 1);
    assert_slice_equal(gp__sim_client_output(client), "0123456789");
    gp__sim_client_window(client, 0);
    assert_int_equal(gp__conn_write(session.conn, GP_S("bye")), 0);
    gp__conn_finish(session.conn);
    gp__sim_advance(rt, 60000);
    assert_false(gp__sim_client_eof_seen(client));
    gp__sim_client_window(client, SIZE_MAX);
    assert_true(gp__sim_client_eof_seen(client));
    assert_int_equal(session.closed, 0);
    gp__sim_advance(rt, GP__CONN_LINGER_MS);
    assert_int_equal(session.closed, 1);
    assert_int_equal(session.drains, 1);
}

static void test_client_breaks(void **state)
{
    struct gp__runtime *rt = *state;
    struct session session = {0};
    struct gp__sim_client *client = accept_client(rt, &session);

    gp__conn_resume(session.conn);
    gp__sim_client_reset(client);
    assert_int_equal(session.errors, 1);
    assert_int_equal(gp__conn_write(session.conn, GP_S("x")), -1);
    gp__conn_close(session.conn);
    gp__conn_close(session.conn);
    gp__sim_settle(rt);
    assert_int_equal(session.closed, 1);
    assert_int_equal(session.errors, 1);
}

static void test_open_connections_are_closed_at_the_end(void **state)
{
    struct gp__runtime *rt = gp__sim_create(1, NULL);
    struct session session = {0};

    (void)state;
    (void)accept_client(rt, &session);
    gp__sim_free(&rt);
    assert_int_equal(session.closed, 1);
}

/* ---- lanes ---- */

struct work {
    struct gp__lane *lane;
    char trace[16];
};

static void lane_run(void *arg)
{
    struct work *work = arg;

    strcat(work->trace, "r");
    work->lane->runtime->ops->lane_report(work->lane);
}

static void lane_collect(void *arg)
{
    strcat(((struct work *)arg)->trace, "c");
}

static void test_lane(void **state)
{
    struct gp__runtime *rt = *state;
    struct work work = {.trace = ""};

    work.lane = rt->ops->lane_open(rt, lane_run, lane_collect, &work);
    rt->ops->lane_kick(work.lane);
    rt->ops->lane_kick(work.lane);
    assert_string_equal(work.trace, "");
    gp__sim_settle(rt);
    assert_string_equal(work.trace, "rc");
    rt->ops->lane_kick(work.lane);
    rt->ops->lane_close(&work.lane);
    assert_string_equal(work.trace, "rcr");
    gp__sim_settle(rt);
    assert_string_equal(work.trace, "rcr");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_clock),
        TEST(test_chance_is_seeded),
        TEST(test_fiber_sleeps),
        TEST(test_work_and_descriptors),
        TEST(test_lane),
        TEST(test_dns),
        TEST(test_dns_trouble),
        TEST(test_peer),
        TEST(test_peer_is_disappointed),
        TEST(test_peer_is_left_waiting),
        TEST(test_peer_misbehaves),
        TEST(test_client_talks),
        TEST(test_client_reads_slowly),
        TEST(test_client_breaks),
        TEST(test_open_connections_are_closed_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* Messages between processes: whole, in order, with their descriptors, when the other end is slow,
 * speaks nonsense or goes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/hook/runtime.h"
#include "core/process/channel.h"
#include "core/runtime/live.h"

struct world {
    struct gp__runtime *rt;
    struct gp__channel *channel;
    int other;
    unsigned messages, closed;
    uint32_t last_id;
    size_t bytes, fds;
    bool close_on_message;
};

static void on_message(void *arg, struct gp__message *message)
{
    struct world *world = arg;

    assert_int_equal(message->id, world->messages);
    world->messages++;
    world->last_id = message->id;
    world->bytes += message->body.len;
    world->fds += message->n_fds;
    if (world->close_on_message)
        gp__channel_close(&world->channel);
}

static void on_closed(void *arg)
{
    struct world *world = arg;

    world->closed++;
    gp__channel_close(&world->channel);
}

static int setup(void **state)
{
    static struct world world;
    struct gp__channel_user user = {.message = on_message, .closed = on_closed, .arg = &world};
    int ends[2];

    world = (struct world){.rt = gp__live_create(NULL, NULL)};
    if (gp__channel_pair(ends) < 0)
        return -1;
    world.channel = gp__channel_open(world.rt, ends[0], &user);
    world.other = ends[1];
    *state = &world;
    return world.channel ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *world = *state;

    gp__channel_close(&world->channel);
    if (world->other >= 0)
        close(world->other);
    gp__live_free(&world->rt);
    return 0;
}

static void test_in_order(void **state)
{
    struct world *world = *state;
    char body[GP__MESSAGE_BODY_MAX] = "x";
    struct gp__message message = {.body = gp_slice(body, 0)};

    for (message.id = 0; message.id < 3; message.id++) {
        assert_int_equal(gp__message_put(world->other, &message), 0);
        message.body.len = message.id == 0 ? 1 : sizeof body;
    }
    message.body.len = sizeof body + 1;
    assert_int_equal(gp__message_put(world->other, &message), -1);
    while (world->messages < 3)
        gp__live_turn(world->rt);
    assert_int_equal(world->bytes, 1 + sizeof body);
}

static void test_descriptors(void **state)
{
    struct world *world = *state;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct gp__message message = {.fds = {null, null, null, null}, .n_fds = GP__MESSAGE_FDS_MAX};

    assert_int_equal(gp__message_put(world->other, &message), 0);
    while (world->messages < 1)
        gp__live_turn(world->rt);
    assert_int_equal(world->fds, GP__MESSAGE_FDS_MAX);
    message.n_fds++;
    assert_int_equal(gp__message_put(world->other, &message), -1);
    close(null);
}

/* What does not fit into the socket waits, with its descriptor although the sender closed it. */
static void test_slow_reader(void **state)
{
    struct world *world = *state;
    char body[30000] = "x";
    struct gp__buf place = {.limit = 0};
    struct gp__message message = {.body = gp_slice(body, sizeof body), .n_fds = 1}, got;
    unsigned n = 200, fds = 0;

    for (unsigned i = 0; i < n; i++) {
        message.id = i;
        message.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(gp__channel_send(world->channel, &message), 0);
        close(message.fds[0]);
    }
    fcntl(world->other, F_SETFL, O_NONBLOCK);
    for (unsigned i = 0; i < n;) {
        if (gp__message_get(world->other, &place, &got) != 1) {
            gp__live_turn(world->rt);
            continue;
        }
        assert_int_equal(got.id, i++);
        assert_int_equal(got.body.len, sizeof body);
        assert_true(fcntl(got.fds[0], F_GETFD) == FD_CLOEXEC);
        fds += (unsigned)got.n_fds;
        gp__message_close_fds(&got);
    }
    assert_int_equal(fds, n);
    gp__buf_free(&place);
}

static void test_reader_that_never_reads(void **state)
{
    struct world *world = *state;
    char body[1000] = "x";
    struct gp__message message = {.body = gp_slice(body, sizeof body)};
    unsigned sent = 0;

    while (gp__channel_send(world->channel, &message) == 0)
        assert_in_range(++sent, 0, GP__CHANNEL_QUEUE_MAX + 2000);
    assert_true(sent >= GP__CHANNEL_QUEUE_MAX);
    while (!world->closed)
        gp__live_turn(world->rt);
    assert_int_equal(world->closed, 1);
}

static void test_other_end_goes(void **state)
{
    struct world *world = *state;
    struct gp__message message = {.id = 0};

    assert_int_equal(gp__message_put(world->other, &message), 0);
    close(world->other);
    world->other = -1;
    while (!world->closed)
        gp__live_turn(world->rt);
    assert_int_equal(world->messages, 1);
}

static void test_last_words(void **state)
{
    struct world *world = *state;
    struct gp__message message = {.id = 0};

    for (; message.id < 100; message.id++)
        assert_int_equal(gp__message_put(world->other, &message), 0);
    close(world->other);
    world->other = -1;
    gp__channel_read_rest(world->channel);
    assert_int_equal(world->messages, 100);
    while (!world->closed)
        gp__live_turn(world->rt);
}

/* The other end goes with something of ours unread: what it said before is heard, whether we notice
 * it by reading or by writing. */
static void test_gone_with_something_unread(void **state)
{
    for (int writes = 0; writes < 2; writes++) {
        struct world *world = *state;
        struct gp__message message = {.id = 0}, unread = {.id = 7};

        assert_int_equal(gp__channel_send(world->channel, &unread), 0);
        for (; message.id < 3; message.id++)
            assert_int_equal(gp__message_put(world->other, &message), 0);
        close(world->other);
        world->other = -1;
        if (writes)
            assert_int_equal(gp__channel_send(world->channel, &unread), -1);
        while (!world->closed)
            gp__live_turn(world->rt);
        assert_int_equal(world->messages, 3);
        assert_int_equal(world->closed, 1);
        teardown(state);
        assert_int_equal(setup(state), 0);
    }
}

static void test_nonsense(void **state)
{
    struct world *world = *state;

    assert_int_equal(send(world->other, "abc", 3, 0), 3);
    while (!world->closed)
        gp__live_turn(world->rt);
    assert_int_equal(world->messages, 0);
}

static void test_closed_by_its_user(void **state)
{
    struct world *world = *state;
    struct gp__message message = {.id = 0};

    world->close_on_message = true;
    assert_int_equal(gp__message_put(world->other, &message), 0);
    message.id = 1;
    assert_int_equal(gp__message_put(world->other, &message), 0);
    while (world->messages < 1)
        gp__live_turn(world->rt);
    assert_null(world->channel);
    assert_int_equal(world->messages, 1);
    assert_int_equal(world->closed, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_in_order),
        TEST(test_descriptors),
        TEST(test_slow_reader),
        TEST(test_reader_that_never_reads),
        TEST(test_other_end_goes),
        TEST(test_last_words),
        TEST(test_nonsense),
        TEST(test_closed_by_its_user),
        TEST(test_gone_with_something_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

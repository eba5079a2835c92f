// SPDX-License-Identifier: Apache-2.0
/*
 * Messages that are larger than the memory of a session: they go to a file while they come in, and
 * reach the target byte for byte, whatever waits, fails or leaves meanwhile.
 */
#include "world.h"

#define SPILLING CONFIG "memory: {message: 64KiB, spill_to: /spill}\n"
#define LINES 4000 /* of 77 bytes: four times the memory and more */

static enum gp_verdict on_body(struct gp_call *call)
{
    struct gp_slice chunk = gp_body_chunk(call);

    gp__buf_append(&seen.body, chunk);
    seen.last_chunks += chunk.len == 0;
    return GP_NEXT;
}

/* A message whose lines all differ; some begin with dots, which DATA doubles. */
static void make(struct gp__buf *message, struct gp__buf *wire, unsigned lines)
{
    struct gp_slice head = GP_S("From: a@example.com\r\nSubject: large\r\n\r\n");

    *message = *wire = (struct gp__buf){.limit = 0};
    gp__buf_append(message, head);
    gp__buf_append(wire, head);
    for (unsigned i = 0; i < lines; i++) {
        const char *dot = i % 5 ? "" : ".";

        gp__buf_printf(message, "%s%08u %66u\r\n", dot, i, i * 2654435761u);
        gp__buf_printf(wire, "%s%s%08u %66u\r\n", dot, dot, i, i * 2654435761u);
    }
    gp__buf_append(wire, GP_S(".\r\n"));
}

static struct gp_slice body_of(const struct gp__buf *message)
{
    struct gp_slice all = gp__buf_slice(message);

    return gp_slice_sub(all, gp_slice_search(all, GP_S("\r\n\r\n")) + 4, all.len);
}

/* The nth file that the target has. */
static void check_delivered(const struct world *world, size_t nth, const struct gp__buf *message)
{
    struct gp_slice name = gp__sim_file_name(world->rt, GP_S("/box/new"), nth), bytes;

    assert_true(gp_slice_present(name));
    assert_int_equal(gp__sim_file_get(world->rt, name, &bytes), 0);
    assert_true(gp_slice_ends(bytes, gp__buf_slice(message)));
}

static unsigned count_calls(const struct world *world, const char *what)
{
    struct gp_slice rest = gp__sim_calls(world->rt);
    unsigned n = 0;

    while (rest.len)
        n += gp_slice_starts(gp_slice_split(&rest, '\n'), gp_slice_of(what));
    return n;
}

static void begin(struct world *world)
{
    world_connect(world);
    say(world, HELLO);
    say(world, MAIL);
    say(world, RCPT);
    assert_replies(world, 0, "220 250 250 250");
}

/* ---- DATA ---- */

static const struct {
    size_t piece;
    unsigned lines;
    uint64_t headers_ms, file_ms;
} ways[] = {
    {SIZE_MAX, LINES, 0, 0},  {SIZE_MAX, LINES, 1000, 0},
    {SIZE_MAX, LINES, 0, 10}, {SIZE_MAX, LINES, 1000, 10},
    {4096, LINES, 0, 10},     {4096, LINES, 1000, 0},
    {1, 1000, 0, 0},          {7, 1000, 1000, 10},
};

static void send_in_pieces(struct world *world, const struct gp__buf *wire, size_t piece)
{
    struct gp_slice bytes = gp__buf_slice(wire);

    gp__sim_client_send_pieces(world->client, bytes, piece < bytes.len ? piece : bytes.len);
}

static void check_data(size_t way)
{
    struct world *world = world_create(SPILLING, ON(HEADERS) | ON(BODY) | OBSERVERS);
    struct gp__buf message, wire;

    print_message("pieces of %zu, headers wait %d ms, files %d ms\n", ways[way].piece,
                  (int)ways[way].headers_ms, (int)ways[way].file_ms);
    make(&message, &wire, ways[way].lines);
    gp__buf_append(&wire, GP_S("RSET\r\nNOOP\r\n"));
    seen.sleep_ms[GP_HOOK_HEADERS] = ways[way].headers_ms;
    seen.fn[GP_HOOK_BODY] = on_body;
    begin(world);
    gp__sim_file_delay(world->rt, ways[way].file_ms);
    say(world, "DATA\r\n");
    send_in_pieces(world, &wire, ways[way].piece);
    assert_replies(world, 60000, "354 250 250 250");
    assert_true(count_calls(world, "file spill") >= 1);
    check_delivered(world, 0, &message);
    assert_true(gp_slice_eq(gp__buf_slice(&seen.body), body_of(&message)));
    assert_int_equal(seen.last_chunks, 1);
    gp__buf_free(&message);
    gp__buf_free(&wire);
    world_free(&world);
}

static void test_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++)
        check_data(i);
}

/* ---- faults ---- */

static void check_fault(unsigned nth, int error, const char *code)
{
    struct world *world = world_create(SPILLING, ON(BODY) | OBSERVERS);
    struct gp__buf message, wire;
    char expected[16];

    make(&message, &wire, LINES);
    begin(world);
    gp__sim_file_delay(world->rt, 5);
    gp__sim_file_fault(world->rt, GP__FILE_SPILL, nth, error);
    say(world, "DATA\r\n");
    send_in_pieces(world, &wire, 8192);
    snprintf(expected, sizeof expected, "354 %s", code);
    assert_replies(world, 60000, expected);
    assert_int_equal(world_files(world, "/box"), 0);
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    /* The next message finds nothing of it. */
    gp__buf_clear(&seen.body);
    seen.fn[GP_HOOK_BODY] = on_body;
    say(world, MAIL);
    say(world, RCPT);
    say(world, "DATA\r\n");
    send_in_pieces(world, &wire, 8192);
    assert_replies(world, 60000, "250 250 354 250");
    check_delivered(world, 0, &message);
    assert_true(gp_slice_eq(gp__buf_slice(&seen.body), body_of(&message)));
    gp__buf_free(&message);
    gp__buf_free(&wire);
    world_free(&world);
}

static void test_faults(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 4; nth++) {
        check_fault(nth, GP_ENOSPC, "452");
        check_fault(nth, GP_EIO, "451");
    }
}

/* ---- BDAT ---- */

static void send_chunk(struct world *world, struct gp_slice bytes, bool last)
{
    char line[64];

    snprintf(line, sizeof line, "BDAT %zu%s\r\n", bytes.len, last ? " LAST" : "");
    say(world, line);
    gp__sim_client_send(world->client, bytes);
    gp__sim_advance(world->rt, 3000);
}

/* In chunks of the size, the last one empty; up to `most` bytes, without the last. */
static void send_chunks(struct world *world, const struct gp__buf *message, size_t size,
                        size_t most)
{
    struct gp_slice rest = gp_slice_sub(gp__buf_slice(message), 0, most);

    for (size_t at = 0; at < rest.len; at += size)
        send_chunk(world, gp_slice_sub(rest, at, size), false);
    if (most == SIZE_MAX)
        send_chunk(world, gp_slice("", 0), true);
}

static void check_chunks(size_t size, const char *interrupted_by)
{
    struct world *world = world_create(SPILLING, ON(HEADERS) | ON(BODY) | OBSERVERS);
    struct gp__buf message, wire;

    print_message("chunks of %zu, %s", size, interrupted_by ? interrupted_by : "\n");
    make(&message, &wire, LINES);
    seen.sleep_ms[GP_HOOK_HEADERS] = 1000;
    seen.fn[GP_HOOK_BODY] = on_body;
    begin(world);
    gp__sim_file_delay(world->rt, 10);
    if (interrupted_by) {
        send_chunks(world, &message, size, 200000);
        say(world, interrupted_by);
        assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
        gp__buf_clear(&seen.body);
        seen.last_chunks = 0;
        say(world, MAIL);
        say(world, RCPT);
    }
    send_chunks(world, &message, size, SIZE_MAX);
    replies(world, 0);
    check_delivered(world, 0, &message);
    assert_int_equal(world_files(world, "/box/new"), 1);
    assert_true(gp_slice_eq(gp__buf_slice(&seen.body), body_of(&message)));
    assert_int_equal(seen.last_chunks, 1);
    gp__buf_free(&message);
    gp__buf_free(&wire);
    world_free(&world);
}

static void test_chunks(void **state)
{
    static const size_t sizes[] = {3000, 65536, 1000000};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        check_chunks(sizes[i], NULL);
        check_chunks(sizes[i], "RSET\r\n");
        check_chunks(sizes[i], HELLO);
    }
}

/* A message that ends within a line that is no field: it is the body, and the hooks see it. */
static void test_last_line_is_body(void **state)
{
    struct world *world = world_create(CONFIG, ON(BODY) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_BODY] = on_body;
    begin(world);
    send_chunk(world, GP_S("Subject: x\r\nno field, no end"), true);
    assert_replies(world, 0, "250");
    assert_true(gp_slice_eq(gp__buf_slice(&seen.body), GP_S("no field, no end")));
    assert_int_equal(seen.last_chunks, 1);
    world_free(&world);
}

/* ---- leaving ---- */

static void leave_while_spilling(bool stop, bool at_end)
{
    struct world *world = world_create(SPILLING, ON(BODY) | OBSERVERS);
    struct gp__buf message, wire;

    make(&message, &wire, 1200); /* what waits is less than what is kept: the break is seen */
    begin(world);
    gp__sim_file_delay(world->rt, 1000);
    say(world, "DATA\r\n");
    send_in_pieces(world, &wire, SIZE_MAX);
    /* Two blocks are written one after the other: the last one at the end of data. */
    gp__sim_advance(world->rt, at_end ? 1500 : 500);
    assert_true(world->server.clients->busy);
    if (stop)
        gp__server_stop(&world->server, true);
    else
        gp__sim_client_reset(world->client);
    gp__sim_advance(world->rt, 1);
    assert_int_equal(world->server.n_clients, 0);
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    assert_int_equal(world_files(world, "/box"), 0);
    gp__buf_free(&message);
    gp__buf_free(&wire);
    world_free(&world);
}

static void test_leaving(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        leave_while_spilling(i & 1, i & 2);
}

/* The file goes when the message is delivered, not when the session ends. */
static void test_file_is_given_back(void **state)
{
    struct world *world = world_create(SPILLING, OBSERVERS);
    struct gp__buf message, wire;

    (void)state;
    make(&message, &wire, LINES);
    begin(world);
    say(world, "DATA\r\n");
    send_in_pieces(world, &wire, SIZE_MAX);
    assert_replies(world, 0, "354 250");
    assert_null(world->server.clients->spill);
    gp__buf_free(&message);
    gp__buf_free(&wire);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data),    cmocka_unit_test(test_faults),
        cmocka_unit_test(test_chunks),  cmocka_unit_test(test_last_line_is_body),
        cmocka_unit_test(test_leaving), cmocka_unit_test(test_file_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

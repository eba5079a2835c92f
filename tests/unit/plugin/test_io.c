// SPDX-License-Identifier: Apache-2.0
/* Streams and files of a call over the simulated network and disk. */
#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

/* ---- streams ---- */

static void talks(struct kit *kit, struct gp_call *call)
{
    struct gp_stream *stream = NULL;
    struct gp_slice line;
    char bytes[4];

    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("peer.example:25"), &stream), 0);
    assert_int_equal(gp_stream_read_line(call, stream, 100, &line), 1);
    assert_slice(line, GP_S("220 hello"));
    assert_int_equal(gp_stream_write(call, stream, GP_S("PING\r\n")), 0);
    assert_int_equal(gp_stream_write(call, stream, GP_S("")), 0);
    assert_int_equal(gp_stream_read_line(call, stream, 100, &line), 1);
    assert_slice(line, GP_S("PONG"));
    assert_int_equal(gp_stream_read(call, stream, bytes, 4), 4);
    assert_memory_equal(bytes, "data", 4);
    assert_int_equal(gp_stream_read_line(call, stream, 100, &line), GP_ECLOSED); /* half a line */
    assert_int_equal(gp_stream_read(call, stream, bytes, 4), 4);
    assert_int_equal(gp_stream_read(call, stream, bytes, 4), 0);
    assert_clean(call);
    gp_stream_close(&stream);
    assert_null(stream);
    gp_stream_close(&stream);
    gp_stream_close(NULL);
}

static void long_lines(struct kit *kit, struct gp_call *call)
{
    struct gp_stream *stream;
    struct gp_slice line;

    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("long.example:25"), &stream), 0);
    assert_int_equal(gp_stream_read_line(call, stream, 4, &line), 1);
    assert_slice(line, GP_S("1234"));
    assert_int_equal(gp_stream_read_line(call, stream, 4, &line), GP_ELIMIT);
    assert_false(gp_slice_present(line));
    /* The call closes it. */
}

static void sends_message(struct kit *kit, struct gp_call *call)
{
    struct gp_stream *stream;

    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("sink.example:25"), &stream), 0);
    assert_int_equal(gp_stream_write_message(call, stream, gp_message(call)), 0);
    assert_int_equal(gp_stream_write_message(call, stream, NULL), GP_EINVAL);
    assert_fault(call, "no message");
}

static void refused(struct kit *kit, struct gp_call *call)
{
    struct gp_stream *stream = (struct gp_stream *)call;

    assert_int_equal(gp_connect(call, GP_S("refuse.example:25"), &stream), GP_ETEMP);
    assert_null(stream);
    assert_int_equal(gp_connect(call, GP_S(""), &stream), GP_EINVAL);
    assert_int_equal(gp_connect(call, gp_slice("a\0b:1", 5), &stream), GP_EINVAL);
    assert_clean(call);
    assert_int_equal(gp_connect(call, BAD, &stream), GP_EINVAL);
    assert_fault(call, "NULL with a length");
    assert_int_equal(gp_connect(call, GP_S("peer.example:25"), NULL), GP_EINVAL);
    assert_fault(call, "nowhere");
    assert_int_equal(gp_stream_write(call, NULL, GP_S("x")), GP_EINVAL);
    assert_fault(call, "no stream");
    kit->plugin.needs = 0;
    assert_int_equal(gp_connect(call, GP_S("peer.example:25"), &stream), GP_ENOTALLOWED);
    assert_fault(call, "gp_connect() needs GP_NEEDS_NETWORK");
    assert_int_equal(gp_wait_fd(call, 1, GP_FD_READ), GP_ENOTALLOWED);
    assert_fault(call, "gp_wait_fd() needs GP_NEEDS_NETWORK");
    kit->plugin.needs = KIT_NEEDS;
    assert_int_equal(gp_wait_fd(call, -1, GP_FD_READ), GP_EINVAL);
    assert_int_equal(gp_wait_fd(call, 1, 0), GP_EINVAL);
    assert_int_equal(gp_wait_fd(call, 1, 8), GP_EINVAL);
}

static struct gp_stream *kept;

static void keeps(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("peer.example:25"), &kept), 0);
    gp_stream_keep(kept);
}

static void uses_kept(struct kit *kit, struct gp_call *call)
{
    struct gp_slice line;

    (void)kit;
    assert_int_equal(gp_stream_read_line(call, kept, 100, &line), 1);
    assert_slice(line, GP_S("220 hello"));
    gp_stream_close(&kept);
}

/* A descriptor of a library of the plugin's own; the simulation finds each ready. */
static void waits_for_descriptors(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_wait_fd(call, 7, GP_FD_READ), 0);
    assert_int_equal(gp_wait_fd(call, 7, GP_FD_READ | GP_FD_WRITE), 0);
    assert_clean(call);
}

static void hangs(struct kit *kit, struct gp_call *call)
{
    struct gp_stream *stream;
    struct gp_slice line;

    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("hang.example:25"), &stream), 0);
    assert_int_equal(gp_stream_read_line(call, stream, 100, &line), GP_ETIMEDOUT);
    assert_int_equal(gp_stream_write(call, stream, GP_S("x")), GP_ETIMEDOUT);
}

/* Patience of its own: the call goes on, and may use the stream again. */
static void impatient(struct kit *kit, struct gp_call *call)
{
    uint64_t before = gp_now(call);
    struct gp_stream *stream;
    struct gp_slice line;

    assert_int_equal(gp_connect_within(call, GP_S("silent.example:25"), 500, &stream), GP_ETEMP);
    assert_null(stream);
    assert_int_equal(gp_now(call), before + 500);
    assert_int_equal(gp_connect_within(call, GP_S("slow.example:25"), 500, &stream), 0);
    gp_stream_timeout(NULL, 1);
    gp_stream_timeout(stream, 1000);
    assert_int_equal(gp_stream_read_line(call, stream, 100, &line), GP_ETEMP);
    assert_int_equal(gp_now(call), before + 1500);
    assert_int_equal(gp_stream_write(call, stream, GP_S("x")), 0);
    gp_stream_timeout(stream, 0);
    assert_int_equal(gp_stream_read_line(call, stream, 100, &line), 1);
    assert_slice(line, GP_S("late"));
    assert_int_equal(gp_now(call), before + 5000);
    assert_clean(call);
    assert_null(call->ops); /* nothing is left under way */
    (void)kit;
}

static void keeps_for_the_end(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_connect(call, GP_S("quit.example:25"), &kept), 0);
    gp_stream_keep(kept);
}

/* Where nobody may wait. */
static void says_goodbye(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_stream_write_now(kept, GP_S("QU")), 0);
    assert_int_equal(gp_stream_write_now(kept, GP_S("IT")), 0);
    assert_int_equal(gp_stream_write_now(kept, BAD), GP_EINVAL);
    assert_int_equal(gp_stream_write_now(NULL, GP_S("x")), GP_EINVAL);
    assert_clean(call);
    gp_stream_close(&kept);
}

static void peer(struct kit *kit, const char *address, const struct gp__sim_step *steps, size_t n)
{
    gp__sim_peer(kit->rt, gp_slice_of(address), steps, n);
}

static void test_streams(void **state)
{
    static const struct gp__sim_step talk[] = {
        {GP__SIM_SEND, {"220 hello\r\n", 11}, 0},
        {GP__SIM_EXPECT_LINE, {"PING", 4}, 0},
        {GP__SIM_SEND, {"PONG\n", 5}, 0},
        {GP__SIM_SEND, {"datahalf", 8}, 0},
    };
    static const struct gp__sim_step lines[] = {{GP__SIM_SEND, {"1234\r\n12345\r\n", 13}, 0}};
    static const struct gp__sim_step sink[] = {
        {GP__SIM_EXPECT, {KIT_MESSAGE, sizeof KIT_MESSAGE - 1}, 0}};
    static const struct gp__sim_step refuse[] = {{.type = GP__SIM_REFUSE}};
    static const struct gp__sim_step hang[] = {{GP__SIM_DELAY, {NULL, 0}, 1},
                                               {.type = GP__SIM_HANG}};
    static const struct gp__sim_step slow[] = {{GP__SIM_DELAY, {NULL, 0}, 4500},
                                               {GP__SIM_SEND, {"late\r\n", 6}, 0}};
    static const struct gp__sim_step silent[] = {{.type = GP__SIM_HANG}};
    static const struct gp__sim_step quit[] = {{GP__SIM_EXPECT, {"QUIT", 4}, 0}};
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    peer(&kit, "slow.example:25", slow, COUNT(slow));
    peer(&kit, "silent.example:25", silent, COUNT(silent));
    peer(&kit, "quit.example:25", quit, COUNT(quit));
    peer(&kit, "peer.example:25", talk, COUNT(talk));
    peer(&kit, "long.example:25", lines, COUNT(lines));
    peer(&kit, "sink.example:25", sink, COUNT(sink));
    peer(&kit, "refuse.example:25", refuse, COUNT(refuse));
    peer(&kit, "hang.example:25", hang, COUNT(hang));
    kit_run(&kit, GP_HOOK_MESSAGE, talks);
    kit_run(&kit, GP_HOOK_MESSAGE, long_lines);
    kit_run(&kit, GP_HOOK_MESSAGE, sends_message);
    kit_run(&kit, GP_HOOK_MAIL, impatient);
    kit_run(&kit, GP_HOOK_MAIL, keeps_for_the_end);
    kit_run(&kit, GP_HOOK_DISCONNECT, says_goodbye);
    assert_slice(gp__sim_failures(kit.rt), GP_S(""));
    kit_run(&kit, GP_HOOK_MESSAGE, refused);
    kit_run(&kit, GP_HOOK_MAIL, keeps);
    kit_run(&kit, GP_HOOK_MAIL, uses_kept);
    kit.deadline_ms = kit.rt->ops->now_ms(kit.rt) + 100;
    kit_run(&kit, GP_HOOK_MAIL, waits_for_descriptors);
    kit_run(&kit, GP_HOOK_MAIL, hangs);
    kit_end(&kit);
}

/* ---- files ---- */

static void files(struct kit *kit, struct gp_call *call)
{
    uint64_t before = 0, after = 0;
    struct gp_slice bytes;
    char path[5000];

    assert_int_equal(gp_dir_make(call, GP_S("/m/new"), 0), 0);
    assert_int_equal(gp_file_put(call, GP_S("/m/new/1"), GP_S("content")), 0);
    assert_int_equal(gp_file_put(call, GP_S("/m/new/1"), GP_S("again")), GP_EEXIST);
    assert_int_equal(gp_file_read(call, GP_S("/m/new/1"), 100, &bytes), 0);
    assert_slice(bytes, GP_S("content"));
    assert_int_equal(gp_file_read(call, GP_S("/m/new/1"), 3, &bytes), GP_ELIMIT);
    assert_int_equal(gp_file_version(call, GP_S("/m/new/1"), &before), 0);
    assert_int_equal(gp_file_rename(call, GP_S("/m/new/1"), GP_S("/m/new/2")), 0);
    assert_int_equal(gp_file_read(call, GP_S("/m/new/1"), 100, &bytes), GP_ENOTFOUND);
    assert_false(gp_slice_present(bytes));
    assert_int_equal(gp_file_version(call, GP_S("/m/new/1"), &after), GP_ENOTFOUND);
    assert_int_equal(
        gp_file_put_message(call, GP_S("/m/new/3"), GP_S("Return-Path: <>\r\n"), gp_message(call)),
        0);
    assert_int_equal(gp__sim_file_get(kit->rt, GP_S("/m/new/3"), &bytes), 0);
    assert_slice(bytes, GP_S("Return-Path: <>\r\n" KIT_MESSAGE));
    assert_int_equal(gp_dir_sync(call, GP_S("/m/new")), 0);
    assert_int_equal(gp_file_remove(call, GP_S("/m/new/2")), 0);
    assert_int_equal(gp_file_remove(call, GP_S("/m/new/2")), 0);
    assert_int_equal(gp_file_put(call, GP_S(""), GP_S("x")), GP_EINVAL);
    assert_int_equal(gp_file_put(call, gp_slice("/a\0b", 4), GP_S("x")), GP_EINVAL);
    assert_int_equal(gp_dir_make(call, GP_S("/m/x"), 04755), GP_EINVAL);
    memset(path, 'p', sizeof path);
    assert_int_equal(gp_file_remove(call, gp_slice(path, sizeof path)), GP_EINVAL);
    assert_clean(call);
    assert_int_equal(gp_file_put(call, GP_S("/m/new/4"), BAD), GP_EINVAL);
    assert_fault(call, "NULL with a length");
    assert_int_equal(gp_file_put_message(call, GP_S("/m/new/4"), GP_S(""), NULL), GP_EINVAL);
    assert_fault(call, "no message");
    assert_int_equal(gp_file_read(call, GP_S("/m/new/4"), 10, NULL), GP_EINVAL);
    assert_fault(call, "nowhere");
    kit->plugin.needs = GP_NEEDS_NETWORK;
    assert_int_equal(gp_file_remove(call, GP_S("/m/new/3")), GP_ENOTALLOWED);
    assert_fault(call, "gp_file_remove() needs GP_NEEDS_FILES");
    kit->plugin.needs = KIT_NEEDS;
}

static void fails(struct kit *kit, struct gp_call *call)
{
    gp__sim_file_fault(kit->rt, GP__FILE_PUT, 1, GP_ENOSPC);
    assert_int_equal(gp_file_put(call, GP_S("/m/new/5"), GP_S("x")), GP_ENOSPC);
    assert_clean(call);
}

/* The thread may still be at it when the call has given up. */
static void gives_up(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_file_put_message(call, GP_S("/m/new/6"), GP_S("p"), gp_message(call)),
                     GP_ETIMEDOUT);
    assert_int_equal(gp_file_put(call, GP_S("/m/new/7"), GP_S("x")), GP_ETIMEDOUT);
}

static void test_files(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_MESSAGE, files);
    kit_run(&kit, GP_HOOK_MESSAGE, fails);
    gp__sim_file_delay(kit.rt, 1000);
    kit.deadline_ms = kit.rt->ops->now_ms(kit.rt) + 10;
    kit_run(&kit, GP_HOOK_MESSAGE, gives_up);
    gp__sim_run(kit.rt, 10000);
    assert_int_equal(kit.transaction->refs, 1);
    kit_end(&kit);
}

static void test_path_safe(void **state)
{
    static const char *const safe[] = {"a", "a.b", "...", "\xc3\xa9", " x"};
    static const char *const unsafe[] = {"", ".", "..", "a/b", "/", "a\nb", "\xff", "\x7f"};
    char name[256];

    (void)state;
    for (size_t i = 0; i < COUNT(safe); i++)
        assert_true(gp_path_safe(gp_slice_of(safe[i])));
    for (size_t i = 0; i < COUNT(unsafe); i++)
        assert_false(gp_path_safe(gp_slice_of(unsafe[i])));
    memset(name, 'a', sizeof name);
    assert_true(gp_path_safe(gp_slice(name, 255)));
    assert_false(gp_path_safe(gp_slice(name, 256)));
    assert_false(gp_path_safe(gp_slice("a\0b", 3)));
    assert_false(gp_path_safe(BAD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_path_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

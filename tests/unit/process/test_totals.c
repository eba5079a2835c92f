// SPDX-License-Identifier: Apache-2.0
/* Boards added up: counters, rows of one name, and boards that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/process/totals.h"

#define ROOM 3

static struct gp__board *make(void)
{
    int fd;
    size_t room;
    struct gp__board *board = gp__board_create(ROOM, &fd), *same;

    assert_non_null(board);
    assert_int_not_equal(ftruncate(fd, 10), 0); /* it cannot shrink under its reader */
    same = gp__board_map(fd, &room);
    assert_int_equal(room, ROOM);
    strcpy(same->stats[0].chain, "edge");
    strcpy(same->stats[0].instance, "dnsbl");
    strcpy(same->stats[0].hook, "rcpt");
    same->stats[0].stats.calls = 2;
    same->stats[0].stats.latency[5] = 2;
    same->stats[1] = same->stats[0];
    strcpy(same->stats[1].hook, "mail");
    same->n_stats = 2;
    same->counts.messages = 7;
    gp__board_unmap(&same, room);
    close(fd);
    return board;
}

static const struct gp__board_stats *row(const struct gp__totals *totals, size_t i)
{
    return totals->stats.entries[i].value;
}

static void test_sum(void **state)
{
    struct gp__board *board = make();
    struct gp__totals totals = {.counts = {0}}, all = {.counts = {0}};

    (void)state;
    gp__totals_add(&totals, board, ROOM);
    gp__totals_add(&totals, board, ROOM);
    gp__totals_add_totals(&all, &totals);
    gp__totals_add(&all, board, ROOM);
    assert_int_equal(all.counts.messages, 21);
    assert_int_equal(all.stats.count, 2);
    assert_string_equal(row(&all, 0)->hook, "rcpt");
    assert_string_equal(row(&all, 1)->hook, "mail");
    assert_int_equal(row(&all, 0)->stats.calls, 6);
    assert_int_equal(row(&all, 1)->stats.latency[5], 6);
    gp__totals_free(&totals);
    gp__totals_free(&all);
    gp__board_unmap(&board, ROOM);
}

static void test_liar(void **state)
{
    struct gp__board *board = make();
    struct gp__totals totals = {.counts = {0}};

    (void)state;
    board->n_stats = UINT64_MAX;
    memset(board->stats[2].chain, 'x', sizeof board->stats[2].chain);
    memset(board->stats[2].instance, 'y', sizeof board->stats[2].instance);
    memset(board->stats[2].hook, 'z', sizeof board->stats[2].hook);
    gp__totals_add(&totals, board, ROOM);
    assert_int_equal(totals.stats.count, 3);
    assert_int_equal(strlen(row(&totals, 2)->chain), sizeof board->stats[2].chain - 1);
    gp__totals_free(&totals);
    gp__board_unmap(&board, ROOM);
}

static void test_counts(void **state)
{
    struct gp__counts there = {.messages = 1};

    (void)state;
    GP__COUNT(messages);
    gp__counts_into(&there);
    assert_int_equal(there.messages, 2);
    GP__COUNT_BY(messages, 3);
    gp__counts_into(NULL);
    assert_int_equal(gp__counts->messages, 5);
    assert_int_equal(there.messages, 0);
    for (size_t i = 0; i < GP__COUNT_ROWS; i++)
        assert_true(gp__count_rows[i].name && gp__count_rows[i].help[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_liar),
        cmocka_unit_test(test_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "core/process/board.h"

#include "core/base/alloc.h"
#include "core/process/shared_memory.h"
#include "core/server/generation.h"

#include <stdio.h>

static size_t size_of(size_t n)
{
    return sizeof(struct gp__board) + n * sizeof(struct gp__board_stats);
}

struct gp__board *gp__board_create(size_t n, int *fd_r)
{
    return gp__shared_memory_create("gatepost-board", size_of(n), fd_r);
}

struct gp__board *gp__board_map(int fd, size_t *n_r)
{
    size_t size;
    struct gp__board *board = gp__shared_memory_map(fd, sizeof *board, &size);

    if (board)
        *n_r = (size - sizeof *board) / sizeof(struct gp__board_stats);
    return board;
}

void gp__board_unmap(struct gp__board **board_, size_t n)
{
    gp__shared_memory_unmap(*board_, size_of(n));
    *board_ = NULL;
}

/* ---- statistics of instances ---- */

static void take_instance(struct gp__board *board, size_t room, struct gp_slice chain,
                          struct gp__instance *instance)
{
    for (int point = 0; point < GP_HOOK_COUNT && board->n_stats < room; point++) {
        struct gp__board_stats *row = &board->stats[board->n_stats];

        if (!instance->stats[point] || instance->stats_shared)
            continue;
        snprintf(row->chain, sizeof row->chain, GP_FMT, GP_ARG(chain));
        snprintf(row->instance, sizeof row->instance, GP_FMT, GP_ARG(instance->id));
        snprintf(row->hook, sizeof row->hook, "%s", gp__points[point].name);
        row->stats = *instance->stats[point];
        gp__free(instance->stats[point]);
        instance->stats[point] = &row->stats;
        board->n_stats++;
    }
}

/* Whether all its rows fit: an instance counts in one place. */
static bool fits(const struct gp__board *board, size_t room, const struct gp__instance *instance)
{
    size_t n = 0;

    for (int point = 0; point < GP_HOOK_COUNT; point++)
        n += instance->stats[point] != NULL;
    return room - board->n_stats >= n;
}

static void take(struct gp__board *board, size_t room, struct gp_slice chain,
                 struct gp__instance *instance)
{
    if (instance->stats_shared || !fits(board, room, instance))
        return;
    take_instance(board, room, chain, instance);
    instance->stats_shared = true;
}

void gp__board_take_stats(struct gp__board *board, size_t room, struct gp__generation *generation)
{
    for (size_t i = 0; i < generation->settings->n_chains; i++)
        for (size_t k = 0; k < generation->chains[i].count; k++)
            take(board, room, generation->chains[i].name, generation->chains[i].items[k]);
    for (size_t i = 0; i < generation->n_instances; i++)
        take(board, room, GP_S(""), generation->instances[i]);
}

static void refresh(struct gp__board_stats *row, const struct gp__instance *instance)
{
    row->shadow_agreed = instance->shadow_agreed;
    row->shadow_differed = instance->shadow_differed;
}

void gp__board_refresh(struct gp__board *board, const struct gp__generation *generation)
{
    size_t at = 0;

    for (size_t i = 0; i < generation->settings->n_chains; i++)
        for (size_t k = 0; k < generation->chains[i].count; k++)
            for (int point = 0; point < GP_HOOK_COUNT; point++)
                if (at < board->n_stats &&
                    generation->chains[i].items[k]->stats[point] == &board->stats[at].stats)
                    refresh(&board->stats[at++], generation->chains[i].items[k]);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * What the processes of a machine count together: how many sessions whom has, how often who comes, whose
 * logins failed, how much memory they have, and what was sent from which address.
 * Memory that all of them map, with a page for each: a worker writes its own and reads all, without
 * locks, so a sum may be a moment old. Who cannot be entered, because its place in the page is full,
 * is counted by each worker for itself.
 *
 * One thing is written by all: the clocks of source addresses, each moved on by one atomic step, because
 * a rate that is a moment old is exceeded.
 *
 * The master gives out pages. Sessions and memory go with the worker; rates and failed logins stay in
 * the page, for whoever has it next.
 */
#ifndef GP_BASE_CENSUS_H
#define GP_BASE_CENSUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GP__CENSUS_NONE UINT32_MAX
#define GP__CENSUS_MAX 1024u

struct gp__census_head;

/* A client or user; of the auth_guard. */
struct gp__auth_guard_entry {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint64_t at_ms;
    _Atomic uint64_t failures; /* of a pair: 0, it logged in */
};

/* A key in the period that runs, and in the one before; of the pace. */
struct gp__pace_slot {
    _Atomic uint64_t key, since; /* since: the ms in which the period began, + 1; 0: free */
    _Atomic uint64_t now, before;
};

#define GP__CENSUS_PACES 65536u /* slots of each page, a power of two */

/* The memory as one process sees it. */
struct gp__census {
    struct gp__census_head *head; /* NULL: there is none, everybody counts alone */
    uint32_t count, own;          /* own: GP__CENSUS_NONE in the master */
    size_t logins;                /* entries of each page, a power of two */
};

/* Bytes for so many pages, each with at least so many entries for logins. */
size_t gp__census_size(uint32_t pages, size_t logins);

/* Zeroed memory of that size becomes a census. */
void gp__census_init(void *memory, uint32_t pages, size_t logins);

/* 0, or -1: the memory is not what it says, or has no such page. */
int gp__census_open(struct gp__census *census_r, void *memory, size_t size, uint32_t own);

/* ---- of the master ---- */

/* A page that nobody has, without sessions and memory; GP__CENSUS_NONE: there is none. */
uint32_t gp__census_take(struct gp__census *census);
void gp__census_give_back(struct gp__census *census, uint32_t page);

/* ---- of all ---- */

/* The clock of a key, which all processes move on: when what was sent by it would have been sent at an
 * even pace. It stays for as long as the memory. NULL: there is no room for one more. */
_Atomic uint64_t *gp__census_clock(struct gp__census *census, uint64_t key);

/* ---- of a worker ---- */

/* Keys are hashes, the same in all workers. */
void gp__census_set_sessions(struct gp__census *census, uint64_t key, uint64_t sessions);

/* How many the other workers have. */
uint64_t gp__census_sessions_elsewhere(const struct gp__census *census, uint64_t key);

/* Bytes that it has, and those of the other workers. */
void gp__census_set_memory(struct gp__census *census, uint64_t bytes);
uint64_t gp__census_memory_elsewhere(const struct gp__census *census);

/* Pages from here on were never anybody's; and the tables of one. */
uint32_t gp__census_used(const struct gp__census *census);
struct gp__auth_guard_entry *gp__census_logins(const struct gp__census *census, uint32_t page);
struct gp__pace_slot *gp__census_paces(const struct gp__census *census, uint32_t page);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "core/base/census.h"

#include <string.h>

#define MAGIC UINT64_C(0x6765617470616c6e)
#define WAYS 8u
#define SESSIONS 16384u /* entries of a page, a power of two */
#define CLOCKS 1024u

struct entry {
    _Atomic uint64_t key, sessions;
};

/* Of a key that all move on. */
struct clock {
    _Atomic uint64_t key, at; /* key 0: free */
};

/* Then `count` times: sessions, paces, logins. */
struct gp__census_head {
    uint64_t magic, count, logins;
    _Atomic uint32_t used; /* so many have been taken at some time */
    _Atomic uint32_t taken[GP__CENSUS_MAX];
    _Atomic uint64_t memory[GP__CENSUS_MAX];
    struct clock clocks[CLOCKS];
};

#define LOGINS_AT                                                                                  \
    (SESSIONS * sizeof(struct entry) + GP__CENSUS_PACES * sizeof(struct gp__pace_slot))

static size_t power_of_two(size_t n)
{
    size_t power = WAYS;

    while (power < n)
        power *= 2;
    return power;
}

static size_t page_size(size_t logins)
{
    return LOGINS_AT + logins * sizeof(struct gp__auth_guard_entry);
}

static char *page_at(const struct gp__census *census, uint32_t page)
{
    return (char *)(census->head + 1) + page * page_size(census->logins);
}

size_t gp__census_size(uint32_t pages, size_t logins)
{
    return sizeof(struct gp__census_head) + pages * page_size(power_of_two(logins));
}

void gp__census_init(void *memory, uint32_t pages, size_t logins)
{
    struct gp__census_head *head = memory;

    head->magic = MAGIC;
    head->count = pages;
    head->logins = power_of_two(logins);
}

/* What it says is read once: the numbers that count are those that fit the size. */
int gp__census_open(struct gp__census *census_r, void *memory, size_t size, uint32_t own)
{
    struct gp__census_head *head = memory;
    uint64_t count, logins;

    *census_r = (struct gp__census){.own = own};
    if (size < sizeof *head || head->magic != MAGIC)
        return -1;
    count = head->count;
    logins = head->logins;
    if (count > GP__CENSUS_MAX || logins > size || logins != power_of_two(logins) ||
        size < gp__census_size((uint32_t)count, logins) || (own != GP__CENSUS_NONE && own >= count))
        return -1;
    census_r->head = head;
    census_r->count = (uint32_t)count;
    census_r->logins = logins;
    return 0;
}

uint32_t gp__census_used(const struct gp__census *census)
{
    uint32_t used = census->head ? atomic_load(&census->head->used) : 0;

    return used < census->count ? used : census->count;
}

/* Two that come at once with the same key find the same place: the first free one is contended. */
_Atomic uint64_t *gp__census_clock(struct gp__census *census, uint64_t key)
{
    for (unsigned i = 0; census->head && i < CLOCKS; i++) {
        struct clock *clock = &census->head->clocks[i];
        uint64_t old = 0;

        if (atomic_compare_exchange_strong(&clock->key, &old, key) || old == key)
            return &clock->at;
    }
    return NULL;
}

/* ---- the master ---- */

uint32_t gp__census_take(struct gp__census *census)
{
    for (uint32_t i = 0; census->head && i < census->count; i++) {
        if (atomic_load(&census->head->taken[i]))
            continue;
        atomic_store(&census->head->taken[i], 1);
        if (i >= gp__census_used(census))
            atomic_store(&census->head->used, i + 1);
        return i;
    }
    return GP__CENSUS_NONE;
}

/* Its sessions are over, however it ended. */
void gp__census_give_back(struct gp__census *census, uint32_t page)
{
    if (!census->head || page >= census->count)
        return;
    memset(page_at(census, page), 0, SESSIONS * sizeof(struct entry));
    atomic_store(&census->head->memory[page], 0);
    atomic_store(&census->head->taken[page], 0);
}

/* ---- sessions ---- */

static struct entry *set_of(const struct gp__census *census, uint32_t page, uint64_t key)
{
    struct entry *entries = (struct entry *)(void *)page_at(census, page);

    return &entries[(key >> 1) * WAYS & (SESSIONS - 1)];
}

static uint64_t get(const struct entry *entry)
{
    return atomic_load(&entry->key);
}

/* The entry of a key, or a free one; NULL: all are somebody else's. */
static struct entry *place_of(struct entry *set, uint64_t key)
{
    struct entry *free = NULL;

    for (unsigned i = 0; i < WAYS; i++) {
        if (get(&set[i]) == key)
            return &set[i];
        if (get(&set[i]) == 0)
            free = &set[i];
    }
    return free;
}

void gp__census_set_sessions(struct gp__census *census, uint64_t key, uint64_t sessions)
{
    struct entry *entry;

    if (!census->head)
        return;
    entry = place_of(set_of(census, census->own, key), key);
    if (!entry)
        return;
    atomic_store(&entry->sessions, sessions);
    atomic_store(&entry->key, sessions ? key : 0); /* seen by who asks after having set its own */
}

uint64_t gp__census_sessions_elsewhere(const struct gp__census *census, uint64_t key)
{
    uint64_t sum = 0;

    for (uint32_t page = 0; page < gp__census_used(census); page++) {
        const struct entry *set;

        if (page == census->own || !atomic_load(&census->head->taken[page]))
            continue;
        set = set_of(census, page, key);
        for (unsigned i = 0; i < WAYS; i++)
            if (get(&set[i]) == key)
                sum += atomic_load(&set[i].sessions);
    }
    return sum;
}

/* ---- memory ---- */

void gp__census_set_memory(struct gp__census *census, uint64_t bytes)
{
    if (census->own < census->count)
        atomic_store_explicit(&census->head->memory[census->own], bytes, memory_order_relaxed);
}

uint64_t gp__census_memory_elsewhere(const struct gp__census *census)
{
    uint64_t sum = 0;

    for (uint32_t page = 0; page < gp__census_used(census); page++)
        if (page != census->own)
            sum += atomic_load_explicit(&census->head->memory[page], memory_order_relaxed);
    return sum;
}

/* ---- tables of others ---- */

struct gp__auth_guard_entry *gp__census_logins(const struct gp__census *census, uint32_t page)
{
    return (struct gp__auth_guard_entry *)(void *)(page_at(census, page) + LOGINS_AT);
}

struct gp__pace_slot *gp__census_paces(const struct gp__census *census, uint32_t page)
{
    char *at = page_at(census, page) + SESSIONS * sizeof(struct entry);

    return (struct gp__pace_slot *)(void *)at;
}

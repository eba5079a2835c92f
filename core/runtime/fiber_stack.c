// SPDX-License-Identifier: Apache-2.0
// The pool of fiber stacks. Each stack is a mapping of its own with a guard at the low end; sizes
// are powers of two. A stack that comes free is kept warm (with its pages) while few are, then cold
// (all but the top page given back), then unmapped: ten thousand sessions that ended together must
// not pin their memory. Those that come and go in a burst stay warm meanwhile, up to a bound: new
// pages cost more than all else about a fiber. No malloc: a fiber's record lives on its stack, the
// table of mappings in the pool's own mapping, whose untouched pages cost nothing. A failing mmap
// fails the one start that asked, never the worker.
#include "core/runtime/fiber_stack.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/runtime/fiber.h"
#include "core/runtime/fiber_sanitizer.h"

_Static_assert(sizeof(struct gp__fiber) == 128, "fiber.h promises the size of the record");
_Static_assert((GP__FIBER_CLASS_MIN_BYTES << (GP__FIBER_CLASS_COUNT - 1)) >=
                   GP__FIBER_STACK_BYTES_MAX * 4,
               "the largest stack has a class");

// A bound for sums of option values, far above what the kernel can map.
#define POOL_COUNT_MAX ((size_t)1 << 24)
#define MINCORE_PAGES ((size_t)256)

static size_t class_bytes(uint32_t size_class)
{
    return GP__FIBER_CLASS_MIN_BYTES << size_class;
}

// The smallest class for the bytes, scaled; not below a page, for guards and trimming with 64 KiB
// pages.
static uint32_t class_for(const struct gp__fiber_pool *pool, size_t stack_bytes)
{
    uint32_t size_class = 0;
    size_t bytes = stack_bytes;

    if (bytes < GP__FIBER_CLASS_MIN_BYTES)
        bytes = GP__FIBER_CLASS_MIN_BYTES;
    bytes *= GP__FIBER_STACK_SCALE;

    while (class_bytes(size_class) < bytes || class_bytes(size_class) < pool->page_bytes)
        size_class++;
    return size_class;
}

static void *map_private(size_t bytes, int protection)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    void *memory = mmap(NULL, bytes, protection, flags, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

// munmap of a whole mapping of ours fails only if the arguments are wrong.
static void unmap(void *memory, size_t bytes)
{
    gp__fiber_require(munmap(memory, bytes) == 0, "munmap failed");
}

// Maps guard and stack; the guard is what stays without access. NULL with errno set.
static char *map_guarded(size_t guard_bytes, size_t bytes)
{
    char *mapping = map_private(guard_bytes + bytes, PROT_NONE);

    if (mapping == NULL)
        return NULL;
    if (mprotect(mapping + guard_bytes, bytes, PROT_READ | PROT_WRITE) == 0)
        return mapping;

    int error = errno;
    unmap(mapping, guard_bytes + bytes);
    errno = error;
    return NULL;
}

static struct gp__fiber *stack_map(struct gp__fiber_pool *pool, uint32_t size_class)
{
    size_t bytes = class_bytes(size_class);
    char *mapping = map_guarded(pool->guard_bytes, bytes);

    if (mapping == NULL)
        return NULL;
    void *top = mapping + pool->guard_bytes + bytes - sizeof(struct gp__fiber);
    struct gp__fiber *fiber = top;
    fiber->magic = GP__FIBER_MAGIC;
    fiber->pool = pool;
    fiber->low = mapping + pool->guard_bytes;
    fiber->size_class = size_class;
    fiber->slot = pool->slot_count;
    pool->slots[pool->slot_count++] = (struct gp__fiber_slot){
        .mapping = mapping, .bytes = pool->guard_bytes + bytes, .fiber = fiber};
    pool->stats.mapped_bytes += pool->guard_bytes + bytes;
    gp__fiber_sanitizer_map(fiber);
    return fiber;
}

static void stack_unmap(struct gp__fiber *fiber)
{
    struct gp__fiber_pool *pool = fiber->pool;
    struct gp__fiber_slot *slot = &pool->slots[fiber->slot];
    struct gp__fiber_slot gone = *slot;

    gp__fiber_sanitizer_unmap(fiber);
    *slot = pool->slots[--pool->slot_count];
    slot->fiber->slot = fiber->slot;
    pool->stats.mapped_bytes -= gone.bytes;
    unmap(gone.mapping, gone.bytes);
}

static void list_push(struct gp__fiber **list, struct gp__fiber *fiber)
{
    fiber->next_free = *list;
    *list = fiber;
}

static struct gp__fiber *list_pop(struct gp__fiber **list)
{
    struct gp__fiber *fiber = *list;

    if (fiber != NULL)
        *list = fiber->next_free;
    return fiber;
}

// A free stack of the class, a warm one if there is one; NULL if there is none.
static struct gp__fiber *free_pop(struct gp__fiber_pool *pool, uint32_t size_class)
{
    struct gp__fiber_class *frees = &pool->classes[size_class];
    struct gp__fiber *fiber = list_pop(&frees->warm);

    if (fiber != NULL) {
        pool->warm_now -= class_bytes(size_class);
        if (pool->warm_now < pool->warm_least)
            pool->warm_least = pool->warm_now;
        pool->stats.free_warm--;
    } else {
        fiber = list_pop(&frees->cold);
        if (fiber == NULL)
            return NULL;
        pool->stats.free_cold--;
    }
    frees->free_count--;
    return fiber;
}

// Gives all pages but the record's back to the kernel.
static int stack_trim(struct gp__fiber *fiber)
{
    size_t bytes = class_bytes(fiber->size_class) - fiber->pool->page_bytes;

    return bytes == 0 ? 0 : madvise(fiber->low, bytes, MADV_DONTNEED);
}

struct gp__fiber *gp__fiber_stack_take(struct gp__fiber_pool *pool, size_t stack_bytes)
{
    if (stack_bytes == 0)
        stack_bytes = pool->options.stack_bytes;
    if (stack_bytes > GP__FIBER_STACK_BYTES_MAX) {
        errno = EINVAL;
        return NULL;
    }
    if (pool->stats.live >= pool->options.max_fibers) {
        errno = EAGAIN;
        return NULL;
    }

    uint32_t size_class = class_for(pool, stack_bytes);
    struct gp__fiber *fiber = free_pop(pool, size_class);
    if (fiber == NULL)
        fiber = stack_map(pool, size_class);
    if (fiber == NULL)
        return NULL;
    pool->slots[fiber->slot].live = true;
    pool->stats.live++;
    if (pool->stats.live > pool->stats.live_peak)
        pool->stats.live_peak = pool->stats.live;
    return fiber;
}

static size_t warm_most(const struct gp__fiber_options *options)
{
    return options->burst_bytes > options->warm_bytes ? options->burst_bytes : options->warm_bytes;
}

// A free stack that is on no list and counted as kept.
static void stack_chill(struct gp__fiber *fiber)
{
    struct gp__fiber_pool *pool = fiber->pool;
    struct gp__fiber_class *frees = &pool->classes[fiber->size_class];

    if (stack_trim(fiber) == 0) {
        list_push(&frees->cold, fiber);
        pool->stats.free_cold++;
        return;
    }
    frees->free_count--;
    stack_unmap(fiber);
}

void gp__fiber_stack_give(struct gp__fiber *fiber)
{
    struct gp__fiber_pool *pool = fiber->pool;
    struct gp__fiber_class *frees = &pool->classes[fiber->size_class];
    size_t bytes = class_bytes(fiber->size_class);

    fiber->state = GP__FIBER_FREE;
    pool->slots[fiber->slot].live = false;
    pool->stats.live--;
    if (frees->free_count >= pool->options.keep_free) {
        stack_unmap(fiber);
        return;
    }
    frees->free_count++;
    if (pool->warm_now + bytes > warm_most(&pool->options)) {
        stack_chill(fiber);
        return;
    }
    list_push(&frees->warm, fiber);
    pool->warm_now += bytes;
    pool->stats.free_warm++;
}

bool gp__fiber_pool_overfull(const struct gp__fiber_pool *pool)
{
    return pool->warm_now > pool->options.warm_bytes;
}

// Stacks of the class, as far as their bytes are no more than those given: what is left of them.
static size_t class_trim(struct gp__fiber_pool *pool, uint32_t size_class, size_t bytes)
{
    struct gp__fiber_class *frees = &pool->classes[size_class];

    while (bytes >= class_bytes(size_class) && frees->warm != NULL) {
        struct gp__fiber *fiber = list_pop(&frees->warm);

        pool->warm_now -= class_bytes(size_class);
        pool->stats.free_warm--;
        bytes -= class_bytes(size_class);
        stack_chill(fiber);
    }
    return bytes;
}

void gp__fiber_pool_trim(struct gp__fiber_pool *pool)
{
    size_t over = gp__fiber_pool_overfull(pool) ? pool->warm_now - pool->options.warm_bytes : 0;
    size_t idle = pool->warm_least < over ? pool->warm_least : over;

    // The largest first, for one of them is as good as many.
    for (uint32_t size_class = GP__FIBER_CLASS_COUNT; size_class-- > 0;)
        idle = class_trim(pool, size_class, idle);
    pool->warm_least = pool->warm_now;
}

static bool options_are_sane(const struct gp__fiber_options *options)
{
    return options->stack_bytes > 0 && options->stack_bytes <= GP__FIBER_STACK_BYTES_MAX &&
           options->max_fibers > 0 && options->max_fibers <= POOL_COUNT_MAX &&
           options->keep_free <= POOL_COUNT_MAX && options->warm_bytes <= SIZE_MAX / 2 &&
           options->burst_bytes <= SIZE_MAX / 2;
}

struct gp__fiber_pool *gp__fiber_pool_create(const struct gp__fiber_options *options)
{
    static const struct gp__fiber_options defaults = GP__FIBER_OPTIONS_DEFAULT;

    if (options == NULL)
        options = &defaults;
    if (!options_are_sane(options)) {
        errno = EINVAL;
        return NULL;
    }

    // Every slot is a live fiber or a kept free stack; one more is being mapped or unmapped.
    size_t slots = options->max_fibers + GP__FIBER_CLASS_COUNT * options->keep_free + 1;
    size_t bytes = sizeof(struct gp__fiber_pool) + slots * sizeof(struct gp__fiber_slot);
    struct gp__fiber_pool *pool = map_private(bytes, PROT_READ | PROT_WRITE);
    if (pool == NULL)
        return NULL;
    pool->own_bytes = bytes;
    pool->options = *options;
    pool->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    pool->guard_bytes = GP__FIBER_GUARD_BYTES;
    if (pool->guard_bytes < pool->page_bytes)
        pool->guard_bytes = pool->page_bytes;
    return pool;
}

void gp__fiber_pool_free(struct gp__fiber_pool **pool_)
{
    struct gp__fiber_pool *pool = *pool_;

    if (pool == NULL)
        return;
    gp__fiber_require(pool->stats.live == 0, "a pool with living fibers was freed");
    while (pool->slot_count > 0)
        stack_unmap(pool->slots[pool->slot_count - 1].fiber);
    unmap(pool, pool->own_bytes);
    *pool_ = NULL;
}

void gp__fiber_pool_stats(const struct gp__fiber_pool *pool, struct gp__fiber_stats *stats_r)
{
    *stats_r = pool->stats;
}

bool gp__fiber_owns_address(const struct gp__fiber_pool *pool, const void *addr,
                            struct gp__fiber **fiber_r)
{
    uintptr_t wanted = (uintptr_t)addr;

    for (size_t i = 0; i < pool->slot_count; i++) {
        const struct gp__fiber_slot *slot = &pool->slots[i];
        if (slot->live && wanted - (uintptr_t)slot->mapping < slot->bytes) {
            *fiber_r = slot->fiber;
            return true;
        }
    }
    *fiber_r = NULL;
    return false;
}

// Index of the first resident page of a range of at most MINCORE_PAGES, or pages if there is none.
static size_t first_resident(char *low, size_t pages, size_t page_bytes)
{
    unsigned char resident[MINCORE_PAGES];

    if (mincore(low, pages * page_bytes, resident) != 0)
        return pages;
    for (size_t i = 0; i < pages; i++) {
        if ((resident[i] & 1U) != 0)
            return i;
    }
    return pages;
}

size_t gp__fiber_stack_used(const struct gp__fiber *fiber)
{
    size_t page_bytes = fiber->pool->page_bytes;
    size_t pages = class_bytes(fiber->size_class) / page_bytes;
    size_t untouched = 0;

    while (untouched < pages) {
        size_t step = pages - untouched < MINCORE_PAGES ? pages - untouched : MINCORE_PAGES;
        size_t found = first_resident(fiber->low + untouched * page_bytes, step, page_bytes);
        untouched += found;
        if (found < step)
            break;
    }
    return (pages - untouched) * page_bytes;
}

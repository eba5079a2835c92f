// SPDX-License-Identifier: Apache-2.0
/*
 * Memory: one growing block. The block in which the header section became complete (the head) is
 * kept to the end, so slices of it stay valid; growing copies out of it once and leaves it. The
 * first block is of one recycled size whatever SIZE= promises, so a small message costs no malloc
 * in steady state, and a large one grows straight to what was declared.
 */
#include "core/message/content.h"

#include "core/base/arena.h"
#include "core/base/ascii.h"

#include <stdlib.h>

#define BLOCK_SIZE ((size_t)16 << 10) /* of a recycled block, with its header */
#define SPILL_BLOCK ((size_t)64 << 10)
#define MEMORY_DEFAULT ((size_t)1 << 20)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_MAX 0u
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define POOL_MAX 0u
#endif
#ifndef POOL_MAX
#define POOL_MAX 256u /* free blocks a thread keeps: 4 MiB */
#endif

struct block {
    struct block *next; /* in the pool */
    size_t cap;
    size_t refs;
    char bytes[];
};

#define BLOCK_CAP (BLOCK_SIZE - sizeof(struct block))

struct gp__content {
    struct gp__arena *arena; /* this struct and the fields */
    unsigned refs;
    struct gp__content_settings settings;

    struct block *block; /* holds `used` bytes from content offset block_start on; or NULL */
    uint64_t block_start;
    size_t used;
    struct block *head; /* holds the header section from its start; NULL before it is complete */
    bool ended;

    const char *mapped;
    void (*release)(void *arg);
    void *release_arg;

    enum gp__header_state state;
    bool malformed;
    size_t line, scanned; /* start of the current line; bytes looked at */
    size_t separator, body;
    struct gp__field *fields;
    size_t field_count, fields_cap;
    size_t received;
};

static _Thread_local struct {
    struct block *free;
    size_t count;
} pool;

/* ---- blocks ---- */

/* NULL when out of memory. */
static struct block *block_make(size_t cap)
{
    struct block *block = pool.free;

    if (cap <= BLOCK_CAP && block) {
        pool.free = block->next;
        pool.count--;
    } else {
        if (cap < BLOCK_CAP)
            cap = BLOCK_CAP;
        block = cap > SIZE_MAX / 2 ? NULL : malloc(sizeof *block + cap);
        if (!block)
            return NULL;
        block->cap = cap;
    }
    block->refs = 1;
    return block;
}

static void block_unref(struct block **block_)
{
    struct block *block = *block_;

    *block_ = NULL;
    if (!block || --block->refs > 0)
        return;
    if (block->cap != BLOCK_CAP || pool.count + 1 > POOL_MAX) {
        free(block);
        return;
    }
    block->next = pool.free;
    pool.free = block;
    pool.count++;
}

void gp__content_pool_free(void)
{
    while (pool.free) {
        struct block *block = pool.free;

        pool.free = block->next;
        free(block);
    }
    pool.count = 0;
}

/* How large the next block is to be, for at least `need` bytes. */
static size_t next_cap(const struct gp__content *content, size_t need)
{
    const struct gp__content_settings *settings = &content->settings;
    size_t cap = BLOCK_CAP, promised = 0;

    if (content->block_start > 0) {
        /* Doubled like the others: the host may take what is held later than it could. */
        cap = content->block && content->block->cap >= SPILL_BLOCK ? content->block->cap * 2
                                                                   : SPILL_BLOCK;
    } else if (content->block) {
        promised = settings->size_hint < settings->memory ? (size_t)settings->size_hint
                                                          : settings->memory;
        cap = content->block->cap > SIZE_MAX / 4 ? need : content->block->cap * 2;
    }
    if (cap < promised)
        cap = promised;
    return cap < need ? need : cap;
}

/* Room for n more bytes. 0, or -1. */
static int reserve(struct gp__content *content, size_t n)
{
    struct block *old = content->block, *grown;
    size_t need;

    if (__builtin_add_overflow(content->used, n, &need))
        return -1;
    if (old && old->cap >= need)
        return 0;
    grown = block_make(next_cap(content, need));
    if (!grown)
        return -1;
    if (old)
        memcpy(grown->bytes, old->bytes, content->used);
    block_unref(&content->block);
    content->block = grown;
    return 0;
}

/* ---- the header section ---- */

/* The section ends; its blank line is between the offsets (the same: there is none). */
static void section_ends(struct gp__content *content, enum gp__header_state state, size_t separator,
                         size_t body)
{
    content->state = state;
    content->separator = separator;
    content->body = body;
    content->head = content->block;
    if (content->head)
        content->head->refs++;
}

/*
 * Length of the field name at the start of the line and the offset of its colon. RFC 5322 4.5:
 * the obsolete syntax has white space before the colon. False: this line is no field.
 */
static bool find_name(struct gp_slice line, size_t *name_len_r, size_t *colon_r)
{
    size_t i = 0;

    while (i < line.len && line.data[i] > ' ' && line.data[i] < 0x7f && line.data[i] != ':')
        i++;
    *name_len_r = i;
    while (i < line.len && gp__is_wsp(line.data[i]))
        i++;
    *colon_r = i;
    return *name_len_r > 0 && i < line.len && line.data[i] == ':';
}

static void add_field(struct gp__content *content, struct gp_slice line, size_t name_len,
                      size_t colon)
{
    GP__ARENA_GROW(content->arena, content->fields, content->fields_cap, content->field_count + 1);
    content->fields[content->field_count++] = (struct gp__field){
        .start = content->line,
        .len = line.len,
        .name_len = name_len,
        .value = content->line + colon + 1,
    };
    if (gp_slice_caseeq(gp_slice(line.data, name_len), GP_S("Received")))
        content->received++;
}

/* Judges the line from content->line to `end` (with its line end, if it has one). */
static void take_line(struct gp__content *content, size_t end)
{
    const struct gp__content_settings *settings = &content->settings;
    size_t start = content->line, name_len, colon;
    struct gp_slice line = gp_slice(content->block->bytes + start, end - start);

    if (settings->header_bytes && end > settings->header_bytes) {
        section_ends(content, GP__HEADERS_TOO_LONG, start, start);
    } else if (gp_slice_eq(line, GP_S("\r\n")) || gp_slice_eq(line, GP_S("\n"))) {
        section_ends(content, GP__HEADERS_COMPLETE, start, end);
    } else if (gp__is_wsp(line.data[0]) && content->field_count > 0) {
        content->fields[content->field_count - 1].len += line.len;
    } else if (!find_name(line, &name_len, &colon)) {
        content->malformed = true;
        section_ends(content, GP__HEADERS_COMPLETE, start, start);
    } else if (settings->headers && content->field_count == settings->headers) {
        section_ends(content, GP__HEADERS_TOO_MANY, start, start);
    } else {
        add_field(content, line, name_len, colon);
    }
    content->line = end;
}

static void scan(struct gp__content *content)
{
    while (content->state == GP__HEADERS_MORE && content->scanned < content->used) {
        const char *bytes = content->block->bytes;
        const char *lf = memchr(bytes + content->scanned, '\n', content->used - content->scanned);

        content->scanned = lf ? (size_t)(lf - bytes) + 1 : content->used;
        if (lf)
            take_line(content, content->scanned);
        else if (content->settings.header_bytes && content->used > content->settings.header_bytes)
            section_ends(content, GP__HEADERS_TOO_LONG, content->line, content->line);
    }
}

/* ---- life ---- */

struct gp__content *gp__content_create(const struct gp__content_settings *settings)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__content *content = GP__ARENA_NEW(arena, struct gp__content);

    content->arena = arena;
    content->refs = 1;
    content->settings = *settings;
    if (content->settings.memory == 0)
        content->settings.memory = MEMORY_DEFAULT;
    return content;
}

struct gp__content *gp__content_ref(struct gp__content *content)
{
    content->refs++;
    return content;
}

void gp__content_unref(struct gp__content **content_)
{
    struct gp__content *content = *content_;
    struct gp__arena *arena;

    *content_ = NULL;
    if (!content || --content->refs > 0)
        return;
    if (content->release)
        content->release(content->release_arg);
    block_unref(&content->head);
    block_unref(&content->block);
    arena = content->arena;
    gp__arena_free(&arena);
}

struct gp__content *gp__content_of(struct gp_slice bytes)
{
    struct gp__content_settings settings = {.size_hint = bytes.len, .memory = bytes.len};
    struct gp__content *content = gp__content_create(&settings);

    if (gp__content_append(content, bytes) < 0)
        gp__content_unref(&content);
    else
        gp__content_end(content);
    return content;
}

int gp__content_append(struct gp__content *content, struct gp_slice bytes)
{
    if (content->ended)
        return -1;
    if (bytes.len == 0)
        return 0;
    if (reserve(content, bytes.len) < 0)
        return -1;
    memcpy(content->block->bytes + content->used, bytes.data, bytes.len);
    content->used += bytes.len;
    if (content->state == GP__HEADERS_MORE)
        scan(content);
    return 0;
}

void gp__content_end(struct gp__content *content)
{
    if (content->ended)
        return;
    content->ended = true;
    if (content->state == GP__HEADERS_MORE && content->line < content->used)
        take_line(content, content->used);
    if (content->state == GP__HEADERS_MORE)
        section_ends(content, GP__HEADERS_COMPLETE, content->used, content->used);
}

bool gp__content_ended(const struct gp__content *content)
{
    return content->ended;
}

/* ---- facts ---- */

enum gp__header_state gp__content_header_state(const struct gp__content *content)
{
    return content->state;
}

bool gp__content_malformed(const struct gp__content *content)
{
    return content->malformed;
}

size_t gp__content_field_count(const struct gp__content *content)
{
    return content->field_count;
}

const struct gp__field *gp__content_field(const struct gp__content *content, size_t index)
{
    return index < content->field_count ? &content->fields[index] : NULL;
}

size_t gp__content_received(const struct gp__content *content)
{
    return content->received;
}

uint64_t gp__content_size(const struct gp__content *content)
{
    return content->block_start + content->used;
}

uint64_t gp__content_separator_offset(const struct gp__content *content)
{
    return content->separator;
}

uint64_t gp__content_body_offset(const struct gp__content *content)
{
    return content->body;
}

/* Whether [offset, offset + len) lies in [start, start + size). */
static bool within(uint64_t offset, uint64_t len, uint64_t start, uint64_t size)
{
    return offset >= start && offset - start <= size && len <= size - (offset - start);
}

struct gp_slice gp__content_head_at(const struct gp__content *content, size_t offset, size_t len)
{
    if (content->state == GP__HEADERS_MORE || !within(offset, len, 0, content->body))
        return gp_slice(NULL, 0);
    return len ? gp_slice(content->head->bytes + offset, len) : GP_S("");
}

struct gp_slice gp__content_at(const struct gp__content *content, uint64_t offset, uint64_t len)
{
    bool in_head = content->state != GP__HEADERS_MORE && within(offset, len, 0, content->body);

    if (!within(offset, len, 0, gp__content_size(content)) || !(content->ended || in_head))
        return gp_slice(NULL, 0);
    if (len == 0)
        return GP_S("");
    if (content->mapped)
        return gp_slice(content->mapped + offset, (size_t)len);
    if (content->block && within(offset, len, content->block_start, content->used))
        return gp_slice(content->block->bytes + (offset - content->block_start), (size_t)len);
    if (in_head)
        return gp__content_head_at(content, (size_t)offset, (size_t)len);
    return gp_slice(NULL, 0);
}

/* ---- spilling ---- */

size_t gp__content_held(const struct gp__content *content)
{
    return content->used;
}

struct gp_slice gp__content_take_for_spill(struct gp__content *content)
{
    struct gp_slice bytes;

    if (content->state == GP__HEADERS_MORE || content->used == 0 || content->mapped)
        return gp_slice(NULL, 0);
    bytes = gp_slice(content->block->bytes, content->used);
    content->block = NULL; /* the reference goes to the caller */
    content->block_start += content->used;
    content->used = 0;
    return bytes;
}

void gp__content_block_free(struct gp_slice *bytes)
{
    struct block *block;

    if (bytes->data) {
        block = (struct block *)(void *)((char *)(uintptr_t)bytes->data -
                                         offsetof(struct block, bytes));
        block_unref(&block);
    }
    *bytes = gp_slice(NULL, 0);
}

int gp__content_map(struct gp__content *content, const char *data, uint64_t len,
                    void (*release)(void *arg), void *arg)
{
    if (!content->ended || content->used > 0 || content->mapped || !data || len == 0 ||
        len != gp__content_size(content))
        return -1;
    content->mapped = data;
    content->release = release;
    content->release_arg = arg;
    return 0;
}

/* ---- over foreign bytes ---- */

#define OVER_STEP 8192u

/* As much of it as has the header section. How much, or -1. */
static int64_t read_head(struct gp__content *content, struct gp_slice bytes)
{
    size_t at = 0;

    while (at < bytes.len && content->state == GP__HEADERS_MORE) {
        struct gp_slice step = gp_slice_sub(bytes, at, at + OVER_STEP);

        if (gp__content_append(content, step) < 0)
            return -1;
        at += step.len;
    }
    return (int64_t)at;
}

struct gp__content *gp__content_over(struct gp_slice bytes, void (*release)(void *arg), void *arg)
{
    struct gp__content_settings settings = {.memory = 0};
    struct gp__content *content = gp__content_create(&settings);
    int64_t at = read_head(content, bytes);
    struct gp_slice block;

    content->release = release;
    content->release_arg = arg;
    if (at < 0) {
        gp__content_unref(&content);
        return NULL;
    }
    gp__content_end(content);
    if ((size_t)at == bytes.len)
        return content; /* it is in the block, all of it */
    block = gp__content_take_for_spill(content);
    gp__content_block_free(&block);
    content->block_start = bytes.len;
    content->mapped = bytes.data;
    return content;
}

// SPDX-License-Identifier: Apache-2.0
/* Views of a content: making and copying them, header edits, emission. The body: body.c. */
#include "core/message/message.h"

#include "core/message/body.h"

#include <stdlib.h>

/* ---- making ---- */

static void unref_content(void *arg)
{
    struct gp_message *message = arg;

    gp__content_unref(&message->content);
}

/* Fields of the content become headers; ids are their numbers. */
static void take_fields(struct gp_message *message)
{
    size_t count = gp__content_field_count(message->content);
    struct gp_header *headers;

    if (count == 0)
        return;
    headers = GP__ARENA_ARRAY(message->arena, struct gp_header, count);
    GP__ARENA_GROW(message->arena, message->headers, message->headers_cap, count + 8);
    for (size_t i = 0; i < count; i++) {
        const struct gp__field *field = gp__content_field(message->content, i);

        headers[i] = (struct gp_header){
            .id = i,
            .field = gp__content_head_at(message->content, field->start, field->len),
            .name_len = field->name_len,
            .value = field->value - field->start,
            .original = true,
            .source = field->start,
        };
        message->headers[i] = &headers[i];
    }
    message->header_count = count;
    message->next_header_id = count;
}

struct gp_message *gp__message_create(struct gp__arena *arena, struct gp__content *content)
{
    struct gp_message *message = GP__ARENA_NEW(arena, struct gp_message);

    message->arena = arena;
    message->content = gp__content_ref(content);
    gp__arena_cleanup(arena, unref_content, message);
    message->root = message;
    message->journal = GP__ARENA_NEW(arena, struct gp__journal);
    take_fields(message);
    return message;
}

/* Fields and pieces as `from` has them now. */
static struct gp_message *like(const struct gp_message *from)
{
    struct gp_message *copy = GP__ARENA_NEW(from->arena, struct gp_message);

    copy->arena = from->arena;
    copy->content = from->content; /* the root's reference: the same arena */
    copy->version = from->version;
    copy->header_count = from->header_count;
    if (from->header_count) {
        GP__ARENA_GROW(copy->arena, copy->headers, copy->headers_cap, from->header_count + 4);
        memcpy(copy->headers, from->headers, from->header_count * sizeof(struct gp_header *));
    }
    gp__body_copy(copy, from);
    return copy;
}

/* A message like `from` now that gets later edits of `parent`. */
static struct gp_message *derive(const struct gp_message *from, struct gp_message *parent,
                                 struct gp_slice copy_name)
{
    struct gp_message *copy = like(from);

    copy->root = from->root;
    copy->parent = parent;
    copy->source = from;
    copy->source_edits = from->root->journal->count;
    copy->next_clone = parent->clones;
    parent->clones = copy;
    copy->copy_name = gp__arena_dup(from->arena, copy_name);
    return copy;
}

struct gp_message *gp__message_clone(struct gp_message *parent, struct gp_slice copy_name)
{
    return derive(parent, parent, copy_name);
}

struct gp_message *gp__message_split(struct gp_message *copy, struct gp_slice copy_name)
{
    return derive(copy, copy->parent ? copy->parent : copy, copy_name);
}

void gp__message_set_big_alloc(struct gp_message *root, void *(*alloc)(void *arg, size_t size),
                               void *arg)
{
    root->big_alloc = alloc;
    root->big_alloc_arg = arg;
}

/* ---- header edits ---- */

static bool over_budget(const struct gp_message *message)
{
    return message->root->journal->count >= GP__EDITS_MAX;
}

static void record(struct gp_message *message, struct gp__edit edit)
{
    edit.message = message;
    edit.copy = message->copy_name;
    gp__journal_add(message->root->journal, message->arena, &edit);
}

/* The index, or the count if it is not there. */
static size_t find_header(const struct gp_message *message, const struct gp_header *header)
{
    size_t i = 0;

    while (i < message->header_count && message->headers[i] != header)
        i++;
    return i;
}

static size_t find_id(const struct gp_message *message, uint64_t id)
{
    size_t i = 0;

    while (i < message->header_count && message->headers[i]->id != id)
        i++;
    return i;
}

static struct gp_header *make_header(struct gp_message *message, struct gp_slice who,
                                     struct gp_slice field, struct gp_slice name, uint64_t id)
{
    struct gp_header *header = GP__ARENA_NEW(message->arena, struct gp_header);

    *header = (struct gp_header){
        .id = id,
        .field = field,
        .name_len = name.len,
        .value = name.len + 1,
        .who = gp__arena_dup(message->arena, who),
    };
    return header;
}

/* Where a field that the parent has at index (behind it: fields that it had before) goes in a
 * clone: before the next field that both have. */
static size_t place_in_clone(const struct gp_message *parent, size_t index,
                             const struct gp_message *clone)
{
    if (index == 0)
        return 0;
    for (size_t i = index + 1; i < parent->header_count; i++) {
        size_t at = find_id(clone, parent->headers[i]->id);

        if (at < clone->header_count)
            return at;
    }
    return clone->header_count;
}

static void insert(struct gp_message *message, struct gp_header *header, size_t index)
{
    GP__ARENA_GROW(message->arena, message->headers, message->headers_cap,
                   message->header_count + 1);
    memmove(message->headers + index + 1, message->headers + index,
            (message->header_count - index) * sizeof(struct gp_header *));
    message->headers[index] = header;
    message->header_count++;
    message->version++;
    for (struct gp_message *clone = message->clones; clone; clone = clone->next_clone)
        insert(clone, header, place_in_clone(message, index, clone));
}

/* by NULL: removes. A clone that has another version keeps it, and so do those that come from it. */
static void replace(struct gp_message *message, const struct gp_header *header,
                    struct gp_header *by)
{
    size_t index = find_header(message, header);

    if (index == message->header_count)
        return;
    if (by) {
        message->headers[index] = by;
    } else {
        message->header_count--;
        memmove(message->headers + index, message->headers + index + 1,
                (message->header_count - index) * sizeof(struct gp_header *));
    }
    message->version++;
    for (struct gp_message *clone = message->clones; clone; clone = clone->next_clone)
        replace(clone, header, by);
}

int gp__message_header_insert(struct gp_message *message, struct gp_slice who, size_t index,
                              struct gp_slice name, struct gp_slice value)
{
    struct gp_slice field;
    int result;

    if (over_budget(message))
        return GP_ELIMIT;
    result = gp__header_render(message->arena, name, value, &field);
    if (result < 0)
        return result;
    if (index > message->header_count)
        index = message->header_count;
    record(message, (struct gp__edit){.kind = GP__EDIT_HEADER_ADD,
                                      .who = who,
                                      .name = name,
                                      .at = index,
                                      .added = field.len});
    insert(message, make_header(message, who, field, name, message->root->next_header_id++), index);
    return 0;
}

int gp__message_header_set(struct gp_message *message, struct gp_slice who,
                           const struct gp_header *header, struct gp_slice value)
{
    size_t index = find_header(message, header);
    struct gp_slice name, field;
    int result;

    if (index == message->header_count)
        return GP_ENOTFOUND;
    if (over_budget(message))
        return GP_ELIMIT;
    name = gp_header_name(header);
    result = gp__header_render(message->arena, name, value, &field);
    if (result < 0)
        return result;
    record(message, (struct gp__edit){.kind = GP__EDIT_HEADER_SET,
                                      .who = who,
                                      .name = name,
                                      .at = index,
                                      .removed = header->field.len,
                                      .added = field.len});
    replace(message, header, make_header(message, who, field, name, header->id));
    return 0;
}

int gp__message_header_remove(struct gp_message *message, struct gp_slice who,
                              const struct gp_header *header)
{
    size_t index = find_header(message, header);

    if (index == message->header_count)
        return GP_ENOTFOUND;
    if (over_budget(message))
        return GP_ELIMIT;
    record(message, (struct gp__edit){.kind = GP__EDIT_HEADER_REMOVE,
                                      .who = who,
                                      .name = gp_header_name(header),
                                      .at = index,
                                      .removed = header->field.len});
    replace(message, header, NULL);
    return 0;
}

/* ---- body edits ---- */

static void *host_memory(struct gp_message *message, size_t size)
{
    void *memory = malloc(size);

    if (memory)
        gp__arena_cleanup(message->arena, free, memory);
    return memory;
}

static int make_block(struct gp_message *message, struct gp_slice bytes,
                      const struct gp__body_block **block_r)
{
    struct gp_message *root = message->root;
    struct gp__body_block *block;
    char *copy;

    *block_r = NULL;
    if (bytes.len == 0)
        return 0;
    if (bytes.len > GP__BODY_ADD_TOTAL - root->added_bytes)
        return GP_ELIMIT;
    copy = bytes.len > 1024 ? host_memory(message, bytes.len)
                            : gp__arena_bytes(message->arena, bytes.len);
    if (!copy)
        return GP_ETEMP;
    memcpy(copy, bytes.data, bytes.len);
    root->added_bytes += bytes.len;
    block = GP__ARENA_NEW(message->arena, struct gp__body_block);
    block->bytes = gp_slice(copy, bytes.len);
    *block_r = block;
    return 0;
}

int gp__message_body_splice(struct gp_message *message, struct gp_slice who, uint64_t offset,
                            uint64_t len, struct gp_slice bytes)
{
    const struct gp__body_block *block = NULL;
    uint64_t size = gp_body_size(message);
    int result;

    if (!gp__content_ended(message->content))
        return GP_ENOTALLOWED;
    if (offset > size || len > size - offset)
        return GP_EINVAL;
    if (len == 0 && bytes.len == 0)
        return 0;
    if (over_budget(message))
        return GP_ELIMIT;
    result = gp__body_map_splice(message, offset, len);
    if (result == 0)
        result = make_block(message, bytes, &block);
    if (result < 0)
        return result;
    record(message, (struct gp__edit){.kind = GP__EDIT_BODY_SPLICE,
                                      .who = who,
                                      .at = offset,
                                      .removed = len,
                                      .added = bytes.len});
    gp__body_apply_splice(message, offset, len, block);
    return 0;
}

/* ---- reading ---- */

size_t gp_header_count(struct gp_message *message)
{
    return message->header_count;
}

struct gp_header *gp_header_at(struct gp_message *message, size_t index)
{
    return index < message->header_count ? message->headers[index] : NULL;
}

struct gp_header *gp_header_find(struct gp_message *message, struct gp_slice name, size_t nth)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (gp_slice_caseeq(gp_header_name(message->headers[i]), name) && nth-- == 0)
            return message->headers[i];
    return NULL;
}

uint64_t gp_body_size(struct gp_message *message)
{
    if (message->has_table)
        return message->body_size;
    return gp__content_size(message->content) - gp__content_body_offset(message->content);
}

/* Memory for a body as one run: the host's for a large one. NULL: not to be had. */
static char *body_memory(struct gp_message *message, uint64_t size)
{
    struct gp_message *root = message->root;

    if (size > GP__BODY_BUILD_MAX)
        return root->big_alloc && size <= SIZE_MAX
                   ? root->big_alloc(root->big_alloc_arg, (size_t)size)
                   : NULL;
    if (size > GP__BODY_BUILD_TOTAL - root->built_bytes)
        return NULL;
    root->built_bytes += (size_t)size;
    return host_memory(message, (size_t)size);
}

static struct gp_slice build_body(struct gp_message *message)
{
    char *out = body_memory(message, message->body_size), *to = out;

    if (!out)
        return gp_slice(NULL, 0);
    for (size_t i = 0; i < message->piece_count; i++) {
        struct gp_slice bytes = gp__body_piece_bytes(message, &message->pieces[i]);

        if (!gp_slice_present(bytes))
            return bytes;
        memcpy(to, bytes.data, bytes.len);
        to += bytes.len;
    }
    return gp_slice(out, (size_t)(to - out));
}

struct gp_slice gp_body(struct gp_message *message)
{
    const struct gp__body_piece *pieces;
    struct gp__body_piece whole;
    size_t count = gp__body_pieces(message, &pieces, &whole);

    if (!gp__content_ended(message->content))
        return gp_slice(NULL, 0);
    if (count == 0)
        return GP_S("");
    if (count == 1)
        return gp__body_piece_bytes(message, pieces);
    if (!gp_slice_present(message->body) || message->body_built_version != message->body_version) {
        message->body = build_body(message);
        message->body_built_version = message->body_version;
    }
    return message->body;
}

/* ---- emission: a message is a row of atoms, neighbours in memory are put together ---- */

static struct gp__message_run of_content(uint64_t offset, uint64_t len)
{
    return (struct gp__message_run){.bytes = {NULL, 0}, .offset = offset, .len = len};
}

static struct gp__message_run of_edit(struct gp_slice bytes)
{
    return (struct gp__message_run){.bytes = bytes, .len = bytes.len};
}

static struct gp_slice run_bytes(const struct gp_message *message,
                                 const struct gp__message_run *run)
{
    return gp_slice_present(run->bytes) ? run->bytes
                                        : gp__content_at(message->content, run->offset, run->len);
}

/*
 * What separates header section and body. Received without a blank line: if the body still begins
 * with the line that ended the section, nothing is put in between, so that whoever reads on sees
 * what was sent; but fields before a message that had none get a blank line, and so does a body
 * that is not the received one.
 */
static struct gp__message_run separator(const struct gp_message *message)
{
    const struct gp__content *content = message->content;
    uint64_t start = gp__content_separator_offset(content), end = gp__content_body_offset(content);
    bool empty = message->has_table ? message->body_size == 0 : end == gp__content_size(content);

    if (end > start)
        return of_content(start, end - start);
    if (empty || (gp__body_starts_as_received(message) &&
                  (gp__content_field_count(content) > 0 || message->header_count == 0)))
        return of_edit(GP_S(""));
    return of_edit(GP_S("\r\n"));
}

static struct gp__message_run header_run(const struct gp_header *header)
{
    return header->original ? of_content(header->source, header->field.len)
                            : of_edit(header->field);
}

/* The line end that the last field of a content without one needs when something follows. */
static struct gp_slice header_end(struct gp_message *message, size_t index)
{
    bool last = index + 1 == message->header_count;

    if (gp_slice_ends(message->headers[index]->field, GP_S("\n")) ||
        (last && separator(message).len == 0 && gp_body_size(message) == 0))
        return GP_S("");
    return GP_S("\r\n");
}

static struct gp__message_run piece_run(const struct gp__body_piece *piece)
{
    if (!piece->block)
        return of_content(piece->offset, piece->len);
    return of_edit(gp_slice_sub(piece->block->bytes, (size_t)piece->offset, (size_t)piece->len));
}

/* False past the last; empty atoms count too. */
static bool atom_at(struct gp_message *message, uint64_t index, struct gp__message_run *atom_r)
{
    uint64_t headers = 2 * (uint64_t)message->header_count;
    const struct gp__body_piece *pieces;
    struct gp__body_piece whole;
    size_t count;

    if (index < headers) {
        *atom_r = index % 2 ? of_edit(header_end(message, (size_t)(index / 2)))
                            : header_run(message->headers[index / 2]);
        return true;
    }
    if (index == headers) {
        *atom_r = separator(message);
        return true;
    }
    index -= headers + 1;
    count = gp__body_pieces(message, &pieces, &whole);
    if (index >= count)
        return false;
    *atom_r = piece_run(&pieces[index]);
    return true;
}

struct gp_slice gp_message_next(struct gp_message *message, uint64_t *cursor)
{
    struct gp_slice run = gp_slice(NULL, 0), atom;
    struct gp__message_run at;

    while (atom_at(message, *cursor, &at)) {
        atom = run_bytes(message, &at);
        if (atom.len > 0) {
            if (run.len == 0)
                run = atom;
            else if (run.data + run.len == atom.data)
                run.len += atom.len;
            else
                return run;
        }
        (*cursor)++;
    }
    return run;
}

uint64_t gp_message_size(struct gp_message *message)
{
    uint64_t size = separator(message).len + gp_body_size(message);

    for (size_t i = 0; i < message->header_count; i++)
        size += message->headers[i]->field.len + header_end(message, i).len;
    return size;
}

size_t gp__message_pieces(struct gp_message *message, struct gp__arena *arena,
                          struct gp_slice **pieces_r)
{
    size_t count = 0, cap = 0;
    struct gp_slice piece;
    uint64_t cursor = 0;

    *pieces_r = NULL;
    while (piece = gp_message_next(message, &cursor), gp_slice_present(piece)) {
        GP__ARENA_GROW(arena, *pieces_r, cap, count + 1);
        (*pieces_r)[count++] = piece;
    }
    return count;
}

/* Whether they are put together, which *run then is. */
static bool joins(struct gp__message_run *run, const struct gp__message_run *next)
{
    bool content = !gp_slice_present(run->bytes);

    if (content != !gp_slice_present(next->bytes) ||
        (content ? run->offset + run->len != next->offset
                 : run->bytes.data + run->bytes.len != next->bytes.data))
        return false;
    run->len += next->len;
    if (!content)
        run->bytes.len += next->bytes.len;
    return true;
}

size_t gp__message_runs(struct gp_message *message, struct gp__arena *arena,
                        struct gp__message_run **runs_r)
{
    size_t count = 0, cap = 0;
    struct gp__message_run atom;

    *runs_r = NULL;
    for (uint64_t i = 0; atom_at(message, i, &atom); i++) {
        if (atom.len == 0 || (count && joins(&(*runs_r)[count - 1], &atom)))
            continue;
        GP__ARENA_GROW(arena, *runs_r, cap, count + 1);
        (*runs_r)[count++] = atom;
    }
    return count;
}

bool gp__message_edited(const struct gp_message *message)
{
    return gp_edit_count((struct gp_message *)(uintptr_t)message) > 0;
}

/* ---- the journal ---- */

/* Whether edit number `index` shows in the message: its own, one it started with, one of its
 * parent. Goes up at most once a copy. */
static bool shows(const struct gp_message *message, size_t index)
{
    const struct gp_message *edited = message->root->journal->edits[index].message;

    while (message && message != edited)
        message = index < message->source_edits ? message->source : message->parent;
    return message != NULL;
}

size_t gp_edit_count(struct gp_message *message)
{
    size_t count = 0;

    for (size_t i = 0; i < message->root->journal->count; i++)
        count += shows(message, i);
    return count;
}

const struct gp__edit *gp__message_edit(const struct gp_message *message, size_t index)
{
    const struct gp__journal *journal = message->root->journal;

    for (size_t i = 0; i < journal->count; i++)
        if (shows(message, i) && index-- == 0)
            return &journal->edits[i];
    return NULL;
}

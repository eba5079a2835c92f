// SPDX-License-Identifier: Apache-2.0
/*
 * A message as seen with the edits made so far: a content, a list of header fields, a table of body
 * pieces. Bytes that nobody edited are emitted from where they were received.
 *
 * A copy (clone) starts with the edits so far and gets later edits of its parent too. A field that
 * the copy changed or removed by itself stays as the copy has it: header edits never conflict. A
 * later splice of the parent's body is made where the same bytes lie in the copy; if they no longer
 * lie there as one run, nothing is done anywhere and the answer is GP_ECONFLICT. An insertion goes
 * to the start, to the end, before the byte it stood before, or behind the one it stood behind.
 *
 * Everything lives in the arena given; the content is referenced until the arena is freed.
 */
#ifndef GP_MESSAGE_MESSAGE_H
#define GP_MESSAGE_MESSAGE_H

#include "core/base/arena.h"
#include "core/message/content.h"
#include "core/message/header.h"
#include "core/message/journal.h"

#include <gatepost/message.h>

#define GP__BODY_BUILD_MAX ((size_t)16 << 20)    /* larger edited bodies need the host's memory */
#define GP__BODY_BUILD_TOTAL ((size_t)128 << 20) /* of all versions of a message and its copies */
#define GP__BODY_ADD_TOTAL ((size_t)128 << 20)   /* bytes that edits bring, of all copies */

/* Bytes that an edit brought into the body; block NULL in a piece means the content's bytes. */
struct gp__body_block {
    struct gp_slice bytes;
};

struct gp__body_piece {
    const struct gp__body_block *block;
    uint64_t offset; /* in the block, or in the content */
    uint64_t len;
};

struct gp__mime; /* the walk, cached: mime.h */

struct gp_message {
    struct gp__arena *arena;
    struct gp__content *content;
    struct gp_message *root;         /* the message that all copies come from; itself */
    struct gp_message *parent;       /* whose later edits come here; NULL for the root */
    const struct gp_message *source; /* what it started as, with that many edits */
    size_t source_edits;
    struct gp_message *clones, *next_clone; /* clones: those whose parent this is */
    struct gp_slice copy_name;              /* absent for the root */

    struct gp_header **headers;
    size_t header_count, headers_cap;
    uint64_t version; /* grows with every edit */

    struct gp__body_piece *pieces; /* not used before the first splice */
    size_t piece_count, pieces_cap;
    uint64_t body_size; /* of the pieces */
    bool has_table;     /* of pieces; else the body is one run of the content */
    uint64_t body_version;
    uint64_t splice_at; /* while an edit of the parent is carried over: where */

    struct gp_slice body; /* built for body_built_version */
    uint64_t body_built_version;
    struct gp__mime *mime;

    /* Of the root, for all. */
    struct gp__journal *journal;
    uint64_t next_header_id;
    size_t built_bytes, added_bytes;
    void *(*big_alloc)(void *arg, size_t size);
    void *big_alloc_arg;
};

/* A view of a content whose header section is complete; the body may still be coming in. */
struct gp_message *gp__message_create(struct gp__arena *arena, struct gp__content *content);

/* A copy that gets later edits of `parent`. The name is copied. */
struct gp_message *gp__message_clone(struct gp_message *parent, struct gp_slice copy_name);

/* A copy that starts as `copy` is now but gets later edits of copy's parent, not of copy: for
 * recipients that leave a copy for one of their own. Of the root it is a clone. */
struct gp_message *gp__message_split(struct gp_message *copy, struct gp_slice copy_name);

/*
 * Memory for edited bodies above GP__BODY_BUILD_MAX as one run (a mapped temporary file): must live
 * as long as the arena, may return NULL. Set on the root.
 */
void gp__message_set_big_alloc(struct gp_message *root, void *(*alloc)(void *arg, size_t size),
                               void *arg);

/* ---- edits: 0, GP_EINVAL, GP_ELIMIT (GP__EDITS_MAX), and what is said ---- */

/* Before the field at index; past the end: at the bottom. */
int gp__message_header_insert(struct gp_message *message, struct gp_slice who, size_t index,
                              struct gp_slice name, struct gp_slice value);

/* GP_ENOTFOUND: the handle is stale, or of another message. */
int gp__message_header_set(struct gp_message *message, struct gp_slice who,
                           const struct gp_header *header, struct gp_slice value);
int gp__message_header_remove(struct gp_message *message, struct gp_slice who,
                              const struct gp_header *header);

/* GP_EINVAL past the end; GP_ENOTALLOWED while the body is still coming in; GP_ECONFLICT; GP_ELIMIT
 * also past GP__BODY_ADD_TOTAL; GP_ETEMP when memory is out. The bytes are copied. */
int gp__message_body_splice(struct gp_message *message, struct gp_slice who, uint64_t offset,
                            uint64_t len, struct gp_slice bytes);

/* ---- reading, besides <gatepost/message.h> ---- */

/* The nth edit that this message shows, or NULL. */
const struct gp__edit *gp__message_edit(const struct gp_message *message, size_t index);

/* All pieces as an array in the arena (of the caller's choice), for writev. Their number. */
size_t gp__message_pieces(struct gp_message *message, struct gp__arena *arena,
                          struct gp_slice **pieces_r);

/* A stretch of a message: bytes that an edit brought, or (bytes absent) a run of the content. */
struct gp__message_run {
    struct gp_slice bytes;
    uint64_t offset, len;
};

/* All of it as an array in the arena, neighbours put together: what the spool keeps. Their number. */
size_t gp__message_runs(struct gp_message *message, struct gp__arena *arena,
                        struct gp__message_run **runs_r);

/*
 * The way back (restore.c): a message over the frozen content that consists of these runs, with an
 * empty journal. Bytes of runs must live as long as the arena. NULL: out of memory, or a run is not
 * in the content.
 */
struct gp_message *gp__message_restore(struct gp__arena *arena, struct gp__content *content,
                                       const struct gp__message_run *runs, size_t count);

/* Whether anything differs from what was received. */
bool gp__message_edited(const struct gp_message *message);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of a message as the client sent them. Filled while they come in, then frozen, never
 * changed. The header section (RFC 5322 2.2) is found on the way, each byte looked at once; it
 * stays where it is in memory from the moment it is complete until the content is freed, so slices
 * of it outlive everything that happens to the body: growing, going to a file, being mapped.
 *
 * Counted: views, spool batches and shadow runs hold references. One thread. A line ends with LF,
 * a CR before it belongs to the line end. A line that is no field ends the section: it and the rest
 * are body, and gp__content_malformed() tells.
 */
#ifndef GP_MESSAGE_CONTENT_H
#define GP_MESSAGE_CONTENT_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__content;

struct gp__content_settings {
    size_t headers;      /* budget: fields; 0: none */
    size_t header_bytes; /* budget: the section with its blank line; 0: none */
    uint64_t size_hint;  /* what SIZE= declared; 0: nothing */
    size_t memory;       /* the host spills above this: memory is never reserved past it on the
                            word of the hint alone; 0: 1 MiB */
};

enum gp__header_state {
    GP__HEADERS_MORE = 0, /* not seen whole yet */
    GP__HEADERS_COMPLETE,
    GP__HEADERS_TOO_MANY, /* more fields than the budget; what was seen is kept, the rest is body */
    GP__HEADERS_TOO_LONG, /* more bytes than the budget; the same */
};

/* Where a field lies, counted from the start of the content. */
struct gp__field {
    size_t start;
    size_t len;      /* with its line end */
    size_t name_len; /* from start */
    size_t value;    /* just after the colon */
};

/* One reference for the caller. */
struct gp__content *gp__content_create(const struct gp__content_settings *settings);
struct gp__content *gp__content_ref(struct gp__content *content);
void gp__content_unref(struct gp__content **content_);

/* A frozen content made of bytes that are copied; NULL when out of memory. Without budgets. */
struct gp__content *gp__content_of(struct gp_slice bytes);

/* The same over bytes that stay where they are until release(arg) is called (at once if it says
 * NULL); only the header section is copied. */
struct gp__content *gp__content_over(struct gp_slice bytes, void (*release)(void *arg), void *arg);

/* Adds bytes. 0, or -1: out of memory, or frozen already; nothing was added. */
int gp__content_append(struct gp__content *content, struct gp_slice bytes);

/* No more bytes come. A header section without a blank line is complete then. */
void gp__content_end(struct gp__content *content);
bool gp__content_ended(const struct gp__content *content);

enum gp__header_state gp__content_header_state(const struct gp__content *content);

/* Whether the section was ended by a line that is no field, and not by a blank line. */
bool gp__content_malformed(const struct gp__content *content);

/* The fields, from the top; valid once the section is complete. */
size_t gp__content_field_count(const struct gp__content *content);
const struct gp__field *gp__content_field(const struct gp__content *content, size_t index);

/* How many of them are Received fields: a hop count (RFC 5321 6.3). */
size_t gp__content_received(const struct gp__content *content);

/* Bytes so far; where the blank line starts and where the body does (the same if there is none). */
uint64_t gp__content_size(const struct gp__content *content);
uint64_t gp__content_separator_offset(const struct gp__content *content);
uint64_t gp__content_body_offset(const struct gp__content *content);

/*
 * The len bytes at offset: of the header section at any time, of the rest once frozen (and mapped,
 * if spilled). Absent when they are not to be had. Slices of the header section that were taken
 * before a change of place stay valid.
 */
struct gp_slice gp__content_at(const struct gp__content *content, uint64_t offset, uint64_t len);

/* The same bytes of the header section at the place that never changes. */
struct gp_slice gp__content_head_at(const struct gp__content *content, size_t offset, size_t len);

/* ---- spilling: a large message goes to a file while it comes in ---- */

/* Bytes in memory that were not taken yet: above a threshold the host takes them. */
size_t gp__content_held(const struct gp__content *content);

/*
 * Hands over all bytes that were not taken yet (the first time from the first byte on, header
 * section included), for writing to a file. The block is the caller's: gp__content_block_free().
 * Absent while the header section is incomplete, and when there is nothing.
 */
struct gp_slice gp__content_take_for_spill(struct gp__content *content);
void gp__content_block_free(struct gp_slice *block);

/*
 * After the end, when everything was taken: the whole content as mapped by the host, len equal to
 * gp__content_size(). release(arg) is called when the content is freed. 0, or -1: not such a
 * content, nothing was kept.
 */
int gp__content_map(struct gp__content *content, const char *data, uint64_t len,
                    void (*release)(void *arg), void *arg);

/* Gives this thread's free blocks back; for leak checks at exit. */
void gp__content_pool_free(void);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of a log file, segment or journal (docs/spool.md): a head of one block, then batches,
 * each of which begins a block and holds records. Numbers are written least byte first.
 *
 * Every head has a checksum that also covers the file's salt and its own place, so what an earlier
 * life of the disk, or a message, left there is never taken for one.
 */
#ifndef GP_SPOOL_FORMAT_H
#define GP_SPOOL_FORMAT_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

#define GP__SPOOL_VERSION 1
#define GP__BLOCK 4096u
#define GP__BATCH_HEAD 64u
#define GP__RECORD_HEAD 32u
#define GP__RECORD_ALIGN 8u
#define GP__WRITER_NAME_MAX 63

enum gp__log_kind {
    GP__LOG_SEGMENT = 0,
    GP__LOG_JOURNAL,
};

struct gp__log_head {
    enum gp__log_kind kind;
    uint64_t number, salt;
    int64_t created_ms;
    uint64_t previous;     /* the segment that its writer had before; 0: none */
    uint64_t previous_end; /* how much of that one counts */
    char writer[GP__WRITER_NAME_MAX + 1];
};

struct gp__batch_head {
    uint64_t sequence; /* in its file, from 1 */
    uint64_t durable;  /* so much of the file was durable when it was written */
    uint64_t len;      /* with this head, without what fills the last block */
    uint32_t records;
};

enum gp__record_type {
    GP__RECORD_ENTRY = 1,
    GP__RECORD_JOURNAL = 2,
};

/* `index` of `count` that count together or not at all. */
struct gp__record_head {
    uint32_t head_crc, body_crc;
    uint32_t head_len;
    uint64_t body_len;
    uint16_t type, index, count;
    uint16_t
        file; /* of a large message: which one, if there are several of that id; 0: the first */
};

void gp__log_head_write(const struct gp__log_head *head, char block[GP__BLOCK]);

/* 0, GP_EINVAL: not such a file, or damaged; GP_ENOTALLOWED: of a later version. */
int gp__log_head_read(struct gp__log_head *head_r, enum gp__log_kind kind, struct gp_slice block);

void gp__batch_head_write(const struct gp__batch_head *head, uint64_t salt, uint64_t offset,
                          char out[GP__BATCH_HEAD]);

/* Whether it is one of this file at this offset. */
bool gp__batch_head_read(struct gp__batch_head *head_r, uint64_t salt, uint64_t offset,
                         struct gp_slice bytes);

/* The salt that it says; 0: too short. */
uint64_t gp__batch_head_salt(struct gp_slice bytes);

void gp__record_head_write(const struct gp__record_head *head, uint64_t salt, uint64_t offset,
                           char out[GP__RECORD_HEAD]);
bool gp__record_head_read(struct gp__record_head *head_r, uint64_t salt, uint64_t offset,
                          struct gp_slice bytes);

static inline uint64_t gp__align(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

/* Bytes from a record to the next. */
static inline uint64_t gp__record_size(const struct gp__record_head *head)
{
    return gp__align(GP__RECORD_HEAD + (uint64_t)head->head_len + head->body_len, GP__RECORD_ALIGN);
}

#endif

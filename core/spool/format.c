// SPDX-License-Identifier: Apache-2.0
#include "core/spool/format.h"

#include "core/base/crc32c.h"

#include <gatepost/types.h>
#include <string.h>

#define BATCH_MAGIC UINT32_C(0x48435442) /* "BTCH" */
#define LOG_HEAD 128u
#define BODY_MAX ((uint64_t)1 << 40)

static const char *const magics[] = {
    [GP__LOG_SEGMENT] = "GPSPOOL\n",
    [GP__LOG_JOURNAL] = "GPJRNAL\n",
};

/* ---- numbers ---- */

static void put(char *at, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(n >> (8 * i));
}

static uint64_t get(const char *at, size_t bytes)
{
    uint64_t n = 0;

    for (size_t i = bytes; i-- > 0;)
        n = n << 8 | (unsigned char)at[i];
    return n;
}

/* Of what follows the checksum, in this place of this file. */
static uint32_t check_of(uint64_t salt, uint64_t offset, const char *from, size_t len)
{
    char place[16];

    put(place, salt, 8);
    put(place + 8, offset, 8);
    return gp__crc32c(gp__crc32c(0, gp_slice(place, sizeof place)), gp_slice(from, len));
}

/* ---- files ----
 *
 *   0 magic   8 checksum   12 version   16 number   24 salt   32 created   40 previous
 *  48 previous_end   56 length of the writer's name   57 the name
 */

void gp__log_head_write(const struct gp__log_head *head, char block[GP__BLOCK])
{
    size_t name_len = strlen(head->writer);

    memset(block, 0, GP__BLOCK);
    memcpy(block, magics[head->kind], 8);
    put(block + 12, GP__SPOOL_VERSION, 4);
    put(block + 16, head->number, 8);
    put(block + 24, head->salt, 8);
    put(block + 32, (uint64_t)head->created_ms, 8);
    put(block + 40, head->previous, 8);
    put(block + 48, head->previous_end, 8);
    block[56] = (char)name_len;
    memcpy(block + 57, head->writer, name_len);
    put(block + 8, check_of(0, 0, block + 12, LOG_HEAD - 12), 4);
}

int gp__log_head_read(struct gp__log_head *head_r, enum gp__log_kind kind, struct gp_slice block)
{
    const char *at = block.data;

    if (block.len < LOG_HEAD || memcmp(at, magics[kind], 8) != 0 ||
        get(at + 8, 4) != check_of(0, 0, at + 12, LOG_HEAD - 12))
        return GP_EINVAL;
    if (get(at + 12, 4) > GP__SPOOL_VERSION)
        return GP_ENOTALLOWED; /* all versions have magic, checksum and this at these places */
    if ((unsigned char)at[56] > GP__WRITER_NAME_MAX)
        return GP_EINVAL;
    *head_r = (struct gp__log_head){
        .kind = kind,
        .number = get(at + 16, 8),
        .salt = get(at + 24, 8),
        .created_ms = (int64_t)get(at + 32, 8),
        .previous = get(at + 40, 8),
        .previous_end = get(at + 48, 8),
    };
    memcpy(head_r->writer, at + 57, (unsigned char)at[56]);
    return 0;
}

/* ---- batches ----
 *
 *   0 magic   4 checksum   8 salt   16 offset   24 sequence   32 durable   40 length   48 records
 */

void gp__batch_head_write(const struct gp__batch_head *head, uint64_t salt, uint64_t offset,
                          char out[GP__BATCH_HEAD])
{
    memset(out, 0, GP__BATCH_HEAD);
    put(out, BATCH_MAGIC, 4);
    put(out + 8, salt, 8);
    put(out + 16, offset, 8);
    put(out + 24, head->sequence, 8);
    put(out + 32, head->durable, 8);
    put(out + 40, head->len, 8);
    put(out + 48, head->records, 4);
    put(out + 4, check_of(salt, offset, out + 8, GP__BATCH_HEAD - 8), 4);
}

bool gp__batch_head_read(struct gp__batch_head *head_r, uint64_t salt, uint64_t offset,
                         struct gp_slice bytes)
{
    const char *at = bytes.data;

    if (bytes.len < GP__BATCH_HEAD || get(at, 4) != BATCH_MAGIC || get(at + 8, 8) != salt ||
        get(at + 16, 8) != offset ||
        get(at + 4, 4) != check_of(salt, offset, at + 8, GP__BATCH_HEAD - 8))
        return false;
    *head_r = (struct gp__batch_head){
        .sequence = get(at + 24, 8),
        .durable = get(at + 32, 8),
        .len = get(at + 40, 8),
        .records = (uint32_t)get(at + 48, 4),
    };
    return head_r->len >= GP__BATCH_HEAD && head_r->len <= BODY_MAX;
}

uint64_t gp__batch_head_salt(struct gp_slice bytes)
{
    return bytes.len < GP__BATCH_HEAD ? 0 : get(bytes.data + 8, 8);
}

/* ---- records ----
 *
 *   0 checksum   4 of the head   8 of the body   12 head's length   16 body's length
 *  24 type   26 index   28 count   30 file
 */

void gp__record_head_write(const struct gp__record_head *head, uint64_t salt, uint64_t offset,
                           char out[GP__RECORD_HEAD])
{
    memset(out, 0, GP__RECORD_HEAD);
    put(out + 4, head->head_crc, 4);
    put(out + 8, head->body_crc, 4);
    put(out + 12, head->head_len, 4);
    put(out + 16, head->body_len, 8);
    put(out + 24, head->type, 2);
    put(out + 26, head->index, 2);
    put(out + 28, head->count, 2);
    put(out + 30, head->file, 2);
    put(out, check_of(salt, offset, out + 4, GP__RECORD_HEAD - 4), 4);
}

bool gp__record_head_read(struct gp__record_head *head_r, uint64_t salt, uint64_t offset,
                          struct gp_slice bytes)
{
    const char *at = bytes.data;

    if (bytes.len < GP__RECORD_HEAD ||
        get(at, 4) != check_of(salt, offset, at + 4, GP__RECORD_HEAD - 4))
        return false;
    *head_r = (struct gp__record_head){
        .head_crc = (uint32_t)get(at + 4, 4),
        .body_crc = (uint32_t)get(at + 8, 4),
        .head_len = (uint32_t)get(at + 12, 4),
        .body_len = get(at + 16, 8),
        .type = (uint16_t)get(at + 24, 2),
        .index = (uint16_t)get(at + 26, 2),
        .count = (uint16_t)get(at + 28, 2),
        .file = (uint16_t)get(at + 30, 2),
    };
    return head_r->body_len <= BODY_MAX && head_r->count > 0 && head_r->index < head_r->count;
}

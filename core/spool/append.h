// SPDX-License-Identifier: Apache-2.0
/*
 * A log file that is being written: batches of records go to its end, each made durable by one
 * sync. Room ahead is filled with zeros, so that a sync has no sizes to write down. Belongs to one
 * thread at a time. What fails returns -errno. If only space was missing the same may be tried
 * again, and takes the place of what was written in part; else the file is broken.
 */
#ifndef GP_SPOOL_APPEND_H
#define GP_SPOOL_APPEND_H

#include "core/spool/disk.h"
#include "core/spool/format.h"

struct gp__append {
    const struct gp__disk *disk;
    int fd;
    struct gp__log_head head;
    uint64_t end;       /* where the next batch begins */
    uint64_t durable;   /* of what was synced */
    bool lazy;          /* batches are not synced: naming the file will do that */
    bool broken;        /* a sync, or worse, failed: nobody knows what is in it */
    uint64_t filled;    /* zeros up to here */
    uint64_t step, max; /* room is made in such steps, as far as `max` */
    uint64_t sequence;
    struct iovec *pieces;
    size_t cap;
};

struct gp__append_record {
    char *head; /* with GP__RECORD_HEAD bytes of room before it */
    uint32_t head_len;
    uint16_t type, index, count, file;
    struct gp_slice body;
    bool checked; /* body_crc is known */
    uint32_t body_crc;
    uint64_t offset; /* out: where it stands */
};

/*
 * A new file without a name. `head` says all but the number, which it gets when it is named. It is
 * locked as long as it is open. On an error nothing is left.
 */
int gp__append_create(struct gp__append *append, const struct gp__disk *disk, const char *directory,
                      const struct gp__log_head *head, uint64_t step, uint64_t max);

/* Goes on in a file that was read to its end. 0, or -errno: somebody else has it. */
struct gp__scan;
int gp__append_resume(struct gp__append *append, const struct gp__scan *scan, int fd, uint64_t step,
                      uint64_t max);

/* Names it DIRECTORY/NUMBER.log with the first number from `first` on that is free; durably. */
int gp__append_name(struct gp__append *append, const char *directory, uint64_t first);

/* What a batch of these takes. */
uint64_t gp__append_size(const struct gp__append_record *records, size_t n);

/* Writes and syncs; sets their offsets. */
int gp__append_batch(struct gp__append *append, struct gp__append_record *records, size_t n);

/* Cuts off the room that was not needed, and closes. */
void gp__append_close(struct gp__append *append);

/* "DIRECTORY/0000000000000001.log". */
#define GP__LOG_PATH_MAX 4096
void gp__log_path(char path[GP__LOG_PATH_MAX], const char *directory, uint64_t number);

/* The number in such a name; 0: it is no such name. */
uint64_t gp__log_number(const char *name);

#endif

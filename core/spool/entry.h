// SPDX-License-Identifier: Apache-2.0
/*
 * An entry: one kept transaction as plain data, and how it is written down. Everything that
 * delivery will need is in it: who sent it and how, what hooks found, the base bytes, the copies
 * that were made of them, and for each recipient which copy goes where.
 *
 * Slices point into whoever made the entry: a transaction, or the arena that it was read into.
 * The form of a record is docs/spool.md; reading one trusts nothing.
 */
#ifndef GP_SPOOL_ENTRY_H
#define GP_SPOOL_ENTRY_H

#include "core/base/arena.h"
#include "core/base/buf.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__spill;

/* What one entry may have; writing more is refused as reading it is. */
#define GP__ENTRY_HEAD_MAX (64u << 20) /* bytes of all but the base */
#define GP__ENTRY_RECIPIENTS_MAX 1000000u
#define GP__ENTRY_COPIES_MAX 65536u
#define GP__ENTRY_PIECES_MAX 65536u /* of one copy */
#define GP__ENTRY_NOTES_MAX 65536u  /* of one place */
#define GP__ENTRY_FORWARDED_MAX 64u
#define GP__ENTRY_ITEMS_MAX 2000000u /* of all these together */

/* Whether its sender may be told of failures (backscatter). */
enum gp__bounce {
    GP__BOUNCE_NEVER = 0,
    GP__BOUNCE_ALLOWED, /* authenticated, or SPF or aligned DKIM passed at receipt */
};

struct gp__entry_note {
    struct gp_slice instance, key;
    unsigned type;        /* enum gp__note_type */
    struct gp_slice text; /* of a text */
    int64_t number;       /* of the others */
};

/* What XFORWARD said: an attribute and its value, decoded. */
struct gp__entry_forwarded {
    struct gp_slice name, value;
};

/* A run of a copy: bytes of its own, or len bytes of the base from offset on. */
struct gp__entry_piece {
    struct gp_slice bytes; /* absent: a run of the base */
    uint64_t offset, len;  /* of such a run; for bytes both are ignored */
};

struct gp__entry_copy {
    struct gp_slice id, sender;
    const struct gp__entry_piece *pieces;
    size_t n_pieces;
    uint64_t size; /* of all pieces */
    bool eight_bit, utf8_headers;
};

struct gp__entry_recipient {
    struct gp_slice address, given, orcpt, notify;
    uint32_t copy;                  /* index in the entry's copies */
    struct gp_slice route;          /* absent: to be routed */
    struct gp_slice bucket, reason; /* held there, and why; absent: not held */
    const struct gp__entry_note *notes;
    size_t n_notes;
    bool relay; /* it may be relayed to, whoever the sender is */
};

struct gp__entry {
    struct gp_slice id;     /* of the message; 1 to 64 letters, digits, ".", "_", "-" */
    struct gp_slice parent; /* of what this is the bounce or draft; or absent */
    int64_t received_ms;    /* since 1970 */
    struct gp_slice listener, session, client_ip, helo, user, tls, protocol;
    struct gp_slice client_name; /* as a trusted front end told it (XCLIENT); or absent */
    unsigned client_port;
    const struct gp__entry_forwarded *forwarded; /* by XFORWARD of a trusted client */
    size_t n_forwarded;
    struct gp_slice sender_given, envid;
    unsigned ret; /* enum gp__dsn_ret */
    bool smtputf8, requiretls, eight_bit;
    unsigned bounce; /* enum gp__bounce */
    unsigned draft_depth;
    const struct gp__entry_note *notes; /* kept ones of session and transaction */
    size_t n_notes;
    struct gp_slice verdicts; /* JSON: the "verdicts" of the record */
    struct gp_slice
        fingerprint; /* by which the transaction is known if it comes again (doubts.h) */

    /*
     * The base bytes. To be kept: `base`, and `spill` if they are in such a file already, which is
     * then linked into the spool instead of being copied; the writer sets the rest. Read back:
     * `large` says that they are a file of their own; `base` is absent where only the head was
     * asked for (tail, list).
     */
    struct gp_slice base;
    struct gp__spill *spill;
    bool large;
    uint64_t base_size;
    uint32_t base_crc; /* reading: CRC-32C of the base */

    const struct gp__entry_copy *copies;
    size_t n_copies;
    const struct gp__entry_recipient *recipients;
    size_t n_recipients;
};

/* Appends the record's head, everything but the base; base_size must be right. 0, or GP_EINVAL: not
 * an entry that could be read again (id, limits, memory, pieces that are not in the base). */
int gp__entry_write(const struct gp__entry *entry, struct gp__buf *head_r);

/* Reads a head into arrays of the arena; texts point into `head`. base and base_crc are left
 * alone. 0, or GP_EINVAL: damaged, or of a later version that says things this one must not miss. */
int gp__entry_read(struct gp__entry *entry_r, struct gp__arena *arena, struct gp_slice head);

/* The same as JSON, for people and for taking it elsewhere: a member a field, texts that are not
 * UTF-8 as {"base64": "..."}. Appends it. 0, or GP_EINVAL. */
int gp__entry_json_write(const struct gp__entry *entry, struct gp__buf *json_r);

/* Back, into the arena. 0, or GP_EINVAL with a text. */
int gp__entry_json_read(struct gp__entry *entry_r, struct gp__arena *arena, struct gp_slice json,
                        struct gp__buf *error_r);

/* Whether it may name a message: what is a file name, too. */
bool gp__entry_id_fits(struct gp_slice id);

/* Whether its parts fit together: pieces lie in the base, each recipient's copy is there. */
bool gp__entry_fits(const struct gp__entry *entry);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Notes: small typed facts that instances leave for each other and for `when:`.
 *
 * A note belongs to the instance that set it: another reads "instance.key". Keys are lower-case
 * words (a-z, 0-9, "_", "-"), at most 64 bytes; text at most 4 KiB; at most 100 notes an instance
 * and scope: GP_ELIMIT. Setting replaces.
 */
#ifndef GATEPOST_NOTE_H
#define GATEPOST_NOTE_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

enum gp_note_scope {
    GP_NOTE_SESSION = 0,
    GP_NOTE_TRANSACTION,
    GP_NOTE_RECIPIENT, /* of the recipient given, or of gp_rcpt(call) for NULL */
};

enum gp_note_flags {
    GP_NOTE_KEEP = 1 << 0, /* spooled with the message: delivery sees it */
};

GP_API int gp_note_set(struct gp_call *call, enum gp_note_scope scope,
                       struct gp_recipient *recipient, const char *key, struct gp_slice value,
                       unsigned flags);
GP_API int gp_note_set_int(struct gp_call *call, enum gp_note_scope scope,
                           struct gp_recipient *recipient, const char *key, int64_t value,
                           unsigned flags);

/* Scores and the like: thousandths of one, so that 2.5 is 2500, exact and the same everywhere. */
GP_API int gp_note_set_milli(struct gp_call *call, enum gp_note_scope scope,
                             struct gp_recipient *recipient, const char *key, int64_t milli,
                             unsigned flags);

/*
 * Reads a note: "key" is this instance's own, "instance.key" another's. Looks at the recipient
 * (if one is given or current), then the transaction, then the session. Numbers read as text are
 * written out; text read as a number must be one. Absent, or GP_ENOTFOUND.
 */
GP_API struct gp_slice gp_note_get(struct gp_call *call, struct gp_recipient *recipient,
                                   struct gp_slice key);
GP_API int gp_note_get_int(struct gp_call *call, struct gp_recipient *recipient,
                           struct gp_slice key, int64_t *value_r);
GP_API int gp_note_get_milli(struct gp_call *call, struct gp_recipient *recipient,
                             struct gp_slice key, int64_t *milli_r);

/* Removes one of this instance's own notes; GP_ENOTFOUND. */
GP_API int gp_note_remove(struct gp_call *call, enum gp_note_scope scope,
                          struct gp_recipient *recipient, const char *key);

/* A named number of this instance that only grows, summed over all calls: for metrics. */
GP_API void gp_count(struct gp_call *call, const char *counter, uint64_t n);

GP_END_C

#endif

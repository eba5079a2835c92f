// SPDX-License-Identifier: Apache-2.0
/*
 * Notes of one scope (a session, a transaction, a recipient): <gatepost/note.h>. Keyed by instance
 * and key, typed, bounded. Live in the arena given, with what they say.
 */
#ifndef GP_MESSAGE_NOTES_H
#define GP_MESSAGE_NOTES_H

#include "core/base/arena.h"

#include <gatepost/note.h>
#include <gatepost/slice.h>
#include <stdint.h>

#define GP__NOTE_KEY_MAX 64
#define GP__NOTE_TEXT_MAX 4096
#define GP__NOTES_MAX 100 /* an instance and scope */

enum gp__note_type { GP__NOTE_TEXT = 0, GP__NOTE_INT, GP__NOTE_MILLI };

struct gp__note {
    struct gp__note *next;
    struct gp_slice instance, key;
    enum gp__note_type type;
    struct gp_slice text; /* TEXT */
    int64_t number;       /* INT, MILLI */
    unsigned flags;       /* enum gp_note_flags */
    char *memory;         /* of texts, used again: gp__note_text() hands out copies */
    size_t room;
    char key_bytes[GP__NOTE_KEY_MAX];
};

/* Not to be moved in memory. */
struct gp__notes {
    struct gp__arena *arena;
    struct gp__note *first, **end; /* in order of first setting */
    struct gp__note *removed;      /* their memory is used again */
};

void gp__notes_init(struct gp__notes *notes, struct gp__arena *arena);

/* Sets or replaces. 0, GP_EINVAL (key, flags), GP_ELIMIT (count, length of text). */
int gp__notes_set(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                  struct gp_slice text, unsigned flags);
int gp__notes_set_int(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                      int64_t value, unsigned flags);
int gp__notes_set_milli(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                        int64_t milli, unsigned flags);

/* "key" is self's own, "instance.key" another's; split at the last dot. NULL: none. */
const struct gp__note *gp__notes_find(const struct gp__notes *notes, struct gp_slice self,
                                      struct gp_slice key);

/* 0, or GP_ENOTFOUND. */
int gp__notes_remove(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key);

/* The value as text ("2.5" for 2500 milli); as a number: 0, or GP_EINVAL when it is none. */
struct gp_slice gp__note_text(struct gp__arena *arena, const struct gp__note *note);
int gp__note_int(const struct gp__note *note, int64_t *value_r);
int gp__note_milli(const struct gp__note *note, int64_t *milli_r);

/* Thousandths as a decimal number: "2.5". Back: gp__milli_parse(), core/base/units.h. */
struct gp_slice gp__milli_format(struct gp__arena *arena, int64_t milli);

/* Copies all (or, with GP_NOTE_KEEP, those that are kept) into other notes and their arena: for
 * snapshots and the spool. */
void gp__notes_copy(struct gp__notes *to, const struct gp__notes *from, unsigned flags);

#endif

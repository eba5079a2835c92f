// SPDX-License-Identifier: Apache-2.0
/* Notes: a short list. The memory of a text is used again when the note is set anew. */
#include "core/message/notes.h"

#include "core/base/units.h"

#include "core/base/ascii.h"

#include <gatepost/types.h>
#include <inttypes.h>

void gp__notes_init(struct gp__notes *notes, struct gp__arena *arena)
{
    *notes = (struct gp__notes){.arena = arena};
    notes->end = &notes->first;
}

static bool key_valid(struct gp_slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.data[i];

        if (!(c >= 'a' && c <= 'z') && !gp__is_digit(c) && c != '_' && c != '-')
            return false;
    }
    return key.len > 0 && key.len <= GP__NOTE_KEY_MAX;
}

static struct gp__note *find(const struct gp__notes *notes, struct gp_slice instance,
                             struct gp_slice key)
{
    for (struct gp__note *note = notes->first; note; note = note->next)
        if (gp_slice_eq(note->key, key) && gp_slice_eq(note->instance, instance))
            return note;
    return NULL;
}

static size_t count_of(const struct gp__notes *notes, struct gp_slice instance)
{
    size_t count = 0;

    for (const struct gp__note *note = notes->first; note; note = note->next)
        count += gp_slice_eq(note->instance, instance);
    return count;
}

/* A new note; preferably one that the instance removed: so its notes need bounded memory. */
static struct gp__note *make(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key)
{
    struct gp__note **at = &notes->removed, *note;

    while (*at && !gp_slice_eq((*at)->instance, instance))
        at = &(*at)->next;
    note = *at;
    if (note) {
        *at = note->next;
        note->next = NULL;
    } else {
        note = GP__ARENA_NEW(notes->arena, struct gp__note);
        note->instance = gp__arena_dup(notes->arena, instance);
    }
    memcpy(note->key_bytes, key.data, key.len);
    note->key = gp_slice(note->key_bytes, key.len);
    return note;
}

/* The note to set, new if need be. 0, GP_EINVAL, GP_ELIMIT. */
static int take(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                unsigned flags, struct gp__note **note_r)
{
    struct gp__note *note;

    if (!key_valid(key) || (flags & ~(unsigned)GP_NOTE_KEEP))
        return GP_EINVAL;
    note = find(notes, instance, key);
    if (!note) {
        if (count_of(notes, instance) >= GP__NOTES_MAX)
            return GP_ELIMIT;
        note = make(notes, instance, key);
        *notes->end = note;
        notes->end = &note->next;
    }
    note->flags = flags;
    *note_r = note;
    return 0;
}

int gp__notes_set(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                  struct gp_slice text, unsigned flags)
{
    struct gp__note *note;
    int result;

    if (text.len > GP__NOTE_TEXT_MAX)
        return GP_ELIMIT;
    result = take(notes, instance, key, flags, &note);
    if (result < 0)
        return result;
    if (text.len > note->room) {
        note->room = note->room ? GP__NOTE_TEXT_MAX : text.len;
        note->memory = gp__arena_bytes(notes->arena, note->room);
    }
    if (text.len)
        memmove(note->memory, text.data, text.len);
    note->type = GP__NOTE_TEXT;
    note->text = text.len ? gp_slice(note->memory, text.len) : GP_S("");
    return 0;
}

static int set_number(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                      enum gp__note_type type, int64_t number, unsigned flags)
{
    struct gp__note *note;
    int result = take(notes, instance, key, flags, &note);

    if (result < 0)
        return result;
    note->type = type;
    note->number = number;
    note->text = gp_slice(NULL, 0);
    return 0;
}

int gp__notes_set_int(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                      int64_t value, unsigned flags)
{
    return set_number(notes, instance, key, GP__NOTE_INT, value, flags);
}

int gp__notes_set_milli(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key,
                        int64_t milli, unsigned flags)
{
    return set_number(notes, instance, key, GP__NOTE_MILLI, milli, flags);
}

const struct gp__note *gp__notes_find(const struct gp__notes *notes, struct gp_slice self,
                                      struct gp_slice key)
{
    size_t dot = gp_slice_rfind(key, '.');

    if (dot == key.len)
        return find(notes, self, key);
    return find(notes, gp_slice_sub(key, 0, dot), gp_slice_sub(key, dot + 1, key.len));
}

int gp__notes_remove(struct gp__notes *notes, struct gp_slice instance, struct gp_slice key)
{
    for (struct gp__note **at = &notes->first; *at; at = &(*at)->next) {
        struct gp__note *note = *at;

        if (!gp_slice_eq(note->key, key) || !gp_slice_eq(note->instance, instance))
            continue;
        *at = note->next;
        if (!note->next)
            notes->end = at;
        note->next = notes->removed;
        notes->removed = note;
        return 0;
    }
    return GP_ENOTFOUND;
}

/* ---- values ---- */

/* Thousandths with as few decimals as will do: "2.5", "-0.125", "3". */
struct gp_slice gp__milli_format(struct gp__arena *arena, int64_t milli)
{
    uint64_t value = milli < 0 ? 0 - (uint64_t)milli : (uint64_t)milli;
    struct gp_slice text = gp__arena_printf(arena, "%s%" PRIu64 ".%03" PRIu64, milli < 0 ? "-" : "",
                                            value / 1000, value % 1000);

    while (gp_slice_ends(text, GP_S("0")))
        text.len--;
    if (gp_slice_ends(text, GP_S(".")))
        text.len--;
    return text;
}

struct gp_slice gp__note_text(struct gp__arena *arena, const struct gp__note *note)
{
    switch (note->type) {
    case GP__NOTE_TEXT:
        return gp__arena_dup(arena, note->text);
    case GP__NOTE_INT:
        return gp__arena_printf(arena, "%" PRId64, note->number);
    case GP__NOTE_MILLI:
        return gp__milli_format(arena, note->number);
    }
    return gp_slice(NULL, 0);
}

int gp__note_int(const struct gp__note *note, int64_t *value_r)
{
    switch (note->type) {
    case GP__NOTE_TEXT:
        return gp_slice_to_int(note->text, INT64_MIN, INT64_MAX, value_r) < 0 ? GP_EINVAL : 0;
    case GP__NOTE_INT:
        *value_r = note->number;
        return 0;
    case GP__NOTE_MILLI:
        *value_r = note->number / 1000;
        return note->number % 1000 ? GP_EINVAL : 0;
    }
    return GP_EINVAL;
}

int gp__note_milli(const struct gp__note *note, int64_t *milli_r)
{
    switch (note->type) {
    case GP__NOTE_TEXT:
        return gp__milli_parse(note->text, milli_r) < 0 ? GP_EINVAL : 0;
    case GP__NOTE_INT:
        return __builtin_mul_overflow(note->number, 1000, milli_r) ? GP_EINVAL : 0;
    case GP__NOTE_MILLI:
        *milli_r = note->number;
        return 0;
    }
    return GP_EINVAL;
}

void gp__notes_copy(struct gp__notes *to, const struct gp__notes *from, unsigned flags)
{
    for (const struct gp__note *note = from->first; note; note = note->next) {
        if ((note->flags & flags) != flags)
            continue;
        if (note->type == GP__NOTE_TEXT)
            gp__notes_set(to, note->instance, note->key, note->text, note->flags);
        else
            set_number(to, note->instance, note->key, note->type, note->number, note->flags);
    }
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Notes: <gatepost/note.h>. Each scope has its own list, made when first used. What a shadow call
 * sets goes to its shadow's list, whatever the scope (a recipient's under a name of its own), and
 * is found there before the real ones.
 */
#include "core/plugin/api.h"

#define ABSENT gp_slice(NULL, 0)

/* ---- where they are ---- */

static struct gp__notes *make(struct gp__notes **notes, struct gp__arena *arena)
{
    if (!*notes) {
        *notes = GP__ARENA_NEW(arena, struct gp__notes);
        gp__notes_init(*notes, arena);
    }
    return *notes;
}

/* Under which name a shadow keeps notes of a recipient: no instance has a "#" in its own. */
static struct gp_slice shadow_name(struct gp_call *call, const struct gp_recipient *recipient)
{
    if (!recipient)
        return gp__api_who(call);
    return gp__arena_printf(gp__call_arena(call), GP_FMT "#%zu", GP_ARG(gp__api_who(call)),
                            recipient->index);
}

/* The list and the name to set under. */
struct place {
    struct gp__notes *notes;
    struct gp_slice who;
};

static int find_recipient(struct gp_call *call, const char *function,
                          struct gp_recipient **recipient)
{
    if (!*recipient)
        *recipient = call->recipient;
    return gp__api_recipient(call, function, *recipient);
}

static int no_scope(struct gp_call *call, const char *function, const char *what)
{
    return gp__call_fault(call, "%s(): there is no %s at %s", function, what,
                          gp__points[call->point].name);
}

/* NULL: nothing was noted there, when it is not to be made. */
static int find_real(struct gp_call *call, const char *function, enum gp_note_scope scope,
                     struct gp_recipient *recipient, struct gp__notes **notes_r)
{
    switch (scope) {
    case GP_NOTE_SESSION:
        if (!call->session || !call->session->policy)
            return no_scope(call, function, "session");
        *notes_r = make(&call->session->policy->notes, call->session->arena);
        return 0;
    case GP_NOTE_TRANSACTION:
        if (!call->policy)
            return no_scope(call, function, "transaction");
        *notes_r = make(&call->policy->notes, call->transaction->arena);
        return 0;
    case GP_NOTE_RECIPIENT:
        *notes_r = make(&recipient->notes, call->transaction->arena);
        return 0;
    }
    return gp__api_misuse(call, function, "no such scope");
}

static int find_place(struct gp_call *call, const char *function, enum gp_note_scope scope,
                      struct gp_recipient *recipient, const char *key, struct place *place_r)
{
    int error = call->root->sticky;

    if (!error && scope == GP_NOTE_RECIPIENT)
        error = find_recipient(call, function, &recipient);
    if (!error && !key)
        error = gp__api_misuse(call, function, "no key");
    if (!error)
        error = find_real(call, function, scope, recipient, &place_r->notes);
    if (error)
        return error;
    place_r->who = gp__api_who(call);
    if (call->shadow) {
        place_r->notes = &call->shadow->notes;
        place_r->who = shadow_name(call, scope == GP_NOTE_RECIPIENT ? recipient : NULL);
    }
    return 0;
}

/* ---- setting ---- */

int gp_note_set(struct gp_call *call, enum gp_note_scope scope, struct gp_recipient *recipient,
                const char *key, struct gp_slice value, unsigned flags)
{
    struct place place;
    int error = find_place(call, "gp_note_set", scope, recipient, key, &place);

    if (!error)
        error = gp__api_slice(call, "gp_note_set", value);
    if (error)
        return error;
    return gp__notes_set(place.notes, place.who, gp_slice_of(key), value, flags);
}

int gp_note_set_int(struct gp_call *call, enum gp_note_scope scope, struct gp_recipient *recipient,
                    const char *key, int64_t value, unsigned flags)
{
    struct place place;
    int error = find_place(call, "gp_note_set_int", scope, recipient, key, &place);

    if (error)
        return error;
    return gp__notes_set_int(place.notes, place.who, gp_slice_of(key), value, flags);
}

int gp_note_set_milli(struct gp_call *call, enum gp_note_scope scope,
                      struct gp_recipient *recipient, const char *key, int64_t milli,
                      unsigned flags)
{
    struct place place;
    int error = find_place(call, "gp_note_set_milli", scope, recipient, key, &place);

    if (error)
        return error;
    return gp__notes_set_milli(place.notes, place.who, gp_slice_of(key), milli, flags);
}

int gp_note_remove(struct gp_call *call, enum gp_note_scope scope, struct gp_recipient *recipient,
                   const char *key)
{
    struct place place;
    int error = find_place(call, "gp_note_remove", scope, recipient, key, &place);

    return error ? error : gp__notes_remove(place.notes, place.who, gp_slice_of(key));
}

/* ---- reading ---- */

/* "key" for a note of the caller's own, also when it was asked for as "instance.key". */
static struct gp_slice own_key(const struct gp_call *call, struct gp_slice key)
{
    size_t dot = gp_slice_rfind(key, '.');

    if (dot == key.len)
        return key;
    if (!gp_slice_eq(gp_slice_sub(key, 0, dot), gp__api_who(call)))
        return ABSENT;
    return gp_slice_sub(key, dot + 1, key.len);
}

static const struct gp__note *find_in_shadow(struct gp_call *call, struct gp_recipient *recipient,
                                             struct gp_slice key)
{
    const struct gp__notes *notes = &call->shadow->notes;
    const struct gp__note *note = NULL;

    key = own_key(call, key);
    if (!gp_slice_present(key))
        return NULL;
    if (recipient)
        note = gp__notes_find(notes, shadow_name(call, recipient), key);
    return note ? note : gp__notes_find(notes, gp__api_who(call), key);
}

static const struct gp__note *find_in(const struct gp_call *call, const struct gp__notes *notes,
                                      struct gp_slice key)
{
    return notes ? gp__notes_find(notes, gp__api_who(call), key) : NULL;
}

static const struct gp__note *find(struct gp_call *call, const char *function,
                                   struct gp_recipient *recipient, struct gp_slice key)
{
    const struct gp__note *note = NULL;

    if (gp__api_slice(call, function, key))
        return NULL;
    if (recipient && gp__api_recipient(call, function, recipient))
        return NULL;
    if (!recipient)
        recipient = call->recipient;
    if (call->shadow)
        note = find_in_shadow(call, recipient, key);
    if (!note && recipient)
        note = find_in(call, recipient->notes, key);
    if (!note && call->policy)
        note = find_in(call, call->policy->notes, key);
    if (!note && call->session && call->session->policy)
        note = find_in(call, call->session->policy->notes, key);
    return note;
}

struct gp_slice gp_note_get(struct gp_call *call, struct gp_recipient *recipient,
                            struct gp_slice key)
{
    const struct gp__note *note = find(call, "gp_note_get", recipient, key);

    /* A note that is replaced during the call must not take a slice of it away: text is stable in
     * its arena, numbers are written out. */
    return note ? gp__note_text(gp__call_arena(call), note) : ABSENT;
}

int gp_note_get_int(struct gp_call *call, struct gp_recipient *recipient, struct gp_slice key,
                    int64_t *value_r)
{
    const struct gp__note *note = find(call, "gp_note_get_int", recipient, key);
    int64_t value = 0;
    int error = note ? gp__note_int(note, &value) : GP_ENOTFOUND;

    if (!error && value_r)
        *value_r = value;
    return error;
}

int gp_note_get_milli(struct gp_call *call, struct gp_recipient *recipient, struct gp_slice key,
                      int64_t *milli_r)
{
    const struct gp__note *note = find(call, "gp_note_get_milli", recipient, key);
    int64_t milli = 0;
    int error = note ? gp__note_milli(note, &milli) : GP_ENOTFOUND;

    if (!error && milli_r)
        *milli_r = milli;
    return error;
}

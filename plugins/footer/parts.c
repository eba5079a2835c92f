// SPDX-License-Identifier: Apache-2.0
/* Where in a message a footer belongs. The walk over MIME parts is flat; the children of a part are
 * those after it that are one level deeper, up to the first that is not deeper. */
#include "footer.h"

#define DEPTH_MAX 20 /* deeper is no body that anybody reads */

struct search {
    struct gp_call *call;
    bool force;
    bool is_signed;
    size_t *parts;
    size_t n;
};

/* A part and its number in the walk. */
struct place {
    const struct gp_part *part;
    size_t number;
};

static bool is_type(const struct gp_part *part, struct gp_slice type)
{
    return gp_slice_eq(gp_part_type(part), type);
}

/* RFC 1847, 3156, 8551. */
static bool is_secured(const struct gp_part *part)
{
    return is_type(part, GP_S("multipart/signed")) || is_type(part, GP_S("multipart/encrypted")) ||
           is_type(part, GP_S("application/pkcs7-mime")) ||
           is_type(part, GP_S("application/x-pkcs7-mime"));
}

static bool is_attachment(struct gp_call *call, const struct gp_part *part)
{
    struct gp_slice disposition = gp_part_disposition(part);

    return (gp_slice_present(disposition) && !gp_slice_eq(disposition, GP_S("inline"))) ||
           gp_slice_present(gp_part_filename(call, part));
}

static struct place next(struct place place)
{
    return (struct place){gp_part_next(place.part), place.number + 1};
}

/* The part after this one and all that is in it; NULL when its parent ends. */
static struct place sibling(struct place place)
{
    unsigned depth = gp_part_depth(place.part);

    do
        place = next(place);
    while (place.part && gp_part_depth(place.part) > depth);
    if (place.part && gp_part_depth(place.part) < depth)
        place.part = NULL;
    return place;
}

static struct place first_child(struct place place)
{
    unsigned depth = gp_part_depth(place.part);

    place = next(place);
    if (place.part && gp_part_depth(place.part) <= depth)
        place.part = NULL;
    return place;
}

/* An OpenPGP message or signature that is written into the text (RFC 9580 6.2, 7). */
static bool is_armored(struct search *search, const struct gp_part *part)
{
    struct gp_slice text = gp_part_decoded(search->call, part);

    return gp_slice_search(text, GP_S("-----BEGIN PGP ")) < text.len;
}

static void take_text(struct search *search, struct place place)
{
    if (!is_type(place.part, GP_S("text/plain")) && !is_type(place.part, GP_S("text/html")))
        return;
    if (is_attachment(search->call, place.part) || search->n == FOOTER_PARTS_MAX)
        return;
    if (!search->force && is_armored(search, place.part)) {
        search->is_signed = true;
        return;
    }
    search->parts[search->n++] = place.number;
}

/* Takes the texts of a part. Recursion is bounded by DEPTH_MAX. */
static void take(struct search *search, struct place place)
{
    bool all = is_type(place.part, GP_S("multipart/alternative"));
    bool first_only = is_type(place.part, GP_S("multipart/related"));
    size_t before = search->n;

    if (is_secured(place.part) && !search->force) {
        search->is_signed = true;
        return;
    }
    if (!gp_part_is_container(place.part)) {
        take_text(search, place);
        return;
    }
    if (is_type(place.part, GP_S("message/rfc822")) || gp_part_depth(place.part) >= DEPTH_MAX)
        return;
    for (struct place child = first_child(place); child.part; child = sibling(child)) {
        take(search, child);
        if (search->is_signed || first_only || (!all && search->n > before))
            return;
    }
}

enum footer_body footer_find_parts(struct gp_call *call, struct gp_message *message, bool force,
                                   size_t parts[FOOTER_PARTS_MAX], size_t *n_r)
{
    struct search search = {.call = call, .force = force, .parts = parts};
    struct place whole = {gp_part_first(call, message), 0};

    *n_r = 0;
    if (!whole.part)
        return FOOTER_BODY_NONE;
    take(&search, whole);
    if (search.is_signed)
        return FOOTER_BODY_SIGNED;
    *n_r = search.n;
    return search.n ? FOOTER_BODY_FOUND : FOOTER_BODY_NONE;
}

struct gp_part *footer_part_at(struct gp_call *call, struct gp_message *message, size_t number)
{
    struct gp_part *part = gp_part_first(call, message);

    while (part && number--)
        part = gp_part_next(part);
    return part;
}

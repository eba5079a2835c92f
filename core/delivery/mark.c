// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/mark.h"

#include "core/base/hash.h"

#define TEXT_MAX 4096u
#define ID_KEY 0x6d61726b73206964u /* part of the format: never to be changed */

/* What each kind has beside place and check. */
enum has {
    HAS_ENTRY = 1 << 0,
    HAS_SOME = 1 << 1,
    HAS_TO = 1 << 2,
    HAS_AT = 1 << 3,
    HAS_REPLY = 1 << 4, /* and tries and remote */
    HAS_NAME = 1 << 5,
    HAS_BUCKET = 1 << 6,
    HAS_FLAGS = 1 << 7,
};

static const unsigned forms[GP__MARK_KINDS] = {
    [GP__MARK_DONE] = HAS_ENTRY | HAS_SOME,
    [GP__MARK_DEFERRED] = HAS_ENTRY | HAS_SOME | HAS_AT | HAS_REPLY,
    [GP__MARK_HELD] = HAS_ENTRY | HAS_SOME | HAS_AT | HAS_NAME,
    [GP__MARK_RELEASED] = HAS_ENTRY | HAS_SOME,
    [GP__MARK_ROUTED] = HAS_ENTRY | HAS_SOME | HAS_NAME,
    [GP__MARK_WARNED] = HAS_ENTRY | HAS_SOME,
    [GP__MARK_MOVED] = HAS_ENTRY | HAS_TO,
    [GP__MARK_ONLY] = HAS_ENTRY,
    [GP__MARK_STATE] = HAS_ENTRY | HAS_SOME | HAS_AT | HAS_REPLY | HAS_NAME | HAS_BUCKET |
                       HAS_FLAGS,
    [GP__MARK_ALL_DONE] = HAS_ENTRY,
    [GP__MARK_PAUSED] = HAS_NAME,
    [GP__MARK_RESUMED] = HAS_NAME,
    [GP__MARK_LET_GO] = HAS_ENTRY | HAS_SOME | HAS_AT | HAS_NAME,
};

/* The number of a STATE: flags, and above them the hours that it was held. */
enum {
    WARNED = 1 << 0,
    LET_GO = 1 << 1,
    HELD_SHIFT = 2,
    STATE_MAX = (UINT16_MAX << HELD_SHIFT) | WARNED | LET_GO,
};

uint64_t gp__mark_id(struct gp_slice id)
{
    uint64_t hash = gp__hash_fixed(id, ID_KEY);

    return hash ? hash : 1;
}

/* ---- writing ---- */

/* Seven bits a byte, least first; the eighth says that more follow. */
static void put(struct gp__buf *out, uint64_t number)
{
    char bytes[10];
    size_t n = 0;

    do {
        bytes[n] = (char)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
        number >>= 7;
        n++;
    } while (number);
    gp__buf_append(out, gp_slice(bytes, n));
}

/* Its length and one; 0: absent. */
static void put_text(struct gp__buf *out, struct gp_slice text)
{
    text = gp_slice_sub(text, 0, TEXT_MAX);
    put(out, gp_slice_present(text) ? text.len + 1 : 0);
    gp__buf_append(out, text);
}

static void put_flags(struct gp__buf *out, const struct gp__mark *mark)
{
    put(out, (mark->warned ? WARNED : 0u) | (mark->let_go ? LET_GO : 0u) |
                 (uint64_t)mark->held_h << HELD_SHIFT);
}

static void put_reply(struct gp__buf *out, const struct gp__mark *mark)
{
    put(out, mark->tries);
    put(out, mark->reply.code);
    put(out, mark->reply.klass);
    put(out, mark->reply.subject);
    put(out, mark->reply.detail);
    put_text(out, mark->reply.text);
    put_text(out, mark->remote);
}

void gp__mark_pack(struct gp__buf *out, const struct gp__mark *mark)
{
    unsigned form = forms[mark->kind];

    put(out, mark->kind);
    if (form & HAS_ENTRY) {
        put(out, mark->place.segment);
        put(out, mark->place.offset);
        put(out, mark->check);
    }
    if (form & HAS_SOME) {
        put(out, mark->first);
        put(out, mark->some);
    }
    if (form & HAS_TO) {
        put(out, mark->to.segment);
        put(out, mark->to.offset);
    }
    if (form & HAS_AT)
        put(out, mark->at_ms);
    if (form & HAS_REPLY)
        put_reply(out, mark);
    if (form & HAS_NAME)
        put_text(out, mark->name);
    if (form & HAS_BUCKET)
        put_text(out, mark->bucket);
    if (form & HAS_FLAGS)
        put_flags(out, mark);
}

/* ---- reading ---- */

struct reader {
    struct gp_slice rest;
    bool bad;
};

static uint64_t get(struct reader *in, uint64_t max)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && in->rest.len; shift += 7) {
        unsigned char byte = (unsigned char)*in->rest.data;

        if (shift == 63 && byte > 1)
            break;
        number |= (uint64_t)(byte & 0x7f) << shift;
        in->rest = gp_slice_sub(in->rest, 1, in->rest.len);
        if (!(byte & 0x80)) {
            in->bad |= number > max;
            return number > max ? 0 : number;
        }
    }
    in->bad = true;
    return 0;
}

static struct gp_slice get_text(struct reader *in)
{
    uint64_t len = get(in, TEXT_MAX + 1);
    struct gp_slice text;

    if (len == 0)
        return gp_slice(NULL, 0);
    if (len - 1 > in->rest.len) {
        in->bad = true;
        return gp_slice(NULL, 0);
    }
    text = gp_slice_sub(in->rest, 0, (size_t)len - 1);
    in->rest = gp_slice_sub(in->rest, (size_t)len - 1, in->rest.len);
    return text;
}

static struct gp__place get_place(struct reader *in)
{
    struct gp__place place = {.segment = get(in, UINT64_MAX)};

    place.offset = (uint32_t)get(in, UINT32_MAX);
    return place;
}

static void get_flags(struct reader *in, struct gp__mark *mark)
{
    uint64_t flags = get(in, STATE_MAX);

    mark->warned = flags & WARNED;
    mark->let_go = flags & LET_GO;
    mark->held_h = (uint16_t)(flags >> HELD_SHIFT);
}

static void get_reply(struct reader *in, struct gp__mark *mark)
{
    mark->tries = (uint32_t)get(in, UINT32_MAX);
    mark->reply.code = (uint16_t)get(in, 599);
    mark->reply.klass = (uint8_t)get(in, 5);
    mark->reply.subject = (uint16_t)get(in, 999);
    mark->reply.detail = (uint16_t)get(in, 999);
    mark->reply.text = get_text(in);
    mark->remote = get_text(in);
}

int gp__mark_unpack(struct gp__mark *mark, struct gp_slice bytes)
{
    struct reader in = {.rest = bytes};
    unsigned form;

    *mark = (struct gp__mark){.kind = (enum gp__mark_kind)get(&in, GP__MARK_KINDS - 1)};
    form = forms[mark->kind];
    if (form & HAS_ENTRY) {
        mark->place = get_place(&in);
        mark->check = (uint32_t)get(&in, UINT32_MAX);
    }
    if (form & HAS_SOME) {
        mark->first = (uint32_t)get(&in, UINT32_MAX);
        mark->some = get(&in, UINT64_MAX);
        in.bad |= mark->some == 0;
    }
    if (form & HAS_TO)
        mark->to = get_place(&in);
    if (form & HAS_AT)
        mark->at_ms = get(&in, INT64_MAX);
    if (form & HAS_REPLY)
        get_reply(&in, mark);
    if (form & HAS_NAME)
        mark->name = get_text(&in);
    if (form & HAS_BUCKET)
        mark->bucket = get_text(&in);
    if (form & HAS_FLAGS)
        get_flags(&in, mark);
    return form == 0 || in.bad || in.rest.len ? -1 : 0;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Parsing DNS packets. A cursor over the packet that fails for good at the first read past the end;
 * compression pointers must point backwards and are counted, so no name loops.
 */
#include "core/runtime/dns_record.h"

#include "core/base/ascii.h"
#include "core/base/ip.h"

#include <limits.h>

#define CLASS_IN 1
#define CNAMES_MAX 16
#define POINTERS_MAX 64
/* Four characters for each byte ("\255"), and a dot a label. */
#define NAME_TEXT_MAX (255 * 4 + 128)

bool gp__dns_name_valid(struct gp_slice name)
{
    size_t label = 0;

    if (name.len > 0 && name.data[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len > GP__DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (c == '.' ? label == 0 : ++label > 63 || !(gp__is_alnum(c) || c == '-' || c == '_'))
            return false;
        if (c == '.')
            label = 0;
    }
    return label > 0;
}

/* ---- reading ---- */

struct cursor {
    const uint8_t *data;
    size_t len, at;
    bool failed;
};

static const uint8_t *take(struct cursor *in, size_t n)
{
    const uint8_t *bytes = in->data + in->at;

    if (in->failed || n > in->len - in->at) {
        in->failed = true;
        return NULL;
    }
    in->at += n;
    return bytes;
}

static uint16_t take16(struct cursor *in)
{
    const uint8_t *bytes = take(in, 2);

    unsigned value = bytes ? (unsigned)bytes[0] << 8 | bytes[1] : 0;

    return (uint16_t)value;
}

static uint32_t take32(struct cursor *in)
{
    uint32_t high = take16(in);

    return high << 16 | take16(in);
}

/* ---- names ---- */

/* A name as text, "" for the root. */
struct name {
    size_t len;
    char text[NAME_TEXT_MAX];
};

static struct gp_slice name_slice(const struct name *name)
{
    return gp_slice(name->text, name->len);
}

/* One byte of a label. The slash is found in classless reverse zones (RFC 2317). */
static void add_byte(struct name *name, uint8_t byte)
{
    char c = (char)byte;

    if (gp__is_alnum(c) || c == '-' || c == '_' || c == '/') {
        name->text[name->len++] = c;
        return;
    }
    name->text[name->len++] = '\\';
    name->text[name->len++] = (char)('0' + byte / 100);
    name->text[name->len++] = (char)('0' + byte / 10 % 10);
    name->text[name->len++] = (char)('0' + byte % 10);
}

static void add_label(struct name *name, const uint8_t *bytes, size_t len)
{
    if (name->len > 0)
        name->text[name->len++] = '.';
    for (size_t i = 0; i < len; i++)
        add_byte(name, bytes[i]);
}

/* Goes to where a compression pointer points: only backwards. */
static void jump(struct cursor *in, uint8_t high, size_t *jumps)
{
    size_t from = in->at - 1;
    const uint8_t *low = take(in, 1);
    size_t to = low ? (size_t)(high & 0x3f) << 8 | *low : SIZE_MAX;

    if (to >= from || ++*jumps > POINTERS_MAX)
        in->failed = true;
    else
        in->at = to;
}

/* Reads the name at the cursor (RFC 1035 4.1.4); at most 255 bytes of wire form. */
static void take_name(struct cursor *in, struct name *name)
{
    size_t wire = 1, jumps = 0, after = 0;
    const uint8_t *head;

    name->len = 0;
    while ((head = take(in, 1)) && *head != 0) {
        if (*head >= 0xc0) {
            after = jumps == 0 ? in->at + 1 : after;
            jump(in, *head, &jumps);
            continue;
        }
        const uint8_t *bytes = *head > 63 ? NULL : take(in, *head);

        wire += 1 + (size_t)*head;
        if (!bytes || wire > 255) {
            in->failed = true;
            return;
        }
        add_label(name, bytes, *head);
    }
    if (jumps > 0)
        in->at = after;
}

/* ---- record data ---- */

static struct gp_slice bytes_dup(struct gp__arena *arena, const uint8_t *bytes, size_t len)
{
    return gp__arena_dup(arena, gp_slice((const char *)bytes, len));
}

static struct gp_slice read_ip(struct gp__arena *arena, struct cursor *in, size_t end, size_t len)
{
    struct gp__ip ip = {.family = len == 4 ? 4 : 6};
    const uint8_t *bytes = take(in, len);
    char text[48];

    if (!bytes || in->at != end)
        return gp_slice(NULL, 0);
    memcpy(ip.bytes, bytes, len);
    return gp__arena_dup(arena, gp__ip_format(&ip, text));
}

static struct gp_slice read_name(struct gp__arena *arena, struct cursor *in, size_t end)
{
    struct name name;

    take_name(in, &name);
    if (in->failed || in->at != end)
        return gp_slice(NULL, 0);
    return gp__arena_dup(arena, name_slice(&name));
}

/* Strings of at most 255 bytes each, joined (RFC 1035 3.3.14, 7208 3.3). */
static struct gp_slice read_txt(struct gp__arena *arena, struct cursor *in, size_t end)
{
    char *text = gp__arena_bytes(arena, end - in->at + 1);
    size_t len = 0;

    while (in->at < end) {
        const uint8_t *n = take(in, 1);
        const uint8_t *bytes = take(in, *n);

        if (!bytes || in->at > end)
            return gp_slice(NULL, 0);
        if (*n > 0)
            memcpy(text + len, bytes, *n);
        len += *n;
    }
    text[len] = '\0';
    return gp_slice(text, len);
}

/* Usage, selector, matching type, then at least a byte (RFC 6698 2.1). */
static struct gp_slice read_tlsa(struct gp__arena *arena, struct cursor *in, size_t end)
{
    size_t len = end - in->at;
    const uint8_t *bytes = len > 3 ? take(in, len) : NULL;

    return bytes ? bytes_dup(arena, bytes, len) : gp_slice(NULL, 0);
}

/* The text of a record whose data ends at `end`; absent if malformed. */
static struct gp_slice read_data(struct gp__arena *arena, struct cursor *in, size_t end,
                                 enum gp_dns_type type, uint16_t *preference_r)
{
    switch (type) {
    case GP_DNS_A:
        return read_ip(arena, in, end, 4);
    case GP_DNS_AAAA:
        return read_ip(arena, in, end, 16);
    case GP_DNS_MX:
        *preference_r = take16(in);
        return read_name(arena, in, end);
    case GP_DNS_CNAME:
    case GP_DNS_PTR:
        return read_name(arena, in, end);
    case GP_DNS_TXT:
        return read_txt(arena, in, end);
    case GP_DNS_TLSA:
        return read_tlsa(arena, in, end);
    }
    return gp_slice(NULL, 0);
}

/* ---- packets ---- */

struct record {
    struct name owner;
    unsigned type, class;
    uint32_t ttl;
    size_t data, end; /* where */
};

static void take_record(struct cursor *in, struct record *record)
{
    size_t len;

    take_name(in, &record->owner);
    record->type = take16(in);
    record->class = take16(in);
    record->ttl = take32(in);
    len = take16(in);
    record->data = in->at;
    (void)take(in, len);
    record->end = in->at;
    if (record->ttl > INT32_MAX) /* RFC 2181 8 */
        record->ttl = 0;
}

struct reader {
    struct cursor in;
    struct gp__arena *arena;
    enum gp_dns_type type;
    unsigned n_records; /* of the answer section */
    size_t answers;     /* where it begins */
    struct name name;   /* looked for now: the question's, later a CNAME's target */
    bool aliased;       /* a CNAME's target */
};

static void note_ttl(struct gp_dns_answer *answer, uint32_t ttl)
{
    if (ttl < answer->ttl)
        answer->ttl = ttl;
}

static void add(struct reader *reader, const struct record *record, struct gp_dns_answer *answer)
{
    struct cursor in = {.data = reader->in.data, .len = record->end, .at = record->data};
    struct gp__dns_record *slot = &answer->records[answer->count];
    uint16_t preference = 0;
    struct gp_slice text = read_data(reader->arena, &in, record->end, reader->type, &preference);

    if (!gp_slice_present(text) || in.failed)
        return;
    *slot = (struct gp__dns_record){.text = text, .preference = preference};
    answer->count++;
    note_ttl(answer, record->ttl);
}

/* One pass over the answer section for the name looked for. Whether a CNAME moved it on. */
static bool pass(struct reader *reader, struct gp_dns_answer *answer)
{
    struct name target;
    bool moved = false;

    reader->in.at = reader->answers;
    for (unsigned n = 0; n < reader->n_records && !reader->in.failed; n++) {
        struct record record;

        take_record(&reader->in, &record);
        if (reader->in.failed || record.class != CLASS_IN ||
            !gp_slice_caseeq(name_slice(&record.owner), name_slice(&reader->name)))
            continue;
        if (record.type == (unsigned)reader->type && answer->count < GP__DNS_RECORDS_MAX) {
            add(reader, &record, answer);
        } else if (record.type == GP_DNS_CNAME && reader->type != GP_DNS_CNAME && !moved) {
            struct cursor in = {.data = reader->in.data, .len = record.end, .at = record.data};

            take_name(&in, &target);
            moved = !in.failed && in.at == record.end;
            note_ttl(answer, record.ttl);
        }
    }
    if (moved && answer->count == 0) {
        reader->name = target;
        reader->aliased = true;
    }
    return moved && answer->count == 0;
}

/* The header and the question: the rcode, or -1. */
static int begin(struct reader *reader)
{
    struct cursor *in = &reader->in;
    unsigned flags, questions;

    (void)take16(in); /* id */
    flags = take16(in);
    questions = take16(in);
    reader->n_records = take16(in);
    (void)take32(in); /* authority and additional */
    take_name(in, &reader->name);
    (void)take32(in); /* type and class */
    reader->answers = in->at;
    return in->failed || questions != 1 ? -1 : (int)(flags & 0xf);
}

int gp__dns_parse(struct gp__arena *arena, struct gp_slice packet, enum gp_dns_type type,
                  bool secure, struct gp_dns_answer **answer_r)
{
    struct reader reader = {.in = {.data = (const uint8_t *)packet.data, .len = packet.len},
                            .arena = arena,
                            .type = type};
    struct gp_dns_answer *answer;
    int rcode = begin(&reader);

    *answer_r = NULL;
    if (rcode != 0 && rcode != 3)
        return GP_ETEMP;
    answer = GP__ARENA_NEW(arena, struct gp_dns_answer);
    answer->records = GP__ARENA_ARRAY(arena, struct gp__dns_record,
                                      reader.n_records < GP__DNS_RECORDS_MAX ? reader.n_records
                                                                             : GP__DNS_RECORDS_MAX);
    answer->ttl = UINT32_MAX;
    answer->secure = secure;
    answer->nxdomain = rcode == 3;
    for (int n = 0; rcode == 0 && n < CNAMES_MAX && pass(&reader, answer); n++)
        ;
    if (reader.in.failed && answer->count == 0)
        return GP_ETEMP;
    if (answer->ttl == UINT32_MAX)
        answer->ttl = 0;
    if (reader.aliased)
        answer->canonical = gp__arena_dup(arena, name_slice(&reader.name));
    *answer_r = answer;
    return answer->count > 0 ? 0 : GP_ENOTFOUND;
}

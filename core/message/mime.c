// SPDX-License-Identifier: Apache-2.0
/*
 * The walk: a stack of the parts that are open, and one pass over the lines. A line that is a
 * delimiter of an open multipart closes everything inside it; nothing is looked at twice, but for
 * the few fields of each part. A delimiter is "--" boundary, then "--" or nothing, then white space
 * (RFC 2046 5.1.1): a longer boundary that begins like ours is not ours.
 */
#include "core/message/mime.h"

#include "core/base/ascii.h"
#include "core/base/counts.h"
#include "core/message/value.h"

struct frame {
    struct gp_part *part;
    bool multipart; /* its boundary counts */
    bool closed;    /* the last delimiter came: epilogue */
};

struct walk {
    struct gp_message *message;
    struct gp__mime *mime;
    struct gp__arena *arena;
    struct gp__mime_limits limits;
    struct gp_slice body;
    struct gp_part *last;
    struct frame *frames;
    size_t depth; /* frames open */
    size_t multiparts;
    size_t header_left;
    size_t pos;
    bool full; /* the last part there is, which takes the rest */
};

/* ---- lines ---- */

/* The line at pos with its end. */
static struct gp_slice line_at(const struct walk *walk, size_t pos)
{
    struct gp_slice rest = gp_slice_sub(walk->body, pos, walk->body.len);
    size_t lf = gp_slice_find(rest, '\n');

    return gp_slice_sub(rest, 0, lf + 1);
}

/* Whether the line is a delimiter of an open multipart, the innermost first. */
static bool is_delimiter(const struct walk *walk, struct gp_slice line, size_t *frame_r,
                         bool *last_r)
{
    if (!gp_slice_starts(line, GP_S("--")))
        return false;
    line = gp_slice_sub(line, 2, line.len);
    while (line.len > 0 && (gp__is_wsp(line.data[line.len - 1]) ||
                            line.data[line.len - 1] == '\r' || line.data[line.len - 1] == '\n'))
        line.len--;
    for (size_t i = walk->depth; i-- > 0;) {
        const struct frame *frame = &walk->frames[i];
        struct gp_slice boundary = frame->part->boundary;

        if (!frame->multipart || frame->closed)
            continue;
        *frame_r = i;
        *last_r = line.len == boundary.len + 2 && gp_slice_ends(line, GP_S("--"));
        if (line.len == boundary.len + (*last_r ? 2 : 0) && gp_slice_starts(line, boundary))
            return true;
    }
    return false;
}

/* ---- fields ---- */

/* A field of the part, as written; notes when it is there twice. */
static struct gp_slice field(struct walk *walk, const struct gp_part *part, struct gp_slice name)
{
    struct gp_header *first, *second;

    if (part->parent) {
        if (gp_slice_present(gp__value_in_section(part->section, name, 1)))
            walk->mime->defects |= GP_MIME_DUPLICATE_FIELD;
        return gp__value_in_section(part->section, name, 0);
    }
    first = gp_header_find(walk->message, name, 0);
    second = gp_header_find(walk->message, name, 1);
    if (second)
        walk->mime->defects |= GP_MIME_DUPLICATE_FIELD;
    return first ? gp_header_raw(first) : gp_slice(NULL, 0);
}

/* RFC 2045 5.2: nothing or nonsense is text/plain; RFC 2046 5.1.5: in a digest it is a message. */
static void read_type(struct walk *walk, struct gp_part *part)
{
    struct gp_slice raw = field(walk, part, GP_S("Content-Type"));

    gp__params_parse(walk->arena, GP__PARAMS_TYPE, gp__value_unfold(walk->arena, raw),
                     &part->params);
    part->type = part->params.value;
    if (gp_slice_present(part->type))
        return;
    if (gp_slice_present(raw))
        walk->mime->defects |= GP_MIME_BAD_TYPE;
    part->type = GP_S("text/plain");
    if (!gp_slice_present(raw) && part->parent &&
        gp_slice_eq(part->parent->type, GP_S("multipart/digest")))
        part->type = GP_S("message/rfc822");
}

/* What is not known is not decoded (RFC 2045 6.4). */
static void read_encoding(struct walk *walk, struct gp_part *part)
{
    static const struct {
        const char *name;
        enum gp__transfer_encoding encoding;
    } table[] = {
        {"7bit", GP__CTE_7BIT},     {"8bit", GP__CTE_8BIT},
        {"binary", GP__CTE_BINARY}, {"quoted-printable", GP__CTE_QUOTED_PRINTABLE},
        {"base64", GP__CTE_BASE64},
    };
    struct gp_slice raw = field(walk, part, GP_S("Content-Transfer-Encoding"));
    struct gp__params params;

    if (!gp_slice_present(raw))
        return;
    gp__params_parse(walk->arena, GP__PARAMS_DISPOSITION, gp__value_unfold(walk->arena, raw),
                     &params);
    part->encoding = GP__CTE_UNKNOWN;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (gp_slice_eq(params.value, gp_slice_of(table[i].name)))
            part->encoding = table[i].encoding;
    if (part->encoding == GP__CTE_UNKNOWN)
        walk->mime->defects |= GP_MIME_BAD_ENCODING;
}

static void read_fields(struct walk *walk, struct gp_part *part)
{
    struct gp_slice raw = field(walk, part, GP_S("Content-Disposition"));
    bool ambiguous = false;

    read_type(walk, part);
    read_encoding(walk, part);
    gp__params_parse(walk->arena, GP__PARAMS_DISPOSITION, gp__value_unfold(walk->arena, raw),
                     &part->disposition);
    gp__params_filename(walk->arena, &part->disposition, &part->params, &ambiguous);
    if (ambiguous)
        walk->mime->defects |= GP_MIME_AMBIGUOUS_NAME;
}

/* The boundary as it stands in the field, which is how lines are compared; no white space at its
 * end (RFC 2046 5.1.1). */
static struct gp_slice find_boundary(struct walk *walk, const struct gp_part *part)
{
    struct gp_slice name = GP_S("boundary"), boundary = gp_slice(NULL, 0);
    bool ambiguous = false;

    boundary = gp__params_get(walk->arena, &part->params, name, &ambiguous, NULL);
    if (ambiguous)
        walk->mime->defects |= GP_MIME_DUPLICATE_FIELD;
    for (size_t i = 0; i < part->params.count; i++) {
        const struct gp__param *param = &part->params.items[i];

        if (param->section < 0 && !param->extended && gp_slice_caseeq(param->name, name)) {
            boundary = param->value;
            break;
        }
    }
    while (boundary.len > 0 && gp__is_wsp(boundary.data[boundary.len - 1]))
        boundary.len--;
    return boundary;
}

/* ---- parts ---- */

static struct gp_part *add_part(struct walk *walk, struct gp_part *parent)
{
    struct gp_part *part = GP__ARENA_NEW(walk->arena, struct gp_part);

    part->message = walk->message;
    part->parent = parent;
    part->depth = parent ? parent->depth + 1 : 0;
    part->offset = walk->pos;
    part->type = GP_S("text/plain");
    if (walk->last)
        walk->last->next = part;
    else
        walk->mime->first = part;
    walk->last = part;
    walk->mime->count++;
    return part;
}

static void make_opaque(struct walk *walk, struct gp_part *part, enum gp_mime_defect defect)
{
    walk->mime->defects |= (unsigned)defect;
    part->type = GP_S("application/octet-stream");
    part->opaque = true;
}

/* The first line can't be a folded one. */
static bool is_field_line(struct gp_slice line, bool first)
{
    struct gp_slice name, raw;

    return (gp__is_wsp(line.data[0]) && !first) || gp__value_next(&line, &name, &raw);
}

/*
 * Reads the header section at pos and sets pos behind its blank line. A line that is no field ends
 * it and belongs to the content, as for the message itself; so does a delimiter. False: it is over
 * the budget, and the content begins with it.
 */
static bool read_section(struct walk *walk, struct gp_part *part)
{
    size_t start = walk->pos, pos = start, frame;
    bool last;

    part->section = GP_S("");
    part->no_blank_line = true;
    while (pos < walk->body.len) {
        struct gp_slice line = line_at(walk, pos);
        bool blank = gp_slice_eq(line, GP_S("\r\n")) || gp_slice_eq(line, GP_S("\n"));

        if (!blank &&
            (is_delimiter(walk, line, &frame, &last) || !is_field_line(line, pos == start)))
            break;
        if (pos - start + line.len > walk->header_left) {
            part->section = GP_S("");
            return false;
        }
        pos += line.len;
        part->no_blank_line = !blank;
        if (blank)
            break;
        part->section = gp_slice_sub(walk->body, start, pos - start);
    }
    walk->header_left -= pos - start;
    walk->pos = pos;
    part->offset = pos;
    return true;
}

static void push(struct walk *walk, struct gp_part *part)
{
    walk->frames[walk->depth++] = (struct frame){.part = part};
}

/* What a part whose header section is read is: container or leaf. */
static void classify(struct walk *walk, struct gp_part *part)
{
    bool multipart = gp_slice_starts(part->type, GP_S("multipart/"));
    bool message = gp_slice_eq(part->type, GP_S("message/rfc822")) ||
                   gp_slice_eq(part->type, GP_S("message/global"));
    bool encoded = part->encoding >= GP__CTE_QUOTED_PRINTABLE;

    if (!multipart && !message)
        return;
    /* RFC 2045 6.4 forbids it. Receivers look into a multipart all the same, not into a message. */
    if (encoded)
        walk->mime->defects |= GP_MIME_BAD_ENCODING;
    if (message && encoded)
        return;
    if (part->depth >= walk->limits.depth) {
        GP__LIMIT_HIT(mime_depth);
        make_opaque(walk, part, GP_MIME_TOO_DEEP);
        return;
    }
    if (multipart) {
        part->boundary = find_boundary(walk, part);
        if (part->boundary.len == 0) {
            make_opaque(walk, part, GP_MIME_NO_BOUNDARY);
            return;
        }
        walk->frames[walk->depth - 1].multipart = true;
        walk->multiparts++;
    }
    part->container = true;
}

/* Opens the part at pos and, if it is a message, what is in it. */
static void open_part(struct walk *walk, struct gp_part *parent)
{
    struct gp_part *part = parent;

    do {
        parent = part;
        part = add_part(walk, parent);
        push(walk, part);
        if (walk->mime->count > walk->limits.parts) {
            GP__LIMIT_HIT(mime_parts);
            make_opaque(walk, part, GP_MIME_TOO_MANY_PARTS);
            walk->full = true;
            return;
        }
        if (parent && !read_section(walk, part)) {
            make_opaque(walk, part, GP_MIME_HEADER_TOO_LONG);
            return;
        }
        read_fields(walk, part);
        classify(walk, part);
    } while (part->container && !walk->frames[walk->depth - 1].multipart);
}

/* Closes all frames from `frame` on; their content ends at `end`. */
static void close_from(struct walk *walk, size_t frame, size_t end)
{
    while (walk->depth > frame) {
        struct frame *top = &walk->frames[--walk->depth];
        size_t start = (size_t)top->part->offset;

        if (top->multipart && !top->closed && !walk->full)
            walk->mime->defects |= GP_MIME_NO_END;
        if (top->multipart)
            walk->multiparts--;
        top->part->no_line_end = end < start;
        top->part->content = gp_slice_sub(walk->body, start, end > start ? end - start : 0);
    }
}

/* The line end before a delimiter belongs to the delimiter. */
static size_t content_end(const struct walk *walk, size_t line_start)
{
    if (line_start > 0 && walk->body.data[line_start - 1] == '\n')
        line_start--;
    if (line_start > 0 && walk->body.data[line_start - 1] == '\r')
        line_start--;
    return line_start;
}

static void take_line(struct walk *walk)
{
    struct gp_slice line = line_at(walk, walk->pos);
    size_t start = walk->pos, frame;
    bool last;

    walk->pos += line.len;
    if (!is_delimiter(walk, line, &frame, &last))
        return;
    close_from(walk, frame + 1, content_end(walk, start));
    if (last)
        walk->frames[frame].closed = true;
    else
        open_part(walk, walk->frames[frame].part);
}

/* ---- the walk as a whole ---- */

static void free_walks(void *arg)
{
    struct gp_message *message = arg;

    while (message->mime) {
        struct gp__mime *mime = message->mime;
        struct gp__arena *arena = mime->arena;

        message->mime = mime->stale;
        gp__arena_free(&arena);
    }
}

void gp__mime_collect(struct gp_message *message)
{
    while (message->mime && message->mime->stale) {
        struct gp__mime *mime = message->mime->stale;
        struct gp__arena *arena = mime->arena;

        message->mime->stale = mime->stale;
        gp__arena_free(&arena);
    }
}

static struct gp__mime *make(struct gp_message *message)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__mime *mime = GP__ARENA_NEW(arena, struct gp__mime);

    if (!message->mime)
        gp__arena_cleanup(message->arena, free_walks, message);
    mime->arena = arena;
    mime->version = message->version;
    mime->stale = message->mime;
    message->mime = mime;
    return mime;
}

struct gp__mime *gp__mime_walk(struct gp_message *message, const struct gp__mime_limits *limits)
{
    struct walk walk = {.message = message, .limits = *limits, .body = gp_body(message)};

    if (!gp_slice_present(walk.body))
        return NULL;
    if (message->mime && message->mime->version == message->version)
        return message->mime;
    walk.mime = make(message);
    walk.arena = walk.mime->arena;
    walk.header_left = limits->header_bytes;
    /* A part is at most one deeper than the deepest container. */
    walk.frames = GP__ARENA_ARRAY(walk.arena, struct frame, (size_t)limits->depth + 2);
    open_part(&walk, NULL);
    while (walk.pos < walk.body.len && walk.multiparts > 0 && !walk.full)
        take_line(&walk);
    close_from(&walk, 0, walk.body.len);
    return walk.mime;
}

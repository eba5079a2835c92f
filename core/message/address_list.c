// SPDX-License-Identifier: Apache-2.0
/*
 * One pass over the list: each run between commas is looked through for its brackets, then its
 * parts are cleaned. A comment or quoted-string that never ends is tried once only, so that a row
 * of open brackets costs no more than other text.
 */
#include "core/message/address_list.h"

#include "core/base/ascii.h"
#include "core/message/encoded_word.h"
#include "core/message/value.h"

struct parser {
    struct gp__arena *arena;
    struct gp_slice rest;
    struct gp__address_list *list;
    size_t cap;
    struct gp_slice group;         /* absent: not in one */
    bool open_comment, open_quote; /* one was seen that does not end */
};

enum run_end { RUN_END = 0, RUN_COMMA, RUN_GROUP, RUN_GROUP_END };

/* What lies between two separators. */
struct run {
    struct gp_slice before; /* the angle bracket; all, without one */
    struct gp_slice angle;  /* inside it; absent if none */
    bool at_sign;           /* in `before` */
    bool junk;              /* behind the bracket */
    enum run_end end;
};

/* ---- tokens ---- */

/* Length of a comment or quoted-string at the start of s, 0 if there is none. */
static size_t skip_length(struct parser *parser, struct gp_slice s)
{
    size_t len = 0;

    if (s.data[0] == '(' && !parser->open_comment) {
        len = gp__value_comment(s);
        parser->open_comment = len == 0;
    } else if (s.data[0] == '"' && !parser->open_quote) {
        len = gp__value_quoted(s);
        parser->open_quote = len == 0;
    } else if (s.data[0] == '[') { /* a domain literal: its colons are no groups */
        len = gp_slice_find(gp_slice_sub(s, 0, 64), ']') + 1;
        len = len <= 64 && len <= s.len ? len : 0;
    }
    return len;
}

/* Where the angle bracket that begins at s.data[0] ends: at its ">", or at the end. */
static size_t angle_length(struct parser *parser, struct gp_slice s)
{
    size_t i = 1;

    while (i < s.len && s.data[i] != '>') {
        size_t skip = skip_length(parser, gp_slice_sub(s, i, s.len));

        i += skip ? skip : 1;
    }
    return i;
}

static enum run_end separator(const struct run *run, const struct parser *parser, char c)
{
    if (c == ',')
        return RUN_COMMA;
    if (c == ';')
        return gp_slice_present(parser->group) ? RUN_GROUP_END : RUN_COMMA;
    if (c == ':' && !gp_slice_present(run->angle) && !run->at_sign &&
        !gp_slice_present(parser->group))
        return RUN_GROUP;
    return RUN_END;
}

/* Takes a run off the list, with what ends it. */
static struct run take_run(struct parser *parser)
{
    struct run run = {.end = RUN_END};
    struct gp_slice text = parser->rest;
    size_t i = 0, before = 0;

    while (i < text.len && run.end == RUN_END) {
        char c = text.data[i];
        size_t skip = skip_length(parser, gp_slice_sub(text, i, text.len));

        run.end = skip ? RUN_END : separator(&run, parser, c);
        if (run.end != RUN_END)
            break;
        if (c == '<' && !gp_slice_present(run.angle)) {
            skip = angle_length(parser, gp_slice_sub(text, i, text.len));
            run.angle = gp_slice_sub(text, i + 1, skip - 1);
            before = i;
            skip++;
        } else if (gp_slice_present(run.angle)) {
            run.junk |= !gp__is_wsp(c) && c != '\r' && c != '\n' && c != '(';
        } else {
            run.at_sign |= c == '@';
        }
        i += skip ? skip : 1;
    }
    if (i > text.len)
        i = text.len;
    run.before = gp_slice_sub(text, 0, gp_slice_present(run.angle) ? before : i);
    parser->rest = gp_slice_sub(text, i + (run.end != RUN_END), text.len);
    return run;
}

/* ---- addresses ---- */

/*
 * The addr-spec without comments, and without white space around "." and "@" (RFC 5322 4.4).
 * False: there is white space elsewhere. *comment_r: the last comment, with its brackets.
 */
static bool clean_address(struct parser *parser, struct gp_slice text, struct gp_slice *clean_r,
                          struct gp_slice *comment_r)
{
    char *out = gp__arena_bytes(parser->arena, text.len + 1), *to = out;
    bool blank = false;

    for (size_t i = 0; i < text.len;) {
        char c = text.data[i];
        size_t skip = skip_length(parser, gp_slice_sub(text, i, text.len));

        if (c == '(' && skip)
            *comment_r = gp_slice_sub(text, i, skip);
        if ((c == '(' && skip) || gp__is_wsp(c) || c == '\r' || c == '\n') {
            blank = true;
            i += skip ? skip : 1;
            continue;
        }
        if (blank && to > out && to[-1] != '.' && to[-1] != '@' && c != '.' && c != '@')
            return false;
        blank = false;
        skip = skip ? skip : 1;
        memcpy(to, text.data + i, skip);
        to += skip;
        i += skip;
    }
    *clean_r = gp_slice(out, (size_t)(to - out));
    return true;
}

/* The last "@" that is not in a quoted local part or behind it; the length: none. */
static size_t find_at(struct gp_slice address)
{
    size_t quoted = gp__value_quoted(address);

    if (quoted)
        return quoted < address.len && address.data[quoted] == '@' ? quoted : address.len;
    return gp_slice_rfind(address, '@');
}

/* RFC 5322 4.4 obs-route: "@a,@b:" before the address. */
static struct gp_slice drop_route(struct gp_slice angle)
{
    struct gp_slice text = gp_slice_trim(angle);
    size_t colon = gp_slice_find(text, ':');

    if (!gp_slice_starts(text, GP_S("@")) || colon == text.len)
        return angle;
    return gp_slice_sub(text, colon + 1, text.len);
}

/* A phrase: quotes, comments and runs of blanks undone, encoded words decoded. Absent if empty. */
static struct gp_slice phrase(struct parser *parser, struct gp_slice text)
{
    char *out = gp__arena_bytes(parser->arena, text.len + 1), *to = out;

    for (size_t i = 0; i < text.len;) {
        char c = text.data[i];
        size_t skip = skip_length(parser, gp_slice_sub(text, i, text.len));

        if ((c == '(' && skip) || gp__is_wsp(c) || c == '\r' || c == '\n') {
            if (to > out && to[-1] != ' ')
                *to++ = ' ';
        } else if (c == '"' && skip) {
            struct gp_slice word = gp__value_unquote(parser->arena, gp_slice_sub(text, i, skip));

            to = (char *)memcpy(to, word.data, word.len) + word.len;
        } else {
            skip = 0;
            *to++ = c;
        }
        i += skip ? skip : 1;
    }
    text = gp_slice_trim(gp_slice(out, (size_t)(to - out)));
    return text.len ? gp__encoded_word_decode(parser->arena, text) : gp_slice(NULL, 0);
}

static void add_mailbox(struct parser *parser, const struct run *run)
{
    bool angle = gp_slice_present(run->angle);
    struct gp_slice comment = gp_slice(NULL, 0), address, domain;
    struct gp__mailbox_entry *entry;
    size_t at;

    if (!angle && gp__value_cfws(run->before) == run->before.len)
        return; /* RFC 5322 4.4: empty members */
    if (!clean_address(parser, angle ? drop_route(run->angle) : run->before, &address, &comment) ||
        address.len == 0 || (!angle && find_at(address) == address.len)) {
        parser->list->malformed++;
        return;
    }
    at = find_at(address);
    domain = gp_slice_sub(address, at + 1, address.len);
    if (run->junk || (angle && run->at_sign) || at == 0 || at + 1 == address.len ||
        (!gp_slice_starts(domain, GP_S("[")) && gp_slice_find(domain, ':') < domain.len))
        parser->list->malformed++;
    GP__ARENA_GROW(parser->arena, parser->list->items, parser->cap, parser->list->count + 1);
    entry = &parser->list->items[parser->list->count++];
    entry->address = address;
    entry->local = gp_slice_sub(address, 0, at);
    entry->domain = domain;
    entry->group = parser->group;
    if (angle)
        entry->display = phrase(parser, run->before);
    else if (comment.len > 2) /* the way of RFC 822 */
        entry->display = gp__encoded_word_decode(parser->arena,
                                                 gp_slice_sub(comment, 1, comment.len - 2));
}

static void open_group(struct parser *parser, const struct run *run)
{
    parser->group = phrase(parser, run->before);
    if (!gp_slice_present(parser->group)) {
        parser->group = GP_S("");
        parser->list->malformed++;
    }
    parser->list->groups++;
}

void gp__address_list_parse(struct gp__arena *arena, struct gp_slice text,
                            struct gp__address_list *list_r)
{
    struct parser parser = {.arena = arena, .rest = text, .list = list_r};

    *list_r = (struct gp__address_list){.count = 0};
    while (parser.rest.len > 0) {
        struct run run;

        if (list_r->count == GP__MAILBOXES_MAX) {
            list_r->too_many = true;
            return;
        }
        run = take_run(&parser);
        if (run.end == RUN_GROUP)
            open_group(&parser, &run);
        else
            add_mailbox(&parser, &run);
        if (run.end == RUN_GROUP_END)
            parser.group = gp_slice(NULL, 0);
    }
}

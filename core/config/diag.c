// SPDX-License-Identifier: Apache-2.0
#include "core/config/diag.h"

#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/log.h"
#include "core/base/utf8.h"

#include <stdlib.h>

#define TEXT_MAX 1000
#define LINE_MAX 160 /* characters of a source line that are shown */

struct entry {
    enum gp__severity severity;
    const struct gp__source *source; /* until sealed */
    struct gp_slice file;            /* absent: no place */
    uint32_t line, column;
    struct gp_slice text;
    struct gp_slice source_line; /* once sealed; absent: nothing to show */
    size_t number;               /* order of arrival */
};

struct gp__diag {
    struct gp__arena *arena;
    struct entry *entries;
    size_t count, cap, sealed;
    size_t totals[GP__SEVERITY_COUNT];
};

struct gp__diag *gp__diag_create(void)
{
    struct gp__diag *diag = gp__alloc(sizeof *diag);

    diag->arena = gp__arena_create();
    return diag;
}

void gp__diag_free(struct gp__diag **diag_)
{
    struct gp__diag *diag = *diag_;

    *diag_ = NULL;
    if (!diag)
        return;
    gp__free(diag->entries);
    gp__arena_free(&diag->arena);
    gp__free(diag);
}

/* Whether there is an error about this very word. One is enough: what several places inherit (global
 * limits, `like:`) is bound for each of them. */
static bool is_known(const struct gp__diag *diag, const struct gp__node *at)
{
    if (!at || !at->source || at->kind != GP__NODE_SCALAR)
        return false;
    for (size_t i = 0; i < diag->count; i++) {
        const struct entry *entry = &diag->entries[i];

        if (entry->severity == GP__ERROR && entry->source == at->source &&
            entry->line == at->line && entry->column == at->column)
            return true;
    }
    return false;
}

static void add(struct gp__diag *diag, enum gp__severity severity, const struct gp__node *at,
                struct gp_slice text)
{
    struct entry *entry;

    if (severity == GP__ERROR && is_known(diag, at))
        return;
    diag->totals[severity]++;
    if (diag->count >= GP__DIAG_MAX)
        return;
    GP__GROW(diag->entries, diag->cap, diag->count + 1);
    entry = &diag->entries[diag->count];
    *entry = (struct entry){
        .severity = severity,
        .text = gp_slice_sub(text, 0, TEXT_MAX),
        .number = diag->count++,
    };
    if (!at || !at->source)
        return;
    entry->source = at->source;
    entry->file = gp__arena_dup(diag->arena, at->source->name);
    entry->line = at->line;
    entry->column = at->column;
}

void gp__diag_add(struct gp__diag *diag, enum gp__severity severity, const struct gp__node *at,
                  const char *format, ...)
{
    struct gp_slice text;
    va_list args;

    va_start(args, format);
    text = gp__arena_vprintf(diag->arena, format, args);
    va_end(args);
    add(diag, severity, at, text);
}

void gp__diag_unknown(struct gp__diag *diag, const struct gp__node *at,
                      const struct gp__suggest *suggest, const char *format, ...)
{
    struct gp_slice text;
    va_list args;

    va_start(args, format);
    text = gp__arena_vprintf(diag->arena, format, args);
    va_end(args);
    if (gp_slice_present(suggest->best))
        text = gp__arena_printf(diag->arena, GP_FMT "; did you mean \"" GP_FMT "\"?",
                                GP_ARG(gp_slice_sub(text, 0, TEXT_MAX - 100)),
                                GP_ARG(suggest->best));
    add(diag, GP__ERROR, at, text);
}

void gp__diag_seal(struct gp__diag *diag)
{
    for (; diag->sealed < diag->count; diag->sealed++) {
        struct entry *entry = &diag->entries[diag->sealed];

        if (entry->source && entry->line && gp_slice_present(entry->source->text))
            entry->source_line = gp__source_line(diag->arena, entry->source, entry->line);
        entry->source = NULL;
    }
}

size_t gp__diag_count(const struct gp__diag *diag, enum gp__severity severity)
{
    return diag->totals[severity];
}

struct gp_slice gp__diag_first(const struct gp__diag *diag)
{
    return diag->count ? diag->entries[0].text : gp_slice(NULL, 0);
}

/* ---- output ---- */

static int compare_numbers(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const void *a_, const void *b_)
{
    const struct entry *a = a_, *b = b_;
    int order = gp_slice_cmp(a->file, b->file);

    if (order == 0)
        order = compare_numbers(a->line, b->line);
    if (order == 0)
        order = compare_numbers(a->column, b->column);
    return order ? order : compare_numbers(a->number, b->number);
}

/* Length of the character at the start that a terminal can be shown, or 0. */
static size_t printable(struct gp_slice s)
{
    uint32_t code;
    size_t len = gp__utf8_decode(s, &code);

    /* C0, DEL and C1 controls, and what reorders text around it. */
    if (len == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
        return 0;
    if (code == 0x061c || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
        (code >= 0x2066 && code <= 0x2069) || code == 0xfeff)
        return 0;
    return len;
}

static int put_escaped(struct gp__buf *out, struct gp_slice s)
{
    int result = 0;

    while (s.len && result == 0) {
        size_t len = printable(s);

        if (len)
            result = gp__buf_append(out, gp_slice_sub(s, 0, len));
        else
            result = gp__buf_printf(out, "\\x%02x", (unsigned char)s.data[0]);
        s = gp_slice_sub(s, len ? len : 1, s.len);
    }
    return result;
}

/* Of a source line every character takes one column, so that the caret stands right. */
static int put_line(struct gp__buf *out, struct gp_slice s)
{
    int result = 0;

    for (size_t n = 0; s.len && result == 0 && n < LINE_MAX; n++) {
        uint32_t code;
        size_t len = gp__utf8_decode(s, &code);

        if (printable(s))
            result = gp__buf_append(out, gp_slice_sub(s, 0, len));
        else
            result = gp__buf_append(out, s.data[0] == '\t' ? GP_S(" ") : GP_S("?"));
        s = gp_slice_sub(s, len ? len : 1, s.len);
    }
    return result;
}

/* Drops characters at the start of a long line so that the column can be seen. */
static struct gp_slice window(struct gp_slice line, uint32_t *column)
{
    while (*column > LINE_MAX / 2 && line.len > LINE_MAX) {
        size_t len = 1;

        while (len < line.len && ((unsigned char)line.data[len] & 0xc0) == 0x80)
            len++;
        line = gp_slice_sub(line, len, line.len);
        (*column)--;
    }
    return line;
}

static int put_caret(struct gp__buf *out, struct gp_slice line, uint32_t column)
{
    line = window(line, &column);
    if (gp__buf_append(out, GP_S("    ")) < 0 || put_line(out, line) < 0)
        return -1;
    return gp__buf_printf(out, "\n    %*s^\n", (int)(column ? column - 1 : 0), "");
}

static const char *const severity_names[] = {"error", "warning", "notice"};

static int put_text(struct gp__buf *out, const struct entry *entry)
{
    int result = 0;

    if (gp_slice_present(entry->file)) {
        result = put_escaped(out, entry->file);
        if (result == 0 && entry->line)
            result = gp__buf_printf(out, ":%u:%u", entry->line, entry->column);
        if (result == 0)
            result = gp__buf_append(out, GP_S(": "));
    }
    if (result < 0 || gp__buf_printf(out, "%s: ", severity_names[entry->severity]) < 0 ||
        put_escaped(out, entry->text) < 0 || gp__buf_append(out, GP_S("\n")) < 0)
        return -1;
    return gp_slice_present(entry->source_line) ? put_caret(out, entry->source_line, entry->column)
                                                : 0;
}

static int put_json(struct gp__buf *out, const struct entry *entry)
{
    if (gp__buf_append(out, GP_S("{\"file\":")) < 0)
        return -1;
    gp__json_string(out, gp_slice_present(entry->file) ? entry->file : GP_S(""));
    if (gp__buf_printf(out, ",\"line\":%u,\"column\":%u,\"severity\":\"%s\",\"message\":",
                       entry->line, entry->column, severity_names[entry->severity]) < 0)
        return -1;
    gp__json_string(out, entry->text);
    if (gp__buf_append(out, GP_S(",\"source\":")) < 0)
        return -1;
    gp__json_string(out, gp_slice_present(entry->source_line) ? entry->source_line : GP_S(""));
    return gp__buf_append(out, GP_S("}"));
}

static size_t total(const struct gp__diag *diag)
{
    size_t sum = 0;

    for (size_t i = 0; i < GP__SEVERITY_COUNT; i++)
        sum += diag->totals[i];
    return sum;
}

int gp__diag_print(struct gp__diag *diag, enum gp__diag_format format, struct gp__buf *out)
{
    bool json = format == GP__DIAG_JSON;
    int result = json ? gp__buf_append(out, GP_S("[")) : 0;

    if (diag->count)
        qsort(diag->entries, diag->count, sizeof *diag->entries, compare);
    for (size_t i = 0; i < diag->count && result == 0; i++) {
        if (json && i)
            result = gp__buf_append(out, GP_S(",\n"));
        if (result == 0)
            result = json ? put_json(out, &diag->entries[i]) : put_text(out, &diag->entries[i]);
    }
    if (result == 0 && json)
        result = gp__buf_append(out, GP_S("]\n"));
    else if (result == 0 && total(diag) > diag->count)
        result = gp__buf_printf(out, "... and %zu more\n", total(diag) - diag->count);
    return result;
}

// SPDX-License-Identifier: Apache-2.0
#include "sdk/kit/scenario.h"

#include "core/base/alloc.h"
#include "core/base/utf8.h"
#include "sdk/kit/lex.h"
#include "sdk/kit/parser.h"

int gp__kit_error(struct gp__kit_parser *parser, const char *format, ...)
{
    va_list args;

    parser->n_errors++;
    gp__buf_printf(parser->errors, GP_FMT ":%u: ", GP_ARG(parser->file->path), parser->line);
    va_start(args, format);
    gp__buf_vprintf(parser->errors, format, args);
    va_end(args);
    gp__buf_append(parser->errors, GP_S("\n"));
    return -1;
}

static int unknown(struct gp__kit_parser *parser, const struct gp__suggest *suggest,
                   const char *what)
{
    struct gp_slice word = gp_slice_sub(suggest->word, 0, 100);

    if (gp_slice_present(suggest->best))
        return gp__kit_error(parser, "unknown %s \"" GP_FMT "\"; did you mean \"" GP_FMT "\"?",
                             what, GP_ARG(word), GP_ARG(suggest->best));
    return gp__kit_error(parser, "unknown %s \"" GP_FMT "\"", what, GP_ARG(word));
}

int gp__kit_choose(struct gp__kit_parser *parser, struct gp_slice word, const char *const *list,
                   const char *what)
{
    struct gp__suggest suggest = {.word = word};

    for (int i = 0; list[i]; i++) {
        if (gp_slice_eq(word, gp_slice_of(list[i])))
            return i;
        gp__suggest_try(&suggest, gp_slice_of(list[i]));
    }
    return unknown(parser, &suggest, what);
}

/* ---- lines ---- */

static void split_lines(struct gp__kit_file *file, struct gp_slice text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    file->lines = GP__ARENA_ARRAY(file->arena, struct gp_slice, n);
    while (text.len) {
        struct gp_slice line = gp_slice_split(&text, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        file->lines[file->n_lines++] = line;
    }
}

int gp__kit_take_block(struct gp__kit_parser *parser, struct gp_slice word,
                       struct gp_slice *block_r)
{
    struct gp__kit_file *file = parser->file;
    struct gp__buf block = {.limit = 0};

    for (size_t i = parser->line; i < file->n_lines; i++) {
        if (gp_slice_eq(file->lines[i], word)) {
            *block_r = gp__arena_dup(file->arena, gp__buf_slice(&block));
            gp__buf_free(&block);
            parser->line = (unsigned)i + 1;
            return 0;
        }
        gp__buf_append(&block, file->lines[i]);
        gp__buf_append(&block, GP_S("\n"));
    }
    gp__buf_free(&block);
    return gp__kit_error(parser, "<<" GP_FMT ": no line \"" GP_FMT "\" ends it", GP_ARG(word),
                         GP_ARG(word));
}

/* ---- steps ---- */

static struct gp__kit_part *current_part(struct gp__kit_file *file)
{
    return file->n_scenarios ? &file->scenarios[file->n_scenarios - 1].part : &file->shared;
}

static const struct gp__kit_verb *find_verb(struct gp__kit_parser *parser, enum gp__kit_kind kind,
                                            struct gp_slice word)
{
    struct gp__suggest suggest = {.word = word};

    for (const struct gp__kit_verb *verb = gp__kit_verbs; verb->name; verb++) {
        if (verb->kind != kind)
            continue;
        if (gp_slice_eq(word, gp_slice_of(verb->name)))
            return verb;
        gp__suggest_try(&suggest, gp_slice_of(verb->name));
    }
    unknown(parser, &suggest, gp__kit_kind_name(kind));
    return NULL;
}

static int check_place(struct gp__kit_parser *parser, const struct gp__kit_step *step)
{
    const struct gp__kit_verb *verb = step->verb;

    if (step->negated && !(verb->flags & GP__KIT_NEGATABLE))
        return gp__kit_error(parser, "\"%s\" cannot be negated", verb->name);
    if (verb->kind != GP__KIT_GIVEN && !parser->file->n_scenarios)
        return gp__kit_error(parser, "\"%s\" stands before the first scenario",
                             gp__kit_kind_name(verb->kind));
    return 0;
}

static bool is_negation(enum gp__kit_kind kind, struct gp_slice word)
{
    return kind == GP__KIT_EXPECT &&
           (gp_slice_eq(word, GP_S("no")) || gp_slice_eq(word, GP_S("not")));
}

static int read_step(struct gp__kit_parser *parser, enum gp__kit_kind kind, struct gp_slice line,
                     struct gp_slice rest)
{
    struct gp__kit_part *part = current_part(parser->file);
    struct gp__kit_step step = {.line = parser->line, .text = line};
    struct gp_slice word = gp__kit_word(&rest);

    if (is_negation(kind, word)) {
        step.negated = true;
        word = gp__kit_word(&rest);
    }
    if (!gp_slice_present(word))
        return gp__kit_error(parser, "\"%s\" what?", gp__kit_kind_name(kind));
    step.verb = find_verb(parser, kind, word);
    if (!step.verb || check_place(parser, &step) < 0 || gp__kit_arguments(parser, &step, rest) < 0)
        return -1;
    GP__ARENA_GROW(parser->file->arena, part->steps, part->cap, part->n_steps + 1);
    part->steps[part->n_steps++] = step;
    return 0;
}

/* ---- scenarios and blocks ---- */

static int read_scenario(struct gp__kit_parser *parser, struct gp_slice rest)
{
    struct gp__kit_file *file = parser->file;
    struct gp_slice name;
    int result = gp__kit_quoted(file->arena, &rest, &name);

    if (result <= 0 || name.len == 0 || rest.len)
        return gp__kit_error(parser, "a scenario has a name in quotes: scenario \"what happens\"");
    for (size_t i = 0; i < file->n_scenarios; i++)
        if (gp_slice_eq(file->scenarios[i].name, name))
            return gp__kit_error(parser, "a second scenario of this name; the first is on line %u",
                                 file->scenarios[i].line);
    GP__ARENA_GROW(file->arena, file->scenarios, file->cap, file->n_scenarios + 1);
    file->scenarios[file->n_scenarios++] = (struct gp__kit_scenario){.name = name,
                                                                     .line = parser->line};
    return 0;
}

/* Lines of a YAML block are indented, list items at its left edge, empty, or comments. */
static bool belongs(struct gp_slice line)
{
    return line.len == 0 || line.data[0] == ' ' || line.data[0] == '-' || line.data[0] == '#';
}

static int read_block(struct gp__kit_parser *parser, enum gp__kit_block block, struct gp_slice rest)
{
    struct gp__kit_file *file = parser->file;
    struct gp__kit_range *range = &current_part(file)->blocks[block];
    unsigned end = parser->line + 1;

    if (range->first)
        return gp__kit_error(parser, "given a second time; the first is on line %u", range->first);
    if (rest.len &&
        (block != GP__KIT_CHAIN || rest.data[0] != '[' || rest.data[rest.len - 1] != ']'))
        return gp__kit_error(parser, block == GP__KIT_CHAIN
                                         ? "its items stand on the lines below, or in []"
                                         : "its keys stand on the lines below, indented");
    while (end <= file->n_lines && belongs(file->lines[end - 1]))
        end++;
    *range = (struct gp__kit_range){parser->line, end};
    parser->line = end - 1;
    return 0;
}

/* ---- the file ---- */

static int read_line(struct gp__kit_parser *parser, struct gp_slice line)
{
    static const char *const words[] = {"given",  "when",    "expect",    "scenario",
                                        "chain:", "config:", "listener:", NULL};
    struct gp_slice rest = line, word = gp__kit_word(&rest);
    int choice = gp__kit_choose(parser, word, words, "word at the start of a line");

    switch (choice) {
    case -1:
        return -1;
    case GP__KIT_GIVEN:
    case GP__KIT_WHEN:
    case GP__KIT_EXPECT:
        return read_step(parser, (enum gp__kit_kind)choice, line, rest);
    case GP__KIT_KIND_COUNT:
        return read_scenario(parser, rest);
    default:
        return read_block(parser, (enum gp__kit_block)(choice - GP__KIT_KIND_COUNT - 1), rest);
    }
}

static void read_lines(struct gp__kit_parser *parser)
{
    struct gp__kit_file *file = parser->file;

    while (parser->line < file->n_lines) {
        struct gp_slice line = gp__kit_strip(file->lines[parser->line]);

        parser->line++;
        if (line.len)
            read_line(parser, line);
    }
    if (file->n_scenarios == 0 && parser->n_errors == 0)
        gp__kit_error(parser, "no scenario in this file");
}

static struct gp_slice directory_of(struct gp_slice path)
{
    size_t slash = gp_slice_rfind(path, '/');

    if (slash == path.len)
        return GP_S(".");
    return slash ? gp_slice_sub(path, 0, slash) : GP_S("/");
}

struct gp__kit_file *gp__kit_parse(struct gp_slice path, struct gp_slice text,
                                   struct gp__buf *errors)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__kit_file *file = GP__ARENA_NEW(arena, struct gp__kit_file);
    struct gp__kit_parser parser = {.file = file, .errors = errors};

    file->arena = arena;
    file->path = gp__arena_dup(arena, path);
    file->directory = directory_of(file->path);
    parser.regex = gp__regex_context_create(arena);
    split_lines(file, gp__arena_dup(arena, text));
    if (!gp__utf8_valid(text))
        gp__kit_error(&parser, "not UTF-8");
    else
        read_lines(&parser);
    if (parser.n_errors)
        gp__kit_file_free(&file);
    return file;
}

void gp__kit_file_free(struct gp__kit_file **file_)
{
    struct gp__arena *arena = *file_ ? (*file_)->arena : NULL;

    *file_ = NULL;
    if (arena)
        gp__arena_free(&arena);
}

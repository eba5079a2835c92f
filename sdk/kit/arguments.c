// SPDX-License-Identifier: Apache-2.0
/* Reads what follows a verb, letter by letter of its shape (verb.h). */
#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/units.h"
#include "core/hook/point.h"
#include "sdk/kit/lex.h"
#include "sdk/kit/parser.h"

#include <stdio.h>

#define MESSAGE_MAX ((size_t)64 << 20)
#define SCRIPT_MAX 1000

/* A step while its arguments are read. */
struct reader {
    struct gp__kit_parser *parser;
    struct gp__kit_step *step;
    struct gp_slice rest;
    size_t n_args;
};

static struct gp__arena *arena_of(const struct reader *reader)
{
    return reader->parser->file->arena;
}

static int usage(const struct reader *reader)
{
    const struct gp__kit_verb *verb = reader->step->verb;

    return gp__kit_error(reader->parser, "write: %s %s %s", gp__kit_kind_name(verb->kind),
                         verb->name, verb->usage);
}

static int add_arg(struct reader *reader, struct gp_slice arg)
{
    reader->step->args[reader->n_args++] = arg;
    return 1;
}

static bool is_number(struct gp_slice word)
{
    return word.len && gp__is_digit(word.data[0]);
}

/* ---- one letter each: 1 read, 0 not there, -1 after an error ---- */

static int read_word(struct reader *reader)
{
    struct gp_slice word = gp__kit_word(&reader->rest);

    if (!gp_slice_present(word))
        return 0;
    return add_arg(reader, word);
}

static int read_quoted(struct reader *reader)
{
    struct gp_slice text;
    int result = gp__kit_quoted(arena_of(reader), &reader->rest, &text);

    if (result < 0)
        return gp__kit_error(reader->parser,
                             "a text in quotes that does not end, or a \\ that is not one of "
                             "\\r \\n \\t \\0 \\\" \\\\ \\xHH");
    return result ? add_arg(reader, text) : 0;
}

static struct gp_slice absolute(const struct reader *reader, struct gp_slice path)
{
    const struct gp__kit_file *file = reader->parser->file;

    if (path.data[0] == '/')
        return path;
    return gp__arena_printf(file->arena, GP_FMT "/" GP_FMT, GP_ARG(file->directory), GP_ARG(path));
}

static int read_path(struct reader *reader)
{
    int result = read_quoted(reader);

    if (result > 0 && reader->step->args[reader->n_args - 1].len)
        reader->step->args[reader->n_args - 1] = absolute(reader,
                                                          reader->step->args[reader->n_args - 1]);
    return result;
}

static int read_rest(struct reader *reader)
{
    struct gp_slice rest = reader->rest;
    int result;

    if (rest.len == 0)
        return 0;
    if (rest.data[0] == '"' && rest.len > 1 && rest.data[rest.len - 1] == '"') {
        result = read_quoted(reader);
        return result > 0 && reader->rest.len ? usage(reader) : result;
    }
    reader->rest = gp_slice(NULL, 0);
    return add_arg(reader, rest);
}

static int read_number(struct reader *reader)
{
    struct gp_slice word = gp__kit_peek(reader->rest);

    if (!is_number(word))
        return 0;
    gp__kit_word(&reader->rest);
    if (gp_slice_to_int(word, 0, INT64_MAX, &reader->step->number) < 0)
        return gp__kit_error(reader->parser, "\"" GP_FMT "\" is not a number", GP_ARG(word));
    reader->step->has_number = true;
    return 1;
}

static int read_duration(struct reader *reader)
{
    struct gp_slice word = gp__kit_word(&reader->rest);

    if (!gp_slice_present(word))
        return 0;
    if (gp__duration_parse(word, &reader->step->ms) < 0)
        return gp__kit_error(reader->parser, "\"" GP_FMT "\" is not a time such as 30s or 5m",
                             GP_ARG(word));
    return 1;
}

static int read_time(struct reader *reader)
{
    if (gp_slice_eq(gp__kit_peek(reader->rest), GP_S("under"))) {
        gp__kit_word(&reader->rest);
        reader->step->under = true;
    }
    return read_duration(reader);
}

static int compile(struct reader *reader, struct gp_slice pattern)
{
    char error[256];
    size_t offset;

    reader->step->regex = gp__regex_create(arena_of(reader), reader->parser->regex,
                                           gp__arena_dup(arena_of(reader), pattern), error,
                                           &offset);
    if (!reader->step->regex)
        return gp__kit_error(reader->parser, "/" GP_FMT "/: %s at %zu", GP_ARG(pattern), error,
                             offset);
    return 1;
}

static int read_regex(struct reader *reader)
{
    struct gp_slice pattern;
    int result = gp__kit_expression(&reader->rest, &pattern);

    if (result < 0)
        return gp__kit_error(reader->parser, "an expression ends with a slash");
    return result ? compile(reader, pattern) : 0;
}

static int read_code(struct reader *reader)
{
    struct gp_slice word = gp__kit_peek(reader->rest);
    int64_t code;

    if (!is_number(word) || gp_slice_find(word, '.') < word.len)
        return 0;
    gp__kit_word(&reader->rest);
    if (gp_slice_to_int(word, 200, 599, &code) < 0)
        return gp__kit_error(reader->parser, "\"" GP_FMT "\" is not a reply code", GP_ARG(word));
    reader->step->code = (unsigned)code;
    return 1;
}

static int read_enhanced(struct reader *reader)
{
    return is_number(gp__kit_peek(reader->rest)) ? read_word(reader) : 0;
}

/* At the end: "for ADDRESS". */
static int read_for(struct reader *reader)
{
    if (!gp_slice_eq(gp__kit_peek(reader->rest), GP_S("for")))
        return 0;
    gp__kit_word(&reader->rest);
    reader->step->recipient = gp__kit_word(&reader->rest);
    return gp_slice_present(reader->step->recipient) ? 1 : usage(reader);
}

static int read_block(struct reader *reader)
{
    struct gp_slice word = gp__kit_peek(reader->rest);

    if (!gp_slice_starts(word, GP_S("<<")) || word.len < 3)
        return 0;
    gp__kit_word(&reader->rest);
    if (gp__kit_take_block(reader->parser, gp_slice_sub(word, 2, word.len), &reader->step->block) <
        0)
        return -1;
    return 1;
}

/* ---- letters of single verbs ---- */

/* [ADDRESS] [port N] [early TEXT] [as NAME] */
static int read_connect(struct reader *reader)
{
    static const char *const words[] = {"port", "early", "as", NULL};
    struct gp_slice word = gp__kit_peek(reader->rest);

    if (word.len && (is_number(word) || gp_slice_find(word, ':') < word.len))
        reader->step->args[0] = gp__kit_word(&reader->rest);
    while (reader->rest.len) {
        struct gp_slice option = gp__kit_word(&reader->rest);
        int choice = gp__kit_choose(reader->parser, option, words, "word after connect");
        int result = -1;

        reader->n_args = (size_t)(choice > 0 ? choice : 0);
        if (choice == 0)
            result = read_number(reader);
        else if (choice > 0)
            result = read_quoted(reader);
        if (result <= 0)
            return result < 0 ? -1 : usage(reader);
    }
    return 1;
}

/* NAME TYPE then a record or one of the words */
static int read_dns(struct reader *reader)
{
    struct gp__kit_step *step = reader->step;
    struct gp_slice type, word;
    int result;

    if (read_word(reader) <= 0)
        return 0;
    type = gp__kit_word(&reader->rest);
    step->number = gp__kit_dns_type(type);
    if (step->number == 0 && !gp_slice_eq(type, GP_S("any")))
        return gp__kit_error(reader->parser,
                             "\"" GP_FMT "\" is none of A AAAA CNAME MX PTR TLSA TXT any",
                             GP_ARG(type));
    word = gp__kit_peek(reader->rest);
    for (step->choice = 0; step->choice < GP__KIT_DNS_RECORD; step->choice++)
        if (gp_slice_eq(word, gp_slice_of(gp__kit_dns_words[step->choice])))
            break;
    if (step->choice < GP__KIT_DNS_RECORD)
        gp__kit_word(&reader->rest);
    if (step->choice == GP__KIT_DNS_DELAY)
        return read_duration(reader);
    if (step->choice == GP__KIT_DNS_TTL)
        return read_number(reader);
    if (step->choice < GP__KIT_DNS_RECORD)
        return 1;
    if (step->number == 0)
        return usage(reader);
    step->code = 0;
    if (step->number == GP_DNS_MX) {
        int64_t preference;

        if (gp_slice_to_int(gp__kit_word(&reader->rest), 0, 65535, &preference) < 0)
            return gp__kit_error(reader->parser, "an MX is a preference and a host: MX 10 host");
        step->code = (unsigned)preference;
    }
    result = read_quoted(reader);
    return result;
}

/* file|state KIND NTH HOW */
static int read_fault(struct reader *reader)
{
    static const char *const what[] = {"file", "state", NULL};
    struct gp__kit_step *step = reader->step;
    int choice;

    choice = gp__kit_choose(reader->parser, gp__kit_word(&reader->rest), what, "kind of fault");
    if (choice < 0)
        return -1;
    step->of_state = choice == 1;
    step->choice = gp__kit_choose(reader->parser, gp__kit_word(&reader->rest),
                                  step->of_state ? gp__kit_state_words : gp__kit_file_words,
                                  "kind of operation");
    if (step->choice < 0)
        return -1;
    if (read_number(reader) <= 0 || step->number == 0)
        return usage(reader);
    choice = gp__kit_choose(reader->parser, gp__kit_word(&reader->rest), gp__kit_fault_words,
                            "way to fail");
    step->code = (unsigned)choice;
    return choice < 0 ? -1 : 1;
}

/* Name: value, or Name: /expression/; "for ADDRESS" at the end is taken off first. */
static int read_header(struct reader *reader)
{
    struct gp_slice rest = reader->rest, expression;
    size_t colon = gp_slice_find(rest, ':');
    struct gp_slice name = gp_slice_trim(gp_slice_sub(rest, 0, colon));
    size_t blank;

    if (colon == rest.len) { /* only whether it is there */
        name = gp__kit_word(&reader->rest);
        return name.len ? add_arg(reader, name) : 0;
    }
    add_arg(reader, name);
    reader->rest = rest = gp_slice_trim(gp_slice_sub(rest, colon + 1, rest.len));
    if (gp__kit_expression(&rest, &expression) > 0) {
        reader->rest = rest;
        return compile(reader, expression);
    }
    blank = gp_slice_rfind(rest, ' ');
    if (blank < rest.len &&
        gp_slice_find(gp_slice_sub(rest, blank, rest.len), '@') <
            gp_slice_sub(rest, blank, rest.len).len &&
        gp_slice_ends(gp_slice_sub(rest, 0, blank), GP_S(" for"))) {
        reader->rest = gp_slice_sub(rest, blank - 3, rest.len);
        rest = gp_slice_trim(gp_slice_sub(rest, 0, blank - 3));
    } else {
        reader->rest = gp_slice(NULL, 0);
    }
    return add_arg(reader, rest);
}

static int read_eml(struct reader *reader)
{
    struct gp__buf content = {.limit = MESSAGE_MAX};
    struct gp_slice path = reader->step->args[0];
    FILE *file;
    size_t room = 0, n = 0;

    file = fopen(gp__arena_dup(arena_of(reader), path).data, "rb");
    if (!file)
        return gp__kit_error(reader->parser, GP_FMT ": cannot be read", GP_ARG(path));
    for (;;) {
        char *at = gp__buf_room(&content, 4096, &room);

        n = at ? fread(at, 1, room, file) : 0;
        if (n == 0)
            break;
        gp__buf_added(&content, n);
    }
    if (ferror(file) || !room || fclose(file) != 0) {
        gp__buf_free(&content);
        return gp__kit_error(reader->parser, GP_FMT ": cannot be read", GP_ARG(path));
    }
    reader->step->block = gp__arena_dup(arena_of(reader), gp__buf_slice(&content));
    gp__buf_free(&content);
    return 1;
}

static int read_message(struct reader *reader)
{
    int result = read_block(reader);

    if (result != 0)
        return result;
    result = read_path(reader);
    return result > 0 ? read_eml(reader) : result;
}

/* ---- scripts of peers ---- */

static const char *const script_words[] = {"expect", "expect-line", "skip",  "send",
                                           "delay",  "close",       "reset", "refuse",
                                           "hang",   "secure",      NULL};

/* A line of the block; errors name the line of the step, which the block follows. */
static int read_script_line(struct reader *reader, struct gp__sim_step *to, struct gp_slice line)
{
    struct gp_slice word = gp__kit_word(&line);
    int choice = gp__kit_choose(reader->parser, word, script_words, "word in a script");

    if (choice < 0)
        return -1;
    to->type = (enum gp__sim_step_type)choice;
    if (choice == GP__SIM_DELAY) {
        if (gp__duration_parse(line, &to->ms) < 0)
            return gp__kit_error(reader->parser, "delay what?");
        return 0;
    }
    if (line.len >= 2 && line.data[0] == '"' && line.data[line.len - 1] == '"')
        line = gp_slice_sub(line, 1, line.len - 2);
    if (gp__kit_unescape(arena_of(reader), line, &to->bytes) < 0)
        return gp__kit_error(reader->parser, "a \\ that is not one of \\r \\n \\t \\0 \\\" \\\\ "
                                             "\\xHH");
    if (choice <= GP__SIM_SEND && to->bytes.len == 0)
        return gp__kit_error(reader->parser, GP_FMT " what?", GP_ARG(word));
    return 0;
}

static int read_script(struct reader *reader)
{
    struct gp__kit_step *step = reader->step;
    unsigned after;
    int result = read_block(reader);
    struct gp_slice rest = step->block;

    if (result <= 0)
        return result;
    after = reader->parser->line;
    reader->parser->line = step->line;
    step->script = GP__ARENA_ARRAY(arena_of(reader), struct gp__sim_step, SCRIPT_MAX);
    while (rest.len) {
        struct gp_slice line = gp_slice_trim(gp_slice_split(&rest, '\n'));

        reader->parser->line++;
        if (line.len == 0)
            continue;
        if (step->n_script == SCRIPT_MAX)
            return gp__kit_error(reader->parser, "more than %d lines", SCRIPT_MAX);
        if (read_script_line(reader, &step->script[step->n_script++], line) < 0)
            return -1;
    }
    reader->parser->line = after;
    return 1;
}

/* ---- verdicts ---- */

/* VERDICT [at HOOK] */
static int read_verdict(struct reader *reader)
{
    const char *names[GP_VERDICT_COUNT + 1] = {0};
    const char *hooks[GP_HOOK_COUNT + 1] = {0};
    struct gp_slice word = gp__kit_word(&reader->rest);

    if (!gp_slice_present(word))
        return 0;
    for (int i = 0; i < GP_VERDICT_COUNT; i++)
        names[i] = gp__verdict_name((enum gp_verdict)i);
    reader->step->choice = gp__kit_choose(reader->parser, word, names, "verdict");
    if (reader->step->choice < 0)
        return -1;
    if (!gp_slice_eq(gp__kit_peek(reader->rest), GP_S("at")))
        return 1;
    gp__kit_word(&reader->rest);
    for (int i = 0; i < GP_HOOK_COUNT; i++)
        hooks[i] = gp__points[i].name;
    reader->step->number = gp__kit_choose(reader->parser, gp__kit_word(&reader->rest), hooks,
                                          "hook");
    reader->step->has_number = true;
    return reader->step->number < 0 ? -1 : 1;
}

/* ---- all of them ---- */

static int read_letter(struct reader *reader, char letter)
{
    switch (letter) {
    case 'A':
        return read_connect(reader);
    case 'D':
        return read_dns(reader);
    case 'F':
        return read_fault(reader);
    case 'H':
        return read_header(reader);
    case 'M':
        return read_message(reader);
    case 'P':
        return read_script(reader);
    case 'T':
        return read_time(reader);
    case 'V':
        return read_verdict(reader);
    case 'b':
        return read_block(reader);
    case 'c':
        return read_code(reader);
    case 'd':
        return read_duration(reader);
    case 'e':
        return read_enhanced(reader);
    case 'f':
        return read_for(reader);
    case 'n':
        return read_number(reader);
    case 'p':
        return read_path(reader);
    case 'q':
        return read_quoted(reader);
    case 'r':
        return read_regex(reader);
    case 't':
        return read_rest(reader);
    case 'w':
        return read_word(reader);
    default:
        return -1;
    }
}

/* "?" after a letter: may be missing. */
int gp__kit_arguments(struct gp__kit_parser *parser, struct gp__kit_step *step,
                      struct gp_slice rest)
{
    struct reader reader = {.parser = parser, .step = step, .rest = rest};

    for (const char *letter = step->verb->shape; *letter; letter++) {
        bool may_miss = letter[1] == '?';
        bool is_for = may_miss && letter[2] == 'f' &&
                      gp_slice_eq(gp__kit_peek(reader.rest), GP_S("for"));
        int result = is_for ? 0 : read_letter(&reader, *letter);

        if (result < 0)
            return -1;
        if (result == 0 && !may_miss)
            return usage(&reader);
        letter += may_miss;
    }
    return reader.rest.len ? usage(&reader) : 0;
}

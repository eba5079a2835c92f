// SPDX-License-Identifier: Apache-2.0
/*
 * A table of regular expressions in a text file: `/PATTERN/FLAGS value` lines, PCRE2. The first
 * that matches answers; "!/PATTERN/" answers that the key is not there. Keys come from peers: bytes
 * that are no UTF-8 match nothing, and an expression that needs too many steps ends the look-up
 * with "could not tell", because a later line might then answer what this one should have.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "source.h"
#include "substitute.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 64
#define STACK_BYTES (256u << 10) /* compiling recurses with the parentheses */
#define NESTING_MAX 50
#define RULES_MAX 10000u /* each key is matched with all of them */
#define MATCH_LIMIT 100000u
#define DEPTH_LIMIT 10000u
#define HEAP_LIMIT 8192u /* KiB */
#define JIT_STACK_MIN (32u << 10)
#define JIT_STACK_MAX (256u << 10)
#define VALUE_MAX 65535u

struct regex_table {
    struct source source;
};

struct rule {
    pcre2_code *code;
    char *value;
    unsigned value_len;
    unsigned line;
    bool not ;
};

struct contents {
    struct rule *rules; /* in the order of the file */
    size_t count, size;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_jit_stack *stack; /* else PCRE2 would take 32 KiB of the fiber's */
    pcre2_match_data *data;
    bool told; /* that an expression needs too many steps */
};

/* ---- contents ---- */

static void contents_destroy(void *arg)
{
    struct contents *contents = arg;

    for (size_t i = 0; i < contents->count; i++) {
        pcre2_code_free(contents->rules[i].code);
        free(contents->rules[i].value);
    }
    free(contents->rules);
    pcre2_compile_context_free(contents->compile);
    pcre2_match_context_free(contents->match);
    pcre2_jit_stack_free(contents->stack);
    pcre2_match_data_free(contents->data);
    free(contents);
}

static void set_limits(struct contents *contents)
{
    pcre2_set_parens_nest_limit(contents->compile, NESTING_MAX);
    pcre2_set_match_limit(contents->match, MATCH_LIMIT);
    pcre2_set_depth_limit(contents->match, DEPTH_LIMIT);
    pcre2_set_heap_limit(contents->match, HEAP_LIMIT);
    if (contents->stack)
        pcre2_jit_stack_assign(contents->match, NULL, contents->stack);
}

static void *contents_create(struct gp_call *call, size_t n_lines, size_t n_bytes)
{
    struct contents *contents = calloc(1, sizeof *contents);

    (void)call;
    (void)n_bytes;
    if (!contents)
        return NULL;
    contents->size = n_lines < RULES_MAX ? n_lines : RULES_MAX;
    contents->rules = calloc(contents->size + 1, sizeof *contents->rules);
    contents->compile = pcre2_compile_context_create(NULL);
    contents->match = pcre2_match_context_create(NULL);
    contents->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    contents->data = pcre2_match_data_create(SUBSTITUTE_GROUPS_MAX + 1, NULL);
    if (contents->rules && contents->compile && contents->match && contents->data) {
        set_limits(contents);
        return contents;
    }
    contents_destroy(contents);
    return NULL;
}

/* ---- a line ---- */

/* Where the slash stands that ends the pattern, or the length. */
static size_t find_end(struct gp_slice text)
{
    size_t i = 0;

    while (i < text.len && text.data[i] != '/')
        i += text.data[i] == '\\' ? 2 : 1;
    return i < text.len ? i : text.len;
}

/* Takes the letters after the pattern off the text. False: one of them means nothing. */
static bool take_flags(struct gp_slice *text, uint32_t *flags_r)
{
    *flags_r = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    while (text->len && text->data[0] >= 'a' && text->data[0] <= 'z') {
        switch (text->data[0]) {
        case 'i':
            *flags_r |= PCRE2_CASELESS;
            break;
        case 's':
            *flags_r |= PCRE2_DOTALL;
            break;
        case 'x':
            *flags_r |= PCRE2_EXTENDED;
            break;
        default:
            return false;
        }
        *text = gp_slice_sub(*text, 1, text->len);
    }
    return true;
}

static pcre2_code *compile(const struct contents *contents, struct gp_slice pattern, uint32_t flags,
                           char error[LINE_ERROR_MAX])
{
    PCRE2_UCHAR text[160] = "";
    PCRE2_SIZE offset = 0;
    int number = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.len, flags, &number, &offset,
                                     contents->compile);

    if (code) {
        if (contents->stack) /* without machine code it is interpreted: slower, the same answers */
            (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
        return code;
    }
    pcre2_get_error_message(number, text, sizeof text);
    snprintf(error, LINE_ERROR_MAX, "%s, at character %zu of the expression", (const char *)text,
             offset + 1);
    return NULL;
}

/* NULL, or what is wrong with the value. */
static const char *check_value(const pcre2_code *code, struct gp_slice value, bool not )
{
    uint32_t groups = 0;

    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups > SUBSTITUTE_GROUPS_MAX)
        return "too many groups: use (?:...)";
    if (not &&value.len)
        return "with \"!\" there is no value";
    return substitute_check(value, groups);
}

static int add_rule(struct contents *contents, pcre2_code *code, struct gp_slice value,
                    unsigned line, bool not )
{
    char *copy = malloc(value.len + 1);

    if (!copy || contents->count == contents->size) {
        free(copy);
        return -1;
    }
    if (value.len)
        memcpy(copy, value.data, value.len);
    contents->rules[contents->count++] = (struct rule){
        .code = code, .value = copy, .value_len = (unsigned)value.len, .line = line, .not = not };
    return 0;
}

/* Splits `/PATTERN/FLAGS value`. False: it is not of that form. */
static bool split(struct gp_slice text, struct gp_slice *pattern_r, uint32_t *flags_r,
                  struct gp_slice *value_r)
{
    if (!text.len || text.data[0] != '/')
        return false;
    text = gp_slice_sub(text, 1, text.len);
    *pattern_r = gp_slice_sub(text, 0, find_end(text));
    if (pattern_r->len == text.len)
        return false;
    text = gp_slice_sub(text, pattern_r->len + 1, text.len);
    return take_flags(&text, flags_r) && line_value(text, value_r) == 0;
}

static int contents_add(void *arg, const struct line *line, char error[LINE_ERROR_MAX])
{
    struct contents *contents = arg;
    struct gp_slice text = line->text, pattern, value;
    bool not = text.data[0] == '!';
    const char *wrong;
    pcre2_code *code;
    uint32_t flags;

    if (not )
        text = gp_slice_trim(gp_slice_sub(text, 1, text.len));
    if (!split(text, &pattern, &flags, &value)) {
        snprintf(error, LINE_ERROR_MAX, "write /EXPRESSION/FLAGS VALUE; flags are i, s and x");
        return -1;
    }
    code = compile(contents, pattern, flags, error);
    if (!code)
        return -1;
    wrong = check_value(code, value, not );
    if (!wrong && add_rule(contents, code, value, line->number, not ) == 0)
        return 0;
    pcre2_code_free(code);
    snprintf(error, LINE_ERROR_MAX, "%s", wrong ? wrong : "no memory");
    return -1;
}

static const struct source_kind expression_kind = {
    .create = contents_create,
    .destroy = contents_destroy,
    .add = contents_add,
    .batch = BATCH,
};

/* ---- looking up ---- */

static void take_groups(const struct contents *contents, struct gp_slice key, int count,
                        struct gp_slice groups[SUBSTITUTE_GROUPS_MAX + 1])
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(contents->data);

    for (int i = 0; i <= SUBSTITUTE_GROUPS_MAX; i++) {
        groups[i] = gp_slice(NULL, 0);
        if (i < count && ends[2 * i] <= ends[2 * i + 1] && ends[2 * i + 1] <= key.len)
            groups[i] = gp_slice(key.data + ends[2 * i], ends[2 * i + 1] - ends[2 * i]);
    }
}

static int answer(struct gp_call *call, const struct rule *rule, const struct gp_slice *groups,
                  struct gp_slice *value_r)
{
    struct gp_slice value = gp_slice(rule->value, rule->value_len);
    size_t len = substitute(value, groups, NULL);
    char *out;

    if (len > VALUE_MAX)
        return GP_ELIMIT;
    out = gp_alloc(call, len + 1);
    if (!out)
        return GP_ELIMIT;
    substitute(value, groups, out);
    *value_r = gp_slice(out, len);
    return GP_OK;
}

static int too_many_steps(struct gp_call *call, const struct source *source,
                          struct contents *contents, const struct rule *rule)
{
    gp_count(call, "too_many_steps", 1);
    if (!contents->told)
        gp_log(call, GP_LOG_WARNING,
               GP_FMT ":%u: the expression needs too many steps for some keys; they get no answer",
               GP_ARG(source->path), rule->line);
    contents->told = true;
    return GP_ELIMIT;
}

static int lookup(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    const struct regex_table *table = self;
    struct contents *contents = table->source.contents;
    struct gp_slice groups[SUBSTITUTE_GROUPS_MAX + 1];

    if (!key.data)
        key = GP_S("");
    for (size_t i = 0; i < contents->count; i++) {
        const struct rule *rule = &contents->rules[i];
        int count = pcre2_match(rule->code, (PCRE2_SPTR)key.data, key.len, 0, 0, contents->data,
                                contents->match);

        if (count == PCRE2_ERROR_NOMATCH)
            continue;
        if (count < 0)
            return too_many_steps(call, &table->source, contents, rule);
        if (rule->not )
            return GP_ENOTFOUND;
        take_groups(contents, key, count, groups);
        return answer(call, rule, groups, value_r);
    }
    return GP_ENOTFOUND;
}

static int create(struct gp_call *call, void *self)
{
    struct regex_table *table = self;

    return source_open(call, &table->source, &expression_kind);
}

static void destroy(void *self)
{
    struct regex_table *table = self;

    source_close(&table->source);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    struct regex_table *table = self;

    source_check(call, &table->source);
    return GP_NEXT;
}

static const struct gp_table_role role = {.size = sizeof role, .lookup = lookup};

GP_OPTIONS(struct regex_table, SOURCE_OPTIONS(struct regex_table));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Matches keys with regular expressions in a text file",
          .needs = GP_NEEDS_FILES, .deadline_ms = SOURCE_DEADLINE_MS, .tick_ms = SOURCE_TICK_MS,
          .stack = STACK_BYTES, .create = create, .destroy = destroy, .table = &role,
          GP_USES_OPTIONS, GP_USES_HOOKS);

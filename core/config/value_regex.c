// SPDX-License-Identifier: Apache-2.0
/*
 * Regular expressions of the configuration: PCRE2, compiled once a generation, to machine code
 * where that is available. Subjects come from peers: invalid UTF-8 in them matches nothing, and an
 * expression that explodes stops at the match limit. Compiled code gets a stack of its own, since
 * PCRE2 would otherwise take 32 KiB of the fiber's.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "core/config/value.h"

#include <pcre2.h>
#include <stdio.h>

#define MATCH_LIMIT 1000000u
#define DEPTH_LIMIT 10000u
#define HEAP_LIMIT 8192u /* KiB */
#define JIT_STACK_MIN (32u * 1024)
#define JIT_STACK_MAX (512u * 1024)
#define PATTERN_MAX 16384u

struct gp__regex_context {
    pcre2_match_context *match;
    pcre2_jit_stack *stack;
};

struct gp_regex {
    struct gp_slice pattern;
    pcre2_code *code;
    pcre2_match_data *data; /* of the one match that can be under way */
    struct gp__regex_context *context;
};

static void free_context(void *arg)
{
    struct gp__regex_context *context = arg;

    pcre2_match_context_free(context->match);
    pcre2_jit_stack_free(context->stack);
}

struct gp__regex_context *gp__regex_context_create(struct gp__arena *arena)
{
    struct gp__regex_context *context = GP__ARENA_NEW(arena, struct gp__regex_context);

    context->match = pcre2_match_context_create(NULL);
    context->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    gp__arena_cleanup(arena, free_context, context);
    if (!context->match)
        return context;
    pcre2_set_match_limit(context->match, MATCH_LIMIT);
    pcre2_set_depth_limit(context->match, DEPTH_LIMIT);
    pcre2_set_heap_limit(context->match, HEAP_LIMIT);
    if (context->stack)
        pcre2_jit_stack_assign(context->match, NULL, context->stack);
    return context;
}

static void free_regex(void *arg)
{
    struct gp_regex *regex = arg;

    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->code);
}

static pcre2_code *compile(struct gp_slice pattern, char error[256], size_t *offset_r)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    PCRE2_UCHAR text[200];
    pcre2_code *code;
    int number = 0;
    PCRE2_SIZE offset = 0;

    *offset_r = 0;
    if (pattern.len > PATTERN_MAX) {
        snprintf(error, 256, "longer than %u bytes", PATTERN_MAX);
        return NULL;
    }
    code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.len, options, &number, &offset, NULL);
    if (code)
        return code;
    if (pcre2_get_error_message(number, text, sizeof text) < 0)
        snprintf((char *)text, sizeof text, "error %d", number);
    snprintf(error, 256, "%s", (const char *)text);
    *offset_r = offset;
    return NULL;
}

const struct gp_regex *gp__regex_create(struct gp__arena *arena, struct gp__regex_context *context,
                                        struct gp_slice pattern, char error[256], size_t *offset_r)
{
    pcre2_code *code = compile(pattern, error, offset_r);
    struct gp_regex *regex;

    if (!code)
        return NULL;
    regex = GP__ARENA_NEW(arena, struct gp_regex);
    regex->pattern = gp__arena_dup(arena, pattern);
    regex->code = code;
    regex->context = context;
    regex->data = pcre2_match_data_create_from_pattern(code, NULL);
    gp__arena_cleanup(arena, free_regex, regex);
    if (context->stack) /* without compiled code it is interpreted: slower, the same answers */
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return regex;
}

static void take_groups(const struct gp_regex *regex, struct gp_slice subject, size_t count,
                        struct gp_slice *groups, size_t n_groups)
{
    const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(regex->data);

    for (size_t i = 0; i < n_groups; i++) {
        PCRE2_SIZE start = i < count ? ovector[2 * i] : PCRE2_UNSET;
        PCRE2_SIZE end = i < count ? ovector[2 * i + 1] : PCRE2_UNSET;

        groups[i] = gp_slice(NULL, 0);
        if (start != PCRE2_UNSET && start <= end && end <= subject.len) /* \K may swap them */
            groups[i] = gp_slice(subject.data + start, end - start);
    }
}

int gp_regex_match(const struct gp_regex *regex, struct gp_slice subject, struct gp_slice *groups,
                   size_t n_groups)
{
    int count;

    if (!regex || !regex->data || !regex->context->match)
        return GP_ELIMIT;
    if (!subject.data)
        subject = GP_S("");
    count = pcre2_match(regex->code, (PCRE2_SPTR)subject.data, subject.len, 0, 0, regex->data,
                        regex->context->match);
    if (count == PCRE2_ERROR_NOMATCH)
        return 0;
    if (count < 0)
        return GP_ELIMIT;
    take_groups(regex, subject, (size_t)count, groups, n_groups);
    return 1;
}

struct gp_slice gp_regex_pattern(const struct gp_regex *regex)
{
    return regex ? regex->pattern : gp_slice(NULL, 0);
}

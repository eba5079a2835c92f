// SPDX-License-Identifier: Apache-2.0
/*
 * Prints what the core knows of itself as Markdown, for the pages of docs/ that have a place for it:
 *
 *     gen_reference hooks | limits | settings
 *
 * tests/docs/pages.py puts the text into the pages and tells when they are out of date.
 */
#include "core/base/buf.h"
#include "core/config/markdown.h"
#include "core/hook/point.h"
#include "core/smtp/limits.h"

#include <stdio.h>
#include <string.h>

static const char *const contexts[] = {
    [GP__CONTEXT_NONE] = "nothing",
    [GP__CONTEXT_SESSION] = "session",
    [GP__CONTEXT_TRANSACTION] = "transaction",
    [GP__CONTEXT_RECIPIENT] = "one recipient",
    [GP__CONTEXT_MESSAGE] = "recipients in scope",
    [GP__CONTEXT_COPY] = "one copy",
    [GP__CONTEXT_DELIVERY] = "delivery",
};

/* By bit of enum gp__edit_right. */
static const char *const edits[] = {
    "sender", "rewrite",     "add recipient", "headers", "body",  "copy",
    "draft",  "grant relay", "capability",    "reply",   "route",
};

static void print_bits(unsigned bits, const char *(*name)(unsigned bit))
{
    const char *separator = "";

    for (unsigned bit = 0; bit < 32; bit++) {
        if (!(bits & 1u << bit))
            continue;
        printf("%s%s", separator, name(bit));
        separator = ", ";
    }
}

static const char *verdict_name(unsigned bit)
{
    return gp__verdict_name((enum gp_verdict)bit);
}

static const char *edit_name(unsigned bit)
{
    return bit < sizeof edits / sizeof edits[0] ? edits[bit] : "?";
}

static void print_point(const struct gp__point *point)
{
    printf("| `%s` | %s", point->name, point->when);
    printf(" | %s | ", contexts[point->context]);
    if (point->observer)
        printf("observes");
    else
        print_bits(point->verdicts, verdict_name);
    printf(" | ");
    print_bits(point->edits, edit_name);
    printf(" | %s |\n", point->waits ? "yes" : "no");
}

static int print_hooks(void)
{
    printf(
        "| Hook | When | About | May answer | May edit | May wait |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < GP_HOOK_COUNT; i++)
        print_point(&gp__points[i]);
    return 0;
}

static int print_limits(void)
{
    printf("| Limit | Default | What it bounds, and the reply past it |\n|---|---|---|\n");
#define X(kind, name, def, least, most, doc) printf("| `%s` | %s | %s |\n", #name, def, doc);
    GP__LIMITS(X)
#undef X
    return 0;
}

static int print_settings(void)
{
    struct gp__buf out = {.limit = 0};
    int result = gp__markdown_settings(&out);

    printf(GP_FMT, GP_ARG(gp__buf_slice(&out)));
    gp__buf_free(&out);
    return result;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*print)(void);
    } parts[] = {{"hooks", print_hooks}, {"limits", print_limits}, {"settings", print_settings}};

    for (size_t i = 0; argc == 2 && i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].print() < 0;
    fprintf(stderr, "usage: gen_reference hooks|limits|settings\n");
    return 2;
}

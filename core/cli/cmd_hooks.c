// SPDX-License-Identifier: Apache-2.0
#include "core/cli/ask.h"
#include "core/cli/command.h"

#include <string.h>

/* "850ns", "12us", "3ms", "4s" */
static const char *show_time(json_int_t ns, char out[32])
{
    if (ns < 10000)
        snprintf(out, 32, "%lldns", (long long)ns);
    else if (ns < 10000000)
        snprintf(out, 32, "%lldus", (long long)(ns / 1000));
    else if (ns < 10000000000)
        snprintf(out, 32, "%lldms", (long long)(ns / 1000000));
    else
        snprintf(out, 32, "%llds", (long long)(ns / 1000000000));
    return out;
}

static void print_verdicts(const json_t *verdicts)
{
    const char *name, *comma = "";
    json_t *count;

    json_object_foreach((json_t *)(uintptr_t)verdicts, name, count)
    {
        printf("%s%s %lld", comma, name, (long long)json_integer_value(count));
        comma = ", ";
    }
}

/* Agreement of an instance in shadow mode with what was decided, in percent. */
static void print_shadow(const json_t *one)
{
    json_int_t agreed = gp__ask_number(one, "shadow_agreed");
    json_int_t all = agreed + gp__ask_number(one, "shadow_differed");

    if (all)
        printf(" [shadow: agrees in %lld%%]", (long long)(agreed * 100 / all));
}

static void print_one(const json_t *one)
{
    char mean[32], p50[32], p99[32];

    printf("  %-20s %-12s %10lld %8s %8s %8s %7lld %8lld  ", gp__ask_text(one, "instance"),
           gp__ask_text(one, "hook"), (long long)gp__ask_number(one, "calls"),
           show_time(gp__ask_number(one, "mean_ns"), mean),
           show_time(gp__ask_number(one, "p50_ns"), p50),
           show_time(gp__ask_number(one, "p99_ns"), p99), (long long)gp__ask_number(one, "faults"),
           (long long)gp__ask_number(one, "timeouts"));
    print_verdicts(json_object_get(one, "verdicts"));
    print_shadow(one);
    printf("\n");
}

static void print(const json_t *result)
{
    const json_t *list = json_object_get(result, "hooks"), *one;
    const char *chain = "";
    size_t i;

    printf("  %-20s %-12s %10s %8s %8s %8s %7s %8s  verdicts\n", "instance", "hook", "calls",
           "mean", "p50", "p99", "faults", "timeouts");
    json_array_foreach(list, i, one)
    {
        if (strcmp(chain, gp__ask_text(one, "chain")) != 0) {
            chain = gp__ask_text(one, "chain");
            printf("%s:\n", strcmp(chain, "-") == 0 ? "tables and targets" : chain);
        }
        print_one(one);
    }
}

int gp__cmd_hooks(int argc, char **argv)
{
    return gp__ask_show(argc, argv, 0, "hooks", print);
}

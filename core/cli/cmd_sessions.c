// SPDX-License-Identifier: Apache-2.0
#include "core/cli/ask.h"
#include "core/cli/command.h"

static void print_wait(const json_t *wait)
{
    bool at_hook = json_object_get(wait, "hook") != NULL;

    if (wait)
        printf("  %s %s %s, %lld ms", gp__ask_text(wait, "instance"), at_hook ? "at" : "as",
               gp__ask_text(wait, at_hook ? "hook" : "role"),
               (long long)gp__ask_number(wait, "ms"));
}

static void print(const json_t *result)
{
    const json_t *list = json_object_get(result, "list"), *one;
    size_t i;
    char age[32];

    printf("%-18s %-12s %-24s %-10s %8s  %-20s waits for\n", "session", "listener", "client",
           "state", "age", "transaction");
    json_array_foreach(list, i, one)
    {
        printf("%-18s %-12s %-24s %-10s %8s  %-20s", gp__ask_text(one, "session"),
               gp__ask_text(one, "listener"), gp__ask_text(one, "client"),
               gp__ask_text(one, "state"), gp__ask_age(gp__ask_number(one, "ms") / 1000, age),
               gp__ask_text(one, "transaction"));
        print_wait(json_object_get(one, "waits_for"));
        printf("\n");
    }
    printf("%zu of %lld sessions\n", json_array_size(list),
           (long long)gp__ask_number(result, "sessions"));
}

int gp__cmd_sessions(int argc, char **argv)
{
    return gp__ask_show(argc, argv, 1, "sessions", print);
}

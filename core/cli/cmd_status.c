// SPDX-License-Identifier: Apache-2.0
#include "core/cli/ask.h"
#include "core/cli/command.h"

static void print_head(const json_t *result)
{
    char age[32];

    printf("Gatepost %s, process %lld, up %s, generation %lld, %lld sessions\n%s\n",
           gp__ask_text(result, "version"), (long long)gp__ask_number(result, "pid"),
           gp__ask_age(gp__ask_number(result, "seconds"), age),
           (long long)gp__ask_number(result, "generation"),
           (long long)gp__ask_number(result, "sessions"), gp__ask_text(result, "config"));
}

static void print_processes(const json_t *list)
{
    size_t i;
    const json_t *one;
    char age[32];

    printf("\n%-10s %4s %8s  %-10s %10s %8s %10s %7s\n", "process", "slot", "pid", "state",
           "generation", "sessions", "up", "crashes");
    json_array_foreach(list, i, one)
        printf("%-10s %4lld %8lld  %-10s %10lld %8lld %10s %7lld\n", gp__ask_text(one, "role"),
               (long long)gp__ask_number(one, "slot"), (long long)gp__ask_number(one, "pid"),
               gp__ask_text(one, "state"), (long long)gp__ask_number(one, "generation"),
               (long long)gp__ask_number(one, "sessions"),
               gp__ask_age(gp__ask_number(one, "seconds"), age),
               (long long)gp__ask_number(one, "crashes"));
}

static void print_listeners(const json_t *list)
{
    size_t i;
    const json_t *one;

    printf("\n%-16s address\n", "listener");
    json_array_foreach(list, i, one)
        printf("%-16s %s\n", gp__ask_text(one, "listener"), gp__ask_text(one, "address"));
}

static void print_totals(const json_t *totals)
{
    const char *name;
    json_t *value;

    printf("\n%-24s total\n", "counted");
    json_object_foreach((json_t *)(uintptr_t)totals, name, value) if (json_integer_value(value))
        printf("%-24s %lld\n", name, (long long)json_integer_value(value));
}

static void print_queue(const json_t *queue)
{
    json_int_t oldest = gp__ask_number(queue, "oldest");
    char age[32];

    if (!queue)
        return;
    printf("\nqueue: %lld messages%s; groups: %lld waiting, %lld ready, %lld trying, %lld held, "
           "%lld paused\n",
           (long long)gp__ask_number(queue, "messages"),
           json_is_true(json_object_get(queue, "complete")) ? "" : " so far, it is being read",
           (long long)gp__ask_number(queue, "waiting"), (long long)gp__ask_number(queue, "ready"),
           (long long)gp__ask_number(queue, "trying"), (long long)gp__ask_number(queue, "held"),
           (long long)gp__ask_number(queue, "paused"));
    if (oldest)
        printf("oldest: %s; destinations: %lld\n",
               gp__ask_age((gp__ask_number(queue, "now") - oldest) / 1000, age),
               (long long)gp__ask_number(queue, "destinations"));
}

static void print(const json_t *result)
{
    print_head(result);
    print_processes(json_object_get(result, "processes"));
    print_listeners(json_object_get(result, "listeners"));
    print_queue(json_object_get(result, "queue"));
    print_totals(json_object_get(result, "totals"));
}

int gp__cmd_status(int argc, char **argv)
{
    return gp__ask_show(argc, argv, 0, "status", print);
}

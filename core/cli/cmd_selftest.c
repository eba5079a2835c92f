// SPDX-License-Identifier: Apache-2.0
/* `gatepost selftest`: what a server does with what it should not be sent. */
#include "core/cli/command.h"
#include "core/cli/selftest.h"

#include <stdlib.h>
#include <string.h>

struct selftest_run {
    struct gp__selftest test;
    struct gp__arena *arena;
    const char *server, *filter;
    unsigned count[GP__SELFTEST_KINDS];
};

static const char *const kinds[] = {"safe", "note", "UNSAFE", "skipped", "failed"};

static void print(const struct gp__selftest_case *one, const struct gp__selftest_verdict *verdict)
{
    printf("%-8s %-42s %s", kinds[verdict->kind], one->name, verdict->why);
    if (verdict->code)
        printf(" (%u)", verdict->code);
    putchar('\n');
    fflush(stdout);
}

static void run_cases(struct gp__runtime *rt, void *arg)
{
    struct selftest_run *run = arg;

    run->test.rt = rt;
    run->test.address = gp__wire_address(run->arena, run->server, run->test.lmtp ? 24 : 25);
    for (size_t i = 0; i < gp__selftest_n_cases; i++) {
        const struct gp__selftest_case *one = &gp__selftest_cases[i];
        struct gp__selftest_verdict verdict;

        if (run->filter && !strstr(one->name, run->filter))
            continue;
        verdict = gp__selftest_run(&run->test, one);
        run->count[verdict.kind]++;
        print(one, &verdict);
    }
}

static int selftest(struct selftest_run *run)
{
    printf(
        "This talks to %s and to nobody else, and tries to send it some twenty messages for\n"
        "<%s>, marked \"gatepost selftest, to be deleted\". Only do this to a server of yours.\n\n",
        run->server, run->test.to);
    fflush(stdout);
    if (gp__wire_run(run_cases, run) < 0)
        return GP__EXIT_FAILED;
    putchar('\n');
    for (unsigned i = 0; i < GP__SELFTEST_KINDS; i++)
        printf("%s%u %s", i ? ", " : "", run->count[i], kinds[i]);
    putchar('\n');
    return run->count[GP__SELFTEST_UNSAFE] || run->count[GP__SELFTEST_FAILED] ? GP__EXIT_FAILED
                                                                              : GP__EXIT_OK;
}

/* It becomes part of commands. */
static bool is_recipient(const char *to)
{
    struct gp_slice s = gp_slice_of(to);

    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] <= ' ' || s.data[i] == '>' || s.data[i] == '<' || s.data[i] == 0x7f)
            return false;
    return s.len > 0 && s.len < 500;
}

int gp__cmd_selftest(int argc, char **argv)
{
    static const struct option own[] = {
        {"to", required_argument, NULL, 't'},     {"wait", required_argument, NULL, 'w'},
        {"filter", required_argument, NULL, 'f'}, {"lmtp", no_argument, NULL, 'l'},
        {"verbose", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0}};
    struct selftest_run run = {.test = {.to = "postmaster", .wait_ms = 1000}};
    const char *config = NULL;
    int option, code = 0;

    while ((option = gp__command_option(argc, argv, own, &config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        if (option == 't')
            run.test.to = optarg;
        else if (option == 'w')
            run.test.wait_ms = strtoul(optarg, NULL, 10);
        else if (option == 'f')
            run.filter = optarg;
        else if (option == 'l')
            run.test.lmtp = true;
        else
            run.test.verbose = true;
    }
    if (optind != argc - 1)
        return gp__command_usage("selftest takes HOST:PORT");
    if (!is_recipient(run.test.to))
        return gp__command_usage("\"%s\" is no address", run.test.to);
    if (run.test.wait_ms == 0 || run.test.wait_ms > 60000)
        return gp__command_usage("--wait is from 1 to 60000 milliseconds");
    run.server = argv[optind];
    run.arena = gp__arena_create();
    code = selftest(&run);
    gp__arena_free(&run.arena);
    gp__arena_pool_free();
    return code;
}

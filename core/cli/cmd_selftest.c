// SPDX-License-Identifier: Apache-2.0
/* `gatepost selftest`: what a server does with what it should not be sent. */
#include "core/cli/command.h"
#include "core/cli/selftest.h"

#include <stdlib.h>
#include <string.h>

struct selftest_run {
    struct gp__selftest test;
    struct gp__login login;
    const char *filter;
    bool begins; /* whether a session could be begun */
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

static void run_cases(struct selftest_run *run)
{
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

static bool wants_more(const struct selftest_run *run)
{
    return run->login.user || run->test.dial.settings.tls || run->test.dial.settings.encrypted;
}

/* A login that is refused is tried once: not so often that somebody is locked out. */
static void selftest_main(struct gp__runtime *rt, void *arg)
{
    struct selftest_run *run = arg;

    run->test.rt = rt;
    run->begins = !wants_more(run) || gp__selftest_try(&run->test) == 0;
    if (run->begins)
        run_cases(run);
    else
        fprintf(stderr, "gatepost selftest: %s: %s\n", run->test.dial.server, run->test.why);
}

static int selftest(struct selftest_run *run)
{
    printf(
        "This talks to %s and to nobody else, and tries to send it some twenty messages for\n"
        "<%s>, marked \"gatepost selftest, to be deleted\". Only do this to a server of yours.\n\n",
        run->test.dial.server, run->test.to);
    fflush(stdout);
    if (gp__wire_run(selftest_main, run) < 0 || !run->begins)
        return GP__EXIT_FAILED;
    putchar('\n');
    for (unsigned i = 0; i < GP__SELFTEST_KINDS; i++)
        printf("%s%u %s", i ? ", " : "", run->count[i], kinds[i]);
    putchar('\n');
    return run->count[GP__SELFTEST_UNSAFE] || run->count[GP__SELFTEST_FAILED] ? GP__EXIT_FAILED
                                                                              : GP__EXIT_OK;
}

/* It becomes part of commands. */
static bool is_address(const char *text)
{
    struct gp_slice s = gp_slice_of(text);

    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] <= ' ' || s.data[i] == '>' || s.data[i] == '<' || s.data[i] == 0x7f)
            return false;
    return s.len < 500;
}

static int take_option(struct selftest_run *run, int option)
{
    switch (option) {
    case 'f':
        run->test.from = optarg;
        break;
    case 't':
        run->test.to = optarg;
        break;
    case 'w':
        run->test.wait_ms = strtoul(optarg, NULL, 10);
        break;
    case 'F':
        run->filter = optarg;
        break;
    case 'l':
        run->test.dial.settings.protocol = GP__PROTOCOL_LMTP;
        break;
    default:
        return gp__dial_option(&run->test.dial, &run->login, option);
    }
    return 0;
}

static int check(struct selftest_run *run)
{
    if (!is_address(run->test.to) || !*run->test.to)
        return gp__command_usage("\"%s\" is no address", run->test.to);
    if (!is_address(run->test.from))
        return gp__command_usage("\"%s\" is no address", run->test.from);
    if (run->test.wait_ms == 0 || run->test.wait_ms > 60000)
        return gp__command_usage("--wait is from 1 to 60000 milliseconds");
    return gp__dial_options_done(&run->test.dial, &run->login);
}

int gp__cmd_selftest(int argc, char **argv)
{
    static const struct option own[] = {{"from", required_argument, NULL, 'f'},
                                        {"to", required_argument, NULL, 't'},
                                        {"wait", required_argument, NULL, 'w'},
                                        {"filter", required_argument, NULL, 'F'},
                                        {"lmtp", no_argument, NULL, 'l'},
                                        GP__DIAL_OPTIONS,
                                        {NULL, 0, NULL, 0}};
    struct selftest_run run = {
        .test = {.from = "",
                 .to = "postmaster",
                 .wait_ms = 1000,
                 .dial = {.indent = "    ", .settings.hostname = GP_S("selftest.invalid")}}};
    const char *config = NULL;
    int option, code = 0;

    while (code == 0 && (option = gp__command_option(argc, argv, own, &config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        code = take_option(&run, option);
    }
    if (code == 0)
        code = optind == argc - 1 ? check(&run) : gp__command_usage("selftest takes HOST:PORT");
    if (code)
        return code;
    run.test.dial.server = argv[optind];
    code = gp__dial_read_password(&run.test.dial, &run.login, "gatepost selftest") == 0
               ? selftest(&run)
               : GP__EXIT_FAILED;
    explicit_bzero(&run.login, sizeof run.login);
    gp__arena_pool_free();
    return code;
}

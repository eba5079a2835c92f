// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"

#include <stdio.h>

static void print(struct gp__diag *diag, enum gp__diag_format format)
{
    struct gp__buf out = {.limit = 0};

    gp__diag_print(diag, format, &out);
    fwrite(gp__buf_slice(&out).data, 1, out.len, stdout);
    gp__buf_free(&out);
}

static void print_sums(const char *config, const struct gp__diag *diag)
{
    static const char *const names[] = {
        [GP__ERROR] = "error", [GP__WARNING] = "warning", [GP__NOTICE] = "notice"};

    printf("%s:", config);
    for (int severity = GP__ERROR; severity <= GP__NOTICE; severity++) {
        size_t n = gp__diag_count(diag, (enum gp__severity)severity);

        printf("%s %zu %s%s", severity == GP__ERROR ? "" : ",", n, names[severity],
               n == 1 ? "" : "s");
    }
    printf("\n");
}

static int check(struct gp__config_source *source, const char *config, enum gp__diag_format format)
{
    struct gp__diag *diag = gp__diag_create();
    struct gp__settings *settings = gp__config_load(source, config, diag);
    int code = settings ? GP__EXIT_OK : GP__EXIT_FAILED;

    print(diag, format);
    if (format == GP__DIAG_TEXT)
        print_sums(config, diag);
    gp__settings_free(&settings);
    gp__diag_free(&diag);
    return code;
}

int gp__cmd_check(int argc, char **argv)
{
    static const struct option own[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    const char *config = gp__default_config();
    enum gp__diag_format format = GP__DIAG_TEXT;
    struct gp__config_source source = {0};
    int option, code = 0;

    while ((option = gp__command_option(argc, argv, own, &config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        format = GP__DIAG_JSON;
    }
    if (optind < argc)
        return gp__command_usage("check takes no argument \"%s\"", argv[optind]);
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    code = check(&source, config, format);
    gp__config_source_done(&source);
    return code;
}

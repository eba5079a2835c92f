// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef GP_CONFIG_DIR
#define GP_CONFIG_DIR "/etc/gatepost"
#endif

const char *gp__default_config(void)
{
    const char *path = getenv("GATEPOST_CONFIG");

    return path && *path ? path : GP_CONFIG_DIR "/gatepost.yaml";
}

void gp__command_no_config(const char *config)
{
    if (strcmp(config, gp__default_config()) == 0 && access(config, F_OK) < 0)
        fputs("gatepost: name the configuration with --config FILE or in GATEPOST_CONFIG\n",
              stderr);
}

int gp__command_usage(const char *format, ...)
{
    va_list args;

    fputs("gatepost: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; `gatepost help` says how\n", stderr);
    return GP__EXIT_USAGE;
}

#define OPTIONS_MAX 24 /* the common ones and a command's own */

/* The common options in front of the command's own. */
static void merge(struct option out[OPTIONS_MAX + 1], const struct option *own)
{
    size_t n = 0;

    out[n++] = (struct option){"config", required_argument, NULL, 'c'};
    out[n++] = (struct option){"help", no_argument, NULL, 'h'};
    while (own && own->name && n < OPTIONS_MAX)
        out[n++] = *own++;
    out[n] = (struct option){NULL, 0, NULL, 0};
}

int gp__command_option(int argc, char **argv, const struct option *own, const char **config,
                       int *exit_r)
{
    struct option all[OPTIONS_MAX + 1];
    int option;

    merge(all, own);
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:h", all, NULL)) != -1) {
        switch (option) {
        case 'c':
            *config = optarg;
            continue;
        case 'h':
            gp__command_help(stdout);
            *exit_r = GP__EXIT_OK;
            return GP__OPTION_EXIT;
        case '?':
            *exit_r = gp__command_usage("bad option \"%s\"", argv[optind - 1]);
            return GP__OPTION_EXIT;
        default:
            return option;
        }
    }
    return -1;
}

int gp__command_folder(const char *path)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST || stat(path, &st) < 0)
        return -1;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) ? 0 : -1;
}

struct gp__settings *gp__command_load(struct gp__config_source *source, const char *config,
                                      enum gp__severity most)
{
    struct gp__diag *diag = gp__diag_create();
    struct gp__settings *settings = gp__config_load(source, config, diag);
    size_t worth = 0;

    for (int severity = GP__ERROR; severity <= (int)most; severity++)
        worth += gp__diag_count(diag, (enum gp__severity)severity);
    if (worth)
        gp__config_complain(diag);
    gp__diag_free(&diag);
    if (!settings)
        gp__command_no_config(config);
    return settings;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The subcommands of `gatepost`, one file each, and what they share. Exit codes: 0 done, 1 the
 * answer is no or something failed (said on standard error), 2 the command line is wrong.
 */
#ifndef GP_CLI_COMMAND_H
#define GP_CLI_COMMAND_H

#include "core/process/config_host.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

enum gp__exit {
    GP__EXIT_OK = 0,
    GP__EXIT_FAILED = 1,
    GP__EXIT_USAGE = 2,
};

struct gp__command {
    const char *name;      /* one or two words: "plugin list" */
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *help;      /* paragraphs below the usage line; ends with a newline */
    /* argv[0] is the last word of the name. */
    int (*run)(int argc, char **argv);
};

extern const struct gp__command gp__commands[]; /* ends with a NULL name */

/* Where the configuration is when --config does not say. */
const char *gp__default_config(void);

/* Says on standard error how to name a configuration, when there is none at the default place. */
void gp__command_no_config(const char *config);

/* Prints usage and help of the command that is running. */
void gp__command_help(FILE *out);

/*
 * Reads the options that all commands know, --config FILE and --help, and the command's own flags
 * (getopt_long; NULL: none). Returns the next option's val, -1 at the end of options, or
 * GP__OPTION_EXIT with the exit code in *exit_r when nothing is left to do.
 */
#define GP__OPTION_EXIT (-2)
int gp__command_option(int argc, char **argv, const struct option *own, const char **config,
                       int *exit_r);

/* The name by which the program was called, without its folder. */
const char *gp__command_called(void);

/* A folder to write files into: it is there afterwards. 0, or -1 and errno. */
int gp__command_folder(const char *path);

/* "gatepost COMMAND: text" on standard error; returns GP__EXIT_USAGE. */
int gp__command_usage(const char *format, ...) GP_PRINTF(1, 2);

/* Loads a configuration and prints what is wrong with it to standard error (`most`: the mildest
 * severity shown). NULL when it cannot be used. */
struct gp__settings *gp__command_load(struct gp__config_source *source, const char *config,
                                      enum gp__severity most);

/* ---- one file each ---- */

int gp__cmd_serve(int argc, char **argv);
int gp__cmd_check(int argc, char **argv);
int gp__cmd_schema(int argc, char **argv);
int gp__cmd_config_show(int argc, char **argv);
int gp__cmd_route(int argc, char **argv);
int gp__cmd_send(int argc, char **argv);
int gp__cmd_sendmail(int argc, char **argv);
int gp__cmd_selftest(int argc, char **argv);
int gp__cmd_plugin_list(int argc, char **argv);
int gp__cmd_plugin_info(int argc, char **argv);
int gp__cmd_plugin_test(int argc, char **argv);
int gp__cmd_spool_verify(int argc, char **argv);
int gp__cmd_spool_list(int argc, char **argv);
int gp__cmd_spool_show(int argc, char **argv);
int gp__cmd_spool_export(int argc, char **argv);
int gp__cmd_spool_import(int argc, char **argv);
int gp__cmd_user_add(int argc, char **argv);
int gp__cmd_user_passwd(int argc, char **argv);
int gp__cmd_user_delete(int argc, char **argv);
int gp__cmd_user_list(int argc, char **argv);
int gp__cmd_status(int argc, char **argv);
int gp__cmd_sessions(int argc, char **argv);
int gp__cmd_hooks(int argc, char **argv);
int gp__cmd_reload(int argc, char **argv);
int gp__cmd_stop(int argc, char **argv);
int gp__cmd_queue_list(int argc, char **argv);
int gp__cmd_queue_show(int argc, char **argv);
int gp__cmd_queue_stats(int argc, char **argv);
int gp__cmd_queue_watch(int argc, char **argv);
int gp__cmd_queue_export(int argc, char **argv);
int gp__cmd_queue_hold(int argc, char **argv);
int gp__cmd_queue_release(int argc, char **argv);
int gp__cmd_queue_retry(int argc, char **argv);
int gp__cmd_queue_delete(int argc, char **argv);
int gp__cmd_queue_bounce(int argc, char **argv);
int gp__cmd_queue_reroute(int argc, char **argv);
int gp__cmd_queue_pause(int argc, char **argv);
int gp__cmd_queue_resume(int argc, char **argv);
int gp__cmd_version(int argc, char **argv);
int gp__cmd_help(int argc, char **argv);

#endif

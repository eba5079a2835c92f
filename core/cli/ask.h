// SPDX-License-Identifier: Apache-2.0
/* Asking a running server over its control socket, for the commands that do. */
#ifndef GP_CLI_ASK_H
#define GP_CLI_ASK_H

#include <jansson.h>
#include <stdint.h>

struct gp__ask_options {
    const char *socket; /* path; NULL: as the configuration says */
    const char *config;
    int as_json;
    uint64_t limit; /* 0: not said */
    int quiet;      /* that there is no server, or no answer, is not said */
};

/* Reads --socket PATH, --json, --config FILE, --help, and --limit N if it may be given. 0, or -1 with
 * the exit code in *exit_r. */
int gp__ask_read_options(struct gp__ask_options *options, int argc, char **argv, int may_limit,
                         int *exit_r);

/* Asks; the result as an object of the caller's, or NULL after a line on standard error. With
 * `until_end` it waits until the server closes the connection: until it is gone. */
json_t *gp__ask(const struct gp__ask_options *options, const char *what, int until_end);

/* The same with a request of the caller's: a line of JSON, without its end. */
json_t *gp__ask_line(const struct gp__ask_options *options, const char *line, int until_end);

/* A command that asks one question: reads its options, asks, prints the answer as JSON or by print().
 * The exit code. */
int gp__ask_show(int argc, char **argv, int may_limit, const char *what,
                 void (*print)(const json_t *result));

/* Prints JSON, indented. */
void gp__ask_print_json(const json_t *result);

/* Members of an object, whatever is there: 0 and "-" if nothing is. */
json_int_t gp__ask_number(const json_t *object, const char *key);
const char *gp__ask_text(const json_t *object, const char *key);

/* "3d 4h", "5m 10s", "7s": the two largest units. */
const char *gp__ask_age(json_int_t seconds, char out[32]);

#endif

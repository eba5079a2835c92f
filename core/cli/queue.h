// SPDX-License-Identifier: Apache-2.0
/* Asking about the queue, page by page: what the commands `gatepost queue …` share. */
#ifndef GP_CLI_QUEUE_H
#define GP_CLI_QUEUE_H

#include "core/base/buf.h"
#include "core/cli/ask.h"

/* What a command takes besides --socket, --config, --json and --help. */
enum gp__queue_takes {
    GP__TAKES_IDS = 1 << 0, /* arguments */
    GP__TAKES_FILTERS = 1 << 1,
    GP__TAKES_LIMIT = 1 << 2,
    GP__TAKES_TO = 1 << 3,
    GP__TAKES_INTO = 1 << 4,
    GP__TAKES_AS = 1 << 5,
    GP__TAKES_MAIL = GP__TAKES_IDS | GP__TAKES_FILTERS,
};

struct gp__queue_options {
    struct gp__ask_options ask;
    struct gp__buf filter; /* "sender=a@b state=held" */
    const char *as;        /* release: --as */
    const char *route;     /* reroute: --to */
    const char *into;      /* export: --into */
    uint64_t limit;        /* 0: no end */
    char **messages;       /* arguments: asked about one after the other; NULL: none */
    size_t n_messages;
};

/* Reads the options that the command takes (enum gp__queue_takes). Filters are --message, --sender,
 * --domain, --destination, --route, --bucket, --state, --older and --all. An argument that is no
 * option is a message. 0, or -1 with the exit code in *exit_r. */
int gp__queue_read_options(struct gp__queue_options *options, int argc, char **argv, unsigned takes,
                           int *exit_r);
void gp__queue_options_free(struct gp__queue_options *options);

/* The same question about the i-th message alone, if any were named. What it points to stays that of
 * `options`. */
struct gp__queue_options gp__queue_about(const struct gp__queue_options *options, size_t i);

/* Asks once, about the first message that was named: `after` is where the page begins (NULL: at the beginning), limit 0: as many as the
 * server likes. NULL after a line on standard error. */
json_t *gp__queue_ask(const struct gp__queue_options *options, const char *what, const char *after,
                      uint64_t limit);

/* Asks for all pages, of each message that was named; each(arg, page) until it returns false. 0, or
 * -1 after a line on standard error. */
int gp__queue_pages(const struct gp__queue_options *options, const char *what,
                    bool (*each)(void *arg, const json_t *page), void *arg);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Fills a struct from a mapping, by rows of struct gp_option: the core's settings and plugins'
 * options alike. It goes on after an error, so that all are reported at once. Values live in the
 * binder's arena; secrets are hidden from diagnostics and wiped when the arena is freed.
 *
 * A key whose value is null counts as absent. A scalar for a list is a list of one.
 */
#ifndef GP_CONFIG_BIND_H
#define GP_CONFIG_BIND_H

#include "core/config/diag.h"
#include "core/config/files.h"
#include "core/config/node.h"
#include "core/config/value.h"

#include <gatepost/option.h>

/* A flag of a row of ours: an object that is written as a value or a list stands for this row. */
#define GP__OPTION_ALONE (1u << 16)

struct gp__binder {
    struct gp__arena *arena;
    struct gp__diag *diag;
    const struct gp__config_files *files; /* for SECRET and PATH; NULL: a secret is just its text */

    /* A reference to a table: `ref` is the text of a scalar, absent when the table is written in
     * place. 0, or -1 after a diagnostic. NULL: tables cannot be used. */
    int (*table)(void *arg, const struct gp__node *node, struct gp_slice ref,
                 struct gp_table **table_r);
    /* Whether there is a target of this name: 0, or -1 after a diagnostic. */
    int (*target)(void *arg, const struct gp__node *node, struct gp_slice name);
    /* The same for a bucket. */
    int (*bucket)(void *arg, const struct gp__node *node, struct gp_slice name);
    /* A note that an instance must be there to set; told at the end. NULL: any will do. */
    void (*note)(void *arg, const struct gp__node *node, struct gp_slice name);
    /* Whether the values of a table in place name buckets that are there (GP_OPTION_QUARANTINE). */
    int (*actions)(void *arg, struct gp_table *table);
    /* Whether the values of a table in place are such records. */
    int (*records)(void *arg, const struct gp_records *records);
    /* Takes a command and gives it its number. NULL: commands cannot be used. */
    void (*command)(void *arg, struct gp_command *command);
    void *arg;

    struct gp__regex_context *regex; /* made when needed */
    struct gp__source *defaults;     /* the same */
    unsigned depth;
};

/* The rows of a command that is written as a mapping. */
extern const struct gp_option gp__command_rows[];

/* A table of rows and what it fills. */
struct gp__schema_rows {
    const struct gp_option *rows; /* NULL: none */
    size_t stride;                /* bytes from row to row; 0: ours */
    size_t size;                  /* of the struct; a row that points outside of it is an error */
    const char *const *own;       /* further keys, which the caller reads itself; may be NULL */
    const char *const *later;     /* keys of later versions, for a better message; may be NULL */
};

/*
 * Binds `map` (a mapping; NULL or null: an empty one) into `out`. `what` names it in messages:
 * `listener "mx"`. `at` is the place for what is missing when map has none. 0, or -1 after
 * diagnostics; the struct is filled as far as possible then.
 *
 * *shown_r (may be NULL): the effective mapping, in the order of the rows, with the defaults.
 */
int gp__bind(struct gp__binder *binder, const struct gp__node *map, const struct gp__node *at,
             struct gp_slice what, const struct gp__schema_rows *rows, void *out,
             const struct gp__node **shown_r);

/* The bucket of "quarantine NAME", if the text says it: 0, or -1 after a diagnostic. */
int gp__bind_action(struct gp__binder *binder, const struct gp__node *node, struct gp_slice text);

/* The nth row, zero where the table knows less than we do; false at the end. */
bool gp__option_row(const struct gp_option *rows, size_t stride, size_t n, struct gp_option *row_r);

/* A node for a default as written in a row; NULL for GP_OPTIONAL. */
const struct gp__node *gp__bind_default(struct gp__binder *binder, const char *text);

/* Makes a path absolute against the directory of the file that the node stands in. */
struct gp_slice gp__bind_path(struct gp__binder *binder, const struct gp__node *node,
                              struct gp_slice path);

/* A whole file as a secret: without a line break at its end, wiped with the arena. 0, or -1 and a text
 * for people. */
int gp__bind_secret_file(struct gp__binder *binder, const char *path, struct gp_slice *secret_r,
                         char *error, size_t error_size);

/* A text that is one of `names`, NULL-terminated; off and on may be written false and true. The
 * index, or -1. */
int gp__bind_enum_index(const struct gp__node *node, const char *const *names);

#endif

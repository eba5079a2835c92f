// SPDX-License-Identifier: Apache-2.0
/* What the files of the binder share: one value of one type into one place. */
#ifndef GP_CONFIG_BIND_VALUE_H
#define GP_CONFIG_BIND_VALUE_H

#include "core/config/bind.h"

/* What a value belongs to. */
struct gp__bind_for {
    struct gp__binder *binder;
    const struct gp_option *row;
    size_t stride;        /* of the table that the row stands in */
    struct gp_slice what; /* the mapping: `listener "mx"` */
};

/* Each binds a node that is not null into a place of the type's C type. 0, or -1 after a
 * diagnostic. */
typedef int gp__bind_fn(const struct gp__bind_for *for_, const struct gp__node *node, void *place);

gp__bind_fn gp__bind_string, gp__bind_bool, gp__bind_integer, gp__bind_milli, gp__bind_size,
    gp__bind_duration, gp__bind_rate, gp__bind_enum, gp__bind_address, gp__bind_network,
    gp__bind_secret, gp__bind_table, gp__bind_regex, gp__bind_path_value, gp__bind_target,
    gp__bind_bucket, gp__bind_command, gp__bind_records;

/* Those whose effective form differs from what was written. */
int gp__bind_list(const struct gp__bind_for *for_, const struct gp__node *node, void *place,
                  const struct gp__node **shown_r);
int gp__bind_map(const struct gp__bind_for *for_, const struct gp__node *node, void *place,
                 const struct gp__node **shown_r);
int gp__bind_object(const struct gp__bind_for *for_, const struct gp__node *node, void *place,
                    const struct gp__node **shown_r);

/* Any of them, by type. */
int gp__bind_any(const struct gp__bind_for *for_, enum gp_type type, const struct gp__node *node,
                 void *place, const struct gp__node **shown_r);

/* Bytes that a value of the type takes; 0 for a type that we do not know. */
size_t gp__bind_size_of(enum gp_type type, const struct gp_option *row);

/* What the values of a table in place say, if the row has GP_OPTION_QUARANTINE. */
int gp__bind_actions(const struct gp__bind_for *for_, struct gp_table *table);

/* Reports that the row's value must be `expected`; always -1. */
int gp__bind_wrong(const struct gp__bind_for *for_, const struct gp__node *node,
                   const char *expected);

/* Reports a problem of the row's value: `"name" in WHAT: text`; always -1. */
int gp__bind_bad(const struct gp__bind_for *for_, const struct gp__node *node, const char *format,
                 ...) GP_PRINTF(3, 4);

#endif

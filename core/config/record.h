// SPDX-License-Identifier: Apache-2.0
/*
 * Records: what a table says of a key, as fields that stand for options of a target:
 *
 *     {"to": "gw.example:25", "tls": "verified", "names": ["a.example", "b.example"]}
 *
 * A JSON object (RFC 8259) without objects in it; a text that does not begin with a brace is the
 * first field. Tables may be filled by others than who runs the server: everything has a bound, a
 * name that is not known, or there twice, is an error, and no value refers to a file, to the
 * environment or to anything else of the configuration.
 */
#ifndef GP_CONFIG_RECORD_H
#define GP_CONFIG_RECORD_H

#include "core/config/node.h"

#include <gatepost/option.h>

#define GP__RECORD_BYTES_MAX 4096u
#define GP__RECORD_FIELDS_MAX 32u
#define GP__RECORD_ITEMS_MAX 32u  /* of a list */
#define GP__RECORD_TEXT_MAX 1024u /* bytes of one value */

/* An option of type GP_TYPE_RECORDS. */
struct gp_records {
    struct gp_table *table;
    const struct gp_option *rows;
    size_t stride; /* bytes from row to row; 0: ours */
    size_t size;   /* of the struct that they fill */
};

/* The fields as a mapping, in the arena. NULL, or why it is no record (static). */
const char *gp__record_parse(struct gp__arena *arena, struct gp_slice text, struct gp_slice first,
                             const struct gp__node **map_r);

/* Fills what the record has fields for, and leaves the rest as it is. 0, or -1: *why_r says what is
 * wrong, in the arena. *shown_r (may be NULL): the fields. */
int gp__record_read(struct gp__arena *arena, const struct gp_records *records, struct gp_slice text,
                    void *record, const struct gp__node **shown_r, struct gp_slice *why_r);

/* A field for people: "to gw.example:25"; of a secret only that there is one. */
struct gp_slice gp__record_field(struct gp__arena *arena, const struct gp_records *records,
                                 const struct gp__pair *field);

/* Whether records may hold secrets. */
bool gp__record_is_secret(const struct gp_records *records);

/* The first option of records among those that `options` was filled by; NULL: none is set. */
const struct gp_records *gp__record_option(const struct gp_option *rows, size_t stride,
                                           const void *options);

#endif

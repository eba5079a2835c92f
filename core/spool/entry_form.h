// SPDX-License-Identifier: Apache-2.0
/* How the parts of an entry are written down, as tables that writing and reading share: a struct is
 * a shape, a member of it a field with a tag. docs/spool.md has the same in words. */
#ifndef GP_SPOOL_ENTRY_FORM_H
#define GP_SPOOL_ENTRY_FORM_H

#include <stddef.h>
#include <stdint.h>

/* Before each value: the tag, and the length of the value in four bytes, least first. */
#define GP__FIELD_HEAD 5u

/* A reader that does not know a tag passes over it from here on, and refuses the entry below. */
#define GP__FIELD_MAY_SKIP 128u

#define GP__FIELDS_MAX 32u /* tags that are known are below it */

enum gp__field_kind {
    GP__FIELD_SLICE = 0, /* bytes; absent: no field */
    GP__FIELD_U64,       /* least byte first, without zeros at the end; 0: no field */
    GP__FIELD_I64,
    GP__FIELD_U32,
    GP__FIELD_UNSIGNED,
    GP__FIELD_FLAG,  /* empty; false: no field */
    GP__FIELD_ITEMS, /* one field an item, in order */
};

struct gp__form_field {
    const char *name; /* in JSON */
    uint8_t tag;
    enum gp__field_kind kind;
    size_t offset;
    const struct gp__form_shape *shape; /* ITEMS: of each; offset is the array's */
    size_t count_offset;
    size_t max; /* ITEMS: so many */
};

struct gp__form_shape {
    const struct gp__form_field *fields;
    size_t n_fields;
    size_t size; /* of the struct */
};

extern const struct gp__form_shape gp__entry_shape;

/* The number that a member holds. */
uint64_t gp__form_number(const struct gp__form_field *field, const void *at);

#endif

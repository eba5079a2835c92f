// SPDX-License-Identifier: Apache-2.0
/*
 * Options of a plugin, as rows of a table. The host reads the configuration by it, checks every
 * value (errors show file, line, column and what was meant), fills the plugin's own struct before
 * create(), and makes JSON Schema and documentation from it.
 *
 *     struct my {
 *         struct gp_slice zone;
 *         uint64_t wait_ms;
 *     };
 *     static const struct gp_option options[] = {
 *         GP_OPTION_STRING("zone", struct my, zone, NULL, "Zone to ask."),
 *         GP_OPTION_DURATION("wait", struct my, wait_ms, "2s", 0, 60000, "How long to wait."),
 *         GP_OPTIONS_END,
 *     };
 *
 * A default is written as in the configuration, but without quotes; NULL makes the option required;
 * GP_OPTIONAL leaves the member zero. Values live as long as the instance.
 */
#ifndef GATEPOST_OPTION_H
#define GATEPOST_OPTION_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

enum gp_type {
    GP_TYPE_NONE = 0,
    GP_TYPE_STRING,   /* struct gp_slice, followed by a NUL that is not counted */
    GP_TYPE_BOOL,     /* bool */
    GP_TYPE_INTEGER,  /* int64_t */
    GP_TYPE_MILLI,    /* int64_t: thousandths of a decimal number, "2.5" is 2500 */
    GP_TYPE_SIZE,     /* uint64_t: bytes, "25MiB" */
    GP_TYPE_DURATION, /* uint64_t: milliseconds, "30s" */
    GP_TYPE_ENUM,     /* int: index into the names of the row */
    GP_TYPE_ADDRESS,  /* struct gp_slice: "host:port", "[v6]:port" or "unix:/path", checked */
    GP_TYPE_NETWORK,  /* const struct gp_network * */
    GP_TYPE_SECRET,   /* struct gp_slice: given, or {file: …} or {env: …}; never shown */
    GP_TYPE_TABLE,  /* struct gp_table *: a name, "kind:argument", a network, or written in place */
    GP_TYPE_REGEX,  /* const struct gp_regex *: PCRE2 */
    GP_TYPE_PATH,   /* struct gp_slice: made absolute against the file it stands in */
    GP_TYPE_LIST,   /* const struct gp_list *: items of the type `item` */
    GP_TYPE_MAP,    /* const struct gp_map *: names to items of the type `item` */
    GP_TYPE_OBJECT, /* a struct of its own, by the rows in `rows`, in place */
    GP_TYPE_TARGET, /* struct gp_slice: the name of a target of the configuration, checked */
    GP_TYPE_BUCKET, /* struct gp_slice: the name of a bucket for held mail, checked */
    GP_TYPE_RATE,   /* struct gp_rate: "500/h", "30/10m" */
    GP_TYPE_COMMAND, /* const struct gp_command *: a program and its limits (command.h) */
    GP_TYPE_RECORDS, /* const struct gp_records *: a table whose values are fields, by the rows in
                        `rows` (see gp_record_find() in wait.h); of targets */
    GP_TYPE_COUNT
};

/* So many in any such time; count 0: no limit was given. */
struct gp_rate {
    int64_t count;
    uint64_t period_ms;
};

enum gp_option_flags {
    GP_OPTION_HIDDEN = 1 << 0,    /* not in the documentation */
    GP_OPTION_NOT_EMPTY = 1 << 1, /* an empty string, list or map is an error */
    GP_OPTION_REPLY = 1 << 2,     /* a string that replies are made of: what cannot stand in one is
                                     an error (see gp_reject()) */
    GP_OPTION_NOTE = 1 << 3, /* a string that names a note, "INSTANCE.KEY": there must be such an
                                     instance */
    GP_OPTION_QUARANTINE =
        1 << 4,              /* strings, or the values of a table that is written in place: the
                                     word after "quarantine" names a bucket, which must be there */
    GP_OPTION_STORE = 1 << 5 /* a path below which mail is kept: short of space there, nothing new
                                     is taken (`overload.keep_free`); of targets */
};

/* One row. Appended to only: `size` in the descriptor tells how much of it a plugin knows. */
struct gp_option {
    const char *name;             /* in the configuration; NULL ends the table */
    enum gp_type type;            /* of the value */
    enum gp_type item;            /* of what a LIST or MAP holds */
    size_t offset;                /* into the plugin's struct */
    const char *def;              /* default as written in YAML; NULL: required */
    int64_t min, max;             /* of numbers (also items'); both 0: any */
    const char *const *names;     /* of ENUM, NULL-terminated */
    const struct gp_option *rows; /* of OBJECT, also as items; of RECORDS */
    size_t row_size;              /* size of the struct that `rows` fill, as items */
    unsigned flags;               /* enum gp_option_flags */
    const char *doc;              /* one line for people */
    enum gp_type key;             /* of MAP: what the names are: 0 just text, or GP_TYPE_TABLE */
};

#define GP_OPTIONAL "~" /* YAML's null */

/* Refuses at compile time a member that does not have the type that the row fills. */
#define GP_MEMBER(type, member, must_be)                                                           \
    (offsetof(type, member) +                                                                      \
     0 * sizeof(struct {                                                                           \
         int check : __builtin_types_compatible_p(__typeof__(((type *)0)->member), must_be) ? 1    \
                                                                                            : -1;  \
     }))

#define GP_OPTION_ROW(name_, type_, struct_, member_, ctype, def_, doc_, ...)                      \
    {                                                                                              \
        .name = name_, .type = type_, .offset = GP_MEMBER(struct_, member_, ctype), .def = def_,   \
        .doc = doc_, __VA_ARGS__                                                                   \
    }

#define GP_OPTION_STRING(name, s, member, def, doc, ...)                                           \
    GP_OPTION_ROW(name, GP_TYPE_STRING, s, member, struct gp_slice, def, doc, __VA_ARGS__)
#define GP_OPTION_BOOL(name, s, member, def, doc, ...)                                             \
    GP_OPTION_ROW(name, GP_TYPE_BOOL, s, member, bool, def, doc, __VA_ARGS__)
#define GP_OPTION_INTEGER(name, s, member, def, min_, max_, doc, ...)                              \
    GP_OPTION_ROW(name, GP_TYPE_INTEGER, s, member, int64_t, def, doc, .min = min_, .max = max_,   \
                  __VA_ARGS__)
#define GP_OPTION_MILLI(name, s, member, def, min_, max_, doc, ...)                                \
    GP_OPTION_ROW(name, GP_TYPE_MILLI, s, member, int64_t, def, doc, .min = min_, .max = max_,     \
                  __VA_ARGS__)
#define GP_OPTION_SIZE(name, s, member, def, min_, max_, doc, ...)                                 \
    GP_OPTION_ROW(name, GP_TYPE_SIZE, s, member, uint64_t, def, doc, .min = min_, .max = max_,     \
                  __VA_ARGS__)
#define GP_OPTION_DURATION(name, s, member, def, min_, max_, doc, ...)                             \
    GP_OPTION_ROW(name, GP_TYPE_DURATION, s, member, uint64_t, def, doc, .min = min_, .max = max_, \
                  __VA_ARGS__)
#define GP_OPTION_ENUM(name, s, member, names_, def, doc, ...)                                     \
    GP_OPTION_ROW(name, GP_TYPE_ENUM, s, member, int, def, doc, .names = names_, __VA_ARGS__)
#define GP_OPTION_ADDRESS(name, s, member, def, doc, ...)                                          \
    GP_OPTION_ROW(name, GP_TYPE_ADDRESS, s, member, struct gp_slice, def, doc, __VA_ARGS__)
#define GP_OPTION_NETWORK(name, s, member, def, doc, ...)                                          \
    GP_OPTION_ROW(name, GP_TYPE_NETWORK, s, member, const struct gp_network *, def, doc,           \
                  __VA_ARGS__)
#define GP_OPTION_SECRET(name, s, member, def, doc, ...)                                           \
    GP_OPTION_ROW(name, GP_TYPE_SECRET, s, member, struct gp_slice, def, doc, __VA_ARGS__)
#define GP_OPTION_TABLE(name, s, member, def, doc, ...)                                            \
    GP_OPTION_ROW(name, GP_TYPE_TABLE, s, member, struct gp_table *, def, doc, __VA_ARGS__)
#define GP_OPTION_REGEX(name, s, member, def, doc, ...)                                            \
    GP_OPTION_ROW(name, GP_TYPE_REGEX, s, member, const struct gp_regex *, def, doc, __VA_ARGS__)
#define GP_OPTION_PATH(name, s, member, def, doc, ...)                                             \
    GP_OPTION_ROW(name, GP_TYPE_PATH, s, member, struct gp_slice, def, doc, __VA_ARGS__)
#define GP_OPTION_TARGET(name, s, member, def, doc, ...)                                           \
    GP_OPTION_ROW(name, GP_TYPE_TARGET, s, member, struct gp_slice, def, doc, __VA_ARGS__)
#define GP_OPTION_BUCKET(name, s, member, def, doc, ...)                                           \
    GP_OPTION_ROW(name, GP_TYPE_BUCKET, s, member, struct gp_slice, def, doc, __VA_ARGS__)
#define GP_OPTION_RATE(name, s, member, def, doc, ...)                                             \
    GP_OPTION_ROW(name, GP_TYPE_RATE, s, member, struct gp_rate, def, doc, __VA_ARGS__)
#define GP_OPTION_COMMAND(name, s, member, def, doc, ...)                                          \
    GP_OPTION_ROW(name, GP_TYPE_COMMAND, s, member, const struct gp_command *, def, doc,           \
                  __VA_ARGS__)
#define GP_OPTION_LIST(name, s, member, item_, def, doc, ...)                                      \
    GP_OPTION_ROW(name, GP_TYPE_LIST, s, member, const struct gp_list *, def, doc, .item = item_,  \
                  __VA_ARGS__)
#define GP_OPTION_MAP(name, s, member, item_, def, doc, ...)                                       \
    GP_OPTION_ROW(name, GP_TYPE_MAP, s, member, const struct gp_map *, def, doc, .item = item_,    \
                  __VA_ARGS__)
#define GP_OPTION_OBJECT(name_, s, member, rows_, def_, doc_, ...)                                 \
    {                                                                                              \
        .name = name_, .type = GP_TYPE_OBJECT, .offset = offsetof(s, member), .rows = rows_,       \
        .row_size = sizeof(((s *)0)->member), .def = def_, .doc = doc_, __VA_ARGS__                \
    }
/* Fields may be of the types STRING, BOOL, INTEGER, MILLI, SIZE, DURATION, ENUM, ADDRESS, SECRET,
 * RATE, and LIST of these. */
#define GP_OPTION_RECORDS(name, s, member, rows_, record, def, doc, ...)                           \
    GP_OPTION_ROW(name, GP_TYPE_RECORDS, s, member, const struct gp_records *, def, doc,           \
                  .rows = rows_, .row_size = sizeof(record), __VA_ARGS__)
#define GP_OPTIONS_END                                                                             \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* ---- lists and maps; NULL is an empty one ---- */

GP_API size_t gp_list_count(const struct gp_list *list);
GP_API size_t gp_map_count(const struct gp_map *map);

/* The nth value, as a pointer to what a member of the item type would hold: `struct gp_slice *`
 * for STRING, `int64_t *` for INTEGER, the struct itself for OBJECT. NULL past the end. */
GP_API const void *gp_list_at(const struct gp_list *list, size_t n);
GP_API const void *gp_map_at(const struct gp_map *map, size_t n);
GP_API struct gp_slice gp_map_key(const struct gp_map *map, size_t n);

/* The nth name as the table it refers to, where the row's key is GP_TYPE_TABLE; else NULL. */
GP_API struct gp_table *gp_map_table(const struct gp_map *map, size_t n);

/* The value of a key (case of ASCII letters ignored), or NULL. */
GP_API const void *gp_map_find(const struct gp_map *map, struct gp_slice key);

/* ---- regular expressions and networks ---- */

/*
 * Whether the expression matches somewhere in the subject: 1, 0, or GP_ELIMIT when it needed more
 * steps than the match limit (an expression that explodes on this subject). Groups are slices of
 * the subject: groups[0] the whole match; those not set are absent.
 */
GP_API int gp_regex_match(const struct gp_regex *regex, struct gp_slice subject,
                          struct gp_slice *groups, size_t n_groups);
GP_API struct gp_slice gp_regex_pattern(const struct gp_regex *regex);

/* Whether the text is an IP address in the network. */
GP_API bool gp_network_has(const struct gp_network *network, struct gp_slice ip);

GP_END_C

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Log records: an event name and typed fields, one line a fact. Rendering (JSON or for people) and
 * escaping of peers' text happen here and only here; where the line goes is the sink's business.
 *
 *     gp__log(log, GP_LOG_INFO, "session.open", GP__F_S("peer", ip), GP__F_I("port", 25));
 *
 * Event names are stable ids: they are documented and do not change within a major version.
 */
#ifndef GP_BASE_LOG_H
#define GP_BASE_LOG_H

#include "core/base/buf.h"

#include <gatepost/log.h>
#include <gatepost/slice.h>
#include <stdint.h>

enum gp__log_format {
    GP__LOG_HUMAN = 0,
    GP__LOG_JSON,
};

struct gp__log_field {
    const char *key;
    enum { GP__FIELD_TEXT = 0, GP__FIELD_INT, GP__FIELD_BOOL, GP__FIELD_RAW } type;
    struct gp_slice text; /* RAW: text that is JSON already, from gp__json_* */
    int64_t number;
};

#define GP__F_S(k, s) ((struct gp__log_field){.key = (k), .type = GP__FIELD_TEXT, .text = (s)})
#define GP__F_C(k, c)                                                                              \
    ((struct gp__log_field){.key = (k), .type = GP__FIELD_TEXT, .text = gp_slice_of(c)})
#define GP__F_I(k, n)                                                                              \
    ((struct gp__log_field){.key = (k), .type = GP__FIELD_INT, .number = (int64_t)(n)})
#define GP__F_B(k, b) ((struct gp__log_field){.key = (k), .type = GP__FIELD_BOOL, .number = (b)})
#define GP__F_RAW(k, s) ((struct gp__log_field){.key = (k), .type = GP__FIELD_RAW, .text = (s)})

/* One per process. The write function gets whole lines with their newline; it must not block long
 * and must not log. `now` gives milliseconds since 1970. */
struct gp__log {
    enum gp_log_level level; /* records below it are dropped before they are rendered */
    enum gp__log_format format;
    int64_t (*now)(void *arg);
    void (*write)(void *arg, enum gp_log_level level, struct gp_slice line);
    void *arg;
    struct gp__buf line; /* reused */
};

void gp__log_fields(struct gp__log *log, enum gp_log_level level, const char *event,
                    const struct gp__log_field *fields, size_t count);

/* Fields whose text is absent are left out; nothing is evaluated for a record that is dropped but
 * log and its level. At least one field: without any call gp__log_fields(..., NULL, 0). */
#define gp__log(log, record_level, event, ...)                                                     \
    do {                                                                                           \
        struct gp__log *log_to_ = (log);                                                           \
        enum gp_log_level log_level_ = (record_level);                                             \
        if (log_to_ && log_level_ <= log_to_->level)                                               \
            gp__log_fields(log_to_, log_level_, (event), (struct gp__log_field[]){__VA_ARGS__},    \
                           sizeof((struct gp__log_field[]){__VA_ARGS__}) /                         \
                               sizeof(struct gp__log_field));                                      \
    } while (0)

/* Appends a JSON string with its quotes. Controls and characters that deceive a reader (direction
 * marks, line separators) are escaped; bytes that are not UTF-8 become U+FFFD, one each. */
void gp__json_string(struct gp__buf *out, struct gp_slice s);

#endif

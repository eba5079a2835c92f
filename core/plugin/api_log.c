// SPDX-License-Identifier: Apache-2.0
/* Log lines, fields of the host's records, counters: <gatepost/log.h>, gp_count(). */
#include "core/plugin/api.h"

#include "core/base/ascii.h"
#include "core/base/log.h"

#include <stdio.h>

#define TEXT_BYTES_MAX 1000
#define FIELDS_MAX 16
#define LINE_FIELDS_MAX (FIELDS_MAX + 6)
#define KEY_BYTES_MAX 64

/* ---- fields ---- */

static struct gp__record_field **fields_of(const struct gp_call *call, struct gp__arena **arena_r)
{
    if (call->policy) {
        *arena_r = call->transaction->arena;
        return &call->policy->fields;
    }
    if (call->session && call->session->policy) {
        *arena_r = call->session->arena;
        return &call->session->policy->fields;
    }
    return NULL;
}

/* A lower-case word. */
static bool is_word(struct gp_slice key, size_t max)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.data[i];

        if (!(c >= 'a' && c <= 'z') && !(i && gp__is_digit(c)) && !(i && c == '_'))
            return false;
    }
    return key.len > 0 && key.len <= max;
}

static struct gp__counter *find_counter(struct gp__instance *instance, struct gp_slice name)
{
    for (size_t i = 0; i < instance->n_counters; i++)
        if (gp_slice_eq(gp_slice_of(instance->counters[i].name), name))
            return &instance->counters[i];
    return NULL;
}

static void count(struct gp__instance *instance, struct gp_slice name, uint64_t n)
{
    struct gp__counter *counter = find_counter(instance, name);

    if (!counter) {
        if (instance->n_counters == GP__COUNTERS_MAX)
            return;
        counter = &instance->counters[instance->n_counters++];
        memcpy(counter->name, name.data, name.len);
        counter->name[name.len] = '\0';
    }
    counter->value += n;
}

/* Replaces a field of that key, or appends one; more than allowed are dropped and counted. */
static void put_field(struct gp_call *call, struct gp__record_field **link, struct gp__arena *arena,
                      struct gp_slice key, struct gp_slice value)
{
    size_t own = 0;

    for (; *link; link = &(*link)->next) {
        if ((*link)->by != call->instance)
            continue;
        if (gp_slice_eq((*link)->key, key)) {
            (*link)->value = gp__arena_dup(arena, value);
            return;
        }
        own++;
    }
    if (own >= FIELDS_MAX) {
        if (call->instance)
            count(call->instance, GP_S("log_fields_dropped"), 1);
        return;
    }
    *link = GP__ARENA_NEW(arena, struct gp__record_field);
    **link = (struct gp__record_field){
        .by = call->instance,
        .key = gp__arena_dup(arena, key),
        .value = gp__arena_dup(arena, value),
    };
}

int gp_log_field(struct gp_call *call, const char *key, struct gp_slice value)
{
    struct gp__record_field **fields;
    struct gp__arena *arena;

    if (!key || gp__api_slice(call, "gp_log_field", value) ||
        !is_word(gp_slice_of(key), KEY_BYTES_MAX))
        return GP_EINVAL;
    fields = fields_of(call, &arena);
    if (!fields || call->shadow) /* no record of anything; a shadow leaves no trace in it */
        return 0;
    put_field(call, fields, arena, gp_slice_of(key),
              gp_slice_sub(value.data ? value : GP_S(""), 0, TEXT_BYTES_MAX));
    return 0;
}

/* ---- lines ---- */

/* Adds what this instance put into the record so far, as "instance.key". */
static size_t add_own_fields(struct gp_call *call, struct gp__log_field *to, size_t n)
{
    struct gp__arena *arena;
    struct gp__record_field **fields = fields_of(call, &arena);

    if (!fields || call->shadow)
        return n;
    for (const struct gp__record_field *field = *fields; field && n < LINE_FIELDS_MAX;
         field = field->next) {
        if (field->by != call->instance)
            continue;
        to[n++] = GP__F_S(gp__arena_printf(gp__call_arena(call), GP_FMT "." GP_FMT,
                                           GP_ARG(gp__api_who(call)), GP_ARG(field->key))
                              .data,
                          field->value);
    }
    return n;
}

static bool is_logged(const struct gp_call *call, enum gp_log_level level)
{
    return call->runtime->log && level <= call->runtime->log->level;
}

static void write_line(struct gp_call *call, enum gp_log_level level, struct gp_slice text)
{
    struct gp__log_field fields[LINE_FIELDS_MAX];
    size_t n = 0;

    fields[n++] = GP__F_S("instance", gp__api_who(call));
    fields[n++] = GP__F_C("hook", call->complaints ? "create" : gp__points[call->point].name);
    fields[n++] = GP__F_S("session", gp_session_id(call));
    fields[n++] = GP__F_S("transaction", gp_transaction_id(call));
    fields[n++] = GP__F_S("text", text);
    if (call->shadow)
        fields[n++] = GP__F_B("shadow", true);
    n = add_own_fields(call, fields, n);
    gp__log_fields(call->runtime->log, level, "plugin.log", fields, n);
}

void gp_log(struct gp_call *call, enum gp_log_level level, const char *format, ...)
{
    bool complains = call->complaints && level == GP_LOG_ERROR;
    char text[TEXT_BYTES_MAX + 1];
    struct gp_slice line;
    va_list args;
    int len;

    if ((!complains && !is_logged(call, level)) || level < GP_LOG_ERROR)
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0)
        return;
    line = gp_slice(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    if (complains)
        gp__buf_printf(call->complaints, "%s" GP_FMT, call->complaints->len ? "; " : "",
                       GP_ARG(line));
    if (is_logged(call, level))
        write_line(call, level, line);
}

/* ---- counters ---- */

void gp_count(struct gp_call *call, const char *counter, uint64_t n)
{
    struct gp_slice name = gp_slice_of(counter);

    if (!call->instance)
        return;
    if (!is_word(name, sizeof call->instance->counters[0].name - 1))
        gp__api_misuse(call, "gp_count", "the name of a counter is a lower-case word");
    else
        count(call->instance, name, n);
}

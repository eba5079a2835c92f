// SPDX-License-Identifier: Apache-2.0
/*
 * A table in a text file: `key value` lines. Keys match whatever the case of their ASCII letters;
 * one that is listed twice is a mistake. See source.h for how the file is watched.
 */
#include "entries.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 8192

struct file_table {
    struct source source;
};

struct contents {
    struct entries entries;
};

static void lower(char *to, struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        to[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] - 'A' + 'a')
                                                           : text.data[i];
}

static void contents_destroy(void *arg)
{
    struct contents *contents = arg;

    entries_done(&contents->entries);
    free(contents);
}

static void *contents_create(struct gp_call *call, size_t n_lines, size_t n_bytes)
{
    struct contents *contents = malloc(sizeof *contents);
    uint64_t seed[2];

    if (!contents)
        return NULL;
    gp_random(call, seed, sizeof seed);
    if (entries_init(&contents->entries, seed, n_lines, n_bytes))
        return contents;
    free(contents);
    return NULL;
}

static int contents_add(void *arg, const struct line *line, char error[LINE_ERROR_MAX])
{
    struct contents *contents = arg;
    char folded[ENTRY_KEY_MAX];
    struct gp_slice key, value;

    if (line_split(line, &key, &value, error) < 0)
        return -1;
    if (key.len > ENTRY_KEY_MAX) {
        snprintf(error, LINE_ERROR_MAX, "the key is longer than %u bytes", ENTRY_KEY_MAX);
        return -1;
    }
    lower(folded, key);
    if (entries_add(&contents->entries, gp_slice(folded, key.len), value) == GP_OK)
        return 0;
    snprintf(error, LINE_ERROR_MAX, "\"" GP_FMT "\": listed before",
             GP_ARG(gp_slice_sub(key, 0, 100)));
    return -1;
}

static const struct source_kind key_kind = {
    .create = contents_create,
    .destroy = contents_destroy,
    .add = contents_add,
    .batch = BATCH,
};

static int lookup(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    const struct file_table *table = self;
    const struct contents *contents = table->source.contents;
    char folded[ENTRY_KEY_MAX];
    struct gp_slice value;

    if (key.len > sizeof folded)
        return GP_ENOTFOUND;
    lower(folded, key);
    if (!entries_find(&contents->entries, gp_slice(folded, key.len), &value))
        return GP_ENOTFOUND;
    /* The file may be read again before the caller has returned. */
    *value_r = gp_format(call, GP_FMT, GP_ARG(value));
    return gp_slice_present(*value_r) ? GP_OK : GP_ELIMIT;
}

static int create(struct gp_call *call, void *self)
{
    struct file_table *table = self;

    return source_open(call, &table->source, &key_kind);
}

static void destroy(void *self)
{
    struct file_table *table = self;

    source_close(&table->source);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    struct file_table *table = self;

    source_check(call, &table->source);
    return GP_NEXT;
}

static const struct gp_table_role role = {.size = sizeof role, .lookup = lookup};

GP_OPTIONS(struct file_table, SOURCE_OPTIONS(struct file_table));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Looks keys up in a text file", .needs = GP_NEEDS_FILES,
          .deadline_ms = SOURCE_DEADLINE_MS, .tick_ms = SOURCE_TICK_MS, .create = create,
          .destroy = destroy, .table = &role, GP_USES_OPTIONS, GP_USES_HOOKS);

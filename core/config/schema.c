// SPDX-License-Identifier: Apache-2.0
/* Values are what YAML makes of them: a duration such as 0 is a number, a text such as 25 too. A
 * schema cannot say everything that the binder checks (names that exist, ids that differ); it never
 * refuses what the binder accepts in its usual spelling. */
#include "core/config/schema.h"

#include "core/config/bind.h"
#include "core/config/load.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8

#define RATE_PATTERN "^[0-9]+/([0-9]*(ms|s|m|h|d|w))+$"
#define DURATION_PATTERN "^(0|([0-9]+(ms|s|m|h|d|w))+)$"
#define SIZE_PATTERN "^[0-9]+([Bb]|[KkMmGg]([Ii]?[Bb])?|[Tt][Ii]?[Bb])?$"
#define ADDRESS_PATTERN "^(unix:/.+|\\[[0-9A-Fa-f:.]+\\]:[0-9]+|[A-Za-z0-9_.-]+:[0-9]+)$"

struct maker {
    struct gp__arena *arena;
    struct gp__binder binder; /* for defaults */
};

static json_t *rows_schema(struct maker *m, const struct gp_option *rows, size_t stride, int depth);
static json_t *object_schema(struct maker *m, const struct gp_option *of, size_t stride, int depth);

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static json_t *texts(const char *const *words)
{
    json_t *array = json_array();

    for (; *words; words++)
        json_array_append_new(array, json_string(*words));
    return array;
}

static json_t *typed(const char *type)
{
    return json_pack("{s:s}", "type", type);
}

/* The words that mean true and false. */
static json_t *yes_or_no(void)
{
    return json_pack("{s:[b,b,s,s,s,s]}", "enum", 1, 0, "on", "off", "yes", "no");
}

static json_t *typed2(const char *a, const char *b)
{
    return json_pack("{s:[s,s]}", "type", a, b);
}

static json_t *ref(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/$defs/", name);
}

static json_t *map_of(json_t *values)
{
    json_t *map = typed2("object", "null");

    set(map, "additionalProperties", values);
    return map;
}

/* ---- one value ---- */

static json_t *enum_schema(const struct gp_option *row)
{
    json_t *words = row->names ? texts(row->names) : json_array();

    for (size_t i = 0; row->names && row->names[i]; i++) {
        if (strcmp(row->names[i], "off") == 0)
            json_array_append_new(words, json_false());
        if (strcmp(row->names[i], "on") == 0)
            json_array_append_new(words, json_true());
    }
    return json_pack("{s:o}", "enum", words);
}

static json_t *number_schema(const struct gp_option *row, bool milli)
{
    json_t *schema = typed(milli ? "number" : "integer");

    if (row->min == 0 && row->max == 0)
        return schema;
    set(schema, "minimum", milli ? json_real((double)row->min / 1000) : json_integer(row->min));
    set(schema, "maximum", milli ? json_real((double)row->max / 1000) : json_integer(row->max));
    return schema;
}

static json_t *pattern_schema(const char *pattern, bool number)
{
    json_t *schema = number ? typed2("string", "integer") : typed("string");

    set(schema, "pattern", json_string(pattern));
    return schema;
}

/* The arguments, or a mapping with them and what goes with them. */
static json_t *command_schema(struct maker *m, int depth)
{
    json_t *many = json_pack("{s:s, s:{s:s}, s:i}", "type", "array", "items", "type", "string",
                             "minItems", 1);

    return json_pack("{s:[{s:s},o,o]}", "anyOf", "type", "string", many,
                     rows_schema(m, gp__command_rows, 0, depth + 1));
}

static json_t *value_schema(struct maker *m, enum gp_type type, const struct gp_option *row,
                            size_t stride, int depth)
{
    switch (type) {
    case GP_TYPE_STRING:
        return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
    case GP_TYPE_BOOL:
        return yes_or_no();
    case GP_TYPE_INTEGER:
        return number_schema(row, false);
    case GP_TYPE_MILLI:
        return number_schema(row, true);
    case GP_TYPE_SIZE:
        return pattern_schema(SIZE_PATTERN, true);
    case GP_TYPE_DURATION:
        return pattern_schema(DURATION_PATTERN, true);
    case GP_TYPE_RATE:
        return pattern_schema(RATE_PATTERN, false);
    case GP_TYPE_ENUM:
        return enum_schema(row);
    case GP_TYPE_ADDRESS:
        return pattern_schema(ADDRESS_PATTERN, false);
    case GP_TYPE_SECRET:
        return ref("secret");
    case GP_TYPE_TABLE:
    case GP_TYPE_RECORDS:
        return ref("table");
    case GP_TYPE_REGEX:
    case GP_TYPE_NETWORK:
    case GP_TYPE_PATH:
    case GP_TYPE_TARGET:
    case GP_TYPE_BUCKET:
        return typed("string");
    case GP_TYPE_COMMAND:
        return command_schema(m, depth);
    case GP_TYPE_OBJECT:
        return object_schema(m, row, stride, depth + 1);
    case GP_TYPE_LIST:
    case GP_TYPE_MAP:
    case GP_TYPE_NONE:
    case GP_TYPE_COUNT:
        break;
    }
    return json_object();
}

/* One, or a list. */
static json_t *list_of(json_t *item, bool not_empty)
{
    json_t *array = json_pack("{s:s, s:O}", "type", "array", "items", item);

    if (not_empty)
        set(array, "minItems", json_integer(1));
    return json_pack("{s:[o,o]}", "anyOf", item, array);
}

/* ---- defaults ---- */

static json_t *scalar_json(const struct gp__node *node, enum gp_type type)
{
    int64_t number;

    if (type == GP_TYPE_BOOL)
        return json_boolean(gp_slice_eq(node->text, GP_S("true")));
    if (type == GP_TYPE_INTEGER && gp_slice_to_int(node->text, INT64_MIN, INT64_MAX, &number) == 0)
        return json_integer(number);
    if (type == GP_TYPE_MILLI)
        return json_real(strtod(node->text.data, NULL));
    return json_stringn(node->text.data, node->text.len);
}

static json_t *node_json(const struct gp__node *node, enum gp_type type)
{
    json_t *json;

    if (node->kind == GP__NODE_SCALAR)
        return scalar_json(node, type);
    if (node->kind == GP__NODE_NULL)
        return json_null();
    json = node->kind == GP__NODE_SEQUENCE ? json_array() : json_object();
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == GP__NODE_SEQUENCE)
            json_array_append_new(json, node_json(node->items[i], type));
        else
            set(json, node->pairs[i].key->text.data, node_json(node->pairs[i].value, type));
    }
    return json;
}

static void add_default(struct maker *m, json_t *schema, const struct gp_option *row)
{
    bool holds = row->type == GP_TYPE_LIST || row->type == GP_TYPE_MAP;
    const struct gp__node *node = row->type == GP_TYPE_OBJECT
                                      ? NULL
                                      : gp__bind_default(&m->binder, row->def);

    if (node)
        set(schema, "default", node_json(node, holds ? row->item : row->type));
}

/* ---- rows ---- */

static json_t *row_schema(struct maker *m, const struct gp_option *row, size_t stride, int depth)
{
    json_t *schema;

    if (row->type == GP_TYPE_LIST)
        schema = list_of(value_schema(m, row->item, row, stride, depth),
                         row->flags & GP_OPTION_NOT_EMPTY);
    else if (row->type == GP_TYPE_MAP)
        schema = map_of(value_schema(m, row->item, row, stride, depth));
    else
        schema = value_schema(m, row->type, row, stride, depth);
    if (row->doc)
        set(schema, "description", json_string(row->doc));
    add_default(m, schema, row);
    return schema;
}

static json_t *rows_schema(struct maker *m, const struct gp_option *rows, size_t stride, int depth)
{
    json_t *schema = typed2("object", "null"), *properties = json_object(),
           *required = json_array();
    struct gp_option row;

    for (size_t i = 0; depth < DEPTH_MAX && gp__option_row(rows, stride, i, &row); i++) {
        set(properties, row.name, row_schema(m, &row, stride, depth));
        if (!row.def)
            json_array_append_new(required, json_string(row.name));
    }
    set(schema, "properties", properties);
    set(schema, "additionalProperties", json_boolean(depth >= DEPTH_MAX));
    if (json_array_size(required))
        set(schema, "required", required);
    else
        json_decref(required);
    return schema;
}

/* Also as the one row that may stand for all of it. */
static json_t *object_schema(struct maker *m, const struct gp_option *of, size_t stride, int depth)
{
    json_t *schema = rows_schema(m, of->rows, stride, depth);
    struct gp_option row;

    for (size_t i = 0; gp__option_row(of->rows, stride, i, &row); i++)
        if (row.flags & GP__OPTION_ALONE)
            return json_pack("{s:[o,o]}", "anyOf", schema, row_schema(m, &row, stride, depth));
    return schema;
}

/* ---- definitions ---- */

/* Facts take one value or a list; which words fit which fact is the binder's to say. */
static json_t *when_schema(bool route)
{
    static const char *const flags[] = {"authenticated", "tls", "null_sender", NULL};
    static const char *const instance_lists[] = {
        "recipient",  "recipient_not", "sender", "sender_not", "client",
        "client_not", "listener",      "helo",   "route",      "user",
        "user_not",   "tls_client",    NULL};
    static const char *const route_lists[] = {
        "recipient", "recipient_not", "sender",   "sender_not",
        "client",    "client_not",    "listener", NULL};
    static const char *const groups[] = {"all", "any", "none", NULL};
    json_t *schema = typed("object"), *properties = json_object();

    for (const char *const *word = route ? route_lists : instance_lists; *word; word++)
        set(properties, *word,
            json_pack("{s:[s,s,s,s]}", "type", "string", "number", "array", "object"));
    for (const char *const *word = groups; *word; word++)
        set(properties, *word, list_of(ref(route ? "match" : "when"), true));
    if (route)
        set(properties, "relay", yes_or_no());
    for (const char *const *word = flags; !route && *word; word++)
        set(properties, *word, yes_or_no());
    if (!route) {
        set(properties, "note", typed("string"));
        set(properties, "is", json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean"));
        set(properties, "class", json_pack("{s:[s,s]}", "enum", "ours", "relay"));
        set(properties, "size_over", pattern_schema(SIZE_PATTERN, true));
    }
    set(schema, "properties", properties);
    set(schema, "additionalProperties", json_false());
    return schema;
}

static json_t *secret_schema(void)
{
    return json_pack("{s:[{s:s},{s:s,s:{s:{s:s},s:{s:s}},s:b,s:i,s:i}]}", "anyOf", "type", "string",
                     "type", "object", "properties", "file", "type", "string", "env", "type",
                     "string", "additionalProperties", 0, "minProperties", 1, "maxProperties", 1);
}

static json_t *plugin_name(const struct gp_plugin *plugin)
{
    return json_pack("{s:s+}", "$ref", "#/$defs/plugin_", plugin->name);
}

enum plugin_role {
    ROLE_TABLE = 0,
    ROLE_TARGET,
    ROLE_AUTH,
    ROLE_SPOOL,
};

static bool has_role(const struct gp_plugin *plugin, enum plugin_role role)
{
    switch (role) {
    case ROLE_TABLE:
        return plugin->table;
    case ROLE_TARGET:
        return plugin->target;
    case ROLE_AUTH:
        return plugin->auth;
    case ROLE_SPOOL:
        break;
    }
    return plugin->spool;
}

/* What may be written instead of the name: file_table is a table of the kind file, auth_file a
 * backend of the kind file, the same of engines. */
static bool short_name(const char *name, enum plugin_role role, char kind[256])
{
    static const struct gp_slice suffix = {"_table", 6};
    struct gp_slice prefix = role == ROLE_SPOOL ? GP_S("spool_") : GP_S("auth_");
    struct gp_slice text = gp_slice_of(name);

    if (role == ROLE_TABLE && gp_slice_ends(text, suffix))
        text = gp_slice_sub(text, 0, text.len - suffix.len);
    else if ((role == ROLE_AUTH || role == ROLE_SPOOL) && gp_slice_starts(text, prefix))
        text = gp_slice_sub(text, prefix.len, text.len);
    else
        return false;
    return text.len > 0 && snprintf(kind, 256, GP_FMT, GP_ARG(text)) < 256;
}

/* {PLUGIN: options}, of the plugins that have the role. */
static json_t *one_of_plugins(const struct gp_plugin *const *plugins, size_t count,
                              enum plugin_role role)
{
    json_t *properties = json_object();

    for (size_t i = 0; i < count; i++) {
        char kind[256];

        if (!has_role(plugins[i], role))
            continue;
        set(properties, plugins[i]->name, plugin_name(plugins[i]));
        if (short_name(plugins[i]->name, role, kind))
            set(properties, kind, plugin_name(plugins[i]));
    }
    return json_pack("{s:s,s:o,s:b,s:i,s:i}", "type", "object", "properties", properties,
                     "additionalProperties", count == 0, "minProperties", 1, "maxProperties", 1);
}

static json_t *table_schema(const struct gp_plugin *const *plugins, size_t count)
{
    return json_pack("{s:[{s:s},{s:s},o]}", "anyOf", "type", "string", "type", "array",
                     one_of_plugins(plugins, count, ROLE_TABLE));
}

/* {KIND: options}, where KIND may leave out "state_". */
static json_t *state_schema(const struct gp_plugin *const *plugins, size_t count)
{
    static const char prefix[] = "state_";
    json_t *properties = json_object();

    for (size_t i = 0; i < count; i++) {
        const char *name = plugins[i]->name;

        if (!plugins[i]->state)
            continue;
        set(properties, name, plugin_name(plugins[i]));
        if (strncmp(name, prefix, sizeof prefix - 1) == 0)
            set(properties, name + sizeof prefix - 1, plugin_name(plugins[i]));
    }
    return json_pack("{s:[s,s],s:o,s:b,s:i}", "type", "object", "null", "properties", properties,
                     "additionalProperties", count == 0, "maxProperties", 1);
}

static json_t *item_schema(struct maker *m, const struct gp_plugin *const *plugins, size_t count)
{
    json_t *item = rows_schema(m, gp__use_rows, 0, 0);
    json_t *group = json_pack("{s:s,s:{s:o,s:o},s:[s,s],s:b}", "type", "object", "properties",
                              "when", ref("when"), "do", ref("chain"), "required", "when", "do",
                              "additionalProperties", 0);
    json_t *properties = json_object_get(item, "properties");

    set(properties, "when", ref("when"));
    for (size_t i = 0; i < count; i++)
        if (plugins[i]->hooks && plugins[i]->hooks->fn)
            set(properties, plugins[i]->name, plugin_name(plugins[i]));
    set(item, "type", json_string("object"));
    if (count == 0) /* nobody told which plugins there are */
        set(item, "additionalProperties", typed2("object", "null"));
    return json_pack("{s:[o,o]}", "anyOf", group, item);
}

static json_t *definitions(struct maker *m, const struct gp_plugin *const *plugins, size_t count)
{
    json_t *defs = json_object();

    set(defs, "secret", secret_schema());
    set(defs, "when", when_schema(false));
    set(defs, "match", when_schema(true));
    set(defs, "table", table_schema(plugins, count));
    set(defs, "target", one_of_plugins(plugins, count, ROLE_TARGET));
    set(defs, "auth", one_of_plugins(plugins, count, ROLE_AUTH));
    set(defs, "engine", one_of_plugins(plugins, count, ROLE_SPOOL));
    set(defs, "item", item_schema(m, plugins, count));
    set(defs, "chain", json_pack("{s:[s,s],s:o}", "type", "array", "null", "items", ref("item")));
    for (size_t i = 0; i < count; i++) {
        struct gp_slice name = gp__arena_printf(m->arena, "plugin_%s", plugins[i]->name);
        json_t *options = rows_schema(m, plugins[i]->options, plugins[i]->option_size, 0);

        if (plugins[i]->summary)
            set(options, "description", json_string(plugins[i]->summary));
        set(defs, name.data, options);
    }
    return defs;
}

static json_t *listener_schema(struct maker *m)
{
    json_t *listener = rows_schema(m, gp__listener_rows, 0, 0);

    set(json_object_get(listener, "properties"), "like",
        json_pack("{s:s,s:s}", "type", "string", "description",
                  "Another listener, whose settings this one takes over."));
    json_object_del(listener, "required"); /* `like` may bring them */
    return listener;
}

static json_t *routes_schema(struct maker *m)
{
    json_t *route = rows_schema(m, gp__route_rows, 0, 0);

    set(json_object_get(route, "properties"), "match", ref("match"));
    return json_pack("{s:s,s:o}", "type", "array", "items", route);
}

static json_t *queue_schema(struct maker *m)
{
    json_t *policy = rows_schema(m, gp__queue_rows, 0, 0);

    set(json_object_get(policy, "properties"), "like",
        json_pack("{s:s,s:s}", "type", "string", "description",
                  "Another policy, whose settings this one takes over."));
    return policy;
}

static json_t *whole(struct maker *m, const struct gp_plugin *const *plugins, size_t count)
{
    json_t *schema = rows_schema(m, gp__top_rows, 0, 0);
    json_t *properties = json_object_get(schema, "properties");

    set(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    set(schema, "title", json_string("Gatepost configuration"));
    set(schema, "type", json_string("object"));
    set(properties, "include", list_of(typed("string"), false));
    set(properties, "tables", map_of(ref("table")));
    set(properties, "targets", map_of(ref("target")));
    set(properties, "engines", map_of(ref("engine")));
    set(properties, "state", state_schema(plugins, count));
    set(properties, "auth", map_of(ref("auth")));
    set(properties, "chains", map_of(ref("chain")));
    set(properties, "listeners", map_of(listener_schema(m)));
    set(properties, "routes", routes_schema(m));
    set(properties, "buckets", map_of(rows_schema(m, gp__bucket_rows, 0, 0)));
    set(properties, "queue", map_of(queue_schema(m)));
    json_object_del(schema, "required"); /* an included file need not be the whole */
    set(schema, "$defs", definitions(m, plugins, count));
    return schema;
}

int gp__schema(const struct gp_plugin *const *plugins, size_t count, struct gp__buf *out)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__diag *diag = gp__diag_create();
    struct maker m = {arena, {.arena = arena, .diag = diag}};
    json_t *schema = whole(&m, plugins, count);
    char *text = schema ? json_dumps(schema, JSON_INDENT(2)) : NULL;
    int result = -1;

    if (text && gp__buf_append(out, gp_slice_of(text)) == 0)
        result = gp__buf_append(out, GP_S("\n"));
    free(text);
    json_decref(schema);
    gp__diag_free(&diag);
    gp__arena_free(&arena);
    return result;
}

// SPDX-License-Identifier: Apache-2.0
#include "sdk/kit/config_text.h"

#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "sdk/kit/kit.h"
#include "sdk/kit/lex.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define INDENT 4

/* ---- texts with origins ---- */

static void add_line(struct gp__kit_text *text, struct gp_slice line, unsigned from, int shift)
{
    GP__GROW(text->origins, text->cap, text->n_lines + 1);
    text->origins[text->n_lines++] = (struct gp__kit_origin){from, shift};
    for (int i = 0; i < shift; i++)
        gp__buf_append(&text->text, GP_S(" "));
    gp__buf_append(&text->text, line);
    gp__buf_append(&text->text, GP_S("\n"));
}

static void add_own(struct gp__kit_text *text, const char *line)
{
    add_line(text, gp_slice_of(line), 0, 0);
}

/* ---- blocks ---- */

static unsigned indent_of(struct gp_slice line)
{
    unsigned n = 0;

    while (n < line.len && line.data[n] == ' ')
        n++;
    return n;
}

static bool is_blank(struct gp_slice line)
{
    line = gp_slice_trim(line);
    return line.len == 0 || line.data[0] == '#';
}

/* How far the first line of a block that says something is indented. */
static unsigned block_indent(const struct gp__kit_file *file, const struct gp__kit_range *range)
{
    for (unsigned n = range->first + 1; n < range->end; n++)
        if (!is_blank(file->lines[n - 1]))
            return indent_of(file->lines[n - 1]);
    return 0;
}

/* The lines of the block, moved to an indentation. */
static void add_block(struct gp__kit_text *text, const struct gp__kit_file *file,
                      const struct gp__kit_range *range, unsigned indent)
{
    unsigned was = block_indent(file, range);

    for (unsigned n = range->first + 1; n < range->end; n++) {
        struct gp_slice line = file->lines[n - 1];
        unsigned here = indent_of(line), cut = here < was ? here : was;

        if (is_blank(line))
            add_line(text, GP_S(""), n, 0);
        else if (indent >= cut)
            add_line(text, line, n, (int)(indent - cut));
        else
            add_line(text, gp_slice_sub(line, cut - indent, line.len), n, -(int)(cut - indent));
    }
}

/* Whether a block has a key at its own level. */
static bool has_key(const struct gp__kit_file *file, const struct gp__kit_range *range,
                    struct gp_slice key)
{
    unsigned indent = range->first ? block_indent(file, range) : 0;

    for (unsigned n = range->first + 1; range->first && n < range->end; n++) {
        struct gp_slice line = file->lines[n - 1];
        struct gp_slice rest = gp_slice_sub(line, indent, line.len);

        if (indent_of(line) == indent && gp_slice_starts(rest, key) && rest.len > key.len &&
            rest.data[key.len] == ':')
            return true;
    }
    return false;
}

/* A block of the scenario, or else the shared one. */
static const struct gp__kit_range *block_of(const struct gp__kit_file *file,
                                            const struct gp__kit_scenario *scenario,
                                            enum gp__kit_block block)
{
    return scenario->part.blocks[block].first ? &scenario->part.blocks[block]
                                              : &file->shared.blocks[block];
}

/* ---- the two texts ---- */

/* "[a, b]" with the observer behind: "[a, b, {kit: {}}]". */
static void write_flow_chain(struct gp__kit_text *text, struct gp_slice whole, struct gp_slice list,
                             unsigned line)
{
    static const char head[] = "  kit: ";
    struct gp_slice items = gp_slice_sub(list, 0, list.len - 1);
    struct gp__buf out = {.limit = 0};

    gp__buf_printf(&out, "%s" GP_FMT "%s{kit: {}}]", head, GP_ARG(items),
                   gp_slice_trim(items).len > 1 ? ", " : "");
    add_line(text, gp__buf_slice(&out), line, 0);
    text->origins[text->n_lines - 1].shift = (int)(sizeof head - 1) - (int)(list.data - whole.data);
    gp__buf_free(&out);
}

static void write_chain(struct gp__kit_text *text, const struct gp__kit_file *file,
                        const struct gp__kit_range *range)
{
    struct gp_slice rest = gp_slice(NULL, 0);

    add_own(text, "chains:");
    if (range->first) {
        rest = gp__kit_strip(file->lines[range->first - 1]);
        gp__kit_word(&rest);
    }
    if (rest.len) {
        write_flow_chain(text, file->lines[range->first - 1], rest, range->first);
        return;
    }
    add_own(text, "  kit:");
    if (range->first)
        add_block(text, file, range, INDENT);
    add_own(text, "    - kit: {}");
}

/* Everybody may log in, where the scenario says nothing else. */
static void write_listener(struct gp__kit_text *text, const struct gp__kit_file *file,
                           const struct gp__kit_range *range, bool own_auth)
{
    add_own(text, "listeners:");
    add_own(text, "  kit:");
    if (!has_key(file, range, GP_S("address")))
        add_own(text, "    address: 127.0.0.1:25");
    if (!has_key(file, range, GP_S("chain")))
        add_own(text, "    chain: kit");
    if (!own_auth && !has_key(file, range, GP_S("auth")))
        add_own(text, "    auth: kit");
    if (!has_key(file, range, GP_S("auth_plaintext")))
        add_own(text, "    auth_plaintext: true");
    if (range->first)
        add_block(text, file, range, INDENT);
}

static void write_rest(struct gp__kit_text *text, const struct gp__kit_file *file,
                       const struct gp__kit_scenario *scenario)
{
    const struct gp__kit_range *config = block_of(file, scenario, GP__KIT_CONFIG);
    bool own_auth = has_key(file, config, GP_S("auth"));

    if (!own_auth)
        add_own(text, "auth: {kit: {kit: {}}}");
    if (!has_key(file, config, GP_S("hostname")))
        add_own(text, "hostname: mx.example.test");
    if (!has_key(file, config, GP_S("hold")))
        add_own(text, "hold: {path: /kit/held}");
    if (!has_key(file, config, GP_S("state")))
        add_own(text, "state: {kit: {}}");
    add_own(text, "targets: {kit: {kit: {}}}");
    if (!has_key(file, config, GP_S("routes")))
        add_own(text, "routes: [{name: kit, to: kit, mode: direct}]");
    write_chain(text, file, block_of(file, scenario, GP__KIT_CHAIN));
    write_listener(text, file, block_of(file, scenario, GP__KIT_LISTENER), own_auth);
}

/* ---- reading them ---- */

static int read_file(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                     size_t error_size)
{
    const struct gp__kit_config *config = arg;
    struct gp_slice bytes;

    if (strcmp(path, config->path) == 0) {
        bytes = gp__buf_slice(&config->own.text);
    } else if (strcmp(path, config->rest_path) == 0) {
        bytes = gp__buf_slice(&config->rest.text);
    } else if (gp__sim_file_get(config->rt, gp_slice_of(path), &bytes) != 0) {
        snprintf(error, error_size, "no such file; write: given file %s <<END", path);
        return -1;
    }
    if (bytes.len <= max)
        return gp__buf_append(out, bytes);
    snprintf(error, error_size, "larger than %zu bytes", max);
    return -1;
}

static const char *no_env(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static const struct gp_plugin *descriptor(void *arg, struct gp_slice name, const char **error_r)
{
    const struct gp__kit_config *config = arg;

    if (gp_slice_eq(name, gp_slice_of(gp__kit_plugin.name)))
        return &gp__kit_plugin;
    return config->options->descriptor(config->options->arg, name, error_r);
}

static void plugin_names(void *arg, void (*found)(void *found_arg, struct gp_slice name),
                         void *found_arg)
{
    const struct gp__kit_config *config = arg;

    if (config->options->plugin_names)
        config->options->plugin_names(config->options->arg, found, found_arg);
}

/* ---- what is wrong with it ---- */

static const char *member_text(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));

    return text ? text : "";
}

static struct gp__kit_origin origin_of(const struct gp__kit_config *config, const json_t *entry)
{
    const struct gp__kit_text *text = &config->rest;
    json_int_t line = json_integer_value(json_object_get(entry, "line"));

    if (strcmp(member_text(entry, "file"), config->path) == 0)
        text = &config->own;
    return line > 0 && (size_t)line <= text->n_lines ? text->origins[line - 1]
                                                     : (struct gp__kit_origin){0, 0};
}

static void print_entry(const struct gp__kit_config *config, struct gp__buf *out,
                        const struct gp__kit_file *file, const json_t *entry)
{
    struct gp__kit_origin origin = origin_of(config, entry);
    int column = (int)json_integer_value(json_object_get(entry, "column")) - origin.shift;

    column = column > 0 ? column : 1;
    gp__buf_append(out, file->path);
    if (origin.line)
        gp__buf_printf(out, ":%u:%d", origin.line, column);
    gp__buf_printf(out, ": %s: %s\n", member_text(entry, "severity"),
                   member_text(entry, "message"));
    if (origin.line)
        gp__buf_printf(out, "    " GP_FMT "\n    %*s^\n", GP_ARG(file->lines[origin.line - 1]),
                       column - 1, "");
}

void gp__kit_config_print(struct gp__kit_config *config, struct gp__diag *diag,
                          const struct gp__kit_file *file)
{
    struct gp__buf text = {.limit = 0};
    json_t *list, *entry;
    size_t i;

    gp__diag_print(diag, GP__DIAG_JSON, &text);
    list = json_loadb(gp__buf_slice(&text).data, text.len, 0, NULL);
    json_array_foreach(list, i, entry)
    {
        const char *severity = member_text(entry, "severity");

        if (strcmp(severity, "error") == 0)
            print_entry(config, &config->errors, file, entry);
        else if (strcmp(severity, "warning") == 0)
            print_entry(config, &config->warnings, file, entry);
    }
    json_decref(list);
    gp__buf_free(&text);
}

struct gp__settings *gp__kit_config_load(struct gp__kit_config *config,
                                         const struct gp__kit_options *options,
                                         const struct gp__kit_file *file,
                                         const struct gp__kit_scenario *scenario,
                                         struct gp__runtime *rt)
{
    struct gp__config_files files = {.read = read_file, .env = no_env, .arg = config};
    struct gp__config_host host = {
        .files = &files, .descriptor = descriptor, .plugin_names = plugin_names, .arg = config};
    const struct gp__kit_range *own = block_of(file, scenario, GP__KIT_CONFIG);
    struct gp__diag *diag = gp__diag_create();
    struct gp__settings *settings;
    char path[4096];

    config->options = options;
    config->rt = rt;
    /* Relative paths are relative to the directory of the file they stand in: the same for both. */
    snprintf(path, sizeof path, GP_FMT "/(scenario)", GP_ARG(file->directory));
    config->path = gp__strdup(path);
    snprintf(path, sizeof path, GP_FMT "/(kit)", GP_ARG(file->directory));
    config->rest_path = gp__strdup(path);
    add_own(&config->own, "include: (kit)");
    if (own->first)
        add_block(&config->own, file, own, 0);
    write_rest(&config->rest, file, scenario);
    settings = gp__settings_load(config->path, &host, diag);
    gp__kit_config_print(config, diag, file);
    gp__diag_free(&diag);
    return settings;
}

void gp__kit_config_free(struct gp__kit_config *config)
{
    struct gp__kit_text *texts[] = {&config->own, &config->rest};

    for (size_t i = 0; i < 2; i++) {
        gp__buf_free(&texts[i]->text);
        GP__FREE(texts[i]->origins);
    }
    gp__buf_free(&config->errors);
    gp__buf_free(&config->warnings);
    GP__FREE(config->path);
    GP__FREE(config->rest_path);
}

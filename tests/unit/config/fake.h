// SPDX-License-Identifier: Apache-2.0
/* A world for the configuration: files in memory, an environment, plugins that only describe
 * themselves. Shared with the fuzz target. */
#ifndef GP_TEST_CONFIG_FAKE_H
#define GP_TEST_CONFIG_FAKE_H

#include "core/config/settings.h"

#include <fnmatch.h>
#include <gatepost/plugin.h>
#include <stdio.h>
#include <string.h>

#define FAKE_DIRECTORY "/etc/gatepost"
#define FAKE_MAIN FAKE_DIRECTORY "/F" /* which reports call F */

struct fake_file {
    const char *path;
    const char *text;
    size_t len; /* 0: of a C string */
};

/* Ends with a row without path. */
struct fake_files {
    const struct fake_file *files;
};

static int fake_read(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                     size_t error_size)
{
    const struct fake_files *files = arg;

    for (const struct fake_file *file = files->files; file->path; file++) {
        size_t len = file->len ? file->len : strlen(file->text);

        if (strcmp(file->path, path) != 0)
            continue;
        if (len <= max)
            return gp__buf_append(out, gp_slice(file->text, len));
        snprintf(error, error_size, "larger than %zu bytes", max);
        return -1;
    }
    snprintf(error, error_size, "No such file or directory");
    return -1;
}

static int fake_glob(void *arg, const char *pattern,
                     void (*found)(void *found_arg, const char *path), void *found_arg)
{
    const struct fake_files *files = arg;

    for (const struct fake_file *file = files->files; file->path; file++)
        if (fnmatch(pattern, file->path, FNM_PATHNAME) == 0)
            found(found_arg, file->path);
    return 0;
}

static const char *fake_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "FAKE_SECRET") == 0 ? "from-the-environment" : NULL;
}

/* ---- plugins ---- */

static enum gp_verdict fake_hook(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    return GP_NEXT;
}

static int fake_lookup(struct gp_call *call, void *self, struct gp_slice key,
                       struct gp_slice *value_r)
{
    (void)call;
    (void)self;
    (void)key;
    (void)value_r;
    return GP_ENOTFOUND;
}

static int fake_deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    (void)call;
    (void)self;
    (void)delivery;
    return 0;
}

static const struct gp_state_role fake_state_role = {.size = sizeof fake_state_role};
static const struct gp_table_role fake_table_role = {sizeof fake_table_role, fake_lookup};
static int fake_password(struct gp_call *call, void *self, struct gp_slice user,
                         struct gp_slice password)
{
    (void)call;
    (void)self;
    (void)user;
    (void)password;
    return GP_ENOTFOUND;
}

static const struct gp_auth_role fake_auth_role = {.size = sizeof fake_auth_role,
                                                   .verify_password = fake_password};

static const struct gp_target_role fake_target_role = {.size = sizeof fake_target_role,
                                                       .deliver = fake_deliver};

struct fake_inner {
    struct gp_slice name;
    int64_t weight;
};

/* An option of each type. */
struct fake_all {
    struct gp_slice text, address, secret, path, target, bucket, reply;
    bool flag;
    int64_t number, milli;
    uint64_t size, duration;
    int word;
    const struct gp_network *network;
    struct gp_table *table;
    const struct gp_regex *regex;
    const struct gp_list *list, *numbers, *objects;
    const struct gp_map *map;
    struct fake_inner inner;
    struct gp_rate rate;
};

static const char *const fake_words[] = {"off", "on", "maybe", NULL};

static const struct gp_option fake_inner_rows[] = {
    GP_OPTION_STRING("name", struct fake_inner, name, NULL, "A name."),
    GP_OPTION_INTEGER("weight", struct fake_inner, weight, "5", 0, 10, "A weight."),
    GP_OPTIONS_END,
};

static const struct gp_option fake_all_rows[] = {
    GP_OPTION_STRING("text", struct fake_all, text, "hello", "A text."),
    GP_OPTION_ADDRESS("address", struct fake_all, address, "127.0.0.1:25", "An address."),
    GP_OPTION_SECRET("secret", struct fake_all, secret, GP_OPTIONAL, "A secret."),
    GP_OPTION_PATH("path", struct fake_all, path, GP_OPTIONAL, "A path."),
    GP_OPTION_TARGET("target", struct fake_all, target, GP_OPTIONAL, "A target."),
    GP_OPTION_BUCKET("bucket", struct fake_all, bucket, GP_OPTIONAL, "A bucket."),
    GP_OPTION_STRING("reply", struct fake_all, reply, GP_OPTIONAL, "Of a reply.",
                     .flags = GP_OPTION_REPLY),
    GP_OPTION_BOOL("flag", struct fake_all, flag, "true", "A flag."),
    GP_OPTION_INTEGER("number", struct fake_all, number, "3", 1, 9, "A number."),
    GP_OPTION_MILLI("milli", struct fake_all, milli, "2.5", -10000, 10000, "A decimal."),
    GP_OPTION_SIZE("size", struct fake_all, size, "1MiB", 1024, 1048576, "A size."),
    GP_OPTION_DURATION("duration", struct fake_all, duration, "30s", 1000, 60000, "A duration."),
    GP_OPTION_ENUM("word", struct fake_all, word, fake_words, "off", "A word."),
    GP_OPTION_NETWORK("network", struct fake_all, network, "192.0.2.0/24", "A network."),
    GP_OPTION_TABLE("table", struct fake_all, table, GP_OPTIONAL, "A table."),
    GP_OPTION_REGEX("regex", struct fake_all, regex, "^a+$", "An expression."),
    GP_OPTION_LIST("list", struct fake_all, list, GP_TYPE_STRING, "[a, b]", "Texts.",
                   .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_LIST("numbers", struct fake_all, numbers, GP_TYPE_INTEGER, "[]", "Numbers.", .min = 0,
                   .max = 99),
    GP_OPTION_LIST("objects", struct fake_all, objects, GP_TYPE_OBJECT, "[]", "Objects.",
                   .rows = fake_inner_rows, .row_size = sizeof(struct fake_inner)),
    GP_OPTION_MAP("map", struct fake_all, map, GP_TYPE_INTEGER, "{x: 1}", "A map."),
    GP_OPTION_RATE("rate", struct fake_all, rate, GP_OPTIONAL, "A rate.", .min = 1, .max = 500),
    GP_OPTION_OBJECT("inner", struct fake_all, inner, fake_inner_rows, GP_OPTIONAL, "A struct."),
    GP_OPTIONS_END,
};

struct fake_path {
    struct gp_slice path;
    struct gp_table *next;
};

static const struct gp_option fake_path_rows[] = {
    GP_OPTION_PATH("path", struct fake_path, path, NULL, "A file."),
    GP_OPTION_TABLE("next", struct fake_path, next, GP_OPTIONAL, "Asked when a key is not there."),
    GP_OPTIONS_END,
};

struct fake_smart {
    const struct gp_list *to;
    const struct gp_records *per_recipient;
};

struct fake_record {
    struct gp_slice to, password;
};

static const struct gp_option fake_record_rows[] = {
    GP_OPTION_ADDRESS("to", struct fake_record, to, GP_OPTIONAL, "Where to send."),
    GP_OPTION_SECRET("password", struct fake_record, password, GP_OPTIONAL, "A password."),
    GP_OPTIONS_END,
};

static const struct gp_option fake_smart_rows[] = {
    GP_OPTION_LIST("to", struct fake_smart, to, GP_TYPE_ADDRESS, NULL, "Where to send."),
    GP_OPTION_RECORDS("per_recipient", struct fake_smart, per_recipient, fake_record_rows,
                      struct fake_record, GP_OPTIONAL, "Instead."),
    GP_OPTIONS_END,
};

struct fake_store_disk {
    struct gp_slice path;
    int64_t weight;
};

struct fake_store {
    struct gp_slice path;
    const struct gp_list *more, *disks;
    uint64_t size;
};

static const struct gp_option fake_disk_rows[] = {
    GP_OPTION_PATH("path", struct fake_store_disk, path, NULL, "Where."),
    GP_OPTION_INTEGER("weight", struct fake_store_disk, weight, "1", 1, 9, "How much of it."),
    GP_OPTIONS_END,
};

static const struct gp_option fake_store_rows[] = {
    GP_OPTION_PATH("path", struct fake_store, path, NULL, "Where.", .flags = GP_OPTION_STORE),
    GP_OPTION_LIST("more", struct fake_store, more, GP_TYPE_PATH, "[]", "Where else."),
    GP_OPTION_LIST("disks", struct fake_store, disks, GP_TYPE_OBJECT, "[]", "And where else.",
                   .rows = fake_disk_rows, .row_size = sizeof(struct fake_store_disk)),
    GP_OPTION_SIZE("size", struct fake_store, size, "1MiB", 1024, 1 << 30, "How much."),
    GP_OPTIONS_END,
};

struct fake_secret {
    struct gp_slice key;
};

static const struct gp_option fake_secret_rows[] = {
    GP_OPTION_SECRET("key", struct fake_secret, key, NULL, "A key."),
    GP_OPTIONS_END,
};

static const struct gp_spool_role fake_spool_role = {.size = sizeof fake_spool_role};

static const struct gp_hook fake_rcpt_hooks[] = {
    {GP_HOOK_MAIL, fake_hook}, {GP_HOOK_RCPT, fake_hook}, {.fn = NULL}};
static const struct gp_hook fake_connect_hooks[] = {{GP_HOOK_CONNECT, fake_hook}, {.fn = NULL}};
static const struct gp_hook fake_seal_hooks[] = {{GP_HOOK_SEAL, fake_hook}, {.fn = NULL}};

#define FAKE_HEAD                                                                                  \
    .magic = GP_ABI_MAGIC, .size = sizeof(struct gp_plugin), .abi_major = GP_ABI_MAJOR,            \
    .abi_minor = GP_ABI_MINOR, .option_size = sizeof(struct gp_option), .version = "1",            \
    .summary = "A fake"

static const struct gp_plugin fake_plugins[] = {
    {FAKE_HEAD, .name = "allkinds", .options = fake_all_rows,
     .instance_size = sizeof(struct fake_all), .hooks = fake_rcpt_hooks},
    {FAKE_HEAD, .name = "early", .hooks = fake_connect_hooks, .deadline_ms = 5000,
     .on_error = GP_ON_ERROR_CONTINUE},
    {FAKE_HEAD, .name = "sign", .hooks = fake_seal_hooks, .flags = GP_PLUGIN_SIGNS},
    {FAKE_HEAD, .name = "file_table", .options = fake_path_rows,
     .instance_size = sizeof(struct fake_path), .table = &fake_table_role},
    {FAKE_HEAD, .name = "maildir", .options = fake_path_rows,
     .instance_size = sizeof(struct fake_path), .target = &fake_target_role},
    {FAKE_HEAD, .name = "auth_book", .options = fake_path_rows,
     .instance_size = sizeof(struct fake_path), .auth = &fake_auth_role},
    {FAKE_HEAD, .name = "smart", .options = fake_smart_rows,
     .instance_size = sizeof(struct fake_smart), .target = &fake_target_role},
    {FAKE_HEAD, .name = "granter", .hooks = fake_rcpt_hooks, .needs = GP_NEEDS_GRANT_RELAY},
    {FAKE_HEAD, .name = "nothing"},
    {FAKE_HEAD, .name = "remembers", .hooks = fake_rcpt_hooks, .needs = GP_NEEDS_STATE},
    {FAKE_HEAD, .name = "spool_box", .options = fake_store_rows,
     .instance_size = sizeof(struct fake_store), .spool = &fake_spool_role},
    {FAKE_HEAD, .name = "spool_secret", .options = fake_secret_rows,
     .instance_size = sizeof(struct fake_secret), .spool = &fake_spool_role},
    {FAKE_HEAD, .name = "state_box", .options = fake_path_rows,
     .instance_size = sizeof(struct fake_path), .state = &fake_state_role},
};

#define FAKE_PLUGINS (sizeof fake_plugins / sizeof fake_plugins[0])

static const struct gp_plugin *fake_descriptor(void *arg, struct gp_slice name,
                                               const char **error_r)
{
    (void)arg;
    if (gp_slice_eq(name, GP_S("broken")))
        *error_r = "undefined symbol: gp_future";
    for (size_t i = 0; i < FAKE_PLUGINS; i++)
        if (gp_slice_eq(name, gp_slice_of(fake_plugins[i].name)))
            return &fake_plugins[i];
    return NULL;
}

static void fake_names(void *arg, void (*found)(void *found_arg, struct gp_slice name),
                       void *found_arg)
{
    (void)arg;
    for (size_t i = 0; i < FAKE_PLUGINS; i++)
        found(found_arg, gp_slice_of(fake_plugins[i].name));
}

/* PEM is what begins with CERT or KEY; "bad" and "old" in it are what they say. */
static int fake_certificate(void *arg, struct gp_slice chain, struct gp_slice key,
                            struct gp__buf *problem_r)
{
    (void)arg;
    if (!gp_slice_starts(chain, GP_S("CERT")) || !gp_slice_starts(key, GP_S("KEY")) ||
        gp_slice_search(chain, GP_S("bad")) < chain.len) {
        gp__buf_append(problem_r, GP_S("the key does not belong to the certificate"));
        return -1;
    }
    if (gp_slice_search(chain, GP_S("old")) == chain.len)
        return 0;
    gp__buf_append(problem_r, GP_S("the certificate expired on some day"));
    return 1;
}

static int fake_authorities(void *arg, struct gp_slice pem, struct gp__buf *problem_r)
{
    (void)arg;
    if (gp_slice_starts(pem, GP_S("CERT")))
        return 0;
    gp__buf_append(problem_r, GP_S("there is no CA certificate in PEM"));
    return -1;
}

/* Loads FAKE_MAIN from the files; what is to be said about it is appended to report. */
static int fake_store(void *arg, const char *path, struct gp__buf *problem_r)
{
    (void)arg;
    if (strcmp(path, "/memory") != 0 && strcmp(path, "/later") != 0)
        return 0;
    gp__buf_printf(problem_r, "%s is %s", path, path + 1);
    return strcmp(path, "/memory") == 0 ? 1 : -1;
}

static int fake_spool(void *arg, const char *path, const char *kept_by, struct gp__buf *problem_r)
{
    if (kept_by)
        return strcmp(path, "/log") == 0 ? gp__buf_printf(problem_r, "no %s", kept_by), -1 : 0;
    return fake_store(arg, path, problem_r);
}

static int fake_template(void *arg, struct gp_slice text, struct gp__buf *problem_r)
{
    (void)arg;
    if (!gp_slice_starts(text, GP_S("KEY")))
        return 0;
    gp__buf_append(problem_r, GP_S("line 1: a flaw"));
    return -1;
}

static inline struct gp__settings *fake_load(const struct fake_file *files, struct gp__buf *report,
                                             enum gp__diag_format format)
{
    struct fake_files all = {files};
    struct gp__config_files access = {.read = fake_read,
                                      .glob = fake_glob,
                                      .env = fake_env,
                                      .directory = FAKE_DIRECTORY,
                                      .arg = &all};
    struct gp__config_host host = {.files = &access,
                                   .descriptor = fake_descriptor,
                                   .plugin_names = fake_names,
                                   .certificate = fake_certificate,
                                   .authorities = fake_authorities,
                                   .spool = fake_spool,
                                   .store = fake_store,
                                   .template = fake_template};
    struct gp__diag *diag = gp__diag_create();
    struct gp__settings *settings = gp__settings_load("F", &host, diag);

    gp__diag_print(diag, format, report);
    gp__diag_free(&diag);
    return settings;
}

#endif

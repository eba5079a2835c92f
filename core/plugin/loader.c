// SPDX-License-Identifier: Apache-2.0
/*
 * libltdl opens what is linked in; files are opened by a loader of ours, which it calls: its own
 * binds lazily and its error texts say "file not found" whatever happened. Ours opens only the file
 * that was checked just before, so none of libltdl's search paths can bring in another.
 */
#include "core/plugin/loader.h"

#include "core/base/alloc.h"
#include "core/plugin/module_file.h"

#include <dirent.h>
#include <dlfcn.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define BUILT_IN "built in"
#define PATH_BYTES_MAX 4096

struct entry {
    struct entry *next;
    struct gp_slice name;
    const char *file; /* NULL: there is none */
    const struct gp_plugin *plugin;
    const char *error;
};

struct gp__plugins {
    struct gp__arena *arena;
    const char **dirs;
    size_t n_dirs, dirs_cap;
    struct entry *entries;
};

/* ---- the strict loader ---- */

/* The file that may be opened now; how it failed. Plugins are loaded from one thread. */
static struct {
    const struct gp__module_file *file;
    char error[1024];
} opening;

/* dlerror() begins with the name that was opened, which says nothing to people. */
static void keep_error(const char *error, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(error, name, len) == 0 && error[len] == ':')
        error += len + 1 + strspn(error + len + 1, " ");
    (void)snprintf(opening.error, sizeof opening.error, "%s", error);
}

static lt_module strict_open(lt_user_data data, const char *filename, lt_dladvise advise)
{
    const struct gp__module_file *file = opening.file;
    const char *name, *error;
    void *module;

    (void)data;
    (void)advise;
    if (!file || !filename || strcmp(filename, file->path) != 0)
        return NULL;
    name = file->name[0] ? file->name : file->path;
    module = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        error = dlerror();
        keep_error(error ? error : "unknown error", name);
    }
    return module;
}

/* Never: code of a plugin may still be on a stack or in a table. */
static int strict_close(lt_user_data data, lt_module module)
{
    (void)data;
    (void)module;
    return 0;
}

static void *strict_symbol(lt_user_data data, lt_module module, const char *symbol)
{
    (void)data;
    return dlsym(module, symbol);
}

static const lt_dlvtable strict_loader = {
    .name = "gatepost",
    .module_open = strict_open,
    .module_close = strict_close,
    .find_sym = strict_symbol,
    .priority = LT_DLLOADER_APPEND,
};

/* Once a process: modules stay, so libltdl does. */
static const char *start_libltdl(void)
{
    static bool started;
    const char *error = "unknown error";

    if (started)
        return NULL;
    if (lt_dlpreload_default(gp__preloaded_table()) != 0 || lt_dlinit() != 0) {
        error = lt_dlerror();
        return error ? error : "unknown error";
    }
    /* Only then: with it in the list a module that ours refuses would be opened lazily by it. */
    free(lt_dlloader_remove("lt_dlopen")); /* its table comes from malloc() and is ours now */
    if (lt_dlloader_find("lt_dlopen") || lt_dlloader_add(&strict_loader) != 0)
        return "libltdl does not take our loader";
    started = true;
    return NULL;
}

/* ---- where to look ---- */

static void add_dir(struct gp__plugins *plugins, struct gp_slice dir)
{
    GP__ARENA_GROW(plugins->arena, plugins->dirs, plugins->dirs_cap, plugins->n_dirs + 1);
    plugins->dirs[plugins->n_dirs++] = gp__arena_dup(plugins->arena, dir).data;
}

/* plugins/ beside the executable, as in a build tree, and ../lib/gatepost/plugins, as in an
 * installation that was moved: neither needs a setting. */
static void add_dirs_of_executable(struct gp__plugins *plugins)
{
    char path[PATH_BYTES_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path);
    const char *executed = (const char *)getauxval(AT_EXECFN);
    size_t end;

    /* A bare chroot has no /proc: how we were started will do. */
    if ((len <= 0 || (size_t)len >= sizeof path) && executed && realpath(executed, path))
        len = (ssize_t)strlen(path);
    if (len <= 0 || (size_t)len >= sizeof path)
        return;
    end = gp_slice_rfind(gp_slice(path, (size_t)len), '/');
    add_dir(plugins, gp__arena_printf(plugins->arena, "%.*s/plugins", (int)end, path));
    add_dir(plugins,
            gp__arena_printf(plugins->arena, "%.*s/../lib/gatepost/plugins", (int)end, path));
}

struct gp__plugins *gp__plugins_create(const char **error_r)
{
    struct gp__plugins *plugins;

    *error_r = start_libltdl();
    if (*error_r)
        return NULL;
    plugins = gp__alloc(sizeof *plugins);
    plugins->arena = gp__arena_create();
    add_dirs_of_executable(plugins);
    add_dir(plugins, GP_S(GP_PLUGIN_DIR));
    return plugins;
}

void gp__plugins_add_path(struct gp__plugins *plugins, const struct gp_slice *dirs, size_t n)
{
    const char **old = plugins->dirs;
    size_t n_old = plugins->n_dirs;

    plugins->dirs = NULL;
    plugins->n_dirs = plugins->dirs_cap = 0;
    for (size_t i = 0; i < n; i++)
        add_dir(plugins, dirs[i]);
    for (size_t i = 0; i < n_old; i++)
        add_dir(plugins, gp_slice_of(old[i]));
}

void gp__plugins_free(struct gp__plugins **plugins_)
{
    struct gp__plugins *plugins = *plugins_;

    if (!plugins)
        return;
    *plugins_ = NULL;
    gp__arena_free(&plugins->arena);
    gp__free(plugins);
}

/* ---- loading ---- */

static bool is_linked_in(struct gp_slice name)
{
    const lt_dlsymlist *row = gp__preloaded_table();

    for (; row->name; row++) {
        struct gp_slice row_name = gp_slice_of(row->name);

        if (!row->address && gp_slice_ends(row_name, GP_S(".a")) &&
            gp_slice_eq(gp_slice_sub(row_name, 0, row_name.len - 2), name))
            return true;
    }
    return false;
}

static void take(struct gp__plugins *plugins, struct entry *entry, lt_dlhandle handle)
{
    const char *symbol =
        gp__arena_printf(plugins->arena, GP_FMT "_LTX_gatepost_plugin", GP_ARG(entry->name)).data;
    const void *descriptor = lt_dlsym(handle, symbol);

    (void)lt_dlmakeresident(handle);
    if (descriptor)
        entry->plugin = gp__descriptor_take(plugins->arena, descriptor, entry->name, entry->file,
                                            &entry->error);
    else
        entry->error = gp__arena_printf(plugins->arena,
                                        "%s: no symbol %s: it is no plugin of Gatepost, or was "
                                        "built for another name (define it with GP_PLUGIN() and "
                                        "-DGP_PLUGIN_NAME=" GP_FMT ")",
                                        entry->file, symbol, GP_ARG(entry->name))
                           .data;
}

static void load_linked_in(struct gp__plugins *plugins, struct entry *entry)
{
    lt_dlhandle handle = lt_dlopen(entry->name.data);

    entry->file = BUILT_IN;
    if (handle)
        take(plugins, entry, handle);
    else
        entry->error = gp__arena_printf(plugins->arena, BUILT_IN ": plugin " GP_FMT ": %s",
                                        GP_ARG(entry->name), lt_dlerror())
                           .data;
}

static void load_file(struct gp__plugins *plugins, struct entry *entry,
                      const struct gp__module_file *file)
{
    lt_dlhandle handle;

    (void)snprintf(opening.error, sizeof opening.error, "can't be loaded");
    opening.file = file;
    handle = lt_dlopen(file->path);
    opening.file = NULL;
    if (handle) {
        take(plugins, entry, handle);
        return;
    }
    entry->error = gp__arena_printf(plugins->arena, "%s: %s", file->path, opening.error).data;
    (void)close(file->fd);
}

static void load(struct gp__plugins *plugins, struct entry *entry)
{
    if (is_linked_in(entry->name)) {
        load_linked_in(plugins, entry);
        return;
    }
    for (size_t i = 0; i < plugins->n_dirs && !entry->file; i++) {
        struct gp__module_file file;
        int found = gp__module_file_open(plugins->arena, plugins->dirs[i], entry->name, &file,
                                         &entry->error);

        if (found != 0)
            entry->file = file.path;
        if (found == 1)
            load_file(plugins, entry, &file);
    }
}

static struct entry *find_entry(struct gp__plugins *plugins, struct gp_slice name)
{
    struct entry *entry = plugins->entries;

    while (entry && !gp_slice_eq(entry->name, name))
        entry = entry->next;
    return entry;
}

static struct entry *get(struct gp__plugins *plugins, struct gp_slice name)
{
    struct entry *entry = find_entry(plugins, name);

    if (entry)
        return entry;
    entry = GP__ARENA_NEW(plugins->arena, struct entry);
    entry->name = gp__arena_dup(plugins->arena, name);
    entry->next = plugins->entries;
    plugins->entries = entry;
    if (gp__plugin_name_ok(name))
        load(plugins, entry);
    return entry;
}

const struct gp_plugin *gp__plugins_find(struct gp__plugins *plugins, struct gp_slice name,
                                         const char **error_r)
{
    const struct entry *entry = get(plugins, name);

    *error_r = entry->error;
    return entry->plugin;
}

const char *gp__plugins_file(struct gp__plugins *plugins, struct gp_slice name)
{
    return get(plugins, name)->file;
}

/* ---- listing ---- */

struct names {
    struct gp__arena *arena;
    struct gp_slice *items;
    size_t count, cap;
};

static void add_name(struct names *names, struct gp_slice name)
{
    if (!gp__plugin_name_ok(name))
        return;
    GP__ARENA_GROW(names->arena, names->items, names->cap, names->count + 1);
    names->items[names->count++] = gp__arena_dup(names->arena, name);
}

static void add_names_in(struct names *names, const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *file;

    while (dir && (file = readdir(dir))) {
        struct gp_slice name = gp_slice_of(file->d_name);

        if (gp_slice_ends(name, GP_S(".so")))
            add_name(names, gp_slice_sub(name, 0, name.len - 3));
    }
    if (dir)
        (void)closedir(dir);
}

static void add_names_linked_in(struct names *names)
{
    const lt_dlsymlist *row = gp__preloaded_table();

    for (; row->name; row++) {
        struct gp_slice name = gp_slice_of(row->name);

        if (!row->address && gp_slice_ends(name, GP_S(".a")))
            add_name(names, gp_slice_sub(name, 0, name.len - 2));
    }
}

static int compare(const void *a, const void *b)
{
    return gp_slice_cmp(*(const struct gp_slice *)a, *(const struct gp_slice *)b);
}

void gp__plugins_each(struct gp__plugins *plugins, void (*found)(void *arg, struct gp_slice name),
                      void *arg)
{
    struct names names = {.arena = gp__arena_create()};

    add_names_linked_in(&names);
    for (size_t i = 0; i < plugins->n_dirs; i++)
        add_names_in(&names, plugins->dirs[i]);
    if (names.count)
        qsort(names.items, names.count, sizeof *names.items, compare);
    for (size_t i = 0; i < names.count; i++)
        if (i == 0 || !gp_slice_eq(names.items[i], names.items[i - 1]))
            found(arg, names.items[i]);
    gp__arena_free(&names.arena);
}

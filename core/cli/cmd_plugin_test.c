// SPDX-License-Identifier: Apache-2.0
/* `gatepost plugin test`: finds scenario files and runs them. */
#include "core/cli/command.h"
#include "core/runtime/crash.h"
#include "sdk/kit/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENDING ".scenario"

struct testing {
    struct gp__config_source source;
    struct gp__kit_options options;
    struct gp__kit_totals totals;
    size_t n_files;
};

/* ---- plugins ---- */

static const struct gp_plugin *descriptor(void *arg, struct gp_slice name, const char **error_r)
{
    struct testing *testing = arg;

    return gp__plugins_find(testing->source.plugins, name, error_r);
}

static void plugin_names(void *arg, void (*found)(void *found_arg, struct gp_slice name),
                         void *found_arg)
{
    struct testing *testing = arg;

    gp__plugins_each(testing->source.plugins, found, found_arg);
}

/* ---- files ---- */

static void print(void *arg, struct gp__buf *out)
{
    (void)arg;
    fwrite(gp__buf_slice(out).data, 1, out->len, stdout);
    fflush(stdout);
    gp__buf_clear(out);
}

static void run_file(struct testing *testing, const char *path)
{
    struct gp__buf out = {.limit = 0};

    testing->n_files++;
    gp__kit_run_file(&testing->options, path, &out, &testing->totals);
    print(testing, &out);
    gp__buf_free(&out);
}

static int is_scenario(const struct dirent *entry)
{
    struct gp_slice name = gp_slice_of(entry->d_name);

    return name.data[0] != '.' && gp_slice_ends(name, GP_S(ENDING));
}

/* The files in a directory, in order. How many, or -1. */
static int run_directory(struct testing *testing, const char *directory)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, is_scenario, alphasort);

    for (int i = 0; i < n; i++) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        run_file(testing, path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return n;
}

/* A plugin's folder has its scenarios in tests/, but may have them beside its source. */
static void run_folder(struct testing *testing, const char *directory)
{
    char tests[4096];
    size_t before = testing->n_files;

    snprintf(tests, sizeof tests, "%s/tests", directory);
    run_directory(testing, directory);
    run_directory(testing, tests);
    if (testing->n_files > before)
        return;
    fprintf(stderr, "gatepost: no file *" ENDING " in %s or %s\n", directory, tests);
    testing->totals.broken++;
}

static void run_argument(struct testing *testing, char *path)
{
    struct stat facts;
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    if (stat(path, &facts) < 0) {
        fprintf(stderr, "gatepost: %s: %s\n", path, strerror(errno));
        testing->totals.broken++;
    } else if (S_ISDIR(facts.st_mode)) {
        run_folder(testing, path);
    } else {
        run_file(testing, path);
    }
}

/* ---- the command ---- */

static bool wants_colour(void)
{
    const char *never = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && !(never && *never);
}

static int exit_code(const struct gp__kit_totals *totals)
{
    if (totals->broken)
        return GP__EXIT_USAGE;
    return totals->failed ? GP__EXIT_FAILED : GP__EXIT_OK;
}

static int run_all(struct testing *testing, char **paths)
{
    const struct gp__kit_totals *totals = &testing->totals;

    for (; *paths; paths++)
        run_argument(testing, *paths);
    printf("%zu passed, %zu failed", totals->passed, totals->failed);
    if (totals->broken)
        printf(", %zu could not be run", totals->broken);
    putchar('\n');
    return exit_code(totals);
}

/* Directories with plugins, before the usual ones. */
struct directories {
    struct gp_slice items[32];
    size_t count;
};

static int read_options(int argc, char **argv, struct gp__kit_options *options,
                        struct directories *directories)
{
    static const struct option own[] = {{"filter", required_argument, NULL, 'f'},
                                        {"verbose", no_argument, NULL, 'v'},
                                        {"plugins", required_argument, NULL, 'p'},
                                        {NULL, 0, NULL, 0}};
    const char *unused = NULL;
    int option, code = GP__EXIT_OK;

    while ((option = gp__command_option(argc, argv, own, &unused, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        if (option == 'f')
            options->filter = gp_slice_of(optarg);
        else if (option == 'v')
            options->verbose = true;
        else if (directories->count < sizeof directories->items / sizeof directories->items[0])
            directories->items[directories->count++] = gp_slice_of(optarg);
    }
    if (unused)
        return gp__command_usage("plugin test reads no configuration");
    if (optind == argc)
        return gp__command_usage("plugin test what? A folder of a plugin, or scenario files");
    return -1;
}

int gp__cmd_plugin_test(int argc, char **argv)
{
    struct testing testing = {.n_files = 0};
    struct directories directories = {.count = 0};
    int code;

    testing.options = (struct gp__kit_options){.descriptor = descriptor,
                                               .plugin_names = plugin_names,
                                               .progress = print,
                                               .arg = &testing,
                                               .colour = wants_colour()};
    code = read_options(argc, argv, &testing.options, &directories);
    if (code >= 0)
        return code;
    if (gp__config_source_init(&testing.source) < 0)
        return GP__EXIT_FAILED;
    gp__plugins_add_path(testing.source.plugins, directories.items, directories.count);
    if (gp__crash_install(NULL) < 0)
        fprintf(stderr, "gatepost: no last words on a crash: %s\n", strerror(errno));
    code = run_all(&testing, argv + optind);
    gp__crash_remove();
    gp__config_source_done(&testing.source);
    return code;
}

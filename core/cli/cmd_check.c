// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"
#include "core/cli/queue.h"
#include "core/runtime/live.h"
#include "core/server/generation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct how {
    const char *config;
    enum gp__diag_format format;
    bool create; /* make the instances of plugins */
};

static void print(struct gp__diag *diag, enum gp__diag_format format)
{
    struct gp__buf out = {.limit = 0};

    gp__diag_print(diag, format, &out);
    fwrite(gp__buf_slice(&out).data, 1, out.len, stdout);
    gp__buf_free(&out);
}

static void print_sums(const char *config, const struct gp__diag *diag)
{
    static const char *const names[] = {
        [GP__ERROR] = "error", [GP__WARNING] = "warning", [GP__NOTICE] = "notice"};

    printf("%s:", config);
    for (int severity = GP__ERROR; severity <= GP__NOTICE; severity++) {
        size_t n = gp__diag_count(diag, (enum gp__severity)severity);

        printf("%s %zu %s%s", severity == GP__ERROR ? "" : ",", n, names[severity],
               n == 1 ? "" : "s");
    }
    printf("\n");
}

/* Makes all instances as a server that starts does: what plugins have against their options, files
 * that are not there, is found before a restart. But not the state: its files belong to the server
 * that runs, under its user. */
static void try(struct gp__settings **settings_, struct gp__diag *diag)
{
    struct gp__runtime *rt = gp__live_create(&(struct gp__live_options){0}, NULL);
    struct gp__generation *generation;

    if (!rt) {
        gp__diag_add(diag, GP__ERROR, NULL, "no event loop: %s", strerror(errno));
        return;
    }
    gp__config_places(*settings_, diag);
    (*settings_)->state = NULL;
    generation = gp__generation_create(settings_, rt, gp__live_turn, diag);
    gp__generation_unref(&generation);
    gp__live_free(&rt);
}

static bool has_route(const struct gp__settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->n_routes; i++)
        if (gp_slice_eq(settings->routes[i]->name, gp_slice_of(name)))
            return true;
    return false;
}

/* Mail that is in the queue of the running server and names a route that this configuration does
 * not have. */
static void check_queue(const struct gp__settings *settings, const char *config,
                        struct gp__diag *diag)
{
    struct gp__queue_options options = {.ask = {.config = config, .quiet = 1}};
    json_t *result;
    const json_t *one;
    size_t i;

    if (!settings->spool.path.len)
        return;
    result = gp__queue_ask(&options, "routes", NULL, 0);
    json_array_foreach(json_object_get(result, "routes"), i, one)
    {
        const char *name = gp__ask_text(one, "route");

        if (!has_route(settings, name))
            gp__diag_add(diag, GP__WARNING, NULL,
                         "there is no route \"%s\", but %lld messages in the queue name it: they "
                         "are routed again, and held if no route owns them",
                         name, (long long)gp__ask_number(one, "messages"));
    }
    json_decref(result);
}

static int check(struct gp__config_source *source, const struct how *how)
{
    struct gp__diag *diag = gp__diag_create();
    struct gp__settings *settings = gp__config_load(source, how->config, diag);
    int code;

    if (settings) {
        gp__config_spool(settings, diag);
        if (how->create)
            gp__config_user(settings, diag);
        check_queue(settings, how->config, diag);
    }
    if (settings && how->create)
        try(&settings, diag);
    code = gp__diag_count(diag, GP__ERROR) ? GP__EXIT_FAILED : GP__EXIT_OK;
    print(diag, how->format);
    if (how->format == GP__DIAG_TEXT)
        print_sums(how->config, diag);
    if (code)
        gp__command_no_config(how->config);
    gp__settings_free(&settings);
    gp__diag_free(&diag);
    return code;
}

int gp__cmd_check(int argc, char **argv)
{
    static const struct option own[] = {{"json", no_argument, NULL, 'j'},
                                        {"no-create", no_argument, NULL, 'n'},
                                        {NULL, 0, NULL, 0}};
    struct how how = {.config = gp__default_config(), .format = GP__DIAG_TEXT, .create = true};
    struct gp__config_source source = {0};
    int option, code = 0;

    while ((option = gp__command_option(argc, argv, own, &how.config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        if (option == 'j')
            how.format = GP__DIAG_JSON;
        else
            how.create = false;
    }
    if (optind < argc)
        return gp__command_usage("check takes no argument \"%s\"", argv[optind]);
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    code = check(&source, &how);
    gp__config_source_done(&source);
    return code;
}

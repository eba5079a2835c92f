// SPDX-License-Identifier: Apache-2.0
#include "core/cli/queue.h"

#include "core/base/units.h"
#include "core/cli/command.h"
#include "core/process/control.h"

#include <string.h>
#include <time.h>

#define PAGE 500u

static const struct option own[] = {
    {"socket", required_argument, NULL, 'S'},  {"json", no_argument, NULL, 'j'},
    {"limit", required_argument, NULL, 'n'},   {"all", no_argument, NULL, 'a'},
    {"message", required_argument, NULL, 'm'}, {"sender", required_argument, NULL, 's'},
    {"domain", required_argument, NULL, 'd'},  {"destination", required_argument, NULL, 'D'},
    {"route", required_argument, NULL, 'r'},   {"bucket", required_argument, NULL, 'b'},
    {"state", required_argument, NULL, 't'},   {"older", required_argument, NULL, 'o'},
    {"to", required_argument, NULL, 'T'},      {"into", required_argument, NULL, 'i'},
    {"as", required_argument, NULL, 'A'},      {NULL, 0, NULL, 0}};

/* What a command must take to have the option: enum gp__queue_takes. */
static unsigned needed(int option)
{
    switch (option) {
    case 'n':
        return GP__TAKES_LIMIT;
    case 'T':
        return GP__TAKES_TO;
    case 'i':
        return GP__TAKES_INTO;
    case 'A':
        return GP__TAKES_AS;
    case 'S':
    case 'j':
        return 0;
    default:
        return GP__TAKES_FILTERS;
    }
}

static const char *option_name(int option)
{
    size_t i = 0;

    while (own[i].val != option)
        i++;
    return own[i].name;
}

/* A filter is words with spaces between. */
static bool is_value(const char *key, const char *value, int *exit_r)
{
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p > ' ' && *p != 0x7f)
            continue;
        *exit_r = gp__command_usage("--%s: a value has no spaces in it", key);
        return false;
    }
    return true;
}

static int add(struct gp__queue_options *options, const char *key, const char *value, int *exit_r)
{
    if (!is_value(key, value, exit_r))
        return -1;
    gp__buf_printf(&options->filter, "%s%s=%s", options->filter.len ? " " : "", key, value);
    return 0;
}

static int add_age(struct gp__queue_options *options, const char *value, int *exit_r)
{
    struct timespec now;
    uint64_t age, ms;

    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000;
    if (gp__duration_parse(gp_slice_of(value), &age) < 0) {
        *exit_r = gp__command_usage("--older takes a duration such as 2h, not \"%s\"", value);
        return -1;
    }
    gp__buf_printf(&options->filter, "%sbefore=%llu", options->filter.len ? " " : "",
                   (unsigned long long)(age < ms ? ms - age : 0));
    return 0;
}

static int take(struct gp__queue_options *options, int option, int *exit_r)
{
    int64_t number;

    if (strchr("msdDrbt", option))
        return add(options, option_name(option), optarg, exit_r);
    switch (option) {
    case 'S':
        options->ask.socket = optarg;
        break;
    case 'A':
        options->as = optarg;
        break;
    case 'j':
        options->ask.as_json = 1;
        break;
    case 'a':
        return add(options, "before", "9223372036854775807", exit_r);
    case 'o':
        return add_age(options, optarg, exit_r);
    case 'T':
        options->route = optarg;
        break;
    case 'i':
        options->into = optarg;
        break;
    case 'n':
        if (gp_slice_to_int(gp_slice_of(optarg), 1, INT64_MAX, &number) < 0) {
            *exit_r = gp__command_usage("--limit takes a number, not \"%s\"", optarg);
            return -1;
        }
        options->limit = (uint64_t)number;
        break;
    default:
        break;
    }
    return 0;
}

static int read_flags(struct gp__queue_options *options, int argc, char **argv, unsigned takes,
                      int *exit_r)
{
    int option;

    while ((option = gp__command_option(argc, argv, own, &options->ask.config, exit_r)) != -1) {
        if (option == GP__OPTION_EXIT)
            return -1;
        if (needed(option) & ~takes) {
            *exit_r = gp__command_usage("it takes no --%s", option_name(option));
            return -1;
        }
        if (take(options, option, exit_r) < 0)
            return -1;
    }
    return 0;
}

int gp__queue_read_options(struct gp__queue_options *options, int argc, char **argv, unsigned takes,
                           int *exit_r)
{
    *options = (struct gp__queue_options){.ask.config = gp__default_config()};
    if (read_flags(options, argc, argv, takes, exit_r) < 0)
        return -1;
    options->messages = argv + optind;
    options->n_messages = (size_t)(argc - optind);
    if (options->n_messages && !(takes & GP__TAKES_IDS)) {
        *exit_r = gp__command_usage("it takes no arguments, and \"%s\" is one",
                                    options->messages[0]);
        return -1;
    }
    for (size_t i = 0; i < options->n_messages; i++)
        if (!is_value("message", options->messages[i], exit_r))
            return -1;
    return 0;
}

void gp__queue_options_free(struct gp__queue_options *options)
{
    gp__buf_free(&options->filter);
}

/* ---- pages ---- */

static json_t *filter_of(const struct gp__queue_options *options)
{
    struct gp_slice filter = gp__buf_slice(&options->filter);

    return options->n_messages
               ? json_sprintf("message=%s " GP_FMT, options->messages[0], GP_ARG(filter))
               : json_stringn(filter.data, filter.len);
}

json_t *gp__queue_ask(const struct gp__queue_options *options, const char *what, const char *after,
                      uint64_t limit)
{
    json_t *request = json_object(), *result;
    char *line;

    json_object_set_new(request, "v", json_integer(GP__CONTROL_VERSION));
    json_object_set_new(request, "do", json_string("queue"));
    json_object_set_new(request, "what", json_string(what));
    json_object_set_new(request, "filter", filter_of(options));
    if (after)
        json_object_set_new(request, "after", json_string(after));
    if (options->route)
        json_object_set_new(request, "route", json_string(options->route));
    if (options->as)
        json_object_set_new(request, "as", json_string(options->as));
    if (limit)
        json_object_set_new(request, "limit", json_integer((json_int_t)limit));
    line = json_dumps(request, JSON_COMPACT);
    result = line ? gp__ask_line(&options->ask, line, 0) : NULL;
    free(line);
    json_decref(request);
    return result;
}

static int ask_pages(const struct gp__queue_options *options, const char *what,
                     bool (*each)(void *arg, const json_t *page), void *arg)
{
    uint64_t left = options->limit ? options->limit : UINT64_MAX;
    char after[64] = "0:0";
    bool more = true;

    while (more && left) {
        json_t *page = gp__queue_ask(options, what, after, left < PAGE ? left : PAGE);
        size_t n;

        if (!page)
            return -1;
        n = json_array_size(json_object_get(page, "list"));
        left = n < left ? left - n : 0;
        snprintf(after, sizeof after, "%s", gp__ask_text(page, "after"));
        more = each(arg, page) && json_is_true(json_object_get(page, "more"));
        json_decref(page);
    }
    return 0;
}

struct gp__queue_options gp__queue_about(const struct gp__queue_options *options, size_t i)
{
    struct gp__queue_options one = *options;

    one.messages += i;
    one.n_messages = options->n_messages ? 1 : 0;
    return one;
}

int gp__queue_pages(const struct gp__queue_options *options, const char *what,
                    bool (*each)(void *arg, const json_t *page), void *arg)
{
    size_t i = 0;

    do {
        struct gp__queue_options one = gp__queue_about(options, i);

        if (ask_pages(&one, what, each, arg) < 0)
            return -1;
    } while (++i < options->n_messages);
    return 0;
}

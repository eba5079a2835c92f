// SPDX-License-Identifier: Apache-2.0
#include "core/cli/ask.h"

#include "core/cli/command.h"
#include "core/config/peek.h"
#include "core/process/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/gatepost/control.sock"

int gp__ask_read_options(struct gp__ask_options *options, int argc, char **argv, int may_limit,
                         int *exit_r)
{
    static const struct option own[] = {{"socket", required_argument, NULL, 's'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"limit", required_argument, NULL, 'l'},
                                        {NULL, 0, NULL, 0}};
    static const struct option own_without_limit[] = {{"socket", required_argument, NULL, 's'},
                                                      {"json", no_argument, NULL, 'j'},
                                                      {NULL, 0, NULL, 0}};
    int option;
    int64_t limit = 0;

    *options = (struct gp__ask_options){.config = gp__default_config()};
    while ((option = gp__command_option(argc, argv, may_limit ? own : own_without_limit,
                                        &options->config, exit_r)) != -1) {
        if (option == GP__OPTION_EXIT)
            return -1;
        if (option == 's')
            options->socket = optarg;
        else if (option == 'j')
            options->as_json = 1;
        else if (gp_slice_to_int(gp_slice_of(optarg), 1, 100000, &limit) < 0) {
            *exit_r = gp__command_usage("--limit takes a number up to 100000, not \"%s\"", optarg);
            return -1;
        }
    }
    options->limit = (uint64_t)limit;
    if (optind == argc)
        return 0;
    *exit_r = gp__command_usage("%s takes no argument \"%s\"", argv[0], argv[optind]);
    return -1;
}

/* A configuration that is broken just now still tells where the server is, if it can be parsed. */
static void find_socket(const struct gp__ask_options *options, char out[108])
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__config_files files;
    struct gp__peek peek = {.processes = false};
    char place[4096];
    const char *path = options->socket;

    if (!path && gp__config_files_posix(&files, place) == 0 &&
        gp__peek(options->config, &files, arena, &peek) == 0 && peek.control_path.len)
        path = peek.control_path.data;
    snprintf(out, 108, "%s", path ? path : DEFAULT_SOCKET);
    gp__arena_free(&arena);
}

static int connect_to(const char *path, int quiet)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (!quiet)
        fprintf(stderr, "gatepost: %s: %s%s\n", path, strerror(errno),
                errno == ENOENT || errno == ECONNREFUSED
                    ? ": no server with `control:` is running there"
                    : "");
    if (fd >= 0)
        (void)close(fd); /* nothing was sent */
    return -1;
}

/* Both fit into the socket's buffer. */
static int send_line(int fd, const char *line)
{
    size_t len = strlen(line);

    return send(fd, line, len, MSG_NOSIGNAL | MSG_MORE) == (ssize_t)len &&
                   send(fd, "\n", 1, MSG_NOSIGNAL) == 1
               ? 0
               : -1;
}

/* Up to the end of the line, or of the connection. */
static void receive(int fd, struct gp__buf *in, int until_end)
{
    size_t room;
    ssize_t n;

    do {
        char *place = gp__buf_room(in, 4096, &room);

        n = place ? read(fd, place, room) : 0;
        if (n > 0)
            gp__buf_added(in, (size_t)n);
    } while ((n < 0 && errno == EINTR) ||
             (n > 0 && (until_end || !gp_slice_ends(gp__buf_slice(in), GP_S("\n")))));
}

static void complain(const char *error)
{
    if (error)
        fprintf(stderr, "%s%s%s", strchr(error, '\n') ? "" : "gatepost: ", error,
                error[0] && error[strlen(error) - 1] == '\n' ? "" : "\n");
    else
        fprintf(stderr, "gatepost: the server gave no answer\n");
}

static json_t *result_of(struct gp_slice line, int quiet)
{
    json_t *root = json_loadb(line.data, gp_slice_find(line, '\n'), 0, NULL);
    json_t *result = json_object_get(root, "result");
    const char *error = json_string_value(json_object_get(root, "error"));

    if (json_is_true(json_object_get(root, "ok")) && json_is_object(result)) {
        json_incref(result);
        json_decref(root);
        return result;
    }
    if (!quiet)
        complain(error);
    json_decref(root);
    return NULL;
}

json_t *gp__ask(const struct gp__ask_options *options, const char *what, int until_end)
{
    char line[128];

    if (options->limit)
        snprintf(line, sizeof line, "{\"v\":%d,\"do\":\"%s\",\"limit\":%llu}", GP__CONTROL_VERSION,
                 what, (unsigned long long)options->limit);
    else
        snprintf(line, sizeof line, "{\"v\":%d,\"do\":\"%s\"}", GP__CONTROL_VERSION, what);
    return gp__ask_line(options, line, until_end);
}

json_t *gp__ask_line(const struct gp__ask_options *options, const char *line, int until_end)
{
    struct gp__buf in = {.limit = GP__CONTROL_ANSWER_MAX + 8192};
    json_t *result = NULL;
    char path[108];
    int fd;

    find_socket(options, path);
    fd = connect_to(path, options->quiet);
    if (fd < 0)
        return NULL;
    /* A peer that may not ask is told so and cut off: that answer can be there already. */
    (void)send_line(fd, line);
    receive(fd, &in, until_end);
    result = result_of(gp__buf_slice(&in), options->quiet);
    gp__buf_free(&in);
    (void)close(fd); /* nothing more is expected */
    return result;
}

void gp__ask_print_json(const json_t *result)
{
    json_dumpf(result, stdout, JSON_INDENT(2));
    printf("\n");
}

json_int_t gp__ask_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *gp__ask_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && *text ? text : "-";
}

const char *gp__ask_age(json_int_t seconds, char out[32])
{
    static const struct {
        json_int_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t at = 0;

    while (at < 3 && seconds < units[at].seconds)
        at++;
    if (at == 3)
        snprintf(out, 32, "%llds", (long long)seconds);
    else
        snprintf(out, 32, "%lld%c %lld%c", (long long)(seconds / units[at].seconds), units[at].unit,
                 (long long)(seconds % units[at].seconds / units[at + 1].seconds),
                 units[at + 1].unit);
    return out;
}

int gp__ask_show(int argc, char **argv, int may_limit, const char *what,
                 void (*print)(const json_t *result))
{
    struct gp__ask_options options;
    json_t *result;
    int code = GP__EXIT_OK;

    if (gp__ask_read_options(&options, argc, argv, may_limit, &code) < 0)
        return code;
    result = gp__ask(&options, what, 0);
    if (!result)
        return GP__EXIT_FAILED;
    if (options.as_json)
        gp__ask_print_json(result);
    else
        print(result);
    json_decref(result);
    return GP__EXIT_OK;
}

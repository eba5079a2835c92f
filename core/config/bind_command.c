// SPDX-License-Identifier: Apache-2.0
/* Commands: a list of arguments, or a mapping with `argv` and what goes with them. */
#include "core/config/bind_value.h"
#include "core/config/value.h"

#define ARGV_MAX 64

const struct gp_option gp__command_rows[] = {
    GP_OPTION_LIST("argv", struct gp_command, argv, GP_TYPE_STRING, NULL,
                   "The program, by its path, and its arguments.", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("user", struct gp_command, user, GP_OPTIONAL,
                     "Whom it runs as; without it the user of the server.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("group", struct gp_command, group, GP_OPTIONAL,
                     "Its group, if not the user's.", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_PATH("directory", struct gp_command, directory, "/", "Where it runs."),
    GP_OPTION_DURATION("cpu", struct gp_command, cpu_ms, "1m", 1000, 86400000,
                       "Processor time of each of its processes."),
    GP_OPTION_SIZE("memory", struct gp_command, memory, "1GiB", 0, INT64_C(1) << 40,
                   "Address space of each of its processes; 0: no limit."),
    GP_OPTION_SIZE("files", struct gp_command, files, "1GiB", 0, INT64_C(1) << 50,
                   "The largest file it may write; 0: no limit."),
    GP_OPTIONS_END,
};

static int check(const struct gp__bind_for *for_, const struct gp__node *node,
                 const struct gp_command *command)
{
    size_t n = gp_list_count(command->argv);
    const struct gp_slice *program = gp_list_at(command->argv, 0);

    if (n > ARGV_MAX)
        return gp__bind_bad(for_, node, "more than %d arguments", ARGV_MAX);
    if (!program || !gp_slice_starts(*program, GP_S("/")))
        return gp__bind_bad(for_, node, "the program must be given by its absolute path");
    for (size_t i = 0; i < n; i++) {
        const struct gp_slice *word = gp_list_at(command->argv, i);

        if (gp_slice_find(*word, '\0') < word->len)
            return gp__bind_bad(for_, node, "a NUL in an argument");
    }
    return 0;
}

/* A list, or one word, stands for a mapping with nothing but `argv`. */
static const struct gp__node *as_mapping(struct gp__arena *arena, const struct gp__node *node)
{
    struct gp__node *map;

    if (node->kind == GP__NODE_MAPPING)
        return node;
    map = gp__node_mapping(arena, 1, node);
    gp__node_put(map, gp__node_scalar(arena, GP_S("argv"), node), node);
    return map;
}

int gp__bind_command(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__binder *binder = for_->binder;
    struct gp_command *command = GP__ARENA_NEW(binder->arena, struct gp_command);
    struct gp__schema_rows rows = {.rows = gp__command_rows, .size = sizeof *command};
    struct gp_slice what = gp__arena_printf(binder->arena, "\"%s\" of " GP_FMT, for_->row->name,
                                            GP_ARG(for_->what));

    if (!binder->command)
        return gp__bind_bad(for_, node, "commands cannot be used here");
    if (gp__bind(binder, as_mapping(binder->arena, node), node, what, &rows, command, NULL) < 0 ||
        check(for_, node, command) < 0)
        return -1;
    binder->command(binder->arg, command);
    *(const struct gp_command **)place = command;
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Running programs: <gatepost/command.h>. What of a peer gets into an environment is cleaned here. */
#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/config/value.h"
#include "core/message/message.h"
#include "core/plugin/api.h"

#include <gatepost/command.h>
#include <gatepost/wait.h>

#define NAME_MAX_BYTES 64
#define VALUE_MAX_BYTES 4096
#define VARIABLES_MAX 64
#define PIECES_MAX 100000
#define OUTPUT_MAX ((size_t)16 << 10)

struct gp_run {
    struct gp_call *call;
    const struct gp_command *command;
    int error; /* of filling it in */
    bool started, has_input;
    struct gp_slice *env, *input;
    size_t n_env, env_cap, n_input, input_cap;
    int exit;
    struct gp_slice output;
    const char *failure;
};

static int refuse(struct gp_run *run, int error, const char *why)
{
    if (!run->error) {
        run->error = error;
        run->failure = why;
    }
    return error;
}

struct gp_run *gp_run_create(struct gp_call *call, const struct gp_command *command)
{
    struct gp_run *run = GP__ARENA_NEW(gp__call_arena(call), struct gp_run);
    int error = gp__api_may_use(call, "gp_run_create", GP_NEEDS_COMMANDS);

    run->call = call;
    run->command = command;
    run->failure = "";
    if (!error && !command)
        error = gp__api_misuse(call, "gp_run_create", "no command");
    if (error)
        (void)refuse(run, error, "a program that the plugin may not run");
    return run;
}

struct gp_slice gp_command_name(const struct gp_command *command)
{
    return command ? *(const struct gp_slice *)gp_list_at(command->argv, 0) : gp_slice(NULL, 0);
}

/* ---- the environment ---- */

/* Those decide what is executed. */
static bool is_ours(struct gp_slice name)
{
    static const char *const names[] = {"PATH", "HOME",     "IFS",   "SHELL",
                                        "ENV",  "BASH_ENV", "CDPATH"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (gp_slice_eq(name, gp_slice_of(names[i])))
            return true;
    return gp_slice_starts(name, GP_S("LD_")) || gp_slice_starts(name, GP_S("GATEPOST_"));
}

static bool is_name(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] != '_' && !(name.data[i] >= 'A' && name.data[i] <= 'Z') &&
            !(i > 0 && gp__is_digit(name.data[i])))
            return false;
    return name.len > 0 && name.len <= NAME_MAX_BYTES && !is_ours(name);
}

static struct gp_slice variable(struct gp__arena *arena, struct gp_slice name,
                                struct gp_slice value)
{
    char *out = gp__arena_bytes(arena, name.len + value.len + 2), *to = out;

    to = (char *)memcpy(to, name.data, name.len) + name.len;
    *to++ = '=';
    for (size_t i = 0; i < value.len;) {
        uint32_t code;
        size_t n = gp__utf8_decode(gp_slice_sub(value, i, value.len), &code);

        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            *to++ = '?';
        else
            to = (char *)memcpy(to, value.data + i, n) + n;
        i += n ? n : 1;
    }
    *to = '\0';
    return gp_slice(out, (size_t)(to - out));
}

int gp_run_environment(struct gp_run *run, const char *name, struct gp_slice value)
{
    struct gp__arena *arena = gp__call_arena(run->call);
    int error = gp__api_slice(run->call, "gp_run_environment", value);

    if (!error && !name)
        error = gp__api_misuse(run->call, "gp_run_environment", "no name");
    if (!error && run->started)
        error = gp__api_misuse(run->call, "gp_run_environment", "it was started already");
    if (error)
        return refuse(run, error, "no variable");
    if (!is_name(gp_slice_of(name)) || value.len > VALUE_MAX_BYTES)
        return refuse(run, GP_EINVAL, "a variable that a program may not have");
    if (run->n_env == VARIABLES_MAX)
        return refuse(run, GP_ELIMIT, "too many variables");
    GP__ARENA_GROW(arena, run->env, run->env_cap, run->n_env + 1);
    run->env[run->n_env++] = variable(arena, gp_slice_of(name), value);
    return 0;
}

/* ---- standard input ---- */

static void add_piece(struct gp_run *run, struct gp_slice piece)
{
    GP__ARENA_GROW(gp__call_arena(run->call), run->input, run->input_cap, run->n_input + 1);
    run->input[run->n_input++] = piece;
}

int gp_run_input(struct gp_run *run, struct gp_slice before, struct gp_message *message)
{
    static const char function[] = "gp_run_input";
    struct gp_slice piece;
    uint64_t cursor = 0;
    int error = gp__api_slice(run->call, function, before);

    if (!error && message)
        error = gp__api_message(run->call, function, message);
    if (!error && (run->started || run->has_input))
        error = gp__api_misuse(run->call, function, "it has its input already");
    if (!error && !gp__api_memory(run->call, before.len))
        error = GP_ELIMIT;
    if (error)
        return refuse(run, error, "no input that a program may have");
    run->has_input = true;
    if (before.len)
        add_piece(run, gp__arena_dup(gp__call_arena(run->call), before));
    while (message && (piece = gp_message_next(message, &cursor), gp_slice_present(piece))) {
        if (run->n_input == PIECES_MAX)
            return refuse(run, GP_ELIMIT, "a message in too many pieces");
        add_piece(run, piece);
    }
    return 0;
}

/* ---- running ---- */

/* For the operation, or for time to pass: then the program is told to end. */
static int wait_for(struct gp_call *call, struct gp_op *op, uint64_t ms)
{
    struct gp_op *ops[2] = {op, NULL};
    int first;

    if (!op || ms == UINT64_MAX)
        return gp__api_wait(call, op);
    ops[1] = gp_sleep_start(call, ms);
    first = gp_wait_any(call, ops, 2);
    if (first < 0)
        return first;
    gp_op_cancel(ops[1 - first]);
    return first == 0 ? gp__api_wait(call, op) : GP_ETIMEDOUT;
}

int gp_run_wait(struct gp_run *run)
{
    return gp_run_wait_within(run, UINT64_MAX);
}

int gp_run_wait_within(struct gp_run *run, uint64_t ms)
{
    struct gp_call *call = run->call;
    struct gp__command_job job = {.env = run->env,
                                  .n_env = run->n_env,
                                  .input = run->input,
                                  .n_input = run->n_input,
                                  .output_max = OUTPUT_MAX};
    struct gp_op *op;
    int error;

    if (run->started)
        return refuse(run, gp__api_misuse(call, "gp_run_wait", "it was started already"),
                      "started twice");
    if (run->error)
        return run->error;
    run->started = true;
    job.command = run->command->number;
    job.name = gp_command_name(run->command);
    op = gp__op_create(call);
    if (op)
        call->runtime->ops->command(call->runtime, op, &job);
    error = wait_for(call, op, ms);
    if (error)
        return refuse(run, error,
                      error == GP_ETEMP       ? "the program can't be started"
                      : error == GP_ETIMEDOUT ? "the program takes too long"
                                              : gp_strerror(error));
    run->exit = (int)op->number;
    run->output = op->bytes;
    return 0;
}

int gp_run_exit(const struct gp_run *run)
{
    return run->exit;
}

struct gp_slice gp_run_output(const struct gp_run *run)
{
    return gp_slice_present(run->output) ? run->output : GP_S("");
}

const char *gp_run_error(const struct gp_run *run)
{
    return run->failure;
}

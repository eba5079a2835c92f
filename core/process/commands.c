// SPDX-License-Identifier: Apache-2.0
#include "core/process/commands.h"

#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/log.h"
#include "core/hook/runtime.h"
#include "core/process/spawn.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_MS 5000u
#define PATH_VARIABLE "PATH=/usr/local/bin:/usr/bin:/bin"
#define HOME_VARIABLE "HOME=/"
#define VALUE_MAX 8192

struct run {
    struct run *next;
    struct gp__commands *commands;
    void *owner; /* NULL: nobody waits for it any more */
    uint32_t id;
    pid_t pid; /* of the group, too */
    struct gp__timer timer;
};

struct gp__commands {
    struct gp__runtime *runtime;
    struct gp__log *log;
    void (*ran)(void *owner, uint32_t id, uint64_t code);
    struct run *runs;
    size_t count;
};

struct gp__commands *gp__commands_create(struct gp__runtime *rt, struct gp__log *log,
                                         void (*ran)(void *owner, uint32_t id, uint64_t code))
{
    struct gp__commands *commands = gp__alloc(sizeof *commands);

    *commands = (struct gp__commands){.runtime = rt, .log = log, .ran = ran};
    return commands;
}

/* ---- what may be asked for ---- */

/* "NAME=value" without what could make another line or another program of it. */
static bool variable_ok(struct gp_slice variable)
{
    size_t equals = gp_slice_find(variable, '=');

    if (equals == 0 || equals == variable.len || variable.len > VALUE_MAX ||
        gp_slice_starts(variable, GP_S("LD_")) || gp_slice_starts(variable, GP_S("PATH=")) ||
        gp_slice_starts(variable, GP_S("HOME=")) || gp_slice_starts(variable, GP_S("IFS=")) ||
        gp_slice_starts(variable, GP_S("ENV=")) || gp_slice_starts(variable, GP_S("BASH_ENV=")))
        return false;
    for (size_t i = 0; i < variable.len; i++)
        if (gp__is_control(variable.data[i]) ||
            (i < equals && variable.data[i] != '_' &&
             !(variable.data[i] >= 'A' && variable.data[i] <= 'Z') &&
             !(i > 0 && gp__is_digit(variable.data[i]))))
            return false;
    return true;
}

static bool request_ok(const struct gp__run_request *request)
{
    if (request->n_env > GP__RUN_ENV_MAX || request->input < 0 || request->output < 0)
        return false;
    for (size_t i = 0; i < request->n_env; i++)
        if (!variable_ok(request->env[i]))
            return false;
    return true;
}

/* ---- starting ---- */

static pid_t spawn(const struct gp__run_request *request, struct gp__arena *arena)
{
    const struct gp__manifest_command *command = request->command;
    char **argv = GP__ARENA_ARRAY(arena, char *, command->n_argv + 1);
    char **env = GP__ARENA_ARRAY(arena, char *, request->n_env + 3);
    struct gp__spawn_command spawn = {
        .argv = argv,
        .env = env,
        .directory = command->directory.data,
        .identity = request->identity,
        .cpu_s = (command->cpu_ms + 999) / 1000,
        .memory = command->memory,
        .files = command->files,
        .input = request->input,
        .output = request->output,
    };

    for (size_t i = 0; i < command->n_argv; i++)
        argv[i] = (char *)(uintptr_t)command->argv[i].data;
    for (size_t i = 0; i < request->n_env; i++)
        env[i] = (char *)(uintptr_t)gp__arena_dup(arena, request->env[i]).data;
    env[request->n_env] = (char *)(uintptr_t)PATH_VARIABLE;
    env[request->n_env + 1] = (char *)(uintptr_t)HOME_VARIABLE;
    return gp__spawn_command(&spawn);
}

static void on_timer(struct gp__timer *timer)
{
    struct run *run = (struct run *)(void *)((char *)timer - offsetof(struct run, timer));

    (void)kill(-run->pid, SIGKILL); /* gone already, if it fails */
}

static void add(struct gp__commands *commands, const struct gp__run_request *request, pid_t pid)
{
    struct run *run = gp__alloc(sizeof *run);

    *run = (struct run){.next = commands->runs,
                        .commands = commands,
                        .owner = request->owner,
                        .id = request->id,
                        .pid = pid,
                        .timer.fn = on_timer};
    commands->runs = run;
    commands->count++;
}

int gp__commands_run(struct gp__commands *commands, const struct gp__run_request *request)
{
    const char *why = NULL;
    pid_t pid = -1;

    if (!request_ok(request))
        why = "what was asked for is not allowed";
    else if (commands->count == GP__RUNS_MAX)
        why = "too many at once";
    if (!why) {
        struct gp__arena *arena = gp__arena_create();

        pid = spawn(request, arena);
        why = pid < 0 ? strerror(errno) : NULL;
        gp__arena_free(&arena);
    }
    if (pid > 0) {
        add(commands, request, pid);
        return 0;
    }
    gp__log(commands->log, GP_LOG_ERROR, "command.start",
            GP__F_S("program", request->command->argv[0]), GP__F_C("error", why));
    return -1;
}

/* ---- ending ---- */

static void end(struct run *run)
{
    struct gp__runtime *rt = run->commands->runtime;

    run->owner = NULL;
    (void)kill(-run->pid, SIGTERM); /* gone already, if it fails */
    rt->ops->timer_start(rt, &run->timer, rt->ops->now_ms(rt) + KILL_MS);
}

void gp__commands_end(struct gp__commands *commands, void *owner, uint32_t id)
{
    for (struct run *run = commands->runs; run; run = run->next)
        if (run->owner == owner && run->id == id)
            end(run);
}

void gp__commands_forget(struct gp__commands *commands, const void *owner)
{
    for (struct run *run = commands->runs; run; run = run->next)
        if (run->owner == owner)
            end(run);
}

static void forget(struct run **link)
{
    struct run *run = *link;

    *link = run->next;
    run->commands->count--;
    run->commands->runtime->ops->timer_stop(run->commands->runtime, &run->timer);
    gp__free(run);
}

static uint64_t code_of(int status)
{
    return WIFEXITED(status)     ? (uint64_t)WEXITSTATUS(status)
           : WIFSIGNALED(status) ? 128 + (uint64_t)WTERMSIG(status)
                                 : 128;
}

/* What a program left running in its group ends with it. */
void gp__commands_reap(struct gp__commands *commands)
{
    struct run **link = &commands->runs;

    while (*link) {
        struct run *run = *link;
        void *owner = run->owner;
        uint32_t id = run->id;
        int status;

        if (waitpid(run->pid, &status, WNOHANG) != run->pid) {
            link = &run->next;
            continue;
        }
        (void)kill(-run->pid, SIGKILL); /* nobody is left, mostly */
        forget(link);
        if (owner)
            commands->ran(owner, id, code_of(status));
    }
}

void gp__commands_free(struct gp__commands **commands_)
{
    struct gp__commands *commands = *commands_;

    *commands_ = NULL;
    while (commands && commands->runs) {
        (void)kill(-commands->runs->pid, SIGKILL);
        (void)waitpid(commands->runs->pid, NULL, 0);
        forget(&commands->runs);
    }
    gp__free(commands);
}

/* ---- whom they run as ---- */

int gp__commands_identities(const struct gp__manifest *manifest, struct gp__arena *arena,
                            const struct gp__identity *usual, struct gp__identity **identities_r,
                            struct gp__buf *error_r)
{
    struct gp__identity *list = GP__ARENA_ARRAY(arena, struct gp__identity, manifest->n_commands);
    char error[256];

    *identities_r = list;
    for (size_t i = 0; i < manifest->n_commands; i++) {
        const struct gp__manifest_command *command = &manifest->commands[i];

        list[i] = *usual;
        if (command->user.len == 0)
            continue;
        if (geteuid() != 0) {
            gp__buf_printf(error_r,
                           "command " GP_FMT ": only a server that root starts can run it as "
                           "user " GP_FMT,
                           GP_ARG(command->argv[0]), GP_ARG(command->user));
            return -1;
        }
        if (gp__identity_find(&list[i], command->user,
                              command->group.len ? command->group : gp_slice(NULL, 0), error,
                              sizeof error) < 0) {
            gp__buf_append(error_r, gp_slice_of(error));
            return -1;
        }
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Between fork() and exec() only what is safe there: no memory, no locks. */
#include "core/process/spawn.h"

#include "core/process/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CANNOT_EXECUTE 126
#define PROGRAM_FILES 256

const char *gp__spawn_program(void)
{
    static char path[4096];
    const char *executed = (const char *)getauxval(AT_EXECFN);
    ssize_t len;

    if (path[0])
        return path;
    len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len > 0) {
        path[len] = '\0';
        return path;
    }
    /* A bare chroot has no /proc: how we were started will do. */
    path[0] = '\0';
    if (executed && realpath(executed, path))
        return path;
    path[0] = '\0';
    return NULL;
}

static void say(const char *text)
{
    /* Nobody could be told that it failed. */
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return;
}

static void fail(const char *what)
{
    int error = errno;

    say("gatepost: ");
    say(what);
    say(": ");
    say(strerrordesc_np(error)); /* a constant: strerror() might allocate */
    say("\n");
    _exit(CANNOT_EXECUTE);
}

static void limit_files(uint64_t value)
{
    struct rlimit now;

    if (getrlimit(RLIMIT_NOFILE, &now) < 0)
        fail("limits");
    now.rlim_cur = value == 0 || value > now.rlim_max ? now.rlim_max : (rlim_t)value;
    if (setrlimit(RLIMIT_NOFILE, &now) < 0)
        fail("limits");
}

static void no_core(void)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    if (setrlimit(RLIMIT_CORE, &none) < 0)
        fail("limits");
}

/* Signals as a new program expects them. */
static void reset_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        (void)signal(signo, SIG_DFL); /* fails for those that have no other */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become(const struct gp__spawn *spawn, const char *program)
{
    char *const words[] = {(char *)(uintptr_t) "gatepost", (char *)(uintptr_t) "process",
                           (char *)(uintptr_t)spawn->role, NULL};

    /* dup2() to itself would leave it close-on-exec. */
    if (spawn->channel == GP__CHANNEL_FD ? fcntl(spawn->channel, F_SETFD, 0) < 0
                                         : dup2(spawn->channel, GP__CHANNEL_FD) < 0)
        fail("channel");
    limit_files(spawn->open_files);
    if (!spawn->core_files)
        no_core();
    if (spawn->identity && gp__identity_take(spawn->identity) < 0)
        fail("give up rights");
    reset_signals();
    execv(program, words);
    say("gatepost: as user ");
    say(spawn->identity && spawn->identity->change ? spawn->identity->name : "(ours)");
    say(", execute ");
    fail(program);
}

pid_t gp__spawn(const struct gp__spawn *spawn)
{
    const char *program = gp__spawn_program();
    sigset_t all, before;
    pid_t pid;

    if (!program) {
        errno = ENOENT;
        return -1;
    }
    /* No handler of ours may run in the child: it would write to our self-pipe. */
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        become(spawn, program);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* ---- programs of the configuration ---- */

static void limit(int what, uint64_t value)
{
    struct rlimit both = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};

    if (value && setrlimit((__rlimit_resource_t)what, &both) < 0)
        fail("limits");
}

/* Standard error is part of the output. */
static void set_descriptors(const struct gp__spawn_command *spawn)
{
    int input = fcntl(spawn->input, F_DUPFD, 3), output = fcntl(spawn->output, F_DUPFD, 3);

    if (input < 0 || output < 0 || dup2(input, STDIN_FILENO) < 0 ||
        dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
        fail("descriptors");
    if (close_range(3, ~0u, 0) < 0)
        fail("descriptors");
}

static void run_program(const struct gp__spawn_command *spawn)
{
    if (setpgid(0, 0) < 0)
        fail("process group");
    set_descriptors(spawn);
    no_core();
    limit(RLIMIT_CPU, spawn->cpu_s);
    limit(RLIMIT_AS, spawn->memory);
    limit(RLIMIT_FSIZE, spawn->files);
    limit(RLIMIT_NOFILE, PROGRAM_FILES);
    if (spawn->identity && gp__identity_take(spawn->identity) < 0)
        fail("give up rights");
    if (chdir(spawn->directory) < 0)
        fail(spawn->directory);
    (void)umask(077);
    reset_signals();
    execve(spawn->argv[0], spawn->argv, spawn->env);
    fail(spawn->argv[0]);
}

pid_t gp__spawn_command(const struct gp__spawn_command *spawn)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        run_program(spawn);
    if (pid > 0)
        (void)setpgid(pid, pid); /* whoever is first; after exec() the child was */
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

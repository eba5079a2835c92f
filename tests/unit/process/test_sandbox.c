// SPDX-License-Identifier: Apache-2.0
/* What a worker can no longer do, and what it still can; each try in a child of its own. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/process/sandbox.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char directory[] = "/tmp/gatepost-sandbox-XXXXXX";
static char inside[64], file_inside[80];

/* Errno of a try, 0 if it went well. */
static int run(int (*attempt)(void), bool files, int *signal_r)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct gp__settings settings = {.hold_path = gp_slice_of(inside)};

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (files && gp__sandbox_files(&settings) < 0)
            _exit(250);
        if (gp__sandbox_calls() < 0)
            _exit(251);
        _exit(attempt());
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *signal_r = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static int error_of(long result)
{
    return result < 0 ? errno : 0;
}

static int try_execute(void)
{
    char *const words[] = {(char *)(uintptr_t) "true", NULL};

    return error_of(execv("/bin/true", words));
}

static int try_mount(void)
{
    return error_of(mount("none", "/", "tmpfs", 0, NULL));
}

static int try_read_memory(void)
{
    return error_of(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int try_namespace(void)
{
    return error_of(syscall(SYS_unshare, 0x10000000));
}

static int try_module(void)
{
    return error_of(syscall(SYS_init_module, NULL, 0, ""));
}

static int try_become(void)
{
    return error_of(syscall(SYS_setuid, 0));
}

static void *work(void *arg)
{
    return arg;
}

static int try_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, work, NULL);

    return error ? error : pthread_join(thread, NULL);
}

static int try_write_inside(void)
{
    int fd = open(file_inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char other[100];

    snprintf(other, sizeof other, "%s.2", file_inside);
    return fd < 0 || write(fd, "x", 1) != 1 || rename(file_inside, other) < 0 || unlink(other) < 0
               ? errno
               : 0;
}

static int try_write_outside(void)
{
    char path[80];

    snprintf(path, sizeof path, "%s/x", directory);
    return error_of(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int result_of_thread;

static void *write_outside(void *arg)
{
    result_of_thread = try_write_outside();
    return arg;
}

/* The pools start their threads after the rules hold, and inherit them. */
static int try_write_outside_from_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, write_outside, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 252;
    return result_of_thread;
}

static int try_remove_outside(void)
{
    char path[80];

    snprintf(path, sizeof path, "%s/there", directory);
    return error_of(unlink(path));
}

static int try_read_outside(void)
{
    return error_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int try_nothing(void)
{
    return error_of(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static const struct {
    int (*attempt)(void);
    int error, signo;
    bool files;
} tries[] = {
    {try_execute, EPERM, 0, false},
    {try_mount, 0, SIGSYS, false},
    {try_read_memory, 0, SIGSYS, false},
    {try_module, 0, SIGSYS, false},
    {try_namespace, EPERM, 0, false},
    {try_become, EPERM, 0, false},
    {try_thread, 0, 0, false},
    {try_write_inside, 0, 0, true},
    {try_write_outside, EACCES, 0, true},
    {try_write_outside_from_thread, EACCES, 0, true},
    {try_remove_outside, EACCES, 0, true},
    {try_read_outside, 0, 0, true},
    {try_nothing, 0, 0, true},
};

static void test_tries(void **state)
{
    struct gp__settings settings = {.arena = NULL};
    int landlock = 0, status, signo;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(gp__sandbox_files(&settings) > 0);
    }
    waitpid(pid, &status, 0);
    landlock = WIFEXITED(status) && WEXITSTATUS(status);
    for (size_t i = 0; i < COUNT(tries); i++) {
        if (tries[i].files && !landlock)
            continue; /* a kernel without it */
        assert_int_equal(run(tries[i].attempt, tries[i].files, &signo), tries[i].error);
        assert_int_equal(signo, tries[i].signo);
    }
}

static int setup(void **state)
{
    char there[80];
    int fd;

    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(inside, sizeof inside, "%s/inside", directory);
    snprintf(file_inside, sizeof file_inside, "%s/file", inside);
    snprintf(there, sizeof there, "%s/there", directory);
    fd = open(there, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || close(fd) < 0)
        return -1;
    return mkdir(inside, 0700);
}

static int teardown(void **state)
{
    char there[80];

    (void)state;
    snprintf(there, sizeof there, "%s/there", directory);
    return unlink(there) < 0 || rmdir(inside) < 0 || rmdir(directory) < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tries)};

    return cmocka_run_group_tests(tests, setup, teardown);
}

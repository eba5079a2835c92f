// SPDX-License-Identifier: Apache-2.0
/*
 * The seccomp filter. What plugins and their libraries may need is open-ended, so it names what they
 * do not: calls that only an intruder makes end the process, which the master reports; those that a
 * library could try in good faith fail with EPERM.
 */
#include "core/process/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>

/* Other processes, the kernel, and file systems. */
static const int deadly[] = {
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(open_tree),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(bpf),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(setns),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
};

static const int refused[] = {
    SCMP_SYS(execve),          SCMP_SYS(execveat),       SCMP_SYS(unshare),
    SCMP_SYS(perf_event_open), SCMP_SYS(acct),           SCMP_SYS(quotactl),
    SCMP_SYS(personality),     SCMP_SYS(settimeofday),   SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),        SCMP_SYS(clock_adjtime),  SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),   SCMP_SYS(setuid),         SCMP_SYS(setgid),
    SCMP_SYS(setreuid),        SCMP_SYS(setregid),       SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),       SCMP_SYS(setgroups),      SCMP_SYS(capset),
    SCMP_SYS(mknod),           SCMP_SYS(mknodat),        SCMP_SYS(syslog),
    SCMP_SYS(vhangup),         SCMP_SYS(io_uring_setup),
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    SCMP_SYS(ptrace), /* which the leak checker stops the process's threads with */
#endif
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A call that this machine does not have is refused anyway. */
static int add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int result = seccomp_rule_add(filter, action, calls[i], 0);

        if (result < 0 && result != -EDOM && result != -EINVAL)
            return result;
    }
    return 0;
}

/* Threads are made with flags that name no new namespace; a terminal is never typed into. */
static int add_arguments(scmp_filter_ctx filter)
{
    static const uint64_t namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID |
                                       CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    int result = 0;

    for (uint64_t flag = 1; flag <= namespaces && result == 0; flag <<= 1)
        if (namespaces & flag)
            result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                      SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI));
    /* Its flags lie in memory, where no filter can look: the C library then falls back to clone. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return result;
}

int gp__sandbox_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result = filter ? 0 : -ENOMEM;

    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0)
        result = add(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
    if (result == 0)
        result = add(filter, SCMP_ACT_ERRNO(EPERM), refused, COUNT(refused));
    if (result == 0)
        result = add_arguments(filter);
    if (result == 0)
        result = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    errno = result < 0 ? -result : 0;
    return result < 0 ? -1 : 0;
}

// SPDX-License-Identifier: Apache-2.0
/* Landlock, by its three system calls: the C library has no functions for them. */
#include "core/config/paths.h"
#include "core/process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* What changes something. Reading is left to the rights of the files. */
#define CHANGES                                                                                    \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define NEVER                                                                                      \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)

/* What a rule about a file, not a directory, may name. */
#define OF_A_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

struct rules {
    int fd;
    uint64_t handled;
    int error;
};

static uint64_t handled_by(int version)
{
    uint64_t handled = CHANGES | LANDLOCK_ACCESS_FS_EXECUTE;

    if (version >= 2)
        handled |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
    return handled;
}

static void allow_fd(struct rules *rules, int fd)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rules->handled & ~(uint64_t)NEVER,
                                              .parent_fd = fd};
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
        rule.allowed_access &= OF_A_FILE;
    if (syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        rules->error = errno;
}

/* A path that is not there yet will be made: its next directory above is what may be changed. */
static void allow(void *arg, struct gp_slice path)
{
    struct rules *rules = arg;
    char text[4096];
    int fd = -1;

    if (path.len >= sizeof text)
        return;
    memcpy(text, path.data, path.len);
    text[path.len] = '\0';
    while (text[0] && (fd = open(text, O_PATH | O_CLOEXEC)) < 0) {
        char *slash = strrchr(text, '/');

        if (!slash || slash == text)
            return; /* never the whole file system */
        *slash = '\0';
    }
    if (fd < 0)
        return;
    allow_fd(rules, fd);
    (void)close(fd); /* nothing was written to it */
}

/* A file is replaced by one beside it, and its directory is where that is made. */
static void allow_with_directory(void *arg, struct gp_slice path)
{
    size_t slash = gp_slice_rfind(path, '/');
    char text[4096];
    struct stat st;

    allow(arg, path);
    if (path.len >= sizeof text || slash == 0 || slash == path.len)
        return;
    memcpy(text, path.data, path.len);
    text[path.len] = '\0';
    if (stat(text, &st) == 0 && S_ISREG(st.st_mode) && access(text, W_OK) == 0)
        allow(arg, gp_slice_sub(path, 0, slash));
}

int gp__sandbox_files(const struct gp__settings *settings)
{
    struct landlock_ruleset_attr attributes = {.handled_access_fs = 0};
    struct rules rules = {.error = 0};
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
                               LANDLOCK_CREATE_RULESET_VERSION);

    if (version <= 0)
        return 0;
    rules.handled = attributes.handled_access_fs = handled_by(version);
    rules.fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (rules.fd < 0)
        return -1;
    gp__settings_paths(settings, allow_with_directory, &rules);
    allow(&rules, GP_S("/dev/null"));
    if (!rules.error && syscall(SYS_landlock_restrict_self, rules.fd, 0) < 0)
        rules.error = errno;
    (void)close(rules.fd); /* it holds without it */
    errno = rules.error;
    return rules.error ? -1 : version;
}

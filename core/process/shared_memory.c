// SPDX-License-Identifier: Apache-2.0
#include "core/process/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void *map(int fd, size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

void *gp__shared_memory_create(const char *name, size_t size, int *fd_r)
{
    void *memory = NULL;
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) == 0)
        memory = map(fd, size);
    if (!memory && fd >= 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
    }
    *fd_r = memory ? fd : -1;
    return memory;
}

void *gp__shared_memory_map(int fd, size_t least, size_t *size_r)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return NULL;
    if (st.st_size < (off_t)least) {
        errno = EINVAL;
        return NULL;
    }
    *size_r = (size_t)st.st_size;
    return map(fd, *size_r);
}

void gp__shared_memory_unmap(void *memory, size_t size)
{
    if (memory)
        (void)munmap(memory, size);
}

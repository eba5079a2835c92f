// SPDX-License-Identifier: Apache-2.0
/* Memory of one process that it hands to others by a descriptor, of a size that cannot change. */
#ifndef GP_PROCESS_SHARED_MEMORY_H
#define GP_PROCESS_SHARED_MEMORY_H

#include <stddef.h>

/* Zeroed; the name is for people who look at /proc. NULL with errno. */
void *gp__shared_memory_create(const char *name, size_t size, int *fd_r);

/* The same memory in another process, if it has at least so many bytes. NULL with errno. */
void *gp__shared_memory_map(int fd, size_t least, size_t *size_r);

void gp__shared_memory_unmap(void *memory, size_t size);

#endif

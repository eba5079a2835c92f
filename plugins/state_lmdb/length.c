// SPDX-License-Identifier: Apache-2.0
#include "length.h"

#include <errno.h>
#include <sys/stat.h>

int lmdb_check_length(MDB_env *env)
{
    struct stat st;
    MDB_envinfo info;
    MDB_stat env_stat;
    mdb_filehandle_t fd;

    mdb_env_get_fd(env, &fd);
    if (fstat(fd, &st) < 0)
        return errno;
    mdb_env_info(env, &info);
    mdb_env_stat(env, &env_stat);
    return (size_t)st.st_size < (info.me_last_pgno + 1) * env_stat.ms_psize ? MDB_CORRUPTED : 0;
}

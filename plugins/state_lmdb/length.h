// SPDX-License-Identifier: Apache-2.0
#ifndef LENGTH_H
#define LENGTH_H

#include <lmdb.h>

/* Of an environment that is open: 0, MDB_CORRUPTED, or an errno. LMDB trusts the file's length; a page
 * that is not there would be a SIGBUS later. */
int lmdb_check_length(MDB_env *env);

#endif

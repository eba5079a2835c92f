// SPDX-License-Identifier: Apache-2.0
/*
 * What a worker gives up once it knows its configuration. Two parts, both of Linux:
 *
 *   Landlock  writes, makes, moves and removes files only below the directories that the
 *             configuration names, and executes none. Before the first thread is started.
 *   seccomp   system calls that no plugin has a use for fail or kill the process. After start-up.
 *
 * docs/operations.md lists both for people.
 */
#ifndef GP_PROCESS_SANDBOX_H
#define GP_PROCESS_SANDBOX_H

#include "core/config/settings.h"

/* The version of Landlock that holds now; 0: this kernel has none. -1 with errno: it cannot be. */
int gp__sandbox_files(const struct gp__settings *settings);

/* 0, or -1 with errno: it cannot be. */
int gp__sandbox_calls(void);

#endif

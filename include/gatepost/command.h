// SPDX-License-Identifier: Apache-2.0
/*
 * Running a program that the configuration names, as straight-line code: the hook is parked until the
 * program has ended. There is no shell, and nothing of a message or a peer becomes an argument: what
 * differs from run to run is the environment and standard input.
 *
 *     struct gp_run *run = gp_run_create(call, my->command);
 *     int error;
 *
 *     gp_run_environment(run, "SENDER", gp_sender(call));
 *     gp_run_input(run, GP_S(""), gp_message(call));
 *     error = gp_run_wait(run);
 *     if (error)
 *         return gp_fail(call, "%s", gp_run_error(run));
 *     ... gp_run_exit(run), gp_run_output(run) ...
 *
 * Programs are started by the master, which knows the commands of the configuration and starts no
 * other: a worker that was broken into can run what it was configured to run, and nothing else. The
 * program has the environment PATH, HOME and what is set here, no descriptor but its three, the user
 * and the limits of the command. Its output, standard error included, is kept up to 16 KiB.
 *
 * Needs GP_NEEDS_COMMANDS; legal where the hook may wait. A run belongs to its call: when the call
 * ends, or its deadline passes, the program and what it started (its process group) are told to end
 * by SIGTERM, and five seconds later by SIGKILL.
 */
#ifndef GATEPOST_COMMAND_H
#define GATEPOST_COMMAND_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* A run of a command that an option of GP_TYPE_COMMAND gave. Never NULL. */
GP_API struct gp_run *gp_run_create(struct gp_call *call, const struct gp_command *command);

/*
 * A variable: the name in capitals, digits and "_", at most 64 bytes; a value of at most 4 KiB, in
 * which control characters and what is no UTF-8 become "?". PATH, HOME, IFS, SHELL, ENV and what
 * begins with LD_ or GATEPOST_ are not for the caller. At most 64: GP_ELIMIT. GP_EINVAL.
 */
GP_API int gp_run_environment(struct gp_run *run, const char *name, struct gp_slice value);

/* Standard input: bytes, which are copied, and then a message (NULL: none) as it would leave now. */
GP_API int gp_run_input(struct gp_run *run, struct gp_slice before, struct gp_message *message);

/* Starts it, once, and waits until it has ended. 0: it has, whatever its exit code; GP_ETEMP: it
 * could not be started; or the first error of filling it in, or a sticky error. */
GP_API int gp_run_wait(struct gp_run *run);

/* The same, but GP_ETIMEDOUT after so many milliseconds, which is not sticky then. */
GP_API int gp_run_wait_within(struct gp_run *run, uint64_t ms);

/* Its exit code, or 128 and the number of the signal that ended it. Its output. */
GP_API int gp_run_exit(const struct gp_run *run);
GP_API struct gp_slice gp_run_output(const struct gp_run *run);

/* What went wrong, for logs: never NULL; "" when nothing did. */
GP_API const char *gp_run_error(const struct gp_run *run);

/* The program's path, for logs. */
GP_API struct gp_slice gp_command_name(const struct gp_command *command);

GP_END_C

#endif

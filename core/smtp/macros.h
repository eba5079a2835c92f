// SPDX-License-Identifier: Apache-2.0
/*
 * Macros: what an MTA says of a session beside the commands of the milter protocol, by names such
 * as "i" and "{client_name}". Those of a command are replaced by the next of that command. Bounded,
 * whatever comes.
 */
#ifndef GP_SMTP_MACROS_H
#define GP_SMTP_MACROS_H

#include "core/base/arena.h"
#include "core/base/buf.h"

#define GP__MACRO_STAGES 9 /* commands that have macros, one for all others */

struct gp__macros {
    struct gp__buf stages[GP__MACRO_STAGES]; /* name NUL value NUL, and so on */
    struct gp__buf client_name;              /* of the connect command */
};

/* In the arena, which frees it. */
struct gp__macros *gp__macros_create(struct gp__arena *arena);

/* The macros of a command (its letter). Malformed or too long: forgotten. */
void gp__macros_set(struct gp__macros *macros, char command, struct gp_slice pairs);

/* The client's name as the connect command has it: "{client_name}" where no macro says so. */
void gp__macros_client_name(struct gp__macros *macros, struct gp_slice name);

/* The value, of the latest command in the order of a session that has it; absent without. Braces
 * around the name may be left out, here and there. Valid until the next is set. */
struct gp_slice gp__macros_get(const struct gp__macros *macros, struct gp_slice name);

#endif

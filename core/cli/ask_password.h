// SPDX-License-Identifier: Apache-2.0
#ifndef GP_CLI_ASK_PASSWORD_H
#define GP_CLI_ASK_PASSWORD_H

#include <gatepost/slice.h>

#define GP__PASSWORD_LINE_MAX 1024

/*
 * A password: on a terminal asked for twice, without showing it; otherwise the first line of
 * standard input. In `room`, which the caller wipes. 0, or -1 with a message on standard error.
 */
int gp__ask_password(char room[GP__PASSWORD_LINE_MAX], struct gp_slice *password_r);

#endif

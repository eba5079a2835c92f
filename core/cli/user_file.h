// SPDX-License-Identifier: Apache-2.0
/*
 * The file of users that the plugin auth_file reads, as `gatepost user` changes it: one line at a
 * time, everything else stays as it is. A change is a new file in place of the old one, so readers
 * see one or the other, and a crash leaves one of them. Two changes at once wait for each other.
 */
#ifndef GP_CLI_USER_FILE_H
#define GP_CLI_USER_FILE_H

#include "core/base/buf.h"

struct gp__user_file {
    const char *path;
    struct gp__buf text; /* keeps secrets */
    int directory;       /* locked */
    bool exists;
};

/* Reads it; one that does not exist is empty. 0, or -1 with a message on standard error. */
int gp__user_file_open(struct gp__user_file *file, const char *path);

/* Where the line of a user stands, without its line end; absent: there is none. */
struct gp_slice gp__user_file_line(const struct gp__user_file *file, struct gp_slice user);

/* Writes the file anew with another line for the user, or without one (absent). 0600, or with the
 * owner and the rights of the file that it replaces. 0, or -1 with a message. */
int gp__user_file_write(struct gp__user_file *file, struct gp_slice user, struct gp_slice line);

void gp__user_file_close(struct gp__user_file *file);

#endif

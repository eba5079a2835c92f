// SPDX-License-Identifier: Apache-2.0
/*
 * Where log lines go: standard error, a file, or syslog. A sink fills the write function of a
 * struct gp__log. Lines are collected and written once a turn of the loop, so that a line a message
 * does not cost a system call a message; errors and warnings are written at once. A line that could
 * not be written is dropped and counted: a full disk must not stop mail.
 */
#ifndef GP_RUNTIME_SINK_H
#define GP_RUNTIME_SINK_H

#include "core/base/log.h"

struct gp__runtime;
struct gp__sink;

/* A sink that writes to a descriptor it does not own (2: standard error). */
struct gp__sink *gp__sink_fd(int fd);

/* Appends to a file that is made (0640) if need be. NULL with errno. The path is copied. */
struct gp__sink *gp__sink_file(const char *path);

/* The mail facility of syslog; `ident` must outlive the sink. One a process. */
struct gp__sink *gp__sink_syslog(const char *ident);

/* Sets the log's write function. The sink must outlive the log's use. */
void gp__sink_attach(struct gp__sink *sink, struct gp__log *log);

/* Collects lines from now on and flushes them before the loop waits. Live runtime only; until then
 * each line is written at once. */
void gp__sink_buffer(struct gp__sink *sink, struct gp__runtime *rt);

void gp__sink_flush(struct gp__sink *sink);

/* After the file was moved away (rotation): flushes, and opens the path anew. 0, or -1 with errno:
 * it goes on with the old one. Fine for other sinks. */
int gp__sink_reopen(struct gp__sink *sink);

/* Writes to this descriptor from now on, which it owns: a log file that another process opened. */
void gp__sink_adopt(struct gp__sink *sink, int fd);

/* The same, but it stays the caller's. */
void gp__sink_use(struct gp__sink *sink, int fd);

/* Lines that were dropped. */
unsigned long gp__sink_dropped(const struct gp__sink *sink);

/* Flushes and closes. The runtime it was given to must not turn any more. */
void gp__sink_free(struct gp__sink **sink_);

#endif

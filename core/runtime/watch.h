// SPDX-License-Identifier: Apache-2.0
/* A descriptor that the loop looks at for somebody who reads and writes it himself: a channel to
 * another process, a library with descriptors of its own. Live runtime only. */
#ifndef GP_RUNTIME_WATCH_H
#define GP_RUNTIME_WATCH_H

struct gp__runtime;
struct gp__watch;

enum gp__watch_events {
    GP__WATCH_READ = 1, /* readable, at its end, or broken */
    GP__WATCH_WRITE = 2,
};

/* Calls ready(arg, events) from the loop's stack whenever one of the events holds. The descriptor
 * stays the caller's, who stops the watch before closing it. NULL with errno. */
struct gp__watch *gp__watch_start(struct gp__runtime *rt, int fd, unsigned events,
                                  void (*ready)(void *arg, unsigned events), void *arg);

/* Looks for other events from now on; also from within ready(). */
void gp__watch_for(struct gp__watch *watch, unsigned events);

/* Memory goes on a later turn; ready() is not called any more. */
void gp__watch_stop(struct gp__watch **watch_);

#endif

// SPDX-License-Identifier: Apache-2.0
/* Inside the simulated runtime: what its files share. */
#ifndef GP_RUNTIME_SIM_WORLD_H
#define GP_RUNTIME_SIM_WORLD_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/runtime/sim.h"
#include "core/runtime/tasks.h"
#include "core/runtime/timer.h"

#include <pthread.h>

struct gp__sim_disk;
struct gp__sim_waker;

/* Wakers that threads of plugins have. Under the lock but for `first`, which the loop alone has. */
struct gp__sim_wakers {
    pthread_mutex_t lock;
    pthread_cond_t fired;
    struct gp__sim_waker *first, **end; /* in the order in which they were made */
};

struct gp__sim {
    struct gp__runtime base;
    struct gp__timers timers;
    uint64_t now_ms, random;
    uint64_t memory, space;  /* what the process has in use, and what every disk has free */
    struct gp__arena *arena; /* of tables and scripts */
    struct gp__buf calls, failures;
    struct gp__map names;    /* of DNS */
    struct gp__map peers;    /* by address */
    struct gp__map sites;    /* by URL */
    struct gp__map programs; /* by path */
    struct gp__sim_disk *disk;
    struct gp__sim_client *clients;
    struct gp__sim_wakers wakers;
};

static inline struct gp__sim *gp__sim(const struct gp__runtime *rt)
{
    return (struct gp__sim *)(uintptr_t)rt;
}

uint64_t gp__sim_random(struct gp__sim *sim);

/* Adds a line to the calls; to the failures. */
void gp__sim_call(struct gp__sim *sim, const char *format, ...) GP_PRINTF(2, 3);
void gp__sim_failure(struct gp__sim *sim, const char *format, ...) GP_PRINTF(2, 3);

void gp__sim_after(struct gp__sim *sim, struct gp__timer *timer, uint64_t ms);

void gp__sim_wakers_init(struct gp__sim *sim);
void gp__sim_wakers_done(struct gp__sim *sim);

/* Waits until all that are out have been fired, and ends their operations in the order in which
 * they were begun: a run is the same however fast the threads are. False: there was none. */
bool gp__sim_wakers_collect(struct gp__sim *sim);

struct gp__sim_disk *gp__sim_disk_create(void);
void gp__sim_disk_free(struct gp__sim_disk **disk_);
void gp__sim_clients_free(struct gp__sim *sim);

void gp__sim_op_dns(struct gp__runtime *rt, struct gp_op *op, struct gp_slice name,
                    enum gp_dns_type type);
void gp__sim_op_file(struct gp__runtime *rt, struct gp_op *op, const struct gp__file_job *job);
void gp__sim_op_command(struct gp__runtime *rt, struct gp_op *op,
                        const struct gp__command_job *job);
void gp__sim_op_http(struct gp__runtime *rt, struct gp_op *op, struct gp_http *http);
void gp__sim_op_connect(struct gp__runtime *rt, struct gp_op *op, struct gp_slice address);
void gp__sim_op_dial(struct gp__runtime *rt, struct gp_op *op, const struct gp__dialling *dialling);
void gp__sim_op_secure(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                       const struct gp__tls_wish *wish);
void gp__sim_op_read(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                     void *bytes, size_t size);
void gp__sim_op_write(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                      struct gp_slice bytes);
int64_t gp__sim_write_now(struct gp__runtime *rt, struct gp_stream *stream, struct gp_slice bytes);
struct gp_waker *gp__sim_op_waker(struct gp__runtime *rt, struct gp_op *op);
void gp__sim_op_close(struct gp__runtime *rt, struct gp_stream *stream);
struct gp__lane *gp__sim_lane_open(struct gp__runtime *rt, void (*run)(void *arg),
                                   void (*collect)(void *arg), void *arg);
void gp__sim_lane_kick(struct gp__lane *lane);
void gp__sim_lane_report(struct gp__lane *lane);
void gp__sim_lane_close(struct gp__lane **lane_);

#endif

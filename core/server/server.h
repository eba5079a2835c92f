// SPDX-License-Identifier: Apache-2.0
/*
 * The sessions of a runtime: gives ids, knows who is connected, ends them. What listens and where
 * connections come from is the caller's business: a socket listener when live, a test otherwise.
 */
#ifndef GP_SERVER_SERVER_H
#define GP_SERVER_SERVER_H

#include "core/base/id.h"
#include "core/server/admission.h"
#include "core/server/auth_guard.h"
#include "core/server/client.h"
#include "core/server/overload.h"
#include "core/server/pace.h"
#include "core/spool/doubts.h"
#include "core/spool/spool.h"

struct gp__server {
    struct gp__runtime *runtime;
    struct gp__id_source ids;
    struct gp__proxied *proxied; /* whose clients are not known yet; they count as clients */
    struct gp__client *clients;
    size_t n_clients;
    struct gp__tally sessions;
    struct gp__census census; /* of all workers; without: it is alone */
    struct gp__auth_guard auth_guard;
    struct gp__pace pace;
    struct gp__overload overload;
    struct gp__spool_writer *spool; /* where mail is kept; NULL: there is none */
    struct gp__doubts *doubts;      /* NULL: nobody asks */
    struct gp__buf scratch;
    bool stopping, ending;
    void (*empty)(struct gp__server *server); /* when ending: the last client is gone; or NULL */
    void *arg;                                /* the caller's */
};

/* Zeroed server; the random part of ids is drawn from the runtime. */
void gp__server_init(struct gp__server *server, struct gp__runtime *runtime);

/* Counts sessions, rates, failed logins and memory together with other workers; before there are any.
 * The memory of the census is the caller's, and stays. */
void gp__server_join(struct gp__server *server, const struct gp__census *census);

/* All clients must be gone. */
void gp__server_done(struct gp__server *server);

/* No more clients come: tells when the last is gone, and leaves them alone. */
void gp__server_expect_end(struct gp__server *server);

/* Ends sessions as they become idle (421), or all at once. */
void gp__server_stop(struct gp__server *server, bool at_once);

/* ---- for clients ---- */

void gp__server_next_id(struct gp__server *server, char out[GP__ID_LEN + 1]);
void gp__server_remember(struct gp__server *server, struct gp__client *client);
void gp__server_forget(struct gp__server *server, struct gp__client *client);

/* A buffer for rendering; used between two waits. */
struct gp__buf *gp__server_scratch(struct gp__server *server);

#endif

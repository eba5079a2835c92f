// SPDX-License-Identifier: Apache-2.0
/*
 * One client that is served: its connection, its engine, and the questions of the engine, which
 * are answered by hooks, routes and deliveries as straight-line tasks on a fiber. While a task is
 * parked the engine stands still and what the client sends is kept up to the `pipeline` budget.
 *
 * Lives until the connection is closed and the last task has ended.
 */
#ifndef GP_SERVER_CLIENT_H
#define GP_SERVER_CLIENT_H

#include "core/delivery/delivery.h"
#include "core/delivery/dsn.h"
#include "core/hook/run.h"
#include "core/runtime/conn.h"
#include "core/runtime/spill.h"
#include "core/server/admission.h"
#include "core/server/entrance.h"
#include "core/spool/doubts.h"

struct gp__entry;
struct gp__server;

struct gp__client {
    struct gp__server *server;
    struct gp__runtime *runtime;
    const struct gp__entrance *entrance;
    struct gp__conn *conn; /* NULL once closed */
    struct gp__smtp *smtp;
    struct gp_session *session;
    struct gp__client *prev, *next; /* of the server's */

    struct gp__admission admission;
    uint64_t began_ms;
    struct gp__timer timer;
    bool eof, ended, disconnected;
    bool ahead;       /* sent on past `pipeline` while a hook waited, and more than that is left */
    bool hang_up;     /* after the reply that is on its way */
    bool waiting;     /* the engine has nothing to do before more input */
    bool began;       /* the engine was asked: with implicit TLS not before the handshake is done */
    bool encrypted;   /* `conn` is TLS */
    bool handshaking; /* and not ready */

    /* The task under way. */
    void (*task)(struct gp__client *client);
    void (*after)(struct gp__client *client);
    bool busy;
    uint64_t busy_since;
    struct gp__smtp_event ask;
    struct gp__answer answer;
    struct gp_slice auth_by; /* the backend that answered; absent: none did */

    /* The message under way. */
    struct gp__reply refusal; /* by the core, at the end of data; code 0: none */
    bool headers_done;
    struct gp_recipient **scope; /* of the body hooks */
    size_t n_scope;
    struct gp__spill *spill; /* where a large message goes; or NULL */
    struct gp__buf stash;    /* body bytes that came in while the header hooks wait */

    /* The last message that was taken, until the client says something: it heard its 250 then. */
    struct {
        struct gp__doubt_mark mark;
        struct gp__doubt_mark next; /* of the one that is being taken */
        bool next_made;
        bool looked; /* at those that died: whoever comes again has connected again */
        char id[GP__DOUBT_ID_MAX];
        size_t id_len; /* 0: there is none */
        bool broke;    /* the connection did, and the 250 may not have arrived */
        bool unheard;  /* we gave up while it was on its way */
    } doubt;
};

/* Serves a new connection: of a proxy that is trusted to say whose it is once that is known. */
void gp__client_start(struct gp__server *server, const struct gp__entrance *entrance,
                      struct gp__conn *conn);

/* Begins the session, or tells the client that there are too many and closes. `via` (or NULL) is
 * copied. */
void gp__client_begin(struct gp__server *server, const struct gp__entrance *entrance,
                      struct gp__conn *conn, const struct gp__via *via);

/* Ends the session with a 421 as soon as it waits for a command (drain), or at once. */
void gp__client_stop(struct gp__client *client, bool at_once);

/* ---- shared by the tasks: client_*.c ---- */

/* Runs a task on a fiber; `after` from the loop's stack when it ended. */
void gp__client_run(struct gp__client *client, void (*task)(struct gp__client *client),
                    void (*after)(struct gp__client *client));

/* XCLIENT: the session is over, and another begins on the same connection. */
void gp__client_renew(struct gp__client *client);

/* Handles an ASK: answers at once or starts a task. */
void gp__client_ask(struct gp__client *client, const struct gp__smtp_event *event);

/* Bytes of the message. */
void gp__client_data(struct gp__client *client, struct gp_slice bytes);

/* A transaction ended without a message; takes the reference. */
void gp__client_reset(struct gp__client *client, const struct gp__smtp_event *event);

/* The tasks of AUTH (client_auth.c): what an exchange needs to know, and its two ends. */
void gp__client_auth(struct gp__client *client);
void gp__client_login(struct gp__client *client);
void gp__client_xlogin(struct gp__client *client);
void gp__client_auth_failed(struct gp__client *client);

/* The tasks of the data (client_data.c) and its end (client_message.c). */
void gp__client_ask_data(struct gp__client *client);
void gp__client_ask_message(struct gp__client *client);

/* The message can be shown to hooks: makes it, adds trace fields, runs the header hooks. On the
 * task's fiber. */
void gp__client_begin_message(struct gp__client *client);

/* A message that has grown large goes to a file: starts a task when there is enough to write. */
void gp__client_spill(struct gp__client *client);

/* At the end, on the task's fiber: writes the rest and maps the file. */
void gp__client_spill_end(struct gp__client *client);

/* Shows the body hooks what came in since they were last asked. */
void gp__client_body(struct gp__client *client, struct gp_slice bytes, bool last);

/* Sets the answer of the open ASK to a refusal. */
void gp__client_refuse(struct gp__client *client, enum gp__decision decision,
                       const struct gp__reply *reply);

/* What a ruling of an instance means as an answer. */
void gp__client_refuse_by(struct gp__client *client, const struct gp__ruling *ruling);

/* A run of the session's chain at a point, about the current transaction. */
struct gp__run gp__client_run_of(struct gp__client *client, enum gp_hook_point point);

/* The last moment at which the client may leave without getting its mail twice (RFC 1047). One that
 * closed its side with commands still to be done only writes, and is served. */
bool gp__client_left(const struct gp__client *client);

/* Asks targets, keeps what is to be kept, and answers (client_deliver.c). */
void gp__client_deliver(struct gp__client *client, struct gp__policy *policy,
                        const enum gp__disposal *disposals);

/* A notification, in the transaction's arena. */
struct gp__notice {
    const struct gp__entry *entry; /* NULL: there is none to be */
    enum gp__dsn_action kind;
    size_t n; /* recipients that it tells of */
};

/* FAILED: of those whose fate is to be bounced; of whom nobody may be told, those are to be held from
 * now on. DELIVERED: of those whom direct targets delivered to, where that was asked for. 0, or -1:
 * it can't be made (client_bounce.c). */
int gp__client_notice(struct gp__client *client, struct gp__policy *policy,
                      enum gp__dsn_action kind, struct gp__notice *notice_r);

/* What became of it: it is on its way, or the error. */
void gp__client_noticed(const struct gp__client *client, const struct gp__policy *policy,
                        const struct gp__notice *notice, int error);

/* Whether this very message was taken before, and the client may not have heard so: then it is
 * answered (client_doubt.c). */
bool gp__client_known(struct gp__client *client, struct gp__policy *policy);

/* By what it will be known if it comes again, in the transaction's arena; absent: by nothing. */
struct gp_slice gp__client_fingerprint(struct gp__client *client, struct gp__policy *policy);

/* It was taken: until the client speaks again its 250 is in doubt. */
void gp__client_doubt(struct gp__client *client, struct gp__policy *policy);

/* The session ends: what is in doubt still is remembered. */
void gp__client_doubt_end(struct gp__client *client);

/* The fate of the transaction as planned now: fills disposals (by index of recipient). */
enum gp__final gp__client_plan(struct gp__client *client, struct gp__policy *policy,
                               enum gp__disposal **disposals_r);

/* The drafts of a message, each with its deliveries (client_draft.c). Zeroed to begin with. */
struct gp__drafts {
    struct gp__drafted {
        struct gp__deliveries deliveries; /* to direct targets */
        const struct gp__entry *entry;    /* of what is to be queued; NULL: nothing */
    } * items;                            /* in the arena of the message's transaction */
    size_t count, cap;
};

/* As gp__deliveries_prepare(), for all drafts of the message: 0, or -1 when one can't be taken now.
 * Whatever it says, publish or revoke, then gp__drafts_done(). On the task's fiber. */
int gp__drafts_prepare(struct gp__client *client, const struct gp__policy *policy,
                       struct gp__drafts *drafts);

/* 0, or -1: a direct target failed, and all is to be given back. */
int gp__drafts_publish(struct gp__client *client, struct gp__drafts *drafts);

/* How many recipients have a draft that can't be taken back. */
size_t gp__drafts_revoke(struct gp__client *client, struct gp__drafts *drafts);

void gp__drafts_done(struct gp__drafts *drafts);

/* The one record of a message or of a transaction that was refused at its end. */
void gp__client_record(struct gp__client *client, struct gp__policy *policy,
                       const struct gp__reply *reply);

/* The record of a session that is over. */
void gp__client_record_session(struct gp__client *client);

#endif

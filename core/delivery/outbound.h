// SPDX-License-Identifier: Apache-2.0
/*
 * Delivering by SMTP and LMTP: what <gatepost/smtp.h> stands for. Straight-line code on the fiber of
 * the target's call, over the engine of core/smtp and the streams of the runtime.
 *
 *     outbound.c          the API: recipients by destination, host after host, outcomes
 *     outbound_hop.c      the target's own hosts, or those that a record names for a recipient
 *     outbound_hosts.c    which hosts: those given, or by MX; their addresses
 *     outbound_pool.c     sessions that are idle, how many there may be, hosts that are down
 *     outbound_check.c    whether hosts of a list are there, before mail is
 *     outbound_source.c   from which address, and how much it may send
 *     outbound_session.c  one session: connecting, TLS, a mail
 *     outbound_mail.c     what a message asks of a server
 *     tls_policy.c        how a connection to a host must be protected; mta_sts.c, tls_report.c
 */
#ifndef GP_DELIVERY_OUTBOUND_H
#define GP_DELIVERY_OUTBOUND_H

#include "core/delivery/delivery.h"
#include "core/delivery/origin.h"
#include "core/delivery/tls_policy.h"
#include "core/smtp/attributes.h"
#include "core/smtp/client.h"
#include "core/smtp/server.h"

#include <gatepost/smtp.h>

#define GP__OUTBOUND_HOSTS_MAX 16     /* that are looked at for a destination */
#define GP__OUTBOUND_TRIED_MAX 5      /* that are tried for one delivery */
#define GP__OUTBOUND_ADDRESSES_MAX 16 /* of a host */

/* ---- hosts ---- */

struct gp__outbound_host {
    struct gp_slice name; /* "mx.example.org", an address, or "unix:/path" */
    struct gp_slice key;  /* with its port: "mx.example.org:25" */
    uint16_t port;
    uint16_t preference;
    bool literal, is_unix; /* the name is an address; a path */
    struct gp__ip ip;      /* of a literal */

    struct gp__ip ips[GP__OUTBOUND_ADDRESSES_MAX];
    size_t n_ips;
    bool secure; /* DNSSEC vouches for the addresses, or for the alias that leads to them */
    struct gp_slice canonical; /* where the aliases of the name end; or absent */
};

struct gp__outbound_hosts {
    struct gp__outbound_host *items; /* best first */
    size_t count;
    bool secure;    /* DNSSEC vouches that it is these */
    bool by_domain; /* found by MX, or instead of MX: policies of the domain hold */
    struct gp_slice domain;
};

/* ---- hops ---- */

/* To whom it goes and as whom: as the target's settings say, or as a record says of a recipient. */
struct gp__outbound_hop {
    const struct gp__outbound_host *hosts; /* none: by MX */
    size_t n_hosts;
    int tls; /* enum gp_smtp_tls */
    bool implicit_tls;
    const struct gp_list *names;
    struct gp_slice user, password;
    struct gp_slice key; /* the same for the same; "" for the target's own. Sessions are not shared
                            between others */
};

/* ---- sessions ---- */

/* How a step failed: what recipients are told if nothing better comes, and what the queue is. */
struct gp__outbound_failure {
    struct gp__reply reply;
    struct gp_slice remote; /* who said so; absent: we do */
    unsigned advice;
    bool tls;     /* the handshake failed, or its result is not good enough */
    bool limited; /* nobody was asked: by a limit of ours, which holds for wait_ms (0: not known) */
    uint64_t wait_ms;
};

/* What a session may be made from: by family, IPv4 and IPv6. */
struct gp__outbound_from {
    struct gp__origin *by_family[2];
    uint64_t wait_ms; /* until one of those at their limits may send more; 0: not known */
    bool limited;
};

struct gp__outbound_session {
    struct gp_smtp *pool;
    struct gp__outbound_session *next; /* of the idle ones */
    struct gp__arena *arena;           /* its own texts */
    struct gp_slice key, host_key, remote;
    struct gp__smtp_client_settings settings;
    struct gp__smtp_client *client;
    struct gp_stream *stream;
    struct gp__buf in;
    struct gp_slice host; /* for the handshake */
    struct gp__tls_policy policy;
    struct gp__tls_wish wish;
    enum gp__tls_failure tls_failure;
    struct gp_message *message; /* being sent */
    uint64_t cursor;            /* in it */
    struct gp_slice rest;       /* of its current piece */
    uint64_t idle_since_ms;
    int64_t mails;
    struct gp__origin *source; /* where it counts; NULL: nowhere */
    bool paid;                 /* its next message is counted already */
    bool reused, tls_failed, lost;
};

/* What is known of a host, and who is there; never forgotten before the pool ends but for idle ones. */
struct gp__outbound_peer {
    struct gp_slice key;
    int64_t sessions;  /* in use or being made */
    unsigned failures; /* in a row */
    uint64_t down_until_ms;
    uint64_t known_until_ms; /* it was reached: no check before */
};

struct gp__outbound_waiter {
    struct gp_call *call;
    struct gp__outbound_peer *peer;
    struct gp__outbound_waiter *next;
    bool woken;
};

struct gp_smtp {
    struct gp_smtp_settings settings;
    struct gp__runtime *runtime;
    struct gp__arena *arena; /* of peers and settings */
    struct gp__origin **sources;
    size_t n_sources, next_source;
    struct gp__origin_limits limits; /* of each */
    struct gp__outbound_hop own;     /* of recipients that no record is about */
    size_t next_host;
    struct gp_slice hostname; /* ours, once something was delivered; absent: nothing was */
    uint64_t next_check_ms;
    struct gp__outbound_session *idle; /* the last used first */
    struct gp__timer timer;
    struct gp__map peers;
    struct gp__outbound_waiter *waiters; /* in order */
};

/* ---- a delivery ---- */

/* What the message asks of every server. */
struct gp__outbound_message {
    struct gp_message *message;
    uint64_t size;
    bool eight_bit, smtputf8, binary, requiretls;
    bool tls_optional; /* "TLS-Required: No" (RFC 8689 5): nobody's policy holds */
    const struct gp__attributes *forward;
};

struct gp__outbound_job {
    const struct gp__outbound_hop **hops; /* by index of recipient; NULL: they have an outcome */
    const struct gp__outbound_hop *hop;   /* of the pending ones */
    struct gp_call *call;
    struct gp_smtp *pool;
    struct gp_delivery *delivery;
    struct gp__arena *arena; /* the call's */
    struct gp__outbound_message message;
    uint64_t
        within_ms;   /* the most that connecting, and each reply, may take; 0: as the target says */
    bool probe;      /* whether the recipients are there, and nothing else */
    size_t *pending; /* indexes of recipients of one destination who have no outcome */
    size_t n_pending;
    struct gp__outbound_failure failure; /* the last one */
};

/* ---- outbound_hop.c ---- */

/* The recipient's. 0, GP_ENOTFOUND: there is no host for them, GP_EINVAL: the record is wrong, which was
 * logged; or another error, which is temporary. */
int gp__outbound_hop(struct gp__outbound_job *job, const struct gp_recipient *recipient,
                     const struct gp__outbound_hop **hop_r);

/* ---- outbound_hosts.c ---- */

/* Reads "host:port", "[::1]:25" or "unix:/path". 0, or -1. */
int gp__outbound_host_read(struct gp__arena *arena, struct gp_slice text,
                           struct gp__outbound_host *host_r);

/* Those given, in the order in which they are to be tried; or those of the domain. 0; 1 with the
 * reply that says why there are none; or a sticky error. */
int gp__outbound_hosts(struct gp__outbound_job *job, struct gp_slice domain,
                       struct gp__outbound_hosts *hosts_r, struct gp__reply *reply_r);

/* Its addresses, IPv6 and IPv4 in turn. As above. */
int gp__outbound_addresses(struct gp__outbound_job *job, struct gp__outbound_host *host,
                           struct gp__reply *reply_r);

/* ---- tls_policy.c ---- */

/* How a session with one of the hosts must be protected. 0; 1: this host is of no use now, the
 * failure of the job says why; or a sticky error. */
int gp__outbound_tls(struct gp__outbound_job *job, const struct gp__outbound_hosts *hosts,
                     const struct gp__outbound_host *host, struct gp__tls_policy *policy_r);

/* ---- outbound_mail.c ---- */

void gp__outbound_message(struct gp__outbound_job *job);

/* The envelope for the recipients at these indexes of the delivery. Into the arena of the call. */
struct gp__smtp_client_mail *gp__outbound_mail(const struct gp__outbound_job *job,
                                               const size_t *indexes, size_t n);

/* ---- outbound_source.c ---- */

/* 0, with what is counted for a session already; 1: all are at their limits. Addresses of a host that
 * could only be reached from such are dropped. */
int gp__outbound_choose_source(struct gp_smtp *pool, struct gp__outbound_host *host,
                               struct gp__outbound_from *from_r);

/* The session is of that family (0: of none, there is no connection): the others are given back. */
void gp__outbound_keep_source(struct gp__outbound_session *session, struct gp__outbound_from *from,
                              uint8_t family);

/* Counts the next message: 0, or how many ms there may be none. */
uint64_t gp__outbound_pay(struct gp__outbound_session *session);

/* It was counted and not sent. */
void gp__outbound_pay_back(struct gp__outbound_session *session);

/* Makes that the failure of the job. */
void gp__outbound_limited(struct gp__outbound_job *job, uint64_t wait_ms);

/* ---- outbound_session.c ---- */

/* Connects, and goes on until it is ready for a mail. 0; 1: the failure says why; or a sticky error. */
int gp__outbound_open(struct gp__outbound_job *job, struct gp__outbound_session *session,
                      const struct gp__outbound_host *host, struct gp__outbound_from *from);

/* Sends one mail: outcomes are the client's. 0, or a sticky error. */
int gp__outbound_send(struct gp__outbound_job *job, struct gp__outbound_session *session,
                      const struct gp__smtp_client_mail *mail);

/* Waits until it takes the next one: false if it does not. */
bool gp__outbound_ready(struct gp__outbound_job *job, struct gp__outbound_session *session);

/* Says QUIT if that can be said without waiting. */
void gp__outbound_close(struct gp__outbound_session **session_);

/* ---- outbound_pool.c ---- */

/* One for this host and policy, idle or new: 0, 1 or an error as of gp__outbound_open(); what is given
 * is to be released, also then. 1 without a session: nothing may be sent now, the failure says so. */
int gp__outbound_acquire(struct gp__outbound_job *job, const struct gp__outbound_host *host,
                         const struct gp__tls_policy *policy, bool fresh,
                         struct gp__outbound_session **session_r);

/* Keeps it for others, if it is of use. */
void gp__outbound_release(struct gp__outbound_session **session_);

/* One that is not in use, and counts there; whether there was one. */
bool gp__outbound_end_idle_of(struct gp_smtp *pool, const struct gp__origin *source);

/* The key is followed by a NUL. */
struct gp__outbound_peer *gp__outbound_peer(struct gp_smtp *pool, struct gp_slice key);
void gp__outbound_peers_free(struct gp__map *peers);

/* The host failed, or not. */
void gp__outbound_failed(const struct gp__outbound_job *job, const struct gp__outbound_host *host);
void gp__outbound_worked(const struct gp__outbound_job *job, const struct gp__outbound_host *host);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime of tests: a clock that only moves when told, seeded chance, and DNS, peers, disk and
 * clients that are tables. Fibers are real. The same calls give the same run, always. Time starts
 * at 0 (steady) and 2026-01-01T00:00:00Z (wall).
 *
 * Nothing happens by itself: gp__sim_settle() runs what is due now, gp__sim_advance() and
 * gp__sim_run() move the clock from event to event. Slices that are handed in are copied.
 */
#ifndef GP_RUNTIME_SIM_H
#define GP_RUNTIME_SIM_H

#include "core/hook/runtime.h"
#include "core/runtime/conn.h"

extern const struct gp__runtime_ops gp__sim_ops;

#define GP__SIM_WALL_START INT64_C(1767225600000)

/* Borrows the log, which may be NULL. */
struct gp__runtime *gp__sim_create(uint64_t seed, struct gp__log *log);

/* No fiber and no operation may be alive. Connections that are open are closed. */
void gp__sim_free(struct gp__runtime **rt_);

/* What the process has in use, and what every directory has free: 0 and UINT64_MAX at first. */
void gp__sim_resources(struct gp__runtime *rt, uint64_t memory, uint64_t space);

/* ---- time ---- */

/* Runs all that is ready or due now. */
void gp__sim_settle(struct gp__runtime *rt);

/* Moves the clock by ms, to a time, handling each event at its own time. */
void gp__sim_advance(struct gp__runtime *rt, uint64_t ms);
void gp__sim_run_until(struct gp__runtime *rt, uint64_t at_ms);

/* Moves the clock from event to event until nothing is left to happen (true) or max_ms of virtual
 * time have passed (false). */
bool gp__sim_run(struct gp__runtime *rt, uint64_t max_ms);

/* ---- what was asked ---- */

/* One line a call, in order: "dns A x.example", "sleep 2000", "file put /m/1 512", "connect h:25",
 * "write h:25 6", "work 16", "wait_fd 1", "http GET http://h/", "http field Name: value", "http body
 * 512", "cancel". Valid until the next call. */
struct gp_slice gp__sim_calls(const struct gp__runtime *rt);
void gp__sim_calls_clear(struct gp__runtime *rt);

/* Adds a line, of what a test itself stands in for. */
void gp__sim_called_as(struct gp__runtime *rt, struct gp_slice line);

/* Whether a line is among them. */
bool gp__sim_called(const struct gp__runtime *rt, struct gp_slice line);

/* One line for each expectation of a script that was not met; empty: all were. */
struct gp_slice gp__sim_failures(const struct gp__runtime *rt);

/* ---- DNS: names not in the table do not exist ---- */

enum gp__sim_dns_outcome {
    GP__SIM_DNS_NXDOMAIN = 0,
    GP__SIM_DNS_NODATA,
    GP__SIM_DNS_SERVFAIL,
    GP__SIM_DNS_BOGUS,
    GP__SIM_DNS_TIMEOUT, /* 10 s, then GP_ETEMP */
};

/* Adds a record, its data as gp_dns_text() gives it. A CNAME is followed. */
void gp__sim_dns_add(struct gp__runtime *rt, struct gp_slice name, enum gp_dns_type type,
                     struct gp_slice text, unsigned preference);

/* Sets what comes instead of records; type 0: whatever is asked of the name. */
void gp__sim_dns_outcome(struct gp__runtime *rt, struct gp_slice name, unsigned type,
                         enum gp__sim_dns_outcome outcome);

/* Answers of this name take so long; have this time to live (3600 s at first); are vouched for by
 * DNSSEC. */
void gp__sim_dns_delay(struct gp__runtime *rt, struct gp_slice name, uint64_t ms);
void gp__sim_dns_ttl(struct gp__runtime *rt, struct gp_slice name, uint32_t seconds);
void gp__sim_dns_secure(struct gp__runtime *rt, struct gp_slice name);

/* ---- peers of gp_connect(): scripts ---- */

enum gp__sim_step_type {
    GP__SIM_EXPECT = 0,  /* exactly these bytes come next */
    GP__SIM_EXPECT_LINE, /* a line that begins with these bytes */
    GP__SIM_SKIP,        /* anything up to and with these bytes */
    GP__SIM_SEND,
    GP__SIM_DELAY,  /* ms */
    GP__SIM_CLOSE,  /* orderly; also at the end of a script */
    GP__SIM_RESET,  /* the connection breaks */
    GP__SIM_REFUSE, /* as the first step: nobody listens there */
    GP__SIM_HANG,   /* nothing more ever happens; as the first step: not even a connection */
    GP__SIM_SECURE, /* a handshake must come; bytes: "expired", "misnamed", "untrusted": what is wrong
                     * with the certificate; "broken": it fails for anybody; empty: it succeeds */
};

struct gp__sim_step {
    enum gp__sim_step_type type;
    struct gp_slice bytes;
    uint64_t ms;
};

/* Who is at an address, as it is given to gp_connect(). Called again for the same address: the
 * script of the next connection; the last one is for all that follow. */
void gp__sim_peer(struct gp__runtime *rt, struct gp_slice address, const struct gp__sim_step *steps,
                  size_t n);

/* ---- programs ---- */

/* What a program does when it is run: it ends with this code (128 and a signal; 256: it can't be
 * started) after a while, having said something. One that is not given can't be started. */
struct gp__sim_result {
    unsigned code;
    uint64_t delay_ms;
    struct gp_slice output;
};

/* Of the program of this path. Called again for the same one: its next run; the last one is for all
 * that follow. */
void gp__sim_command(struct gp__runtime *rt, struct gp_slice path,
                     const struct gp__sim_result *result);

/* ---- web servers ---- */

struct gp__sim_answer {
    unsigned status; /* 0: nobody listens there */
    bool untrusted;  /* with status 0: the certificate is not good */
    uint64_t delay_ms;
    struct gp_slice fields; /* "Name: value" lines, ended by LF */
    struct gp_slice body;
};

/* What a request to exactly this URL gets. Called again for the same one: what the next request
 * gets; the last one is for all that follow. Nobody listens at other URLs. */
void gp__sim_http(struct gp__runtime *rt, struct gp_slice url, const struct gp__sim_answer *answer);

/* ---- files: a disk that forgets what was not synced ---- */

/* What is there now, through the cache. 0 (bytes valid until the next file call), GP_ENOTFOUND. */
int gp__sim_file_get(const struct gp__runtime *rt, struct gp_slice path, struct gp_slice *bytes_r);

/* Puts a durable file there, with its directories, as if it had always been. */
void gp__sim_file_set(struct gp__runtime *rt, struct gp_slice path, struct gp_slice bytes);

/* Files (no directories) whose path begins with `prefix`, in order of their names. The path is
 * valid until the next file call; absent when there is no nth. */
size_t gp__sim_file_count(const struct gp__runtime *rt, struct gp_slice prefix);
struct gp_slice gp__sim_file_name(const struct gp__runtime *rt, struct gp_slice prefix, size_t n);

/* The nth (1: the next) operation of a kind from now on fails with an enum gp_error; once. */
void gp__sim_file_fault(struct gp__runtime *rt, enum gp__file_kind kind, unsigned nth, int error);

/* Operations take so long from now on (0 at first), so that they can be cancelled. */
void gp__sim_file_delay(struct gp__runtime *rt, uint64_t ms);

enum gp__sim_loss {
    GP__SIM_LOSE_ALL = 0, /* every name and byte that was not synced */
    GP__SIM_LOSE_SOME,    /* each change of a name by chance */
};

/* The machine stops and comes back: what was not synced is gone. */
void gp__sim_power_cut(struct gp__runtime *rt, enum gp__sim_loss loss);

/* ---- clients: the other end of a struct gp__conn ---- */

struct gp__sim_client;

/* A connection between two ends. Hand gp__sim_client_conn() to the server, as a listener would. The
 * client lives until the runtime is freed; the conn until its `closed`. */
struct gp__sim_client *gp__sim_connect(struct gp__runtime *rt, const struct gp__endpoint *peer,
                                       const struct gp__endpoint *local);
struct gp__conn *gp__sim_client_conn(struct gp__sim_client *client);

/* What gp__conn_facts() of the server's end says from now on: of a client whose TLS ends elsewhere. */
void gp__sim_client_facts(struct gp__sim_client *client,
                          void (*facts)(void *arg, struct gp_session *session), void *arg);

/* Sends bytes, in one piece, or in pieces of at most `piece` bytes; then settles. What the server
 * does not read while it pauses is kept. */
void gp__sim_client_send(struct gp__sim_client *client, struct gp_slice bytes);
void gp__sim_client_send_pieces(struct gp__sim_client *client, struct gp_slice bytes, size_t piece);

/* What the server wrote and was not taken; gp__sim_client_take() forgets n bytes of it. */
struct gp_slice gp__sim_client_output(const struct gp__sim_client *client);
void gp__sim_client_take(struct gp__sim_client *client, size_t n);

/* The client reads at most so many bytes more (SIZE_MAX at first); raising it lets the server's
 * unsent bytes come, and settles. */
void gp__sim_client_window(struct gp__sim_client *client, size_t bytes);

/* Half-close; break. Then settles. */
void gp__sim_client_eof(struct gp__sim_client *client);
void gp__sim_client_reset(struct gp__sim_client *client);

/* Whether the server said that no more comes; whether it closed altogether. */
bool gp__sim_client_eof_seen(const struct gp__sim_client *client);
bool gp__sim_client_closed(const struct gp__sim_client *client);

#endif

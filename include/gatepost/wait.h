// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that wait, written as straight-line code. The hook is parked and the worker serves others;
 * the call returns with the answer, or with GP_ETIMEDOUT (the instance's deadline or what is left
 * of the reply's time budget), GP_ECANCELED (the client is gone). Both are sticky: every later wait
 * of this call returns the same at once, so a hook unwinds by passing errors on.
 *
 * Legal where the hook may wait (docs/hooks.md); elsewhere GP_ENOTALLOWED, and a fault.
 *
 * Questions of which several make sense at once (time, DNS, tables) have a form ..._start() that
 * returns a gp_op at once. Operations belong to the call; those still unfinished when the hook
 * returns are cancelled. At most 64 at a time: the start form returns NULL and counts as a fault;
 * gp_wait() of NULL says why, so an answer needs no check before it is waited for.
 */
#ifndef GATEPOST_WAIT_H
#define GATEPOST_WAIT_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* ---- operations ---- */

/* Waits for one of n operations (NULLs are skipped): the index of one that is done, or an error
 * (GP_EINVAL: none given). Done operations are found at once; set them to NULL when handled. */
GP_API int gp_wait_any(struct gp_call *call, struct gp_op *const *ops, size_t n);

/* Waits for one, and returns its result: 0 or an error. */
GP_API int gp_wait(struct gp_call *call, struct gp_op *op);

GP_API bool gp_op_done(const struct gp_op *op);
GP_API void gp_op_cancel(struct gp_op *op);

/* ---- time and chance ---- */

/* At least 1 ms: a long computation gives others a turn with gp_sleep(call, 0). */
GP_API int gp_sleep(struct gp_call *call, uint64_t ms);
GP_API struct gp_op *gp_sleep_start(struct gp_call *call, uint64_t ms);

/* Sleeps until the client says something or leaves, at most ms: 1 it spoke, 0 time passed, or an
 * error. For looking for clients that talk before the greeting. */
GP_API int gp_wait_client(struct gp_call *call, uint64_t ms);

/* Milliseconds on a clock that never jumps; milliseconds since 1970, UTC. */
GP_API uint64_t gp_now(struct gp_call *call);
GP_API int64_t gp_wall_clock(struct gp_call *call);

/* Bytes nobody can guess (in the test kit: of a seeded sequence). */
GP_API void gp_random(struct gp_call *call, void *bytes, size_t len);

/* ---- DNS ---- */

enum gp_dns_type {
    GP_DNS_A = 1,
    GP_DNS_CNAME = 5,
    GP_DNS_PTR = 12,
    GP_DNS_MX = 15,
    GP_DNS_TXT = 16,
    GP_DNS_AAAA = 28,
    GP_DNS_TLSA = 52,
};

/*
 * Asks DNS. 0: there are records; GP_ENOTFOUND: the name, or this type of it, does not exist;
 * GP_ETEMP: no answer (time-out, SERVFAIL, bogus). *answer_r lives until the hook returns and may
 * be NULL after an error. Names are ASCII (A-labels), with or without the last dot; a malformed
 * name is GP_EINVAL.
 */
GP_API int gp_dns(struct gp_call *call, struct gp_slice name, enum gp_dns_type type,
                  const struct gp_dns_answer **answer_r);
GP_API struct gp_op *gp_dns_start(struct gp_call *call, struct gp_slice name,
                                  enum gp_dns_type type);
GP_API const struct gp_dns_answer *gp_dns_answer(const struct gp_op *op);

/* How many records: at most 100, more are dropped. */
GP_API size_t gp_dns_count(const struct gp_dns_answer *answer);

/*
 * The nth record as text: an address, a host name without the last dot, the strings of a TXT
 * joined, the octets of a TLSA. For MX the host ("" for a null MX), with its preference.
 */
GP_API struct gp_slice gp_dns_text(const struct gp_dns_answer *answer, size_t n);
GP_API unsigned gp_dns_preference(const struct gp_dns_answer *answer, size_t n);

/* Whether DNSSEC vouches for the answer; whether the name does not exist at all; seconds to live. */
GP_API bool gp_dns_secure(const struct gp_dns_answer *answer);
GP_API bool gp_dns_nxdomain(const struct gp_dns_answer *answer);
GP_API uint32_t gp_dns_ttl(const struct gp_dns_answer *answer);

/* ---- tables ---- */

/*
 * Looks a key up in a table of the configuration. 0 and a value (empty for lists), GP_ENOTFOUND,
 * or GP_ETEMP: the table could not answer, which never means "not there". The value lives until
 * the hook returns. value_r may be NULL. A key that is an address or a domain is found in A-labels
 * or U-labels, whichever it has: the table is asked for both, A-labels first.
 */
GP_API int gp_table_lookup(struct gp_call *call, struct gp_table *table, struct gp_slice key,
                           struct gp_slice *value_r);
GP_API struct gp_op *gp_table_lookup_start(struct gp_call *call, struct gp_table *table,
                                           struct gp_slice key);
GP_API struct gp_slice gp_table_value(const struct gp_op *op);

/* The name of the table, for messages. */
GP_API struct gp_slice gp_table_name(const struct gp_table *table);

/*
 * Looks an address up as lists of people do: the whole address, its domain, the domain's parents
 * with a leading dot (".example.org"), the local part with "@". The first that is found.
 */
GP_API int gp_table_lookup_address(struct gp_call *call, struct gp_table *table,
                                   struct gp_slice address, struct gp_slice *value_r);

/*
 * Looks an address up in the same way in a table of records (GP_TYPE_RECORDS), whose values are
 * fields: {"url": "https://…", "secret": "…"}, or a text alone, which is the first field. What is in the
 * record is bound into the struct as options are, by the rows of the option; what is not stays as it
 * is, so fill it with what holds otherwise before. Values live until the hook returns.
 *
 * 0, GP_ENOTFOUND, GP_EINVAL: the record is wrong (a field that is not known, a value that does not
 * fit), which is logged with the name of the table, and part of it may be bound; or as
 * gp_table_lookup_address(). Whatever else is wrong with the values is for the caller to say.
 */
GP_API int gp_record_find(struct gp_call *call, const struct gp_records *records,
                          struct gp_slice address, void *record);

/* ---- blocking code ---- */

/*
 * Runs fn in a thread of the work pool. It gets a private copy of the block, which is copied back
 * when it ends in time; so a deadline need not wait for it. fn must not call the API.
 */
GP_API int gp_work(struct gp_call *call, void (*fn)(void *block), void *block, size_t size);

/*
 * For a library that needs a thread of its own (made in create(), ended in destroy()): starts an
 * operation that the thread ends. Hand it the request and the waker, then wait for the operation:
 *
 *     struct gp_waker *waker;
 *     struct gp_op *op = gp_waker_start(call, &waker);
 *
 *     if (op)
 *         hand_over(self, request, waker);
 *     error = gp_wait(call, op);
 *
 * The hook may give up before the thread is done: memory of the request must not be the call's.
 * *waker_r is NULL when the operation is.
 */
GP_API struct gp_op *gp_waker_start(struct gp_call *call, struct gp_waker **waker_r);

/* From any thread: the operation is done. Exactly once for each waker, also when nobody waits any
 * more, and before destroy() returns; the waker is gone afterwards. */
GP_API void gp_waker_fire(struct gp_waker *waker);

/* ---- streams ---- */

/*
 * Connects to "host:port", "[v6]:port" or "unix:/path". Streams are closed when the hook returns,
 * unless they are kept in the instance by gp_stream_keep(). Needs GP_NEEDS_NETWORK.
 */
GP_API int gp_connect(struct gp_call *call, struct gp_slice address, struct gp_stream **stream_r);

/* The same, but GP_ETEMP when the connection is not there after ms (0: as long as the call). */
GP_API int gp_connect_within(struct gp_call *call, struct gp_slice address, uint64_t ms,
                             struct gp_stream **stream_r);

/* How long each later read or write of the stream may wait (0, as at first: as long as the call).
 * Then it is GP_ETEMP, and a write may have sent a part: close the stream. */
GP_API void gp_stream_timeout(struct gp_stream *stream, uint64_t ms);

/* Up to size bytes: how many, 0 at the end of the stream, or an error. */
GP_API int64_t gp_stream_read(struct gp_call *call, struct gp_stream *stream, void *bytes,
                              size_t size);

/* Until a newline (taken off, with a CR before it) or the maximum (at most 1 MiB): 1 a line, 0 the
 * end, or an error (GP_ELIMIT: too long; GP_ECLOSED: the stream ended within a line). The line
 * lives until the hook returns. */
GP_API int gp_stream_read_line(struct gp_call *call, struct gp_stream *stream, size_t max,
                               struct gp_slice *line_r);

/* All bytes, or an error. */
GP_API int gp_stream_write(struct gp_call *call, struct gp_stream *stream, struct gp_slice bytes);

/* Writes a whole message as it would leave. */
GP_API int gp_stream_write_message(struct gp_call *call, struct gp_stream *stream,
                                   struct gp_message *message);

/*
 * Writes what may leave without waiting, and so may be used where no hook waits: by observers, at
 * the end of a slot, by destroy(). 0: all of it. GP_ETEMP: there was no room, a part may have left.
 * GP_ECLOSED. After an error close the stream.
 */
GP_API int gp_stream_write_now(struct gp_stream *stream, struct gp_slice bytes);

/*
 * Keeps the stream past this call: the instance owns it until it closes it. A stream that belongs
 * to a session is kept in its slot and closed by session_slot_end(), which runs when the session is
 * over and nothing waits for it any more. A call that was told to unwind while it waited for a kept
 * stream leaves it in the middle of something: close it.
 */
GP_API void gp_stream_keep(struct gp_stream *stream);
GP_API void gp_stream_close(struct gp_stream **stream_);

/* Waits until a file descriptor of a library can be read or written. */
enum gp_fd_events {
    GP_FD_READ = 1,
    GP_FD_WRITE = 2,
};
GP_API int gp_wait_fd(struct gp_call *call, int fd, unsigned events);

GP_END_C

#endif

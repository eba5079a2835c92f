// SPDX-License-Identifier: Apache-2.0
/*
 * State: small values that outlive a session and are the same for all workers of a machine. Kept
 * by the plugin behind `state:` of the configuration; needs GP_NEEDS_STATE.
 *
 * - Keys belong to the instance: its namespace is its id, or what `state:` beside it says, so that
 *   instances can share one. In shadow mode it is always the id (and so warm on the day when the
 *   same instance is enforced): a shadow never writes what others read.
 * - A key is 1 to 400 bytes, a value at most 16 KiB: GP_ELIMIT.
 * - Time to live is in milliseconds from now, 0: for ever. An entry whose time is over is gone.
 *   The clock is the wall clock: entries outlive a restart.
 * - Each call is atomic: no other worker sees or does anything in between.
 * - A value that was read lives until the hook returns.
 *
 * All wait, as <gatepost/wait.h> says. GP_ENOTFOUND, GP_EEXIST are definite; GP_ENOSPC: the store
 * is full; GP_ETEMP: it could not answer, which never means "not there".
 */
#ifndef GATEPOST_STATE_H
#define GATEPOST_STATE_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* 0 or GP_ENOTFOUND. value_r may be NULL. */
GP_API int gp_state_get(struct gp_call *call, struct gp_slice key, struct gp_slice *value_r);

/* Sets value and time to live, whatever was there. */
GP_API int gp_state_put(struct gp_call *call, struct gp_slice key, struct gp_slice value,
                        uint64_t ttl_ms);

/* Sets it only if there is nothing: 0 and the value that was given, or GP_EEXIST and the one that
 * is there, whose time to live stays. value_r may be NULL. */
GP_API int gp_state_put_if_new(struct gp_call *call, struct gp_slice key, struct gp_slice value,
                               uint64_t ttl_ms, struct gp_slice *value_r);

/*
 * Adds to a number, which is 0 where nothing is, and gives the sum (sum_r may be NULL). The time to
 * live is set when the number comes into being and stays: a counter ends a fixed time after its
 * first event. As a value it reads in decimal. GP_EINVAL: what is there is no number; GP_ELIMIT:
 * the sum would not fit, and nothing was changed.
 */
GP_API int gp_state_add(struct gp_call *call, struct gp_slice key, int64_t n, uint64_t ttl_ms,
                        int64_t *sum_r);

/* 0, or GP_ENOTFOUND. */
GP_API int gp_state_delete(struct gp_call *call, struct gp_slice key);

/*
 * Calls fn for each key with the prefix (empty: all), in order of their bytes, until it returns
 * false. Key and value live until fn returns; fn may use the API. Not atomic: what changes
 * meanwhile may or may not be seen.
 */
GP_API int gp_state_each(struct gp_call *call, struct gp_slice prefix,
                         bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value),
                         void *arg);

/* ---- several at once ---- */

GP_API struct gp_op *gp_state_get_start(struct gp_call *call, struct gp_slice key);
GP_API struct gp_op *gp_state_put_if_new_start(struct gp_call *call, struct gp_slice key,
                                               struct gp_slice value, uint64_t ttl_ms);
GP_API struct gp_op *gp_state_add_start(struct gp_call *call, struct gp_slice key, int64_t n,
                                        uint64_t ttl_ms);

/* What a done operation found; its sum. */
GP_API struct gp_slice gp_state_value(const struct gp_op *op);
GP_API int64_t gp_state_sum(const struct gp_op *op);

/* ---- without waiting ---- */

/*
 * Hands the change over and goes on: legal at every hook, observers included. What becomes of it is
 * not told: a failure is logged and counted. It is made although the client leaves or the hook
 * returns. At most 1,000 of an instance may be under way: GP_ELIMIT.
 */
GP_API int gp_state_put_later(struct gp_call *call, struct gp_slice key, struct gp_slice value,
                              uint64_t ttl_ms);
GP_API int gp_state_add_later(struct gp_call *call, struct gp_slice key, int64_t n,
                              uint64_t ttl_ms);
GP_API int gp_state_delete_later(struct gp_call *call, struct gp_slice key);

/* ---- keys ---- */

/*
 * One key of several texts, such that different texts never give the same: they are joined by a
 * blank, with blanks, "%" and control characters in them written as %XX. What would be longer than
 * 400 bytes ends with a hash (128 bits) of the whole instead. Absent when no
 * memory is left.
 */
GP_API struct gp_slice gp_state_key(struct gp_call *call, const struct gp_slice *texts, size_t n);

GP_END_C

#endif

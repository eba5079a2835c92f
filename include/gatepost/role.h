// SPDX-License-Identifier: Apache-2.0
/*
 * Roles: services that a plugin offers to the host and, through the API, to other plugins. A role
 * is a sized struct of functions in the descriptor; its functions get a call like a hook does, may
 * wait, and have a deadline. `self` is the instance.
 */
#ifndef GATEPOST_ROLE_H
#define GATEPOST_ROLE_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* ---- table: keys to values ---- */

struct gp_table_role {
    size_t size; /* sizeof(struct gp_table_role) */

    /* 0 and *value_r (alive until the call ends; GP_S("") for "it is in"), GP_ENOTFOUND, or any
     * other error: the table could not answer, which callers treat as a temporary failure. */
    int (*lookup)(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r);
};

/* ---- target: takes messages for recipients ---- */

/* What became of a recipient at a target. */
enum gp_outcome {
    GP_OUTCOME_NONE = 0,  /* nothing said: counts as deferred */
    GP_OUTCOME_DELIVERED, /* the target has taken responsibility, durably */
    GP_OUTCOME_DEFERRED,  /* not now: 4xx */
    GP_OUTCOME_FAILED,    /* never: 5xx */
};

struct gp_target_role {
    size_t size; /* sizeof(struct gp_target_role) */

    /*
     * Takes a copy for its recipients and sets the outcome of each (gp_delivery_result). A target
     * with publish() must not make anything visible yet, only make sure that publish() will find
     * all it needs on stable storage. A return other than 0 counts as deferred for all recipients
     * without an outcome.
     */
    int (*deliver)(struct gp_call *call, void *self, struct gp_delivery *delivery);

    /*
     * Optional second step: makes visible what deliver() prepared. Called for all deliveries of a
     * transaction after every deliver() succeeded; must be quick and nearly sure to succeed. Goes on
     * when the client leaves. Past its deadline it has failed, whatever it returns.
     */
    int (*publish)(struct gp_call *call, void *self, struct gp_delivery *delivery);

    /* With publish(): takes back what deliver() prepared, because the transaction failed. Also
     * called at once after a deliver() that failed or was cancelled, and after a publish() that
     * failed: it must bear that nothing, or only a part, is there. Goes on when the client leaves.
     * Past its deadline what publish() was to show counts as shown. */
    void (*revoke)(struct gp_call *call, void *self, struct gp_delivery *delivery);

    /* Whether the queue should give it recipients of one domain at a time, because each domain is a
     * destination of its own; a direct delivery may still have several. */
    bool per_domain;

    /* Optional: whether the recipients would be taken, without a message (there is none:
     * gp_delivery_message() is NULL). Outcomes as of deliver(): DELIVERED for yes, FAILED for "there
     * is no such recipient", anything else: it can't be told now. */
    int (*verify)(struct gp_call *call, void *self, struct gp_delivery *delivery);
};

/* The message as this copy's recipients get it, without Return-Path (a target that is the final
 * delivery adds it: gp_delivery_return_path). */
GP_API struct gp_message *gp_delivery_message(struct gp_delivery *delivery);

/* "ID.a.r": names this delivery in logs; the copy's reverse-path; the bucket for held mail, absent
 * otherwise. */
GP_API struct gp_slice gp_delivery_id(const struct gp_delivery *delivery);
GP_API struct gp_slice gp_delivery_sender(const struct gp_delivery *delivery);
GP_API struct gp_slice gp_delivery_bucket(const struct gp_delivery *delivery);

/* "Return-Path: <a@b>\r\n" (RFC 5321 4.4). */
GP_API struct gp_slice gp_delivery_return_path(struct gp_call *call,
                                               const struct gp_delivery *delivery);

/* "Delivered-To: a@b\r\n" for one recipient (RFC 9228), for loop detection. */
GP_API struct gp_slice gp_delivery_delivered_to(struct gp_call *call,
                                                const struct gp_recipient *recipient);

GP_API size_t gp_delivery_rcpt_count(const struct gp_delivery *delivery);
GP_API struct gp_recipient *gp_delivery_rcpt_at(const struct gp_delivery *delivery, size_t index);

/* The outcome for the recipient at index, with a reply ("452 4.3.1", text); status and text may be
 * NULL for DELIVERED. The text is checked and escaped like any plugin's answer. */
GP_API void gp_delivery_result(struct gp_delivery *delivery, size_t index, enum gp_outcome outcome,
                               const char *status, const char *text);

/* Who said so, for logs and reports: "mx.example.org [192.0.2.1]". Printable, at most 400 bytes;
 * anything else is left out. */
GP_API void gp_delivery_remote(struct gp_delivery *delivery, size_t index, struct gp_slice remote);

/* It was delivered, to a host that makes no reports of success (RFC 3461 5.2.2): whoever asked for
 * one is told that it was relayed. */
GP_API void gp_delivery_relayed(struct gp_delivery *delivery, size_t index);

/* What the queue should know about the destination, apart from the recipients' outcomes. */
enum gp_advice {
    GP_ADVICE_DOWN = 1 << 0,     /* there was nobody: others need not be tried now */
    GP_ADVICE_SLOWDOWN = 1 << 1, /* it says that it is too much */
};

/* Adds to the advice. retry_after_ms: when the destination wants to be asked again; 0: it did not
 * say. */
GP_API void gp_delivery_advise(struct gp_delivery *delivery, unsigned advice,
                               uint64_t retry_after_ms);

/* The envelope and facts as one JSON object, for targets that keep them beside the message. */
GP_API struct gp_slice gp_delivery_json(struct gp_call *call, const struct gp_delivery *delivery);

/* Memory of this delivery between deliver() and publish(); zeroed. */
GP_API void *gp_delivery_alloc(struct gp_delivery *delivery, size_t size);
GP_API void gp_delivery_data_set(struct gp_delivery *delivery, void *data);
GP_API void *gp_delivery_data(const struct gp_delivery *delivery);

/* ---- auth: who may log in ---- */

/* What a backend can be asked, and so which mechanisms are offered. */
enum gp_auth_offer {
    GP_AUTH_PASSWORD = 1 << 0,      /* verify_password: PLAIN, LOGIN */
    GP_AUTH_SCRAM_SHA_1 = 1 << 1,   /* fetch_secret for "SCRAM-SHA-1" */
    GP_AUTH_SCRAM_SHA_256 = 1 << 2, /* the same for "SCRAM-SHA-256" */
    GP_AUTH_TOKEN = 1 << 3,         /* verify_token: OAUTHBEARER, XOAUTH2 */
};

/*
 * A backend. Users, passwords and tokens come from the network: names are UTF-8 of 1 to 255 bytes
 * without control characters, passwords the same up to 500, both prepared (RFC 4013); tokens are
 * visible ASCII up to 8 KiB. The session's facts (gp_client_ip, gp_tls_version …) can be asked.
 *
 * Each function returns 0 for yes, GP_ENOTFOUND for a definite no (the next backend of the listener
 * is asked), and any other error for "could not tell" (454 to the client, nobody else is asked).
 * A no must take as long for a user that does not exist as for a wrong password: see
 * gp_password_verify(). Memory of the call is wiped when it ends; wipe copies of your own, and log
 * no secret.
 */
struct gp_auth_role {
    size_t size; /* sizeof(struct gp_auth_role) */

    /* Optional: whether the password is right. */
    int (*verify_password)(struct gp_call *call, void *self, struct gp_slice user,
                           struct gp_slice password);

    /*
     * Optional: the stored secret for a mechanism, "SCRAM-SHA-256" or "SCRAM-SHA-1", as RFC 5803
     * has it: "SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY" with base64. With GP_ENOTFOUND
     * *secret_r may be the secret of some other user: only its number of iterations and the length
     * of its salt are used, so that the user seems to be there.
     */
    int (*fetch_secret)(struct gp_call *call, void *self, struct gp_slice user,
                        struct gp_slice mechanism, struct gp_slice *secret_r);

    /* Optional: the user that a bearer token stands for (RFC 7628). `user` is whom the client says
     * it is, empty if it does not; a token of somebody else is GP_ENOTFOUND. */
    int (*verify_token)(struct gp_call *call, void *self, struct gp_slice user,
                        struct gp_slice token, struct gp_slice *user_r);

    /* Optional: what this instance offers (enum gp_auth_offer), if its options decide. Asked once,
     * after create(). Without it: all that it has functions for. */
    unsigned (*offers)(void *self);
};

/* In verify_password: the name under which the backend knows the user, if it is not the one that
 * was given ("alice" logged in as "Alice@example.org"). 0, or GP_EINVAL: no name. */
GP_API int gp_auth_login_as(struct gp_call *call, struct gp_slice user);

/*
 * Whether a password is the one of a stored hash, computed in a thread of the work pool. Known are
 * those of crypt(3) ("$y$…" yescrypt, "$2b$…" bcrypt, "$6$…" sha512-crypt, "$5$…"), argon2
 * ("$argon2id$…", "$argon2i$…"), and SCRAM secrets ("SCRAM-SHA-256$…"); "{CRYPT}", "{BLF-CRYPT}",
 * "{ARGON2ID}" and the like in front are allowed. 0 yes, GP_ENOTFOUND no, GP_EINVAL: not such a
 * hash, GP_ETEMP: too much to do.
 *
 * An absent `stored` never fits and takes as long as one that `gatepost user` makes: for users that
 * do not exist.
 */
GP_API int gp_password_verify(struct gp_call *call, struct gp_slice stored,
                              struct gp_slice password);

/* Whether a hash is of a kind that gp_password_verify() knows. */
GP_API bool gp_password_known(struct gp_slice stored);

/* About how many microseconds trying a password on it takes, told from its parameters: for choosing
 * the dearest of several for users that do not exist. 0: of no such kind. */
GP_API uint64_t gp_password_cost(struct gp_slice stored);

/* ---- state: shared keys and counters with expiry ---- */

/*
 * What is behind <gatepost/state.h>, which says what each means. The host gives keys with their
 * namespace in front ("greylist/…"): 1 to 480 bytes; values of at most 16 KiB; ttl_ms 0: for ever.
 * Each function is atomic among all processes that use the same store, and answers GP_ENOSPC when
 * it is full; an error it does not state counts as GP_ETEMP. Values are in the call's memory
 * (gp_alloc). A change that was begun is made, also when the call is told to unwind.
 */
struct gp_state_role {
    size_t size; /* sizeof(struct gp_state_role) */

    /* GP_ENOTFOUND. */
    int (*get)(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r);
    int (*put)(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
               uint64_t ttl_ms);
    /* GP_EEXIST and the value that is there already, else 0 and the one given. */
    int (*put_if_new)(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
                      uint64_t ttl_ms, struct gp_slice *value_r);
    /* Adds to a number (from 0, with this time to live) and gives the sum. GP_EINVAL: no number;
     * GP_ELIMIT: out of range. */
    int (*add)(struct gp_call *call, void *self, struct gp_slice key, int64_t n, uint64_t ttl_ms,
               int64_t *sum_r);
    /* Calls fn for each key with the prefix, in order of bytes, until it returns false. fn may
     * wait, and call the role again: what is shown to it is a copy. */
    int (*each)(struct gp_call *call, void *self, struct gp_slice prefix,
                bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg);
    /* GP_ENOTFOUND. Not `delete`: the word is taken in C++. */
    int (*remove)(struct gp_call *call, void *self, struct gp_slice key);
};

/* ---- spool: where mail is safe once it was answered with 250 ---- */

/*
 * An engine behind the spool: it keeps records of the core, whose bytes mean nothing to it, and a
 * journal of the scheduler's. The core encodes, checks (each record has checksums of its own) and
 * decides; the engine promises that what it was given is there again, whoever dies.
 *
 * Who calls. Every process of the server has an instance with the same options: several workers and
 * the scheduler append, at the same time; the scheduler alone shows, removes and has the journal;
 * carriers and tools read. With `workers: 0` one instance does all of it. The scheduler's process
 * has nothing of the configuration but this instance: of options it can have texts, numbers,
 * paths and lists or objects of these, no tables, secrets, targets or commands.
 *
 * Who waits. append(), remove(), journal_append() and journal_switch() run on a fiber, wait as hooks
 * do, and are called again before earlier calls returned (but for the journal's, which come one at
 * a time). Nobody cancels them and they have no deadline: each must come to its end by itself, and
 * answers when it is decided. read(), show() and journal_show() answer at once, from what this machine
 * has: they may block for a disk, but a wait in them is a fault;
 * found() may ask them again.
 *
 * Errors: 0 is a promise, and stands when all processes die or the power goes at the next moment.
 * GP_ENOSPC: there is no room (452 to the client); GP_EIO, and all else that is not stated: it failed
 * (451). After any error of a change nothing of it may be kept, unless that can't be known (then it
 * may come twice, never be lost). read() and its like: GP_ENOTFOUND, GP_EIO.
 */
struct gp_spool_role {
    size_t size; /* sizeof(struct gp_spool_role) */

    /*
     * Keeps n records, all or none, and gives each its number. A record is a head (up to 64 MiB,
     * mostly one KiB) and a body (a message: up to what the configuration takes, or empty); the
     * bytes live until the return. Numbers are from 1 to 2^37, never given twice, also not after a
     * removal, and grow: once show() has shown a number no smaller one appears.
     */
    int (*append)(struct gp_call *call, void *self, const struct gp_slice *heads,
                  const struct gp_slice *bodies, size_t n, uint64_t *numbers_r);

    /* Calls found() with the record of that number; its bytes live until found() returns. */
    int (*read)(struct gp_call *call, void *self, uint64_t number,
                void (*found)(void *arg, struct gp_slice head, struct gp_slice body), void *arg);

    /* Calls found() with the heads of the records after a number, in order of their numbers, until it
     * returns false: all that append() said yes to before this call, of any process. */
    int (*show)(struct gp_call *call, void *self, uint64_t after,
                bool (*found)(void *arg, uint64_t number, struct gp_slice head), void *arg);

    /* Removes the records from number `first` to `last`; those that are not there are no error. */
    int (*remove)(struct gp_call *call, void *self, uint64_t first, uint64_t last);

    /*
     * The journal: small records (up to 1 MiB, mostly 30 bytes), in the order in which they were
     * appended. There may be several, known by number, of which one counts: 0 in the beginning, then
     * the one that journal_switch() has named. The scheduler writes a new one beside it, switches,
     * and what was appended to any other is gone.
     */

    /* Keeps n records behind those that are there, all or none. */
    int (*journal_append)(struct gp_call *call, void *self, uint64_t journal,
                          const struct gp_slice *records, size_t n);

    /* From now on this one counts. */
    int (*journal_switch)(struct gp_call *call, void *self, uint64_t journal);

    /* Calls found() with each record of the journal that counts, and says its number. */
    int (*journal_show)(struct gp_call *call, void *self, uint64_t *journal_r,
                        void (*found)(void *arg, struct gp_slice record), void *arg);
};

GP_END_C

#endif

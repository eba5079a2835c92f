// SPDX-License-Identifier: Apache-2.0
/*
 * One run of one scenario: a simulated world, the real server in it, and what was seen so far.
 * Shared by the files that prepare it (given), act on it (when) and look at it (expect).
 */
#ifndef GP_KIT_KIT_H
#define GP_KIT_KIT_H

#include "core/base/log.h"
#include "core/hook/policy.h"
#include "core/runtime/sim.h"
#include "core/server/generation.h"
#include "core/server/server.h"
#include "sdk/kit/config_text.h"
#include "sdk/kit/run.h"
#include "sdk/kit/scenario.h"
#include "sdk/kit/state.h"

/* A message that reached the built-in target, or a bucket. */
struct gp__kit_capture {
    struct gp__kit_capture *next;
    struct gp_slice id;              /* of the delivery */
    struct gp_slice bucket;          /* absent: delivered */
    struct gp_slice sender;          /* reverse-path; absent: held */
    struct gp_slice bytes, original; /* original: absent if it is not known */
    struct gp_slice *recipients;
    size_t n_recipients;
};

/* What was known of a recipient when its transaction ended. */
struct gp__kit_recipient {
    struct gp_slice address;
    enum gp__fate fate;
    struct gp_slice bucket;
    struct gp__notes notes;
};

/* A transaction that ended. */
struct gp__kit_ended {
    struct gp_slice id; /* absent: none did */
    struct gp__notes notes;
    struct gp__kit_recipient *recipients;
    size_t n_recipients;
};

/* What was held of it, as a spool has it. */
struct gp__kit_kept {
    struct gp_slice head, base; /* of an entry; absent: nothing was held */
};

/* What an instance had done when the last `when` began. */
struct gp__kit_mark {
    struct {
        uint64_t verdicts[GP_VERDICT_COUNT], faults, canceled;
    } at[GP_HOOK_COUNT];
};

/* TLS of the sessions that are opened; absent: none. */
struct gp__kit_tls {
    struct gp_slice version, cipher, server_name, client_name;
};

/* A client's connection. Several can be open: one is the current one. */
struct gp__kit_session {
    struct gp__kit_session *next;
    struct gp_slice name; /* after `as`; empty without */
    struct gp__sim_client *client;
    struct gp__client *serving; /* gone when the server has forgotten it */
};

struct gp__kit_reply {
    unsigned code;        /* 0: none came */
    struct gp_slice text; /* its lines without their codes, joined by LF */
};

struct gp__kit {
    const struct gp__kit_options *options;
    const struct gp__kit_file *file;
    const struct gp__kit_scenario *scenario;
    struct gp__arena *arena;
    struct gp__buf report; /* of failures */
    unsigned failures;
    bool stopped; /* the rest of the steps makes no sense */

    struct gp__log log;
    struct gp__runtime *rt;
    struct gp__kit_state state;
    struct gp__kit_config config;
    struct gp__generation *generation;
    const struct gp__entrance *entrance;
    struct gp__server server;
    unsigned turns;      /* of the loop while instances are made */
    bool begun;          /* the configuration was loaded, or tried */
    bool expects_errors; /* the scenario is about a configuration that does not load */

    struct gp__buf log_text;    /* all lines so far */
    size_t log_mark;            /* where those of the last `when` begin */
    struct gp__kit_mark *marks; /* by index in the generation */

    struct gp__kit_tls tls;
    struct gp__kit_session *sessions; /* that are open */
    struct gp__kit_session *session;  /* the current one; or NULL */
    struct gp__buf transcript;

    /* The last `when`. */
    const struct gp__kit_step *when; /* NULL: none yet */
    struct gp__kit_reply reply;      /* the last of its replies */
    struct gp__buf codes;            /* of all of them: "250 354" */
    bool refused;                    /* one of them was a refusal */
    uint64_t took_ms;

    struct gp_slice sent; /* the message that was sent last, as bytes on the wire */
    struct gp__kit_capture *captures, **captures_end;
    struct gp__kit_ended ended; /* the last transaction that ended */
    struct gp__kit_kept kept;
    struct gp__notes session_notes; /* of the session that ended last */
};

/* ---- reporting (run.c) ---- */

/* A failed expectation: what came instead. */
void gp__kit_fail(struct gp__kit *kit, const struct gp__kit_step *step, const char *format, ...)
    GP_PRINTF(3, 4);

/* ---- the world (world.c) ---- */

/* Makes the runtime; loads the configuration and starts the server, once. */
void gp__kit_create(struct gp__kit *kit);
void gp__kit_begin(struct gp__kit *kit);
void gp__kit_destroy(struct gp__kit *kit);

/* The instance of that name, or NULL. */
struct gp__instance *gp__kit_instance(const struct gp__kit *kit, struct gp_slice id);

/* Remembers what was before a `when`. */
void gp__kit_mark(struct gp__kit *kit, const struct gp__kit_step *step);

/* Since the last mark: faults of an instance at all points, or verdicts (at one, or with
 * GP_HOOK_COUNT at all points). */
uint64_t gp__kit_faults(const struct gp__kit *kit, const struct gp__instance *instance);
uint64_t gp__kit_verdicts(const struct gp__kit *kit, const struct gp__instance *instance,
                          enum gp_verdict verdict, unsigned point);

/* Lines of the log since the last mark, or since the beginning. */
struct gp_slice gp__kit_log(const struct gp__kit *kit, bool all);

/* The value of a field of a log line; absent if it has none. In the kit's arena. */
struct gp_slice gp__kit_log_field(struct gp__kit *kit, struct gp_slice line, const char *key);

/* Takes notice of what reached buckets since the last time. */
void gp__kit_find_held(struct gp__kit *kit);

/* ---- the session (session.c) ---- */

/* Where a client comes from when it does not say. */
#define GP__KIT_CLIENT "203.0.113.7"
#define GP__KIT_SERVER "198.51.100.25"

/* Opens a session and makes it the current one; one of the same name that is open is left. */
void gp__kit_open(struct gp__kit *kit, struct gp_slice name, const struct gp__endpoint *peer,
                  struct gp_slice early);

/* The facts of a session in TLS as `given tls` has them; for gp__sim_client_facts(). */
void gp__kit_tls_facts(void *kit, struct gp_session *session);

/* Makes another session the current one. 0, or -1: there is none of this name. */
int gp__kit_use(struct gp__kit *kit, struct gp_slice name);

/* Sends bytes and waits, in virtual time, until the server has nothing more to say. */
void gp__kit_exchange(struct gp__kit *kit, struct gp_slice bytes);

/* The same with a line, to which CRLF is added. */
void gp__kit_command(struct gp__kit *kit, const char *format, ...) GP_PRINTF(2, 3);

/* Sends without waiting: the clock stands still. */
void gp__kit_push(struct gp__kit *kit, struct gp_slice bytes);

/* Takes what the server said by itself. */
void gp__kit_listen(struct gp__kit *kit);

/* The client leaves. */
void gp__kit_leave(struct gp__kit *kit);

/* Whether the server has said that no more comes. */
bool gp__kit_closed(const struct gp__kit *kit);

/* The session on the server's side, while there is one. */
struct gp_session *gp__kit_session(const struct gp__kit *kit);

/* A message as it goes over the wire: lines end with CRLF; then with dots doubled (RFC 5321 4.5.2)
 * and the final dot. In the arena. */
struct gp_slice gp__kit_lines(struct gp__arena *arena, struct gp_slice text);
struct gp_slice gp__kit_stuffed(struct gp__arena *arena, struct gp_slice bytes);

/* ---- the plugin of the kit (plugin.c) ---- */

/* Target of the default route, observer at the end of the chain, and the state. */
extern const struct gp_plugin gp__kit_plugin;

/* ---- held mail (release.c) ---- */

/* The last message is accepted: what is held of it can be let go. */
void gp__kit_keep(struct gp__kit *kit, struct gp__policy *policy);

/* ---- given, when, expect ---- */

#define GP__KIT_RUN(name) void name(struct gp__kit *kit, const struct gp__kit_step *step)

GP__KIT_RUN(gp__kit_given_dns);
GP__KIT_RUN(gp__kit_given_file);
GP__KIT_RUN(gp__kit_given_fault);
GP__KIT_RUN(gp__kit_given_slow_files);
GP__KIT_RUN(gp__kit_given_peer);
GP__KIT_RUN(gp__kit_given_tls);
GP__KIT_RUN(gp__kit_given_client_certificate);
GP__KIT_RUN(gp__kit_given_http);
GP__KIT_RUN(gp__kit_given_command);
GP__KIT_RUN(gp__kit_given_state);
GP__KIT_RUN(gp__kit_given_slow_state);

GP__KIT_RUN(gp__kit_when_auth);
GP__KIT_RUN(gp__kit_when_bdat);
GP__KIT_RUN(gp__kit_when_command);
GP__KIT_RUN(gp__kit_when_connect);
GP__KIT_RUN(gp__kit_when_data);
GP__KIT_RUN(gp__kit_when_disconnect);
GP__KIT_RUN(gp__kit_when_helo);
GP__KIT_RUN(gp__kit_when_mail);
GP__KIT_RUN(gp__kit_when_noop);
GP__KIT_RUN(gp__kit_when_push);
GP__KIT_RUN(gp__kit_when_quit);
GP__KIT_RUN(gp__kit_when_rcpt);
GP__KIT_RUN(gp__kit_when_release);
GP__KIT_RUN(gp__kit_when_rset);
GP__KIT_RUN(gp__kit_when_scram);
GP__KIT_RUN(gp__kit_when_send);
GP__KIT_RUN(gp__kit_when_tick);
GP__KIT_RUN(gp__kit_when_token);
GP__KIT_RUN(gp__kit_when_use);
GP__KIT_RUN(gp__kit_when_vrfy);
GP__KIT_RUN(gp__kit_when_wait);

GP__KIT_RUN(gp__kit_expect_accept);
GP__KIT_RUN(gp__kit_expect_body);
GP__KIT_RUN(gp__kit_expect_call);
GP__KIT_RUN(gp__kit_expect_closed);
GP__KIT_RUN(gp__kit_expect_config);
GP__KIT_RUN(gp__kit_expect_count);
GP__KIT_RUN(gp__kit_expect_defer);
GP__KIT_RUN(gp__kit_expect_delivered);
GP__KIT_RUN(gp__kit_expect_dropped);
GP__KIT_RUN(gp__kit_expect_edits);
GP__KIT_RUN(gp__kit_expect_fault);
GP__KIT_RUN(gp__kit_expect_file);
GP__KIT_RUN(gp__kit_expect_files);
GP__KIT_RUN(gp__kit_expect_header);
GP__KIT_RUN(gp__kit_expect_sender);
GP__KIT_RUN(gp__kit_expect_held);
GP__KIT_RUN(gp__kit_expect_log);
GP__KIT_RUN(gp__kit_expect_note);
GP__KIT_RUN(gp__kit_expect_reject);
GP__KIT_RUN(gp__kit_expect_replies);
GP__KIT_RUN(gp__kit_expect_reply);
GP__KIT_RUN(gp__kit_expect_state);
GP__KIT_RUN(gp__kit_expect_took);
GP__KIT_RUN(gp__kit_expect_verdict);

#endif

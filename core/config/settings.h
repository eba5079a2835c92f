// SPDX-License-Identifier: Apache-2.0
/*
 * A generation: the whole configuration, typed, checked and immutable, in one arena.
 *
 *     struct gp__diag *diag = gp__diag_create();
 *     struct gp__settings *settings = gp__settings_load("/etc/gatepost/gatepost.yaml", &host, diag);
 *     ... gp__diag_print(diag, GP__DIAG_TEXT, &out) says what is wrong, also when it loaded ...
 *     gp__settings_free(&settings);
 *
 * It reads files (through the given functions) and does nothing else: no address is resolved, no
 * plugin is created. Everything in a generation lives until gp__settings_free, which also wipes
 * its secrets. One thread at a time.
 */
#ifndef GP_CONFIG_SETTINGS_H
#define GP_CONFIG_SETTINGS_H

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/base/peer.h"
#include "core/config/diag.h"
#include "core/config/endpoint.h"
#include "core/config/files.h"
#include "core/config/node.h"
#include "core/config/outbound_settings.h"
#include "core/config/tls_settings.h"
#include "core/hook/policy.h"
#include "core/hook/table.h"
#include "core/hook/when.h"
#include "core/smtp/server.h"

#include <gatepost/option.h>
#include <gatepost/plugin.h>

/* What the loader asks the rest of the program. */
struct gp__config_host {
    const struct gp__config_files *files;

    /* The descriptor of a plugin. NULL with *error_r == NULL: there is none of this name; NULL
     * with a text: it cannot be used. Descriptor and text outlive the generation. */
    const struct gp_plugin *(*descriptor)(void *arg, struct gp_slice name, const char **error_r);

    /* Optional: told `plugins: {path: …}` (struct gp_slice items) before the first descriptor. */
    void (*plugin_path)(void *arg, const struct gp_list *dirs);

    /* Optional: calls found() with the name of each plugin there is, for suggestions. */
    void (*plugin_names)(void *arg, void (*found)(void *found_arg, struct gp_slice name),
                         void *found_arg);

    /* Optional, for what only the runtime can tell of PEM texts: a chain with its key, a file of CA
     * certificates. 0: fine. 1: it can be used, but *problem_r says what is wrong. -1: it cannot. */
    int (*certificate)(void *arg, struct gp_slice chain, struct gp_slice key,
                       struct gp__buf *problem_r);
    int (*authorities)(void *arg, struct gp_slice pem, struct gp__buf *problem_r);

    /* Optional: whether a spool can be kept at this path, by the plugin of this name or
     * (NULL) the log. 0; or what is wrong and 1: another process
     * may be able to, -1: none can. */
    int (*spool)(void *arg, const char *path, const char *kept_by, struct gp__buf *problem_r);

    /* Optional: whether mail should be kept below this path. 0, or 1 and what is against it. */
    int (*store)(void *arg, const char *path, struct gp__buf *problem_r);

    /* Optional: whether this can be the text of a notification. 0, or -1 and what is wrong. */
    int (*template)(void *arg, struct gp_slice text, struct gp__buf *problem_r);

    /* Makes a key and a certificate that is its own authority. NULL where files are only read. */
    int (*self_sign)(void *arg, const char *cert_path, const char *key_path,
                     struct gp_slice hostname, struct gp__buf *error_r);
    void *arg;
};

/* A use of a plugin as a service: of a table, a target, a backend of AUTH or the state. */
struct gp__service {
    struct gp_slice name; /* of an anonymous table: "(FILE:LINE)" */
    size_t index;         /* in the array it stands in */
    const struct gp_plugin *plugin;
    const void *options; /* plugin->instance_size bytes, to be copied by each instance */
    const struct gp__node *node;
};

/* Tables stand in the order in which they can be created: one that another needs comes before
 * it. The handle is what plugins' options and conditions point to; its maker sets `instance`. */
struct gp__table_settings {
    struct gp__service service; /* plugin is NULL when the table is written in place */
    struct gp_table handle;     /* name and entries are set */
    bool actions_checked;
};

struct gp__target_settings {
    struct gp__service service;
    bool used; /* by a route or by an instance */
};

struct gp__auth_settings {
    struct gp__service service;
    bool used; /* by a listener */
};

enum gp__mode {
    GP__MODE_ENFORCE = 0,
    GP__MODE_SHADOW,
};

enum gp__isolation {
    GP__ISOLATION_INLINE = 0,
};

/* One use of a plugin in a chain. Groups are resolved: `when` holds their conditions too. */
struct gp__use {
    struct gp_slice id; /* unique in the generation */
    size_t index;       /* in gp__settings.instances */
    const struct gp_plugin *plugin;
    const void *options; /* plugin->instance_size bytes, to be copied; NULL if that is 0 */
    uint64_t deadline_ms;
    enum gp_on_error on_error;
    enum gp__mode mode;
    enum gp__isolation isolation;
    bool has_refuse_at; /* else the listener's */
    enum gp__refuse_at refuse_at;
    bool even_authenticated;     /* AUTH does not clear its refusals */
    struct gp_slice state_name;  /* namespace of its state: its id, or one that it shares */
    const struct gp__when *when; /* NULL: always */
    const struct gp__node *node;
};

struct gp__chain_settings {
    struct gp_slice name;
    size_t index;
    const struct gp__use *const *items; /* in the order in which they are asked */
    size_t count;
    bool used; /* by a listener */
    const struct gp__node *node;
};

struct gp__listener_settings {
    struct gp_slice name;
    size_t index;
    const struct gp__endpoint_text *addresses;
    size_t n_addresses;
    struct gp__smtp_settings smtp;          /* complete: limits are the global ones and its own */
    const struct gp__chain_settings *chain; /* NULL: no hooks */
    enum gp__refuse_at refuse_at;
    enum gp__mixed_reject mixed_reject;
    bool one_policy;
    bool dedupe;                                  /* by doubt */
    const struct gp__auth_settings *const *auths; /* asked in this order */
    size_t n_auths;
    unsigned
        auth_mechanisms; /* 1 << enum gp__sasl_name: that may be offered if somebody serves them */
    bool submission;     /* completes messages (RFC 6409 section 8) */
    bool relay_authenticated;
    bool relay_local;                /* clients of a UNIX socket */
    const struct gp__network *relay; /* clients that may relay */
    size_t n_relay;
    struct gp__peers proxy;           /* must send the PROXY protocol's header */
    struct gp__peers xclient;         /* may say XCLIENT */
    struct gp__peers xforward;        /* may say XFORWARD */
    const struct gp__pattern *exempt; /* recipients that pending refusals do not touch */
    size_t n_exempt;
    unsigned socket_mode; /* of the file of a UNIX socket */
    int64_t backlog;
    enum gp__tls_mode tls;
    const struct gp__tls_settings *tls_settings; /* the global ones, or its own */
    int64_t sessions;                            /* at once; 421 4.3.2 beyond */
    int64_t sessions_per_client;                 /* at once, of one IP address; 421 4.7.0 beyond */
    struct gp_rate rate, rate_per_client;        /* of new sessions; count 0: any */
    const struct gp__node *node;
};

struct gp__route_settings {
    struct gp_slice name;
    size_t index;
    const struct gp__when *match; /* never NULL; without facts it matches everyone */
    bool relay;                   /* asks for the right to relay: its recipients are not ours */
    struct gp_table *valid;       /* NULL: every recipient it matches is valid */
    const struct gp__target_settings *to;
    const struct gp__target_settings *ask; /* whom to ask for recipients; NULL: nobody */
    uint64_t ask_yes, ask_no;              /* ms that an answer is kept */
    bool ask_unsure_accepts;
    const struct gp__target_settings *fallback; /* takes what `to` cannot take now; or NULL */
    bool direct;                                /* the target's own answer is the reply */
    const struct gp__queue_settings *queue;     /* also for what a direct target defers */
    const struct gp__node *node;
};

struct gp__engine_settings {
    struct gp__service service;     /* plugin is NULL after an error */
    const struct gp__node *written; /* its options with absolute paths, for who has no more */
};

/* Where mail is kept until it is delivered, released or gone. */
struct gp__spool_section {
    struct gp_slice path; /* absent: there is none */
    uint64_t keep_free, segment, large;
    struct gp_slice engine_name;
    const struct gp__engine_settings *engine; /* NULL: the log */
};

/* What a scheduler takes. */
#define GP__WAITS_MAX 100u /* in a list */
#define GP__QUEUES_MAX 1000u
#define GP__BUCKETS_MAX 1000u
#define GP__ROUTES_MAX 10000u

/* Waits before the second attempt, the third …; the last one is repeated. */
struct gp__waits {
    const uint64_t *ms;
    size_t n;
};

/* How long and how hard delivery is tried. */
struct gp__queue_settings {
    struct gp_slice name;
    struct gp__waits retry;
    struct gp__waits unreachable, greylisted, full, busy; /* after such answers; none: `retry` */
    uint64_t expire_ms, warn_ms;                          /* warn 0: never */
    int64_t connections;                                  /* of a destination at once */
    struct gp_rate rate;                                  /* of a destination; count 0: any */
    struct gp_slice fair_by;                              /* a kept note; absent: none */
    bool used;                                            /* by a route */
    const struct gp__node *node;
};

enum gp__held_then {
    GP__HELD_DELETE = 0,
    GP__HELD_BOUNCE,
    GP__HELD_DELIVER,
};

enum gp__bucket_release {
    GP__RELEASE_ADMIN = 0,
    GP__RELEASE_RECIPIENT,
    GP__RELEASE_SENDER,
};

struct gp__bucket_settings {
    struct gp_slice name;
    uint64_t expire_ms; /* 0: never */
    enum gp__held_then then;
    enum gp__bucket_release release;
};

enum gp__bounce_to {
    GP__BOUNCE_TO_AUTHENTICATED = 1 << 0,
    GP__BOUNCE_TO_SPF_PASS = 1 << 1,
    GP__BOUNCE_TO_DKIM_PASS = 1 << 2,
};

struct gp__bounce_settings {
    unsigned to; /* enum gp__bounce_to */
    bool mixed_reject_given;
    enum gp__mixed_reject mixed_reject;         /* of listeners that do not say */
    struct gp_slice failed, delayed, delivered; /* templates of texts; absent: built-in */
};

enum gp__resolvers {
    GP__RESOLVERS_SYSTEM = 0, /* /etc/resolv.conf */
    GP__RESOLVERS_RECURSIVE,  /* ask the root servers and down from there */
    GP__RESOLVERS_LIST,       /* forward to `list` */
};

struct gp__dns_settings {
    enum gp__resolvers resolvers;
    const struct gp__endpoint_text *list; /* IP addresses and ports */
    size_t n_list;
    int dnssec;               /* auto, on, off: enum gp__dnssec of the runtime */
    uint64_t timeout;         /* ms */
    struct gp_slice root_key; /* absent: where the system has it */
};

struct gp__log_settings {
    struct gp_slice to; /* "stderr", "syslog" or an absolute path */
    int format;         /* enum gp__log_format */
    int level;          /* enum gp_log_level */
};

/* Milliseconds that all hooks before a reply have together. */
struct gp__answer_within {
    uint64_t greeting, command, data, message;
};

struct gp__work_settings {
    int64_t threads;
};

struct gp__memory_settings {
    uint64_t message; /* bytes of a message before the rest goes to a file */
    struct gp_slice spill_to;
};

/* What failed logins lead to. */
struct gp__auth_guard_settings {
    uint64_t delay, max_delay, lock;        /* ms */
    int64_t client_failures, user_failures; /* until the lock */
    int64_t remembered;                     /* addresses and users at once */
    struct gp_slice decoy_key;              /* absent: one of the process */
};

/* Whom the control socket answers, besides root and the service's own user. */
struct gp__control_settings {
    struct gp_slice path; /* absent: there is none */
    unsigned mode;        /* of its file */
    struct gp_slice group;
    struct gp_slice release_group; /* may only release held mail, in somebody's name */
    uint64_t idle;                 /* ms */
};

/* Processes, their rights, and how operators reach them. */
struct gp__process_settings {
    int64_t workers;             /* 0: everything in one process; -1: one a processor */
    int64_t carriers;            /* -1: as many as workers */
    struct gp_slice user, group; /* absent: the one that is there for us, or who started it */
    bool sandbox;
    uint64_t stop_within, reload_within; /* ms that sessions have to end */
    uint64_t heartbeat;                  /* ms without a sign of life before a worker is replaced */
    uint64_t recheck;                    /* ms between looks at files that change by themselves */
    int64_t open_files;                  /* of a worker */
    bool core_files;
    struct gp_slice pid_file; /* absent: none */
    struct gp__control_settings control;
    struct gp_slice metrics; /* address of the HTTP end point; absent: none */
};

/* From when on nothing new is taken. */
struct gp__shed_settings {
    uint64_t memory;    /* bytes of the process; 0: never */
    uint64_t keep_free; /* bytes of the directories for mail; 0: never */
};

struct gp__settings {
    struct gp__arena *arena;
    struct gp_slice hostname;
    const struct gp_list *plugin_path; /* struct gp_slice */
    struct gp__limits limits;
    struct gp__answer_within answer_within;
    struct gp_slice authserv_id; /* the hostname unless given */
    struct gp__dns_settings dns;
    struct gp__log_settings log;
    struct gp__work_settings work;
    struct gp__memory_settings memory;
    const struct gp__tls_settings *tls;
    const struct gp__outbound_settings *outbound; /* never NULL */
    struct gp__process_settings process;
    struct gp__shed_settings overload;

    struct gp__spool_section spool;
    const struct gp__queue_settings *queues; /* one is "default" */
    size_t n_queues;
    struct gp__bounce_settings bounces;
    struct gp_slice hold_path;   /* of held mail where there is no spool; absent: none */
    struct gp_slice hold_bucket; /* for what the core itself holds */
    const struct gp_slice *buckets;
    const struct gp__bucket_settings *bucket_list; /* the same, and what they are */
    size_t n_buckets;

    struct gp__table_settings *const *tables; /* named and anonymous */
    size_t n_tables;
    struct gp__target_settings *const *targets;
    size_t n_targets;
    const struct gp__service *state; /* NULL: there is none */
    struct gp__auth_settings *const *auths;
    size_t n_auths;
    struct gp__auth_guard_settings auth_guard;
    const struct gp__use *const *instances; /* of all chains */
    size_t n_instances;
    struct gp_command *commands; /* that plugins may run, in order; core/config/value.h */
    size_t n_commands;
    const struct gp__chain_settings *const *chains;
    size_t n_chains;
    const struct gp__listener_settings *const *listeners;
    size_t n_listeners;
    const struct gp__route_settings *const
        *routes; /* in order: the first match owns the recipient */
    size_t n_routes;

    const struct gp__node *shown; /* the effective configuration, for gp__show */
};

/*
 * Reads and checks a configuration file with its includes. All problems go to `diag`, whose source
 * lines are complete afterwards. NULL when there was an error; the diag keeps nothing of the
 * generation. `host` is not kept.
 */
struct gp__settings *gp__settings_load(const char *path, const struct gp__config_host *host,
                                       struct gp__diag *diag);

/* Frees the generation and wipes its secrets. */
void gp__settings_free(struct gp__settings **settings_);

/* By name; NULL when there is none. */
const struct gp__listener_settings *gp__settings_listener(const struct gp__settings *settings,
                                                          struct gp_slice name);
const struct gp__target_settings *gp__settings_target(const struct gp__settings *settings,
                                                      struct gp_slice name);
const struct gp__queue_settings *gp__settings_queue(const struct gp__settings *settings,
                                                    struct gp_slice name);

/* Whether there is a place for held mail: the spool, or the directory of `hold:`. */
bool gp__settings_can_hold(const struct gp__settings *settings);
bool gp__settings_bucket(const struct gp__settings *settings, struct gp_slice name);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * A generation while it is being loaded: what the files of the sections share. Every function goes
 * on after an error, so that all are reported; the diagnostics decide in the end.
 */
#ifndef GP_CONFIG_LOAD_H
#define GP_CONFIG_LOAD_H

#include "core/base/map.h"
#include "core/config/bind.h"
#include "core/config/settings.h"

struct gp__load {
    struct gp__arena *arena;
    const struct gp__config_host *host;
    struct gp__diag *diag;
    struct gp__settings *settings;
    struct gp__binder binder;
    const struct gp__node *root; /* the files merged; a mapping */
    struct gp__node *shown;      /* grows by a pair a section */

    struct gp__map tables, targets, auths, engines, chains, listeners, routes, queues,
        ids;              /* by name */
    unsigned table_depth; /* of tables in tables */

    struct gp__table_settings **table_list; /* in the order in which they can be created */
    size_t table_cap;
    struct gp__use **instance_list;
    size_t instance_cap;
    struct gp__queue_settings *queue_list;
    const struct gp__node **notes; /* options that name one, for later checks */
    size_t n_notes, notes_cap;
};

/* Every condition is made with the place where it stands, for later checks. */
struct gp__when_at {
    struct gp__when when;
    const struct gp__node *at;
};

/* ---- include.c ---- */

/* Reads a file and all it includes, and merges them. NULL after errors. */
const struct gp__node *gp__load_files(struct gp__load *load, const char *path);

/* ---- settings_service.c: plugins, tables, targets ---- */

/* A plugin by name, or NULL after a diagnostic. */
const struct gp_plugin *gp__load_plugin(struct gp__load *load, const struct gp__node *at,
                                        struct gp_slice name);

/* Its options, bound; NULL when it has none. Problems go to the diagnostics. */
const void *gp__load_options(struct gp__load *load, const struct gp_plugin *plugin,
                             const struct gp__node *node, const struct gp__node *at,
                             const struct gp__node **shown_r);

/* The plugin of a service of this kind, or NULL after a diagnostic. */
typedef const struct gp_plugin *gp__load_pick_fn(struct gp__load *load,
                                                 const struct gp__node *kind);

/* "NAME: {KIND: options}": fills the plugin and its options. `form` is what the
 * diagnostic says if it is not so written. The effective form; that of the options is the value of its pair. */
const struct gp__node *gp__load_service(struct gp__load *load, const struct gp__pair *pair,
                                        const char *form, gp__load_pick_fn *pick,
                                        struct gp__service *service);

/* The sections `tables` and `targets`. */
void gp__load_services(struct gp__load *load);

/* As gp__binder.table and .target; arg is the load. */
int gp__load_table_ref(void *arg, const struct gp__node *node, struct gp_slice ref,
                       struct gp_table **table_r);
int gp__load_target_ref(void *arg, const struct gp__node *node, struct gp_slice name);

/* A plugin by the kind of a service: PREFIX_KIND, else KIND. NULL after a diagnostic. */
const struct gp_plugin *gp__load_kind(struct gp__load *load, const struct gp__node *at,
                                      const char *prefix, struct gp_slice kind);

/* ---- settings_queue.c ---- */

/* What the rows of the top, and those below, fill. */
struct gp__queue_raw {
    struct gp__spool_raw {
        struct gp_slice path, engine;
        uint64_t keep_free, segment, large;
    } spool;
    struct gp__bounce_raw {
        const struct gp_list *to;
        int mixed_reject;
        struct gp_slice bucket;
        struct gp__bounce_texts {
            struct gp_slice failed, delayed, delivered; /* paths of files */
        } templates;
    } bounces;
};

extern const struct gp_option gp__spool_rows[], gp__bounce_rows[], gp__queue_rows[],
    gp__bucket_rows[];
extern const char *const gp__queue_own[], *const gp__mixed_names[];

/* The sections `spool`, `queue`, `buckets` and `bounces`. */
void gp__load_queue(struct gp__load *load, const struct gp__queue_raw *raw);

/* A policy by name, which is used now, or NULL after a diagnostic. */
const struct gp__queue_settings *gp__load_queue_ref(struct gp__load *load,
                                                    const struct gp__node *at,
                                                    struct gp_slice name);

/* As gp__binder.bucket; arg is the load. */
int gp__load_bucket_ref(void *arg, const struct gp__node *node, struct gp_slice name);

/* What a binder calls for a note, and for what a table in place has as values. */
void gp__load_note_ref(void *arg, const struct gp__node *node, struct gp_slice name);
int gp__load_table_actions(void *arg, struct gp_table *table);
int gp__load_table_records(void *arg, const struct gp_records *records);

/* ---- settings_engine.c ---- */

/* The section `engines`, which of them keeps the spool, and whether it can be kept there. */
void gp__load_engines(struct gp__load *load);

/* Warns of those that nobody uses. */
void gp__load_engine_check(struct gp__load *load);

/* ---- settings_state.c ---- */

/* The section `state`. */
void gp__load_state(struct gp__load *load);

/* Whether every instance that needs a state has one, and none that is only a shadow shares its. */
void gp__load_state_check(struct gp__load *load);
/* ---- settings_auth.c ---- */

/* The section `auth`. */
void gp__load_auth(struct gp__load *load);

/* What the rows of a listener say of it. */
struct gp__listener_auth {
    const struct gp_list *backends, *mechanisms;
    bool required, plaintext;
};
void gp__load_listener_auth(struct gp__load *load, struct gp__listener_settings *listener,
                            const struct gp__listener_auth *raw, const struct gp__node *node);

/* ---- settings_when.c ---- */

enum gp__when_place {
    GP__WHEN_OF_INSTANCE = 0,
    GP__WHEN_OF_ROUTE, /* a smaller list of facts, and `relay` */
};

/* A condition; NULL after errors, or when node is NULL or null. */
const struct gp__when *gp__load_when(struct gp__load *load, const struct gp__node *node,
                                     enum gp__when_place place);

/* Both must hold; either may be NULL. */
const struct gp__when *gp__load_when_both(struct gp__load *load, const struct gp__when *a,
                                          const struct gp__when *b);

/* ---- settings_fact.c (and settings_fact.h) ---- */

/* What a recipient or sender is compared with. `list` takes the whole node: one or a list. */
void gp__load_patterns(struct gp__load *load, const struct gp__node *list, const char *what,
                       const struct gp__pattern **patterns_r, size_t *count_r);

/* ---- settings_when_check.c ---- */

/* Reports facts that the plugin's hooks cannot know: severity for none of its hooks; `some` says
 * whether those that only some hooks know are reported too (as warnings). */
void gp__load_when_check(struct gp__load *load, const struct gp__when *when,
                         const struct gp_plugin *plugin, struct gp_slice id,
                         enum gp__severity severity, bool some);

/* ---- settings_tls.c ---- */

/* What the rows fill. */
struct gp__raw_tls {
    const struct gp_list *certificates;
    int profile, client_certificates;
    struct gp_slice client_ca;
    bool tickets;
    uint64_t handshake_timeout;
    int64_t handshakes;
    /* Of the global section only. */
    uint64_t ticket_rotation;
    const struct gp_map *outbound; /* struct gp__raw_destination */
    struct gp__raw_reports {
        struct gp_slice organization, contact;
    } reports;
};

/* Reads what it names. `node` is where it was written, or NULL; `hostname` is for a certificate that
 * has to be made. */
const struct gp__tls_settings *gp__load_tls(struct gp__load *load, const struct gp__raw_tls *raw,
                                            const struct gp__node *node, struct gp_slice hostname);

/* ---- settings_outbound.c ---- */

struct gp__raw_destination {
    const struct gp_list *methods, *names;
    int require;
    struct gp_slice until;
};

/* `tls: outbound:`; `node` is the section `tls`, or NULL. */
const struct gp__outbound_settings *gp__load_outbound(struct gp__load *load,
                                                      const struct gp__raw_tls *raw,
                                                      const struct gp__node *node);

/* ---- the other sections ---- */

void gp__load_chains(struct gp__load *load);
void gp__load_listeners(struct gp__load *load);
void gp__load_routes(struct gp__load *load);

/* What only the whole can tell: names never used, routes never reached, open relays. */
void gp__load_check(struct gp__load *load);

/* Rows that the schema needs too. */
extern const struct gp_option gp__top_rows[], gp__listener_rows[], gp__use_rows[], gp__route_rows[],
    gp__tls_rows[], gp__tls_top_rows[], gp__destination_rows[], gp__reports_rows[];
extern const char *const gp__top_own[], *const gp__listener_own[], *const gp__route_own[];

/* ---- settings_process.c ---- */

/* What the rows of the top, and those below, fill. */
struct gp__process_raw {
    struct gp_slice workers, carriers, user, group;
    bool sandbox;
    struct gp__process_times {
        uint64_t stop_within, reload_within, heartbeat, recheck;
        int64_t open_files;
        bool core_files;
        struct gp_slice pid_file;
    } times;
    struct gp__control_raw {
        struct gp_slice path, mode, group, release_group;
        uint64_t idle;
    } control;
    struct gp__metrics_raw {
        struct gp_slice address;
    } metrics;
};

extern const struct gp_option gp__process_rows[], gp__control_rows[], gp__metrics_rows[];

void gp__load_process(struct gp__load *load, const struct gp__process_raw *raw);

/* ---- settings.c ---- */

/* The node of a key in a section, or else the section, or else the whole: for diagnostics. */
const struct gp__node *gp__load_place(struct gp__load *load, const char *section, const char *key);

/* Whether the key is a name as all named things have: letters, digits, "_", "-", "."; at most 64
 * bytes. Reports it otherwise. */
bool gp__load_name(struct gp__load *load, const struct gp__node *key, const char *what);

/* Whether a section is written down. */
bool gp__load_has(const struct gp__load *load, const char *section);

/* The mapping of a section; NULL when it is not there, null, or (reported) something else. */
const struct gp__node *gp__load_section(struct gp__load *load, const char *name);

/* Adds a section to what is shown. */
void gp__load_show(struct gp__load *load, const char *name, const struct gp__node *shown);

/* The host name in A-labels, as protocols have it. Reports what is none. */
struct gp_slice gp__load_host_name(struct gp__load *load, const struct gp__node *at,
                                   struct gp_slice name);

/* Reports a name that is not in the map, with a suggestion. */
void gp__load_unknown(struct gp__load *load, const struct gp__node *at, struct gp_slice name,
                      const char *what, const struct gp__map *known);

/* ---- settings_like.c ---- */

#define GP__LIKE_INNER 2

struct gp__like {
    const char *what; /* "listener": for diagnostics */
    const struct gp__map *known;
    struct gp_slice inner[GP__LIKE_INNER]; /* mappings of which each key is taken over by itself */
    struct gp_slice built_in; /* is there also when nobody wrote it down; absent: none */
};

/* The mapping of a section's entry with what it takes over by `like:`; NULL after an error. */
const struct gp__node *gp__load_like(struct gp__load *load, const struct gp__node *section,
                                     const struct gp__node *node, const struct gp__like *how);

#endif

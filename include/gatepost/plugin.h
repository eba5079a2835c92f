// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin: one shared object with one descriptor. This is all of a useful one:
 *
 *     #include <gatepost/plugin.h>
 *
 *     struct my {
 *         struct gp_table *blocked;
 *     };
 *
 *     static enum gp_verdict on_mail(struct gp_call *call, void *self)
 *     {
 *         struct my *my = self;
 *         int found = gp_table_lookup_address(call, my->blocked, gp_sender(call), NULL);
 *
 *         if (found == GP_OK)
 *             return gp_reject(call, "550 5.7.1", "Not welcome here");
 *         return found == GP_ENOTFOUND ? GP_NEXT : gp_fail(call, "%s", gp_strerror(found));
 *     }
 *
 *     GP_OPTIONS(struct my,
 *                GP_OPTION_TABLE("blocked", struct my, blocked, NULL, "Senders to refuse."));
 *     GP_HOOKS({GP_HOOK_MAIL, on_mail});
 *     GP_PLUGIN(.version = "1.0", .summary = "Refuses listed senders", GP_USES_OPTIONS,
 *               GP_USES_HOOKS);
 *
 * Each use of it in a chain is an instance with options of its own, in a struct that the host
 * allocates, fills from the configuration and passes as `self`.
 */
#ifndef GATEPOST_PLUGIN_H
#define GATEPOST_PLUGIN_H

#include <gatepost/abi.h>
#include <gatepost/command.h>
#include <gatepost/crypto.h>
#include <gatepost/envelope.h>
#include <gatepost/file.h>
#include <gatepost/hook.h>
#include <gatepost/http.h>
#include <gatepost/log.h>
#include <gatepost/message.h>
#include <gatepost/mime.h>
#include <gatepost/note.h>
#include <gatepost/option.h>
#include <gatepost/role.h>
#include <gatepost/session.h>
#include <gatepost/slice.h>
#include <gatepost/state.h>
#include <gatepost/text.h>
#include <gatepost/types.h>
#include <gatepost/wait.h>

GP_BEGIN_C

/* One hook of a plugin. An observer's answer is ignored: return GP_NEXT. */
struct gp_hook {
    enum gp_hook_point point;
    enum gp_verdict (*fn)(struct gp_call *call, void *self);
};

/* What a plugin needs beyond looking and judging; an undeclared use is GP_ENOTALLOWED. */
enum gp_needs {
    GP_NEEDS_NETWORK = 1 << 0,       /* streams and descriptors of its own (DNS needs nothing) */
    GP_NEEDS_FILES = 1 << 1,         /* gp_file_*, gp_dir_* */
    GP_NEEDS_EDIT_ENVELOPE = 1 << 2, /* sender, recipients */
    GP_NEEDS_EDIT_HEADERS = 1 << 3,
    GP_NEEDS_EDIT_BODY = 1 << 4,
    GP_NEEDS_GRANT_RELAY = 1 << 5,
    GP_NEEDS_DRAFT = 1 << 6,
    GP_NEEDS_STATE = 1 << 7,    /* gp_state_*: the configuration must have a `state:` */
    GP_NEEDS_COMMANDS = 1 << 8, /* gp_run_* */
};

enum gp_plugin_flags {
    GP_PLUGIN_SERIAL = 1 << 0, /* one call of an instance at a time: others queue */
    GP_PLUGIN_SIGNS = 1 << 1,  /* signs or journals: its failure at seal must not pass silently */
};

/* What happens when an instance fails: misses its deadline, answers garbage, or GP_FAIL. */
enum gp_on_error {
    GP_ON_ERROR_DEFER = 0, /* 4xx: nothing is decided by accident */
    GP_ON_ERROR_CONTINUE,
    GP_ON_ERROR_REJECT,
    GP_ON_ERROR_QUARANTINE,
};

/* Sized: fields are only ever appended, and the host takes those that the plugin has. */
struct gp_plugin {
    uint32_t magic;     /* GP_ABI_MAGIC */
    uint32_t size;      /* of this struct as the plugin knows it */
    uint16_t abi_major; /* GP_ABI_MAJOR, GP_ABI_MINOR */
    uint16_t abi_minor;
    uint32_t option_size; /* sizeof(struct gp_option) */

    const char *name; /* the name of the file without its ending */
    const char *version;
    const char *summary; /* one line */

    const struct gp_option *options; /* ends with GP_OPTIONS_END; NULL: none */
    size_t instance_size;            /* of the struct that options fill; 0: self is NULL */
    const struct gp_hook *hooks;     /* ends with a row whose fn is NULL; NULL: none */

    unsigned needs; /* enum gp_needs */
    unsigned flags; /* enum gp_plugin_flags */
    enum gp_on_error on_error;
    uint64_t deadline_ms; /* default of the instance setting `deadline`; 0: 30 s */
    uint64_t tick_ms;     /* period of `tick`; 0: 60 s */
    size_t stack;         /* bytes of stack a hook or role needs; 0: 64 KiB is enough */

    size_t session_slot; /* bytes of gp_session_slot() */
    size_t transaction_slot;
    void (*session_slot_end)(void *slot); /* before a slot is freed; may be NULL */
    void (*transaction_slot_end)(void *slot);

    /* After options are filled, before the first hook; may wait, must not need the network to be
     * there. Not 0: the instance (and the configuration) is refused, and destroy() is not called;
     * say why with gp_log(). There is no session; gp_hook_point() says GP_HOOK_TICK. */
    int (*create)(struct gp_call *call, void *self);
    void (*destroy)(void *self); /* after the last call; frees what create made */

    const struct gp_table_role *table;
    const struct gp_target_role *target;
    const struct gp_auth_role *auth;
    const struct gp_state_role *state;
    const struct gp_spool_role *spool;
};

/* The build defines GP_PLUGIN_NAME as the name of the module; libltdl finds the symbol by it, in
 * a shared object as well as in a static binary. */
#define GP_JOIN2(a, b) a##b
#define GP_JOIN(a, b) GP_JOIN2(a, b)
#define GP_TEXT2(a) #a
#define GP_TEXT(a) GP_TEXT2(a)

#define GP_PLUGIN(...)                                                                             \
    extern const struct gp_plugin GP_JOIN(GP_PLUGIN_NAME, _LTX_gatepost_plugin);                   \
    GP_API const struct gp_plugin GP_JOIN(GP_PLUGIN_NAME, _LTX_gatepost_plugin) = {                \
        .magic = GP_ABI_MAGIC,                                                                     \
        .size = sizeof(struct gp_plugin),                                                          \
        .abi_major = GP_ABI_MAJOR,                                                                 \
        .abi_minor = GP_ABI_MINOR,                                                                 \
        .option_size = sizeof(struct gp_option),                                                   \
        .name = GP_TEXT(GP_PLUGIN_NAME),                                                           \
        __VA_ARGS__}

/* Shorthand for the two tables; `GP_USES_OPTIONS` and `GP_USES_HOOKS` put them in. */
#define GP_OPTIONS(struct_, ...)                                                                   \
    static const struct gp_option gp_plugin_options[] = {__VA_ARGS__, GP_OPTIONS_END};             \
    enum { gp_plugin_instance_size = sizeof(struct_) }
#define GP_HOOKS(...) static const struct gp_hook gp_plugin_hooks[] = {__VA_ARGS__, {.fn = NULL}}
#define GP_USES_OPTIONS .options = gp_plugin_options, .instance_size = gp_plugin_instance_size
#define GP_USES_HOOKS .hooks = gp_plugin_hooks

/* The name of this instance in the configuration; the plugin's name unless `id:` is given. */
GP_API struct gp_slice gp_instance(struct gp_call *call);

/* What a hook runs at; the same function may serve several. */
GP_API enum gp_hook_point gp_hook_point(struct gp_call *call);

GP_END_C

#endif

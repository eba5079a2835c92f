// SPDX-License-Identifier: Apache-2.0
/*
 * Makes and ends live instances of plugins (struct gp__instance of the hook layer): in a chain, or
 * as the service behind a table or a target.
 */
#ifndef GP_PLUGIN_INSTANCE_H
#define GP_PLUGIN_INSTANCE_H

#include "core/hook/instance.h"
#include "core/hook/runtime.h"

/* How long create() may take. */
#define GP__CREATE_MS 60000

/* What the configuration says of one use of a plugin. Copied, but for what is pointed to. */
struct gp__instance_settings {
    struct gp_slice id;
    size_t index; /* unique among all instances of a generation, services included */
    const struct gp_plugin *plugin;
    const void *options;  /* plugin->instance_size bytes, to be copied; NULL: zeroes */
    uint64_t deadline_ms; /* 0: the plugin's, or 30 s */
    enum gp_on_error on_error;
    bool shadow;
    bool has_refuse_at; /* else the listener's */
    enum gp__refuse_at refuse_at;
    bool even_authenticated;
    const struct gp__when *when; /* NULL: always */
    struct gp__state *state;     /* NULL: there is none */
    struct gp_slice state_name;
    struct gp__outbound *outbound;
};

/*
 * Makes an instance and runs its create(), on a fiber of its own with the stack that the plugin
 * wants. With a create() it must be called on a fiber, which waits. NULL: `error`, of so many
 * bytes, says why, for people, in the plugin's own words if it logged an error; destroy() is not
 * called then.
 */
struct gp__instance *gp__instance_open(const struct gp__instance_settings *settings,
                                       struct gp__runtime *runtime, char *error, size_t error_size);

/* Runs destroy() and frees it. No call of it may be under way. */
void gp__instance_close(struct gp__instance **instance_);

#endif

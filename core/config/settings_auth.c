// SPDX-License-Identifier: Apache-2.0
/*
 * `auth:` a name and {KIND: options}, where KIND is looked for as auth_KIND, then KIND; and what a
 * listener says of it: whom it asks in which order, and what it offers.
 */
#include "core/config/load.h"

/* ---- the section ---- */

static const struct gp_plugin *backend_plugin(struct gp__load *load, const struct gp__node *kind)
{
    const struct gp_plugin *plugin = gp__load_kind(load, kind, "auth", kind->text);

    if (!plugin || plugin->auth)
        return plugin;
    gp__diag_add(load->diag, GP__ERROR, kind, "the plugin \"%s\" does not authenticate anybody",
                 plugin->name);
    return NULL;
}

void gp__load_auth(struct gp__load *load)
{
    const struct gp__node *section = gp__load_section(load, "auth");
    struct gp__auth_settings **list;
    struct gp__node *shown;

    if (!section)
        return;
    list = GP__ARENA_ARRAY(load->arena, struct gp__auth_settings *, section->count);
    shown = gp__node_mapping(load->arena, section->count, section);
    for (size_t i = 0; i < section->count; i++) {
        const struct gp__pair *pair = &section->pairs[i];
        struct gp__auth_settings *auth = GP__ARENA_NEW(load->arena, struct gp__auth_settings);

        auth->service.name = pair->key->text;
        auth->service.index = i;
        auth->service.node = pair->key;
        list[i] = auth;
        if (gp__load_name(load, pair->key, "backend"))
            gp__map_set(&load->auths, pair->key->text, auth);
        gp__node_put(shown, pair->key,
                     gp__load_service(load, pair, "an authentication backend is {KIND: options}",
                                      backend_plugin, &auth->service));
    }
    load->settings->auths = list;
    load->settings->n_auths = section->count;
    gp__load_show(load, "auth", shown);
}

/* ---- listeners ---- */

/* The node of the nth item of a list that may have been written as one scalar. */
static const struct gp__node *item_of(const struct gp__node *node, const char *key, size_t n)
{
    const struct gp__node *list = gp__node_get(node, gp_slice_of(key));

    if (!list)
        return node;
    return list->kind == GP__NODE_SEQUENCE && n < list->count ? list->items[n] : list;
}

static void set_backends(struct gp__load *load, struct gp__listener_settings *listener,
                         const struct gp__listener_auth *raw, const struct gp__node *node)
{
    size_t count = gp_list_count(raw->backends);
    const struct gp__auth_settings **list = GP__ARENA_ARRAY(
        load->arena, const struct gp__auth_settings *, count);

    listener->auths = list;
    for (size_t i = 0; i < count; i++) {
        const struct gp_slice *name = gp_list_at(raw->backends, i);
        struct gp__auth_settings *auth = gp__map_get(&load->auths, *name);

        if (!auth) {
            gp__load_unknown(load, item_of(node, "auth", i), *name, "backend", &load->auths);
            continue;
        }
        auth->used = true;
        list[listener->n_auths++] = auth;
    }
}

/* EXTERNAL only where it is asked for: a certificate that some authority vouches for need not be
 * that of somebody who may send. */
#define MECHANISMS_DEFAULT ((1u << GP__SASL_COUNT) - 1 - (1u << GP__SASL_EXTERNAL))

static void unknown_mechanism(struct gp__load *load, const struct gp__node *at,
                              struct gp_slice name)
{
    struct gp__suggest suggest = {.word = name};

    for (int i = 0; i < GP__SASL_COUNT; i++)
        gp__suggest_try(&suggest, gp__sasl_mechanism((enum gp__sasl_name)i)->name);
    gp__diag_unknown(load->diag, at, &suggest, "there is no mechanism \"" GP_FMT "\"",
                     GP_ARG(gp_slice_sub(name, 0, 200)));
}

static void set_mechanisms(struct gp__load *load, struct gp__listener_settings *listener,
                           const struct gp__listener_auth *raw, const struct gp__node *node)
{
    size_t count = gp_list_count(raw->mechanisms);

    listener->auth_mechanisms = count ? 0 : MECHANISMS_DEFAULT;
    for (size_t i = 0; i < count; i++) {
        const struct gp_slice *name = gp_list_at(raw->mechanisms, i);
        enum gp__sasl_name mechanism;

        if (gp__sasl_find(*name, &mechanism))
            listener->auth_mechanisms |= 1u << mechanism;
        else
            unknown_mechanism(load, item_of(node, "auth_mechanisms", i), *name);
    }
}

void gp__load_listener_auth(struct gp__load *load, struct gp__listener_settings *listener,
                            const struct gp__listener_auth *raw, const struct gp__node *node)
{
    bool external;

    set_backends(load, listener, raw, node);
    set_mechanisms(load, listener, raw, node);
    external = listener->auth_mechanisms & 1u << GP__SASL_EXTERNAL;
    if (raw->required && !gp_list_count(raw->backends) && !external)
        gp__diag_add(
            load->diag, GP__ERROR, item_of(node, "auth_required", 0),
            "\"auth_required\" without `auth:`: nobody could send anything through \"" GP_FMT "\"",
            GP_ARG(listener->name));
    if (listener->relay_authenticated && !gp_list_count(raw->backends) && !external)
        gp__diag_add(load->diag, GP__WARNING, item_of(node, "relay", 0),
                     "\"relay: authenticated\" without `auth:`: nobody can log in at \"" GP_FMT
                     "\"",
                     GP_ARG(listener->name));
    listener->smtp.auth.plaintext = raw->plaintext;
    listener->smtp.auth.required = raw->required;
}

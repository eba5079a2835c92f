// SPDX-License-Identifier: Apache-2.0
/*
 * Lists of clients, HELO names, senders and recipients, and what to do with who is on them.
 *
 * The first entry that matches decides at its hook. A table that cannot answer, or an entry that
 * says nothing sensible, is a fault: on_error decides, and by default that is a deferral.
 */
#include "action.h"

struct access {
    const struct gp_map *clients; /* tables, and what to do */
    struct gp_table *helo;
    struct gp_table *senders;
    struct gp_table *recipients;
    struct gp_slice otherwise;
};

/* Of a session: clients and HELO names are known before there is a message to drop. */
struct slot {
    const char *discard; /* the list that says so */
};

GP_OPTIONS(struct access,
           GP_OPTION_MAP("clients", struct access, clients, GP_TYPE_STRING, GP_OPTIONAL,
                         "Networks or tables of clients, and what to do; the first match counts.",
                         .key = GP_TYPE_TABLE, .flags = GP_OPTION_QUARANTINE),
           GP_OPTION_TABLE("helo", struct access, helo, GP_OPTIONAL,
                           "HELO names, or domains above them with a leading dot.",
                           .flags = GP_OPTION_QUARANTINE),
           GP_OPTION_TABLE("senders", struct access, senders, GP_OPTIONAL,
                           "Reverse-paths: addresses, domains, .domains, local parts with @.",
                           .flags = GP_OPTION_QUARANTINE),
           GP_OPTION_TABLE("recipients", struct access, recipients, GP_OPTIONAL,
                           "Recipients, in the same forms.", .flags = GP_OPTION_QUARANTINE),
           GP_OPTION_STRING("default", struct access, otherwise, "reject",
                            "What to do with entries that do not say it.",
                            .flags = GP_OPTION_QUARANTINE));

/* ---- what an entry says ---- */

static enum gp_verdict take(struct gp_call *call, const struct access *access, const char *list,
                            struct gp_slice entry, enum gp_note_scope scope)
{
    struct slot *slot = gp_session_slot(call);
    struct access_action action;
    bool before_mail = gp_hook_point(call) < GP_HOOK_MAIL;

    if (gp_slice_trim(entry).len == 0)
        entry = access->otherwise;
    if (access_action_parse(entry, &action) < 0)
        return gp_fail(call, "list of %s: \"" GP_FMT "\" is no action", list, GP_ARG(entry));
    if (action.kind == ACCESS_DISCARD && before_mail) {
        slot->discard = list;
        return GP_NEXT;
    }
    return access_action_take(call, &action, list, scope);
}

static enum gp_verdict table_failed(struct gp_call *call, const struct gp_table *table, int error)
{
    return gp_fail(call, "table " GP_FMT ": %s", GP_ARG(gp_table_name(table)), gp_strerror(error));
}

static enum gp_verdict judge_address(struct gp_call *call, const struct access *access,
                                     struct gp_table *table, const char *list,
                                     struct gp_slice address, enum gp_note_scope scope)
{
    struct gp_slice value;
    int found = gp_table_lookup_address(call, table, address, &value);

    if (found == GP_ENOTFOUND)
        return GP_NEXT;
    if (found != GP_OK)
        return table_failed(call, table, found);
    return take(call, access, list, value, scope);
}

/* ---- clients ---- */

static enum gp_verdict on_connect(struct gp_call *call, void *self)
{
    const struct access *access = self;
    struct gp_slice ip = gp_client_ip(call);

    if (!gp_slice_present(ip))
        return GP_NEXT;
    for (size_t i = 0; i < gp_map_count(access->clients); i++) {
        const struct gp_slice *then = gp_map_at(access->clients, i);
        struct gp_table *table = gp_map_table(access->clients, i);
        struct gp_slice value;
        int found = gp_table_lookup(call, table, ip, &value);

        /* A table that others use as well may have values that mean something else. */
        if (found == GP_OK)
            return take(call, access, "clients", then->len ? *then : value, GP_NOTE_SESSION);
        if (found != GP_ENOTFOUND)
            return table_failed(call, table, found);
    }
    return GP_NEXT;
}

/* ---- HELO ---- */

/* The name, then the domains above it with a leading dot. Names are at most 255 bytes long. */
static int lookup_name(struct gp_call *call, struct gp_table *table, struct gp_slice name,
                       struct gp_slice *value_r)
{
    int found = gp_table_lookup(call, table, name, value_r);

    while (found == GP_ENOTFOUND && gp_slice_find(name, '.') < name.len) {
        name = gp_slice_sub(name, gp_slice_find(name, '.'), name.len);
        found = gp_table_lookup(call, table, name, value_r);
        name = gp_slice_sub(name, 1, name.len);
    }
    return found;
}

static enum gp_verdict on_helo(struct gp_call *call, void *self)
{
    const struct access *access = self;
    struct gp_slice value;
    int found;

    if (!access->helo)
        return GP_NEXT;
    found = lookup_name(call, access->helo, gp_lower(call, gp_helo(call)), &value);
    if (found == GP_ENOTFOUND)
        return GP_NEXT;
    if (found != GP_OK)
        return table_failed(call, access->helo, found);
    return take(call, access, "helo", value, GP_NOTE_SESSION);
}

/* ---- senders and recipients ---- */

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    const struct access *access = self;
    const struct slot *slot = gp_session_slot(call);
    struct access_action discard = {.kind = ACCESS_DISCARD};

    if (slot->discard)
        return access_action_take(call, &discard, slot->discard, GP_NOTE_TRANSACTION);
    if (!access->senders || gp_sender_null(call))
        return GP_NEXT;
    return judge_address(call, access, access->senders, "senders", gp_sender(call),
                         GP_NOTE_TRANSACTION);
}

static enum gp_verdict on_rcpt(struct gp_call *call, void *self)
{
    const struct access *access = self;

    if (!access->recipients)
        return GP_NEXT;
    return judge_address(call, access, access->recipients, "recipients",
                         gp_rcpt_address(gp_rcpt(call)), GP_NOTE_RECIPIENT);
}

/* ---- the instance ---- */

static bool is_action(struct gp_call *call, const char *option, struct gp_slice text)
{
    struct access_action action;

    if (access_action_parse(text, &action) == 0)
        return true;
    gp_log(call, GP_LOG_ERROR,
           "%s: \"" GP_FMT "\" is no action; say reject, defer, disconnect, "
           "accept, trust, quarantine or discard",
           option, GP_ARG(text));
    return false;
}

static int create(struct gp_call *call, void *self)
{
    const struct access *access = self;

    if (!is_action(call, "default", access->otherwise))
        return -1;
    for (size_t i = 0; i < gp_map_count(access->clients); i++) {
        const struct gp_slice *then = gp_map_at(access->clients, i);

        if (then->len && !is_action(call, "clients", *then))
            return -1;
    }
    return 0;
}

GP_HOOKS({GP_HOOK_CONNECT, on_connect}, {GP_HOOK_HELO, on_helo}, {GP_HOOK_MAIL, on_mail},
         {GP_HOOK_RCPT, on_rcpt});
GP_PLUGIN(.version = "1.0", .summary = "Lists of clients, HELO names, senders and recipients",
          GP_USES_OPTIONS, GP_USES_HOOKS, .session_slot = sizeof(struct slot), .create = create);

// SPDX-License-Identifier: Apache-2.0
/*
 * In this order: magic, size, ABI version; then, of the copy, everything else. A descriptor that
 * passed can be used without further checks.
 */
#include "core/plugin/descriptor.h"

#include "core/hook/point.h"
#include "core/plugin/option_rows.h"

#include <stddef.h>

/* As of ABI 1.0; fields that were appended later may be missing. */
#define SIZE_1_0 (offsetof(struct gp_plugin, spool) + sizeof(void *))
#define TABLE_ROLE_1_0 sizeof(struct gp_table_role)
#define TARGET_ROLE_1_0 sizeof(struct gp_target_role)
#define AUTH_ROLE_1_0 sizeof(struct gp_auth_role)
#define STATE_ROLE_1_0 sizeof(struct gp_state_role)
#define SPOOL_ROLE_1_0 sizeof(struct gp_spool_role)

#define NEEDS_ALL                                                                                  \
    (GP_NEEDS_NETWORK | GP_NEEDS_FILES | GP_NEEDS_EDIT_ENVELOPE | GP_NEEDS_EDIT_HEADERS |          \
     GP_NEEDS_EDIT_BODY | GP_NEEDS_GRANT_RELAY | GP_NEEDS_DRAFT | GP_NEEDS_STATE |                 \
     GP_NEEDS_COMMANDS)
#define FLAGS_ALL (GP_PLUGIN_SERIAL | GP_PLUGIN_SIGNS)

#define MEMORY_MAX ((size_t)1 << 20) /* of an instance, of a slot */
#define STACK_MAX ((size_t)8 << 20)  /* what the fibers can give */
#define TIME_MAX_MS (24ull * 3600 * 1000)
#define TEXT_MAX_BYTES 500

struct check {
    struct gp__arena *arena;
    const char *file;
    struct gp_slice name;
    const char *error; /* NULL: fine so far */
};

static bool refuse(struct check *check, const char *format, ...) GP_PRINTF(2, 3);

/* The first error stays; returns false. */
static bool refuse(struct check *check, const char *format, ...)
{
    struct gp_slice text;
    va_list args;

    if (check->error)
        return false;
    va_start(args, format);
    text = gp__arena_vprintf(check->arena, format, args);
    va_end(args);
    check->error = gp__arena_printf(check->arena, "%s: plugin " GP_FMT " %s", check->file,
                                    GP_ARG(check->name), text.data)
                       .data;
    return false;
}

bool gp__plugin_name_ok(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return name.len > 0 && name.len <= GP__PLUGIN_NAME_MAX;
}

/* ---- whether it can be read at all ---- */

static bool check_abi(struct check *check, const struct gp_plugin *given)
{
    if (given->magic != GP_ABI_MAGIC)
        return refuse(check,
                      "has no descriptor of Gatepost (it begins with %08x instead of %08x): "
                      "define it with GP_PLUGIN()",
                      given->magic, GP_ABI_MAGIC);
    if (given->abi_major != GP_ABI_MAJOR)
        return refuse(check, "is built for plugin ABI %u.%u, this Gatepost has %u.%u: %s",
                      given->abi_major, given->abi_minor, GP_ABI_MAJOR, GP_ABI_MINOR,
                      given->abi_major < GP_ABI_MAJOR
                          ? "build it again with the headers of this version"
                          : "install a newer Gatepost, or build it with the headers of this one");
    if (given->abi_minor > GP_ABI_MINOR)
        return refuse(
            check,
            "is built for plugin ABI %u.%u, this Gatepost has only %u.%u: install a newer "
            "Gatepost, or build it with the headers of this one",
            given->abi_major, given->abi_minor, GP_ABI_MAJOR, GP_ABI_MINOR);
    if (given->size < SIZE_1_0 || given->size > 65536)
        return refuse(check,
                      "has a descriptor of %u bytes, which ABI %u.%u does not have (at least %zu): "
                      "build it with unchanged headers",
                      given->size, given->abi_major, given->abi_minor, SIZE_1_0);
    return true;
}

static struct gp_plugin *copy(struct gp__arena *arena, const struct gp_plugin *given)
{
    struct gp_plugin *plugin = GP__ARENA_NEW(arena, struct gp_plugin);

    memcpy(plugin, given, given->size < sizeof *plugin ? given->size : sizeof *plugin);
    return plugin;
}

/* ---- what it says about itself ---- */

static bool is_line(const char *text)
{
    size_t len = text ? strnlen(text, TEXT_MAX_BYTES + 1) : 0;

    if (len == 0 || len > TEXT_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

static bool check_names(struct check *check, const struct gp_plugin *plugin)
{
    if (!plugin->name || !gp_slice_eq(gp_slice_of(plugin->name), check->name))
        return refuse(check, "calls itself \"%.64s\": the name of the file must be the same",
                      plugin->name ? plugin->name : "");
    if (!is_line(plugin->version) || !is_line(plugin->summary))
        return refuse(check, "lacks .version or .summary, one line each");
    return true;
}

static bool check_numbers(struct check *check, const struct gp_plugin *plugin)
{
    if (plugin->needs & ~(unsigned)NEEDS_ALL)
        return refuse(check, "has unknown bits in .needs: %x", plugin->needs);
    if (plugin->flags & ~(unsigned)FLAGS_ALL)
        return refuse(check, "has unknown bits in .flags: %x", plugin->flags);
    if ((unsigned)plugin->on_error > GP_ON_ERROR_QUARANTINE)
        return refuse(check, "has an unknown .on_error: %d", (int)plugin->on_error);
    if (plugin->instance_size > MEMORY_MAX || plugin->session_slot > MEMORY_MAX ||
        plugin->transaction_slot > MEMORY_MAX)
        return refuse(check, "wants more than %zu bytes for an instance or a slot", MEMORY_MAX);
    if (plugin->stack > STACK_MAX)
        return refuse(check, "wants a stack of %zu bytes, more than %zu", plugin->stack, STACK_MAX);
    if (plugin->deadline_ms > TIME_MAX_MS || plugin->tick_ms > TIME_MAX_MS)
        return refuse(check, "has a .deadline_ms or .tick_ms of more than a day");
    if ((plugin->session_slot_end && !plugin->session_slot) ||
        (plugin->transaction_slot_end && !plugin->transaction_slot))
        return refuse(check, "has an end function for a slot that it does not declare");
    return true;
}

/* ---- hooks ---- */

static bool check_hooks(struct check *check, const struct gp_plugin *plugin)
{
    bool seen[GP_HOOK_COUNT] = {false};

    for (const struct gp_hook *hook = plugin->hooks; hook && hook->fn; hook++) {
        if ((unsigned)hook->point >= GP_HOOK_COUNT)
            return refuse(check, "has a hook at an unknown point, %d", (int)hook->point);
        /* Also ends a table that nobody ended. */
        if (seen[hook->point])
            return refuse(check, "has two hooks at %s", gp__points[hook->point].name);
        seen[hook->point] = true;
    }
    return true;
}

/* ---- roles ---- */

/* A role in the host's size; sizes come first in each. */
static const void *copy_role(struct check *check, const char *what, const void *role, size_t least,
                             size_t size)
{
    size_t given;
    void *own;

    memcpy(&given, role, sizeof given);
    if (given < least || given > 65536) {
        refuse(check, "has a role %s of %zu bytes (at least %zu)", what, given, least);
        return NULL;
    }
    own = gp__arena_alloc(check->arena, size);
    memcpy(own, role, given < size ? given : size);
    return own;
}

static bool check_table(struct check *check, struct gp_plugin *plugin)
{
    const struct gp_table_role *role;

    if (!plugin->table)
        return true;
    role = plugin->table = copy_role(check, "table", plugin->table, TABLE_ROLE_1_0, sizeof *role);
    return role && (role->lookup || refuse(check, "has the role table without lookup()"));
}

static bool check_target(struct check *check, struct gp_plugin *plugin)
{
    const struct gp_target_role *role;

    if (!plugin->target)
        return true;
    role = plugin->target = copy_role(check, "target", plugin->target, TARGET_ROLE_1_0,
                                      sizeof *role);
    if (!role)
        return false;
    if (!role->deliver)
        return refuse(check, "has the role target without deliver()");
    if (!role->publish != !role->revoke)
        return refuse(check,
                      "has the role target with one of publish() and revoke(): both or none");
    return true;
}

static bool check_auth(struct check *check, struct gp_plugin *plugin)
{
    const struct gp_auth_role *role;

    if (!plugin->auth)
        return true;
    role = plugin->auth = copy_role(check, "auth", plugin->auth, AUTH_ROLE_1_0, sizeof *role);
    if (!role)
        return false;
    return role->verify_password || role->fetch_secret || role->verify_token ||
           refuse(check, "has the role auth without any function");
}

static bool check_state(struct check *check, struct gp_plugin *plugin)
{
    const struct gp_state_role *role;

    if (!plugin->state)
        return true;
    role = plugin->state = copy_role(check, "state", plugin->state, STATE_ROLE_1_0, sizeof *role);
    if (!role)
        return false;
    return (role->get && role->put && role->put_if_new && role->add && role->each &&
            role->remove) ||
           refuse(check, "has the role state without all of its functions");
}

static bool check_spool(struct check *check, struct gp_plugin *plugin)
{
    const struct gp_spool_role *role;

    if (!plugin->spool)
        return true;
    role = plugin->spool = copy_role(check, "spool", plugin->spool, SPOOL_ROLE_1_0, sizeof *role);
    if (!role)
        return false;
    if (plugin->flags & GP_PLUGIN_SERIAL)
        return refuse(check,
                      "has the role spool and is SERIAL: it must bear calls at the same time");
    return (role->append && role->read && role->show && role->remove && role->journal_append &&
            role->journal_switch && role->journal_show) ||
           refuse(check, "has the role spool without all of its functions");
}

static bool check_use(struct check *check, const struct gp_plugin *plugin)
{
    if ((plugin->hooks && plugin->hooks->fn) || plugin->table || plugin->target || plugin->auth ||
        plugin->state || plugin->spool)
        return true;
    return refuse(check, "has neither a hook nor a role: it does nothing");
}

/* ---- options ---- */

static bool check_options(struct check *check, const struct gp_plugin *plugin)
{
    struct gp_slice why;

    if (!plugin->options)
        return true;
    if (gp__option_rows_ok(check->arena, plugin->options, plugin->option_size,
                           plugin->instance_size, &why))
        return true;
    return refuse(check, "has a bad table of options: " GP_FMT, GP_ARG(why));
}

const struct gp_plugin *gp__descriptor_take(struct gp__arena *arena, const void *symbol,
                                            struct gp_slice name, const char *file,
                                            const char **error_r)
{
    struct check check = {.arena = arena, .file = file, .name = name};
    const struct gp_plugin *given = symbol;
    struct gp_plugin *plugin = check_abi(&check, given) ? copy(arena, given) : NULL;

    if (plugin && check_names(&check, plugin) && check_numbers(&check, plugin) &&
        check_hooks(&check, plugin) && check_table(&check, plugin) &&
        check_target(&check, plugin) && check_auth(&check, plugin) && check_state(&check, plugin) &&
        check_spool(&check, plugin) && check_use(&check, plugin) && check_options(&check, plugin)) {
        *error_r = NULL;
        return plugin;
    }
    *error_r = check.error;
    return NULL;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/process/manifest.h"

#include "core/base/pack.h"
#include "core/config/value.h"
#include "core/process/roles.h"
#include "core/process/scheduling.h"

#include <unistd.h>

#define AUTO_MAX 64
#define METRICS_BACKLOG 16
#define TEXT_MAX 4096

/* One row a field: written and read in this order. */
static const struct field {
    enum { NUMBER, TEXT, BYTES } type;
    size_t offset;
} fields[] = {
    {NUMBER, offsetof(struct gp__manifest, workers)},
    {NUMBER, offsetof(struct gp__manifest, carriers)},
    {TEXT, offsetof(struct gp__manifest, user)},
    {TEXT, offsetof(struct gp__manifest, group)},
    {NUMBER, offsetof(struct gp__manifest, stop_within)},
    {NUMBER, offsetof(struct gp__manifest, reload_within)},
    {NUMBER, offsetof(struct gp__manifest, heartbeat)},
    {NUMBER, offsetof(struct gp__manifest, recheck)},
    {NUMBER, offsetof(struct gp__manifest, open_files)},
    {NUMBER, offsetof(struct gp__manifest, core_files)},
    {TEXT, offsetof(struct gp__manifest, pid_file)},
    {TEXT, offsetof(struct gp__manifest, log_to)},
    {NUMBER, offsetof(struct gp__manifest, log_format)},
    {NUMBER, offsetof(struct gp__manifest, log_level)},
    {TEXT, offsetof(struct gp__manifest, control_path)},
    {TEXT, offsetof(struct gp__manifest, control_group)},
    {TEXT, offsetof(struct gp__manifest, control_release_group)},
    {NUMBER, offsetof(struct gp__manifest, control_mode)},
    {NUMBER, offsetof(struct gp__manifest, control_idle)},
    {TEXT, offsetof(struct gp__manifest, metrics)},
    {NUMBER, offsetof(struct gp__manifest, sandbox)},
    {NUMBER, offsetof(struct gp__manifest, ticket_rotation)},
    {NUMBER, offsetof(struct gp__manifest, n_stats)},
    {NUMBER, offsetof(struct gp__manifest, logins)},
    {BYTES, offsetof(struct gp__manifest, scheduling)},
};

static const struct field door_fields[] = {
    {TEXT, offsetof(struct gp__manifest_door, listener)},
    {TEXT, offsetof(struct gp__manifest_door, address)},
    {NUMBER, offsetof(struct gp__manifest_door, backlog)},
    {NUMBER, offsetof(struct gp__manifest_door, mode)},
    {NUMBER, offsetof(struct gp__manifest_door, role)},
};

static const struct field command_fields[] = {
    {TEXT, offsetof(struct gp__manifest_command, user)},
    {TEXT, offsetof(struct gp__manifest_command, group)},
    {TEXT, offsetof(struct gp__manifest_command, directory)},
    {NUMBER, offsetof(struct gp__manifest_command, cpu_ms)},
    {NUMBER, offsetof(struct gp__manifest_command, memory)},
    {NUMBER, offsetof(struct gp__manifest_command, files)},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- from settings ---- */

static uint64_t workers_of(const struct gp__settings *settings)
{
    long processors;

    if (settings->process.workers >= 0)
        return (uint64_t)settings->process.workers;
    processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > AUTO_MAX ? AUTO_MAX : (uint64_t)processors;
}

static size_t hooks_of(const struct gp_plugin *plugin)
{
    size_t n = 0;

    for (const struct gp_hook *hook = plugin->hooks; hook && hook->fn; hook++)
        n++;
    return n;
}

static uint64_t count_stats(const struct gp__settings *settings)
{
    uint64_t n = 0;

    for (size_t i = 0; i < settings->n_instances; i++)
        n += hooks_of(settings->instances[i]->plugin);
    for (size_t i = 0; i < settings->n_tables; i++)
        if (settings->tables[i]->service.plugin)
            n += hooks_of(settings->tables[i]->service.plugin);
    for (size_t i = 0; i < settings->n_targets; i++)
        n += hooks_of(settings->targets[i]->service.plugin);
    if (settings->state)
        n += hooks_of(settings->state->plugin);
    return n < GP__STATS_MAX ? n : GP__STATS_MAX;
}

static void doors_of(struct gp__manifest *manifest, struct gp__arena *arena,
                     const struct gp__settings *settings)
{
    size_t n = 0;

    for (size_t i = 0; i < settings->n_listeners; i++)
        n += settings->listeners[i]->n_addresses;
    manifest->doors = GP__ARENA_ARRAY(arena, struct gp__manifest_door, n + 1);
    if (manifest->metrics.len)
        manifest->doors[manifest->n_doors++] = (struct gp__manifest_door){
            .listener = GP_S("metrics"),
            .address = manifest->metrics,
            .backlog = METRICS_BACKLOG,
            .role = GP__ROLE_CONSOLE,
        };
    for (size_t i = 0; i < settings->n_listeners; i++)
        for (size_t a = 0; a < settings->listeners[i]->n_addresses; a++)
            manifest->doors[manifest->n_doors++] = (struct gp__manifest_door){
                .listener = settings->listeners[i]->name,
                .address = settings->listeners[i]->addresses[a].text,
                .backlog = (uint64_t)settings->listeners[i]->backlog,
                .mode = settings->listeners[i]->socket_mode,
            };
}

static struct gp_slice scheduling_of(struct gp__arena *arena, const struct gp__settings *settings)
{
    struct gp__buf bytes = {.limit = 0};
    struct gp_slice copy;

    gp__scheduling_write(&bytes, settings);
    copy = gp__arena_dup(arena, gp__buf_slice(&bytes));
    gp__buf_free(&bytes);
    return copy;
}

/* Those beyond the bound have no number here, and so can't be run. */
static void commands_of(struct gp__manifest *manifest, struct gp__arena *arena,
                        const struct gp__settings *settings)
{
    const struct gp_command *command = settings->commands;

    manifest->commands = GP__ARENA_ARRAY(arena, struct gp__manifest_command,
                                         settings->n_commands + 1);
    for (; command && manifest->n_commands < GP__COMMANDS_MAX; command = command->next) {
        struct gp__manifest_command *row = &manifest->commands[manifest->n_commands++];

        row->n_argv = gp_list_count(command->argv);
        row->argv = GP__ARENA_ARRAY(arena, struct gp_slice, row->n_argv);
        for (size_t i = 0; i < row->n_argv; i++)
            row->argv[i] = *(const struct gp_slice *)gp_list_at(command->argv, i);
        row->user = command->user;
        row->group = command->group;
        row->directory = command->directory;
        row->cpu_ms = command->cpu_ms;
        row->memory = command->memory;
        row->files = command->files;
    }
}

void gp__manifest_of(struct gp__manifest *manifest, struct gp__arena *arena,
                     const struct gp__settings *settings)
{
    const struct gp__process_settings *process = &settings->process;

    *manifest = (struct gp__manifest){
        .workers = workers_of(settings),
        .carriers = process->carriers > 0 ? (uint64_t)process->carriers : workers_of(settings),
        .user = process->user,
        .group = process->group,
        .stop_within = process->stop_within,
        .reload_within = process->reload_within,
        .heartbeat = process->heartbeat,
        .recheck = process->recheck,
        .open_files = (uint64_t)process->open_files,
        .core_files = process->core_files,
        .pid_file = process->pid_file,
        .log_to = settings->log.to,
        .log_format = (uint64_t)settings->log.format,
        .log_level = (uint64_t)settings->log.level,
        .control_path = process->control.path,
        .control_group = process->control.group,
        .control_release_group = process->control.release_group,
        .control_mode = process->control.mode,
        .control_idle = process->control.idle,
        .metrics = process->metrics,
        .sandbox = process->sandbox,
        .ticket_rotation = settings->tls->ticket_rotation,
        .n_stats = count_stats(settings),
        .logins = (uint64_t)settings->auth_guard.remembered,
        .scheduling = scheduling_of(arena, settings),
    };
    doors_of(manifest, arena, settings);
    commands_of(manifest, arena, settings);
}

/* ---- written down ---- */

static void write_fields(struct gp__buf *out, const struct field *rows, size_t n, const void *from)
{
    for (size_t i = 0; i < n; i++) {
        const char *place = (const char *)from + rows[i].offset;

        if (rows[i].type == NUMBER)
            gp__pack_number(out, *(const uint64_t *)(const void *)place);
        else
            gp__pack_text(out, *(const struct gp_slice *)(const void *)place);
    }
}

void gp__manifest_write(const struct gp__manifest *manifest, struct gp__buf *out)
{
    write_fields(out, fields, COUNT(fields), manifest);
    gp__pack_number(out, manifest->n_doors);
    for (size_t i = 0; i < manifest->n_doors; i++)
        write_fields(out, door_fields, COUNT(door_fields), &manifest->doors[i]);
    gp__pack_number(out, manifest->n_commands);
    for (size_t i = 0; i < manifest->n_commands; i++) {
        const struct gp__manifest_command *command = &manifest->commands[i];

        write_fields(out, command_fields, COUNT(command_fields), command);
        gp__pack_number(out, command->n_argv);
        for (size_t n = 0; n < command->n_argv; n++)
            gp__pack_text(out, command->argv[n]);
    }
}

static struct gp_slice read_bytes(struct gp__unpack *in, struct gp__arena *arena)
{
    struct gp_slice bytes = gp__unpack_text(in);

    in->bad |= bytes.len > GP__SCHEDULING_MAX;
    return in->bad ? GP_S("") : gp__arena_dup(arena, bytes);
}

/* A NUL inside would make another path of it. */
static struct gp_slice read_text(struct gp__unpack *in, struct gp__arena *arena)
{
    struct gp_slice text = gp__unpack_text(in);

    if (text.len > TEXT_MAX || gp_slice_find(text, '\0') < text.len)
        in->bad = true;
    return in->bad ? GP_S("") : gp__arena_dup(arena, text);
}

static void read_fields(struct gp__unpack *in, struct gp__arena *arena, const struct field *rows,
                        size_t n, void *to)
{
    for (size_t i = 0; i < n; i++) {
        char *place = (char *)to + rows[i].offset;

        if (rows[i].type == NUMBER)
            *(uint64_t *)(void *)place = gp__unpack_number(in);
        else
            *(struct gp_slice *)(void *)place = rows[i].type == TEXT ? read_text(in, arena)
                                                                     : read_bytes(in, arena);
    }
}

static bool is_sane(const struct gp__manifest *manifest)
{
    return manifest->workers <= GP__WORKERS_MAX && manifest->carriers <= GP__WORKERS_MAX &&
           manifest->n_stats <= GP__STATS_MAX && manifest->logins <= GP__LOGINS_MAX &&
           manifest->log_format <= GP__LOG_JSON && manifest->log_level <= GP_LOG_DEBUG &&
           manifest->control_mode <= 0777 && manifest->heartbeat > 0 && manifest->recheck > 0 &&
           manifest->ticket_rotation > 0;
}

static void read_command(struct gp__unpack *in, struct gp__arena *arena,
                         struct gp__manifest_command *command)
{
    read_fields(in, arena, command_fields, COUNT(command_fields), command);
    command->n_argv = (size_t)gp__unpack_upto(in, GP__ARGV_MAX);
    command->argv = GP__ARENA_ARRAY(arena, struct gp_slice, command->n_argv);
    for (size_t i = 0; i < command->n_argv; i++)
        command->argv[i] = read_text(in, arena);
    in->bad |= command->n_argv == 0 || !gp_slice_starts(command->argv[0], GP_S("/")) ||
               !gp_slice_starts(command->directory, GP_S("/"));
}

static void read_commands(struct gp__unpack *in, struct gp__arena *arena,
                          struct gp__manifest *manifest)
{
    size_t n = (size_t)gp__unpack_upto(in, GP__COMMANDS_MAX);

    manifest->commands = GP__ARENA_ARRAY(arena, struct gp__manifest_command, n);
    while (manifest->n_commands < n && !in->bad)
        read_command(in, arena, &manifest->commands[manifest->n_commands++]);
}

int gp__manifest_read(struct gp__manifest *manifest, struct gp__arena *arena, struct gp_slice bytes)
{
    struct gp__unpack in = {.rest = bytes};
    size_t n;

    *manifest = (struct gp__manifest){.workers = 0};
    read_fields(&in, arena, fields, COUNT(fields), manifest);
    n = (size_t)gp__unpack_upto(&in, GP__DOORS_MAX);
    manifest->doors = GP__ARENA_ARRAY(arena, struct gp__manifest_door, n);
    while (manifest->n_doors < n && !in.bad)
        read_fields(&in, arena, door_fields, COUNT(door_fields),
                    &manifest->doors[manifest->n_doors++]);
    for (size_t i = 0; i < manifest->n_doors; i++)
        in.bad |= manifest->doors[i].role >= GP__ROLE_COUNT;
    read_commands(&in, arena, manifest);
    return gp__unpack_ended(&in) && is_sane(manifest) ? 0 : -1;
}

// SPDX-License-Identifier: Apache-2.0
/* Processes, rights, the control socket, the address of the metrics. */
#include "core/base/units.h"
#include "core/config/load.h"

#define WORKERS_MAX 256

const struct gp_option gp__process_rows[] = {
    GP_OPTION_DURATION("stop_within", struct gp__process_times, stop_within, "30s", 0, 3600000,
                       "How long sessions and deliveries have to end when it is stopped."),
    GP_OPTION_DURATION(
        "reload_within", struct gp__process_times, reload_within, "10m", 0, 86400000,
        "How long sessions go on undisturbed with the configuration before a reload."),
    GP_OPTION_DURATION("heartbeat", struct gp__process_times, heartbeat, "30s", 1000, 600000,
                       "A worker without a sign of life for so long is ended and replaced."),
    GP_OPTION_DURATION("recheck", struct gp__process_times, recheck, "1m", 1000, 86400000,
                       "How often certificates, keys and files of secrets are looked at."),
    GP_OPTION_INTEGER("open_files", struct gp__process_times, open_files, "0", 0, 10000000,
                      "Most descriptors of a worker; 0: as many as the system lets it have."),
    GP_OPTION_BOOL("core_files", struct gp__process_times, core_files, "off",
                   "Whether a crash leaves a core file, which holds mail and secrets."),
    GP_OPTION_PATH("pid_file", struct gp__process_times, pid_file, GP_OPTIONAL,
                   "File that holds the process id of the master."),
    GP_OPTIONS_END,
};

const struct gp_option gp__control_rows[] = {
    GP_OPTION_PATH("path", struct gp__control_raw, path, "/run/gatepost/control.sock",
                   "Where the socket is."),
    GP_OPTION_STRING("mode", struct gp__control_raw, mode, "0660", "Rights of its file, octal."),
    GP_OPTION_STRING("group", struct gp__control_raw, group, GP_OPTIONAL,
                     "Group that may use it, besides root and the service's own user.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("release_group", struct gp__control_raw, release_group, GP_OPTIONAL,
                     "Group that may do nothing but `gatepost queue release --as ADDRESS`: for a "
                     "page on which people look after their held mail.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_DURATION("idle", struct gp__control_raw, idle, "1m", 1000, 3600000,
                       "A client that asks nothing, or does not read its answer, for so long loses "
                       "its place."),
    GP_OPTIONS_END,
};

const struct gp_option gp__metrics_rows[] = {
    GP_OPTION_ADDRESS("address", struct gp__metrics_raw, address, "127.0.0.1:9125",
                      "Where to listen. Anybody who can connect can read.", .min = 0, .max = 65535),
    GP_OPTIONS_END,
};

static void set_workers(struct gp__load *load, struct gp_slice text)
{
    int64_t *workers = &load->settings->process.workers;

    if (gp_slice_eq(text, GP_S("auto")))
        *workers = -1;
    else if (gp_slice_to_int(text, 0, WORKERS_MAX, workers) < 0)
        gp__diag_add(load->diag, GP__ERROR, gp__node_get(load->root, GP_S("workers")),
                     "\"workers\" is a number from 0 to %d or auto, not \"" GP_FMT "\"",
                     WORKERS_MAX, GP_ARG(gp_slice_sub(text, 0, 200)));
}

/* Without a word as many as workers. */
static void set_carriers(struct gp__load *load, struct gp_slice text)
{
    int64_t *carriers = &load->settings->process.carriers;

    *carriers = -1;
    if (gp_slice_present(text) && gp_slice_to_int(text, 1, WORKERS_MAX, carriers) < 0)
        gp__diag_add(load->diag, GP__ERROR, gp__node_get(load->root, GP_S("carriers")),
                     "\"carriers\" is a number from 1 to %d, not \"" GP_FMT "\"", WORKERS_MAX,
                     GP_ARG(gp_slice_sub(text, 0, 200)));
}

static void set_control(struct gp__load *load, const struct gp__control_raw *raw)
{
    struct gp__control_settings *control = &load->settings->process.control;
    const struct gp__node *section = gp__node_get(load->root, GP_S("control"));

    if (!section || section->kind != GP__NODE_MAPPING)
        return;
    control->path = raw->path;
    control->group = raw->group;
    control->release_group = raw->release_group;
    control->idle = raw->idle;
    if (gp__mode_parse(raw->mode, &control->mode) < 0)
        gp__diag_add(load->diag, GP__ERROR, gp__load_place(load, "control", "mode"),
                     "\"mode\" is an octal number such as 0660, not \"" GP_FMT "\"",
                     GP_ARG(gp_slice_sub(raw->mode, 0, 200)));
    else if (control->mode & 07)
        gp__diag_add(load->diag, GP__WARNING, gp__load_place(load, "control", "mode"),
                     "others may connect to the control socket; it will refuse them all the same");
}

static void set_metrics(struct gp__load *load, const struct gp__metrics_raw *raw)
{
    const struct gp__node *section = gp__node_get(load->root, GP_S("metrics"));
    struct gp__endpoint_text endpoint;

    if (!section || section->kind != GP__NODE_MAPPING)
        return;
    load->settings->process.metrics = raw->address;
    if (gp__endpoint_parse(raw->address, &endpoint) || endpoint.ip.family == 0)
        gp__diag_add(load->diag, GP__ERROR, gp__load_place(load, "metrics", "address"),
                     "\"address\" of the metrics is an IP address and a port");
}

void gp__load_process(struct gp__load *load, const struct gp__process_raw *raw)
{
    struct gp__process_settings *process = &load->settings->process;

    process->user = raw->user;
    process->group = raw->group;
    process->sandbox = raw->sandbox;
    process->stop_within = raw->times.stop_within;
    process->reload_within = raw->times.reload_within;
    process->heartbeat = raw->times.heartbeat;
    process->recheck = raw->times.recheck;
    process->open_files = raw->times.open_files;
    process->core_files = raw->times.core_files;
    process->pid_file = raw->times.pid_file;
    set_workers(load, raw->workers);
    set_carriers(load, raw->carriers);
    set_control(load, &raw->control);
    set_metrics(load, &raw->metrics);
}

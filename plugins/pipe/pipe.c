// SPDX-License-Identifier: Apache-2.0
/*
 * A target that gives messages to a program: on standard input, with the envelope in its environment.
 * What became of them is its exit code, by sysexits.h.
 */
#include <gatepost/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

struct pipe {
    const struct gp_command *command;
    uint64_t timeout_ms;
    int64_t at_once;
    bool fields;
    int64_t running; /* of this instance, now */
};

GP_OPTIONS(struct pipe,
           GP_OPTION_COMMAND("command", struct pipe, command, NULL,
                             "The program and its arguments as a list, or a mapping: argv, user, "
                             "group, directory, cpu, memory, files."),
           GP_OPTION_DURATION("timeout", struct pipe, timeout_ms, "5m", 100, 3600000,
                              "How long a run may take; then it is ended, and tried again."),
           GP_OPTION_INTEGER("at_once", struct pipe, at_once, "10", 1, 1000,
                             "Runs at once, of a process; the rest is tried again."),
           GP_OPTION_BOOL("fields", struct pipe, fields, "true",
                          "Whether Return-Path and Delivered-To are put in front of the message."));

/* ---- what an exit code means ---- */

static const struct meaning {
    int code;
    enum gp_outcome outcome;
    const char *status, *text;
} meanings[] = {
    {EX_OK, GP_OUTCOME_DELIVERED, "250 2.0.0", "Ok"},
    {EX_USAGE, GP_OUTCOME_DEFERRED, "451 4.3.5", "The program was called wrongly"},
    {EX_DATAERR, GP_OUTCOME_FAILED, "554 5.6.0", "The program can't take this message"},
    {EX_NOINPUT, GP_OUTCOME_FAILED, "554 5.3.0", "The program has no input"},
    {EX_NOUSER, GP_OUTCOME_FAILED, "550 5.1.1", "No such recipient here"},
    {EX_NOHOST, GP_OUTCOME_FAILED, "550 5.1.2", "No such domain here"},
    {EX_UNAVAILABLE, GP_OUTCOME_FAILED, "554 5.3.0", "The program refuses the message"},
    {EX_CANTCREAT, GP_OUTCOME_FAILED, "552 5.2.0", "The mailbox can't be written to"},
    {EX_PROTOCOL, GP_OUTCOME_FAILED, "554 5.5.0", "The program does not understand"},
    {EX_NOPERM, GP_OUTCOME_FAILED, "550 5.7.1", "The program does not allow it"},
};

/* What is not known, a crash for one, is no reason to throw a message away. */
static const struct meaning *meaning_of(int code)
{
    static const struct meaning otherwise = {-1, GP_OUTCOME_DEFERRED, "451 4.3.0",
                                             "The program failed, try again later"};

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return &otherwise;
}

/* ---- a run ---- */

/* A local part that looks like an option is one only to a program that makes arguments of it. */
static void set_environment(struct gp_call *call, struct gp_run *run, struct gp_delivery *delivery,
                            const struct gp_recipient *recipient)
{
    gp_run_environment(run, "SENDER", gp_delivery_sender(delivery));
    gp_run_environment(run, "RECIPIENT", gp_rcpt_address(recipient));
    gp_run_environment(run, "LOCAL", gp_rcpt_local(recipient));
    gp_run_environment(run, "DOMAIN", gp_rcpt_domain(recipient));
    gp_run_environment(run, "ORIGINAL_RECIPIENT", gp_rcpt_original(recipient));
    gp_run_environment(run, "DELIVERY", gp_delivery_id(delivery));
    gp_run_environment(run, "CLIENT_ADDRESS", gp_client_ip(call));
    gp_run_environment(run, "CLIENT_HELO", gp_helo(call));
    gp_run_environment(run, "USER_LOGIN", gp_auth_user(call));
}

static struct gp_slice trace_fields(struct gp_call *call, struct gp_delivery *delivery,
                                    const struct gp_recipient *recipient)
{
    struct gp_slice path = gp_delivery_return_path(call, delivery);
    struct gp_slice to = gp_delivery_delivered_to(call, recipient);

    return gp_format(call, GP_FMT GP_FMT, GP_ARG(path), GP_ARG(to));
}

/* What it said, for the log: its last words are mostly why. */
static void log_output(struct gp_call *call, const struct pipe *pipe, const struct gp_run *run)
{
    struct gp_slice output = gp_slice_trim(gp_run_output(run));

    if (output.len > 1000)
        output = gp_slice_sub(output, output.len - 1000, 1000);
    gp_log(call, gp_run_exit(run) ? GP_LOG_WARNING : GP_LOG_INFO, GP_FMT " ended with %d%s" GP_FMT,
           GP_ARG(gp_command_name(pipe->command)), gp_run_exit(run), output.len ? ": " : "",
           GP_ARG(output));
}

static void set(struct gp_delivery *delivery, size_t i, const struct meaning *meaning)
{
    gp_delivery_result(delivery, i, meaning->outcome, meaning->status, meaning->text);
}

static int run_for(struct gp_call *call, struct pipe *pipe, struct gp_delivery *delivery, size_t i)
{
    static const struct meaning not_started = {-1, GP_OUTCOME_DEFERRED, "451 4.3.0",
                                               "The program can't be started now"};
    const struct gp_recipient *recipient = gp_delivery_rcpt_at(delivery, i);
    struct gp_run *run = gp_run_create(call, pipe->command);
    int error;

    set_environment(call, run, delivery, recipient);
    gp_run_input(run, pipe->fields ? trace_fields(call, delivery, recipient) : GP_S(""),
                 gp_delivery_message(delivery));
    pipe->running++;
    error = gp_run_wait_within(run, pipe->timeout_ms);
    pipe->running--;
    if (error == GP_ECANCELED)
        return error;
    if (error) {
        gp_count(call, "failed_runs", 1);
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s", GP_ARG(gp_command_name(pipe->command)),
               gp_run_error(run));
        set(delivery, i, &not_started);
        return 0;
    }
    gp_count(call, "runs", 1);
    log_output(call, pipe, run);
    set(delivery, i, meaning_of(gp_run_exit(run)));
    return 0;
}

/* One run for each recipient: an exit code is about one. */
static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    static const struct meaning busy = {-1, GP_OUTCOME_DEFERRED, "451 4.3.2",
                                        "Too many runs of the program at once"};
    struct pipe *pipe = self;
    int error = 0;

    for (size_t i = 0; !error && i < gp_delivery_rcpt_count(delivery); i++) {
        if (pipe->running < pipe->at_once) {
            error = run_for(call, pipe, delivery, i);
            continue;
        }
        gp_delivery_advise(delivery, GP_ADVICE_SLOWDOWN, 0);
        set(delivery, i, &busy);
    }
    return error;
}

static const struct gp_target_role target = {.size = sizeof target, .deliver = deliver};

GP_PLUGIN(.version = "1.0", .summary = "Gives messages to a program", GP_USES_OPTIONS,
          .needs = GP_NEEDS_COMMANDS, .target = &target, .deadline_ms = 3600000);

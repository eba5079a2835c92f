// SPDX-License-Identifier: Apache-2.0
#include "sdk/kit/run.h"

#include "sdk/kit/kit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)

/* ---- failures ---- */

static void put_indented(struct gp__buf *out, struct gp_slice text, const char *indent)
{
    while (text.len) {
        struct gp_slice line = gp_slice_split(&text, '\n');

        gp__buf_printf(out, "%s", indent);
        gp__buf_append(out, line);
        gp__buf_append(out, GP_S("\n"));
    }
}

static void fail_at(struct gp__kit *kit, unsigned line, struct gp_slice what, struct gp_slice came)
{
    kit->failures++;
    gp__buf_printf(&kit->report, GP_FMT ":%u: " GP_FMT "\n", GP_ARG(kit->file->path), line,
                   GP_ARG(what));
    if (gp_slice_find(came, '\n') < came.len) {
        gp__buf_append(&kit->report, GP_S("    came:\n"));
        put_indented(&kit->report, came, "      ");
    } else {
        gp__buf_append(&kit->report, GP_S("    came: "));
        gp__buf_append(&kit->report, came);
        gp__buf_append(&kit->report, GP_S("\n"));
    }
}

void gp__kit_fail(struct gp__kit *kit, const struct gp__kit_step *step, const char *format, ...)
{
    struct gp__buf came = {.limit = 0};
    va_list args;

    va_start(args, format);
    gp__buf_vprintf(&came, format, args);
    va_end(args);
    fail_at(kit, step->line, step->text, gp__buf_slice(&came));
    gp__buf_free(&came);
}

/* ---- what nobody expected ---- */

static bool mentions_fault(const struct gp__kit_step *step, struct gp_slice instance)
{
    return gp_slice_eq(gp_slice_of(step->verb->name), GP_S("fault")) && !step->negated &&
           gp_slice_eq(step->args[0], instance);
}

/* The expectations that stand behind a `when`, up to the next. */
static size_t end_of_expects(const struct gp__kit_part *part, size_t first)
{
    while (first < part->n_steps && part->steps[first].verb->kind != GP__KIT_WHEN)
        first++;
    return first;
}

static void check_refusal(struct gp__kit *kit, const struct gp__kit_step *expects, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (expects[i].verb->flags & GP__KIT_ABOUT_REPLY)
            return;
    if (kit->refused)
        gp__kit_fail(kit, kit->when, "%u " GP_FMT "\na refusal that no expectation mentions",
                     kit->reply.code, GP_ARG(kit->reply.text));
}

static struct gp_slice reason_of(struct gp__kit *kit, struct gp_slice instance)
{
    struct gp_slice rest = gp__kit_log(kit, false);

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (gp_slice_search(line, GP_S(" hook.fault ")) < line.len &&
            gp_slice_eq(gp__kit_log_field(kit, line, "instance"), instance))
            return gp__kit_log_field(kit, line, "error");
    }
    return GP_S("it does not say why");
}

static void check_faults(struct gp__kit *kit, const struct gp__kit_step *expects, size_t n)
{
    for (size_t i = 0; i < kit->generation->n_instances; i++) {
        const struct gp__instance *instance = kit->generation->instances[i];
        bool mentioned = gp__kit_faults(kit, instance) == 0;

        for (size_t j = 0; j < n && !mentioned; j++)
            mentioned = mentions_fault(&expects[j], instance->id);
        if (!mentioned)
            gp__kit_fail(kit, kit->when,
                         "\"" GP_FMT "\" failed: " GP_FMT "\na fault that no expectation mentions",
                         GP_ARG(instance->id), GP_ARG(reason_of(kit, instance->id)));
    }
}

/* ---- steps ---- */

static bool is_about_config(const struct gp__kit_step *step)
{
    return step->verb->run == gp__kit_expect_config;
}

static bool expects_errors(const struct gp__kit_part *part)
{
    for (size_t i = 0; i < part->n_steps; i++)
        if (is_about_config(&part->steps[i]) && !part->steps[i].negated &&
            gp_slice_eq(part->steps[i].args[0], GP_S("error")))
            return true;
    return false;
}

static void begin(struct gp__kit *kit)
{
    if (kit->begun)
        return;
    gp__kit_begin(kit);
    if (kit->generation || kit->expects_errors)
        return;
    fail_at(kit, kit->scenario->line, GP_S("the configuration does not load"),
            gp_slice_trim(gp__buf_slice(&kit->config.errors)));
}

/* Whether the step has the session that it needs. */
static bool has_session(struct gp__kit *kit, const struct gp__kit_step *step)
{
    if ((step->verb->flags & GP__KIT_NO_SESSION) || !gp__kit_closed(kit))
        return true;
    if (kit->session)
        gp__kit_fail(kit, step, "the server has closed the connection");
    else
        gp__kit_fail(kit, step, "no session is open: `when connect` comes first");
    kit->stopped = true;
    return false;
}

static void run_when(struct gp__kit *kit, const struct gp__kit_step *step)
{
    if (!has_session(kit, step))
        return;
    gp__kit_mark(kit, step);
    step->verb->run(kit, step);
    gp__kit_find_held(kit);
}

static void run_step(struct gp__kit *kit, const struct gp__kit_step *step)
{
    if (step->verb->kind != GP__KIT_GIVEN)
        begin(kit);
    if (is_about_config(step) || !kit->stopped) {
        if (step->verb->kind == GP__KIT_WHEN)
            run_when(kit, step);
        else if (step->verb->kind == GP__KIT_EXPECT && !kit->when && !is_about_config(step))
            gp__kit_fail(kit, step, "nothing has happened yet: a `when` comes first");
        else
            step->verb->run(kit, step);
    }
}

static void run_part(struct gp__kit *kit, const struct gp__kit_part *part)
{
    for (size_t i = 0; i < part->n_steps; i++) {
        const struct gp__kit_step *step = &part->steps[i];
        size_t end;

        run_step(kit, step);
        if (step->verb->kind != GP__KIT_WHEN || kit->stopped)
            continue;
        end = end_of_expects(part, i + 1);
        check_refusal(kit, step + 1, end - i - 1);
        check_faults(kit, step + 1, end - i - 1);
    }
}

static void check_peers(struct gp__kit *kit)
{
    struct gp_slice failures = gp__sim_failures(kit->rt);

    if (failures.len)
        fail_at(kit, kit->scenario->line, GP_S("what the scripts of peers expected"),
                gp_slice_trim(failures));
}

/* ---- scenarios ---- */

static void put_status(struct gp__buf *out, const struct gp__kit_options *options, bool passed,
                       struct gp_slice name)
{
    const char *on = !options->colour ? "" : passed ? "\033[32m" : "\033[31m";

    gp__buf_printf(out, "%s%s%s  " GP_FMT "\n", on, passed ? "ok  " : "FAIL",
                   options->colour ? "\033[0m" : "", GP_ARG(name));
}

static void put_failed(struct gp__kit *kit, struct gp__buf *out)
{
    put_indented(out, gp__buf_slice(&kit->report), "  ");
    if (kit->transcript.len) {
        gp__buf_append(out, GP_S("  the session:\n"));
        put_indented(out, gp__buf_slice(&kit->transcript), "    ");
    }
    if (kit->options->verbose && kit->log_text.len) {
        gp__buf_append(out, GP_S("  the log:\n"));
        put_indented(out, gp__buf_slice(&kit->log_text), "    ");
    }
}

static void run_scenario(const struct gp__kit_options *options, const struct gp__kit_file *file,
                         const struct gp__kit_scenario *scenario, struct gp__buf *out,
                         struct gp__kit_totals *totals)
{
    struct gp__kit kit = {.options = options, .file = file, .scenario = scenario};

    gp__kit_create(&kit);
    kit.expects_errors = expects_errors(&scenario->part);
    run_part(&kit, &file->shared);
    run_part(&kit, &scenario->part);
    begin(&kit);
    check_peers(&kit);
    put_status(out, options, kit.failures == 0, scenario->name);
    if (kit.failures)
        put_failed(&kit, out);
    totals->passed += kit.failures == 0;
    totals->failed += kit.failures != 0;
    gp__kit_destroy(&kit);
}

/* ---- files ---- */

static bool is_wanted(const struct gp__kit_options *options,
                      const struct gp__kit_scenario *scenario)
{
    return !gp_slice_present(options->filter) ||
           gp_slice_search(scenario->name, options->filter) < scenario->name.len ||
           options->filter.len == 0;
}

void gp__kit_run_text(const struct gp__kit_options *options, struct gp_slice path,
                      struct gp_slice text, struct gp__buf *out, struct gp__kit_totals *totals)
{
    struct gp__kit_file *file = gp__kit_parse(path, text, out);

    if (!file) {
        totals->broken++;
        return;
    }
    for (size_t i = 0, n = 0; i < file->n_scenarios; i++) {
        if (!is_wanted(options, &file->scenarios[i]))
            continue;
        if (n++ == 0)
            gp__buf_printf(out, GP_FMT "\n", GP_ARG(path));
        run_scenario(options, file, &file->scenarios[i], out, totals);
        if (options->progress)
            options->progress(options->arg, out);
    }
    gp__kit_file_free(&file);
}

static int read_file(const char *path, struct gp__buf *content)
{
    FILE *file = fopen(path, "rb");
    size_t room, n = 1;
    int result = 0;

    if (!file)
        return -1;
    while (n > 0) {
        char *at = gp__buf_room(content, 4096, &room);

        n = at ? fread(at, 1, room, file) : 0;
        if (at)
            gp__buf_added(content, n);
        else
            errno = EFBIG, result = -1;
    }
    if (ferror(file))
        result = -1;
    return fclose(file) == 0 ? result : -1;
}

void gp__kit_run_file(const struct gp__kit_options *options, const char *path, struct gp__buf *out,
                      struct gp__kit_totals *totals)
{
    struct gp__buf content = {.limit = FILE_MAX};

    if (read_file(path, &content) < 0) {
        gp__buf_printf(out, "%s: %s\n", path, strerror(errno));
        totals->broken++;
    } else {
        gp__kit_run_text(options, gp_slice_of(path), gp__buf_slice(&content), out, totals);
    }
    gp__buf_free(&content);
}

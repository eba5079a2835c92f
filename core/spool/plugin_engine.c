// SPDX-License-Identifier: Apache-2.0
/* A plugin as an engine: the form of its records, and how its functions are called. */
#include "core/spool/plugin_engine.h"

#include "core/base/alloc.h"
#include "core/base/crc32c.h"
#include "core/base/log.h"

#include <string.h>

/* ---- records ---- */

#define VERSION 1
#define FRAME 12u /* checksum of what follows, version, checksum of the base */

static void put_u32(char *at, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(n >> (8 * i));
}

static uint32_t get_u32(struct gp_slice bytes, size_t at)
{
    uint32_t n = 0;

    for (size_t i = 4; i > 0; i--)
        n = n << 8 | (unsigned char)bytes.data[at + i - 1];
    return n;
}

/* The base goes beside it in any case: `large` is of the log. */
int gp__plugin_head_write(const struct gp__entry *entry, struct gp__buf *head_r)
{
    struct gp__entry kept = *entry;
    char frame[FRAME] = "";
    char *at;

    kept.base_size = entry->base.len;
    kept.large = false;
    if (gp__buf_append(head_r, gp_slice(frame, FRAME)) < 0 || gp__entry_write(&kept, head_r) != 0)
        return GP_EINVAL;
    at = head_r->data + head_r->start;
    put_u32(at + 4, VERSION);
    put_u32(at + 8, gp__crc32c(0, entry->base));
    put_u32(at, gp__crc32c(0, gp_slice(at + 4, head_r->len - 4)));
    return 0;
}

int gp__plugin_head_read(struct gp__entry *entry_r, struct gp__arena *arena, struct gp_slice head)
{
    if (head.len < FRAME || get_u32(head, 0) != gp__crc32c(0, gp_slice_sub(head, 4, head.len)) ||
        get_u32(head, 4) != VERSION)
        return GP_EIO;
    *entry_r = (struct gp__entry){.base_crc = get_u32(head, 8)};
    return gp__entry_read(entry_r, arena, gp_slice_sub(head, FRAME, head.len)) == 0 ? 0 : GP_EIO;
}

int gp__plugin_base_read(struct gp__entry *entry, struct gp_slice body)
{
    if (body.len != entry->base_size || gp__crc32c(0, body) != entry->base_crc)
        return GP_EIO;
    entry->base = gp_slice_present(body) ? body : GP_S("");
    return 0;
}

/* ---- calls ---- */

/* What it misbehaved in is logged; whatever it did then is not known. */
static int judge(const struct gp_call *call, int result)
{
    if (!gp_slice_present(call->fault))
        return result;
    gp__log(call->runtime->log, GP_LOG_ERROR, "spool.fault", GP__F_S("engine", call->instance->id),
            GP__F_S("error", call->fault));
    return GP_EIO;
}

static int make_call(struct gp__spool_plugin *plugin, struct gp__runtime *rt, gp__plugin_fn *fn,
                     void *arg)
{
    struct gp__instance *instance = plugin->instance;
    struct gp_call call;
    int result;

    gp__call_init(&call, rt, instance, GP_HOOK_TICK, UINT64_MAX);
    result = judge(&call, fn(&call, instance->plugin->spool, instance->self, arg));
    gp__call_end(&call);
    return result;
}

int gp__plugin_ask(struct gp__spool_plugin *plugin, struct gp__runtime *rt, gp__plugin_fn *fn,
                   void *arg)
{
    int result = make_call(plugin, rt, fn, arg);

    return result == 0 || result == GP_ENOTFOUND ? result : GP_EIO;
}

struct errand {
    struct gp__spool_plugin *plugin;
    struct gp__runtime *runtime;
    gp__plugin_fn *fn;
    void (*done)(void *arg, int error);
    void *arg;
    int result;
};

static void on_fiber(void *arg)
{
    struct errand *errand = arg;
    int result = make_call(errand->plugin, errand->runtime, errand->fn, errand->arg);

    errand->result = result == 0 || result == GP_ENOSPC ? result : GP_EIO;
}

static void ended(void *arg)
{
    struct errand *errand = arg;

    errand->done(errand->arg, errand->result);
    gp__free(errand);
}

/* From the loop's stack: a fiber starts no fiber. */
static void begin(void *arg)
{
    struct errand *errand = arg;
    struct gp__runtime *rt = errand->runtime;

    errand->result = GP_EIO; /* if there is no fiber */
    if (rt->ops->run(rt, on_fiber, ended, errand, errand->plugin->instance->plugin->stack) != 0)
        ended(errand);
}

void gp__plugin_run(struct gp__spool_plugin *plugin, struct gp__runtime *rt, gp__plugin_fn *fn,
                    void (*done)(void *arg, int error), void *arg)
{
    struct errand *errand = gp__alloc(sizeof *errand);

    *errand = (struct errand){.plugin = plugin, .runtime = rt, .fn = fn, .done = done, .arg = arg};
    rt->ops->defer(rt, begin, errand);
}

/* ---- the engine ---- */

static int prepare(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    struct gp__layout layout;
    int done;

    gp__layout_init(&layout, settings);
    done = gp__layout_prepare(&layout, error_r);
    gp__layout_free(&layout);
    return done;
}

/* The folder; what is behind it can be told by the engine alone. */
static int check(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    struct gp__layout layout;
    int done;

    gp__layout_init(&layout, settings);
    done = gp__layout_look(&layout, error_r);
    gp__layout_free(&layout);
    return done < 0 ? done : 0;
}

/* There are no files of large messages. */
static int remove_large(struct gp__spool *base, struct gp_slice id)
{
    (void)base;
    (void)id;
    return 0;
}

static int sweep(struct gp__spool *base, bool (*alive)(void *arg, struct gp_slice id), void *arg)
{
    (void)base;
    (void)alive;
    (void)arg;
    return 0;
}

const struct gp__spool_engine gp__spool_of_plugin = {
    .name = "plugin",
    .prepare = prepare,
    .check = check,
    .writer_open = gp__plugin_writer_open,
    .commit = gp__plugin_commit,
    .rewrite = gp__plugin_rewrite,
    .writer_close = gp__plugin_writer_close,
    .open = gp__plugin_open,
    .close = gp__plugin_close,
    .read = gp__plugin_read,
    .read_head = gp__plugin_read_head,
    .tail = gp__plugin_tail,
    .segments = gp__plugin_segments,
    .verify = gp__plugin_verify,
    .remove = gp__plugin_remove,
    .remove_large = remove_large,
    .sweep = sweep,
    .wake_open = gp__plugin_wake_open,
    .journal_open = gp__plugin_journal_open,
    .journal_append = gp__plugin_journal_append,
    .compact_begin = gp__plugin_compact_begin,
    .compact_put = gp__plugin_compact_put,
    .compact_end = gp__plugin_compact_end,
    .journal_size = gp__plugin_journal_size,
    .journal_close = gp__plugin_journal_close,
};

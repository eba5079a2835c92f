// SPDX-License-Identifier: Apache-2.0
/* Entries become records of an engine that a plugin is: each commit is one append(), on its fiber. */
#include "core/spool/plugin_engine.h"

#include "core/base/alloc.h"
#include "core/spool/wake.h"

struct writer {
    struct gp__spool_writer base;
    struct gp__spool_plugin *plugin;
    struct gp__runtime *runtime;
    struct gp__wake wake;
    size_t under_way;
};

/* What is appended, with the bytes that it needs. */
struct appending {
    struct writer *writer;
    void (*done)(void *arg, int error, const struct gp__place *places);
    void *arg;
    size_t n;
    int error; /* found before it was begun */
    struct gp__buf *buffers;
    struct gp_slice *heads, *bodies;
    uint64_t *numbers;
};

static struct appending *appending_create(struct writer *writer, size_t n,
                                          void (*done)(void *arg, int error,
                                                       const struct gp__place *places),
                                          void *arg)
{
    struct appending *appending = gp__alloc(sizeof *appending);

    writer->under_way++;
    appending->writer = writer;
    appending->done = done;
    appending->arg = arg;
    appending->n = n;
    appending->buffers = gp__alloc_array(n, sizeof *appending->buffers);
    appending->heads = gp__alloc_array(n, sizeof *appending->heads);
    appending->bodies = gp__alloc_array(n, sizeof *appending->bodies);
    appending->numbers = gp__alloc_array(n, sizeof *appending->numbers);
    return appending;
}

static void appending_free(struct appending *appending)
{
    for (size_t i = 0; i < appending->n; i++)
        gp__buf_free(&appending->buffers[i]);
    gp__free(appending->buffers);
    gp__free(appending->heads);
    gp__free(appending->bodies);
    gp__free(appending->numbers);
    gp__free(appending);
}

static void on_appended(void *arg, int error)
{
    struct appending *appending = arg;
    struct writer *writer = appending->writer;
    struct gp__place *places = gp__alloc_array(appending->n, sizeof *places);

    for (size_t i = 0; i < appending->n; i++)
        places[i] = gp__plugin_place(appending->numbers[i]);
    if (error == 0)
        gp__wake_send(&writer->wake);
    writer->under_way--;
    appending->done(appending->arg, error, error ? NULL : places);
    gp__free(places);
    appending_free(appending);
}

/* A number that is none would name another record. */
static int append(struct gp_call *call, const struct gp_spool_role *role, void *self, void *arg)
{
    struct appending *appending = arg;
    int result = role->append(call, self, appending->heads, appending->bodies, appending->n,
                              appending->numbers);

    for (size_t i = 0; i < appending->n && result == 0; i++)
        if (appending->numbers[i] == 0 || appending->numbers[i] >= UINT64_C(1) << 60)
            return gp__call_fault(call, "append() gave a record the number %llu",
                                  (unsigned long long)appending->numbers[i]);
    return result;
}

static void refuse(void *arg)
{
    struct appending *appending = arg;

    on_appended(appending, appending->error);
}

static void start(struct appending *appending)
{
    struct writer *writer = appending->writer;

    if (appending->error)
        writer->runtime->ops->defer(writer->runtime, refuse, appending);
    else
        gp__plugin_run(writer->plugin, writer->runtime, append, on_appended, appending);
}

void gp__plugin_commit(struct gp__spool_writer *base, const struct gp__entry *const *entries,
                       size_t n, void (*done)(void *arg, int error, const struct gp__place *places),
                       void *arg)
{
    struct appending *appending = appending_create((struct writer *)base, n, done, arg);

    for (size_t i = 0; i < n && !appending->error; i++) {
        appending->error = gp__plugin_head_write(entries[i], &appending->buffers[i]);
        appending->heads[i] = gp__buf_slice(&appending->buffers[i]);
        appending->bodies[i] = gp_slice_present(entries[i]->base) ? entries[i]->base : GP_S("");
    }
    start(appending);
}

/* ---- once more, as it is ---- */

struct copying {
    struct appending *appending;
    uint64_t number;
};

static void copy(void *arg, struct gp_slice head, struct gp_slice body)
{
    struct appending *appending = arg;
    struct gp__buf *buffer = &appending->buffers[0];

    gp__buf_clear(buffer);
    if (gp__buf_append(buffer, head) < 0 || gp__buf_append(buffer, body) < 0)
        appending->error = GP_EIO;
    appending->heads[0] = gp_slice_sub(gp__buf_slice(buffer), 0, head.len);
    appending->bodies[0] = gp_slice_sub(gp__buf_slice(buffer), head.len, buffer->len);
}

static int read_record(struct gp_call *call, const struct gp_spool_role *role, void *self,
                       void *arg)
{
    const struct copying *copying = arg;

    return role->read(call, self, copying->number, copy, copying->appending);
}

void gp__plugin_rewrite(struct gp__spool_writer *base, struct gp__spool *spool,
                        struct gp__place from,
                        void (*done)(void *arg, int error, const struct gp__place *places),
                        void *arg)
{
    struct writer *writer = (struct writer *)base;
    struct copying copying = {appending_create(writer, 1, done, arg), gp__plugin_number(from)};
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    int error = gp__plugin_ask(writer->plugin, writer->runtime, read_record, &copying);

    (void)spool; /* it is the same instance */
    if (error == 0 && copying.appending->error == 0 &&
        (gp__plugin_head_read(&entry, arena, copying.appending->heads[0]) < 0 ||
         gp__plugin_base_read(&entry, copying.appending->bodies[0]) < 0))
        error = GP_EIO;
    if (error)
        copying.appending->error = error;
    gp__arena_free(&arena);
    start(copying.appending);
}

/* ---- life ---- */

struct gp__spool_writer *gp__plugin_writer_open(struct gp__runtime *rt,
                                                const struct gp__spool_settings *settings,
                                                struct gp_slice name, struct gp__buf *error_r)
{
    struct writer *writer;
    struct gp__layout layout;

    (void)name;
    gp__layout_init(&layout, settings);
    if (gp__layout_prepare(&layout, error_r) < 0) {
        gp__layout_free(&layout);
        return NULL;
    }
    writer = gp__alloc(sizeof *writer);
    writer->plugin = settings->plugin;
    writer->runtime = rt;
    gp__wake_open(&writer->wake, layout.wake);
    gp__layout_free(&layout);
    return &writer->base;
}

void gp__plugin_writer_close(struct gp__spool_writer *base)
{
    struct writer *writer = (struct writer *)base;

    while (writer->under_way)
        writer->plugin->turn(writer->runtime);
    gp__wake_close(&writer->wake);
    gp__free(writer);
}

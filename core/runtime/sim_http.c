// SPDX-License-Identifier: Apache-2.0
/* Web servers as a table of URLs. */
#include "core/base/alloc.h"
#include "core/hook/http.h"
#include "core/runtime/job.h"
#include "core/runtime/sim_world.h"

#include <stddef.h>

struct page {
    struct page *next;
    struct gp__sim_answer answer;
};

/* The answers of a URL, in order; the last one is for all that follow. */
struct site {
    struct page *page, **last;
};

void gp__sim_http(struct gp__runtime *rt, struct gp_slice url, const struct gp__sim_answer *answer)
{
    struct gp__sim *sim = gp__sim(rt);
    struct site *site = gp__map_get(&sim->sites, url);
    struct page *page = GP__ARENA_NEW(sim->arena, struct page);

    if (!site) {
        site = GP__ARENA_NEW(sim->arena, struct site);
        site->last = &site->page;
        gp__map_set(&sim->sites, gp__arena_dup(sim->arena, url), site);
    }
    page->answer = *answer;
    page->answer.fields = gp__arena_dup(sim->arena, answer->fields);
    page->answer.body = gp__arena_dup(sim->arena, answer->body);
    *site->last = page;
    site->last = &page->next;
}

/* ---- the operation ---- */

struct request {
    struct gp__job job;
    struct gp__timer timer;
    struct gp__sim *sim;
    struct gp_http *http;
    struct gp__sim_answer answer;
};

static void request_cancel(struct gp__job *job)
{
    struct request *request = (struct request *)job;

    gp__sim_call(request->sim, "cancel");
    gp__timers_stop(&request->sim->timers, &request->timer);
    gp__free(request);
}

static void fill_fields(struct gp__arena *arena, struct gp_http *http, struct gp_slice rest)
{
    struct gp__http_field **end = &http->answer_fields;

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');
        size_t colon = gp_slice_find(line, ':');
        struct gp__http_field *field;

        if (colon == line.len)
            continue;
        field = GP__ARENA_NEW(arena, struct gp__http_field);
        field->name = gp__arena_dup(arena, gp_slice_trim(gp_slice_sub(line, 0, colon)));
        field->value = gp__arena_dup(arena, gp_slice_trim(gp_slice_sub(line, colon + 1, line.len)));
        *end = field;
        end = &field->next;
    }
}

static int answer(struct request *request)
{
    const struct gp__sim_answer *from = &request->answer;
    struct gp__arena *arena = request->job.op->arena;
    struct gp_http *http = request->http;

    if (!from->status) {
        http->failure = from->untrusted ? GP_S("bad certificate") : GP_S("connection refused");
        http->untrusted = from->untrusted;
        return GP_ETEMP;
    }
    if (from->body.len > http->limit) {
        http->failure = GP_S("the answer is too large");
        return GP_ELIMIT;
    }
    http->status = from->status;
    fill_fields(arena, http, from->fields);
    http->answer = gp__arena_dup(arena, from->body.len ? from->body : GP_S(""));
    return 0;
}

static void request_answered(struct gp__timer *timer)
{
    struct request *request = (struct request *)(void *)((char *)timer -
                                                         offsetof(struct request, timer));

    gp__job_finish(&request->job, answer(request));
    gp__free(request);
}

static void note(struct gp__sim *sim, const struct gp_http *http)
{
    gp__sim_call(sim, "http " GP_FMT " " GP_FMT, GP_ARG(http->method), GP_ARG(http->url));
    for (const struct gp__http_field *field = http->fields; field; field = field->next)
        gp__sim_call(sim, "http field " GP_FMT ": " GP_FMT, GP_ARG(field->name),
                     GP_ARG(field->value));
    if (http->has_body)
        gp__sim_call(sim, "http body %llu", (unsigned long long)http->body_bytes);
}

void gp__sim_op_http(struct gp__runtime *rt, struct gp_op *op, struct gp_http *http)
{
    struct gp__sim *sim = gp__sim(rt);
    struct request *request = gp__alloc(sizeof *request);
    struct site *site = gp__map_get(&sim->sites, http->url);

    note(sim, http);
    request->sim = sim;
    request->http = http;
    request->timer.fn = request_answered;
    if (site) {
        request->answer = site->page->answer;
        if (site->page->next)
            site->page = site->page->next;
    }
    gp__job_start(&request->job, op, request_cancel);
    gp__sim_after(sim, &request->timer, request->answer.delay_ms);
}

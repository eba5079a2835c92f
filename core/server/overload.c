// SPDX-License-Identifier: Apache-2.0
#include "core/server/overload.h"

#include "core/base/log.h"

#define LOOK_MS 1000

static const struct gp__reply short_of_memory = GP__REPLY_INIT(452, 4, 3, 1,
                                                               "Short of memory, try again later");
static const struct gp__reply short_of_space = GP__REPLY_INIT(
    452, 4, 3, 1, "Short of disk space, try again later");

/* Others have written theirs down less than a second ago. */
static uint64_t memory_of_all(const struct gp__overload *overload, struct gp__runtime *rt)
{
    return rt->ops->memory(rt) +
           (overload->census ? gp__census_memory_elsewhere(overload->census) : 0);
}

static const struct gp__reply *look(const struct gp__overload *overload, struct gp__runtime *rt,
                                    const struct gp__overload_settings *settings)
{
    if (settings->memory && memory_of_all(overload, rt) >= settings->memory)
        return &short_of_memory;
    for (size_t i = 0; settings->keep_free && i < settings->n_paths; i++)
        if (rt->ops->space(rt, settings->paths[i]) < settings->keep_free)
            return &short_of_space;
    return NULL;
}

const struct gp__reply *gp__overload_look(struct gp__overload *overload, struct gp__runtime *rt,
                                          const struct gp__overload_settings *settings)
{
    uint64_t now = rt->ops->now_ms(rt);
    const struct gp__reply *before = overload->reply;

    if (overload->looked && now - overload->looked_ms < LOOK_MS)
        return overload->reply;
    overload->looked = true;
    overload->looked_ms = now;
    overload->reply = look(overload, rt, settings);
    if (overload->reply && !before)
        gp__log(rt->log, GP_LOG_WARNING, "overload.begin", GP__F_S("text", overload->reply->text));
    if (!overload->reply && before)
        gp__log(rt->log, GP_LOG_NOTICE, "overload.end", GP__F_S("text", before->text));
    return overload->reply;
}

// SPDX-License-Identifier: Apache-2.0
#include "idle.h"

#include <stddef.h>

struct idle_link *idle_take(struct idle *idle)
{
    struct idle_link *link = idle->top;

    if (!link)
        return NULL;
    idle->top = link->next;
    idle->count--;
    link->reused = true;
    link->old = false;
    return link;
}

bool idle_keep(struct idle *idle, struct idle_link *link, int64_t most)
{
    if (idle->count >= most)
        return false;
    link->next = idle->top;
    idle->top = link;
    idle->count++;
    return true;
}

void idle_expire(struct idle *idle, void (*close)(struct idle_link *link))
{
    struct idle_link **at = &idle->top;

    while (*at) {
        struct idle_link *link = *at;

        if (link->old) {
            *at = link->next;
            idle->count--;
            close(link);
        } else {
            link->old = true;
            at = &link->next;
        }
    }
}

void idle_close(struct idle *idle, void (*close)(struct idle_link *link))
{
    struct idle_link *link;

    while ((link = idle_take(idle)))
        close(link);
}

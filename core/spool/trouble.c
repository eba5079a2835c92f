// SPDX-License-Identifier: Apache-2.0
#include "core/spool/trouble.h"

#include "core/base/log.h"

#include <stdbool.h>
#include <string.h>

void gp__trouble_add(struct gp__trouble *trouble, struct gp__log *log, const char *path,
                     const char *step, int error, uint64_t now_ms)
{
    bool same = trouble->error == error; /* the next try may fail at another step */

    if (!trouble->error)
        *trouble = (struct gp__trouble){.since_ms = now_ms};
    trouble->error = error;
    trouble->times++;
    trouble->last_ms = now_ms;
    if (!same)
        gp__log(log, GP_LOG_ERROR, "spool.failed", GP__F_C("path", path), GP__F_C("step", step),
                GP__F_C("error", strerror(-error)));
}

/* Not at once: near the limit a small message fits and the next one does not. */
void gp__trouble_ease(struct gp__trouble *trouble, struct gp__log *log, const char *path,
                      uint64_t now_ms)
{
    if (!trouble->error || now_ms < trouble->last_ms + GP__TROUBLE_MS)
        return;
    gp__log(log, GP_LOG_NOTICE, "spool.works", GP__F_C("path", path),
            GP__F_I("failures", trouble->times), GP__F_I("ms", now_ms - trouble->since_ms));
    trouble->error = 0;
}

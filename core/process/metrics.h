// SPDX-License-Identifier: Apache-2.0
/* All numbers in the text format of Prometheus, version 0.0.4. */
#ifndef GP_PROCESS_METRICS_H
#define GP_PROCESS_METRICS_H

#include "core/process/report.h"
#include "core/process/totals.h"

#define GP__METRICS_PATH "/metrics"
#define GP__METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct gp__metrics {
    const struct gp__totals *totals;
    const struct gp__report_process *processes;
    size_t n_processes;
    uint64_t generation, seconds;
    const struct gp__queue_figures *queue; /* NULL: there is none */
};

void gp__metrics_write(const struct gp__metrics *metrics, struct gp__buf *out);

#endif

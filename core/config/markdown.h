// SPDX-License-Identifier: Apache-2.0
/* Options as Markdown tables, for the README of a plugin and the configuration reference. */
#ifndef GP_CONFIG_MARKDOWN_H
#define GP_CONFIG_MARKDOWN_H

#include "core/base/buf.h"

#include <gatepost/option.h>

/* Appends a table of the rows, with those of nested structs as "outer.inner"; hidden ones are left
 * out. Nothing when there are none. `stride`: bytes from row to row, 0: ours. 0, or -1 (no room). */
int gp__markdown_options(const struct gp_option *rows, size_t stride, struct gp__buf *out);

/* Appends the reference of the core's own settings: a heading and a table a section. 0, or -1. */
int gp__markdown_settings(struct gp__buf *out);

#endif

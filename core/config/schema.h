// SPDX-License-Identifier: Apache-2.0
/* JSON Schema (draft 2020-12) of the whole configuration file, for editors: made from the same
 * rows that read it, with the options of the given plugins. */
#ifndef GP_CONFIG_SCHEMA_H
#define GP_CONFIG_SCHEMA_H

#include "core/base/buf.h"

#include <gatepost/plugin.h>

/* Appends the schema, indented, with a newline at the end. 0, or -1 (no memory). */
int gp__schema(const struct gp_plugin *const *plugins, size_t count, struct gp__buf *out);

#endif

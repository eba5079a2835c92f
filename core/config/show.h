// SPDX-License-Identifier: Apache-2.0
/* The effective configuration as YAML: what was written and every default, each value followed by
 * a comment that says where it came from. Secrets are "(secret)". Apart from those it can be
 * loaded again. */
#ifndef GP_CONFIG_SHOW_H
#define GP_CONFIG_SHOW_H

#include "core/base/buf.h"
#include "core/config/settings.h"

/* Appends the whole. 0, or -1 (no room). */
int gp__show(const struct gp__settings *settings, struct gp__buf *out);

#endif

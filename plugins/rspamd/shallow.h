// SPDX-License-Identifier: Apache-2.0
/* Before JSON of another program is parsed: jansson recurses, and a fiber's stack is small. */
#ifndef RSPAMD_SHALLOW_H
#define RSPAMD_SHALLOW_H

#include <gatepost/slice.h>
#include <stdbool.h>

/* Whether arrays and objects nest no deeper than 32. */
bool json_is_shallow(struct gp_slice json);

#endif

// SPDX-License-Identifier: Apache-2.0
/* A node for another process: what it says, without where it stood. */
#ifndef GP_CONFIG_NODE_PACK_H
#define GP_CONFIG_NODE_PACK_H

#include "core/base/pack.h"
#include "core/config/node.h"

#define GP__NODE_PACK_MAX 10000u /* nodes; with more it is bad */

void gp__node_pack(struct gp__buf *out, const struct gp__node *node);

/* In the arena. NULL: it is none, and the reader is bad. */
const struct gp__node *gp__node_unpack(struct gp__unpack *in, struct gp__arena *arena);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Reads YAML 1.2 into nodes. One document; keys are scalars and differ; anchors may be used, but
 * what they expand to is bounded; tags and anything that is not UTF-8 are refused. A hostile file
 * costs memory in proportion to its size.
 */
#ifndef GP_CONFIG_YAML_H
#define GP_CONFIG_YAML_H

#include "core/config/diag.h"
#include "core/config/node.h"

#define GP__YAML_SIZE_MAX (4u << 20)
#define GP__YAML_NODES_MAX 200000u /* that a walk over the tree meets */

/* The tree of the source's text, in the arena; a null node for an empty file. NULL after errors,
 * which went to diag. */
const struct gp__node *gp__yaml_parse(struct gp__arena *arena, struct gp__source *source,
                                      struct gp__diag *diag);

#endif

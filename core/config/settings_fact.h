// SPDX-License-Identifier: Apache-2.0
/* What the files about conditions share: settings_when.c reads the tree, settings_fact.c a fact and its
 * value, settings_when_check.c tells what can be known when. */
#ifndef GP_CONFIG_SETTINGS_FACT_H
#define GP_CONFIG_SETTINGS_FACT_H

#include "core/config/load.h"

/* A node of the tree that remembers where it stands. */
struct gp__when_at *gp__when_make(struct gp__load *load, enum gp__when_kind kind,
                                  const struct gp__node *at);

/* The fact that a pair of a condition states; NULL: it is none, or its value is not one, which was
 * reported. */
const struct gp__when *gp__load_fact(struct gp__load *load, const struct gp__pair *pair,
                                     enum gp__when_place place);

/* The word for a fact, as it stands in the configuration. */
const char *gp__fact_word(const struct gp__when *fact);

#endif

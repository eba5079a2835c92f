// SPDX-License-Identifier: Apache-2.0
/* The section `limits:` as rows, made from the table of core/base/limits.h. */
#ifndef GP_CONFIG_LIMITS_ROWS_H
#define GP_CONFIG_LIMITS_ROWS_H

#include <gatepost/option.h>

/* Fill a struct gp__limits. */
extern const struct gp_option gp__limits_rows[];

#endif

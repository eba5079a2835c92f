// SPDX-License-Identifier: Apache-2.0
/* The values of the budgets of core/base/limits.h. */
#ifndef GP_SMTP_LIMITS_H
#define GP_SMTP_LIMITS_H

#include "core/base/limits.h"

#include <stdint.h>

struct gp__limits {
#define GP__LIMIT_TYPE_SIZE uint64_t
#define GP__LIMIT_TYPE_INTEGER int64_t
#define GP__LIMIT_TYPE_DURATION uint64_t /* milliseconds */
#define X(kind, name, def, least, most, doc) GP__LIMIT_TYPE_##kind name;
    GP__LIMITS(X)
#undef X
};

/* The defaults of the table. */
void gp__limits_default(struct gp__limits *limits);

#endif

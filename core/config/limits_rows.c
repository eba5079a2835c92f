// SPDX-License-Identifier: Apache-2.0
#include "core/config/limits_rows.h"

#include "core/smtp/limits.h"

#define X(kind, name, def, least, most, doc)                                                       \
    GP_OPTION_##kind(#name, struct gp__limits, name, def, least, most, doc),

const struct gp_option gp__limits_rows[] = {GP__LIMITS(X) GP_OPTIONS_END};

#undef X

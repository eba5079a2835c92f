// SPDX-License-Identifier: Apache-2.0
/* What instances said of a message, as the log and the spool keep it. */
#ifndef GP_HOOK_TRAIL_H
#define GP_HOOK_TRAIL_H

#include "core/base/buf.h"
#include "core/hook/policy.h"

/* Appends {"instance":"verdict 12us", …} of the instances that were called for the transaction,
 * with "!" behind the verdict when it was a fault. */
void gp__verdicts_json(struct gp__buf *out, const struct gp__policy *policy);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/greylist.h"

bool gp__says_greylist(struct gp_slice text)
{
    for (size_t i = 0; i + 7 <= text.len; i++)
        if (gp_slice_caseeq(gp_slice_sub(text, i, 7), GP_S("greylis")) ||
            gp_slice_caseeq(gp_slice_sub(text, i, 7), GP_S("graylis")))
            return true;
    return false;
}

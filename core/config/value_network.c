// SPDX-License-Identifier: Apache-2.0
#include "core/config/value.h"

bool gp_network_has(const struct gp_network *network, struct gp_slice ip)
{
    struct gp__ip parsed;

    if (!network || gp__ip_parse(ip, &parsed) < 0)
        return false;
    gp__ip_unmap(&parsed);
    return gp__network_has(&network->network, &parsed);
}

// SPDX-License-Identifier: Apache-2.0
/* Headers of the PROXY protocol: a byte more never turns a header that was complete or refused into
 * anything else, and TLVs lie within the header. */
#include "core/base/proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_tlvs(const struct gp__proxy *proxy, struct gp_slice header)
{
    for (unsigned type = 0; type < 256; type++) {
        struct gp_slice value = gp__proxy_tlv(proxy->tlvs, type);

        require(!gp_slice_present(value) ||
                (value.data >= header.data && value.data + value.len <= header.data + header.len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice all = gp_slice((const char *)data, size);
    enum gp__proxy_result whole, part = GP__PROXY_MORE;
    struct gp__proxy proxy;
    const char *why = NULL;
    size_t used, n = 0;

    while (n < size && n < GP__PROXY_MAX && part == GP__PROXY_MORE)
        part = gp__proxy_read(gp_slice_sub(all, 0, ++n), &proxy, &used, &why);
    require(n < GP__PROXY_MAX || part != GP__PROXY_MORE);
    whole = gp__proxy_read(all, &proxy, &used, &why);
    require(part == GP__PROXY_MORE || whole == part);
    require(whole != GP__PROXY_BAD || why);
    if (whole != GP__PROXY_DONE)
        return 0;
    require(used == n);
    require(!proxy.known || (proxy.client.family && proxy.server.family));
    check_tlvs(&proxy, gp_slice_sub(all, 0, used));
    return 0;
}

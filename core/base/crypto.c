// SPDX-License-Identifier: Apache-2.0
#include "core/base/crypto.h"

size_t gp__digest_len(enum gp__digest digest)
{
    switch (digest) {
    case GP__SHA1:
        return 20;
    case GP__SHA256:
        break;
    }
    return 32;
}

bool gp__secret_equal(struct gp_slice a, struct gp_slice b)
{
    volatile unsigned char differ = 0; /* volatile: nothing may be left out early */

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differ |= (unsigned char)(a.data[i] ^ b.data[i]);
    return differ == 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/versions.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <unbound.h>
#include <uv.h>

const char *gp__runtime_versions(void)
{
    static char text[160];

    snprintf(text, sizeof text, "libuv %s, libunbound %s, %s", uv_version_string(), ub_version(),
             OpenSSL_version(OPENSSL_VERSION));
    return text;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/versions.h"

#include <stdio.h>
#include <unbound.h>
#include <uv.h>

const char *gp__runtime_versions(void)
{
    static char text[96];

    snprintf(text, sizeof text, "libuv %s, libunbound %s", uv_version_string(), ub_version());
    return text;
}

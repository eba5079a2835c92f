// SPDX-License-Identifier: Apache-2.0
#include "shallow.h"

#define DEPTH_MAX 32

bool json_is_shallow(struct gp_slice json)
{
    bool quoted = false;
    int depth = 0;

    for (size_t i = 0; i < json.len && depth <= DEPTH_MAX; i++) {
        char c = json.data[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']'))
            depth--;
    }
    return depth <= DEPTH_MAX;
}

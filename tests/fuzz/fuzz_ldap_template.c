// SPDX-License-Identifier: Apache-2.0
// Names in DNs and filters of the plugin auth_ldap: whatever the name, it adds nothing that would mean something there,
// and can be read back.
#include <stdlib.h>
#include <string.h>

#include "plugins/auth_ldap/template.c"

static void check(bool good)
{
    if (!good)
        abort();
}

static int value_of(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

/* Takes one byte of the name off the front. */
static unsigned char take(const char **at)
{
    unsigned char c = (unsigned char)*(*at)++;

    if (c != '\\') {
        check(is_plain(c));
        return c;
    }
    c = (unsigned char)(value_of((*at)[0]) << 4 | value_of((*at)[1]));
    *at += 2;
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice user = gp_slice((const char *)data, size);
    char out[1024], template[1024];
    const char *at = out;

    if (ldap_template_fill(GP_S("%u"), user, out, sizeof out) == 0) {
        for (size_t i = 0; i < size; i++)
            check(take(&at) == data[i]);
        check(*at == '\0');
    } else {
        check(size * 3 >= sizeof out);
    }
    if (ldap_template_good(user))
        (void)ldap_template_fill(user, GP_S("a@b"), template, sizeof template);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// What a Dovecot says: its greeting, and the answer to request 1. A yes needs a line that says so, and names are clean.
#include <stdlib.h>
#include <string.h>

#include "plugins/auth_dovecot/wire.c"

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_answer(struct gp_slice line)
{
    struct dovecot_answer answer = dovecot_answer(line, 1);

    check(answer.user_len <= sizeof answer.user);
    for (size_t i = 0; i < answer.user_len; i++)
        check((unsigned char)answer.user[i] >= ' ' && answer.user[i] != 0x7f);
    if (answer.verdict == DOVECOT_YES)
        check(gp_slice_starts(line, GP_S("OK\t")));
    if (answer.verdict == DOVECOT_NO || answer.verdict == DOVECOT_TEMPORARY)
        check(gp_slice_starts(line, GP_S("FAIL\t")) && answer.user_len == 0);
}

/* The message comes out as it went in. */
static void check_plain(struct gp_slice bytes)
{
    char out[DOVECOT_PLAIN_MAX];
    struct gp_slice user = gp_slice_sub(bytes, 0, 255);
    struct gp_slice password = gp_slice_sub(bytes, user.len, 500);
    size_t n = dovecot_plain(user, password, out);

    check(n == (user.len + password.len + 2 + 2) / 3 * 4 && strlen(out) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice rest = gp_slice((const char *)data, size);
    struct dovecot_hello hello = {.lines = 0};
    const char *wrong;

    if (size == 0)
        return 0;
    check_plain(rest);
    while (gp_slice_present(rest)) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        check_answer(line);
        if (dovecot_hello_line(&hello, line, &wrong) != 0)
            hello = (struct dovecot_hello){.lines = 0};
    }
    return 0;
}

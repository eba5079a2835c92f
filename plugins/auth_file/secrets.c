// SPDX-License-Identifier: Apache-2.0
#include "secrets.h"

/* The next word; absent at the end. */
static struct gp_slice next_word(struct gp_slice *rest)
{
    struct gp_slice text = gp_slice_trim(*rest);
    size_t n = 0;

    while (n < text.len && text.data[n] != ' ' && text.data[n] != '\t')
        n++;
    *rest = gp_slice_sub(text, n, text.len);
    return n ? gp_slice_sub(text, 0, n) : gp_slice(NULL, 0);
}

struct gp_slice secrets_password(struct gp_slice secrets)
{
    struct gp_slice rest = secrets, first = gp_slice(NULL, 0), word;

    while (word = next_word(&rest), gp_slice_present(word)) {
        if (!gp_slice_starts(word, GP_S("SCRAM-")))
            return word;
        if (!gp_slice_present(first))
            first = word;
    }
    return first;
}

struct gp_slice secrets_scram(struct gp_slice secrets, struct gp_slice mechanism)
{
    struct gp_slice rest = secrets, word;

    while (word = next_word(&rest), gp_slice_present(word))
        if (word.len > mechanism.len && gp_slice_starts(word, mechanism) &&
            word.data[mechanism.len] == '$')
            return word;
    return gp_slice(NULL, 0);
}

bool secrets_known(struct gp_slice secrets)
{
    struct gp_slice rest = secrets, word = next_word(&rest);

    if (!gp_slice_present(word))
        return false;
    for (; gp_slice_present(word); word = next_word(&rest))
        if (!gp_password_known(word))
            return false;
    return true;
}

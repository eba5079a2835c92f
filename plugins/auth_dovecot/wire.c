// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#define HELLO_LINES_MAX 100u
#define MESSAGE_MAX ((size_t)800)

/* ---- words ---- */

static struct gp_slice next_word(struct gp_slice *rest)
{
    return gp_slice_present(*rest) ? gp_slice_split(rest, '\t') : GP_S("");
}

/* Whether the line has no byte that its escapes would have taken the place of. */
static bool is_clean(struct gp_slice line)
{
    return gp_slice_find(line, '\0') == line.len && gp_slice_find(line, '\r') == line.len;
}

/* Only names without control characters are names of ours; those are also the only bytes that the
 * protocol escapes. */
static int copy_name(struct gp_slice text, char *out, size_t max)
{
    size_t n = 0;

    if (text.len == 0 || text.len > max)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < 0x20 || c == 0x7f)
            return -1;
        out[n++] = (char)c;
    }
    return (int)n;
}

/* ---- the greeting ---- */

static int take_version(struct dovecot_hello *hello, struct gp_slice rest, const char **wrong_r)
{
    struct gp_slice major = next_word(&rest);

    hello->version = gp_slice_eq(major, GP_S("1"));
    *wrong_r = "it speaks another version of the protocol";
    return hello->version ? 0 : -1;
}

int dovecot_hello_line(struct dovecot_hello *hello, struct gp_slice line, const char **wrong_r)
{
    struct gp_slice rest = line, command = next_word(&rest);

    *wrong_r = "its greeting is none of Dovecot's";
    if (++hello->lines > HELLO_LINES_MAX || !is_clean(line))
        return -1;
    if (gp_slice_eq(command, GP_S("VERSION")) && !hello->version)
        return take_version(hello, rest, wrong_r);
    if (!hello->version)
        return -1;
    if (gp_slice_eq(command, GP_S("MECH")) && gp_slice_eq(next_word(&rest), GP_S("PLAIN")))
        hello->plain = true;
    if (!gp_slice_eq(command, GP_S("DONE")))
        return 0;
    *wrong_r = "it has no PLAIN (auth_mechanisms)";
    return hello->plain ? 1 : -1;
}

/* ---- answers ---- */

/* A failure that says nothing about the password. */
static bool is_temporary(struct gp_slice word)
{
    return gp_slice_eq(word, GP_S("temp")) || gp_slice_eq(word, GP_S("code=temp_fail"));
}

static int take_word(struct dovecot_answer *answer, struct gp_slice word)
{
    if (answer->verdict == DOVECOT_YES && gp_slice_starts(word, GP_S("user="))) {
        int n = copy_name(gp_slice_sub(word, 5, word.len), answer->user, sizeof answer->user);

        answer->user_len = n < 0 ? 0 : (size_t)n;
        return n < 0 ? -1 : 0;
    }
    if (answer->verdict == DOVECOT_NO && is_temporary(word))
        answer->verdict = DOVECOT_TEMPORARY;
    return 0;
}

struct dovecot_answer dovecot_answer(struct gp_slice line, uint32_t id)
{
    struct dovecot_answer answer = {.verdict = DOVECOT_BROKEN};
    struct gp_slice rest = line, command = next_word(&rest), number = next_word(&rest);
    int64_t told;

    if (!is_clean(line) || gp_slice_to_int(number, 0, UINT32_MAX, &told) < 0 || told != id)
        return answer;
    if (gp_slice_eq(command, GP_S("OK")))
        answer.verdict = DOVECOT_YES;
    else if (gp_slice_eq(command, GP_S("FAIL")))
        answer.verdict = DOVECOT_NO;
    while (answer.verdict != DOVECOT_BROKEN && gp_slice_present(rest))
        if (take_word(&answer, next_word(&rest)) < 0)
            answer.verdict = DOVECOT_BROKEN;
    return answer;
}

/* ---- requests ---- */

static size_t base64(const char *in, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)(unsigned char)in[i] << 16 |
                        (left > 1 ? (uint32_t)(unsigned char)in[i + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)(unsigned char)in[i + 2] : 0);

        out[n++] = digits[bits >> 18 & 63];
        out[n++] = digits[bits >> 12 & 63];
        out[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        out[n++] = left > 2 ? digits[bits & 63] : '=';
    }
    out[n] = '\0';
    return n;
}

size_t dovecot_plain(struct gp_slice user, struct gp_slice password, char out[DOVECOT_PLAIN_MAX])
{
    char message[MESSAGE_MAX];
    size_t len = user.len + password.len + 2, n;

    if (user.len > sizeof message || password.len > sizeof message || len > sizeof message)
        return 0;
    message[0] = '\0';
    memcpy(message + 1, user.data, user.len);
    message[1 + user.len] = '\0';
    memcpy(message + 2 + user.len, password.data, password.len);
    n = base64(message, len, out);
    explicit_bzero(message, sizeof message);
    return n;
}

// SPDX-License-Identifier: Apache-2.0
// What a milter says: packets, negotiation, replies, changes. What is accepted can do no harm: no bare CR or LF, no NUL,
// no line that would begin another field, no reply that is none.
#include <stdlib.h>
#include <string.h>

#include "plugins/milter/wire.c"

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_reply(struct gp_slice rest)
{
    struct milter_reply reply;

    if (milter_reply_parse(rest, &reply) < 0)
        return;
    check(reply.code >= 400 && reply.code < 600 && reply.len <= sizeof reply.text);
    check(strlen(reply.status) < sizeof reply.status);
    for (size_t i = 0; i < reply.len; i++)
        if (reply.text[i] == '\r')
            check(++i < reply.len && reply.text[i] == '\n');
        else
            check((unsigned char)reply.text[i] >= ' ' && reply.text[i] != 0x7f);
}

static void check_value(struct gp_slice value)
{
    struct milter_bytes out = {.data = NULL}, again = {.data = NULL};

    if (milter_value(value, &out) == 0) {
        for (size_t i = 0; i < out.len; i++) {
            check(out.data[i] != '\n' && out.data[i] != '\0');
            if (out.data[i] != '\r')
                continue;
            check(out.len - i > 2 && out.data[i + 1] == '\n');
            check(out.data[i + 2] == ' ' || out.data[i + 2] == '\t');
            i++;
        }
        check(milter_value(gp_slice(out.data, out.len), &again) == 0);
        check(gp_slice_eq(gp_slice(out.data, out.len), gp_slice(again.data, again.len)));
    }
    milter_bytes_free(&out);
    milter_bytes_free(&again);
}

/* In one piece or in two it comes to the same. */
static void check_body(struct gp_slice bytes)
{
    struct milter_bytes whole = {.data = NULL}, parts = {.data = NULL};
    char last = '\0', other = '\0';
    size_t half = bytes.len / 2;
    int result = milter_body(bytes, &whole, &last);

    if (milter_body(gp_slice_sub(bytes, 0, half), &parts, &other) < 0 ||
        milter_body(gp_slice_sub(bytes, half, bytes.len), &parts, &other) < 0)
        check(result < 0);
    else
        check(result == 0 &&
              gp_slice_eq(gp_slice(whole.data, whole.len), gp_slice(parts.data, parts.len)));
    milter_bytes_free(&whole);
    milter_bytes_free(&parts);
}

static void check_edit(char letter, struct gp_slice rest)
{
    struct milter_edit edit;

    if (milter_edit_parse(letter, rest, &edit) < 0)
        return;
    check(milter_edit_is(letter) && milter_edit_right(letter));
    if (letter == 'b') {
        check_body(edit.first);
        return;
    }
    check(gp_slice_find(edit.first, '\0') == edit.first.len);
    check(gp_slice_find(edit.second, '\0') == edit.second.len);
    check_value(edit.second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice input = gp_slice((const char *)data, size), rest;
    struct milter_options options;
    size_t used;
    char letter;

    while (milter_packet(input, &used, &letter, &rest) == 1) {
        check(used > 4 && used <= input.len && rest.len == used - 5);
        if (letter == 'O')
            (void)milter_options_parse(rest, &options);
        if (letter == 'y')
            check_reply(rest);
        check_edit(letter, rest);
        input = gp_slice_sub(input, used, input.len);
    }
    return 0;
}

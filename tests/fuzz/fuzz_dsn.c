// SPDX-License-Identifier: Apache-2.0
// Notifications of hostile facts: whatever peers said, the lines are lines, there are three parts,
// and the fields are ours. Templates: any bytes are refused, or can be filled in.
#include "core/delivery/dsn.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* The input is texts, each ended by 0x00; the last is the original. */
static struct gp_slice next(struct gp_slice *rest)
{
    struct gp_slice text = gp_slice_split(rest, '\0');

    return gp_slice_present(text) ? text : GP_S("");
}

static size_t count(struct gp_slice bytes, struct gp_slice needle)
{
    size_t n = 0, at;

    while (at = gp_slice_search(bytes, needle), at < bytes.len) {
        bytes = gp_slice_sub(bytes, at + needle.len, bytes.len);
        n++;
    }
    return n;
}

/* Where the last of two delimiters begins: what is before it is ours. */
static size_t before_original(struct gp_slice bytes, struct gp_slice delimiter)
{
    size_t end = bytes.len;

    for (unsigned i = 0; i < 2; i++)
        while (end > 0 && !gp_slice_starts(gp_slice_sub(bytes, --end, bytes.len), delimiter))
            continue;
    return end;
}

static void check(struct gp_slice bytes)
{
    size_t at = gp_slice_search(bytes, GP_S("\r\n\tboundary=\"")) + 13;
    struct gp_slice boundary = gp_slice_sub(bytes, at, bytes.len), delimiter;
    char text[100];

    boundary.len = gp_slice_find(boundary, '"');
    delimiter = gp_slice(text,
                         (size_t)snprintf(text, sizeof text, "\n--" GP_FMT, GP_ARG(boundary)));
    require(count(bytes, delimiter) == 4);
    bytes.len = before_original(bytes, delimiter);
    require(count(bytes, GP_S("\r\nFinal-Recipient:")) == 1);
    require(count(bytes, GP_S("\r\nAction: failed\r\n")) == 1);
    require(count(bytes, GP_S("\r\nAuto-Submitted: auto-replied\r\n")) == 1);
    for (size_t i = 0; i < bytes.len; i++)
        require(bytes.data[i] != '\n' || (i > 0 && bytes.data[i - 1] == '\r'));
}

static void notify(struct gp_slice input)
{
    struct gp__buf out = {.limit = 0};
    struct gp__dsn_needs needs;
    struct gp__dsn_recipient recipient = {.reply = {.code = 550, .klass = 5}};
    struct gp__dsn dsn = {.id = GP_S("I"),
                          .hostname = GP_S("h"),
                          .now_ms = 1000,
                          .ret = input.len % 2 ? GP__RET_FULL : GP__RET_HDRS,
                          .return_max = 100000,
                          .smtputf8 = input.len % 3 == 0,
                          .recipients = &recipient,
                          .n_recipients = 1,
                          .n_content = 1};
    struct gp_slice content;

    recipient.final = next(&input);
    recipient.orcpt = next(&input);
    recipient.remote = next(&input);
    recipient.reply.text = next(&input);
    dsn.to = next(&input);
    dsn.envid = next(&input);
    dsn.helo = next(&input);
    dsn.original_id = next(&input);
    content = gp_slice_present(input) ? input : GP_S("");
    dsn.content = &content;
    require(gp__dsn_write(&dsn, &out, &needs) == 0);
    check(gp__buf_slice(&out));
    gp__buf_free(&out);
}

static void read_template(struct gp_slice input)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice error, values[GP__DSN_VALUE_COUNT];
    struct gp__buf out = {.limit = 0};
    struct gp__dsn_template template;

    for (unsigned i = 0; i < GP__DSN_VALUE_COUNT; i++)
        values[i] = GP_S("{id}");
    if (gp__dsn_template_parse(arena, input, gp__dsn_template_built_in(GP__DSN_FAILED), &template,
                               &error) == 0)
        require(gp__dsn_template_fill(&out, template.text, values) == 0);
    else
        require(gp_slice_starts(error, GP_S("line ")));
    gp__buf_free(&out);
    gp__arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice input = gp_slice((const char *)data, size);

    notify(input);
    read_template(input);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* A plugin for the tests of the kit: does a little of everything, as its options say. */
#ifndef GP_TEST_KIT_GATE_H
#define GP_TEST_KIT_GATE_H

#include <gatepost/plugin.h>
#include <string.h>

struct gate {
    struct gp_slice zone, judge, peer, file;
    struct gp_table *table;
    uint64_t wait;
    int answer, release;
};

static const char *const gate_answers[] = {"next",  "accept", "quarantine", "discard",
                                           "defer", "reject", "fail",       NULL};

static const struct gp_option gate_options[] = {
    GP_OPTION_STRING("zone", struct gate, zone, GP_OPTIONAL, "Asked about clients.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("judge", struct gate, judge, GP_OPTIONAL, "Recipient to reject."),
    GP_OPTION_STRING("peer", struct gate, peer, GP_OPTIONAL, "Asked about messages."),
    GP_OPTION_PATH("file", struct gate, file, GP_OPTIONAL, "Read when created."),
    GP_OPTION_TABLE("table", struct gate, table, GP_OPTIONAL, "Of blocked senders."),
    GP_OPTION_DURATION("wait", struct gate, wait, "0", 0, 3600000,
                       "Before the greeting, and at RCPT."),
    GP_OPTION_ENUM("answer", struct gate, answer, gate_answers, "next", "To messages."),
    GP_OPTION_ENUM("release", struct gate, release, gate_answers, "next", "To held ones let go."),
    GP_OPTIONS_END,
};

static int gate_create(struct gp_call *call, void *self)
{
    struct gate *gate = self;
    struct gp_slice bytes;

    if (!gp_slice_present(gate->file))
        return 0;
    if (gp_file_read(call, gate->file, 100, &bytes) != 0) {
        gp_log(call, GP_LOG_ERROR, GP_FMT " cannot be read", GP_ARG(gate->file));
        return -1;
    }
    gp_log(call, GP_LOG_INFO, "read: " GP_FMT, GP_ARG(gp_slice_trim(bytes)));
    return 0;
}

static enum gp_verdict gate_connect(struct gp_call *call, void *self)
{
    struct gate *gate = self;
    int found;

    if (gate->wait && gp_sleep(call, gate->wait) < 0)
        return gp_fail(call, "no time");
    if (!gp_slice_present(gate->zone))
        return GP_NEXT;
    found = gp_dns(call, gp_client_reversed(call, gate->zone), GP_DNS_A, NULL);
    if (found == GP_ENOTFOUND)
        return GP_NEXT;
    if (found < 0)
        return gp_fail(call, "dns: %s", gp_strerror(found));
    gp_count(call, "hits", 1);
    gp_note_set_int(call, GP_NOTE_SESSION, NULL, "score", 8, 0);
    return gp_reject(call, "554 5.7.1", "Client is listed");
}

static enum gp_verdict gate_mail(struct gp_call *call, void *self)
{
    struct gate *gate = self;

    if (gate->table && gp_table_lookup_address(call, gate->table, gp_sender(call), NULL) == GP_OK)
        return gp_reject(call, "550 5.7.1", "Not welcome");
    gp_note_set(call, GP_NOTE_TRANSACTION, NULL, "sender", gp_sender_domain(call), 0);
    return GP_NEXT;
}

static enum gp_verdict gate_rcpt(struct gp_call *call, void *self)
{
    struct gate *gate = self;

    if (gate->wait && gp_sleep(call, gate->wait) < 0)
        return GP_FAIL;
    gp_note_set_milli(call, GP_NOTE_RECIPIENT, NULL, "weight", 2500, 0);
    return GP_NEXT;
}

static enum gp_verdict gate_ask_peer(struct gp_call *call, const struct gate *gate)
{
    struct gp_stream *stream;
    struct gp_slice line;

    if (gp_connect(call, gate->peer, &stream) != 0)
        return gp_fail(call, "nobody there");
    if (gp_stream_write(call, stream, GP_S("PING\r\n")) != 0 ||
        gp_stream_read_line(call, stream, 100, &line) != 1)
        return gp_fail(call, "no answer");
    gp_note_set(call, GP_NOTE_TRANSACTION, NULL, "peer", line, 0);
    return GP_NEXT;
}

static enum gp_verdict gate_message(struct gp_call *call, void *self)
{
    struct gate *gate = self;
    struct gp_message *message = gp_message(call);

    if (gp_slice_present(gate->peer) && gate_ask_peer(call, gate) != GP_NEXT)
        return GP_FAIL;
    gp_header_add(call, message, GP_HEADER_BOTTOM, GP_S("X-Gate"), GP_S("yes"));
    gp_body_splice(call, message, gp_body_size(message), 0, GP_S("-- \r\nchecked\r\n"));
    for (size_t i = 0; i < gp_rcpt_count(call); i++)
        if (gp_slice_present(gate->judge) &&
            gp_slice_eq(gp_rcpt_address(gp_rcpt_at(call, i)), gate->judge))
            gp_judge(call, gp_rcpt_at(call, i), GP_REJECT);
    switch (gate->answer) {
    case 2:
        return gp_quarantine(call, GP_S("spam"), "told to");
    case 6:
        return gp_fail(call, "told to fail");
    default:
        return (enum gp_verdict)gate->answer;
    }
}

static enum gp_verdict gate_release(struct gp_call *call, void *self)
{
    struct gate *gate = self;

    gp_header_add(call, gp_message(call), GP_HEADER_BOTTOM, GP_S("X-Was-In"),
                  gp_rcpt_bucket(gp_rcpt_at(call, 0)));
    if (gate->release == 4)
        return gp_defer(call, "451 4.7.1", "Ask me tomorrow");
    return (enum gp_verdict)gate->release;
}

static enum gp_verdict gate_tick(struct gp_call *call, void *self)
{
    (void)self;
    gp_count(call, "ticks", 1);
    return GP_NEXT;
}

static enum gp_verdict gate_command(struct gp_call *call, void *self)
{
    (void)self;
    if (!gp_slice_eq(gp_command_verb(call), GP_S("XPING")))
        return GP_NEXT;
    gp_reply(call, "250 2.0.0", "pong");
    return GP_ACCEPT;
}

static const struct gp_hook gate_hooks[] = {
    {GP_HOOK_CONNECT, gate_connect}, {GP_HOOK_MAIL, gate_mail},
    {GP_HOOK_RCPT, gate_rcpt},       {GP_HOOK_MESSAGE, gate_message},
    {GP_HOOK_TICK, gate_tick},       {GP_HOOK_RELEASE, gate_release},
    {GP_HOOK_COMMAND, gate_command}, {.fn = NULL},
};

static const struct gp_plugin gate_plugin = {
    .magic = GP_ABI_MAGIC,
    .size = sizeof(struct gp_plugin),
    .abi_major = GP_ABI_MAJOR,
    .abi_minor = GP_ABI_MINOR,
    .option_size = sizeof(struct gp_option),
    .name = "gate",
    .version = "1",
    .summary = "For tests",
    .options = gate_options,
    .instance_size = sizeof(struct gate),
    .hooks = gate_hooks,
    .needs = GP_NEEDS_NETWORK | GP_NEEDS_FILES | GP_NEEDS_EDIT_HEADERS | GP_NEEDS_EDIT_BODY,
    .tick_ms = 3600000,
    .create = gate_create,
};

static const struct gp_plugin *gate_descriptor(void *arg, struct gp_slice name,
                                               const char **error_r)
{
    (void)arg;
    (void)error_r;
    return gp_slice_eq(name, GP_S("gate")) ? &gate_plugin : NULL;
}

#endif

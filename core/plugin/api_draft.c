// SPDX-License-Identifier: Apache-2.0
/*
 * Drafts: <gatepost/message.h>. A draft lives in the transaction's arena; its bytes are counted
 * against the size limit of messages and freed with the call, unless it was submitted: then with
 * the transaction. What a plugin puts in is checked at once, so a submitted draft is fit to leave.
 */
#include "core/plugin/api.h"

#include "core/base/date.h"
#include "core/message/value.h"

#define DEPTH_MAX 3
#define RCPTS_MAX 1000
#define SIZE_DEFAULT ((uint64_t)50 << 20)
#define LINE_MAX_BYTES 998 /* RFC 5322 2.1.1 */

static void free_bytes(void *arg)
{
    struct gp_draft *draft = arg;

    gp__buf_free(&draft->headers);
    gp__buf_free(&draft->body);
}

static void end_of_call(void *arg)
{
    struct gp_draft *draft = arg;

    if (!draft->submitted || draft->shadow)
        free_bytes(draft);
}

static int check_create(struct gp_call *call)
{
    static const char function[] = "gp_draft_create";
    int error = gp__api_may_edit(call, function, GP__EDIT_DRAFT, GP_NEEDS_DRAFT);

    if (error)
        return error;
    if (call->point == GP_HOOK_TICK)
        return gp__call_fault(call, "gp_draft_create() at tick: there is no message to go with");
    error = gp__api_transaction(call, function);
    if (error)
        return error;
    if (call->drafts >= GP__CALL_DRAFTS_MAX || call->policy->draft_depth >= DEPTH_MAX)
        return GP_ELIMIT;
    return 0;
}

static struct gp_draft *create(struct gp_call *call)
{
    struct gp__arena *arena = call->transaction->arena;
    struct gp_draft *draft = GP__ARENA_NEW(arena, struct gp_draft);
    uint64_t limit = call->session->policy->settings->message_size;

    *draft = (struct gp_draft){
        .policy = call->policy,
        .by = call->instance,
        .sender = gp__address_null,
        .limit = limit ? limit : SIZE_DEFAULT,
        .depth = call->policy->draft_depth + 1,
        .shadow = call->shadow != NULL,
    };
    gp__arena_cleanup(arena, free_bytes, draft);
    gp__arena_cleanup(gp__call_arena(call), end_of_call, draft);
    call->drafts++;
    return draft;
}

int gp_draft_create(struct gp_call *call, struct gp_draft **draft_r)
{
    int error = draft_r ? check_create(call)
                        : gp__api_misuse(call, "gp_draft_create", "nowhere to put it");

    if (draft_r)
        *draft_r = error ? NULL : create(call);
    return error;
}

/* ---- its envelope ---- */

static int parse(const struct gp_draft *draft, struct gp_slice text, unsigned flags,
                 struct gp__address *address_r)
{
    if (!draft || draft->submitted || !gp_slice_present(text))
        return GP_EINVAL;
    return gp__mailbox_parse(draft->policy->transaction->arena, text, flags | GP__ADDRESS_UTF8,
                             address_r) == GP__ADDRESS_OK
               ? 0
               : GP_EINVAL;
}

int gp_draft_sender(struct gp_draft *draft, struct gp_slice address)
{
    struct gp__address sender;
    int error = parse(draft, address, GP__ADDRESS_NULL, &sender);

    if (!error)
        draft->sender = sender;
    return error;
}

static bool has_recipient(const struct gp_draft *draft, const struct gp__address *address)
{
    for (size_t i = 0; i < draft->n_recipients; i++)
        if (gp__address_same(&draft->recipients[i], address))
            return true;
    return false;
}

int gp_draft_rcpt(struct gp_draft *draft, struct gp_slice address)
{
    struct gp__address recipient;
    int error = parse(draft, address, 0, &recipient);

    if (error || has_recipient(draft, &recipient))
        return error;
    if (draft->n_recipients >= RCPTS_MAX)
        return GP_ELIMIT;
    GP__ARENA_GROW(draft->policy->transaction->arena, draft->recipients, draft->recipients_cap,
                   draft->n_recipients + 1);
    draft->recipients[draft->n_recipients++] = recipient;
    return 0;
}

/* ---- its bytes ---- */

static int append(struct gp_draft *draft, struct gp__buf *to, struct gp_slice bytes)
{
    uint64_t used = draft->headers.len + draft->body.len;

    if (bytes.len > draft->limit - used)
        return GP_ELIMIT;
    return gp__buf_append(to, bytes) < 0 ? GP_ELIMIT : 0;
}

int gp_draft_header(struct gp_draft *draft, struct gp_slice name, struct gp_slice value)
{
    struct gp_slice field;
    int error;

    if (!draft || draft->submitted || !gp__api_slice_ok(name) || !gp__api_slice_ok(value))
        return GP_EINVAL;
    /* "no" would say that a person wrote it (RFC 3834 5). */
    if (gp_slice_caseeq(name, GP_S("Auto-Submitted")) &&
        gp_slice_caseeq(gp_slice_trim(value), GP_S("no")))
        return GP_EINVAL;
    if (value.len > draft->limit)
        return GP_ELIMIT;
    error = gp__header_render(draft->policy->transaction->arena, name, value, &field);
    return error ? error : append(draft, &draft->headers, field);
}

/* Where the last line of the body begins; looks back no further than a line may be long. */
static size_t column_of(struct gp_slice body)
{
    size_t column = 0;

    while (column < body.len && column <= LINE_MAX_BYTES &&
           body.data[body.len - 1 - column] != '\n')
        column++;
    return column;
}

/* CRLF may come in two pieces, so what was there before counts. */
static bool fits_behind(struct gp_slice body, struct gp_slice bytes)
{
    size_t column = column_of(body);
    bool cr = body.len > 0 && body.data[body.len - 1] == '\r';

    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.data[i];

        if (c == '\0' || cr != (c == '\n'))
            return false;
        cr = c == '\r';
        column = c == '\n' ? 0 : column + 1;
        if (column > LINE_MAX_BYTES + (cr ? 1 : 0))
            return false;
    }
    return true;
}

int gp_draft_write(struct gp_draft *draft, struct gp_slice bytes)
{
    if (!draft || draft->submitted || !gp__api_slice_ok(bytes) ||
        !fits_behind(gp__buf_slice(&draft->body), bytes))
        return GP_EINVAL;
    return append(draft, &draft->body, bytes);
}

int gp_draft_attach(struct gp_draft *draft, struct gp_message *message, bool whole)
{
    uint64_t cursor = 0, left;
    size_t before;
    struct gp_slice piece;

    if (!draft || draft->submitted || !message ||
        message->arena != draft->policy->transaction->arena)
        return GP_EINVAL;
    before = draft->body.len;
    left = gp_message_size(message) - (whole ? 0 : gp_body_size(message));
    while (left > 0 && (piece = gp_message_next(message, &cursor), gp_slice_present(piece))) {
        int error;

        piece = gp_slice_sub(piece, 0, left < piece.len ? (size_t)left : piece.len);
        error = append(draft, &draft->body, piece);
        if (error) {
            draft->body.len = before; /* all of it or nothing */
            return error;
        }
        left -= piece.len;
    }
    return 0;
}

/* ---- handing it over ---- */

static bool has_field(struct gp_slice headers, struct gp_slice name)
{
    return gp_slice_present(gp__value_in_section(headers, name, 0));
}

static unsigned number_of_drafts(const struct gp__policy *policy)
{
    unsigned n = 0;

    for (const struct gp_draft *draft = policy->drafts; draft; draft = draft->next)
        n++;
    return n;
}

/* The fields every message needs (RFC 5322 3.6) and the plugin did not give, before the others. */
static int complete(const struct gp_draft *draft, struct gp__buf *out)
{
    const struct gp__policy *policy = draft->policy;
    struct gp__runtime *rt = policy->runtime;
    struct gp_slice host = policy->transaction->session->hostname;
    struct gp_slice given = gp__buf_slice(&draft->headers);
    char date[48];
    int failed = 0;

    if (!has_field(given, GP_S("Auto-Submitted")))
        failed |= gp__buf_append(out, GP_S("Auto-Submitted: auto-generated\r\n"));
    if (!has_field(given, GP_S("Date")))
        failed |= gp__buf_printf(out, "Date: " GP_FMT "\r\n",
                                 GP_ARG(gp__date_rfc5322(rt->ops->wall_ms(rt) / 1000, date)));
    if (!has_field(given, GP_S("Message-ID")))
        failed |= gp__buf_printf(out, "Message-ID: <" GP_FMT ".draft%u@" GP_FMT ">\r\n",
                                 GP_ARG(gp__transaction_id(policy->transaction)),
                                 number_of_drafts(policy) + 1, GP_ARG(host));
    if (!has_field(given, GP_S("From")))
        failed |= gp__buf_printf(out, "From: postmaster@" GP_FMT "\r\n", GP_ARG(host));
    failed |= gp__buf_append(out, given);
    return failed ? GP_ELIMIT : 0;
}

int gp_draft_submit(struct gp_draft *draft)
{
    struct gp__buf headers = {0};
    struct gp_draft **link;
    int error;

    if (!draft || draft->submitted || draft->n_recipients == 0)
        return GP_EINVAL;
    if (gp_slice_ends(gp__buf_slice(&draft->body), GP_S("\r")))
        return GP_EINVAL;
    error = complete(draft, &headers);
    if (error) {
        gp__buf_free(&headers);
        return error;
    }
    gp__buf_free(&draft->headers);
    draft->headers = headers;
    draft->submitted = true;
    if (draft->shadow)
        return 0;
    for (link = &draft->policy->drafts; *link; link = &(*link)->next)
        ;
    *link = draft;
    return 0;
}

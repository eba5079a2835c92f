// SPDX-License-Identifier: Apache-2.0
/*
 * A reverse-path of its own for each recipient (VERP), so that a bounce says whom it is about:
 * list@example.org becomes list+user=example.net@example.org for user@example.net.
 */
#include <gatepost/plugin.h>

#define LOCAL_MAX 64 /* RFC 5321 4.5.3.1.1 */

struct verp {
    struct gp_table *senders;
    struct gp_slice delimiters;
};

GP_OPTIONS(struct verp,
           GP_OPTION_TABLE("senders", struct verp, senders, NULL,
                           "Senders and domains whose mail gets such reverse-paths."),
           GP_OPTION_STRING("delimiters", struct verp, delimiters,
                            "+=", "What stands before the recipient, and in place of its @."));

static bool is_delimiter(char c)
{
    return c && strchr("!#$%&'*+-/=?^_`{|}~", c);
}

static int create(struct gp_call *call, void *self)
{
    const struct verp *verp = self;

    if (verp->delimiters.len == 2 && is_delimiter(verp->delimiters.data[0]) &&
        is_delimiter(verp->delimiters.data[1]))
        return 0;
    gp_log(call, GP_LOG_ERROR, "delimiters are two of !#$%%&'*+-/=?^_`{|}~");
    return -1;
}

/* 1, 0 or an error. */
static int is_wanted(struct gp_call *call, const struct verp *verp)
{
    int found;

    if (gp_sender_null(call))
        return 0;
    found = gp_table_lookup_address(call, verp->senders, gp_sender(call), NULL);
    return found == GP_OK ? 1 : found == GP_ENOTFOUND ? 0 : found;
}

/* Each recipient's copy is of its own: at most 100 of a message can be. */
static enum gp_verdict on_copies(struct gp_call *call, void *self)
{
    size_t n = gp_rcpt_count(call);
    int wanted = is_wanted(call, self);

    if (wanted < 0)
        return gp_fail(call, "table \"senders\": %s", gp_strerror(wanted));
    for (size_t i = 0; wanted && i < n; i++) {
        struct gp_recipient *recipient = gp_rcpt_at(call, i);

        if (gp_copy(call, recipient, gp_rcpt_address(recipient), NULL) != 0)
            return gp_fail(call, "%zu recipients are too many to have a copy each", n);
    }
    return GP_NEXT;
}

/* Absent when it would be too long, or quoted. */
static struct gp_slice reverse_path(struct gp_call *call, const struct verp *verp,
                                    const struct gp_recipient *recipient)
{
    struct gp_slice local = gp_sender_local(call), to = gp_rcpt_local(recipient);
    struct gp_slice at = gp_rcpt_domain(recipient);

    if (local.len + to.len + at.len + 2 > LOCAL_MAX || local.data[0] == '"' || to.data[0] == '"' ||
        at.len == 0 || at.data[0] == '[')
        return gp_slice(NULL, 0);
    return gp_format(call, GP_FMT "%c" GP_FMT "%c" GP_FMT "@" GP_FMT, GP_ARG(local),
                     verp->delimiters.data[0], GP_ARG(to), verp->delimiters.data[1], GP_ARG(at),
                     GP_ARG(gp_sender_domain(call)));
}

static enum gp_verdict on_seal(struct gp_call *call, void *self)
{
    struct gp_copy *copy = gp_copy_current(call);
    struct gp_slice address;

    if (!gp_slice_present(gp_copy_key(call, copy)) || gp_copy_rcpt_count(copy) != 1)
        return GP_NEXT;
    address = reverse_path(call, self, gp_copy_rcpt_at(copy, 0));
    if (gp_slice_present(address) && gp_copy_sender_set(call, copy, address) == 0)
        gp_count(call, "rewritten", 1);
    else
        gp_count(call, "unfit", 1);
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_DATA, on_copies}, {GP_HOOK_MESSAGE, on_copies}, {GP_HOOK_SEAL, on_seal});
GP_PLUGIN(.version = "1.0", .summary = "A reverse-path for each recipient (VERP)", GP_USES_OPTIONS,
          GP_USES_HOOKS, .needs = GP_NEEDS_EDIT_ENVELOPE, .create = create);

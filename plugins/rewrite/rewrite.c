// SPDX-License-Identifier: Apache-2.0
/*
 * Where recipients really go: aliases, user+detail, domains that stand for others, catch-alls.
 *
 * Runs before routing, so what it writes is what is routed and checked. A table that fails, an
 * alias that is no address, or nothing but a loop is a fault; nobody's copy is dropped for it.
 */
#include "expand.h"

GP_OPTIONS(struct rewrite,
           GP_OPTION_TABLE("aliases", struct rewrite, aliases, GP_OPTIONAL,
                           "Addresses, or @domain, to what they stand for: addresses with commas "
                           "between them."),
           GP_OPTION_TABLE("people", struct rewrite, people, GP_OPTIONAL,
                           "Addresses that exist: an alias of their whole @domain is not theirs."),
           GP_OPTION_TABLE("domains", struct rewrite, domains, GP_OPTIONAL,
                           "Domains whose recipients are rewritten; without it those of all."),
           GP_OPTION_STRING("plus", struct rewrite, plus, GP_OPTIONAL,
                            "Characters that begin the detail of an address, e.g. `+`."),
           GP_OPTION_BOOL("keep_detail", struct rewrite, keep_detail, "false",
                          "Whether the detail stays in the address."),
           GP_OPTION_BOOL("fold_case", struct rewrite, fold_case, "false",
                          "Whether local parts are put in lower case."));

static enum gp_verdict refused(struct gp_call *call, struct gp_slice address, int error)
{
    return gp_fail(call, "\"" GP_FMT "\" in the aliases of " GP_FMT ": %s", GP_ARG(address),
                   GP_ARG(gp_rcpt_address(gp_rcpt(call))), gp_strerror(error));
}

static int rewrite_to(struct gp_call *call, struct gp_slice address)
{
    struct gp_recipient *recipient = gp_rcpt(call);

    if (rewrite_same(call, address, gp_rcpt_address(recipient)))
        return 0;
    gp_count(call, "rewritten", 1);
    return gp_rcpt_rewrite(call, recipient, address);
}

/* Adds all final addresses from the given index on. 0, or an error and which one. */
static int add_from(const struct rewrite_expansion *expansion, size_t first,
                    struct gp_slice *failed_r)
{
    for (size_t i = first; i < expansion->n; i++) {
        const struct rewrite_entry *entry = &expansion->entries[i];
        int error = entry->final ? gp_rcpt_add(expansion->call, entry->address, NULL) : 0;

        *failed_r = entry->address;
        if (error)
            return error;
    }
    gp_count(expansion->call, "expanded", 1);
    return 0;
}

static const struct rewrite_entry *first_final(const struct rewrite_expansion *expansion,
                                               size_t *count_r)
{
    const struct rewrite_entry *first = NULL;

    *count_r = 0;
    for (size_t i = 0; i < expansion->n; i++) {
        if (!expansion->entries[i].final)
            continue;
        first = first ? first : &expansion->entries[i];
        ++*count_r;
    }
    return first;
}

static enum gp_verdict apply(const struct rewrite_expansion *expansion)
{
    struct gp_call *call = expansion->call;
    size_t count;
    const struct rewrite_entry *first = first_final(expansion, &count);
    bool stays = expansion->entries[0].final;
    struct gp_slice failed = first->address;
    int error = 0;

    if (stays || count == 1)
        error = rewrite_to(call, first->address);
    if (!error && count > 1)
        error = add_from(expansion, stays ? 1 : 0, &failed);
    if (error)
        return refused(call, failed, error);
    /* If all of them are recipients of this message already there is nothing to be replaced by:
     * as one more of the first it is delivered once. */
    if (!stays && count > 1 && gp_rcpt_replace(call))
        error = rewrite_to(call, first->address);
    return error ? refused(call, first->address, error) : GP_NEXT;
}

static enum gp_verdict on_resolve(struct gp_call *call, void *self)
{
    struct rewrite_expansion expansion = {.call = call, .self = self};
    struct gp_recipient *recipient = gp_rcpt(call);

    if (rewrite_expand(&expansion, gp_rcpt_address(recipient)) < 0)
        return GP_FAIL;
    if (gp_slice_present(expansion.detail) &&
        gp_note_set(call, GP_NOTE_RECIPIENT, recipient, "detail", expansion.detail, GP_NOTE_KEEP))
        return gp_fail(call, "note \"detail\" could not be set");
    return apply(&expansion);
}

static int create(struct gp_call *call, void *self)
{
    const struct rewrite *rewrite = self;

    if (rewrite->aliases || rewrite->plus.len || rewrite->fold_case)
        return 0;
    gp_log(call, GP_LOG_ERROR, "nothing to do: give aliases, plus or fold_case");
    return -1;
}

GP_HOOKS({GP_HOOK_RESOLVE, on_resolve});
GP_PLUGIN(.version = "1.0", .summary = "Aliases, user+detail, virtual domains, catch-alls",
          GP_USES_OPTIONS, GP_USES_HOOKS, .needs = GP_NEEDS_EDIT_ENVELOPE, .create = create);

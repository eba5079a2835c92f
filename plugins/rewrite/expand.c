// SPDX-License-Identifier: Apache-2.0
/*
 * A list of addresses that grows while it is walked: each is looked up once, what it stands for is
 * appended unless it is there. So loops end by themselves, and an address that is on its own list
 * stays.
 */
#include "expand.h"

static struct gp_slice local_of(struct gp_slice address)
{
    return gp_slice_sub(address, 0, gp_slice_rfind(address, '@'));
}

/* "@example.org" */
static struct gp_slice at_domain(struct gp_slice address)
{
    return gp_slice_sub(address, gp_slice_rfind(address, '@'), address.len);
}

/* ---- the list ---- */

static void set_address(const struct rewrite_expansion *expansion, struct rewrite_entry *entry,
                        struct gp_slice address)
{
    entry->address = address;
    entry->key = gp_domain_key(expansion->call, address);
}

static bool is_there(const struct rewrite_expansion *expansion, struct gp_slice key)
{
    for (size_t i = 0; i < expansion->n; i++)
        if (gp_slice_eq(expansion->entries[i].key, key))
            return true;
    return false;
}

/* Without a table of domains only what the client gave is known to be an address of ours: the "+"
 * in an alias to somewhere else is for its owner to read. */
static int is_ours(const struct rewrite_expansion *expansion, struct gp_slice address, size_t depth)
{
    struct gp_slice domain = at_domain(address);
    int found;

    if (!expansion->self->domains)
        return depth == 0;
    found = gp_table_lookup(expansion->call, expansion->self->domains,
                            gp_slice_sub(domain, 1, domain.len), NULL);
    if (found == GP_OK || found == GP_ENOTFOUND)
        return found == GP_OK;
    gp_fail(expansion->call, "table " GP_FMT ": %s",
            GP_ARG(gp_table_name(expansion->self->domains)), gp_strerror(found));
    return -1;
}

static int push(struct rewrite_expansion *expansion, struct gp_slice address, size_t depth)
{
    struct gp_call *call = expansion->call;
    struct gp_slice canonical = rewrite_canonical(call, address, false);
    int ours = is_ours(expansion, canonical, depth);

    if (ours < 0)
        return -1;
    if (ours && expansion->self->fold_case)
        canonical = rewrite_canonical(call, address, true);
    if (is_there(expansion, gp_domain_key(call, canonical)))
        return 0;
    if (depth > REWRITE_DEPTH_MAX || expansion->n == REWRITE_ADDRESSES_MAX) {
        gp_fail(call, "aliases of " GP_FMT ": %s", GP_ARG(expansion->entries[0].address),
                depth > REWRITE_DEPTH_MAX ? "too deep" : "too many");
        return -1;
    }
    expansion->entries[expansion->n] = (struct rewrite_entry){.depth = depth, .ours = ours};
    set_address(expansion, &expansion->entries[expansion->n++], canonical);
    return 0;
}

/* ---- details ---- */

/* Where the detail of user+detail begins, or the length of the local part. A quoted local part has
 * none: its quotes would not survive. */
static size_t find_detail(const struct rewrite *self, struct gp_slice local)
{
    if (local.len == 0 || local.data[0] == '"')
        return local.len;
    for (size_t i = 1; i < local.len; i++)
        if (gp_slice_find(self->plus, local.data[i]) < self->plus.len)
            return i;
    return local.len;
}

/* The address without its detail; as it is if there is none. */
static struct gp_slice strip(struct rewrite_expansion *expansion, const struct rewrite_entry *entry)
{
    struct gp_slice local = local_of(entry->address);
    size_t end = entry->ours ? find_detail(expansion->self, local) : local.len;

    if (end == local.len)
        return entry->address;
    if (entry == expansion->entries)
        expansion->detail = gp_slice_sub(local, end + 1, local.len);
    return gp_format(expansion->call, GP_FMT GP_FMT, GP_ARG(gp_slice_sub(local, 0, end)),
                     GP_ARG(at_domain(entry->address)));
}

/* ---- looking up ---- */

static int look_up(struct rewrite_expansion *expansion, struct gp_table *table, struct gp_slice key,
                   struct gp_slice *value_r)
{
    int found = table ? gp_table_lookup(expansion->call, table, key, value_r) : GP_ENOTFOUND;

    if (found != GP_OK && found != GP_ENOTFOUND)
        gp_fail(expansion->call, "table " GP_FMT ": %s", GP_ARG(gp_table_name(table)),
                gp_strerror(found));
    return found;
}

/* The whole address, the one without detail, "@domain" for those who are not people of ours. */
static int find_alias(struct rewrite_expansion *expansion, const struct rewrite_entry *entry,
                      struct gp_slice stripped, struct gp_slice *value_r)
{
    const struct rewrite *self = expansion->self;
    int found = look_up(expansion, self->aliases, entry->address, value_r);

    if (found == GP_ENOTFOUND && stripped.len != entry->address.len)
        found = look_up(expansion, self->aliases, stripped, value_r);
    if (found != GP_ENOTFOUND)
        return found;
    found = look_up(expansion, self->people, stripped, NULL);
    if (found != GP_ENOTFOUND)
        return found == GP_OK ? GP_ENOTFOUND : found;
    return look_up(expansion, self->aliases, at_domain(entry->address), value_r);
}

/* An address as an alias may write it: "user@example.org", "@example.org", "user". */
static struct gp_slice complete(struct rewrite_expansion *expansion, struct gp_slice kept,
                                struct gp_slice text)
{
    if (text.data[0] == '@')
        return gp_format(expansion->call, GP_FMT GP_FMT, GP_ARG(local_of(kept)), GP_ARG(text));
    if (gp_slice_rfind(text, '@') == text.len)
        return gp_format(expansion->call, GP_FMT GP_FMT, GP_ARG(text), GP_ARG(at_domain(kept)));
    return text;
}

static int follow(struct rewrite_expansion *expansion, size_t index)
{
    struct rewrite_entry *entry = &expansion->entries[index];
    struct gp_slice stripped = strip(expansion, entry), list, text;
    struct gp_slice kept = expansion->self->keep_detail ? entry->address : stripped;
    struct gp_slice original = entry->address;
    int found = find_alias(expansion, entry, stripped, &list);

    if (found != GP_OK && found != GP_ENOTFOUND)
        return -1;
    if (found == GP_ENOTFOUND) {
        set_address(expansion, entry, kept);
        entry->final = true;
        return 0;
    }
    while (rewrite_next(&list, &text)) {
        struct gp_slice address = rewrite_canonical(expansion->call,
                                                    complete(expansion, kept, text),
                                                    entry->ours && expansion->self->fold_case);

        bool itself = rewrite_same(expansion->call, address, original);

        if (itself || rewrite_same(expansion->call, address, stripped)) {
            set_address(expansion, entry, itself ? original : kept);
            entry->final = true;
        } else if (push(expansion, address, entry->depth + 1) < 0) {
            return -1;
        }
    }
    return 0;
}

int rewrite_expand(struct rewrite_expansion *expansion, struct gp_slice address)
{
    bool any = false;

    expansion->entries = gp_alloc(expansion->call,
                                  REWRITE_ADDRESSES_MAX * sizeof *expansion->entries);
    if (!expansion->entries) {
        gp_fail(expansion->call, "out of memory");
        return -1;
    }
    if (push(expansion, address, 0) < 0)
        return -1;
    if (expansion->self->domains && !expansion->entries[0].ours) {
        expansion->entries[0] = (struct rewrite_entry){.address = address, .final = true};
        return 0;
    }
    for (size_t i = 0; i < expansion->n; i++)
        if (follow(expansion, i) < 0)
            return -1;
    for (size_t i = 0; i < expansion->n; i++)
        any = any || expansion->entries[i].final;
    if (!any)
        gp_fail(expansion->call, "aliases of " GP_FMT ": a loop, nobody is left", GP_ARG(address));
    return any ? 0 : -1;
}

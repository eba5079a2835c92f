// SPDX-License-Identifier: Apache-2.0
#include "core/hook/table.h"

#include "core/base/log.h"
#include "core/base/ascii.h"
#include "core/hook/call.h"
#include "core/hook/serial.h"

static int lookup_network(const struct gp_table *table, struct gp_slice key,
                          struct gp_slice *value_r)
{
    int longest = -1;
    struct gp__ip ip;

    if (table->n_networks == 0 || gp__ip_parse(key, &ip) < 0)
        return GP_ENOTFOUND;
    for (size_t i = 0; i < table->n_networks; i++) {
        const struct gp__table_network *entry = &table->networks[i];

        if (entry->network.bits <= longest || !gp__network_has(&entry->network, &ip))
            continue;
        longest = entry->network.bits;
        *value_r = entry->value;
    }
    return longest < 0 ? GP_ENOTFOUND : GP_OK;
}

static int lookup_in_place(const struct gp_table *table, struct gp_slice key,
                           struct gp_slice *value_r)
{
    const struct gp_slice *value = gp_map_find(table->entries, key);

    if (!value)
        return lookup_network(table, key, value_r);
    *value_r = *value;
    return GP_OK;
}

static int lookup_by_plugin(struct gp_call *call, struct gp_table *table, struct gp_slice key,
                            struct gp_slice *value_r)
{
    struct gp__instance *instance = table->instance;
    struct gp_call nested;
    int result;

    gp__call_nest(&nested, call, instance);
    result = gp__serial_enter(&nested);
    if (result == 0) {
        result = instance->plugin->table->lookup(&nested, instance->self, key, value_r);
        gp__serial_leave(instance);
    }
    gp__call_end(&nested);
    if (call->root->sticky)
        return call->root->sticky;
    if (gp_slice_present(nested.fault)) {
        gp__log(call->runtime->log, GP_LOG_WARNING, "table.fault", GP__F_S("table", table->name),
                GP__F_S("error", nested.fault));
        return GP_ETEMP;
    }
    /* A table answers or it does not; anything else it may say is "could not tell". */
    return result == GP_OK || result == GP_ENOTFOUND ? result : GP_ETEMP;
}

int gp__table_lookup(struct gp_call *call, struct gp_table *table, struct gp_slice key,
                     struct gp_slice *value_r)
{
    struct gp_slice value = GP_S("");
    int result = table->instance ? lookup_by_plugin(call, table, key, &value)
                                 : lookup_in_place(table, key, &value);

    table->lookups++;
    table->found += result == GP_OK;
    table->failed += result != GP_OK && result != GP_ENOTFOUND;
    if (result == GP_OK && value_r)
        *value_r = value;
    return result;
}

/* With the domain in lower case: a table that compares bytes must not be evaded by a capital. */
static struct gp_slice lower_domain(struct gp__arena *arena, struct gp_slice address, size_t at)
{
    char *text = gp__arena_bytes(arena, address.len + 1);

    for (size_t i = 0; i < address.len; i++)
        text[i] = i > at ? gp__to_lower(address.data[i]) : address.data[i];
    text[address.len] = '\0';
    return gp_slice(text, address.len);
}

static bool has_capital(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] >= 'A' && s.data[i] <= 'Z')
            return true;
    return false;
}

/* The keys under which a list may hold an address, in order: a@b.c.d, b.c.d, .c.d, .d, a@. */
int gp__table_lookup_address(struct gp_call *call, struct gp_table *table, struct gp_slice address,
                             struct gp_slice *value_r)
{
    size_t at = gp_slice_rfind(address, '@');
    struct gp_slice domain;
    int result;

    if (has_capital(gp_slice_sub(address, at, address.len)))
        address = lower_domain(gp__call_arena(call), address, at);
    domain = gp_slice_sub(address, at + 1, address.len);
    result = gp__table_lookup(call, table, address, value_r);
    if (result != GP_ENOTFOUND || at == address.len)
        return result;
    result = gp__table_lookup(call, table, domain, value_r);
    while (result == GP_ENOTFOUND && gp_slice_find(domain, '.') < domain.len) {
        domain = gp_slice_sub(domain, gp_slice_find(domain, '.'), domain.len);
        result = gp__table_lookup(call, table, domain, value_r);
        domain = gp_slice_sub(domain, 1, domain.len);
    }
    if (result != GP_ENOTFOUND)
        return result;
    return gp__table_lookup(call, table, gp_slice_sub(address, 0, at + 1), value_r);
}

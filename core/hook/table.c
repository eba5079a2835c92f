// SPDX-License-Identifier: Apache-2.0
#include "core/hook/table.h"

#include "core/base/domain.h"
#include "core/base/log.h"
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

/* Tables compare bytes, whoever keeps them; that a domain can be written in two ways is for us to
 * know. */
int gp__table_lookup(struct gp_call *call, struct gp_table *table, struct gp_slice key,
                     struct gp_slice *value_r)
{
    struct gp_slice value = GP_S(""), forms[GP__DOMAIN_FORMS];
    size_t n = gp__domain_forms(gp__call_arena(call), key, forms);
    int result = GP_ENOTFOUND;

    for (size_t i = 0; result == GP_ENOTFOUND && i < n; i++)
        result = table->instance ? lookup_by_plugin(call, table, forms[i], &value)
                                 : lookup_in_place(table, forms[i], &value);
    table->lookups++;
    table->found += result == GP_OK;
    table->failed += result != GP_OK && result != GP_ENOTFOUND;
    if (result == GP_OK && value_r)
        *value_r = value;
    return result;
}

/* The keys under which a list may hold an address, in order: a@b.c.d, b.c.d, .c.d, .d, a@. */
int gp__table_lookup_address(struct gp_call *call, struct gp_table *table, struct gp_slice address,
                             struct gp_slice *value_r)
{
    size_t at = gp_slice_rfind(address, '@');
    struct gp_slice domain;
    int result;

    /* In lower case: a table that compares bytes must not be evaded by a capital. */
    if (at < address.len)
        address = gp__domain_key(gp__call_arena(call), address);
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

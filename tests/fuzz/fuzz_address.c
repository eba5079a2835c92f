// SPDX-License-Identifier: Apache-2.0
// Addresses: what is accepted is canonical (parsing it again changes nothing), within its lengths, and holds nothing
// that could end a line or a path.
#include <stdlib.h>
#include <string.h>

#include "core/base/ascii.h"
#include "core/smtp/address.h"

static void check(struct gp__arena *arena, const struct gp__address *address, unsigned flags)
{
    struct gp__address again;

    for (size_t i = 0; i < address->text.len; i++)
        if (gp__is_control(address->text.data[i]))
            abort();
    if (address->text.len > 254 || address->local.len > 64 || address->domain.len > 255)
        abort();
    if (address->text.len == 0)
        return;
    if (gp__mailbox_parse(arena, address->text, flags, &again) != GP__ADDRESS_OK ||
        !gp_slice_eq(again.text, address->text) || !gp_slice_eq(again.local, address->local) ||
        !gp_slice_eq(again.domain, address->domain))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__arena *arena;
    struct gp__address address;
    struct gp_slice text, rest;
    struct gp__ip ip;
    unsigned flags;

    if (size < 1)
        return 0;
    arena = gp__arena_create();
    flags = data[0] & 7u;
    text = gp_slice((const char *)data + 1, size - 1);
    if (gp__path_parse(arena, text, flags, &address, &rest) == GP__ADDRESS_OK) {
        if (rest.data + rest.len != text.data + text.len)
            abort();
        check(arena, &address, flags);
    }
    if (gp__mailbox_parse(arena, text, flags, &address) == GP__ADDRESS_OK)
        check(arena, &address, flags);
    (void)gp__domain_parse(text, flags, &ip);
    gp__arena_free(&arena);
    return 0;
}

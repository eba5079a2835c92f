// SPDX-License-Identifier: Apache-2.0
/* DNS answers: the first byte chooses the type, the rest is the packet. Names and addresses of the
 * result must be plain text, whatever was sent. */
#include "core/base/arena.h"
#include "core/base/ascii.h"
#include "core/base/ip.h"
#include "core/runtime/dns_record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_record(const struct gp__dns_record *record, enum gp_dns_type type)
{
    struct gp__ip ip;

    require(gp_slice_present(record->text));
    if (type == GP_DNS_A || type == GP_DNS_AAAA)
        require(gp__ip_parse(record->text, &ip) == 0);
    for (size_t i = 0; i < record->text.len && type != GP_DNS_TXT && type != GP_DNS_TLSA; i++)
        require(!gp__is_control(record->text.data[i]) && !gp__is_8bit(record->text.data[i]) &&
                record->text.data[i] != ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum gp_dns_type types[] = {GP_DNS_A,   GP_DNS_CNAME, GP_DNS_PTR, GP_DNS_MX,
                                             GP_DNS_TXT, GP_DNS_AAAA,  GP_DNS_TLSA};
    struct gp__arena *arena;
    struct gp_dns_answer *answer;
    enum gp_dns_type type;
    int result;

    if (size == 0)
        return 0;
    type = types[data[0] % (sizeof types / sizeof *types)];
    arena = gp__arena_create();
    result = gp__dns_parse(arena, gp_slice((const char *)data + 1, size - 1), type, false, &answer);
    require(result == 0 || result == GP_ENOTFOUND || result == GP_ETEMP);
    require((answer != NULL) == (result != GP_ETEMP));
    if (answer) {
        require(answer->count <= GP__DNS_RECORDS_MAX && (answer->count > 0) == (result == 0));
        for (size_t i = 0; i < answer->count; i++)
            check_record(&answer->records[i], type);
    }
    gp__arena_free(&arena);
    return 0;
}

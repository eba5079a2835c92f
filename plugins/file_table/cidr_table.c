// SPDX-License-Identifier: Apache-2.0
/*
 * A table of IP networks in a text file: `NETWORK value` lines. The longest network that has the
 * address answers, whatever the order of the lines; "!NETWORK" answers that it is not there. IPv4
 * networks are kept as the IPv6 ones that map them (RFC 4291 2.5.5.2), but never meet IPv6 ones.
 */
#include "entries.h"
#include "source.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 8192
#define BITS_MAX 128
#define MAPPED_BITS 96
#define TEXT_MAX 64 /* of an address: INET6_ADDRSTRLEN is 46 */

/* The value of "!NETWORK": no line can have it, being a control character. */
#define NOT_THERE GP_S("\x01")

struct cidr_table {
    struct source source;
};

/* A key of `entries`: the network's address, its host bits clear, and its length. */
struct prefix {
    unsigned char bytes[16], bits;
};

struct contents {
    struct entries entries;
    size_t count[BITS_MAX + 1]; /* networks of each length */
};

/* ---- addresses ---- */

static bool is_mapped(const unsigned char bytes[16])
{
    static const unsigned char head[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(bytes, head, sizeof head) == 0;
}

/* 4, 6, or 0: not an address. */
static int parse_address(struct gp_slice text, unsigned char bytes[16])
{
    char copy[TEXT_MAX];

    if (text.len >= sizeof copy || gp_slice_find(text, '\0') < text.len)
        return 0;
    memcpy(copy, text.data ? text.data : "", text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, bytes) == 1)
        return is_mapped(bytes) ? 4 : 6;
    memset(bytes, 0, 10);
    memset(bytes + 10, 0xff, 2);
    return inet_pton(AF_INET, copy, bytes + 12) == 1 ? 4 : 0;
}

/* Clears what is beyond the bits; whether anything was there. */
static bool clear_host(struct prefix *prefix)
{
    unsigned char before[16];

    memcpy(before, prefix->bytes, 16);
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = prefix->bits > i * 8 ? prefix->bits - i * 8 : 0;

        if (kept < 8)
            prefix->bytes[i] &= (unsigned char)(0xff00u >> kept);
    }
    return memcmp(before, prefix->bytes, 16) != 0;
}

/* NULL, or what is wrong. */
static const char *parse_network(struct gp_slice text, struct prefix *prefix_r)
{
    size_t slash = gp_slice_find(text, '/');
    int family = parse_address(gp_slice_sub(text, 0, slash), prefix_r->bytes);
    bool dotted = gp_slice_find(text, ':') == text.len;
    int64_t bits = dotted ? 32 : 128;

    if (!family || (slash < text.len &&
                    gp_slice_to_int(gp_slice_sub(text, slash + 1, text.len), 0, bits, &bits) < 0))
        return "not an IP address or network";
    if (!dotted && family == 4 && bits < MAPPED_BITS)
        return "write an IPv4 network with dots";
    prefix_r->bits = (unsigned char)(dotted ? bits + MAPPED_BITS : bits);
    return clear_host(prefix_r) ? "bits beyond the length of the network are set" : NULL;
}

static struct gp_slice key_of(const struct prefix *prefix)
{
    return gp_slice((const char *)prefix, sizeof *prefix);
}

/* ---- contents ---- */

static void contents_destroy(void *arg)
{
    struct contents *contents = arg;

    entries_done(&contents->entries);
    free(contents);
}

static void *contents_create(struct gp_call *call, size_t n_lines, size_t n_bytes)
{
    struct contents *contents = calloc(1, sizeof *contents);
    uint64_t seed[2];

    if (!contents)
        return NULL;
    gp_random(call, seed, sizeof seed);
    if (entries_init(&contents->entries, seed, n_lines, n_bytes + n_lines * sizeof(struct prefix)))
        return contents;
    free(contents);
    return NULL;
}

/* NULL, or what is wrong. */
static const char *add(struct contents *contents, struct gp_slice key, struct gp_slice value,
                       bool not )
{
    struct prefix prefix;
    const char *wrong = parse_network(key, &prefix);

    if (wrong)
        return wrong;
    if (not &&value.len)
        return "with \"!\" there is no value";
    if (entries_add(&contents->entries, key_of(&prefix), not ? NOT_THERE : value) != GP_OK)
        return "listed before";
    contents->count[prefix.bits]++;
    return NULL;
}

static int contents_add(void *arg, const struct line *line, char error[LINE_ERROR_MAX])
{
    bool not = line->text.data[0] == '!';
    struct line rest = *line;
    struct gp_slice key, value;
    const char *wrong;

    if (not )
        rest.text = gp_slice_trim(gp_slice_sub(rest.text, 1, rest.text.len));
    if (line_split(&rest, &key, &value, error) < 0)
        return -1;
    wrong = add(arg, key, value, not );
    if (!wrong)
        return 0;
    snprintf(error, LINE_ERROR_MAX, "\"" GP_FMT "\": %s", GP_ARG(gp_slice_sub(key, 0, 100)), wrong);
    return -1;
}

static const struct source_kind network_kind = {
    .create = contents_create,
    .destroy = contents_destroy,
    .add = contents_add,
    .batch = BATCH,
};

/* ---- the table ---- */

/* The value of the longest network; absent if there is none. */
static struct gp_slice find(const struct contents *contents, struct gp_slice ip)
{
    struct prefix prefix;
    int family = parse_address(ip, prefix.bytes);
    int least = family == 4 ? MAPPED_BITS : 0;
    struct gp_slice value;

    for (int bits = family ? BITS_MAX : -1; bits >= least; bits--) {
        if (!contents->count[bits])
            continue;
        prefix.bits = (unsigned char)bits;
        clear_host(&prefix);
        if (entries_find(&contents->entries, key_of(&prefix), &value))
            return value;
    }
    return gp_slice(NULL, 0);
}

static int lookup(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    const struct cidr_table *table = self;
    struct gp_slice value = find(table->source.contents, key);

    if (!gp_slice_present(value) || gp_slice_eq(value, NOT_THERE))
        return GP_ENOTFOUND;
    /* The file may be read again before the caller has returned. */
    *value_r = gp_format(call, GP_FMT, GP_ARG(value));
    return gp_slice_present(*value_r) ? GP_OK : GP_ELIMIT;
}

static int create(struct gp_call *call, void *self)
{
    struct cidr_table *table = self;

    return source_open(call, &table->source, &network_kind);
}

static void destroy(void *self)
{
    struct cidr_table *table = self;

    source_close(&table->source);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    struct cidr_table *table = self;

    source_check(call, &table->source);
    return GP_NEXT;
}

static const struct gp_table_role role = {.size = sizeof role, .lookup = lookup};

GP_OPTIONS(struct cidr_table, SOURCE_OPTIONS(struct cidr_table));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Looks IP addresses up among networks in a text file",
          .needs = GP_NEEDS_FILES, .deadline_ms = SOURCE_DEADLINE_MS, .tick_ms = SOURCE_TICK_MS,
          .create = create, .destroy = destroy, .table = &role, GP_USES_OPTIONS, GP_USES_HOOKS);

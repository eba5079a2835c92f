// SPDX-License-Identifier: Apache-2.0
/* The set behind the tables in files, its hash, and the longest network of an address: against plain
 * and slow ways to say the same. Lines of any bytes do no harm. */
#define GP_PLUGIN_NAME cidr_table

#include "core/base/hash.h"
#include "core/base/ip.h"
#include "plugins/file_table/cidr_table.c"
#include "plugins/file_table/entries.c"
#include "plugins/file_table/line.c"
#include "plugins/file_table/source.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint64_t chance = 1;

static uint32_t draw(uint32_t below)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(chance >> 33) % below;
}

/* ---- the set ---- */

static void the_hash_is_siphash(void **state)
{
    const uint8_t seed[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    uint64_t words[2];
    char bytes[64];

    (void)state;
    memcpy(words, seed, sizeof words);
    gp__hash_seed(seed);
    for (size_t len = 0; len < sizeof bytes; len++) {
        bytes[len] = (char)draw(256);
        assert_true(hash_of(words, gp_slice(bytes, len)) == gp__hash(gp_slice(bytes, len)));
    }
}

static struct gp_slice number(char room[16], const char *prefix, unsigned n)
{
    return gp_slice(room, (size_t)snprintf(room, 16, "%s%u", prefix, n));
}

static void all_keys_are_found(void **state)
{
    const uint64_t seed[2] = {7, 9};
    struct entries entries;
    struct gp_slice value = GP_S("");
    char key[16], text[16];

    (void)state;
    assert_true(entries_init(&entries, seed, 20000, 400000));
    for (unsigned i = 0; i < 20000; i++)
        assert_int_equal(entries_add(&entries, number(key, "k", i), number(text, "v", i)), GP_OK);
    for (unsigned i = 0; i < 20000; i++) {
        assert_true(entries_find(&entries, number(key, "k", i), &value));
        assert_true(gp_slice_eq(value, number(text, "v", i)));
        assert_false(entries_find(&entries, number(key, "x", i), &value));
    }
    assert_int_equal(entries_add(&entries, GP_S("k1"), GP_S("")), GP_EEXIST);
    entries_done(&entries);
    entries_done(&entries);
}

static void a_set_takes_what_it_was_made_for(void **state)
{
    const uint64_t seed[2] = {0, 0};
    static char large[ENTRY_KEY_MAX + 1];
    struct entries entries;
    struct gp_slice value = GP_S("");

    (void)state;
    assert_true(entries_init(&entries, seed, 2, 5));
    assert_int_equal(entries_add(&entries, gp_slice(large, sizeof large), GP_S("")), GP_ELIMIT);
    assert_int_equal(entries_add(&entries, GP_S("abc"), GP_S("")), GP_OK);
    assert_int_equal(entries_add(&entries, GP_S("def"), GP_S("")), GP_ELIMIT);
    assert_int_equal(entries_add(&entries, GP_S("d"), GP_S("e")), GP_OK);
    assert_true(entries_find(&entries, GP_S("abc"), &value));
    assert_int_equal(value.len, 0);
    assert_false(entries_find(&entries, GP_S(""), &value));
    assert_false(entries_find(&entries, gp_slice(large, sizeof large), &value));
    entries_done(&entries);
}

/* ---- networks ---- */

#define NETWORKS 300

static struct gp__network networks[NETWORKS];

static void add_network(struct contents *contents, struct gp__network *network, unsigned n)
{
    static const uint8_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 24, 31, 32};
    char ip[48], text[80], value[16], error[LINE_ERROR_MAX], room[LINE_BYTES_MAX];
    struct line line = {.number = 1, .room = room};

    for (;;) {
        uint8_t bits = lengths[draw(sizeof lengths)];

        *network = (struct gp__network){.ip.family = draw(2) ? 4 : 6, .bits = bits};
        for (unsigned i = 0; i < bits; i++) /* few different ones, so that they nest */
            network->ip.bytes[i / 8] |= (uint8_t)((draw(4) == 0) << (7 - i % 8));
        line.text = gp_slice(text, (size_t)snprintf(text, sizeof text, GP_FMT "/%u " GP_FMT,
                                                    GP_ARG(gp__ip_format(&network->ip, ip)), bits,
                                                    GP_ARG(number(value, "v", n))));
        if (contents_add(contents, &line, error) == 0)
            return;
        assert_non_null(strstr(error, "listed before"));
    }
}

static void the_longest_network_answers(void **state)
{
    const uint64_t seed[2] = {1, 2};
    struct contents contents = {.count = {0}};

    (void)state;
    assert_true(entries_init(&contents.entries, seed, NETWORKS, NETWORKS * 64));
    for (unsigned i = 0; i < NETWORKS; i++)
        add_network(&contents, &networks[i], i);
    for (unsigned n = 0; n < 20000; n++) {
        struct gp__ip ip = {.family = draw(2) ? 4 : 6};
        const struct gp__network *best = NULL;
        struct gp_slice found, value;
        char text[48], room[16];

        for (unsigned i = 0; i < (ip.family == 4 ? 4 : 16); i++)
            ip.bytes[i] = (uint8_t)(draw(256) & draw(256));
        for (unsigned i = 0; i < NETWORKS; i++)
            if (gp__network_has(&networks[i], &ip) && (!best || networks[i].bits > best->bits))
                best = &networks[i];
        found = find(&contents, gp__ip_format(&ip, text));
        value = best ? number(room, "v", (unsigned)(best - networks)) : gp_slice(NULL, 0);
        assert_true(gp_slice_present(found) == (best != NULL));
        assert_true(gp_slice_eq(found, value));
    }
    entries_done(&contents.entries);
}

/* ---- lines ---- */

static void any_bytes_are_lines_or_mistakes(void **state)
{
    static const char alphabet[] = "a1.:/! \t\"\\#\r\n\x01\xef\xbb\xbf\0";
    const uint64_t seed[2] = {1, 2};
    char *room = malloc(LINE_BYTES_MAX);
    size_t n_lines = 0, n_mistakes = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = draw(40);
        char *bytes = malloc(len + 1), error[LINE_ERROR_MAX] = "";
        struct contents contents = {.count = {0}};
        struct line_reader reader;
        int more;

        for (size_t i = 0; i < len; i++)
            bytes[i] = alphabet[draw(sizeof alphabet - 1)];
        assert_true(entries_init(&contents.entries, seed, 40, 1000));
        line_reader_init(&reader, gp_slice(bytes, len), room);
        while ((more = line_next(&reader, error)) > 0) {
            struct gp_slice key, value;

            n_lines++;
            if (line_split(&reader.line, &key, &value, error) == 0)
                assert_true(key.len > 0 && key.len + value.len <= reader.line.text.len);
            if (contents_add(&contents, &reader.line, error) < 0)
                assert_true(error[0] != '\0');
        }
        n_mistakes += more < 0;
        assert_true(more == 0 || error[0] != '\0');
        entries_done(&contents.entries);
        free(bytes);
    }
    assert_true(n_lines > 1000 && n_mistakes > 1000);
    free(room);
}

static void a_line_has_a_greatest_length(void **state)
{
    static char bytes[LINE_BYTES_MAX + 2];
    char error[LINE_ERROR_MAX] = "";
    struct line_reader reader;

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    bytes[LINE_BYTES_MAX] = '\n';
    line_reader_init(&reader, gp_slice(bytes, LINE_BYTES_MAX + 1), NULL);
    assert_int_equal(line_next(&reader, error), 1);
    assert_int_equal(line_next(&reader, error), 0);
    bytes[LINE_BYTES_MAX] = 'x';
    line_reader_init(&reader, gp_slice(bytes, LINE_BYTES_MAX + 1), NULL);
    assert_int_equal(line_next(&reader, error), -1);
    assert_string_equal(error, "longer than 65535 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_siphash),
        cmocka_unit_test(all_keys_are_found),
        cmocka_unit_test(a_set_takes_what_it_was_made_for),
        cmocka_unit_test(the_longest_network_answers),
        cmocka_unit_test(any_bytes_are_lines_or_mistakes),
        cmocka_unit_test(a_line_has_a_greatest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* SipHash-1-3 against vectors of an independent implementation; case folding; the key. */
#include "check.h"

#include "core/base/ascii.h"
#include "core/base/hash.h"

/* Key 00 01 .. 0f; message n is the n bytes 00 01 .. n-1. */
static const uint64_t vectors[64] = {
    0xabac0158050fc4dcu, 0xc9f49bf37d57ca93u, 0x82cb9b024dc7d44du, 0x8bf80ab8e7ddf7fbu,
    0xcf75576088d38328u, 0xdef9d52f49533b67u, 0xc50d2b50c59f22a7u, 0xd3927d989bb11140u,
    0x369095118d299a8eu, 0x25a48eb36c063de4u, 0x79de85ee92ff097fu, 0x70c118c1f94dc352u,
    0x78a384b157b4d9a2u, 0x306f760c1229ffa7u, 0x605aa111c0f95d34u, 0xd320d86d2a519956u,
    0xcc4fdd1a7d908b66u, 0x9cf2689063dbd80cu, 0x8ffc389cb473e63eu, 0xf21f9de58d297d1cu,
    0xc0dc2f46a6cce040u, 0xb992abfe2b45f844u, 0x7ffe7b9ba320872eu, 0x525a0e7fdae6c123u,
    0xf464aeb267349c8cu, 0x45cd5928705b0979u, 0x3a3e35e3ca9913a5u, 0xa91dc74e4ade3b35u,
    0xfb0bed02ef6cd00du, 0x88d93cb44ab1e1f4u, 0x540f11d643c5e663u, 0x2370dd1f8c21d1bcu,
    0x81157b6c16a7b60du, 0x4d54b9e57a8ff9bfu, 0x759f12781f2a753eu, 0xcea1a3bebf186b91u,
    0x2cf508d3ada26206u, 0xb6101c2da3c33057u, 0xb3f47496ae3a36a1u, 0x626b57547b108392u,
    0xc1d2363299e41531u, 0x667cc1923f1ad944u, 0x65704ffec8138825u, 0x24f280d1c28949a6u,
    0xc2ca1cedfaf8876bu, 0xc2164bfc9f042196u, 0xa16e9c9368b1d623u, 0x49fb169c8b5114fdu,
    0x9f3143f8df074c46u, 0xc6fdaf2412cc86b3u, 0x7eaf49d10a52098fu, 0x1cf313559d292f9au,
    0xc44a30dda2f41f12u, 0x36fae98943a71ed0u, 0x318fb34c73f0bce6u, 0xa27abf3670a7e980u,
    0xb4bcc0db243c6d75u, 0x23f8d852fdb71513u, 0x8f035f4da67d8a08u, 0xd89cd0e5b7e8f148u,
    0xf6f4e6bcf7a644eeu, 0xaec59ad80f1837f2u, 0xc3b2f6154b6694e0u, 0x9d199062b7bbb3a8u,
};

static void known_vectors(void **state)
{
    char message[64];

    (void)state;
    for (size_t n = 0; n < COUNT(vectors); n++) {
        struct gp_slice s;

        message[n] = (char)n;
        s = tight(gp_slice(message, n));
        assert_int_equal(gp__hash(s), vectors[n]);
        tight_free(s);
    }
    assert_int_equal(gp__hash(gp_slice(NULL, 0)), vectors[0]);
}

/* The same at any alignment, and the case of letters at every place of a word. */
static void nocase(void **state)
{
    static const char text[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ@[`{\x80\xc4\xe4\xff";
    char low[sizeof text];

    (void)state;
    for (int c = 0; c < 256; c++) { /* every byte, at both kinds of place */
        char same[9], folded[9];

        memset(same, c, sizeof same);
        memset(folded, gp__to_lower((char)c), sizeof folded);
        assert_int_equal(gp__hash_nocase(gp_slice(same, 9)), gp__hash(gp_slice(folded, 9)));
    }
    for (size_t i = 0; i < sizeof text; i++)
        low[i] = gp__to_lower(text[i]);
    for (size_t from = 0; from < 9; from++) {
        for (size_t n = 0; n < sizeof text - from; n++) {
            struct gp_slice s = gp_slice(text + from, n);

            assert_int_equal(gp__hash_nocase(s), gp__hash(gp_slice(low + from, n)));
        }
    }
    assert_int_equal(gp__hash(GP_S("Example.ORG")), 0x789b33bb96ba67edu);
    assert_int_equal(gp__hash_nocase(GP_S("Example.ORG")), 0x7fafbfc5655c9be4u);
    assert_int_not_equal(gp__hash_nocase(GP_S("@")), gp__hash_nocase(GP_S("`")));
    assert_int_not_equal(gp__hash_nocase(GP_S("\xc4")), gp__hash_nocase(GP_S("\xe4")));
}

static void other_key(void **state)
{
    static const struct {
        struct gp_slice text;
        uint64_t hash;
    } cases[] = {
        {{"", 0}, 0x47bbfeba80e43909},
        {{"a", 1}, 0x98db75746a1d3782},
        {{"Example.ORG", 11}, 0xf69c5c4d10c94c65},
        {{"example.org", 11}, 0xd2d4438785e6509a},
    };
    uint8_t key[16];
    char text[300];

    (void)state;
    for (int i = 0; i < 16; i++)
        key[i] = (uint8_t)(i * 17 + 3);
    gp__hash_seed(key);
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(gp__hash(cases[i].text), cases[i].hash);
    memset(text, 'x', sizeof text);
    assert_int_equal(gp__hash(gp_slice(text, 300)), 0xaae0825e1847d4bd);
    for (int i = 0; i < 256; i++)
        text[i] = (char)i;
    assert_int_equal(gp__hash(gp_slice(text, 256)), 0xde67ae39cd75cfc2); /* the length mod 256 */
    for (int i = 0; i < 16; i++)
        key[i] = (uint8_t)i;
    gp__hash_seed(key); /* the default */
    assert_int_equal(gp__hash(GP_S("")), vectors[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(nocase),
        cmocka_unit_test(other_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "sdk/kit/scram.h"

#include "core/base/codec.h"
#include "core/runtime/crypto.h"

struct gp_slice gp__kit_scram_attribute(struct gp_slice message, char name)
{
    while (gp_slice_present(message)) {
        struct gp_slice item = gp_slice_split(&message, ',');

        if (item.len >= 2 && item.data[0] == name && item.data[1] == '=')
            return gp_slice_sub(item, 2, item.len);
    }
    return gp_slice(NULL, 0);
}

static struct gp_slice digest_of(const struct gp__kit_scram *client, const uint8_t *bytes)
{
    return gp_slice((const char *)bytes, gp__digest_len(client->digest));
}

static void salt_password(const struct gp__kit_scram *client, struct gp_slice server_first,
                          uint8_t salted[GP__DIGEST_MAX])
{
    struct gp_slice salt = GP_S("");
    int64_t iterations = 1;

    gp__base64_decode(client->arena, gp__kit_scram_attribute(server_first, 's'), &salt);
    gp_slice_to_int(gp__kit_scram_attribute(server_first, 'i'), 1, INT32_MAX, &iterations);
    gp__pbkdf2(client->digest, client->password, salt, (unsigned)iterations, salted);
}

struct gp_slice gp__kit_scram_final(struct gp__kit_scram *client, struct gp_slice server_first)
{
    enum gp__digest digest = client->digest;
    struct gp__arena *arena = client->arena;
    uint8_t salted[GP__DIGEST_MAX], key[GP__DIGEST_MAX], stored[GP__DIGEST_MAX],
        signature[GP__DIGEST_MAX];
    struct gp_slice channel, without_proof, message, proof;

    salt_password(client, server_first, salted);
    channel = gp__base64_encode(arena, GP__ARENA_JOIN(arena, client->gs2, client->binding));
    without_proof = GP__ARENA_JOIN(arena, GP_S("c="), channel, GP_S(",r="),
                                   gp__kit_scram_attribute(server_first, 'r'));
    message = GP__ARENA_JOIN(arena, client->bare, GP_S(","), server_first, GP_S(","),
                             without_proof);
    gp__digest_hmac(digest, digest_of(client, salted), GP_S("Server Key"), key);
    gp__digest_hmac(digest, digest_of(client, key), message, signature);
    client->signature = gp__base64_encode(arena, digest_of(client, signature));
    gp__digest_hmac(digest, digest_of(client, salted), GP_S("Client Key"), key);
    gp__digest_hash(digest, digest_of(client, key), stored);
    gp__digest_hmac(digest, digest_of(client, stored), message, signature);
    for (size_t i = 0; i < gp__digest_len(digest); i++)
        key[i] ^= signature[i];
    proof = gp__base64_encode(arena, digest_of(client, key));
    return GP__ARENA_JOIN(arena, without_proof, GP_S(",p="), proof);
}

// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/tls_ticket.h"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SECRET 32u
#define STEPS_MAX 10000u /* seven years of six hours each; further than that the clock was wrong */

/* Of the process; `secret[0]` of the epoch, `secret[1]` of the one before. */
static struct {
    uint64_t epoch;    /* 0: not drawn yet */
    uint64_t every_ms; /* 0: nobody said */
    unsigned char secret[2][SECRET];
} chain;

_Static_assert(sizeof chain <= GP__TLS_TICKET_STATE, "the state of the chain fits");

static uint64_t rotation(void)
{
    return chain.every_ms ? chain.every_ms : GP__TLS_TICKET_ROTATION_MS;
}

static uint64_t epoch_of(int64_t wall_ms)
{
    uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;

    return ms / rotation() + 1;
}

static void hash(const unsigned char *key, const void *text, size_t len, unsigned char out[SECRET])
{
    /* Without it there is nothing to fall back to: tickets under a known key. */
    if (!HMAC(EVP_sha256(), key, SECRET, text, len, out, NULL))
        abort();
}

static void draw(uint64_t epoch)
{
    if (RAND_priv_bytes(chain.secret[0], SECRET) != 1 ||
        RAND_priv_bytes(chain.secret[1], SECRET) != 1)
        abort();
    chain.epoch = epoch;
}

/* Moves on to the epoch of now; never back. */
static void advance(int64_t wall_ms)
{
    uint64_t now = epoch_of(wall_ms);

    if (chain.epoch == 0 || (now > chain.epoch && now - chain.epoch > STEPS_MAX)) {
        draw(now);
        return;
    }
    while (chain.epoch < now) {
        memcpy(chain.secret[1], chain.secret[0], SECRET);
        hash(chain.secret[1], "next", 4, chain.secret[0]);
        chain.epoch++;
    }
}

void gp__tls_tickets_rotate(uint64_t every_ms)
{
    if (every_ms != rotation())
        chain.epoch = 0;
    chain.every_ms = every_ms;
}

long gp__tls_tickets_lifetime_s(void)
{
    return (long)(rotation() / 1000);
}

void gp__tls_tickets_share(uint8_t out[GP__TLS_TICKET_STATE], int64_t wall_ms)
{
    advance(wall_ms);
    memset(out, 0, GP__TLS_TICKET_STATE);
    memcpy(out, &chain, sizeof chain);
}

void gp__tls_tickets_join(const uint8_t in[GP__TLS_TICKET_STATE])
{
    memcpy(&chain, in, sizeof chain);
}

/* ---- keys of a scope ---- */

static void derive(const struct gp__tls_tickets *tickets, const unsigned char *secret, char label,
                   unsigned char *out, size_t len)
{
    unsigned char text[sizeof tickets->scope + 1], full[SECRET];

    memcpy(text, tickets->scope, sizeof tickets->scope);
    text[sizeof text - 1] = (unsigned char)label;
    hash(secret, text, sizeof text, full);
    memcpy(out, full, len);
    OPENSSL_cleanse(full, sizeof full);
}

static void make_key(struct gp__tls_tickets *tickets, struct gp__tls_ticket_key *key,
                     const unsigned char *secret, uint64_t epoch)
{
    if (key->epoch == epoch)
        return;
    derive(tickets, secret, 'n', key->name, sizeof key->name);
    derive(tickets, secret, 'c', key->cipher, sizeof key->cipher);
    derive(tickets, secret, 'm', key->mac, sizeof key->mac);
    key->epoch = epoch;
}

static int start(const struct gp__tls_ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                 EVP_MAC_CTX *mac, int enc)
{
    char sha256[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
                                          sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, enc) &&
           EVP_MAC_CTX_set_params(mac, parameters);
}

/* 1: go on. 2: go on, and give the client a new ticket. 0: a full handshake. -1: an error. */
int gp__tls_ticket_key_callback(struct gp__tls_tickets *tickets, int64_t wall_ms,
                                unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                                EVP_MAC_CTX *mac, int enc)
{
    advance(wall_ms);
    for (unsigned i = 0; i < 2; i++)
        make_key(tickets, &tickets->keys[i], chain.secret[i], chain.epoch - i);
    if (enc) {
        memcpy(name, tickets->keys[0].name, 16);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            return -1;
        return start(&tickets->keys[0], iv, cipher, mac, 1) ? 1 : -1;
    }
    for (unsigned i = 0; i < 2; i++)
        if (CRYPTO_memcmp(name, tickets->keys[i].name, 16) == 0)
            return start(&tickets->keys[i], iv, cipher, mac, 0) ? (i ? 2 : 1) : -1;
    return 0;
}

void gp__tls_tickets_wipe(struct gp__tls_tickets *tickets)
{
    OPENSSL_cleanse(tickets, sizeof *tickets);
}

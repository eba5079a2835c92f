// SPDX-License-Identifier: Apache-2.0
/*
 * SipHash-1-3 with a key drawn once a process: keys of our tables come from peers, who must not be
 * able to choose collisions (hash flooding).
 */
#ifndef GP_BASE_HASH_H
#define GP_BASE_HASH_H

#include <gatepost/slice.h>
#include <stdint.h>

uint64_t gp__hash(struct gp_slice s);

/* The same for all spellings that differ only in the case of ASCII letters. */
uint64_t gp__hash_nocase(struct gp_slice s);

/* The same in every process: for keys that are kept. */
uint64_t gp__hash_fixed(struct gp_slice s, uint64_t key);

/* Sets the key; before the first table is made. Without it a fixed key is used (tests). */
void gp__hash_seed(const uint8_t key[16]);

#endif

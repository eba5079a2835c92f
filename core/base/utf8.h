// SPDX-License-Identifier: Apache-2.0
/* UTF-8 as RFC 3629 has it: shortest form, no surrogates, nothing above U+10FFFF. */
#ifndef GP_BASE_UTF8_H
#define GP_BASE_UTF8_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

/* Length of the valid sequence at the start (1 to 4) and its code point, or 0. */
size_t gp__utf8_decode(struct gp_slice s, uint32_t *code_r);

/* Writes the code point, at most 4 bytes; the number written. U+FFFD for what is no character. */
size_t gp__utf8_encode(uint32_t code, char out[4]);

bool gp__utf8_valid(struct gp_slice s);

/* Whether every byte is below 0x80. */
bool gp__ascii_only(struct gp_slice s);

#endif

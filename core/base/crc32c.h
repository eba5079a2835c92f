// SPDX-License-Identifier: Apache-2.0
/* CRC-32C (Castagnoli; RFC 9260 appendix A). */
#ifndef GP_BASE_CRC32C_H
#define GP_BASE_CRC32C_H

#include <gatepost/slice.h>
#include <stdint.h>

/* The checksum of what `crc` stands for (0: nothing) followed by the bytes. */
uint32_t gp__crc32c(uint32_t crc, struct gp_slice bytes);

/* The same where the processor has no instruction for it. */
uint32_t gp__crc32c_table(uint32_t crc, struct gp_slice bytes);

#endif

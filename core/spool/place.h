// SPDX-License-Identifier: Apache-2.0
/* Where a record lies in the spool. */
#ifndef GP_SPOOL_PLACE_H
#define GP_SPOOL_PLACE_H

#include <stdint.h>

struct gp__place {
    uint64_t segment; /* its number; 0: nowhere */
    uint32_t offset;  /* of the record in it */
};

#endif

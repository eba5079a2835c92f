// SPDX-License-Identifier: Apache-2.0
/*
 * SASLprep (RFC 4013): names and passwords in the one form in which they are compared. ASCII stays
 * as it is. Code points that Unicode has assigned since are taken as they are: what is prepared
 * here is asked for, never stored.
 */
#ifndef GP_BASE_SASLPREP_H
#define GP_BASE_SASLPREP_H

#include "core/base/arena.h"

/* 0 and the text in the arena, or -1: not UTF-8, or a character that is prohibited. */
int gp__saslprep(struct gp__arena *arena, struct gp_slice text, struct gp_slice *prepared_r);

#endif

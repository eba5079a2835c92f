// SPDX-License-Identifier: Apache-2.0
/*
 * Authentication-Results (RFC 8601): building ours, and removing those that a sender forged under
 * our name (section 5). Every value is checked or quoted: nothing of a peer gets out of its place.
 */
#ifndef GP_MESSAGE_AUTHRES_H
#define GP_MESSAGE_AUTHRES_H

#include "core/base/arena.h"
#include "core/message/message.h"

struct gp__authres; /* one being built */

/* The id is ours: configuration. */
struct gp__authres *gp__authres_create(struct gp__arena *arena, struct gp_slice authserv_id);

/* "; method=result"; both are keywords: false and nothing added otherwise. */
/* Then what belongs to it, in this order: reason, properties. */
bool gp__authres_result(struct gp__authres *authres, struct gp_slice method,
                        struct gp_slice result);

/* " reason="..."" of the last result; controls are dropped, the rest escaped. */
void gp__authres_reason(struct gp__authres *authres, struct gp_slice reason);

/* " ptype.property=value" of the last result ("smtp.mailfrom"). False: not two keywords. */
bool gp__authres_property(struct gp__authres *authres, struct gp_slice property,
                          struct gp_slice value);

/* The value of the field; "id; none" without any result. */
struct gp_slice gp__authres_value(struct gp__authres *authres);

/* The authserv-id of a raw value, unquoted; absent if there is none to be read. */
struct gp_slice gp__authres_id(struct gp__arena *arena, struct gp_slice raw);

/* Removes all Authentication-Results fields that carry our id, or no readable id. Their number, or
 * an error of the edit. */
int gp__authres_remove_forged(struct gp_message *message, struct gp_slice who, struct gp_slice id);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * XFORWARD (Postfix's XFORWARD_README): a trusted client, such as a content filter, tells from whom
 * it had the next message. For hooks and logs; it changes nothing of the session.
 */
#include "core/smtp/server_internal.h"

static const struct gp__reply not_allowed = GP__REPLY_INIT(
    550, 5, 7, 0, "XFORWARD is not allowed from your address");
static const struct gp__reply ok = GP__REPLY_INIT(250, 2, 0, 0, "Ok");

void gp__forwarded_free(struct gp__forwarded **forwarded_)
{
    struct gp__forwarded *forwarded = *forwarded_;
    struct gp__arena *arena;

    *forwarded_ = NULL;
    if (!forwarded)
        return;
    arena = forwarded->arena; /* it lives there */
    gp__arena_free(&arena);
}

static struct gp__forwarded *forwarded_of(struct gp_session *session)
{
    struct gp__arena *arena;

    if (!session->forwarded) {
        arena = gp__arena_create();
        session->forwarded = GP__ARENA_NEW(arena, struct gp__forwarded);
        session->forwarded->arena = arena;
    }
    return session->forwarded;
}

static void merge(struct gp__forwarded *forwarded, const struct gp__attributes *from)
{
    for (size_t i = 0; i < GP__ATTRIBUTE_COUNT; i++)
        if (gp_slice_present(from->values[i]))
            forwarded->attributes.values[i] = gp__arena_dup(forwarded->arena, from->values[i]);
}

void gp__xforward_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    const struct gp__attributes *attributes = gp__attributes_check(
        smtp, argument, GP__XFORWARD_ATTRIBUTES, smtp->session->may_xforward ? NULL : &not_allowed);

    if (!attributes)
        return;
    merge(forwarded_of(smtp->session), attributes);
    gp__smtp_command_done(smtp);
    gp__smtp_reply(smtp, &ok);
}

// SPDX-License-Identifier: Apache-2.0
/* The session lives in its own arena; the last reference frees both. See session.h. */
#include "core/smtp/session.h"

struct gp_session *gp__session_create(const char id[GP__ID_LEN + 1])
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_session *session = GP__ARENA_NEW(arena, struct gp_session);

    session->arena = arena;
    session->refs = 1;
    memcpy(session->id, id, GP__ID_LEN);
    return session;
}

struct gp_session *gp__session_ref(struct gp_session *session)
{
    session->refs++;
    return session;
}

void gp__session_unref(struct gp_session **session_)
{
    struct gp_session *session = *session_;
    struct gp__arena *arena;

    *session_ = NULL;
    if (!session || --session->refs > 0)
        return;
    gp__forwarded_free(&session->forwarded);
    arena = session->arena; /* the session lives in it */
    gp__arena_free(&arena);
}

/* The text has room for a NUL, for whoever prints it. */
static void set_address(struct gp__ip *ip, char text[48], const struct gp__ip *from)
{
    struct gp_slice s;

    *ip = *from;
    gp__ip_unmap(ip);
    text[0] = '\0';
    if (ip->family == 0)
        return;
    s = gp__ip_format(ip, text);
    text[s.len] = '\0';
}

void gp__session_set_client(struct gp_session *session, const struct gp__ip *ip, uint16_t port)
{
    set_address(&session->client_ip, session->client_ip_text, ip);
    session->client_port = port;
}

void gp__session_set_server(struct gp_session *session, const struct gp__ip *ip, uint16_t port)
{
    set_address(&session->server_ip, session->server_ip_text, ip);
    session->server_port = port;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Facts of one connection, shared by the engine, which learns them, and the hooks, which ask for
 * them. Counted: whoever may still look at it after the connection is gone (a parked hook, a
 * shadow run) holds a reference; the last one frees its arena.
 */
#ifndef GP_SMTP_SESSION_H
#define GP_SMTP_SESSION_H

#include "core/base/arena.h"
#include "core/base/id.h"
#include "core/base/peer.h"
#include "core/smtp/attributes.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

#define GP__HELO_MAX 255

enum gp__protocol {
    GP__PROTOCOL_SMTP = 0,
    GP__PROTOCOL_LMTP,
    GP__PROTOCOL_MILTER, /* an MTA asks us about its sessions */
};

struct gp_transaction;
struct gp__macros;
struct gp__session_policy; /* of the hook layer */

/* The proxy that a client came through, by the PROXY protocol. */
struct gp__via {
    struct gp__ip ip; /* of its socket; family 0: UNIX */
    unsigned version;
    struct gp_slice tlvs; /* of version 2: see core/base/proxy.h */
};

/* What XFORWARD said of the client of a message; in an arena of its own. */
struct gp__forwarded {
    struct gp__arena *arena;
    struct gp__attributes attributes;
};

void gp__forwarded_free(struct gp__forwarded **forwarded_);

struct gp_session {
    struct gp__arena *arena;
    unsigned refs;
    char id[GP__ID_LEN + 1];
    enum gp__protocol protocol;
    struct gp_slice listener, hostname; /* of the configuration: outlive the session */

    struct gp__ip client_ip, server_ip; /* family 0: a UNIX socket */
    uint16_t client_port, server_port;
    char client_ip_text[48], server_ip_text[48];
    char client_zone[GP__ZONE_MAX];     /* the interface of a link-local client; or empty */
    struct gp__credentials credentials; /* of the process behind a UNIX socket */
    const struct gp__via *via;          /* NULL: it connected itself */

    char helo_text[GP__HELO_MAX];
    uint8_t helo_len;
    bool helo_seen, extended; /* extended: EHLO or LHLO */
    bool talked_early;

    bool may_xclient, may_xforward;       /* trusted with these commands */
    const struct gp__attributes *xclient; /* what XCLIENT said; or NULL */
    struct gp__forwarded *forwarded;      /* what XFORWARD said of the next message; or NULL */

    struct gp_slice tls_version, tls_cipher, tls_server_name; /* absent without TLS */
    /* Of the client's certificate: its name if it was verified; subject and SHA-256 if there is
     * one. */
    struct gp_slice tls_client_name, tls_client_subject, tls_client_fingerprint;
    bool tls_client_verified;
    /* Channel bindings: 32 bytes (RFC 9266), absent unless TLS 1.3 or with extended master secret;
     * the hash of our certificate (RFC 5929). */
    struct gp_slice tls_exporter, tls_server_end_point;
    struct gp_slice auth_user, auth_mechanism; /* absent without AUTH */

    struct gp__macros *macros; /* what an MTA says beside its commands; NULL unless MILTER */

    struct gp_transaction *transaction; /* the current one, or NULL */
    unsigned transactions;              /* begun so far */
    uint64_t errors;                    /* refused with 5xx so far, and other mistakes */
    bool gone;                          /* the client left: waits end with GP_ECANCELED */

    struct gp__session_policy *policy;
};

struct gp_session *gp__session_create(const char id[GP__ID_LEN + 1]);
struct gp_session *gp__session_ref(struct gp_session *session);
void gp__session_unref(struct gp_session **session_);

/* Sets addresses and their text form; mapped IPv4 becomes IPv4. */
void gp__session_set_client(struct gp_session *session, const struct gp__ip *ip, uint16_t port);
void gp__session_set_server(struct gp_session *session, const struct gp__ip *ip, uint16_t port);

static inline struct gp_slice gp__session_helo(const struct gp_session *session)
{
    return session->helo_seen ? gp_slice(session->helo_text, session->helo_len) : gp_slice(NULL, 0);
}

/* As a trusted front end told it; absent if it is not known. */
static inline struct gp_slice gp__session_client_name(const struct gp_session *session)
{
    return session->xclient && gp__attribute_known(session->xclient, GP__ATTRIBUTE_NAME)
               ? session->xclient->values[GP__ATTRIBUTE_NAME]
               : gp_slice(NULL, 0);
}

static inline struct gp_slice gp__session_id(const struct gp_session *session)
{
    return gp_slice(session->id, GP__ID_LEN);
}

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Facts about the client and the connection. All may be called at every hook that has a session;
 * a fact that is not known yet, or does not exist (the IP of a UNIX socket), is an absent slice.
 */
#ifndef GATEPOST_SESSION_H
#define GATEPOST_SESSION_H

#include <gatepost/slice.h>
#include <gatepost/types.h>
#include <stdint.h>

GP_BEGIN_C

/* 16 characters that name the session in logs; sortable by time. */
GP_API struct gp_slice gp_session_id(struct gp_call *call);

/* The name of the listener in the configuration. */
GP_API struct gp_slice gp_listener(struct gp_call *call);

/* Our own name, as in the greeting. */
GP_API struct gp_slice gp_hostname(struct gp_call *call);

/* The client's address: "192.0.2.1" or "2001:db8::1" (RFC 5952), never IPv4-mapped; its port. */
GP_API struct gp_slice gp_client_ip(struct gp_call *call);
GP_API unsigned gp_client_port(struct gp_call *call);

/* The address and port that the client connected to. */
GP_API struct gp_slice gp_server_ip(struct gp_call *call);
GP_API unsigned gp_server_port(struct gp_call *call);

/* The interface of a link-local IPv6 client ("eth0"); absent for any other. */
GP_API struct gp_slice gp_client_zone(struct gp_call *call);

/* The process that connected to a UNIX socket, as the system knows it; -1 for any other client. */
GP_API int64_t gp_client_uid(struct gp_call *call);
GP_API int64_t gp_client_gid(struct gp_call *call);
GP_API int64_t gp_client_pid(struct gp_call *call);

/*
 * The proxy that a client came through, where the listener's `proxy:` trusts it: the version of the
 * PROXY protocol (0: none), the proxy's own address (absent: a UNIX socket). The client's address
 * and the one that it connected to are those that the proxy tells.
 */
GP_API unsigned gp_proxy_version(struct gp_call *call);
GP_API struct gp_slice gp_proxy_ip(struct gp_call *call);

enum gp_proxy_tlv {
    GP_PROXY_ALPN = 0x01,
    GP_PROXY_AUTHORITY = 0x02, /* the SNI name that the client asked the proxy for */
    GP_PROXY_UNIQUE_ID = 0x05,
    GP_PROXY_SSL = 0x20, /* flags and result of the verification: 5 bytes, then the next five */
    GP_PROXY_SSL_VERSION = 0x21,
    GP_PROXY_SSL_CN = 0x22, /* common name of the client's certificate */
    GP_PROXY_SSL_CIPHER = 0x23,
    GP_PROXY_SSL_SIG_ALG = 0x24,
    GP_PROXY_SSL_KEY_ALG = 0x25,
    GP_PROXY_NETNS = 0x30,
};

/* What else a proxy told with version 2, by type; its bytes as they came. Absent if it did not. */
GP_API struct gp_slice gp_proxy_tlv(struct gp_call *call, unsigned type);

/*
 * What XCLIENT said of this client ("NAME", "ADDR", "LOGIN" …, see Postfix's XCLIENT_README), where
 * the listener's `xclient:` trusts its connection: "[UNAVAILABLE]" and "[TEMPUNAVAIL]" as they are,
 * absent if it was not said. Address, port, HELO and login are those of the session already.
 * At hooks of delivery only NAME is left.
 */
GP_API struct gp_slice gp_xclient(struct gp_call *call, struct gp_slice attribute);

/* What XFORWARD said of the client from which the message came ("NAME", "ADDR", "IDENT" …): from
 * `mail` on, of this transaction. The session's own client is who sent it to us. */
GP_API struct gp_slice gp_xforward(struct gp_call *call, struct gp_slice attribute);

/* Whether the client is in the network. */
GP_API bool gp_client_in(struct gp_call *call, const struct gp_network *network);

/* Whether it is in any network of a list (an option of LIST of GP_TYPE_NETWORK). */
GP_API bool gp_client_in_any(struct gp_call *call, const struct gp_list *networks);

/* The client's network of so many leading bits (0 to 32, 0 to 128): "192.0.2.0/24",
 * "2001:db8::/64"; lives until the hook returns. Absent for a client without an IP address. */
GP_API struct gp_slice gp_client_network(struct gp_call *call, unsigned v4_bits, unsigned v6_bits);

/*
 * The name under which a DNS list knows the client: its address reversed below the zone
 * (RFC 5782), e.g. "2.0.0.127.zen.example.org". Absent for a client without an IP address.
 */
GP_API struct gp_slice gp_client_reversed(struct gp_call *call, struct gp_slice zone);

/* Whether the client sent bytes before our greeting. */
GP_API bool gp_client_talked_early(struct gp_call *call);

/* The argument of the last HELO, EHLO or LHLO, and whether it was EHLO (or LHLO). */
GP_API struct gp_slice gp_helo(struct gp_call *call);
GP_API bool gp_helo_extended(struct gp_call *call);

/* How many commands were refused with a 5xx so far, or were no commands at all. */
GP_API uint64_t gp_session_errors(struct gp_call *call);

/* "TLSv1.3" and so on, the cipher, the SNI name that was asked for; absent without TLS. */
GP_API struct gp_slice gp_tls_version(struct gp_call *call);
GP_API struct gp_slice gp_tls_cipher(struct gp_call *call);
GP_API struct gp_slice gp_tls_server_name(struct gp_call *call);

/*
 * The certificate that the client showed, where the listener asks for one. Its name (the e-mail
 * address of its subjectAltName, else the common name, else the DNS name) is absent unless it was
 * verified against the listener's CAs; subject (RFC 4514, control characters and what is not ASCII
 * escaped) and SHA-256 fingerprint (64 hex digits) are there for any: for matching, not for trust.
 */
GP_API struct gp_slice gp_tls_client_name(struct gp_call *call);
GP_API bool gp_tls_client_verified(struct gp_call *call);
GP_API struct gp_slice gp_tls_client_subject(struct gp_call *call);
GP_API struct gp_slice gp_tls_client_fingerprint(struct gp_call *call);

/*
 * Channel bindings of this TLS connection, as octets: tls-exporter (RFC 9266; 32 of them, absent
 * where it would not be unique: TLS 1.2 without extended master secret) and tls-server-end-point
 * (RFC 5929). Absent without TLS.
 */
GP_API struct gp_slice gp_tls_exporter(struct gp_call *call);
GP_API struct gp_slice gp_tls_server_end_point(struct gp_call *call);

/* The authenticated login and the mechanism; absent without. */
GP_API struct gp_slice gp_auth_user(struct gp_call *call);
GP_API struct gp_slice gp_auth_mechanism(struct gp_call *call);

/*
 * On a listener of protocol `milter`: what the MTA says under the name of one of sendmail's macros,
 * as "i" or "client_name" (braces may be left out). Absent elsewhere, and where it says nothing.
 * The queue id is "i".
 */
GP_API struct gp_slice gp_macro(struct gp_call *call, struct gp_slice name);

/*
 * Memory of this instance for the session (for the transaction): zeroed, of the size that the
 * descriptor declares, freed by the host. NULL where there is no session (no transaction).
 */
GP_API void *gp_session_slot(struct gp_call *call);
GP_API void *gp_transaction_slot(struct gp_call *call);

/* Memory that lives until this hook returns; zeroed, aligned for any type. Never NULL. At most
 * 16 MiB a call, then NULL. */
GP_API void *gp_alloc(struct gp_call *call, size_t size);

/* printf into such memory; absent when there is not enough left. */
GP_API struct gp_slice gp_format(struct gp_call *call, const char *format, ...) GP_PRINTF(2, 3);

GP_END_C

#endif

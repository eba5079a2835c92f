// SPDX-License-Identifier: Apache-2.0
/* Facts of the session: <gatepost/session.h>. Getters read what the engine learned. */
#include "core/base/proxy.h"
#include "core/plugin/api.h"

#include "core/smtp/macros.h"

#include <gatepost/option.h>

#define ABSENT gp_slice(NULL, 0)

struct gp_slice gp_session_id(struct gp_call *call)
{
    return call->session ? gp__session_id(call->session) : ABSENT;
}

struct gp_slice gp_listener(struct gp_call *call)
{
    return call->session ? call->session->listener : ABSENT;
}

struct gp_slice gp_hostname(struct gp_call *call)
{
    return call->session ? call->session->hostname : ABSENT;
}

static struct gp_slice ip_text(const struct gp__ip *ip, const char *text)
{
    return ip->family ? gp_slice_of(text) : ABSENT;
}

struct gp_slice gp_client_ip(struct gp_call *call)
{
    return call->session ? ip_text(&call->session->client_ip, call->session->client_ip_text)
                         : ABSENT;
}

unsigned gp_client_port(struct gp_call *call)
{
    return call->session ? call->session->client_port : 0;
}

struct gp_slice gp_server_ip(struct gp_call *call)
{
    return call->session ? ip_text(&call->session->server_ip, call->session->server_ip_text)
                         : ABSENT;
}

unsigned gp_server_port(struct gp_call *call)
{
    return call->session ? call->session->server_port : 0;
}

struct gp_slice gp_client_zone(struct gp_call *call)
{
    return call->session && call->session->client_zone[0] ? gp_slice_of(call->session->client_zone)
                                                          : ABSENT;
}

static const struct gp__credentials *credentials_of(const struct gp_call *call)
{
    return call->session && call->session->credentials.known ? &call->session->credentials : NULL;
}

int64_t gp_client_uid(struct gp_call *call)
{
    return credentials_of(call) ? (int64_t)credentials_of(call)->uid : -1;
}

int64_t gp_client_gid(struct gp_call *call)
{
    return credentials_of(call) ? (int64_t)credentials_of(call)->gid : -1;
}

int64_t gp_client_pid(struct gp_call *call)
{
    return credentials_of(call) ? (int64_t)credentials_of(call)->pid : -1;
}

static const struct gp__via *via_of(const struct gp_call *call)
{
    return call->session ? call->session->via : NULL;
}

unsigned gp_proxy_version(struct gp_call *call)
{
    return via_of(call) ? via_of(call)->version : 0;
}

struct gp_slice gp_proxy_ip(struct gp_call *call)
{
    char text[48];

    if (!via_of(call) || !via_of(call)->ip.family)
        return ABSENT;
    return gp__arena_dup(gp__call_arena(call), gp__ip_format(&via_of(call)->ip, text));
}

struct gp_slice gp_proxy_tlv(struct gp_call *call, unsigned type)
{
    return via_of(call) ? gp__proxy_tlv(via_of(call)->tlvs, type) : ABSENT;
}

struct gp_slice gp_xclient(struct gp_call *call, struct gp_slice attribute)
{
    if (!call->session || !call->session->xclient || gp__api_slice(call, "gp_xclient", attribute))
        return ABSENT;
    return gp__attribute_find(call->session->xclient, attribute);
}

/* At `mail` the transaction is not the session's yet, nor are these facts the transaction's. */
static const struct gp__forwarded *forwarded_of(const struct gp_call *call)
{
    const struct gp_transaction *transaction = call->transaction;

    if (!transaction)
        return NULL;
    if (call->session && !call->session->transaction && !transaction->detached)
        return call->session->forwarded;
    return transaction->forwarded;
}

/* A copy: a shadow run may outlive the message that the facts go with. */
struct gp_slice gp_xforward(struct gp_call *call, struct gp_slice attribute)
{
    const struct gp__forwarded *forwarded = forwarded_of(call);

    if (!forwarded || gp__api_slice(call, "gp_xforward", attribute))
        return ABSENT;
    return gp__arena_dup(gp__call_arena(call),
                         gp__attribute_find(&forwarded->attributes, attribute));
}

bool gp_client_in(struct gp_call *call, const struct gp_network *network)
{
    struct gp_slice ip = gp_client_ip(call);

    return network && gp_slice_present(ip) && gp_network_has(network, ip);
}

bool gp_client_in_any(struct gp_call *call, const struct gp_list *networks)
{
    for (size_t i = 0; i < gp_list_count(networks); i++)
        if (gp_client_in(call, *(const struct gp_network *const *)gp_list_at(networks, i)))
            return true;
    return false;
}

uint64_t gp_session_errors(struct gp_call *call)
{
    return call->session ? call->session->errors : 0;
}

struct gp_slice gp_client_network(struct gp_call *call, unsigned v4_bits, unsigned v6_bits)
{
    struct gp__network network;
    char ip[48];

    if (!call->session || !call->session->client_ip.family)
        return ABSENT;
    network = gp__network_of(&call->session->client_ip,
                             call->session->client_ip.family == 4 ? v4_bits : v6_bits);
    return gp_format(call, GP_FMT "/%u", GP_ARG(gp__ip_format(&network.ip, ip)), network.bits);
}

struct gp_slice gp_client_reversed(struct gp_call *call, struct gp_slice zone)
{
    char reversed[64];
    struct gp_slice ip;

    if (!call->session || !call->session->client_ip.family || zone.len == 0 ||
        gp__api_slice(call, "gp_client_reversed", zone))
        return ABSENT;
    if (zone.len > 255) /* no name is so long */
        return ABSENT;
    ip = gp__ip_reverse(&call->session->client_ip, reversed);
    return gp__arena_printf(gp__call_arena(call), GP_FMT "." GP_FMT, GP_ARG(ip), GP_ARG(zone));
}

bool gp_client_talked_early(struct gp_call *call)
{
    return call->session && call->session->talked_early;
}

struct gp_slice gp_helo(struct gp_call *call)
{
    return call->session ? gp__session_helo(call->session) : ABSENT;
}

bool gp_helo_extended(struct gp_call *call)
{
    return call->session && call->session->extended;
}

struct gp_slice gp_tls_version(struct gp_call *call)
{
    return call->session ? call->session->tls_version : ABSENT;
}

struct gp_slice gp_tls_cipher(struct gp_call *call)
{
    return call->session ? call->session->tls_cipher : ABSENT;
}

struct gp_slice gp_tls_server_name(struct gp_call *call)
{
    return call->session ? call->session->tls_server_name : ABSENT;
}

struct gp_slice gp_tls_client_name(struct gp_call *call)
{
    return call->session ? call->session->tls_client_name : ABSENT;
}

bool gp_tls_client_verified(struct gp_call *call)
{
    return call->session && call->session->tls_client_verified;
}

struct gp_slice gp_tls_client_subject(struct gp_call *call)
{
    return call->session ? call->session->tls_client_subject : ABSENT;
}

struct gp_slice gp_tls_client_fingerprint(struct gp_call *call)
{
    return call->session ? call->session->tls_client_fingerprint : ABSENT;
}

struct gp_slice gp_tls_exporter(struct gp_call *call)
{
    return call->session ? call->session->tls_exporter : ABSENT;
}

struct gp_slice gp_tls_server_end_point(struct gp_call *call)
{
    return call->session ? call->session->tls_server_end_point : ABSENT;
}

struct gp_slice gp_auth_user(struct gp_call *call)
{
    return call->session ? call->session->auth_user : ABSENT;
}

struct gp_slice gp_auth_mechanism(struct gp_call *call)
{
    return call->session ? call->session->auth_mechanism : ABSENT;
}

struct gp_slice gp_macro(struct gp_call *call, struct gp_slice name)
{
    struct gp_slice value;

    if (!call->session || !call->session->macros || gp__api_slice(call, "gp_macro", name))
        return ABSENT;
    value = gp__macros_get(call->session->macros, name);
    if (!gp_slice_present(value) || !gp__api_memory(call, value.len + 1))
        return ABSENT;
    return gp__arena_dup(gp__call_arena(call), value);
}

/* ---- slots ---- */

static void *slot(const struct gp_call *call, void ***slots, struct gp__arena *arena, size_t size,
                  void (*end)(void *slot))
{
    size_t n = call->session->policy->settings->n_instances;

    if (size == 0 || call->instance->index >= n)
        return NULL;
    if (!*slots)
        *slots = GP__ARENA_ARRAY(arena, void *, n);
    return gp__slot(*slots, arena, call->instance, size, end);
}

void *gp_session_slot(struct gp_call *call)
{
    const struct gp_plugin *plugin = call->instance ? call->instance->plugin : NULL;

    if (!plugin || !call->session || !call->session->policy)
        return NULL;
    return slot(call, &call->session->policy->slots, call->session->arena, plugin->session_slot,
                plugin->session_slot_end);
}

void *gp_transaction_slot(struct gp_call *call)
{
    const struct gp_plugin *plugin = call->instance ? call->instance->plugin : NULL;

    if (!plugin || !call->policy)
        return NULL;
    return slot(call, &call->policy->slots, call->transaction->arena, plugin->transaction_slot,
                plugin->transaction_slot_end);
}

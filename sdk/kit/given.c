// SPDX-License-Identifier: Apache-2.0
/* What the world is like: DNS, files, peers, the state; and what became of the last. */
#include "sdk/kit/kit.h"
#include "sdk/kit/parser.h"

static const struct {
    const char *name;
    unsigned type;
} dns_types[] = {
    {"A", GP_DNS_A},     {"AAAA", GP_DNS_AAAA}, {"CNAME", GP_DNS_CNAME}, {"MX", GP_DNS_MX},
    {"PTR", GP_DNS_PTR}, {"TXT", GP_DNS_TXT},   {"TLSA", GP_DNS_TLSA},
};

unsigned gp__kit_dns_type(struct gp_slice name)
{
    for (size_t i = 0; i < sizeof dns_types / sizeof dns_types[0]; i++)
        if (gp_slice_eq(name, gp_slice_of(dns_types[i].name)))
            return dns_types[i].type;
    return 0;
}

void gp__kit_given_dns(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice name = step->args[0];

    switch ((enum gp__kit_dns)step->choice) {
    case GP__KIT_DNS_NXDOMAIN:
    case GP__KIT_DNS_NODATA:
    case GP__KIT_DNS_SERVFAIL:
    case GP__KIT_DNS_BOGUS:
    case GP__KIT_DNS_TIMEOUT:
        gp__sim_dns_outcome(kit->rt, name, (unsigned)step->number,
                            (enum gp__sim_dns_outcome)step->choice);
        return;
    case GP__KIT_DNS_DELAY:
        gp__sim_dns_delay(kit->rt, name, step->ms);
        return;
    case GP__KIT_DNS_TTL:
        gp__sim_dns_ttl(kit->rt, name, (uint32_t)step->number);
        return;
    case GP__KIT_DNS_SECURE:
        gp__sim_dns_secure(kit->rt, name);
        return;
    case GP__KIT_DNS_RECORD:
        gp__sim_dns_add(kit->rt, name, (enum gp_dns_type)step->number, step->args[1], step->code);
    }
}

void gp__kit_given_file(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__sim_file_set(kit->rt, step->args[0], step->block);
}

void gp__kit_given_fault(struct gp__kit *kit, const struct gp__kit_step *step)
{
    static const int errors[] = {GP_ENOSPC, GP_EIO}; /* as gp__kit_fault_words */

    if (step->of_state) {
        kit->state.faults[step->choice].nth = (uint64_t)step->number;
        kit->state.faults[step->choice].error = errors[step->code];
        return;
    }
    gp__sim_file_fault(kit->rt, (enum gp__file_kind)step->choice, (unsigned)step->number,
                       errors[step->code]);
}

void gp__kit_given_slow_files(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__sim_file_delay(kit->rt, step->ms);
}

void gp__kit_given_peer(struct gp__kit *kit, const struct gp__kit_step *step)
{
    gp__sim_peer(kit->rt, step->args[0], step->script, step->n_script);
}

/* ---- the state ---- */

static struct gp_slice state_key(struct gp__kit *kit, const struct gp__kit_step *step)
{
    return GP__ARENA_JOIN(kit->arena, step->args[0], GP_S("/"), step->args[1]);
}

void gp__kit_given_state(struct gp__kit *kit, const struct gp__kit_step *step)
{
    int64_t now = kit->rt->ops->wall_ms(kit->rt);

    gp__kit_state_set(&kit->state, state_key(kit, step), step->args[2],
                      step->ms ? now + (int64_t)step->ms : INT64_MAX);
}

void gp__kit_given_slow_state(struct gp__kit *kit, const struct gp__kit_step *step)
{
    kit->state.delay_ms = step->ms;
}

void gp__kit_expect_state(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice found = gp__kit_state_find(&kit->state, state_key(kit, step),
                                               kit->rt->ops->wall_ms(kit->rt));
    bool fits = gp_slice_present(found) &&
                (!gp_slice_present(step->args[2]) || gp_slice_eq(found, step->args[2]));

    if (fits != step->negated)
        return;
    if (gp_slice_present(found)) {
        gp__kit_fail(kit, step, "\"" GP_FMT "\"", GP_ARG(found));
        return;
    }
    gp__kit_fail(kit, step, "there is none; these are:");
    for (size_t i = 0; i < kit->state.count && i < 100; i++)
        gp__buf_printf(&kit->report, "      %.*s = %.*s\n", (int)kit->state.entries[i].key_len,
                       kit->state.entries[i].key, (int)kit->state.entries[i].value_len,
                       kit->state.entries[i].value);
}

/* ---- TLS ---- */

static struct gp_slice or_default(struct gp_slice given, struct gp_slice usual)
{
    return gp_slice_present(given) ? given : usual;
}

void gp__kit_given_tls(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice client_name = kit->tls.client_name;

    kit->tls = (struct gp__kit_tls){.client_name = client_name};
    if (gp_slice_eq(step->args[0], GP_S("off")))
        return;
    kit->tls.version = step->args[0];
    kit->tls.cipher = or_default(step->args[1], GP_S("TLS_AES_256_GCM_SHA384"));
    kit->tls.server_name = step->args[2];
}

void gp__kit_given_client_certificate(struct gp__kit *kit, const struct gp__kit_step *step)
{
    bool none = gp_slice_eq(step->args[0], GP_S("none"));

    kit->tls.client_name = none ? gp_slice(NULL, 0) : step->args[0];
}

/* Texts live as long as the kit, which is longer than its sessions. */
void gp__kit_tls_facts(void *arg, struct gp_session *session)
{
    const struct gp__kit *kit = arg;
    const struct gp__kit_tls *tls = &kit->tls;

    if (!gp_slice_present(tls->version))
        return;
    session->tls_version = tls->version;
    session->tls_cipher = tls->cipher;
    session->tls_server_name = tls->server_name;
    session->tls_exporter = GP_S("exporter-of-the-test-kit-32-byte");
    session->tls_server_end_point = GP_S("end-point-of-the-test-kit32-byte");
    if (!gp_slice_present(tls->client_name))
        return;
    session->tls_client_verified = true;
    session->tls_client_name = tls->client_name;
    session->tls_client_subject = gp__arena_printf(session->arena, "CN=" GP_FMT,
                                                   GP_ARG(tls->client_name));
    session->tls_client_fingerprint = GP_S(
        "0000000000000000000000000000000000000000000000000000000000000000");
}

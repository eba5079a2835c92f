// SPDX-License-Identifier: Apache-2.0
/* The client's name: its address's PTR record, believed if the name has the address (RFC 8601 3). */
#include "milter.h"

#define NAMES_MAX 3 /* PTR records that are looked at */

/* Asks DNS, but no longer than for a command. */
static int ask(struct gp_call *call, const struct milter *self, struct gp_slice name,
               enum gp_dns_type type, const struct gp_dns_answer **answer_r)
{
    struct gp_op *ops[2] = {gp_dns_start(call, name, type), gp_sleep_start(call, self->command_ms)};
    int first = gp_wait_any(call, ops, 2);
    int result = first;

    if (first == 0)
        result = gp_wait(call, ops[0]);
    else if (first == 1)
        result = GP_ETEMP;
    *answer_r = first == 0 ? gp_dns_answer(ops[0]) : NULL;
    gp_op_cancel(ops[0]);
    gp_op_cancel(ops[1]);
    return result;
}

static void keep(char *out, size_t size, struct gp_slice name)
{
    if (name.len >= size)
        return;
    memcpy(out, name.data, name.len);
    out[name.len] = '\0';
}

/* 1 it has the address, 0 it has not, or an error. */
static int confirm(struct gp_call *call, const struct milter *self, struct gp_slice name)
{
    struct gp_slice ip = gp_client_ip(call);
    bool v6 = gp_slice_find(ip, ':') < ip.len;
    const struct gp_dns_answer *answer;
    int error = ask(call, self, name, v6 ? GP_DNS_AAAA : GP_DNS_A, &answer);

    if (error)
        return error == GP_ENOTFOUND || error == GP_EINVAL ? 0 : error;
    for (size_t i = 0; i < gp_dns_count(answer); i++)
        if (gp_slice_eq(gp_dns_text(answer, i), ip))
            return 1;
    return 0;
}

static const char *look_up(struct gp_call *call, struct milter_session *session)
{
    struct gp_slice ip = gp_client_ip(call);
    bool v6 = gp_slice_find(ip, ':') < ip.len;
    const struct gp_dns_answer *answer;
    struct gp_slice name = gp_client_reversed(call, v6 ? GP_S("ip6.arpa") : GP_S("in-addr.arpa"));
    int error = ask(call, session->self, name, GP_DNS_PTR, &answer);

    if (error)
        return error == GP_ENOTFOUND ? "FAIL" : "TEMP";
    for (size_t i = 0; i < gp_dns_count(answer) && i < NAMES_MAX; i++) {
        name = gp_dns_text(answer, i);
        if (!session->pointer[0])
            keep(session->pointer, sizeof session->pointer, name);
        error = confirm(call, session->self, name);
        if (error < 0)
            return "TEMP";
        if (error == 1) {
            keep(session->name, sizeof session->name, name);
            return "OK";
        }
    }
    return "FORGED";
}

void milter_client_name(struct gp_call *call, struct milter_session *session)
{
    struct gp_slice ip = gp_client_ip(call), said = gp_macro(call, GP_S("client_name"));

    if (session->named)
        return;
    session->named = true;
    if (gp_slice_present(said)) {
        /* An MTA has looked it up; without a name it gives the address in brackets. */
        if (!gp_slice_starts(said, GP_S("[")) && !gp_slice_eq(said, GP_S("unknown")))
            keep(session->name, sizeof session->name, said);
    } else if (!gp_slice_present(ip) || gp_slice_starts(ip, GP_S("127.")) ||
               gp_slice_eq(ip, GP_S("::1"))) {
        keep(session->name, sizeof session->name, GP_S("localhost"));
        keep(session->pointer, sizeof session->pointer, GP_S("localhost"));
        session->resolve = "OK";
    } else if (session->self->lookup) {
        session->resolve = look_up(call, session);
    }
}

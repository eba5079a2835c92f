// SPDX-License-Identifier: Apache-2.0
#include "core/server/admission.h"

#include "core/base/hash.h"

/* Listeners are told apart by a hash of their names: keys are short, names are not. */
static uint8_t key_of(const struct gp__entrance *entrance, const struct gp__ip *ip,
                      char out[GP__TALLY_KEY_MAX])
{
    uint64_t listener = gp__hash(entrance->name);

    memcpy(out, &listener, sizeof listener);
    if (!ip)
        return sizeof listener;
    out[sizeof listener] = (char)ip->family;
    memcpy(out + sizeof listener + 1, ip->bytes, sizeof ip->bytes);
    return sizeof listener + 1 + sizeof ip->bytes;
}

int gp__admit(struct gp__tally *tally, const struct gp__entrance *entrance,
              const struct gp__conn *conn, struct gp__admission *admission_r,
              struct gp__reply *reply_r)
{
    struct gp__admission a = {.all_len = 0};
    const struct gp__ip *ip = &conn->peer.ip;

    a.all_len = key_of(entrance, NULL, a.all);
    if (gp__tally_get(tally, gp_slice(a.all, a.all_len)) >= entrance->sessions) {
        *reply_r = GP__REPLY(421, 4, 3, 2, "Too many sessions here, try again later");
        return -1;
    }
    /* An MTA has all its clients behind one address. */
    if (ip->family && entrance->smtp.protocol != GP__PROTOCOL_MILTER) {
        a.client_len = key_of(entrance, ip, a.client);
        if (gp__tally_get(tally, gp_slice(a.client, a.client_len)) >=
            entrance->sessions_per_client) {
            *reply_r = GP__REPLY(421, 4, 7, 0, "Too many sessions from your address");
            return -1;
        }
        gp__tally_add(tally, gp_slice(a.client, a.client_len));
    }
    gp__tally_add(tally, gp_slice(a.all, a.all_len));
    *admission_r = a;
    return 0;
}

void gp__admission_end(struct gp__tally *tally, const struct gp__admission *admission)
{
    gp__tally_remove(tally, gp_slice(admission->all, admission->all_len));
    if (admission->client_len)
        gp__tally_remove(tally, gp_slice(admission->client, admission->client_len));
}

// SPDX-License-Identifier: Apache-2.0
/* What a client does to log in: a verb for each thing that a backend can be asked. */
#include "core/base/codec.h"
#include "sdk/kit/kit.h"
#include "sdk/kit/scram.h"

#define PASSWORD "secret" /* when the step gives none */

static struct gp_slice password_of(const struct gp__kit_step *step)
{
    return gp_slice_present(step->args[1]) ? step->args[1] : GP_S(PASSWORD);
}

static void begin(struct gp__kit *kit, const char *mechanism, struct gp_slice initial)
{
    gp__kit_command(kit, "AUTH %s " GP_FMT, mechanism,
                    GP_ARG(gp__base64_encode(kit->arena, initial)));
}

void gp__kit_when_auth(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice nul = gp_slice("", 1);

    begin(kit, "PLAIN", GP__ARENA_JOIN(kit->arena, nul, step->args[0], nul, password_of(step)));
}

/* The decoded challenge; absent: the last reply was none. */
static struct gp_slice challenge(struct gp__kit *kit)
{
    struct gp_slice text;

    if (kit->reply.code != 334 || gp__base64_decode(kit->arena, kit->reply.text, &text) < 0)
        return gp_slice(NULL, 0);
    return text;
}

void gp__kit_when_scram(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp__kit_scram client = {
        .arena = kit->arena,
        .digest = GP__SHA256,
        .gs2 = GP_S("n,,"),
        .binding = GP_S(""),
        .bare = gp__arena_printf(kit->arena, "n=" GP_FMT ",r=kit", GP_ARG(step->args[0])),
        .password = password_of(step),
    };
    struct gp_slice server;

    begin(kit, "SCRAM-SHA-256", GP__ARENA_JOIN(kit->arena, client.gs2, client.bare));
    server = challenge(kit);
    if (!gp_slice_present(server))
        return;
    server = gp__kit_scram_final(&client, server);
    gp__kit_command(kit, GP_FMT, GP_ARG(gp__base64_encode(kit->arena, server)));
    server = challenge(kit);
    if (!gp_slice_present(server))
        return;
    if (!gp_slice_eq(gp__kit_scram_attribute(server, 'v'), client.signature))
        gp__kit_fail(kit, step, "the server's signature is wrong: " GP_FMT, GP_ARG(server));
    gp__kit_command(kit, "%s", "");
}

void gp__kit_when_token(struct gp__kit *kit, const struct gp__kit_step *step)
{
    begin(kit, "OAUTHBEARER",
          gp__arena_printf(kit->arena,
                           "n,a=" GP_FMT ",\x01"
                           "auth=Bearer " GP_FMT "\x01\x01",
                           GP_ARG(step->args[0]), GP_ARG(password_of(step))));
    if (kit->reply.code == 334)
        gp__kit_command(kit, "AQ==");
}

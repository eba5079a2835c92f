// SPDX-License-Identifier: Apache-2.0
/* What the client is told at the end of data, and that the recipients' fates agree with it. */
#ifndef GP_SERVER_CLIENT_ANSWER_H
#define GP_SERVER_CLIENT_ANSWER_H

#include "core/server/client.h"

/* Whether something becomes of it: it was accepted, and does not stand for others. */
bool gp__answer_party(const struct gp_recipient *recipient);

struct gp__fate_options gp__answer_options(const struct gp__client *client,
                                           const struct gp__policy *policy);

/* The first reply of that kind that a ruling or a target gave. */
struct gp__reply gp__answer_refusal(const struct gp__policy *policy, enum gp__final final);

/* All are refused with one reply. */
void gp__answer_refuse(struct gp__client *client, struct gp__policy *policy,
                       const struct gp__reply *reply);

/* All are refused as planned: nobody was asked. */
void gp__answer_planned(struct gp__client *client, struct gp__policy *policy, enum gp__final final,
                        const enum gp__disposal *disposals);

/* All are refused after targets were asked, each for itself. */
void gp__answer_merged(struct gp__client *client, struct gp__policy *policy, enum gp__final final);

/* It was taken before, under that id. */
void gp__answer_again(struct gp__client *client, struct gp__policy *policy, struct gp_slice id);

/* The message was taken. */
void gp__answer_accept(struct gp__client *client, struct gp__policy *policy);

#endif

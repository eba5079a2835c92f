// SPDX-License-Identifier: Apache-2.0
/*
 * The engine as a milter: an MTA tells it of its sessions in packets, and the same questions are
 * put to the host as of SMTP. Versions 2 to 6 of the protocol. What the answers mean:
 *
 *     PROCEED           continue
 *     REFUSE            a reply for the client
 *     DISCONNECT        the same; the MTA closes after a 421
 *
 * At the end of a message the host first puts what is to be changed, then answers. Used with a
 * struct gp__smtp whose settings say GP__PROTOCOL_MILTER.
 */
#ifndef GP_SMTP_MILTER_H
#define GP_SMTP_MILTER_H

#include "core/smtp/server.h"

/* What an MTA may allow (SMFIF_*). */
enum gp__milter_action {
    GP__MILTER_ADD_HEADERS = 0x1,
    GP__MILTER_CHANGE_BODY = 0x2,
    GP__MILTER_ADD_RCPT = 0x4,
    GP__MILTER_DELETE_RCPT = 0x8,
    GP__MILTER_CHANGE_HEADERS = 0x10,
    GP__MILTER_QUARANTINE = 0x20,
    GP__MILTER_CHANGE_FROM = 0x40,
};

/* What is left out or done otherwise (SMFIP_*), if the MTA offers it. */
enum gp__milter_step {
    GP__MILTER_NR_HEADER = 0x80, /* no reply */
    GP__MILTER_NR_EOH = 0x40000,
    GP__MILTER_NR_BODY = 0x80000,
    GP__MILTER_HEADER_SPACE = 0x100000, /* values with the blanks after the colon */
};

/* What this MTA allows. */
unsigned gp__milter_actions(const struct gp__smtp *smtp);

/* ---- changes, while ASK_MESSAGE is open; each needs its action ---- */

/* Before the field at index (from 0); at the end. */
void gp__milter_header_insert(struct gp__smtp *smtp, size_t index, struct gp_slice name,
                              struct gp_slice value);
void gp__milter_header_add(struct gp__smtp *smtp, struct gp_slice name, struct gp_slice value);

/* The nth of the name (from 1); an empty value removes it. Values as they follow the colon. */
void gp__milter_header_change(struct gp__smtp *smtp, size_t nth, struct gp_slice name,
                              struct gp_slice value);

/* A part of the new body, of any length; in the order of the body. */
void gp__milter_body(struct gp__smtp *smtp, struct gp_slice bytes);

/* Addresses without brackets. */
void gp__milter_sender(struct gp__smtp *smtp, struct gp_slice address);
void gp__milter_rcpt_add(struct gp__smtp *smtp, struct gp_slice address);
void gp__milter_rcpt_delete(struct gp__smtp *smtp, struct gp_slice address);

void gp__milter_quarantine(struct gp__smtp *smtp, struct gp_slice reason);

/* The message is to be dropped: PROCEED says so then. */
void gp__milter_discard(struct gp__smtp *smtp);

#endif

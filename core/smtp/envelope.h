// SPDX-License-Identifier: Apache-2.0
/* What MAIL and RCPT say, as values: addresses and the parameters of the extensions we announce. */
#ifndef GP_SMTP_ENVELOPE_H
#define GP_SMTP_ENVELOPE_H

#include "core/smtp/address.h"

#include <stdint.h>

struct gp__parameter {
    struct gp_slice keyword; /* as written */
    struct gp_slice value;   /* absent without "=" */
};

enum gp__body_type {
    GP__BODY_7BIT = 0, /* also when nothing was said (RFC 6152) */
    GP__BODY_8BITMIME,
    GP__BODY_BINARYMIME,
};

enum gp__dsn_ret {
    GP__RET_NONE = 0,
    GP__RET_FULL,
    GP__RET_HDRS,
};

enum gp__dsn_notify {
    GP__NOTIFY_NEVER = 1 << 0,
    GP__NOTIFY_SUCCESS = 1 << 1,
    GP__NOTIFY_FAILURE = 1 << 2,
    GP__NOTIFY_DELAY = 1 << 3,
};

/* MAIL FROM. Lives in the transaction's arena. */
struct gp__mail {
    struct gp__address from;
    uint64_t size; /* declared; 0: not */
    enum gp__body_type body;
    bool smtputf8;
    bool prdr;       /* the reply to the end of data may be one for each recipient */
    bool requiretls; /* RFC 8689: it goes on over verified TLS only, or comes back */
    enum gp__dsn_ret ret;
    struct gp_slice envid; /* xtext undone; absent if not given */
    struct gp_slice auth;  /* AUTH=: who submitted it (RFC 4954 section 5); "" for "<>"; absent */
    struct gp__parameter *parameters;
    size_t n_parameters;
};

/* RCPT TO. Lives in the transaction's arena. */
struct gp__rcpt {
    struct gp__address to;
    unsigned notify;             /* 0: not given */
    struct gp_slice notify_text; /* as given; absent if not */
    struct gp_slice orcpt;       /* "rfc822;a@b", xtext undone; absent if not given */
    struct gp__parameter *parameters;
    size_t n_parameters;
};

#endif

// SPDX-License-Identifier: Apache-2.0
/* What OpenSSL's error queue means, for people. Both forget the queue. */
#ifndef GP_RUNTIME_TLS_ERROR_H
#define GP_RUNTIME_TLS_ERROR_H

#include "core/base/buf.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* Appends "what: reason", or only one of them. */
void gp__tls_error(struct gp__buf *out, const char *what);

/* Appends why a connection failed. */
void gp__tls_error_of(struct gp__buf *out, const SSL *ssl);

#endif

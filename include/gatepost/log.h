// SPDX-License-Identifier: Apache-2.0
/* Log records of a plugin. The host adds time, instance, hook and session; it escapes all text. */
#ifndef GATEPOST_LOG_H
#define GATEPOST_LOG_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

enum gp_log_level {
    GP_LOG_ERROR = 0, /* an operator must act */
    GP_LOG_WARNING,   /* something is wrong, mail goes on */
    GP_LOG_NOTICE,    /* rare and worth knowing */
    GP_LOG_INFO,      /* one line a fact */
    GP_LOG_DEBUG,
};

/*
 * Logs one line: printf-like text, at most 1,000 bytes of it. May be called wherever there is a
 * call. Never put a secret in it.
 */
GP_API void gp_log(struct gp_call *call, enum gp_log_level level, const char *format, ...)
    GP_PRINTF(3, 4);

/*
 * Adds a field to the one record that the host writes for the session or the message this call
 * belongs to (and to lines that gp_log writes later in this call). Keys are lower-case words; they
 * appear as "instance.key". A value is cut at 1,000 bytes; setting replaces. At most 16 fields an
 * instance and transaction: more are dropped and counted. Outside of a session there is no record
 * and nothing happens. 0, or GP_EINVAL.
 */
GP_API int gp_log_field(struct gp_call *call, const char *key, struct gp_slice value);

GP_END_C

#endif

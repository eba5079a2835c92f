// SPDX-License-Identifier: Apache-2.0
/*
 * Opaque handles and result codes. A plugin never sees inside a handle: every fact is a getter and
 * every edit a call, so that the same plugin runs inside the worker, in a sandboxed process, in the
 * test kit and over recorded traffic.
 *
 * Handles belong to the host. Those a hook gets through its call stay valid until the hook returns.
 * A plugin instance is only ever called from one thread.
 */
#ifndef GATEPOST_TYPES_H
#define GATEPOST_TYPES_H

#include <gatepost/abi.h>

GP_BEGIN_C

struct gp_call;      /* one call of one hook of one instance: first argument of nearly everything */
struct gp_recipient; /* one recipient of the transaction */
struct gp_message;   /* a message as seen by this call, with the edits made so far */
struct gp_header;    /* one header field of a message */
struct gp_part;      /* one MIME part of a message */
struct gp_copy;      /* a version of the message for some of the recipients */
struct gp_draft;     /* a new message that a plugin makes */
struct gp_delivery;  /* one copy on its way to one target */
struct gp_op;        /* a question under way */
struct gp_dns_answer; /* what DNS said */
struct gp_stream;     /* a byte stream to somewhere else */
struct gp_http;       /* an HTTP request and its answer */
struct gp_command;    /* a program that the configuration names */
struct gp_run;        /* one run of it */
struct gp_waker;      /* ends a wait from another thread */
struct gp_table;      /* a named table of the configuration */
struct gp_records;    /* one whose values are fields */
struct gp_regex;      /* a compiled regular expression of the configuration */
struct gp_network;    /* an IP network of the configuration */
struct gp_list;       /* a list of the configuration */
struct gp_map;        /* a map of the configuration */

/* Functions that can fail return 0 or one of these; they never set errno. */
enum gp_error {
    GP_OK = 0,
    GP_EINVAL = -1,      /* an argument is not acceptable, e.g. a CR in a header value */
    GP_ENOTFOUND = -2,   /* there is no such thing, and that is a definite answer */
    GP_ETEMP = -3,       /* no answer could be had; another time it might */
    GP_ETIMEDOUT = -4,   /* this instance's deadline passed: unwind, the policy decides */
    GP_ECANCELED = -5,   /* the client is gone: unwind, the verdict no longer matters */
    GP_ELIMIT = -6,      /* a budget is used up; the header of the function names it */
    GP_ENOTALLOWED = -7, /* not at this hook, or a capability the descriptor does not declare */
    GP_ECONFLICT = -8,   /* those bytes were already replaced for this copy */
    GP_EIO = -9,         /* a device failed */
    GP_ENOSPC = -10,     /* no space or quota left */
    GP_EEXIST = -11,     /* it is there already */
    GP_ECLOSED = -12,    /* the other side closed the stream */
};

/* A short English text for an error, for logs. Never NULL. */
GP_API const char *gp_strerror(int error);

GP_END_C

#endif

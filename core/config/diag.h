// SPDX-License-Identifier: Apache-2.0
/*
 * Collects all that is wrong with a configuration, to be shown at once and in order:
 *
 *     gatepost.yaml:12:7: error: unknown key "relaay" in listener "mx"; did you mean "relay"?
 *       relaay: [authenticated]
 *       ^
 *
 * Texts may hold bytes of files: they are escaped when printed. After GP__DIAG_MAX entries only
 * the counts go on. Owns all it shows once gp__diag_seal was called.
 */
#ifndef GP_CONFIG_DIAG_H
#define GP_CONFIG_DIAG_H

#include "core/base/buf.h"
#include "core/config/node.h"
#include "core/config/suggest.h"

#include <gatepost/slice.h>

#define GP__DIAG_MAX 200

enum gp__severity {
    GP__ERROR = 0, /* the configuration cannot be used */
    GP__WARNING,   /* it can, but hardly is what was meant */
    GP__NOTICE,    /* worth knowing, e.g. who fails open */
    GP__SEVERITY_COUNT
};

enum gp__diag_format {
    GP__DIAG_TEXT = 0,
    GP__DIAG_JSON, /* an array of objects: file, line, column, severity, message, source */
};

struct gp__diag;

struct gp__diag *gp__diag_create(void);
void gp__diag_free(struct gp__diag **diag_);

/* Adds an entry at the place of a node, which must live until gp__diag_seal; NULL: no place. */
void gp__diag_add(struct gp__diag *diag, enum gp__severity severity, const struct gp__node *at,
                  const char *format, ...) GP_PRINTF(4, 5);

/* Adds an error, with `; did you mean "…"?` if the suggestion found a word. */
void gp__diag_unknown(struct gp__diag *diag, const struct gp__node *at,
                      const struct gp__suggest *suggest, const char *format, ...) GP_PRINTF(4, 5);

/* Takes copies of the source lines: nodes and sources may go afterwards. */
void gp__diag_seal(struct gp__diag *diag);

/* How many of a severity there were, those not kept included. */
size_t gp__diag_count(const struct gp__diag *diag, enum gp__severity severity);

/* What was found first, whatever it is; absent: nothing. */
struct gp_slice gp__diag_first(const struct gp__diag *diag);

/* Appends everything, sorted by file, line and column. After gp__diag_seal. 0, or -1 (no room). */
int gp__diag_print(struct gp__diag *diag, enum gp__diag_format format, struct gp__buf *out);

#endif

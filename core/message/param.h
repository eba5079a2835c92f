// SPDX-License-Identifier: Apache-2.0
/*
 * Content-Type and Content-Disposition: a value and its parameters (RFC 2045 5.1, 2183, 2231), with
 * comments, quoting, continuations, character sets. Lenient as receivers are, but every second
 * meaning is reported: what two programs read differently is how filters are fooled.
 */
#ifndef GP_MESSAGE_PARAM_H
#define GP_MESSAGE_PARAM_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

#define GP__PARAMS_MAX 200 /* of one field; the rest is not looked at */

struct gp__param {
    struct gp_slice name;  /* without section and "*" (RFC 2231), as written */
    struct gp_slice value; /* unquoted; percent-encoding still in it if extended */
    int section;           /* of "name*3"; -1: none */
    bool extended;         /* "name*=", "name*3*=" */
};

struct gp__params {
    struct gp_slice value; /* "text/plain", "attachment": lower case; absent if malformed */
    struct gp__param *items;
    size_t count;
    bool malformed; /* something in the parameters could not be read and was skipped */
};

enum gp__param_form {
    GP__PARAM_PLAIN = 0,    /* name="..." as it stands */
    GP__PARAM_ENCODED_WORD, /* the same, with encoded words, which it should not have, decoded */
    GP__PARAM_EXTENDED,     /* RFC 2231 */
};

/* Reads an unfolded value. `slash`: it is type "/" subtype. */
enum gp__params_kind { GP__PARAMS_TYPE = 0, GP__PARAMS_DISPOSITION };
void gp__params_parse(struct gp__arena *arena, enum gp__params_kind kind, struct gp_slice text,
                      struct gp__params *params_r);

/*
 * The parameter as UTF-8, RFC 2231 form first; absent if there is none. *ambiguous_r (or NULL) is
 * set to true, never to false, when it is given in ways that differ. *form_r (or NULL): how.
 */
struct gp_slice gp__params_get(struct gp__arena *arena, const struct gp__params *params,
                               struct gp_slice name, bool *ambiguous_r,
                               enum gp__param_form *form_r);

/*
 * The one file name, or absent: candidates are filename of Content-Disposition and name of
 * Content-Type. Differing ones: the first that has an extension. Only the last path element,
 * without controls, and without the blanks and dots at the end that some systems ignore.
 */
struct gp_slice gp__params_filename(struct gp__arena *arena, const struct gp__params *disposition,
                                    const struct gp__params *type, bool *ambiguous_r);

#endif

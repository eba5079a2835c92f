// SPDX-License-Identifier: Apache-2.0
/* What the files of this plugin share: the instance, and where in a message a footer belongs. */
#ifndef FOOTER_FOOTER_H
#define FOOTER_FOOTER_H

#include <gatepost/plugin.h>

#define FOOTER_PARTS_MAX 8 /* of one message that get a footer */

struct footer {
    struct gp_slice text, file, html, html_file, separator, marker; /* options */
    bool force;

    /* Made by create(), on the heap: what is added to text and into HTML, and what tells that it is
     * there already. UTF-8, lines end with CRLF, none at the end. */
    char *plain_block, *html_block, *plain_marker, *html_marker;
};

/* Makes them from text and html (absent: from the text). 0, or GP_ELIMIT: no memory. */
int footer_blocks_make(struct footer *footer, struct gp_slice text, struct gp_slice html);

/* Whether the bytes are UTF-8 without control characters but tab, CR and LF. */
bool footer_is_text(struct gp_slice text);

enum footer_body {
    FOOTER_BODY_FOUND = 0,
    FOOTER_BODY_NONE,   /* no text that is part of the main body */
    FOOTER_BODY_SIGNED, /* signed or encrypted: must not be touched */
};

/*
 * The texts that make up the main body, as numbers in the order of the walk: the first text there
 * is, or all alternatives of it. Attachments and enclosed messages are no part of it. `force`:
 * signatures do not count.
 */
enum footer_body footer_find_parts(struct gp_call *call, struct gp_message *message, bool force,
                                   size_t parts[FOOTER_PARTS_MAX], size_t *n_r);

/* The part with that number; NULL if there is none. */
struct gp_part *footer_part_at(struct gp_call *call, struct gp_message *message, size_t number);

#endif

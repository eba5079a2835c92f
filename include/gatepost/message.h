// SPDX-License-Identifier: Apache-2.0
/*
 * The message: headers, body, edits, copies and drafts.
 *
 * The bytes that the client sent are never changed. Edits are recorded beside them (who, what,
 * when, for which copy) and getters show the message with all edits made so far; gp_original()
 * shows it without. Bytes that nobody edited leave as they came, so a signature over them stays
 * checkable.
 *
 * Header values that a plugin sets must be free of CR, LF and NUL but for folding (CRLF followed
 * by a space or tab); names are RFC 5322 ftext. Anything else is GP_EINVAL and changes nothing.
 * Edits need GP_NEEDS_EDIT_HEADERS or GP_NEEDS_EDIT_BODY in the descriptor, and a hook that allows
 * them (docs/hooks.md): GP_ENOTALLOWED otherwise, and the call counts as a fault.
 */
#ifndef GATEPOST_MESSAGE_H
#define GATEPOST_MESSAGE_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* The message of this call: at `headers` its header section, at `seal` this copy, elsewhere what
 * all copies share. NULL before the data. */
GP_API struct gp_message *gp_message(struct gp_call *call);

/* The same without any edit. */
GP_API struct gp_message *gp_original(struct gp_call *call);

/* Bytes of header section, separator and body as they would leave now. */
GP_API uint64_t gp_message_size(struct gp_message *message);

/* ---- headers ---- */

/* Fields from the top; gp_header_at(message, count) is NULL. */
GP_API size_t gp_header_count(struct gp_message *message);
GP_API struct gp_header *gp_header_at(struct gp_message *message, size_t index);

/* The nth field (from 0) of that name, whatever its case; NULL if there is none. */
GP_API struct gp_header *gp_header_find(struct gp_message *message, struct gp_slice name,
                                        size_t nth);

/* The name as written, and the value as written: after the colon, folding kept, without the last
 * CRLF. */
GP_API struct gp_slice gp_header_name(const struct gp_header *header);
GP_API struct gp_slice gp_header_raw(const struct gp_header *header);

/* The value unfolded and trimmed; then with encoded words decoded to UTF-8 (RFC 2047). */
GP_API struct gp_slice gp_header_value(struct gp_call *call, const struct gp_header *header);
GP_API struct gp_slice gp_header_text(struct gp_call *call, const struct gp_header *header);

enum gp_header_place {
    GP_HEADER_TOP = 0, /* before all others: where trace fields go */
    GP_HEADER_BOTTOM,
};

/* Adds a field; long values are folded at white space. */
GP_API int gp_header_add(struct gp_call *call, struct gp_message *message,
                         enum gp_header_place place, struct gp_slice name, struct gp_slice value);

/* Adds a field before the one at index (from 0; past the end: at the bottom). */
GP_API int gp_header_insert(struct gp_call *call, struct gp_message *message, size_t index,
                            struct gp_slice name, struct gp_slice value);

/* Replaces the value; the name keeps its spelling. The handle is stale afterwards. */
GP_API int gp_header_set(struct gp_call *call, struct gp_message *message, struct gp_header *header,
                         struct gp_slice value);

GP_API int gp_header_remove(struct gp_call *call, struct gp_message *message,
                            struct gp_header *header);

/* ---- body ---- */

/* At `body`: the chunk that came in, dot-stuffing removed; empty for the last call. */
GP_API struct gp_slice gp_body_chunk(struct gp_call *call);
GP_API bool gp_body_last(struct gp_call *call);

/* The whole body as one run of bytes: a view of memory when small, of a mapped file when large.
 * Absent when it could not be had (out of space for an edited large body). */
GP_API struct gp_slice gp_body(struct gp_message *message);
GP_API uint64_t gp_body_size(struct gp_message *message);

/*
 * The message as it would leave, in pieces: header section, separator, body. Start with
 * *cursor = 0, call until the slice is absent. Nothing may be edited in between.
 */
GP_API struct gp_slice gp_message_next(struct gp_message *message, uint64_t *cursor);

/*
 * Replaces len bytes of the body from offset on (as it is now) by other bytes; len 0 inserts.
 * GP_EINVAL past the end, for bytes with NUL or with CR or LF other than CRLF, and within a CRLF
 * (but of a BINARYMIME message); GP_ECONFLICT when a copy has replaced those bytes already.
 */
GP_API int gp_body_splice(struct gp_call *call, struct gp_message *message, uint64_t offset,
                          uint64_t len, struct gp_slice bytes);

/* ---- the journal of edits ---- */

GP_API size_t gp_edit_count(struct gp_message *message);

/* "footer: body splice 812+0 by 154 bytes", in the order in which they were made. */
GP_API struct gp_slice gp_edit_at(struct gp_call *call, struct gp_message *message, size_t index);

/* ---- copies ---- */

/*
 * Gives the recipient a copy of its own kind: all recipients that this instance puts under the
 * same key (and that shared a copy before) get the same one. It starts with the edits made so far
 * and gets later edits of everybody too. From `rcpt` on to `message`; at most 100 copies a
 * transaction: GP_ELIMIT. *copy_r may be NULL.
 */
GP_API int gp_copy(struct gp_call *call, struct gp_recipient *recipient, struct gp_slice key,
                   struct gp_copy **copy_r);

/* The copy of this call at `seal`; NULL elsewhere. */
GP_API struct gp_copy *gp_copy_current(struct gp_call *call);

/* "ID.a": the id of the copy; the key it has from this instance, absent if none. */
GP_API struct gp_slice gp_copy_id(const struct gp_copy *copy);
GP_API struct gp_slice gp_copy_key(struct gp_call *call, const struct gp_copy *copy);

/* The message as this copy's recipients will see it; edits of it are the copy's own. */
GP_API struct gp_message *gp_copy_message(struct gp_copy *copy);

/* A reverse-path of its own (SRS, VERP); empty: null. */
GP_API int gp_copy_sender_set(struct gp_call *call, struct gp_copy *copy, struct gp_slice address);

/* Who gets it. */
GP_API size_t gp_copy_rcpt_count(const struct gp_copy *copy);
GP_API struct gp_recipient *gp_copy_rcpt_at(const struct gp_copy *copy, size_t index);

/* ---- drafts ---- */

/*
 * A new message: a report, a notice. It has no recipients and a null reverse-path to begin with; it
 * is routed without filters, becomes durable together with the message it was made for, or not at
 * all, and is dropped with it. Auto-Submitted (never "no"), Date, Message-ID and From are added
 * when it is handed over, unless they were given. Depth at most 3: GP_ELIMIT. Needs GP_NEEDS_DRAFT.
 * From `rcpt` to `seal`; at `tick` there is no message to go with: GP_ENOTALLOWED. At most 10 a call.
 */
GP_API int gp_draft_create(struct gp_call *call, struct gp_draft **draft_r);
GP_API int gp_draft_sender(struct gp_draft *draft, struct gp_slice address);
GP_API int gp_draft_rcpt(struct gp_draft *draft, struct gp_slice address);
GP_API int gp_draft_header(struct gp_draft *draft, struct gp_slice name, struct gp_slice value);

/* Appends to the body; line ends must be CRLF, lines at most 998 bytes: GP_EINVAL. GP_ELIMIT above
 * the size limit of messages. */
GP_API int gp_draft_write(struct gp_draft *draft, struct gp_slice bytes);

/* Appends the header section, or the whole, of a message. */
GP_API int gp_draft_attach(struct gp_draft *draft, struct gp_message *message, bool whole);

/* Hands it over; without this call the draft is dropped when the hook returns. GP_EINVAL without a
 * recipient, or when it was handed over already: nothing can be changed then. */
GP_API int gp_draft_submit(struct gp_draft *draft);

GP_END_C

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Adds a text to the end of messages, at `seal`. A seal is asked once a copy, for all its
 * recipients, while `when:` may want the footer for some only: so the recipients that this instance
 * is asked about get a copy of their own before, at `rcpt` and again at `message` (where some are
 * new, or were accepted at rcpt before it was this instance's turn). A copy whose recipients differ
 * all the same can't be served right and is a failure, never a guess.
 */
#include "footer.h"

#include <stdlib.h>

#define FILE_BYTES_MAX (64u << 10)
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD: bytes that the character set does not have */

/* ---- options ---- */

/* The text of one of two options; absent if neither is given. */
static int read_option(struct gp_call *call, const char *name, struct gp_slice text,
                       struct gp_slice file, struct gp_slice *text_r)
{
    int error;

    *text_r = text;
    if (file.len && text.len) {
        gp_log(call, GP_LOG_ERROR, "give either %s or its file, not both", name);
        return GP_EINVAL;
    }
    if (file.len) {
        error = gp_file_read(call, file, FILE_BYTES_MAX, text_r);
        if (error) {
            gp_log(call, GP_LOG_ERROR, GP_FMT ": can't be read: %s", GP_ARG(file),
                   error == GP_ELIMIT ? "larger than 64 KiB" : gp_strerror(error));
            return error;
        }
    }
    if (footer_is_text(*text_r))
        return GP_OK;
    gp_log(call, GP_LOG_ERROR, "%s: not a text in UTF-8", name);
    return GP_EINVAL;
}

static void destroy(void *self)
{
    struct footer *footer = self;

    free(footer->plain_block);
    free(footer->html_block);
    free(footer->plain_marker);
    free(footer->html_marker);
}

static int create(struct gp_call *call, void *self)
{
    struct footer *footer = self;
    struct gp_slice text, html;
    int error = read_option(call, "text", footer->text, footer->file, &text);

    if (!error)
        error = read_option(call, "html", footer->html, footer->html_file, &html);
    if (error)
        return error;
    if (gp_slice_trim(text).len == 0) {
        gp_log(call, GP_LOG_ERROR, "there is no footer: give text or file");
        return GP_EINVAL;
    }
    error = footer_blocks_make(footer, text, html.len ? html : gp_slice(NULL, 0));
    if (error)
        destroy(self);
    return error;
}

/* ---- a copy for those who get the footer ---- */

static int set_apart(struct gp_call *call, struct gp_recipient *recipient)
{
    int error;

    if (gp_slice_present(gp_note_get(call, recipient, GP_S("apart"))))
        return GP_OK;
    error = gp_copy(call, recipient, GP_S("footer"), NULL);
    return error ? error : gp_note_set_int(call, GP_NOTE_RECIPIENT, recipient, "apart", 1, 0);
}

static enum gp_verdict on_rcpt(struct gp_call *call, void *self)
{
    int error = set_apart(call, gp_rcpt(call));

    (void)self;
    return error ? gp_fail(call, "a copy: %s", gp_strerror(error)) : GP_NEXT;
}

static enum gp_verdict on_message(struct gp_call *call, void *self)
{
    int error = GP_OK;

    (void)self;
    for (size_t i = 0; i < gp_rcpt_count(call) && !error; i++)
        error = set_apart(call, gp_rcpt_at(call, i));
    return error ? gp_fail(call, "a copy: %s", gp_strerror(error)) : GP_NEXT;
}

/* ---- a part ---- */

static bool is_html(const struct gp_part *part)
{
    return gp_slice_eq(gp_part_type(part), GP_S("text/html"));
}

/* Where the tag stands last, or the length. */
static size_t find_tag(struct gp_slice html, struct gp_slice tag)
{
    for (size_t i = html.len; i-- > 0;)
        if (html.data[i] == '<' && gp_slice_caseeq(gp_slice_sub(html, i, tag.len), tag))
            return i;
    return html.len;
}

static size_t html_end(struct gp_slice html)
{
    size_t at = find_tag(html, GP_S("</body"));

    return at < html.len ? at : find_tag(html, GP_S("</html"));
}

static size_t append(char *out, size_t at, struct gp_slice text)
{
    if (out && text.len)
        memcpy(out + at, text.data, text.len);
    return at + text.len;
}

/* An empty line between text and footer, whether the text ends with a line end or not. Writes to
 * `out` unless that is NULL; returns the length. */
static size_t write_text(const struct footer *footer, struct gp_slice text, bool html, char *out)
{
    size_t end = html ? html_end(text) : text.len, at;
    struct gp_slice before = gp_slice_sub(text, 0, end);

    at = append(out, 0, before);
    if (before.len && !gp_slice_ends(before, GP_S("\r\n")))
        at = append(out, at, GP_S("\r\n"));
    if (before.len && !html)
        at = append(out, at, GP_S("\r\n"));
    at = append(out, at, gp_slice_of(html ? footer->html_block : footer->plain_block));
    if (end == text.len)
        return at;
    at = append(out, at, GP_S("\r\n"));
    return append(out, at, gp_slice_sub(text, end, text.len));
}

/* Absent when that is more than a call may have in memory. */
static struct gp_slice with_footer(struct gp_call *call, const struct footer *footer,
                                   struct gp_slice text, bool html)
{
    size_t len = write_text(footer, text, html, NULL);
    char *out = gp_alloc(call, len);

    if (out)
        write_text(footer, text, html, out);
    return gp_slice(out, out ? len : 0);
}

enum result {
    ADDED = 0,
    PRESENT, /* it has one */
    UNFIT,   /* its character set or encoding can't carry it, it is not what it says, or huge */
    SIGNED,
    NO_TEXT,
    RESULT_COUNT,
};

static const char *const result_names[] = {"added", "present", "unfit", "signed", "no_text"};

/* An enum result, or an enum gp_error. */
static int add_to_part(struct gp_call *call, const struct footer *footer,
                       struct gp_message *message, const struct gp_part *part)
{
    bool html = is_html(part);
    struct gp_slice text = gp_part_text(call, part);
    struct gp_slice marker = gp_slice_of(html ? footer->html_marker : footer->plain_marker);
    int error;

    if (!gp_slice_present(text))
        return UNFIT;
    if (gp_slice_search(text, marker) < text.len)
        return PRESENT;
    if (gp_slice_search(text, GP_S(REPLACEMENT)) < text.len)
        return UNFIT;
    text = with_footer(call, footer, text, html);
    if (!gp_slice_present(text))
        return UNFIT;
    error = gp_part_set_text(call, message, part, text);
    return error == GP_EINVAL ? UNFIT : error ? error : ADDED;
}

/* ---- a copy ---- */

/* What became of the copy: of its parts the best. Or an enum gp_error. */
static int add_to_message(struct gp_call *call, const struct footer *footer,
                          struct gp_message *message)
{
    size_t parts[FOOTER_PARTS_MAX], n;
    int best = RESULT_COUNT;

    switch (footer_find_parts(call, message, footer->force, parts, &n)) {
    case FOOTER_BODY_NONE:
        return NO_TEXT;
    case FOOTER_BODY_SIGNED:
        return SIGNED;
    case FOOTER_BODY_FOUND:
        break;
    }
    for (size_t i = 0; i < n; i++) {
        const struct gp_part *part = footer_part_at(call, message, parts[i]);
        int result = part ? add_to_part(call, footer, message, part) : UNFIT;

        if (result < 0)
            return result;
        if (result == UNFIT)
            gp_count(call, "unfit_parts", 1);
        if (result < best)
            best = result;
    }
    return best;
}

static enum gp_verdict on_seal(struct gp_call *call, void *self)
{
    struct gp_message *message = gp_message(call);
    size_t all = gp_copy_rcpt_count(gp_copy_current(call)), wanted = gp_rcpt_count(call);
    int result;

    if (wanted < all)
        return gp_fail(call, "%zu of the %zu recipients of a copy are to get the footer", wanted,
                       all);
    if (gp_message_size(message) && !gp_slice_present(gp_body(message)))
        return gp_fail(call, "the body can't be had");
    result = add_to_message(call, self, message);
    if (result < 0)
        return gp_fail(call, "%s", gp_strerror(result));
    gp_count(call, result_names[result], 1);
    gp_log_field(call, "result", gp_slice_of(result_names[result]));
    return GP_NEXT;
}

GP_OPTIONS(
    struct footer, GP_OPTION_STRING("text", struct footer, text, GP_OPTIONAL, "The footer."),
    GP_OPTION_PATH("file", struct footer, file, GP_OPTIONAL,
                   "File that holds it, instead of text."),
    GP_OPTION_STRING("html", struct footer, html, GP_OPTIONAL,
                     "The footer for HTML; made from the text if not given."),
    GP_OPTION_PATH("html_file", struct footer, html_file, GP_OPTIONAL,
                   "File that holds it, instead of html."),
    GP_OPTION_STRING("separator", struct footer, separator, "-- ",
                     "Lines between a plain text and the footer; may be empty."),
    GP_OPTION_STRING("marker", struct footer, marker, GP_OPTIONAL,
                     "A text that contains this has its footer already; by default the footer."),
    GP_OPTION_BOOL("force", struct footer, force, "false",
                   "Also change signed and encrypted messages, which breaks them."));
GP_HOOKS({GP_HOOK_RCPT, on_rcpt}, {GP_HOOK_MESSAGE, on_message}, {GP_HOOK_SEAL, on_seal});
GP_PLUGIN(.version = "1.0", .summary = "Adds a text to the end of messages",
          .needs = GP_NEEDS_EDIT_BODY | GP_NEEDS_FILES, .create = create, .destroy = destroy,
          GP_USES_OPTIONS, GP_USES_HOOKS);

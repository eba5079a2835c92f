// SPDX-License-Identifier: Apache-2.0
/*
 * Mailbox lists (RFC 5322 3.4), only as far as to say whether there is one address in each mailbox
 * that every reader will find. Groups, which RFC 6854 allows in From, are not taken.
 */
#include "syntax.h"

/* What was seen of one mailbox. */
struct mailbox {
    size_t local, domain, ats; /* characters of the address, or of what may be one */
    bool space;                /* white space after a character of it */
    bool gap;                  /* and then another: two words are no address */
    bool open, closed;         /* angle brackets */
    bool bad;
};

size_t header_rules_enclosed(struct gp_slice s)
{
    char first = s.len ? s.data[0] : '\0';
    char last = first == '(' ? ')' : first == '[' ? ']' : first;
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];

        if (c == '\\')
            i++;
        else if (c == last && (i > 0 || last != first) && depth <= 1)
            return i + 1;
        else if (c == last && last != first)
            depth--;
        else if (c == first && first == '(')
            depth++;
    }
    return 0;
}

static void see_word(struct mailbox *box, size_t len)
{
    box->bad = box->bad || box->closed;
    box->gap = box->gap || box->space;
    box->space = false;
    if (box->ats)
        box->domain += len;
    else
        box->local += len;
}

static void see_at(struct mailbox *box)
{
    box->bad = box->bad || box->closed;
    box->ats++;
    box->space = false;
}

/* What came before is a display name, in which "@" must be quoted: an address there is a trick. */
static void see_open(struct mailbox *box)
{
    bool bad = box->bad || box->open || box->closed || box->ats;

    *box = (struct mailbox){.open = true, .bad = bad};
}

static void see_close(struct mailbox *box)
{
    box->bad = box->bad || !box->open;
    box->open = false;
    box->closed = true;
}

static bool is_good(const struct mailbox *box)
{
    return !box->bad && !box->open && !box->gap && box->ats == 1 && box->local && box->domain;
}

/* Length of what begins at s, after box took note of it; 0: it cannot stand in a mailbox. */
static size_t see(struct mailbox *box, struct gp_slice s)
{
    size_t len = 1;

    switch (s.data[0]) {
    case '"':
    case '[':
        len = header_rules_enclosed(s);
        see_word(box, len);
        break;
    case '(':
        len = header_rules_enclosed(s);
        break;
    case '<':
        see_open(box);
        break;
    case '>':
        see_close(box);
        break;
    case '@':
        see_at(box);
        break;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        box->space = box->ats ? box->domain > 0 : box->local > 0;
        break;
    case ':':
    case ';':
        return 0;
    default:
        see_word(box, 1);
        break;
    }
    return len;
}

bool header_rules_is_mailboxes(struct gp_slice value)
{
    struct mailbox box = {0};

    for (size_t i = 0; i < value.len;) {
        size_t len;

        if (value.data[i] == ',' && !box.open) {
            if (!is_good(&box))
                return false;
            box = (struct mailbox){0};
            i++;
            continue;
        }
        len = see(&box, gp_slice_sub(value, i, value.len));
        if (len == 0)
            return false;
        i += len;
    }
    return is_good(&box);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Which addresses a login may send as: in the envelope (553) and in the From field (550), RFC 6409
 * section 6.1 and 8.1. Clients that did not log in are not its business.
 */
#include <gatepost/plugin.h>

#define FROM_FIELDS_MAX 100 /* a message with more is refused */

struct sender_rights {
    struct gp_table *logins;
    struct gp_slice domain;
    bool own_address, null_sender, from;
};

/* What a login may use; fetched once a hook. */
struct rights {
    struct gp_slice user;
    struct gp_slice listed; /* addresses, separated by commas and white space; empty: none */
};

/* ---- one address ---- */

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

static struct gp_slice next_item(struct gp_slice *rest)
{
    size_t begin = 0, end;

    while (begin < rest->len && is_separator(rest->data[begin]))
        begin++;
    for (end = begin; end < rest->len && !is_separator(rest->data[end]);)
        end++;
    *rest = gp_slice_sub(*rest, end, rest->len);
    return gp_slice_sub(gp_slice(rest->data - end, end), begin, end - begin);
}

/* "a@b", "@b" for all of a domain, "*" for whatever there is. The address is a key. */
static bool item_allows(struct gp_call *call, struct gp_slice item, struct gp_slice address)
{
    size_t at = gp_slice_rfind(address, '@');

    if (gp_slice_eq(item, GP_S("*")))
        return true;
    item = gp_domain_key(call, item);
    if (gp_slice_starts(item, GP_S("@")))
        return gp_slice_eq(item, gp_slice_sub(address, at, address.len));
    return gp_slice_caseeq(item, address);
}

/* The login itself, with the domain that is given to those without one. */
static bool is_own(struct gp_call *call, const struct sender_rights *self, struct gp_slice user,
                   struct gp_slice address)
{
    size_t at = gp_slice_rfind(address, '@');

    if (!self->own_address)
        return false;
    if (gp_slice_find(user, '@') < user.len)
        return gp_slice_caseeq(gp_domain_key(call, user), address);
    return gp_slice_present(self->domain) && at < address.len &&
           gp_slice_caseeq(user, gp_slice_sub(address, 0, at)) &&
           gp_slice_eq(gp_domain_key(call, self->domain),
                       gp_slice_sub(address, at + 1, address.len));
}

static bool may_use(struct gp_call *call, const struct sender_rights *self,
                    const struct rights *rights, struct gp_slice address)
{
    struct gp_slice rest = rights->listed;

    address = gp_domain_key(call, address);
    if (is_own(call, self, rights->user, address))
        return true;
    while (rest.len) {
        struct gp_slice item = next_item(&rest);

        if (item.len && item_allows(call, item, address))
            return true;
    }
    return false;
}

/* 1: to be judged; 0: nobody logged in; or the error of the table. */
static int rights_of(struct gp_call *call, const struct sender_rights *self, struct rights *rights)
{
    int error;

    rights->user = gp_auth_user(call);
    rights->listed = GP_S("");
    if (!gp_slice_present(rights->user))
        return 0;
    if (!self->logins)
        return 1;
    error = gp_table_lookup(call, self->logins, rights->user, &rights->listed);
    return error == GP_OK || error == GP_ENOTFOUND ? 1 : error;
}

static enum gp_verdict could_not_tell(struct gp_call *call, const struct sender_rights *self,
                                      int error)
{
    return gp_fail(call, "table " GP_FMT ": %s", GP_ARG(gp_table_name(self->logins)),
                   gp_strerror(error));
}

/* ---- the hooks ---- */

static enum gp_verdict on_mail(struct gp_call *call, void *arg)
{
    const struct sender_rights *self = arg;
    struct rights rights;
    int judged = rights_of(call, self, &rights);

    if (judged < 0)
        return could_not_tell(call, self, judged);
    if (judged == 0 ||
        (gp_sender_null(call) ? self->null_sender : may_use(call, self, &rights, gp_sender(call))))
        return GP_NEXT;
    gp_count(call, "refused", 1);
    return gp_reject(call, "553 5.7.1", "This login may not send as this address");
}

/* What is no mailbox might be one to somebody else. */
static bool field_allowed(struct gp_call *call, const struct sender_rights *self,
                          const struct rights *rights, const struct gp_header *field)
{
    const struct gp_mailboxes *mailboxes;
    size_t malformed,
        n = gp_mailboxes_parse(call, gp_header_value(call, field), &mailboxes, &malformed);

    for (size_t i = 0; i < n; i++)
        if (!may_use(call, self, rights, gp_mailbox(mailboxes, i, GP_MAILBOX_ADDRESS)))
            return false;
    return malformed == 0;
}

static enum gp_verdict on_headers(struct gp_call *call, void *arg)
{
    const struct sender_rights *self = arg;
    struct gp_message *message = gp_message(call);
    const struct gp_header *field;
    struct rights rights;
    int judged = self->from ? rights_of(call, self, &rights) : 0;

    if (judged < 0)
        return could_not_tell(call, self, judged);
    if (judged == 0)
        return GP_NEXT;
    for (size_t i = 0; (field = gp_header_find(message, GP_S("From"), i)) != NULL; i++) {
        if (i < FROM_FIELDS_MAX && field_allowed(call, self, &rights, field))
            continue;
        gp_count(call, "refused_from", 1);
        return gp_reject(call, "550 5.7.1", "This login may not use this From address");
    }
    return GP_NEXT;
}

GP_OPTIONS(struct sender_rights,
           GP_OPTION_TABLE("logins", struct sender_rights, logins, GP_OPTIONAL,
                           "What logins may use: addresses, @domains, or *."),
           GP_OPTION_BOOL("own_address", struct sender_rights, own_address, "true",
                          "Whether a login may use its own name as address."),
           GP_OPTION_STRING("domain", struct sender_rights, domain, GP_OPTIONAL,
                            "The domain of logins that have none."),
           GP_OPTION_BOOL("null_sender", struct sender_rights, null_sender, "true",
                          "Whether logins may send with an empty reverse-path."),
           GP_OPTION_BOOL("from", struct sender_rights, from, "true",
                          "Whether the From field is looked at too."));
GP_HOOKS({GP_HOOK_MAIL, on_mail}, {GP_HOOK_HEADERS, on_headers});
GP_PLUGIN(.version = "1.0", .summary = "Lets logins send only as who they are", GP_USES_OPTIONS,
          GP_USES_HOOKS);

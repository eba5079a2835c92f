// SPDX-License-Identifier: Apache-2.0
/*
 * Delivers into Maildirs: a file is written and synced in tmp/, and appears in new/ under its final
 * name in one step. Nothing becomes visible before everything of the transaction is on stable
 * storage; what became visible is synced before the client is told so.
 *
 * The folder of a recipient is made from its address. Bytes that a path element should not have are
 * written as %XX, so that any address has exactly one folder and none leads out of the root.
 */
#include <gatepost/plugin.h>
#include <stdio.h>

enum layout {
    BY_ADDRESS = 0, /* ROOT/example.org/local */
    BY_USER,        /* ROOT/local */
    SINGLE,         /* ROOT */
};

static const char *const layouts[] = {"address", "user", "single", NULL};

struct maildir {
    struct gp_slice path;
    int folders;
    bool fold_case;
    bool delivered_to;
};

/* One message on its way into one folder. */
struct drop {
    struct drop *next;
    struct gp_slice folder;
    struct gp_slice name;
    struct gp_slice prefix; /* Return-Path and Delivered-To */
};

/* ---- folders ---- */

static bool is_plain(unsigned char c, bool first)
{
    if (c == '/' || c == '%' || c < 0x21 || c == 0x7f)
        return false;
    return !(first && c == '.');
}

/* One path element: folded if wanted, with %XX for what is not plain. */
static struct gp_slice element(struct gp_call *call, struct gp_slice text, bool fold)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = gp_alloc(call, text.len * 3 + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (fold && c >= 'A' && c <= 'Z')
            c = (unsigned char)(c - 'A' + 'a');
        if (is_plain(c, i == 0)) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    return gp_slice(out, n);
}

static struct gp_slice folder_of(struct gp_call *call, const struct maildir *self,
                                 const struct gp_recipient *recipient)
{
    struct gp_slice local = element(call, gp_rcpt_local(recipient), self->fold_case);
    struct gp_slice domain = element(call, gp_rcpt_domain(recipient), true);

    switch (self->folders) {
    case BY_ADDRESS:
        return gp_format(call, GP_FMT "/" GP_FMT "/" GP_FMT, GP_ARG(self->path), GP_ARG(domain),
                         GP_ARG(local));
    case BY_USER:
        return gp_format(call, GP_FMT "/" GP_FMT, GP_ARG(self->path), GP_ARG(local));
    default:
        return self->path;
    }
}

/* ---- names ---- */

/* Unique for ever: seconds, the id of the delivery with the number of the drop, our host. */
static struct gp_slice name_of(struct gp_call *call, const struct gp_delivery *delivery,
                               unsigned number, uint64_t size)
{
    return gp_format(call, "%lld." GP_FMT "_%u." GP_FMT ",S=%llu",
                     (long long)(gp_wall_clock(call) / 1000), GP_ARG(gp_delivery_id(delivery)),
                     number, GP_ARG(element(call, gp_hostname(call), true)),
                     (unsigned long long)size);
}

static struct gp_slice path_in(struct gp_call *call, const struct drop *drop, const char *part)
{
    return gp_format(call, GP_FMT "/%s/" GP_FMT, GP_ARG(drop->folder), part, GP_ARG(drop->name));
}

/* ---- planning: one drop a folder, for all recipients that share it ---- */

static struct drop *find(struct drop *drops, struct gp_slice folder)
{
    while (drops && !gp_slice_eq(drops->folder, folder))
        drops = drops->next;
    return drops;
}

static struct gp_slice keep(struct gp_delivery *delivery, struct gp_slice text)
{
    char *copy = gp_delivery_alloc(delivery, text.len + 1);

    memcpy(copy, text.data, text.len);
    return gp_slice(copy, text.len);
}

static struct drop *plan(struct gp_call *call, const struct maildir *self,
                         struct gp_delivery *delivery)
{
    struct drop *drops = NULL;

    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++) {
        struct gp_recipient *recipient = gp_delivery_rcpt_at(delivery, i);
        struct gp_slice folder = folder_of(call, self, recipient);
        struct drop *drop = find(drops, folder);
        struct gp_slice prefix;

        if (!drop) {
            drop = gp_delivery_alloc(delivery, sizeof *drop);
            drop->folder = keep(delivery, folder);
            drop->prefix = gp_delivery_return_path(call, delivery);
            drop->next = drops;
            drops = drop;
        }
        if (self->delivered_to) {
            prefix = gp_delivery_delivered_to(call, recipient);
            drop->prefix = gp_format(call, GP_FMT GP_FMT, GP_ARG(drop->prefix), GP_ARG(prefix));
        }
    }
    return drops;
}

/* ---- the two steps ---- */

static int make_folder(struct gp_call *call, const struct drop *drop)
{
    static const char *const parts[] = {"tmp", "new", "cur"};
    int error = GP_OK;

    for (size_t i = 0; i < 3 && !error; i++)
        error = gp_dir_make(call, gp_format(call, GP_FMT "/%s", GP_ARG(drop->folder), parts[i]),
                            0700);
    return error;
}

static int write_drop(struct gp_call *call, struct gp_delivery *delivery, const struct drop *drop)
{
    struct gp_slice path = path_in(call, drop, "tmp");
    struct gp_message *message = gp_delivery_message(delivery);
    int error = gp_file_put_message(call, path, drop->prefix, message);

    if (error != GP_ENOTFOUND)
        return error;
    error = make_folder(call, drop); /* the first message for this folder */
    return error ? error : gp_file_put_message(call, path, drop->prefix, message);
}

static void remove_all(struct gp_call *call, const struct drop *drops, const struct drop *end)
{
    for (; drops != end; drops = drops->next)
        gp_file_remove(call, path_in(call, drops, "tmp"));
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct drop *drops = plan(call, self, delivery);
    unsigned number = 0;

    for (struct drop *drop = drops; drop; drop = drop->next) {
        uint64_t size = drop->prefix.len + gp_message_size(gp_delivery_message(delivery));
        int error;

        drop->name = keep(delivery, name_of(call, delivery, ++number, size));
        error = write_drop(call, delivery, drop);
        if (!error)
            continue;
        remove_all(call, drops, drop);
        return error;
    }
    gp_delivery_data_set(delivery, drops);
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++)
        gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
    return GP_OK;
}

static int publish(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    (void)self;
    for (const struct drop *drop = gp_delivery_data(delivery); drop; drop = drop->next) {
        struct gp_slice new = gp_format(call, GP_FMT "/new", GP_ARG(drop->folder));
        int error = gp_file_rename(call, path_in(call, drop, "tmp"), path_in(call, drop, "new"));

        if (!error)
            error = gp_dir_sync(call, new);
        if (error)
            return error;
    }
    gp_count(call, "messages", 1);
    return GP_OK;
}

static void revoke(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    (void)self;
    remove_all(call, gp_delivery_data(delivery), NULL);
}

static const struct gp_target_role target = {
    .size = sizeof target,
    .deliver = deliver,
    .publish = publish,
    .revoke = revoke,
};

GP_OPTIONS(struct maildir,
           GP_OPTION_PATH("path", struct maildir, path, NULL,
                          "Directory below which the folders are."),
           GP_OPTION_ENUM("folders", struct maildir, folders, layouts, "address",
                          "One folder for each address (PATH/DOMAIN/LOCAL), for each local part "
                          "(PATH/LOCAL), or a single one (PATH)."),
           GP_OPTION_BOOL("fold_case", struct maildir, fold_case, "true",
                          "Whether local parts that differ only in case share a folder."),
           GP_OPTION_BOOL("delivered_to", struct maildir, delivered_to, "true",
                          "Add a Delivered-To field, by which mail loops are found (RFC 9228)."));

GP_PLUGIN(.version = "1.0", .summary = "Delivers into Maildirs, synced before the reply",
          .needs = GP_NEEDS_FILES, .target = &target, GP_USES_OPTIONS);

// SPDX-License-Identifier: Apache-2.0
/*
 * Delivers into Maildirs: a file is written and synced in tmp/, and appears in new/ under its final
 * name in one step. Nothing becomes visible before everything of the transaction is on stable
 * storage; what became visible is synced before the client is told so, and is removed again when
 * the transaction fails after all.
 *
 * The folder of a recipient is made from its address. Bytes that a path element should not have are
 * written as %XX, so that any address has exactly one folder and none leads out of the root. A folder
 * that a table names is refused when it is not plainly below the root.
 */
#include <gatepost/plugin.h>

enum layout {
    BY_ADDRESS = 0, /* ROOT/example.org/local */
    BY_USER,        /* ROOT/local */
    SINGLE,         /* ROOT */
};

static const char *const layouts[] = {"address", "user", "single", NULL};

#define ELEMENTS_MAX 8u /* of a folder that a table names */
#define ELEMENT_MAX 200u

/* What a table may say of a recipient. */
struct place {
    struct gp_slice folder;
};

static const struct gp_option place_rows[] = {
    GP_OPTION_STRING("folder", struct place, folder, GP_OPTIONAL,
                     "The folder below `path`, such as tenants/one/info.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTIONS_END,
};

struct maildir {
    struct gp_slice path;
    const struct gp_records *per_recipient;
    int folders;
    bool fold_case;
    bool delivered_to;
};

/* One message on its way into one folder. */
struct drop {
    struct drop *next;
    struct gp_slice folder;
    struct gp_slice name;
    int error;
    bool written; /* by us: in tmp/, or since publish() in new/ */
};

/* All of a delivery. */
struct plan {
    struct drop *drops;
    struct drop **of; /* by index of recipient; NULL: nobody knows where it goes */
};

/* Whether the call is over, and so are all that follow. */
static bool is_over(int error)
{
    return error == GP_ECANCELED || error == GP_ETIMEDOUT;
}

/* ---- folders ---- */

static bool is_plain(unsigned char c, bool first)
{
    if (c == '/' || c == '%' || c < 0x21 || c == 0x7f)
        return false;
    return !(first && c == '.');
}

/* One path element: folded if wanted, with %XX for what is not plain; "%" for nothing at all.
 * Absent when the call's memory is used up. */
static struct gp_slice element(struct gp_call *call, struct gp_slice text, bool fold)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = gp_alloc(call, text.len * 3 + 1);
    size_t n = 0;

    if (!out)
        return gp_slice(NULL, 0);
    if (text.len == 0)
        out[n++] = '%';
    for (size_t i = 0; i < text.len; i++) {
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

/* By its address; absent when the call's memory is used up. */
static struct gp_slice usual_folder(struct gp_call *call, const struct maildir *self,
                                    const struct gp_recipient *recipient)
{
    struct gp_slice local, domain;

    if (self->folders == SINGLE)
        return self->path;
    local = element(call, gp_rcpt_local(recipient), self->fold_case);
    domain = element(call, gp_domain_key(call, gp_rcpt_domain(recipient)), true);
    if (!gp_slice_present(local) || !gp_slice_present(domain))
        return gp_slice(NULL, 0);
    if (self->folders == BY_USER)
        return gp_format(call, GP_FMT "/" GP_FMT, GP_ARG(self->path), GP_ARG(local));
    return gp_format(call, GP_FMT "/" GP_FMT "/" GP_FMT, GP_ARG(self->path), GP_ARG(domain),
                     GP_ARG(local));
}

/* Names that the folders of a Maildir have are none for a folder: it would lie in another's. */
static bool is_element(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_plain((unsigned char)text.data[i], i == 0))
            return false;
    return text.len > 0 && text.len <= ELEMENT_MAX && !gp_slice_eq(text, GP_S("cur")) &&
           !gp_slice_eq(text, GP_S("new")) && !gp_slice_eq(text, GP_S("tmp"));
}

static bool is_below(struct gp_slice folder)
{
    size_t n = 0;

    while (gp_slice_present(folder))
        if (++n > ELEMENTS_MAX || !is_element(gp_slice_split(&folder, '/')))
            return false;
    return true;
}

/* 0 and the folder of a recipient; GP_ELIMIT when the call's memory is used up; or why it can't be
 * told. */
static int folder_of(struct gp_call *call, const struct maildir *self,
                     const struct gp_recipient *recipient, struct gp_slice *folder_r)
{
    struct place place = {.folder = gp_slice(NULL, 0)};
    int error = self->per_recipient
                    ? gp_record_find(call, self->per_recipient, gp_rcpt_address(recipient), &place)
                    : GP_ENOTFOUND;

    if (error && error != GP_ENOTFOUND)
        return error;
    if (!gp_slice_present(place.folder))
        *folder_r = usual_folder(call, self, recipient);
    else if (is_below(place.folder))
        *folder_r = gp_format(call, GP_FMT "/" GP_FMT, GP_ARG(self->path), GP_ARG(place.folder));
    else
        return GP_EINVAL;
    return gp_slice_present(*folder_r) ? GP_OK : GP_ELIMIT;
}

/* ---- planning: one drop a folder, for all recipients that share it ---- */

static struct gp_slice keep(struct gp_delivery *delivery, struct gp_slice text)
{
    char *copy = gp_delivery_alloc(delivery, text.len + 1);

    if (text.len)
        memcpy(copy, text.data, text.len);
    return gp_slice(copy, text.len);
}

static struct drop *drop_for(struct plan *plan, struct gp_delivery *delivery,
                             struct gp_slice folder)
{
    struct drop *drop = plan->drops;

    while (drop && !gp_slice_eq(drop->folder, folder))
        drop = drop->next;
    if (drop)
        return drop;
    drop = gp_delivery_alloc(delivery, sizeof *drop);
    drop->folder = keep(delivery, folder);
    drop->next = plan->drops;
    plan->drops = drop;
    return drop;
}

/* A recipient whose place can't be told is the only one who waits for it. */
static void put_off(struct gp_call *call, struct gp_delivery *delivery, size_t i, int error)
{
    if (error == GP_EINVAL)
        gp_log(call, GP_LOG_ERROR,
               "per_recipient: what is said of " GP_FMT " is no folder below the path",
               GP_ARG(gp_rcpt_address(gp_delivery_rcpt_at(delivery, i))));
    gp_delivery_result(delivery, i, GP_OUTCOME_DEFERRED, "451 4.3.0",
                       "Can't tell where this recipient's mail goes now");
}

/* 0, or why nothing can be done for anybody. */
static int plan_create(struct gp_call *call, const struct maildir *self,
                       struct gp_delivery *delivery, struct plan **plan_r)
{
    struct plan *plan = gp_delivery_alloc(delivery, sizeof *plan);
    size_t count = gp_delivery_rcpt_count(delivery);

    plan->of = gp_delivery_alloc(delivery, count * sizeof(struct drop *));
    for (size_t i = 0; i < count; i++) {
        struct gp_slice folder;
        int error = folder_of(call, self, gp_delivery_rcpt_at(delivery, i), &folder);

        if (error == GP_ELIMIT || is_over(error))
            return error;
        if (error)
            put_off(call, delivery, i, error);
        else
            plan->of[i] = drop_for(plan, delivery, folder);
    }
    *plan_r = plan;
    return GP_OK;
}

/* ---- what stands in the file before the message ---- */

static size_t append(char *out, size_t at, struct gp_slice text)
{
    if (out)
        memcpy(out + at, text.data, text.len);
    return at + text.len;
}

/* Return-Path and Delivered-To fields into `out`, or only their length for NULL. */
static size_t write_fields(struct gp_call *call, const struct maildir *self,
                           struct gp_delivery *delivery, const struct plan *plan,
                           const struct drop *drop, char *out)
{
    size_t len = append(out, 0, gp_delivery_return_path(call, delivery));

    for (size_t i = 0; self->delivered_to && i < gp_delivery_rcpt_count(delivery); i++)
        if (plan->of[i] == drop)
            len = append(out, len,
                         gp_delivery_delivered_to(call, gp_delivery_rcpt_at(delivery, i)));
    return len;
}

static struct gp_slice fields_of(struct gp_call *call, const struct maildir *self,
                                 struct gp_delivery *delivery, const struct plan *plan,
                                 const struct drop *drop)
{
    size_t len = write_fields(call, self, delivery, plan, drop, NULL);
    char *out = gp_alloc(call, len);

    if (out)
        write_fields(call, self, delivery, plan, drop, out);
    return gp_slice(out, out ? len : 0);
}

/* ---- names ---- */

/* Unique for ever: seconds, the id of the delivery with the number of the drop, our host. With the
 * size, as Dovecot and others expect it. */
static struct gp_slice name_of(struct gp_call *call, const struct gp_delivery *delivery,
                               unsigned number, uint64_t size)
{
    return gp_format(call, "%lld." GP_FMT "_%u." GP_FMT ",S=%llu",
                     (long long)(gp_wall_clock(call) / 1000), GP_ARG(gp_delivery_id(delivery)),
                     number, GP_ARG(gp_hostname(call)), (unsigned long long)size);
}

static struct gp_slice path_in(struct gp_call *call, const struct drop *drop, const char *part)
{
    return gp_format(call, GP_FMT "/%s/" GP_FMT, GP_ARG(drop->folder), part, GP_ARG(drop->name));
}

/* ---- the two steps ---- */

/* tmp/ last: where it is, the others are, whenever the power went. */
static int make_folder(struct gp_call *call, const struct drop *drop)
{
    static const char *const parts[] = {"cur", "new", "tmp"};
    int error = GP_OK;

    for (size_t i = 0; i < 3 && !error; i++)
        error = gp_dir_make(call, gp_format(call, GP_FMT "/%s", GP_ARG(drop->folder), parts[i]),
                            0700);
    return error;
}

static int write_drop(struct gp_call *call, struct gp_delivery *delivery, struct drop *drop,
                      struct gp_slice fields)
{
    struct gp_slice path = path_in(call, drop, "tmp");
    struct gp_message *message = gp_delivery_message(delivery);
    int error = gp_file_put_message(call, path, fields, message);

    if (error == GP_ENOTFOUND) { /* the first message for this folder */
        error = make_folder(call, drop);
        if (!error)
            error = gp_file_put_message(call, path, fields, message);
    }
    drop->written = !error;
    return error;
}

static int prepare(struct gp_call *call, const struct maildir *self, struct gp_delivery *delivery,
                   const struct plan *plan, struct drop *drop, unsigned number)
{
    struct gp_slice fields = fields_of(call, self, delivery, plan, drop);
    uint64_t size = fields.len + gp_message_size(gp_delivery_message(delivery));

    drop->name = keep(delivery, name_of(call, delivery, number, size));
    return gp_slice_present(fields) ? write_drop(call, delivery, drop, fields) : GP_ELIMIT;
}

/* A folder that cannot be written to is the trouble of its recipients alone. */
static void tell(struct gp_call *call, struct gp_delivery *delivery, const struct plan *plan)
{
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++) {
        const struct drop *drop = plan->of[i];

        if (!drop)
            continue;
        if (drop->written) {
            gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
            continue;
        }
        if (drop->error == GP_ENOSPC)
            gp_delivery_result(delivery, i, GP_OUTCOME_DEFERRED, "452 4.3.1",
                               "No space left here, try again later");
        else
            gp_delivery_result(delivery, i, GP_OUTCOME_DEFERRED, "451 4.3.0",
                               "Can't store the message now, try again later");
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s", GP_ARG(drop->folder), gp_strerror(drop->error));
    }
}

/* What was written by a delivery that fails is removed by revoke(), which the host then calls. */
static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct plan *plan;
    unsigned number = 0, written = 0;
    int error = plan_create(call, self, delivery, &plan);

    if (error)
        return error;
    gp_delivery_data_set(delivery, plan);
    for (struct drop *drop = plan->drops; drop; drop = drop->next) {
        drop->error = prepare(call, self, delivery, plan, drop, ++number);
        written += drop->written;
        if (drop->error)
            error = drop->error;
        if (is_over(error))
            return error;
    }
    if (!written)
        return error;
    tell(call, delivery, plan);
    return GP_OK;
}

static int publish(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    const struct plan *plan = gp_delivery_data(delivery);
    unsigned number = 0;

    (void)self;
    for (const struct drop *drop = plan->drops; drop; drop = drop->next) {
        struct gp_slice new = gp_format(call, GP_FMT "/new", GP_ARG(drop->folder));
        int error;

        if (!drop->written)
            continue;
        number++;
        error = gp_file_rename(call, path_in(call, drop, "tmp"), path_in(call, drop, "new"));

        if (!error)
            error = gp_dir_sync(call, new);
        if (error)
            return error;
    }
    gp_count(call, "messages", number);
    return GP_OK;
}

/* Also what publish() made visible before it failed: the client will send it again. */
static void revoke(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    const struct plan *plan = gp_delivery_data(delivery);

    (void)self;
    for (const struct drop *drop = plan ? plan->drops : NULL; drop; drop = drop->next) {
        if (!drop->written)
            continue;
        gp_file_remove(call, path_in(call, drop, "tmp"));
        gp_file_remove(call, path_in(call, drop, "new"));
    }
}

static const struct gp_target_role target = {
    .size = sizeof target,
    .deliver = deliver,
    .publish = publish,
    .revoke = revoke,
};

GP_OPTIONS(struct maildir,
           GP_OPTION_PATH("path", struct maildir, path, NULL,
                          "Directory below which the folders are.", .flags = GP_OPTION_STORE),
           GP_OPTION_ENUM("folders", struct maildir, folders, layouts, "address",
                          "One folder for each address (PATH/DOMAIN/LOCAL), for each local part "
                          "(PATH/LOCAL), or a single one (PATH)."),
           GP_OPTION_RECORDS("per_recipient", struct maildir, per_recipient, place_rows,
                             struct place, GP_OPTIONAL,
                             "Addresses and domains to what holds for their mail instead."),
           GP_OPTION_BOOL("fold_case", struct maildir, fold_case, "true",
                          "Whether local parts that differ only in case share a folder."),
           GP_OPTION_BOOL("delivered_to", struct maildir, delivered_to, "true",
                          "Add a Delivered-To field, by which mail loops are found (RFC 9228)."));

GP_PLUGIN(.version = "1.0", .summary = "Delivers into Maildirs, synced before the reply",
          .needs = GP_NEEDS_FILES, .target = &target, GP_USES_OPTIONS);

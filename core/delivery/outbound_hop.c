// SPDX-License-Identifier: Apache-2.0
/*
 * Tenants: a table says of recipients to which hosts their mail goes, and as whom. Whoever writes into
 * it decides about the mail of those it names, and about nothing else: the target's own login goes to
 * the target's own hosts only, and sessions are shared by those whose records say the same.
 */
#include "core/base/codec.h"
#include "core/base/log.h"
#include "core/config/record.h"
#include "core/delivery/outbound.h"

#include <gatepost/wait.h>

/* ---- is it sound? ---- */

/* No "..", and nothing hidden. */
static bool is_path_below(struct gp_slice path, struct gp_slice directory)
{
    if (gp_slice_ends(directory, GP_S("/")))
        directory.len--;
    return gp_slice_present(directory) && gp_slice_starts(path, directory) &&
           path.len > directory.len + 1 && path.data[directory.len] == '/' &&
           gp_slice_search(path, GP_S("/.")) == path.len;
}

static const char *read_hosts(struct gp__outbound_job *job, const struct gp_list *list,
                              struct gp__outbound_hop *hop)
{
    size_t n = gp_list_count(list);
    struct gp__outbound_host *hosts = GP__ARENA_ARRAY(job->arena, struct gp__outbound_host, n);

    hop->hosts = hosts;
    hop->n_hosts = n;
    for (size_t i = 0; i < n; i++) {
        struct gp_slice text = *(const struct gp_slice *)gp_list_at(list, i);

        if (gp__outbound_host_read(job->arena, text, &hosts[i]) < 0)
            return "a host of \"to\" is none";
        if (hosts[i].is_unix && !is_path_below(gp_slice_sub(text, strlen("unix:"), text.len),
                                               job->pool->settings.sockets))
            return "a socket of \"to\" is not in the directory \"sockets\"";
    }
    return NULL;
}

static const char *take_record(struct gp__outbound_job *job, const struct gp_smtp_record *record,
                               struct gp__outbound_hop *hop)
{
    const struct gp__outbound_hop *own = &job->pool->own;
    const char *why = NULL;

    *hop = *own;
    if (record->hosts) {
        why = read_hosts(job, record->hosts, hop);
        hop->names = NULL;
        hop->user = hop->password = gp_slice(NULL, 0);
    }
    if (gp_slice_present(record->user) != gp_slice_present(record->password))
        why = "\"user\" and \"password\" go together";
    hop->tls = record->tls;
    hop->implicit_tls = record->implicit_tls;
    if (record->names)
        hop->names = record->names;
    if (gp_slice_present(record->user)) {
        hop->user = record->user;
        hop->password = record->password;
    }
    return why;
}

/* ---- what is the same ---- */

static struct gp_slice with(struct gp__arena *arena, struct gp_slice text, struct gp_slice part)
{
    return gp__arena_printf(arena, GP_FMT "%zu:" GP_FMT, GP_ARG(text), part.len, GP_ARG(part));
}

/* A digest, so that no password is in a key. */
static struct gp_slice key_of(struct gp__outbound_job *job, const struct gp__outbound_hop *hop)
{
    const struct gp__crypto *crypto = job->call->runtime->crypto;
    struct gp__arena *arena = job->arena;
    struct gp_slice text = gp__arena_printf(arena, "%d %d %zu ", hop->tls, hop->implicit_tls,
                                            hop->n_hosts);
    uint8_t digest[GP__DIGEST_MAX];

    for (size_t i = 0; i < hop->n_hosts; i++)
        text = with(arena, text, hop->hosts[i].key);
    text = with(arena, with(arena, text, hop->user), hop->password);
    for (size_t i = 0; i < gp_list_count(hop->names); i++)
        text = with(arena, text, *(const struct gp_slice *)gp_list_at(hop->names, i));
    crypto->hash(GP__SHA256, text, digest);
    return gp__base64_encode(arena, gp_slice((const char *)digest, sizeof digest));
}

/* ---- finding it ---- */

static int bad(struct gp__outbound_job *job, const struct gp_recipient *recipient, const char *why)
{
    gp_log(job->call, GP_LOG_ERROR, "per_recipient: what is said of " GP_FMT ": %s",
           GP_ARG(recipient->address.text), why);
    return GP_EINVAL;
}

int gp__outbound_hop(struct gp__outbound_job *job, const struct gp_recipient *recipient,
                     const struct gp__outbound_hop **hop_r)
{
    const struct gp_records *records = job->pool->settings.per_recipient;
    const struct gp__outbound_hop *own = &job->pool->own;
    struct gp_smtp_record record = {.tls = own->tls, .implicit_tls = own->implicit_tls};
    struct gp__outbound_hop *hop;
    const char *why;
    int error = records ? gp_record_find(job->call, records, recipient->address.text, &record)
                        : GP_ENOTFOUND;

    *hop_r = own;
    if (error == GP_ENOTFOUND)
        return records && own->n_hosts == 0 ? GP_ENOTFOUND : GP_OK;
    if (error)
        return error;
    hop = GP__ARENA_NEW(job->arena, struct gp__outbound_hop);
    why = take_record(job, &record, hop);
    if (why)
        return bad(job, recipient, why);
    if (hop->n_hosts == 0)
        return GP_ENOTFOUND;
    hop->key = key_of(job, hop);
    *hop_r = hop;
    return GP_OK;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Tables: <gatepost/wait.h>. A plain look-up runs inside the call that asks. The start form runs on
 * a fiber of its own under a call of the host; when the operation is cancelled that call is told
 * to unwind and its answer is dropped, so it holds references to whatever it may look at.
 */
#include "core/plugin/api.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/config/record.h"
#include "core/hook/table.h"

static int check(struct gp_call *call, const char *function, const struct gp_table *table,
                 struct gp_slice key)
{
    if (call->root->sticky)
        return call->root->sticky;
    if (!table)
        return gp__api_misuse(call, function, "no table");
    return gp__api_slice(call, function, key);
}

int gp_table_lookup(struct gp_call *call, struct gp_table *table, struct gp_slice key,
                    struct gp_slice *value_r)
{
    int error = check(call, "gp_table_lookup", table, key);

    return error ? error : gp__table_lookup(call, table, key, value_r);
}

int gp_table_lookup_address(struct gp_call *call, struct gp_table *table, struct gp_slice address,
                            struct gp_slice *value_r)
{
    int error = check(call, "gp_table_lookup_address", table, address);

    return error ? error : gp__table_lookup_address(call, table, address, value_r);
}

struct gp_slice gp_table_name(const struct gp_table *table)
{
    return table ? table->name : gp_slice(NULL, 0);
}

/* What is wrong with it is not shown to who asked, but to who keeps the table. */
static int bad_record(struct gp_call *call, const struct gp_records *records,
                      struct gp_slice address, struct gp_slice why)
{
    gp__log(call->runtime->log, GP_LOG_ERROR, "table.record",
            GP__F_S("instance", gp__api_who(call)), GP__F_S("table", records->table->name),
            GP__F_S("key", gp_slice_sub(address, 0, 320)), GP__F_S("error", why));
    return GP_EINVAL;
}

int gp_record_find(struct gp_call *call, const struct gp_records *records, struct gp_slice address,
                   void *record)
{
    struct gp_slice value = GP_S(""), why;
    int error = check(call, "gp_record_find", records ? records->table : NULL, address);

    if (!error)
        error = gp__table_lookup_address(call, records->table, address, &value);
    if (error)
        return error;
    if (gp__record_is_secret(records))
        gp__arena_keep_secret(gp__call_arena(call));
    if (gp__record_read(gp__call_arena(call), records, value, record, NULL, &why) == 0)
        return GP_OK;
    return bad_record(call, records, address, why);
}

/* ---- on a fiber of its own ---- */

struct lookup {
    struct gp_op *op; /* NULL: nobody waits any more */
    struct gp_table *table;
    struct gp_call call; /* the host's, on the other fiber */
    struct gp_session *session;
    struct gp_transaction *transaction;
    size_t key_len;
    char key[];
};

static void lookup_free(void *arg)
{
    struct lookup *lookup = arg;

    gp__transaction_unref(&lookup->transaction);
    gp__session_unref(&lookup->session);
    gp__free(lookup);
}

static void lookup_cancel(struct gp_op *op)
{
    struct lookup *lookup = op->own;

    lookup->op = NULL;
    /* Not begun yet: it sees the sticky error when it first waits. */
    gp__call_cancel(&lookup->call, GP_ECANCELED);
}

static void lookup_finish(struct lookup *lookup, int result, struct gp_slice value)
{
    struct gp_op *op = lookup->op;

    if (!op)
        return;
    lookup->op = NULL;
    if (result == GP_OK)
        op->bytes = gp__arena_dup(op->arena, value);
    gp__op_finish(op, result);
}

static void lookup_run(void *arg)
{
    struct lookup *lookup = arg;
    struct gp_slice value = GP_S("");
    int result = gp__table_lookup(&lookup->call, lookup->table,
                                  gp_slice(lookup->key, lookup->key_len), &value);

    lookup_finish(lookup, result, value);
    gp__call_end(&lookup->call);
}

/* From the loop's stack: a fiber starts no fiber. */
static void lookup_begin(void *arg)
{
    struct lookup *lookup = arg;
    struct gp__runtime *rt = lookup->call.runtime;
    size_t stack = lookup->table->instance->stack;
    int began = lookup->op ? rt->ops->run(rt, lookup_run, lookup_free, lookup, stack) : 1;

    if (began < 0)
        lookup_finish(lookup, GP_ETEMP, gp_slice(NULL, 0));
    if (began != 0)
        lookup_free(lookup);
}

static struct lookup *lookup_create(struct gp_call *call, struct gp_table *table,
                                    struct gp_slice key)
{
    struct lookup *lookup = gp__alloc(sizeof *lookup + key.len + 1);

    gp__call_init(&lookup->call, call->runtime, NULL, call->root->point, call->root->deadline_ms);
    lookup->table = table;
    lookup->key_len = key.len;
    if (key.len)
        memcpy(lookup->key, key.data, key.len);
    /* The overlay of a shadow call before MAIL ends with it: without a session it is not needed. */
    if (call->session && (!call->shadow || call->transaction)) {
        lookup->session = gp__session_ref(call->session);
        lookup->call.session = call->session;
        lookup->call.shadow = call->shadow;
    }
    if (call->transaction) {
        lookup->transaction = gp__transaction_ref(call->transaction);
        lookup->call.transaction = call->transaction;
        lookup->call.policy = call->policy;
    }
    return lookup;
}

struct gp_op *gp_table_lookup_start(struct gp_call *call, struct gp_table *table,
                                    struct gp_slice key)
{
    struct gp_op *op;
    struct lookup *lookup;

    if (check(call, "gp_table_lookup_start", table, key))
        return NULL;
    op = gp__op_create(call);
    if (!op)
        return NULL;
    if (!table->instance) {
        gp__op_finish(op, gp__table_lookup(call, table, key, &op->bytes));
        return op;
    }
    lookup = lookup_create(call, table, key);
    lookup->op = op;
    op->own = lookup;
    op->cancel = lookup_cancel;
    call->runtime->ops->defer(call->runtime, lookup_begin, lookup);
    return op;
}

struct gp_slice gp_table_value(const struct gp_op *op)
{
    return op && op->done ? op->bytes : gp_slice(NULL, 0);
}

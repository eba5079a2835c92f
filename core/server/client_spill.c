// SPDX-License-Identifier: Apache-2.0
/*
 * Large messages: what has come in is moved to a nameless file, a block at a time, while the engine
 * stands still; at the end the file is mapped. So a session holds a bounded part of its message in
 * memory, and a body byte is copied once.
 */
#include "core/base/alloc.h"
#include "core/server/client.h"

/* What a write needs, also when nobody waits for it any more. */
struct block {
    struct gp__spill *spill;
    struct gp_slice bytes;
};

static void block_release(void *arg)
{
    struct block *block = arg;

    gp__spill_unref(&block->spill);
    gp__content_block_free(&block->bytes);
    gp__free(block);
}

static void refuse(struct gp__client *client, int error)
{
    client->refusal = error == GP_ENOSPC
                          ? GP__REPLY(452, 4, 3, 1, "No space left here, try again later")
                          : GP__REPLY(451, 4, 3, 0, "Can't store the message now");
    gp__smtp_drain(client->smtp);
}

static int write_block(struct gp__client *client, struct block *block)
{
    struct gp__file_job job = {
        .kind = GP__FILE_SPILL,
        .path = client->entrance->spill_path,
        .pieces = &block->bytes,
        .n_pieces = 1,
        .spill = block->spill,
        .release = block_release,
        .release_arg = block,
    };
    struct gp_call call;
    struct gp_op *op;
    int error;

    gp__call_init(&call, client->runtime, NULL, GP_HOOK_MESSAGE, UINT64_MAX);
    call.session = client->session;
    op = gp__op_create(&call);
    if (!op) {
        block_release(block);
        return call.sticky;
    }
    client->runtime->ops->file(client->runtime, op, &job);
    error = gp__op_wait(&call, op);
    gp__call_end(&call);
    return error;
}

/* Moves what the content holds to the file. */
static void spill(struct gp__client *client)
{
    struct gp__content *content = client->session->transaction->policy->content;
    struct gp_slice bytes = gp__content_take_for_spill(content);
    struct block *block;
    int error;

    if (!gp_slice_present(bytes))
        return;
    if (!client->spill)
        client->spill = gp__spill_create();
    block = gp__alloc(sizeof *block);
    block->spill = gp__spill_ref(client->spill);
    block->bytes = bytes;
    error = write_block(client, block);
    if (error && error != GP_ECANCELED)
        refuse(client, error);
}

static void nothing(struct gp__client *client)
{
    (void)client;
}

void gp__client_spill(struct gp__client *client)
{
    const struct gp__content *content = client->session->transaction->policy->content;

    if (client->busy || client->refusal.code || !client->headers_done ||
        gp__content_held(content) < client->entrance->spill_at)
        return;
    gp__client_run(client, spill, nothing);
}

static void unmap(void *arg)
{
    struct gp__spill *spilled = arg;

    gp__spill_unref(&spilled);
}

/* Maps the file under the content, which then keeps it. */
static int map(struct gp__client *client, struct gp__content *content)
{
    struct gp__spill *spilled = gp__spill_ref(client->spill);
    struct gp_slice bytes;
    int error = gp__spill_map(spilled, &bytes);

    if (!error && gp__content_map(content, bytes.data, bytes.len, unmap, spilled) == 0)
        return 0;
    gp__spill_unref(&spilled);
    return error ? error : GP_EIO;
}

void gp__client_spill_end(struct gp__client *client)
{
    int error;

    if (!client->spill || client->refusal.code)
        return;
    spill(client);
    if (client->refusal.code || client->session->gone)
        return;
    error = map(client, client->session->transaction->policy->content);
    if (error)
        refuse(client, error);
    gp__spill_unref(&client->spill); /* the content keeps it */
}

// SPDX-License-Identifier: Apache-2.0
/* What destinations said, kept once for all groups that heard it: a server that defers a hundred
 * thousand messages says nearly the same to each. */
#include "core/base/alloc.h"
#include "core/delivery/queue_internal.h"

#include <string.h>

#define TEXTS_MAX 65536u /* different ones; of more only the code is kept */

static struct gp__queue_text *find(const struct gp__queue *queue, uint64_t hash,
                                   struct gp_slice text, struct gp_slice remote)
{
    struct gp__link *link = gp__links_first(&queue->texts, hash);

    for (; link; link = gp__links_next(link)) {
        struct gp__queue_text *kept = (struct gp__queue_text *)(void *)link;

        if (gp_slice_eq(gp_slice(kept->bytes, kept->remote_len), remote) &&
            gp_slice_eq(gp_slice(kept->bytes + kept->remote_len, kept->len), text))
            return kept;
    }
    return NULL;
}

/* Numbers begin with 1 and are used again. */
static uint32_t next_number(struct gp__queue *queue)
{
    if (queue->n_free_texts)
        return queue->free_texts[--queue->n_free_texts];
    GP__GROW(queue->text_by_number, queue->texts_cap, queue->n_texts + 2);
    return (uint32_t)++queue->n_texts;
}

static uint32_t keep(struct gp__queue *queue, uint64_t hash, struct gp_slice text,
                     struct gp_slice remote)
{
    size_t size = sizeof(struct gp__queue_text) + remote.len + text.len;
    struct gp__queue_text *kept = gp__alloc(size);

    kept->link.hash = hash;
    kept->refs = 1;
    kept->remote_len = (uint32_t)remote.len;
    kept->len = (uint32_t)text.len;
    if (remote.len)
        memcpy(kept->bytes, remote.data, remote.len);
    if (text.len)
        memcpy(kept->bytes + remote.len, text.data, text.len);
    kept->number = next_number(queue);
    queue->text_by_number[kept->number] = kept;
    queue->text_bytes += gp__queue_chunk(size);
    gp__links_add(&queue->texts, &kept->link);
    return kept->number;
}

uint32_t gp__queue_text_take(struct gp__queue *queue, struct gp_slice text, struct gp_slice remote)
{
    uint64_t hash = gp__queue_hash(text) ^ gp__queue_hash(remote) << 1;
    struct gp__queue_text *kept;

    if (text.len + remote.len == 0)
        return 0;
    kept = find(queue, hash, text, remote);
    if (kept) {
        kept->refs++;
        return kept->number;
    }
    return queue->texts.count < TEXTS_MAX ? keep(queue, hash, text, remote) : 0;
}

static void free_text(struct gp__queue *queue, struct gp__queue_text *text)
{
    queue->text_bytes -= gp__queue_chunk(sizeof *text + text->remote_len + text->len);
    queue->text_by_number[text->number] = NULL;
    gp__links_remove(&queue->texts, &text->link);
    gp__free(text);
}

void gp__queue_text_drop(struct gp__queue *queue, uint32_t number)
{
    struct gp__queue_text *text = number ? queue->text_by_number[number] : NULL;

    if (!text || --text->refs > 0)
        return;
    GP__GROW(queue->free_texts, queue->free_texts_cap, queue->n_free_texts + 1);
    queue->free_texts[queue->n_free_texts++] = number;
    free_text(queue, text);
}

struct gp__reply gp__queue_reply(const struct gp__queue *queue, const struct gp__group *group,
                                 struct gp_slice *remote_r)
{
    const struct gp__queue_text *text = group->text ? queue->text_by_number[group->text] : NULL;

    *remote_r = text && text->remote_len ? gp_slice(text->bytes, text->remote_len)
                                         : gp_slice(NULL, 0);
    return (struct gp__reply){
        .code = group->code,
        .klass = group->klass,
        .subject = group->subject,
        .detail = group->detail,
        .text = text ? gp_slice(text->bytes + text->remote_len, text->len) : GP_S(""),
    };
}

void gp__queue_texts_free(struct gp__queue *queue)
{
    for (size_t i = 1; i <= queue->n_texts; i++)
        if (queue->text_by_number[i])
            free_text(queue, queue->text_by_number[i]);
    gp__links_free(&queue->texts);
    gp__free(queue->text_by_number);
    gp__free(queue->free_texts);
}

// SPDX-License-Identifier: Apache-2.0
/* What is said of the mail, as JSON. Only of the recipients of this request: others may be somebody
 * else's. */
#include "http_target.h"

/* ---- addresses ---- */

static struct gp_slice address_at(const struct http_batch *batch, size_t i)
{
    return i == 0 ? gp_delivery_sender(batch->delivery)
                  : gp_rcpt_address(gp_delivery_rcpt_at(batch->delivery, batch->recipients[i - 1]));
}

struct gp_slice http_addresses(struct gp_call *call, const struct http_batch *batch)
{
    size_t len = 0;
    char *out, *to;

    for (size_t i = 0; i <= batch->n; i++)
        len += address_at(batch, i).len + 3;
    out = to = gp_alloc(call, len);
    for (size_t i = 0; out && i <= batch->n; i++) {
        struct gp_slice address = address_at(batch, i);

        if (i > 0)
            *to++ = ',';
        *to++ = '<';
        if (address.len)
            to = (char *)memcpy(to, address.data, address.len) + address.len;
        *to++ = '>';
    }
    return gp_slice(out, (size_t)(to - out));
}

/* ---- JSON ---- */

static void put(json_t *object, const char *name, struct gp_slice value)
{
    if (gp_slice_present(value))
        (void)json_object_set_new(object, name, json_stringn(value.data, value.len));
}

static json_t *recipients_of(const struct http_batch *batch)
{
    json_t *list = json_array();

    for (size_t i = 0; i < batch->n; i++) {
        const struct gp_recipient *recipient = gp_delivery_rcpt_at(batch->delivery,
                                                                   batch->recipients[i]);
        json_t *each = json_object();

        put(each, "to", gp_rcpt_address(recipient));
        put(each, "given", gp_rcpt_original(recipient));
        put(each, "orcpt", gp_rcpt_orcpt(recipient));
        (void)json_array_append_new(list, each);
    }
    return list;
}

static void put_facts(struct gp_call *call, json_t *object)
{
    put(object, "listener", gp_listener(call));
    put(object, "client", gp_client_ip(call));
    put(object, "helo", gp_helo(call));
    put(object, "user", gp_auth_user(call));
    put(object, "tls", gp_tls_version(call));
}

/* ---- base64 ---- */

static void encode(char *out, const unsigned char *in, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = (unsigned)in[0] << 16 | (n > 1 ? (unsigned)in[1] << 8 : 0) |
                    (n > 2 ? in[2] : 0);

    out[0] = digits[bits >> 18];
    out[1] = digits[bits >> 12 & 63];
    out[2] = n > 1 ? digits[bits >> 6 & 63] : '=';
    out[3] = n > 2 ? digits[bits & 63] : '=';
}

/* Absent when that is more than a call may have in memory. */
static struct gp_slice base64_of(struct gp_call *call, struct gp_message *message)
{
    uint64_t size = gp_message_size(message), cursor = 0;
    char *out = size < UINT32_MAX ? gp_alloc(call, (size_t)(size + 2) / 3 * 4) : NULL, *to = out;
    unsigned char three[3];
    struct gp_slice piece;
    size_t held = 0;

    while (out && (piece = gp_message_next(message, &cursor), gp_slice_present(piece)))
        for (size_t i = 0; i < piece.len; i++) {
            three[held++] = (unsigned char)piece.data[i];
            if (held < 3)
                continue;
            encode(to, three, 3);
            to += 4;
            held = 0;
        }
    if (held > 0) {
        encode(to, three, held);
        to += 4;
    }
    return gp_slice(out, (size_t)(to - out));
}

/* ---- all of it ---- */

static struct gp_slice write_json(struct gp_call *call, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    char *copy = text ? gp_alloc(call, len) : NULL;

    if (copy)
        memcpy(copy, text, len);
    free(text);
    return gp_slice(copy, copy ? len : 0);
}

struct gp_slice http_envelope(struct gp_call *call, const struct http_batch *batch,
                              struct gp_message *message)
{
    struct gp_slice bytes = GP_S(""), text;
    json_t *object = json_object();

    put(object, "key", batch->key);
    put(object, "id", gp_delivery_id(batch->delivery));
    put(object, "sender", gp_delivery_sender(batch->delivery));
    (void)json_object_set_new(object, "recipients", recipients_of(batch));
    put_facts(call, object);
    if (message) {
        bytes = base64_of(call, message);
        put(object, "message", bytes);
    }
    text = gp_slice_present(bytes) ? write_json(call, object) : gp_slice(NULL, 0);
    json_decref(object);
    return text;
}

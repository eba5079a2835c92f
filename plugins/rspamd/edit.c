// SPDX-License-Identifier: Apache-2.0
/*
 * Edits that an answer asks for: `milter.remove_headers` (name: which one, counted from the top from
 * 1, from the bottom below 0, 0 for all), then `milter.add_headers` (name: a value, an object with
 * value and order, or a list of these), then our own mark.
 */
#include "rspamd.h"

#define FIELDS_MAX 100 /* of one name, or of one answer */
#define VALUE_MAX 8000

/* ---- removing ---- */

static size_t count(struct gp_message *message, struct gp_slice name)
{
    size_t n = 0;

    while (n < FIELDS_MAX && gp_header_find(message, name, n))
        n++;
    return n;
}

static int remove_nth(struct gp_call *call, struct gp_message *message, struct gp_slice name,
                      size_t nth)
{
    struct gp_header *header = gp_header_find(message, name, nth);

    return header ? gp_header_remove(call, message, header) : 0;
}

static int remove_field(struct gp_call *call, struct gp_message *message, struct gp_slice name,
                        json_int_t which)
{
    size_t n = count(message, name);
    int error = 0;

    if (which > 0)
        return remove_nth(call, message, name, (size_t)which - 1);
    if (which < 0)
        return (size_t)-which <= n ? remove_nth(call, message, name, n - (size_t)-which) : 0;
    while (n-- > 0 && !error)
        error = remove_nth(call, message, name, n);
    return error;
}

static int remove_fields(struct gp_call *call, struct gp_message *message, json_t *fields)
{
    const char *name;
    json_t *which;
    int error = 0;

    json_object_foreach(fields, name, which)
    {
        json_t *one;
        size_t i;

        if (json_is_integer(which))
            error = remove_field(call, message, gp_slice_of(name), json_integer_value(which));
        json_array_foreach(which, i, one)
        {
            if (error || i == FIELDS_MAX)
                break;
            error = remove_field(call, message, gp_slice_of(name), json_integer_value(one));
        }
        if (error)
            break;
    }
    return error;
}

/* ---- adding ---- */

/* Folding as rspamd has it, a bare LF, is unfolded: what is long is folded anew. */
static struct gp_slice unfolded(struct gp_call *call, const json_t *string)
{
    struct gp_slice from = gp_slice(json_string_value(string), json_string_length(string));
    char *to = from.len <= VALUE_MAX ? gp_alloc(call, from.len + 1) : NULL;
    size_t n = 0;

    for (size_t i = 0; to && i < from.len; i++) {
        char c = from.data[i];

        if (c == '\r' || c == '\n' || c == '\t')
            c = ' ';
        if (c != ' ' || (n > 0 && to[n - 1] != ' '))
            to[n++] = c;
    }
    return to ? gp_slice_trim(gp_slice(to, n)) : gp_slice(NULL, 0);
}

/* order: the place among the fields from 0; -1, and what is no number, is the end. Without one it
 * goes to the top. */
static int add_value(struct gp_call *call, struct gp_message *message, const char *name,
                     const json_t *value)
{
    const json_t *order = json_object_get(value, "order");
    const json_t *string = json_is_object(value) ? json_object_get(value, "value") : value;
    struct gp_slice text;

    if (!json_is_string(string))
        return GP_EINVAL;
    text = unfolded(call, string);
    if (!gp_slice_present(text))
        return GP_ELIMIT;
    if (json_is_integer(order) && json_integer_value(order) > 0)
        return gp_header_insert(call, message, (size_t)json_integer_value(order), gp_slice_of(name),
                                text);
    return gp_header_add(call, message,
                         json_is_integer(order) && json_integer_value(order) < 0 ? GP_HEADER_BOTTOM
                                                                                 : GP_HEADER_TOP,
                         gp_slice_of(name), text);
}

static int add_fields(struct gp_call *call, struct gp_message *message, json_t *fields)
{
    const char *name;
    json_t *value;
    int error = 0;

    json_object_foreach(fields, name, value)
    {
        json_t *one;
        size_t i;

        if (!json_is_array(value))
            error = add_value(call, message, name, value);
        json_array_foreach(value, i, one)
        {
            if (error || i == FIELDS_MAX)
                break;
            error = add_value(call, message, name, one);
        }
        if (error)
            break;
    }
    return error;
}

/* ---- marking ---- */

static int set_subject(struct gp_call *call, struct gp_message *message, struct gp_slice subject)
{
    struct gp_header *header = gp_header_find(message, GP_S("Subject"), 0);

    if (!header)
        return gp_header_add(call, message, GP_HEADER_BOTTOM, GP_S("Subject"), subject);
    return gp_header_set(call, message, header, subject);
}

/* "X-Spam: Yes" */
static int add_mark(struct gp_call *call, struct gp_message *message, struct gp_slice mark)
{
    struct gp_slice name = gp_slice_split(&mark, ':');

    return gp_header_add(call, message, GP_HEADER_BOTTOM, name, gp_slice_trim(mark));
}

static int mark(struct gp_call *call, const struct rspamd *self, struct gp_message *message,
                const struct reply *reply)
{
    if (self->on[reply->action] != RESPONSE_MARK)
        return 0;
    if (reply->action == ACTION_REWRITE_SUBJECT && reply->subject.len)
        return set_subject(call, message, reply->subject);
    return add_mark(call, message, self->mark);
}

int rspamd_edit(struct gp_call *call, const struct rspamd *self, struct gp_message *message,
                const struct reply *reply)
{
    json_t *milter = json_object_get(reply->json, "milter");
    int error = 0;

    if (self->headers && json_object_size(json_object_get(milter, "add_headers")) > FIELDS_MAX)
        error = GP_ELIMIT;
    if (self->headers && !error)
        error = remove_fields(call, message, json_object_get(milter, "remove_headers"));
    if (self->headers && !error)
        error = add_fields(call, message, json_object_get(milter, "add_headers"));
    if (!error)
        error = mark(call, self, message, reply);
    if (error)
        gp_fail(call, "an edit that its answer asks for can't be made: %s", gp_strerror(error));
    return error;
}

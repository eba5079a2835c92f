// SPDX-License-Identifier: Apache-2.0
// Copies and splices against models that are too simple to be wrong: a row of numbered bytes, a row
// of numbered fields. The edits are random, the same on every machine.
#include "support.h"

#define WHO GP_S("tester")
#define FAMILY 5       /* messages: a root, its clones, a clone of a clone */
#define BODY_MAX 20000 /* of the model */

static struct gp__arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    return 0;
}

/* ---- one message: splices of bytes ---- */

static void test_splices(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < 60; round++) {
        char model[4000] = "the quick brown fox jumps over the lazy dog";
        size_t len = strlen(model);
        struct gp_message *message = message_of(arena,
                                                gp__arena_printf(arena, "A: b\r\n\r\n%s", model));

        for (int edit = 0; edit < 100; edit++) {
            size_t offset = below(&seed, len + 1), cut = below(&seed, len - offset + 1) / 3;
            char bytes[20];
            size_t n = below(&seed, sizeof bytes);

            for (size_t i = 0; i < n; i++)
                bytes[i] = (char)('A' + below(&seed, 26));
            assert_int_equal(gp__message_body_splice(message, WHO, offset, cut, gp_slice(bytes, n)),
                             0);
            memmove(model + offset + n, model + offset + cut, len - offset - cut);
            memcpy(model + offset, bytes, n);
            len = len - cut + n;
            if (edit % 7 == 0)
                assert_slice(gp_body(message), gp_slice(model, len));
        }
        assert_slice(gp_body(message), gp_slice(model, len));
        assert_slice(emitted(arena, message),
                     gp__arena_printf(arena, "A: b\r\n\r\n%.*s", (int)len, model));
    }
}

/* ---- families: bodies ---- */

struct byte {
    uint32_t number; /* unique in a family */
    char c;
};

struct row {
    struct byte bytes[BODY_MAX];
    size_t len;
};

struct body_model {
    struct row rows[FAMILY];
    int parent[FAMILY];
    struct gp_message *messages[FAMILY];
    size_t count;
    uint32_t next_number;
};

static size_t find_number(const struct row *row, uint32_t number)
{
    size_t i = 0;

    while (i < row->len && row->bytes[i].number != number)
        i++;
    return i;
}

/* Where the splice of one row goes in another; -1: nowhere. */
static long map_splice(const struct row *from, size_t offset, size_t cut, const struct row *to)
{
    size_t at;

    if (cut == 0 && offset == 0)
        return 0;
    if (cut == 0 && offset == from->len)
        return (long)to->len;
    at = find_number(to, from->bytes[offset].number);
    if (cut == 0 && at == to->len) {
        at = find_number(to, from->bytes[offset - 1].number);
        return at == to->len ? -1 : (long)at + 1;
    }
    for (size_t i = 0; i < cut; i++)
        if (at + i >= to->len || to->bytes[at + i].number != from->bytes[offset + i].number)
            return -1;
    return (long)at;
}

static bool comes_from(const struct body_model *model, size_t message, size_t edited)
{
    int at = (int)message;

    while (at >= 0 && at != (int)edited)
        at = model->parent[at];
    return at >= 0;
}

static void splice_row(struct row *row, size_t offset, size_t cut, const struct byte *bytes,
                       size_t n)
{
    memmove(row->bytes + offset + n, row->bytes + offset + cut,
            (row->len - offset - cut) * sizeof *bytes);
    memcpy(row->bytes + offset, bytes, n * sizeof *bytes);
    row->len = row->len - cut + n;
}

/* 0 or GP_ECONFLICT, as the message must say. */
static int splice_model(struct body_model *model, size_t edited, size_t offset, size_t cut,
                        struct gp_slice text)
{
    struct byte bytes[16];
    long at[FAMILY];

    for (size_t i = 0; i < model->count; i++) {
        at[i] = comes_from(model, i, edited)
                    ? map_splice(&model->rows[edited], offset, cut, &model->rows[i])
                    : -2;
        if (i == edited)
            at[i] = (long)offset;
        if (at[i] == -1)
            return GP_ECONFLICT;
    }
    for (size_t i = 0; i < text.len; i++)
        bytes[i] = (struct byte){.number = model->next_number++, .c = text.data[i]};
    for (size_t i = 0; i < model->count; i++)
        if (at[i] >= 0)
            splice_row(&model->rows[i], (size_t)at[i], cut, bytes, text.len);
    return 0;
}

static void check_body(struct body_model *model, size_t i)
{
    const struct row *row = &model->rows[i];
    char *text = gp__arena_bytes(arena, row->len + 1);

    for (size_t k = 0; k < row->len; k++)
        text[k] = row->bytes[k].c;
    assert_slice(gp_body(model->messages[i]), gp_slice(text, row->len));
}

static void add_message(struct body_model *model, uint64_t *seed)
{
    size_t from = below(seed, model->count), new = model->count++;
    bool split = below(seed, 2);

    model->rows[new] = model->rows[from];
    model->parent[new] = split && from > 0 ? model->parent[from] : (int)from;
    model->messages[new] = split ? gp__message_split(model->messages[from], GP_S("s"))
                                 : gp__message_clone(model->messages[from], GP_S("c"));
}

static void start_family(struct body_model *model)
{
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    memset(model, 0, sizeof *model);
    model->count = 1;
    model->parent[0] = -1;
    for (size_t i = 0; i < sizeof text - 1; i++)
        model->rows[0].bytes[i] = (struct byte){.number = model->next_number++, .c = text[i]};
    model->rows[0].len = sizeof text - 1;
    model->messages[0] = message_of(arena,
                                    GP_S("A: b\r\n\r\n0123456789abcdefghijklmnopqrstuvwxyz"));
}

static void test_body_families(void **state)
{
    struct body_model *model = malloc(sizeof *model);
    uint64_t seed = 5;
    int done = 0, conflicts = 0;

    (void)state;
    for (int round = 0; round < 150; round++) {
        start_family(model);
        for (int edit = 0; edit < 60; edit++) {
            size_t i, offset, cut;
            struct gp_slice text = gp_slice_sub(GP_S("ABCDEFGHIJKLMNOP"), 0, below(&seed, 10));
            int expected;

            if (edit % 8 == 3 && model->count < FAMILY)
                add_message(model, &seed);
            i = below(&seed, 3) ? below(&seed, model->count) : 0;
            offset = below(&seed, model->rows[i].len + 1);
            cut = below(&seed, 4) > 1 ? 0 : below(&seed, model->rows[i].len - offset + 1) / 4;
            if (cut == 0 && text.len == 0)
                continue;
            expected = splice_model(model, i, offset, cut, text);
            assert_int_equal(gp__message_body_splice(model->messages[i], WHO, offset, cut, text),
                             expected);
            *(expected == 0 ? &done : &conflicts) += 1;
            for (size_t k = 0; k < model->count; k++)
                assert_int_equal(gp_body_size(model->messages[k]), model->rows[k].len);
        }
        for (size_t k = 0; k < model->count; k++)
            check_body(model, k);
    }
    /* Both answers were tried. */
    assert_true(done > 1000);
    assert_true(conflicts > 100);
    free(model);
}

/* ---- families: fields ---- */

struct fields {
    struct {
        int number, version;
    } items[400];
    size_t count;
};

struct field_model {
    struct fields fields[FAMILY];
    int parent[FAMILY];
    struct gp_message *messages[FAMILY];
    size_t count;
    int next;
};

static size_t find_field(const struct fields *fields, int number)
{
    size_t i = 0;

    while (i < fields->count && fields->items[i].number != number)
        i++;
    return i;
}

static void put_field(struct fields *fields, size_t index, int number, int version)
{
    memmove(&fields->items[index + 1], &fields->items[index],
            (fields->count - index) * sizeof fields->items[0]);
    fields->items[index].number = number;
    fields->items[index].version = version;
    fields->count++;
}

static void insert_model(struct field_model *model, size_t edited, size_t index, int number)
{
    const struct fields *from = &model->fields[edited];

    put_field(&model->fields[edited], index, number, number);
    for (size_t i = 0; i < model->count; i++) {
        struct fields *to = &model->fields[i];
        size_t at = to->count;

        if (model->parent[i] != (int)edited)
            continue;
        for (size_t k = from->count - 1; k > index; k--)
            if (find_field(to, from->items[k].number) < to->count)
                at = find_field(to, from->items[k].number);
        insert_model(model, i, index == 0 ? 0 : at, number);
        model->fields[i].items[index == 0 ? 0 : at].version = number;
    }
}

/* version 0: removes. Only those that have the old version follow. */
static void change_model(struct field_model *model, size_t edited, int number, int old, int version)
{
    struct fields *fields = &model->fields[edited];
    size_t at = find_field(fields, number);

    if (at == fields->count || fields->items[at].version != old)
        return;
    fields->items[at].version = version;
    if (version == 0) {
        fields->count--;
        memmove(&fields->items[at], &fields->items[at + 1],
                (fields->count - at) * sizeof fields->items[0]);
    }
    for (size_t i = 0; i < model->count; i++)
        if (model->parent[i] == (int)edited)
            change_model(model, i, number, old, version);
}

static void check_fields(struct field_model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        assert_int_equal(gp_header_count(model->messages[i]), model->fields[i].count);
        for (size_t k = 0; k < model->fields[i].count; k++)
            assert_slice(gp__header_value(arena, gp_header_at(model->messages[i], k)),
                         gp__arena_printf(arena, "%d", model->fields[i].items[k].version));
    }
}

static void edit_fields(struct field_model *model, uint64_t *seed)
{
    size_t i = below(seed, 2) ? below(seed, model->count) : 0;
    struct gp_message *message = model->messages[i];
    size_t index = below(seed, model->fields[i].count + 1);
    int number = model->next++, old;
    struct gp_slice value = gp__arena_printf(arena, "%d", number);

    if (index == model->fields[i].count || below(seed, 3) == 0) {
        insert_model(model, i, index, number);
        assert_int_equal(gp__message_header_insert(message, WHO, index, GP_S("F"), value), 0);
        return;
    }
    old = model->fields[i].items[index].version;
    if (below(seed, 2)) {
        change_model(model, i, model->fields[i].items[index].number, old, number);
        assert_int_equal(gp__message_header_set(message, WHO, gp_header_at(message, index), value),
                         0);
    } else {
        change_model(model, i, model->fields[i].items[index].number, old, 0);
        assert_int_equal(gp__message_header_remove(message, WHO, gp_header_at(message, index)), 0);
    }
}

static void test_field_families(void **state)
{
    struct field_model *model = malloc(sizeof *model);
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 200; round++) {
        memset(model, 0, sizeof *model);
        model->count = 1;
        model->parent[0] = -1;
        model->messages[0] = message_of(arena,
                                        GP_S("F: 1\r\nF: 2\r\nF: 3\r\nF: 4\r\nF: 5\r\n\r\nbody"));
        for (model->next = 1; model->next <= 5; model->next++)
            put_field(&model->fields[0], (size_t)model->next - 1, model->next, model->next);
        for (int edit = 0; edit < 50; edit++) {
            if (edit % 10 == 4 && model->count < FAMILY) {
                size_t from = below(&seed, model->count);

                model->fields[model->count] = model->fields[from];
                model->parent[model->count] = (int)from;
                model->messages[model->count++] = gp__message_clone(model->messages[from],
                                                                    GP_S("c"));
            }
            edit_fields(model, &seed);
            check_fields(model);
        }
    }
    free(model);
}

static int teardown_group(void **state)
{
    (void)state;
    gp__content_pool_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_splices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body_families, setup, teardown),
        cmocka_unit_test_setup_teardown(test_field_families, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}

// SPDX-License-Identifier: Apache-2.0
/* What a descriptor and its options must be like. */
#include "core/plugin/descriptor.h"
#include "core/plugin/option_rows.h"

#include "tests/unit/base/check.h"

static enum gp_verdict hook(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    return GP_NEXT;
}

static int lookup(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    (void)call;
    (void)self;
    (void)key;
    (void)value_r;
    return GP_ENOTFOUND;
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    (void)call;
    (void)self;
    (void)delivery;
    return 0;
}

static const struct gp_hook hooks[] = {{GP_HOOK_MAIL, hook}, {.fn = NULL}};

static struct gp_plugin sample(void)
{
    return (struct gp_plugin){
        .magic = GP_ABI_MAGIC,
        .size = sizeof(struct gp_plugin),
        .abi_major = GP_ABI_MAJOR,
        .abi_minor = GP_ABI_MINOR,
        .option_size = sizeof(struct gp_option),
        .name = "sample",
        .version = "1.0",
        .summary = "A sample",
        .hooks = hooks,
    };
}

static const struct gp_plugin *take(struct gp__arena *arena, const struct gp_plugin *plugin,
                                    const char **error)
{
    return gp__descriptor_take(arena, plugin, GP_S("sample"), "/x/sample.so", error);
}

static void test_copy(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct {
        struct gp_plugin plugin;
        char newer[64]; /* fields that this host does not know */
    } big;
    const struct gp_plugin *copy;
    const char *error;

    (void)state;
    memset(&big, 0xee, sizeof big);
    big.plugin = sample();
    big.plugin.size = sizeof big;
    copy = take(arena, &big.plugin, &error);
    assert_non_null(copy);
    assert_ptr_not_equal(copy, &big.plugin);
    assert_ptr_equal(copy->hooks, hooks);
    assert_null(error);
    gp__arena_free(&arena);
}

static void check(const struct gp_plugin *plugin, const char *part, int line)
{
    struct gp__arena *arena = gp__arena_create();
    const char *error = NULL;
    const struct gp_plugin *copy = take(arena, plugin, &error);

    if (copy ? part != NULL : !part || !strstr(error, part)) {
        print_error("line %d: \"%s\" instead of \"%s\"\n", line, error ? error : "fine",
                    part ? part : "fine");
        fail();
    }
    assert_true(copy || strncmp(error, "/x/sample.so: plugin sample ", 28) == 0);
    gp__arena_free(&arena);
}

#define WITH(change, part)                                                                         \
    do {                                                                                           \
        struct gp_plugin plugin = sample();                                                        \
        plugin.change;                                                                             \
        check(&plugin, part, __LINE__);                                                            \
    } while (0)

static void test_fields(void **state)
{
    static const struct gp_hook bad_point[] = {{GP_HOOK_COUNT, hook}, {.fn = NULL}};
    static const struct gp_hook negative[] = {{(enum gp_hook_point) - 1, hook}, {.fn = NULL}};
    static const struct gp_hook twice[] = {
        {GP_HOOK_MAIL, hook}, {GP_HOOK_MAIL, hook}, {.fn = NULL}};

    (void)state;
    WITH(name = "sample", NULL);
    WITH(magic = 0, "it begins with 00000000 instead of 474c5047");
    WITH(magic = 0x5047u, "define it with GP_PLUGIN()");
    WITH(abi_major = 7, "ABI 7.0, this Gatepost has 1.0");
    WITH(abi_minor = GP_ABI_MINOR + 1, "install a newer Gatepost");
    WITH(size = sizeof plugin - 1, "a descriptor of");
    WITH(size = 0, "a descriptor of 0 bytes");
    WITH(size = UINT32_MAX, "a descriptor of");
    WITH(name = NULL, "calls itself \"\"");
    WITH(name = "other", "calls itself \"other\"");
    WITH(version = NULL, "lacks .version");
    WITH(summary = "", "lacks .version or .summary");
    WITH(summary = "two\nlines", "one line each");
    WITH(needs = ~0u, "unknown bits in .needs");
    WITH(flags = 1u << 20, "unknown bits in .flags");
    WITH(on_error = (enum gp_on_error)4, "unknown .on_error");
    WITH(on_error = (enum gp_on_error) - 1, "unknown .on_error");
    WITH(instance_size = SIZE_MAX, "for an instance or a slot");
    WITH(session_slot = (2u << 20), "for an instance or a slot");
    WITH(stack = SIZE_MAX, "wants a stack");
    WITH(deadline_ms = UINT64_MAX, "more than a day");
    WITH(session_slot_end = free, "an end function for a slot");
    WITH(hooks = bad_point, "a hook at an unknown point");
    WITH(hooks = negative, "a hook at an unknown point");
    WITH(hooks = twice, "two hooks at mail");
    WITH(hooks = NULL, "neither a hook nor a role");
}

static void test_roles(void **state)
{
    static const struct gp_table_role table = {.size = sizeof table, .lookup = lookup};
    static const struct gp_table_role no_lookup = {.size = sizeof no_lookup};
    static const struct gp_table_role small = {.size = 8, .lookup = lookup};
    static const struct gp_target_role target = {.size = sizeof target, .deliver = deliver};
    static const struct gp_target_role half = {
        .size = sizeof half, .deliver = deliver, .publish = deliver};
    static const struct gp_target_role nothing = {.size = sizeof nothing};
    static const struct gp_auth_role auth = {.size = sizeof auth};
    static const struct gp_state_role state_role = {.size = sizeof state_role};
    static const struct gp_spool_role spool = {.size = sizeof spool};

    (void)state;
    WITH(table = &table, NULL);
    WITH(table = &no_lookup, "table without lookup()");
    WITH(table = &small, "role table of 8 bytes");
    WITH(target = &target, NULL);
    WITH(target = &half, "one of publish() and revoke()");
    WITH(target = &nothing, "target without deliver()");
    WITH(auth = &auth, "auth without any function");
    WITH(state = &state_role, "state without all");
    WITH(spool = &spool, "spool without all");
}

/* ---- options ---- */

struct options {
    struct gp_slice text;
    int64_t number;
    int choice;
    const struct gp_list *list;
    struct inner {
        bool flag;
    } inner;
};

static const char *const choices[] = {"a", "b", NULL};
static const struct gp_option inner[] = {
    GP_OPTION_BOOL("flag", struct inner, flag, "no", "A flag."), GP_OPTIONS_END};
static struct gp_option endless[2];

struct refers {
    struct gp_slice path;
};
static const struct gp_option refers[] = {
    GP_OPTION_PATH("path", struct refers, path, GP_OPTIONAL, "d"), GP_OPTIONS_END};

static void check_rows(const struct gp_option *row, const char *part, int line)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_option rows[2] = {*row, GP_OPTIONS_END};
    struct gp_slice why;
    bool ok = gp__option_rows_ok(arena, rows, sizeof rows[0], sizeof(struct options), &why);

    if (ok ? part != NULL : !part || gp_slice_search(why, gp_slice_of(part)) == why.len) {
        print_error("line %d: \"" GP_FMT "\"\n", line, GP_ARG(why));
        fail();
    }
    gp__arena_free(&arena);
}

#define ROW(part, ...) check_rows(&(struct gp_option){__VA_ARGS__}, part, __LINE__)

static void test_options(void **state)
{
    (void)state;
    ROW(NULL, .name = "text", .type = GP_TYPE_STRING, .doc = "d");
    ROW(NULL, .name = "a-b_1", .type = GP_TYPE_ENUM, .names = choices, .doc = "d",
        .offset = offsetof(struct options, choice));
    ROW(NULL, .name = "list", .type = GP_TYPE_LIST, .item = GP_TYPE_OBJECT, .rows = inner,
        .row_size = sizeof(struct inner), .offset = offsetof(struct options, list), .doc = "d");
    ROW("is no lower-case word", .name = "Text", .type = GP_TYPE_STRING, .doc = "d");
    ROW("is no lower-case word", .name = "", .type = GP_TYPE_STRING, .doc = "d");
    ROW("unknown type, 0", .name = "x", .doc = "d");
    ROW("unknown type, 99", .name = "x", .type = (enum gp_type)99, .doc = "d");
    ROW("unknown type, -1", .name = "x", .type = (enum gp_type) - 1, .doc = "d");
    ROW("unknown type, 0", .name = "x", .type = GP_TYPE_LIST, .doc = "d");
    ROW("list of lists", .name = "x", .type = GP_TYPE_LIST, .item = GP_TYPE_MAP, .doc = "d");
    ROW("outside of the struct", .name = "x", .type = GP_TYPE_STRING, .doc = "d",
        .offset = sizeof(struct options));
    ROW("outside of the struct", .name = "x", .type = GP_TYPE_STRING, .doc = "d",
        .offset = SIZE_MAX - 7);
    ROW("where its type can't be", .name = "x", .type = GP_TYPE_INTEGER, .doc = "d", .offset = 1);
    ROW(NULL, .name = "x", .type = GP_TYPE_MAP, .item = GP_TYPE_STRING, .key = GP_TYPE_TABLE,
        .offset = offsetof(struct options, list), .doc = "d");
    ROW("other than a map's tables", .name = "x", .type = GP_TYPE_STRING, .key = GP_TYPE_TABLE,
        .doc = "d");
    ROW("minimum above", .name = "x", .type = GP_TYPE_INTEGER, .doc = "d", .min = 2, .max = 1);
    ROW("unknown flags", .name = "x", .type = GP_TYPE_STRING, .doc = "d", .flags = 1u << 9);
    ROW("no line of documentation", .name = "x", .type = GP_TYPE_STRING);
    ROW("no list of names", .name = "x", .type = GP_TYPE_ENUM, .doc = "d");
    ROW("no rows, or no size", .name = "x", .type = GP_TYPE_OBJECT, .doc = "d");
    ROW("no rows, or no size", .name = "x", .type = GP_TYPE_RECORDS, .doc = "d");
    ROW(NULL, .name = "x", .type = GP_TYPE_RECORDS, .rows = inner, .row_size = sizeof(struct inner),
        .offset = offsetof(struct options, list), .doc = "d");
    ROW("no field of a record", .name = "x", .type = GP_TYPE_RECORDS, .rows = refers,
        .row_size = sizeof(struct refers), .doc = "d");
    ROW("no rows, or no size", .name = "x", .type = GP_TYPE_OBJECT, .rows = inner, .doc = "d");
    endless[0] = (struct gp_option){
        .name = "x", .type = GP_TYPE_OBJECT, .rows = endless, .row_size = 8, .doc = "d"};
    ROW("deeper than 8", .name = "x", .type = GP_TYPE_OBJECT, .rows = endless, .row_size = 8,
        .doc = "d");
}

static void test_tables_of_options(void **state)
{
    static const struct gp_option twice[] = {
        {.name = "x", .type = GP_TYPE_STRING, .doc = "d"},
        {.name = "x", .type = GP_TYPE_STRING, .doc = "d"},
        GP_OPTIONS_END,
    };
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice why;

    (void)state;
    assert_false(gp__option_rows_ok(arena, twice, sizeof twice[0], 100, &why));
    assert_slice(why, GP_S("\"x\" stands there twice"));
    assert_false(gp__option_rows_ok(arena, twice, 0, 100, &why));
    assert_false(gp__option_rows_ok(arena, twice, offsetof(struct gp_option, key), 100, &why));
    assert_false(gp__option_rows_ok(arena, twice, sizeof twice[0] + 1, 100, &why));
    gp__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_tables_of_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

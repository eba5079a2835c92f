// SPDX-License-Identifier: Apache-2.0
/* What a configuration becomes: every type of value, conditions, groups, like:, includes, tables;
 * and what bounds it. */
#include "tests/unit/config/report.h"

#include "core/config/bind.h"
#include "core/config/node_pack.h"
#include "core/config/paths.h"
#include "core/config/show.h"
#include "core/config/value.h"

static struct gp__settings *load_files(const struct fake_file *files)
{
    struct gp__buf report = {0};
    struct gp__settings *settings = fake_load(files, &report, GP__DIAG_TEXT);

    if (!settings)
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&report)));
    gp__buf_free(&report);
    return settings;
}

static struct gp__settings *load(const char *text)
{
    struct fake_file files[] = {
        {FAKE_MAIN, text, 0}, {"/etc/gatepost/secret", "from-the-file\r\n", 0}, {NULL, NULL, 0}};

    return load_files(files);
}

static void assert_text(struct gp_slice s, const char *expected)
{
    if (!gp_slice_eq(s, gp_slice_of(expected)))
        fail_msg("\"" GP_FMT "\" instead of \"%s\"", GP_ARG(s), expected);
}

static const struct fake_all *options_of(const struct gp__settings *settings, size_t n)
{
    return settings->instances[n]->options;
}

/* ---- values ---- */

static void test_defaults(void **state)
{
    struct gp__settings *s = load(REPORT_BASE "chains: {c: [allkinds: ]}\n");
    const struct fake_all *all = options_of(s, 0);

    (void)state;
    assert_text(all->text, "hello");
    assert_int_equal(all->text.data[all->text.len], 0);
    assert_text(all->address, "127.0.0.1:25");
    assert_false(gp_slice_present(all->secret));
    assert_true(all->flag);
    assert_int_equal(all->number, 3);
    assert_int_equal(all->milli, 2500);
    assert_int_equal(all->size, 1 << 20);
    assert_int_equal(all->duration, 30000);
    assert_int_equal(all->word, 0);
    assert_null(all->table);
    assert_int_equal(gp_list_count(all->list), 2);
    assert_int_equal(gp_list_count(all->numbers), 0);
    assert_int_equal(*(const int64_t *)gp_map_find(all->map, GP_S("X")), 1);
    assert_false(gp_slice_present(all->inner.name));
    assert_int_equal(all->rate.count, 0);
    assert_int_equal(s->limits.recipients, 1000);
    assert_int_equal(s->limits.message_size, 50 << 20);
    assert_int_equal(s->answer_within.message, 240000);
    assert_int_equal(s->dns.resolvers, GP__RESOLVERS_SYSTEM);
    assert_int_equal(s->log.level, GP_LOG_INFO);
    assert_text(s->authserv_id, "mx.example");
    assert_false(gp_slice_present(s->hold_path));
    gp__settings_free(&s);
    assert_null(s);
}

/* ---- the queue ---- */

static const char *const queued =
    "hostname: mx.example\n"
    "listeners: {mx: {address: \"127.0.0.1:25\"}, b: {address: \"127.0.0.1:26\", mixed_reject: hold}}\n"
    "targets: {box: {maildir: {path: /m}}}\n"
    "routes:\n"
    "  - {name: d, match: {recipient: a.example}, to: box, mode: direct, queue: bulk}\n"
    "  - {name: q, match: {recipient: b.example}, to: box}\n"
    "spool: {path: spool, keep_free: 2GiB}\n"
    "overload: {keep_free: 3GiB}\n"
    "queue:\n"
    "  bulk: {like: slow, expire: 2d, retry_for: {full: 3h}, per_destination: {rate: 600/m}, fair_by: tenant}\n"
    "  slow: {retry: [1h, 2h], retry_for: {full: 1h, busy: [2h, 3h]}, warn: 0, per_destination: {connections: 3}}\n"
    "buckets: {spam: {expire: 14d, then: bounce, release: recipient}}\n"
    "bounces: {to: [authenticated, dkim_pass], mixed_reject: refuse_all, bucket: review}\n"
    "carriers: 3\n";

static void test_queue(void **state)
{
    struct gp__settings *s = load(queued);
    const struct gp__queue_settings *bulk = gp__settings_queue(s, GP_S("bulk"));
    const struct gp__queue_settings *normal = gp__settings_queue(s, GP_S("default"));

    (void)state;
    assert_text(s->spool.path, "/etc/gatepost/spool");
    assert_int_equal(s->spool.keep_free, 2ll << 30);
    assert_int_equal(s->n_queues, 3);
    assert_int_equal(bulk->retry.n, 2);
    assert_int_equal(bulk->retry.ms[1], 7200000);
    assert_int_equal(bulk->full.n, 1);
    assert_int_equal(bulk->full.ms[0], 3 * 3600000);
    assert_int_equal(bulk->busy.n, 2);
    assert_int_equal(bulk->unreachable.n, 0);
    assert_int_equal(bulk->expire_ms, 2 * 86400000);
    assert_int_equal(bulk->warn_ms, 0);
    assert_int_equal(bulk->connections, 3);
    assert_int_equal(bulk->rate.count, 600);
    assert_text(bulk->fair_by, "tenant");
    assert_int_equal(normal->retry.n, 6);
    assert_int_equal(normal->warn_ms, 4 * 3600000);
    assert_int_equal(normal->connections, 20);
    assert_true(s->routes[0]->direct);
    assert_ptr_equal(s->routes[0]->queue, bulk);
    assert_false(s->routes[1]->direct);
    assert_ptr_equal(s->routes[1]->queue, normal);
    assert_int_equal(s->process.carriers, 3);
    gp__settings_free(&s);
}

/* ---- an engine's options, written down for another process ---- */

static int bind_unpacked(struct gp__arena *arena, struct gp_slice packed, struct fake_store *out)
{
    struct gp__unpack in = {.rest = packed};
    const struct gp__node *node = gp__node_unpack(&in, arena);
    struct gp__schema_rows rows = {fake_store_rows, 0, sizeof *out, NULL, NULL};
    struct gp__diag *diag = gp__diag_create();
    struct gp__binder binder = {.arena = arena, .diag = diag};
    int result = node && gp__unpack_ended(&in)
                     ? gp__bind(&binder, node, node, GP_S("it"), &rows, out, NULL)
                     : -1;

    gp__diag_free(&diag);
    return result;
}

static void note_path(void *arg, struct gp_slice path)
{
    gp__buf_printf(arg, GP_FMT " ", GP_ARG(path));
}

static void test_engine(void **state)
{
    struct gp__settings *s = load(
        "hostname: mx.example\n"
        "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
        "targets: {box: {maildir: {path: /m}}}\n"
        "routes: [{name: q, to: box}]\n"
        "engines: {store: {box: {path: here, more: [/a, ./b], disks: [{path: c}]}}}\n"
        "spool: {path: spool, engine: store}\n");
    struct gp__arena *arena = gp__arena_create();
    struct gp__buf packed = {.limit = 0}, paths = {.limit = 0};
    struct fake_store store = {.size = 0};
    const struct fake_store_disk *disk;

    (void)state;
    assert_text(s->spool.engine->service.name, "store");
    gp__settings_stores(s, note_path, &paths);
    assert_text(gp__buf_slice(&paths),
                "/etc/gatepost/spool /etc/gatepost/spool /etc/gatepost/here ");
    gp__node_pack(&packed, s->spool.engine->written);
    assert_int_equal(bind_unpacked(arena, gp__buf_slice(&packed), &store), 0);
    assert_text(store.path, "/etc/gatepost/here");
    assert_int_equal(gp_list_count(store.more), 2);
    assert_text(*(const struct gp_slice *)gp_list_at(store.more, 1), "/etc/gatepost/b");
    disk = gp_list_at(store.disks, 0);
    assert_text(disk->path, "/etc/gatepost/c");
    assert_int_equal(disk->weight, 1);
    assert_int_equal(store.size, 1 << 20);
    for (size_t i = 0; i < packed.len; i++)
        assert_int_equal(bind_unpacked(arena, gp_slice_sub(gp__buf_slice(&packed), 0, i), &store),
                         -1);
    gp__buf_free(&packed);
    gp__buf_free(&paths);
    gp__arena_free(&arena);
    gp__settings_free(&s);
}

/* Sizes and depths that nobody wrote. */
static void test_unpack_refused(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__buf deep = {.limit = 0}, wide = {.limit = 0};
    struct gp__unpack in;

    (void)state;
    for (int i = 0; i < GP__NODE_DEPTH_MAX + 1; i++) {
        gp__pack_number(&deep, GP__NODE_SEQUENCE);
        gp__pack_number(&deep, 1);
    }
    gp__pack_number(&deep, GP__NODE_NULL);
    in = (struct gp__unpack){.rest = gp__buf_slice(&deep)};
    assert_null(gp__node_unpack(&in, arena));
    gp__pack_number(&wide, GP__NODE_SEQUENCE);
    gp__pack_number(&wide, GP__NODE_PACK_MAX);
    for (unsigned i = 0; i < GP__NODE_PACK_MAX; i++)
        gp__pack_number(&wide, GP__NODE_NULL);
    in = (struct gp__unpack){.rest = gp__buf_slice(&wide)};
    assert_null(gp__node_unpack(&in, arena));
    in = (struct gp__unpack){.rest = gp_slice("\x07\0\0\0\0\0\0\0", 8)};
    assert_null(gp__node_unpack(&in, arena));
    gp__buf_free(&deep);
    gp__buf_free(&wide);
    gp__arena_free(&arena);
}

/* Less is wanted to begin a message than to keep one, unless somebody says so. */
static void test_keep_free(void **state)
{
    static const struct {
        const char *text;
        uint64_t first;
    } cases[] = {
        {REPORT_BASE "spool: {path: /s}\n", 512ull << 20},
        {REPORT_BASE "spool: {path: /s, keep_free: 1MiB}\n", 512ull << 20},
        {REPORT_BASE "spool: {path: /s, keep_free: 2GiB}\n", 4ull << 30},
        {REPORT_BASE "spool: {path: /s, keep_free: 2GiB}\noverload: {memory: 1GiB}\n", 4ull << 30},
        {REPORT_BASE "spool: {path: /s, keep_free: 2GiB}\noverload: {keep_free: 1GiB}\n",
         1ull << 30},
        {REPORT_BASE "spool: {path: /s, keep_free: 2GiB}\noverload: {keep_free: 0}\n", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gp__settings *s = load(cases[i].text);

        assert_int_equal(s->overload.keep_free, cases[i].first);
        gp__settings_free(&s);
    }
}

static void test_too_many_waits(void **state)
{
    char text[2048] = REPORT_BASE "spool: {path: /s}\nqueue: {default: {retry: [1h";
    struct fake_file files[] = {{FAKE_MAIN, text, 0}, {NULL, NULL, 0}};
    struct gp__buf report = {0};
    size_t len = strlen(text);

    (void)state;
    for (unsigned i = 0; i < GP__WAITS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ", 1h");
    snprintf(text + len, sizeof text - len, "]}}\n");
    assert_null(fake_load(files, &report, GP__DIAG_TEXT));
    assert_true(gp_slice_search(gp__buf_slice(&report), GP_S("at most 100 waits")) < report.len);
    gp__buf_free(&report);
}

static void test_too_many_buckets(void **state)
{
    struct gp__buf text = {0}, report = {0};
    struct fake_file files[] = {{FAKE_MAIN, NULL, 0}, {NULL, NULL, 0}};
    char name[16];

    (void)state;
    gp__buf_append(&text, GP_S(REPORT_BASE "spool: {path: /s}\nbuckets: {"));
    for (unsigned i = 0; i < GP__BUCKETS_MAX; i++) { /* and `held` */
        snprintf(name, sizeof name, "b%u: {}, ", i);
        gp__buf_append(&text, gp_slice_of(name));
    }
    gp__buf_append(&text, gp_slice("}\n", sizeof "}\n"));
    files[0].text = gp__buf_slice(&text).data;
    assert_null(fake_load(files, &report, GP__DIAG_TEXT));
    assert_true(gp_slice_search(gp__buf_slice(&report), GP_S("`buckets:` has 1001 entries")) <
                report.len);
    gp__buf_free(&report);
    gp__buf_free(&text);
}

static void test_buckets(void **state)
{
    struct gp__settings *s = load(queued);

    (void)state;
    assert_int_equal(s->n_buckets, 2);
    assert_text(s->buckets[1], "review");
    assert_text(s->hold_bucket, "review");
    assert_int_equal(s->bucket_list[0].expire_ms, 14 * 86400000);
    assert_int_equal(s->bucket_list[0].then, GP__HELD_BOUNCE);
    assert_int_equal(s->bucket_list[0].release, GP__RELEASE_RECIPIENT);
    assert_int_equal(s->bucket_list[1].expire_ms, 30ll * 86400000);
    assert_int_equal(s->bucket_list[1].then, GP__HELD_DELETE);
    assert_int_equal(s->bounces.to, GP__BOUNCE_TO_AUTHENTICATED | GP__BOUNCE_TO_DKIM_PASS);
    assert_int_equal(s->listeners[0]->mixed_reject, GP__MIXED_REFUSE_ALL);
    assert_int_equal(s->listeners[1]->mixed_reject, GP__MIXED_HOLD);
    gp__settings_free(&s);
}

static void test_values(void **state)
{
    struct gp__settings *s = load(
        REPORT_BASE
        "tables: {doms: [a.example, b.example: yes]}\n"
        "hold: {path: /h}\nbuckets: {spam: {}}\n"
        "chains:\n  c:\n    - allkinds:\n"
        "        text: 25\n        flag: no\n        number: 9\n        milli: -0.25\n"
        "        size: 64KiB\n        duration: 1s500ms\n        rate: 30/10m\n"
        "        word: true\n        network: 2001:db8::/32\n        table: doms\n        regex: a(b)?c\n"
        "        path: ./x/y\n        target: box\n        bucket: spam\n"
        "        reply: \"a\\r\\nb\"\n        list: one\n"
        "        numbers: [1, 99]\n        map: {a: 1, b: -2}\n"
        "        objects: [{name: p}, {name: q, weight: 7}]\n"
        "        inner: {name: in}\n        address: \"[::1]:2525\"\n");
    const struct fake_all *all = options_of(s, 0);
    const struct fake_inner *object = gp_list_at(all->objects, 1);

    (void)state;
    assert_text(all->text, "25");
    assert_false(all->flag);
    assert_int_equal(all->number, 9);
    assert_int_equal(all->milli, -250);
    assert_int_equal(all->size, 65536);
    assert_int_equal(all->duration, 1500);
    assert_int_equal(all->rate.count, 30);
    assert_int_equal(all->rate.period_ms, 600000);
    assert_int_equal(all->word, 1);
    assert_true(gp_network_has(all->network, GP_S("2001:db8::1")));
    assert_false(gp_network_has(all->network, GP_S("2001:db9::1")));
    assert_false(gp_network_has(all->network, GP_S("nonsense")));
    assert_text(all->table->name, "doms");
    assert_text(*(const struct gp_slice *)gp_map_find(all->table->entries, GP_S("A.Example")), "");
    assert_text(*(const struct gp_slice *)gp_map_find(all->table->entries, GP_S("b.example")),
                "yes");
    assert_text(all->path, "/etc/gatepost/x/y");
    assert_text(all->target, "box");
    assert_text(all->bucket, "spam");
    assert_text(all->reply, "a\r\nb");
    assert_text(*(const struct gp_slice *)gp_list_at(all->list, 0), "one");
    assert_null(gp_list_at(all->list, 1));
    assert_int_equal(*(const int64_t *)gp_list_at(all->numbers, 1), 99);
    assert_text(gp_map_key(all->map, 1), "b");
    assert_int_equal(*(const int64_t *)gp_map_at(all->map, 1), -2);
    assert_null(gp_map_at(all->map, 2));
    assert_false(gp_slice_present(gp_map_key(all->map, 2)));
    assert_text(object->name, "q");
    assert_int_equal(object->weight, 7);
    assert_int_equal(((const struct fake_inner *)gp_list_at(all->objects, 0))->weight, 5);
    assert_text(all->inner.name, "in");
    gp__settings_free(&s);
}

static void test_regex_match(void **state)
{
    struct gp__settings *s = load(REPORT_BASE "chains:\n  c:\n    - allkinds: {regex: 'a(b)?(c)'}\n"
                                              "    - allkinds: {regex: '^(a+)+$'}\n      id: two\n"
                                              "    - allkinds: {regex: '(?i)^\\x{c4}$'}\n"
                                              "      id: three\n");
    const struct gp_regex *groups = options_of(s, 0)->regex;
    const struct gp_regex *explodes = options_of(s, 1)->regex;
    const struct gp_regex *unicode = options_of(s, 2)->regex;
    struct gp_slice found[4];
    char many[64];

    (void)state;
    memset(many, 'a', sizeof many);
    many[63] = 'b';
    assert_int_equal(gp_regex_match(groups, GP_S("xxacx"), found, 4), 1);
    assert_text(found[0], "ac");
    assert_false(gp_slice_present(found[1]));
    assert_text(found[2], "c");
    assert_false(gp_slice_present(found[3]));
    assert_int_equal(gp_regex_match(groups, GP_S("xx"), found, 4), 0);
    assert_int_equal(gp_regex_match(groups, gp_slice(NULL, 0), NULL, 0), 0);
    assert_int_equal(gp_regex_match(explodes, gp_slice(many, sizeof many), NULL, 0), GP_ELIMIT);
    assert_int_equal(gp_regex_match(explodes, GP_S("aaa"), NULL, 0), 1);
    assert_int_equal(gp_regex_match(unicode, GP_S("\xc3\xa4"), NULL, 0), 1);
    assert_int_equal(gp_regex_match(unicode, GP_S("\xff\xfe"), NULL, 0), 0);
    assert_text(gp_regex_pattern(groups), "a(b)?(c)");
    gp__settings_free(&s);
}

static void test_secrets(void **state)
{
    static const struct {
        const char *written, *value, *shown;
    } cases[] = {
        {"hunter2", "hunter2", "secret: (secret)"},
        {"\"env:FAKE_SECRET\"", "from-the-environment", "secret: \"env:FAKE_SECRET\""},
        {"{env: FAKE_SECRET}", "from-the-environment", "env: FAKE_SECRET"},
        {"\"file:secret\"", "from-the-file", "secret: \"file:secret\""},
        {"{file: /etc/gatepost/secret}", "from-the-file", "file: /etc/gatepost/secret"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gp__buf shown = {0};
        struct gp__settings *s;
        char text[1000];

        snprintf(text, sizeof text, "%schains: {c: [allkinds: {secret: %s}]}\n", REPORT_BASE,
                 cases[i].written);
        s = load(text);
        assert_text(options_of(s, 0)->secret, cases[i].value);
        assert_int_equal(gp__show(s, &shown), 0);
        assert_true(gp_slice_search(gp__buf_slice(&shown), gp_slice_of(cases[i].value)) ==
                    shown.len);
        assert_true(gp_slice_search(gp__buf_slice(&shown), gp_slice_of(cases[i].shown)) <
                    shown.len);
        gp__buf_free(&shown);
        gp__settings_free(&s);
    }
}

/* A plugin that was built when rows were shorter. */
static void test_shorter_rows(void **state)
{
    struct old_row {
        char bytes[offsetof(struct gp_option, flags)];
    };
    struct old_row rows[2] = {0};
    struct gp_option row = {.name = "x", .type = GP_TYPE_STRING, .def = "d", .flags = ~0u};
    struct gp_option copy;

    (void)state;
    memcpy(&rows[0], &row, sizeof rows[0]);
    assert_true(gp__option_row((const void *)rows, sizeof rows[0], 0, &copy));
    assert_string_equal(copy.name, "x");
    assert_int_equal(copy.flags, 0);
    assert_null(copy.doc);
    assert_false(gp__option_row((const void *)rows, sizeof rows[0], 1, &copy));
    assert_false(gp__option_row(NULL, 0, 0, &copy));
}

/* ---- sections ---- */

static void test_listeners(void **state)
{
    struct gp__settings *s = load(
        "hostname: mx.example\n"
        "limits: {recipients: 500, errors: 7}\n"
        "listeners:\n"
        "  base: {address: [\"127.0.0.1:25\", \"unix:/run/s\"], relay: [authenticated, 10.0.0.0/8],"
        " limits: {recipients: 600, headers: 60}, refuse_at: now, exempt: []}\n"
        "  like: {like: base, address: \"[::1]:0\", hostname: other.example,"
        " limits: {headers: 70}, extensions: {CHUNKING: off, VRFY: yes}}\n");
    const struct gp__listener_settings *base = gp__settings_listener(s, GP_S("base"));
    const struct gp__listener_settings *like = gp__settings_listener(s, GP_S("like"));

    (void)state;
    assert_int_equal(base->n_addresses, 2);
    assert_text(base->addresses[1].path, "/run/s");
    assert_int_equal(base->addresses[0].port, 25);
    assert_int_equal(base->smtp.limits.recipients, 600);
    assert_int_equal(base->smtp.limits.errors, 7);
    assert_int_equal(base->smtp.limits.headers, 60);
    assert_int_equal(base->smtp.extensions, GP__EXT_DEFAULT);
    assert_int_equal(base->n_exempt, 0);
    assert_int_equal(like->n_addresses, 1);
    assert_int_equal(like->addresses[0].ip.family, 6);
    assert_text(like->smtp.hostname, "other.example");
    assert_text(base->smtp.hostname, "mx.example");
    assert_int_equal(like->smtp.limits.recipients, 600);
    assert_int_equal(like->smtp.limits.headers, 70);
    assert_int_equal(like->refuse_at, GP__REFUSE_AT_NOW);
    assert_true(like->relay_authenticated);
    assert_int_equal(like->n_relay, 1);
    assert_int_equal(like->relay[0].bits, 8);
    assert_int_equal(like->smtp.extensions,
                     (GP__EXT_DEFAULT & ~(GP__EXT_CHUNKING | GP__EXT_BINARYMIME)) | GP__EXT_VRFY);
    assert_null(gp__settings_listener(s, GP_S("none")));
    gp__settings_free(&s);
}

static void test_chains(void **state)
{
    struct gp__settings *s = load(REPORT_BASE "hold: {path: held}\n"
                                              "buckets: {spam: }\n"
                                              "chains:\n"
                                              "  c:\n"
                                              "    - early:\n"
                                              "    - when: {listener: mx}\n"
                                              "      do:\n"
                                              "        - when: {tls: true}\n"
                                              "          do:\n"
                                              "            - sign: {}\n"
                                              "              id: inner\n"
                                              "              deadline: 2s\n"
                                              "              on_error: quarantine\n"
                                              "              mode: shadow\n"
                                              "              refuse_at: now\n"
                                              "              even_authenticated: true\n"
                                              "              when: {authenticated: off}\n");
    const struct gp__chain_settings *chain = s->chains[0];
    const struct gp__use *early = chain->items[0], *inner = chain->items[1];
    const struct gp__when *outer;

    (void)state;
    assert_int_equal(chain->count, 2);
    assert_text(early->id, "early");
    assert_int_equal(early->deadline_ms, 5000);
    assert_int_equal(early->on_error, GP_ON_ERROR_CONTINUE);
    assert_false(early->has_refuse_at);
    assert_null(early->when);
    assert_null(early->options);
    assert_text(inner->id, "inner");
    assert_int_equal(inner->index, 1);
    assert_int_equal(inner->deadline_ms, 2000);
    assert_int_equal(inner->on_error, GP_ON_ERROR_QUARANTINE);
    assert_int_equal(inner->mode, GP__MODE_SHADOW);
    assert_true(inner->has_refuse_at && inner->refuse_at == GP__REFUSE_AT_NOW);
    assert_true(inner->even_authenticated);
    assert_int_equal(inner->when->kind, GP__WHEN_ALL);
    assert_int_equal(inner->when->children[1]->fact, GP__FACT_AUTHENTICATED);
    assert_false(inner->when->children[1]->flag);
    outer = inner->when->children[0];
    assert_int_equal(outer->children[0]->fact, GP__FACT_LISTENER);
    assert_int_equal(outer->children[1]->fact, GP__FACT_TLS);
    assert_text(s->hold_path, "/etc/gatepost/held");
    assert_true(gp__settings_bucket(s, GP_S("spam")) && gp__settings_bucket(s, GP_S("held")));
    assert_false(gp__settings_bucket(s, GP_S("ham")));
    gp__settings_free(&s);
}

static void test_when(void **state)
{
    struct gp__settings *s = load(
        REPORT_BASE "tables: {doms: [a.example]}\n"
                    "chains:\n  c:\n    - sign:\n      when:\n"
                    "        recipient_not: [a@b.example, .c.example, d.example, postmaster, "
                    "doms, \"file:more\"]\n"
                    "        client: [10.0.0.0/8, \"::1\", doms]\n"
                    "        note: sign.is\n        is: 5\n"
                    "        size_over: 1KiB\n        class: relay\n"
                    "        any: [{helo: .h.example}, {null_sender: yes}]\n");
    const struct gp__when *all = s->instances[0]->when;
    const struct gp__when *rcpt = all->children[0], *client = all->children[1];
    const struct gp__when *any = all->children[5];

    (void)state;
    assert_int_equal(all->kind, GP__WHEN_ALL);
    assert_int_equal(all->count, 6);
    assert_true(rcpt->fact == GP__FACT_RECIPIENT && rcpt->negate);
    assert_int_equal(rcpt->n_patterns, 4);
    assert_int_equal(rcpt->patterns[0].kind, GP__PATTERN_ADDRESS);
    assert_int_equal(rcpt->patterns[1].kind, GP__PATTERN_SUBDOMAIN);
    assert_text(rcpt->patterns[1].text, "c.example");
    assert_int_equal(rcpt->patterns[2].kind, GP__PATTERN_DOMAIN);
    assert_int_equal(rcpt->patterns[3].kind, GP__PATTERN_LOCAL);
    assert_int_equal(rcpt->n_tables, 2);
    assert_text(rcpt->tables[0]->name, "doms");
    assert_text(rcpt->tables[1]->name, "(F:10)");
    assert_text(((const struct fake_path *)s->tables[1]->service.options)->path,
                "/etc/gatepost/more");
    assert_true(client->fact == GP__FACT_CLIENT && !client->negate);
    assert_int_equal(client->n_networks, 2);
    assert_int_equal(client->n_tables, 1);
    assert_text(all->children[2]->note, "sign.is");
    assert_text(all->children[2]->is, "5");
    assert_int_equal(all->children[3]->size, 1024);
    assert_int_equal(all->children[4]->class, GP__CLASS_RELAY);
    assert_int_equal(any->kind, GP__WHEN_ANY);
    assert_int_equal(any->children[0]->patterns[0].kind, GP__PATTERN_SUBDOMAIN);
    assert_true(any->children[1]->flag);
    gp__settings_free(&s);
}

static void test_known(void **state)
{
    (void)state;
    assert_true(gp__fact_known(GP__FACT_CLIENT, GP_HOOK_CONNECT));
    assert_false(gp__fact_known(GP__FACT_HELO, GP_HOOK_TLS));
    assert_false(gp__fact_known(GP__FACT_RECIPIENT, GP_HOOK_MAIL));
    assert_true(gp__fact_known(GP__FACT_RECIPIENT, GP_HOOK_RESOLVE));
    assert_false(gp__fact_known(GP__FACT_ROUTE, GP_HOOK_RESOLVE));
    assert_true(gp__fact_known(GP__FACT_ROUTE, GP_HOOK_ACCEPTED));
    assert_false(gp__fact_known(GP__FACT_CLIENT, GP_HOOK_TICK));
    assert_false(gp__fact_known(GP__FACT_SENDER, GP_HOOK_CAPABILITIES));
}

static void test_tables_and_routes(void **state)
{
    struct gp__settings *s = load(
        "hostname: mx.example\nlisteners: {mx: {address: \"[::]:25\"}}\n"
        "tables: {a: {file: {path: a, next: b}}, b: \"file:b\", doms: [x.example]}\n"
        "targets: {box: {maildir: {path: /m, next: a}}}\n"
        "routes:\n"
        "  - {name: ours, match: {recipient: doms}, valid: a, to: box, mode: direct}\n"
        "  - {name: out, match: {relay: true, sender: x.example}, to: box, mode: direct}\n");
    const struct fake_path *a = s->tables[1]->service.options;

    (void)state;
    assert_int_equal(s->n_tables, 3);
    assert_text(s->tables[0]->service.name, "b"); /* a needs it */
    assert_text(s->tables[1]->service.name, "a");
    assert_ptr_equal(a->next, &s->tables[0]->handle);
    assert_int_equal(s->tables[2]->service.index, 2);
    assert_null(s->tables[2]->service.plugin);
    assert_string_equal(s->tables[0]->service.plugin->name, "file_table");
    assert_ptr_equal(s->routes[0]->valid, &s->tables[1]->handle);
    assert_ptr_equal(s->routes[0]->to, gp__settings_target(s, GP_S("box")));
    assert_ptr_equal(s->routes[0]->match->tables[0], &s->tables[2]->handle);
    assert_false(s->routes[0]->relay);
    assert_true(s->routes[1]->relay);
    assert_true(s->targets[0]->used);
    gp__settings_free(&s);
}

static void test_flat_sections(void **state)
{
    struct gp__settings *s = load(
        REPORT_BASE "dns: {resolvers: [192.0.2.53, \"[2001:db8::53]:5353\"], dnssec: false}\n"
                    "log: {to: logs/mail.log, format: json, level: debug}\n"
                    "auth_results: {authserv_id: other}\nplugins: {path: lib}\n");

    (void)state;
    assert_int_equal(s->dns.resolvers, GP__RESOLVERS_LIST);
    assert_int_equal(s->dns.n_list, 2);
    assert_int_equal(s->dns.list[0].port, 53);
    assert_int_equal(s->dns.list[1].port, 5353);
    assert_int_equal(s->dns.dnssec, 2 /* off */);
    assert_text(s->log.to, "/etc/gatepost/logs/mail.log");
    assert_int_equal(s->log.format, GP__LOG_JSON);
    assert_int_equal(s->log.level, GP_LOG_DEBUG);
    assert_text(s->authserv_id, "other");
    assert_text(*(const struct gp_slice *)gp_list_at(s->plugin_path, 0), "/etc/gatepost/lib");
    gp__settings_free(&s);
}

/* ---- includes ---- */

static void test_include(void **state)
{
    struct fake_file files[] = {
        {FAKE_MAIN,
         "hostname: mx.example\ninclude: [conf.d/*.yaml, other/last.yaml]\n"
         "routes: [{name: r1, match: {recipient: a.example}, to: box, mode: direct}]\n",
         0},
        {"/etc/gatepost/conf.d/a.yaml", "listeners: {a: {address: \"127.0.0.1:25\"}}\n", 0},
        {"/etc/gatepost/conf.d/b.yaml",
         "listeners: {b: {address: \"127.0.0.1:26\"}}\n"
         "routes: [{name: r2, to: box, mode: direct}]\n",
         0},
        {"/etc/gatepost/conf.d/c.txt", "not: read\n", 0},
        {"/etc/gatepost/other/last.yaml", "include: sub.yaml\n", 0},
        {"/etc/gatepost/other/sub.yaml", "targets: {box: {maildir: {path: here}}}\n", 0},
        {NULL, NULL, 0}};
    struct gp__settings *s = load_files(files);

    (void)state;
    assert_int_equal(s->n_listeners, 2);
    assert_text(s->listeners[1]->name, "b");
    assert_int_equal(s->n_routes, 2);
    assert_text(s->routes[1]->name, "r2");
    assert_text(((const struct fake_path *)s->targets[0]->service.options)->path,
                "/etc/gatepost/other/here");
    gp__settings_free(&s);
}

static void test_include_refused(void **state)
{
    static const struct {
        const char *main, *other, *says;
    } cases[] = {
        {"include: o.yaml\n", "include: F\n", "/etc/gatepost/F: this file includes itself"},
        {"include: [o.yaml, ./o.yaml]\n", "log: {}\n", "this file is included twice"},
        {"hostname: a\ninclude: o.yaml\n", "hostname: b\n",
         "\"hostname\" at the top is given twice, first in F:1"},
        {"include: o.yaml\ntables: {a: [x]}\n", "tables: {a: [y]}\n",
         "\"a\" is given twice, first in F:2"},
        {"include: o.yaml\ntables: {a: [x]}\n", "tables: [x]\n", "at the top is given twice"},
        {"include: o.yaml\n", "- x\n", "/etc/gatepost/o.yaml:1:1: error: a configuration is"},
        {"include: o.yaml\n", "a: [\n", "/etc/gatepost/o.yaml:2:1: error: flow"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_file files[] = {{FAKE_MAIN, cases[i].main, 0},
                                    {"/etc/gatepost/o.yaml", cases[i].other, 0},
                                    {NULL, NULL, 0}};
        struct gp__buf report = {0};
        struct gp__settings *s = fake_load(files, &report, GP__DIAG_TEXT);

        assert_null(s);
        if (gp_slice_search(gp__buf_slice(&report), gp_slice_of(cases[i].says)) == report.len)
            fail_msg("%s is not in\n" GP_FMT, cases[i].says, GP_ARG(gp__buf_slice(&report)));
        gp__buf_free(&report);
    }
}

/* ---- bounds ---- */

static void assert_refused(const char *text, size_t len, const char *says)
{
    struct fake_file files[] = {{FAKE_MAIN, text, len}, {NULL, NULL, 0}};
    struct gp__buf report = {0};

    assert_null(fake_load(files, &report, GP__DIAG_TEXT));
    if (gp_slice_search(gp__buf_slice(&report), gp_slice_of(says)) == report.len)
        fail_msg("%s is not in\n" GP_FMT, says, GP_ARG(gp__buf_slice(&report)));
    gp__buf_free(&report);
}

static void test_bounds(void **state)
{
    static char text[(4 << 20) + 100];
    size_t len;

    (void)state;
    len = (size_t)snprintf(text, sizeof text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) /* ten billion laughs */
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, "
                                "*a%d]\n",
                                i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
                                i - 1);
    assert_refused(text, len, "anchors expand to more than 200000");

    memset(text, '[', 100);
    assert_refused(text, 100, "nested more than 64 levels deep");

    len = (size_t)snprintf(text, sizeof text, "a0: &a0 x\n");
    for (int i = 1; i < 70; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_refused(text, len, "nested more than 64 levels deep");

    memset(text, ' ', sizeof text);
    assert_refused(text, sizeof text - 1, "larger than 4194304 bytes");

    assert_refused("hostname: \xff\n", 12, "F:1:11: error: not UTF-8");
    assert_refused("hostname: \0\n", 12, "F:1:11: error: a NUL byte");

    len = 0; /* more problems than are kept */
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "zzzzzz%d: 1\n", i);
    assert_refused(text, len, "... and 101 more\n");
}

/* What is shown is a configuration of the same meaning. */
static void test_show_again(void **state)
{
    struct gp__settings *s = load(REPORT_BASE
                                  "tables: {t: [a: \"x: y\", \"#b\"]}\n"
                                  "hold: {path: /h}\n"
                                  "buckets: {spam: , dlp: {}}\n"
                                  "chains: {c: [allkinds: {text: \"a\\tb \\u00e4\"}]}\n");
    struct gp__buf first = {0}, second = {0};
    struct gp__settings *again;

    (void)state;
    assert_int_equal(gp__show(s, &first), 0);
    assert_int_equal(gp__buf_append(&first, gp_slice("", 1)), 0);
    again = load(gp__buf_slice(&first).data);
    assert_text(options_of(again, 0)->text, "a\tb \xc3\xa4");
    assert_text(*(const struct gp_slice *)gp_map_at(again->tables[0]->handle.entries, 0), "x: y");
    assert_int_equal(again->limits.message_size, s->limits.message_size);
    assert_int_equal(gp__show(again, &second), 0);
    assert_true(gp_slice_search(gp__buf_slice(&first), GP_S("threads: 4  # default\n")) <
                first.len);
    assert_true(gp_slice_search(gp__buf_slice(&second), GP_S("threads: 4  # F:")) < second.len);
    gp__buf_free(&first);
    gp__buf_free(&second);
    gp__settings_free(&again);
    gp__settings_free(&s);
}

/* ---- TLS ---- */

static void test_tls(void **state)
{
    static const char text[] =
        "hostname: mx.example\n"
        "tls: {certificates: [{cert: a.pem, key: /k/a.key, names: [A.Example, "
        "\"*.b.example\"]}], profile: modern, handshakes: 7, ticket_rotation: 1h}\n"
        "listeners:\n"
        "  none: {address: \"[::1]:24\"}\n"
        "  mx: {address: \"[::1]:25\", tls: optional}\n"
        "  sub: {like: mx, address: \"[::1]:26\", tls: required}\n"
        "  own: {address: \"[::1]:27\", tls: implicit, tls_options: {tickets: "
        "false, profile: old, client_certificates: request, client_ca: "
        "a.pem}}\n"
        "  two: {like: own, address: \"[::1]:28\", tls_options: {tickets: true}}\n"
        "targets: {box: {maildir: {path: /m}}}\n"
        "routes: [{name: r, to: box, mode: direct}]\n";
    struct fake_file files[] = {{FAKE_MAIN, text, 0},
                                {"/etc/gatepost/a.pem", "CERT a", 0},
                                {"/k/a.key", "KEY a\n", 0},
                                {NULL, NULL, 0}};
    struct gp__settings *s = load_files(files);
    const struct gp__tls_settings *global = s->tls, *own;

    (void)state;
    assert_int_equal(global->n_certificates, 1);
    assert_text(global->certificates[0].chain, "CERT a");
    assert_text(global->certificates[0].key, "KEY a");
    assert_int_equal(global->certificates[0].n_names, 2);
    assert_text(global->certificates[0].names[0], "a.example");
    assert_text(global->certificates[0].names[1], "*.b.example");
    assert_int_equal(global->profile, GP__TLS_MODERN);
    assert_int_equal(global->handshakes, 7);
    assert_int_equal(global->ticket_rotation, 3600000);
    assert_int_equal(global->handshake_timeout, 30000);
    assert_true(global->tickets);
    assert_int_equal(s->listeners[0]->tls, GP__TLS_OFF);
    assert_int_equal(s->listeners[0]->smtp.starttls, GP__STARTTLS_OFF);
    assert_int_equal(s->listeners[1]->tls, GP__TLS_OPTIONAL);
    assert_int_equal(s->listeners[1]->smtp.starttls, GP__STARTTLS_OFFERED);
    assert_int_equal(s->listeners[2]->tls, GP__TLS_REQUIRED);
    assert_int_equal(s->listeners[2]->smtp.starttls, GP__STARTTLS_REQUIRED);
    assert_ptr_equal(s->listeners[2]->tls_settings, global);
    assert_int_equal(s->listeners[3]->tls, GP__TLS_IMPLICIT);
    assert_int_equal(s->listeners[3]->smtp.starttls, GP__STARTTLS_OFF);
    own = s->listeners[3]->tls_settings;
    assert_int_equal(own->n_certificates, 1);
    assert_int_equal(own->profile, GP__TLS_OLD);
    assert_int_equal(own->handshakes, 7);
    assert_false(own->tickets);
    assert_int_equal(own->client_certificates, GP__TLS_CLIENT_REQUEST);
    assert_text(own->client_ca, "CERT a");
    assert_int_equal(s->listeners[4]->tls, GP__TLS_IMPLICIT);
    assert_int_equal(s->listeners[4]->tls_settings->profile, GP__TLS_OLD);
    assert_true(s->listeners[4]->tls_settings->tickets);
    gp__settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_keep_free),
        cmocka_unit_test(test_too_many_waits),
        cmocka_unit_test(test_too_many_buckets),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_regex_match),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_shorter_rows),
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_tables_and_routes),
        cmocka_unit_test(test_flat_sections),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_include_refused),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_show_again),
        cmocka_unit_test(test_engine),
        cmocka_unit_test(test_unpack_refused),
    };

    return cmocka_run_group_tests(tests, NULL, free_pool);
}

// SPDX-License-Identifier: Apache-2.0
/* A fact of a condition and its value: addresses, networks, names, tables, or one of a few words. */
#include "core/config/settings_fact.h"

#include "core/base/domain.h"
#include "core/base/units.h"
#include "core/base/utf8.h"
#include "core/smtp/address.h"

enum value_kind {
    VALUE_FLAG = 0,
    VALUE_NOTE,
    VALUE_ADDRESSES, /* addresses, domains, local parts, tables */
    VALUE_CLIENTS,   /* networks, tables */
    VALUE_HOSTS,     /* host names, tables */
    VALUE_TEXTS,     /* whatever, tables */
    VALUE_LISTENERS,
    VALUE_ROUTES,
    VALUE_CLASS,
    VALUE_SIZE,
};

struct fact_word {
    const char *word;
    enum gp__fact fact;
    enum value_kind value;
    bool negate;
    bool in_route, in_instance;
};

static const struct fact_word fact_words[] = {
    {"authenticated", GP__FACT_AUTHENTICATED, VALUE_FLAG, false, true, true},
    {"user", GP__FACT_USER, VALUE_TEXTS, false, true, true},
    {"user_not", GP__FACT_USER, VALUE_TEXTS, true, true, true},
    {"note", GP__FACT_NOTE, VALUE_NOTE, false, true, true},
    {"recipient", GP__FACT_RECIPIENT, VALUE_ADDRESSES, false, true, true},
    {"recipient_not", GP__FACT_RECIPIENT, VALUE_ADDRESSES, true, true, true},
    {"sender", GP__FACT_SENDER, VALUE_ADDRESSES, false, true, true},
    {"sender_not", GP__FACT_SENDER, VALUE_ADDRESSES, true, true, true},
    {"client", GP__FACT_CLIENT, VALUE_CLIENTS, false, true, true},
    {"client_not", GP__FACT_CLIENT, VALUE_CLIENTS, true, true, true},
    {"listener", GP__FACT_LISTENER, VALUE_LISTENERS, false, true, true},
    {"helo", GP__FACT_HELO, VALUE_HOSTS, false, false, true},
    {"tls", GP__FACT_TLS, VALUE_FLAG, false, false, true},
    {"tls_client", GP__FACT_TLS_CLIENT, VALUE_TEXTS, false, false, true},
    {"null_sender", GP__FACT_NULL_SENDER, VALUE_FLAG, false, true, true},
    {"route", GP__FACT_ROUTE, VALUE_ROUTES, false, false, true},
    {"class", GP__FACT_CLASS, VALUE_CLASS, false, false, true},
    {"size_over", GP__FACT_SIZE_OVER, VALUE_SIZE, false, false, true},
    {"relay", GP__FACT_RELAY, VALUE_FLAG, false, true, false},
};

#define FACT_WORDS (sizeof fact_words / sizeof fact_words[0])

/* A fact whose lists still grow. */
struct draft {
    struct gp__load *load;
    const struct fact_word *word;
    enum gp__when_place place;
    struct gp__when_at *out;
    struct gp__pattern *patterns;
    struct gp__network *networks;
    struct gp_table **tables;
    size_t patterns_cap, networks_cap, tables_cap;
};

/* ---- values ---- */

static void add_pattern(struct draft *d, enum gp__pattern_kind kind, struct gp_slice text)
{
    struct gp__when *when = &d->out->when;

    GP__ARENA_GROW(d->load->arena, d->patterns, d->patterns_cap, when->n_patterns + 1);
    d->patterns[when->n_patterns++] = (struct gp__pattern){kind, text};
    when->patterns = d->patterns;
}

static void add_network(struct draft *d, const struct gp__network *network)
{
    struct gp__when *when = &d->out->when;

    GP__ARENA_GROW(d->load->arena, d->networks, d->networks_cap, when->n_networks + 1);
    d->networks[when->n_networks++] = *network;
    when->networks = d->networks;
}

static int add_table(struct draft *d, const struct gp__node *node)
{
    struct gp__when *when = &d->out->when;
    struct gp_table *table;
    struct gp_slice ref = node->kind == GP__NODE_SCALAR ? node->text : gp_slice(NULL, 0);

    if (gp__load_table_ref(d->load, node, ref, &table) < 0)
        return -1;
    GP__ARENA_GROW(d->load->arena, d->tables, d->tables_cap, when->n_tables + 1);
    d->tables[when->n_tables++] = table;
    when->tables = d->tables;
    return 0;
}

static int bad(struct draft *d, const struct gp__node *node, const char *expected)
{
    gp__diag_add(d->load->diag, GP__ERROR, node, "\"%s\" must be %s, not %s" GP_FMT "%s",
                 d->word->word, expected, node->kind == GP__NODE_SCALAR ? "\"" : "",
                 GP_ARG(node->kind == GP__NODE_SCALAR ? gp_slice_sub(node->text, 0, 200)
                                                      : gp_slice_of(gp__node_kind_text(node))),
                 node->kind == GP__NODE_SCALAR ? "\"" : "");
    return -1;
}

static bool is_table_name(struct gp__load *load, const struct gp__node *node)
{
    return node->kind == GP__NODE_SCALAR && gp__map_find(&load->tables, node->text) != NULL;
}

/* "file:/path", or a mapping: a table that is not in `tables:`. */
static bool is_anonymous_table(const struct gp__node *node)
{
    return node->kind == GP__NODE_MAPPING ||
           (node->kind == GP__NODE_SCALAR && gp_slice_find(node->text, ':') < node->text.len &&
            gp_slice_find(node->text, '@') == node->text.len);
}

/* A text for comparing: "a@b", "example.org", ".example.org", "[192.0.2.1]" or "postmaster". */
static enum gp__pattern_kind pattern_kind(struct gp_slice text)
{
    if (gp_slice_find(text, '@') < text.len)
        return GP__PATTERN_ADDRESS;
    if (text.len > 1 && text.data[0] == '.')
        return GP__PATTERN_SUBDOMAIN;
    return gp_slice_find(text, '.') < text.len || text.data[0] == '[' ? GP__PATTERN_DOMAIN
                                                                      : GP__PATTERN_LOCAL;
}

/* A word that is nearly the name of a table is hardly meant as a local part. */
static void doubt_word(struct draft *d, const struct gp__node *node)
{
    struct gp__suggest suggest = {.word = node->text};

    if (gp__diag_count(d->load->diag, GP__WARNING) >= GP__DIAG_MAX)
        return;
    for (size_t i = 0; i < d->load->tables.count; i++)
        gp__suggest_try(&suggest, d->load->tables.entries[i].key);
    if (gp_slice_present(suggest.best))
        gp__diag_add(d->load->diag, GP__WARNING, node,
                     "\"" GP_FMT "\" is taken for a local part; did you mean the table \"" GP_FMT
                     "\"?",
                     GP_ARG(node->text), GP_ARG(suggest.best));
}

static bool is_domain(struct gp_slice text)
{
    struct gp__ip literal;

    return gp__domain_parse(text, GP__ADDRESS_UTF8, &literal) == GP__ADDRESS_OK;
}

/* Not a domain. What is wrong with one beyond ASCII is not easily seen. */
static int bad_domain(struct draft *d, const struct gp__node *node, const char *expected)
{
    return bad(d, node, gp__ascii_only(node->text) ? expected : "in valid U-labels (RFC 5891)");
}

static struct gp_slice key_of(struct draft *d, struct gp_slice text)
{
    return gp__domain_key(d->load->arena, text);
}

/* Kept as recipients are: without quotes that it does not need. */
static int add_mailbox(struct draft *d, const struct gp__node *node)
{
    struct gp__address address;

    if (gp__mailbox_parse(d->load->arena, node->text, GP__ADDRESS_UTF8, &address))
        return bad_domain(d, node,
                          "an address such as a@example.org (a domain goes without \"@\")");
    add_pattern(d, GP__PATTERN_ADDRESS, key_of(d, address.text));
    return 0;
}

static int add_address(struct draft *d, const struct gp__node *node)
{
    struct gp_slice text = node->text;
    enum gp__pattern_kind kind;

    if (is_table_name(d->load, node) || is_anonymous_table(node))
        return add_table(d, node);
    if (node->kind != GP__NODE_SCALAR || text.len == 0)
        return bad(d, node, "an address, a domain, a local part or a table");
    kind = pattern_kind(text);
    if (kind == GP__PATTERN_ADDRESS)
        return add_mailbox(d, node);
    if (kind == GP__PATTERN_LOCAL && d->place == GP__WHEN_OF_ROUTE) {
        gp__load_unknown(d->load, node, text, "table", &d->load->tables);
        return -1;
    }
    if (kind == GP__PATTERN_LOCAL) {
        doubt_word(d, node);
        add_pattern(d, kind, text);
        return 0;
    }
    text = gp_slice_sub(text, kind == GP__PATTERN_SUBDOMAIN, text.len);
    if (!is_domain(text))
        return bad_domain(d, node, "an address, a domain, a local part or a table");
    add_pattern(d, kind, key_of(d, text));
    return 0;
}

static int add_client(struct draft *d, const struct gp__node *node)
{
    struct gp__network network;
    int result = node->kind == GP__NODE_SCALAR ? gp__network_parse(node->text, &network) : -1;

    if (result == 0) {
        add_network(d, &network);
        return 0;
    }
    if (result == -2)
        return bad(d, node, "a network without bits of the host");
    if (is_table_name(d->load, node) || is_anonymous_table(node))
        return add_table(d, node);
    if (node->kind != GP__NODE_SCALAR)
        return bad(d, node, "a network, an IP address or a table");
    gp__load_unknown(d->load, node, node->text, "network or table", &d->load->tables);
    return -1;
}

static int add_host(struct draft *d, const struct gp__node *node)
{
    struct gp_slice text = node->text;
    bool below;

    if (is_table_name(d->load, node) || is_anonymous_table(node))
        return add_table(d, node);
    if (node->kind != GP__NODE_SCALAR || text.len == 0)
        return bad(d, node, "a host name or a table");
    below = text.len > 1 && text.data[0] == '.';
    text = gp_slice_sub(text, below, text.len);
    if (!is_domain(text))
        return bad_domain(d, node, "a host name or a table");
    add_pattern(d, below ? GP__PATTERN_SUBDOMAIN : GP__PATTERN_NAME, key_of(d, text));
    return 0;
}

static int add_text(struct draft *d, const struct gp__node *node)
{
    if (is_table_name(d->load, node) || is_anonymous_table(node))
        return add_table(d, node);
    if (node->kind != GP__NODE_SCALAR || node->text.len == 0)
        return bad(d, node, "a name or a table");
    /* Who logs in has a name; a certificate has domains. */
    add_pattern(d, GP__PATTERN_NAME,
                d->word->fact == GP__FACT_TLS_CLIENT ? key_of(d, node->text) : node->text);
    return 0;
}

static int add_name(struct draft *d, const struct gp__node *node, const char *what,
                    const struct gp__map *known)
{
    if (node->kind != GP__NODE_SCALAR)
        return bad(d, node, "a name");
    if (!gp__map_find(known, node->text)) {
        gp__load_unknown(d->load, node, node->text, what, known);
        return -1;
    }
    add_pattern(d, GP__PATTERN_NAME, node->text);
    return 0;
}

static int add_item(struct draft *d, const struct gp__node *node)
{
    switch (d->word->value) {
    case VALUE_ADDRESSES:
        return add_address(d, node);
    case VALUE_CLIENTS:
        return add_client(d, node);
    case VALUE_HOSTS:
        return add_host(d, node);
    case VALUE_TEXTS:
        return add_text(d, node);
    case VALUE_LISTENERS:
        return add_name(d, node, "listener", &d->load->listeners);
    case VALUE_ROUTES:
        return add_name(d, node, "route", &d->load->routes);
    case VALUE_FLAG:
    case VALUE_NOTE:
    case VALUE_CLASS:
    case VALUE_SIZE:
        break;
    }
    return -1;
}

static int read_list(struct draft *d, const struct gp__node *node)
{
    int result = 0;

    if (node->kind != GP__NODE_SEQUENCE)
        return add_item(d, node);
    if (node->count == 0) {
        gp__diag_add(d->load->diag, GP__ERROR, node, "\"%s\" is an empty list: it never holds",
                     d->word->word);
        return -1;
    }
    for (size_t i = 0; i < node->count; i++)
        if (add_item(d, node->items[i]) < 0)
            result = -1;
    return result;
}

static int read_flag(struct draft *d, const struct gp__node *node)
{
    static const char *const words[] = {"false", "true", "off", "on", "no", "yes", NULL};
    int index = gp__bind_enum_index(node, words);

    if (index < 0)
        return bad(d, node, "true or false");
    d->out->when.flag = index % 2 == 1; /* the words of options that are true or false */
    return 0;
}

static int read_class(struct draft *d, const struct gp__node *node)
{
    static const char *const words[] = {"none", "ours", "relay", NULL};
    int index = gp__bind_enum_index(node, words);

    if (index < 1)
        return bad(d, node, "ours or relay");
    d->out->when.class = (enum gp__class)index;
    return 0;
}

static int read_size(struct draft *d, const struct gp__node *node)
{
    if (node->kind != GP__NODE_SCALAR || gp__size_parse(node->text, &d->out->when.size) < 0)
        return bad(d, node, "a size such as 64KiB or 25MiB");
    return 0;
}

static int read_note(struct draft *d, const struct gp__node *node)
{
    if (node->kind != GP__NODE_SCALAR || node->text.len == 0)
        return bad(d, node, "the name of a note");
    d->out->when.note = node->text;
    return 0;
}

static int read_value(struct draft *d, const struct gp__node *node)
{
    if (node->kind == GP__NODE_NULL)
        return bad(d, node, "something");
    switch (d->word->value) {
    case VALUE_FLAG:
        return read_flag(d, node);
    case VALUE_NOTE:
        return read_note(d, node);
    case VALUE_CLASS:
        return read_class(d, node);
    case VALUE_SIZE:
        return read_size(d, node);
    case VALUE_ADDRESSES:
    case VALUE_CLIENTS:
    case VALUE_HOSTS:
    case VALUE_TEXTS:
    case VALUE_LISTENERS:
    case VALUE_ROUTES:
        return read_list(d, node);
    }
    return -1;
}

/* ---- the fact ---- */

static bool word_fits(const struct fact_word *word, enum gp__when_place place)
{
    return place == GP__WHEN_OF_ROUTE ? word->in_route : word->in_instance;
}

static void report_fact(struct gp__load *load, const struct gp__node *key,
                        enum gp__when_place place)
{
    struct gp__suggest suggest = {.word = key->text};

    for (size_t i = 0; i < FACT_WORDS; i++) {
        if (gp_slice_eq(gp_slice_of(fact_words[i].word), key->text)) {
            gp__diag_add(load->diag, GP__ERROR, key, "\"" GP_FMT "\" cannot be asked %s",
                         GP_ARG(key->text),
                         place == GP__WHEN_OF_ROUTE ? "in a route" : "outside of routes");
            return;
        }
        if (word_fits(&fact_words[i], place))
            gp__suggest_try(&suggest, gp_slice_of(fact_words[i].word));
    }
    gp__diag_unknown(load->diag, key, &suggest, "unknown fact \"" GP_FMT "\"",
                     GP_ARG(gp_slice_sub(key->text, 0, 200)));
}

static const struct fact_word *find(struct gp_slice key, enum gp__when_place place)
{
    for (size_t i = 0; i < FACT_WORDS; i++)
        if (gp_slice_eq(gp_slice_of(fact_words[i].word), key) && word_fits(&fact_words[i], place))
            return &fact_words[i];
    return NULL;
}

const struct gp__when *gp__load_fact(struct gp__load *load, const struct gp__pair *pair,
                                     enum gp__when_place place)
{
    struct draft d = {.load = load, .word = find(pair->key->text, place), .place = place};

    if (!d.word) {
        report_fact(load, pair->key, place);
        return NULL;
    }
    d.out = gp__when_make(load, GP__WHEN_FACT, pair->key);
    d.out->when.fact = d.word->fact;
    d.out->when.negate = d.word->negate;
    return read_value(&d, pair->value) < 0 ? NULL : &d.out->when;
}

void gp__load_patterns(struct gp__load *load, const struct gp__node *list, const char *what,
                       const struct gp__pattern **patterns_r, size_t *count_r)
{
    struct fact_word word = {what, GP__FACT_RECIPIENT, VALUE_ADDRESSES, false, false, true};
    struct draft d = {.load = load, .word = &word, .place = GP__WHEN_OF_INSTANCE};

    d.out = gp__when_make(load, GP__WHEN_FACT, list);
    if (list->kind != GP__NODE_SEQUENCE || list->count)
        read_list(&d, list);
    if (d.out->when.n_tables)
        gp__diag_add(load->diag, GP__ERROR, list, "\"%s\" cannot use tables", what);
    *patterns_r = d.out->when.patterns;
    *count_r = d.out->when.n_patterns;
}

const char *gp__fact_word(const struct gp__when *fact)
{
    for (size_t i = 0; i < FACT_WORDS; i++)
        if (fact_words[i].fact == fact->fact && fact_words[i].negate == fact->negate)
            return fact_words[i].word;
    return "";
}

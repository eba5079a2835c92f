// SPDX-License-Identifier: Apache-2.0
/*
 * `listeners:` a name and where and how to listen. `like: NAME` takes over what another listener
 * says and this one does not; `limits:` are the global ones where neither says more.
 */
#include "core/config/load.h"

#include "core/base/units.h"
#include "core/config/limits_rows.h"

#include <string.h>

/* EHLO keywords and their bits; VRFY and EXPN are off unless asked for. */
#define EXTENSIONS(X)                                                                              \
    X(pipelining, PIPELINING, "true")                                                              \
    X(size, SIZE, "true")                                                                          \
    X(eightbitmime, 8BITMIME, "true")                                                              \
    X(smtputf8, SMTPUTF8, "true")                                                                  \
    X(chunking, CHUNKING, "true")                                                                  \
    X(binarymime, BINARYMIME, "true")                                                              \
    X(enhancedstatuscodes, ENHANCEDSTATUSCODES, "true")                                            \
    X(dsn, DSN, "true")                                                                            \
    X(limits, LIMITS, "true")                                                                      \
    X(help, HELP, "true")                                                                          \
    X(prdr, PRDR, "true")                                                                          \
    X(requiretls, REQUIRETLS, "true")                                                              \
    X(vrfy, VRFY, "false")                                                                         \
    X(expn, EXPN, "false")

#define X(member, keyword, def) bool member;
struct extensions {
    EXTENSIONS(X)
};
#undef X

/* What the rows of a listener fill. */
struct raw {
    const struct gp_list *address, *relay, *proxy, *xclient, *xforward, *exempt;
    struct gp_slice chain, hostname, greeting;
    int protocol, refuse_at, mixed_reject, split, dedupe, line_endings, pipelining;
    struct extensions extensions;
    struct gp__limits limits;
    struct gp_slice socket_mode;
    int64_t backlog, sessions, sessions_per_client;
    int tls;
    struct gp__raw_tls tls_options;
    struct gp__listener_auth auth;
    bool submission;
    struct gp_rate rate, rate_per_client;
};

#define X(member, keyword, def)                                                                    \
    GP_OPTION_BOOL(#keyword, struct extensions, member, def, "Whether " #keyword " is offered."),
static const struct gp_option extension_rows[] = {EXTENSIONS(X) GP_OPTIONS_END};
#undef X

enum protocol_word {
    PROTOCOL_SMTP = 0,
    PROTOCOL_LMTP,
    PROTOCOL_MILTER,
};

static const char *const protocol_names[] = {"smtp", "lmtp", "milter", NULL};
static const enum gp__protocol protocols[] = {GP__PROTOCOL_SMTP, GP__PROTOCOL_LMTP,
                                              GP__PROTOCOL_MILTER};
static const char *const refuse_at_names[] = {"rcpt", "now", NULL};
const char *const gp__mixed_names[] = {"hold", "discard", "bounce", "refuse_all", NULL};
static const char *const split_names[] = {"off", "one_policy", NULL};
static const char *const dedupe_names[] = {"off", "doubt", NULL};
static const char *const line_names[] = {"strict", "normalize", "close", NULL};
static const char *const tls_names[] = {"off", "optional", "required", "implicit", NULL};
static const char *const pipelining_names[] = {"enforce", "note", NULL};

const struct gp_option gp__listener_rows[] = {
    GP_OPTION_LIST("address", struct raw, address, GP_TYPE_ADDRESS, NULL,
                   "Where to listen: host:port, [v6]:port or unix:/path; one or a list.", .min = 0,
                   .max = 65535, .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("chain", struct raw, chain, GP_OPTIONAL,
                     "The chain of plugins that its sessions go through; none by default."),
    GP_OPTION_ENUM("protocol", struct raw, protocol, protocol_names, "smtp",
                   "What is spoken there."),
    GP_OPTION_STRING("hostname", struct raw, hostname, GP_OPTIONAL,
                     "The name it greets with; the global one by default."),
    GP_OPTION_STRING("greeting", struct raw, greeting, GP_OPTIONAL,
                     "Text of the greeting after the host name."),
    GP_OPTION_ENUM("refuse_at", struct raw, refuse_at, refuse_at_names, "rcpt",
                   "When refusals made before RCPT are answered: rcpt lets AUTH clear them."),
    GP_OPTION_ENUM("mixed_reject", struct raw, mixed_reject, gp__mixed_names, GP_OPTIONAL,
                   "What becomes of a message that a filter or a target refuses for some of its "
                   "recipients: their copy is kept for review (hold), dropped (discard), their "
                   "sender is told (bounce; held where nobody may be), or the client is told that "
                   "nobody gets it (refuse_all). By default what "
                   "`bounces:` says; without a `spool:` or `hold:` refuse_all."),
    GP_OPTION_ENUM("split", struct raw, split, split_names, "off",
                   "one_policy: recipients whom plugins give different policies don't share a "
                   "message; the later ones get 452 4.5.3 and their own."),
    GP_OPTION_ENUM("dedupe", struct raw, dedupe, dedupe_names, "doubt",
                   "doubt: a message whose 250 got lost with the connection, and that comes again "
                   "within an hour, gets the same 250 and is kept once."),
    GP_OPTION_LIST(
        "relay", struct raw, relay, GP_TYPE_STRING, "[]",
        "Who may relay: networks, and the words authenticated and local (clients of a UNIX "
        "socket)."),
    GP_OPTION_LIST("auth", struct raw, auth.backends, GP_TYPE_STRING, "[]",
                   "Names of `auth:` that are asked who a client is, in this order."),
    GP_OPTION_BOOL("auth_required", struct raw, auth.required, "false",
                   "Whether mail is taken from authenticated clients only; 530 5.7.0 to others."),
    GP_OPTION_LIST("auth_mechanisms", struct raw, auth.mechanisms, GP_TYPE_STRING, "[]",
                   "What is offered, of what the backends can serve; all but EXTERNAL by default."),
    GP_OPTION_BOOL("auth_plaintext", struct raw, auth.plaintext, "false",
                   "Whether AUTH is offered without TLS: whoever listens reads passwords."),
    GP_OPTION_BOOL("submission", struct raw, submission, "false",
                   "Whether a missing Date and Message-ID are added (RFC 6409 section 8)."),
    GP_OPTION_LIST("proxy", struct raw, proxy, GP_TYPE_STRING, "[]",
                   "Proxies that must send the PROXY protocol's header: networks, and the word "
                   "unix."),
    GP_OPTION_LIST("xclient", struct raw, xclient, GP_TYPE_STRING, "[]",
                   "Who may stand for another client by XCLIENT: networks, and the word unix."),
    GP_OPTION_LIST("xforward", struct raw, xforward, GP_TYPE_STRING, "[]",
                   "Who may tell of the first client by XFORWARD: networks, and the word unix."),
    GP_OPTION_ENUM("line_endings", struct raw, line_endings, line_names, "strict",
                   "What a bare CR or LF does: refuse, become CRLF, or end the session."),
    GP_OPTION_ENUM("pipelining", struct raw, pipelining, pipelining_names, "enforce",
                   "What input before its turn does: refuse it, or only note it."),
    GP_OPTION_OBJECT("extensions", struct raw, extensions, extension_rows, "{}",
                     "EHLO keywords to offer or not."),
    GP_OPTION_OBJECT("limits", struct raw, limits, gp__limits_rows, "{}",
                     "Budgets that differ from the global `limits:`."),
    GP_OPTION_ENUM("tls", struct raw, tls, tls_names, "off",
                   "TLS: off, by STARTTLS (optional, or required), or implicit: from the first "
                   "byte."),
    GP_OPTION_OBJECT("tls_options", struct raw, tls_options, gp__tls_rows, GP_OPTIONAL,
                     "What differs from the global `tls:`."),
    GP_OPTION_LIST("exempt", struct raw, exempt, GP_TYPE_STRING, "[postmaster]",
                   "Recipients that refusals made before RCPT do not touch."),
    GP_OPTION_STRING("socket_mode", struct raw, socket_mode, "0600",
                     "Rights of the file of a UNIX socket, octal: who may connect."),
    GP_OPTION_INTEGER("backlog", struct raw, backlog, "511", 1, 65535,
                      "Connections that may wait to be accepted."),
    GP_OPTION_INTEGER("sessions", struct raw, sessions, "10000", 1, 1000000,
                      "Sessions at once, of all workers; 421 4.3.2 beyond."),
    GP_OPTION_INTEGER("sessions_per_client", struct raw, sessions_per_client, "100", 1, 1000000,
                      "Sessions at once of one IP address (IPv6: one /64); 421 4.7.0 beyond."),
    GP_OPTION_RATE("connection_rate", struct raw, rate, GP_OPTIONAL,
                   "New sessions in a time: 1000/s; 421 4.3.2 beyond."),
    GP_OPTION_RATE("connection_rate_per_client", struct raw, rate_per_client, GP_OPTIONAL,
                   "The same of one IP address (IPv6: one /64): 60/m; 421 4.7.0 beyond."),
    GP_OPTIONS_END,
};

const char *const gp__listener_own[] = {"like", NULL};

/* ---- what others say ---- */

/* A listener's mapping with what it takes over; NULL after an error. */
static const struct gp__node *resolve(struct gp__load *load, const struct gp__node *section,
                                      const struct gp__node *node)
{
    const struct gp__like how = {.what = "listener",
                                 .known = &load->listeners,
                                 .inner = {GP_S("limits"), GP_S("tls_options")}};

    return gp__load_like(load, section, node, &how);
}

static const struct gp__node *with_global_limits(struct gp__load *load, const struct gp__node *node)
{
    const struct gp__node *global = gp__node_get(load->root, GP_S("limits"));
    const struct gp__node *own = gp__node_get(node, GP_S("limits"));
    struct gp__node *over = gp__node_mapping(load->arena, 1, node);

    if (!global || global->kind != GP__NODE_MAPPING ||
        (own && own->kind != GP__NODE_MAPPING && own->kind != GP__NODE_NULL))
        return node;
    gp__node_put(over, gp__node_scalar(load->arena, GP_S("limits"), node),
                 gp__node_merge(load->arena, own, global));
    return gp__node_merge(load->arena, over, node);
}

static bool is_of_a_listener(struct gp_slice key)
{
    for (const struct gp_option *row = gp__tls_rows; row->name; row++)
        if (gp_slice_eq(key, gp_slice_of(row->name)))
            return true;
    return false;
}

/* Without what is of the global section alone. What nobody knows is told there. */
static const struct gp__node *of_listeners(struct gp__load *load, const struct gp__node *tls)
{
    struct gp__node *map = gp__node_mapping(load->arena, tls->count, tls);

    for (size_t i = 0; i < tls->count; i++)
        if (is_of_a_listener(tls->pairs[i].key->text))
            gp__node_put(map, tls->pairs[i].key, tls->pairs[i].value);
    return map;
}

/* What `tls_options` does not say, the global `tls` does. */
static const struct gp__node *with_global_tls(struct gp__load *load, const struct gp__node *node)
{
    const struct gp__node *global = gp__node_get(load->root, GP_S("tls"));
    const struct gp__node *own = gp__node_get(node, GP_S("tls_options"));
    struct gp__node *over = gp__node_mapping(load->arena, 1, node);

    if (!global || global->kind != GP__NODE_MAPPING || !own || own->kind != GP__NODE_MAPPING)
        return node;
    gp__node_put(over, gp__node_scalar(load->arena, GP_S("tls_options"), node),
                 gp__node_merge(load->arena, own, of_listeners(load, global)));
    return gp__node_merge(load->arena, over, node);
}

/* ---- from raw to ready ---- */

static const struct gp__node *place_of(const struct gp__node *node, const char *key)
{
    const struct gp__pair *pair = gp__node_pair(node, gp_slice_of(key));

    return pair ? pair->value : node;
}

/* The node of the nth item of a list that may have been written as one scalar. */
static const struct gp__node *item_of(const struct gp__node *node, const char *key, size_t n)
{
    const struct gp__node *list = place_of(node, key);

    return list->kind == GP__NODE_SEQUENCE && n < list->count ? list->items[n] : list;
}

/* A name may stand for several addresses, and for others tomorrow. */
static bool is_name(struct gp__load *load, const struct gp__endpoint_text *endpoint,
                    const struct gp__node *at)
{
    if (endpoint->ip.family || gp_slice_present(endpoint->path))
        return false;
    gp__diag_add(load->diag, GP__ERROR, at,
                 "\"" GP_FMT "\" is a name: give the IP address to listen on, such as "
                 "0.0.0.0:%u, [::]:%u or 127.0.0.1:%u",
                 GP_ARG(endpoint->host), endpoint->port, endpoint->port, endpoint->port);
    return true;
}

static void set_addresses(struct gp__load *load, struct gp__listener_settings *listener,
                          const struct raw *raw, const struct gp__node *node)
{
    size_t count = gp_list_count(raw->address);
    struct gp__endpoint_text *list = GP__ARENA_ARRAY(load->arena, struct gp__endpoint_text, count);

    for (size_t i = 0; i < count; i++) {
        const struct gp_slice *text = gp_list_at(raw->address, i);

        if (text->len && !gp__endpoint_parse(*text, &list[listener->n_addresses]) &&
            !is_name(load, &list[listener->n_addresses], item_of(node, "address", i)))
            listener->n_addresses++;
    }
    listener->addresses = list;
}

static bool is_anyone(const struct gp__network *network)
{
    return network->bits == 0;
}

static void add_relay(struct gp__load *load, struct gp__listener_settings *listener,
                      struct gp__network *list, const struct gp__node *at, struct gp_slice word)
{
    struct gp__network *network = &list[listener->n_relay];
    struct gp__suggest suggest = {.word = word};
    int parsed = gp__network_parse(word, network);

    if (gp_slice_eq(word, GP_S("authenticated"))) {
        listener->relay_authenticated = true;
    } else if (gp_slice_eq(word, GP_S("local"))) {
        listener->relay_local = true;
    } else if (gp_slice_eq(word, GP_S("anyone"))) {
        list[listener->n_relay++] = (struct gp__network){.ip = {.family = 4}};
        list[listener->n_relay++] = (struct gp__network){.ip = {.family = 6}};
        gp__diag_add(load->diag, GP__WARNING, at,
                     "an open relay: anyone can send anything to anyone through \"" GP_FMT "\"",
                     GP_ARG(listener->name));
    } else if (parsed == -2) {
        gp__diag_add(load->diag, GP__ERROR, at, "bits of the host are set in " GP_FMT,
                     GP_ARG(word));
    } else if (parsed < 0) {
        gp__suggest_try(&suggest, GP_S("authenticated"));
        gp__suggest_try(&suggest, GP_S("local"));
        gp__diag_unknown(
            load->diag, at, &suggest,
            "\"relay\" lists networks and the words authenticated and local, not \"" GP_FMT "\"",
            GP_ARG(gp_slice_sub(word, 0, 200)));
    } else if (is_anyone(network)) {
        gp__diag_add(load->diag, GP__ERROR, at,
                     "an open relay: anyone could send anything through this server; if that is "
                     "meant, in a laboratory, write \"anyone\"");
    } else {
        if (network->bits < (network->ip.family == 4 ? 8 : 16))
            gp__diag_add(load->diag, GP__WARNING, at, "\"" GP_FMT "\" is much of the Internet",
                         GP_ARG(word));
        listener->n_relay++;
    }
}

static void set_relay(struct gp__load *load, struct gp__listener_settings *listener,
                      const struct raw *raw, const struct gp__node *node)
{
    size_t count = gp_list_count(raw->relay);
    /* "anyone" becomes two networks. */
    struct gp__network *list = GP__ARENA_ARRAY(load->arena, struct gp__network, 2 * count);

    listener->relay = list;
    for (size_t i = 0; i < count; i++)
        add_relay(load, listener, list, item_of(node, "relay", i),
                  *(const struct gp_slice *)gp_list_at(raw->relay, i));
}

/* Trusted peers are few and known: a word that means everyone is a mistake. */
static void add_peer(struct gp__load *load, struct gp__peers *peers, struct gp__network *list,
                     const struct gp__node *at, struct gp_slice word)
{
    struct gp__network *network = &list[peers->count];
    struct gp__suggest suggest = {.word = word};
    int parsed = gp__network_parse(word, network);

    if (gp_slice_eq(word, GP_S("unix"))) {
        peers->unix_sockets = true;
    } else if (parsed == -2) {
        gp__diag_add(load->diag, GP__ERROR, at, "bits of the host are set in " GP_FMT,
                     GP_ARG(word));
    } else if (parsed < 0) {
        gp__suggest_try(&suggest, GP_S("unix"));
        gp__diag_unknown(load->diag, at, &suggest,
                         "neither a network nor the word unix: \"" GP_FMT "\"",
                         GP_ARG(gp_slice_sub(word, 0, 200)));
    } else if (is_anyone(network)) {
        gp__diag_add(load->diag, GP__ERROR, at,
                     "anyone could say that they are somebody else: list your proxies only");
    } else {
        peers->count++;
    }
}

static void set_peers(struct gp__load *load, struct gp__peers *peers, const struct gp_list *words,
                      const struct gp__node *node, const char *key)
{
    size_t count = gp_list_count(words);
    struct gp__network *list = GP__ARENA_ARRAY(load->arena, struct gp__network, count);

    peers->networks = list;
    for (size_t i = 0; i < count; i++)
        add_peer(load, peers, list, item_of(node, key, i),
                 *(const struct gp_slice *)gp_list_at(words, i));
}

static void set_chain(struct gp__load *load, struct gp__listener_settings *listener,
                      const struct raw *raw, const struct gp__node *node)
{
    struct gp__chain_settings *chain;

    if (!gp_slice_present(raw->chain))
        return;
    chain = gp__map_get(&load->chains, raw->chain);
    if (!chain) {
        gp__load_unknown(load, place_of(node, "chain"), raw->chain, "chain", &load->chains);
        return;
    }
    chain->used = true;
    listener->chain = chain;
}

static void set_mixed_reject(struct gp__load *load, struct gp__listener_settings *listener,
                             const struct raw *raw, const struct gp__node *node)
{
    bool can_hold = gp__settings_can_hold(load->settings);
    const struct gp__bounce_settings *bounces = &load->settings->bounces;
    const struct gp__node *given = gp__node_get(node, GP_S("mixed_reject"));

    listener->mixed_reject = (enum gp__mixed_reject)raw->mixed_reject;
    if (!given || given->kind == GP__NODE_NULL) {
        listener->mixed_reject = bounces->mixed_reject_given ? bounces->mixed_reject
                                 : can_hold                  ? GP__MIXED_HOLD
                                                             : GP__MIXED_REFUSE_ALL;
        if (!can_hold && listener->chain && listener->chain->count)
            gp__diag_add(load->diag, GP__NOTICE, listener->node,
                         "without `spool:` a message that filters of \"" GP_FMT
                         "\" refuse for some of its recipients is refused for all of them",
                         GP_ARG(listener->name));
    } else if (listener->mixed_reject == GP__MIXED_BOUNCE &&
               !gp_slice_present(load->settings->spool.path)) {
        gp__diag_add(load->diag, GP__ERROR, given,
                     "\"mixed_reject: bounce\" needs `spool: {path: DIR}`, from where bounces are "
                     "sent");
    } else if (listener->mixed_reject == GP__MIXED_HOLD && !can_hold) {
        gp__diag_add(
            load->diag, GP__ERROR, given,
            "\"mixed_reject: hold\" needs `spool: {path: DIR}` to keep mail in; without it "
            "say refuse_all");
    }
}

static void set_socket_mode(struct gp__load *load, struct gp__listener_settings *listener,
                            const struct raw *raw, const struct gp__node *node)
{
    if (gp__mode_parse(raw->socket_mode, &listener->socket_mode) < 0)
        gp__diag_add(load->diag, GP__ERROR, gp__node_get(node, GP_S("socket_mode")),
                     "\"socket_mode\" is an octal number such as 0660, not \"" GP_FMT "\"",
                     GP_ARG(gp_slice_sub(raw->socket_mode, 0, 200)));
}

static void set_tls(struct gp__load *load, struct gp__listener_settings *listener,
                    const struct raw *raw, const struct gp__node *node)
{
    const struct gp__node *own = gp__node_get(node, GP_S("tls_options"));
    struct gp_slice hostname = listener->smtp.hostname;

    listener->tls = (enum gp__tls_mode)raw->tls;
    listener->tls_settings = own && own->kind == GP__NODE_MAPPING
                                 ? gp__load_tls(load, &raw->tls_options, own, hostname)
                                 : load->settings->tls;
    if (listener->tls == GP__TLS_OFF)
        return;
    if (listener->tls == GP__TLS_OPTIONAL)
        listener->smtp.starttls = GP__STARTTLS_OFFERED;
    else if (listener->tls == GP__TLS_REQUIRED)
        listener->smtp.starttls = GP__STARTTLS_REQUIRED;
    if (listener->tls_settings->n_certificates == 0)
        gp__diag_add(load->diag, GP__ERROR, place_of(node, "tls"),
                     "\"tls\" in listener \"" GP_FMT
                     "\" needs a certificate: tls: {certificates: [{cert: PATH, key: PATH}]}",
                     GP_ARG(listener->name));
}

static unsigned extension_bits(const struct extensions *on)
{
    static const unsigned bits[] = {
        GP__EXT_PIPELINING,
        GP__EXT_SIZE,
        GP__EXT_8BITMIME,
        GP__EXT_SMTPUTF8,
        GP__EXT_CHUNKING,
        GP__EXT_BINARYMIME,
        GP__EXT_ENHANCEDSTATUSCODES,
        GP__EXT_DSN,
        GP__EXT_LIMITS,
        GP__EXT_HELP,
        GP__EXT_PRDR,
        GP__EXT_REQUIRETLS,
        GP__EXT_VRFY,
        GP__EXT_EXPN,
    };
    const bool flags[] = {
#define X(member, keyword, def) on->member,
        EXTENSIONS(X)
#undef X
    };
    unsigned set = 0;

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (flags[i])
            set |= bits[i];
    if (!on->chunking) /* RFC 3030 2: BINARYMIME needs BDAT */
        set &= ~(unsigned)GP__EXT_BINARYMIME;
    return set;
}

static void check_greeting(struct gp__load *load, const struct gp__node *node, struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= ' ' && text.data[i] <= '~' && text.len <= 200)
            continue;
        gp__diag_add(load->diag, GP__ERROR, place_of(node, "greeting"),
                     "\"greeting\" must be at most 200 printable ASCII characters");
        return;
    }
}

static void set_protocol(struct gp__load *load, struct gp__listener_settings *listener,
                         const struct raw *raw, const struct gp__node *node)
{
    listener->smtp = (struct gp__smtp_settings){
        .protocol = protocols[raw->protocol],
        .hostname = gp_slice_present(raw->hostname)
                        ? gp__load_host_name(load, place_of(node, "hostname"), raw->hostname)
                        : load->settings->hostname,
        .greeting = raw->greeting,
        .extensions = extension_bits(&raw->extensions),
        .line_endings = (enum gp__line_endings)raw->line_endings,
        .pipelining = (enum gp__pipelining)raw->pipelining,
        .limits = raw->limits,
    };
}

static const struct gp__node *load_listener(struct gp__load *load,
                                            struct gp__listener_settings *listener,
                                            const struct gp__node *section,
                                            const struct gp__pair *pair)
{
    struct gp__schema_rows rows = {gp__listener_rows, 0, sizeof(struct raw), gp__listener_own,
                                   NULL};
    const struct gp__node *node = resolve(load, section, pair->value), *shown;
    struct raw raw = {0};

    listener->name = pair->key->text;
    listener->node = pair->key;
    gp__load_name(load, pair->key, "listener");
    if (!node)
        return pair->value;
    if (node->kind == GP__NODE_MAPPING)
        node = with_global_tls(load, with_global_limits(load, node));
    gp__bind(&load->binder, node, pair->key,
             gp__arena_printf(load->arena, "listener \"" GP_FMT "\"", GP_ARG(listener->name)),
             &rows, &raw, &shown);
    if (node->kind != GP__NODE_MAPPING)
        return shown;
    set_protocol(load, listener, &raw, node);
    set_tls(load, listener, &raw, node);
    set_addresses(load, listener, &raw, node);
    set_chain(load, listener, &raw, node);
    set_relay(load, listener, &raw, node);
    gp__load_listener_auth(load, listener, &raw.auth, node);
    listener->submission = raw.submission;
    set_peers(load, &listener->proxy, raw.proxy, node, "proxy");
    set_peers(load, &listener->xclient, raw.xclient, node, "xclient");
    set_peers(load, &listener->xforward, raw.xforward, node, "xforward");
    set_mixed_reject(load, listener, &raw, node);
    set_socket_mode(load, listener, &raw, node);
    check_greeting(load, node, raw.greeting);
    listener->refuse_at = (enum gp__refuse_at)raw.refuse_at;
    listener->one_policy = raw.split == 1;
    listener->dedupe = raw.dedupe == 1;
    listener->backlog = raw.backlog;
    listener->sessions = raw.sessions;
    listener->sessions_per_client = raw.sessions_per_client;
    listener->rate = raw.rate;
    listener->rate_per_client = raw.rate_per_client;
    gp__load_patterns(load, gp__node_get(shown, GP_S("exempt")), "exempt", &listener->exempt,
                      &listener->n_exempt);
    return shown;
}

void gp__load_listeners(struct gp__load *load)
{
    const struct gp__node *section = gp__load_section(load, "listeners");
    const struct gp__listener_settings **list;
    struct gp__node *shown;

    if (!section)
        return;
    list = GP__ARENA_ARRAY(load->arena, const struct gp__listener_settings *, section->count);
    shown = gp__node_mapping(load->arena, section->count, section);
    for (size_t i = 0; i < section->count; i++) {
        struct gp__listener_settings *listener = GP__ARENA_NEW(load->arena,
                                                               struct gp__listener_settings);

        listener->index = i;
        list[i] = listener;
        gp__node_put(shown, section->pairs[i].key,
                     load_listener(load, listener, section, &section->pairs[i]));
    }
    load->settings->listeners = list;
    load->settings->n_listeners = section->count;
    gp__load_show(load, "listeners", shown);
}

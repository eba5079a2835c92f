// SPDX-License-Identifier: Apache-2.0
/*
 * Macros: facts that go before a command, as sendmail names them. Which ones is the milter's wish
 * if it has one (SETSYMLIST), else Postfix's choice and what the configuration adds. Names of one
 * letter stand alone, longer ones in braces.
 */
#include "milter.h"

#define ABSENT gp_slice(NULL, 0)

/* Letter of the command, place in the milter's own lists (-1: none), what is sent without them. */
static const struct {
    char letter;
    int list;
    const char *names;
} stages[MILTER_STAGES] = {
    [MILTER_CONNECT] = {'C', 0,
                        "j {daemon_name} {daemon_addr} {daemon_port} v _ {client_addr} "
                        "{client_name} {client_port} {client_ptr} {client_resolve}"},
    [MILTER_HELO] = {'H', 1, "{tls_version} {cipher}"},
    [MILTER_MAIL] = {'M', 2, "i {auth_type} {auth_authen} {mail_addr} {mail_host} {mail_mailer}"},
    [MILTER_RCPT] = {'R', 3, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"},
    [MILTER_DATA] = {'T', 4, "i"},
    [MILTER_HEADER] = {'\0', -1, ""},
    [MILTER_EOH] = {'N', 6, "i"},
    [MILTER_BODY] = {'\0', -1, ""},
    [MILTER_END] = {'E', 5, "i"},
    [MILTER_UNKNOWN] = {'U', -1, "v"},
};

/* ---- values ---- */

struct fact {
    struct gp_call *call;
    const struct milter_session *session;
};

static struct gp_slice text(const char *s)
{
    return s && *s ? gp_slice_of(s) : ABSENT;
}

static struct gp_slice number(struct gp_call *call, uint64_t n)
{
    return n ? gp_format(call, "%llu", (unsigned long long)n) : ABSENT;
}

static struct gp_slice value_j(const struct fact *fact)
{
    return gp_hostname(fact->call);
}

static struct gp_slice value_v(const struct fact *fact)
{
    (void)fact;
    return GP_S("Gatepost");
}

static struct gp_slice value_i(const struct fact *fact)
{
    struct gp_slice id = gp_transaction_id(fact->call);

    return gp_slice_present(id) ? id : gp_session_id(fact->call);
}

/* "name [address]" */
static struct gp_slice value_validated(const struct fact *fact)
{
    struct gp_slice ip = gp_client_ip(fact->call);
    const char *name = fact->session->name;

    if (!gp_slice_present(ip))
        return GP_S("localhost");
    return gp_format(fact->call, "%s%s[" GP_FMT "]", name, name[0] ? " " : "", GP_ARG(ip));
}

static struct gp_slice value_client_addr(const struct fact *fact)
{
    return gp_client_ip(fact->call);
}

static struct gp_slice value_client_name(const struct fact *fact)
{
    return fact->session->name[0] ? text(fact->session->name) : GP_S("unknown");
}

static struct gp_slice value_client_ptr(const struct fact *fact)
{
    return fact->session->pointer[0] ? text(fact->session->pointer) : GP_S("unknown");
}

static struct gp_slice value_client_port(const struct fact *fact)
{
    return number(fact->call, gp_client_port(fact->call));
}

static struct gp_slice value_client_resolve(const struct fact *fact)
{
    return text(fact->session->resolve);
}

static struct gp_slice value_daemon_name(const struct fact *fact)
{
    return gp_listener(fact->call);
}

static struct gp_slice value_daemon_addr(const struct fact *fact)
{
    return gp_server_ip(fact->call);
}

static struct gp_slice value_daemon_port(const struct fact *fact)
{
    return number(fact->call, gp_server_port(fact->call));
}

static struct gp_slice value_helo(const struct fact *fact)
{
    return gp_helo(fact->call);
}

static struct gp_slice value_tls_version(const struct fact *fact)
{
    return gp_tls_version(fact->call);
}

static struct gp_slice value_cipher(const struct fact *fact)
{
    return gp_tls_cipher(fact->call);
}

static struct gp_slice value_auth_type(const struct fact *fact)
{
    return gp_auth_mechanism(fact->call);
}

static struct gp_slice value_auth_authen(const struct fact *fact)
{
    return gp_auth_user(fact->call);
}

static struct gp_slice value_mail_addr(const struct fact *fact)
{
    return gp_sender(fact->call);
}

static struct gp_slice value_mail_host(const struct fact *fact)
{
    struct gp_slice domain = gp_sender_domain(fact->call);

    return domain.len ? domain : ABSENT;
}

static struct gp_slice value_mail_mailer(const struct fact *fact)
{
    return gp_slice_present(gp_sender(fact->call)) ? GP_S("smtp") : ABSENT;
}

static struct gp_slice value_rcpt_addr(const struct fact *fact)
{
    return gp_rcpt_address(gp_rcpt(fact->call));
}

static struct gp_slice value_rcpt_host(const struct fact *fact)
{
    return gp_rcpt_domain(gp_rcpt(fact->call));
}

static struct gp_slice value_rcpt_mailer(const struct fact *fact)
{
    return gp_rcpt_route(gp_rcpt(fact->call));
}

static struct gp_slice value_nrcpts(const struct fact *fact)
{
    return number(fact->call, gp_rcpt_count(fact->call));
}

static struct gp_slice value_protocol(const struct fact *fact)
{
    if (!gp_slice_present(gp_helo(fact->call)))
        return ABSENT;
    return gp_helo_extended(fact->call) ? GP_S("ESMTP") : GP_S("SMTP");
}

static const struct {
    const char *name;
    struct gp_slice (*value)(const struct fact *fact);
} macros[] = {
    {"j", value_j},
    {"v", value_v},
    {"i", value_i},
    {"_", value_validated},
    {"s", value_helo},
    {"r", value_protocol},
    {"f", value_mail_addr},
    {"client_addr", value_client_addr},
    {"client_name", value_client_name},
    {"client_ptr", value_client_ptr},
    {"client_port", value_client_port},
    {"client_resolve", value_client_resolve},
    {"daemon_name", value_daemon_name},
    {"daemon_addr", value_daemon_addr},
    {"daemon_port", value_daemon_port},
    {"if_addr", value_daemon_addr},
    {"if_name", value_j},
    {"tls_version", value_tls_version},
    {"cipher", value_cipher},
    {"auth_type", value_auth_type},
    {"auth_authen", value_auth_authen},
    {"mail_addr", value_mail_addr},
    {"mail_host", value_mail_host},
    {"mail_mailer", value_mail_mailer},
    {"rcpt_addr", value_rcpt_addr},
    {"rcpt_host", value_rcpt_host},
    {"rcpt_mailer", value_rcpt_mailer},
    {"nrcpts", value_nrcpts},
};

/* ---- putting them ---- */

static struct gp_slice bare(struct gp_slice name)
{
    if (gp_slice_starts(name, GP_S("{")) && gp_slice_ends(name, GP_S("}")))
        return gp_slice_sub(name, 1, name.len - 2);
    return name;
}

/* What the configuration says wins over what an MTA says that asks us, and that over what we know. */
static struct gp_slice value_of(const struct fact *fact, struct gp_slice name)
{
    const struct gp_slice *given = gp_map_find(fact->session->self->macros, name);
    struct gp_slice said = given ? *given : gp_macro(fact->call, name);

    if (gp_slice_present(said))
        return said;
    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++)
        if (gp_slice_eq(name, gp_slice_of(macros[i].name)))
            return macros[i].value(fact);
    return ABSENT;
}

static void put_name(struct milter_bytes *out, struct gp_slice name)
{
    if (name.len == 1) {
        milter_put_text(out, name);
        return;
    }
    milter_put(out, GP_S("{"));
    milter_put(out, name);
    milter_put_text(out, GP_S("}"));
}

static void put_macro(const struct fact *fact, struct gp_slice name)
{
    struct gp_slice value;

    name = bare(gp_slice_trim(name));
    value = value_of(fact, name);
    if (name.len == 0 || !gp_slice_present(value))
        return;
    put_name(&fact->session->line->out, name);
    milter_put_text(&fact->session->line->out, value);
}

static void put_names(const struct fact *fact, struct gp_slice names)
{
    while (gp_slice_present(names))
        put_macro(fact, gp_slice_split(&names, ' '));
}

static const struct gp_list *also_of(const struct milter_also *also, enum milter_stage stage)
{
    switch (stage) {
    case MILTER_CONNECT:
        return also->connect;
    case MILTER_HELO:
        return also->helo;
    case MILTER_MAIL:
        return also->mail;
    case MILTER_RCPT:
        return also->rcpt;
    case MILTER_DATA:
        return also->data;
    case MILTER_EOH:
        return also->eoh;
    case MILTER_END:
        return also->end;
    case MILTER_HEADER:
    case MILTER_BODY:
    case MILTER_UNKNOWN:
    case MILTER_STAGES:
        break;
    }
    return NULL;
}

/* Those of the configuration: by name at `also`, by value once, when a session begins. */
static void put_configured(const struct fact *fact, enum milter_stage stage)
{
    const struct milter *self = fact->session->self;
    const struct gp_list *also = also_of(&self->also, stage);

    for (size_t i = 0; i < gp_list_count(also); i++)
        put_macro(fact, *(const struct gp_slice *)gp_list_at(also, i));
    for (size_t i = 0; stage == MILTER_CONNECT && i < gp_map_count(self->macros); i++)
        put_macro(fact, gp_map_key(self->macros, i));
}

void milter_macros(struct gp_call *call, struct milter_session *session, enum milter_stage stage)
{
    const struct fact fact = {.call = call, .session = session};
    struct milter_line *line = session->line;
    int list = stages[stage].list;
    size_t begin, empty;

    if (!stages[stage].letter)
        return;
    begin = milter_begin(&line->out, 'D');
    milter_put(&line->out, gp_slice(&stages[stage].letter, 1));
    empty = line->out.len;
    if (list >= 0 && line->symbols[list].data)
        put_names(&fact, gp_slice_of(line->symbols[list].data));
    else
        put_names(&fact, gp_slice_of(stages[stage].names));
    put_configured(&fact, stage);
    milter_end(&line->out, begin);
    if (line->out.len == empty)
        line->out.len = begin; /* none is known */
}

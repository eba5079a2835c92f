// SPDX-License-Identifier: Apache-2.0
/* `gatepost send`: one message to one server, by the client engine. */
#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/date.h"
#include "core/base/utf8.h"
#include "core/cli/command.h"
#include "core/cli/wire.h"
#include "core/smtp/client.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)
#define WRITE_MS 180000u
#define MESSAGE_MAX ((size_t)1 << 30)

enum exit_code {
    SEND_OK = 0,      /* all recipients were taken */
    SEND_REFUSED = 1, /* somebody was refused for good */
    SEND_LATER = 3,   /* nobody for good, somebody for now; also: no connection */
};

struct sending {
    struct gp__arena *arena;
    const char *server, *from, *file;
    const char *user, *password_file, *ca_file;
    char helo[256];
    bool verbose, insecure;
    char password[512]; /* wiped at the end */
    struct gp__smtp_client_settings settings;
    struct gp__smtp_client_recipient *to;
    size_t n_to, to_cap;
    struct gp__smtp_client_mail mail;
    struct gp__buf content;
    size_t given; /* of the content */

    struct gp__wire wire;
    struct gp__smtp_client *client;
    bool in_content, sent;
    enum exit_code code;
};

/* ---- the message ---- */

static int read_message(struct sending *sending)
{
    bool is_stdin = strcmp(sending->file, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(sending->file, "rb");
    size_t n = 1, room;
    bool failed = !file;

    sending->content.limit = MESSAGE_MAX;
    while (!failed && n) {
        char *to = gp__buf_room(&sending->content, PIECE, &room);

        if (!to) {
            errno = EFBIG;
            failed = true;
            break;
        }
        n = fread(to, 1, PIECE, file);
        gp__buf_added(&sending->content, n);
        failed = ferror(file) != 0;
    }
    if (failed)
        fprintf(stderr, "gatepost send: %s: %s\n", sending->file, strerror(errno));
    if (file && !is_stdin)
        fclose(file);
    return failed ? -1 : 0;
}

static void make_message(struct sending *sending)
{
    char date[48];
    time_t now = time(NULL);
    struct gp_slice when = gp__date_rfc5322(now, date);

    if (*sending->from)
        gp__buf_printf(&sending->content, "From: <%s>\r\nTo: ", sending->from);
    else
        gp__buf_printf(&sending->content, "From: <postmaster@%s>\r\nTo: ", sending->helo);
    for (size_t i = 0; i < sending->n_to; i++)
        gp__buf_printf(&sending->content, "%s<" GP_FMT ">", i ? ",\r\n " : "",
                       GP_ARG(sending->to[i].address));
    gp__buf_printf(&sending->content,
                   "\r\nDate: " GP_FMT "\r\nMessage-ID: <%lld.%ld@%s>\r\n"
                   "Subject: Test by gatepost send\r\n\r\n"
                   "A test of %s.\r\n",
                   GP_ARG(when), (long long)now, (long)getpid(), sending->helo, sending->server);
}

/* What about the message matters to the envelope. */
static int look_at_message(struct sending *sending)
{
    struct gp_slice content = gp__buf_slice(&sending->content);

    if (gp_slice_find(content, '\0') < content.len) {
        fputs("gatepost send: there is a NUL in the message\n", stderr);
        return -1;
    }
    sending->mail.size = content.len;
    sending->mail.eight_bit = !gp__ascii_only(content);
    sending->mail.smtputf8 = !gp__ascii_only(sending->mail.sender);
    for (size_t i = 0; i < sending->n_to; i++)
        sending->mail.smtputf8 |= !gp__ascii_only(sending->to[i].address);
    return 0;
}

/* ---- TLS and AUTH ---- */

static bool set_tls(struct sending *sending, const char *mode)
{
    static const char *const modes[] = {"no", "offered", "required", "implicit"};
    size_t i = 0;

    while (i < 4 && strcmp(mode, modes[i]) != 0)
        i++;
    sending->settings.tls = i < 3 ? (enum gp__smtp_client_tls)i : GP__CLIENT_TLS_NONE;
    sending->settings.encrypted = i == 3;
    return i < 4;
}

/* The host of the server's address. */
static struct gp_slice host_of(const struct sending *sending)
{
    struct gp_slice s = gp_slice_of(sending->server);
    size_t colon = gp_slice_rfind(s, ':');

    if (gp_slice_starts(s, GP_S("unix:")))
        return gp_slice("", 0);
    if (colon < s.len && !gp_slice_ends(s, GP_S("]")))
        s = gp_slice_sub(s, 0, colon);
    if (s.len > 1 && s.data[0] == '[')
        s = gp_slice_sub(s, 1, s.len - 2);
    return s;
}

/* "plain", "scram-sha-256" …: that one only. */
static bool set_mechanism(struct sending *sending, const char *name)
{
    static const unsigned known = 1u << GP__SASL_SCRAM_SHA_256_PLUS | 1u << GP__SASL_SCRAM_SHA_256 |
                                  1u << GP__SASL_SCRAM_SHA_1_PLUS | 1u << GP__SASL_SCRAM_SHA_1 |
                                  1u << GP__SASL_PLAIN | 1u << GP__SASL_LOGIN;
    enum gp__sasl_name number;

    if (!gp__sasl_find(gp_slice_of(name), &number) || !(known & 1u << number))
        return false;
    sending->settings.mechanisms = 1u << number;
    return true;
}

/* Where TLS is only taken as it comes any certificate will do: without it would be plaintext. */
static int secure(struct sending *sending)
{
    struct gp__tls_dial_settings settings = {
        .name = host_of(sending),
        .verify = !sending->insecure && sending->settings.tls != GP__CLIENT_TLS_OFFERED,
        .ca_file = sending->ca_file,
    };
    const char *text;

    if (gp__wire_secure(&sending->wire, &settings, &text) < 0) {
        fprintf(stderr, "gatepost send: %s: TLS: %s\n", sending->server, text);
        sending->code = SEND_REFUSED;
        return -1;
    }
    if (sending->verbose)
        printf("  (%s)\n", text);
    return 0;
}

/* A login goes with this connection only, if the server can do that. */
static void bind_login(struct sending *sending)
{
    if (sending->wire.tls)
        gp__smtp_client_bind(sending->client, gp__tls_dial_exporter(sending->wire.tls));
}

/* The first line of a file. */
static int read_password(struct sending *sending)
{
    FILE *file = fopen(sending->password_file, "r");
    size_t len;

    if (!file || !fgets(sending->password, sizeof sending->password, file)) {
        fprintf(stderr, "gatepost send: %s: %s\n", sending->password_file,
                file ? "no password in it" : strerror(errno));
        if (file)
            fclose(file);
        return -1;
    }
    fclose(file);
    len = strcspn(sending->password, "\r\n");
    sending->settings.user = gp_slice_of(sending->user);
    sending->settings.password = gp_slice(sending->password, len);
    return 0;
}

/* ---- the conversation ---- */

static void give_content(struct sending *sending)
{
    struct gp_slice piece = gp_slice_sub(gp__buf_slice(&sending->content), sending->given, PIECE);

    sending->given += piece.len;
    sending->in_content = true;
    gp__smtp_client_content(sending->client, piece, sending->given == sending->content.len);
}

/* Before the login there are no other commands than these, and none has a secret. */
static bool is_hello(struct gp_slice bytes)
{
    return gp_slice_find(bytes, '\n') == bytes.len - 1 &&
           (gp_slice_starts(bytes, GP_S("EHLO ")) || gp_slice_starts(bytes, GP_S("HELO ")) ||
            gp_slice_starts(bytes, GP_S("LHLO ")) || gp_slice_starts(bytes, GP_S("STARTTLS\r\n")));
}

/* What a transcript may show of what we say: no secrets, and not the whole message. */
static void show_output(const struct sending *sending, struct gp_slice bytes)
{
    if (!sending->verbose || bytes.len == 0)
        return;
    if (sending->in_content)
        printf("> (%zu bytes of the message)\n", bytes.len);
    else if (sending->settings.user.len && !gp__smtp_client_authenticated(sending->client) &&
             !is_hello(bytes))
        printf("> (login)\n");
    else
        gp__wire_show("> ", bytes);
}

static int flush(struct sending *sending)
{
    struct gp__buf *out = gp__smtp_client_output(sending->client);
    int error = gp__wire_write(&sending->wire, gp__buf_slice(out), WRITE_MS);

    show_output(sending, gp__buf_slice(out));
    gp__buf_clear(out);
    return error;
}

static void wait_for_server(struct sending *sending)
{
    struct gp__runtime *rt = sending->wire.call.runtime;
    uint64_t now = rt->ops->now_ms(rt), at = gp__smtp_client_deadline(sending->client);
    int result = gp__wire_read(&sending->wire, at > now ? at - now : 1);
    struct gp_slice bytes = gp__buf_slice(&sending->wire.in);

    sending->in_content = false;
    if (result == 1) {
        if (sending->verbose)
            gp__wire_show("< ", bytes);
        gp__smtp_client_feed(sending->client, bytes);
        gp__buf_clear(&sending->wire.in);
    } else if (result != GP_ETEMP) {
        gp__smtp_client_eof(sending->client);
    }
}

static void report(struct sending *sending)
{
    for (size_t i = 0; i < sending->n_to; i++) {
        const struct gp__smtp_outcome *outcome = gp__smtp_client_outcome(sending->client, i);
        struct gp_slice reply = gp__reply_format(sending->arena, &outcome->reply);

        printf(GP_FMT ": %s" GP_FMT "\n", GP_ARG(sending->to[i].address),
               outcome->own ? "(not by the server) " : "", GP_ARG(reply));
        if (outcome->reply.code >= 500)
            sending->code = SEND_REFUSED;
        else if (outcome->reply.code >= 400 && sending->code == SEND_OK)
            sending->code = SEND_LATER;
    }
    sending->sent = true;
}

static void on_ready(struct sending *sending)
{
    if (sending->sent)
        gp__smtp_client_quit(sending->client);
    else
        gp__smtp_client_send(sending->client, &sending->mail);
}

/* It ended before anything was sent: for good only if the server said so. */
static void on_closed(struct sending *sending)
{
    const struct gp__reply *last = gp__smtp_client_last(sending->client);

    if (gp__smtp_client_error(sending->client))
        fprintf(stderr, "gatepost send: %s: %s\n", sending->server,
                gp__smtp_client_error(sending->client));
    if (sending->sent)
        return;
    if (gp__smtp_client_outcome(sending->client, 0)) {
        report(sending);
        return;
    }
    if (last->code)
        fprintf(stderr, "gatepost send: it said: " GP_FMT "\n",
                GP_ARG(gp__reply_format(sending->arena, last)));
    sending->code = last->code >= 500 ? SEND_REFUSED : SEND_LATER;
}

static void talk(struct sending *sending)
{
    struct gp__runtime *rt = sending->wire.call.runtime;

    for (;;) {
        enum gp__smtp_client_event event = gp__smtp_client_step(sending->client,
                                                                rt->ops->now_ms(rt));

        if (flush(sending) < 0)
            gp__smtp_client_eof(sending->client);
        switch (event) {
        case GP__SMTP_CLIENT_INPUT:
            wait_for_server(sending);
            break;
        case GP__SMTP_CLIENT_READY:
            on_ready(sending);
            break;
        case GP__SMTP_CLIENT_CONTENT:
            give_content(sending);
            break;
        case GP__SMTP_CLIENT_SENT:
            report(sending);
            break;
        case GP__SMTP_CLIENT_STARTTLS:
            if (secure(sending) < 0)
                return;
            bind_login(sending);
            gp__smtp_client_secured(sending->client);
            break;
        case GP__SMTP_CLIENT_CLOSED:
            on_closed(sending);
            return;
        }
    }
}

static void send_main(struct gp__runtime *rt, void *arg)
{
    struct sending *sending = arg;
    unsigned port = sending->settings.protocol == GP__PROTOCOL_LMTP ? 24
                    : sending->settings.encrypted                   ? 465
                                                                    : 25;
    struct gp_slice address = gp__wire_address(sending->arena, sending->server, port);
    int error = gp__wire_open(&sending->wire, rt, address);

    if (error) {
        fprintf(stderr, "gatepost send: " GP_FMT ": no connection: %s\n", GP_ARG(address),
                gp_strerror(error));
        sending->code = error == GP_EINVAL ? SEND_REFUSED : SEND_LATER;
    } else if (!sending->settings.encrypted || secure(sending) == 0) {
        sending->settings.crypto = rt->crypto;
        sending->client = gp__smtp_client_create(&sending->settings, rt->ops->now_ms(rt));
        bind_login(sending);
        talk(sending);
    }
    gp__smtp_client_free(&sending->client);
    gp__wire_close(&sending->wire);
}

/* ---- the command ---- */

/* Our host's name if it is one. */
static void default_helo(struct sending *sending)
{
    struct gp__ip literal;

    if (gethostname(sending->helo, sizeof sending->helo - 1) == 0 &&
        gp__domain_parse(gp_slice_of(sending->helo), 0, &literal) == GP__ADDRESS_OK)
        return;
    (void)snprintf(sending->helo, sizeof sending->helo, "[127.0.0.1]");
}

static void add_recipient(struct sending *sending, const char *address)
{
    GP__ARENA_GROW(sending->arena, sending->to, sending->to_cap, sending->n_to + 1);
    sending->to[sending->n_to++].address = gp_slice_of(address);
}

static int take_option(struct sending *sending, int option)
{
    switch (option) {
    case 's':
        sending->server = optarg;
        break;
    case 'f':
        sending->from = optarg;
        break;
    case 't':
        add_recipient(sending, optarg);
        break;
    case 'n':
        if (strlen(optarg) >= sizeof sending->helo)
            return gp__command_usage("the name for EHLO is too long");
        memcpy(sending->helo, optarg, strlen(optarg) + 1);
        break;
    case 'l':
        sending->settings.protocol = GP__PROTOCOL_LMTP;
        break;
    case 'b':
        sending->settings.bdat = true;
        break;
    case 'p':
        sending->settings.lock_step = true;
        break;
    case 'T':
        if (!set_tls(sending, optarg))
            return gp__command_usage("--tls is no, offered, required or implicit");
        break;
    case 'C':
        sending->ca_file = optarg;
        break;
    case 'i':
        sending->insecure = true;
        break;
    case 'u':
        sending->user = optarg;
        break;
    case 'A':
        if (!set_mechanism(sending, optarg))
            return gp__command_usage(
                "--auth is scram-sha-256-plus, scram-sha-256, scram-sha-1-plus, scram-sha-1, plain "
                "or login");
        break;
    case 'P':
        sending->password_file = optarg;
        break;
    default:
        sending->verbose = true;
    }
    return 0;
}

static int send_it(struct sending *sending)
{
    if (sending->file ? read_message(sending) < 0 : (make_message(sending), 0))
        return GP__EXIT_FAILED;
    sending->mail.sender = gp_slice_of(sending->from);
    sending->mail.recipients = sending->to;
    sending->mail.n_recipients = sending->n_to;
    sending->settings.hostname = gp_slice_of(sending->helo);
    if ((sending->user && read_password(sending) < 0) || look_at_message(sending) < 0 ||
        gp__wire_run(send_main, sending) < 0)
        return GP__EXIT_FAILED;
    return (int)sending->code;
}

int gp__cmd_send(int argc, char **argv)
{
    static const struct option own[] = {{"server", required_argument, NULL, 's'},
                                        {"from", required_argument, NULL, 'f'},
                                        {"to", required_argument, NULL, 't'},
                                        {"helo", required_argument, NULL, 'n'},
                                        {"lmtp", no_argument, NULL, 'l'},
                                        {"bdat", no_argument, NULL, 'b'},
                                        {"no-pipelining", no_argument, NULL, 'p'},
                                        {"verbose", no_argument, NULL, 'v'},
                                        {"tls", required_argument, NULL, 'T'},
                                        {"ca", required_argument, NULL, 'C'},
                                        {"insecure", no_argument, NULL, 'i'},
                                        {"user", required_argument, NULL, 'u'},
                                        {"auth", required_argument, NULL, 'A'},
                                        {"password-file", required_argument, NULL, 'P'},
                                        {NULL, 0, NULL, 0}};
    struct sending sending = {.arena = gp__arena_create(), .from = ""};
    const char *config = NULL;
    int option, code = 0;

    default_helo(&sending);
    while (code == 0 && (option = gp__command_option(argc, argv, own, &config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            break;
        code = take_option(&sending, option);
    }
    if (code == 0 && option == -1) {
        if (!sending.server || sending.n_to == 0 || optind < argc - 1)
            code = gp__command_usage("send takes --server, --to and at most one FILE");
        else if (!sending.user != !sending.password_file ||
                 (sending.settings.mechanisms && !sending.user))
            code = gp__command_usage("--user and --password-file go together, --auth with them");
        else
            sending.file = optind < argc ? argv[optind] : NULL;
        if (code == 0)
            code = send_it(&sending);
    }
    explicit_bzero(sending.password, sizeof sending.password);
    gp__buf_free(&sending.content);
    gp__arena_free(&sending.arena);
    gp__arena_pool_free();
    return code;
}

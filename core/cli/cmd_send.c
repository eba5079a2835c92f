// SPDX-License-Identifier: Apache-2.0
/* `gatepost send`: one message to one server, by the client engine. */
#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/date.h"
#include "core/base/utf8.h"
#include "core/cli/command.h"
#include "core/cli/submit.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum exit_code {
    SEND_OK = 0,      /* all recipients were taken */
    SEND_REFUSED = 1, /* somebody was refused for good */
    SEND_LATER = 3,   /* nobody for good, somebody for now; also: no connection */
};

struct sending {
    struct gp__arena *arena;
    const char *from, *file;
    const char *user, *password_file;
    char helo[256];
    char password[512]; /* wiped at the end */
    struct gp__smtp_client_recipient *to;
    size_t n_to, to_cap;
    struct gp__buf content;
    struct gp__submit submit;
    enum exit_code code;
};

/* ---- the message ---- */

static int read_message(struct sending *sending)
{
    bool is_stdin = strcmp(sending->file, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(sending->file, "rb");
    int result = file ? gp__submit_read(&sending->content, file) : -1;

    if (result < 0)
        fprintf(stderr, "gatepost send: %s: %s\n", sending->file, strerror(errno));
    if (file && !is_stdin)
        fclose(file);
    return result;
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
                   GP_ARG(when), (long long)now, (long)getpid(), sending->helo,
                   sending->submit.server);
}

/* ---- TLS and AUTH ---- */

static bool set_tls(struct sending *sending, const char *mode)
{
    static const char *const modes[] = {"no", "offered", "required", "implicit"};
    size_t i = 0;

    while (i < 4 && strcmp(mode, modes[i]) != 0)
        i++;
    sending->submit.settings.tls = i < 3 ? (enum gp__smtp_client_tls)i : GP__CLIENT_TLS_NONE;
    sending->submit.settings.encrypted = i == 3;
    return i < 4;
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
    sending->submit.settings.mechanisms = 1u << number;
    return true;
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
    sending->submit.settings.user = gp_slice_of(sending->user);
    sending->submit.settings.password = gp_slice(sending->password, len);
    return 0;
}

/* ---- the command ---- */

static void add_recipient(struct sending *sending, const char *address)
{
    GP__ARENA_GROW(sending->arena, sending->to, sending->to_cap, sending->n_to + 1);
    sending->to[sending->n_to++].address = gp_slice_of(address);
}

static int take_option(struct sending *sending, int option)
{
    switch (option) {
    case 's':
        sending->submit.server = optarg;
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
        sending->submit.settings.protocol = GP__PROTOCOL_LMTP;
        break;
    case 'b':
        sending->submit.settings.bdat = true;
        break;
    case 'p':
        sending->submit.settings.lock_step = true;
        break;
    case 'T':
        if (!set_tls(sending, optarg))
            return gp__command_usage("--tls is no, offered, required or implicit");
        break;
    case 'C':
        sending->submit.ca_file = optarg;
        break;
    case 'i':
        sending->submit.insecure = true;
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
        sending->submit.verbose = true;
    }
    return 0;
}

static void report(void *arg, size_t i, const struct gp__smtp_outcome *outcome)
{
    struct sending *sending = arg;

    printf(GP_FMT ": %s" GP_FMT "\n", GP_ARG(sending->to[i].address),
           outcome->own ? "(not by the server) " : "",
           GP_ARG(gp__reply_format(sending->arena, &outcome->reply)));
    if (outcome->reply.code >= 500)
        sending->code = SEND_REFUSED;
    else if (outcome->reply.code >= 400 && sending->code == SEND_OK)
        sending->code = SEND_LATER;
}

static int send_it(struct sending *sending)
{
    struct gp__submit *submit = &sending->submit;

    if (sending->file ? read_message(sending) < 0 : (make_message(sending), 0))
        return GP__EXIT_FAILED;
    submit->command = "gatepost send";
    submit->content = gp__buf_slice(&sending->content);
    submit->mail.sender = gp_slice_of(sending->from);
    submit->mail.recipients = sending->to;
    submit->mail.n_recipients = sending->n_to;
    submit->settings.hostname = gp_slice_of(sending->helo);
    submit->outcome = report;
    submit->arg = sending;
    if ((sending->user && read_password(sending) < 0) || gp__submit_look_at(submit) < 0 ||
        gp__submit(submit) < 0)
        return GP__EXIT_FAILED;
    if (submit->result != GP__SUBMIT_SENT)
        return submit->result == GP__SUBMIT_REFUSED ? SEND_REFUSED : SEND_LATER;
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

    gp__submit_default_helo(sending.helo);
    while (code == 0 && (option = gp__command_option(argc, argv, own, &config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            break;
        code = take_option(&sending, option);
    }
    if (code == 0 && option == -1) {
        if (!sending.submit.server || sending.n_to == 0 || optind < argc - 1)
            code = gp__command_usage("send takes --server, --to and at most one FILE");
        else if (!sending.user != !sending.password_file ||
                 (sending.submit.settings.mechanisms && !sending.user))
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

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
    struct gp__login login;
    char helo[256];
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
                   sending->submit.dial.server);
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
        sending->submit.dial.server = optarg;
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
        sending->submit.dial.settings.protocol = GP__PROTOCOL_LMTP;
        break;
    case 'b':
        sending->submit.dial.settings.bdat = true;
        break;
    case 'p':
        sending->submit.dial.settings.lock_step = true;
        break;
    default:
        return gp__dial_option(&sending->submit.dial, &sending->login, option);
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
    submit->dial.settings.hostname = gp_slice_of(sending->helo);
    submit->outcome = report;
    submit->arg = sending;
    if (gp__dial_read_password(&submit->dial, &sending->login, submit->command) < 0 ||
        gp__submit_look_at(submit) < 0 || gp__submit(submit) < 0)
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
                                        GP__DIAL_OPTIONS,
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
        if (!sending.submit.dial.server || sending.n_to == 0 || optind < argc - 1)
            code = gp__command_usage("send takes --server, --to and at most one FILE");
        else
            code = gp__dial_options_done(&sending.submit.dial, &sending.login);
        sending.file = optind < argc ? argv[optind] : NULL;
        if (code == 0)
            code = send_it(&sending);
    }
    explicit_bzero(&sending.login, sizeof sending.login);
    gp__buf_free(&sending.content);
    gp__arena_free(&sending.arena);
    gp__arena_pool_free();
    return code;
}

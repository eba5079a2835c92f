// SPDX-License-Identifier: Apache-2.0
/*
 * `gatepost sendmail`, also as a program of the name sendmail: how programs on this host send mail.
 * Takes the options that programs give to sendmail(8), completes the message, and submits it to a
 * listener. What goes wrong is said on standard error and by an exit code of sysexits.h; nothing is
 * queued here, so there is nothing to be lost silently.
 */
#include "core/base/ascii.h"
#include "core/cli/command.h"
#include "core/cli/sendmail.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "sendmail"

static int usage(const char *text)
{
    fprintf(stderr, PROGRAM ": %s; `gatepost help sendmail` says how\n", text);
    return EX_USAGE;
}

/* ---- options ---- */

/* -ox of sendmail: those that mean something here; the rest is about how sendmail queues. */
static int take_o(struct gp__sendmail *mail, const char *value)
{
    if (value[0] == 'i' && !value[1])
        mail->dots = true;
    return 0;
}

static int take_b(struct gp__sendmail *mail, const char *value)
{
    static const char *const refused[][2] = {
        {"d", "the server is started by `gatepost serve`"},
        {"D", "the server is started by `gatepost serve`"},
        {"v", "addresses can't be tried here; `gatepost route FROM TO` says where one goes"},
        {"t", "there is no test mode; `gatepost route FROM TO` says where an address goes"},
    };

    if (value[0] && !value[1] && strchr("mspi", value[0])) {
        mail->mode = value[0];
        return 0;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strcmp(value, refused[i][0]) == 0)
            return usage(refused[i][1]);
    return usage("unknown mode -b");
}

static int take_body(struct gp__sendmail *mail, const char *value)
{
    mail->eight_bit = strcasecmp(value, "8BITMIME") == 0;
    return mail->eight_bit || strcasecmp(value, "7BIT") == 0 ? 0 : usage("-B is 7BIT or 8BITMIME");
}

static int take_ret(struct gp__sendmail *mail, const char *value)
{
    mail->ret = strcasecmp(value, "full") == 0   ? GP__RET_FULL
                : strcasecmp(value, "hdrs") == 0 ? GP__RET_HDRS
                                                 : GP__RET_NONE;
    return mail->ret ? 0 : usage("-R is full or hdrs");
}

static int take_option(struct gp__sendmail *mail, int option)
{
    switch (option) {
    case 'b':
        return take_b(mail, optarg);
    case 'B':
        return take_body(mail, optarg);
    case 'f':
    case 'r':
        mail->sender = optarg;
        return 0;
    case 'F':
        mail->full_name = optarg;
        return 0;
    case 'i':
        mail->dots = true;
        return 0;
    case 'N':
        return gp__sendmail_notify(mail, optarg) ? 0
                                                 : usage("-N is never, or a list of success, "
                                                         "failure and delay");
    case 'o':
        return take_o(mail, optarg);
    case 'q':
        fputs(PROGRAM
              ": the server runs its queue by itself; `gatepost queue retry` tries mail now\n",
              stderr);
        return EX_UNAVAILABLE;
    case 'R':
        return take_ret(mail, optarg);
    case 's':
        mail->server = optarg;
        return 0;
    case 't':
        mail->from_header = true;
        return 0;
    case 'v':
        mail->verbose = true;
        return 0;
    case 'V':
        mail->envid = optarg;
        return 0;
    case 'h':
        gp__command_help(stdout);
        return -1;
    case '?':
        return usage("unknown option");
    default: /* of sendmail, without a meaning here */
        return 0;
    }
}

static int take_options(struct gp__sendmail *mail, int argc, char **argv)
{
    static const struct option words[] = {{"server", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option, code = 0;

    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv,
                                              "+A:B:b:C:D:d:e:F:f:GIiL:M:mN:nO:o:p:q::R:r:"
                                              "tUV:vX:x",
                                              words, NULL)) != -1)
        code = take_option(mail, option);
    return code;
}

/* ---- modes ---- */

static int say_queue(void)
{
    puts("Mail that waits is in the server's queue: `gatepost queue list` shows it.");
    return EX_OK;
}

static int exit_code(int code)
{
    return code < 0 ? EX_OK : code;
}

static int run(struct gp__sendmail *mail, int argc, char **argv)
{
    int code = take_options(mail, argc, argv);

    if (code != 0)
        return exit_code(code);
    if (mail->mode == 'p')
        return say_queue();
    if (mail->mode == 'i') /* newaliases: tables notice changes by themselves */
        return EX_OK;
    code = gp__sendmail_settings(mail);
    if (code != 0)
        return code;
    if (mail->mode == 's')
        return gp__sendmail_bridge(mail);
    return gp__sendmail_message(mail, argc - optind, argv + optind);
}

int gp__cmd_sendmail(int argc, char **argv)
{
    struct gp__sendmail mail = {.arena = gp__arena_create(), .mode = 'm'};
    int code;

    if (strcmp(gp__command_called(), "mailq") == 0)
        mail.mode = 'p';
    else if (strcmp(gp__command_called(), "newaliases") == 0)
        mail.mode = 'i';
    code = run(&mail, argc, argv);
    gp__buf_free(&mail.content);
    gp__arena_free(&mail.arena);
    return code;
}

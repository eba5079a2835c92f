// SPDX-License-Identifier: Apache-2.0
/* TLS and login as a command line asks for them. */
#include "core/cli/command.h"
#include "core/cli/dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool set_tls(struct gp__dial *dial, const char *mode)
{
    static const char *const modes[] = {"no", "offered", "required", "implicit"};
    size_t i = 0;

    while (i < 4 && strcmp(mode, modes[i]) != 0)
        i++;
    dial->settings.tls = i < 3 ? (enum gp__smtp_client_tls)i : GP__CLIENT_TLS_NONE;
    dial->settings.encrypted = i == 3;
    return i < 4;
}

/* "plain", "scram-sha-256" …: that one only. */
static bool set_mechanism(struct gp__dial *dial, const char *name)
{
    static const unsigned known = 1u << GP__SASL_SCRAM_SHA_256_PLUS | 1u << GP__SASL_SCRAM_SHA_256 |
                                  1u << GP__SASL_SCRAM_SHA_1_PLUS | 1u << GP__SASL_SCRAM_SHA_1 |
                                  1u << GP__SASL_PLAIN | 1u << GP__SASL_LOGIN;
    enum gp__sasl_name number;

    if (!gp__sasl_find(gp_slice_of(name), &number) || !(known & 1u << number))
        return false;
    dial->settings.mechanisms = 1u << number;
    return true;
}

int gp__dial_option(struct gp__dial *dial, struct gp__login *login, int option)
{
    switch (option) {
    case 'T':
        if (!set_tls(dial, optarg))
            return gp__command_usage("--tls is no, offered, required or implicit");
        break;
    case 'C':
        dial->ca_file = optarg;
        break;
    case 'i':
        dial->insecure = true;
        break;
    case 'u':
        login->user = optarg;
        break;
    case 'A':
        if (!set_mechanism(dial, optarg))
            return gp__command_usage(
                "--auth is scram-sha-256-plus, scram-sha-256, scram-sha-1-plus, scram-sha-1, plain "
                "or login");
        break;
    case 'P':
        login->password_file = optarg;
        break;
    default:
        dial->verbose = true;
    }
    return 0;
}

int gp__dial_options_done(struct gp__dial *dial, struct gp__login *login)
{
    if (!login->user != !login->password_file || (dial->settings.mechanisms && !login->user))
        return gp__command_usage("--user and --password-file go together, --auth with them");
    return 0;
}

/* The first line of a file. */
int gp__dial_read_password(struct gp__dial *dial, struct gp__login *login, const char *command)
{
    FILE *file;
    size_t len;

    if (!login->user)
        return 0;
    file = fopen(login->password_file, "r");
    if (!file || !fgets(login->password, sizeof login->password, file)) {
        fprintf(stderr, "%s: %s: %s\n", command, login->password_file,
                file ? "no password in it" : strerror(errno));
        if (file)
            fclose(file);
        return -1;
    }
    fclose(file);
    len = strcspn(login->password, "\r\n");
    dial->settings.user = gp_slice_of(login->user);
    dial->settings.password = gp_slice(login->password, len);
    return 0;
}

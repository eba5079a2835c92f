// SPDX-License-Identifier: Apache-2.0
/*
 * Where to submit. Not the server's configuration: that has secrets, and may not be readable for who
 * sends mail. A file of two lines instead, `server` and `domain`.
 */
#include "core/cli/sendmail.h"

#include "core/base/ascii.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define FILE_DEFAULT GP_CONFIG_DIR "/sendmail.conf"
#define SERVER_DEFAULT "unix:/run/gatepost/submit.sock"

static int wrong(const char *path, unsigned line, const char *what)
{
    fprintf(stderr, "sendmail: %s:%u: %s\n", path, line, what);
    return EX_CONFIG;
}

static int take_line(struct gp__sendmail *mail, const char *path, unsigned number, char *text)
{
    struct gp_slice rest = gp_slice_trim(gp_slice(text, strcspn(text, "#"))), word;

    if (rest.len == 0)
        return 0;
    word = gp_slice_split(&rest, ' ');
    rest = gp_slice_trim(rest);
    if (rest.len == 0)
        return wrong(path, number, "write a word and its value: server ADDRESS, domain NAME");
    if (gp_slice_eq(word, GP_S("server")))
        mail->server = mail->server ? mail->server : gp__arena_dup(mail->arena, rest).data;
    else if (gp_slice_eq(word, GP_S("domain")))
        mail->domain = gp__arena_dup(mail->arena, rest).data;
    else
        return wrong(path, number, "the words are server and domain");
    return 0;
}

static int read_file(struct gp__sendmail *mail)
{
    const char *given = getenv("GATEPOST_SENDMAIL_CONF"), *path = given ? given : FILE_DEFAULT;
    FILE *file = fopen(path, "r");
    unsigned number = 0;
    char line[1024];
    int code = 0;

    if (!file && errno == ENOENT && !given)
        return 0;
    if (!file) {
        fprintf(stderr, "sendmail: %s: %s\n", path, strerror(errno));
        return EX_CONFIG;
    }
    while (code == 0 && fgets(line, sizeof line, file))
        code = take_line(mail, path, ++number, line);
    if (ferror(file))
        code = EX_IOERR;
    fclose(file);
    return code;
}

/* The host's full name, where the resolver knows one. */
static const char *own_domain(struct gp__sendmail *mail)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *found = NULL;
    char name[256];
    const char *result;

    if (gethostname(name, sizeof name - 1) < 0)
        return "localhost";
    name[sizeof name - 1] = '\0';
    if (strchr(name, '.') || getaddrinfo(name, NULL, &hints, &found) != 0 || !found->ai_canonname)
        result = name;
    else
        result = found->ai_canonname;
    result = gp__arena_dup(mail->arena, gp_slice_of(result)).data;
    if (found)
        freeaddrinfo(found);
    return result;
}

int gp__sendmail_settings(struct gp__sendmail *mail)
{
    int code;

    if (!mail->server)
        mail->server = getenv("GATEPOST_SUBMIT");
    code = read_file(mail);
    if (!mail->server)
        mail->server = SERVER_DEFAULT;
    if (code == 0 && !mail->domain && mail->mode == 'm')
        mail->domain = own_domain(mail);
    return code;
}

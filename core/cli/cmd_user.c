// SPDX-License-Identifier: Apache-2.0
/* `gatepost user`: the users in a file for the plugin auth_file. */
#include "core/base/arena.h"
#include "core/base/ascii.h"
#include "core/base/password.h"
#include "core/base/saslprep.h"
#include "core/cli/ask_password.h"
#include "core/cli/command.h"
#include "core/cli/user_file.h"
#include "core/runtime/crypto.h"
#include "core/smtp/sasl.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define SALT_BYTES 16

struct request {
    const char *path, *user;
    struct gp__arena *arena;
    struct gp__user_file file;
    struct gp_slice name; /* prepared */
};

/* ---- the command line ---- */

enum { OPTION_FILE = 256 };

static const struct option options[] = {
    {"file", required_argument, NULL, OPTION_FILE},
    {NULL, 0, NULL, 0},
};

/* Names that the file can hold, as the server will look for them. */
static int prepare_name(struct request *request)
{
    struct gp_slice name = gp_slice_of(request->user);
    bool fine = gp__saslprep(request->arena, name, &request->name) == 0;

    name = request->name;
    fine = fine && name.len > 0 && name.len <= GP__SASL_USER_MAX && name.data[0] != '#' &&
           gp_slice_find(name, ':') == name.len && gp_slice_trim(name).len == name.len;
    if (fine)
        return 0;
    (void)fprintf(stderr,
                  "gatepost user: \"%s\" can't be a name: 1 to 255 bytes of UTF-8, no "
                  "colon, no white space at its ends, no \"#\" in front\n",
                  request->user);
    return -1;
}

/* GP__EXIT_OK and the file read, or another exit code in *code_r and false. */
static bool begin(struct request *request, int argc, char **argv, bool wants_user, int *code_r)
{
    const char *config = NULL;
    int option;

    *request = (struct request){.file = {.directory = -1}};
    while ((option = gp__command_option(argc, argv, options, &config, code_r)) == OPTION_FILE)
        request->path = optarg;
    if (option == GP__OPTION_EXIT)
        return false;
    *code_r = GP__EXIT_USAGE;
    if (!request->path || (wants_user ? optind + 1 != argc : optind != argc)) {
        gp__command_usage("give --file FILE%s", wants_user ? " and one user" : " and nothing else");
        return false;
    }
    *code_r = GP__EXIT_FAILED;
    request->user = wants_user ? argv[optind] : "";
    request->arena = gp__arena_create();
    gp__arena_keep_secret(request->arena);
    if ((!wants_user || prepare_name(request) == 0) &&
        gp__user_file_open(&request->file, request->path) == 0)
        return true;
    gp__arena_free(&request->arena);
    return false;
}

static int end(struct request *request, int code)
{
    gp__user_file_close(&request->file);
    gp__arena_free(&request->arena);
    return code;
}

static int refuse(struct request *request, const char *text)
{
    (void)fprintf(stderr, "gatepost user: %s: \"%s\" %s\n", request->path, request->user, text);
    return end(request, GP__EXIT_FAILED);
}

/* ---- secrets ---- */

static struct gp_slice make_line(struct request *request, struct gp_slice password)
{
    struct gp_slice hash = gp__password_hash(request->arena, password), scram;
    char salt[SALT_BYTES];

    if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        return gp_slice(NULL, 0);
    scram = gp__password_scram(request->arena, GP__SHA256, password, gp_slice(salt, sizeof salt),
                               GP__SASL_SCRAM_ITERATIONS);
    if (!gp_slice_present(hash) || !gp_slice_present(scram))
        return gp_slice(NULL, 0);
    return GP__ARENA_JOIN(request->arena, request->name, GP_S(":"), hash, GP_S(" "), scram);
}

static int set_password(struct request *request)
{
    char room[GP__PASSWORD_LINE_MAX];
    struct gp_slice password, prepared, line = gp_slice(NULL, 0);
    int result = gp__ask_password(room, &password);

    if (result == 0) {
        result = gp__saslprep(request->arena, password, &prepared);
        if (result < 0 || prepared.len == 0 || prepared.len > GP__SASL_PASSWORD_MAX) {
            (void)fprintf(stderr,
                          "gatepost user: a password is 1 to %u bytes of UTF-8 without "
                          "control characters\n",
                          GP__SASL_PASSWORD_MAX);
            result = -1;
        }
    }
    if (result == 0) {
        line = make_line(request, prepared);
        if (!gp_slice_present(line))
            (void)fprintf(stderr, "gatepost user: no hash could be made: %s\n", strerror(errno));
        result = gp_slice_present(line) ? gp__user_file_write(&request->file, request->name, line)
                                        : -1;
    }
    explicit_bzero(room, sizeof room);
    return end(request, result < 0 ? GP__EXIT_FAILED : GP__EXIT_OK);
}

/* ---- the commands ---- */

int gp__cmd_user_add(int argc, char **argv)
{
    struct request request;
    int code;

    if (!begin(&request, argc, argv, true, &code))
        return code;
    if (gp_slice_present(gp__user_file_line(&request.file, request.name)))
        return refuse(&request, "is there already; `gatepost user passwd` changes the password");
    return set_password(&request);
}

int gp__cmd_user_passwd(int argc, char **argv)
{
    struct request request;
    int code;

    if (!begin(&request, argc, argv, true, &code))
        return code;
    if (!gp_slice_present(gp__user_file_line(&request.file, request.name)))
        return refuse(&request, "is not there; `gatepost user add` makes a user");
    return set_password(&request);
}

int gp__cmd_user_delete(int argc, char **argv)
{
    struct request request;
    int code;

    if (!begin(&request, argc, argv, true, &code))
        return code;
    if (!gp_slice_present(gp__user_file_line(&request.file, request.name)))
        return refuse(&request, "is not there");
    code = gp__user_file_write(&request.file, request.name, gp_slice(NULL, 0));
    return end(&request, code < 0 ? GP__EXIT_FAILED : GP__EXIT_OK);
}

/* "$y$" and the like as people call them; never the secret itself. */
static struct gp_slice kind_of(struct gp_slice secret)
{
    struct gp_slice hash;

    switch (gp__password_kind(secret, &hash)) {
    case GP__PASSWORD_SCRAM:
        return gp_slice_split(&hash, '$');
    case GP__PASSWORD_ARGON2:
        return GP_S("argon2");
    case GP__PASSWORD_CRYPT:
        if (gp_slice_starts(hash, GP_S("$y$")) || gp_slice_starts(hash, GP_S("$gy$")))
            return GP_S("yescrypt");
        if (gp_slice_starts(hash, GP_S("$2")))
            return GP_S("bcrypt");
        if (gp_slice_starts(hash, GP_S("$7$")))
            return GP_S("scrypt");
        return gp_slice_starts(hash, GP_S("$5$")) ? GP_S("sha256-crypt") : GP_S("sha512-crypt");
    case GP__PASSWORD_UNKNOWN:
        break;
    }
    return GP_S("unknown");
}

static void print_user(struct gp_slice line)
{
    struct gp_slice secrets = line, name = gp_slice_split(&secrets, ':');
    const char *separator = "";

    (void)printf(GP_FMT "\t", GP_ARG(name));
    secrets = gp_slice_trim(secrets);
    while (secrets.len) {
        struct gp_slice secret = gp_slice_split(&secrets, ' '), kind = kind_of(secret);

        (void)printf("%s" GP_FMT, separator, GP_ARG(kind));
        separator = ", ";
        secrets = gp_slice_trim(secrets);
    }
    (void)puts("");
}

int gp__cmd_user_list(int argc, char **argv)
{
    struct request request;
    struct gp_slice rest;
    int code;

    if (!begin(&request, argc, argv, false, &code))
        return code;
    if (!request.file.exists) {
        (void)fprintf(stderr, "gatepost user: %s: %s\n", request.path, strerror(ENOENT));
        return end(&request, GP__EXIT_FAILED);
    }
    rest = gp__buf_slice(&request.file.text);
    while (gp_slice_present(rest)) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (gp_slice_find(line, ':') < line.len && line.data[0] != '#')
            print_user(gp_slice_trim(line));
    }
    return end(&request, GP__EXIT_OK);
}

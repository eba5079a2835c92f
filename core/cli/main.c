// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"
#include "core/config/suggest.h"
#include "core/process/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct gp__command *running;

#define ASKS                                                                                       \
    "\n\nAsks the server on its control socket: --socket, or `control: {path: …}` of the\n"      \
    "configuration, or /run/gatepost/control.sock. --json prints the answer as it is.\n"

#define SPOOL "\n\nThe spool is the one of the configuration, or the one at --path.\n"
#define FILTERS                                                                                    \
    "[ID...] [--sender ADDRESS] [--domain DOMAIN] [--destination TARGET[/DOMAIN]]\n"               \
    "                     [--route NAME] [--bucket NAME] [--state STATE] [--older DURATION] "      \
    "[--all]"

#define WHICH                                                                                         \
    "\n\nAll filters must hold. --sender \"<>\": the null sender. STATE is waiting, ready, trying,\n" \
    "held or paused. Without any filter, --all is asked for where mail is changed."

const struct gp__command gp__commands[] = {
    {"serve", "[--config FILE]", "receive mail",
     "Reads the configuration, listens and serves until SIGTERM or SIGINT. Sessions under way\n"
     "are given half a minute to finish; a second signal ends them at once. SIGHUP reloads the\n"
     "configuration if it says `workers`; SIGUSR1 reopens the log file, SIGUSR2 logs what the\n"
     "hooks did so far.\n",
     gp__cmd_serve},
    {"status", "[--socket PATH] [--config FILE] [--json]", "how the running server is",
     "Its processes, listeners and what it has counted." ASKS, gp__cmd_status},
    {"sessions", "[--limit N] [--socket PATH] [--config FILE] [--json]", "who is connected now",
     "Sessions with their client, state and age, and whom the client waits for: the instance, its\n"
     "hook and for how long. At most 1000, or N." ASKS,
     gp__cmd_sessions},
    {"hooks", "[--socket PATH] [--config FILE] [--json]",
     "what each instance decides, and how fast",
     "Instances by chain, in the order in which they are asked: calls, verdicts, mean, median and\n"
     "99th percentile (to a power of two), faults, and how often shadow mode agrees." ASKS,
     gp__cmd_hooks},
    {"reload", "[--socket PATH] [--config FILE] [--json]",
     "let the server load its configuration anew",
     "Waits for the outcome. Exit code 1 and the diagnostics when the new configuration cannot be\n"
     "used; then the old one goes on." ASKS,
     gp__cmd_reload},
    {"stop", "[--socket PATH] [--config FILE] [--json]", "end the server",
     "As SIGTERM does, and waits until it is gone." ASKS, gp__cmd_stop},
    {"check", "[--config FILE] [--json] [--no-create]",
     "say all that is wrong with a configuration",
     "Prints every error, warning and notice with file, line and column. Exit code 1 when there\n"
     "is an error. Makes the instances of plugins as `serve` does, so that a file that is missing\n"
     "is found; with --no-create it does not, for a configuration of another machine. --json\n"
     "prints an array of objects for programs.\n",
     gp__cmd_check},
    {"config show", "[--config FILE]", "print the effective configuration",
     "Prints every setting with its value and where that came from. Secrets are not shown.\n",
     gp__cmd_config_show},
    {"schema", "[PLUGIN...]", "print the JSON Schema of the configuration",
     "For editors that complete and check while you type. Knows the options of all plugins that\n"
     "can be found, or of those named.\n",
     gp__cmd_schema},
    {"route", "[--config FILE] [--ip ADDRESS] [--listener NAME] [--as USER] FROM TO",
     "explain where a recipient would go",
     "Asks the routes as a session would, step by step, without asking any filter. FROM may be\n"
     "\"<>\" for the null sender. --ip: the client's address (127.0.0.1), or unix for a program on\n"
     "a UNIX socket. --as: who is logged in. Both decide about the right to relay.\n",
     gp__cmd_route},
    {"plugin list", "[--config FILE]", "list the plugins that can be found",
     "Prints name, version, summary and file of each, and why others can't be used.\n",
     gp__cmd_plugin_list},
    {"plugin info", "NAME [--markdown] [--plugins DIR]", "describe a plugin: hooks, roles, options",
     "--markdown prints the options as the table that its documentation has. --plugins: also look\n"
     "for it in this directory.\n",
     gp__cmd_plugin_info},
    {"plugin test", "DIR|FILE... [--filter TEXT] [--verbose] [--plugins DIR]", "run scenario files",
     "Runs plugins in simulated sessions: no network, no waiting. See docs/plugins/testing.md.\n",
     gp__cmd_plugin_test},
    {"spool verify", "[--path DIR] [--config FILE]", "read the whole spool and say what is damaged",
     "Every record, message and file of a large message is read and its checksum compared. A line\n"
     "for each problem, and sums; exit code 1 when there is a problem. Changes nothing, and may run\n"
     "beside a server." SPOOL,
     gp__cmd_spool_verify},
    {"spool list", "[--path DIR] [--config FILE] [--json] [ID...]", "what is in the spool's files",
     "Id, date, size, number of recipients and sender. Also what is done with and whose segment is\n"
     "still there: what is still to be delivered is told by `gatepost queue list`." SPOOL,
     gp__cmd_spool_list},
    {"spool show", "[--path DIR] [--config FILE] [--message | --copy NAME] ID",
     "print an entry of the spool",
     "Its envelope, facts and notes as JSON; with --message the message as it came in, with --copy\n"
     "one of its copies as it is sent." SPOOL,
     gp__cmd_spool_show},
    {"spool export", "--to DIR [--path DIR] [--config FILE] [ID...]",
     "write entries of the spool to files",
     "ID.eml, the message as it came in, and ID.json, all that is known of it; never over files\n"
     "that are there. All entries, or those named. They stay in the spool." SPOOL,
     gp__cmd_spool_export},
    {"spool import", "[--path DIR] [--config FILE] FILE.json...", "take exported entries back",
     "Each FILE.json with its FILE.eml becomes an entry again, durably. A server that has the spool\n"
     "delivers it, unless it knows the id. Started by root it becomes the spool's user." SPOOL,
     gp__cmd_spool_import},
    {"queue list", FILTERS " [--limit N] [--json]", "what is in the queue",
     "Messages with their recipients: state, route, tries, what was said last, when it is tried\n"
     "next. --json prints one object a line. Asks page by page: it may be as long as it likes." WHICH
         ASKS,
     gp__cmd_queue_list},
    {"queue show", "ID... [--json]", "all about a message in the queue",
     "As `queue list`, with all of its recipients, and what filters said when it came." ASKS,
     gp__cmd_queue_show},
    {"queue stats", "[--json]", "how long the queue is, and for whom",
     "Messages by state, pauses, and a line for each destination: what waits, how many attempts are\n"
     "made at once, and until when it is left alone." ASKS,
     gp__cmd_queue_stats},
    {"queue watch", "[--limit N] [--json]", "`queue stats` every two seconds",
     "N times, or until it is interrupted." ASKS, gp__cmd_queue_watch},
    {"queue export", "--into DIRECTORY " FILTERS, "copy mail out of the queue",
     "ID.eml is the message as its first copy has it, ID.json its envelope and how it stands. The\n"
     "directory is made; files that are there already are not replaced. Reads the spool, which is the\n"
     "server's user's." WHICH ASKS,
     gp__cmd_queue_export},
    {"queue hold", FILTERS, "put mail aside until it is released",
     "Into the bucket \"hold\", where it stays without end." WHICH ASKS, gp__cmd_queue_hold},
    {"queue release", "[--as ADDRESS] " FILTERS, "let held mail go",
     "Out of any bucket; filters with a hook `release` are asked, and it is tried at once. --as: in\n"
     "the name of a recipient or sender, as far as `buckets: {NAME: {release: …}}` lets that one: its\n"
     "own copies, or its mail. Exit code 1 when nothing was let go." WHICH ASKS,
     gp__cmd_queue_release},
    {"queue retry", FILTERS, "try mail now",
     "Does not wait for its time, nor for that of its destination." WHICH ASKS,
     gp__cmd_queue_retry},
    {"queue delete", FILTERS, "take mail out of the queue", "Nobody is told." WHICH ASKS,
     gp__cmd_queue_delete},
    {"queue bounce", FILTERS, "return mail to its sender",
     "As if its time were over: by the rules of `bounces:`." WHICH ASKS, gp__cmd_queue_bounce},
    {"queue reroute", "[--to ROUTE] " FILTERS, "send mail another way",
     "By the route ROUTE, or by the one that owns each recipient now." WHICH ASKS,
     gp__cmd_queue_reroute},
    {"queue pause", FILTERS, "try nothing of what matches",
     "Until `queue resume` with the same filters; also what comes later, also after a restart. What\n"
     "is paused does not expire." WHICH ASKS,
     gp__cmd_queue_pause},
    {"queue resume", FILTERS, "go on with what was paused", "`queue stats` lists pauses." ASKS,
     gp__cmd_queue_resume},
    {"user add", "--file FILE USER", "add a user to a file for auth_file",
     "Asks for the password twice on a terminal, or takes the first line of standard input. Writes\n"
     "a yescrypt hash and a SCRAM-SHA-256 secret. The file is made if it is not there (0600) and\n"
     "replaced as a whole; a server that uses it notices by itself.\n",
     gp__cmd_user_add},
    {"user passwd", "--file FILE USER", "change the password of a user",
     "As `user add`, for a user who is there.\n", gp__cmd_user_passwd},
    {"user delete", "--file FILE USER", "take a user out of a file",
     "Sessions that are logged in go on.\n", gp__cmd_user_delete},
    {"user list", "--file FILE", "list the users of a file",
     "A line for each: the name, a tab, and the kinds of its secrets.\n", gp__cmd_user_list},
    {"send",
     "--server ADDRESS --to ADDRESS... [--from ADDRESS] [--helo NAME] [--lmtp] [--bdat]\n"
     "                     [--no-pipelining] [--tls no|offered|required|implicit] [--ca FILE]\n"
     "                     [--insecure] [--user NAME --password-file FILE [--auth MECHANISM]]\n"
     "                     [--verbose] [FILE]",
     "send a message to a server",
     "ADDRESS of the server is HOST:PORT, HOST, or unix:PATH; port 25 unless given, with --lmtp 24,\n"
     "with --tls implicit 465.\n"
     "FILE is the message, \"-\" standard input; without it a small test message is made. Line ends\n"
     "become CRLF. The sender is the null one unless --from says another. --bdat: by BDAT where\n"
     "the server knows CHUNKING. --tls: whether to use TLS (no); required and implicit check the\n"
     "certificate, by --ca or the system's CAs, unless --insecure. --user logs in, within TLS only.\n"
     "--verbose prints what is said. Prints a line for each recipient.\n"
     "Exit code 0: all were taken. 1: somebody was refused for good, or nothing could be sent. 3:\n"
     "not now, for somebody or at all: try again later.\n",
     gp__cmd_send},
    {"sendmail",
     "[-t] [-f SENDER] [-F NAME] [-i] [-N NOTIFY] [-R full|hdrs] [-V ENVID] [-B BODY]\n"
     "                         [-bm|-bs|-bp] [-v] [--server ADDRESS] [RECIPIENT...]",
     "submit mail as programs do",
     "For programs that call sendmail: a link to gatepost of this name is this command. Reads a\n"
     "message and submits it to the server. -t: to those in To, Cc and Bcc, and Bcc is taken out.\n"
     "-f: the sender, \"<>\" the null one; without it the user. -i: a line with only a dot does not\n"
     "end the message. -bs: SMTP on standard input. -bp: says how to see the queue. Other options\n"
     "of sendmail are taken and mean nothing; -q is refused.\n"
     "The server is --server, $GATEPOST_SUBMIT, or \"server ADDRESS\" in the file sendmail.conf beside\n"
     "the configuration; unix:/run/gatepost/submit.sock else. \"domain NAME\" there completes\n"
     "addresses without one. Exit codes are those of sysexits.h: 0, or why it was not sent.\n",
     gp__cmd_sendmail},
    {"selftest",
     "HOST:PORT [--to ADDRESS] [--from ADDRESS] [--wait MS] [--filter TEXT] [--lmtp]\n"
     "                         [--tls no|offered|required|implicit] [--ca FILE] [--insecure]\n"
     "                         [--user NAME --password-file FILE [--auth MECHANISM]] [--verbose]",
     "try on a server what nobody should send it",
     "Smuggling, injection, limits: a session for each case and a line that says what the server\n"
     "did. Talks to no other address. Sends marked test messages to --to (postmaster), from --from\n"
     "(nobody). --wait: how long silence is taken for no answer (1000). --filter: only cases with\n"
     "this in their name. TLS and login as `gatepost send`, anew for each case. Exit code 1 when\n"
     "something is unsafe, or a case got no verdict.\n",
     gp__cmd_selftest},
    {"version", "", "print versions",
     "Of Gatepost, of its plugin interface and of the libraries it runs on.\n", gp__cmd_version},
    {"help", "[COMMAND]", "explain a command", "Without a command: lists them.\n", gp__cmd_help},
    {NULL, NULL, NULL, NULL, NULL},
};

/* How many words of argv the command's name takes; 0: another command. */
static int matches(const struct gp__command *command, int argc, char **argv)
{
    const char *space = strchr(command->name, ' ');
    size_t first = space ? (size_t)(space - command->name) : strlen(command->name);

    if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], command->name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

void gp__command_help(FILE *out)
{
    fprintf(out, "usage: gatepost %s %s\n\n%s", running->name, running->arguments, running->help);
}

static void list_commands(FILE *out)
{
    fprintf(out, "usage: gatepost COMMAND [OPTIONS]\n\n");
    for (const struct gp__command *command = gp__commands; command->name; command++)
        fprintf(out, "  %-12s %s\n", command->name, command->summary);
    fprintf(out,
            "\n`gatepost help COMMAND` says more. Commands that read a configuration take\n"
            "--config FILE; without it %s is read.\n",
            gp__default_config());
}

int gp__cmd_help(int argc, char **argv)
{
    if (argc < 2) {
        list_commands(stdout);
        return GP__EXIT_OK;
    }
    for (const struct gp__command *command = gp__commands; command->name; command++) {
        if (!matches(command, argc - 1, argv + 1))
            continue;
        running = command;
        gp__command_help(stdout);
        return GP__EXIT_OK;
    }
    return gp__command_usage("no command \"%s\"", argv[1]);
}

/* The name that is spelt most like what was typed, for a hint. */
static const char *nearest(const char *typed)
{
    struct gp__suggest suggest = {.word = gp_slice_of(typed)};

    for (const struct gp__command *command = gp__commands; command->name; command++)
        gp__suggest_try(&suggest, gp_slice_of(command->name));
    return gp_slice_present(suggest.best) ? suggest.best.data : NULL;
}

/* Prints the commands of two words that begin with this one; how many there are. */
static size_t list_family(const char *first, FILE *out)
{
    size_t n = 0;

    for (const struct gp__command *command = gp__commands; command->name; command++) {
        struct gp_slice rest = gp_slice_of(command->name);
        struct gp_slice word = gp_slice_split(&rest, ' ');

        if (gp_slice_present(rest) && gp_slice_eq(word, gp_slice_of(first)))
            fprintf(out, "%s%s", n++ ? ", " : "; there is ", command->name);
    }
    return n;
}

static int unknown(int argc, char **argv)
{
    const char *hint = nearest(argv[0]);

    fprintf(stderr, "gatepost: no command \"%s%s%s\"", argv[0], argc > 1 ? " " : "",
            argc > 1 ? argv[1] : "");
    if (list_family(argv[0], stderr) == 0)
        fprintf(stderr, "%s%s%s", hint ? "; did you mean \"" : "", hint ? hint : "",
                hint ? "\"?" : "; `gatepost help` lists them");
    fputc('\n', stderr);
    return GP__EXIT_USAGE;
}

static const char *called = "gatepost";

const char *gp__command_called(void)
{
    return called;
}

/* By a name of sendmail's it is that command. */
static bool is_sendmail(void)
{
    return strcmp(called, "sendmail") == 0 || strcmp(called, "mailq") == 0 ||
           strcmp(called, "newaliases") == 0;
}

static int run_sendmail(int argc, char **argv)
{
    for (const struct gp__command *command = gp__commands; command->name; command++)
        if (strcmp(command->name, "sendmail") == 0)
            running = command;
    return gp__cmd_sendmail(argc, argv);
}

static int dispatch(int argc, char **argv)
{
    if (argc > 0) {
        const char *slash = strrchr(argv[0], '/');

        called = slash ? slash + 1 : argv[0];
    }
    if (is_sendmail())
        return run_sendmail(argc, argv);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        list_commands(argc < 2 ? stderr : stdout);
        return argc < 2 ? GP__EXIT_USAGE : GP__EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0)
        return gp__cmd_version(1, argv);
    if (argc == 3 && strcmp(argv[1], "process") == 0)
        return gp__process_main(argv[2]);
    for (const struct gp__command *command = gp__commands; command->name; command++) {
        int words = matches(command, argc - 1, argv + 1);

        if (!words)
            continue;
        running = command;
        return command->run(argc - words, argv + words);
    }
    return unknown(argc - 1, argv + 1);
}

/* A standard descriptor that is closed would be given to the next file or socket, and what is meant
 * for people, or for the log, would be written there. */
static int keep_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return -1;
    return 0;
}

/* Output that got lost, say on a full disk, is a failure: a schema that ends halfway is no schema. */
int main(int argc, char **argv)
{
    int code;

    if (keep_standard_descriptors() < 0)
        return GP__EXIT_FAILED; /* there is nobody to tell */
    code = dispatch(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "gatepost: standard output: %s\n", strerror(errno));
    return code == GP__EXIT_OK ? GP__EXIT_FAILED : code;
}

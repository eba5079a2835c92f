// SPDX-License-Identifier: Apache-2.0
/* gatepost queue: what is in it. */
#include "core/cli/command.h"
#include "core/cli/queue.h"

#include <time.h>
#include <unistd.h>

#define WATCH_S 2u

/* ---- list and show ---- */

static void print_reason(const json_t *recipient)
{
    if (json_object_get(recipient, "status"))
        printf("; %s %s", gp__ask_text(recipient, "status"), gp__ask_text(recipient, "text"));
    if (json_object_get(recipient, "remote"))
        printf(" (%s)", gp__ask_text(recipient, "remote"));
    if (json_object_get(recipient, "reason"))
        printf("; %s", gp__ask_text(recipient, "reason"));
}

static void print_recipient(const json_t *recipient, json_int_t now)
{
    json_int_t next = gp__ask_number(recipient, "next");
    char age[32];

    printf("    %s  %s", gp__ask_text(recipient, "address"), gp__ask_text(recipient, "state"));
    if (json_object_get(recipient, "bucket"))
        printf(" in %s", gp__ask_text(recipient, "bucket"));
    if (json_object_get(recipient, "released_from"))
        printf(", released from %s", gp__ask_text(recipient, "released_from"));
    if (next)
        printf(" for another %s", gp__ask_age(next > now ? (next - now) / 1000 : 0, age));
    printf(", route %s, %lld tries", gp__ask_text(recipient, "route"),
           (long long)gp__ask_number(recipient, "tries"));
    print_reason(recipient);
    printf("\n");
}

static void print_verdicts(const json_t *message)
{
    json_t *verdicts = json_object_get(message, "verdicts"), *said;
    const char *name, *before = "    filters: ";

    json_object_foreach(verdicts, name, said)
    {
        printf("%s%s %s", before, name, json_string_value(said));
        before = ", ";
    }
    if (json_object_size(verdicts))
        printf("\n");
}

static void print_message(const json_t *message)
{
    const json_t *list = json_object_get(message, "recipients"), *one;
    json_int_t now = (json_int_t)time(NULL) * 1000;
    json_int_t arrived = gp__ask_number(message, "arrived");
    size_t i;
    char age[32];

    printf("%s  %s  %lld bytes  from <%s>%s%s\n", gp__ask_text(message, "message"),
           gp__ask_age(now > arrived ? (now - arrived) / 1000 : 0, age),
           (long long)gp__ask_number(message, "size"),
           json_string_value(json_object_get(message, "sender"))
               ? json_string_value(json_object_get(message, "sender"))
               : "",
           json_object_get(message, "error") ? "  unreadable: " : "",
           json_object_get(message, "error") ? gp__ask_text(message, "error") : "");
    print_verdicts(message);
    json_array_foreach(list, i, one) print_recipient(one, now);
    if (gp__ask_number(message, "left") > (json_int_t)json_array_size(list))
        printf("    and %lld more\n",
               (long long)gp__ask_number(message, "left") - (long long)json_array_size(list));
}

struct printing {
    bool as_json;
    size_t n; /* messages that were printed */
};

/* JSON is one object a line, so that a list of millions can be read as it comes. */
static bool print_page(void *arg, const json_t *page)
{
    struct printing *printing = arg;
    const json_t *list = json_object_get(page, "list"), *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        printing->n++;
        if (printing->as_json) {
            json_dumpf(one, stdout, JSON_COMPACT);
            printf("\n");
        } else {
            print_message(one);
        }
    }
    return fflush(stdout) == 0;
}

static int list(const struct gp__queue_options *options)
{
    struct printing printing = {.as_json = options->ask.as_json};

    return gp__queue_pages(options, "list", print_page, &printing) < 0 ? GP__EXIT_FAILED
                                                                       : GP__EXIT_OK;
}

static int show_one(const struct gp__queue_options *options)
{
    struct printing printing = {.as_json = options->ask.as_json};

    if (gp__queue_pages(options, "show", print_page, &printing) < 0)
        return GP__EXIT_FAILED;
    if (printing.n)
        return GP__EXIT_OK;
    fprintf(stderr, "gatepost queue show: %s is not in the queue\n", options->messages[0]);
    return GP__EXIT_FAILED;
}

static int show(const struct gp__queue_options *options)
{
    int code = GP__EXIT_OK;

    if (options->n_messages == 0)
        return gp__command_usage("say which message: gatepost queue show ID");
    for (size_t i = 0; i < options->n_messages; i++) {
        struct gp__queue_options one = gp__queue_about(options, i);

        if (show_one(&one) != GP__EXIT_OK)
            code = GP__EXIT_FAILED;
    }
    return code;
}

static int run(int argc, char **argv, unsigned takes,
               int (*command)(const struct gp__queue_options *options))
{
    struct gp__queue_options options;
    int code = GP__EXIT_OK;

    if (gp__queue_read_options(&options, argc, argv, takes, &code) == 0)
        code = command(&options);
    gp__queue_options_free(&options);
    return code;
}

int gp__cmd_queue_list(int argc, char **argv)
{
    return run(argc, argv, GP__TAKES_MAIL | GP__TAKES_LIMIT, list);
}

int gp__cmd_queue_show(int argc, char **argv)
{
    return run(argc, argv, GP__TAKES_IDS, show);
}

/* ---- stats ---- */

static void print_destination(const json_t *one, json_int_t now)
{
    json_int_t not_before = gp__ask_number(one, "not_before");
    char age[32];

    printf("%-16s %-32s %9lld %9lld %7lld %8lld", gp__ask_text(one, "target"),
           gp__ask_text(one, "domain"), (long long)gp__ask_number(one, "waiting"),
           (long long)gp__ask_number(one, "ready"), (long long)gp__ask_number(one, "trying"),
           (long long)gp__ask_number(one, "at_once"));
    if (not_before > now)
        printf("  not for %s%s", gp__ask_age((not_before - now) / 1000, age),
               gp__ask_number(one, "failures") ? ", it is down" : "");
    printf("\n");
}

/* A target whose source addresses have met their limits. */
static void print_limited(const json_t *one, json_int_t now)
{
    json_int_t not_before = gp__ask_number(one, "not_before");
    char age[32];

    printf("source addresses of %s were at their limits: %lld attempts put off, %lld trying",
           gp__ask_text(one, "target"), (long long)gp__ask_number(one, "put_off"),
           (long long)gp__ask_number(one, "trying"));
    if (not_before > now)
        printf(", nothing for %s", gp__ask_age((not_before - now) / 1000, age));
    printf("\n");
}

static void print_stats(const json_t *result)
{
    const json_t *states = json_object_get(result, "states"), *one, *list;
    json_int_t now = gp__ask_number(result, "now"), oldest = gp__ask_number(result, "oldest");
    size_t i;
    char age[32];

    printf("%lld messages in %lld groups: %lld waiting, %lld ready, %lld trying, %lld held, %lld "
           "paused%s\n",
           (long long)gp__ask_number(result, "messages"),
           (long long)gp__ask_number(result, "groups"),
           (long long)gp__ask_number(states, "waiting"), (long long)gp__ask_number(states, "ready"),
           (long long)gp__ask_number(states, "trying"), (long long)gp__ask_number(states, "held"),
           (long long)gp__ask_number(states, "paused"),
           json_is_true(json_object_get(result, "complete")) ? "" : "; the spool is being read");
    printf("oldest: %s; %lld segments; %lld bytes of memory, %lld a group\n",
           oldest ? gp__ask_age((now - oldest) / 1000, age) : "-",
           (long long)gp__ask_number(result, "segments"),
           (long long)gp__ask_number(result, "bytes"),
           (long long)gp__ask_number(result, "group_bytes"));
    list = json_object_get(result, "pauses");
    json_array_foreach(list, i, one) printf("paused: %s\n", json_string_value(one));
    list = json_object_get(result, "limited");
    json_array_foreach(list, i, one) print_limited(one, now);
    list = json_object_get(result, "destinations");
    if (json_array_size(list))
        printf("\n%-16s %-32s %9s %9s %7s %8s\n", "target", "domain", "waiting", "ready", "trying",
               "at once");
    json_array_foreach(list, i, one) print_destination(one, now);
}

static int show_stats(const struct gp__queue_options *options)
{
    json_t *result = gp__queue_ask(options, "stats", NULL, 0);

    if (!result)
        return GP__EXIT_FAILED;
    if (options->ask.as_json)
        gp__ask_print_json(result);
    else
        print_stats(result);
    json_decref(result);
    return fflush(stdout) == 0 ? GP__EXIT_OK : GP__EXIT_FAILED;
}

int gp__cmd_queue_stats(int argc, char **argv)
{
    return run(argc, argv, 0, show_stats);
}

static int watch(const struct gp__queue_options *options)
{
    bool terminal = isatty(1);
    uint64_t rounds = 0;
    int code;

    do {
        if (rounds)
            (void)sleep(WATCH_S); /* a signal only makes it shorter */
        if (terminal && !options->ask.as_json)
            printf("\033[H\033[2J");
        code = show_stats(options);
    } while (code == GP__EXIT_OK && (options->limit == 0 || ++rounds < options->limit));
    return code;
}

int gp__cmd_queue_watch(int argc, char **argv)
{
    return run(argc, argv, GP__TAKES_LIMIT, watch);
}

// SPDX-License-Identifier: Apache-2.0
/* gatepost queue: what is done to what is in it. */
#include "core/cli/command.h"
#include "core/cli/queue.h"

struct sum {
    json_int_t messages, recipients, busy, refused;
};

static bool add_page(void *arg, const json_t *page)
{
    struct sum *sum = arg;

    sum->messages += gp__ask_number(page, "messages");
    sum->recipients += gp__ask_number(page, "recipients");
    sum->busy += gp__ask_number(page, "busy");
    sum->refused += gp__ask_number(page, "refused");
    return true;
}

static void print(const struct gp__queue_options *options, const struct sum *sum)
{
    if (options->ask.as_json)
        printf("{\"messages\":%lld,\"recipients\":%lld,\"busy\":%lld,\"refused\":%lld}\n",
               (long long)sum->messages, (long long)sum->recipients, (long long)sum->busy,
               (long long)sum->refused);
    else
        printf("%lld messages, %lld recipients\n", (long long)sum->messages,
               (long long)sum->recipients);
    if (sum->busy && !options->ask.as_json)
        printf("%lld groups are being tried just now and were left alone: ask again\n",
               (long long)sum->busy);
}

/* Somebody who is no operator learns why. */
static void explain(const struct gp__queue_options *options, const struct sum *sum)
{
    if (sum->refused)
        fprintf(stderr,
                "gatepost queue release: %lld recipients were left alone: the bucket that they are "
                "held in does not let %s release them (`buckets: {NAME: {release: …}}`)\n",
                (long long)sum->refused, options->as);
    else if (sum->recipients == 0)
        fprintf(stderr, "gatepost queue release: nothing of it is held for %s\n", options->as);
}

/* Exit code 1 when nothing matched: a script that meant something else should notice. */
static int order(const struct gp__queue_options *options, const char *what)
{
    struct sum sum = {0};

    if (options->filter.len == 0 && options->n_messages == 0)
        return gp__command_usage("say which mail: a message, a filter, or --all");
    if (gp__queue_pages(options, what, add_page, &sum) < 0)
        return GP__EXIT_FAILED;
    print(options, &sum);
    if (options->as)
        explain(options, &sum);
    return sum.messages ? GP__EXIT_OK : GP__EXIT_FAILED;
}

static int run(int argc, char **argv, const char *what, unsigned takes,
               int (*command)(const struct gp__queue_options *options, const char *what))
{
    struct gp__queue_options options;
    int code = GP__EXIT_OK;

    if (gp__queue_read_options(&options, argc, argv, GP__TAKES_MAIL | takes, &code) == 0)
        code = command(&options, what);
    gp__queue_options_free(&options);
    return code;
}

int gp__cmd_queue_hold(int argc, char **argv)
{
    return run(argc, argv, "hold", 0, order);
}

int gp__cmd_queue_release(int argc, char **argv)
{
    return run(argc, argv, "release", GP__TAKES_AS, order);
}

int gp__cmd_queue_retry(int argc, char **argv)
{
    return run(argc, argv, "retry", 0, order);
}

int gp__cmd_queue_delete(int argc, char **argv)
{
    return run(argc, argv, "delete", 0, order);
}

int gp__cmd_queue_bounce(int argc, char **argv)
{
    return run(argc, argv, "bounce", 0, order);
}

int gp__cmd_queue_reroute(int argc, char **argv)
{
    return run(argc, argv, "reroute", GP__TAKES_TO, order);
}

/* ---- pauses ---- */

static int pause_or_resume(const struct gp__queue_options *options, const char *what)
{
    int code = GP__EXIT_OK;
    size_t i = 0;

    if (options->filter.len == 0 && options->n_messages == 0)
        return gp__command_usage("say which mail: --sender, --domain, --destination or --route");
    do {
        struct gp__queue_options one = gp__queue_about(options, i);
        json_t *result = gp__queue_ask(&one, what, NULL, 0);

        if (!result)
            code = GP__EXIT_FAILED;
        json_decref(result);
    } while (++i < options->n_messages);
    return code;
}

int gp__cmd_queue_pause(int argc, char **argv)
{
    return run(argc, argv, "pause", 0, pause_or_resume);
}

int gp__cmd_queue_resume(int argc, char **argv)
{
    return run(argc, argv, "resume", 0, pause_or_resume);
}

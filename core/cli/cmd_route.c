// SPDX-License-Identifier: Apache-2.0
/*
 * Explains where a recipient would go: a session without a network, from the client's address to
 * the route, with the hooks `resolve` and `route` but without any filter.
 */
#include "core/base/log.h"
#include "core/cli/command.h"
#include "core/config/record.h"
#include "core/delivery/verify.h"
#include "core/hook/run.h"
#include "core/hook/when_eval.h"
#include "core/runtime/live.h"
#include "core/server/generation.h"
#include "core/server/rcpt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct question {
    const char *config, *ip, *listener, *user, *from, *to;
};

struct asking {
    const struct question *question;
    struct gp__generation *generation;
    const struct gp__entrance *entrance;
    struct gp_session *session;
    struct gp_transaction *transaction;
    bool done, delivered;
};

/* ---- the session that is pretended ---- */

static const struct gp__entrance *entrance_of(const struct gp__generation *generation,
                                              const struct question *question)
{
    const struct gp__entrance *entrance;

    if (generation->settings->n_listeners == 0) {
        fprintf(stderr, "gatepost route: the configuration has no listener\n");
        return NULL;
    }
    if (!question->listener)
        return &generation->entrances[0];
    entrance = gp__generation_entrance(generation, gp_slice_of(question->listener));
    if (!entrance)
        fprintf(stderr, "gatepost route: no listener \"%s\"\n", question->listener);
    return entrance;
}

static int parse(struct gp__arena *arena, const char *text, unsigned flags,
                 struct gp__address *address_r)
{
    enum gp__address_error error = GP__ADDRESS_OK;

    if ((flags & GP__ADDRESS_NULL) && (!*text || strcmp(text, "<>") == 0))
        *address_r = gp__address_null;
    else
        error = gp__mailbox_parse(arena, gp_slice_of(text), flags, address_r);
    if (error == GP__ADDRESS_OK)
        return 0;
    fprintf(stderr, "gatepost route: \"%s\": %s\n", text, gp__address_strerror(error));
    return -1;
}

/* As a session is asked at MAIL. */
static bool may_relay(const struct question *question, const struct gp__entrance *entrance,
                      const struct gp__ip *ip)
{
    if ((entrance->relay_authenticated && question->user) ||
        (entrance->relay_local && ip->family == 0))
        return true;
    for (size_t i = 0; i < entrance->n_relay; i++)
        if (gp__network_has(&entrance->relay[i], ip))
            return true;
    return false;
}

static int pretend(struct asking *asking)
{
    const struct question *question = asking->question;
    const struct gp__entrance *entrance = asking->entrance;
    struct gp__ip ip;

    memset(&ip, 0, sizeof ip);
    if (strcmp(question->ip, "unix") != 0 && gp__ip_parse(gp_slice_of(question->ip), &ip) < 0) {
        fprintf(stderr, "gatepost route: \"%s\" is no IP address, and not \"unix\"\n",
                question->ip);
        return -1;
    }
    asking->session = gp__session_create("0000000000000000");
    asking->session->listener = entrance->name;
    asking->session->hostname = entrance->smtp.hostname;
    gp__session_set_client(asking->session, &ip, 0);
    if (question->user) {
        asking->session->auth_user = gp_slice_of(question->user);
        asking->session->auth_mechanism = GP_S("PLAIN");
    }
    gp__session_policy_create(asking->session, asking->generation->runtime, &entrance->policy);
    asking->transaction = gp__transaction_create(asking->session);
    if (parse(asking->transaction->arena, question->from, GP__ADDRESS_NULL | GP__ADDRESS_UTF8,
              &asking->transaction->mail.from) < 0)
        return -1;
    gp__policy_create(asking->transaction);
    asking->transaction->policy->relay_granted = may_relay(question, entrance, &ip);
    return 0;
}

/* ---- the steps ---- */

static void explain_match(struct asking *asking, struct gp_call *call,
                          struct gp_recipient *recipient)
{
    const struct gp__routes *routes = asking->entrance->routes;

    if (gp_slice_present(recipient->route_wish)) {
        printf("  a hook wants route %.*s\n", GP_ARG(recipient->route_wish));
        return;
    }
    for (size_t i = 0; i < routes->count; i++) {
        int holds = gp__when_holds(call, routes->items[i].match, recipient);

        printf("  route %-16.*s %s\n", GP_ARG(routes->items[i].name),
               holds > 0    ? "matches: it owns the recipient"
               : holds == 0 ? "does not match"
                            : gp_strerror(holds));
        if (holds)
            return;
    }
}

static void explain_fields(struct gp__arena *arena, const struct gp_records *records,
                           struct gp_slice value)
{
    void *scratch = gp__arena_alloc(arena, records->size);
    const struct gp__node *shown;
    struct gp_slice why;

    if (gp__record_read(arena, records, value, scratch, &shown, &why) < 0) {
        printf("    which is no record: %.*s\n", GP_ARG(why));
        return;
    }
    for (size_t i = 0; i < shown->count; i++)
        printf("    %.*s\n", GP_ARG(gp__record_field(arena, records, &shown->pairs[i])));
}

/* What a table says of the recipient to the target. */
static void explain_record(struct gp_call *call, const struct gp_recipient *recipient,
                           const struct gp__target *target)
{
    const struct gp__instance *instance = target->instance;
    const struct gp_plugin *plugin = instance->plugin;
    const struct gp_records *records = gp__record_option(plugin->options, plugin->option_size,
                                                         instance->self);
    struct gp_slice value = GP_S("");
    int error;

    if (!records)
        return;
    error = gp__table_lookup_address(call, records->table, recipient->address.text, &value);
    printf("  by table %.*s%s\n", GP_ARG(records->table->name),
           error == GP_OK          ? ":"
           : error == GP_ENOTFOUND ? ": nothing"
                                   : ": it could not answer");
    if (error == GP_OK)
        explain_fields(gp__call_arena(call), records, value);
}

static void explain_result(struct asking *asking, struct gp_call *call,
                           const struct gp_recipient *recipient, enum gp__routing routing)
{
    struct gp__reply reply = gp__route_reply(routing);
    const struct gp__route *route = recipient->route;

    if (route && route->valid)
        printf("  valid by table %.*s: %s\n", GP_ARG(route->valid->name),
               routing == GP__ROUTED          ? "yes"
               : routing == GP__ROUTE_UNKNOWN ? "no such recipient"
                                              : "the table could not answer");
    if (route && route->verifier)
        printf("  valid by asking target %.*s: %s\n", GP_ARG(route->verifier->target->name),
               routing == GP__ROUTED          ? "yes"
               : routing == GP__ROUTE_UNKNOWN ? "no such recipient"
                                              : "it could not tell");
    if (routing == GP__ROUTED) {
        printf("  to target %.*s, class %s\n", GP_ARG(route->target->name),
               route->relay ? "relay" : "ours");
        explain_record(call, recipient, route->target);
        if (route->fallback)
            printf("  and to target %.*s what that cannot take now\n",
                   GP_ARG(route->fallback->name));
        asking->delivered = true;
        return;
    }
    printf("  answer: %u %u.%u.%u %.*s\n", reply.code, reply.klass, reply.subject, reply.detail,
           GP_ARG(reply.text));
}

/* A hook that failed leaves no answer. */
static bool ask_hooks(struct asking *asking, struct gp_recipient *recipient)
{
    struct gp__run run = {.point = GP_HOOK_ROUTE,
                          .session = asking->session,
                          .transaction = asking->transaction,
                          .policy = asking->transaction->policy,
                          .recipient = recipient,
                          .scope = &recipient,
                          .n_scope = 1};

    gp__run_chain(&run);
    if (run.stop)
        printf("  a route hook failed: %.*s\n", GP_ARG(run.stop->reply.text));
    return run.stop == NULL;
}

static void explain_one(struct asking *asking, struct gp_recipient *recipient)
{
    struct gp_call call;
    enum gp__routing routing;

    printf("recipient %.*s%s\n", GP_ARG(recipient->address.text),
           recipient->added ? " (expansion)" : "");
    if (!gp_slice_caseeq(recipient->address.key, recipient->address.domain))
        printf("  its domain is compared as %.*s\n", GP_ARG(recipient->address.key));
    if (recipient->replaced) {
        printf("  stands for its expansions only\n");
        return;
    }
    if (!ask_hooks(asking, recipient))
        return;
    gp__call_init(&call, asking->generation->runtime, NULL, GP_HOOK_RCPT, UINT64_MAX);
    call.session = asking->session;
    call.transaction = asking->transaction;
    call.policy = asking->transaction->policy;
    explain_match(asking, &call, recipient);
    routing = gp__route_recipient(&call, asking->entrance->routes, recipient);
    explain_result(asking, &call, recipient, routing);
    gp__call_end(&call);
}

static void ask(void *arg)
{
    struct asking *asking = arg;
    struct gp__policy *policy = asking->transaction->policy;
    struct gp__rcpt rcpt = {.notify = 0};
    struct gp_recipient *recipient;
    struct gp__run run;

    if (parse(asking->transaction->arena, asking->question->to,
              GP__ADDRESS_UTF8 | GP__ADDRESS_POSTMASTER, &rcpt.to) < 0)
        return;
    rcpt.to = gp__rcpt_with_domain(asking->transaction->arena, &rcpt.to,
                                   asking->entrance->smtp.hostname);
    printf("listener %.*s, client %s, login %s, right to relay: %s\n",
           GP_ARG(asking->entrance->name), asking->question->ip,
           asking->question->user ? asking->question->user : "none",
           policy->relay_granted ? "yes" : "no");
    recipient = gp__recipient_create(policy, &rcpt, &rcpt.to);
    run = (struct gp__run){.point = GP_HOOK_RESOLVE,
                           .session = asking->session,
                           .transaction = asking->transaction,
                           .policy = policy,
                           .recipient = recipient,
                           .scope = &recipient,
                           .n_scope = 1};
    gp__run_chain(&run);
    if (run.stop)
        printf("  a resolve hook failed: %.*s\n", GP_ARG(run.stop->reply.text));
    for (size_t i = 0; i < policy->n_recipients; i++)
        explain_one(asking, policy->recipients[i]);
}

static void asked(void *arg)
{
    struct asking *asking = arg;

    asking->done = true;
}

/* ---- the command ---- */

static void explain(struct asking *asking)
{
    struct gp__runtime *rt = asking->generation->runtime;

    asking->entrance = entrance_of(asking->generation, asking->question);
    if (asking->entrance && pretend(asking) == 0) {
        int state = rt->ops->run(rt, ask, asked, asking, asking->entrance->stack);

        while (state == 0 && !asking->done)
            gp__live_turn(rt);
    }
    gp__transaction_unref(&asking->transaction);
    gp__session_unref(&asking->session);
}

static int route(struct gp__config_source *source, const struct question *question)
{
    struct gp__settings *settings = gp__command_load(source, question->config, GP__ERROR);
    struct gp__runtime *rt = settings ? gp__live_create(&(struct gp__live_options){0}, NULL) : NULL;
    struct asking asking = {.question = question};
    struct gp__diag *diag;

    if (!rt) {
        gp__settings_free(&settings);
        return GP__EXIT_FAILED;
    }
    diag = gp__diag_create();
    asking.generation = gp__generation_create(&settings, rt, gp__live_turn, diag);
    if (asking.generation)
        explain(&asking);
    else
        gp__config_complain(diag);
    gp__generation_unref(&asking.generation);
    gp__diag_free(&diag);
    gp__live_free(&rt);
    return asking.delivered ? GP__EXIT_OK : GP__EXIT_FAILED;
}

int gp__cmd_route(int argc, char **argv)
{
    static const struct option own[] = {{"ip", required_argument, NULL, 'i'},
                                        {"listener", required_argument, NULL, 'l'},
                                        {"as", required_argument, NULL, 'a'},
                                        {NULL, 0, NULL, 0}};
    struct question question = {.config = gp__default_config(), .ip = "127.0.0.1"};
    struct gp__config_source source = {0};
    int option, code = 0;

    while ((option = gp__command_option(argc, argv, own, &question.config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        *(option == 'i'   ? &question.ip
          : option == 'a' ? &question.user
                          : &question.listener) = optarg;
    }
    if (optind != argc - 2)
        return gp__command_usage("route takes FROM and TO");
    question.from = argv[optind];
    question.to = argv[optind + 1];
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    code = route(&source, &question);
    gp__config_source_done(&source);
    return code;
}

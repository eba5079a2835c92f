// SPDX-License-Identifier: Apache-2.0
/*
 * Delivering by SMTP and LMTP, for targets. All that a session with another server takes is the
 * host's: DNS, connecting, TLS and its policy, pipelining, reuse of connections, strict reading of
 * replies. A target says to whom and how:
 *
 *     struct relay {
 *         struct gp_smtp_settings smtp; // filled by option rows
 *         struct gp_smtp *pool;
 *     };
 *
 *     static int create(struct gp_call *call, void *self)
 *     {
 *         struct relay *relay = self;
 *
 *         relay->pool = gp_smtp_create(call, &relay->smtp);
 *         return relay->pool ? GP_OK : GP_EINVAL;
 *     }
 *
 *     static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
 *     {
 *         return gp_smtp_deliver(call, ((struct relay *)self)->pool, delivery);
 *     }
 *
 *     static void destroy(void *self)
 *     {
 *         gp_smtp_destroy(&((struct relay *)self)->pool);
 *     }
 *
 * Needs GP_NEEDS_NETWORK. The rows for the settings are GP_SMTP_OPTIONS().
 */
#ifndef GATEPOST_SMTP_H
#define GATEPOST_SMTP_H

#include <gatepost/option.h>
#include <gatepost/role.h>
#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

struct gp_smtp; /* of an instance: its connections, and what it knows of the hosts */

/* How a connection is protected. */
enum gp_smtp_tls {
    GP_SMTP_TLS_POLICY = 0,    /* as `tls: outbound:` of the configuration says */
    GP_SMTP_TLS_NONE,          /* never */
    GP_SMTP_TLS_OPPORTUNISTIC, /* if it can be had, from anybody */
    GP_SMTP_TLS_REQUIRED,      /* from anybody */
    GP_SMTP_TLS_VERIFIED,      /* and a CA vouches for the host's name */
    GP_SMTP_TLS_DANE,          /* and the host's TLSA records say whose key it is */
};

/* How a host is told whose message it is, if it lets us. */
enum gp_smtp_forward {
    GP_SMTP_FORWARD_OFF = 0,
    GP_SMTP_FORWARD_XFORWARD, /* for its logs */
    GP_SMTP_FORWARD_XCLIENT,  /* and for what it decides */
};

/* What is zero has its default. Slices and lists must live as long as the pool; those of options
 * do. */
struct gp_smtp_settings {
    size_t size; /* sizeof(struct gp_smtp_settings); 0 counts as that */

    const struct gp_list
        *hosts;              /* struct gp_slice: "host:port", "unix:/path"; NULL: the recipients'
                                  * domains say, by MX */
    bool lmtp;               /* a reply for each recipient (RFC 2033) */
    int tls;                 /* enum gp_smtp_tls */
    bool implicit_tls;       /* from the first byte */
    struct gp_slice ca_file; /* PEM; absent: the system's CAs */
    const struct gp_list *names; /* struct gp_slice: whom certificates may be of, too */

    struct gp_slice user, password; /* absent: no login */
    bool plain_auth;                /* also without TLS */

    struct gp_slice helo;          /* absent: the server's name */
    const struct gp_list *sources; /* struct gp_slice: addresses of ours to connect from */
    const struct gp_list *own;     /* struct gp_slice: names and addresses that are us: no MX */
    int64_t port;                  /* of MX hosts: 25 */
    int forward;                   /* enum gp_smtp_forward */
    bool chunking;                 /* BDAT where it is offered */

    int64_t connections; /* to a host at once: 20 */
    int64_t messages;    /* over one connection: 100 */
    int64_t recipients;  /* of a transaction: 100 */
    uint64_t idle_ms;    /* that a connection is kept unused: 10 s */
    uint64_t connect_ms; /* 30 s */
    uint64_t command_ms; /* for a reply: RFC 5321 4.5.3.2 says 5 min */
    uint64_t final_ms;   /* for the reply to a message: 10 min */

    const struct gp_records *per_recipient; /* of GP_SMTP_PER_RECIPIENT(); or NULL */
    struct gp_slice sockets; /* directory of the sockets that records may name; absent: none */

    struct gp_rate source_rate; /* messages from each of `sources`; count 0: no limit */
    int64_t source_connections; /* sessions from each at once, of all processes; 0: no limit */

    uint64_t check_ms;         /* how often gp_smtp_check() asks hosts; 0: never */
    uint64_t check_timeout_ms; /* for each step of that: 10 s */
};

/* What a record may say of a recipient, instead of the settings of the same name. With `to` come
 * hosts that are others than the target's: the target's login and names are not for them. */
struct gp_smtp_record {
    const struct gp_list *hosts;
    int tls;
    bool implicit_tls;
    const struct gp_list *names;
    struct gp_slice user, password;
};

#define gp_smtp_record_rows                                                                        \
    ((const struct gp_option[]){                                                                   \
        GP_OPTION_LIST("to", struct gp_smtp_record, hosts, GP_TYPE_ADDRESS, GP_OPTIONAL,           \
                       "The hosts, with a login and names of their own.",                          \
                       .flags = GP_OPTION_NOT_EMPTY),                                              \
        GP_OPTION_ENUM("tls", struct gp_smtp_record, tls, gp_smtp_tls_names, GP_OPTIONAL,          \
                       "As the option."),                                                          \
        GP_OPTION_BOOL("implicit_tls", struct gp_smtp_record, implicit_tls, GP_OPTIONAL,           \
                       "TLS from the first byte."),                                                \
        GP_OPTION_LIST("names", struct gp_smtp_record, names, GP_TYPE_STRING, GP_OPTIONAL,         \
                       "Names of which the hosts' certificates may be, besides their own."),       \
        GP_OPTION_STRING("user", struct gp_smtp_record, user, GP_OPTIONAL, "Whom to log in as.",   \
                         .flags = GP_OPTION_NOT_EMPTY),                                            \
        GP_OPTION_SECRET("password", struct gp_smtp_record, password, GP_OPTIONAL,                 \
                         "The user's password.", .flags = GP_OPTION_NOT_EMPTY),                    \
        GP_OPTIONS_END,                                                                            \
    })

/* The rows for `per_recipient` and `sockets`, for targets whose hosts are given. */
#define GP_SMTP_PER_RECIPIENT(struct_, member)                                                     \
    GP_OPTION_RECORDS("per_recipient", struct_, member.per_recipient, gp_smtp_record_rows,         \
                      struct gp_smtp_record, GP_OPTIONAL,                                          \
                      "Addresses and domains to what holds for their mail instead."),              \
        GP_OPTION_PATH("sockets", struct_, member.sockets, GP_OPTIONAL,                            \
                       "Directory of the UNIX sockets that `per_recipient` may name; without it "  \
                       "none.")

/* The rows for these settings but `hosts` and `lmtp`, which are the target's own. */
#define GP_SMTP_OPTIONS(struct_, member)                                                           \
    GP_OPTION_ENUM(                                                                                \
        "tls", struct_, member.tls, gp_smtp_tls_names, "policy",                                   \
        "none, opportunistic (if it can be had), required (from anybody), verified (a CA vouches " \
        "for the host), dane (its TLSA records do), or policy: as `tls: outbound:` says."),        \
        GP_OPTION_PATH("ca_file", struct_, member.ca_file, GP_OPTIONAL,                            \
                       "CA certificates in PEM, instead of the system's."),                        \
        GP_OPTION_STRING("helo", struct_, member.helo, GP_OPTIONAL,                                \
                         "The name to greet with, instead of `hostname`.",                         \
                         .flags = GP_OPTION_NOT_EMPTY),                                            \
        GP_OPTION_LIST("sources", struct_, member.sources, GP_TYPE_STRING, "[]",                   \
                       "IP addresses of ours to connect from, in turn."),                          \
        GP_OPTION_RATE("source_rate", struct_, member.source_rate, GP_OPTIONAL,                    \
                       "Messages from each of `sources`, at an even pace; one at its limit is "    \
                       "passed over, and mail waits while all are."),                              \
        GP_OPTION_INTEGER("source_connections", struct_, member.source_connections, "0", 0,        \
                          100000,                                                                  \
                          "Connections from each of `sources` at once, of all processes; 0: any "  \
                          "number."),                                                              \
        GP_OPTION_BOOL("chunking", struct_, member.chunking, "true",                               \
                       "Send messages by BDAT where CHUNKING is offered."),                        \
        GP_OPTION_INTEGER("connections", struct_, member.connections, "20", 1, 10000,              \
                          "Connections to a host at once, of a process; others wait."),            \
        GP_OPTION_INTEGER("messages", struct_, member.messages, "100", 1, 100000,                  \
                          "Messages over one connection."),                                        \
        GP_OPTION_INTEGER("recipients", struct_, member.recipients, "100", 1, 10000,               \
                          "Recipients of one transaction; more go in several."),                   \
        GP_OPTION_DURATION("idle", struct_, member.idle_ms, "10s", 0, 300000,                      \
                           "How long an unused connection is kept; 0s: not at all."),              \
        GP_OPTION_DURATION("connect_timeout", struct_, member.connect_ms, "30s", 100, 300000,      \
                           "How long connecting to a host may take."),                             \
        GP_OPTION_DURATION("reply_timeout", struct_, member.command_ms, "5m", 100, 600000,         \
                           "How long the host may take for a reply."),                             \
        GP_OPTION_DURATION("final_timeout", struct_, member.final_ms, "10m", 100, 3600000,         \
                           "How long it may take for the reply to a message.")

/* The rows for checks of hosts, for targets whose hosts are given: to be asked at `tick`. */
#define GP_SMTP_CHECK(struct_, member)                                                             \
    GP_OPTION_DURATION("check", struct_, member.check_ms, "0s", 0, 86400000,                       \
                       "How often hosts that get no mail are asked whether they are there; 0s: "   \
                       "never, and only mail finds out."),                                         \
        GP_OPTION_DURATION("check_timeout", struct_, member.check_timeout_ms, "10s", 100, 300000,  \
                           "How long each step of that may take.")

/* Names of enum gp_smtp_tls in options. */
#define gp_smtp_tls_names                                                                          \
    ((const char *const[]){"policy", "none", "opportunistic", "required", "verified", "dane", NULL})

/* In create(). Copies the struct. NULL: what is wrong was logged. */
GP_API struct gp_smtp *gp_smtp_create(struct gp_call *call,
                                      const struct gp_smtp_settings *settings);

/* In destroy(): says goodbye to idle connections. NULL is fine. */
GP_API void gp_smtp_destroy(struct gp_smtp **smtp_);

/*
 * Delivers to every recipient, and sets the outcome of each with the reply, who gave it, and advice
 * for the queue. 0: all have one, whatever it is; or an error, such as a sticky one, and those
 * without are deferred. To be called by deliver() of a target.
 */
GP_API int gp_smtp_deliver(struct gp_call *call, struct gp_smtp *smtp,
                           struct gp_delivery *delivery);

/*
 * Asks the hosts whether the recipients are there: RCPT from the null reverse-path, and nothing is
 * sent. Outcomes are set as by gp_smtp_deliver(), DELIVERED for those that would be taken. To be called
 * by verify() of a target.
 */
GP_API int gp_smtp_verify(struct gp_call *call, struct gp_smtp *smtp, struct gp_delivery *delivery);

/* At `tick`: asks those of the given hosts whether they are there (connect, EHLO, TLS and login, QUIT)
 * that no mail was delivered to for `check_ms`, if it is time; not before something was delivered. Hosts
 * that are not are used last. 0, or a sticky error. */
GP_API int gp_smtp_check(struct gp_call *call, struct gp_smtp *smtp);

/* At `tick`: sends the reports of TLS (RFC 8460) that are due, if the configuration wants that. 0, or
 * a sticky error. One instance of a configuration is enough. */
GP_API int gp_smtp_report(struct gp_call *call);

GP_END_C

#endif

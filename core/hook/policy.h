// SPDX-License-Identifier: Apache-2.0
/*
 * What the hooks know and decide about a session and a transaction: marks, pending refusals,
 * recipients with their rulings, notes, slots, the message with its copies and drafts. Allocated
 * in the arena of the session or transaction it belongs to, so it ends with it.
 */
#ifndef GP_HOOK_POLICY_H
#define GP_HOOK_POLICY_H

#include "core/base/map.h"
#include "core/hook/call.h"
#include "core/hook/recipient.h"
#include "core/message/content.h"
#include "core/message/message.h"
#include "core/message/notes.h"

enum gp__mixed_reject {
    GP__MIXED_HOLD = 0, /* the refused recipients' copies are held for review */
    GP__MIXED_DISCARD,
    GP__MIXED_BOUNCE,     /* where a bounce is allowed at all */
    GP__MIXED_REFUSE_ALL, /* nobody gets it, and the client is told so */
};

/* Settings of a listener that hooks look at; immutable, outlive the session. */
struct gp__policy_settings {
    const struct gp__chain *chain; /* NULL: no hooks */
    size_t n_instances;            /* of the generation: size of slot arrays */
    enum gp__refuse_at refuse_at;
    enum gp__mixed_reject mixed_reject;
    bool one_policy; /* recipients with different policy keys don't share a transaction */
    const struct gp__pattern *exempt; /* recipients that pending refusals do not touch */
    size_t n_exempt;
    struct gp_slice default_bucket; /* for on_error: quarantine and held refusals */
    const struct gp_slice *buckets;
    size_t n_buckets;
    uint64_t greeting_ms, command_ms, data_ms, message_ms; /* reply budgets */
    size_t mime_parts, mime_depth;
    uint64_t message_size; /* also of a draft */
    unsigned shadows_max;  /* shadow calls of an instance at once */
};

/* A field that a plugin adds to the record of the message. */
struct gp__record_field {
    const struct gp__instance *by;
    struct gp_slice key, value;
    struct gp__record_field *next;
};

/* A result of sender authentication, for the Authentication-Results field. */
struct gp__auth_result {
    struct gp_slice method, result, property, value, reason;
    struct gp__auth_result *next;
};

/* What an instance did in this session or transaction, for the record. */
struct gp__trail {
    enum gp_verdict verdict; /* the one with most force */
    bool called, fault;
    uint64_t ns;
};

/* Whom the client waits for, for status output. */
struct gp__waited {
    const struct gp__instance *instance; /* NULL: nobody */
    const char *hook;                    /* at which it was called, or NULL: */
    const char *role;                    /* as what */
    uint64_t since_ms;                   /* on the runtime's clock */
};

struct gp__session_policy {
    struct gp_session *session; /* whose arena this is in */
    const struct gp__policy_settings *settings;
    struct gp__runtime *runtime;
    struct gp_call *parked;   /* calls that wait: cancelled when the client goes */
    struct gp_call *watchers; /* calls that wait for bytes of the client */
    bool spoke;               /* there are such bytes: gp__session_client_spoke() */
    uint64_t reply_by_ms;     /* the budget of the reply under way; UINT64_MAX: none */
    struct gp__waited waits_for;

    const struct gp__ruling *pending; /* a refusal that waits for RCPT; or NULL */
    bool pending_authenticated;       /* it was made after AUTH, which so does not clear it */
    struct gp_slice bucket;           /* the session is marked for it; absent: not */
    const struct gp__instance *marked_by;
    struct gp__notes *notes;
    void **slots; /* by index of instance */
    struct gp__trail *trails;
    struct gp__record_field *fields;
    struct gp__auth_result *auth_results; /* in order */
    struct gp__shadow *shadows;           /* of calls before MAIL */
    bool relay_granted;                   /* before MAIL: for the transactions that follow */
};

struct gp__policy {
    struct gp_transaction *transaction; /* whose arena this is in */
    struct gp__session_policy *session;
    struct gp__runtime *runtime;

    struct gp__address sender;        /* as it is now; the given one is in transaction->mail */
    const struct gp__ruling *pending; /* from `mail`; or NULL */
    struct gp_slice bucket;
    const struct gp__instance *marked_by;
    const struct gp__ruling *discarded; /* the whole transaction; or NULL */
    bool relay_granted;

    struct gp_recipient **recipients; /* all, also refused and expanded ones */
    size_t n_recipients, recipients_cap;
    size_t expansions;
    struct gp_slice policy_key; /* of those accepted; absent: none had one */
    struct gp__map seen;        /* final addresses of those accepted, so that each gets one */

    struct gp__content *content; /* NULL before the data */
    struct gp_message *message;  /* what all copies share */
    struct gp_message *original; /* made when asked for */
    struct gp_copy **copies;
    size_t n_copies, copies_cap;
    struct gp_draft *drafts; /* submitted */
    struct gp__shadow *shadows;
    unsigned draft_depth; /* 0: a message of a client */

    struct gp__notes *notes;
    void **slots;
    struct gp__trail *trails;
    struct gp__record_field *fields;
    struct gp__auth_result *auth_results; /* in order */
};

struct gp_copy {
    struct gp__policy *policy;
    struct gp_slice id;            /* "ID.a" */
    const struct gp__instance *by; /* NULL: the first copy */
    struct gp_slice key;
    struct gp_copy *parent;
    struct gp_message *message;
    struct gp__address sender;
    bool own_sender;
    struct gp_recipient **recipients; /* computed when copies are sealed; see gp__copies_settle */
    size_t n_recipients, recipients_cap;
    const struct gp__ruling *failed; /* at seal */
    struct gp_copy *next;            /* of those that a shadow call made */
};

struct gp_draft {
    struct gp__policy *policy;
    const struct gp__instance *by;
    struct gp_draft *next;
    struct gp__address sender;
    struct gp__address *recipients;
    size_t n_recipients, recipients_cap;
    struct gp__buf headers, body;
    uint64_t limit;
    unsigned depth;
    bool submitted;
    bool shadow; /* goes nowhere */
};

/* Makes the policy of a session; its notes, slots and trails live in the session's arena. */
struct gp__session_policy *gp__session_policy_create(struct gp_session *session,
                                                     struct gp__runtime *runtime,
                                                     const struct gp__policy_settings *settings);

/* The same for a transaction of such a session. */
struct gp__policy *gp__policy_create(struct gp_transaction *transaction);

/* Starts the time budget of a reply. */
void gp__policy_reply_within(struct gp__session_policy *session, uint64_t ms);

/* Whether the bucket is known. */
bool gp__bucket_known(const struct gp__policy_settings *settings, struct gp_slice bucket);

/* The slot of an instance: made when first asked for; its end function runs with the arena. */
void *gp__slot(void **slots, struct gp__arena *arena, const struct gp__instance *instance,
               size_t size, void (*end)(void *slot));

/* The recipient's copy for a new key: found or made. NULL: too many copies. */
struct gp_copy *gp__copy_for(struct gp_recipient *recipient, const struct gp__instance *by,
                             struct gp_slice key);

#define GP__COPIES_MAX 100

/* The message is there now: gives every copy that was made before the data its view of it. */
void gp__copies_begin(struct gp__policy *policy);

/* Fills each copy's list with its recipients that are to be kept. */
void gp__copies_settle(struct gp__policy *policy);

#endif

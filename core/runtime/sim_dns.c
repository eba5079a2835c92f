// SPDX-License-Identifier: Apache-2.0
/* DNS as a table of names. */
#include "core/base/alloc.h"
#include "core/runtime/dns_record.h"
#include "core/runtime/job.h"
#include "core/runtime/sim_world.h"

#include <stddef.h>

#define CNAMES_MAX 8
#define TTL 3600
#define TIMEOUT_MS 10000
#define OUTCOMES_MAX 8

struct record {
    struct record *next;
    enum gp_dns_type type;
    struct gp__dns_record data;
};

struct entry {
    struct record *records, **last;
    struct {
        unsigned type;
        enum gp__sim_dns_outcome outcome;
    } outcomes[OUTCOMES_MAX];
    size_t n_outcomes;
    uint64_t delay_ms;
    uint32_t ttl;
    bool secure;
};

static struct gp_slice without_dot(struct gp_slice name)
{
    if (name.len > 0 && name.data[name.len - 1] == '.')
        name.len--;
    return name;
}

static struct entry *find(const struct gp__sim *sim, struct gp_slice name)
{
    return gp__map_get(&sim->names, without_dot(name));
}

static struct entry *find_or_add(struct gp__sim *sim, struct gp_slice name)
{
    struct entry *entry = find(sim, name);

    if (entry)
        return entry;
    entry = GP__ARENA_NEW(sim->arena, struct entry);
    entry->last = &entry->records;
    entry->ttl = TTL;
    gp__map_set(&sim->names, gp__arena_dup(sim->arena, without_dot(name)), entry);
    return entry;
}

/* ---- the table ---- */

void gp__sim_dns_add(struct gp__runtime *rt, struct gp_slice name, enum gp_dns_type type,
                     struct gp_slice text, unsigned preference)
{
    struct gp__sim *sim = gp__sim(rt);
    struct entry *entry = find_or_add(sim, name);
    struct record *record = GP__ARENA_NEW(sim->arena, struct record);

    record->type = type;
    record->data.text = gp__arena_dup(sim->arena, text);
    record->data.preference = (uint16_t)preference;
    *entry->last = record;
    entry->last = &record->next;
}

void gp__sim_dns_outcome(struct gp__runtime *rt, struct gp_slice name, unsigned type,
                         enum gp__sim_dns_outcome outcome)
{
    struct entry *entry = find_or_add(gp__sim(rt), name);
    size_t n = 0;

    while (n < entry->n_outcomes && entry->outcomes[n].type != type)
        n++;
    if (n == OUTCOMES_MAX)
        return; /* there are fewer types */
    entry->outcomes[n].type = type;
    entry->outcomes[n].outcome = outcome;
    if (n == entry->n_outcomes)
        entry->n_outcomes++;
}

void gp__sim_dns_delay(struct gp__runtime *rt, struct gp_slice name, uint64_t ms)
{
    find_or_add(gp__sim(rt), name)->delay_ms = ms;
}

void gp__sim_dns_ttl(struct gp__runtime *rt, struct gp_slice name, uint32_t seconds)
{
    find_or_add(gp__sim(rt), name)->ttl = seconds;
}

void gp__sim_dns_secure(struct gp__runtime *rt, struct gp_slice name)
{
    find_or_add(gp__sim(rt), name)->secure = true;
}

/* ---- answers ---- */

static const struct record *next_of_type(const struct record *record, enum gp_dns_type type)
{
    while (record && record->type != type)
        record = record->next;
    return record;
}

static bool outcome_of(const struct entry *entry, enum gp_dns_type type,
                       enum gp__sim_dns_outcome *outcome_r)
{
    for (size_t i = 0; i < entry->n_outcomes; i++) {
        if (entry->outcomes[i].type == 0 || entry->outcomes[i].type == (unsigned)type) {
            *outcome_r = entry->outcomes[i].outcome;
            return true;
        }
    }
    return false;
}

static int answer_outcome(enum gp__sim_dns_outcome outcome, struct gp_dns_answer *answer,
                          uint64_t *delay_ms)
{
    switch (outcome) {
    case GP__SIM_DNS_NXDOMAIN:
        answer->nxdomain = true;
        return GP_ENOTFOUND;
    case GP__SIM_DNS_NODATA:
        return GP_ENOTFOUND;
    case GP__SIM_DNS_TIMEOUT:
        *delay_ms = TIMEOUT_MS;
        return GP_ETEMP;
    case GP__SIM_DNS_SERVFAIL:
    case GP__SIM_DNS_BOGUS:
        return GP_ETEMP;
    }
    return GP_ETEMP;
}

static void add_records(struct gp__arena *arena, const struct entry *entry, enum gp_dns_type type,
                        struct gp_dns_answer *answer)
{
    const struct record *record = next_of_type(entry->records, type);

    answer->records = GP__ARENA_ARRAY(arena, struct gp__dns_record, GP__DNS_RECORDS_MAX);
    for (; record && answer->count < GP__DNS_RECORDS_MAX;
         record = next_of_type(record->next, type)) {
        struct gp__dns_record *slot = &answer->records[answer->count++];

        slot->text = gp__arena_dup(arena, record->data.text);
        slot->preference = record->data.preference;
    }
}

/* Looks one name up: a result, or 1 and *name moved on by a CNAME. */
static int step(struct gp__sim *sim, struct gp__arena *arena, struct gp_slice *name,
                enum gp_dns_type type, struct gp_dns_answer *answer, uint64_t *delay_ms)
{
    const struct entry *entry = find(sim, *name);
    const struct record *alias;
    enum gp__sim_dns_outcome outcome;

    answer->secure = answer->secure && entry && entry->secure;
    if (!entry)
        return answer_outcome(GP__SIM_DNS_NXDOMAIN, answer, delay_ms);
    *delay_ms += entry->delay_ms;
    if (entry->ttl < answer->ttl)
        answer->ttl = entry->ttl;
    if (outcome_of(entry, type, &outcome))
        return answer_outcome(outcome, answer, delay_ms);
    add_records(arena, entry, type, answer);
    if (answer->count > 0)
        return 0;
    alias = next_of_type(entry->records, GP_DNS_CNAME);
    if (!alias)
        return GP_ENOTFOUND;
    *name = answer->canonical = alias->data.text;
    return 1;
}

static int resolve(struct gp__sim *sim, struct gp_op *op, struct gp_slice name,
                   enum gp_dns_type type, uint64_t *delay_ms)
{
    struct gp_dns_answer *answer = GP__ARENA_NEW(op->arena, struct gp_dns_answer);
    int result = 1;

    answer->ttl = TTL * 24;
    answer->secure = true;
    for (int n = 0; result == 1 && n <= CNAMES_MAX; n++)
        result = step(sim, op->arena, &name, type, answer, delay_ms);
    if (result == 1 || *delay_ms >= TIMEOUT_MS) {
        *delay_ms = *delay_ms < TIMEOUT_MS ? *delay_ms : TIMEOUT_MS;
        return GP_ETEMP;
    }
    if (result != GP_ETEMP)
        op->dns = answer;
    return result;
}

/* ---- the operation ---- */

struct question {
    struct gp__job job;
    struct gp__timer timer;
    struct gp__sim *sim;
    int result;
};

static void question_cancel(struct gp__job *job)
{
    struct question *question = (struct question *)job;

    gp__sim_call(question->sim, "cancel");
    gp__timers_stop(&question->sim->timers, &question->timer);
    gp__free(question);
}

static void question_answered(struct gp__timer *timer)
{
    struct question *question = (struct question *)((char *)timer -
                                                    offsetof(struct question, timer));

    gp__job_finish(&question->job, question->result);
    gp__free(question);
}

static const char *type_name(enum gp_dns_type type)
{
    switch (type) {
    case GP_DNS_A:
        return "A";
    case GP_DNS_CNAME:
        return "CNAME";
    case GP_DNS_PTR:
        return "PTR";
    case GP_DNS_MX:
        return "MX";
    case GP_DNS_TXT:
        return "TXT";
    case GP_DNS_AAAA:
        return "AAAA";
    case GP_DNS_TLSA:
        return "TLSA";
    }
    return "?";
}

void gp__sim_op_dns(struct gp__runtime *rt, struct gp_op *op, struct gp_slice name,
                    enum gp_dns_type type)
{
    struct gp__sim *sim = gp__sim(rt);
    struct question *question = gp__alloc(sizeof *question);
    uint64_t delay_ms = 0;

    gp__sim_call(sim, "dns %s " GP_FMT, type_name(type), GP_ARG(without_dot(name)));
    question->sim = sim;
    question->timer.fn = question_answered;
    gp__job_start(&question->job, op, question_cancel);
    question->result = gp__dns_name_valid(name) ? resolve(sim, op, name, type, &delay_ms)
                                                : GP_EINVAL;
    gp__sim_after(sim, &question->timer, delay_ms);
}

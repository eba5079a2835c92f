// SPDX-License-Identifier: Apache-2.0
/*
 * The kit's `state:` a table in memory on the world's clock, with delays and faults. Keys stand in
 * it with their namespace ("greylist/…").
 */
#ifndef GP_KIT_STATE_H
#define GP_KIT_STATE_H

#include <gatepost/plugin.h>

enum gp__kit_state_op {
    GP__KIT_STATE_GET = 0,
    GP__KIT_STATE_PUT,
    GP__KIT_STATE_PUT_IF_NEW,
    GP__KIT_STATE_ADD,
    GP__KIT_STATE_DELETE,
    GP__KIT_STATE_EACH,
    GP__KIT_STATE_OPS,
};

struct gp__kit_state_entry {
    char *key, *value; /* one piece of memory */
    size_t key_len, value_len;
    int64_t until_ms; /* wall clock; INT64_MAX: for ever */
};

struct gp__kit_state {
    struct gp__kit_state_entry *entries; /* by key */
    size_t count, cap;
    uint64_t delay_ms; /* of each request */
    struct {
        uint64_t nth; /* 0: none */
        int error;
    } faults[GP__KIT_STATE_OPS];
};

extern const struct gp_state_role gp__kit_state_role;

/* Sets an entry, and finds the value of one that still lives; absent: there is none. */
void gp__kit_state_set(struct gp__kit_state *state, struct gp_slice key, struct gp_slice value,
                       int64_t until_ms);
struct gp_slice gp__kit_state_find(struct gp__kit_state *state, struct gp_slice key,
                                   int64_t now_ms);

void gp__kit_state_free(struct gp__kit_state *state);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "core/smtp/macros.h"

#define MACROS_MAX ((size_t)64 << 10) /* of a command */

/* In the order of a session. */
static const char commands[GP__MACRO_STAGES - 1] = {'C', 'H', 'M', 'R', 'T', 'N', 'E', 'U'};

static void end(void *arg)
{
    struct gp__macros *macros = arg;

    for (int i = 0; i < GP__MACRO_STAGES; i++)
        gp__buf_free(&macros->stages[i]);
    gp__buf_free(&macros->client_name);
}

struct gp__macros *gp__macros_create(struct gp__arena *arena)
{
    struct gp__macros *macros = GP__ARENA_NEW(arena, struct gp__macros);

    for (int i = 0; i < GP__MACRO_STAGES; i++)
        macros->stages[i].limit = MACROS_MAX;
    macros->client_name.limit = MACROS_MAX;
    gp__arena_cleanup(arena, end, macros);
    return macros;
}

static int stage_of(char command)
{
    for (int i = 0; i < GP__MACRO_STAGES - 1; i++)
        if (commands[i] == command)
            return i;
    return GP__MACRO_STAGES - 1;
}

static bool is_even(struct gp_slice pairs)
{
    size_t ends = 0;

    for (size_t i = 0; i < pairs.len; i++)
        ends += pairs.data[i] == '\0';
    return ends % 2 == 0 && (pairs.len == 0 || pairs.data[pairs.len - 1] == '\0');
}

void gp__macros_set(struct gp__macros *macros, char command, struct gp_slice pairs)
{
    struct gp__buf *stage = &macros->stages[stage_of(command)];

    gp__buf_clear(stage);
    if (is_even(pairs))
        (void)gp__buf_append(stage, pairs);
}

void gp__macros_client_name(struct gp__macros *macros, struct gp_slice name)
{
    gp__buf_clear(&macros->client_name);
    (void)gp__buf_append(&macros->client_name, name);
}

static struct gp_slice bare(struct gp_slice name)
{
    if (gp_slice_starts(name, GP_S("{")) && gp_slice_ends(name, GP_S("}")))
        return gp_slice_sub(name, 1, name.len - 2);
    return name;
}

static struct gp_slice find(struct gp_slice pairs, struct gp_slice name)
{
    while (pairs.len > 0) {
        struct gp_slice key = gp_slice_split(&pairs, '\0');
        struct gp_slice value = gp_slice_split(&pairs, '\0');

        if (gp_slice_eq(bare(key), name))
            return value;
    }
    return gp_slice(NULL, 0);
}

struct gp_slice gp__macros_get(const struct gp__macros *macros, struct gp_slice name)
{
    struct gp_slice value = gp_slice(NULL, 0);

    name = bare(name);
    for (int i = GP__MACRO_STAGES; i-- > 0 && !gp_slice_present(value);)
        value = find(gp__buf_slice(&macros->stages[i]), name);
    if (!gp_slice_present(value) && macros->client_name.len > 0 &&
        gp_slice_eq(name, GP_S("client_name")))
        value = gp__buf_slice(&macros->client_name);
    return value;
}

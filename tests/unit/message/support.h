// SPDX-License-Identifier: Apache-2.0
/* What the tests of this layer share: messages out of literals, and messages back as bytes. */
#ifndef GP_TEST_MESSAGE_SUPPORT_H
#define GP_TEST_MESSAGE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/message/message.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Fails with both texts. */
#define assert_slice(actual, expected) check_slice((actual), (expected), __FILE__, __LINE__)

static inline void check_slice(struct gp_slice actual, struct gp_slice expected, const char *file,
                               int line)
{
    if (gp_slice_present(actual) == gp_slice_present(expected) && gp_slice_eq(actual, expected))
        return;
    if (!gp_slice_present(actual))
        actual = GP_S("(absent)");
    if (!gp_slice_present(expected))
        expected = GP_S("(absent)");
    print_error("actual:   \"" GP_FMT "\"\nexpected: \"" GP_FMT "\"\n", GP_ARG(actual),
                GP_ARG(expected));
    _fail(file, line);
}

static inline struct gp_slice absent(void)
{
    return gp_slice(NULL, 0);
}

/* The content is freed with the arena. */
static inline struct gp_message *message_of(struct gp__arena *arena, struct gp_slice bytes)
{
    struct gp__content *content = gp__content_of(bytes);
    struct gp_message *message;

    assert_non_null(content);
    message = gp__message_create(arena, content);
    gp__content_unref(&content);
    return message;
}

/* As it would leave; checks that the size is what was promised and that no piece is empty. */
static inline struct gp_slice emitted(struct gp__arena *arena, struct gp_message *message)
{
    struct gp_slice *pieces;
    size_t count = gp__message_pieces(message, arena, &pieces), len = 0;
    char *out = gp__arena_bytes(arena, (size_t)gp_message_size(message) + 1);

    for (size_t i = 0; i < count; i++) {
        assert_true(pieces[i].len > 0);
        assert_true(len + pieces[i].len <= gp_message_size(message));
        memcpy(out + len, pieces[i].data, pieces[i].len);
        len += pieces[i].len;
    }
    assert_int_equal(len, gp_message_size(message));
    return gp_slice(out, len);
}

/* A small generator: the same numbers on every machine. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static inline size_t below(uint64_t *state, size_t n)
{
    return n ? next_random(state) % n : 0;
}

#endif

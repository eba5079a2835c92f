// SPDX-License-Identifier: Apache-2.0
/*
 * What XCLIENT and XFORWARD say of a client that is somebody else's: attributes, their values in
 * xtext (Postfix's XCLIENT_README and XFORWARD_README; RFC 3461 section 4).
 */
#ifndef GP_SMTP_ATTRIBUTES_H
#define GP_SMTP_ATTRIBUTES_H

#include "core/base/arena.h"
#include "core/smtp/reply.h"

/* In the order in which EHLO announces them. */
#define GP__ATTRIBUTES(X)                                                                          \
    X(NAME)                                                                                        \
    X(ADDR)                                                                                        \
    X(PORT)                                                                                        \
    X(PROTO)                                                                                       \
    X(HELO)                                                                                        \
    X(LOGIN)                                                                                       \
    X(DESTADDR)                                                                                    \
    X(DESTPORT)                                                                                    \
    X(IDENT)                                                                                       \
    X(SOURCE)

enum gp__attribute {
#define X(name) GP__ATTRIBUTE_##name,
    GP__ATTRIBUTES(X)
#undef X
        GP__ATTRIBUTE_COUNT,
};

#define GP__ATTRIBUTE_BIT(name) (1u << GP__ATTRIBUTE_##name)
#define GP__XCLIENT_ATTRIBUTES                                                                     \
    ((1u << GP__ATTRIBUTE_COUNT) - 1 - GP__ATTRIBUTE_BIT(IDENT) - GP__ATTRIBUTE_BIT(SOURCE))
#define GP__XFORWARD_ATTRIBUTES                                                                    \
    ((1u << GP__ATTRIBUTE_COUNT) - 1 - GP__ATTRIBUTE_BIT(LOGIN) - GP__ATTRIBUTE_BIT(DESTADDR) -    \
     GP__ATTRIBUTE_BIT(DESTPORT))

/* Absent: not said. "[UNAVAILABLE]" and "[TEMPUNAVAIL]" stand as they are, in upper case; no other
 * value may begin with a bracket, but that of HELO. */
struct gp__attributes {
    struct gp_slice values[GP__ATTRIBUTE_COUNT];
};

struct gp_slice gp__attribute_name(enum gp__attribute attribute);

/* Whether something is known: said, and not one of the two words above. */
bool gp__attribute_known(const struct gp__attributes *attributes, enum gp__attribute attribute);

/* By its name in any case; absent if it was not said, or there is none. */
struct gp_slice gp__attribute_find(const struct gp__attributes *attributes, struct gp_slice name);

/* Sets the one of this name, in any case, to a value that it may have. Neither is copied. 0, or -1:
 * there is no such attribute, or it is no such value. */
int gp__attribute_set(struct gp__attributes *attributes, struct gp_slice name,
                      struct gp_slice value);

/* Reads "NAME=spike.example ADDR=192.0.2.1 …" with attributes of the set; values are copied into
 * the arena. NULL, or the reply that refuses it, static. */
const struct gp__reply *gp__attributes_read(struct gp__arena *arena, struct gp_slice text,
                                            unsigned set, struct gp__attributes *attributes_r);

#endif

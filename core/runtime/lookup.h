// SPDX-License-Identifier: Apache-2.0
/* The addresses of a host name, for those that connect: its A and AAAA records, asked at once. */
#ifndef GP_RUNTIME_LOOKUP_H
#define GP_RUNTIME_LOOKUP_H

#include "core/base/ip.h"
#include "core/runtime/loop.h"

#define GP__LOOKUP_MAX 16 /* addresses of a name; more are left out */

struct gp__lookup;

/* What came: IPv6 first, in DNS's order. */
struct gp__addresses {
    struct gp__ip items[GP__LOOKUP_MAX];
    size_t count;
};

/*
 * Asks. fn(arg, error, addresses) is called once, from the loop's stack, never from here; the
 * lookup is gone then. error: 0, GP_ENOTFOUND (no such name, or no address) or GP_ETEMP. NULL: the
 * name is none, or too many questions are under way (GP_EINVAL, GP_ETEMP in *error_r).
 */
struct gp__lookup *gp__lookup_start(struct gp__live *live, struct gp_slice name,
                                    void (*fn)(void *arg, int error,
                                               const struct gp__addresses *addresses),
                                    void *arg, int *error_r);

/* fn will not be called. NULL is fine. */
void gp__lookup_forget(struct gp__lookup **lookup_);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/route.h"

#include "core/delivery/verify.h"

#include "core/hook/when_eval.h"

static enum gp__routing of_error(int error)
{
    return error == GP_ECANCELED ? GP__ROUTE_CANCELED : GP__ROUTE_TEMPORARY;
}

/* Tables of addresses hold whole addresses, domains, or local parts. */
static enum gp__routing check_validity(struct gp_call *call, const struct gp__route *route,
                                       struct gp_recipient *recipient)
{
    int found;

    if (route->verifier) {
        enum gp__routing routing = gp__verify(call, route->verifier, recipient);

        recipient->valid = routing == GP__ROUTED;
        return routing;
    }
    if (!route->valid) {
        recipient->valid = true;
        return GP__ROUTED;
    }
    found = gp__table_lookup_address(call, route->valid, recipient->address.text, NULL);
    if (found == GP_ENOTFOUND)
        return GP__ROUTE_UNKNOWN;
    if (found != GP_OK)
        return of_error(found);
    recipient->valid = true;
    return GP__ROUTED;
}

static enum gp__routing own(struct gp_call *call, const struct gp__route *route,
                            struct gp_recipient *recipient)
{
    recipient->route = route;
    recipient->route_name = route->name;
    recipient->class = route->relay ? GP_CLASS_RELAY : GP_CLASS_OURS;
    return check_validity(call, route, recipient);
}

/* What a hook `route` wants; nobody gets the right to relay by it. */
static enum gp__routing route_by_name(struct gp_call *call, const struct gp__routes *routes,
                                      struct gp_recipient *recipient)
{
    for (size_t i = 0; i < routes->count; i++) {
        const struct gp__route *route = &routes->items[i];

        if (!gp_slice_eq(route->name, recipient->route_wish))
            continue;
        if (!route->relay || call->policy->relay_granted || recipient->relay_granted)
            return own(call, route, recipient);
        recipient->class = GP_CLASS_NONE;
        return GP__ROUTE_NONE;
    }
    return GP__ROUTE_TEMPORARY;
}

enum gp__routing gp__route_recipient(struct gp_call *call, const struct gp__routes *routes,
                                     struct gp_recipient *recipient)
{
    if (gp_slice_present(recipient->route_wish))
        return route_by_name(call, routes, recipient);
    for (size_t i = 0; i < routes->count; i++) {
        const struct gp__route *route = &routes->items[i];
        int holds = gp__when_holds(call, route->match, recipient);

        if (holds < 0)
            return of_error(holds);
        if (holds)
            return own(call, route, recipient);
    }
    recipient->class = GP_CLASS_NONE;
    return GP__ROUTE_NONE;
}

struct gp__reply gp__route_reply(enum gp__routing routing)
{
    switch (routing) {
    case GP__ROUTED:
        break;
    case GP__ROUTE_NONE:
        return GP__REPLY(550, 5, 7, 1, "Not our recipient, and no right to relay");
    case GP__ROUTE_UNKNOWN:
        return GP__REPLY(550, 5, 1, 1, "No such recipient here");
    case GP__ROUTE_TEMPORARY:
    case GP__ROUTE_CANCELED:
        return GP__REPLY(451, 4, 3, 0, "Recipient can't be checked now, try again later");
    }
    return (struct gp__reply){.code = 0};
}

// SPDX-License-Identifier: Apache-2.0
#include <gatepost/types.h>

const char *gp_strerror(int error)
{
    switch (error) {
    case GP_OK:
        return "no error";
    case GP_EINVAL:
        return "invalid argument";
    case GP_ENOTFOUND:
        return "not found";
    case GP_ETEMP:
        return "temporary failure";
    case GP_ETIMEDOUT:
        return "deadline passed";
    case GP_ECANCELED:
        return "client gone";
    case GP_ELIMIT:
        return "limit reached";
    case GP_ENOTALLOWED:
        return "not allowed here";
    case GP_ECONFLICT:
        return "conflicts with an earlier edit";
    case GP_EIO:
        return "device failed";
    case GP_ENOSPC:
        return "no space left";
    case GP_EEXIST:
        return "exists already";
    case GP_ECLOSED:
        return "closed by the other side";
    default:
        return "unknown error";
    }
}

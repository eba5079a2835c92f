// SPDX-License-Identifier: Apache-2.0
/* A shared object that is no plugin. */
#include <gatepost/abi.h>

extern int t_something;
GP_API int t_something = 1;

// SPDX-License-Identifier: Apache-2.0
/* The libraries that the runtime stands on, for people and bug reports. */
#ifndef GP_RUNTIME_VERSIONS_H
#define GP_RUNTIME_VERSIONS_H

/* "libuv 1.44.2, libunbound 1.17.1"; static. */
const char *gp__runtime_versions(void);

#endif

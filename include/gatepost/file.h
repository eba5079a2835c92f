// SPDX-License-Identifier: Apache-2.0
/*
 * Files, for targets and tables. Work is done by the file pool while the hook is parked; errors of
 * the device come back as GP_EIO, a full disk or quota as GP_ENOSPC. Needs GP_NEEDS_FILES.
 *
 * Paths are absolute or below the working directory of the configuration; none is ever built from
 * bytes of a peer without gp_path_safe().
 */
#ifndef GATEPOST_FILE_H
#define GATEPOST_FILE_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

/* Whether the bytes can be one path element as they are: not empty, not "." or "..", no "/", no
 * control character, at most 255 bytes, valid UTF-8. */
GP_API bool gp_path_safe(struct gp_slice element);

/* Creates a directory and its parents (0700, or mode); fine when it exists. Synced. */
GP_API int gp_dir_make(struct gp_call *call, struct gp_slice path, unsigned mode);

/* Makes renames, links and removals in a directory durable. */
GP_API int gp_dir_sync(struct gp_call *call, struct gp_slice path);

/*
 * Creates a file that must not exist (0600), writes all bytes, syncs and closes it: afterwards its
 * content is durable, its name is once gp_dir_sync() was called. On an error nothing is left.
 */
GP_API int gp_file_put(struct gp_call *call, struct gp_slice path, struct gp_slice bytes);

/* The same with `prefix` followed by the message as it would leave. */
GP_API int gp_file_put_message(struct gp_call *call, struct gp_slice path, struct gp_slice prefix,
                               struct gp_message *message);

/* Renames within one file system, replacing what is there. */
GP_API int gp_file_rename(struct gp_call *call, struct gp_slice from, struct gp_slice to);

/* Removes; fine when it is not there. */
GP_API int gp_file_remove(struct gp_call *call, struct gp_slice path);

/* The whole of a regular file of at most max bytes (GP_ELIMIT); it lives until the hook returns. */
GP_API int gp_file_read(struct gp_call *call, struct gp_slice path, size_t max,
                        struct gp_slice *bytes_r);

/* A number that changes when the file is replaced or written; GP_ENOTFOUND. */
GP_API int gp_file_version(struct gp_call *call, struct gp_slice path, uint64_t *version_r);

GP_END_C

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * The blocking side of file operations: what a thread of the file pool does. No loop, no log. What
 * it reports as durable is: content is synced before it is closed, a directory's parents know it.
 */
#ifndef GP_RUNTIME_FILE_H
#define GP_RUNTIME_FILE_H

#include "core/hook/runtime.h"

/* One system call. */
enum gp__file_step {
    GP__STEP_OPEN = 0,
    GP__STEP_WRITE,
    GP__STEP_SYNC,
    GP__STEP_CLOSE,
    GP__STEP_UNLINK,
    GP__STEP_RENAME,
    GP__STEP_STAT,
    GP__STEP_READ,
    GP__STEP_MKDIR,
    GP__STEP_COUNT
};

/* Its name in logs: "open", "write" and so on. */
const char *gp__file_step_name(enum gp__file_step step);

struct gp__file_result {
    int error;               /* 0, or an enum gp_error */
    int system_error;        /* errno, when `error` comes from the system; else 0 */
    enum gp__file_step step; /* that failed */
    char *bytes;             /* READ: for free() by the caller */
    size_t len;
    uint64_t version; /* VERSION */
};

/* Does the job; `path` and `to` are NUL-terminated. From any thread. */
void gp__file_execute(const struct gp__file_job *job, struct gp__file_result *result_r);

/*
 * For tests: asked before each step; returns 0 to go on, or the errno the step fails with. For
 * WRITE *len is how much is about to be written and may be lowered. NULL: none. Called from the
 * threads: set it while no job is under way.
 */
void gp__file_set_fault(int (*fault)(void *arg, enum gp__file_step step, const char *path,
                                     size_t *len),
                        void *arg);

#endif

// SPDX-License-Identifier: Apache-2.0
/* What this thread's plugin code is doing right now, for the line that a crash leaves behind.
 * Plain pointers, so that setting them costs nothing and a signal handler can read them. */
#ifndef GP_HOOK_RUNNING_H
#define GP_HOOK_RUNNING_H

struct gp__running {
    const char *volatile instance; /* id, NUL-terminated; NULL: no plugin is running */
    const char *volatile hook;
    const char *volatile session; /* id, or NULL */
};

/* Of a library that is loaded at the start, so without a call to find it. */
#ifdef __ELF__
#define GP__RUNNING_MODEL __attribute__((tls_model("initial-exec")))
#else
#define GP__RUNNING_MODEL
#endif

extern _Thread_local struct gp__running gp__running GP__RUNNING_MODEL;

#endif

// SPDX-License-Identifier: Apache-2.0
/* What the master and its processes say to each other; bodies are packed (pack.h) unless it says
 * otherwise. */
#ifndef GP_PROCESS_MESSAGES_H
#define GP_PROCESS_MESSAGES_H

/* Where a process finds its end of the channel. */
#define GP__CHANNEL_FD 3

/* Both must be of one build; a binary that was replaced meanwhile is told apart by this. */
#define GP__PROTOCOL_VERSION 3

enum gp__message_type {
    /* master to loader: version, path of the configuration */
    GP__MSG_LOAD = 1,
    /* loader to master: 1 for a file that changes by itself, path. Answer: errno, the file */
    GP__MSG_OPEN,
    GP__MSG_OPENED,
    /* loader to master: pattern. Answer: 1 if it failed, paths (as many as fit a message) */
    GP__MSG_GLOB,
    GP__MSG_GLOBBED,
    /* loader to master: 1 if it can be used, 1 if it wants processes, the diagnostics; the bundle */
    GP__MSG_LOADED,

    /* master to all: version, slot, 1 for a sandbox, path of the configuration; its board, and for
     * those that load a configuration the secret of TLS tickets, the key of made-up salts and of
     * hashes, its page; the bundle, the census, and the log's file */
    GP__MSG_START,
    /* all to master: nothing */
    GP__MSG_READY,
    /* all to master: why it cannot be */
    GP__MSG_FAILED,
    /* master to all: id, listener; the listening socket */
    GP__MSG_SOCKET,
    /* master to all: id. It is somebody else's again */
    GP__MSG_NO_SOCKET,
    /* master to all: enum gp__drain */
    GP__MSG_DRAIN,
    /* master to all: nothing; the log's new file */
    GP__MSG_LOG,

    /* master to scheduler: nothing; an end of a line to a carrier. Master to carrier: nothing; an
     * end of a line to the scheduler, the last one counts */
    GP__MSG_CARRIER,
    GP__MSG_SCHEDULER,
    /* master to scheduler: nothing; what it needs of a new configuration (scheduling.h), and the
     * log's file if there is one */
    GP__MSG_PLAN,
    /* carrier to scheduler: how many attempts at a time, 0: no new ones */
    GP__MSG_ROOM,
    /* scheduler to carrier, and back: as core/delivery/attempt.h packs them */
    GP__MSG_ATTEMPT,
    GP__MSG_ATTEMPTED,

    /* Master to worker: how many sessions to list. Master to scheduler: the request. Console to master: all numbers, please. Answers
     * with the same id: 1 if more follow, text */
    GP__MSG_ASK,
    GP__MSG_ANSWER,

    /* worker to master: command, variables; standard input, output. The id names the run. Answer with
     * the same id: exit code, 128 and a signal, or 256: it can't be started */
    GP__MSG_RUN,
    GP__MSG_RAN,
    /* worker to master: nobody waits for the run of this id any more */
    GP__MSG_END_RUN,

    GP__MSG_COUNT
};

/* How a process ends. */
enum gp__drain {
    GP__DRAIN_GENTLY = 0, /* sessions end by themselves */
    GP__DRAIN_SOON,       /* as soon as they wait for a command */
    GP__DRAIN_NOW,
    GP__DRAIN_COUNT
};

#endif

// SPDX-License-Identifier: Apache-2.0
/* The listeners of a process that does everything. They are bound while we may, and listened on when
 * nothing can keep us from serving any more: a connection that is taken is not reset. */
#include "core/process/alone.h"

#include "core/base/alloc.h"
#include "core/process/manager.h"
#include "core/runtime/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int failed(const struct gp__listener_settings *settings, struct gp_slice address,
                  const char *step)
{
    fprintf(stderr, "gatepost: listener " GP_FMT ", " GP_FMT ": %s: %s%s\n", GP_ARG(settings->name),
            GP_ARG(address), step, strerror(errno), gp__listen_advice(address, errno));
    return -1;
}

static int bind_door(struct gp__alone *alone, const struct gp__listener_settings *settings,
                     struct gp_slice address, int *fd)
{
    struct gp__listen_options options = {
        .address = address, .unix_mode = settings->socket_mode, .later = true};
    const char *step;

    (void)alone;
    *fd = gp__manager_socket(settings->name, address);
    if (*fd >= 0 || gp__listen_socket(&options, fd, &step) == 0)
        return 0;
    return failed(settings, address, step);
}

static int open_door(struct gp__alone *alone, const struct gp__listener_settings *settings,
                     struct gp_slice address, int *fd_)
{
    int fd = *fd_;
    struct gp_slice shown;
    char text[80];

    if (gp__listen_now(fd, (int)settings->backlog) < 0)
        return failed(settings, address, "listen");
    *fd_ = -1;
    shown = gp__reception_endpoint(fd, address, text);
    if (gp__reception_listen(&alone->reception, 0, settings->name, fd) < 0)
        return -1;
    gp__log(&alone->reception.log, GP_LOG_NOTICE, "listener.open",
            GP__F_S("listener", settings->name), GP__F_S("address", shown));
    if (alone->options->ready)
        alone->options->ready(alone->options->arg, settings->name, shown);
    return 0;
}

static int each_door(struct gp__alone *alone,
                     int (*step)(struct gp__alone *alone,
                                 const struct gp__listener_settings *settings,
                                 struct gp_slice address, int *fd))
{
    const struct gp__settings *settings = alone->reception.generation->settings;
    size_t n = 0;

    for (size_t i = 0; i < settings->n_listeners; i++) {
        const struct gp__listener_settings *listener = settings->listeners[i];

        for (size_t a = 0; a < listener->n_addresses; a++)
            if (step(alone, listener, listener->addresses[a].text, &alone->doors[n++]) < 0)
                return -1;
    }
    return 0;
}

int gp__alone_bind_doors(struct gp__alone *alone)
{
    const struct gp__settings *settings = alone->reception.generation->settings;

    for (size_t i = 0; i < settings->n_listeners; i++)
        alone->n_doors += settings->listeners[i]->n_addresses;
    alone->doors = gp__alloc_array(alone->n_doors, sizeof *alone->doors);
    for (size_t i = 0; i < alone->n_doors; i++)
        alone->doors[i] = -1;
    return each_door(alone, bind_door);
}

int gp__alone_open_doors(struct gp__alone *alone)
{
    return each_door(alone, open_door);
}

void gp__alone_close_doors(struct gp__alone *alone)
{
    for (size_t i = 0; i < alone->n_doors; i++)
        if (alone->doors[i] >= 0)
            (void)close(alone->doors[i]); /* nobody has connected */
    gp__free(alone->doors);
}

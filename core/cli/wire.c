// SPDX-License-Identifier: Apache-2.0
#include "core/cli/wire.h"

#include "core/base/ascii.h"
#include "core/runtime/live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define READ_SIZE ((size_t)16 << 10)
#define STACK ((size_t)512 << 10) /* for TLS */
#define HANDSHAKE_MS 30000u
#define IN_MAX ((size_t)4 << 20)

struct run {
    void (*fn)(struct gp__runtime *rt, void *arg);
    struct gp__runtime *rt;
    void *arg;
    bool done;
};

static void run_main(void *arg)
{
    struct run *run = arg;

    run->fn(run->rt, run->arg);
}

static void run_done(void *arg)
{
    struct run *run = arg;

    run->done = true;
}

int gp__wire_run(void (*fn)(struct gp__runtime *rt, void *arg), void *arg)
{
    struct run run = {.fn = fn, .arg = arg};
    int state;

    run.rt = gp__live_create(&(struct gp__live_options){0}, NULL);
    if (!run.rt) {
        fprintf(stderr, "gatepost: event loop: %s\n", strerror(errno));
        return -1;
    }
    state = run.rt->ops->run(run.rt, run_main, run_done, &run, STACK);
    while (state == 0 && !run.done)
        gp__live_turn(run.rt);
    if (state < 0)
        fputs("gatepost: no memory for a fiber\n", stderr);
    gp__live_free(&run.rt);
    return state < 0 ? -1 : 0;
}

struct gp_slice gp__wire_address(struct gp__arena *arena, const char *text, unsigned port)
{
    struct gp_slice s = gp_slice_of(text);
    size_t colon = gp_slice_rfind(s, ':');

    if (gp_slice_starts(s, GP_S("unix:")) || (colon < s.len && !gp_slice_ends(s, GP_S("]"))))
        return gp__arena_dup(arena, s);
    return gp__arena_printf(arena, "%s:%u", text, port);
}

int gp__wire_open(struct gp__wire *wire, struct gp__runtime *rt, struct gp_slice address)
{
    memset(wire, 0, sizeof *wire);
    wire->in.limit = IN_MAX;
    gp__call_init(&wire->call, rt, NULL, GP_HOOK_TICK, UINT64_MAX);
    return gp_connect_within(&wire->call, address, GP__WIRE_CONNECT_MS, &wire->stream);
}

void gp__wire_close(struct gp__wire *wire)
{
    gp__tls_dial_free(&wire->tls);
    gp_stream_close(&wire->stream);
    gp__call_end(&wire->call);
    gp__buf_free(&wire->in);
    gp__buf_free(&wire->below);
}

static int write_plain(struct gp__wire *wire, struct gp_slice bytes, uint64_t ms)
{
    if (bytes.len == 0)
        return 0;
    gp_stream_timeout(wire->stream, ms ? ms : 1);
    return gp_stream_write(&wire->call, wire->stream, bytes);
}

/* As gp__wire_read(), into any buffer. */
static int read_plain(struct gp__wire *wire, struct gp__buf *into, uint64_t ms)
{
    size_t room;
    char *to = gp__buf_room(into, READ_SIZE, &room);
    int64_t n;

    if (!to)
        return GP_ELIMIT;
    gp_stream_timeout(wire->stream, ms ? ms : 1);
    n = gp_stream_read(&wire->call, wire->stream, to, READ_SIZE);
    if (n <= 0) {
        wire->eof = n == 0 || n == GP_ECLOSED;
        return wire->eof ? 0 : (int)n;
    }
    gp__buf_added(into, (size_t)n);
    return 1;
}

/* ---- TLS ---- */

/* What TLS has to say to the other side. */
static int write_below(struct gp__wire *wire, uint64_t ms)
{
    int error;

    gp__buf_clear(&wire->below);
    if (gp__tls_dial_output(wire->tls, &wire->below) < 0)
        return GP_ETEMP;
    error = write_plain(wire, gp__buf_slice(&wire->below), ms);
    gp__buf_clear(&wire->below);
    return error;
}

static int read_below(struct gp__wire *wire, uint64_t ms)
{
    int result = read_plain(wire, &wire->below, ms);

    if (result == 1 && gp__tls_dial_feed(wire->tls, gp__buf_slice(&wire->below)) < 0)
        result = GP_ETEMP;
    gp__buf_clear(&wire->below);
    return result;
}

int gp__wire_secure(struct gp__wire *wire, const struct gp__tls_dial_settings *settings,
                    const char **why_r)
{
    wire->tls = gp__tls_dial_create(settings, why_r);
    if (!wire->tls)
        return -1;
    for (;;) {
        enum gp__tls_dial_state state = gp__tls_dial_handshake(wire->tls);
        int error = write_below(wire, HANDSHAKE_MS);

        *why_r = gp__tls_dial_text(wire->tls);
        if (state == GP__TLS_DIAL_READY && !error)
            return 0;
        if (state != GP__TLS_DIAL_MORE)
            return -1;
        *why_r = "the connection was lost in the handshake";
        if (error || read_below(wire, HANDSHAKE_MS) != 1)
            return -1;
    }
}

static int read_secure(struct gp__wire *wire, uint64_t ms)
{
    size_t before = wire->in.len;

    for (;;) {
        enum gp__tls_dial_state state = gp__tls_dial_read(wire->tls, &wire->in);
        int result;

        if (wire->in.len > before)
            return 1;
        wire->eof = state != GP__TLS_DIAL_MORE;
        if (wire->eof || write_below(wire, ms))
            return 0;
        result = read_below(wire, ms);
        if (result != 1)
            return result;
    }
}

/* ---- both ---- */

int gp__wire_write(struct gp__wire *wire, struct gp_slice bytes, uint64_t ms)
{
    if (!wire->tls)
        return write_plain(wire, bytes, ms);
    return gp__tls_dial_write(wire->tls, bytes) < 0 ? GP_ECLOSED : write_below(wire, ms);
}

int gp__wire_read(struct gp__wire *wire, uint64_t ms)
{
    return wire->tls ? read_secure(wire, ms) : read_plain(wire, &wire->in, ms);
}

void gp__wire_show(const char *mark, struct gp_slice bytes)
{
    while (bytes.len) {
        struct gp_slice line = gp_slice_sub(bytes, 0, gp_slice_find(bytes, '\n') + 1);

        bytes = gp_slice_sub(bytes, line.len, bytes.len);
        if (gp_slice_ends(line, GP_S("\r\n")))
            line.len -= 2;
        fputs(mark, stdout);
        for (size_t i = 0; i < line.len; i++) {
            if (gp__is_control(line.data[i]))
                printf("\\x%02x", (unsigned char)line.data[i]);
            else
                putchar(line.data[i]);
        }
        putchar('\n');
    }
}

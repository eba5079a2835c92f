// SPDX-License-Identifier: Apache-2.0
/*
 * Sends messages over SMTP to a server on 127.0.0.1 and says how fast that went: one line of JSON.
 * Each session has one message under way; a reply with another code than expected fails it.
 *
 *     load [-s SESSIONS] [-n MESSAGES] [-t SECONDS] [-b BYTES] [-r MESSAGES] [-u USERS] [-a ADDRESS]
 *          [-p] [-i] PORT
 *
 * -n, -t bound the load; -r messages over each connection; -u recipients user0...; -p sends MAIL,
 * RCPT and DATA together; -a comes from another address of this machine. -i holds the sessions open
 * after EHLO until its standard input ends; if that says something, until the server has ended them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define LINE 78
#define STALL_MS 30000
#define HARD_END_S 300
#define USERS_MAX 10000

enum step { GREETING = 0, HELO, MAIL, RCPT, DATA, BODY, QUIT };

static const char *const step_names[] = {"greeting", "EHLO", "MAIL", "RCPT",
                                         "DATA",     "body", "QUIT"};
static const int expected[] = {220, 250, 250, 250, 354, 250, 221};

struct session {
    int fd;
    enum step step; /* whose reply comes next */
    unsigned user;
    uint64_t sent, started_ns; /* messages of this connection; when MAIL was sent */
    const char *out;
    size_t out_len;
    char line[8]; /* the first bytes of the reply line */
    size_t line_len;
    char commands[160];
};

static struct {
    size_t sessions, bytes, reuse, users;
    uint64_t messages, seconds;
    bool pipelining, idle;
    struct in_addr from; /* INADDR_ANY: as it comes */
    uint16_t port;
} options = {.sessions = 20, .bytes = 4096, .reuse = 500, .users = 1, .seconds = 60};

static int poller;
static char *body;
static size_t body_len;
static uint64_t begun, done, failed, open_sessions, held, end_ns;
static uint64_t told,
    closed; /* sessions that the server ended: by 421, and all that were not reset */
static bool ending;
static uint64_t *latencies, n_latencies, max_latencies;
static char first_bad[160];

static void die(const char *what)
{
    (void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- what is sent ---- */

static void make_body(void)
{
    static const char head[] = "From: <load@client.test>\r\nTo: <user0@example.test>\r\n"
                               "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
                               "Message-ID: <load@client.test>\r\nSubject: load\r\n\r\n";
    size_t size = options.bytes > sizeof head ? options.bytes : sizeof head;
    char *to = body = malloc(size + LINE + 8);

    if (!body)
        die("memory");
    memcpy(to, head, sizeof head - 1);
    to += sizeof head - 1;
    while ((size_t)(to - body) < size) {
        size_t left = size - (size_t)(to - body), n = left < LINE ? left : LINE;

        n = n < 3 ? 3 : n;
        memset(to, 'x', n - 2);
        memcpy(to + n - 2, "\r\n", 2);
        to += n;
    }
    memcpy(to, ".\r\n", 3);
    body_len = (size_t)(to + 3 - body);
}

static bool may_begin(void)
{
    return (options.messages == 0 || begun < options.messages) && now_ns() < end_ns;
}

/* ---- sessions ---- */

static void watch(const struct session *session, int op, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = (void *)(uintptr_t)session};

    if (epoll_ctl(poller, op, session->fd, &event) < 0)
        die("epoll_ctl");
}

static void leave(struct session *session)
{
    if (session->fd >= 0)
        close(session->fd);
    session->fd = -1;
    open_sessions--;
}

static void fail(struct session *session, const char *what)
{
    failed++;
    if (!first_bad[0])
        (void)snprintf(first_bad, sizeof first_bad, "%s: %.*s", step_names[session->step], 80,
                       what);
    leave(session);
}

static void flush(struct session *session)
{
    while (session->out_len) {
        ssize_t n = send(session->fd, session->out, session->out_len, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            watch(session, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) {
            fail(session, strerror(errno));
            return;
        }
        session->out += n;
        session->out_len -= (size_t)n;
    }
}

static void put(struct session *session, const char *bytes, size_t len)
{
    session->out = bytes;
    session->out_len = len;
    flush(session);
}

__attribute__((format(printf, 2, 3))) static void say(struct session *session, const char *format,
                                                      ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(session->commands, sizeof session->commands, format, args);
    va_end(args);
    put(session, session->commands, (size_t)len);
}

/* The port is chosen with the connection: as many as there are for each pair of addresses. */
static void come_from(int fd)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = options.from};
    int on = 1;

    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
        die("bind");
}

static void join(struct session *session)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    session->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (session->fd < 0)
        die("socket");
    if (options.from.s_addr != INADDR_ANY)
        come_from(session->fd);
    if (connect(session->fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    (void)setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    session->step = GREETING;
    session->sent = session->line_len = session->out_len = 0;
    open_sessions++;
    watch(session, EPOLL_CTL_ADD, EPOLLIN);
}

static void rejoin(struct session *session)
{
    leave(session);
    if (may_begin())
        join(session);
}

/* ---- steps ---- */

static void begin_message(struct session *session)
{
    if (session->sent == options.reuse || !may_begin()) {
        session->step = QUIT;
        say(session, "QUIT\r\n");
        return;
    }
    begun++;
    session->sent++;
    session->started_ns = now_ns();
    session->step = MAIL;
    session->user = (session->user + 1) % (unsigned)options.users;
    if (options.pipelining)
        say(session, "MAIL FROM:<load@client.test>\r\nRCPT TO:<user%u@example.test>\r\nDATA\r\n",
            session->user);
    else
        say(session, "MAIL FROM:<load@client.test>\r\n");
}

static void after_message(struct session *session)
{
    done++;
    if (n_latencies < max_latencies)
        latencies[n_latencies++] = now_ns() - session->started_ns;
    begin_message(session);
}

/* The reply that was expected came: what the session does next. */
static void advance(struct session *session)
{
    switch (session->step) {
    case GREETING:
        session->step = HELO;
        say(session, "EHLO client.test\r\n");
        return;
    case HELO:
        held++;
        if (!options.idle)
            begin_message(session);
        return;
    case MAIL:
        session->step = RCPT;
        if (!options.pipelining)
            say(session, "RCPT TO:<user%u@example.test>\r\n", session->user);
        return;
    case RCPT:
        session->step = DATA;
        if (!options.pipelining)
            say(session, "DATA\r\n");
        return;
    case DATA:
        session->step = BODY;
        put(session, body, body_len);
        return;
    case BODY:
        after_message(session);
        return;
    case QUIT:
        rejoin(session);
    }
}

static void on_line(struct session *session)
{
    char *line = session->line;

    if (session->line_len < 4) {
        fail(session, "a reply line too short");
        return;
    }
    line[session->line_len < 7 ? session->line_len : 7] = '\0';
    if (line[3] == '-')
        return;
    if (ending && strtol(line, NULL, 10) == 421)
        told++;
    else if (strtol(line, NULL, 10) != expected[session->step])
        fail(session, line);
    else
        advance(session);
}

static void on_bytes(struct session *session, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && session->fd >= 0; i++) {
        if (bytes[i] != '\n') {
            if (session->line_len < sizeof session->line - 1)
                session->line[session->line_len++] = bytes[i];
            continue;
        }
        on_line(session);
        session->line_len = 0;
    }
}

static void on_event(struct session *session, uint32_t events)
{
    char bytes[8192];
    ssize_t n;

    if (events & EPOLLOUT) {
        watch(session, EPOLL_CTL_MOD, EPOLLIN);
        flush(session);
    }
    if (session->fd < 0 || !(events & ~(uint32_t)EPOLLOUT))
        return;
    n = recv(session->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
        on_bytes(session, bytes, (size_t)n);
    } else if (ending && n == 0) {
        closed++;
        leave(session);
    } else if (n == 0 || errno != EAGAIN) {
        fail(session, n == 0 ? "closed by the server" : strerror(errno));
    }
}

/* ---- the run ---- */

static void turn(void)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, STALL_MS);

    if (n == 0) {
        (void)fprintf(stderr, "load: nothing came for %d s\n", STALL_MS / 1000);
        exit(1);
    }
    for (int i = 0; i < n; i++)
        on_event(events[i].data.ptr, events[i].events);
}

/* A few at a time: a listen queue that overflows would cost seconds of retries. */
static void join_all(struct session *sessions)
{
    for (size_t i = 0; i < options.sessions; i++) {
        sessions[i].user = (unsigned)(i % options.users);
        join(&sessions[i]);
        while (held + failed + 4 < i && open_sessions)
            turn();
    }
}

static void hold(void)
{
    char byte;

    while (held + failed < options.sessions)
        turn();
    printf("{\"held\":%llu,\"failed\":%llu}\n", (unsigned long long)held,
           (unsigned long long)failed);
    (void)fflush(stdout);
    if (read(0, &byte, 1) <= 0)
        return;
    ending = true;
    while (open_sessions)
        turn();
    printf("{\"closed\":%llu,\"told\":%llu}\n", (unsigned long long)closed,
           (unsigned long long)told);
}

static int by_value(const void *a_, const void *b_)
{
    uint64_t a = *(const uint64_t *)a_, b = *(const uint64_t *)b_;

    return a < b ? -1 : a > b;
}

static double percentile_ms(double share)
{
    return n_latencies ? (double)latencies[(size_t)((double)(n_latencies - 1) * share)] / 1e6 : 0;
}

static double cpu_us(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void report(double seconds, double cpu)
{
    qsort(latencies, n_latencies, sizeof *latencies, by_value);
    printf("{\"messages\":%llu,\"failed\":%llu,\"seconds\":%.4f,\"per_second\":%.1f,"
           "\"load_cpu_us\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"first_bad\":\"%s\"}\n",
           (unsigned long long)done, (unsigned long long)failed, seconds, (double)done / seconds,
           done ? cpu / (double)done : 0, percentile_ms(0.5), percentile_ms(0.99), first_bad);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (*end || end == text || value < least || value > most) {
        (void)fprintf(stderr, "load: %s: a number from %llu to %llu is wanted\n", text,
                      (unsigned long long)least, (unsigned long long)most);
        exit(2);
    }
    return value;
}

static void read_options(int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "s:n:t:b:r:u:a:pi")) != -1) {
        if (c == 's')
            options.sessions = number(optarg, 1, 20000);
        else if (c == 'n')
            options.messages = number(optarg, 1, 10000000);
        else if (c == 't')
            options.seconds = number(optarg, 1, HARD_END_S);
        else if (c == 'b')
            options.bytes = number(optarg, 1, 100 << 20);
        else if (c == 'r')
            options.reuse = number(optarg, 1, 1000000);
        else if (c == 'u')
            options.users = number(optarg, 1, USERS_MAX);
        else if (c == 'a' && inet_pton(AF_INET, optarg, &options.from) != 1)
            exit(2);
        else if (c == 'a')
            continue;
        else if (c == 'p')
            options.pipelining = true;
        else if (c == 'i')
            options.idle = true;
        else
            exit(2);
    }
    if (optind + 1 != argc) {
        (void)fprintf(stderr, "load: which port?\n");
        exit(2);
    }
    options.port = (uint16_t)number(argv[optind], 1, 65535);
}

int main(int argc, char **argv)
{
    struct session *sessions;
    uint64_t start;
    double cpu;

    read_options(argc, argv);
    (void)alarm(HARD_END_S + 60); /* whatever happens, it ends */
    make_body();
    sessions = calloc(options.sessions, sizeof *sessions);
    max_latencies = options.messages ? options.messages : 4000000;
    latencies = malloc(max_latencies * sizeof *latencies);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!sessions || !latencies || poller < 0)
        die("start");
    cpu = cpu_us();
    start = now_ns();
    end_ns = start + options.seconds * 1000000000u;
    join_all(sessions);
    if (options.idle) {
        hold();
    } else {
        while (open_sessions)
            turn();
        report((double)(now_ns() - start) / 1e9, cpu_us() - cpu);
    }
    free(sessions);
    free(latencies);
    free(body);
    return failed ? 1 : 0;
}

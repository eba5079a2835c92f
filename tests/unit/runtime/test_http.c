// SPDX-License-Identifier: Apache-2.0
/* HTTP requests against a server of the test, a thread with a canned answer for each request. */
#include "test_support.h"

#include "core/hook/http.h"
#include "core/runtime/listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#define ANSWERS_MAX 4

struct fixture {
    struct gp__runtime *rt;
    struct gp__arena *arena;
    struct gp_http http;
    char url[128], dir[64], hosts[96];

    /* The server's. */
    pthread_t thread;
    int listening, stop[2];
    const char *answers[ANSWERS_MAX]; /* "" closes; "hang" never answers; the last one repeats */
    int n_requests, n_connections;
    char request[8192]; /* the last one */
    size_t request_len;
};

/* ---- the server ---- */

/* Whether there is a whole request. */
static bool is_whole(struct fixture *f)
{
    const char *end, *length;

    f->request[f->request_len] = '\0';
    end = strstr(f->request, "\r\n\r\n");
    if (!end)
        return false;
    length = strstr(f->request, "Content-Length: ");
    return f->request_len >=
           (size_t)(end + 4 - f->request) + (length ? strtoul(length + 16, NULL, 10) : 0);
}

/* Readable before the test ends. */
static bool readable(struct fixture *f, int fd)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = f->stop[0], .events = POLLIN}};

    return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

static bool answer(struct fixture *f, int fd)
{
    const char *text;
    int n = f->n_requests++;

    while (n >= ANSWERS_MAX || !f->answers[n])
        n--;
    text = f->answers[n];
    if (strcmp(text, "hang") == 0)
        return readable(f, fd);
    return text[0] && send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text) &&
           !strstr(text, "close\r\n");
}

static void serve_one(struct fixture *f, int fd)
{
    ssize_t n;

    do {
        f->request_len = 0;
        do {
            if (!readable(f, fd))
                return;
            n = recv(fd, f->request + f->request_len, sizeof f->request - 1 - f->request_len, 0);
            if (n <= 0)
                return;
            f->request_len += (size_t)n;
        } while (!is_whole(f));
    } while (answer(f, fd));
}

static void *serve(void *arg)
{
    struct fixture *f = arg;

    while (readable(f, f->listening)) {
        int fd = accept4(f->listening, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            continue;
        f->n_connections++;
        serve_one(f, fd);
        close(fd);
    }
    return NULL;
}

static void listen_at(struct fixture *f, const char *address)
{
    const struct gp__listen_options options = {.address = gp_slice_of(address)};
    struct gp__endpoint endpoint;
    const char *step;

    if (gp__listen_socket(&options, &f->listening, &step) < 0)
        fail_msg("%s: %s", step, strerror(errno));
    (void)gp__listen_endpoint(f->listening, &endpoint);
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/check", endpoint.port);
    assert_int_equal(pipe(f->stop), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void stop_serving(struct fixture *f)
{
    close(f->stop[1]); /* readable: the end */
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    close(f->stop[0]);
    close(f->listening);
}

/* ---- the world ---- */

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct gp__live_options options = {.dns = {.source = GP__DNS_SYSTEM}};
    FILE *hosts;

    test_dir_make(f->dir);
    (void)snprintf(f->hosts, sizeof f->hosts, "%s/hosts", f->dir);
    hosts = fopen(f->hosts, "w");
    assert_non_null(hosts);
    assert_true(fputs("127.0.0.1 web.example\n", hosts) >= 0);
    assert_int_equal(fclose(hosts), 0);
    options.dns.hosts_file = gp_slice_of(f->hosts);
    f->rt = gp__live_create(&options, NULL);
    f->arena = gp__arena_create();
    f->answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One:  1 \r\n\r\nok";
    listen_at(f, "127.0.0.1:0");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gp__live_free(&f->rt);
    stop_serving(f);
    gp__arena_free(&f->arena);
    test_dir_remove(f->dir);
    free(f);
    gp__arena_pool_free();
    return 0;
}

static void fill(struct fixture *f, const char *method, const char *url)
{
    f->http = (struct gp_http){
        .method = gp_slice_of(method), .url = gp_slice_of(url), .limit = 1000};
}

static int ask(struct fixture *f)
{
    struct gp_op op = test_op(f->rt, f->arena);

    f->rt->ops->http(f->rt, &op, &f->http);
    assert_false(op.done); /* never from here */
    TURN_WHILE(f->rt, !op.done);
    return op.result;
}

static void assert_sent(struct fixture *f, const char *part)
{
    if (!strstr(f->request, part))
        fail_msg("\"%s\" is not in the request:\n%s", part, f->request);
}

/* ---- the tests ---- */

static void test_get(void **state)
{
    struct fixture *f = *state;

    fill(f, "GET", f->url);
    assert_int_equal(ask(f), 0);
    assert_int_equal(f->http.status, 200);
    assert_slice_equal(f->http.answer, "ok");
    assert_slice_equal(f->http.answer_fields->name, "Content-Length");
    assert_slice_equal(f->http.answer_fields->next->value, "1");
    assert_false(gp_slice_present(f->http.failure));
    assert_sent(f, "GET /check HTTP/1.1\r\n");
    assert_sent(f, "User-Agent: Gatepost/");
    assert_null(strstr(f->request, "Expect"));
    assert_null(strstr(f->request, "Content-Length"));
}

static void test_connection_is_kept(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        fill(f, "GET", f->url);
        assert_int_equal(ask(f), 0);
    }
    assert_int_equal(f->n_requests, 3);
    assert_int_equal(f->n_connections, 1);
}

static void test_post_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct gp__http_field empty = {.name = GP_S("X-Empty"), .value = GP_S("")};
    struct gp__http_field field = {.next = &empty, .name = GP_S("Rcpt"), .value = GP_S("a@b")};
    const struct gp_slice pieces[] = {GP_S("Subject: x\r\n"), GP_S(""), GP_S("\r\nbody\r\n")};

    fill(f, "POST", f->url);
    f->http.fields = &field;
    f->http.body = pieces;
    f->http.n_body = 3;
    f->http.body_bytes = 20;
    f->http.has_body = true;
    assert_int_equal(ask(f), 0);
    assert_sent(f, "POST /check HTTP/1.1\r\n");
    assert_sent(f, "Rcpt: a@b\r\n");
    assert_sent(f, "X-Empty:\r\n");
    assert_sent(f, "Content-Length: 20\r\n");
    assert_sent(f, "\r\n\r\nSubject: x\r\n\r\nbody\r\n");
}

/* The server closes a connection that was kept: the request goes out again, whole. */
static void test_stale_connection(void **state)
{
    struct fixture *f = *state;
    const struct gp_slice body = GP_S("whole");

    f->answers[1] = "";
    f->answers[2] = f->answers[0];
    fill(f, "GET", f->url);
    assert_int_equal(ask(f), 0);
    fill(f, "POST", f->url);
    f->http.body = &body;
    f->http.n_body = 1;
    f->http.body_bytes = 5;
    f->http.has_body = true;
    assert_int_equal(ask(f), 0);
    assert_int_equal(f->n_connections, 2);
    assert_sent(f, "\r\n\r\nwhole");
}

static void test_post_of_nothing(void **state)
{
    struct fixture *f = *state;

    fill(f, "POST", f->url);
    assert_int_equal(ask(f), 0);
    assert_sent(f, "Content-Length: 0\r\n");
}

static void test_no_redirect(void **state)
{
    struct fixture *f = *state;

    f->answers[0] = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                    "Content-Length: 0\r\n\r\n";
    fill(f, "GET", f->url);
    assert_int_equal(ask(f), 0);
    assert_int_equal(f->http.status, 302);
    assert_int_equal(f->n_requests, 1);
}

static void test_interim_answers(void **state)
{
    struct fixture *f = *state;

    f->answers[0] = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                    "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n";
    fill(f, "GET", f->url);
    assert_int_equal(ask(f), 0);
    assert_int_equal(f->http.status, 204);
    assert_slice_equal(f->http.answer_fields->name, "X-A");
    assert_slice_equal(f->http.answer, "");
}

static void test_bad_answers(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nab",
        "220 mx.example.net ESMTP close\r\n",
        "\x16\x03\x01\x02\x01 close\r\n",
        "",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        f->answers[0] = bad[i];
        fill(f, "GET", f->url);
        assert_int_equal(ask(f), GP_ETEMP);
        assert_true(f->http.failure.len > 0);
        assert_int_equal(f->http.status, 0);
    }
}

static void test_answer_too_large(void **state)
{
    struct fixture *f = *state;
    char answer[2048];

    (void)snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n%01001d",
                   7);
    f->answers[0] = answer;
    fill(f, "GET", f->url);
    assert_int_equal(ask(f), GP_ELIMIT);
    assert_slice_equal(f->http.failure, "the answer is too large");
    fill(f, "GET", f->url);
    f->http.limit = 1001;
    assert_int_equal(ask(f), 0);
    assert_int_equal(f->http.answer.len, 1001);
}

static void test_fields_without_end(void **state)
{
    struct fixture *f = *state;
    size_t size = 80000;
    char *answer = calloc(1, size), *at = answer;

    at += sprintf(at, "HTTP/1.1 200 OK\r\n");
    while ((size_t)(at - answer) < size - 100)
        at += sprintf(at, "X-Field: 0123456789012345678901234567890123456789012345678901234\r\n");
    (void)sprintf(at, "Content-Length: 0\r\n\r\n");
    f->answers[0] = answer;
    fill(f, "GET", f->url);
    assert_int_equal(ask(f), GP_ELIMIT);
    free(answer);
}

static void test_names(void **state)
{
    struct fixture *f = *state;
    const char *port = strrchr(f->url, ':');
    char url[160];

    (void)snprintf(url, sizeof url, "http://web.example%s", port);
    fill(f, "GET", url);
    assert_int_equal(ask(f), 0);
    assert_sent(f, "Host: web.example:");
    (void)snprintf(url, sizeof url, "http://bad..name%s", port);
    fill(f, "GET", url);
    assert_int_equal(ask(f), GP_EINVAL);
    (void)snprintf(url, sizeof url, "http://[::1%s", port);
    fill(f, "GET", url);
    assert_int_equal(ask(f), GP_EINVAL);
}

static void test_unix_socket(void **state)
{
    struct fixture *f = *state;
    char address[128], path[96];

    stop_serving(f);
    (void)snprintf(path, sizeof path, "%s/web", f->dir);
    (void)snprintf(address, sizeof address, "unix:%s", path);
    listen_at(f, address);
    fill(f, "GET", "http://anything.example/over/unix");
    f->http.unix_path = gp_slice_of(path);
    assert_int_equal(ask(f), 0);
    assert_sent(f, "GET /over/unix HTTP/1.1\r\nHost: anything.example\r\n");
}

static void test_nobody_listens(void **state)
{
    struct fixture *f = *state;

    fill(f, "GET", "http://127.0.0.1:1/");
    assert_int_equal(ask(f), GP_ETEMP);
    assert_true(f->http.failure.len > 0);
    assert_non_null(strstr(f->http.failure.data, "127.0.0.1"));
}

/* Nobody says TLS there. */
static void test_no_tls(void **state)
{
    struct fixture *f = *state;
    char url[160];

    (void)snprintf(url, sizeof url, "https%s", f->url + 4);
    f->answers[0] = "";
    fill(f, "GET", url);
    f->http.trust = GP_S("/nonexistent.pem");
    assert_int_equal(ask(f), GP_ETEMP);
    assert_true(f->http.failure.len > 0);
}

/* Cancelled before it begins, while the name is looked up, while the server thinks. */
static void test_cancel(void **state)
{
    struct fixture *f = *state;

    f->answers[0] = "hang";
    for (int turns = 0; turns < 6; turns++) {
        struct gp__arena *arena = gp__arena_create();
        struct gp_op op = test_op(f->rt, arena);

        fill(f, "GET", f->url);
        if (turns == 1)
            f->http.url = GP_S("http://web.example/");
        f->rt->ops->http(f->rt, &op, &f->http);
        for (int i = 0; i < turns && !op.done; i++) {
            gp__live_wakeup(f->rt);
            gp__live_turn(f->rt);
        }
        f->rt->ops->cancel(f->rt, &op);
        assert_true(op.done);
        gp__arena_free(&arena);
        memset(&f->http, 0xff, sizeof f->http); /* the call's memory is gone */
        gp__live_wakeup(f->rt);
        gp__live_turn(f->rt);
    }
}

/* The end of the runtime with a request under way, and with connections that are kept. */
static void test_end(void **state)
{
    struct fixture *f = *state;
    struct gp_op op = test_op(f->rt, f->arena);

    fill(f, "GET", f->url);
    assert_int_equal(ask(f), 0);
    f->n_requests = 0;
    f->answers[0] = "hang";
    f->rt->ops->http(f->rt, &op, &f->http);
    gp__live_wakeup(f->rt);
    gp__live_turn(f->rt);
    f->rt->ops->cancel(f->rt, &op);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_get),
        TEST(test_connection_is_kept),
        TEST(test_post_in_pieces),
        TEST(test_stale_connection),
        TEST(test_post_of_nothing),
        TEST(test_no_redirect),
        TEST(test_interim_answers),
        TEST(test_bad_answers),
        TEST(test_answer_too_large),
        TEST(test_fields_without_end),
        TEST(test_names),
        TEST(test_unix_socket),
        TEST(test_nobody_listens),
        TEST(test_no_tls),
        TEST(test_cancel),
        TEST(test_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

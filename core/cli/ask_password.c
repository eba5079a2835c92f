// SPDX-License-Identifier: Apache-2.0
#include "core/cli/ask_password.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One byte at a time: what follows the line stays for others. */
static int read_line(int fd, char room[GP__PASSWORD_LINE_MAX], struct gp_slice *line_r)
{
    size_t len = 0;

    while (len < GP__PASSWORD_LINE_MAX) {
        ssize_t n = read(fd, room + len, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0 || room[len] == '\n') {
            *line_r = gp_slice(room, len);
            if (gp_slice_ends(*line_r, GP_S("\r")))
                line_r->len--;
            return 0;
        }
        len++;
    }
    errno = EFBIG;
    return -1;
}

static int ask(const char *prompt, char room[GP__PASSWORD_LINE_MAX], struct gp_slice *line_r)
{
    struct termios before, silent;
    int result;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return -1;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
        return -1;
    (void)fputs(prompt, stderr); /* what is typed before it is dropped */
    result = read_line(STDIN_FILENO, room, line_r);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fputs("\n", stderr);
    return result;
}

/* Nobody is left with a terminal that shows nothing: signals wait until it is as it was. */
static int ask_twice(char room[GP__PASSWORD_LINE_MAX], struct gp_slice *password_r)
{
    char again[GP__PASSWORD_LINE_MAX];
    struct gp_slice repeated;
    sigset_t all, before;
    int result;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    result = ask("Password: ", room, password_r);
    if (result == 0)
        result = ask("Again: ", again, &repeated);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (result == 0 && !gp_slice_eq(*password_r, repeated)) {
        (void)fputs("gatepost user: the two differ\n", stderr);
        explicit_bzero(again, sizeof again);
        return -1;
    }
    explicit_bzero(again, sizeof again);
    if (result < 0)
        (void)fprintf(stderr, "gatepost user: password: %s\n", strerror(errno));
    return result;
}

int gp__ask_password(char room[GP__PASSWORD_LINE_MAX], struct gp_slice *password_r)
{
    if (isatty(STDIN_FILENO))
        return ask_twice(room, password_r);
    if (read_line(STDIN_FILENO, room, password_r) == 0)
        return 0;
    (void)fprintf(stderr, "gatepost user: standard input: %s\n", strerror(errno));
    return -1;
}

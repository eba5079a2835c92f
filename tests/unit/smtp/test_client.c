// SPDX-License-Identifier: Apache-2.0
/*
 * The client engine against scripted servers, honest and hostile: what leaves, to the byte, and what
 * became of each recipient. Each script is played whole, a byte at a time, and with the message in
 * single bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/smtp/client.h"
#include "core/smtp/client_reply.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EHLO "EHLO me.example\r\n"
#define ALL                                                                                        \
    "250-mx.example hello\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8bitmime\r\n250-SMTPUTF8\r\n"  \
    "250-CHUNKING\r\n250-DSN\r\n250-REQUIRETLS\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n"
#define PIPE "250-mx.example\r\n250 PIPELINING\r\n"
#define BARE "250 mx.example\r\n"
#define MAIL "MAIL FROM:<s@a.example>\r\n"
#define RCPT1 "RCPT TO:<r1@b.example>\r\n"
#define RCPT2 "RCPT TO:<r2@b.example>\r\n"
#define BODY "Subject: x\r\n\r\nbody\r\n"

enum flags {
    LMTP = 1 << 0,
    TLS_OFFERED = 1 << 1,
    TLS_REQUIRED = 1 << 2,
    LOGIN = 1 << 3,
    PLAIN_AUTH = 1 << 4,
    BDAT = 1 << 5,
    LOCK_STEP = 1 << 6,
    UTF8 = 1 << 7,
    EIGHT = 1 << 8,
    DSN = 1 << 9,
    NO_MAIL = 1 << 10,
    EOF_AT_END = 1 << 11,
    TWICE = 1 << 12,
    WHOLE_ONLY = 1 << 13, /* whose it is depends on when it comes */
    FORWARD = 1 << 14,
    XCLIENT = 1 << 15,
    PROBE = 1 << 16, /* asks for the recipients, and sends nothing */
};

struct script {
    const char *name;
    unsigned flags;
    const char *to;      /* recipients, by spaces; NULL: two */
    const char *content; /* NULL: BODY */
    const char *server[12];
    const char *client;   /* all that it says */
    const char *outcomes; /* of each recipient: stage and code, "!" when it is ours */
    const char *error;    /* part of it; NULL: none */
};

static const struct script scripts[] = {
    {"pipelined",
     0,
     NULL,
     NULL,
     {"220 mx.example\r\n", PIPE, "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", "250 2.0.0 kept\r\n",
      "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250 E250",
     NULL},
    {"one by one",
     0,
     NULL,
     NULL,
     {"220 mx.example\r\n", BARE, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
      "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250 E250",
     NULL},
    {"lock step",
     LOCK_STEP,
     NULL,
     NULL,
     {"220 mx.example\r\n", PIPE, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
      "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250 E250",
     NULL},
    {"asks only",
     PROBE,
     NULL,
     NULL,
     {"220 mx.example\r\n", PIPE, "250 ok\r\n250 ok\r\n550 no\r\n", "250 reset\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "RSET\r\nQUIT\r\n",
     "R250 R550",
     NULL},
    {"asks only, one by one",
     PROBE,
     NULL,
     NULL,
     {"220 mx.example\r\n", BARE, "250 ok\r\n", "450 later\r\n", "250 ok\r\n", "250 reset\r\n",
      "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "RSET\r\nQUIT\r\n",
     "R450 R250",
     NULL},
    {"asks only, and may not",
     PROBE,
     NULL,
     NULL,
     {"220 mx.example\r\n", PIPE, "550 no\r\n503 what\r\n503 what\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "QUIT\r\n",
     "M550 M550",
     NULL},
    {"multi-line greeting",
     NO_MAIL,
     NULL,
     NULL,
     {"220-mx.example\r\n220 welcome\r\n", BARE, "221 bye\r\n"},
     EHLO "QUIT\r\n",
     NULL,
     NULL},
    {"falls back to HELO",
     0,
     "r1@b.example",
     NULL,
     {"220 old\r\n", "502 what\r\n", "250 old\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
      "250 kept\r\n", "221 bye\r\n"},
     EHLO "HELO me.example\r\n" MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250",
     NULL},
    {"neither EHLO nor HELO",
     0,
     NULL,
     NULL,
     {"220 x\r\n", "502 x\r\n", "550 5.7.1 no\r\n"},
     EHLO "HELO me.example\r\n",
     NULL,
     "HELO"},
    {"EHLO refused for now", 0, NULL, NULL, {"220 x\r\n", "450 x\r\n"}, EHLO, NULL, "EHLO"},
    {"greeting refuses", 0, NULL, NULL, {"554 5.7.1 not you\r\n"}, "", NULL, "does not serve"},
    {"greeting is 421", 0, NULL, NULL, {"421 later\r\n"}, "", NULL, "closes"},
    {"all parameters",
     DSN | EIGHT | UTF8,
     "r1@b.example",
     "gr\xc3\xbc\xc3\x9f\x65\r\n",
     {"220 mx.example\r\n", ALL, "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO "MAIL FROM:<s@a.example> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e1\r\n"
          "RCPT TO:<r1@b.example> NOTIFY=NEVER ORCPT=rfc822;x@y\r\nDATA\r\n"
          "gr\xc3\xbc\xc3\x9f\x65\r\n.\r\nQUIT\r\n",
     "E250",
     NULL},
    {"some refused",
     0,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n550 5.1.1 who\r\n250 ok\r\n354 go\r\n", "250 kept\r\n",
      "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "R550 E250",
     NULL},
    {"all refused, one by one",
     0,
     NULL,
     NULL,
     {"220 x\r\n", BARE, "250 ok\r\n", "550 no\r\n", "450 no\r\n", "250 reset\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "RSET\r\nQUIT\r\n",
     "R550 R450",
     NULL},
    {"all refused, and DATA with them",
     0,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n550 no\r\n450 no\r\n554 5.5.1 none\r\n", "250 reset\r\n",
      "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\nRSET\r\nQUIT\r\n",
     "R550 R450",
     NULL},
    {"all refused, and yet 354",
     0,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n550 no\r\n450 no\r\n354 go\r\n", "554 nobody\r\n",
      "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n.\r\nQUIT\r\n",
     "R550 R450",
     NULL},
    {"MAIL refused, pipelined",
     0,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "550 5.7.1 not you\r\n503 x\r\n503 x\r\n503 x\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\nQUIT\r\n",
     "M550 M550",
     NULL},
    {"MAIL refused",
     0,
     NULL,
     NULL,
     {"220 x\r\n", BARE, "450 later\r\n", "221 bye\r\n"},
     EHLO MAIL "QUIT\r\n",
     "M450 M450",
     NULL},
    {"DATA refused",
     0,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n550 no\r\n451 4.3.0 full\r\n", "250 reset\r\n",
      "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\nRSET\r\nQUIT\r\n",
     "D451 R550",
     NULL},
    {"message refused",
     0,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
      "554-5.7.1 spam\r\n554 5.7.1 really\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E554 E554",
     NULL},
    {"two mails",
     TWICE,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n550 no\r\n554 none\r\n", "250 reset\r\n",
      "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 "DATA\r\nRSET\r\n" MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250",
     NULL},
    {"LMTP",
     LMTP,
     "r1@b.example r2@b.example r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n",
      "250 one\r\n452 4.2.2 full\r\n", "221 bye\r\n"},
     "LHLO me.example\r\n" MAIL RCPT1 RCPT2 RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250 R550 E452",
     NULL},
    {"LMTP without LHLO",
     LMTP,
     NULL,
     NULL,
     {"220 x\r\n", "500 what\r\n"},
     "LHLO me.example\r\n",
     NULL,
     "EHLO"},

    /* ---- content ---- */
    {"dots and line ends",
     0,
     "r1@b.example",
     ".\n..a\r\nb\rc\r\r\n.d",
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n..\r\n...a\r\nb\r\nc\r\n\r\n..d\r\n.\r\nQUIT\r\n",
     "E250",
     NULL},
    {"smuggling in a message",
     0,
     "r1@b.example",
     "a\n.\nMAIL FROM:<x>\r.\r\n.\n",
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 "DATA\r\na\r\n..\r\nMAIL FROM:<x>\r\n..\r\n..\r\n.\r\nQUIT\r\n",
     "E250",
     NULL},
    {"empty message",
     0,
     "r1@b.example",
     "",
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n.\r\nQUIT\r\n",
     "E250",
     NULL},

    /* ---- before anything is said ---- */
    {"bad recipients",
     0,
     "r1@b.example a>@b x@y\r\nRSET",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250 L553! L553!",
     NULL},
    {"8BITMIME is missing",
     EIGHT,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "221 bye\r\n"},
     EHLO "QUIT\r\n",
     "L554! L554!",
     NULL},
    {"SMTPUTF8 is missing",
     UTF8,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "221 bye\r\n"},
     EHLO "QUIT\r\n",
     "L553! L553!",
     NULL},
    {"too large",
     DSN,
     NULL,
     NULL,
     {"220 x\r\n", "250-x\r\n250 SIZE 99\r\n", "221 bye\r\n"},
     EHLO "QUIT\r\n",
     "L552! L552!",
     NULL},

    /* ---- BDAT ---- */
    {"BDAT, pipelined",
     BDAT,
     NULL,
     NULL,
     {"220 x\r\n", "250-x\r\n250-CHUNKING\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n",
      "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "BDAT 20 LAST\r\n" BODY "QUIT\r\n",
     "E250 E250",
     NULL},
    {"BDAT, nobody taken",
     BDAT,
     NULL,
     NULL,
     {"220 x\r\n", "250-x\r\n250-CHUNKING\r\n250 PIPELINING\r\n", "250 ok\r\n550 no\r\n550 no\r\n",
      "250 reset\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 RCPT2 "RSET\r\nQUIT\r\n",
     "R550 R550",
     NULL},
    {"BDAT is not offered",
     BDAT,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250",
     NULL},

    /* ---- STARTTLS ---- */
    {"STARTTLS",
     TLS_REQUIRED | NO_MAIL,
     NULL,
     NULL,
     {"220 x\r\n", ALL, "220 go\r\n", BARE, "221 bye\r\n"},
     EHLO "STARTTLS\r\n[TLS]" EHLO "QUIT\r\n",
     NULL,
     NULL},
    {"STARTTLS is not offered",
     TLS_REQUIRED,
     NULL,
     NULL,
     {"220 x\r\n", BARE},
     EHLO,
     NULL,
     "does not offer"},
    {"STARTTLS is stripped by HELO",
     TLS_REQUIRED,
     NULL,
     NULL,
     {"220 x\r\n", "502 x\r\n", "250 x\r\n"},
     EHLO "HELO me.example\r\n",
     NULL,
     "does not offer"},
    {"STARTTLS is refused",
     TLS_REQUIRED,
     NULL,
     NULL,
     {"220 x\r\n", ALL, "454 4.7.0 later\r\n"},
     EHLO "STARTTLS\r\n",
     NULL,
     "refused STARTTLS"},
    {"STARTTLS where it is offered",
     TLS_OFFERED | NO_MAIL,
     NULL,
     NULL,
     {"220 x\r\n", BARE, "221 bye\r\n"},
     EHLO "QUIT\r\n",
     NULL,
     NULL},
    {"STARTTLS is refused, and need not be",
     TLS_OFFERED | NO_MAIL,
     NULL,
     NULL,
     {"220 x\r\n", ALL, "454 4.7.0 later\r\n", "221 bye\r\n"},
     EHLO "STARTTLS\r\nQUIT\r\n",
     NULL,
     NULL},

    /* ---- AUTH ---- */
    {"AUTH PLAIN",
     TLS_REQUIRED | LOGIN | NO_MAIL,
     NULL,
     NULL,
     {"220 x\r\n", ALL, "220 go\r\n", "250-x\r\n250 AUTH LOGIN PLAIN\r\n", "235 2.7.0 in\r\n",
      "221 bye\r\n"},
     EHLO "STARTTLS\r\n[TLS]" EHLO "AUTH PLAIN AHVzZXIAcGFzcw==\r\nQUIT\r\n",
     NULL,
     NULL},
    {"AUTH LOGIN",
     PLAIN_AUTH | LOGIN | NO_MAIL,
     NULL,
     NULL,
     {"220 x\r\n", "250-x\r\n250 AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n",
      "235 in\r\n", "221 bye\r\n"},
     EHLO "AUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\nQUIT\r\n",
     NULL,
     NULL},
    {"AUTH refused",
     PLAIN_AUTH | LOGIN,
     NULL,
     NULL,
     {"220 x\r\n", "250-x\r\n250 AUTH PLAIN\r\n", "535 5.7.8 no\r\n"},
     EHLO "AUTH PLAIN AHVzZXIAcGFzcw==\r\n",
     NULL,
     "refused the login"},
    {"AUTH asks on and on",
     PLAIN_AUTH | LOGIN,
     NULL,
     NULL,
     {"220 x\r\n", "250-x\r\n250 AUTH LOGIN\r\n", "334 a\r\n", "334 b\r\n", "334 c\r\n"},
     EHLO "AUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\n",
     NULL,
     "refused the login"},
    {"no password without TLS", LOGIN, NULL, NULL, {"220 x\r\n", ALL}, EHLO, NULL, "without TLS"},
    {"no AUTH", PLAIN_AUTH | LOGIN, NULL, NULL, {"220 x\r\n", PIPE}, EHLO, NULL, "no AUTH"},

    /* ---- hostile servers ---- */
    {"no SMTP", 0, NULL, NULL, {"SSH-2.0-x\r\n"}, "", NULL, "begin with a code"},
    {"code of one digit more", 0, NULL, NULL, {"2200 x\r\n"}, "", NULL, "begin with a code"},
    {"code 199", 0, NULL, NULL, {"199 x\r\n"}, "", NULL, "begin with a code"},
    {"code 600", 0, NULL, NULL, {"600 x\r\n"}, "", NULL, "begin with a code"},
    {"two codes", 0, NULL, NULL, {"220-x\r\n250 x\r\n"}, "", NULL, "two codes"},
    {"bare LF", 0, NULL, NULL, {"220 x\n"}, "", NULL, "bare LF"},
    {"bare CR", 0, NULL, NULL, {"220 x\ry\r\n"}, "", NULL, "bare CR"},
    {"a reply too many",
     NO_MAIL | WHOLE_ONLY,
     NULL,
     NULL,
     {"220 x\r\n", BARE "250 once more\r\n"},
     EHLO,
     NULL,
     "no command"},
    {"the message is accepted before its end",
     WHOLE_ONLY,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n",
     "C451!",
     "before the end"},
    {"RCPT is answered by 354",
     0,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n354 go\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n",
     "C451!",
     "no sense"},
    {"DATA is answered by 250",
     0,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n250 ok\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n",
     "C451!",
     "no sense"},
    {"the message is answered by 354",
     0,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n", "354 more\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n" BODY ".\r\n",
     "E451!",
     "no sense"},
    {"lost after the last byte: it may have it",
     EOF_AT_END,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n" BODY ".\r\n",
     "E451!",
     "closed"},
    {"lost before it",
     EOF_AT_END,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n",
     "C451!",
     "closed"},
    {"XFORWARD: what it takes of what there is",
     FORWARD,
     "r1@b.example",
     NULL,
     {"220 x\r\n", "250-x\r\n250-PIPELINING\r\n250 XFORWARD NAME ADDR HELO PROTO FOO\r\n",
      "250 thanks\r\n", "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO "XFORWARD ADDR=192.0.2.9 HELO=a+20b+2B\r\n" MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250",
     NULL},
    {"XFORWARD refused: it goes on",
     FORWARD,
     "r1@b.example",
     NULL,
     {"220 x\r\n", "250-x\r\n250-PIPELINING\r\n250 XFORWARD ADDR\r\n", "550 not you\r\n",
      "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO "XFORWARD ADDR=192.0.2.9\r\n" MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250",
     NULL},
    {"XCLIENT: it greets anew",
     FORWARD | XCLIENT,
     "r1@b.example",
     NULL,
     {"220 x\r\n", "250-x\r\n250 XCLIENT ADDR HELO\r\n", "220 x again\r\n", PIPE,
      "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO "XCLIENT ADDR=192.0.2.9 HELO=a+20b+2B\r\n" EHLO MAIL RCPT1 "DATA\r\n" BODY
          ".\r\nQUIT\r\n",
     "E250",
     NULL},
    {"XCLIENT: whoever logged in does so again",
     FORWARD | XCLIENT | LOGIN | PLAIN_AUTH,
     "r1@b.example",
     NULL,
     {"220 x\r\n", "250-x\r\n250-AUTH PLAIN\r\n250 XCLIENT ADDR\r\n", "235 in\r\n", "220 x\r\n",
      "250-x\r\n250 AUTH PLAIN\r\n", "235 in\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
      "250 kept\r\n", "221 bye\r\n"},
     EHLO "AUTH PLAIN AHVzZXIAcGFzcw==\r\nXCLIENT ADDR=192.0.2.9\r\n" EHLO
          "AUTH PLAIN AHVzZXIAcGFzcw==\r\n" MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250",
     NULL},
    {"XCLIENT refused: it would take us for the client",
     FORWARD | XCLIENT,
     "r1@b.example",
     NULL,
     {"220 x\r\n", "250-x\r\n250 XCLIENT ADDR\r\n", "550 not you\r\n"},
     EHLO "XCLIENT ADDR=192.0.2.9\r\n",
     "C550",
     "XCLIENT"},
    {"XFORWARD is not offered",
     FORWARD,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n", "250 kept\r\n", "221 bye\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n" BODY ".\r\nQUIT\r\n",
     "E250",
     NULL},
    {"421 in the envelope",
     0,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n550 no\r\n421 4.3.2 going\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n",
     "R550 C421",
     "closes"},
    {"closes in the envelope",
     EOF_AT_END,
     NULL,
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n550 no\r\n"},
     EHLO MAIL RCPT1 RCPT2 "DATA\r\n",
     "R550 C451!",
     "closed the connection"},
    {"closes after the message",
     EOF_AT_END,
     "r1@b.example",
     NULL,
     {"220 x\r\n", PIPE, "250 ok\r\n250 ok\r\n354 go\r\n"},
     EHLO MAIL RCPT1 "DATA\r\n" BODY ".\r\n",
     "E451!",
     "closed the connection"},
    {"closes instead of 221",
     EOF_AT_END | NO_MAIL,
     NULL,
     NULL,
     {"220 x\r\n", BARE},
     EHLO "QUIT\r\n",
     NULL,
     NULL},
    {"RSET refused",
     0,
     "r1@b.example",
     NULL,
     {"220 x\r\n", BARE, "250 ok\r\n", "550 no\r\n", "502 what\r\n"},
     EHLO MAIL RCPT1 "RSET\r\n",
     "R550",
     "RSET"},
};

enum manner { WHOLE, BYTES, CONTENT_BYTES, MANNERS };

struct play {
    const struct script *script;
    enum manner manner;
    struct gp__smtp_client_settings settings;
    struct gp__smtp_client_recipient to[4];
    struct gp__smtp_client_mail mail;
    struct gp__smtp_client *client;
    struct gp__buf said, outcomes;
    size_t sent, content;
    bool closed;
};

static const struct gp__attributes whose = {.values = {[GP__ATTRIBUTE_ADDR] = {"192.0.2.9", 9},
                                                       [GP__ATTRIBUTE_HELO] = {"a b+", 4},
                                                       [GP__ATTRIBUTE_IDENT] = {"x", 1}}};

static void set_up(struct play *play, char *names)
{
    unsigned flags = play->script->flags;

    play->settings = (struct gp__smtp_client_settings){
        .protocol = flags & LMTP ? GP__PROTOCOL_LMTP : GP__PROTOCOL_SMTP,
        .hostname = GP_S("me.example"),
        .tls = flags & TLS_REQUIRED  ? GP__CLIENT_TLS_REQUIRED
               : flags & TLS_OFFERED ? GP__CLIENT_TLS_OFFERED
                                     : GP__CLIENT_TLS_NONE,
        .plain_auth = flags & PLAIN_AUTH,
        .bdat = flags & BDAT,
        .lock_step = flags & LOCK_STEP,
    };
    if (flags & LOGIN) {
        play->settings.user = GP_S("user");
        play->settings.password = GP_S("pass");
    }
    play->mail = (struct gp__smtp_client_mail){.sender = GP_S("s@a.example"),
                                               .recipients = play->to,
                                               .eight_bit = flags & EIGHT,
                                               .probe = flags & PROBE,
                                               .smtputf8 = flags & UTF8};
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
        play->to[play->mail.n_recipients++].address = gp_slice_of(name);
    if (flags & FORWARD)
        play->mail.forward = &whose;
    play->mail.xclient = flags & XCLIENT;
    if (!(flags & DSN))
        return;
    play->mail.size = 100;
    play->mail.ret = GP__RET_HDRS;
    play->mail.envid = GP_S("e1");
    play->to[0].notify = GP_S("NEVER");
    play->to[0].orcpt = GP_S("rfc822;x@y");
}

static void give_content(struct play *play)
{
    struct gp_slice all = gp_slice_of(play->script->content ? play->script->content : BODY);
    size_t piece = play->manner == CONTENT_BYTES && !(play->script->flags & BDAT) ? 1 : all.len;
    struct gp_slice part = gp_slice_sub(all, play->content, piece);

    play->content += part.len;
    gp__smtp_client_content(play->client, part, play->content == all.len);
    if (play->content == all.len)
        play->content = 0;
}

static void note_outcomes(struct play *play)
{
    gp__buf_clear(&play->outcomes);
    for (size_t i = 0; gp__smtp_client_outcome(play->client, i); i++) {
        const struct gp__smtp_outcome *outcome = gp__smtp_client_outcome(play->client, i);

        assert_true(gp__reply_ok(&outcome->reply, 0));
        gp__buf_printf(&play->outcomes, "%s%c%u%s", i ? " " : "", "LCMRDE"[outcome->stage],
                       outcome -> reply.code, outcome->own ? "!" : "");
    }
}

static void take_output(struct play *play)
{
    struct gp__buf *out = gp__smtp_client_output(play->client);

    gp__buf_append(&play->said, gp__buf_slice(out));
    gp__buf_clear(out);
}

static void ready(struct play *play)
{
    size_t wanted = play->script->flags & NO_MAIL ? 0 : play->script->flags & TWICE ? 2 : 1;

    if (play->sent++ < wanted)
        gp__smtp_client_send(play->client, &play->mail);
    else
        gp__smtp_client_quit(play->client);
}

/* Until it waits for the server. */
static void turn(struct play *play)
{
    for (;;) {
        enum gp__smtp_client_event event = gp__smtp_client_step(play->client, 1);

        take_output(play);
        switch (event) {
        case GP__SMTP_CLIENT_INPUT:
            return;
        case GP__SMTP_CLIENT_READY:
            ready(play);
            break;
        case GP__SMTP_CLIENT_CONTENT:
            give_content(play);
            break;
        case GP__SMTP_CLIENT_SENT:
            note_outcomes(play);
            break;
        case GP__SMTP_CLIENT_STARTTLS:
            gp__buf_append(&play->said, GP_S("[TLS]"));
            gp__smtp_client_secured(play->client);
            break;
        case GP__SMTP_CLIENT_CLOSED:
            play->closed = true;
            return;
        }
    }
}

static void feed(struct play *play, const char *text)
{
    struct gp_slice rest = gp_slice_of(text);

    while (rest.len && !play->closed) {
        size_t n = play->manner == BYTES ? 1 : rest.len;

        gp__smtp_client_feed(play->client, gp_slice_sub(rest, 0, n));
        rest = gp_slice_sub(rest, n, rest.len);
        turn(play);
    }
}

static void compare(const struct play *play, const char *what, struct gp_slice got,
                    const char *wanted)
{
    if (!gp_slice_eq(got, gp_slice_of(wanted)))
        fail_msg("%s, manner %d: %s \"" GP_FMT "\", wanted \"%s\"", play->script->name,
                 (int)play->manner, what, GP_ARG(got), wanted);
}

static void play_script(const struct script *script, enum manner manner)
{
    char *names = gp__strdup(script->to ? script->to : "r1@b.example r2@b.example");
    struct play play = {.script = script, .manner = manner};
    const char *error;

    set_up(&play, names);
    play.client = gp__smtp_client_create(&play.settings, 0);
    turn(&play);
    for (size_t i = 0; i < COUNT(script->server) && script->server[i]; i++)
        feed(&play, script->server[i]);
    if (script->flags & EOF_AT_END) {
        gp__smtp_client_eof(play.client);
        turn(&play);
    }
    error = gp__smtp_client_error(play.client);
    if (!play.closed)
        fail_msg("%s: still waits; said \"" GP_FMT "\"", script->name,
                 GP_ARG(gp__buf_slice(&play.said)));
    note_outcomes(&play);
    compare(&play, "outcomes", gp__buf_slice(&play.outcomes),
            script->outcomes ? script->outcomes : "");
    compare(&play, "said", gp__buf_slice(&play.said), script->client);
    if (script->error ? !error || !strstr(error, script->error) : error != NULL)
        fail_msg("%s: error \"%s\"", script->name, error ? error : "-");
    gp__smtp_client_free(&play.client);
    gp__buf_free(&play.said);
    gp__buf_free(&play.outcomes);
    gp__free(names);
}

static void test_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scripts); i++)
        for (int manner = 0; manner < MANNERS; manner++)
            if (manner != BYTES || !(scripts[i].flags & WHOLE_ONLY))
                play_script(&scripts[i], (enum manner)manner);
}

/* What comes in one piece with the reply to STARTTLS; a byte later it is TLS's. */
static void test_starttls_injection(void **state)
{
    struct gp__smtp_client_settings settings = {.hostname = GP_S("me.example"),
                                                .tls = GP__CLIENT_TLS_REQUIRED};
    struct gp__smtp_client *client = gp__smtp_client_create(&settings, 0);

    (void)state;
    gp__smtp_client_feed(client, GP_S("220 x\r\n"));
    gp__smtp_client_step(client, 0);
    gp__smtp_client_feed(client, GP_S(ALL));
    gp__smtp_client_step(client, 0);
    gp__smtp_client_feed(client, GP_S("220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"));
    assert_int_equal(gp__smtp_client_step(client, 0), GP__SMTP_CLIENT_CLOSED);
    assert_non_null(strstr(gp__smtp_client_error(client), "attack"));
    gp__smtp_client_free(&client);
}

/* Chunks one by one where nothing else is offered; a refused one ends the mail. */
static void test_chunks(void **state)
{
    static const struct {
        const char *hello, *answers[4], *said;
        unsigned code;
    } cases[] = {
        {"250-x\r\n250 CHUNKING\r\n",
         {"250 ok\r\n", "250 ok\r\n", "250 kept\r\n"},
         "BDAT 3\r\na\r\nBDAT 4\r\n.\r\nbBDAT 2 LAST\r\n\r\n",
         250},
        {"250-x\r\n250 CHUNKING\r\n", {"552 5.3.4 big\r\n"}, "BDAT 3\r\na\r\nRSET\r\n", 552},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__smtp_client_settings settings = {.hostname = GP_S("me.example"), .bdat = true};
        struct gp__smtp_client_recipient to = {.address = GP_S("r@b.example")};
        struct gp__smtp_client_mail mail = {.recipients = &to, .n_recipients = 1};
        struct gp__smtp_client *client = gp__smtp_client_create(&settings, 0);
        const char *pieces[] = {"a\n", ".\nb", ""};
        size_t given = 0, answer = 0;
        enum gp__smtp_client_event event = GP__SMTP_CLIENT_INPUT;

        gp__smtp_client_feed(client, GP_S("220 x\r\n"));
        gp__smtp_client_step(client, 0);
        gp__smtp_client_feed(client, gp_slice_of(cases[i].hello));
        assert_int_equal(gp__smtp_client_step(client, 0), GP__SMTP_CLIENT_READY);
        gp__smtp_client_send(client, &mail);
        gp__smtp_client_feed(client, GP_S("250 ok\r\n"));
        gp__smtp_client_step(client, 0);
        gp__smtp_client_feed(client, GP_S("250 ok\r\n"));
        gp__buf_clear(gp__smtp_client_output(client));
        while ((event = gp__smtp_client_step(client, 0)) != GP__SMTP_CLIENT_SENT) {
            if (event == GP__SMTP_CLIENT_CONTENT) {
                gp__smtp_client_content(client, gp_slice_of(pieces[given]), given == 2);
                given++;
            } else {
                assert_int_equal(event, GP__SMTP_CLIENT_INPUT);
                assert_non_null(cases[i].answers[answer]);
                gp__smtp_client_feed(client, gp_slice_of(cases[i].answers[answer++]));
            }
        }
        assert_int_equal(gp__smtp_client_outcome(client, 0)->reply.code, cases[i].code);
        assert_true(
            gp_slice_eq(gp__buf_slice(gp__smtp_client_output(client)), gp_slice_of(cases[i].said)));
        gp__smtp_client_free(&client);
    }
}

/* RFC 5321 4.5.3.2. */
static void test_time(void **state)
{
    struct gp__smtp_client_settings settings = {.hostname = GP_S("me.example")};
    struct gp__smtp_client_recipient to = {.address = GP_S("r@b.example")};
    struct gp__smtp_client_mail mail = {.recipients = &to, .n_recipients = 1};
    struct gp__smtp_client *client = gp__smtp_client_create(&settings, 0);

    (void)state;
    assert_int_equal(gp__smtp_client_deadline(client), 300000);
    gp__smtp_client_feed(client, GP_S("220 x\r\n"));
    gp__smtp_client_step(client, 299999);
    assert_int_equal(gp__smtp_client_deadline(client), 599999);
    gp__smtp_client_feed(client, GP_S(PIPE));
    gp__smtp_client_step(client, 300000);
    assert_int_equal(gp__smtp_client_deadline(client), UINT64_MAX);
    gp__smtp_client_send(client, &mail);
    gp__smtp_client_feed(client, GP_S("250 ok\r\n250 ok\r\n"));
    gp__smtp_client_step(client, 300000);
    assert_int_equal(gp__smtp_client_deadline(client), 420000);
    gp__smtp_client_feed(client, GP_S("354 ok\r\n"));
    assert_int_equal(gp__smtp_client_step(client, 300000), GP__SMTP_CLIENT_CONTENT);
    assert_int_equal(gp__smtp_client_deadline(client), 480000);
    gp__smtp_client_content(client, GP_S("x"), true);
    assert_int_equal(gp__smtp_client_deadline(client), 900000);
    assert_int_equal(gp__smtp_client_step(client, 899999), GP__SMTP_CLIENT_INPUT);
    assert_int_equal(gp__smtp_client_step(client, 900000), GP__SMTP_CLIENT_CLOSED);
    assert_true(gp__smtp_client_outcome(client, 0)->own);
    assert_int_equal(gp__smtp_client_outcome(client, 0)->reply.code, 451);
    gp__smtp_client_free(&client);
}

/* ---- replies ---- */

static void test_reply_values(void **state)
{
    static const struct {
        const char *text;
        unsigned code, klass, subject, detail;
        const char *kept;
    } cases[] = {
        {"250 ok\r\n", 250, 0, 0, 0, "ok"},
        {"250\r\n", 250, 0, 0, 0, ""},
        {"250 \r\n", 250, 0, 0, 0, ""},
        {"550 5.1.1 who\r\n", 550, 5, 1, 1, "who"},
        {"550 5.1.1\r\n", 550, 5, 1, 1, ""},
        {"550-5.1.1 one\r\n550-5.1.1 two\r\n550 5.1.2 three\r\n", 550, 5, 1, 1,
         "one\r\ntwo\r\nthree"},
        {"550 4.1.1 who\r\n", 550, 0, 0, 0, "4.1.1 who"},
        {"550 5.1 who\r\n", 550, 0, 0, 0, "5.1 who"},
        {"550 5.1.1who\r\n", 550, 0, 0, 0, "5.1.1who"},
        {"250 a\tb\x01\x7f"
         "c\r\n",
         250, 0, 0, 0, "a?b??c"},
        {"250 \xc3\xbc\r\n", 250, 0, 0, 0, "\xc3\xbc"},
        {"250 \xff\xc3\xbc\r\n", 250, 0, 0, 0, "???"},
        {"250-\r\n250-\r\n250 x\r\n", 250, 0, 0, 0, "\r\n\r\nx"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__reply_reader reader = {.lines = 0};
        struct gp__reply reply;
        const char *why;
        size_t used;

        assert_int_equal(gp__reply_read(&reader, gp_slice_of(cases[i].text), &used, &reply, &why),
                         GP__REPLY_READ);
        assert_int_equal(used, strlen(cases[i].text));
        assert_int_equal(reply.code, cases[i].code);
        assert_int_equal(reply.klass, cases[i].klass);
        assert_int_equal(reply.subject, cases[i].subject);
        assert_int_equal(reply.detail, cases[i].detail);
        assert_true(gp__reply_ok(&reply, 0));
        if (!gp_slice_eq(reply.text, gp_slice_of(cases[i].kept)))
            fail_msg("%s: \"" GP_FMT "\"", cases[i].text, GP_ARG(reply.text));
        gp__reply_reader_free(&reader);
    }
}

static void test_reply_bounds(void **state)
{
    struct gp__reply_reader reader = {.lines = 0};
    struct gp__buf text = {.limit = 0};
    struct gp__reply reply;
    const char *why;
    size_t used;

    (void)state;
    for (size_t i = 0; i < GP__REPLY_LINES_MAX - 1; i++)
        gp__buf_printf(&text, "250-%0500d\r\n", 1);
    gp__buf_append(&text, GP_S("250 end\r\n"));
    assert_int_equal(gp__reply_read(&reader, gp__buf_slice(&text), &used, &reply, &why),
                     GP__REPLY_READ);
    assert_true(gp__reply_ok(&reply, 0));
    gp__buf_clear(&text);
    for (size_t i = 0; i < GP__REPLY_LINES_MAX; i++)
        gp__buf_append(&text, GP_S("250-x\r\n"));
    assert_int_equal(gp__reply_read(&reader, gp__buf_slice(&text), &used, &reply, &why),
                     GP__REPLY_MORE);
    assert_int_equal(gp__reply_read(&reader, GP_S("250 x\r\n"), &used, &reply, &why),
                     GP__REPLY_BAD);
    gp__reply_reader_free(&reader);
    reader = (struct gp__reply_reader){.lines = 0};
    gp__buf_clear(&text);
    gp__buf_printf(&text, "250 %0*d", (int)GP__REPLY_LINE_MAX - 5, 1);
    assert_int_equal(gp__reply_read(&reader, gp__buf_slice(&text), &used, &reply, &why),
                     GP__REPLY_MORE);
    gp__buf_append(&text, GP_S("1"));
    assert_int_equal(gp__reply_read(&reader, gp__buf_slice(&text), &used, &reply, &why),
                     GP__REPLY_BAD);
    gp__reply_reader_free(&reader);
    gp__buf_free(&text);
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),      cmocka_unit_test(test_starttls_injection),
        cmocka_unit_test(test_chunks),       cmocka_unit_test(test_time),
        cmocka_unit_test(test_reply_values), cmocka_unit_test(test_reply_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}

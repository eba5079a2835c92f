// SPDX-License-Identifier: Apache-2.0
/*
 * The budgets of a session: every state of the protocol has a bound in bytes, count and time, and
 * going past it has a reply of its own and a counter (counts.h). Values come from the configuration
 * (`limits:`); this table is where names, defaults and ranges are kept, once, for configuration,
 * schema, counters and documentation.
 */
#ifndef GP_BASE_LIMITS_H
#define GP_BASE_LIMITS_H

/* clang-format off */
/*        kind      name                default     least     most       what it bounds, and the reply past it */
#define GP__LIMITS(X)                                                                              \
    X(SIZE,     message_size,       "50MiB",    1024,     1ll << 40, "A message; 552 5.3.4 at MAIL or after the data. Announced as SIZE.")             \
    X(SIZE,     command_line,       "2KiB",     512,      65536,     "A command line with its CRLF (RFC 5321 asks for 512, more with extensions); 500 5.5.6.") \
    X(SIZE,     auth_line,          "12288",    1024,     65536,     "A line of an AUTH exchange without its CRLF (RFC 4954 section 4); 500 5.5.6.")     \
    X(SIZE,     text_line,          "1000",     998,      1ll << 30, "A line of the message with its CRLF (RFC 5321 4.5.3.1.6); 554 5.6.0.")            \
    X(INTEGER,  recipients,         "1000",     100,      100000,    "Recipients of a transaction (refused ones count half); 452 4.5.3. Announced as LIMITS RCPTMAX.")            \
    X(INTEGER,  transactions,       "1000",     1,        1000000,   "MAIL commands of a session; 421 4.7.0 afterwards. Announced as LIMITS MAILMAX.")  \
    X(INTEGER,  commands,           "100000",   100,      1ll << 40, "Commands of a session; 421 4.7.0.")                                               \
    X(INTEGER,  idle_commands,      "100",      1,        1ll << 40, "Commands in a row that do no work (NOOP, RSET, VRFY, EHLO, HELP); 421 4.7.0.")    \
    X(INTEGER,  errors,             "20",       1,        1000000,   "Commands of a session refused with 5xx (a 4xx asks to come back); 421 4.7.0.")                                       \
    X(INTEGER,  auth_failures,      "5",        1,        1000,      "AUTH commands of a session that fail; 421 4.7.0.")                                 \
    X(INTEGER,  unknown_commands,   "10",       1,        1000000,   "Commands that don't exist; 421 4.7.0.")                                           \
    X(INTEGER,  parameters,         "20",       1,        1000,      "Parameters of MAIL or RCPT; 501 5.5.4.")                                          \
    X(INTEGER,  headers,            "1000",     50,       1000000,   "Header fields of a message; 554 5.6.0.")                                          \
    X(SIZE,     header_bytes,       "256KiB",   8192,     1ll << 30, "The header section; 552 5.3.4.")                                                  \
    X(INTEGER,  received,           "100",      10,       1000,      "Received fields: more is a mail loop (RFC 5321 6.3); 554 5.4.6.")                 \
    X(INTEGER,  mime_parts,         "1000",     1,        1000000,   "MIME parts that filters see; more is one opaque part.")                           \
    X(INTEGER,  mime_depth,         "50",       1,        1000,      "Nesting of MIME parts that filters see.")                                         \
    X(SIZE,     drain,              "64MiB",    0,        1ll << 40, "What is still read of a message that is refused already; then 421 and close.")   \
    X(SIZE,     pipeline,           "64KiB",    2048,     1ll << 30, "Bytes kept of a client that sends on while a hook waits; then reading stops.")   \
    X(INTEGER,  chunks,             "100000",   1,        1ll << 40, "BDAT commands of a message; 552 5.3.4.")                                          \
    X(DURATION, command_timeout,    "5m",       1000,     86400000,  "Between commands (RFC 5321 4.5.3.2.7); 421 4.4.2.")                               \
    X(DURATION, data_timeout,       "5m",       1000,     86400000,  "Between two reads of a message; 421 4.4.2.")                                      \
    X(SIZE,     data_rate,          "128",      0,        1ll << 30, "Bytes of a message a second, on average and after a minute of grace; 421 4.4.2. 0: any.") \
    X(DURATION, message_time,       "1h",       60000,    86400000,  "A whole message, from 354 to its end; 421 4.4.2.")                                \
    X(DURATION, session_time,       "2h",       60000,    864000000, "A whole session; 421 4.4.2 at the next command.")
/* clang-format on */

#endif

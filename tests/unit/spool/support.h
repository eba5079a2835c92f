// SPDX-License-Identifier: Apache-2.0
/* What the tests of this layer share: an entry that has everything, and how entries are compared. */
#ifndef GP_TEST_SPOOL_SUPPORT_H
#define GP_TEST_SPOOL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/message/notes.h"
#include "core/spool/engine.h"

#include <ftw.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define BASE "From: a@example.org\r\nSubject: x\r\n\r\nHello\r\n"

/* An entry with every field, whose base is BASE. */
static inline struct gp__entry full_entry(void)
{
    static const struct gp__entry_note notes[] = {
        {GP_S("spf"), GP_S("result"), GP__NOTE_TEXT, GP_S("pass"), 0},
        {GP_S("score"), GP_S("total"), GP__NOTE_MILLI, {NULL, 0}, -2500},
        {GP_S("score"), GP_S("hits"), GP__NOTE_INT, {NULL, 0}, 1000000},
    };
    static const struct gp__entry_piece first[] = {
        {GP_S("Received: from x\r\n"), 0, 0},
        {{NULL, 0}, 0, sizeof BASE - 1},
    };
    static const struct gp__entry_piece second[] = {
        {{NULL, 0}, 0, 34},
        {GP_S(""), 0, 0},
        {GP_S("\r\nBye\r\n"), 0, 0},
    };
    static const struct gp__entry_copy copies[] = {
        {GP_S("a"), GP_S("a@example.org"), first, 2, 18 + sizeof BASE - 1, true, false},
        {GP_S("b"), GP_S(""), second, 3, 34 + 7, false, true},
    };
    static const struct gp__entry_recipient recipients[] = {
        {GP_S("b@example.net"),
         GP_S("B@example.net"),
         GP_S("rfc822;b@example.net"),
         GP_S("FAILURE,DELAY"),
         0,
         GP_S("outbound"),
         {NULL, 0},
         {NULL, 0},
         notes,
         1,
         true},
        {GP_S("c@example.net"),
         GP_S("c@example.net"),
         {NULL, 0},
         {NULL, 0},
         1,
         {NULL, 0},
         GP_S("spam"),
         GP_S("score 12.5"),
         NULL,
         0,
         false},
    };
    static const struct gp__entry_forwarded forwarded[] = {
        {GP_S("NAME"), GP_S("[UNAVAILABLE]")},
        {GP_S("ADDR"), GP_S("198.51.100.9")},
    };

    return (struct gp__entry){
        .id = GP_S("01HZX3D8R0ABCDEF"),
        .parent = GP_S("01HZX3D8R0ABCDEE"),
        .received_ms = INT64_C(1767225600123),
        .listener = GP_S("mx"),
        .session = GP_S("S0123"),
        .client_ip = GP_S("192.0.2.1"),
        .client_name = GP_S("mail.example.org"),
        .client_port = 40125,
        .fingerprint = GP_S("0123456789abcdef"),
        .forwarded = forwarded,
        .n_forwarded = COUNT(forwarded),
        .helo = GP_S("mail"),
        .user = GP_S("alice"),
        .tls = GP_S("TLSv1.3"),
        .protocol = GP_S("ESMTPS"),
        .sender_given = GP_S("A@example.org"),
        .envid = GP_S(""),
        .ret = 2,
        .smtputf8 = true,
        .requiretls = true,
        .eight_bit = true,
        .bounce = GP__BOUNCE_ALLOWED,
        .draft_depth = 3,
        .notes = notes,
        .n_notes = COUNT(notes),
        .verdicts = GP_S("[{\"by\":\"x\"}]"),
        .base = GP_S(BASE),
        .base_size = sizeof BASE - 1,
        .copies = copies,
        .n_copies = COUNT(copies),
        .recipients = recipients,
        .n_recipients = COUNT(recipients),
    };
}

/* An entry with one recipient and this base. */
static inline struct gp__entry small_entry(struct gp_slice id, struct gp_slice base)
{
    static const struct gp__entry_copy copies[] = {{.id = {"a", 1}, .sender = {"", 0}}};
    static const struct gp__entry_recipient recipients[] = {
        {.address = {"b@example.net", 13}, .route = {"r", 1}}};

    return (struct gp__entry){
        .id = id,
        .base = base,
        .base_size = base.len,
        .copies = copies,
        .n_copies = 1,
        .recipients = recipients,
        .n_recipients = 1,
    };
}

/* ---- a folder of its own ---- */

static inline void dir_make(char dir[64])
{
    strcpy(dir, "/tmp/gatepost-spool-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void dir_remove(const char *dir)
{
    assert_int_equal(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* The same in all that is written down, and the base. */
static inline void assert_same_entry(const struct gp__entry *got, const struct gp__entry *want)
{
    struct gp__buf a = {.limit = 0}, b = {.limit = 0};

    assert_int_equal(gp__entry_write(got, &a), 0);
    assert_int_equal(gp__entry_write(want, &b), 0);
    assert_true(gp_slice_eq(gp__buf_slice(&a), gp__buf_slice(&b)));
    assert_true(gp_slice_eq(got->base, want->base));
    gp__buf_free(&a);
    gp__buf_free(&b);
}

#endif

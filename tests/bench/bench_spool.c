// SPDX-License-Identifier: Apache-2.0
/*
 * What the spool costs: durable messages a second and CPU time a message with 1, 20 and 100 writers
 * that each wait for their own to be durable before the next, beside one fdatasync a message in a
 * file of the same kind; and how long a spool with many messages takes to be read after a crash.
 * Not a test.
 *
 *     bench_spool DIRECTORY [MESSAGES [SECONDS]]
 */
#include "core/runtime/live.h"
#include "core/spool/spool.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SIZE 4096
#define BLOCK 8192 /* a record of that size fills so many bytes of a file with a sync each */
#define MANY 1000

static char message[SIZE];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void report(const char *what, double count, double wall, double cpu)
{
    printf("%-44s %10.0f /s %8.1f us CPU\n", what, count / wall, cpu / count * 1e6);
}

/* ---- one sync a message ---- */

static void bench_sync(const char *directory, double limit)
{
    static char block[BLOCK];
    char path[4096];
    double start, cpu;
    int fd, n = 0;

    (void)snprintf(path, sizeof path, "%s/plain", directory);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 8192; i++) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
            die(path);
    }
    if (fd < 0 || fsync(fd) < 0)
        die(path);
    start = seconds();
    cpu = cpu_seconds();
    for (; seconds() < start + limit; n++) {
        memcpy(block, message, SIZE);
        if (pwrite(fd, block, sizeof block, (off_t)(n % 8192) * BLOCK) < 0 || fdatasync(fd) < 0)
            die(path);
    }
    report("fdatasync for each message", n, seconds() - start, cpu_seconds() - cpu);
    (void)close(fd);
    (void)unlink(path);
}

/* ---- group commit ---- */

struct bench {
    struct gp__runtime *rt;
    struct gp__spool_settings settings;
    struct gp__spool_writer *writer;
    double until;
    size_t given, done, most;
    unsigned waiting;
};

static void give(struct bench *bench);

static void on_done(void *arg, int error, const struct gp__place *places)
{
    struct bench *bench = arg;

    (void)places;
    if (error)
        die(gp_strerror(error));
    bench->done++;
    bench->waiting--;
    give(bench);
}

/* An envelope as it is: facts, a note, a Received field, a recipient. */
static void give(struct bench *bench)
{
    static const struct gp__entry_note note = {
        .instance = GP_S("spf"), .key = GP_S("result"), .text = GP_S("pass")};
    static const struct gp__entry_piece pieces[] = {
        {.bytes = GP_S("Received: from mail.example.org (mail.example.org [192.0.2.1])\r\n"
                       "\tby mx.example.net with ESMTPS id 06CZP2W3G8R4X0AB.1\r\n")},
        {.len = SIZE}};
    static const struct gp__entry_recipient recipient = {
        .address = GP_S("b@example.net"), .given = GP_S("b@example.net"), .route = GP_S("local")};
    struct gp__entry_copy copy = {.id = GP_S("a"),
                                  .sender = GP_S("a@example.org"),
                                  .pieces = pieces,
                                  .n_pieces = 2,
                                  .size = pieces[0].bytes.len + SIZE};
    char id[32];
    struct gp__entry entry = {.received_ms = 1767225600123,
                              .listener = GP_S("mx"),
                              .session = GP_S("06CZP2W3G8R4X0AB"),
                              .client_ip = GP_S("192.0.2.1"),
                              .client_name = GP_S("mail.example.org"),
                              .helo = GP_S("mail.example.org"),
                              .tls = GP_S("TLSv1.3"),
                              .protocol = GP_S("ESMTPS"),
                              .sender_given = GP_S("a@example.org"),
                              .notes = &note,
                              .n_notes = 1,
                              .base = gp_slice(message, SIZE),
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = &recipient,
                              .n_recipients = 1};
    const struct gp__entry *one = &entry;

    if (bench->given == bench->most || (bench->until > 0 && seconds() > bench->until))
        return;
    (void)snprintf(id, sizeof id, "06CZP2W3G8R4X0AB.%zu", bench->given++);
    entry.id = gp_slice_of(id);
    bench->waiting++;
    gp__spool_commit_start(bench->writer, &one, 1, on_done, bench);
}

static void run(struct bench *bench, unsigned waiting)
{
    struct gp__buf error = {.limit = 0};

    bench->writer = gp__spool_writer_open(bench->rt, &bench->settings, GP_S("w0"), &error);
    if (!bench->writer)
        die("writer");
    bench->done = bench->given = 0;
    for (unsigned i = 0; i < waiting; i++)
        give(bench);
    while (bench->waiting > 0)
        gp__live_turn(bench->rt);
    gp__spool_writer_close(&bench->writer);
}

static void bench_commit(const char *directory, unsigned waiting, double limit)
{
    struct bench bench = {.rt = gp__live_create(NULL, NULL), .most = SIZE_MAX};
    char path[4096], what[64];
    double start = seconds(), cpu = cpu_seconds();

    (void)snprintf(path, sizeof path, "%s/spool", directory);
    bench.settings.path = gp_slice_of(path);
    bench.until = start + limit;
    run(&bench, waiting);
    (void)snprintf(what, sizeof what, "spool, %u waiting", waiting);
    report(what, (double)bench.done, seconds() - start, cpu_seconds() - cpu);
    gp__live_free(&bench.rt);
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- recovery ---- */

static void on_found(void *arg, struct gp__place place, const struct gp__entry *entry)
{
    (void)place;
    (void)entry;
    ++*(size_t *)arg;
}

static void on_record(void *arg, struct gp_slice bytes)
{
    (void)bytes;
    ++*(size_t *)arg;
}

static void journal_of(struct bench *bench, size_t n)
{
    struct gp__buf error = {.limit = 0};
    size_t none = 0;
    struct gp__spool_journal *journal = gp__spool_journal_open(bench->rt, &bench->settings,
                                                               on_record, &none, &error);

    for (size_t i = 0; journal && i < n; i++) {
        gp__spool_journal_append(journal, GP_S("06CZP2W3G8R4X0AB.123456 deferred 3 1767225600"),
                                 NULL, NULL);
        if (i % MANY == 0)
            gp__live_turn(bench->rt);
    }
    gp__spool_journal_close(&journal);
}

static void bench_recovery(const char *directory, size_t messages)
{
    struct bench bench = {.rt = gp__live_create(NULL, NULL), .most = messages};
    struct gp__buf error = {.limit = 0};
    struct gp__spool_journal *journal;
    struct gp__spool *spool;
    char path[4096];
    size_t found = 0, records = 0;
    double start, journal_end, cpu;

    (void)snprintf(path, sizeof path, "%s/spool", directory);
    bench.settings.path = gp_slice_of(path);
    run(&bench, MANY);
    journal_of(&bench, messages);
    start = seconds();
    spool = gp__spool_open(bench.rt, &bench.settings, GP__SPOOL_OWN, &error);
    journal = gp__spool_journal_open(bench.rt, &bench.settings, on_record, &records, &error);
    journal_end = seconds();
    cpu = cpu_seconds();
    if (!spool || !journal || gp__spool_tail(spool, 0, on_found, &found) != 0 ||
        found != messages || records != messages)
        die("recovery");
    printf("recovery of %zu messages: %.2f s for the segments (%.2f s of CPU), %.2f s for as many "
           "records of the journal\n",
           messages, seconds() - journal_end, cpu_seconds() - cpu, journal_end - start);
    gp__spool_journal_close(&journal);
    gp__spool_close(&spool);
    gp__live_free(&bench.rt);
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    const char *directory = argc > 1 ? argv[1] : ".";
    size_t messages = argc > 2 ? (size_t)atol(argv[2]) : 100000;
    double limit = argc > 3 ? atof(argv[3]) : 2;

    memset(message, 'x', sizeof message);
    if (mkdir(directory, 0700) < 0 && access(directory, W_OK) < 0)
        die(directory);
    if (limit > 0) {
        bench_sync(directory, limit);
        bench_commit(directory, 1, limit);
        bench_commit(directory, 20, limit);
        bench_commit(directory, 100, limit);
        bench_commit(directory, 1000, limit);
    }
    bench_recovery(directory, messages);
    gp__arena_pool_free();
    return 0;
}

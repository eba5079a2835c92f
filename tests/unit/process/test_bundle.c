// SPDX-License-Identifier: Apache-2.0
/* What the loader leaves: written, sealed, read again; and everything that is none. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/process/bundle.h"
#include "core/process/manifest.h"
#include "core/base/pack.h"

static int below_read(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                      size_t error_size)
{
    (void)arg;
    (void)max;
    if (strcmp(path, "/none") == 0) {
        snprintf(error, error_size, "gone fishing");
        return -1;
    }
    gp__buf_printf(out, "content of %s", path);
    return 0;
}

static int below_glob(void *arg, const char *pattern,
                      void (*found)(void *found_arg, const char *path), void *found_arg)
{
    (void)arg;
    if (strcmp(pattern, "/bad/*") == 0)
        return -1;
    found(found_arg, "/b/1");
    found(found_arg, "/b/2");
    return 0;
}

static const char *below_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "HERE") == 0 ? "value" : NULL;
}

static const struct gp__config_files below = {
    .read = below_read, .glob = below_glob, .env = below_env, .directory = "/dir"};

static void collect(void *arg, const char *path)
{
    gp__buf_printf(arg, "%s ", path);
}

static struct gp_slice read_one(const struct gp__config_files *files, const char *path, size_t max,
                                struct gp__buf *out)
{
    char error[64] = "";

    gp__buf_clear(out);
    if (files->read(files->arg, path, max, out, error, sizeof error) < 0)
        gp__buf_printf(out, "-%s", error);
    return gp__buf_slice(out);
}

#define assert_slice(slice, text)                                                                  \
    do {                                                                                           \
        struct gp_slice slice_ = (slice);                                                          \
        assert_int_equal(slice_.len, strlen(text));                                                \
        assert_memory_equal(slice_.data, text, slice_.len);                                        \
    } while (0)

static int make(struct gp_slice manifest)
{
    struct gp__bundle_writer writer = {.below = &below};
    struct gp__buf out = {.limit = 0};

    gp__bundle_begin(&writer);
    assert_string_equal(writer.files.directory, "/dir");
    gp__buf_append(&out, GP_S("before "));
    assert_int_equal(writer.files.read(writer.files.arg, "/a", 100, &out, (char[64]){0}, 64), 0);
    assert_slice(gp__buf_slice(&out), "before content of /a");
    assert_slice(read_one(&writer.files, "/none", 100, &out), "-gone fishing");
    gp__buf_clear(&out);
    assert_int_equal(writer.files.glob(writer.files.arg, "/b/*", collect, &out), 0);
    assert_int_equal(writer.files.glob(writer.files.arg, "/bad/*", collect, &out), -1);
    assert_slice(gp__buf_slice(&out), "/b/1 /b/2 ");
    assert_string_equal(writer.files.env(writer.files.arg, "HERE"), "value");
    gp__buf_free(&out);
    return gp__bundle_seal(&writer, manifest);
}

static void test_there_and_back(void **state)
{
    int fd = make(GP_S("the manifest"));
    struct gp__bundle bundle;
    struct gp__buf out = {.limit = 0};
    const char *error = NULL;

    (void)state;
    assert_true(fd >= 0);
    assert_true(write(fd, "x", 1) < 0 && errno == EPERM);
    assert_int_equal(gp__bundle_open(&bundle, fd, &error), 0);
    assert_slice(bundle.manifest, "the manifest");
    assert_string_equal(bundle.files.directory, "/dir");
    assert_slice(read_one(&bundle.files, "/a", 100, &out), "content of /a");
    assert_slice(read_one(&bundle.files, "/a", 5, &out), "-larger than 5 bytes");
    assert_slice(read_one(&bundle.files, "/none", 100, &out), "-gone fishing");
    assert_slice(read_one(&bundle.files, "/etc/passwd", 100, &out),
                 "-was not read when the configuration was loaded");
    gp__buf_clear(&out);
    assert_int_equal(bundle.files.glob(bundle.files.arg, "/b/*", collect, &out), 0);
    assert_slice(gp__buf_slice(&out), "/b/1 /b/2 ");
    assert_int_equal(bundle.files.glob(bundle.files.arg, "/c/*", collect, &out), -1);
    gp__bundle_close(&bundle);
    gp__buf_free(&out);
    close(fd);
}

/* Cut anywhere, or with any byte changed: refused, or read without harm. */
static void test_damage(void **state)
{
    int fd = make(GP_S("the manifest")), copy;
    char bytes[4096];
    ssize_t len = pread(fd, bytes, sizeof bytes, 0);
    struct gp__bundle bundle;
    const char *error;

    (void)state;
    assert_in_range(len, 100, sizeof bytes - 1);
    for (ssize_t cut = 1; cut <= 2 * len; cut++) {
        copy = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
        if (cut <= len) {
            assert_int_equal(write(copy, bytes, (size_t)(cut == len ? len - 1 : cut)),
                             cut == len ? len - 1 : cut);
        } else {
            bytes[cut - len - 1] ^= (char)0x81;
            assert_int_equal(write(copy, bytes, (size_t)len), len);
            bytes[cut - len - 1] ^= (char)0x81;
        }
        assert_int_equal(
            fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
        if (gp__bundle_open(&bundle, copy, &error) == 0) {
            assert_true(cut > len); /* a cut one never is whole */
            gp__bundle_close(&bundle);
        } else {
            assert_non_null(error);
        }
        close(copy);
    }
    close(fd);
}

static void test_what_can_change(void **state)
{
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    struct gp__bundle bundle;
    const char *error;

    (void)state;
    assert_int_equal(write(fd, "12345678", 8), 8);
    assert_int_equal(gp__bundle_open(&bundle, fd, &error), -1);
    assert_string_equal(error, "it is not sealed");
    close(fd);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(gp__bundle_open(&bundle, fd, &error), -1);
    close(fd);
}

/* ---- the manifest ---- */

static struct gp__manifest_door doors[] = {{GP_S("mx"), GP_S("127.0.0.1:25"), 511, 0600, 0},
                                           {GP_S("lmtp"), GP_S("unix:/run/x"), 1, 0666, 1}};

static struct gp__manifest whole(void)
{
    return (struct gp__manifest){
        .workers = 4,
        .user = GP_S("gatepost"),
        .stop_within = 30000,
        .reload_within = 600000,
        .heartbeat = 30000,
        .ticket_rotation = 1000,
        .recheck = 60000,
        .log_to = GP_S("stderr"),
        .log_format = GP__LOG_JSON,
        .log_level = GP_LOG_INFO,
        .control_path = GP_S("/run/c"),
        .control_mode = 0660,
        .n_stats = 17,
        .doors = doors,
        .n_doors = 2,
    };
}

static void test_manifest(void **state)
{
    struct gp__manifest manifest = whole(), read;
    struct gp__arena *arena = gp__arena_create();
    struct gp__buf out = {.limit = 0};

    (void)state;
    gp__manifest_write(&manifest, &out);
    assert_int_equal(gp__manifest_read(&read, arena, gp__buf_slice(&out)), 0);
    assert_int_equal(read.workers, 4);
    assert_int_equal(read.reload_within, 600000);
    assert_slice(read.user, "gatepost");
    assert_slice(read.group, "");
    assert_int_equal(read.n_doors, 2);
    assert_slice(read.doors[1].listener, "lmtp");
    assert_string_equal(read.doors[1].address.data, "unix:/run/x");
    assert_int_equal(read.doors[0].backlog, 511);
    assert_int_equal(read.doors[1].mode, 0666);
    for (size_t cut = 0; cut < out.len; cut++)
        assert_int_equal(gp__manifest_read(&read, arena, gp_slice_sub(gp__buf_slice(&out), 0, cut)),
                         -1);
    gp__buf_append(&out, GP_S("x"));
    assert_int_equal(gp__manifest_read(&read, arena, gp__buf_slice(&out)), -1);
    gp__buf_free(&out);
    gp__arena_free(&arena);
}

static void test_manifest_of_a_liar(void **state)
{
    struct gp__manifest lies[] = {whole(), whole(), whole(), whole(), whole(), whole(), whole()},
                        read;
    struct gp__arena *arena = gp__arena_create();

    (void)state;
    lies[0].workers = GP__WORKERS_MAX + 1;
    lies[1].n_stats = GP__STATS_MAX + 1;
    lies[2].log_level = 99;
    lies[3].control_mode = 04777;
    lies[4].pid_file = GP_S("/a\0b");
    lies[5].heartbeat = 0;
    lies[6].ticket_rotation = 0;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct gp__buf out = {.limit = 0};

        gp__manifest_write(&lies[i], &out);
        assert_int_equal(gp__manifest_read(&read, arena, gp__buf_slice(&out)), -1);
        gp__buf_free(&out);
    }
    gp__arena_free(&arena);
}

static void test_pack(void **state)
{
    struct gp__buf out = {.limit = 0};
    struct gp__unpack in;

    (void)state;
    gp__pack_number(&out, UINT64_MAX);
    gp__pack_text(&out, GP_S("a\0b"));
    gp__pack_number(&out, 7);
    in = (struct gp__unpack){.rest = gp__buf_slice(&out)};
    assert_true(gp__unpack_number(&in) == UINT64_MAX);
    assert_int_equal(gp__unpack_text(&in).len, 3);
    assert_false(gp__unpack_ended(&in));
    assert_int_equal(gp__unpack_upto(&in, 7), 7);
    assert_true(gp__unpack_ended(&in));
    assert_int_equal(gp__unpack_number(&in), 0);
    assert_true(in.bad);
    /* A length that lies, up to one that would overflow. */
    in = (struct gp__unpack){.rest = gp__buf_slice(&out)};
    assert_int_equal(gp__unpack_text(&in).len, 0);
    assert_true(in.bad);
    in = (struct gp__unpack){.rest = gp__buf_slice(&out)};
    assert_int_equal(gp__unpack_upto(&in, 5), 0);
    assert_true(in.bad);
    gp__buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_what_can_change),    cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_manifest_of_a_liar), cmocka_unit_test(test_pack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

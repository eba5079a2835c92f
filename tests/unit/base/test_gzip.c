// SPDX-License-Identifier: Apache-2.0
/* gzip: what comes out is what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "core/base/alloc.h"
#include "core/base/gzip.h"

static void check(struct gp_slice text)
{
    struct gp__buf out = {.limit = 0};
    char *back = test_malloc(text.len + 1);
    z_stream stream = {.next_out = (Bytef *)back, .avail_out = (uInt)text.len + 1};

    assert_int_equal(gp__buf_append(&out, GP_S("x")), 0); /* it is appended */
    assert_int_equal(gp__gzip(&out, text), 0);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (Bytef *)out.data + 1;
    stream.avail_in = (uInt)out.len - 1;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, text.len);
    if (text.len)
        assert_memory_equal(back, text.data, text.len);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    test_free(back);
    gp__buf_free(&out);
}

static void test_back(void **state)
{
    size_t len = 300000;
    char *big = test_malloc(len);

    (void)state;
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 2654435761u >> 13);
    check(GP_S(""));
    check(GP_S("{\"organization-name\":\"Example\"}"));
    check(gp_slice(big, len));
    test_free(big);
}

static void test_no_room(void **state)
{
    struct gp__buf out = {.limit = 10};

    (void)state;
    assert_int_equal(gp__gzip(&out, GP_S("text")), -1);
    assert_int_equal(gp__gzip(&out, gp_slice("", GP__GZIP_MAX + 1)), -1);
    gp__buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_back), cmocka_unit_test(test_no_room)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
/* The table of character sets, and conversion by iconv under bounds. */
#include "core/message/charset.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define ALL_OF_UTF8 2u
#define MALLOC_FROM ((size_t)64 << 10) /* larger results may fail instead of aborting */

/* As mail names them, and as iconv does; NULL: read as UTF-8, of which the first two are all. */
static const struct {
    const char *name, *iconv;
} charsets[] = {
    {"utf-8", NULL},
    {"utf8", NULL},
    {"us-ascii", NULL},
    {"ascii", NULL},
    {"ansi_x3.4-1968", NULL},
    {"iso-8859-1", "ISO-8859-1"},
    {"iso8859-1", "ISO-8859-1"},
    {"latin1", "ISO-8859-1"},
    {"iso-8859-2", "ISO-8859-2"},
    {"latin2", "ISO-8859-2"},
    {"iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-6", "ISO-8859-6"},
    {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "ISO-8859-8"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso-8859-9", "ISO-8859-9"},
    {"iso-8859-10", "ISO-8859-10"},
    {"iso-8859-11", "ISO-8859-11"},
    {"iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "ISO-8859-15"},
    {"latin-9", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"},
    {"windows-1250", "WINDOWS-1250"},
    {"windows-1251", "WINDOWS-1251"},
    {"windows-1252", "WINDOWS-1252"},
    {"windows-1253", "WINDOWS-1253"},
    {"windows-1254", "WINDOWS-1254"},
    {"windows-1255", "WINDOWS-1255"},
    {"windows-1256", "WINDOWS-1256"},
    {"windows-1257", "WINDOWS-1257"},
    {"windows-1258", "WINDOWS-1258"},
    {"windows-874", "CP874"},
    {"cp1250", "WINDOWS-1250"},
    {"cp1251", "WINDOWS-1251"},
    {"cp1252", "WINDOWS-1252"},
    {"cp437", "CP437"},
    {"ibm437", "CP437"},
    {"cp850", "CP850"},
    {"ibm850", "CP850"},
    {"cp852", "CP852"},
    {"ibm852", "CP852"},
    {"cp866", "CP866"},
    {"ibm866", "CP866"},
    {"koi8-r", "KOI8-R"},
    {"koi8-u", "KOI8-U"},
    {"macintosh", "MACINTOSH"},
    {"tis-620", "TIS-620"},
    {"utf-7", "UTF-7"},
    {"utf-16", "UTF-16"},
    {"utf-16le", "UTF-16LE"},
    {"utf-16be", "UTF-16BE"},
    {"utf-32", "UTF-32"},
    {"utf-32le", "UTF-32LE"},
    {"utf-32be", "UTF-32BE"},
    {"big5", "BIG5-HKSCS"},
    {"big5-hkscs", "BIG5-HKSCS"},
    {"cp950", "CP950"},
    {"gb2312", "GB18030"},
    {"gbk", "GB18030"},
    {"cp936", "GB18030"},
    {"gb18030", "GB18030"},
    {"euc-cn", "GB18030"},
    {"iso-2022-jp", "ISO-2022-JP"},
    {"iso-2022-jp-2", "ISO-2022-JP-2"},
    {"shift_jis", "CP932"},
    {"shift-jis", "CP932"},
    {"sjis", "CP932"},
    {"windows-31j", "CP932"},
    {"cp932", "CP932"},
    {"euc-jp", "EUC-JP"},
    {"iso-2022-kr", "ISO-2022-KR"},
    {"euc-kr", "CP949"},
    {"ks_c_5601-1987", "CP949"},
    {"cp949", "CP949"},
};

#define CHARSETS (sizeof charsets / sizeof charsets[0])

enum direction { TO_UTF8 = 0, FROM_UTF8 };

/* Opened on first use; 0: not yet. (iconv_open's failure is -1, so no descriptor is 0 in glibc,
 * where it is a pointer; elsewhere a 0 is only opened again.) */
static _Thread_local iconv_t cache[CHARSETS][2];

/* The row, or CHARSETS. */
static size_t find(struct gp_slice name)
{
    size_t i = 0;

    name = gp_slice_trim(name);
    while (i < CHARSETS && !gp_slice_caseeq(name, gp_slice_of(charsets[i].name)))
        i++;
    return i;
}

/* A descriptor in its initial state, or (iconv_t)-1. */
static iconv_t descriptor(size_t row, enum direction direction)
{
    iconv_t *slot = &cache[row][direction];

    if (!*slot)
        *slot = direction == TO_UTF8 ? iconv_open("UTF-8", charsets[row].iconv)
                                     : iconv_open(charsets[row].iconv, "UTF-8");
    if (*slot != (iconv_t)-1)
        iconv(*slot, NULL, NULL, NULL, NULL);
    return *slot;
}

void gp__charset_preload(void)
{
    for (size_t i = 0; i < CHARSETS; i++) {
        if (!charsets[i].iconv)
            continue;
        descriptor(i, TO_UTF8);
        descriptor(i, FROM_UTF8);
    }
}

void gp__charset_cache_free(void)
{
    for (size_t i = 0; i < CHARSETS * 2; i++) {
        iconv_t *slot = &cache[i / 2][i % 2];

        if (*slot && *slot != (iconv_t)-1)
            iconv_close(*slot);
        *slot = 0;
    }
}

/* Room for a result; NULL when it is large and memory is out. */
static char *room(struct gp__arena *arena, size_t size)
{
    char *memory;

    if (size < MALLOC_FROM)
        return gp__arena_bytes(arena, size);
    memory = malloc(size);
    if (memory)
        gp__arena_cleanup(arena, free, memory);
    return memory;
}

/* UTF-8 with U+FFFD for each byte that is not part of a character. */
static struct gp_slice repair(struct gp__arena *arena, struct gp_slice bytes)
{
    char *out, *to;

    if (gp__utf8_valid(bytes))
        return bytes;
    out = to = room(arena, bytes.len * 3);
    if (!out)
        return gp_slice(NULL, 0);
    for (size_t i = 0, n; i < bytes.len; i += n ? n : 1) {
        uint32_t code;

        n = gp__utf8_decode(gp_slice_sub(bytes, i, 4), &code);
        memcpy(to, n ? bytes.data + i : REPLACEMENT, n ? n : 3);
        to += n ? n : 3;
    }
    return gp_slice(out, (size_t)(to - out));
}

struct gp_slice gp__charset_decode(struct gp__arena *arena, struct gp_slice charset,
                                   struct gp_slice bytes)
{
    size_t row = find(charset), in_left = bytes.len, out_left = bytes.len * 3 + 16;
    char *in = (char *)(uintptr_t)bytes.data, *out, *to;
    iconv_t cd;

    if (row == CHARSETS || !charsets[row].iconv || bytes.len == 0)
        return repair(arena, bytes);
    cd = descriptor(row, TO_UTF8);
    if (cd == (iconv_t)-1)
        return repair(arena, bytes);
    out = to = room(arena, out_left);
    if (!out)
        return gp_slice(NULL, 0);
    /* Each round ends the loop or takes at least one byte. */
    while (in_left > 0 && iconv(cd, &in, &in_left, &to, &out_left) == (size_t)-1) {
        if (errno == E2BIG || out_left < 3 || in_left == 0)
            break;
        memcpy(to, REPLACEMENT, 3);
        to += 3;
        out_left -= 3;
        if (errno == EINVAL) /* a character that the end cuts off */
            break;
        in++;
        in_left--;
    }
    iconv(cd, NULL, NULL, &to, &out_left);
    return repair(arena, gp_slice(out, (size_t)(to - out)));
}

int gp__charset_encode(struct gp__arena *arena, struct gp_slice charset, struct gp_slice text,
                       struct gp_slice *bytes_r)
{
    size_t row = find(charset), in_left = text.len, out_left = text.len * 4 + 64;
    char *in = (char *)(uintptr_t)text.data, *out, *to;
    bool ascii = row < CHARSETS && !charsets[row].iconv && row >= ALL_OF_UTF8;
    iconv_t cd;

    if (row == CHARSETS || !gp__utf8_valid(text) || (ascii && !gp__ascii_only(text)))
        return -1;
    if (!charsets[row].iconv) {
        *bytes_r = text;
        return 0;
    }
    cd = descriptor(row, FROM_UTF8);
    if (cd == (iconv_t)-1)
        return -1;
    out = to = room(arena, out_left);
    if (!out || iconv(cd, &in, &in_left, &to, &out_left) != 0 ||
        iconv(cd, NULL, NULL, &to, &out_left) == (size_t)-1)
        return -1;
    *bytes_r = gp_slice(out, (size_t)(to - out));
    return 0;
}

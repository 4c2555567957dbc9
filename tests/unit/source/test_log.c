/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of logs: lines and their limits, compressed files, several files in one order, and its bounds. */
#include "log_rig.h"

#include <zlib.h>
#include <zstd.h>

#define HEAD                                                                                                           \
        "#separator "                                                                                                  \
        "\\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\n"

static size_t row(char *to, size_t size, unsigned time, const char *duration)
{
        int n = snprintf(to, size, "%u\tC%u\t10.0.0.5\t1\t192.0.2.1\t80\ttcp\t%s\n", time, time, duration);

        assert_in_range(n, 1, size - 1);
        return (size_t) n;
}

/* Long and short flows in the order of their ends. */
static char *rows(unsigned n, unsigned step, size_t *ret_len)
{
        size_t size = sizeof(HEAD) + n * (size_t) 64, len = sizeof(HEAD) - 1;
        char *text = malloc(size);

        assert_non_null(text);
        memcpy(text, HEAD, len + 1);
        for (unsigned i = 0; i < n; i++)
                len += row(text + len, size - len, 1000000 + i * step - (i % 7) * 100, i % 7 ? "60" : "-");
        *ret_len = len;
        return text;
}

static void test_no_log(void **state)
{
        static const char *const others[] = {
                "",         "\n",       "hello\n", "{\"timestamp\":1}\n", "#fields", "#separator",
                "\0\0\0\0", "{\"ts\":", "%FWSM-",  "#!/bin/sh\n"};
        char text[128];
        struct buf why = BUF_FIXED(text);
        struct rig r;

        (void) state;
        rig_begin(&r, "10.0.0.0/8");
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                int fd = rig_fd(others[i], i == 7 ? 4 : strlen(others[i]), 0);

                buf_reset(&why);
                assert_int_equal(log_reader_add(r.reader, "x", fd, NULL, 0, &why), -EINVAL);
                assert_true(why.len > 0);
                assert_int_equal(fcntl(fd, F_GETFD), -1); /* the reader has closed it */
        }
        rig_finish(&r);
        assert_int_equal(r.total, 0);
        rig_end(&r);
}

static void test_order(void **state)
{
        struct rig r;
        size_t len;
        _cleanup_free_ char *text = rows(5000, 1, &len);

        (void) state;
        rig_begin(&r, "10.0.0.0/8");
        assert_int_equal(rig_add(&r, "conn.log", text, len), 0);
        rig_finish(&r);
        assert_int_equal(r.stats.lines, 5003);
        assert_int_equal(r.total - r.gaps, 10000);
        assert_int_equal(r.disorder + r.stats.late, 0);
        assert_int_equal(r.stats.file_bytes, len);
        assert_int_equal(r.stats.file_size, len);
        rig_end(&r);
}

/* Files that overlap, one of them compressed, come out as one. */
static void test_several_files(void **state)
{
        struct rig r;
        size_t len, other_len, packed_len;
        _cleanup_free_ char *text = rows(3000, 2, &len), *other = rows(2000, 3, &other_len);
        _cleanup_free_ char *packed = malloc(packed_len = ZSTD_compressBound(other_len));

        (void) state;
        assert_non_null(packed);
        packed_len = ZSTD_compress(packed, packed_len, other, other_len, 1);
        assert_false(ZSTD_isError(packed_len));
        rig_begin(&r, "10.0.0.0/8");
        assert_int_equal(rig_add(&r, "a.log", text, len), 0);
        assert_int_equal(rig_add(&r, "b.log.zst", packed, packed_len), 0);
        rig_finish(&r);
        assert_int_equal(r.total - r.gaps, 10000);
        assert_int_equal(r.disorder, 0);
        assert_int_equal(r.stats.file_bytes, len + packed_len);
        rig_end(&r);
}

static size_t gzip(const char *text, size_t len, char *to, size_t size)
{
        z_stream z = {.next_in = (Bytef *) (uintptr_t) text,
                      .avail_in = (uInt) len,
                      .next_out = (Bytef *) to,
                      .avail_out = (uInt) size};

        assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(deflateEnd(&z), Z_OK);
        return size - z.avail_out;
}

/* A compressed file that breaks off gives what it held, and says so. */
static void test_gzip_cut(void **state)
{
        size_t len, packed_len;
        _cleanup_free_ char *text = rows(5000, 1, &len);
        _cleanup_free_ char *packed = malloc(len);
        struct rig r;

        (void) state;
        assert_non_null(packed);
        packed_len = gzip(text, len, packed, len);
        for (unsigned cut = 0; cut < 2; cut++) {
                rig_begin(&r, "10.0.0.0/8");
                assert_int_equal(rig_add(&r, "conn.log.gz", packed, cut ? packed_len / 2 : packed_len), 0);
                rig_finish(&r);
                assert_true(cut ? r.total > 1000 && r.total < 9000 : r.total - r.gaps == 10000);
                assert_int_equal(rig_gap(&r, "bad_line: the compressed data breaks off") >= 0, cut);
                rig_end(&r);
        }
}

/* Lines of megabytes, NULs, no newline at the end, empty lines. */
static void test_lines(void **state)
{
        size_t size = 3 << 20, len = sizeof(HEAD) - 1;
        _cleanup_free_ char *text = malloc(size);
        struct rig r;

        (void) state;
        assert_non_null(text);
        memcpy(text, HEAD, len);
        len += row(text + len, 100, 5, "1");
        memset(text + len, 'A', 2 << 20);
        len += 2 << 20;
        text[len++] = '\n';
        memset(text + len, 0, 1000);
        len += 1000;
        memcpy(text + len, "\n\n\r\n", 4);
        len += 4;
        memset(text + len, 'B', LOG_LINE_MAX); /* allowed, but no record */
        len += LOG_LINE_MAX;
        memcpy(text + len, "\r\n", 2);
        len += 2;
        memset(text + len, 'C', LOG_LINE_MAX + 1);
        len += LOG_LINE_MAX + 1;
        text[len++] = '\n';
        len += row(text + len, 100, 6, "1") - 1; /* without its newline */
        rig_begin(&r, "10.0.0.0/8");
        assert_int_equal(rig_add(&r, "conn.log", text, len), 0);
        rig_finish(&r);
        assert_int_equal(r.n, 4);
        assert_int_equal(r.stats.lines, 11);
        assert_int_equal(r.stats.bad_lines, 4);
        assert_int_equal(r.lost[rig_gap(&r, "bad_line: the first is line 5 ")], 4);
        rig_end(&r);
}

/* A pipe whose beginning was read to recognise it. */
static void test_pipe(void **state)
{
        static const char head[] = HEAD;
        char line[100], text[128];
        struct buf why = BUF_FIXED(text);
        size_t len = row(line, sizeof(line), 5, "1");
        struct rig r;
        int ends[2];

        (void) state;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], line, len), (ssize_t) len);
        close(ends[1]);
        rig_begin(&r, "10.0.0.0/8");
        assert_int_equal(log_reader_add(r.reader, "-", ends[0], head, sizeof(head) - 1, &why), 0);
        rig_finish(&r);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.stats.file_size, 0);
        assert_int_equal(r.stats.file_bytes, sizeof(head) - 1 + len);
        rig_end(&r);
}

/* Together with a capture: only what is due. */
static void test_until(void **state)
{
        char text[512] = HEAD;
        size_t len = sizeof(HEAD) - 1;
        struct event_sink sink = {.event = rig_event};
        struct rig r;

        (void) state;
        len += row(text + len, 100, 10, "5");
        len += row(text + len, 100, 20, "5");
        rig_begin(&r, "10.0.0.0/8");
        sink.userdata = &r;
        assert_int_equal(rig_add(&r, "conn.log", text, len), 0);
        assert_int_equal(log_reader_next(r.reader, 9 * NSEC_PER_SEC, &sink), -EAGAIN);
        assert_int_equal(log_reader_next(r.reader, 10 * NSEC_PER_SEC, &sink), 1);
        assert_int_equal(log_reader_next(r.reader, 10 * NSEC_PER_SEC, &sink), -EAGAIN);
        assert_int_equal(log_reader_next(r.reader, 20 * NSEC_PER_SEC, &sink), 2);
        assert_true(log_reader_next(r.reader, INT64_MAX, &sink) > 0);
        assert_int_equal(log_reader_next(r.reader, INT64_MAX, &sink), 0);
        assert_int_equal(log_reader_next(r.reader, 0, &sink), 0);
        assert_int_equal(r.total - r.gaps, 4);
        rig_end(&r);
}

/* More than the window holds: what comes too late is delivered and counted. */
static void test_window(void **state)
{
        size_t len, more;
        _cleanup_free_ char *text = rows(LOG_HELD_MAX / 2 + 100000, 1, &len);
        struct rig r;

        (void) state;
        more = row(text + len, 100, 5, "-"); /* the room of rows() is larger than a row */
        rig_begin(&r, "10.0.0.0/8");
        assert_int_equal(rig_add(&r, "conn.log", text, len + more), 0);
        rig_finish(&r);
        assert_int_equal(r.total - r.gaps, LOG_HELD_MAX + 200000 + 2);
        assert_int_equal(r.stats.late, 2);
        assert_int_equal(r.disorder, 1);
        rig_end(&r);
}

/* Stopping midway leaves nothing behind (the sanitizer looks). */
static void test_stop(void **state)
{
        size_t len;
        _cleanup_free_ char *text = rows(20000, 1, &len);
        struct event_sink sink = {.event = rig_event};
        struct rig r;

        (void) state;
        rig_begin(&r, "10.0.0.0/8");
        sink.userdata = &r;
        assert_int_equal(rig_add(&r, "conn.log", text, len), 0);
        assert_int_equal(log_reader_next(r.reader, INT64_MAX, &sink), LOG_BATCH);
        rig_end(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_log),   cmocka_unit_test(test_order),  cmocka_unit_test(test_several_files),
                cmocka_unit_test(test_gzip_cut), cmocka_unit_test(test_lines),  cmocka_unit_test(test_pipe),
                cmocka_unit_test(test_until),    cmocka_unit_test(test_window), cmocka_unit_test(test_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

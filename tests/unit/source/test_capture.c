/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files of the pcap format, whole, cut, damaged, compressed, from pipes, filtered and merged. */
#include "capture_rig.h"

#include <fcntl.h>
#include <zlib.h>
#include <zstd.h>

static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};

/* Ten frames of sizes that differ, one a second; of the patched format with eight bytes more each. */
static void make(struct made *m, uint32_t magic, uint32_t link)
{
        put_header(m, magic, link);
        for (uint32_t i = 0; i < 10; i++) {
                put32(m, 1000 + i);
                put32(m, 999);
                put32(m, 20 + i * 13);
                put32(m, 20 + i * 14);
                if (magic == magics[2])
                        put(m, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
                put_content(m, i, 20 + i * 13);
        }
}

static void check(const struct got *g, uint32_t n, int64_t unit)
{
        assert_int_equal(g->n, n);
        assert_int_equal(g->stats.frames, n);
        for (uint32_t i = 0; i < n; i++) {
                assert_int_equal(g->frames[i].time, (1000 + i) * SEC + 999 * unit);
                assert_int_equal(g->frames[i].caplen, 20 + i * 13);
                assert_int_equal(g->frames[i].len, 20 + i * 14);
                assert_true(has_content(&g->frames[i], i));
        }
}

static void test_formats(void **state)
{
        (void) state;
        for (unsigned k = 0; k < 6; k++) {
                MADE m = {.big = k >= 3};

                make(&m, magics[k % 3], 113 | 0x10000000); /* above the link type: the length of the check sequence */
                GOT g = read_bytes(m.data, m.len);
                assert_int_equal(input_recognise(m.data, m.len), INPUT_PCAP);
                check(&g, 10, k % 3 == 1 ? 1 : 1000);
                assert_int_equal(g.frames[9].link, 113);
                assert_int_equal(g.stats.cut_files + g.stats.bad_records + g.stats.bad_times, 0);
                assert_int_equal(g.stats.file_bytes, m.len);
                assert_int_equal(g.stats.file_size, m.len);
                assert_int_equal(g.why.len, 0);
        }
}

static void test_old_versions(void **state)
{
        (void) state;
        for (unsigned minor = 2; minor <= 4; minor++) {
                MADE m = {0};

                make(&m, magics[0], 12);
                m.data[6] = (uint8_t) minor;
                for (size_t at = 24, i = 0; minor < 4 && i < 10; at += 16 + 20 + i++ * 13) {
                        uint8_t lens[8];

                        memcpy(lens, m.data + at + 8, 8);
                        memcpy(m.data + at + 8, lens + 4, 4);
                        memcpy(m.data + at + 12, lens, 4);
                }
                GOT g = read_bytes(m.data, m.len);
                check(&g, 10, 1000);
                assert_int_equal(g.frames[0].link, 101); /* 12: raw IP of old */
        }
}

static void test_cut_anywhere(void **state)
{
        MADE m = {0};
        uint32_t whole = 0;
        size_t end = 24;

        (void) state;
        make(&m, magics[0], 1);
        for (size_t len = 0; len <= m.len; len++) {
                GOT g = read_bytes(m.data, len);

                if (len < 24) {
                        assert_int_equal(g.result, -EINVAL);
                        assert_true(g.why.len > 0);
                        continue;
                }
                if (len == end + 16 + 20 + whole * 13)
                        end += 16 + 20 + whole++ * 13;
                check(&g, whole, 1000);
                assert_int_equal(g.stats.cut_files, len != end);
                assert_int_equal(g.why.len > 0, len != end);
        }
        assert_int_equal(whole, 10);
}

static void test_damage(void **state)
{
        static const uint32_t lens[] = {262145, 0x7fffffff, 0xffffffff, 0x80000000};

        (void) state;
        for (unsigned k = 0; k < 4; k++) {
                MADE m = {0};

                make(&m, magics[0], 1);
                memcpy(m.data + 24 + 36 + 8, &lens[k], 4); /* the second record */
                GOT g = read_bytes(m.data, m.len);
                assert_int_equal(g.n, 9);
                assert_int_equal(g.stats.bad_records, 1);
                assert_int_equal(g.stats.cut_files, 0);
                assert_true(has_content(&g.frames[1], 2));
                assert_true(has_content(&g.frames[8], 9));
        }
        /* bytes inserted, and rubbish to the end, more than a block of it */
        MADE m = {0};
        make(&m, magics[1], 1);
        for (unsigned i = 0; i < 400000; i++)
                put(&m, &(uint8_t){(uint8_t) (i * i >> 8 | 0x80)}, 1);
        for (uint32_t i = 0; i < 3; i++)
                put_record(&m, i, 1500, 5, 60);
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 13);
        assert_int_equal(g.stats.bad_records, 1);
        assert_true(has_content(&g.frames[12], 2));
}

static void test_damage_has_an_end(void **state)
{
        MADE m = {0};

        (void) state;
        make(&m, magics[0], 1);
        for (unsigned i = 0; i < 18u << 20; i += 8)
                put(&m, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
        for (uint32_t i = 0; i < 3; i++)
                put_record(&m, i, 1500, 5, 60);
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 10);
        assert_int_equal(g.stats.bad_records, 1);
        assert_int_equal(g.stats.cut_files, 1);
        assert_true(g.stats.file_bytes < m.len);
}

static void test_appended_files(void **state)
{
        (void) state;
        for (unsigned k = 0; k < 6; k++) {
                MADE m = {0};
                MADE second = {.big = k >= 3};

                make(&m, magics[0], 1);
                make(&second, magics[k % 3], 113);
                put(&m, second.data, second.len);
                GOT g = read_bytes(m.data, m.len);
                assert_int_equal(g.n, 20);
                assert_int_equal(g.frames[9].link, 1);
                assert_int_equal(g.frames[10].link, 113);
                assert_int_equal(g.frames[19].time, 1009 * SEC + 999 * (k % 3 == 1 ? 1 : 1000));
                assert_true(has_content(&g.frames[19], 9));
                assert_int_equal(g.stats.bad_records, 0);
        }
}

static void test_lying_lengths(void **state)
{
        MADE m = {0};

        (void) state;
        put_header(&m, magics[0], 1);
        memcpy(m.data + 16, "\x08\0\0\0", 4); /* snaplen 8 */
        put_record(&m, 0, 1, 0, 0);           /* empty */
        put_record(&m, 1, 2, 0, 262144);      /* the longest */
        put_record(&m, 2, 3, 0, 100);
        memcpy(m.data + m.len - 104, "\x05\0\0\0", 4); /* shorter on the wire than captured */
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 3);
        assert_int_equal(g.frames[0].caplen, 0);
        assert_int_equal(g.frames[1].caplen, 262144);
        assert_true(has_content(&g.frames[1], 1));
        assert_int_equal(g.frames[2].len, 100);
        assert_int_equal(g.stats.bad_records, 0);
        assert_int_equal(g.stats.bytes, 262244);
}

static void test_lying_times(void **state)
{
        MADE m = {0};

        (void) state;
        put_header(&m, magics[0], 1);
        put_record(&m, 0, 0xffffffff, 0, 10); /* 2106: can be */
        put_record(&m, 1, 5, 1000000, 10);
        put_record(&m, 2, 5, 0xffffffff, 10);
        put_record(&m, 3, 0x80000000, 0, 10); /* 2038 is not the end */
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 4);
        assert_int_equal(g.frames[0].time, 0xffffffffll * SEC);
        assert_int_equal(g.frames[1].time, 6 * SEC - 1);
        assert_int_equal(g.frames[2].time, 6 * SEC - 1);
        assert_int_equal(g.frames[3].time, 0x80000000ll * SEC);
        assert_int_equal(g.stats.bad_times, 2);
        assert_int_equal(g.stats.backward, 3);
}

/* Sizes around those of blocks, and enough frames for many batches. */
static void test_many_blocks(void **state)
{
        static const uint32_t sizes[] = {60, 1514, 0, 262144, 16384 - 24 - 16, 1, 65535, 200, 131072};
        MADE m = {0};

        (void) state;
        put_header(&m, magics[0], 1);
        for (uint32_t i = 0; i < 20000; i++)
                put_record(&m, i, 1000 + i, 0, i % 500 < 9 ? sizes[i % 500] : i % 97);
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 20000);
        for (uint32_t i = 0; i < g.n; i++) {
                assert_int_equal(g.frames[i].time, (1000 + i) * SEC);
                assert_true(has_content(&g.frames[i], i));
        }
}

static size_t gzip(const void *from, size_t len, uint8_t *to, size_t size)
{
        z_stream z = {.next_in = (Bytef *) (uintptr_t) from, .avail_in = (uInt) len, .next_out = to};

        z.avail_out = (uInt) size;
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        deflateEnd(&z);
        return size - z.avail_out;
}

static size_t zstandard(const void *from, size_t len, uint8_t *to, size_t size)
{
        ZSTD_CCtx *c = ZSTD_createCCtx();
        size_t n;

        assert_non_null(c);
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
        n = ZSTD_compress2(c, to, size, from, len);
        ZSTD_freeCCtx(c);
        assert_false(ZSTD_isError(n));
        return n;
}

/* Two members, each a capture of its own, cut everywhere; then padding behind. */
static void test_compressed(void **state)
{
        (void) state;
        for (int zstd = 0; zstd < 2; zstd++) {
                MADE m = {0};
                uint8_t packed[8192];
                uint32_t had = 0;
                size_t len, first;

                make(&m, magics[0], 1);
                first = zstd ? zstandard(m.data, m.len, packed, 4096) : gzip(m.data, m.len, packed, 4096);
                memcpy(packed + first, packed, first);
                len = 2 * first;
                assert_int_equal(input_recognise(packed, len), zstd ? INPUT_ZSTD : INPUT_GZIP);
                assert_int_equal(input_recognise_inside(packed, len), INPUT_PCAP);
                for (size_t cut = 0; cut <= len; cut++) {
                        GOT g = read_bytes(packed, cut);

                        if (g.result < 0)
                                continue;
                        assert_true(g.n >= had);
                        had = g.n;
                        assert_int_equal(g.stats.cut_files, cut != first && cut != len);
                }
                assert_int_equal(had, 20);
                memset(packed + len, 0, 512);
                GOT padded = read_bytes(packed, len + 512);
                assert_int_equal(padded.n, 20);
                assert_int_equal(padded.stats.cut_files, 0);
                packed[first + first / 2] ^= 0x55;
                GOT damaged = read_bytes(packed, len);
                assert_true(damaged.n >= 10 && damaged.stats.cut_files == 1);
        }
}

static void test_not_captures(void **state)
{
        static const char *const texts[] = {"", "a", "hello\n", "\n\r\r\n", "{\"a\":1}\n", "\xff\xfe\0x", "\x1f\x8b"};
        static const enum input_kind kinds[] = {INPUT_UNKNOWN, INPUT_TEXT,    INPUT_TEXT,   INPUT_PCAPNG,
                                                INPUT_TEXT,    INPUT_UNKNOWN, INPUT_UNKNOWN};
        static const size_t lens[] = {0, 1, 6, 4, 8, 4, 2};
        uint8_t packed[256];
        size_t n = gzip("Jan  1 00:00:00 host sshd[1]: x\n", 32, packed, sizeof(packed));

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                GOT g = read_bytes(texts[i], lens[i]);

                assert_int_equal(input_recognise((const uint8_t *) texts[i], lens[i]), kinds[i]);
                if (kinds[i] != INPUT_PCAPNG)
                        assert_int_equal(g.result, -EINVAL);
        }
        GOT g = read_bytes(packed, n);
        assert_int_equal(g.result, -EINVAL);
        assert_int_equal(input_recognise_inside(packed, n), INPUT_TEXT);
}

/* Frames come as they arrive, and what was read to recognise them is not lost. */
static void test_pipe(void **state)
{
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct capture_stats stats;
        MADE m = {0};
        int ends[2];

        (void) state;
        make(&m, magics[0], 1);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(write(ends[1], m.data + 7, 24 + 36 + 5 - 7), 24 + 36 + 5 - 7);
        assert_int_equal(capture_new(&c), 0);
        assert_int_equal(capture_batch_new(&b), 0);
        assert_int_equal(capture_add(c, "-", ends[0], m.data, 7, NULL), 0);
        assert_int_equal(capture_next(c, b, NULL), 1);
        assert_true(has_content(&b->frames[0], 0));
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(capture_next(c, b, NULL), -EAGAIN);
        assert_int_equal(write(ends[1], m.data + 65, m.len - 65), (ssize_t) (m.len - 65));
        close(ends[1]);
        assert_int_equal(capture_next(c, b, NULL), 9);
        assert_true(has_content(&b->frames[8], 9));
        assert_int_equal(b->first, 1);
        assert_int_equal(capture_next(c, b, NULL), 0);
        capture_get_stats(c, &stats);
        assert_int_equal(stats.file_size, 0);
        assert_int_equal(stats.file_bytes, m.len);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats),           cmocka_unit_test(test_old_versions),
                cmocka_unit_test(test_cut_anywhere),      cmocka_unit_test(test_damage),
                cmocka_unit_test(test_damage_has_an_end), cmocka_unit_test(test_appended_files),
                cmocka_unit_test(test_lying_lengths),     cmocka_unit_test(test_lying_times),
                cmocka_unit_test(test_many_blocks),       cmocka_unit_test(test_compressed),
                cmocka_unit_test(test_not_captures),      cmocka_unit_test(test_pipe),
        };

        return cmocka_run_group_tests_name("source/capture", tests, NULL, NULL);
}

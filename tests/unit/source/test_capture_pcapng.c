/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files of the pcapng format: sections, interfaces, times, blocks of all kinds, cut and damaged. */
#include "capture_rig.h"

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, OLD = 2, SIMPLE = 3, ENHANCED = 6 };

static void pad(struct made *m)
{
        while (m->len % 4)
                put(m, "", 1);
}

/* Begins a block; end_block() writes both lengths. */
static size_t begin_block(struct made *m, uint32_t type)
{
        size_t at = m->len;

        put32(m, type);
        put32(m, 0);
        return at;
}

static void end_block(struct made *m, size_t at)
{
        MADE len = {.big = m->big};

        pad(m);
        put32(&len, (uint32_t) (m->len - at + 4));
        put(m, len.data, 4);
        memcpy(m->data + at + 4, len.data, 4);
}

static void put_section(struct made *m)
{
        size_t at = begin_block(m, SECTION);

        put32(m, 0x1a2b3c4d);
        put16(m, 1);
        put16(m, 0);
        put32(m, 0xffffffff);
        put32(m, 0xffffffff);
        end_block(m, at);
}

/* `resolution` 0: not said. */
static void put_interface(struct made *m, uint16_t link, uint32_t snaplen, uint8_t resolution, int64_t offset)
{
        size_t at = begin_block(m, INTERFACE);

        put16(m, link);
        put16(m, 0);
        put32(m, snaplen);
        put16(m, 2); /* if_name */
        put16(m, 5);
        put(m, "wlan0\0\0", 8);
        if (resolution) {
                put16(m, 9);
                put16(m, 1);
                put(m, &resolution, 1);
                pad(m);
        }
        if (offset) {
                put16(m, 14);
                put16(m, 8);
                put32(m, (uint32_t) (m->big ? (uint64_t) offset >> 32 : (uint64_t) offset));
                put32(m, (uint32_t) (m->big ? (uint64_t) offset : (uint64_t) offset >> 32));
        }
        put32(m, 0);
        end_block(m, at);
}

static void put_enhanced(struct made *m, uint32_t interface, uint64_t time, uint32_t i, uint32_t len)
{
        size_t at = begin_block(m, ENHANCED);

        put32(m, interface);
        put32(m, (uint32_t) (time >> 32));
        put32(m, (uint32_t) time);
        put32(m, len);
        put32(m, len + i);
        put_content(m, i, len);
        pad(m);
        put16(m, 2); /* epb_flags */
        put16(m, 4);
        put32(m, 1);
        put32(m, 0);
        end_block(m, at);
}

static void put_simple(struct made *m, uint32_t i, uint32_t len, uint32_t caplen)
{
        size_t at = begin_block(m, SIMPLE);

        put32(m, len);
        put_content(m, i, caplen);
        end_block(m, at);
}

static void put_old(struct made *m, uint16_t interface, uint64_t time, uint32_t i, uint32_t len)
{
        size_t at = begin_block(m, OLD);

        put16(m, interface);
        put16(m, 0xffff);
        put32(m, (uint32_t) (time >> 32));
        put32(m, (uint32_t) time);
        put32(m, len);
        put32(m, len);
        put_content(m, i, len);
        end_block(m, at);
}

static void put_other(struct made *m, uint32_t type, uint32_t len)
{
        size_t at = begin_block(m, type);

        put_content(m, 7, len);
        end_block(m, at);
}

/* Two interfaces of different link types and resolutions, each kind of packet block, and blocks to skip. */
static void make(struct made *m)
{
        put_section(m);
        put_other(m, 0x0bad, 33);
        put_interface(m, 1, 64, 0, 0);
        put_interface(m, 113, 0, 9, 0);
        put_enhanced(m, 0, 1000 * 1000000ull + 7, 0, 61);
        put_other(m, 4, 40);
        put_enhanced(m, 1, 1001 * 1000000000ull + 8, 1, 1500);
        put_simple(m, 2, 99, 64);
        put_old(m, 1, 1003 * 1000000000ull, 3, 0);
        put_other(m, 5, 12);
        put_old(m, 0, 1004 * 1000000ull, 4, 333);
}

#define MADE_FRAMES 5

static void check(const struct got *g, uint32_t from)
{
        static const uint32_t caplens[] = {61, 1500, 64, 0, 333}, lens[] = {61, 1501, 99, 0, 333};
        static const uint32_t links[] = {1, 113, 1, 113, 1};
        static const nsec_t times[] = {1000 * SEC + 7000, 1001 * SEC + 8, 1001 * SEC + 8, 1003 * SEC, 1004 * SEC};

        for (uint32_t i = from; i < g->n; i++) {
                const struct frame *f = &g->frames[i];
                uint32_t k = i % MADE_FRAMES;

                assert_int_equal(f->caplen, caplens[k]);
                assert_int_equal(f->len, lens[k]);
                assert_int_equal(f->link, links[k]);
                assert_int_equal(f->time, times[k]);
                assert_true(has_content(f, k));
        }
}

static void test_blocks(void **state)
{
        (void) state;
        for (int big = 0; big < 2; big++) {
                MADE m = {.big = big};

                make(&m);
                m.big = !big;
                make(&m); /* a further section, of the other byte order */
                assert_int_equal(input_recognise(m.data, m.len), INPUT_PCAPNG);
                GOT g = read_bytes(m.data, m.len);
                assert_int_equal(g.n, 2 * MADE_FRAMES);
                check(&g, 0);
                assert_int_equal(g.stats.bad_records + g.stats.cut_files + g.stats.bad_times, 0);
                assert_int_equal(g.stats.backward, 3); /* the second begins again at 1000 s */
                assert_int_equal(g.stats.file_bytes, m.len);
        }
}

static void test_cut_anywhere(void **state)
{
        MADE m = {0};
        uint32_t had = 0;

        (void) state;
        make(&m);
        for (size_t len = 12; len <= m.len; len++) {
                GOT g = read_bytes(m.data, len);

                check(&g, 0);
                assert_true(g.n == had || g.n == had + 1);
                had = g.n;
                assert_int_equal(g.stats.bad_records, 0);
                assert_true(g.stats.cut_files == 1 || len % 4 == 0);
        }
        assert_int_equal(had, MADE_FRAMES);
}

/* A wrong length of any block costs no frames but those between there and the next block that holds. */
static void test_damage(void **state)
{
        MADE m = {0};
        size_t first;

        (void) state;
        make(&m);
        put_enhanced(&m, 0, 1005 * 1000000ull, 0, 20);
        GOT all = read_bytes(m.data, m.len);
        assert_int_equal(all.n, MADE_FRAMES + 1);
        for (first = 0; first < m.len && memcmp(m.data + first, "\x06\0\0\0", 4); first += 4)
                ;
        for (unsigned bit = 0; bit < 32; bit++) {
                m.data[first + 4 + bit / 8] ^= (uint8_t) (1u << bit % 8);
                GOT g = read_bytes(m.data, m.len);
                assert_true(g.stats.bad_records + g.stats.cut_files >= 1);
                assert_true(g.n == MADE_FRAMES);
                m.data[first + 4 + bit / 8] ^= (uint8_t) (1u << bit % 8);
        }
        /* packets that cannot be, in blocks that can: only they are lost */
        put_enhanced(&m, 2, 0, 0, 20);
        put_old(&m, 77, 0, 0, 20);
        put_enhanced(&m, 0, 1006 * 1000000ull, 0, 24);
        memcpy(m.data + m.len - 16 - 24 - 8, "\xff\xff\0\0", 4); /* caplen beyond the block */
        put_other(&m, ENHANCED, 4);
        put_other(&m, INTERFACE, 0);
        put_enhanced(&m, 0, 1007 * 1000000ull, 1, 20);
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, MADE_FRAMES + 2);
        assert_int_equal(g.stats.bad_records, 5);
        assert_true(has_content(&g.frames[MADE_FRAMES + 1], 1));
}

static void test_no_interface(void **state)
{
        MADE m = {0};

        (void) state;
        put_section(&m);
        put_enhanced(&m, 0, 1, 0, 20);
        put_simple(&m, 0, 20, 20);
        put_interface(&m, 1, 0, 0, 0);
        put_simple(&m, 0, 20, 20); /* before any time was said */
        put_section(&m);           /* forgets it */
        put_simple(&m, 0, 20, 20);
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 1);
        assert_int_equal(g.frames[0].time, 0);
        assert_int_equal(g.stats.bad_records, 3);
}

/* Longer than a block of memory: skipped without being kept, up to a bound. */
static void test_long_blocks(void **state)
{
        MADE m = {0};

        (void) state;
        put_section(&m);
        put_interface(&m, 1, 0, 0, 0);
        put_enhanced(&m, 0, 1, 0, 262144);
        put_other(&m, 0x0bad, 3000000);
        put_enhanced(&m, 0, 2, 1, 262145); /* a frame too long */
        put_enhanced(&m, 0, 3, 2, 600000); /* and far too long */
        put_enhanced(&m, 0, 4, 3, 10);
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 2);
        assert_true(has_content(&g.frames[0], 0));
        assert_true(has_content(&g.frames[1], 3));
        assert_int_equal(g.stats.bad_records, 2);
        assert_int_equal(g.stats.cut_files, 0);
        GOT cut = read_bytes(m.data, 1000000);
        assert_int_equal(cut.n, 1);
        assert_int_equal(cut.stats.cut_files, 1);
}

static void test_many_interfaces(void **state)
{
        MADE m = {0};

        (void) state;
        put_section(&m);
        for (uint16_t i = 0; i < 5000; i++)
                put_interface(&m, i, 0, 0, 0);
        put_enhanced(&m, 4095, 1, 0, 10);
        put_enhanced(&m, 4096, 1, 0, 10);
        GOT g = read_bytes(m.data, m.len);
        assert_int_equal(g.n, 1);
        assert_int_equal(g.frames[0].link, 4095);
        assert_int_equal(g.stats.bad_records, 5000 - 4096 + 1);
}

static void test_times(void **state)
{
        static const struct {
                uint8_t resolution;
                int64_t offset;
                uint64_t count;
                nsec_t time;
                bool bad;
        } rows[] = {
                {0, 0, 1500000, 1500 * NSEC_PER_MSEC, false},
                {3, 0, 1500, 1500 * NSEC_PER_MSEC, false},
                {9, 0, 1500000001, 1500000001, false},
                {12, 0, 1500000001999ull, 1500000001, false},
                {127, 0, UINT64_MAX, 1, false},
                {0x80, 0, 12, 12 * SEC, false},
                {0x80 | 1, 0, 3, 1500 * NSEC_PER_MSEC, false},
                {0x80 | 32, 0, 3ull << 31, 1500 * NSEC_PER_MSEC, false},
                {0xff, 0, UINT64_MAX, 0, false},
                {9, 1000, 5, 1000 * SEC + 5, false},
                {9, -1, 1500000000, 500 * NSEC_PER_MSEC, false},
                {9, -2, 1500000000, 0, true},
                {0, INT64_MIN, 1, 0, true},
                {0, INT64_MAX, UINT64_MAX, 4607366400 * SEC, true},
                {9, 0, UINT64_MAX, 4607366400 * SEC, true},
                {0x80, INT64_MAX, UINT64_MAX, 4607366400 * SEC, true},
                {6, 0, 4607366399999999ull, 4607366399 * SEC + 999999000, false},
        };

        (void) state;
        for (size_t i = 0; i < 2 * ELEMENTSOF(rows); i++) {
                MADE m = {.big = i % 2};

                put_section(&m);
                put_interface(&m, 1, 0, rows[i / 2].resolution, rows[i / 2].offset);
                put_enhanced(&m, 0, rows[i / 2].count, 0, 10);
                GOT g = read_bytes(m.data, m.len);
                assert_int_equal(g.n, 1);
                assert_int_equal(g.frames[0].time, rows[i / 2].time);
                assert_int_equal(g.stats.bad_times, rows[i / 2].bad);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_blocks),      cmocka_unit_test(test_cut_anywhere),
                cmocka_unit_test(test_damage),      cmocka_unit_test(test_no_interface),
                cmocka_unit_test(test_long_blocks), cmocka_unit_test(test_many_interfaces),
                cmocka_unit_test(test_times),
        };

        return cmocka_run_group_tests_name("source/capture_pcapng", tests, NULL, NULL);
}

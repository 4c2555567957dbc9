/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several captures in time order, and the filter. */
#include "capture_rig.h"

#include <fcntl.h>

#define MICRO 0xa1b2c3d4

static void add(struct capture *c, const char *name, const struct made *m)
{
        assert_int_equal(capture_add(c, name, file_of(m->data, m->len), NULL, 0, NULL), 0);
}

/* Which file a frame came from: its link type. */
static void test_order(void **state)
{
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct got g = {0};
        uint32_t next[5] = {0};

        (void) state;
        assert_int_equal(capture_new(&c), 0);
        for (uint32_t file = 0; file < 5; file++) {
                MADE m = {.big = file % 2};

                put_header(&m, MICRO, file);
                for (uint32_t i = 0; i < 3000; i++)
                        put_record(&m, i, 1000 + (i * (file + 1) + file) / 5, 0, i % 200);
                add(c, "x", &m);
        }
        read_out(c, &g);
        assert_int_equal(g.n, 15000);
        for (uint32_t i = 0; i < g.n; i++) {
                const struct frame *f = &g.frames[i];

                assert_true(f->link < 5);
                assert_true(has_content(f, next[f->link]));
                assert_int_equal(f->caplen, next[f->link]++ % 200);
                /* equal times: in the order of the files */
                assert_true(i == 0 || f->time > f[-1].time || (f->time == f[-1].time && f->link >= f[-1].link));
        }
        assert_int_equal(g.stats.backward, 0);
        got_done(&g);
}

/* Steps backward in one file: it keeps its order; the other is not held up. */
static void test_backward(void **state)
{
        static const uint32_t a[] = {100, 200, 50, 51, 300, 299, 301}, b[] = {60, 250, 400};
        static const uint32_t want[] = {60, 100, 200, 50, 51, 250, 300, 299, 301, 400};
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct got g = {0};
        MADE m = {0};
        MADE n = {0};

        (void) state;
        assert_int_equal(capture_new(&c), 0);
        put_header(&m, MICRO, 1);
        put_header(&n, MICRO, 1);
        for (uint32_t i = 0; i < ELEMENTSOF(a); i++)
                put_record(&m, i, a[i], 0, 10);
        for (uint32_t i = 0; i < ELEMENTSOF(b); i++)
                put_record(&n, i, b[i], 0, 10);
        add(c, "a", &m);
        add(c, "b", &n);
        read_out(c, &g);
        assert_int_equal(g.n, ELEMENTSOF(want));
        for (uint32_t i = 0; i < g.n; i++)
                assert_int_equal(g.frames[i].time, want[i] * SEC);
        assert_int_equal(g.stats.backward, 2); /* 50 and 51; 299 is only a second early */
        got_done(&g);
}

/* More files than a batch can hold blocks of, empty and cut ones among them. */
static void test_many_files(void **state)
{
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct got g = {0};

        (void) state;
        assert_int_equal(capture_new(&c), 0);
        for (uint32_t file = 0; file < 400; file++) {
                MADE m = {0};

                put_header(&m, MICRO, file);
                for (uint32_t i = 0; i < 40 && file % 10; i++)
                        put_record(&m, i, 1000 + i, file, 1000);
                if (file % 10 == 1)
                        m.len -= 10;
                add(c, "x", &m);
        }
        read_out(c, &g);
        assert_int_equal(g.n, 360 * 40 - 40);
        assert_int_equal(g.stats.cut_files, 40);
        for (uint32_t i = 0; i < g.n; i++) {
                assert_true(i == 0 || g.frames[i].time >= g.frames[i - 1].time);
                assert_true(has_content(&g.frames[i], (uint32_t) (g.frames[i].time / SEC - 1000)));
        }
        assert_int_equal(g.stats.file_bytes, g.stats.file_size);
        assert_non_null(strstr(buf_str(&g.why), "x: ends within a record\n"));
        got_done(&g);
}

static void test_nothing(void **state)
{
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        MADE m = {0};

        (void) state;
        assert_int_equal(capture_new(&c), 0);
        GOT none = {0};
        read_out(c, &none);
        assert_int_equal(none.result, 0);
        put_header(&m, MICRO, 1);
        GOT empty = read_bytes(m.data, m.len);
        assert_int_equal(empty.n + empty.result + empty.stats.cut_files, 0);
        /* a descriptor that cannot be read */
        assert_int_equal(capture_add(c, "/", open("/", O_RDONLY | O_CLOEXEC), NULL, 0, NULL), -EBUSY);
        capture_free(c);
        assert_int_equal(capture_new(&c), 0);
        assert_int_equal(capture_add(c, "/", open("/", O_RDONLY | O_CLOEXEC), NULL, 0, NULL), -EISDIR);
}

/* An UDP packet from 10.0.0.1 to 10.0.0.2, destination port 53 or 80, behind `head`. */
static void put_packet(struct made *m, uint32_t sec, const void *head, uint32_t head_len, uint8_t port)
{
        uint8_t ip[28] = {0x45, 0, 0,  28, 0, 0, 0, 0, 64, 17,   0, 0, 10, 0,
                          0,    1, 10, 0,  0, 2, 4, 0, 0,  port, 0, 8, 0,  0};

        put32(m, sec);
        put32(m, 0);
        put32(m, head_len + 28);
        put32(m, head_len + 28);
        put(m, head, head_len);
        put(m, ip, 28);
}

/* One expression, each link type's own program; a link type that has no IP gives nothing. */
static void test_filter(void **state)
{
        static const uint8_t ether[14] = {[12] = 8}, cooked[16] = {[14] = 8},
                             vlan[18] = {[12] = 0x81, [15] = 5, [16] = 8};
        static const struct {
                const char *expression;
                uint32_t n;
        } rows[] = {{"udp port 53", 3}, {"ip", 6}, {"", 8}, {"host 10.0.0.2 and not port 80", 3}, {"vlan 5", 1}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(capture_freep)
                struct capture *c = NULL;
                struct got g = {0};

                assert_int_equal(capture_new(&c), 0);
                for (uint32_t link = 0; link < 4; link++) {
                        static const uint32_t links[] = {1, 113, 101, 189}; /* 189: USB */
                        MADE m = {0};

                        put_header(&m, MICRO, links[link]);
                        for (uint32_t k = 0; k < 2; k++)
                                put_packet(&m, 1000 + k, link == 0 ? ether : cooked,
                                           link == 0 ? 14 :
                                           link == 1 ? 16 :
                                                       0,
                                           k ? 80 : 53);
                        if (link == 0)
                                put_packet(&m, 1002, vlan, 18, 53);
                        if (link == 3)
                                m.len -= 44; /* one frame only */
                        add(c, "x", &m);
                }
                assert_int_equal(capture_set_filter(c, rows[i].expression, NULL), 0);
                read_out(c, &g);
                assert_int_equal(g.stats.frames, 8);
                assert_int_equal(g.n, rows[i].n);
                assert_int_equal(g.stats.filtered, 8 - rows[i].n);
                got_done(&g);
        }
}

static void test_filter_refused(void **state)
{
        static const char *const wrong[] = {"tcp prot 80", "port 70000", "(", "net 300.1.2.3"};
        _cleanup_(capture_freep)
        struct capture *c = NULL;

        (void) state;
        assert_int_equal(capture_new(&c), 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                struct buf why = BUF_HEAP(1024);

                assert_int_equal(capture_set_filter(c, wrong[i], &why), -EINVAL);
                assert_true(why.len > 0);
                buf_done(&why);
        }
}

/* It is said when frames do not pass because the expression means nothing for them; and who has such frames only may
 * ask for what Ethernet does not have. */
static void test_filter_of_link(void **state)
{
        static const uint8_t wireless[32] = {[0] = 0x08, [24] = 0xaa, [25] = 0xaa, [26] = 3, [30] = 8};
        static const uint32_t links[] = {1, 105, 1};
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct buf why = BUF_HEAP(1024);

        (void) state;
        assert_int_equal(capture_new(&c), 0);
        assert_int_equal(capture_batch_new(&b), 0);
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                MADE m = {0};

                put_header(&m, MICRO, links[i]);
                put_packet(&m, 1000, wireless, sizeof(wireless), 53);
                add(c, "x", &m);
        }
        assert_int_equal(capture_set_filter(c, "wlan type data", &why), 0);
        assert_int_equal(why.len, 0);
        assert_int_equal(capture_next(c, b, &why), 1);
        assert_int_equal(b->frames[0].link, 105);
        assert_string_equal(buf_str(&why), "filter: means nothing for link type 1: none of its frames pass\n");
        assert_int_equal(capture_next(c, b, &why), 0);
        buf_done(&why);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),          cmocka_unit_test(test_backward),
                cmocka_unit_test(test_many_files),     cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_filter),         cmocka_unit_test(test_filter_refused),
                cmocka_unit_test(test_filter_of_link),
        };

        return cmocka_run_group_tests_name("source/capture_merge", tests, NULL, NULL);
}

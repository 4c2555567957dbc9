/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The consumer of the event ring, over a file laid out as the kernel's ring: the consumer's page, the producer's page,
 * the data, and the data once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/host_ring.h"

#define BYTES   4096u
#define GOT_MAX 1024

static size_t page;
static uint8_t *file;
static struct host_ring *ring;
static unsigned long produced;
static struct {
        size_t len;
        uint8_t first, last;
} got[GOT_MAX];
static int n_got;

static unsigned long *consumer(void)
{
        return (unsigned long *) (void *) file;
}

static void publish(void)
{
        *(unsigned long *) (void *) (file + page) = produced;
}

static void put(unsigned long at, const void *bytes, size_t len)
{
        for (size_t i = 0; i < len; i++)
                for (int copy = 0; copy < 2; copy++)
                        file[2 * page + (at + i) % BYTES + (size_t) copy * BYTES] = ((const uint8_t *) bytes)[i];
}

static void put_head(unsigned long at, uint32_t word)
{
        const uint32_t head[2] = {word, 0};

        put(at, head, sizeof(head));
}

/* Writes a record of `len` bytes `fill`; returns where. */
static unsigned long produce(uint32_t len, uint8_t fill, uint32_t flags)
{
        unsigned long at = produced;
        uint8_t bytes[BYTES];

        memset(bytes, fill, len);
        put_head(at, len | flags);
        put(at + BPF_RINGBUF_HDR_SZ, bytes, len);
        produced += (len + BPF_RINGBUF_HDR_SZ + 7ul) & ~7ul;
        publish();
        return at;
}

static void each(void *userdata, const void *record, size_t len)
{
        const uint8_t *b = record;

        assert_ptr_equal(userdata, &n_got);
        assert_true(n_got < GOT_MAX);
        got[n_got].len = len;
        got[n_got].first = len ? b[0] : 0;
        got[n_got++].last = len ? b[len - 1] : 0;
}

static int consume(int budget)
{
        n_got = 0;
        return host_ring_read(ring, budget, each, &n_got);
}

static int begin(void **state)
{
        int fd = memfd_create("ring", MFD_CLOEXEC);
        size_t size;

        (void) state;
        page = (size_t) sysconf(_SC_PAGESIZE);
        size = 2 * page + 2 * BYTES;
        if (fd < 0 || ftruncate(fd, (off_t) size) < 0)
                return -1;
        file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        produced = 0;
        if (file == MAP_FAILED || host_ring_new(fd, BYTES, &ring) < 0)
                return -1;
        return host_ring_fd(ring) == fd ? 0 : -1;
}

static int finish(void **state)
{
        (void) state;
        host_ring_free(ring);
        munmap(file, 2 * page + 2 * BYTES);
        return 0;
}

static void test_records(void **state)
{
        (void) state;
        assert_int_equal(consume(10), 0);
        produce(16, 1, 0);
        produce(33, 2, 0);
        produce(0, 0, 0);
        assert_int_equal(consume(10), 3);
        assert_int_equal(got[0].len, 16);
        assert_int_equal(got[0].first, 1);
        assert_int_equal(got[1].len, 33);
        assert_int_equal(got[1].last, 2);
        assert_int_equal(got[2].len, 0);
        assert_int_equal(*consumer(), produced);
        assert_int_equal(consume(10), 0);
        assert_int_equal(host_ring_bad(ring), 0);
}

static void test_busy(void **state)
{
        unsigned long at;

        (void) state;
        produce(16, 1, 0);
        at = produce(16, 2, BPF_RINGBUF_BUSY_BIT);
        produce(16, 3, 0);
        assert_int_equal(consume(10), 1);
        assert_int_equal(*consumer(), at);
        assert_int_equal(consume(10), 0); /* still being written: those behind it wait too */
        put_head(at, 16);
        assert_int_equal(consume(10), 2);
        assert_int_equal(got[0].first, 2);
        assert_int_equal(got[1].first, 3);
        at = produce(16, 4, BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        assert_int_equal(consume(10), 0);
        assert_int_equal(*consumer(), at);
}

static void test_discard(void **state)
{
        (void) state;
        produce(100, 1, BPF_RINGBUF_DISCARD_BIT);
        produce(16, 2, 0);
        produce(8, 3, BPF_RINGBUF_DISCARD_BIT);
        assert_int_equal(consume(10), 1);
        assert_int_equal(got[0].first, 2);
        assert_int_equal(*consumer(), produced);
}

static void test_budget(void **state)
{
        (void) state;
        for (uint8_t i = 1; i <= 10; i++)
                produce(24, i, 0);
        assert_int_equal(consume(4), 4);
        assert_int_equal(*consumer(), 4 * 32);
        assert_int_equal(consume(0), 0);
        assert_int_equal(consume(100), 6);
        assert_int_equal(got[0].first, 5);
}

/* Records cross the end of the data; they come out whole, since it is mapped twice in a row. */
static void test_wrap_around(void **state)
{
        unsigned crossed = 0;

        (void) state;
        for (unsigned i = 1; i <= 500; i++) {
                unsigned long at = produce(40 + i % 120, (uint8_t) i, 0);

                crossed += at / BYTES != (produced - 1) / BYTES;
                assert_int_equal(consume(10), 1);
                assert_int_equal(got[0].len, 40 + i % 120);
                assert_int_equal(got[0].first, (uint8_t) i);
                assert_int_equal(got[0].last, (uint8_t) i);
        }
        assert_true(crossed > 3);
        assert_int_equal(host_ring_bad(ring), 0);
}

static void test_full(void **state)
{
        (void) state;
        produced = *consumer() = 7 * BYTES + 8; /* somewhere */
        produce(BYTES - BPF_RINGBUF_HDR_SZ, 9, 0);
        assert_int_equal(consume(10), 1);
        assert_int_equal(got[0].len, BYTES - BPF_RINGBUF_HDR_SZ);
        assert_int_equal(got[0].last, 9);
}

/* A length that leads nowhere: skipped with what is behind it, counted, and the ring goes on. */
static void test_corrupt(void **state)
{
        static const uint32_t words[] = {
                17,
                BYTES,
                2 * BYTES,
                BPF_RINGBUF_DISCARD_BIT - 1,
                BPF_RINGBUF_DISCARD_BIT | 17,
                BPF_RINGBUF_DISCARD_BIT | (BPF_RINGBUF_DISCARD_BIT - 1),
        };

        (void) state;
        for (unsigned i = 0; i < 6; i++) {
                unsigned long at;

                produce(16, 1, 0);
                at = produce(16, 2, 0); /* the last one, so that 17 is too long */
                put_head(at, words[i]);
                assert_int_equal(consume(10), 1);
                assert_int_equal(host_ring_bad(ring), i + 1);
                assert_int_equal(*consumer(), produced);
                produce(16, 3, 0);
                assert_int_equal(consume(10), 1);
                assert_int_equal(got[0].first, 3);
        }
        produce(16, 1, 0); /* the producer's place itself is nonsense */
        produced += 5 * BYTES;
        publish();
        put_head(produced - 5 * BYTES, 2 * BYTES);
        assert_int_equal(consume(10), 1);
        assert_int_equal(*consumer(), produced);
}

/* A consumer that is ahead of the producer, as after a foreign write, reads nothing. */
static void test_ahead(void **state)
{
        (void) state;
        produce(16, 1, 0);
        *consumer() = produced + 64;
        assert_int_equal(consume(10), 0);
        assert_int_equal(host_ring_bad(ring), 0);
}

static void test_no_ring(void **state)
{
        struct host_ring *none = NULL;

        (void) state;
        assert_int_equal(host_ring_new(-1, BYTES, &none), -EBADF);
        assert_null(none);
        host_ring_free(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
        const struct CMUnitTest tests[] = {
                TEST(test_records), TEST(test_busy),        TEST(test_discard),
                TEST(test_budget),  TEST(test_wrap_around), TEST(test_full),
                TEST(test_corrupt), TEST(test_ahead),       cmocka_unit_test(test_no_ring),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

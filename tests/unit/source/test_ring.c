/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A capture ring on a veth pair: bytes and times, VLAN tags, the filter, a ring that is full. Root. */
#include "ring_rig.h"

#include <cap-ng.h>
#include <linux/capability.h>
#include <sys/wait.h>

static void test_bytes_and_times(void **state)
{
        static const size_t lens[] = {14, 15, 60, 64, 577, 1513, 1514};
        OPENED o = OPEN(.interface = "vb", SMALL);
        nsec_t before = clock_realtime();
        uint8_t frame[1514];

        (void) state;
        for (uint32_t i = 0; i < ELEMENTSOF(lens); i++)
                send_frame("va", frame, make_frame(frame, i, lens[i]));
        assert_int_equal(take_frames(o.rings[0], ELEMENTSOF(lens)), ELEMENTSOF(lens));
        for (uint32_t i = 0; i < taken.n; i++) {
                make_frame(frame, i, lens[i]);
                assert_true(is_frame(i, frame, lens[i]));
                assert_int_equal(taken.frames[i].link, 1);
                assert_true(taken.frames[i].time >= before - NSEC_PER_SEC);
                assert_true(taken.frames[i].time <= clock_realtime());
                assert_true(i == 0 || taken.frames[i].time >= taken.frames[i - 1].time);
        }
        assert_int_equal(stats_of(o.rings[0]).frames, ELEMENTSOF(lens));
        assert_int_equal(stats_of(o.rings[0]).drops, 0);
}

/* Many times round the ring, read in turn with the sending. */
static void test_round_and_round(void **state)
{
        OPENED o = OPEN(.interface = "vb", SMALL);
        uint8_t frame[1514];
        uint32_t next = 0;

        (void) state;
        for (uint32_t i = 0; i < 3000; i++) {
                send_frame("va", frame, make_frame(frame, i, 60 + i % 1400));
                if (i % 50 < 49)
                        continue;
                take_frames(o.rings[0], 50);
                for (uint32_t k = 0; k < taken.n; k++, next++) {
                        make_frame(frame, next, 60 + next % 1400);
                        assert_true(is_frame(k, frame, 60 + next % 1400));
                }
        }
        assert_int_equal(next, 3000);
        assert_int_equal(stats_of(o.rings[0]).drops, 0);
        assert_int_equal(stats_of(o.rings[0]).bad, 0);
}

static void test_full(void **state)
{
        OPENED o = OPEN(.interface = "vb", SMALL);
        uint8_t frame[1514];
        struct ring_stats s;
        uint32_t had;

        (void) state;
        for (uint32_t i = 0; i < 1000; i++)
                send_frame("va", frame, make_frame(frame, i, 1000));
        had = take_frames(o.rings[0], 0);
        s = stats_of(o.rings[0]);
        assert_true(had >= 100 && had < 300); /* 256 KiB */
        assert_int_equal(s.drops + had, 1000);
        assert_true(s.freezes > 0);
        for (uint32_t i = 0; i < had; i++) {
                make_frame(frame, i, 1000);
                assert_true(is_frame(i, frame, 1000));
        }
        send_frame("va", frame, make_frame(frame, 7, 200)); /* and goes on */
        take_frames(o.rings[0], 1);
        assert_true(is_frame(0, frame, 200));
        assert_int_equal(stats_of(o.rings[0]).drops, s.drops);
}

/* The kernel takes the outer tag off, the ring puts it back: byte for byte what was sent, in both directions. */
static void test_tags(void **state)
{
        static const struct {
                const char *tags;
                size_t len;
        } rows[] = {
                {"\x81\x00\x00\x05", 4},                 /* VLAN 5 */
                {"\x81\x00\xef\xff", 4},                 /* VLAN 4095, priority 7 */
                {"\x88\xa8\x00\x07\x81\x00\x00\x08", 8}, /* 802.1ad */
                {"\x81\x00\x00\x01\x81\x00\x00\x02\x81\x00\x00\x03", 12},
                {"\x81\x00\x00\x00", 4}, /* priority only */
                {"", 0},
        };
        OPENED in = OPEN(.interface = "vb", SMALL);
        OPENED out = OPEN(.interface = "va", SMALL);
        uint8_t plain[100], frames[ELEMENTSOF(rows)][120];

        (void) state;
        for (uint32_t i = 0; i < ELEMENTSOF(rows); i++) {
                make_frame(plain, i, sizeof(plain));
                memcpy(frames[i], plain, 12);
                memcpy(frames[i] + 12, rows[i].tags, rows[i].len);
                memcpy(frames[i] + 12 + rows[i].len, plain + 12, sizeof(plain) - 12);
                send_frame("va", frames[i], sizeof(plain) + rows[i].len);
        }
        for (int side = 0; side < 2; side++) {
                take_frames(side ? out.rings[0] : in.rings[0], ELEMENTSOF(rows));
                for (uint32_t i = 0; i < taken.n; i++)
                        assert_true(is_frame(i, frames[i], sizeof(plain) + rows[i].len));
        }
        assert_int_equal(stats_of(in.rings[0]).tags, 5);
}

/* UDP over IPv4 to a port, behind tags. */
static size_t make_udp(uint8_t *to, const char *tags, size_t tags_len, uint8_t port)
{
        const uint8_t ip[] = {0x08, 0, 0x45, 0,  0, 28, 0, 0, 0, 0, 64,   17, 0, 0, 10,
                              0,    0, 1,    10, 0, 0,  2, 4, 0, 0, port, 0,  8, 0, 0};

        make_frame(to, 0, 14);
        memcpy(to + 12, tags, tags_len);
        memcpy(to + 12 + tags_len, ip, sizeof(ip));
        return 12 + tags_len + sizeof(ip);
}

static void test_filter(void **state)
{
        static const struct {
                const char *filter;
                uint32_t n;
        } rows[] = {
                {"udp port 53", 1},
                {"not udp", 2},
                {"vlan 5", 1},
                {"vlan 6", 0},
                {"not vlan", 3},
                {"vlan and udp port 53", 1},
                {"vlan and udp dst port 80", 0},
                {"udp port 53 or (vlan and udp port 53)", 2},
                {"ether[12:2] = 0x8100 and ether[14:2] = 5 and ether[16:2] = 0x800", 1},
                {"ether proto 0x88b5", 1},
                {"len < 10", 0},
                {NULL, 4},
        };
        uint8_t frame[128];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                OPENED o = OPEN(.interface = "vb", .filter = rows[i].filter, SMALL);

                send_frame("va", frame, make_udp(frame, "", 0, 53));
                send_frame("va", frame, make_udp(frame, "", 0, 80));
                send_frame("va", frame, make_udp(frame, "\x81\x00\x00\x05", 4, 53));
                send_frame("va", frame, make_frame(frame, 0, 60));
                if (take_frames(o.rings[0], 0) != rows[i].n)
                        fail_msg("%s: %u frames", rows[i].filter, taken.n);
                /* it stays: who has the descriptor cannot see more */
                assert_int_equal(setsockopt(o.fds[0], SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int)), -1);
                assert_int_equal(errno, EPERM);
        }
}

static void test_snaplen(void **state)
{
        static const char *const filters[] = {NULL, "ether[0] = 2"};
        uint8_t frame[1000];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                OPENED o = OPEN(.interface = "vb", .filter = filters[i], .snaplen = 77, SMALL);

                send_frame("va", frame, make_frame(frame, 1, sizeof(frame)));
                take_frames(o.rings[0], 1);
                assert_int_equal(taken.frames[0].caplen, 77);
                assert_int_equal(taken.frames[0].len, sizeof(frame));
                assert_memory_equal(taken.frames[0].data, frame, 77);
        }
}

static int refused(const struct ring_params *p)
{
        struct buf why = BUF_HEAP(1024);
        int fds[RING_WORKERS_MAX] = {-7}, r = ring_open(p, fds, &why);

        assert_true(r < 0);
        assert_true(why.len > 0);
        assert_int_equal(fds[0], -7);
        buf_done(&why);
        return r;
}

#define REFUSED(...) refused(&(struct ring_params){__VA_ARGS__})

static void test_refused(void **state)
{
        (void) state;
        assert_int_equal(REFUSED(.interface = "none"), -ENODEV);
        assert_int_equal(REFUSED(.interface = ""), -ENODEV);
        assert_int_equal(REFUSED(.interface = "a name that is far too long for a device"), -ENODEV);
        assert_int_equal(REFUSED(.interface = "vb", .filter = "udp prot 3"), -EINVAL);
        assert_int_equal(REFUSED(.interface = "vb", .block_size = 1000), -EINVAL);
        assert_int_equal(REFUSED(.interface = "vb", .block_size = 3u << 16), -EINVAL);
        assert_int_equal(REFUSED(.interface = "vb", .blocks = 100000), -EINVAL);
        assert_int_equal(REFUSED(.interface = "vb", .workers = 65), -EINVAL);
}

/* Runs in a child with only the capability given; -1: none. */
static int open_with(int capability)
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                struct ring_params p = {.interface = "vb", .promiscuous = true, .workers = 2, SMALL};
                char text[256];
                struct buf why = BUF_FIXED(text);
                int fds[2];

                capng_clear(CAPNG_SELECT_BOTH);
                if (capability >= 0)
                        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned) capability);
                if (capng_apply(CAPNG_SELECT_CAPS) < 0)
                        _exit(99);
                _exit(-ring_open(&p, fds, &why));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_capability(void **state)
{
        (void) state;
        assert_int_equal(open_with(CAP_NET_RAW), 0);
        assert_int_equal(open_with(-1), EPERM);
        assert_int_equal(open_with(CAP_NET_ADMIN), EPERM);
}

/* The engine's half, without any capability and as nobody. Exit status: what went wrong. */
static void read_as_nobody(const struct ring_params *p, int fd)
{
        struct ring_stats s;
        struct ring *r;
        struct frame f;
        uint8_t frame[200];
        struct pollfd event = {.fd = fd, .events = POLLIN};
        int n;

        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_change_id(65534, 65534, CAPNG_DROP_SUPP_GRP) < 0)
                _exit(1);
        if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM)
                _exit(2);
        if (ring_new(fd, p, &r) < 0)
                _exit(3);
        while ((n = ring_next(r, &f, 1)) == 0)
                if (poll(&event, 1, (int) (DEADLINE / NSEC_PER_MSEC)) <= 0)
                        _exit(4);
        if (n != 1 || f.caplen != sizeof(frame) || memcmp(f.data, frame, make_frame(frame, 3, sizeof(frame))) != 0)
                _exit(5);
        if (ring_get_stats(r, &s) < 0 || s.frames != 1)
                _exit(6);
        ring_free(r);
        _exit(0);
}

static void test_unprivileged(void **state)
{
        const struct ring_params p = {.interface = "vb", SMALL};
        struct buf why = BUF_HEAP(1024);
        _cleanup_close_ int fd = -EBADF;
        uint8_t frame[200];
        int status;
        pid_t pid;

        (void) state;
        assert_int_equal(ring_open(&p, &fd, &why), 0);
        buf_done(&why);
        send_frame("va", frame, make_frame(frame, 3, sizeof(frame)));
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                read_as_nobody(&p, fd);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_promiscuous(void **state)
{
        OPENED o = OPEN(.interface = "vb", .promiscuous = true, SMALL);

        (void) state;
        run("ip -d link show vb | grep -q 'promiscuity 1'");
        assert_int_equal(o.n, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes_and_times),
                cmocka_unit_test(test_round_and_round),
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_tags),
                cmocka_unit_test(test_filter),
                cmocka_unit_test(test_snaplen),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_capability),
                cmocka_unit_test(test_unprivileged),
                cmocka_unit_test(test_promiscuous),
        };
        const char *reason = enter_namespace();

        if (reason) {
                puts(reason);
                return 77;
        }
        return cmocka_run_group_tests_name("source/ring", tests, NULL, NULL);
}

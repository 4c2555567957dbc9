/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture rings of several workers, and of devices that are no plain Ethernet, go down, or go away. Root. */
#include "ring_rig.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>

#define WORKERS 4

/* What stands between the Ethernet addresses and the packet, and the packet: 4, 6, or an ARP request. */
struct shape {
        const char *head;
        size_t head_len;
        char packet;
        bool followed; /* by the kernel's program */
};

static const struct shape shapes[] = {
        {"\x08\x00", 2, '4', true},
        {"\x86\xdd", 2, '6', true},
        {"\x08\x06", 2, 'a', true},
        {"\x81\x00\x00\x05\x08\x00", 6, '4', true},
        {"\x81\x00\x00\x05\x86\xdd", 6, '6', true},
        {"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00", 10, '4', true},
        {"\x91\x00\x00\x05\x81\x00\x00\x06\x81\x00\x00\x07\x86\xdd", 14, '6', true},
        {"\x81\x00\x00\x05\x08\x06", 6, 'a', true},
        {"\x88\x64\x11\x00\x00\x01\x00\x30\x00\x21", 10, '4', true},
        {"\x88\x64\x11\x00\x00\x01\x00\x30\x00\x57", 10, '6', true},
        {"\x81\x00\x00\x05\x88\x64\x11\x00\x00\x01\x00\x30\x00\x21", 14, '4', true},
        {"\x88\x47\x00\x01\x01\x40", 6, '4', true},
        {"\x88\x47\x00\x01\x00\x40\x00\x02\x00\x40\x00\x01\x01\x40", 14, '6', true},
        {"\x88\xb5", 2, '4', true}, /* no IP: shard 0 */
        {"\x00\x30\xaa\xaa\x03\x00\x00\x00\x08\x00", 10, '4', false},
};

static size_t make_shape(uint8_t *to, const struct shape *s, uint32_t i)
{
        /* addresses that differ from frame to frame; every second one the other direction of the one before */
        uint8_t a[16] = {0x20, 1, 0x0d, 0xb8, [12] = 10, [13] = (uint8_t) (i / 2), [15] = (uint8_t) (i / 2 * 13)};
        uint8_t b[16] = {0x20, 1, 0x0d, 0xb8, 1, [12] = 198, [13] = 51, [14] = (uint8_t) (i / 16), [15] = 9};
        const uint8_t *src = i % 2 ? a : b, *dst = i % 2 ? b : a;
        uint8_t *p = to + 12 + s->head_len;

        make_frame(to, i, 14);
        memcpy(to + 12, s->head, s->head_len);
        memset(p, 0, 60);
        if (s->packet == '4') {
                memcpy(p, "\x45\0\0\x1c\0\0\0\0\x40\x11", 10);
                memcpy(p + 12, src + 12, 4);
                memcpy(p + 16, dst + 12, 4);
        } else if (s->packet == '6') {
                memcpy(p, "\x60\0\0\0\0\x08\x11\x40", 8);
                memcpy(p + 8, src, 16);
                memcpy(p + 24, dst, 16);
        } else {
                memcpy(p, "\0\x01\x08\0\x06\x04\0\x01", 8);
                memcpy(p + 14, src + 12, 4);
                memcpy(p + 24, dst + 12, 4);
        }
        return 12 + s->head_len + 60;
}

#define PER_SHAPE 40u

/* Each frame once, on the ring that its shard says; both where it arrives and where it leaves. */
static void test_workers(void **state)
{
        OPENED in = OPEN(.interface = "vb", .workers = WORKERS, SMALL);
        OPENED out = OPEN(.interface = "va", .workers = WORKERS, SMALL);
        uint32_t used = 0;

        (void) state;
        for (uint32_t k = 0; k < ELEMENTSOF(shapes); k++)
                for (uint32_t i = 0; i < PER_SHAPE; i++) {
                        uint8_t frame[128];

                        send_frame("va", frame, make_shape(frame, &shapes[k], i));
                }
        for (unsigned w = 0; w < 2 * WORKERS; w++) {
                struct ring *r = w < WORKERS ? in.rings[w] : out.rings[w - WORKERS];

                take_frames(r, 0);
                used += taken.n;
                for (uint32_t i = 0; i < taken.n; i++) {
                        unsigned shard = packet_shard(&taken.frames[i]);
                        bool followed = taken.frames[i].data[12] != 0;

                        if (w % WORKERS != (followed ? shard % WORKERS : 0))
                                fail_msg("ring %u: type %02x%02x shard %u", w, taken.frames[i].data[12],
                                         taken.frames[i].data[13], shard);
                }
                assert_true(taken.n > ELEMENTSOF(shapes) * PER_SHAPE / WORKERS / 2);
                assert_int_equal(stats_of(r).drops, 0);
        }
        assert_int_equal(used, 2 * ELEMENTSOF(shapes) * PER_SHAPE);
}

/* Frames that are cut anywhere go to one ring each. Seen where they leave: a receiver drops those cut within a tag. */
static void test_workers_cut_frames(void **state)
{
        OPENED o = OPEN(.interface = "va", .workers = 2, .filter = "len < 1000", SMALL);
        uint32_t sent = 0;

        (void) state;
        for (uint32_t k = 0; k < ELEMENTSOF(shapes); k++) {
                uint8_t frame[128];
                size_t len = make_shape(frame, &shapes[k], 2 * k);

                for (size_t cut = 14; cut < len; cut += 3, sent++)
                        send_frame("va", frame, cut);
        }
        take_frames(o.rings[0], 0);
        sent -= taken.n;
        take_frames(o.rings[1], 0);
        assert_int_equal(taken.n, sent);
        for (uint32_t i = 0; i < taken.n; i++)
                assert_int_equal(packet_shard(&taken.frames[i]) % 2, 1);
}

static void test_down_and_up(void **state)
{
        OPENED o = OPEN(.interface = "vb", .workers = 2, SMALL);
        uint8_t frame[64];

        (void) state;
        for (unsigned i = 1; i <= 3; i++) {
                send_frame("va", frame, make_frame(frame, i, 64));
                take_frames(o.rings[0], 1);
                assert_true(is_frame(0, frame, 64));
                run("ip link set vb down");
                assert_int_equal(take_frames(o.rings[0], 0), 0);
                assert_int_equal(take_frames(o.rings[1], 0), 0);
                assert_int_equal(stats_of(o.rings[0]).downs, i);
                assert_int_equal(stats_of(o.rings[1]).downs, i);
                bring_up();
        }
        /* the workers have kept their places */
        for (uint32_t i = 0; i < PER_SHAPE; i++) {
                uint8_t packet[128];

                send_frame("va", packet, make_shape(packet, &shapes[0], i));
        }
        for (unsigned w = 0; w < 2; w++) {
                assert_true(take_frames(o.rings[w], 0) > 0);
                for (uint32_t i = 0; i < taken.n; i++)
                        assert_int_equal(packet_shard(&taken.frames[i]) % 2, w);
        }
}

static void test_down_at_first(void **state)
{
        uint8_t frame[64];

        (void) state;
        run("ip link set vb down");
        OPENED o = OPEN(.interface = "vb", SMALL);
        assert_int_equal(take_frames(o.rings[0], 0), 0);
        bring_up();
        send_frame("va", frame, make_frame(frame, 5, 64));
        take_frames(o.rings[0], 1);
        assert_true(is_frame(0, frame, 64));
}

/* Waits for ring_next() to give that. */
static void expect_error(struct ring *r, int error)
{
        nsec_t end = clock_boottime() + DEADLINE;
        struct frame f;
        int n;

        do {
                struct pollfd p = {.fd = ring_fd(r), .events = POLLIN};

                n = ring_next(r, &f, 1);
                if (n == 0)
                        (void) poll(&p, 1, QUIET);
        } while (n == 0 && clock_boottime() < end);
        assert_int_equal(n, error);
}

/* Frames until nothing more comes, or the device is gone. */
static uint32_t take_or_end(struct ring *r)
{
        uint32_t sum = 0;

        for (;;) {
                struct pollfd p = {.fd = ring_fd(r), .events = POLLIN};
                struct frame f[16];
                int n = ring_next(r, f, ELEMENTSOF(f));

                if (n == -ENODEV)
                        return sum;
                assert_true(n >= 0);
                sum += (uint32_t) n;
                if (n == 0 && poll(&p, 1, QUIET) == 0)
                        return sum;
        }
}

static void test_removed(void **state)
{
        const struct ring_params p = {.interface = "vb", .promiscuous = true, SMALL};
        OPENED o = open_rings(&p);
        struct frame f;
        uint8_t frame[64];

        (void) state;
        send_frame("va", frame, make_frame(frame, 1, 64));
        take_frames(o.rings[0], 1);
        run("ip link del vb");
        expect_error(o.rings[0], -ENODEV);
        assert_int_equal(ring_next(o.rings[0], &f, 1), -ENODEV); /* and stays so */
        assert_int_equal(ring_rebind(o.fds[0], &p), -ENODEV);
        make_pair();
        assert_int_equal(ring_rebind(o.fds[0], &p), 0);
        send_frame("va", frame, make_frame(frame, 2, 64));
        take_frames(o.rings[0], 1);
        assert_true(is_frame(0, frame, 64));
        run("ip -d link show vb | grep -q 'promiscuity 1'");
        struct ring_params two = p;
        two.workers = 2;
        assert_int_equal(ring_rebind(o.fds[0], &two), -EOPNOTSUPP);
}

/* The rings of several workers all say so; they are opened anew. */
static void test_removed_workers(void **state)
{
        const struct ring_params p = {.interface = "vb", .workers = 3, SMALL};

        (void) state;
        for (unsigned round = 0; round < 2; round++) {
                OPENED o = open_rings(&p);
                uint32_t n = 0;

                for (uint32_t i = 0; i < PER_SHAPE; i++) {
                        uint8_t frame[128];

                        send_frame("va", frame, make_shape(frame, &shapes[0], i));
                }
                if (round == 0) /* with frames in them that nobody has read yet: they still come */
                        run("ip link del vb");
                for (unsigned w = 0; w < p.workers; w++) {
                        n += take_or_end(o.rings[w]);
                        if (round == 0)
                                expect_error(o.rings[w], -ENODEV);
                }
                assert_int_equal(n, PER_SHAPE);
                if (round == 0)
                        make_pair();
        }
}

static int open_tun(const char *name, short flags)
{
        struct ifreq r = {.ifr_flags = (short) (flags | IFF_NO_PI)};
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
        if (fd >= 0 && ioctl(fd, TUNSETIFF, &r) < 0) {
                close(fd);
                fd = -1;
        }
        return fd;
}

static const uint8_t udp53[] = {0x45, 0, 0,  28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0,
                                0,    1, 10, 0,  0, 2, 4, 0, 0,  53, 0, 8, 0,  0};

/* "any": of a tun device bare packets, of Ethernet frames; the filter means the same on both. */
static void test_any(void **state)
{
        static const char *const filters[] = {"udp port 53", "not udp port 53", NULL};
        static const uint32_t wanted[] = {3, 3, 6};
        _cleanup_close_ int tun = open_tun("tun7", IFF_TUN);
        uint8_t frame[64];

        (void) state;
        if (tun < 0) {
                print_message("no tun devices here\n");
                skip();
        }
        run("ip link set tun7 up");
        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                OPENED o = OPEN(.interface = "any", .filter = filters[i], .promiscuous = true, SMALL);
                uint8_t other[sizeof(udp53)];
                uint32_t raw = 0;

                memcpy(other, udp53, sizeof(other));
                other[23] = 80;
                assert_int_equal(write(tun, udp53, sizeof(udp53)), sizeof(udp53));
                assert_int_equal(write(tun, other, sizeof(other)), sizeof(other));
                make_frame(frame, 0, 14);
                memcpy(frame + 12, "\x08\x00", 2);
                memcpy(frame + 14, udp53, sizeof(udp53));
                send_frame("va", frame, 14 + sizeof(udp53)); /* seen leaving va and arriving at vb */
                frame[14 + 23] = 80;
                send_frame("va", frame, 14 + sizeof(udp53));
                assert_int_equal(take_frames(o.rings[0], 0), wanted[i]);
                for (uint32_t k = 0; k < taken.n; k++) {
                        const struct frame *f = &taken.frames[k];

                        raw += f->link == 101;
                        assert_int_equal(f->caplen, f->link == 101 ? sizeof(udp53) : 14 + sizeof(udp53));
                        assert_int_equal(f->data[f->link == 101 ? 0 : 14], 0x45);
                }
                assert_int_equal(raw, i == 2 ? 2 : 1);
        }
}

/* Devices come and go; "any" goes on, with the same workers for the same addresses. */
static void test_any_stays(void **state)
{
        OPENED o = OPEN(.interface = "any", .workers = 2, SMALL);

        (void) state;
        for (unsigned round = 0; round < 2; round++) {
                uint32_t n = 0;

                for (uint32_t i = 0; i < PER_SHAPE; i++) {
                        uint8_t frame[128];

                        send_frame("va", frame, make_shape(frame, &shapes[round], i));
                }
                for (unsigned w = 0; w < 2; w++) {
                        n += take_frames(o.rings[w], 0);
                        for (uint32_t i = 0; i < taken.n; i++)
                                assert_int_equal(packet_shard(&taken.frames[i]) % 2, w);
                        assert_int_equal(stats_of(o.rings[w]).downs, 0);
                }
                assert_int_equal(n, 2 * PER_SHAPE);
                run("ip link del va");
                assert_int_equal(take_frames(o.rings[0], 0), 0);
                make_pair();
        }
}

static void test_tun(void **state)
{
        _cleanup_close_ int tun = open_tun("tun8", IFF_TUN);
        uint8_t packet[sizeof(udp53)];

        (void) state;
        if (tun < 0) {
                print_message("no tun devices here\n");
                skip();
        }
        run("ip link set tun8 up");
        OPENED o = OPEN(.interface = "tun8", .workers = 2, SMALL);
        for (uint8_t i = 0; i < 20; i++) {
                memcpy(packet, udp53, sizeof(packet));
                packet[15] = i;
                assert_int_equal(write(tun, packet, sizeof(packet)), sizeof(packet));
        }
        uint32_t n = 0;
        for (unsigned w = 0; w < 2; w++) {
                n += take_frames(o.rings[w], 0);
                for (uint32_t i = 0; i < taken.n; i++) {
                        assert_int_equal(taken.frames[i].link, 101);
                        assert_int_equal(taken.frames[i].caplen, sizeof(packet));
                        assert_int_equal(packet_shard(&taken.frames[i]) % 2, w);
                }
        }
        assert_int_equal(n, 20);
}

/* Each packet once, although it goes out and comes in. */
static void test_loopback(void **state)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void) state;
        run("ip link set lo up");
        OPENED o = OPEN(.interface = "lo", .filter = "udp port 9", SMALL);
        for (int i = 0; i < 5; i++)
                assert_int_equal(sendto(fd, "hello", 5, 0, (const struct sockaddr *) &to, sizeof(to)), 5);
        assert_int_equal(take_frames(o.rings[0], 0), 5);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(taken.frames[i].link, 1);
                assert_memory_equal(taken.frames[i].data + 42, "hello", 5);
        }
        run("ip link set lo down");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_workers),     cmocka_unit_test(test_workers_cut_frames),
                cmocka_unit_test(test_down_and_up), cmocka_unit_test(test_down_at_first),
                cmocka_unit_test(test_removed),     cmocka_unit_test(test_removed_workers),
                cmocka_unit_test(test_any),         cmocka_unit_test(test_any_stays),
                cmocka_unit_test(test_tun),         cmocka_unit_test(test_loopback),
        };
        const char *reason = enter_namespace();

        if (reason) {
                puts(reason);
                return 77;
        }
        return cmocka_run_group_tests_name("source/ring_devices", tests, NULL, NULL);
}

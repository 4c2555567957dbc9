/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-mix: one large capture out of many small ones, for the bench of reading. Every round plays all inputs again
 * with other hosts: private addresses are spread over 10.0.0.0/8 (IPv6: fd00::/8), so that there are as many home hosts
 * and flows as rounds make of them; outside addresses stay, since servers are shared. Of a pair without a private
 * address the lower one is taken home. Payloads are untouched; checksums are not mended.
 *
 *   sekimori-mix [--first N] [--snap N] [--at-once N] OUT BYTES ROUNDS FILE...
 *
 * At least BYTES and at least ROUNDS rounds, each a minute long, where every input begins at a second of its own;
 * --at-once plays so many rounds in the same minute. --first keeps the first N packets of each flow of an input, --snap
 * the first N bytes of a packet: more flows and hosts in the same bytes. Prints what it wrote as JSON. Not installed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/capture.h"

#define ROUND_SECONDS 60 /* the inputs of one round begin within so many */
#define INPUTS_MAX    2048
#define LINK_ETHERNET 1
#define FLOW_SLOTS    (1u << 16) /* of one input: what shares a slot counts together */

static uint32_t first_of_flow = UINT32_MAX, snap = UINT32_MAX, at_once = 1;

struct input {
        struct frame *frames;
        uint8_t *bytes;
        uint32_t n;
};

static uint64_t mix(uint64_t x) /* splitmix64, Steele et al. 2014 */
{
        x += 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        return x ^ x >> 31;
}

static bool private4(uint32_t a)
{
        return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe;
}

static bool ordinary4(uint32_t a)
{
        return a >> 28 != 0xe && a != UINT32_MAX && a && a >> 24 != 127;
}

static void move_home4(uint8_t *p, uint32_t a, uint64_t round)
{
        uint32_t to = htonl(10u << 24 | (mix(a ^ round << 32) & 0xffffff));

        memcpy(p, &to, 4);
}

static void rewrite4(uint8_t *ip, uint64_t round)
{
        uint32_t a, b;

        memcpy(&a, ip + 12, 4);
        memcpy(&b, ip + 16, 4);
        a = ntohl(a);
        b = ntohl(b);
        if (ordinary4(a) && (private4(a) || (!private4(b) && (a < b || !ordinary4(b)))))
                move_home4(ip + 12, a, round);
        if (ordinary4(b) && (private4(b) || (!private4(a) && (b < a || !ordinary4(a)))))
                move_home4(ip + 16, b, round);
}

static void move_home6(uint8_t *p, uint64_t round)
{
        uint64_t low;

        memcpy(&low, p + 8, 8);
        low = mix(low ^ round << 32);
        p[0] = 0xfd;
        memcpy(p + 1, &low, 7);
}

static void rewrite6(uint8_t *ip, uint64_t round)
{
        uint8_t *a = ip + 8, *b = ip + 24;

        if (a[0] == 0xff || b[0] == 0xff) {
                if (a[0] != 0xff)
                        move_home6(a, round);
        } else
                move_home6(memcmp(a, b, 16) < 0 ? a : b, round);
}

static void rewrite(uint8_t *data, uint32_t len, uint64_t round)
{
        uint32_t at = 12;

        while (at + 6 <= len && data[at] == 0x81 && data[at + 1] == 0)
                at += 4;
        if (at + 22 <= len && data[at] == 8 && data[at + 1] == 0)
                rewrite4(data + at + 2, round);
        else if (at + 42 <= len && data[at] == 0x86 && data[at + 1] == 0xdd)
                rewrite6(data + at + 2, round);
}

/* The same for both directions; of what is neither TCP nor UDP over IP: something. */
static uint64_t flow_hash(const uint8_t *data, uint32_t len)
{
        uint32_t at = 12, addr, size, ports;
        uint64_t ends[2] = {0};

        while (at + 6 <= len && data[at] == 0x81 && data[at + 1] == 0)
                at += 4;
        if (at + 26 <= len && data[at] == 8 && data[at + 1] == 0)
                addr = at + 14, size = 4, ports = at + 2 + (data[at + 2] & 15u) * 4;
        else if (at + 46 <= len && data[at] == 0x86 && data[at + 1] == 0xdd)
                addr = at + 10, size = 16, ports = at + 42;
        else
                return 0;
        for (uint32_t end = 0; end < 2; end++) {
                for (uint32_t i = 0; i < size; i++)
                        ends[end] = mix(ends[end] ^ data[addr + end * size + i]);
                if (ports + 4 <= len)
                        ends[end] = mix(ends[end] ^ (uint64_t) data[ports + 2 * end] << 8 ^ data[ports + 2 * end + 1]);
        }
        return mix(ends[0] + ends[1]);
}

/* Is it one of the first packets of its flow? */
static bool is_wanted(uint32_t *seen, const struct frame *f)
{
        return first_of_flow == UINT32_MAX || seen[flow_hash(f->data, f->caplen) % FLOW_SLOTS]++ < first_of_flow;
}

static int load(const char *path, struct input *in)
{
        static uint32_t seen[FLOW_SLOTS];
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        uint64_t bytes = 0, room = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC), n;

        if (fd < 0 || capture_new(&c) < 0 || capture_batch_new(&b) < 0 || capture_add(c, path, fd, NULL, 0, NULL) < 0)
                return -EINVAL;
        memset(seen, 0, sizeof(seen));
        while ((n = capture_next(c, b, NULL)) > 0)
                for (uint32_t i = 0; i < b->n; i++) {
                        struct frame f = b->frames[i];

                        if (f.link != LINK_ETHERNET || !is_wanted(seen, &f))
                                continue;
                        f.caplen = MIN(f.caplen, snap);
                        if (in->n % 1024 == 0)
                                in->frames = realloc(in->frames, (in->n + 1024) * sizeof(f));
                        if (bytes + f.caplen > room) {
                                room = 2 * room + f.caplen + 65536;
                                in->bytes = realloc(in->bytes, room);
                        }
                        if (!in->frames || !in->bytes)
                                return -ENOMEM;
                        memcpy(in->bytes + bytes, f.data, f.caplen);
                        f.data = (const uint8_t *) (uintptr_t) bytes; /* an offset, until all are there */
                        bytes += f.caplen;
                        in->frames[in->n++] = f;
                }
        for (uint32_t i = in->n; i-- > 0;) {
                in->frames[i].data = in->bytes + (uintptr_t) in->frames[i].data;
                in->frames[i].time -= in->frames[0].time;
        }
        return 0;
}

/* What was written. */
static struct {
        uint64_t packets, bytes, tcp, udp, icmp, other, ipv6;
} count;

static void count_frame(const uint8_t *data, uint32_t len)
{
        uint32_t at = 12;
        int proto = -1;

        while (at + 6 <= len && data[at] == 0x81 && data[at + 1] == 0)
                at += 4;
        if (at + 22 <= len && data[at] == 8 && data[at + 1] == 0)
                proto = data[at + 11];
        else if (at + 42 <= len && data[at] == 0x86 && data[at + 1] == 0xdd)
                count.ipv6++, proto = data[at + 8];
        count.packets++;
        count.bytes += len;
        if (proto == IPPROTO_TCP)
                count.tcp++;
        else if (proto == IPPROTO_UDP)
                count.udp++;
        else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
                count.icmp++;
        else
                count.other++;
}

struct next {
        const struct input *in;
        uint32_t at;
        nsec_t begin;
        uint64_t round;
};

static nsec_t time_of(const struct next *n)
{
        return n->begin + n->in->frames[n->at].time;
}

static void sift(struct next *heap, size_t n, size_t i)
{
        for (;;) {
                size_t least = i;

                for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++)
                        if (time_of(&heap[c]) < time_of(&heap[least]))
                                least = c;
                if (least == i)
                        return;
                struct next swap = heap[i];

                heap[i] = heap[least];
                heap[least] = swap;
                i = least;
        }
}

static int put_frame(FILE *out, const struct next *next)
{
        const struct frame *f = &next->in->frames[next->at];
        nsec_t time = time_of(next);
        uint8_t copy[262144];
        uint32_t head[4] = {(uint32_t) (time / NSEC_PER_SEC), (uint32_t) (time % NSEC_PER_SEC / 1000), f->caplen,
                            f->len};

        if (f->caplen > sizeof(copy))
                return 0;
        memcpy(copy, f->data, f->caplen);
        rewrite(copy, f->caplen, next->round);
        count_frame(copy, f->caplen);
        return fwrite(head, sizeof(head), 1, out) == 1 && fwrite(copy, 1, f->caplen, out) == f->caplen ? 0 : -EIO;
}

/* All inputs, once for each of `at_once` rounds, in order of time; `from` is when they begin. */
static int put_rounds(FILE *out, const struct input *inputs, size_t n, uint64_t round, nsec_t from)
{
        struct next *heap = calloc(n * at_once, sizeof(*heap));
        size_t k = 0;
        int r = heap ? 0 : -ENOMEM;

        for (size_t i = 0; heap && i < n * at_once; i++)
                if (inputs[i % n].n)
                        heap[k++] = (struct next){
                                .in = &inputs[i % n],
                                .begin = from + (nsec_t) (mix(i) % ROUND_SECONDS) * NSEC_PER_SEC,
                                .round = round + i / n,
                        };
        for (size_t i = k; i-- > 0;)
                sift(heap, k, i);
        while (k && r == 0) {
                r = put_frame(out, &heap[0]);
                if (++heap[0].at == heap[0].in->n)
                        heap[0] = heap[--k];
                sift(heap, k, 0);
        }
        free(heap);
        return r;
}

/* Seconds stay as they are up to the round's length; longer captures are pressed together. */
static void press(struct input *in)
{
        nsec_t length = in->n ? in->frames[in->n - 1].time : 0, most = ROUND_SECONDS * NSEC_PER_SEC;

        if (length <= most)
                return;
        for (uint32_t i = 0; i < in->n; i++)
                in->frames[i].time = (nsec_t) ((double) in->frames[i].time * (double) most / (double) length);
}

static int write_mix(FILE *out, const struct input *inputs, size_t n, uint64_t bytes, uint64_t rounds)
{
        static const uint32_t header[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 262144, LINK_ETHERNET};

        if (fwrite(header, sizeof(header), 1, out) != 1)
                return -EIO;
        for (uint64_t round = 0; round < rounds || (uint64_t) ftello(out) < bytes; round += at_once)
                if (put_rounds(out, inputs, n, round,
                               (1600000000 + (nsec_t) (round / at_once) * ROUND_SECONDS) * NSEC_PER_SEC) < 0 ||
                    (round == 0 && (uint64_t) ftello(out) <= sizeof(header)))
                        return -EIO;
        return 0;
}

static bool take_options(int argc, char **argv)
{
        static const struct option options[] = {
                {"first", required_argument, NULL, 'f'},
                {"snap", required_argument, NULL, 's'},
                {"at-once", required_argument, NULL, 'a'},
                {0},
        };
        int option;

        while ((option = getopt_long(argc, argv, "+", options, NULL)) > 0)
                switch (option) {
                case 'f':
                        first_of_flow = (uint32_t) strtoul(optarg, NULL, 10);
                        break;
                case 's':
                        snap = (uint32_t) strtoul(optarg, NULL, 10);
                        break;
                case 'a':
                        at_once = MAX((uint32_t) strtoul(optarg, NULL, 10), 1u);
                        break;
                default:
                        return false;
                }
        return argc - optind >= 4 && argc - optind - 3 <= INPUTS_MAX;
}

int main(int argc, char **argv)
{
        static struct input inputs[INPUTS_MAX];
        uint64_t bytes, rounds;
        size_t n = 0;
        FILE *out;
        int r;

        if (!take_options(argc, argv)) {
                fprintf(stderr, "usage: sekimori-mix [--first N] [--snap N] [--at-once N] OUT BYTES ROUNDS FILE...\n");
                return 2;
        }
        argv += optind;
        bytes = strtoull(argv[1], NULL, 10);
        rounds = strtoull(argv[2], NULL, 10);
        out = fopen(argv[0], "wbe");
        if (!out) {
                perror(argv[0]);
                return 3;
        }
        for (char **file = argv + 3; *file; file++)
                if (load(*file, &inputs[n]) < 0)
                        fprintf(stderr, "%s: left out\n", *file);
                else
                        press(&inputs[n++]);
        r = write_mix(out, inputs, n, bytes, rounds);
        if (fclose(out) != 0 || r < 0) {
                fprintf(stderr, "sekimori-mix: cannot write\n");
                return 3;
        }
        printf("{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"tcp\":%" PRIu64 ",\"udp\":%" PRIu64
               ",\"icmp\":%" PRIu64 ",\"other\":%" PRIu64 ",\"ipv6\":%" PRIu64 "}\n",
               count.packets, count.bytes, count.tcp, count.udp, count.icmp, count.other, count.ipv6);
        return 0;
}

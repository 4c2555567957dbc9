/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet decoder on captures of others: nothing is read behind a frame, what comes out agrees with itself, almost
 * all of it is decoded, both directions share a shard. Prints what could
 * not be decoded, and the time per packet. SEKIMORI_DATA names the data; without it, ../shared/data. */
#include <ftw.h>

#include "packet_rig.h"

#include "base/table.h"
#include "pcap_file.h"

static struct packet_stats total;
static struct table *pairs;
static uint64_t frames, decode_ns, shard_ns;

struct pair {
        struct addr low, high;
        unsigned shard;
};

static const char *data_folder(void)
{
        return getenv("SEKIMORI_DATA") ?: "../shared/data";
}

/* Everything that packet.h says about a decoded packet. */
static void check_packet(const struct frame *f, const struct packet *p)
{
        uint64_t kept = (p->flags & PACKET_FRAGMENTED) ? 65535 : f->caplen;

        assert_true(p->payload_len <= kept && p->payload_len <= p->wire_len && p->wire_len <= p->ip_len);
        if (!(p->flags & PACKET_FRAGMENTED))
                assert_true(p->payload >= f->data && p->payload + p->payload_len <= f->data + f->caplen);
        assert_int_equal(!!(p->flags & PACKET_CUT), p->payload_len < p->wire_len);
        assert_int_equal(!!(p->flags & PACKET_TUNNELED), p->depth > 0);
        assert_true(p->depth <= 4 && p->vlan < 4096);
        assert_int_equal(p->time, f->time);
        for (uint32_t i = 0; i < p->payload_len; i += 64)
                (void) *(volatile const uint8_t *) (p->payload + i);
}

/* The same pair of addresses, in either order, has the same shard in every frame of every file. */
static void check_shard(const struct frame *f, const struct packet *p)
{
        bool swap = memcmp(&p->src, &p->dst, sizeof(p->src)) > 0, created;
        struct pair key = {.low = swap ? p->dst : p->src, .high = swap ? p->src : p->dst}, *pair;
        unsigned s = packet_shard(f);

        assert_in_range(s, 0, SHARDS - 1);
        pair = table_insert(pairs, &key, &created);
        assert_non_null(pair);
        if (created)
                pair->shard = s;
        assert_int_equal(pair->shard, s);
}

/* The outer addresses of an Ethernet frame without tags, read by hand. */
static bool outer4(const struct frame *f, struct packet *ret)
{
        if (f->link != ETHERNET || f->caplen < 34 || f->data[12] != 8 || f->data[13] != 0)
                return false;
        ret->src = ret->dst = host4(0);
        memcpy(ret->src.b + 12, f->data + 26, 4);
        memcpy(ret->dst.b + 12, f->data + 30, 4);
        return true;
}

static void measure(const struct frame *f, unsigned n)
{
        struct packet_decoder *d = decoder(0);
        unsigned sum = 0;
        nsec_t t[3];

        t[0] = clock_boottime();
        for (unsigned i = 0; i < n; i++)
                sum += packet_decode(d, &f[i], &P);
        t[1] = clock_boottime();
        for (unsigned i = 0; i < n; i++)
                sum += packet_shard(&f[i]);
        t[2] = clock_boottime();
        decode_ns += (uint64_t) (t[1] - t[0]);
        shard_ns += (uint64_t) (t[2] - t[1]);
        assert_true(n == 0 || sum < UINT32_MAX);
        packet_decoder_free(d);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        static struct frame all[65536];
        struct packet_decoder *d;
        struct packet_stats s;
        struct pcap_file file;
        unsigned n = 0;

        (void) st;
        (void) ftw;
        if (type != FTW_F || !pcap_open(path, &file))
                return 0;
        d = decoder(0);
        while (n < ELEMENTSOF(all) && pcap_next(&file, &all[n])) {
                _cleanup_free_ uint8_t *copy = malloc(all[n].caplen ? all[n].caplen : 1);
                struct frame f = all[n++];
                struct packet p, outer;

                assert_non_null(copy);
                memcpy(copy, f.data, f.caplen);
                f.data = copy;
                if (packet_decode(d, &f, &p) == PACKET_OK) {
                        check_packet(&f, &p);
                        if (p.depth == 0)
                                check_shard(&f, &p);
                }
                if (outer4(&f, &outer))
                        check_shard(&f, &outer);
        }
        packet_get_stats(d, &s);
        for (unsigned i = 0; i < PACKET_ERRORS; i++)
                total.errors[i] += s.errors[i];
        total.fragments += s.fragments;
        total.reassembled += s.reassembled;
        total.tunneled += s.tunneled;
        frames += n;
        packet_decoder_free(d);
        measure(all, n);
        pcap_done(&file);
        return 0;
}

static void test_captures(void **state)
{
        uint64_t wrong = 0;

        (void) state;
        assert_int_equal(table_new(&(struct table_params){.name = "pairs",
                                                          .cap = 100000,
                                                          .key_size = 32,
                                                          .entry_size = sizeof(struct pair)},
                                   &pairs),
                         0);
        assert_int_equal(nftw(data_folder(), visit, 16, FTW_PHYS), 0);
        print_message("%llu frames, %u pairs of addresses; decode %llu ns, shard %llu ns\n",
                      (unsigned long long) frames, table_count(pairs),
                      (unsigned long long) (decode_ns / MAX(frames, 1)),
                      (unsigned long long) (shard_ns / MAX(frames, 1)));
        for (unsigned i = 0; i < PACKET_ERRORS; i++) {
                print_message("%8llu %s\n", (unsigned long long) total.errors[i], packet_error_title(i));
                wrong += i > PACKET_NOT_IP ? total.errors[i] : 0;
        }
        print_message("%8llu fragments, %llu packets of them, %llu in tunnels\n", (unsigned long long) total.fragments,
                      (unsigned long long) total.reassembled, (unsigned long long) total.tunneled);
        assert_true(frames > 0);
        /* Of the captures at hand 30 in 79,000 are wrong, all of them made so. */
        assert_true(wrong * 1000 < frames);
        table_free(pairs);
}

/* Captures named for their checksums. */
static void test_checksums(void **state)
{
        static const char *const kinds[] = {"ip4-icmp", "ip4-tcp", "ip4-udp", "ip6-tcp", "ip6-udp", "ip6-icmp6"};
        unsigned seen = 0;

        (void) state;
        for (size_t i = 0; i < 2 * ELEMENTSOF(kinds); i++) {
                struct packet_decoder *d = decoder(PACKET_CHECK);
                struct pcap_file file;
                struct frame f;
                char path[512];
                unsigned bad = 0;

                (void) snprintf(path, sizeof(path), "%s/pcap/zeek/chksums/%s-%s-chksum.pcap", data_folder(),
                                kinds[i / 2], i % 2 ? "bad" : "good");
                if (pcap_open(path, &file)) {
                        while (pcap_next(&file, &f))
                                if (packet_decode(d, &f, &P) == PACKET_OK && (P.flags & PACKET_BAD_CHECKSUM))
                                        bad++;
                        if ((bad > 0) != i % 2)
                                fail_msg("%s: %u bad checksums", path, bad);
                        seen++;
                        pcap_done(&file);
                }
                packet_decoder_free(d);
        }
        if (seen == 0)
                skip();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_captures),
                cmocka_unit_test(test_checksums),
        };
        _cleanup_free_ char *pcaps = NULL;

        if (asprintf(&pcaps, "%s/pcap", data_folder()) < 0 || access(pcaps, R_OK) < 0) {
                puts("no captures: set SEKIMORI_DATA to a folder of them");
                return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}

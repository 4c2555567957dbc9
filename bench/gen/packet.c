/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AF_PACKET: sendto(), without its own header, with a ring, with and without the queueing discipline. Runs in
 * sekimori-gen. */
#include "frame.h"

#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS 20
#endif

#define RING_BLOCK 65536u
#define RING_FRAME 2048u

static uint16_t ip_checksum(const void *data, size_t len)
{
        const uint8_t *p = data;
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < len; i += 2)
                sum += (uint32_t) p[i] << 8 | p[i + 1];
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t) ~sum);
}

int frame_fill(const struct gen *g, struct frame *ret)
{
        const union gen_addr from = gen_local(g, AF_INET, 0), to = gen_peer(g, AF_INET, 0);
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq ifr = {0};
        struct frame f = {0};

        memcpy(ifr.ifr_name, g->dev, sizeof(ifr.ifr_name));
        if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
                return -errno;
        memcpy(f.eth.ether_dhost, g->peer_mac, ETH_ALEN);
        memcpy(f.eth.ether_shost, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
        f.eth.ether_type = htons(ETHERTYPE_IP);
        f.ip.version = 4;
        f.ip.ihl = 5;
        f.ip.tot_len = htons(sizeof(f) - sizeof(f.eth));
        f.ip.ttl = 64;
        f.ip.protocol = IPPROTO_UDP;
        f.ip.saddr = from.in.sin_addr.s_addr;
        f.ip.daddr = to.in.sin_addr.s_addr;
        f.ip.check = ip_checksum((const char *) &f + sizeof(f.eth), sizeof(f.ip));
        f.udp.source = htons(40078);
        f.udp.dest = htons(GEN_PORT_UDP);
        f.udp.len = htons(sizeof(f.udp) + sizeof(f.data));
        memcpy(f.data, send_payload, SEND_PAYLOAD);
        *ret = f;
        return 0;
}

struct packet_job {
        int type;
        bool bypass, ring;
};

static int ring_send(struct gen *g, int fd, const struct frame *f, const struct sockaddr_ll *to)
{
        struct tpacket_req req = {.tp_block_size = RING_BLOCK,
                                  .tp_block_nr = 1,
                                  .tp_frame_size = RING_FRAME,
                                  .tp_frame_nr = RING_BLOCK / RING_FRAME};
        int version = TPACKET_V2;
        uint8_t *ring;

        g->count = MIN(g->count, req.tp_frame_nr);
        if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
            setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)) < 0)
                return -errno;
        if (bind(fd, (const struct sockaddr *) to, sizeof(*to)) < 0)
                return -errno;
        ring = mmap(NULL, RING_BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (ring == MAP_FAILED)
                return -errno;
        for (unsigned i = 0; i < g->count; i++) {
                struct tpacket2_hdr *h = (struct tpacket2_hdr *) (void *) (ring + i * RING_FRAME);

                memcpy((uint8_t *) h + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), f, sizeof(*f));
                h->tp_len = sizeof(*f);
                __atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
        }
        return send(fd, NULL, 0, 0) < 0 ? -errno : 0;
}

static int packet_call(struct gen *g, void *arg)
{
        const struct packet_job *job = arg;
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = ETH_ALEN};
        struct frame f;
        size_t skip = job->type == SOCK_DGRAM ? sizeof(f.eth) : 0;
        int one = 1, r = frame_fill(g, &f), fd;

        if (r < 0)
                return r;
        /* protocol 0: it only sends */
        fd = socket(AF_PACKET, job->type | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        to.sll_ifindex = (int) if_nametoindex(g->dev);
        memcpy(to.sll_addr, g->peer_mac, ETH_ALEN);
        if (job->bypass && setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
                return -errno;
        if (job->ring)
                return ring_send(g, fd, &f, &to);
        for (unsigned i = 0; i < g->count; i++)
                if (sendto(fd, (const char *) &f + skip, sizeof(f) - skip, 0, (const struct sockaddr *) &to,
                           sizeof(to)) < 0)
                        return -errno;
        return 0;
}

static int packet_case(struct gen *g, struct packet_job job)
{
        const union gen_addr to = gen_peer(g, AF_INET, 0);
        struct actor *a;
        struct gen_expect *e;
        int r = actor_thread(g, &a);

        if (r < 0)
                return r;
        r = actor_do(a, packet_call, &job);
        if (r < 0)
                return gen_failed(g, r, "AF_PACKET");
        e = gen_expect(g, 0, -1, &to);
        e->kind = "packet";
        actor_sender(g, e, actor_task(a), NULL, 0);
        return 0;
}

static int packet_sendto(struct gen *g)
{
        return packet_case(g, (struct packet_job){.type = SOCK_RAW});
}

static int packet_dgram(struct gen *g)
{
        return packet_case(g, (struct packet_job){.type = SOCK_DGRAM});
}

static int packet_bypass(struct gen *g)
{
        return packet_case(g, (struct packet_job){.type = SOCK_RAW, .bypass = true});
}

static int packet_txring(struct gen *g)
{
        return packet_case(g, (struct packet_job){.type = SOCK_RAW, .ring = true});
}

static int packet_txring_bypass(struct gen *g)
{
        return packet_case(g, (struct packet_job){.type = SOCK_RAW, .ring = true, .bypass = true});
}

const struct gen_case gen_cases_packet[] = {
        {"packet-sendto", "AF_PACKET, whole frames by sendto()", packet_sendto},
        {"packet-dgram", "AF_PACKET, SOCK_DGRAM", packet_dgram},
        {"packet-txring", "PACKET_TX_RING", packet_txring},
        {"packet-bypass", "AF_PACKET past the queueing discipline", packet_bypass},
        {"packet-txring-bypass", "PACKET_TX_RING past the queueing discipline", packet_txring_bypass},
        {0},
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The capture ring: setting it up (warden) and reading it (engine). Frames are taken with their link header, since the
 * sender of an AF_PACKET frame could give a false protocol beside it. */
#include "source/host_proc_capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SNAPLEN     128
#define BLOCK_SIZE  (1u << 18)
#define BLOCKS      32u /* 8 MiB: some 40,000 headers */
#define FRAME_SIZE  2048u
#define RETIRE_MSEC 10 /* a block that is not full is handed over after this */
#define RING_SIZE   ((size_t) BLOCK_SIZE * BLOCKS)

struct host_proc_capture {
        uint8_t *ring;
        unsigned block;  /* the one being read */
        uint32_t packet; /* packets of it already read */
        uint32_t offset; /* of the next one */
};

int host_proc_capture_open(int *ret_fd)
{
        static struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SNAPLEN)};
        const struct sock_fprog filter = {.len = ELEMENTSOF(all), .filter = all};
        const struct tpacket_req3 ring = {
                .tp_block_size = BLOCK_SIZE,
                .tp_block_nr = BLOCKS,
                .tp_frame_size = FRAME_SIZE,
                .tp_frame_nr = BLOCK_SIZE / FRAME_SIZE * BLOCKS,
                .tp_retire_blk_tov = RETIRE_MSEC,
        };
        const struct sockaddr_ll all_devices = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
        const int version = TPACKET_V3, one = 1;
        /* Of no protocol until the ring stands: nothing is queued that no one would read. */
        _cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)) < 0 ||
            setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
            setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) < 0 ||
            bind(fd, (const struct sockaddr *) &all_devices, sizeof(all_devices)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int host_proc_capture_new(int fd, struct host_proc_capture **ret)
{
        _cleanup_close_ int own = fd;
        _cleanup_free_ struct host_proc_capture *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->ring = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        if (c->ring == MAP_FAILED)
                return -errno;
        *ret = TAKE_PTR(c);
        return 0;
}

void host_proc_capture_free(struct host_proc_capture *c)
{
        if (!c)
                return;
        munmap(c->ring, RING_SIZE);
        free(c);
}

static enum host_proc_link link_of(unsigned hatype)
{
        switch (hatype) {
        case ARPHRD_ETHER:
        case ARPHRD_LOOPBACK:
        case ARPHRD_IEEE802:
                return HOST_PROC_LINK_ETHERNET;
        default: /* tunnels, PPP, TUN: the mac header is empty or another; tp_net says where IP begins */
                return HOST_PROC_LINK_RAW;
        }
}

/* 0: delivered or not IP; -EBADMSG. */
static int read_one(const struct tpacket3_hdr *h, struct host_proc_captured *ret)
{
        const uint8_t *frame = (const uint8_t *) h;
        const struct sockaddr_ll *from = (const void *) (frame + TPACKET_ALIGN(sizeof(*h)));
        enum host_proc_link link = link_of(from->sll_hatype);
        size_t skip = 0;
        int r;

        if (link == HOST_PROC_LINK_RAW && h->tp_net > h->tp_mac)
                skip = (size_t) (h->tp_net - h->tp_mac);
        if (skip > h->tp_snaplen)
                return -EBADMSG;
        r = host_proc_packet_parse(link, frame + h->tp_mac + skip, h->tp_snaplen - skip, h->tp_len - skip,
                                   &ret->packet);
        if (r < 0)
                return r;
        ret->time = (nsec_t) h->tp_sec * NSEC_PER_SEC + h->tp_nsec;
        ret->ifindex = (uint32_t) from->sll_ifindex;
        switch (from->sll_pkttype) {
        case PACKET_OUTGOING:
                ret->direction = HOST_PROC_OUT;
                break;
        case PACKET_HOST:
                ret->direction = HOST_PROC_IN;
                break;
        case PACKET_BROADCAST:
        case PACKET_MULTICAST:
                ret->direction = HOST_PROC_GROUP;
                break;
        default:
                ret->direction = HOST_PROC_OTHER;
                break;
        }
        return 0;
}

static struct tpacket_block_desc *block_of(const struct host_proc_capture *c)
{
        return (void *) (c->ring + (size_t) c->block * BLOCK_SIZE);
}

int host_proc_capture_read(struct host_proc_capture *c, int budget,
                           void (*packet)(void *userdata, const struct host_proc_captured *p), void *userdata,
                           uint64_t *ret_bad)
{
        int n = 0;

        while (n < budget) {
                struct tpacket_block_desc *b = block_of(c);
                struct host_proc_captured p;
                const struct tpacket3_hdr *h;
                int r;

                if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
                        break;
                if (c->packet == 0)
                        c->offset = b->hdr.bh1.offset_to_first_pkt;
                if (c->packet >= b->hdr.bh1.num_pkts) {
                        __atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
                        c->packet = 0;
                        c->block = (c->block + 1) % BLOCKS;
                        continue;
                }
                h = (const void *) ((const uint8_t *) b + c->offset);
                r = read_one(h, &p);
                if (r == 0)
                        packet(userdata, &p);
                else if (r == -EBADMSG && ret_bad)
                        ++*ret_bad;
                c->packet++;
                c->offset += h->tp_next_offset;
                n++;
        }
        return n;
}

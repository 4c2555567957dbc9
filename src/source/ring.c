/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a capture ring. The kernel hands over whole blocks; their frames are used where they lie, and the block goes
 * back when its last frame was read. Headers in it are the kernel's own, yet checked against the block's end: a frame
 * must not lead out of the ring, whatever goes wrong. Runs in the engine: no calls but poll() by the caller, and, while
 * there is nothing to read, getsockopt() and getsockname(). */
#include "source/ring.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "source/ring_internal.h"

/* https://www.tcpdump.org/linktypes.html */
#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW      101
#define LINKTYPE_80211    105
#define LINKTYPE_RADIOTAP 127

struct ring {
        int fd;
        uint8_t *memory;
        struct ring_sizes sizes;
        uint32_t block;  /* the one being read */
        uint32_t left;   /* frames in it not read yet; 0 and !held: not begun */
        uint32_t offset; /* of the next one */
        bool held;
        nsec_t gone; /* when the device was first seen to be away; 0: it is there */
        struct ring_stats stats;
};

static size_t size_of(const struct ring *r)
{
        return (size_t) r->sizes.block * r->sizes.blocks;
}

int ring_new(int fd, const struct ring_params *params, struct ring **ret)
{
        _cleanup_close_ int own = fd;
        _cleanup_free_ struct ring *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        r->sizes = ring_sizes_of(params);
        r->memory = mmap(NULL, size_of(r), PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        if (r->memory == MAP_FAILED)
                return -errno;
        r->fd = TAKE_FD(own);
        *ret = TAKE_PTR(r);
        return 0;
}

void ring_free(struct ring *r)
{
        if (!r)
                return;
        (void) munmap(r->memory, size_of(r));
        closep(&r->fd);
        free(r);
}

int ring_fd(const struct ring *r)
{
        return r->fd;
}

static struct tpacket_block_desc *block_of(const struct ring *r)
{
        return (void *) (r->memory + (size_t) r->block * r->sizes.block);
}

void ring_release(struct ring *r)
{
        if (!r->held || r->left > 0)
                return;
        __atomic_store_n(&block_of(r)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        r->block = (r->block + 1) % r->sizes.blocks;
        r->held = false;
}

/* The tag that the card or the kernel took off stands beside the frame: it is put back behind the addresses. The kernel
 * left room for it (PACKET_RESERVE). */
static void restore_tag(struct ring *r, const struct tpacket3_hdr *h, uint8_t *data, struct frame *f)
{
        uint16_t type = ETH_P_8021Q, tci = (uint16_t) h->hv1.tp_vlan_tci;

        if (!(h->tp_status & TP_STATUS_VLAN_VALID) || f->caplen < 2 * ETH_ALEN)
                return;
        if (h->tp_status & TP_STATUS_VLAN_TPID_VALID)
                type = h->hv1.tp_vlan_tpid;
        memmove(data - RING_TAG_SIZE, data, 2 * ETH_ALEN);
        data += 2 * ETH_ALEN - RING_TAG_SIZE;
        data[0] = (uint8_t) (type >> 8);
        data[1] = (uint8_t) type;
        data[2] = (uint8_t) (tci >> 8);
        data[3] = (uint8_t) tci;
        f->data -= RING_TAG_SIZE;
        f->caplen += RING_TAG_SIZE;
        f->len += RING_TAG_SIZE;
        r->stats.tags++;
}

/* Behind whatever header the device has, there is an IP packet. */
static bool strip(struct frame *f, const struct tpacket3_hdr *h, const struct sockaddr_ll *from)
{
        uint32_t skip = h->tp_net > h->tp_mac ? (uint32_t) (h->tp_net - h->tp_mac) : 0;

        if ((from->sll_protocol != htons(ETH_P_IP) && from->sll_protocol != htons(ETH_P_IPV6)) || skip > f->caplen)
                return false;
        f->data += skip;
        f->caplen -= skip;
        f->len -= MIN(skip, f->len);
        f->link = LINKTYPE_RAW;
        return true;
}

/* 1: a frame; 0: none of ours; -EBADMSG. */
static int read_one(struct ring *r, uint8_t *at, uint32_t room, struct frame *ret)
{
        const struct tpacket3_hdr *h = (const void *) at;
        const struct sockaddr_ll *from = (const void *) (at + TPACKET_ALIGN(sizeof(*h)));
        uint32_t head = TPACKET_ALIGN(sizeof(*h)) + sizeof(*from);

        if (room < head || h->tp_mac < head + RING_TAG_SIZE || h->tp_mac > room || h->tp_snaplen > room - h->tp_mac)
                return -EBADMSG;
        *ret = (struct frame){.time = (nsec_t) h->tp_sec * NSEC_PER_SEC + h->tp_nsec,
                              .data = at + h->tp_mac,
                              .caplen = h->tp_snaplen,
                              .len = MAX(h->tp_len, h->tp_snaplen),
                              .link = LINKTYPE_ETHERNET};
        switch (from->sll_hatype) {
        case ARPHRD_ETHER:
        case ARPHRD_LOOPBACK:
                restore_tag(r, h, at + h->tp_mac, ret);
                return 1;
        case ARPHRD_IEEE80211:
                ret->link = LINKTYPE_80211;
                return 1;
        case ARPHRD_IEEE80211_RADIOTAP:
                ret->link = LINKTYPE_RADIOTAP;
                return 1;
        default:
                if (strip(ret, h, from))
                        return 1;
                r->stats.foreign++;
                return 0;
        }
}

static void begin_block(struct ring *r)
{
        const struct tpacket_block_desc *b = block_of(r);

        r->held = true;
        r->left = b->hdr.bh1.num_pkts;
        r->offset = b->hdr.bh1.offset_to_first_pkt;
}

/* The next frame of the block at hand, past those that are none of ours. */
static bool next_in_block(struct ring *r, struct frame *ret)
{
        uint8_t *block = (uint8_t *) block_of(r);

        while (r->left > 0) {
                uint8_t *at = block + r->offset;
                int got = r->offset < r->sizes.block ? read_one(r, at, r->sizes.block - r->offset, ret) : -EBADMSG;

                if (got < 0) {
                        r->stats.bad++;
                        r->left = 0;
                        return false;
                }
                r->offset += ((const struct tpacket3_hdr *) (const void *) at)->tp_next_offset;
                r->left--;
                if (got > 0)
                        return true;
        }
        return false;
}

/* With nothing to read: has the device gone down, or away? Reading the error also lets poll() wait again. What came
 * just before it went away the kernel has not handed over yet. */
static int look_at_device(struct ring *r)
{
        struct sockaddr_ll device;
        int error = 0;
        socklen_t size = sizeof(error), device_size = sizeof(device);
        nsec_t now;

        if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                return -errno;
        if (error != 0 && error != ENETDOWN)
                return -error;
        r->stats.downs += error == ENETDOWN;
        if (getsockname(r->fd, (struct sockaddr *) &device, &device_size) < 0)
                return -errno;
        if (device.sll_ifindex >= 0) { /* at most down: it comes back by itself */
                r->gone = 0;
                return 0;
        }
        now = clock_boottime();
        if (r->gone == 0)
                r->gone = now;
        return now - r->gone > RING_DELAY ? -ENODEV : 0;
}

int ring_next(struct ring *r, struct frame *frames, uint32_t max)
{
        uint32_t n = 0;

        ring_release(r);
        while (n == 0 && max > 0) {
                if (!r->held) {
                        const struct tpacket_block_desc *b = block_of(r);

                        if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
                                return look_at_device(r);
                        begin_block(r);
                }
                while (n < max && next_in_block(r, &frames[n])) {
                        r->stats.bytes += frames[n].caplen;
                        n++;
                }
                if (n == 0)
                        ring_release(r);
        }
        r->stats.frames += n;
        return (int) n;
}

int ring_get_stats(struct ring *r, struct ring_stats *ret)
{
        struct tpacket_stats_v3 kernel; /* since it was last asked */
        socklen_t size = sizeof(kernel);

        if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &kernel, &size) < 0)
                return -errno;
        r->stats.drops += kernel.tp_drops;
        r->stats.freezes += kernel.tp_freeze_q_cnt;
        *ret = r->stats;
        return 0;
}

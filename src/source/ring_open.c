/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening a capture ring. Every socket starts with a filter that nothing passes, gets its own once all of them stand,
 * and keeps that for good: no frame comes twice or unfiltered, and no one in the engine can take the filter off. Runs
 * in the warden, with CAP_NET_RAW. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/socket.h>

#include "source/ring_internal.h"
#include "source/ring_program.h"

#define FRAME_SIZE    2048u /* the kernel only checks it against the block's size */
#define RETIRE_MSEC   20    /* a block that is not full is handed over after this */
#define SIZE_MAX_RING (1u << 30)

struct ring_sizes ring_sizes_of(const struct ring_params *p)
{
        return (struct ring_sizes){
                .block = p->block_size ? p->block_size : RING_BLOCK_SIZE,
                .blocks = p->blocks ? p->blocks : RING_BLOCKS,
        };
}

static int set(int fd, int option, const void *value, socklen_t size)
{
        return setsockopt(fd, SOL_PACKET, option, value, size) < 0 ? -errno : 0;
}

static int attach(int fd, const struct sock_filter *code, unsigned n)
{
        const struct sock_fprog p = {.len = (unsigned short) n, .filter = (struct sock_filter *) (uintptr_t) code};

        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) < 0 ? -errno : 0;
}

/* 0 is "any". */
static int find(const char *name, int *ret)
{
        unsigned i = strcmp(name, "any") == 0 ? 0 : if_nametoindex(name);

        if (i == 0 && strcmp(name, "any") != 0)
                return errno == ENODEV || errno == ENXIO || errno == EINVAL ? -ENODEV : -errno;
        *ret = (int) i;
        return 0;
}

static int attach_device(int fd, int ifindex, bool promiscuous)
{
        const struct sockaddr_ll device = {
                .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
        const struct packet_mreq all = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC};

        if (bind(fd, (const struct sockaddr *) &device, sizeof(device)) < 0)
                return -errno;
        return promiscuous && ifindex > 0 ? set(fd, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) : 0;
}

static int open_socket(const struct ring_params *p, int ifindex, int *ret)
{
        static const struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
        const struct ring_sizes sizes = ring_sizes_of(p);
        const struct tpacket_req3 ring = {
                .tp_block_size = sizes.block,
                .tp_block_nr = sizes.blocks,
                .tp_frame_size = FRAME_SIZE,
                .tp_frame_nr = sizes.block / FRAME_SIZE * sizes.blocks,
                .tp_retire_blk_tov = RETIRE_MSEC,
        };
        const int version = TPACKET_V3, room = RING_TAG_SIZE;
        /* Of no protocol until the ring stands: nothing is queued that no one would read. */
        _cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = attach(fd, nothing, ELEMENTSOF(nothing));
        if (r == 0)
                r = set(fd, PACKET_VERSION, &version, sizeof(version));
        if (r == 0)
                r = set(fd, PACKET_RESERVE, &room, sizeof(room));
        if (r == 0)
                r = set(fd, PACKET_RX_RING, &ring, sizeof(ring));
        if (r == 0)
                r = attach_device(fd, ifindex, p->promiscuous);
        if (r == 0)
                *ret = TAKE_FD(fd);
        return r;
}

/* The first makes a group whose number the kernel chooses; the others join, in the order of the workers. */
static int join(int fd, unsigned worker, uint32_t *group)
{
        static const uint32_t type = PACKET_FANOUT_CBPF;
        uint32_t first = (type | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
        _cleanup_free_ struct ring_program *shard = NULL;
        socklen_t size = sizeof(*group);
        struct sock_fprog p;
        int r;

        if (worker > 0)
                return set(fd, PACKET_FANOUT, group, sizeof(*group));
        shard = malloc(sizeof(*shard));
        if (!shard)
                return -ENOMEM;
        ring_program_shard(shard);
        p = (struct sock_fprog){.len = (unsigned short) shard->n, .filter = shard->code};
        r = set(fd, PACKET_FANOUT, &first, sizeof(first));
        if (r == 0)
                r = set(fd, PACKET_FANOUT_DATA, &p, sizeof(p));
        if (r == 0 && getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &size) < 0)
                r = -errno;
        *group = (*group & 0xffff) | type << 16;
        return r;
}

static int open_all(const struct ring_params *p, const struct ring_program *filter, int *fds, unsigned n)
{
        const int one = 1;
        uint32_t group = 0;
        int ifindex, r = find(p->interface, &ifindex);

        for (unsigned i = 0; r == 0 && i < n; i++) {
                r = open_socket(p, ifindex, &fds[i]);
                if (r == 0 && n > 1)
                        r = join(fds[i], i, &group);
        }
        for (unsigned i = 0; r == 0 && i < n; i++) {
                r = attach(fds[i], filter->code, filter->n);
                if (r == 0 && setsockopt(fds[i], SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)) < 0)
                        r = -errno;
        }
        return r;
}

int ring_open(const struct ring_params *params, int *ret_fds, struct buf *why)
{
        const struct ring_sizes sizes = ring_sizes_of(params);
        const unsigned n = MAX(params->workers, 1u);
        _cleanup_free_ struct ring_program *filter = malloc(sizeof(*filter));
        int fds[RING_WORKERS_MAX], r;

        if (!filter)
                return -ENOMEM;
        if (n > RING_WORKERS_MAX || sizes.block < 1u << 16 || (sizes.block & (sizes.block - 1)) || sizes.blocks < 2 ||
            (uint64_t) sizes.block * sizes.blocks > SIZE_MAX_RING) {
                (void) buf_printf(why, "%s: a ring of %u blocks of %u bytes for %u workers cannot be",
                                  params->interface, sizes.blocks, sizes.block, n);
                return -EINVAL;
        }
        r = ring_program_filter(params->filter, params->snaplen ? params->snaplen : RING_SNAPLEN, filter, why);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < n; i++)
                fds[i] = -EBADF;
        r = open_all(params, filter, fds, n);
        for (unsigned i = 0; i < n; i++)
                if (r < 0)
                        closep(&fds[i]);
                else
                        ret_fds[i] = fds[i];
        if (r < 0)
                (void) buf_printf(why, "%s: %s", params->interface, strerror(-r));
        return r;
}

int ring_rebind(int fd, const struct ring_params *params)
{
        int ifindex, r = find(params->interface, &ifindex);

        if (r == 0 && params->workers > 1)
                r = -EOPNOTSUPP; /* the kernel binds no member of a group anew */
        return r < 0 ? r : attach_device(fd, ifindex, params->promiscuous);
}

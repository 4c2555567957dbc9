/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's second layer: nftables rules of the caller's network namespace that let a packet to a gated port out only
 * if it carries the permit's mark. They hold while no process of ours runs, and they see what no connect() tells of:
 * raw sockets, packet sockets (qdisc bypass included), forwarded and bridged packets. Used by the keeper (root with
 * CAP_NET_ADMIN) and by the command line.
 *
 *   inet sekimori_gate     prerouting: takes the mark from what comes in; output, forward: refuse
 *   netdev sekimori_gate   egress of each device but loopback: refuses what the frame itself says
 */
/* Refused are TCP, UDP, UDP-Lite, SCTP and DCCP to the ports, over IPv4 and IPv6, and packets cut so that their port
 * cannot be read. Packets over the loopback device pass: what a program hands to a mail server here is decided at
 * connect(). Not seen: what is wrapped for somebody who unwraps it (tunnels, PPPoE, MPLS, IPsec); AF_XDP and pktgen,
 * which pass no egress hook; what a packet socket's transmit ring has in it once it has been rewritten after the check;
 * and a sender of IP packets who sets the mark himself, by SO_MARK as an option or as a control message of sendmsg().
 * On a packet socket's frame the mark is not believed: such a frame has no route, and all that the IP layer sends has
 * one; except on a port of a bond or its like, and for tagged frames on a device that VLANs stand upon, where the route
 * is gone by then. A firewall that overwrites the whole mark of outgoing packets (CONNMARK --restore-mark without a
 * mask) makes the netdev table refuse what was permitted. */
#ifndef SEKIMORI_RESPOND_GATE_RULES_H
#define SEKIMORI_RESPOND_GATE_RULES_H

#include <net/if.h>

#include "base/buf.h"
#include "config/config.h"

#define GATE_RULES_TABLE       "sekimori_gate"
#define GATE_RULES_PORTS_MAX   8
#define GATE_RULES_DEVICES_MAX 1024
#define GATE_RULES_TEXT_MAX    (1 << 20)

struct gate_rules_params {
        const uint16_t *ports;              /* host order, none is 0 */
        unsigned n_ports;                   /* 1 to GATE_RULES_PORTS_MAX */
        uint32_t mark;                      /* one bit */
        const struct config_cidrs *forward; /* machines whose packets pass through this one; may be NULL */
};

struct gate_rules_device {
        char name[IFNAMSIZ];
        bool port; /* of a bond or its like, which takes a packet's route from it */
        bool tags; /* VLANs stand upon it, which do the same */
};

/* The devices of this network namespace but loopback, in the kernel's order; *ret is the caller's to free. At most
 * GATE_RULES_DEVICES_MAX of them; `ret_more` (may be NULL) says how many were left out. */
int gate_rules_devices(struct gate_rules_device **ret, unsigned *ret_n, unsigned *ret_more);

/* The text for `nft -f -`: makes both tables anew in one transaction. Devices whose names nft cannot express are left
 * out. 0, -EINVAL, or the buffer's error. */
int gate_rules_text(const struct gate_rules_params *params, const struct gate_rules_device *devices, unsigned n,
                    struct buf *out);

/* Puts them in force, for the devices that are there now; what stood there before is replaced in one step. 0; 1: in
 * force, but packet sockets and bridged packets are not covered, or not on each device (`why` says); or what nft_run()
 * said, and then nothing has changed. Blocks for at most a few times NFT_TIMEOUT, usually 20 ms. */
int gate_rules_apply(const struct gate_rules_params *params, struct buf *why);
/* Removes them and all that gate_rules_check() may have left. 0 also when there is nothing. */
int gate_rules_remove(struct buf *why);

/* Is exactly that in force, for the devices there are now? 0; 1: as gate_rules_apply(); -ENOENT: a table is missing;
 * -EBADMSG: something is different (`what` names table and chain); or what nft_run() said. Needs no memory of who
 * applied it: loads the same rules beside the real ones into a dormant table, which touches no packet, and compares. */
int gate_rules_check(const struct gate_rules_params *params, struct buf *what);

/* Tells of changes of the tables above by anybody, ourselves included. The descriptor is the caller's, does not block,
 * and becomes readable. read: 1: look again with gate_rules_check(); 0: nothing for us; negative errno, where -ENOBUFS
 * means that messages were lost: look again too. *ret, which may be NULL, stays untouched while nobody is known. */
struct gate_rules_author {
        uint32_t pid;  /* as the kernel says: whose transaction it was */
        char name[32]; /* its command name */
};
int gate_rules_watch_open(int *ret_fd);
int gate_rules_watch_read(int fd, struct gate_rules_author *ret);
/* The same for devices that come, go, or get another name: apply again. */
int gate_rules_links_open(int *ret_fd);
int gate_rules_links_read(int fd);

#endif

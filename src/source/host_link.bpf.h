/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the host sensor: raw IP, ICMP, AF_PACKET and AF_XDP sockets, and forged source addresses. The peer and
 * the source are read from the packet itself, on its way into the device queue; past the queue (PACKET_QDISC_BYPASS)
 * from where functions can be hooked, or else from the sender's memory just after the send. */
#ifndef SEKIMORI_SOURCE_HOST_LINK_BPF_H
#define SEKIMORI_SOURCE_HOST_LINK_BPF_H

#include "source/host_address.bpf.h"

#define ETH_P_IP     0x0800
#define ETH_P_IPV6   0x86dd
#define ARPHRD_ETHER 1
#define LINKS        1024
#define PROTO_ICMP   1
#define PROTO_ICMPV6 58

/* Raw and packet sockets: what their packets said, until the sending thread is known. */
struct link_state {
        u64 key;    /* the socket's address: on the way out a cookie cannot be given to a socket that has none yet */
        u64 cookie; /* 0: not known to have one */
        u64 told;   /* start of the thread that was last told to set it up */
        struct socket_state use;
        struct packet packet;
        struct peer forged_source, forged_target;
        u32 queued, queued_bytes;
        u32 unseen; /* sends whose packet has not come by yet */
        u32 forged, forged_pending;
        u16 forged_proto;
};

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, LINKS);
        __type(key, u32);
        __type(value, struct link_state);
} links SEC(".maps");

/* The state of a raw or packet socket; made anew when the address is another socket's by now. */
static __always_inline struct link_state *link_of(struct sock *sk)
{
        u64 key = number_of(sk), cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
        u32 i = mix(key >> 6) % LINKS;
        struct link_state *l = bpf_map_lookup_elem(&links, &i);

        if (!l)
                return NULL;
        if (l->key != key || (l->cookie && l->cookie != cookie)) {
                __builtin_memset(l, 0, sizeof(*l));
                l->key = key;
        }
        l->cookie = cookie;
        return l;
}

static __always_inline void forget_link(struct sock *sk)
{
        u64 key = number_of(sk);
        u32 i = mix(key >> 6) % LINKS;
        struct link_state *l = bpf_map_lookup_elem(&links, &i);

        if (!l || l->key != key)
                return;
        /* Never said where to, such as to neighbours that are not there. */
        if (l->unseen)
                count(HOST_COUNT_NO_PEER, l->unseen);
        l->key = 0;
}

/* As much of a packet as is looked at. */
struct ip_head {
        struct peer source, target;
        u16 ethertype;
        u16 proto;
};

/* Reads an IP header of a packet in kernel or user memory. false: no IP, or not readable. */
static __always_inline bool read_ip(const void *at, bool user, struct ip_head *ret)
{
        u8 h[40];
        u32 v4[2];
        u16 ports[2];
        u32 ihl;

        if (user ? bpf_probe_read_user(h, 20, at) : bpf_probe_read_kernel(h, 20, at))
                return false;
        if ((h[0] >> 4) == 4) {
                __builtin_memcpy(v4, h + 12, 8);
                map_v4(ret->source.a, v4[0]);
                map_v4(ret->target.a, v4[1]);
                ret->proto = h[9];
                ret->ethertype = ETH_P_IP;
                ihl = (h[0] & 15) * 4;
        } else if ((h[0] >> 4) == 6) {
                if (user ? bpf_probe_read_user(h, 40, at) : bpf_probe_read_kernel(h, 40, at))
                        return false;
                __builtin_memcpy(ret->source.a, h + 8, 16);
                __builtin_memcpy(ret->target.a, h + 24, 16);
                ret->proto = h[6];
                ret->ethertype = ETH_P_IPV6;
                ihl = 40;
        } else {
                return false;
        }
        if (user ? bpf_probe_read_user(ports, 4, at + ihl) : bpf_probe_read_kernel(ports, 4, at + ihl))
                return true;
        if (ret->proto == PROTO_TCP || ret->proto == PROTO_UDP) {
                ret->source.port = bpf_ntohs(ports[0]);
                ret->target.port = bpf_ntohs(ports[1]);
        } else if (ret->proto == PROTO_ICMP || ret->proto == PROTO_ICMPV6) {
                ret->source.port = bpf_ntohs(ports[0]); /* type and code */
        }
        return true;
}

/* Where the IP header starts behind an Ethernet header and at most two VLAN tags; NULL: no IP. */
static __always_inline const void *after_ethernet(const void *at, bool user)
{
        u16 type;
        u32 off = 12;

        for (int i = 0; i < 3; i++) {
                if (user ? bpf_probe_read_user(&type, 2, at + off) : bpf_probe_read_kernel(&type, 2, at + off))
                        return NULL;
                type = bpf_ntohs(type);
                off += type == 0x8100 || type == 0x88a8 ? 4 : 2;
                if (type == ETH_P_IP || type == ETH_P_IPV6)
                        return at + off;
        }
        return NULL;
}

static __always_inline struct host_socket_record *socket_begin(struct sock *sk, u64 cookie, u8 op, bool bypass)
{
        struct host_socket_record *r = record_begin(sizeof(*r), HOST_RECORD_SOCKET, op);

        if (!r)
                return NULL;
        __builtin_memset((void *) r + sizeof(r->head), 0, sizeof(*r) - sizeof(r->head));
        r->cookie = cookie;
        r->family = BPF_CORE_READ(sk, __sk_common.skc_family);
        r->proto = BPF_CORE_READ(sk, sk_protocol);
        r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
        r->bypass = bypass;
        return r;
}

static __always_inline void emit_socket(struct sock *sk, struct task_struct *t, u64 cookie, u8 op, bool bypass)
{
        struct host_socket_record *r = socket_begin(sk, cookie, op, bypass);

        if (!r)
                return;
        task_identity(t, &r->task);
        bpf_ringbuf_submit(r, 0);
}

static __always_inline void emit_forged(struct sock *sk, u64 cookie, struct link_state *s, struct task_struct *t,
                                        bool remembered, bool bypass)
{
        struct host_socket_record *r = socket_begin(sk, cookie, HOST_SOCKET_FORGED, bypass);

        if (!r)
                return;
        if (remembered)
                r->task = s->packet.sender;
        else
                task_identity(t, &r->task);
        __builtin_memcpy(r->local, s->forged_source.a, 16);
        __builtin_memcpy(r->remote, s->forged_target.a, 16);
        r->local_port = s->forged_source.port;
        r->remote_port = s->forged_target.port;
        r->proto = s->forged_proto;
        r->ifindex = s->packet.ifindex;
        r->count = s->forged;
        bpf_ringbuf_submit(r, 0);
}

/* Two hooks see one send: the packet's way out knows its content, the send call's return knows the thread (`current` is
 * not reliable on the way out: a packet that waits for a neighbour leaves from a softirq). They meet in the socket's
 * state; whichever comes second writes the records. */
static __always_inline void meet(struct sock *sk, u64 cookie, struct link_state *s, struct task_struct *t, u64 start,
                                 bool remembered, bool bypass)
{
        u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
        struct used w = {.sk = sk,
                         .cookie = cookie,
                         .out = true,
                         .t = t,
                         .packet = &s->packet,
                         .start = start,
                         .remembered = remembered};

        if (s->forged_pending) {
                u32 before = s->forged;

                s->forged += s->forged_pending;
                s->forged_pending = 0;
                /* the first, then each time there are twice as many */
                if (!before || (s->forged ^ before) > before)
                        emit_forged(sk, cookie, s, t, remembered, bypass);
        }
        w.bytes = s->queued_bytes;
        w.pkts = s->queued;
        s->packet.flags = family == AF_PACKET                    ? HOST_FLOW_PACKET :
                          family == AF_XDP                       ? HOST_FLOW_XDP :
                          BPF_CORE_READ(sk, sk_type) == SOCK_RAW ? HOST_FLOW_RAW :
                                                                   0;
        s->queued = s->queued_bytes = 0;
        note_use(&w, &s->use);
}

/* A packet of a raw or packet socket is on its way out. */
static __always_inline struct link_state *note_packet(struct sock *sk, struct net_device *dev, struct ip_head *ip,
                                                      u32 len)
{
        struct link_state *s = link_of(sk);
        bool unsure = false;

        if (!s)
                return NULL;
        s->use.peer = ip->target;
        s->packet.source = ip->source;
        s->packet.proto = ip->proto;
        s->packet.ifindex = dev ? BPF_CORE_READ(dev, ifindex) : 0;
        s->queued++;
        s->queued_bytes += len;
        if (dev && !is_own(dev, &ip->source, &unsure)) {
                if (unsure) {
                        count(HOST_COUNT_UNSURE, 1);
                } else {
                        s->forged_source = ip->source;
                        s->forged_target = ip->target;
                        s->forged_proto = ip->proto;
                        s->forged_pending++;
                }
        }
        return s;
}

static __always_inline void note_queued(struct sock *sk, struct net_device *dev, struct ip_head *ip, u32 len,
                                        bool bypass)
{
        struct link_state *s = note_packet(sk, dev, ip, len);

        if (s && s->unseen) {
                s->unseen--;
                meet(sk, BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), s, NULL, s->packet.sender.start, true,
                     bypass);
        }
}

/* The content of packets that go through the device queue. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_queue, struct sk_buff *skb)
{
        struct sock *sk = skb->sk;
        struct net_device *dev = skb->dev;
        struct ip_head ip = {};
        const void *at;
        struct socket *held;
        u16 family;
        u8 state;

        if (!sk)
                return 0;
        state = sk->__sk_common.skc_state;
        if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
                return 0; /* not a whole socket */
        family = sk->__sk_common.skc_family;
        if ((family == AF_INET || family == AF_INET6) && knows_peer(sk->sk_protocol))
                return 0;
        held = sk->sk_socket;
        if (held && !held->file)
                return 0; /* the kernel's own: its answers to pings */
        if (family == AF_PACKET) {
                u16 type = dev->type;

                at = type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK ? after_ethernet(skb->data, false) :
                                                                       skb->head + skb->network_header;
        } else if (family == AF_INET || family == AF_INET6) {
                at = skb->head + skb->network_header;
        } else {
                return 0;
        }
        if (at && read_ip(at, false, &ip))
                note_queued(sk, dev, &ip, skb->len, false);
        return 0;
}

/* ... and of those that go past it: AF_PACKET with PACKET_QDISC_BYPASS, AF_XDP in copy mode. */
SEC("?fentry/__dev_direct_xmit")
int BPF_PROG(on_direct, struct sk_buff *skb, u16 queue)
{
        struct sock *sk = skb->sk;
        struct ip_head ip = {};
        const void *at;

        if (!sk)
                return 0;
        at = skb->dev->type == ARPHRD_ETHER || skb->dev->type == ARPHRD_LOOPBACK ? after_ethernet(skb->data, false) :
                                                                                   skb->head + skb->network_header;
        if (at && read_ip(at, false, &ip))
                note_queued(sk, skb->dev, &ip, skb->len, true);
        return 0;
}

/* Set when on_direct is attached: then the sender's memory need not be read. */
const volatile bool direct_seen;

enum { SYS_WRITE = 1, SYS_WRITEV = 20, SYS_SENDTO = 44, SYS_SENDMSG = 46, SYS_SENDMMSG = 307 }; /* x86-64 */

enum packet_sock_flags___new {
        PACKET_SOCK_QDISC_BYPASS___new = 1,
};

static __always_inline bool bypasses_queue(struct sock *sk)
{
        if (!bpf_core_enum_value_exists(enum packet_sock_flags___new, PACKET_SOCK_QDISC_BYPASS___new))
                return false;
        return BPF_CORE_READ((struct packet_sock *) sk, flags) &
               (1ul << bpf_core_enum_value(enum packet_sock_flags___new, PACKET_SOCK_QDISC_BYPASS___new));
}

/* Address of what the running system call sends, in the sender's memory; NULL: another way of sending. */
static __always_inline const void *sent_from(struct task_struct *t)
{
        struct pt_regs *regs = (struct pt_regs *) bpf_task_pt_regs(t);
        unsigned long nr = BPF_CORE_READ(regs, orig_ax), arg = BPF_CORE_READ(regs, si);
        void *p = NULL;

        if (nr == SYS_SENDTO || nr == SYS_WRITE)
                return (const void *) arg;
        /* struct msghdr: msg_iov at 16; struct mmsghdr begins with one; struct iovec begins with its base */
        if (nr == SYS_SENDMSG || nr == SYS_SENDMMSG)
                bpf_probe_read_user(&p, sizeof(p), (const void *) (arg + 16));
        else if (nr == SYS_WRITEV)
                p = (void *) arg;
        if (!p || bpf_probe_read_user(&p, sizeof(p), p))
                return NULL;
        return p;
}

/* The device a packet socket is bound to; NULL: not found among the first of its namespace. */
static __noinline struct net_device *bound_device(struct sock *sk)
{
        struct device_walk w = {.ifindex = BPF_CORE_READ((struct packet_sock *) sk, ifindex)};

        walk_devices(BPF_CORE_READ(sk, __sk_common.skc_net.net), &w);
        return w.found;
}

static __noinline int read_senders_memory(struct sock *sk, int ret, struct task_struct *t)
{
        const void *at = sent_from(t), *ip_at = NULL;
        struct ip_head ip = {};

        if (at)
                ip_at = BPF_CORE_READ(sk, sk_type) == SOCK_RAW ? after_ethernet(at, true) : at;
        if (!ip_at || !read_ip(ip_at, true, &ip)) {
                count(HOST_COUNT_NO_CONTENT, 1);
                return 0;
        }
        note_packet(sk, bound_device(sk), &ip, ret);
        return 0;
}

/* Sends and receives of sockets whose peer only the packet tells. Called by on_use() in the thread itself. */
static __always_inline int note_link_use(struct sock *sk, int ret, bool out)
{
        struct task_struct *t = bpf_get_current_task_btf();
        u16 family = sk->__sk_common.skc_family;
        u64 cookie = cookie_of(sk);
        struct used w = {.sk = sk, .cookie = cookie, .bytes = ret, .pkts = 1, .t = t, .start = t->start_boottime};
        struct link_state *s = link_of(sk);
        bool bypass;

        if (!s)
                return 0;
        w.packet = &s->packet;
        bypass = family == AF_PACKET && bypasses_queue(sk);
        if (s->packet.sender.tid != (u32) t->pid || s->packet.sender.start != t->start_boottime) {
                task_identity(t, &s->packet.sender);
                if ((family == AF_PACKET || family == AF_XDP || sk->sk_type == SOCK_RAW) &&
                    !too_many_peers(&s->use, bpf_jiffies64()))
                        emit_socket(sk, t, cookie,
                                    family == AF_PACKET ? HOST_SOCKET_PACKET :
                                    family == AF_XDP    ? HOST_SOCKET_XDP :
                                                          HOST_SOCKET_RAW,
                                    bypass);
        }
        if (out) {
                if (bypass && !direct_seen)
                        read_senders_memory(sk, ret, t);
                else if (family == AF_XDP && !direct_seen)
                        count(HOST_COUNT_NO_CONTENT, 1);
                if (s->queued)
                        meet(sk, cookie, s, t, t->start_boottime, false, bypass);
                else if (s->unseen < 64)
                        s->unseen++;
                return 0;
        }
        /* An answer on a raw or ICMP socket belongs to the last peer; a sniffer has none. */
        if ((family == AF_INET || family == AF_INET6) && (s->use.peer.a[0] || s->use.peer.a[1])) {
                s->packet.flags = sk->sk_type == SOCK_RAW ? HOST_FLOW_RAW : 0;
                note_use(&w, &s->use);
        }
        return 0;
}

/* Packet and XDP sockets are set up before they are used, and rings are used without a call: seen here by thread. */
SEC("cgroup/setsockopt")
int on_setsockopt(struct bpf_sockopt *ctx)
{
        struct bpf_sock *from = ctx->sk;
        struct sock *sk;
        u16 family;

        if (ctx->optlen > 4096)
                ctx->optlen =
                        0; /* let the kernel read long options itself (Documentation/bpf/prog_cgroup_sockopt.rst) */
        if (!from)
                return 1;
        family = from->family;
        sk = (struct sock *) number_of(from);
        if (family == AF_PACKET || family == AF_XDP) {
                struct task_struct *t = bpf_get_current_task_btf();
                struct link_state *l = link_of(sk);

                if (!l || l->told == t->start_boottime)
                        return 1;
                l->told = t->start_boottime;
                emit_socket(sk, t, l->cookie ? l->cookie : id_of_address(sk),
                            family == AF_PACKET ? HOST_SOCKET_PACKET : HOST_SOCKET_XDP, false);
        }
        return 1;
}

#endif

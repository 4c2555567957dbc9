/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the host sensor: who sends and receives on TCP and UDP sockets. Two small caches that lose nothing but
 * precision when they collide: uses     per processor, (socket, thread): what was counted since the last record sockets
 * of all processors, (socket): the last activity, the peer of an unconnected datagram socket A hit costs no allocation
 * and no record, and nothing has to be freed when a socket or a thread ends. */
#ifndef SEKIMORI_SOURCE_HOST_FLOW_BPF_H
#define SEKIMORI_SOURCE_HOST_FLOW_BPF_H

#include "source/host_common.bpf.h"

#define USES             1024
#define SOCKETS          32768
#define SILENCE          ticks_per_second /* after which the peer "speaks first" */
#define USE_INTERVAL     (30 * ticks_per_second)
#define PEERS_PER_SECOND 256 /* of one socket; more are counted, not listed */

enum { SOCK_DONE = 1 }; /* enum sock_flags */
enum {
        TCP_ESTABLISHED = 1,
        TCP_SYN_SENT,
        TCP_SYN_RECV,
        TCP_TIME_WAIT = 6,
        TCP_CLOSE,
        TCP_LISTEN = 10,
        TCP_NEW_SYN_RECV = 12
};

struct peer {
        u64 a[2]; /* address, v4-mapped */
        u16 port;
        u16 spare[3];
};

struct use {
        u64 cookie, start; /* of the thread */
        struct peer peer;
        u64 emitted; /* jiffies of the last record */
        u64 bytes_out, bytes_in;
        u32 pkts_out, pkts_in;
        u32 calls, next; /* a record when calls reaches next */
        u32 flags;
        u32 connected; /* the peer is the socket's own */
};

struct socket_state {
        u64 cookie;
        u64 last; /* jiffies of the last use */
        struct peer peer;
        u32 second; /* the second that `peers` counts in */
        u32 peers;
        u16 named;    /* the running send says its own peer */
        u16 taken;    /* who accepted it was told */
        u32 moved_in; /* low bits of the jiffies when the entry became this socket's */
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, USES);
        __type(key, u32);
        __type(value, struct use);
} uses SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, SOCKETS);
        __type(key, u32);
        __type(value, struct socket_state);
} sockets SEC(".maps");

static __always_inline struct socket_state *place_of(u64 cookie)
{
        u32 i = mix(cookie) % SOCKETS;

        return bpf_map_lookup_elem(&sockets, &i);
}

/* The entry becomes this socket's; what it held is lost. */
static __always_inline void move_in(struct socket_state *s, u64 cookie, u64 now)
{
        __builtin_memset(s, 0, sizeof(*s));
        s->cookie = cookie;
        s->moved_in = now;
}

/* The socket's state; empty where another's was. */
static __always_inline struct socket_state *state_of(u64 cookie)
{
        struct socket_state *s = place_of(cookie);

        if (s && s->cookie != cookie)
                move_in(s, cookie, bpf_jiffies64());
        return s;
}

/* The state of a socket that is used. A TCP socket that is not there was replaced, or is older than the sensor: each
 * has its place from its first packet on, and each use takes it back. So it was silent at least since its place is
 * another's; on a busy place that is no time at all. */
static __always_inline struct socket_state *state_in_use(u64 cookie, bool tcp)
{
        struct socket_state *s = place_of(cookie);
        u32 since;
        u64 now;

        if (!s || s->cookie == cookie)
                return s;
        since = s->moved_in;
        now = bpf_jiffies64();
        move_in(s, cookie, now);
        if (tcp && since)
                s->last = now - (u32) (now - since);
        return s;
}

/* Found by a snapshot: silent from now on, unless it is used. Nobody is moved out for it. */
static __always_inline void state_begin(u64 cookie)
{
        struct socket_state *s = place_of(cookie);
        u64 now = bpf_jiffies64();

        if (!s || s->cookie)
                return;
        move_in(s, cookie, now);
        s->last = now;
}

static __always_inline void map_v4(u64 ret[2], __be32 v4)
{
        ret[0] = 0;
        ret[1] = (u64) v4 << 32 | 0xffff0000u;
}

/* Fills addresses from the socket. Works on trusted and on plain pointers. */
static __always_inline void fill_endpoints(struct host_flow_record *r, struct sock *sk)
{
        r->family = BPF_CORE_READ(sk, __sk_common.skc_family);
        r->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
        r->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
        r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
        r->proto = BPF_CORE_READ(sk, sk_protocol);
        r->tcp_state = BPF_CORE_READ(sk, __sk_common.skc_state);
        if (!r->local_port && r->proto == PROTO_TCP) /* given back before the state changes */
                r->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *) sk, inet_sport));
        if (r->family == AF_INET6) {
                bpf_core_read(r->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
                bpf_core_read(r->remote, 16, &sk->__sk_common.skc_v6_daddr);
        } else if (r->family == AF_INET) {
                map_v4((u64 *) r->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
                map_v4((u64 *) r->remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
        }
}

static __always_inline void fill_tcp_totals(struct host_flow_record *r, struct sock *sk)
{
        struct tcp_sock *tp = (struct tcp_sock *) sk;

        r->bytes_out = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
        r->bytes_in = BPF_CORE_READ(tp, bytes_received);
        if (r->bytes_in && (BPF_CORE_READ(sk, __sk_common.skc_flags) & (1 << SOCK_DONE)))
                r->bytes_in--; /* the FIN is counted there too */
        r->pkts_out = BPF_CORE_READ(tp, segs_out);
        r->pkts_in = BPF_CORE_READ(tp, segs_in);
        r->flags |= HOST_FLOW_TCP_TOTALS;
}

static __always_inline struct host_flow_record *flow_begin(u8 op, u64 cookie)
{
        struct host_flow_record *r = record_begin(sizeof(*r), HOST_RECORD_FLOW, op);

        if (!r)
                return NULL;
        __builtin_memset((void *) r + sizeof(r->head), 0, sizeof(*r) - sizeof(r->head));
        r->cookie = cookie;
        return r;
}

/* What only the packet knows (host_link.bpf.h). */
struct packet {
        struct host_task sender;
        struct peer source;
        u32 ifindex;
        u16 proto;
        u16 flags; /* enum host_flow_flag for the record */
};

/* One use, as the hooks know it. */
struct used {
        /* Who: the task, or (remembered) packet->sender. Which one is a constant wherever this is inlined: 6.1 allows
         * no load that serves a task and a map's value. */
        struct task_struct *t;
        u64 start;
        bool remembered;
        struct packet *packet; /* NULL: the socket knows all */
        struct sock *sk;
        u64 cookie;
        u32 bytes, pkts;
        bool out, connected;
};

static __always_inline void emit_use(struct used *w, struct use *u, u8 op)
{
        struct host_flow_record *r = flow_begin(op, w->cookie);

        if (!r)
                return;
        fill_endpoints(r, w->sk);
        r->flags = u->flags | (w->out ? 0 : HOST_FLOW_RECEIVED);
        if (!w->remembered)
                task_identity(w->t, &r->task);
        if (r->proto == PROTO_TCP) {
                fill_tcp_totals(r, w->sk);
        } else {
                r->bytes_out = u->bytes_out;
                r->bytes_in = u->bytes_in;
                r->pkts_out = u->pkts_out;
                r->pkts_in = u->pkts_in;
        }
        if (!u->connected) {
                __builtin_memcpy(r->remote, u->peer.a, 16);
                r->remote_port = u->peer.port;
                if (!u->peer.a[0] && !u->peer.a[1]) {
                        r->flags |= HOST_FLOW_NO_PEER;
                        count(HOST_COUNT_NO_PEER, 1);
                }
        }
        if (w->packet) {
                if (w->remembered)
                        r->task = w->packet->sender;
                r->flags |= w->packet->flags;
                r->ifindex = w->packet->ifindex;
                r->proto = w->packet->proto;
                __builtin_memcpy(r->local, w->packet->source.a, 16);
                r->local_port = w->packet->source.port;
        }
        bpf_ringbuf_submit(r, 0);
        u->bytes_out = u->bytes_in = 0;
        u->pkts_out = u->pkts_in = 0;
        u->flags = 0;
}

static __always_inline void count_use(struct use *u, struct used *w)
{
        if (w->out) {
                u->bytes_out += w->bytes;
                u->pkts_out += w->pkts;
        } else {
                u->bytes_in += w->bytes;
                u->pkts_in += w->pkts;
        }
        u->calls++;
}

/* Too many peers on one socket within a second? Then this one is only counted. */
static __always_inline bool too_many_peers(struct socket_state *s, u64 now)
{
        u32 second = now / ticks_per_second;

        if (s->second != second) {
                s->second = second;
                s->peers = 0;
        }
        return ++s->peers > PEERS_PER_SECOND;
}

/* A thread used the socket: counts it, and writes a record when that is news. */
static __always_inline void note_use(struct used *w, struct socket_state *s)
{
        /* Jiffies cost a load; a few milliseconds are precise enough for what is a second here. */
        u64 start = w->start, now = bpf_jiffies64();
        struct peer *peer = &s->peer;
        bool pushed = !w->out && s->last && now - s->last >= SILENCE, same;
        u32 i = mix(w->cookie ^ start) % USES;
        struct use *u = bpf_map_lookup_elem(&uses, &i);

        if (!u)
                return;
        s->last = now;
        same = u->cookie == w->cookie && u->start == start;
        if (same && u->connected == w->connected &&
            (w->connected ||
             (u->peer.a[1] == peer->a[1] && u->peer.a[0] == peer->a[0] && u->peer.port == peer->port))) {
                count_use(u, w);
                if (u->calls < u->next && now - u->emitted < USE_INTERVAL && !pushed)
                        return;
                u->next = u->calls * 4;
        } else {
                if (too_many_peers(s, now) && same) {
                        count(HOST_COUNT_SAMPLED, 1);
                        count_use(u, w);
                        u->flags |= HOST_FLOW_SAMPLED;
                        if (u->calls < u->next)
                                return;
                        u->next = u->calls * 4;
                } else {
                        /* What the other peer of this socket added since its last record goes out first. */
                        if (same && (u->pkts_out || u->pkts_in)) {
                                bool out = w->out;

                                w->out = u->pkts_out;
                                emit_use(w, u, HOST_FLOW_USE);
                                w->out = out;
                        }
                        __builtin_memset(u, 0, sizeof(*u));
                        u->cookie = w->cookie;
                        u->start = start;
                        u->connected = w->connected;
                        u->peer = *peer;
                        u->next = 4;
                        count_use(u, w);
                }
        }
        u->emitted = now;
        emit_use(w, u, pushed ? HOST_FLOW_PUSH : HOST_FLOW_USE);
}

static __always_inline int note_link_use(struct sock *sk, int ret, bool out);

/* A pointer as a number: the verifier allows no arithmetic on it otherwise. */
static __always_inline u64 number_of(const void *p)
{
        u64 n = 0;

        bpf_probe_read_kernel(&n, sizeof(n), &p);
        return n;
}

/* A socket by its address, where a cookie will not do; no address can be read out of it. */
static __always_inline u64 id_of_address(const void *sk)
{
        return ((number_of(sk) ^ seed) * 0x9e3779b97f4a7c15ull) >> 1; /* JSON readers take it as a signed number */
}

/* MPTCP: what a listener accepts has the listener's cookie (seen on 6.18), so cookies tell nothing there. */
static __always_inline u64 cookie_of(struct sock *sk)
{
        u64 c = sk->__sk_common.skc_cookie.counter;

        if (sk->sk_protocol == PROTO_MPTCP)
                return id_of_address(sk);
        return c ? c : bpf_get_socket_cookie(sk);
}

/* Protocols whose peer is known to the socket, or said by the cgroup hooks below. */
static __always_inline bool knows_peer(u32 proto)
{
        return proto == PROTO_UDP || proto == PROTO_TCP || proto == PROTO_MPTCP;
}

/* A send or receive of `ret` bytes came back to the calling thread. */
static __always_inline int on_use(struct sock *sk, int ret, bool out)
{
        u16 family = sk->__sk_common.skc_family, proto;
        struct used w = {.sk = sk, .out = out, .pkts = 1};
        struct socket_state *s;

        if (ret <= 0)
                return 0;
        if (family != AF_INET && family != AF_INET6)
                return family == AF_PACKET || family == AF_XDP ? note_link_use(sk, ret, out) : 0;
        proto = sk->sk_protocol;
        if (!knows_peer(proto))
                return note_link_use(sk, ret, out);

        w.cookie = cookie_of(sk);
        w.bytes = ret;
        s = state_in_use(w.cookie, proto == PROTO_TCP);
        if (!s)
                return 0;
        w.connected = sk->__sk_common.skc_dport != 0 && !s->named;
        s->named = 0;
        w.t = bpf_get_current_task_btf();
        w.start = w.t->start_boottime;
        note_use(&w, s);
        return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
        return on_use(sk, ret, true);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv, struct sock *sk, int ret, int flags)
{
        return flags & 2 /* MSG_PEEK */ ? 0 : on_use(sk, ret, false);
}

/* Kernels before sock_send_length, where functions can be hooked. */
SEC("?fexit/inet_sendmsg")
int BPF_PROG(on_inet_sendmsg, struct socket *sock, void *msg, unsigned long size, int ret)
{
        return on_use(sock->sk, ret, true);
}

SEC("?fexit/inet6_sendmsg")
int BPF_PROG(on_inet6_sendmsg, struct socket *sock, void *msg, unsigned long size, int ret)
{
        return on_use(sock->sk, ret, true);
}

SEC("?fexit/inet_sendpage")
int BPF_PROG(on_inet_sendpage, struct socket *sock, void *page, int offset, unsigned long size, int flags, long ret)
{
        return on_use(sock->sk, (int) ret, true);
}

SEC("?fexit/packet_sendmsg")
int BPF_PROG(on_packet_sendmsg, struct socket *sock, void *msg, unsigned long size, int ret)
{
        return on_use(sock->sk, ret, true);
}

SEC("?fexit/packet_sendmsg_spkt")
int BPF_PROG(on_packet_sendmsg_spkt, struct socket *sock, void *msg, unsigned long size, int ret)
{
        return on_use(sock->sk, ret, true);
}

SEC("?fexit/xsk_sendmsg")
int BPF_PROG(on_xsk_sendmsg, struct socket *sock, void *msg, unsigned long size, int ret)
{
        return on_use(sock->sk, ret == 0 ? 1 : ret, true);
}

SEC("?fexit/inet_recvmsg")
int BPF_PROG(on_inet_recvmsg, struct socket *sock, void *msg, unsigned long size, int flags, int ret)
{
        return flags & 2 ? 0 : on_use(sock->sk, ret, false);
}

SEC("?fexit/inet6_recvmsg")
int BPF_PROG(on_inet6_recvmsg, struct socket *sock, void *msg, unsigned long size, int flags, int ret)
{
        return flags & 2 ? 0 : on_use(sock->sk, ret, false);
}

/* The peer of one datagram: said just before the send, or just after the receive, in the same thread. A connected
 * socket receives from its own peer only, but may be told to send to another one. */
static __always_inline int note_peer(struct bpf_sock_addr *ctx, u64 a0, u64 a1, bool out)
{
        struct bpf_sock *sk = ctx->sk;
        bool connected = sk && sk->dst_port;
        struct socket_state *s;

        if (connected && !out)
                return 1;
        s = state_of(bpf_get_socket_cookie(ctx));
        if (!s)
                return 1;
        s->peer.a[0] = a0;
        s->peer.a[1] = a1;
        s->peer.port = bpf_ntohs((u16) ctx->user_port);
        s->named = connected;
        return 1;
}

static __always_inline int note_peer4(struct bpf_sock_addr *ctx, bool out)
{
        u64 a[2];

        map_v4(a, ctx->user_ip4);
        return note_peer(ctx, a[0], a[1], out);
}

static __always_inline int note_peer6(struct bpf_sock_addr *ctx, bool out)
{
        u64 a0 = (u64) ctx->user_ip6[1] << 32 | ctx->user_ip6[0];
        u64 a1 = (u64) ctx->user_ip6[3] << 32 | ctx->user_ip6[2];

        return note_peer(ctx, a0, a1, out);
}

SEC("cgroup/sendmsg4")
int on_sendto4(struct bpf_sock_addr *ctx)
{
        return note_peer4(ctx, true);
}

SEC("cgroup/sendmsg6")
int on_sendto6(struct bpf_sock_addr *ctx)
{
        return note_peer6(ctx, true);
}

SEC("cgroup/recvmsg4")
int on_recvfrom4(struct bpf_sock_addr *ctx)
{
        return note_peer4(ctx, false);
}

SEC("cgroup/recvmsg6")
int on_recvfrom6(struct bpf_sock_addr *ctx)
{
        return note_peer6(ctx, false);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: where it meets the network. Connections are judged when they are asked for; packets are
 * let out only from sockets that were let through, which no mark can forge. */
#ifndef SEKIMORI_RESPOND_GATE_NET_BPF_H
#define SEKIMORI_RESPOND_GATE_NET_BPF_H

#include "respond/gate_judge.bpf.h"

#define SOL_SOCKET      1
#define SO_MARK         36
#define SOCK_STREAM     1
#define SOCK_RAW        3
#define TCP_ESTABLISHED 1
#define PAGE_BYTES      4096
#define PROTO_TCP       6
#define PROTO_UDP       17
#define PROTO_DCCP      33
#define PROTO_SCTP      132
#define IPV6_EXTENSIONS 8
#define ETH_IPV4        0x0800
#define ETH_IPV6        0x86dd

static __always_inline void put_mapped(struct gate_record *r, u32 v4)
{
        r->addr[10] = r->addr[11] = 0xff;
        __builtin_memcpy(r->addr + 12, &v4, 4);
}

/* Word by word, as the verifier wants it; programs for IPv4 may not even look. */
static __always_inline u32 word_of(const struct bpf_sock_addr *ctx, int i)
{
        return *(const volatile u32 *) &ctx->user_ip6[i];
}

static __always_inline void put_address(struct gate_record *r, const struct bpf_sock_addr *ctx, bool v6)
{
        u32 a[4];

        r->family = v6 ? AF_INET6 : AF_INET;
        r->port = bpf_ntohs((u16) ctx->user_port);
        r->proto = ctx->protocol;
        if (!v6) {
                put_mapped(r, ctx->user_ip4);
                return;
        }
        a[0] = word_of(ctx, 0);
        a[1] = word_of(ctx, 1);
        a[2] = word_of(ctx, 2);
        a[3] = word_of(ctx, 3);
        __builtin_memcpy(r->addr, a, sizeof(a));
}

static __always_inline bool is_loopback(const struct bpf_sock_addr *ctx, bool v6)
{
        u32 third, last;

        if (!v6)
                return (bpf_ntohl(ctx->user_ip4) >> 24) == 127;
        if (word_of(ctx, 0) || word_of(ctx, 1))
                return false;
        third = word_of(ctx, 2);
        last = word_of(ctx, 3);
        if (third == bpf_htonl(0xffff))
                return (bpf_ntohl(last) >> 24) == 127;
        return !third && last == bpf_htonl(1);
}

static __always_inline void tell_connect(const struct bpf_sock_addr *ctx, bool v6, const struct gate_label *l, u8 op,
                                         u8 reason, u32 sender, bool denied, bool learn)
{
        struct gate_record *r = record_begin(op);

        if (!r)
                return;
        put_address(r, ctx, v6);
        put_label(r, l);
        r->cgroup = bpf_get_current_cgroup_id();
        r->reason = reason;
        r->sender = sender;
        r->denied = denied;
        r->learn = learn;
        tell(r);
}

static __always_inline void let_through(struct bpf_sock_addr *ctx, const struct gate_state *s, struct task_struct *t)
{
        struct bpf_sock *sk = ctx->sk;
        struct gate_socket *own;
        u32 mark;

        if (!sk)
                return;
        own = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
        if (own) {
                const struct gate_label *l = label_of(t);

                own->permitted = 1;
                own->pid = l && l->asker && (l->flags & GATE_LABEL_SUBMIT) ? l->asker : BPF_CORE_READ(t, tgid);
        }
        mark = sk->mark | s->mark;
        (void) bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

/* getaddrinfo(3) connects a datagram socket to each address of a server, to sort them (RFC 6724): nothing leaves by
 * that, and it is no part of an attempt. What others than declared senders send by such a socket is stopped on its way
 * out. */
static __always_inline void only_sorts(struct bpf_sock_addr *ctx, const struct gate_state *s, struct task_struct *t)
{
        if (sender_by_program(t) || sender_by_unit(t))
                let_through(ctx, s, t);
}

/* 1: go on; 0: EPERM. */
static __always_inline int judge_address(struct bpf_sock_addr *ctx, bool v6, bool connects)
{
        struct task_struct *t = (struct task_struct *) bpf_get_current_task();
        const struct gate_state *s = gate();
        struct gate_label *l;
        struct gate_block *b;
        u32 sender = 0;
        u8 reason;
        bool learn, denied;

        /* The usual way out, at every connect() of this machine. */
        if (!s || (!s->blocks && (s->mode == GATE_OFF || !is_gated(s, bpf_ntohs((u16) ctx->user_port)))))
                return 1;
        l = label_of(t);
        b = l ? block_at(l->block, l->block_serial) : NULL;
        if (b && !is_loopback(ctx, v6)) {
                __sync_fetch_and_add(&b->connects, 1);
                tell_connect(ctx, v6, l, GATE_OP_BLOCKED, GATE_REASON_BLOCKED, 0, true, false);
                return 0;
        }
        if (s->mode == GATE_OFF || !is_gated(s, bpf_ntohs((u16) ctx->user_port)))
                return 1;
        if (connects && ctx->protocol == PROTO_UDP) {
                only_sorts(ctx, s, t);
                return 1;
        }
        reason = judge(s, l, t, false, &sender);
        learn = s->mode == GATE_LEARN;
        denied = reason >= GATE_REASON_ALLOWED;
        if (!denied && connects)
                let_through(ctx, s, t);
        count(denied ? GATE_COUNT_DENIED : GATE_COUNT_ALLOWED);
        tell_connect(ctx, v6, l, GATE_OP_CONNECT, reason, sender, denied && !learn, learn);
        return !denied || learn;
}

SEC("cgroup/connect4")
int gate_connect4(struct bpf_sock_addr *ctx)
{
        return judge_address(ctx, false, true);
}

SEC("cgroup/connect6")
int gate_connect6(struct bpf_sock_addr *ctx)
{
        return judge_address(ctx, true, true);
}

SEC("cgroup/sendmsg4")
int gate_sendmsg4(struct bpf_sock_addr *ctx)
{
        return judge_address(ctx, false, false);
}

SEC("cgroup/sendmsg6")
int gate_sendmsg6(struct bpf_sock_addr *ctx)
{
        return judge_address(ctx, true, false);
}

/* The mark is what the firewall behind us believes: nobody else sets that bit. */
SEC("cgroup/setsockopt")
int gate_setsockopt(struct bpf_sockopt *ctx)
{
        const struct gate_state *s = gate();
        void *end = ctx->optval_end;
        u32 *value = ctx->optval;
        struct gate_record *r;

        /* What is longer than a page is passed on as it stands: we see its beginning only (kernel,
         * Documentation/bpf/prog_cgroup_sockopt.rst). */
        if (ctx->optlen > PAGE_BYTES)
                ctx->optlen = 0;
        if (!s || s->mode != GATE_SHUT || ctx->level != SOL_SOCKET || ctx->optname != SO_MARK)
                return 1;
        if ((void *) (value + 1) > end || !(*value & s->mark))
                return 1;
        r = record_begin(GATE_OP_MARK);
        if (r) {
                put_label(r, label_of((struct task_struct *) bpf_get_current_task()));
                r->cgroup = bpf_get_current_cgroup_id();
                r->denied = 1;
                tell(r);
        }
        return 0;
}

/* A blocked process's new sockets, raw ones too, are blocked from the start. */
SEC("cgroup/sock_create")
int gate_sock_create(struct bpf_sock *ctx)
{
        const struct gate_state *s = gate();
        struct gate_socket *own;
        struct gate_label *l;

        if (!s || !s->blocks)
                return 1;
        l = label_of((struct task_struct *) bpf_get_current_task());
        if (!l || !block_at(l->block, l->block_serial))
                return 1;
        own = bpf_sk_storage_get(&sockets, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
        if (!own)
                return 0;
        own->block = l->block;
        own->block_serial = l->block_serial;
        return 1;
}

/* Destination port of a packet that a raw socket made, 0: none. */
static __always_inline u16 port_of_packet(struct __sk_buff *skb)
{
        u8 first = 0, proto = 0, lengths = 0;
        u32 at;
        u16 fragment = 0, port = 0;

        if (bpf_skb_load_bytes(skb, 0, &first, 1))
                return 0;
        if (first >> 4 == 4) {
                if (bpf_skb_load_bytes(skb, 6, &fragment, 2) || bpf_skb_load_bytes(skb, 9, &proto, 1))
                        return 0;
                if (bpf_ntohs(fragment) & 0x1fff)
                        return 0; /* without the first fragment, which is refused, it is nothing */
                at = (first & 15) * 4u;
        } else {
                if (bpf_skb_load_bytes(skb, 6, &proto, 1))
                        return 0;
                at = 40;
                for (int i = 0; i < IPV6_EXTENSIONS; i++) {
                        u8 next;

                        if (proto != 0 && proto != 43 && proto != 44 && proto != 60) /* RFC 8200, section 4 */
                                break;
                        if (bpf_skb_load_bytes(skb, at, &next, 1) || bpf_skb_load_bytes(skb, at + 1, &lengths, 1))
                                return 0;
                        if (proto == 44) {
                                if (bpf_skb_load_bytes(skb, at + 2, &fragment, 2) || bpf_ntohs(fragment) & 0xfff8)
                                        return 0;
                                at += 8;
                        } else {
                                at += (lengths + 1u) * 8;
                        }
                        proto = next;
                }
        }
        if (proto != PROTO_TCP && proto != PROTO_UDP && proto != PROTO_SCTP && proto != PROTO_DCCP)
                return 0;
        if (bpf_skb_load_bytes(skb, at + 2, &port, 2))
                return 0;
        return bpf_ntohs(port);
}

SEC("cgroup_skb/egress")
int gate_egress(struct __sk_buff *skb)
{
        struct bpf_sock *sk = skb->sk;
        const struct gate_state *s = gate();
        struct gate_socket *own;
        struct gate_block *b;
        u16 port = 0;

        if (!sk || !s || (!s->blocks && s->mode != GATE_SHUT))
                return 1;
        sk = bpf_sk_fullsock(sk);
        if (!sk)
                return 1;
        own = bpf_sk_storage_get(&sockets, sk, 0, 0);
        if (own && own->block) {
                b = block_at(own->block, own->block_serial);
                if (b && skb->ifindex != 1) {
                        __sync_fetch_and_add(&b->packets, 1);
                        return 0;
                }
        }
        if (s->mode != GATE_SHUT)
                return 1;
        if (sk->type == SOCK_RAW)
                port = port_of_packet(skb);
        else if (sk->protocol == PROTO_TCP || sk->protocol == PROTO_UDP)
                port = bpf_ntohs((u16) sk->dst_port);
        if (!port || !is_gated(s, port) || (own && own->permitted) || s->open_until > bpf_ktime_get_boot_ns())
                return 1;
        count(GATE_COUNT_PACKETS);
        return 0;
}

/* The attempt came through: its permit is spent. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(gate_tcp_state, struct sock *sk, int before, int now)
{
        struct gate_socket *own;
        struct gate_permit *p;
        u32 pid;

        if (now != TCP_ESTABLISHED)
                return 0;
        own = bpf_sk_storage_get(&sockets, sk, 0, 0);
        if (!own || !own->permitted)
                return 0;
        pid = own->pid;
        p = bpf_map_lookup_elem(&permits, &pid);
        if (p)
                p->established = 1;
        return 0;
}

#endif

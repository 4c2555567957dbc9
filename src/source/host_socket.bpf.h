/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the host sensor: how sockets begin and end, and which there are. */
#ifndef SEKIMORI_SOURCE_HOST_SOCKET_BPF_H
#define SEKIMORI_SOURCE_HOST_SOCKET_BPF_H

#include "source/host_link.bpf.h"

#define REST_CPUS 64 /* looked at when a socket closes */

/* accept() asks for the peer's name in the thread that takes the connection (where the caller wants the address). */
static __always_inline int note_taken(struct bpf_sock_addr *ctx)
{
        struct host_flow_record *r;
        struct socket_state *s;
        struct bpf_sock *from = ctx->sk;
        u64 cookie;

        if ((ctx->protocol != PROTO_TCP && ctx->protocol != PROTO_MPTCP) || !from)
                return 1;
        cookie = ctx->protocol == PROTO_MPTCP ? id_of_address(from) : bpf_get_socket_cookie(ctx);
        s = state_of(cookie);
        if (!s || s->taken || s->last)
                return 1;
        s->taken = true;
        r = flow_begin(HOST_FLOW_TAKEN, cookie);
        if (!r)
                return 1;
        fill_endpoints(r, (struct sock *) number_of(from));
        task_identity(bpf_get_current_task_btf(), &r->task);
        bpf_ringbuf_submit(r, 0);
        return 1;
}

SEC("cgroup/getpeername4")
int on_taken4(struct bpf_sock_addr *ctx)
{
        return note_taken(ctx);
}

SEC("cgroup/getpeername6")
int on_taken6(struct bpf_sock_addr *ctx)
{
        return note_taken(ctx);
}

/* What the closing thread added since the last record, on whichever processor. */
static __always_inline void take_rest(struct host_flow_record *r, u64 cookie)
{
        struct task_struct *t = bpf_get_current_task_btf();
        u64 start = t->start_boottime;
        u32 k = mix(cookie ^ start) % USES;
        bool first = true;

        for (u32 cpu = 0; cpu < REST_CPUS; cpu++) {
                struct use *u = bpf_map_lookup_percpu_elem(&uses, &k, cpu);

                if (!u)
                        break;
                if (u->cookie != cookie || u->start != start)
                        continue;
                u->cookie = 0;
                if (!u->pkts_out && !u->pkts_in)
                        continue;
                if (first && !u->connected) {
                        __builtin_memcpy(r->remote, u->peer.a, 16);
                        r->remote_port = u->peer.port;
                } else if (!first && r->remote_port != u->peer.port && !u->connected) {
                        continue; /* another peer's: one record has room for one */
                }
                first = false;
                r->bytes_out += u->bytes_out;
                r->bytes_in += u->bytes_in;
                r->pkts_out += u->pkts_out;
                r->pkts_in += u->pkts_in;
                r->flags |= u->flags;
        }
}

/* Datagram and raw sockets end here; TCP ends in its state machine. */
SEC("cgroup/sock_release")
int on_release(struct bpf_sock *ctx)
{
        struct sock *sk = (struct sock *) number_of(ctx);
        u64 cookie;
        struct socket_state *s;
        struct host_flow_record *r;

        if (ctx->protocol == PROTO_TCP)
                return 1;
        /* A socket without a cookie was never used: no reason to give it one. */
        cookie = ctx->protocol == PROTO_MPTCP ? id_of_address(ctx) : BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
        if (!cookie)
                return 1;
        if (knows_peer(ctx->protocol)) {
                s = place_of(cookie);
                if (s && s->cookie == cookie)
                        s->cookie = 0;
        } else {
                forget_link(sk);
        }
        r = flow_begin(HOST_FLOW_CLOSE, cookie);
        if (!r)
                return 1;
        fill_endpoints(r, sk);
        take_rest(r, cookie);
        bpf_ringbuf_submit(r, 0);
        return 1;
}

/* An MPTCP subflow is reported under the socket that the program holds; 0: that is not there yet, and will say so
 * itself. */
static __always_inline u64 tcp_cookie(struct sock *sk, u16 *ret_flags)
{
        if (bpf_core_field_exists(struct tcp_sock, is_mptcp) && BPF_CORE_READ((struct tcp_sock *) sk, is_mptcp)) {
                struct mptcp_subflow_context *c = BPF_CORE_READ((struct inet_connection_sock *) sk, icsk_ulp_data);
                struct sock *parent = c ? BPF_CORE_READ(c, conn) : NULL;

                *ret_flags |= HOST_FLOW_SUBFLOW;
                if (!parent || BPF_CORE_READ(parent, __sk_common.skc_state) == TCP_LISTEN)
                        return 0;
                return id_of_address(parent);
        }
        return cookie_of(sk);
}

static __always_inline void emit_listen(struct sock *sk, u64 cookie, u8 op)
{
        struct host_socket_record *r = record_begin(sizeof(*r), HOST_RECORD_SOCKET, op);

        if (!r)
                return;
        __builtin_memset((void *) r + sizeof(r->head), 0, sizeof(*r) - sizeof(r->head));
        r->cookie = cookie;
        r->family = sk->__sk_common.skc_family;
        r->proto = sk->sk_protocol;
        r->local_port = sk->__sk_common.skc_num;
        r->netns = sk->__sk_common.skc_net.net->net_cookie;
        if (r->family == AF_INET6)
                bpf_core_read(r->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
        else
                map_v4((u64 *) r->local, sk->__sk_common.skc_rcv_saddr);
        if (op == HOST_SOCKET_LISTEN)
                task_identity(bpf_get_current_task_btf(), &r->task);
        bpf_ringbuf_submit(r, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old, int new)
{
        struct host_flow_record *r;
        u16 flags = 0;
        u64 cookie;
        u8 op;

        if (new == TCP_SYN_SENT)
                op = HOST_FLOW_CONNECT;
        else if (new == TCP_ESTABLISHED)
                op = old == TCP_SYN_SENT ? HOST_FLOW_ESTABLISHED : HOST_FLOW_ACCEPTED;
        else if (new == TCP_CLOSE && old != TCP_LISTEN &&old != TCP_SYN_RECV)
                op = HOST_FLOW_CLOSE;
        else {
                if (new == TCP_LISTEN || (old == TCP_LISTEN && new == TCP_CLOSE))
                        emit_listen(sk, cookie_of(sk), new == TCP_LISTEN ? HOST_SOCKET_LISTEN : HOST_SOCKET_CLOSE);
                return 0;
        }
        cookie = sk->sk_protocol == PROTO_TCP ? tcp_cookie(sk, &flags) : cookie_of(sk);
        if (!cookie)
                return 0;
        r = flow_begin(op, cookie);
        if (!r)
                return 0;
        fill_endpoints(r, sk);
        r->tcp_state = new;
        r->flags = flags;
        if (op == HOST_FLOW_CONNECT) {
                struct socket_state *s = state_of(cookie);

                task_identity(bpf_get_current_task_btf(), &r->task);
                if (s) /* a first word that comes late is a push too */
                        s->last = bpf_jiffies64();
        } else if (op == HOST_FLOW_ACCEPTED) {
                (void) state_of(cookie); /* so that its first use is not taken for one after a silence */
        } else if (op == HOST_FLOW_CLOSE) {
                if (old == TCP_SYN_SENT)
                        r->flags |= HOST_FLOW_FAILED;
                if (r->proto == PROTO_TCP)
                        fill_tcp_totals(r, sk);
        }
        bpf_ringbuf_submit(r, 0);
        return 0;
}

/* Snapshot: every socket that some process holds a descriptor of. */
SEC("iter/task_file")
int list_sockets(struct bpf_iter__task_file *ctx)
{
        struct task_struct *t = ctx->task;
        struct file *file = ctx->file;
        struct host_flow_record r = {};
        struct socket *sock;
        struct sock *sk;

        if (!t || !file)
                return 0;
        sock = bpf_sock_from_file(file);
        if (!sock)
                return 0;
        sk = sock->sk;
        if (!sk)
                return 0;
        r.family = sk->__sk_common.skc_family;
        if (r.family != AF_INET && r.family != AF_INET6 && r.family != AF_PACKET && r.family != AF_XDP)
                return 0;
        fill_endpoints(&r, sk);
        r.head.time = bpf_ktime_get_boot_ns();
        r.head.type = HOST_RECORD_FLOW;
        r.head.op = HOST_FLOW_PRESENT;
        r.head.size = sizeof(r);
        task_identity(t, &r.task);
        r.cookie = sk->sk_protocol == PROTO_MPTCP ? id_of_address(sk) : bpf_get_socket_cookie(sk);
        if (r.family == AF_INET || r.family == AF_INET6) {
                if (r.tcp_state == TCP_LISTEN)
                        r.flags |= HOST_FLOW_LISTENING;
                else if (r.proto == PROTO_TCP)
                        fill_tcp_totals(&r, sk);
                if (sk->sk_type == SOCK_RAW)
                        r.flags |= HOST_FLOW_RAW;
        }
        /* What comes first of a conversation older than the sensor may be an order. */
        if (r.proto == PROTO_UDP || (knows_peer(r.proto) && r.remote_port))
                state_begin(r.cookie);
        bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
        return 0;
}

#endif

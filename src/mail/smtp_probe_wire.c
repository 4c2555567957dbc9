/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a probe does besides TCP: one ping, and reading the packet that answers its SYN. Runs where mail/smtp_probe.h
 * says; smtp_probe_open_packets() in a process with CAP_NET_RAW. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <unistd.h>

#include "mail/smtp_probe_internal.h"

#define PING_TIMEOUT (3 * NSEC_PER_SEC)

/* --- ping --- */

void smtp_probe_ping(struct smtp_probe *p, struct smtp_probe_one *o, nsec_t now)
{
        bool v4 = addr_is_v4(&o->grant.addr);
        /* The kernel fills in identification and checksum. */
        uint8_t echo[16] = {v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, [7] = 1};
        struct sockaddr_storage to;
        socklen_t len = smtp_probe_sockaddr(&o->grant.addr, 0, &to);

        o->icmp = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
        if (o->icmp < 0)
                return;
        if (connect(o->icmp, (struct sockaddr *) &to, len) < 0 ||
            send(o->icmp, echo, sizeof(echo), MSG_NOSIGNAL) != (ssize_t) sizeof(echo)) {
                close(o->icmp);
                o->icmp = -EBADF;
                return;
        }
        o->pinged = now;
        o->ping_deadline = now + PING_TIMEOUT;
        smtp_probe_tell(p, now, o, SMTP_PROBE_PINGED, "", 0);
}

void smtp_probe_pong(struct smtp_probe *p, struct smtp_probe_one *o, nsec_t now)
{
        uint8_t type = addr_is_v4(&o->grant.addr) ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
        uint8_t data[64];
        ssize_t n = recv(o->icmp, data, sizeof(data), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n >= 8 && data[0] == type) {
                o->result.ping = ANSWER_YES;
                o->result.ping_time = now - o->pinged;
                smtp_probe_tell(p, now, o, SMTP_PROBE_PONG, "", 0);
        }
        /* An answer, or an error: that was it. */
        close(o->icmp);
        o->icmp = -EBADF;
}

/* --- packets --- */

int smtp_probe_open_packets(void)
{
        /* From the IP header on: TCP from port 25 with SYN and ACK, no fragments, no extension headers. */
        static struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
                BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x40, 1, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x60, 6, 15),
                /* IPv4 */
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 13),
                BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 11, 0),
                BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
                BPF_STMT(BPF_JMP | BPF_JA, 3),
                /* IPv6 */
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 7),
                BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 40),
                /* TCP */
                BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SMTP_PROBE_PORT, 0, 4),
                BPF_STMT(BPF_LD | BPF_B | BPF_IND, 13),
                BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, 256),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        struct sock_fprog program = {.len = ELEMENTSOF(code), .filter = code};
        struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
        _cleanup_close_ int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        /* Protocol 0: nothing comes before the filter is there. */
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
            bind(fd, (struct sockaddr *) &all, sizeof(all)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static void take_syn(struct smtp_probe *p, const struct os_syn *s)
{
        for (struct smtp_probe_one *o = p->probes; o; o = o->next)
                if (!o->result.has_syn && s->dport == o->port && addr_equal(&s->src, &o->grant.addr)) {
                        o->result.has_syn = true;
                        o->result.syn = *s;
                        return;
                }
}

void smtp_probe_read_packets(struct smtp_probe *p)
{
        uint8_t data[256];

        /* Bounded: whoever floods us with answers does not keep us here. */
        for (unsigned i = 0; i < 256; i++) {
                struct os_syn s;
                ssize_t n = recv(p->p.packets, data, sizeof(data), 0);

                if (n < 0)
                        return;
                if (os_syn_read_ip(data, (size_t) n, &s) == 0 && s.answer && s.sport == SMTP_PROBE_PORT)
                        take_syn(p, &s);
        }
}

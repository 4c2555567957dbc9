/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions of a rule on header, flow and packet. What struct packet does not carry is read from the captured headers,
 * which nearly no rule needs. Runs in the engine and in `read`. */
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "rules/inspect_internal.h"

static bool compare(uint8_t op, uint32_t v, uint32_t a, uint32_t b)
{
        switch (op) {
        case NUMBER_EQ:
                return v == a;
        case NUMBER_NE:
                return v != a;
        case NUMBER_LT:
                return v < a;
        case NUMBER_GT:
                return v > a;
        case NUMBER_LE:
                return v <= a;
        case NUMBER_GE:
                return v >= a;
        case NUMBER_IN:
                return v > a && v < b;
        case NUMBER_AND:
                return v & a;
        case NUMBER_OR:
                return v ^ a;
        default:
                return false;
        }
}

/* TCP flags and fragment bits: exactly, all of them, any. */
static bool compare_bits(const struct rule_test *t, uint32_t v)
{
        v &= t->b;
        return t->op == NUMBER_AND ? (v & t->a) == t->a : t->op == NUMBER_OR ? v & t->a : v == t->a;
}

bool inspect_test_flags(const struct rule_test *t, uint8_t flags)
{
        return compare_bits(t, flags) != t->negated;
}

static bool is_icmp(const struct packet *p)
{
        return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
}

static bool is_v4(const struct packet *p)
{
        return p->ip && p->ip[0] >> 4 == 4;
}

static uint16_t be16(const uint8_t *p)
{
        return (uint16_t) (p[0] << 8 | p[1]);
}

/* Rules of ICMP mean by payload what stands behind the eight bytes of its header. */
uint32_t inspect_test_size(const struct packet *p)
{
        return is_icmp(p) ? p->payload_len - MIN(p->payload_len, 8) : p->payload_len;
}

/* The value of an option of IPv4's or TCP's header (RFC 791, RFC 9293): kind, length, value. NULL: not there. */
static const uint8_t *find_option(const uint8_t *p, unsigned len, uint8_t kind, bool any, unsigned least)
{
        for (unsigned i = 0; i < len;) {
                unsigned n = p[i] <= 1 ? 1 : i + 1 < len ? p[i + 1] : 0;

                if (n == 0 || i + n > len || (p[i] > 1 && n < 2))
                        return NULL;
                if ((p[i] == kind || any) && n >= least)
                        return p + i;
                if (p[i] == 0)
                        return NULL;
                i += n;
        }
        return NULL;
}

static bool has_ip_option(const struct rule_test *t, const struct packet *p)
{
        return is_v4(p) && find_option(p->ip + 20, (p->ip[0] & 15u) * 4 - 20, (uint8_t) t->a, t->b, 1);
}

static bool mss_holds(const struct rule_test *t, const struct packet *p)
{
        const uint8_t *head = p->payload - p->head_len, *option;

        if (p->proto != IPPROTO_TCP || p->head_len < 20)
                return false;
        option = find_option(head + 20, p->head_len - 20u, 2, false, 4);
        return option && compare(t->op, be16(option + 2), t->a, t->b);
}

/* RFC 1071. */
static uint32_t sum_of(uint32_t sum, const uint8_t *p, uint32_t n)
{
        for (; n > 1; n -= 2, p += 2)
                sum += be16(p);
        sum += n ? (uint32_t) *p << 8 : 0;
        return (sum & 0xffff) + (sum >> 16);
}

static uint16_t folded(uint32_t sum)
{
        sum = (sum & 0xffff) + (sum >> 16);
        return (uint16_t) (sum + (sum >> 16));
}

/* Was the checksum right? What was not captured whole cannot be told wrong. */
static bool sum_valid(const struct packet *p, uint32_t proto)
{
        uint32_t head = proto == IPPROTO_TCP || proto == IPPROTO_UDP ? p->head_len : 0, n = head + p->payload_len,
                 sum = 0;
        const uint8_t *from = p->payload - head;
        bool v4 = addr_is_v4(&p->src);

        if (proto == IPPROTO_IPIP) /* of the IP header itself */
                return !is_v4(p) || folded(sum_of(0, p->ip, (p->ip[0] & 15u) * 4)) == 0xffff;
        if (proto == IPPROTO_UDP && head == 8 && be16(from + 6) == 0) /* none (RFC 768) */
                return true;
        if (p->flags & PACKET_CUT || p->payload_len < p->wire_len)
                return true;
        if (proto != IPPROTO_ICMP) {
                sum = sum_of(0, p->src.b + (v4 ? 12 : 0), v4 ? 4 : 16);
                sum = sum_of(sum, p->dst.b + (v4 ? 12 : 0), v4 ? 4 : 16) + proto + (n & 0xffff) + (n >> 16);
        }
        return folded(sum_of(sum, from, n)) == 0xffff;
}

static bool fragbits_hold(const struct rule_test *t, const struct packet *p)
{
        uint8_t v = is_v4(p) ? p->ip[6] : 0;

        return is_v4(p) && compare_bits(t, (v & 0x20 ? 1u : 0) | (v & 0x40 ? 2u : 0) | (v & 0x80 ? 4u : 0));
}

static uint8_t tos_of(const struct packet *p)
{
        if (!p->ip)
                return 0;
        return is_v4(p) ? p->ip[1] : (uint8_t) (p->ip[0] << 4 | p->ip[1] >> 4);
}

static bool icmp_holds(const struct rule_test *t, const struct packet *p)
{
        if (!is_icmp(p))
                return false;
        switch (t->kind) {
        case TEST_ITYPE:
                return compare(t->op, p->sport >> 8, t->a, t->b);
        case TEST_ICODE:
                return compare(t->op, p->sport & 0xff, t->a, t->b);
        case TEST_ICMP_ID:
                return p->payload_len >= 6 && compare(t->op, be16(p->payload + 4), t->a, t->b);
        default:
                return p->payload_len >= 8 && compare(t->op, be16(p->payload + 6), t->a, t->b);
        }
}

static bool tcp_holds(const struct rule_test *t, const struct packet *p)
{
        if (p->proto != IPPROTO_TCP)
                return false;
        switch (t->kind) {
        case TEST_TCP_FLAGS:
                return compare_bits(t, p->tcp_flags);
        case TEST_SEQ:
                return compare(t->op, p->seq, t->a, t->b);
        case TEST_ACK:
                return compare(t->op, p->ack, t->a, t->b);
        case TEST_WINDOW:
                return compare(t->op, p->window, t->a, t->b);
        default:
                return mss_holds(t, p);
        }
}

static bool ip_holds(const struct rule_test *t, const struct packet *p)
{
        switch (t->kind) {
        case TEST_DSIZE:
                return compare(t->op, inspect_test_size(p), t->a, t->b);
        case TEST_TTL:
                return compare(t->op, p->ttl, t->a, t->b);
        case TEST_TOS:
                return p->ip && compare(t->op, tos_of(p), t->a, t->b);
        case TEST_ID:
                return is_v4(p) && compare(t->op, be16(p->ip + 4), t->a, t->b);
        case TEST_FRAGBITS:
                return fragbits_hold(t, p);
        case TEST_FRAGOFFSET:
                return is_v4(p) && compare(t->op, be16(p->ip + 6) & 0x1fff, t->a, t->b);
        case TEST_SAMEIP:
                return addr_equal(&p->src, &p->dst);
        case TEST_IPOPTS:
                return has_ip_option(t, p);
        case TEST_CSUM:
                return sum_valid(p, t->a) == !!t->b;
        case TEST_ITYPE:
        case TEST_ICODE:
        case TEST_ICMP_ID:
        case TEST_ICMP_SEQ:
                return icmp_holds(t, p);
        case TEST_TCP_FLAGS:
        case TEST_SEQ:
        case TEST_ACK:
        case TEST_WINDOW:
        case TEST_MSS:
                return tcp_holds(t, p);
        default:
                return false;
        }
}

static bool stream_size_holds(const struct rule_test *t, const struct inspect_input *in)
{
        /* The client opened the connection. */
        bool client = compare(t->op, (uint32_t) MIN(in->stream_bytes[0], UINT32_MAX), t->a, 0),
             server = compare(t->op, (uint32_t) MIN(in->stream_bytes[1], UINT32_MAX), t->a, 0);

        switch (t->b) {
        case STREAM_SIZE_SERVER:
                return server;
        case STREAM_SIZE_CLIENT:
                return client;
        case STREAM_SIZE_BOTH:
                return client && server;
        default:
                return client || server;
        }
}

static bool app_holds(const struct rule_test *t, const struct inspect_input *in)
{
        bool to_server = in->flags & INSPECT_TO_SERVER;

        if (t->a == APP_TEST_FAILED)
                return in->app == APP_UNKNOWN && in->flags & INSPECT_APP_DONE;
        switch (t->b) {
        case 1:
                return (in->app_side[0] ? in->app_side[0] : in->app) == t->a;
        case 2:
                return (in->app_side[1] ? in->app_side[1] : in->app) == t->a;
        case 3:
                return in->app == t->a || in->app_side[0] == t->a || in->app_side[1] == t->a;
        case 4:
                return in->app == t->a;
        default:
                return in->app == t->a || (in->app == APP_UNKNOWN && in->app_side[!to_server] == t->a);
        }
}

static bool test_value(const struct rule_test *t, const struct inspect_input *in)
{
        switch (t->kind) {
        case TEST_IP_PROTO:
                return compare(t->op, in->proto, t->a, t->b);
        case TEST_STREAM_SIZE:
                return stream_size_holds(t, in);
        case TEST_APP:
                return app_holds(t, in);
        case TEST_STREAM_EVENT:
        case TEST_APP_EVENT:
        case TEST_DECODE_EVENT:
                return t->a < 32 && in->events & 1u << t->a;
        case TEST_SSL_VERSION:
                return in->tls_versions & t->a;
        case TEST_SSL_STATE:
                return in->tls_states & t->a;
        default:
                return in->packet && ip_holds(t, in->packet);
        }
}

/* A negated condition on what is not there does not hold either. */
static bool test_applies(const struct rule_test *t, const struct inspect_input *in)
{
        switch (t->kind) {
        case TEST_IP_PROTO:
        case TEST_STREAM_SIZE:
        case TEST_STREAM_EVENT:
        case TEST_APP_EVENT:
        case TEST_DECODE_EVENT:
                return true;
        case TEST_APP:
                return in->app != APP_UNKNOWN || in->flags & INSPECT_APP_DONE;
        case TEST_SSL_VERSION:
                return in->tls_versions;
        case TEST_SSL_STATE:
                return in->tls_states;
        case TEST_TCP_FLAGS:
                return in->packet && in->packet->proto == IPPROTO_TCP;
        default:
                return in->packet;
        }
}

bool inspect_test_holds(const struct rule_test *t, const struct inspect_input *in)
{
        return t->negated ? test_applies(t, in) && !test_value(t, in) : test_value(t, in);
}

/* As memcmp(): addresses are in network order. */
static inline int compare_addr(const struct addr *a, const struct addr *b)
{
        uint64_t x[2], y[2];

        memcpy(x, a, sizeof(x));
        memcpy(y, b, sizeof(y));
        if (x[0] == y[0]) {
                x[0] = x[1];
                y[0] = y[1];
        }
        x[0] = be64toh(x[0]);
        y[0] = be64toh(y[0]);
        return x[0] < y[0] ? -1 : x[0] > y[0];
}

bool inspect_test_address(const struct rule_end *e, const struct addr *a)
{
        uint32_t from = 0, to = e->n_addrs;

        if (e->any_addr)
                return true;
        while (from < to) { /* the first range that ends at or behind it */
                uint32_t middle = from + (to - from) / 2;

                if (compare_addr(&e->addrs[middle].to, a) < 0)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from < e->n_addrs && compare_addr(&e->addrs[from].from, a) <= 0;
}

static bool port_in(const struct rule_end *e, uint16_t port)
{
        uint32_t from = 0, to = e->n_ports;

        if (e->any_port)
                return true;
        while (from < to) {
                uint32_t middle = from + (to - from) / 2;

                if (e->ports[middle].to < port)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from < e->n_ports && e->ports[from].from <= port;
}

static bool has_ports(uint8_t proto)
{
        return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static bool ends_hold(const struct rule *r, const struct inspect_input *in)
{
        bool ports = has_ports(in->proto);

        if ((!ports || (port_in(&r->src, in->sport) && port_in(&r->dst, in->dport))) &&
            inspect_test_address(&r->src, in->src) && inspect_test_address(&r->dst, in->dst))
                return true;
        return r->flags & RULE_BIDIRECTIONAL &&
               (!ports || (port_in(&r->src, in->dport) && port_in(&r->dst, in->sport))) &&
               inspect_test_address(&r->src, in->dst) && inspect_test_address(&r->dst, in->src);
}

static bool flow_holds(const struct rule *r, const struct inspect_input *in)
{
        bool fragmented = in->packet && in->packet->flags & PACKET_FRAGMENTED;
        uint32_t f = r->flow;

        if (f == 0)
                return true;
        if (f & FLOW_TO_SERVER && !(in->flags & INSPECT_TO_SERVER))
                return false;
        if (f & FLOW_TO_CLIENT && in->flags & INSPECT_TO_SERVER)
                return false;
        if (f & FLOW_ESTABLISHED && !(in->flags & INSPECT_ESTABLISHED))
                return false;
        if (f & FLOW_NOT_ESTABLISHED && in->flags & INSPECT_ESTABLISHED)
                return false;
        if (f & FLOW_ONLY_FRAG && !fragmented)
                return false;
        return !(f & FLOW_NO_FRAG && fragmented);
}

enum inspect_head inspect_test_head(const struct rule *r, const struct inspect_input *in)
{
        bool v4 = addr_is_v4(in->src);

        if (r->proto && r->proto != in->proto && !(r->proto == IPPROTO_ICMP && in->proto == IPPROTO_ICMPV6))
                return HEAD_PROTO;
        if ((r->flags & RULE_ONLY_V4 && !v4) || (r->flags & RULE_ONLY_V6 && v4))
                return HEAD_FAMILY;
        if (r->app != APP_UNKNOWN && r->app != in->app)
                return HEAD_APP;
        if (!flow_holds(r, in))
                return HEAD_FLOW;
        return ends_hold(r, in) ? HEAD_HELD : HEAD_ENDS;
}
